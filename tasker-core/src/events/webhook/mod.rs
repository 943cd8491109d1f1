//! Sends the log to webhooks.
//!
//! Any number of processes may do so. Each webhook is held by one of them, for a few seconds at a time; another takes it when
//! that one is gone. A message is stored before it is sent, and no two from the same place in the log, so that whoever goes on
//! sends the same one again, with the same id: at least once, and in order.

mod address;
mod carrier;
mod post;
mod signature;

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use thiserror::Error;
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};
use uuid::Uuid;

use self::{
    carrier::{FIRST_DELAY, Shared, carry},
    post::Post,
};
use super::{Delivering, pace::Pace};
use crate::{
    orchestration::{DeliveryState, Engine},
    store::StoredWebhook,
};

/// How webhooks are sent to.
#[derive(Clone, Copy, Debug)]
pub struct WebhookOptions {
    /// Whether addresses may be sent to that are private, link-local, or of this machine.
    pub allows_private: bool,
    /// Before the second try; it doubles with each, up to ten minutes.
    pub first_delay: Duration,
}

impl Default for WebhookOptions {
    fn default() -> Self {
        Self { allows_private: false, first_delay: FIRST_DELAY }
    }
}

/// Why nothing can be sent.
#[derive(Debug, Error)]
pub enum WebhookError {
    /// The system's certificates cannot be read. Install them (`ca-certificates`).
    #[error("the system's certificates cannot be used: {0}")]
    Tls(String),
}

/// How long a process that is not heard of keeps others from sending.
const LEASE: Duration = Duration::from_secs(6);
/// Between two looks for webhooks: where this process holds some, and where it holds none.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(5));
/// Between two looks whether there is anybody to look for.
const LOOK_FOR_CARRIERS: Duration = Duration::from_secs(1);
/// How long whoever stops waits for messages under way.
const GRACE: Duration = Duration::from_secs(5);
/// How long deliveries are kept in the log: those that arrived, and those that failed; and how often it is looked for older ones.
const KEPT: (Duration, Duration) = (Duration::from_hours(7 * 24), Duration::from_hours(30 * 24));
const PRUNE_AGAIN: Duration = Duration::from_mins(10);
/// Deliveries that are forgotten at once.
const PRUNED: u32 = 1_000;

/// Sends until it is dropped; in order with [`Webhooks::stop`].
pub struct Webhooks {
    task: JoinHandle<()>,
    stopping: CancellationToken,
    delivering: Arc<Delivering>,
}

impl Delivering {
    fn count(&self, state: DeliveryState) {
        let counter = match state {
            DeliveryState::Delivered => &self.delivered,
            DeliveryState::Failed => &self.failed,
            DeliveryState::Pending => &self.retried,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

impl Webhooks {
    /// Begins to send to the webhooks that there are, and that will be.
    ///
    /// # Errors
    /// [`WebhookError::Tls`].
    pub fn start(engine: Arc<Engine>, options: WebhookOptions) -> Result<Self, WebhookError> {
        let (stopping, delivering) = (CancellationToken::new(), Arc::<Delivering>::default());
        let shared = Arc::new(Shared {
            engine,
            post: Post::new(options.allows_private).map_err(WebhookError::Tls)?,
            delivering: Arc::clone(&delivering),
            stopping: stopping.clone(),
            first_delay: options.first_delay,
        });
        let round = Round {
            shared,
            holder: Uuid::now_v7(),
            running: HashMap::new(),
            logged: watch::Sender::new(()),
            heard: Instant::now(),
            pruned: Instant::now(),
        };
        Ok(Self { task: tokio::spawn(round.run()), stopping, delivering })
    }

    #[must_use]
    pub fn delivering(&self) -> &Arc<Delivering> {
        &self.delivering
    }

    /// Waits a while for messages under way, and lets other processes go on at once.
    pub async fn stop(mut self) {
        self.stopping.cancel();
        // A panic ends it too.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Webhooks {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One of this process' webhooks.
struct Running {
    webhook: watch::Sender<Arc<StoredWebhook>>,
    task: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Takes webhooks, and sees to it that each is carried to.
struct Round {
    shared: Arc<Shared>,
    /// Who this is among those who send.
    holder: Uuid,
    running: HashMap<Uuid, Running>,
    logged: watch::Sender<()>,
    /// When the database last answered.
    heard: Instant,
    pruned: Instant,
}

impl Round {
    async fn run(mut self) {
        let tail = tokio::spawn(follow(Arc::clone(&self.shared), self.logged.clone()));
        while !self.shared.stopping.is_cancelled() {
            self.look().await;
            let pause = if self.running.is_empty() { LOOK_AGAIN.1 } else { LOOK_AGAIN.0 };
            tokio::select! {
                () = sleep(pause.mul_f64(0.75 + fastrand::f64() / 4.0)) => {}
                () = self.shared.engine.webhooks_changed() => {}
                () = self.shared.stopping.cancelled() => {}
            }
        }
        tail.abort();
        let ends = self.running.values_mut().map(|running| &mut running.task);
        // Those that do not end in time are sent again by whoever goes on.
        let _ = timeout(GRACE, futures::future::join_all(ends)).await;
        self.running.clear();
        if let Err(error) = self.shared.engine.store().release_webhooks(self.holder).await {
            debug!(%error, "others go on when the lease has run out");
        }
    }

    async fn look(&mut self) {
        let lease_ms = u64::try_from(LEASE.as_millis()).unwrap_or(u64::MAX);
        let asked = Instant::now();
        match self.shared.engine.store().hold_webhooks(self.holder, lease_ms).await {
            Ok(held) => {
                self.heard = asked;
                self.carry(held);
                self.prune().await;
            }
            Err(error) => {
                warn!(%error, "webhooks wait");
                if self.heard.elapsed() >= LEASE {
                    self.running.clear();
                }
            }
        }
    }

    fn carry(&mut self, held: Vec<StoredWebhook>) {
        let ids: HashSet<_> = held.iter().map(|webhook| webhook.id).collect();
        self.running.retain(|id, running| ids.contains(id) && !running.task.is_finished());
        for stored in held {
            let stored = Arc::new(stored);
            if let Some(running) = self.running.get(&stored.id) {
                running.webhook.send_if_modified(|known| {
                    let is_other = *known != stored;
                    *known = Arc::clone(&stored);
                    is_other
                });
                continue;
            }
            let (id, sender) = (stored.id, watch::Sender::new(stored));
            let task = tokio::spawn(carry(Arc::clone(&self.shared), sender.subscribe(), self.logged.subscribe()));
            self.running.insert(id, Running { webhook: sender, task });
        }
    }

    async fn prune(&mut self) {
        if self.pruned.elapsed() < PRUNE_AGAIN {
            return;
        }
        let mut is_through = true;
        let [delivered_ms, failed_ms] = [KEPT.0, KEPT.1].map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
        for id in self.running.keys() {
            match self.shared.engine.store().prune_deliveries(*id, delivered_ms, failed_ms, PRUNED).await {
                Ok(count) => is_through &= count < u64::from(PRUNED),
                Err(error) => warn!(%error, "old deliveries are kept"),
            }
        }
        // Else the next look goes on: more may be sent in ten minutes than are forgotten at once.
        if is_through {
            self.pruned = Instant::now();
        }
    }
}

/// Tells the carriers that something was written to the log: one reader that looks for all of them.
async fn follow(shared: Arc<Shared>, logged: watch::Sender<()>) {
    let (mut place, mut pace) = (None, Pace::new());
    // Other processes need not tell of what happens where nobody listens.
    while logged.receiver_count() == 0 {
        sleep(LOOK_FOR_CARRIERS).await;
    }
    let mut watch = shared.engine.watch_events();
    loop {
        if logged.receiver_count() == 0 {
            place = None;
            sleep(LOOK_FOR_CARRIERS).await;
            continue;
        }
        watch.seen();
        let found = match place {
            Some(after) => shared.engine.events_after(after, 500).await.map(|found| found.last().map(|it| it.cursor)),
            None => shared.engine.end_of_events().await.map(Some),
        };
        match found {
            Ok(Some(last)) => {
                place = Some(last);
                logged.send_replace(());
                pace.stir();
                continue;
            }
            Ok(None) => {}
            Err(error) => debug!(%error, "the log is looked into again"),
        }
        tokio::select! {
            () = sleep(pace.rest(shared.engine.is_told())) => {}
            () = watch.changed() => pace.stir(),
        }
    }
}
