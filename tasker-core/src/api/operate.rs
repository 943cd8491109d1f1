//! What operators do to tasks. Every verb is kept in the history, with who and why.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    Api,
    access::Caller,
    extract::{Body, OptionalBody, Parameters, Path},
    hidden::Show,
    problem::{Refusals, Result, field_invalid},
    steps,
};
use crate::{
    model::{self, Actor, Task, TaskId, limits},
    orchestration::{Permission, RerunFrom},
    state::Which,
    view::{ActedView, BulkAction, StepView, SubmittedView, TaskView},
};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(cancel))
        .routes(routes!(delete))
        .routes(routes!(pause))
        .routes(routes!(resume))
        .routes(routes!(resolve))
        .routes(routes!(retry))
        .routes(routes!(rerun))
        .routes(routes!(prioritize))
        .routes(routes!(act))
        .routes(routes!(signal))
        .routes(routes!(patch_step))
}

/// Who does it, and why; kept in the history.
#[derive(Debug, Default, Deserialize, ToSchema, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Doer {
    /// A person's or a program's name.
    pub(super) by: Option<String>,
    pub(super) reason: Option<String>,
}

async fn shown(caller: &Caller, api: &Api, task: Task) -> Result<Json<TaskView>> {
    Ok(Json(TaskView::with_steps(&api.engine, task).await?.shown_to(caller)))
}

/// Stop a task
///
/// Its open steps are cancelled at once, and what running handlers still report is left out.
#[utoipa::path(post, path = "/v1/tasks/{task_uuid}/cancel", tag = "tasks", params(("task_uuid" = TaskId, Path,)),
    request_body = Option<Doer>, responses(
    (status = OK, description = "The task, stopped.", body = TaskView),
    Refusals,
))]
async fn cancel(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<TaskId>,
    OptionalBody(doer): OptionalBody<Doer>,
) -> Result<Json<TaskView>> {
    caller.demand_task(&api, Permission::Operate, id).await?;
    let task = api.engine.cancel(id, caller.actor(doer.by, doer.reason)).await?;
    shown(&caller, &api, task).await
}

/// Stop a task, as `POST .../cancel` does
#[utoipa::path(delete, path = "/v1/tasks/{task_uuid}", tag = "tasks", params(("task_uuid" = TaskId, Path,), Doer), responses(
    (status = OK, description = "The task, stopped.", body = TaskView),
    Refusals,
))]
async fn delete(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<TaskId>,
    Parameters(doer): Parameters<Doer>,
) -> Result<Json<TaskView>> {
    caller.demand_task(&api, Permission::Operate, id).await?;
    let task = api.engine.cancel(id, caller.actor(doer.by, doer.reason)).await?;
    shown(&caller, &api, task).await
}

/// Pause a task
///
/// No further step of it starts. Running attempts go on, and what they report is recorded; a deadline stands.
#[utoipa::path(post, path = "/v1/tasks/{task_uuid}/pause", tag = "tasks", params(("task_uuid" = TaskId, Path,)),
    request_body = Option<Doer>, responses(
    (status = OK, description = "The task, paused.", body = TaskView),
    Refusals,
))]
async fn pause(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<TaskId>,
    OptionalBody(doer): OptionalBody<Doer>,
) -> Result<Json<TaskView>> {
    caller.demand_task(&api, Permission::Operate, id).await?;
    let task = api.engine.pause(id, caller.actor(doer.by, doer.reason)).await?;
    shown(&caller, &api, task).await
}

/// Let a paused task go on
#[utoipa::path(post, path = "/v1/tasks/{task_uuid}/resume", tag = "tasks", params(("task_uuid" = TaskId, Path,)),
    request_body = Option<Doer>, responses(
    (status = OK, description = "The task, which goes on.", body = TaskView),
    Refusals,
))]
async fn resume(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<TaskId>,
    OptionalBody(doer): OptionalBody<Doer>,
) -> Result<Json<TaskView>> {
    caller.demand_task(&api, Permission::Operate, id).await?;
    let task = api.engine.resume(id, caller.actor(doer.by, doer.reason)).await?;
    shown(&caller, &api, task).await
}

/// Close a task by hand
///
/// An open or a failed one: it is `resolved_manually`, and its open steps are cancelled.
#[utoipa::path(post, path = "/v1/tasks/{task_uuid}/resolve", tag = "tasks", params(("task_uuid" = TaskId, Path,)),
    request_body = Option<Doer>, responses(
    (status = OK, description = "The task, closed.", body = TaskView),
    Refusals,
))]
async fn resolve(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<TaskId>,
    OptionalBody(doer): OptionalBody<Doer>,
) -> Result<Json<TaskView>> {
    caller.demand_task(&api, Permission::Operate, id).await?;
    let task = api.engine.resolve(id, caller.actor(doer.by, doer.reason)).await?;
    shown(&caller, &api, task).await
}

/// Which steps to try again.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Retry {
    /// The step of this name; every failed one if not given.
    step: Option<String>,
    by: Option<String>,
    reason: Option<String>,
}

/// Try failed steps again
///
/// They run again with all their attempts anew, and a step that waits for its retry runs at once. A failed task goes on, with
/// its time anew, and the steps that were cancelled because of these failures come back.
#[utoipa::path(post, path = "/v1/tasks/{task_uuid}/retry", tag = "tasks", params(("task_uuid" = TaskId, Path,)),
    request_body = Option<Retry>, responses(
    (status = OK, description = "The task, which goes on.", body = TaskView),
    Refusals,
))]
async fn retry(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<TaskId>,
    OptionalBody(Retry { step, by, reason }): OptionalBody<Retry>,
) -> Result<Json<TaskView>> {
    let which = step.map_or(Which::Failed, |name| Which::Name(name.into()));
    caller.demand_task(&api, Permission::Operate, id).await?;
    let task = api.engine.retry(id, which, caller.actor(by, reason)).await?;
    shown(&caller, &api, task).await
}

/// How to run a task again.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Rerun {
    /// The name of the step to run again from, with all that depend on it; from the beginning if not given.
    from: Option<String>,
    /// With `from`: the new task's input, in place of that of the old one.
    #[schema(value_type = Option<serde_json::Value>)]
    context: Option<model::Json>,
    /// With `from`: results by the names of steps, in place of those that the old task has.
    #[serde(default)]
    #[schema(value_type = std::collections::BTreeMap<String, serde_json::Value>)]
    results: std::collections::BTreeMap<String, model::Json>,
    by: Option<String>,
    reason: Option<String>,
}

/// Run an ended task again
///
/// A new task of the same template version with the same input, whose `rerun_of` names the old one. With `from`, it takes over the
/// results of all steps but that one and those that depend on it; `context` and `results` then change what it begins with.
#[utoipa::path(post, path = "/v1/tasks/{task_uuid}/rerun", tag = "tasks", params(("task_uuid" = TaskId, Path,)),
    request_body = Option<Rerun>, responses(
    (status = CREATED, description = "The new task.", body = SubmittedView, headers(("location" = String, description = "Where it is."))),
    (status = OK, description = "The new task, which an earlier request of the same kind has made.", body = SubmittedView),
    Refusals,
))]
async fn rerun(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<TaskId>,
    OptionalBody(Rerun { from, context, results, by, reason }): OptionalBody<Rerun>,
) -> Result<Response> {
    caller.demand_task(&api, Permission::Operate, id).await?;
    let actor = caller.actor(by, reason);
    let submitted = match from {
        Some(from) => api.engine.rerun_from(id, RerunFrom { from, context, results }, actor).await?,
        None if context.is_some() || !results.is_empty() => {
            return Err(field_invalid("from", "name the step to run again from, or submit another task"));
        }
        None => api.engine.rerun(id, actor).await?,
    };
    let submitted = SubmittedView::from(submitted);
    let status = if submitted.is_new { StatusCode::CREATED } else { StatusCode::OK };
    let place = format!("/v1/tasks/{}", submitted.task_uuid);
    Ok((status, [(header::LOCATION, place)], Json(submitted)).into_response())
}

/// A new priority.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Priority {
    /// Higher goes first.
    priority: i16,
    by: Option<String>,
    reason: Option<String>,
}

/// Change the priority of a task
#[utoipa::path(post, path = "/v1/tasks/{task_uuid}/priority", tag = "tasks", params(("task_uuid" = TaskId, Path,)),
    request_body = Priority, responses(
    (status = OK, description = "The task.", body = TaskView),
    Refusals,
))]
async fn prioritize(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<TaskId>,
    Body(Priority { priority, by, reason }): Body<Priority>,
) -> Result<Json<TaskView>> {
    caller.demand_task(&api, Permission::Operate, id).await?;
    let task = api.engine.prioritize(id, priority, caller.actor(by, reason)).await?;
    shown(&caller, &api, task).await
}

/// Do the same to many tasks
///
/// Each is answered by itself: one that is refused does not keep the others back.
#[utoipa::path(post, path = "/v1/tasks/actions", tag = "tasks", request_body = BulkAction, responses(
    (status = OK, description = "What became, or would become, of each task.", body = ActedView),
    Refusals,
))]
async fn act(State(api): State<Api>, caller: Caller, Body(mut request): Body<BulkAction>) -> Result<Json<ActedView>> {
    for id in request.ids.iter().flatten().take(limits::PAGE as usize) {
        caller.demand_task(&api, Permission::Operate, *id).await?;
    }
    if let Some(filter) = &mut request.filter {
        filter.namespace = caller.demand_list(Permission::Operate, filter.namespace.take())?;
    }
    let Actor { by, reason } = caller.actor(request.by.take(), request.reason.take());
    (request.by, request.reason) = (by, reason);
    Ok(Json(ActedView::act(&api.engine, request).await?))
}

/// What a signal brings.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Signal {
    /// The result of the step that waits for it; null if not given.
    #[schema(value_type = Option<serde_json::Value>)]
    payload: Option<model::Json>,
    by: Option<String>,
}

/// Send a signal to a task
///
/// For the first step that waits for this name and has none yet; it may come before the wait.
#[utoipa::path(post, path = "/v1/tasks/{task_uuid}/signals/{name}", tag = "tasks",
    params(("task_uuid" = TaskId, Path,), ("name" = String, Path,)), request_body = Option<Signal>, responses(
    (status = OK, description = "The task.", body = TaskView),
    Refusals,
))]
async fn signal(
    State(api): State<Api>,
    caller: Caller,
    Path((id, name)): Path<(TaskId, String)>,
    OptionalBody(Signal { payload, by }): OptionalBody<Signal>,
) -> Result<Json<TaskView>> {
    caller.demand_task(&api, Permission::Operate, id).await?;
    if by.as_ref().is_some_and(|by| by.len() > BY_BYTES) {
        return Err(field_invalid("by", format!("at most {BY_BYTES} bytes are kept")));
    }
    let payload = payload.unwrap_or_else(model::Json::null);
    let task = api.engine.signal(id, &name, payload, caller.actor(by, None).by).await?;
    shown(&caller, &api, task).await
}

const BY_BYTES: usize = 1_024;

#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ActionType {
    /// Let the step run again, with all its attempts anew.
    ResetForRetry,
    /// Close the step by hand, with or without a result.
    ResolveManually,
    /// Give the result of the step in its handler's place.
    CompleteManually,
}

/// What to do to a step.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct StepAction {
    action_type: ActionType,
    /// For `complete_manually`, which needs one, and `resolve_manually`.
    #[schema(value_type = Option<serde_json::Value>)]
    result: Option<model::Json>,
    by: Option<String>,
    reason: Option<String>,
}

/// Try a step again, or close it by hand
#[utoipa::path(patch, path = "/v1/tasks/{task_uuid}/workflow_steps/{step_uuid}", tag = "steps",
    params(("task_uuid" = TaskId, Path,), ("step_uuid" = Uuid, Path,)), request_body = StepAction, responses(
    (status = OK, description = "The step.", body = StepView),
    Refusals,
))]
async fn patch_step(
    State(api): State<Api>,
    caller: Caller,
    Path((id, step_uuid)): Path<(TaskId, Uuid)>,
    Body(StepAction { action_type, result, by, reason }): Body<StepAction>,
) -> Result<Json<StepView>> {
    caller.demand_task(&api, Permission::Operate, id).await?;
    let which = Which::Idx(steps::find(&api, id, step_uuid).await?.step_idx);
    let (engine, actor) = (&api.engine, caller.actor(by, reason));
    match (action_type, result) {
        (ActionType::ResetForRetry, None) => engine.retry(id, which, actor).await?,
        (ActionType::ResetForRetry, Some(_)) => {
            return Err(field_invalid("result", "a step that runs again gives its own"));
        }
        (ActionType::ResolveManually, result) => engine.resolve_steps(id, which, result, actor).await?,
        (ActionType::CompleteManually, Some(result)) => engine.complete_step(id, which, result, actor).await?,
        (ActionType::CompleteManually, None) => return Err(field_invalid("result", "a complete step has one")),
    };
    steps::shown(&api, &caller, id, step_uuid).await
}
