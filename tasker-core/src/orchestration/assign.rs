use std::{
    collections::{BTreeMap, HashMap, hash_map::Entry},
    sync::Arc,
};

use super::{Engine, Result, cache::TaskInput};
use crate::{
    dag::Definition,
    model::{Assignment, AttemptKind, Json, Lease, Parent, StepId, StepPlace, TaskId},
    state::Claimed,
    store::{PayloadRequest, Work},
    template::StepKind,
};

/// The inputs and results that a batch of claimed steps needs. They are held here and not only in the cache, which may
/// drop any of them at any time.
#[derive(Default)]
struct Gathered {
    inputs: HashMap<TaskId, TaskInput>,
    results: HashMap<StepId, Json>,
    work: HashMap<StepId, Work>,
}

/// How much whoever asked for steps is handed at once.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// Of inputs and results; the step that goes over it is the last.
    pub bytes: usize,
    /// Whether steps of a task that come one after another have the same values only once.
    pub shares: bool,
}

/// Steps whose values are read at once where there is little room: how large they are is known only then.
const STRIDE: usize = 64;

impl Engine {
    /// Makes the assignments of claimed steps, with the task's input and the results of every ancestor. Those that there is no
    /// room for are left.
    pub(super) async fn assign<'a>(
        &self,
        claimed: &'a [Claimed],
        room: Option<Room>,
    ) -> Result<(Vec<Assignment>, &'a [Claimed])> {
        if !claimed.is_empty() {
            self.look_for_spans().await;
        }
        let (mut gathered, mut assignments) = (Gathered::default(), Vec::with_capacity(claimed.len()));
        let (mut left, mut bytes, mut latest) = (claimed, 0, HashMap::new());
        while !left.is_empty() {
            let stride = room.map_or(left.len(), |room| stride(room.bytes - bytes, bytes, claimed.len() - left.len()));
            let mut steps = Vec::with_capacity(stride.min(left.len()));
            for claimed in &left[..stride.min(left.len())] {
                steps.push((claimed, self.definition(&claimed.template).await?));
            }
            self.gather(&steps, &mut gathered).await?;
            for (claimed, definition) in steps {
                left = &left[1..];
                let Some(assignment) = self.assignment(claimed, &definition, &gathered) else { continue };
                let Some(room) = room else {
                    assignments.push(assignment);
                    continue;
                };
                let known = latest.insert(assignment.lease.task_id, assignments.len());
                let is_shared =
                    room.shares && known.is_some_and(|at: usize| assignment.has_values_of(&assignments[at]));
                bytes += if is_shared { 0 } else { assignment.bytes_of_values() };
                assignments.push(assignment);
                if bytes >= room.bytes {
                    return Ok((assignments, left));
                }
            }
        }
        Ok((assignments, left))
    }

    async fn gather(&self, steps: &[(&Claimed, Arc<Definition>)], gathered: &mut Gathered) -> Result<()> {
        let mut missing: BTreeMap<TaskId, PayloadRequest> = BTreeMap::new();
        for (claimed, definition) in steps {
            let task_id = claimed.id.task_id;
            let request = || PayloadRequest::new(task_id);
            // Only a step that ran before can have left a checkpoint; what a part has to do is written in its row.
            if claimed.attempt > 1 || StepPlace::of(claimed.id.idx).part.is_some() {
                missing.entry(task_id).or_insert_with(request).work.push(claimed.id.idx);
            }
            if let Entry::Vacant(entry) = gathered.inputs.entry(task_id) {
                match self.payloads.input(task_id) {
                    Some(input) => drop(entry.insert(input)),
                    None => missing.entry(task_id).or_insert_with(request).with_context = true,
                }
            }
            for idx in definition.results_before(claimed.id.idx) {
                let id = StepId::new(task_id, idx);
                if gathered.results.contains_key(&id) {
                    continue;
                }
                match self.payloads.result(task_id, idx) {
                    Some(result) => drop(gathered.results.insert(id, result)),
                    None => missing.entry(task_id).or_insert_with(request).steps.push(idx),
                }
            }
        }
        if !missing.is_empty() {
            self.read(missing.into_values().collect(), gathered).await?;
        }
        Ok(())
    }

    async fn read(&self, mut requests: Vec<PayloadRequest>, gathered: &mut Gathered) -> Result<()> {
        for request in &mut requests {
            request.steps.sort_unstable();
            request.steps.dedup();
        }
        let payloads = self.store.payloads(&requests).await?;
        for (PayloadRequest { task_id, .. }, payload) in requests.into_iter().zip(payloads) {
            if let Some(context) = payload.context {
                let input = TaskInput {
                    context,
                    correlation_id: payload.correlation_id.map(Into::into),
                    trace: payload.trace,
                    parent: payload.parent.as_ref().map(Parent::step),
                    root: payload.parent.as_ref().map(|parent| parent.root),
                };
                self.payloads.put_input(task_id, input.clone());
                gathered.inputs.insert(task_id, input);
            }
            gathered.work.extend(payload.work.into_iter().map(|(idx, work)| (StepId::new(task_id, idx), work)));
            for (idx, result) in payload.results {
                self.payloads.put_result(task_id, idx, result.clone());
                gathered.results.insert(StepId::new(task_id, idx), result);
            }
        }
        Ok(())
    }

    fn assignment(&self, claimed: &Claimed, definition: &Definition, gathered: &Gathered) -> Option<Assignment> {
        let Claimed { ref id, attempt, failures, lease_until, .. } = *claimed;
        let place = StepPlace::of(id.idx);
        let step = definition.step(id.idx)?;
        let input = gathered.inputs.get(&id.task_id)?.clone();
        let undone = definition.end_work.compensates(id.idx);
        let work = gathered.work.get(id);
        let trace_context = self.trace_within(&input, *id, attempt);
        let results = definition.results_before(id.idx).filter_map(|idx| {
            let name = &definition.steps.get(idx as usize)?.name;
            let result = gathered.results.get(&StepId::new(id.task_id, idx))?;
            Some((Arc::clone(name), result.clone()))
        });
        Some(Assignment {
            lease: Lease { task_id: id.task_id, step_idx: id.idx, attempt },
            lease_until,
            lease_ms: self.lease_ms(),
            step_uuid: id.uuid(),
            namespace: Arc::clone(&definition.namespace),
            template: Arc::clone(&definition.name),
            version: Arc::clone(&definition.version),
            step: Arc::clone(&definition.steps.get(undone.unwrap_or(place.step) as usize)?.name),
            handler: definition.handlers.get(place.step as usize)?.clone(),
            input: input.context,
            results: results.collect(),
            failures,
            max_attempts: step.retry.max_attempts,
            timeout_ms: step.timeout().map(|timeout| u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX)),
            correlation_id: input.correlation_id,
            kind: if undone.is_some() { AttemptKind::Compensation } else { AttemptKind::from(step.kind) },
            batch: work.and_then(|work| work.part.clone()),
            checkpoint: work.and_then(|work| work.checkpoint.clone()),
            parent: input.parent,
            trace_context,
            ending: claimed.ending.clone(),
        })
    }
}

/// As many steps as probably fit into the room that is left, going by those that were `read`.
fn stride(left: usize, bytes: usize, read: usize) -> usize {
    bytes.checked_div(read).map_or(STRIDE, |each| (left / each.max(1)).max(1))
}

impl From<StepKind> for AttemptKind {
    fn from(kind: StepKind) -> Self {
        match kind {
            StepKind::Standard | StepKind::Wait | StepKind::Workflow => Self::Standard,
            StepKind::Decision => Self::Decision,
            StepKind::DeferredConvergence => Self::DeferredConvergence,
            StepKind::Batchable => Self::Batchable,
            StepKind::BatchWorker => Self::BatchWorker,
        }
    }
}
