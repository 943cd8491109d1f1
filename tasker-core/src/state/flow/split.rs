//! Into which parts a batchable step splits the work of a step after it.

use crate::{
    dag::Definition,
    model::{BatchConfig, BatchWork, Batches, CursorRange, FailureStrategy, Json, StepError, limits},
    state::StepSnapshot,
    template::{StepKind, StepTemplate, nearest},
};

/// The parts of one step, and how they run.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::state) struct Split {
    /// The step that does the work.
    pub(in crate::state) worker: u32,
    pub(in crate::state) work: Vec<BatchWork>,
    /// None for what the worker's template says; so below.
    pub(in crate::state) parallelism: Option<u32>,
    pub(in crate::state) failure_strategy: Option<FailureStrategy>,
}

/// Whether a step gets its parts from a step of type `batchable`.
pub(in crate::state) fn is_fed(step: &StepTemplate) -> bool {
    step.kind == StepKind::BatchWorker && step.for_each.is_none()
}

/// Checks what a batchable step says; its task may come to `parts_max` more parts.
pub(super) fn split(
    step: &StepSnapshot,
    config: &BatchConfig,
    definition: &Definition,
    parts_max: usize,
) -> Result<Split, StepError> {
    let BatchConfig { worker, batches, parallelism, failure_strategy } = config;
    if let Some(0) = parallelism {
        return Err(invalid(
            &step.name,
            "`parallelism` is 0, so that no part could ever run: leave it out, or raise it",
        ));
    }
    let worker = worker_of(step, worker.as_deref(), definition)?;
    let work = work_of(&step.name, batches, parts_max)?;
    Ok(Split { worker, work, parallelism: *parallelism, failure_strategy: *failure_strategy })
}

/// One part for each value of a list.
pub(super) fn items(
    step: &str,
    items: impl ExactSizeIterator<Item = Json>,
    parts_max: usize,
) -> Result<Vec<BatchWork>, StepError> {
    within(step, items.len() as u64, parts_max)?;
    let work: Vec<_> = items.map(BatchWork::Item).collect();
    let bytes: usize = work.iter().map(|work| if let BatchWork::Item(item) = work { item.size() } else { 0 }).sum();
    if bytes > limits::BATCH_BYTES {
        let message = format!(
            "the values for the parts of step `{step}` have {bytes} bytes together; at most {} are taken: pass ranges, or \
             where the values are",
            limits::BATCH_BYTES
        );
        return Err(StepError::permanent("batch_too_large", message));
    }
    Ok(work)
}

fn work_of(step: &str, batches: &Batches, parts_max: usize) -> Result<Vec<BatchWork>, StepError> {
    match batches {
        Batches::Split { batch_size: 0, .. } => Err(invalid(step, "`batch_size` is 0: a part has at least one item")),
        Batches::Split { total_items, batch_size } => {
            within(step, total_items.div_ceil(*batch_size), parts_max)?;
            let starts = (0..*total_items).step_by(usize::try_from(*batch_size).unwrap_or(usize::MAX));
            let range = |start: u64| CursorRange { start, end: start.saturating_add(*batch_size).min(*total_items) };
            Ok(starts.map(|start| BatchWork::Range(range(start))).collect())
        }
        Batches::Ranges(ranges) => {
            within(step, ranges.len() as u64, parts_max)?;
            if let Some(CursorRange { start, end }) = ranges.iter().find(|range| range.start > range.end) {
                return Err(invalid(step, &format!("the range from {start} ends before it begins, at {end}")));
            }
            Ok(ranges.iter().copied().map(BatchWork::Range).collect())
        }
        Batches::Items(values) => items(step, values.iter().cloned(), parts_max),
    }
}

fn within(step: &str, parts: u64, parts_max: usize) -> Result<(), StepError> {
    if parts <= parts_max as u64 {
        return Ok(());
    }
    let message = format!(
        "the work for step `{step}` has {parts} parts, and its task may come to {parts_max} more ({} in all): make them larger",
        limits::BATCH
    );
    Err(StepError::permanent("batch_too_large", message))
}

/// The step that does the work, by its name or as the only one.
fn worker_of(step: &StepSnapshot, name: Option<&str>, definition: &Definition) -> Result<u32, StepError> {
    let workers = || {
        let dependents = step.dependents.iter().filter_map(|idx| Some((*idx, definition.step(*idx)?)));
        dependents.filter(|(_, dependent)| is_fed(dependent)).map(|(idx, dependent)| (idx, dependent.name.as_str()))
    };
    let offered = || workers().map(|(_, name)| name).collect::<Vec<_>>().join(", ");
    match name {
        None => match workers().collect::<Vec<_>>().as_slice() {
            [(only, _)] => Ok(*only),
            _ => Err(invalid(
                &step.name,
                &format!("it does not say which step does the work; name one of: {}", offered()),
            )),
        },
        Some(name) => match workers().find(|(_, known)| *known == name) {
            Some((worker, _)) => Ok(worker),
            None => {
                let near = nearest(name, workers().map(|(_, name)| name)).map(|near| format!("did you mean `{near}`?"));
                let remedy = near.unwrap_or_else(|| format!("it can choose among: {}", offered()));
                Err(invalid(
                    &step.name,
                    &format!("`{name}` is no step of type `batch_worker` that depends on it ({remedy})"),
                ))
            }
        },
    }
}

fn invalid(step: &str, reason: &str) -> StepError {
    StepError::permanent("batch_invalid", format!("batchable step `{step}`: {reason}")).bounded()
}
