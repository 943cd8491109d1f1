//! Sub-workflows: a step starts a task of another template, and ends with it.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use serde_json::Value;

use crate::{
    dag::{Definition, NewTask, Submission, TemplateName, WorkflowRules, plan},
    model::{Fact, Json, Outcome, Parent, StepError, StepId, StepState, TaskId, TaskState, Timestamp, limits},
    state::{StepCause, Verb, working::Working},
};

/// A task that a step wants to start.
#[derive(Clone, Debug)]
pub(in crate::state) struct Spawn {
    pub(in crate::state) idx: u32,
    pub(in crate::state) template: TemplateName,
    input: Value,
    depth: u32,
}

impl Working {
    pub(super) fn begin_workflow(&mut self, idx: u32, workflow: &WorkflowRules) {
        // Until the end of the decision it stands where it stood, and may be come upon twice.
        if self.spawns.iter().any(|spawn| spawn.idx == idx) {
            return;
        }
        let above = self.parent().map_or(0, |parent| parent.depth);
        if above >= limits::DEPTH {
            let message = format!("{} tasks run for one another, which is the limit", limits::DEPTH);
            return self.fail_unbegun(idx, StepError::permanent("depth_exceeded", message));
        }
        let mut input = serde_json::Map::new();
        for (key, expression) in &workflow.input {
            match self.evaluate(idx, expression) {
                None => return,
                Some(Ok(value)) => drop(input.insert(key.clone(), value)),
                Some(Err(reason)) => {
                    let message = format!("`{key}: {}` has no value: {reason}", expression.text());
                    return self.fail_unbegun(idx, StepError::permanent("workflow_input_failed", message));
                }
            }
        }
        let Some(values) = &self.values else { return self.want(Vec::new()) };
        let input = if workflow.input.is_empty() { Value::clone(&values.input) } else { Value::Object(input) };
        self.spawns.push(Spawn { idx, template: workflow.template.clone(), input, depth: above + 1 });
    }

    /// The task that a step starts, from now on waiting for its end.
    pub(in crate::state) fn spawn(&mut self, spawn: Spawn, found: Result<Arc<Definition>, String>) -> Option<NewTask> {
        let Spawn { idx, input, depth, .. } = spawn;
        let input = Json::from(&input);
        let refused = match &found {
            Err(reason) => Some(StepError::permanent("template_not_found", reason.clone())),
            Ok(definition) => definition.check_input(&input).err().map(|faults| {
                let places: Vec<_> =
                    faults.iter().take(10).map(|fault| format!("{}: {}", fault.place(), fault.message)).collect();
                let message = format!("the input does not satisfy the input_schema: {}", places.join("; "));
                StepError::permanent("input_invalid", message).bounded()
            }),
        };
        if let Some(error) = refused {
            self.fail_unbegun(idx, error);
            return None;
        }
        let correlation_id =
            self.values.as_ref().and_then(|values| values.correlation_id.as_deref().map(str::to_owned));
        let submission = Submission {
            context: input,
            priority: self.task.priority,
            initiator: None,
            source_system: None,
            reason: None,
            tags: Vec::new(),
            parent_correlation_id: correlation_id.clone(),
            correlation_id,
            idempotency_key: None,
            rerun_of: None,
            trace: self.task.flow.as_ref().and_then(|flow| flow.trace.clone()),
        };
        let at = self.move_step(idx, StepCause::Wait)?;
        let now = self.now();
        let row = self.row_mut(at);
        row.attempt += 1;
        (row.started_at, row.due_at) = (Some(now), None);
        let (id, attempt, name) = (row.id, row.attempt, Arc::clone(&row.name));
        let child = child_id(id, attempt, now);
        self.change_flow(idx, |flow| flow.child = Some(child));
        self.start_task();
        self.say(Fact::StepChildStarted { step: idx, attempt, child });
        let root = self.parent().map_or(id.task_id, |parent| parent.root);
        let parent = Some(Parent { task_id: id.task_id, step: idx, name, root, depth });
        Some(NewTask { task_id: child, parent, ..plan(found.ok()?.as_ref(), submission) })
    }

    /// What the step that waits for this ended task is told; none if results have to be read first.
    pub(in crate::state) fn outcome_for_parent(&mut self) -> Option<Outcome> {
        let task_id = self.task.task_id;
        let of_task = |error: &StepError| {
            let message = format!("sub-workflow {task_id} failed: {}", error.message);
            StepError { message, backtrace: None, ..error.clone() }
        };
        match self.task.state {
            TaskState::Complete | TaskState::ResolvedManually => self.task_result().map(|result| match result {
                Ok(result) => Outcome::succeeded(result),
                Err(reason) => {
                    let message = format!("the result of sub-workflow {task_id} has no value: {reason}");
                    Outcome::failed(StepError::permanent("result_failed", message))
                }
            }),
            TaskState::Cancelled => {
                let message = format!("sub-workflow {task_id} was cancelled");
                Some(Outcome::failed(StepError::permanent("child_cancelled", message)))
            }
            _ => {
                let unknown = StepError::permanent("child_failed", "it failed");
                Some(Outcome::failed(of_task(self.task.error.as_ref().unwrap_or(&unknown))))
            }
        }
    }

    /// What the template says; else the result of the last step, or of several an object of those that have one.
    fn task_result(&mut self) -> Option<Result<Json, String>> {
        let definition = Arc::clone(self.definition.as_ref()?);
        if let Some(result) = &definition.result {
            let all = definition.steps.iter().map(|step| step.idx);
            return self.evaluate_over(all, result, &definition).map(|value| value.map(|value| Json::from(&value)));
        }
        let leaves: Vec<u32> = definition.graph.leaves().filter(|idx| definition.end_work.is_own(*idx)).collect();
        let mut results = Vec::new();
        let mut missing = Vec::new();
        for leaf in &leaves {
            if let Some(fresh) = self.fresh_result(*leaf) {
                results.push((*leaf, fresh.to_value()));
            } else if let Some(known) = self.values.as_ref().and_then(|values| values.results.get(leaf)) {
                results.extend(known.as_deref().map(|value| (*leaf, value.clone())));
            } else {
                missing.push(*leaf);
            }
        }
        if !missing.is_empty() {
            self.want(missing);
            return None;
        }
        if let [only] = leaves.as_slice() {
            let fresh = self.fresh_result(*only).cloned();
            let stored = || results.pop().map_or_else(Json::null, |(_, value)| Json::from(&value));
            return Some(Ok(fresh.unwrap_or_else(stored)));
        }
        let name = |idx: u32| definition.steps.get(idx as usize).map(|step| step.name.to_string()).unwrap_or_default();
        let by_name = results.into_iter().map(|(idx, value)| (name(idx), value));
        Some(Ok(Json::from(&Value::Object(by_name.collect()))))
    }

    fn parent(&self) -> Option<&Parent> {
        self.task.flow.as_ref()?.parent.as_ref()
    }

    /// Hands on what happens to a task to the one that runs for a step of it.
    pub(in crate::state) fn tell_child(&mut self, idx: u32, verb: Verb) {
        if let Some(child) = self.step(idx).and_then(child_of) {
            self.to_children.push((child, verb));
        }
    }

    pub(in crate::state) fn tell_children(&mut self, verb: &Verb) {
        for idx in self.steps_in(StepState::Waiting) {
            self.tell_child(idx, verb.clone());
        }
    }
}

/// The task that a step waits for the end of.
pub(in crate::state) fn child_of(step: &crate::state::StepSnapshot) -> Option<TaskId> {
    step.flow.as_ref().filter(|_| step.state == StepState::Waiting)?.child
}

/// The id of the task that an attempt of a step starts: the same decision made twice gives the same id.
fn child_id(parent: StepId, attempt: u32, now: Timestamp) -> TaskId {
    let hash = |part: u8| {
        let mut hasher = DefaultHasher::new();
        (parent, attempt, part).hash(&mut hasher);
        hasher.finish().to_be_bytes()
    };
    let mut random = [0; 10];
    random[..8].copy_from_slice(&hash(0));
    random[8..].copy_from_slice(&hash(1)[..2]);
    let ms = u64::try_from(now.as_micros() / 1_000).unwrap_or_default();
    TaskId(uuid::Builder::from_unix_timestamp_millis(ms, &random).into_uuid())
}
