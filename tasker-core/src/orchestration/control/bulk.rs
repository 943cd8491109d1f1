use std::sync::Mutex;

use futures::{FutureExt, StreamExt, stream};

use super::{Action, Engine, Error, Result, check_actor, refused};
use crate::{
    model::{Actor, TaskId, TaskState, limits},
    state::{Changes, Decision, Input, Verb, decide, scope},
    store::{TaskFilter, Transacted},
};

/// Tasks changed in one transaction: their rows are locked until it ends.
const TOGETHER: usize = 50;
/// Tasks run again side by side, so that they share transactions.
const RERUNS: usize = 32;

/// Which tasks a bulk verb is for.
#[derive(Clone, Debug)]
pub enum Selection {
    /// At most [`limits::PAGE`].
    Ids(Vec<TaskId>),
    /// Those that pass, newest first.
    Filter(Box<TaskFilter>),
}

/// A verb for many tasks.
#[derive(Clone, Debug)]
pub struct Bulk {
    pub selection: Selection,
    pub action: Action,
    pub actor: Actor,
    /// Whether to tell only what would happen.
    pub dry_run: bool,
    /// How many tasks of a filter to take at most, up to [`limits::PAGE`]; the answer tells how to go on.
    pub limit: u32,
}

/// What a bulk verb did, or would do.
#[derive(Debug)]
pub struct Acted {
    /// How many tasks the selection names or the filter lets pass, counted up to [`limits::COUNT`].
    pub matched: u64,
    /// In the order of the selection.
    pub items: Vec<BulkItem>,
    /// The filter's cursor for the rest; none if nothing is left.
    pub next: Option<String>,
}

/// What became, or would become, of one task.
#[derive(Debug)]
pub struct BulkItem {
    pub task_id: TaskId,
    pub outcome: Result<BulkDone>,
}

/// A verb was, or would be, carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BulkDone {
    /// The state of the task afterwards.
    pub state: TaskState,
    /// The new task of a `rerun`.
    pub rerun: Option<TaskId>,
}

impl Engine {
    /// Does the same to many tasks. Each has its own outcome: one that is refused does not keep the others back.
    ///
    /// # Errors
    /// [`Error::FieldInvalid`] for too many ids or a text that is too long; [`Error::Store`], with a part done: the same call
    /// again goes on, since what was done before is then refused.
    pub async fn act(&self, bulk: &Bulk) -> Result<Acted> {
        check_actor(&bulk.actor)?;
        let (matched, ids, next) = self.select(bulk).await?;
        let mut items = Vec::with_capacity(ids.len());
        match bulk.action.verb() {
            Some(verb) => {
                for ids in ids.chunks(TOGETHER) {
                    items.extend(self.act_on(ids, &verb, bulk).await?);
                }
            }
            None => {
                // Boxed, since callers on many threads have to see that these may move between them.
                let runs: Vec<_> = ids.iter().map(|task_id| self.rerun_one(*task_id, bulk).boxed()).collect();
                items = stream::iter(runs).buffered(RERUNS).collect().await;
            }
        }
        Ok(Acted { matched, items, next })
    }

    async fn select(&self, bulk: &Bulk) -> Result<(u64, Vec<TaskId>, Option<String>)> {
        match &bulk.selection {
            Selection::Ids(ids) if ids.len() > limits::PAGE as usize => {
                let reason = format!("{} ids; at most {} are taken", ids.len(), limits::PAGE);
                Err(Error::FieldInvalid { field: "ids", reason })
            }
            Selection::Ids(ids) => {
                let mut unique: Vec<TaskId> = Vec::with_capacity(ids.len());
                let mut seen = std::collections::HashSet::new();
                unique.extend(ids.iter().filter(|task_id| seen.insert(**task_id)));
                Ok((unique.len() as u64, unique, None))
            }
            Selection::Filter(filter) => {
                let page = self.store.task_ids(filter, bulk.limit.clamp(1, limits::PAGE)).await?;
                let matched = self.store.count_tasks(filter, limits::COUNT).await?;
                Ok((matched, page.items, page.next))
            }
        }
    }

    async fn act_on(&self, ids: &[TaskId], verb: &Verb, bulk: &Bulk) -> Result<Vec<BulkItem>> {
        let input = |task_id| Input::Operate { task_id, verb: verb.clone(), actor: bulk.actor.clone() };
        let mut refusals = Vec::with_capacity(ids.len());
        for task_id in ids {
            refusals.push(self.check_result(*task_id, verb).await.err());
        }
        let fit = ids.iter().zip(&refusals).filter(|(_, refusal)| refusal.is_none()).map(|(task_id, _)| *task_id);
        let inputs: Vec<_> = fit.map(input).collect();
        let changes = match bulk.dry_run {
            true => self.foresee(&inputs).await?,
            false => self.apply(&inputs, None, None).await?,
        };
        let mut place = 0..;
        let outcomes = ids.iter().zip(refusals).map(|(task_id, refusal)| {
            let outcome = match refusal {
                Some(error) => Err(error),
                None => place.next().map_or(Err(Error::Closed), |place| outcome(*task_id, place, &changes)),
            };
            BulkItem { task_id: *task_id, outcome }
        });
        Ok(outcomes.collect())
    }

    /// What would be written, without writing it.
    async fn foresee(&self, inputs: &[Input]) -> Result<Changes> {
        let foreseen = Mutex::new(Changes::default());
        let look = |snapshot: &_| match decide(snapshot, inputs, None, &self.definitions) {
            Decision::Done(changes) => {
                *foreseen.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = changes;
                Decision::Done(Changes::default())
            }
            question => question,
        };
        while let Transacted::NeedsTemplates(keys) = self.store.transact(&scope(inputs), None, &look).await? {
            for key in &keys {
                self.definition(key).await?;
            }
        }
        Ok(foreseen.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    async fn rerun_one(&self, task_id: TaskId, bulk: &Bulk) -> BulkItem {
        let run = async {
            let task = self.task(task_id).await?;
            if bulk.dry_run {
                let is_ended = task.state.is_final();
                let unfit = Error::TaskUnfit { task_id, state: task.state };
                return if is_ended { Ok(BulkDone { state: task.state, rerun: None }) } else { Err(unfit) };
            }
            let submitted = self.rerun(task_id, bulk.actor.clone()).await?;
            Ok(BulkDone { state: task.state, rerun: Some(submitted.task_id) })
        };
        BulkItem { task_id, outcome: run.await }
    }
}

fn outcome(task_id: TaskId, place: usize, changes: &Changes) -> Result<BulkDone> {
    if let Some(refusal) = refused(changes, place) {
        return Err(Error::refused(task_id, refusal));
    }
    let changed = changes.tasks.iter().find(|task| task.task_id == task_id);
    let state = changed.map(|task| task.state).ok_or(Error::TaskNotFound(task_id))?;
    Ok(BulkDone { state, rerun: None })
}
