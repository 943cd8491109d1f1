use std::time::Duration;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api,
    access::Caller,
    extract::{self, Body, Parameters, Path},
    hidden::Show,
    problem::{Refusals, Result, field_invalid},
};
use crate::{
    model::{self, Page, TaskId, TraceContext, limits},
    orchestration::{Error, Permission, SubmitTask},
    view::{BulkSubmitted, EventView, SubmittedItem, SubmittedView, TaskQuery, TaskView, TreeView, WhyView},
};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list, submit))
        .routes(routes!(submit_bulk))
        .routes(routes!(show))
        .routes(routes!(history))
        .routes(routes!(why))
        .routes(routes!(tree))
}

/// Submit a task
///
/// From the moment of the answer it is stored and runs. With an `idempotency_key` that an earlier task of the same namespace
/// and name has, the answer names that task. The headers `traceparent` and `tracestate` (W3C Trace Context) go with the task
/// to every handler, unless the body has its own.
#[utoipa::path(post, path = "/v1/tasks", tag = "tasks", request_body = SubmitTask, responses(
    (status = CREATED, description = "The new task.", body = SubmittedView, headers(("location" = String, description = "Where it is."))),
    (status = OK, description = "The task that has the idempotency key.", body = SubmittedView),
    Refusals,
))]
async fn submit(
    State(api): State<Api>,
    caller: Caller,
    headers: HeaderMap,
    Body(request): Body<SubmitTask>,
) -> Result<Response> {
    caller.demand(Permission::Submit, &request.namespace)?;
    let request = traced(request, trace_of(&headers).as_ref());
    let submitted = SubmittedView::submit(&api.engine, request).await?;
    let status = if submitted.is_new { StatusCode::CREATED } else { StatusCode::OK };
    let place = format!("/v1/tasks/{}", submitted.task_uuid);
    Ok((status, [(header::LOCATION, place)], Json(submitted)).into_response())
}

/// The trace that a request belongs to.
fn trace_of(headers: &HeaderMap) -> Option<TraceContext> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    TraceContext::of_headers(text("traceparent")?, text("tracestate"))
}

/// A task that names no trace belongs to that of its request.
fn traced(request: SubmitTask, trace: Option<&TraceContext>) -> SubmitTask {
    match trace {
        Some(trace) if request.traceparent.is_none() && request.tracestate.is_none() => SubmitTask {
            traceparent: Some(trace.traceparent.to_string()),
            tracestate: trace.tracestate.as_deref().map(str::to_owned),
            ..request
        },
        _ => request,
    }
}

/// Tasks to submit.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Bulk {
    /// At most 1,000.
    #[schema(value_type = Vec<SubmitTask>, max_items = 1000)]
    tasks: Vec<model::Json>,
}

/// Submit many tasks in one transaction
///
/// Each is answered by itself: what is wrong with one does not keep the others out.
#[utoipa::path(post, path = "/v1/tasks/bulk", tag = "tasks", request_body = Bulk, responses(
    (status = OK, description = "A task or an error for each, in order.", body = BulkSubmitted),
    Refusals,
))]
async fn submit_bulk(
    State(api): State<Api>,
    caller: Caller,
    headers: HeaderMap,
    Body(Bulk { tasks }): Body<Bulk>,
) -> Result<Json<BulkSubmitted>> {
    if tasks.len() > limits::SUBMISSION {
        let reason = format!("{} tasks in one submission; at most {} are taken", tasks.len(), limits::SUBMISSION);
        return Err(field_invalid("tasks", reason));
    }
    let trace = trace_of(&headers);
    let mut requests = Vec::with_capacity(tasks.len());
    let mut refused = Vec::new();
    for (index, task) in tasks.iter().enumerate() {
        let request = extract::decode::<SubmitTask>(task.as_str().as_bytes());
        let allowed = request.and_then(|request| {
            caller.demand(Permission::Submit, &request.namespace)?;
            Ok(request)
        });
        match allowed {
            Ok(request) => requests.push(traced(request, trace.as_ref())),
            Err(problem) => refused.push((index, (*problem).into())),
        }
    }
    let mut answer = BulkSubmitted::submit(&api.engine, requests).await?;
    // Ascending, so that each lands at its own place.
    for (index, error) in refused {
        answer.items.insert(index, SubmittedItem { task_uuid: None, is_new: false, error: Some(error) });
        answer.refused += 1;
    }
    Ok(Json(answer))
}

/// List and search tasks, newest first
///
/// A page looks through the newest 10,000 tasks that one of the filters leaves. It may hold fewer than `limit`, even none, and
/// have a `next`: only a page without `next` is the last.
#[utoipa::path(get, path = "/v1/tasks", tag = "tasks", params(TaskQuery), responses(
    (status = OK, description = "One page, without the steps.", body = Page<TaskView>),
    Refusals,
))]
async fn list(
    State(api): State<Api>,
    caller: Caller,
    Parameters(mut query): Parameters<TaskQuery>,
) -> Result<Json<Page<TaskView>>> {
    query.namespace = caller.demand_list(Permission::Read, query.namespace)?;
    let mut page = TaskView::list(&api.engine, &query).await?;
    page.items = page.items.into_iter().map(|task| task.shown_to(&caller)).collect();
    Ok(Json(page))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wait {
    /// `complete` to wait until the task has ended, however it ends.
    #[param(inline)]
    wait: Option<WaitFor>,
    /// Seconds to wait, at most 60; 30 if not given. When they are over the task is answered as it is.
    #[param(minimum = 0, maximum = 60)]
    timeout: Option<f64>,
}

#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum WaitFor {
    Complete,
}

const WAIT: Duration = Duration::from_secs(30);
const WAIT_MAX: f64 = 60.0;

/// Look at a task with its steps, or wait for its end
#[utoipa::path(get, path = "/v1/tasks/{task_uuid}", tag = "tasks", params(("task_uuid" = TaskId, Path,), Wait), responses(
    (status = OK, description = "The task.", body = TaskView),
    Refusals,
))]
async fn show(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<TaskId>,
    Parameters(wait): Parameters<Wait>,
) -> Result<Json<TaskView>> {
    caller.demand_task(&api, Permission::Read, id).await?;
    let at_most = match wait.timeout {
        None => WAIT,
        Some(seconds) if (0.0..=WAIT_MAX).contains(&seconds) => Duration::from_secs_f64(seconds),
        Some(_) => return Err(field_invalid("timeout", "write seconds from 0 to 60")),
    };
    if wait.wait.is_some() {
        let ended = tokio::select! {
            ended = api.engine.wait(id, at_most) => Some(ended),
            () = api.closing.cancelled() => None,
        };
        match ended {
            Some(Ok(task)) => return Ok(Json(TaskView::with_steps(&api.engine, task).await?.shown_to(&caller))),
            // The time is over: the task as it is.
            Some(Err(Error::NotEnded { .. })) | None => {}
            Some(Err(error)) => return Err(error.into()),
        }
    }
    Ok(Json(TaskView::load(&api.engine, id).await?.shown_to(&caller)))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct After {
    /// Go on behind the event with this number: the `next` of the page before.
    #[param(minimum = 0)]
    after: Option<u64>,
}

/// Everything that happened to a task
///
/// Its events in order, from the first: the transitions of the task and of its steps, and what operators did.
#[utoipa::path(get, path = "/v1/tasks/{task_uuid}/history", tag = "tasks", params(("task_uuid" = TaskId, Path,), After), responses(
    (status = OK, description = "One page of events.", body = Page<EventView>),
    Refusals,
))]
async fn history(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<TaskId>,
    Parameters(After { after }): Parameters<After>,
) -> Result<Json<Page<EventView>>> {
    caller.demand_task(&api, Permission::Read, id).await?;
    let after = i64::try_from(after.unwrap_or(0)).unwrap_or(i64::MAX);
    let mut page = EventView::history(&api.engine, id, after).await?;
    page.items = page.items.into_iter().map(|event| event.shown_to(&caller)).collect();
    Ok(Json(page))
}

/// Why a task stands where it stands
///
/// For the task and every step that is not running: the reason in a word to branch on, since when, and what would move it.
#[utoipa::path(get, path = "/v1/tasks/{task_uuid}/why", tag = "tasks", params(("task_uuid" = TaskId, Path,)), responses(
    (status = OK, description = "The reasons.", body = WhyView),
    Refusals,
))]
async fn why(State(api): State<Api>, caller: Caller, Path(id): Path<TaskId>) -> Result<Json<WhyView>> {
    caller.demand_task(&api, Permission::Read, id).await?;
    Ok(Json(WhyView::load(&api.engine, id).await?))
}

/// A task and all that run for its steps
///
/// The tasks of its sub-workflows, and theirs, parents before children, with the states of their steps: at most 1,000 tasks
/// and 10,000 steps. Tasks of namespaces that the key is not for are left out.
#[utoipa::path(get, path = "/v1/tasks/{task_uuid}/tree", tag = "tasks", params(("task_uuid" = TaskId, Path,)), responses(
    (status = OK, description = "The tree.", body = TreeView),
    Refusals,
))]
async fn tree(State(api): State<Api>, caller: Caller, Path(id): Path<TaskId>) -> Result<Json<TreeView>> {
    caller.demand_task(&api, Permission::Read, id).await?;
    let TreeView { task_uuid, tasks, is_cut } = TreeView::load(&api.engine, id).await?;
    let may_see = |task: &TaskView| caller.demand(Permission::Read, &task.namespace).is_ok();
    let tasks = tasks.into_iter().filter(may_see).map(|task| task.shown_to(&caller)).collect();
    Ok(Json(TreeView { task_uuid, tasks, is_cut }))
}
