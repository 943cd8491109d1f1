use std::sync::Arc;

use magnus::{Ruby, Value};
use tasker_worker::host::{self, outcome};

use crate::{
    fault::{Result, guard},
    host::wait_for,
    value::{Values, write},
};

/// `TaskerCore::Native::Attempt`: what a handler can ask about its attempt. Values are made when they are asked for.
#[magnus::wrap(class = "TaskerCore::Native::Attempt", free_immediately)]
pub(crate) struct Attempt(pub(crate) Arc<host::Attempt>);

impl Attempt {
    /// `about`: what every context says, by its names.
    pub(crate) fn about(ruby: &Ruby, this: &Self) -> Result<Value> {
        Ok(this.0.about(&Values(ruby))?)
    }

    /// `part(name)`: `input`, `config`, `batch`, `checkpoint`, `parent`, `ending` or `trace_context`; nil without.
    pub(crate) fn part(ruby: &Ruby, this: &Self, name: String) -> Result<Option<Value>> {
        Ok(this.0.part(&name, &Values(ruby))?)
    }

    /// `results`: of the steps before this one, by their names.
    pub(crate) fn results(ruby: &Ruby, this: &Self) -> Result<Value> {
        this.0.results(&Values(ruby))
    }

    /// `answer(result, outcome)`: without an outcome the step succeeded with that result; else it is one of the worker protocol,
    /// to which the result is added if it is a success. A second answer is dropped.
    pub(crate) fn answer(ruby: &Ruby, this: &Self, result: Value, rest: Option<Value>) -> Result<()> {
        guard(|| Ok(this.0.answer(outcome(&Values(ruby), &result, rest.as_ref())?)?))
    }

    /// `cancelled?`: true also when the attempt has been answered.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }

    /// `store_checkpoint(checkpoint)`: a Hash of what a checkpoint of the protocol has.
    pub(crate) fn store_checkpoint(ruby: &Ruby, this: &Self, checkpoint: Value) -> Result<()> {
        guard(|| wait_for(&this.0.checkpoint(&write(ruby, checkpoint, "the checkpoint")?)?))
    }

    /// `heartbeat(progress)`: false when the outcome is no longer wanted.
    pub(crate) fn heartbeat(ruby: &Ruby, this: &Self, progress: Option<Value>) -> Result<bool> {
        guard(|| {
            let progress = progress.map(|progress| write(ruby, progress, "the progress")).transpose()?;
            Ok(this.0.heartbeat(progress)?)
        })
    }
}
