use super::{Engine, Result, report::Session};
use crate::{
    state::{Changes, Claim, Input, decide, scope},
    store::Transacted,
};

impl Engine {
    /// Writes the consequences of what has happened, and tells those who wait for them.
    pub(super) async fn apply(
        &self,
        inputs: &[Input],
        claim: Option<&Claim>,
        asker: Option<&Session>,
    ) -> Result<Changes> {
        let scope = scope(inputs);
        loop {
            let decide = |snapshot: &_| decide(snapshot, inputs, claim, &self.definitions);
            match self.store.transact(&scope, claim, &decide).await? {
                Transacted::Done(changes) => {
                    self.after_commit(&changes, asker);
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

    fn after_commit(&self, changes: &Changes, asker: Option<&Session>) {
        let has_ended = |task_id| changes.ended.iter().any(|(ended, _)| *ended == task_id);
        for step in &changes.steps {
            if let Some(result) = &step.result
                && (changes.ended.is_empty() || !has_ended(step.id.task_id))
            {
                self.payloads.put_result(step.id.task_id, step.id.idx, result.clone());
            }
        }
        self.wakeups.enqueued(&changes.enqueued, asker);
        self.wakeups.ended(&changes.ended);
        if changes.next_due.is_some() {
            self.wakeups.due_changed();
        }
    }
}
