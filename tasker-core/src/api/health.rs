use std::time::Duration;

use axum::{Json, extract::State, http::StatusCode};
use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api,
    problem::{self, Result},
};
use crate::view::Problem;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(health)).routes(routes!(live)).routes(routes!(ready))
}

/// How a server is.
#[derive(Debug, Serialize, ToSchema)]
struct Health {
    /// `ok`
    status: &'static str,
    /// The version of Tasker.
    version: &'static str,
}

const OK: Health = Health { status: "ok", version: env!("CARGO_PKG_VERSION") };

/// How long the database may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether the server is ready
///
/// The same as `/health/ready`.
#[utoipa::path(get, path = "/health", tag = "health", security(()), responses(
    (status = OK, description = "It is.", body = Health),
    (status = SERVICE_UNAVAILABLE, description = "It is not.", body = Problem, content_type = "application/problem+json"),
))]
async fn health(state: State<Api>) -> Result<Json<Health>> {
    ready(state).await
}

/// Whether the process answers at all
#[utoipa::path(get, path = "/health/live", tag = "health", security(()), responses(
    (status = OK, description = "It does.", body = Health),
))]
async fn live() -> Json<Health> {
    Json(OK)
}

/// Whether the server can do its work
///
/// The database answers, its schema is that of this version, and the server is not stopping.
#[utoipa::path(get, path = "/health/ready", tag = "health", security(()), responses(
    (status = OK, description = "It can.", body = Health),
    (status = SERVICE_UNAVAILABLE, description = "It cannot.", body = Problem, content_type = "application/problem+json"),
))]
async fn ready(State(api): State<Api>) -> Result<Json<Health>> {
    if api.closing.is_cancelled() {
        let remedy = "send requests to another server";
        return Err(problem::new(StatusCode::SERVICE_UNAVAILABLE, "shutting_down", "the server is stopping", remedy));
    }
    match timeout(PATIENCE, api.engine.check_ready()).await {
        Ok(ready) => ready?,
        Err(_) => {
            let detail = format!("the database did not answer within {} s", PATIENCE.as_secs());
            let remedy = "try again after a moment";
            return Err(problem::new(StatusCode::SERVICE_UNAVAILABLE, "database_unavailable", detail, remedy));
        }
    }
    Ok(Json(OK))
}
