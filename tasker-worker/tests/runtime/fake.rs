use std::{
    collections::{HashSet, VecDeque},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, ThreadId},
    time::Duration,
};

use async_trait::async_trait;
use serde_json::json;
use tasker_core::{
    model::{
        AssignedHandler, Assignment, AttemptKind, Checkpoint, Json, Lease, Outcome, Report, Reported, StepId, TaskId,
        Timestamp, Verdict, Woken,
    },
    state::Look,
    store::WorkerRecord,
};
use tasker_worker::{
    coordinator::{Coordinator, Error, Result},
    runtime::{Held, Runtime, RuntimeConfig, Taken},
};
use tokio::sync::{Notify, watch};

pub(crate) const LEASE: Duration = Duration::from_secs(30);
/// Long enough for anything that is to happen; a test that waits for it fails.
pub(crate) const LONG: Duration = Duration::from_secs(3_600);

/// What the coordinator was asked in one report.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) reports: Vec<Report>,
    pub(crate) want: usize,
    pub(crate) look: Look,
    /// Which made the call.
    pub(crate) thread: ThreadId,
}

#[derive(Default)]
pub(crate) struct Fake {
    /// More than one if set.
    reports_at_once: usize,
    state: Mutex<State>,
    changed: watch::Sender<()>,
    wake: Notify,
    told: Mutex<Woken>,
    is_told: AtomicBool,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Assignment>,
    calls: Vec<Call>,
    accepted: Vec<Report>,
    extensions: Vec<Vec<Lease>>,
    joins: usize,
    lost: HashSet<Lease>,
    is_held: bool,
    is_down: bool,
    refused: Option<Lease>,
    refuses_all: bool,
}

impl Fake {
    pub(crate) async fn start(slots: usize) -> (Arc<Self>, Arc<Runtime>) {
        Self::start_with(slots, 1).await
    }

    pub(crate) async fn start_with(slots: usize, reports_at_once: usize) -> (Arc<Self>, Arc<Runtime>) {
        let fake = Arc::new(Self { reports_at_once, ..Self::default() });
        let config = RuntimeConfig { slots, ..RuntimeConfig::new("rust", ["it"]) };
        let runtime = Runtime::start(Arc::clone(&fake) as Arc<dyn Coordinator>, config).await.unwrap();
        (fake, Arc::new(runtime))
    }

    /// Puts steps into the queue, and gives their leases.
    pub(crate) fn enqueue(&self, count: usize) -> Vec<Lease> {
        self.enqueue_with(count, None)
    }

    pub(crate) fn enqueue_with(&self, count: usize, timeout: Option<Duration>) -> Vec<Lease> {
        let assignments: Vec<_> = (0..count).map(|_| assignment(timeout)).collect();
        let leases = assignments.iter().map(|assignment| assignment.lease).collect();
        self.change(|state| state.queue.extend(assignments));
        self.tell(|told| told.may_claim = true);
        leases
    }

    /// Has the worker told of something.
    pub(crate) fn tell(&self, tell: impl FnOnce(&mut Woken)) {
        tell(&mut self.told.lock().unwrap());
        self.wake.notify_one();
    }

    /// Whether every process tells of what it enqueues.
    pub(crate) fn set_told(&self, is_told: bool) {
        self.is_told.store(is_told, Ordering::Relaxed);
        self.tell(|told| told.may_claim = true);
    }

    /// Keeps reports waiting until [`Self::let_go`].
    pub(crate) fn hold(&self) {
        self.change(|state| state.is_held = true);
    }

    pub(crate) fn let_go(&self) {
        self.change(|state| state.is_held = false);
    }

    pub(crate) fn set_down(&self, is_down: bool) {
        self.change(|state| state.is_down = is_down);
    }

    /// Refuses every report in which this lease is.
    pub(crate) fn refuse(&self, lease: Lease) {
        self.change(|state| state.refused = Some(lease));
    }

    pub(crate) fn refuse_all(&self) {
        self.change(|state| state.refuses_all = true);
    }

    pub(crate) fn lose(&self, lease: Lease) {
        self.change(|state| state.lost.extend([lease]));
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.look(|state| state.calls.clone())
    }

    /// The reports that were recorded, once there are so many.
    pub(crate) async fn accepted(&self, count: usize) -> Vec<Report> {
        self.until(|state| state.accepted.len() >= count).await;
        self.look(|state| state.accepted.clone())
    }

    /// The call with this number (from 0), once it has been made.
    pub(crate) async fn call(&self, number: usize) -> Call {
        self.until(|state| state.calls.len() > number).await;
        self.look(|state| state.calls[number].clone())
    }

    /// The first call that carries outcomes, once it has been made.
    pub(crate) async fn first_report(&self) -> Call {
        self.until(|state| state.calls.iter().any(|call| !call.reports.is_empty())).await;
        self.look(|state| state.calls.iter().find(|call| !call.reports.is_empty()).cloned()).unwrap()
    }

    /// So many calls that carry outcomes, once they have been made.
    pub(crate) async fn reports(&self, count: usize) -> Vec<Call> {
        let carry =
            |state: &State| state.calls.iter().filter(|call| !call.reports.is_empty()).cloned().collect::<Vec<_>>();
        self.until(|state| carry(state).len() >= count).await;
        self.look(carry)
    }

    /// The leases of each extension, once there are so many.
    pub(crate) async fn extensions(&self, count: usize) -> Vec<Vec<Lease>> {
        self.until(|state| state.extensions.len() >= count).await;
        self.look(|state| state.extensions.clone())
    }

    pub(crate) async fn joins(&self, count: usize) {
        self.until(|state| state.joins >= count).await;
    }

    async fn until(&self, is_so: impl Fn(&State) -> bool) {
        let mut changed = self.changed.subscribe();
        let wait = async {
            while !self.look(&is_so) {
                changed.changed().await.unwrap()
            }
        };
        tokio::time::timeout(LONG, wait).await.expect("what was waited for did not happen");
    }

    fn look<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.state.lock().unwrap())
    }

    fn change<T>(&self, write: impl FnOnce(&mut State) -> T) -> T {
        let answer = write(&mut self.state.lock().unwrap());
        self.changed.send_replace(());
        answer
    }
}

#[async_trait]
impl Coordinator for Fake {
    async fn join(&self, _: &WorkerRecord) -> Result<()> {
        self.change(|state| {
            state.joins += 1;
            if state.is_down { Err(unavailable()) } else { Ok(()) }
        })
    }

    async fn report(&self, reports: &[Report], want: usize, look: Look) -> Result<Reported> {
        self.change(|state| {
            state.calls.push(Call { reports: reports.to_vec(), want, look, thread: thread::current().id() })
        });
        self.until(|state| !state.is_held).await;
        self.change(|state| {
            if state.is_down {
                return Err(unavailable());
            }
            if state.refuses_all || reports.iter().any(|report| Some(report.lease) == state.refused) {
                return Err(Error::Refused { code: "statement_refused".to_owned(), message: "no".to_owned() });
            }
            state.accepted.extend_from_slice(reports);
            let want = if look == Look::Nowhere { 0 } else { want.min(state.queue.len()) };
            let assignments = state.queue.drain(..want).collect();
            Ok(Reported { verdicts: vec![Verdict::Accepted; reports.len()], assignments })
        })
    }

    fn reports_at_once(&self) -> usize {
        self.reports_at_once
    }

    async fn extend(&self, leases: &[Lease]) -> Result<Vec<Option<Timestamp>>> {
        self.change(|state| {
            if state.is_down {
                return Err(unavailable());
            }
            state.extensions.push(leases.to_vec());
            let until = Timestamp::from_micros(1);
            Ok(leases.iter().map(|lease| (!state.lost.contains(lease)).then_some(until)).collect())
        })
    }

    async fn checkpoint(&self, lease: Lease, _: &Checkpoint) -> Result<Option<Timestamp>> {
        Ok(self.extend(&[lease]).await?.pop().flatten())
    }

    async fn woken(&self) -> Woken {
        self.wake.notified().await;
        std::mem::take(&mut *self.told.lock().unwrap())
    }

    fn is_told(&self) -> bool {
        self.is_told.load(Ordering::Relaxed)
    }
}

/// The next attempt; anything else is a failure.
pub(crate) async fn next(runtime: &Runtime) -> Held {
    match runtime.poll(LONG).await {
        Some(Taken::Run(held)) => held,
        other => panic!("{other:?} instead of an attempt"),
    }
}

/// The next attempts, each begun.
pub(crate) async fn begin(runtime: &Runtime, count: usize) -> Vec<Held> {
    let mut begun = Vec::new();
    for _ in 0..count {
        let mut held = next(runtime).await;
        held.begin();
        begun.push(held);
    }
    begun
}

pub(crate) fn success() -> Outcome {
    Outcome::succeeded(Json::null())
}

fn unavailable() -> Error {
    Error::Unavailable("down".to_owned())
}

fn assignment(timeout: Option<Duration>) -> Assignment {
    let lease = Lease { task_id: TaskId::new(), step_idx: 0, attempt: 1 };
    Assignment {
        lease,
        lease_until: Timestamp::from_micros(0),
        lease_ms: u64::try_from(LEASE.as_millis()).unwrap(),
        step_uuid: StepId::new(lease.task_id, lease.step_idx).uuid(),
        namespace: "shop".into(),
        template: "order".into(),
        version: "1.0.0".into(),
        step: "price".into(),
        handler: AssignedHandler { callable: "it".into(), method: None, config: None },
        input: Json::from(&json!({})),
        results: [].into(),
        failures: 0,
        max_attempts: 3,
        timeout_ms: timeout.map(|timeout| u64::try_from(timeout.as_millis()).unwrap()),
        correlation_id: None,
        kind: AttemptKind::Standard,
        batch: None,
        checkpoint: None,
        parent: None,
        trace_context: None,
        ending: None,
    }
}
