use axum::{Json, extract::State, http::StatusCode, response::IntoResponse};
use tracing::info;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    Api,
    access::Caller,
    extract::{Body, Parameters, Path},
    operate::Doer,
    problem::{Refusals, Result},
};
use crate::{
    model::Page,
    orchestration::{ApiKey, CreatedKey, NewKey},
};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(revoke))
}

/// List the API keys
///
/// The newest first, ended ones too, without their secrets.
#[utoipa::path(get, path = "/v1/keys", tag = "keys", responses(
    (status = OK, description = "The keys.", body = Page<ApiKey>),
    Refusals,
))]
async fn list(State(api): State<Api>, caller: Caller) -> Result<Json<Page<ApiKey>>> {
    info!(by = caller.actor(None, None).by, "the API keys were listed");
    Ok(Json(Page { items: api.engine.keys().await?, next: None }))
}

/// Make an API key
///
/// The secret is in this answer and never again.
#[utoipa::path(post, path = "/v1/keys", tag = "keys", request_body = NewKey, responses(
    (status = CREATED, description = "The key with its secret.", body = CreatedKey),
    Refusals,
))]
async fn create(State(api): State<Api>, caller: Caller, Body(mut new): Body<NewKey>) -> Result<impl IntoResponse> {
    new.by = caller.actor(new.by, None).by;
    let created = api.engine.create_key(new).await?;
    Ok((StatusCode::CREATED, Json(created)))
}

/// End an API key
///
/// Within five seconds no server takes it any more.
#[utoipa::path(delete, path = "/v1/keys/{key_id}", tag = "keys", params(("key_id" = Uuid, Path,), Doer), responses(
    (status = NO_CONTENT, description = "It is ended."),
    Refusals,
))]
async fn revoke(
    State(api): State<Api>,
    caller: Caller,
    Path(key_id): Path<Uuid>,
    Parameters(doer): Parameters<Doer>,
) -> Result<StatusCode> {
    api.engine.revoke_key(key_id, &caller.actor(doer.by, doer.reason)).await?;
    Ok(StatusCode::NO_CONTENT)
}
