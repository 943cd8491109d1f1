use std::iter;

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api,
    access::Caller,
    extract::{Parameters, Path, Yaml},
    problem::{Refusals, Result},
};
use crate::{
    model::Page,
    orchestration::{Error, Permission},
    template,
    view::{RegisteredView, TemplateDiff, TemplateView},
};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list, register))
        .routes(routes!(show_highest))
        .routes(routes!(show))
        .routes(routes!(diff))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Filter {
    namespace: Option<String>,
    name: Option<String>,
}

/// List the registered templates
///
/// Every version, by namespace, name and descending version, without the definitions.
#[utoipa::path(get, path = "/v1/templates", tag = "templates", params(Filter), responses(
    (status = OK, description = "The templates.", body = Page<TemplateView>),
    Refusals,
))]
async fn list(
    State(api): State<Api>,
    caller: Caller,
    Parameters(filter): Parameters<Filter>,
) -> Result<Json<Page<TemplateView>>> {
    let Filter { namespace, name } = filter;
    let namespace = caller.demand_list(Permission::Read, namespace)?;
    let items = TemplateView::list(&api.engine, namespace.as_deref(), name.as_deref()).await?;
    Ok(Json(Page { items, next: None }))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Source {
    /// What faults name as the file.
    source_name: Option<String>,
}

/// Register a template
///
/// The body is the template's YAML (or JSON, which is YAML). The same content again is no error; other content under a version
/// that is registered is refused.
#[utoipa::path(post, path = "/v1/templates", tag = "templates", params(Source),
    request_body(content = String, content_type = "application/yaml"), responses(
    (status = CREATED, description = "Registered.", body = RegisteredView),
    (status = OK, description = "It was registered before.", body = RegisteredView),
    Refusals,
))]
async fn register(
    State(api): State<Api>,
    caller: Caller,
    Parameters(source): Parameters<Source>,
    Yaml(yaml): Yaml,
) -> Result<Response> {
    let name = source.source_name.as_deref().unwrap_or("template");
    if caller.namespaces().is_some() {
        let template = template::parse(&yaml, name).map_err(Error::from)?;
        // Its tasks start those of others: who may not put templates there must not reach them by this way.
        let children = template.steps.iter().filter_map(|step| Some(step.workflow.as_ref()?.namespace.as_str()));
        for namespace in iter::once(template.namespace.as_str()).chain(children) {
            caller.demand(Permission::Templates, namespace)?;
        }
    }
    let registered = RegisteredView::register(&api.engine, &yaml, name).await?;
    let status = if registered.is_new { StatusCode::CREATED } else { StatusCode::OK };
    let RegisteredView { namespace, name, version, .. } = &registered;
    let place = format!("/v1/templates/{namespace}/{name}/{version}");
    Ok((status, [(header::LOCATION, place)], Json(registered)).into_response())
}

/// Show the highest version of a template
#[utoipa::path(get, path = "/v1/templates/{namespace}/{name}", tag = "templates",
    params(("namespace" = String, Path,), ("name" = String, Path,)), responses(
    (status = OK, description = "The template with its definition.", body = TemplateView),
    Refusals,
))]
async fn show_highest(
    State(api): State<Api>,
    caller: Caller,
    Path((namespace, name)): Path<(String, String)>,
) -> Result<Json<TemplateView>> {
    caller.demand(Permission::Read, &namespace)?;
    Ok(Json(TemplateView::load(&api.engine, &namespace, &name, None).await?))
}

/// Show a version of a template
#[utoipa::path(get, path = "/v1/templates/{namespace}/{name}/{version}", tag = "templates",
    params(("namespace" = String, Path,), ("name" = String, Path,), ("version" = String, Path,)), responses(
    (status = OK, description = "The template with its definition.", body = TemplateView),
    Refusals,
))]
async fn show(
    State(api): State<Api>,
    caller: Caller,
    Path((namespace, name, version)): Path<(String, String, String)>,
) -> Result<Json<TemplateView>> {
    caller.demand(Permission::Read, &namespace)?;
    Ok(Json(TemplateView::load(&api.engine, &namespace, &name, Some(&version)).await?))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Versions {
    /// The version that the changes start from.
    from: String,
    /// The version that the changes lead to; the highest if not given.
    to: Option<String>,
}

/// Compare two versions of a template
#[utoipa::path(get, path = "/v1/templates/{namespace}/{name}/diff", tag = "templates",
    params(("namespace" = String, Path,), ("name" = String, Path,), Versions), responses(
    (status = OK, description = "What changed.", body = TemplateDiff),
    Refusals,
))]
async fn diff(
    State(api): State<Api>,
    caller: Caller,
    Path((namespace, name)): Path<(String, String)>,
    Parameters(Versions { from, to }): Parameters<Versions>,
) -> Result<Json<TemplateDiff>> {
    caller.demand(Permission::Read, &namespace)?;
    Ok(Json(TemplateDiff::load(&api.engine, &namespace, &name, &from, to.as_deref()).await?))
}
