use std::collections::HashMap;

use super::{Engine, Result, report::Session};
use crate::{
    model::Verdict,
    state::{Changes, Claim, Decision, Input, Look, Snapshot, decide, scope},
    store::Transacted,
};

/// More outcomes than this are no longer alone: sharing a commit then saves more than the short way does.
const FROM_MEMORY_MAX: usize = 32;

impl Engine {
    /// Writes the consequences of what has happened, and tells those who wait for them.
    pub(super) async fn apply(
        &self,
        inputs: &[Input],
        claim: Option<&Claim>,
        asker: Option<&Session>,
    ) -> Result<Changes> {
        if let Some(changes) = self.apply_from_memory(inputs, claim).await? {
            self.after_commit(inputs, &changes, asker);
            return Ok(changes);
        }
        let scope = scope(inputs);
        loop {
            let decide = |snapshot: &_| decide(snapshot, inputs, claim, &self.definitions);
            match self.store.transact(&scope, claim, &decide).await? {
                Transacted::Done(changes) => {
                    self.after_commit(inputs, &changes, asker);
                    return Ok(changes);
                }
                Transacted::NeedsTemplates(keys) => {
                    for key in &keys {
                        self.definition(key).await?;
                    }
                }
            }
        }
    }

    /// The short way for lone outcomes: decides on the tasks as this engine remembers them, and writes only if they still
    /// stand there. It takes one round trip to the database instead of four. None, with nothing written, wherever the
    /// decision would have to see more, or another engine has been at work.
    async fn apply_from_memory(&self, inputs: &[Input], claim: Option<&Claim>) -> Result<Option<Changes>> {
        let is_alone = !inputs.is_empty() && inputs.len() <= FROM_MEMORY_MAX;
        let is_plain = inputs.iter().all(|input| matches!(input, Input::Report { .. }))
            && claim.is_none_or(|claim| claim.look == Look::Nowhere);
        if !is_alone || !is_plain {
            return Ok(None);
        }
        let Some(now) = self.store.clock() else { return Ok(None) };
        let Some(tasks) = self.recall.all(inputs.iter().map(Input::task_id)) else { return Ok(None) };
        let snapshot = Snapshot { now, tasks, candidates_loaded: false, values: HashMap::new() };
        let Decision::Done(changes) = decide(&snapshot, inputs, claim, &self.definitions) else { return Ok(None) };
        // A refusal is not guarded by what is written, so that it must come from the database.
        let is_guarded = changes.tasks.len() == snapshot.tasks.len()
            && changes.verdicts.iter().all(|verdict| *verdict == Verdict::Accepted);
        if !is_guarded {
            return Ok(None);
        }
        if self.store.apply_unchanged(&changes).await? {
            return Ok(Some(changes));
        }
        snapshot.tasks.iter().for_each(|task| self.recall.forget(task.task_id));
        Ok(None)
    }

    fn after_commit(&self, inputs: &[Input], changes: &Changes, asker: Option<&Session>) {
        let has_ended = |task_id| changes.ended.iter().any(|(ended, _)| *ended == task_id);
        for step in &changes.steps {
            if let Some(result) = &step.result
                && (changes.ended.is_empty() || !has_ended(step.id.task_id))
            {
                self.payloads.put_result(step.id.task_id, step.id.idx, result.clone());
            }
        }
        if let Some(observer) = self.observer.get().filter(|_| !changes.is_empty()) {
            let outcomes = inputs.iter().filter(|input| matches!(input, Input::Report { .. })).count();
            observer.committed(outcomes, changes, &self.definitions);
        }
        self.recall.follow(changes);
        self.wakeups.enqueued(&changes.enqueued, asker);
        self.wakeups.ended(&changes.ended);
        if changes.next_due.is_some() {
            self.wakeups.due_changed();
        }
    }
}
