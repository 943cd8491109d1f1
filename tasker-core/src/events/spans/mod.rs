//! Tells of the log as spans, to a collector that takes OTLP over HTTP.
//!
//! Spans are made from the log behind a cursor and not where things happen, so that they cost nothing there, survive a crash,
//! and wait where the collector does not answer. Of any number of exporters one is at work, and another takes over when it is
//! gone. Ids of spans are derived from what they are of: what is sent again after a crash is the same span.

mod book;
mod form;
mod post;
mod settings;
mod task;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use thiserror::Error;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};
use uuid::Uuid;

pub use self::settings::{SpanOptions, SpansError};
use self::{
    book::Book,
    post::{Post, Posted},
};
use super::{Exporting, pace::Pace};
use crate::{
    model::{Clock, SystemClock},
    orchestration::{self, Engine, EventCursor, EventWatch, SPANS, SPANS_KEPT},
    store::{self, RelayPlace},
};

/// Commits that are read at once.
const WINDOW: u32 = 500;
/// Spans, and bytes of them, in one request at most.
const REQUEST: (usize, usize) = (2_000, 1024 * 1024);
/// How long an exporter that is not heard of keeps others from its place, and how often it is heard of where nothing happens.
const LEASE: Duration = Duration::from_secs(10);
const RENEW: Duration = Duration::from_secs(3);
/// Between two looks of one that waits for its turn.
const TAKE_OVER: Duration = Duration::from_millis(1_500);
/// The longest between two records of how far spans have been exported.
const RECORD: Duration = Duration::from_millis(500);
/// What happens within this time goes together.
const GATHER: Duration = Duration::from_millis(500);
/// Between two attempts after a failure: at first, and in the end.
const TRY_AGAIN: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));

/// An exporter at work. It stops when it is dropped, or in order with [`Spans::stop`].
pub struct Spans {
    task: JoinHandle<()>,
    stopping: CancellationToken,
    exporting: Arc<Exporting>,
}

#[derive(Debug, Error)]
enum Error {
    #[error(transparent)]
    Engine(#[from] orchestration::Error),
    #[error("another exporter has taken over")]
    Replaced,
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        Self::Engine(error.into())
    }
}

impl Exporting {
    fn count(&self, spans: u64, refused: u64) {
        self.spans.fetch_add(spans, Ordering::Relaxed);
        self.refused.fetch_add(refused, Ordering::Relaxed);
    }
}

impl Spans {
    /// Begins to export. The collector need not be there yet.
    ///
    /// # Errors
    /// [`SpansError::Tls`].
    pub fn start(engine: Arc<Engine>, options: SpanOptions) -> Result<Self, SpansError> {
        let stopping = CancellationToken::new();
        let exporting = Arc::<Exporting>::default();
        engine.tell_traced();
        let exporter = Exporter {
            post: Post::new(&options)?,
            resource: options.resource,
            watch: engine.watch_events(),
            book: Book::new(Arc::clone(&engine)),
            engine,
            holder: Uuid::now_v7(),
            stopping: stopping.clone(),
            exporting: Arc::clone(&exporting),
        };
        Ok(Self { task: tokio::spawn(exporter.run()), stopping, exporting })
    }

    #[must_use]
    pub fn exporting(&self) -> &Arc<Exporting> {
        &self.exporting
    }

    /// Tells of what has happened so far, unless the collector is away, and lets another exporter take over at once.
    pub async fn stop(mut self) {
        self.stopping.cancel();
        // A panic of the exporter ends it too.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Spans {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Exporter {
    engine: Arc<Engine>,
    post: Post,
    resource: Vec<(String, String)>,
    /// Who this is among the exporters.
    holder: Uuid,
    watch: EventWatch,
    book: Book,
    stopping: CancellationToken,
    exporting: Arc<Exporting>,
}

/// How far spans have been exported.
struct Place {
    cursor: EventCursor,
    /// As far as the database knows, and since when.
    recorded: (EventCursor, Instant),
}

impl Exporter {
    async fn run(mut self) {
        let mut pause = TRY_AGAIN.0;
        while !self.stopping.is_cancelled() {
            let began = Instant::now();
            match self.export().await {
                Ok(()) => break,
                Err(Error::Replaced) => debug!("another process exports spans"),
                Err(error) => warn!(%error, "spans wait in the log"),
            }
            self.book.clear();
            if began.elapsed() > TRY_AGAIN.1 {
                pause = TRY_AGAIN.0;
            }
            self.rest(jittered(pause)).await;
            pause = (pause * 2).min(TRY_AGAIN.1);
        }
        if let Err(error) = self.engine.store().release_relay(SPANS, self.holder).await {
            debug!(%error, "another exporter takes over when the lease has run out");
        }
    }

    /// Exports until it is to stop.
    async fn export(&mut self) -> Result<(), Error> {
        let Some(mut place) = self.take_over().await? else { return Ok(()) };
        let mut pace = Pace::new();
        loop {
            self.watch.seen();
            let is_last = self.stopping.is_cancelled();
            let found = self.engine.events_after(place.cursor, WINDOW).await?;
            let (is_idle, is_full) = (found.is_empty(), found.len() >= WINDOW as usize);
            if let Some(last) = found.last() {
                let spans = self.book.read(&found).await?;
                if !self.send(spans, &mut place).await? {
                    return self.record(&mut place).await;
                }
                place.cursor = last.cursor;
            }
            let age = place.recorded.1.elapsed();
            if is_last || age >= RENEW || (age >= RECORD && place.recorded.0 != place.cursor) {
                self.record(&mut place).await?;
            }
            // Whoever stops leaves the rest of a long log to others.
            if is_last {
                return Ok(());
            }
            if is_full {
                continue;
            }
            if is_idle {
                self.wait(&mut pace, &mut place).await?;
            } else {
                pace.stir();
            }
            self.rest(GATHER).await;
        }
    }

    /// Waits for its turn, and tells where it goes on. None if it is to stop first.
    async fn take_over(&mut self) -> Result<Option<Place>, Error> {
        loop {
            if let Some(place) = self.engine.store().hold_relay(SPANS, self.holder, lease_ms()).await? {
                // The first of all begins with what happens from now on.
                let is_first = place == RelayPlace { cursor: EventCursor::START, receipt: None };
                let cursor = if is_first { self.engine.end_of_events().await? } else { place.cursor };
                info!(%cursor, "spans are exported");
                let mut place = Place { cursor, recorded: (cursor, Instant::now()) };
                self.record(&mut place).await?;
                return Ok(Some(place));
            }
            tokio::select! {
                () = sleep(TAKE_OVER.mul_f64(0.75 + fastrand::f64() / 2.0)) => {}
                () = self.stopping.cancelled() => return Ok(None),
            }
        }
    }

    /// Sends spans, however long it takes; false if it is to stop before all have arrived.
    async fn send(&mut self, mut spans: Vec<Span>, place: &mut Place) -> Result<bool, Error> {
        let oldest = SystemClock.now().as_micros() - i64::try_from(SPANS_KEPT.as_micros()).unwrap_or(i64::MAX);
        let oldest = u64::try_from(oldest).unwrap_or_default().saturating_mul(1_000);
        spans.retain(|span| span.end_time_unix_nano >= oldest);
        let mut spans = spans.into_iter().peekable();
        while spans.peek().is_some() {
            let (mut part, mut bytes) = (Vec::new(), 0);
            while part.len() < REQUEST.0
                && bytes < REQUEST.1
                && let Some(span) = spans.next()
            {
                bytes += span.encoded_len();
                part.push(span);
            }
            if !self.send_part(part, place).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn send_part(&mut self, part: Vec<Span>, place: &mut Place) -> Result<bool, Error> {
        let count = part.len() as u64;
        let request = form::request(&self.resource, part);
        let mut pause = TRY_AGAIN.0;
        loop {
            let (reason, rest) = match self.post.send(&request).await {
                Posted::Arrived { refused } => {
                    self.exporting.count(count.saturating_sub(refused), refused);
                    return Ok(true);
                }
                Posted::Refused(reason) => {
                    warn!(reason, spans = count, "spans are left out");
                    self.exporting.count(0, count);
                    return Ok(true);
                }
                Posted::Failed(reason, rest) => (reason, rest),
            };
            warn!(reason, "spans wait in the log until the collector takes them");
            self.exporting.failures.fetch_add(1, Ordering::Relaxed);
            let until = Instant::now() + rest.unwrap_or_default().max(jittered(pause));
            pause = (pause * 2).min(TRY_AGAIN.1);
            // Meanwhile nobody else need find out the same.
            while let left = until.saturating_duration_since(Instant::now())
                && !left.is_zero()
            {
                if self.stopping.is_cancelled() {
                    return Ok(false);
                }
                self.rest(left.min(RENEW)).await;
                self.record(place).await?;
            }
        }
    }

    /// Waits until something may have happened, and goes on holding the place.
    async fn wait(&mut self, pace: &mut Pace, place: &mut Place) -> Result<(), Error> {
        let was_told = self.engine.is_told();
        let until = Instant::now() + pace.rest(was_told);
        loop {
            tokio::select! {
                () = sleep_until(until.min(place.recorded.1 + RENEW)) => {}
                () = self.watch.changed() => {
                    pace.stir();
                    return Ok(());
                }
                () = self.stopping.cancelled() => return Ok(()),
            }
            // What nobody tells of any more has to be looked for.
            if Instant::now() >= until || self.engine.is_told() != was_told {
                return Ok(());
            }
            self.record(place).await?;
        }
    }

    /// Records how far spans have been exported, and goes on holding the place.
    async fn record(&self, place: &mut Place) -> Result<(), Error> {
        let stored = RelayPlace { cursor: place.cursor, receipt: None };
        if !self.engine.store().move_relay(SPANS, self.holder, &stored, lease_ms()).await? {
            return Err(Error::Replaced);
        }
        place.recorded = (place.cursor, Instant::now());
        Ok(())
    }

    async fn rest(&self, span: Duration) {
        tokio::select! {
            () = sleep(span) => {}
            () = self.stopping.cancelled() => {}
        }
    }
}

/// Spread, so that many do not try at the same time.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(0.5 + fastrand::f64() / 2.0)
}

fn lease_ms() -> u64 {
    u64::try_from(LEASE.as_millis()).unwrap_or(u64::MAX)
}
