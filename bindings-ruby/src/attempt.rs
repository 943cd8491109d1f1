use std::sync::Arc;

use magnus::{Ruby, Value, prelude::*};
use tasker_worker::host;

use crate::{
    fault::{Result, guard},
    host::wait_for,
    value::{Values, write},
};

/// `TaskerCore::Native::Attempt`: what a handler can ask about its attempt. Values are made when they are asked for.
#[magnus::wrap(class = "TaskerCore::Native::Attempt", free_immediately)]
pub(crate) struct Attempt(Arc<host::Attempt>);

/// Stays in the frame that runs the handler: when that is left without an outcome, the attempt counts as abandoned, however
/// long Ruby keeps the object.
pub(crate) struct Running(pub(crate) Arc<host::Attempt>);

impl Running {
    pub(crate) fn shown(&self) -> Attempt {
        Attempt(Arc::clone(&self.0))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

impl Attempt {
    /// `about`: what every context says, by its names.
    pub(crate) fn about(ruby: &Ruby, this: &Self) -> Result<Value> {
        Ok(this.0.about(&Values(ruby))?)
    }

    /// `part(name)`: `input`, `config`, `batch`, `checkpoint`, `parent`, `ending` or `trace_context`; nil without.
    pub(crate) fn part(ruby: &Ruby, this: &Self, name: String) -> Result<Option<Value>> {
        Ok(this.0.part(&name, &Values(ruby))?)
    }

    /// `result(step)`: nil for a step that has no result.
    pub(crate) fn result(ruby: &Ruby, this: &Self, step: String) -> Result<Option<Value>> {
        Ok(this.0.result(&step, &Values(ruby))?)
    }

    /// `result_names`
    pub(crate) fn result_names(ruby: &Ruby, this: &Self) -> Value {
        ruby.ary_from_iter(this.0.assignment().results.keys().map(AsRef::as_ref)).as_value()
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
