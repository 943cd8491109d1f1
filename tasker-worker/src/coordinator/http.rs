use std::{
    ops::RangeInclusive,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use reqwest::Url;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{json, value::RawValue};
use tasker_core::{
    model::{Assignment, Checkpoint, Json, Lease, Named, Report, Reported, TaskId, Timestamp, Woken, WorkerId, limits},
    state::Look,
    store::WorkerRecord,
    view::WorkView,
};
use tokio::{
    sync::{Mutex, MutexGuard, Notify},
    time::sleep,
};

use super::{Coordinator, Error, Result};
use crate::client::{
    self,
    http::{Connection, Repeat},
};

/// An engine behind a server: the worker needs its address and a key, and no way to the database.
///
/// The server forgets workers when it restarts, so that whatever finds the worker unknown joins again first. Every call has a
/// number; one whose answer was lost is sent again with the same number, and answered as before. Two may be under way at once.
pub struct HttpCoordinator {
    connection: Connection,
    worker: RwLock<Option<WorkerRecord>>,
    joined: Notify,
    calls: AtomicU64,
    /// The server answers requests for wake-ups, and hears of other processes itself.
    is_told: AtomicBool,
    /// Calls may be under way in each of them at the same time; the server remembers the last answer of each.
    lanes: [Mutex<()>; LANES],
    appetite: Appetite,
}

const LANES: usize = 2;

/// Bytes of outcomes in one request; well below what a server takes.
const REPORTS_BYTES: usize = 4 * 1024 * 1024;
/// About as many bytes of inputs and results are to come in one answer.
const ANSWER_BYTES: usize = 16 * 1024 * 1024;
/// Steps asked for in one call: before any has come, and the fewest and the most after that.
const WANT: usize = 256;
const WANTS: RangeInclusive<usize> = 16..=limits::REPORT;
/// How long the server may hold a request for wake-ups.
const WAKE_WAIT: Duration = Duration::from_secs(20);
const RETRY_DELAY: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));

#[derive(Serialize)]
struct Work<'a> {
    lane: usize,
    call: u64,
    reports: &'a [Box<RawValue>],
    want: usize,
    look: Look,
    shares: bool,
}

#[derive(Deserialize)]
struct Extended {
    until: Vec<Option<Timestamp>>,
}

#[derive(Deserialize)]
struct Kept {
    until: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Wakeup {
    is_woken: bool,
    /// An older server does not say it.
    #[serde(default)]
    revoked: Named<TaskId>,
    #[serde(default)]
    is_told: bool,
}

impl HttpCoordinator {
    /// Nothing is sent yet.
    ///
    /// # Errors
    /// `api_url_invalid`, `api_key_invalid`.
    pub fn new(url: &str, key: Option<&str>) -> client::Result<Self> {
        Ok(Self {
            connection: Connection::new(url, key)?,
            worker: RwLock::default(),
            joined: Notify::new(),
            // Not from 1: the server may still remember an answer to an earlier life of this worker's id.
            calls: AtomicU64::new(fastrand::u64(..1 << 48)),
            lanes: std::array::from_fn(|_| Mutex::default()),
            is_told: AtomicBool::new(false),
            appetite: Appetite::default(),
        })
    }

    fn worker(&self) -> Option<WorkerRecord> {
        self.worker.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn worker_id(&self) -> Result<WorkerId> {
        let worker = self.worker.read().unwrap_or_else(PoisonError::into_inner);
        worker.as_ref().map(|worker| worker.worker_id).ok_or_else(super::not_joined)
    }

    fn url(&self, worker_id: WorkerId, rest: &str) -> Url {
        self.connection.url(["v1", "workers", &worker_id.to_string(), rest])
    }

    async fn send_join(&self, worker: &WorkerRecord) -> Result<()> {
        let url = self.connection.url(["v1", "workers"]);
        self.connection.post::<serde::de::IgnoredAny>(url, worker, Repeat::Always).await?;
        Ok(())
    }

    /// Sends a request; where the server does not know the worker (any more), joins and sends it again.
    async fn post<T: DeserializeOwned>(&self, rest: &str, body: &impl Serialize) -> Result<T> {
        let url = self.url(self.worker_id()?, rest);
        match self.connection.post(url.clone(), body, Repeat::Always).await {
            Err(error) if error.code() == UNKNOWN => {
                self.rejoin().await?;
                Ok(self.connection.post(url, body, Repeat::Always).await?)
            }
            answer => Ok(answer?),
        }
    }

    async fn rejoin(&self) -> Result<()> {
        match self.worker() {
            Some(worker) => self.send_join(&worker).await,
            None => Err(super::not_joined()),
        }
    }

    /// A lane in which no call is under way, for as long as it is held.
    async fn lane(&self) -> (usize, MutexGuard<'_, ()>) {
        let free = self.lanes.iter().enumerate().find_map(|(lane, lock)| Some((lane, lock.try_lock().ok()?)));
        match free {
            Some(free) => free,
            None => (0, self.lanes[0].lock().await),
        }
    }

    async fn work(&self, reports: &[Box<RawValue>], want: usize, look: Look) -> Result<Reported> {
        let (lane, _held) = self.lane().await;
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let work = Work { lane, call, reports, want: want.min(self.appetite.most()), look, shares: true };
        let view = self.post::<WorkView>("work", &work).await?;
        self.appetite.learn(view.assignments.len(), view.assignments.iter().map(bytes).sum());
        Ok(view.into_reported())
    }
}

/// How many steps to ask for in one call: each of the next is taken to bring as much as those that came last, and where larger
/// ones came not long before, nearly as much as these.
struct Appetite(AtomicUsize);

impl Default for Appetite {
    fn default() -> Self {
        Self(AtomicUsize::new(ANSWER_BYTES / WANT))
    }
}

impl Appetite {
    fn most(&self) -> usize {
        (ANSWER_BYTES / self.0.load(Ordering::Relaxed).max(1)).clamp(*WANTS.start(), *WANTS.end())
    }

    fn learn(&self, steps: usize, bytes: usize) {
        if let Some(mean) = bytes.checked_div(steps) {
            let before = self.0.load(Ordering::Relaxed);
            self.0.store(mean.max(before - before / 8), Ordering::Relaxed);
        }
    }
}

/// What a server answers that does not know the worker.
const UNKNOWN: &str = "worker_unknown";

#[async_trait]
impl Coordinator for HttpCoordinator {
    async fn join(&self, worker: &WorkerRecord) -> Result<()> {
        self.send_join(worker).await?;
        *self.worker.write().unwrap_or_else(PoisonError::into_inner) = Some(worker.clone());
        self.joined.notify_one();
        Ok(())
    }

    async fn report(&self, reports: &[Report], want: usize, look: Look) -> Result<Reported> {
        let texts = reports.iter().map(serde_json::value::to_raw_value).collect::<serde_json::Result<Vec<_>>>();
        let texts = texts.map_err(|error| Error::Refused {
            code: "outcome_invalid".to_owned(),
            message: format!("an outcome cannot be written as JSON: {error}"),
        })?;
        let mut rest = &texts[..];
        let mut verdicts = Vec::with_capacity(reports.len());
        // The last part brings the steps: until then the slots of the outcomes are as good as taken.
        while let (part, more) = rest.split_at(fitting(rest))
            && !more.is_empty()
        {
            verdicts.extend(self.work(part, 0, Look::Nowhere).await?.verdicts);
            rest = more;
        }
        let mut reported = self.work(rest, want, look).await?;
        verdicts.append(&mut reported.verdicts);
        Ok(Reported { verdicts, assignments: reported.assignments })
    }

    fn reports_at_once(&self) -> usize {
        LANES
    }

    async fn extend(&self, leases: &[Lease]) -> Result<Vec<Option<Timestamp>>> {
        let extended: Extended = self.post("leases", &json!({"leases": leases})).await?;
        Ok(extended.until)
    }

    async fn checkpoint(&self, lease: Lease, checkpoint: &Checkpoint) -> Result<Option<Timestamp>> {
        let kept: Kept = self.post("checkpoints", &json!({"lease": lease, "checkpoint": checkpoint})).await?;
        Ok(kept.until)
    }

    async fn woken(&self) -> Woken {
        let mut delay = RETRY_DELAY.0;
        loop {
            let Ok(worker_id) = self.worker_id() else {
                self.joined.notified().await;
                continue;
            };
            let mut url = self.url(worker_id, "wakeups");
            url.query_pairs_mut().append_pair("wait_ms", &WAKE_WAIT.as_millis().to_string());
            match self.connection.get_waiting::<Wakeup>(url, WAKE_WAIT).await {
                Ok(wakeup) => {
                    self.is_told.store(wakeup.is_told, Ordering::Relaxed);
                    let woken = Woken { may_claim: wakeup.is_woken, revoked: wakeup.revoked };
                    if !woken.is_empty() {
                        return woken;
                    }
                    delay = RETRY_DELAY.0;
                }
                // What happened while the server did not know the worker was heard by nobody.
                Err(error) if error.code() == UNKNOWN && self.rejoin().await.is_ok() => {
                    return Woken { may_claim: true, revoked: Named::any() };
                }
                Err(_) => {
                    self.is_told.store(false, Ordering::Relaxed);
                    sleep(delay.mul_f64(0.5 + fastrand::f64())).await;
                    delay = (delay * 2).min(RETRY_DELAY.1);
                }
            }
        }
    }

    fn is_told(&self) -> bool {
        self.is_told.load(Ordering::Relaxed)
    }
}

fn bytes(assignment: &Assignment) -> usize {
    assignment.input.size() + assignment.results.values().map(Json::size).sum::<usize>()
}

/// How many of these go into one request; at least one.
fn fitting(reports: &[Box<RawValue>]) -> usize {
    let sizes = reports.iter().map(|report| report.get().len());
    let sums = sizes.scan(0, |sum, size| {
        *sum += size;
        Some(*sum)
    });
    let count = sums.take_while(|sum| *sum <= REPORTS_BYTES).count();
    count.max(1).min(reports.len())
}

impl From<client::Error> for Error {
    fn from(error: client::Error) -> Self {
        if error.is_transient() {
            Self::Unavailable(error.message().to_owned())
        } else {
            Self::Refused { code: error.code().to_owned(), message: error.message().to_owned() }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_steps_are_asked_for_as_come_to_about_one_answer() {
        let appetite = Appetite::default();
        assert_eq!(appetite.most(), WANT);
        let after = |steps, bytes| {
            appetite.learn(steps, bytes);
            appetite.most()
        };
        assert_eq!(after(0, 0), WANT, "nothing is learnt from nothing");
        assert_eq!((after(10, ANSWER_BYTES / 10), after(1, ANSWER_BYTES)), (100, 16));
        let small: Vec<_> = (0..99).map(|_| after(1_000, 40_000)).collect();
        assert!(small.is_sorted() && small[1] < WANT, "it trusts small ones step by step");
        assert_eq!(small.last(), Some(&limits::REPORT));
    }

    #[test]
    fn outcomes_are_split_where_they_are_too_large_together() {
        let sized = |bytes: usize| serde_json::value::to_raw_value(&"a".repeat(bytes - 2)).expect("a text");
        assert_eq!(fitting(&[]), 0);
        assert_eq!(fitting(&[sized(REPORTS_BYTES + 1)]), 1);
        assert_eq!(fitting(&[sized(REPORTS_BYTES), sized(3)]), 1);
        assert_eq!(fitting(&[sized(REPORTS_BYTES - 6), sized(3), sized(3), sized(3)]), 3);
    }
}
