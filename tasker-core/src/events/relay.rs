//! Carries the log to NATS.
//!
//! Any number of relays may run; one of them carries, and another takes over when it is gone. That saves work only: what keeps
//! the stream free of gaps and doubles is the stream itself. Each event is sent with the number of the message that it has to
//! follow, so that one that was lost takes those behind it along, and of two relays at work one is refused. Where to go on
//! is read from the stream's last message that the log has, too. The place in the database tells what has arrived for good
//! (retention goes by it) and which stream that was, so that one that was made anew is filled again from the beginning of the
//! log.

use std::{
    collections::VecDeque,
    num::NonZeroU32,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use thiserror::Error;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};
use uuid::Uuid;

use super::{
    CloudEvent, NatsError, NatsOptions, Relaying,
    nats::{Jet, Sent, Standing},
    pace::Pace,
    throttle::Throttle,
};
use crate::{
    orchestration::{self, Engine, EventCursor, EventWatch},
    store,
    view::{Fed, Feed},
};

/// The name under which the database knows how far NATS has come.
pub const RELAY: &str = "nats";

/// Commits that are read at once, and sent where nothing bounds the relay.
const WINDOW: u32 = 500;
/// Windows on their way at the same time.
const WINDOWS: usize = 2;
/// Events that are sent without a word of the stream: it drops those that come faster than it can store them.
const UNHEARD: usize = 2_000;
/// How long a relay that is not heard of keeps others from carrying, and how often it is heard of where nothing happens.
const LEASE: Duration = Duration::from_secs(10);
const RENEW: Duration = Duration::from_secs(3);
/// Between two looks of one that waits for its turn.
const TAKE_OVER: Duration = Duration::from_millis(1_500);
/// The longest between two records of how far the stream has come.
const RECORD: Duration = Duration::from_millis(500);
/// While much happens, what comes within this time goes together.
const GATHER: Duration = Duration::from_millis(8);
/// Between two attempts after a failure: at first, and in the end.
const TRY_AGAIN: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// A relay at work. It stops when it is dropped, or in order with [`Relay::stop`].
pub struct Relay {
    task: JoinHandle<()>,
    stopping: CancellationToken,
    relaying: Arc<Relaying>,
}

#[derive(Debug, Error)]
enum Error {
    #[error(transparent)]
    Nats(#[from] NatsError),
    #[error(transparent)]
    Engine(#[from] orchestration::Error),
    #[error("another relay has taken over")]
    Replaced,
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        Self::Engine(error.into())
    }
}

impl Relay {
    /// Begins to carry. NATS need not be there yet.
    ///
    /// # Errors
    /// [`NatsError::Url`].
    pub async fn start(engine: Arc<Engine>, options: NatsOptions) -> Result<Self, NatsError> {
        let max_rate = options.max_rate;
        let jet = Jet::connect(options).await?;
        let stopping = CancellationToken::new();
        let relaying = Arc::<Relaying>::default();
        let carrier = Carrier {
            watch: engine.watch_events(),
            engine,
            jet,
            max_rate,
            holder: Uuid::now_v7(),
            stopping: stopping.clone(),
            relaying: Arc::clone(&relaying),
        };
        Ok(Self { task: tokio::spawn(carrier.run()), stopping, relaying })
    }

    #[must_use]
    pub fn relaying(&self) -> &Arc<Relaying> {
        &self.relaying
    }

    /// Waits for what is on its way, and lets another relay take over at once.
    pub async fn stop(mut self) {
        self.stopping.cancel();
        // A panic of the relay ends it too.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Carrier {
    engine: Arc<Engine>,
    jet: Jet,
    /// Events in a second at most.
    max_rate: Option<NonZeroU32>,
    /// Who this is among the relays.
    holder: Uuid,
    watch: EventWatch,
    stopping: CancellationToken,
    relaying: Arc<Relaying>,
}

impl Carrier {
    async fn run(mut self) {
        let mut pause = TRY_AGAIN.0;
        while !self.stopping.is_cancelled() {
            let before = self.relaying.events();
            match self.carry().await {
                Ok(()) => break,
                Err(Error::Replaced | Error::Nats(NatsError::Moved)) => debug!("the relay looks anew where it stands"),
                Err(error) => warn!(%error, "events wait in the log until they can be handed over"),
            }
            self.relaying.failures.fetch_add(1, Ordering::Relaxed);
            if self.relaying.events() > before {
                pause = TRY_AGAIN.0;
            }
            tokio::select! {
                () = sleep(pause.mul_f64(0.5 + fastrand::f64() / 2.0)) => {}
                () = self.jet.connected() => {}
                () = self.stopping.cancelled() => {}
            }
            pause = (pause * 2).min(TRY_AGAIN.1);
        }
        if let Err(error) = self.engine.store().release_relay(RELAY, self.holder).await {
            debug!(%error, "another relay takes over when the lease has run out");
        }
        self.jet.close().await;
    }

    /// Carries until it is to stop.
    async fn carry(&mut self) -> Result<(), Error> {
        let Some(standing) = self.take_over().await? else { return Ok(()) };
        let feed = Feed::new(Arc::clone(&self.engine), standing.cursor);
        let mut carriage = Carriage {
            jet: &self.jet,
            engine: &self.engine,
            holder: self.holder,
            relaying: &self.relaying,
            ready: VecDeque::new(),
            last_sent: standing.sequence,
            arrived: standing,
            under_way: VecDeque::new(),
            is_under_way: false,
            recorded: (0, Instant::now()),
            throttle: Throttle::new(self.max_rate, Instant::now()),
        };
        carriage.record().await?;
        carriage.run(feed, &mut self.watch, &self.stopping).await
    }

    /// Whether the log has this event.
    async fn holds(&self, cursor: EventCursor) -> Result<bool, Error> {
        let next = self.engine.events_after(EventCursor { seq: cursor.seq - 1, ..cursor }, 1).await?;
        Ok(next.first().is_some_and(|next| next.cursor == cursor))
    }

    /// Waits for its turn; where the stream then stands. None if it is to stop first.
    async fn take_over(&self) -> Result<Option<Standing>, Error> {
        loop {
            let place = self.engine.store().hold_relay(RELAY, self.holder, lease_ms()).await?;
            if let Some(place) = place {
                let standing = self.jet.stand(&place, |cursor| self.holds(cursor)).await?;
                let end = self.engine.end_of_events().await?;
                if standing.cursor.position > end.position {
                    let reason = "holds events of another database".to_owned();
                    return Err(NatsError::Stream { stream: RELAY.to_owned(), reason }.into());
                }
                info!(cursor = %standing.cursor, sequence = standing.sequence, "the relay carries");
                return Ok(Some(standing));
            }
            tokio::select! {
                () = sleep(TAKE_OVER.mul_f64(0.75 + fastrand::f64() / 2.0)) => {}
                () = self.stopping.cancelled() => return Ok(None),
            }
        }
    }
}

/// Events that were sent together.
struct Window {
    count: u64,
    /// Those of them that the stream has to acknowledge.
    sent: Vec<Sent>,
    /// Where the stream stands when all have arrived.
    then: Standing,
}

/// One turn at carrying, from taking over to the first failure.
struct Carriage<'a> {
    jet: &'a Jet,
    engine: &'a Arc<Engine>,
    holder: Uuid,
    relaying: &'a Relaying,
    /// Events that were read and not yet sent.
    ready: VecDeque<Fed>,
    last_sent: u64,
    /// As far as the stream has acknowledged.
    arrived: Standing,
    under_way: VecDeque<Window>,
    /// Whether a window has arrived. Until then each event is to be acknowledged, so that whatever is wrong is told by its name;
    /// then the last of a window is, since it is taken only behind all others.
    is_under_way: bool,
    /// The number of the message up to which the database knows, and since when.
    recorded: (u64, Instant),
    throttle: Throttle,
}

impl Carriage<'_> {
    async fn run(&mut self, mut feed: Feed, watch: &mut EventWatch, stopping: &CancellationToken) -> Result<(), Error> {
        let mut pace = Pace::new();
        let stride = self.throttle.stride().unwrap_or(usize::MAX);
        loop {
            self.wait_turn(stopping).await?;
            watch.seen();
            let began = Instant::now();
            let mut is_full = false;
            if self.ready.is_empty() && !stopping.is_cancelled() {
                self.ready = feed.next(WINDOW).await?.into();
                is_full = self.ready.len() >= WINDOW as usize;
            }
            let is_idle = self.ready.is_empty() || stopping.is_cancelled();
            if !is_idle {
                self.send(stride.min(self.ready.len())).await?;
            }
            while self.under_way.len() >= if is_idle { 1 } else { WINDOWS } {
                self.arrive().await?;
            }
            if self.recorded.1.elapsed() >= RECORD
                && (self.recorded.0 != self.arrived.sequence || self.recorded.1.elapsed() >= RENEW)
            {
                self.record().await?;
            }
            if stopping.is_cancelled() {
                return self.record().await;
            }
            if is_full || !self.ready.is_empty() {
                continue;
            }
            if !is_idle {
                // Many small commits do not make as many windows.
                pace.stir();
                sleep(GATHER.saturating_sub(began.elapsed())).await;
                continue;
            }
            self.rest(&mut pace, watch, stopping).await?;
        }
    }

    /// Waits until the next events may be carried, and goes on holding the relay.
    async fn wait_turn(&mut self, stopping: &CancellationToken) -> Result<(), Error> {
        while let Some(until) = self.throttle.wait(Instant::now()) {
            while !self.under_way.is_empty() {
                self.arrive().await?;
            }
            tokio::select! {
                () = sleep_until(until.min(self.recorded.1 + RENEW)) => {}
                () = stopping.cancelled() => return Ok(()),
            }
            if self.recorded.1.elapsed() >= RENEW {
                self.record().await?;
            }
        }
        Ok(())
    }

    /// Waits until there may be something to carry, and goes on holding the relay.
    async fn rest(
        &mut self,
        pace: &mut Pace,
        watch: &mut EventWatch,
        stopping: &CancellationToken,
    ) -> Result<(), Error> {
        let was_told = self.engine.is_told();
        let until = Instant::now() + pace.rest(was_told);
        loop {
            tokio::select! {
                () = sleep_until(until.min(self.recorded.1 + RENEW)) => {}
                () = watch.changed() => {
                    pace.stir();
                    return Ok(());
                }
                () = stopping.cancelled() => return Ok(()),
            }
            // What nobody tells of any more has to be looked for.
            if Instant::now() >= until || self.engine.is_told() != was_told {
                return Ok(());
            }
            self.record().await?;
        }
    }

    /// Sends so many of the events that are ready.
    async fn send(&mut self, last: usize) -> Result<(), Error> {
        let (mut sent, mut then) = (Vec::new(), self.arrived.clone());
        for at in 1..=last {
            let Some(fed) = self.ready.pop_front() else { break };
            then.cursor = fed.cursor;
            let event = CloudEvent::new(fed);
            if at == last || !self.is_under_way {
                sent.push(self.jet.send(&event, self.last_sent).await?);
            } else if at % UNHEARD == 0 {
                self.jet.send(&event, self.last_sent).await?.arrive().await?;
            } else {
                self.jet.send_unheard(&event, self.last_sent).await?;
            }
            self.last_sent += 1;
        }
        self.throttle.carried(last, Instant::now());
        then.sequence = self.last_sent;
        self.under_way.push_back(Window { count: last as u64, sent, then });
        Ok(())
    }

    /// Waits for the oldest window.
    async fn arrive(&mut self) -> Result<(), Error> {
        let Some(Window { count, sent, then }) = self.under_way.pop_front() else { return Ok(()) };
        for sent in sent {
            sent.arrive().await?;
        }
        self.is_under_way = true;
        self.arrived = then;
        self.relaying.events.fetch_add(count, Ordering::Relaxed);
        Ok(())
    }

    /// Records how far the stream has come, and goes on holding the relay.
    async fn record(&mut self) -> Result<(), Error> {
        let place = self.jet.place(&self.arrived);
        if !self.engine.store().move_relay(RELAY, self.holder, &place, lease_ms()).await? {
            return Err(Error::Replaced);
        }
        self.recorded = (self.arrived.sequence, Instant::now());
        Ok(())
    }
}

fn lease_ms() -> u64 {
    u64::try_from(LEASE.as_millis()).unwrap_or(u64::MAX)
}
