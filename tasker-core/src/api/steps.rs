use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    Api,
    access::Caller,
    extract::{Parameters, Path},
    hidden::{Hide, Show},
    problem::{self, Refusals, Result},
};
use crate::{
    model::{Page, TaskId, limits},
    orchestration::{Error, Permission},
    view::{EventView, StepView},
};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(show)).routes(routes!(parts)).routes(routes!(audit))
}

/// The steps of a task, in the order of its template
#[utoipa::path(get, path = "/v1/tasks/{task_uuid}/workflow_steps", tag = "steps", params(("task_uuid" = TaskId, Path,)), responses(
    (status = OK, description = "Every step.", body = Vec<StepView>),
    Refusals,
))]
async fn list(State(api): State<Api>, caller: Caller, Path(id): Path<TaskId>) -> Result<Json<Vec<StepView>>> {
    let task = api.engine.task(id).await?;
    caller.demand_task(&api, Permission::Read, id).await?;
    let steps = StepView::list(&api.engine, id).await?;
    Ok(Json(steps.into_iter().map(|step| step.shown_in(&caller, &task.namespace)).collect()))
}

/// One step
#[utoipa::path(get, path = "/v1/tasks/{task_uuid}/workflow_steps/{step_uuid}", tag = "steps",
    params(("task_uuid" = TaskId, Path,), ("step_uuid" = Uuid, Path,)), responses(
    (status = OK, description = "The step.", body = StepView),
    Refusals,
))]
async fn show(
    State(api): State<Api>,
    caller: Caller,
    Path((id, step)): Path<(TaskId, Uuid)>,
) -> Result<Json<StepView>> {
    caller.demand_task(&api, Permission::Read, id).await?;
    shown(&api, &caller, id, step).await
}

/// Which parts of a step.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
struct PartsQuery {
    /// The number of the first part; `next` of the page before.
    from: u32,
    /// Parts at most: 1 to 1000, 100 if not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// The parts of a step whose work is split, in order
#[utoipa::path(get, path = "/v1/tasks/{task_uuid}/workflow_steps/{step_uuid}/parts", tag = "steps",
    params(("task_uuid" = TaskId, Path,), ("step_uuid" = Uuid, Path,), PartsQuery), responses(
    (status = OK, description = "One page of parts; of other steps, an empty one.", body = Page<StepView>),
    Refusals,
))]
async fn parts(
    State(api): State<Api>,
    caller: Caller,
    Path((id, step)): Path<(TaskId, Uuid)>,
    Parameters(PartsQuery { from, limit }): Parameters<PartsQuery>,
) -> Result<Json<Page<StepView>>> {
    caller.demand_task(&api, Permission::Read, id).await?;
    let namespace = api.engine.task(id).await?.namespace;
    let step = find(&api, id, step).await?;
    let limit = limit.unwrap_or(100);
    if !(1..=limits::PAGE).contains(&limit) {
        let reason = format!("a page of {limit} parts; write a number from 1 to {}", limits::PAGE);
        return Err(Error::FieldInvalid { field: "limit", reason }.into());
    }
    let page = StepView::parts(&api.engine, id, step.step_idx, from, limit).await?;
    let items = page.items.into_iter().map(|part| part.shown_in(&caller, &namespace)).collect();
    Ok(Json(Page { items, next: page.next }))
}

/// Everything that happened to a step
#[utoipa::path(get, path = "/v1/tasks/{task_uuid}/workflow_steps/{step_uuid}/audit", tag = "steps",
    params(("task_uuid" = TaskId, Path,), ("step_uuid" = Uuid, Path,)), responses(
    (status = OK, description = "Its events, in order.", body = Vec<EventView>),
    Refusals,
))]
async fn audit(
    State(api): State<Api>,
    caller: Caller,
    Path((id, step)): Path<(TaskId, Uuid)>,
) -> Result<Json<Vec<EventView>>> {
    caller.demand_task(&api, Permission::Read, id).await?;
    let step = find(&api, id, step).await?;
    let (mut events, mut after) = (Vec::new(), 0);
    loop {
        let page = EventView::history(&api.engine, id, after).await?;
        let last = page.items.last().map(|event| event.seq);
        let of_step = page.items.into_iter().filter(|event| event.step_idx == Some(step.step_idx));
        events.extend(of_step.map(|event| event.shown_to(&caller)));
        match last.filter(|_| page.next.is_some()) {
            Some(last) => after = last,
            None => return Ok(Json(events)),
        }
    }
}

/// A step as the caller may see it.
pub(super) async fn shown(api: &Api, caller: &Caller, id: TaskId, step: Uuid) -> Result<Json<StepView>> {
    let namespace = api.engine.task(id).await?.namespace;
    Ok(Json(find(api, id, step).await?.shown_in(caller, &namespace)))
}

pub(super) async fn find(api: &Api, id: TaskId, step: Uuid) -> Result<StepView> {
    StepView::load(&api.engine, id, step).await?.ok_or_else(|| {
        let detail = format!("task {id} has no step {step}");
        let remedy = "correct the id; GET /v1/tasks/{task_uuid}/workflow_steps lists the steps";
        problem::new(StatusCode::NOT_FOUND, "step_not_found", detail, remedy)
    })
}
