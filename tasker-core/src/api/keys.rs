use axum::{Json, extract::State, http::StatusCode, response::IntoResponse};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    Api,
    access::Caller,
    extract::{Body, Path},
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
async fn list(State(api): State<Api>) -> Result<Json<Page<ApiKey>>> {
    Ok(Json(Page { items: api.engine.keys().await?, next: None }))
}

/// Make an API key
///
/// The secret is in this answer and never again.
#[utoipa::path(post, path = "/v1/keys", tag = "keys", request_body = NewKey, responses(
    (status = CREATED, description = "The key with its secret.", body = CreatedKey),
    Refusals,
))]
async fn create(State(api): State<Api>, caller: Caller, Body(new): Body<NewKey>) -> Result<impl IntoResponse> {
    let created = api.engine.create_key(new, caller.actor(None, None).by).await?;
    Ok((StatusCode::CREATED, Json(created)))
}

/// End an API key
///
/// Within five seconds no server takes it any more.
#[utoipa::path(delete, path = "/v1/keys/{key_id}", tag = "keys", params(("key_id" = Uuid, Path,)), responses(
    (status = NO_CONTENT, description = "It is ended."),
    Refusals,
))]
async fn revoke(State(api): State<Api>, caller: Caller, Path(key_id): Path<Uuid>) -> Result<StatusCode> {
    api.engine.revoke_key(key_id, caller.actor(None, None).by.as_deref()).await?;
    Ok(StatusCode::NO_CONTENT)
}
