use axum::{Json, extract::State};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api,
    access::Caller,
    problem::{Refusals, Result},
};
use crate::{orchestration::Permission, view::StatsView};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(stats))
}

/// How much there is of what, and how fast it moves
#[utoipa::path(get, path = "/v1/stats", tag = "health", responses(
    (status = OK, description = "The counts.", body = StatsView),
    Refusals,
))]
async fn stats(State(api): State<Api>, caller: Caller) -> Result<Json<StatsView>> {
    caller.demand_everywhere(Permission::Read)?;
    Ok(Json(StatsView::load(&api.engine).await?))
}
