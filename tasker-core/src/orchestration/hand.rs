//! Handing the first steps of new tasks to a worker in this process that waits for work: they are stored as running, in the
//! commit that stores the task, and never are in a queue. That saves an idle worker's claim, which is a transaction.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Instant,
};

use tracing::warn;

use super::{Engine, Result, recall::Recall, report::Session};
use crate::{
    dag::NewTask,
    model::{Assignment, StepId, StepState, TaskId},
    state::{Changes, Claim, Decision, Look, Route, Snapshot, TaskSnapshot, decide},
    store::Inserted,
};

/// A worker in this process, as far as it takes steps that it did not ask for.
pub trait Intake: Send + Sync + 'static {
    /// Sets slots aside for steps that are about to be stored: up to `want`, and none while there may be others in the
    /// queues, which go first.
    fn reserve(&self, want: usize) -> usize;

    /// The slots that were reserved are no longer set aside; these steps are to run in them. Their leases count from
    /// `claimed_at`.
    fn fill(&self, reserved: usize, assignments: Vec<Assignment>, claimed_at: Instant);
}

/// Steps of tasks that are about to be stored, promised to a worker. Dropped, the promise is taken back.
pub(super) struct Promise {
    session: Arc<Session>,
    intake: Arc<dyn Intake>,
    reserved: usize,
    claimed_at: Instant,
    pub(super) changes: Changes,
}

impl Engine {
    /// Promises first steps of these tasks to a worker that has room for them; none if there is none.
    pub(super) async fn promise(&self, tasks: &[NewTask]) -> Result<Option<Promise>> {
        if !self.wakeups.has_intakes() {
            return Ok(None);
        }
        let mut foreseen: Vec<_> = tasks.iter().filter(|task| Recall::is_foreseen(task)).collect();
        foreseen.sort_unstable_by_key(|task| (-i32::from(task.submission.priority), task.task_id));
        let Some(first) = foreseen.iter().find_map(|task| roots(task).next()) else { return Ok(None) };
        let (Some(now), claimed_at) = (self.store.clock(), Instant::now()) else { return Ok(None) };
        let known = self.known_routes().await?;
        let want = foreseen.iter().map(|task| roots(task).count()).sum();
        let Some((session, intake, reserved)) = self.wakeups.reserve(&first, want) else { return Ok(None) };
        let mut promise = Promise { session, intake, reserved, claimed_at, changes: Changes::default() };
        let claim = Claim {
            worker_id: promise.session.worker().worker_id,
            routes: promise.session.served(&known),
            want: reserved,
            lease: self.options.lease,
            look: Look::Nowhere,
        };
        let mut room = reserved;
        let fitting = foreseen.into_iter().take_while(|task| {
            let has_room = room > 0;
            room = room.saturating_sub(roots(task).count());
            has_room
        });
        let mut tasks: Vec<_> = fitting.map(TaskSnapshot::of_new).collect();
        tasks.sort_unstable_by_key(|task| task.task_id);
        let snapshot = Snapshot { now, tasks, candidates_loaded: false, values: HashMap::new() };
        match decide(&snapshot, &[], Some(&claim), &self.definitions) {
            Decision::Done(changes) if !changes.claimed.is_empty() => {
                promise.changes = changes;
                Ok(Some(promise))
            }
            _ => Ok(None),
        }
    }

    /// Keeps a promise about tasks that were just stored, as far as they were; answers the steps that were handed out.
    pub(super) async fn keep(&self, mut promise: Promise, inserted: &[Inserted]) -> HashSet<StepId> {
        let created: HashSet<TaskId> = inserted.iter().filter_map(Inserted::created).collect();
        let changes = std::mem::take(&mut promise.changes).of(|task_id| created.contains(&task_id));
        self.after_commit(&[], &changes, Some(&promise.session));
        promise.session.works(changes.tasks.first().map(|task| task.updated_at));
        let handed = changes.claimed.iter().map(|claimed| claimed.id).collect();
        match self.assign(&changes.claimed, None).await {
            Ok((assignments, _)) => promise.fill(assignments),
            Err(error) => {
                warn!(%error, steps = changes.claimed.len(), "steps of new tasks cannot be handed out; their leases will run out");
            }
        }
        handed
    }
}

impl Promise {
    fn fill(&mut self, assignments: Vec<Assignment>) {
        self.intake.fill(std::mem::take(&mut self.reserved), assignments, self.claimed_at);
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        if self.reserved > 0 {
            self.fill(Vec::new());
        }
    }
}

fn roots(task: &NewTask) -> impl Iterator<Item = Route> {
    let roots = task.steps.iter().filter(|step| step.state() == StepState::Enqueued);
    roots.map(|step| Route { queue: step.queue.clone(), handler: step.handler.clone() })
}
