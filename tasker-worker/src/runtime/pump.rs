use std::{future::pending, pin::Pin, sync::Arc};

use futures::{FutureExt, StreamExt, stream::FuturesUnordered};
use tasker_core::model::Woken;
use tokio::{
    task::yield_now,
    time::{Instant, sleep_until},
};

use super::{
    carrier::{Carrier, Landed, Next},
    shared::Shared,
};
use crate::coordinator::Coordinator;

/// Has everything carried that no thread carries itself: outcomes to the coordinator, steps back.
///
/// What piles up while the report of a lane is under way makes up its next one: a lone outcome leaves at once, and a crowd
/// shares the cost of a commit. No timer holds anything back.
pub(super) struct Pump {
    shared: Arc<Shared>,
    coordinator: Arc<dyn Coordinator>,
    carrier: Arc<Carrier>,
}

type Under<T> = Pin<Box<dyn Future<Output = T> + Send>>;

impl Pump {
    pub(super) fn new(shared: Arc<Shared>, coordinator: Arc<dyn Coordinator>, carrier: Arc<Carrier>) -> Self {
        Self { shared, coordinator, carrier }
    }

    /// Runs until it is aborted.
    pub(super) async fn run(self) {
        let coordinator = Arc::clone(&self.coordinator);
        // One wait is kept across reports, so that a wake-up during one of them is not lost.
        let mut woken: Pin<Box<dyn Future<Output = Woken> + Send + '_>> = coordinator.woken();
        let mut under_way: FuturesUnordered<Under<Option<Landed>>> = FuturesUnordered::new();
        loop {
            if let Some(told) = woken.as_mut().now_or_never() {
                self.hear(&told);
                woken = coordinator.woken();
            }
            self.carrier.set_told(coordinator.is_told());
            match self.carrier.next() {
                Next::Flush(flush) => under_way.push(Box::pin(Arc::clone(&self.carrier).send(flush))),
                Next::Wait(until) => tokio::select! {
                    // Not within the future: it would wake this task, which then would not let handlers go first below.
                    Some(landed) = under_way.next() => landed.into_iter().for_each(|landed| self.carrier.land(landed)),
                    () = self.shared.pump.notified() => {
                        // Handlers that are about to end go first, so that their outcomes leave together.
                        yield_now().await;
                    }
                    told = &mut woken => {
                        self.hear(&told);
                        woken = coordinator.woken();
                    }
                    () = sleep_until_some(until) => {}
                },
            }
        }
    }

    fn hear(&self, told: &Woken) {
        if told.may_claim {
            self.carrier.look_again();
        }
        if !told.revoked.is_empty() && self.shared.ledger().doubt(&told.revoked, Instant::now()) {
            self.shared.renewal.notify_one();
        }
    }
}

async fn sleep_until_some(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => pending().await,
    }
}
