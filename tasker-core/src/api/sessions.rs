use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use uuid::Uuid;

use super::access::Caller;
use crate::{
    model::{Lease, Report, Reported, TaskId, WorkerId},
    orchestration::{Engine, Error, Room, Session},
    state::Look,
};

/// The workers that have joined through this server. They are forgotten when it stops; a worker that is not known here joins
/// again.
#[derive(Default)]
pub(super) struct Sessions(Mutex<HashMap<WorkerId, Entry>>);

struct Entry {
    joined: Arc<Joined>,
    seen_at: Instant,
}

/// Workers say every 15 seconds that they are there.
const FORGET_AFTER: Duration = Duration::from_secs(120);
const SESSIONS_MAX: usize = 10_000;

impl Sessions {
    /// Keeps a session that a key opened; false if there are too many.
    pub(super) fn put(&self, session: Arc<Session>, key_id: Option<Uuid>) -> bool {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if sessions.len() >= SESSIONS_MAX {
            sessions.retain(|_, entry| entry.seen_at.elapsed() < FORGET_AFTER);
        }
        let id = session.worker().worker_id;
        if sessions.len() >= SESSIONS_MAX && !sessions.contains_key(&id) {
            return false;
        }
        let joined = Arc::new(Joined { session, key_id, last: Default::default(), tasks: Mutex::default() });
        sessions.insert(id, Entry { joined, seen_at: Instant::now() });
        true
    }

    /// The session of a worker; none for another key than the one that opened it.
    pub(super) fn get(&self, id: WorkerId, key_id: Option<Uuid>) -> Option<Arc<Joined>> {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = sessions.get_mut(&id).filter(|entry| entry.joined.key_id == key_id)?;
        entry.seen_at = Instant::now();
        Some(Arc::clone(&entry.joined))
    }
}

/// A worker that has joined, and the answer that it may not have got.
pub(super) struct Joined {
    pub(super) session: Arc<Session>,
    /// Who opened it, and so who may go on with it.
    pub(super) key_id: Option<Uuid>,
    /// By lane: the number of the last call, and its answer.
    last: [tokio::sync::Mutex<Option<(u64, Reported)>>; LANES],
    /// Tasks of which it was given steps, and so in namespaces of its key.
    tasks: Mutex<HashSet<TaskId>>,
}

/// Calls of one worker that may be under way at the same time.
pub(super) const LANES: usize = 4;
/// Bytes of inputs and results in one answer; workers ask for as many steps as probably come to half of that.
const ANSWER_BYTES: usize = 32 * 1024 * 1024;
/// Tasks that are remembered of one worker.
const TASKS_MAX: usize = 100_000;

/// One call of a worker.
pub(super) struct Call {
    pub(super) lane: usize,
    pub(super) number: Option<u64>,
    pub(super) reports: Vec<Report>,
    pub(super) want: usize,
    pub(super) look: Look,
    pub(super) shares: bool,
}

impl Joined {
    /// Reports and claims. A call whose number is that of the last one in its lane is answered as before: its answer was lost
    /// on the way, and doing it again would leave what it claimed without a worker.
    pub(super) async fn report(&self, engine: &Engine, call: Call) -> crate::orchestration::Result<Reported> {
        let mut last = self.last[call.lane % LANES].lock().await;
        if let (Some(number), Some((answered, reported))) = (call.number, last.as_ref())
            && number == *answered
        {
            return Ok(reported.clone());
        }
        let room = Some(Room { bytes: ANSWER_BYTES, shares: call.shares });
        let reported = engine.report_within(&self.session, call.reports, call.want, call.look, room).await?;
        let is_empty = reported.verdicts.is_empty() && reported.assignments.is_empty();
        if self.key_id.is_some() {
            self.remember(&reported);
        }
        *last = call.number.filter(|_| !is_empty).map(|number| (number, reported.clone()));
        Ok(reported)
    }

    fn remember(&self, reported: &Reported) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        if tasks.len() >= TASKS_MAX {
            tasks.clear();
        }
        tasks.extend(reported.assignments.iter().map(|assignment| assignment.lease.task_id));
    }

    /// Of the tasks of these leases, those in namespaces that the worker's key is not for. Whoever guesses a lease learns
    /// nothing from it, and changes nothing.
    pub(super) async fn foreign(
        &self,
        engine: &Engine,
        caller: &Caller,
        leases: impl Iterator<Item = Lease>,
    ) -> crate::orchestration::Result<HashSet<TaskId>> {
        let Some(namespaces) = caller.namespaces() else { return Ok(HashSet::new()) };
        let unknown: HashSet<TaskId> = {
            let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
            leases.map(|lease| lease.task_id).filter(|task_id| !tasks.contains(task_id)).collect()
        };
        let mut foreign = HashSet::new();
        for task_id in unknown {
            match engine.task(task_id).await {
                Ok(task) if namespaces.contains(&task.namespace) => {}
                Ok(_) | Err(Error::TaskNotFound(_)) => {
                    foreign.insert(task_id);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(foreign)
    }
}
