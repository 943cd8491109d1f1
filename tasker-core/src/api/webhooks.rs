//! Addresses to which the log is sent.

use axum::{
    Json,
    extract::{FromRequest, FromRequestParts, Request, State},
    http::StatusCode,
    response::IntoResponse,
};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    Api,
    access::Caller,
    extract::{Body, OptionalBody, Parameters, Path},
    operate::Doer,
    problem::{Refusals, Result},
};
use crate::{
    model::{Actor, Page},
    orchestration::{CreatedWebhook, Delivery, DeliveryState, Error, NewWebhook, Permission, Webhook},
    view::Problem,
};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(show, delete))
        .routes(routes!(disable))
        .routes(routes!(enable))
        .routes(routes!(rotate))
        .routes(routes!(deliveries))
        .routes(routes!(redeliver))
}

/// Deliveries on a page if nothing is said.
const PAGE: u32 = 100;

/// What a webhook sends are payloads, of its namespace or of all: whoever steers it must be allowed to read them.
fn demand(caller: &Caller, verb: Permission, namespace: Option<&str>) -> Result<()> {
    let verbs: &[_] = if verb == Permission::Operate { &[verb, Permission::ReadPayloads] } else { &[verb] };
    verbs.iter().try_for_each(|verb| match namespace {
        Some(namespace) => caller.demand(*verb, namespace),
        None => caller.demand_wholly(*verb),
    })
}

/// The webhook, if the caller may do this with it; else as if there were none.
async fn demanded(api: &Api, caller: &Caller, verb: Permission, id: Uuid) -> Result<Webhook> {
    let webhook = api.engine.webhook(id).await?;
    let namespace = webhook.definition.namespace.as_deref();
    // Of another namespace: ids are not to be probed.
    if demand(caller, Permission::Read, namespace).is_err() && demand(caller, verb, namespace).is_err() {
        return Err(Error::WebhookNotFound(id).into());
    }
    demand(caller, verb, namespace)?;
    Ok(webhook)
}

/// Who steers which webhook, and may.
struct Steered {
    api: Api,
    webhook_id: Uuid,
    delivery_id: Option<Uuid>,
    actor: Actor,
}

/// What the path names.
#[derive(Deserialize)]
struct Named {
    webhook_id: Uuid,
    #[serde(default)]
    delivery_id: Option<Uuid>,
}

impl FromRequest<Api> for Steered {
    type Rejection = Box<Problem>;

    async fn from_request(request: Request, api: &Api) -> Result<Self> {
        let (mut parts, body) = request.into_parts();
        let caller = Caller::from_request_parts(&mut parts, api).await?;
        let Path(Named { webhook_id, delivery_id }) = Path::from_request_parts(&mut parts, api).await?;
        let OptionalBody(doer) = OptionalBody::<Doer>::from_request(Request::from_parts(parts, body), api).await?;
        demanded(api, &caller, Permission::Operate, webhook_id).await?;
        Ok(Self { api: api.clone(), webhook_id, delivery_id, actor: caller.actor(doer.by, doer.reason) })
    }
}

/// List the webhooks
///
/// The newest first, without their secrets.
#[utoipa::path(get, path = "/v1/webhooks", tag = "webhooks", responses(
    (status = OK, description = "The webhooks that the key may see.", body = Page<Webhook>),
    Refusals,
))]
async fn list(State(api): State<Api>, caller: Caller) -> Result<Json<Page<Webhook>>> {
    let mut items = api.engine.webhooks().await?;
    items.retain(|webhook| demand(&caller, Permission::Read, webhook.definition.namespace.as_deref()).is_ok());
    Ok(Json(Page { items, next: None }))
}

/// Register a webhook
///
/// From now on what happens is sent to its address, signed in the manner of Standard Webhooks. The secret is in this answer and
/// never again. The key has to allow `operate` and `read_payloads`, in every namespace unless one is named.
#[utoipa::path(post, path = "/v1/webhooks", tag = "webhooks", request_body = NewWebhook, responses(
    (status = CREATED, description = "The webhook with its secret.", body = CreatedWebhook),
    Refusals,
))]
async fn create(State(api): State<Api>, caller: Caller, Body(mut new): Body<NewWebhook>) -> Result<impl IntoResponse> {
    demand(&caller, Permission::Operate, new.namespace.as_deref())?;
    new.by = caller.actor(new.by, None).by;
    let created = api.engine.create_webhook(new).await?;
    Ok((StatusCode::CREATED, Json(created)))
}

/// Look at a webhook
#[utoipa::path(get, path = "/v1/webhooks/{webhook_id}", tag = "webhooks", params(("webhook_id" = Uuid, Path,)), responses(
    (status = OK, description = "The webhook.", body = Webhook),
    Refusals,
))]
async fn show(State(api): State<Api>, caller: Caller, Path(id): Path<Uuid>) -> Result<Json<Webhook>> {
    Ok(Json(demanded(&api, &caller, Permission::Read, id).await?))
}

/// Delete a webhook
///
/// With the log of its deliveries.
#[utoipa::path(delete, path = "/v1/webhooks/{webhook_id}", tag = "webhooks",
    params(("webhook_id" = Uuid, Path,), Doer), responses(
    (status = NO_CONTENT, description = "It is gone."),
    Refusals,
))]
async fn delete(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<Uuid>,
    Parameters(doer): Parameters<Doer>,
) -> Result<StatusCode> {
    demanded(&api, &caller, Permission::Operate, id).await?;
    api.engine.delete_webhook(id, &caller.actor(doer.by, doer.reason)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Stop a webhook
///
/// Nothing is sent any more. What it has not got is kept, also from retention, until it goes on or is deleted.
#[utoipa::path(post, path = "/v1/webhooks/{webhook_id}/disable", tag = "webhooks", params(("webhook_id" = Uuid, Path,)),
    request_body = Option<Doer>, responses(
    (status = OK, description = "The webhook, stopped.", body = Webhook),
    Refusals,
))]
async fn disable(Steered { api, webhook_id, actor, .. }: Steered) -> Result<Json<Webhook>> {
    Ok(Json(api.engine.disable_webhook(webhook_id, &actor).await?))
}

/// Let a webhook go on
///
/// One that was stopped, or has failed, goes on where it stands.
#[utoipa::path(post, path = "/v1/webhooks/{webhook_id}/enable", tag = "webhooks", params(("webhook_id" = Uuid, Path,)),
    request_body = Option<Doer>, responses(
    (status = OK, description = "The webhook, active.", body = Webhook),
    Refusals,
))]
async fn enable(Steered { api, webhook_id, actor, .. }: Steered) -> Result<Json<Webhook>> {
    Ok(Json(api.engine.enable_webhook(webhook_id, &actor).await?))
}

/// Give a webhook another secret
///
/// The one before signs too for a day, so that the receiver can change over. The new one is in this answer and never again.
#[utoipa::path(post, path = "/v1/webhooks/{webhook_id}/rotate", tag = "webhooks", params(("webhook_id" = Uuid, Path,)),
    request_body = Option<Doer>, responses(
    (status = OK, description = "The webhook with its new secret.", body = CreatedWebhook),
    Refusals,
))]
async fn rotate(Steered { api, webhook_id, actor, .. }: Steered) -> Result<Json<CreatedWebhook>> {
    Ok(Json(api.engine.rotate_webhook(webhook_id, &actor).await?))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Listed {
    /// Only those in this state.
    state: Option<DeliveryState>,
    /// The `next` of the page before.
    after: Option<Uuid>,
    /// 1 to 1,000; 100 if not given.
    #[param(minimum = 1, maximum = 1_000)]
    limit: Option<u32>,
}

/// List what was sent to a webhook
///
/// The newest first, with each try: its time, the status of the answer, and how long it took. Kept for 7 days, and for 30 where
/// it failed.
#[utoipa::path(get, path = "/v1/webhooks/{webhook_id}/deliveries", tag = "webhooks",
    params(("webhook_id" = Uuid, Path,), Listed), responses(
    (status = OK, description = "The deliveries.", body = Page<Delivery>),
    Refusals,
))]
async fn deliveries(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<Uuid>,
    Parameters(listed): Parameters<Listed>,
) -> Result<Json<Page<Delivery>>> {
    demanded(&api, &caller, Permission::Read, id).await?;
    let limit = listed.limit.unwrap_or(PAGE);
    Ok(Json(api.engine.deliveries(id, listed.state, listed.after, limit).await?))
}

/// Send a delivery again
///
/// One that has ended is sent once more, with the id it had.
#[utoipa::path(post, path = "/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver", tag = "webhooks",
    params(("webhook_id" = Uuid, Path,), ("delivery_id" = Uuid, Path,)), request_body = Option<Doer>, responses(
    (status = OK, description = "The delivery, to be sent.", body = Delivery),
    Refusals,
))]
async fn redeliver(Steered { api, webhook_id, delivery_id, actor }: Steered) -> Result<Json<Delivery>> {
    Ok(Json(api.engine.redeliver(webhook_id, delivery_id.unwrap_or_default(), &actor).await?))
}
