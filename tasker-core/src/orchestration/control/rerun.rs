use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Engine, Error, Result, check_actor, refused};
use crate::{
    dag::{Definition, Submission, TemplateKey, plan},
    model::{Actor, Json, Task, TaskId, limits},
    orchestration::Submitted,
    state::{Input, Takeover, Verb},
    store::PayloadRequest,
};

impl Engine {
    /// Runs an ended task again: a new task of the same template version with the same input, whose `rerun_of` names the old
    /// one. The old task stays as it ended, and its history tells of the new one.
    ///
    /// The same call made twice before the first is answered gives one new task.
    ///
    /// # Errors
    /// [`Error::TaskNotFound`]; [`Error::TaskUnfit`] if it has not ended; [`Error::Store`].
    pub async fn rerun(&self, task_id: TaskId, actor: Actor) -> Result<Submitted> {
        check_actor(&actor)?;
        let task = self.task(task_id).await?;
        if !task.state.is_final() {
            return Err(Error::TaskUnfit { task_id, state: task.state });
        }
        let seq = task.seq;
        let key = TemplateKey { id: task.template_id, environment: task.environment.as_deref().map(Into::into) };
        let definition = self.definition(&key).await?;
        let submitted = self.insert(plan(&definition, submission(task, &actor))).await?;
        // The column tells of the old task too, so that a process that dies here leaves the two linked.
        let verb = Verb::NoteRerun { task: submitted.task_id, seq };
        self.apply(&[Input::Operate { task_id, verb, actor }], None, None).await?;
        Ok(submitted)
    }
}

/// Where a task is to be run again from, and what is to be different.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RerunFrom {
    /// The name of the step that runs again, with all that depend on it. What else was done is taken over.
    pub from: String,
    /// The new task's input; that of the old one if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "api", schema(value_type = Option<serde_json::Value>))]
    pub context: Option<Json>,
    /// Results by the names of steps, in place of those that the old task has, or does not have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "api", schema(value_type = BTreeMap<String, serde_json::Value>))]
    pub results: BTreeMap<String, Json>,
}

impl Engine {
    /// Runs an ended task again from one of its steps: a new task of the same template version, which takes over what was done
    /// apart from that step and all that depend on it. Its history says which results are taken over, and which were given.
    ///
    /// # Errors
    /// [`Error::TaskNotFound`]; [`Error::TaskUnfit`] if it has not ended; [`Error::StepNotFound`]; [`Error::InputInvalid`];
    /// [`Error::ResultInvalid`]; [`Error::FieldInvalid`] where a step before has no result.
    pub async fn rerun_from(&self, task_id: TaskId, request: RerunFrom, actor: Actor) -> Result<Submitted> {
        check_actor(&actor)?;
        let task = self.task(task_id).await?;
        if !task.state.is_final() {
            return Err(Error::TaskUnfit { task_id, state: task.state });
        }
        let definition = self.definition_of(&task).await?;
        let from = own_step(&definition, task_id, &request.from)?;
        let given = given_results(&definition, task_id, from, request.results)?;
        let mut results = self.results_of(task_id, &definition).await?;
        let names: BTreeSet<_> = given.keys().copied().collect();
        results.extend(given);
        let mut submission = Submission { idempotency_key: None, ..submission(task, &actor) };
        if let Some(context) = request.context {
            check_size("context", &context)?;
            definition.check_input(&context).map_err(Error::InputInvalid)?;
            submission.context = context;
        }
        let task = plan(&definition, submission);
        let task_uuid = task.task_id;
        let verb = Verb::RerunFrom(Box::new(Takeover { task, from, results, given: names }));
        let changes = self.apply(&[Input::Operate { task_id, verb, actor }], None, None).await?;
        match refused(&changes, 0) {
            Some(refusal) => Err(Error::refused(task_id, refusal)),
            None => Ok(Submitted { task_id: task_uuid, is_new: true }),
        }
    }

    /// The results of all own steps of a task that has ended: they do not change any more.
    async fn results_of(&self, task_id: TaskId, definition: &Definition) -> Result<BTreeMap<u32, Json>> {
        let steps = definition.own_steps.iter().map(|step| step.idx).collect();
        let request = PayloadRequest { steps, ..PayloadRequest::new(task_id) };
        let mut payloads = self.store.payloads(&[request]).await?;
        Ok(payloads.pop().map(|payload| payload.results.into_iter().collect()).unwrap_or_default())
    }
}

fn own_step(definition: &Definition, task_id: TaskId, name: &str) -> Result<u32> {
    let found = definition.own_steps.iter().find(|step| *step.name == *name);
    found.map(|step| step.idx).ok_or(Error::StepNotFound { task_id })
}

fn given_results(
    definition: &Definition,
    task_id: TaskId,
    from: u32,
    results: BTreeMap<String, Json>,
) -> Result<BTreeMap<u32, Json>> {
    let mut given = BTreeMap::new();
    for (name, result) in results {
        let idx = own_step(definition, task_id, &name)?;
        if idx == from {
            let reason = format!("`{name}` is the step that runs again: it will have a result of its own");
            return Err(Error::FieldInvalid { field: "results", reason });
        }
        check_size("results", &result)?;
        definition.check_result(idx, &result).map_err(Error::ResultInvalid)?;
        given.insert(idx, result);
    }
    Ok(given)
}

fn check_size(field: &'static str, value: &Json) -> Result<()> {
    if value.size() > limits::PAYLOAD_BYTES {
        let reason = format!("has {} bytes; at most {} are taken", value.size(), limits::PAYLOAD_BYTES);
        return Err(Error::FieldInvalid { field, reason });
    }
    Ok(())
}

fn submission(task: Task, actor: &Actor) -> Submission {
    Submission {
        context: task.context,
        priority: task.priority,
        initiator: actor.by.clone().or(task.initiator),
        source_system: task.source_system,
        reason: actor.reason.clone().or(task.reason),
        tags: task.tags,
        correlation_id: task.correlation_id,
        parent_correlation_id: task.parent_correlation_id,
        // What happens to the old task meanwhile moves its `seq`, so that a later wish is another one.
        idempotency_key: Some(format!("rerun of {} at event {}", task.task_id, task.seq)),
        rerun_of: Some(task.task_id),
        trace: task.flow.trace,
    }
}
