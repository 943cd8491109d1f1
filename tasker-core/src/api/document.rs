use axum::{
    Router,
    http::header,
    response::{IntoResponse, Response},
    routing::get,
};
use utoipa::{
    OpenApi,
    openapi::{
        ContentBuilder, OpenApi as Document, Ref, ResponseBuilder,
        security::{Http, HttpAuthScheme, SecurityScheme},
    },
};

use super::{Api, extract::Path, problem::Result, request};
use crate::view::{ErrorPage, FaultView, Problem};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Tasker",
        description = "Workflows that run to their end: templates, tasks, steps, workers. Errors are problem documents \
                       (RFC 9457) with a stable `code`; every answer has the header `x-request-id`.",
        license(name = "MIT", identifier = "MIT"),
    ),
    security(("key" = [])),
    components(schemas(Problem, FaultView)),
    tags(
        (name = "tasks", description = "Submit tasks, look at them, steer them."),
        (name = "steps", description = "The steps of a task, and what an operator does with them."),
        (name = "templates", description = "Workflow templates: register, list, compare."),
        (name = "events", description = "What happens, as it happens."),
        (name = "webhooks", description = "What happens, sent to an address."),
        (name = "workers", description = "For the processes that run handlers."),
        (name = "keys", description = "Who may do what."),
        (name = "health", description = "How the server is."),
    ),
)]
struct Frame;

/// The document without its paths.
pub(super) fn frame() -> Document {
    let mut document = Frame::openapi();
    let mut scheme = Http::new(HttpAuthScheme::Bearer);
    scheme.description = Some("An API key. Without authentication (on loopback) none is needed.".to_owned());
    let components = document.components.get_or_insert_default();
    components.add_security_scheme("key", SecurityScheme::Http(scheme));
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let problem = ResponseBuilder::new()
        .description("Why the request was not carried out; `code` says which of the reasons it is.")
        .content("application/problem+json", content);
    components.responses.insert("Problem".to_owned(), problem.build().into());
    document
}

/// The OpenAPI document of the server, as JSON text for people.
#[must_use]
pub fn document() -> String {
    text(&super::routes().into_openapi())
}

fn text(document: &Document) -> String {
    // The document is made of types that can be written as JSON.
    document.to_pretty_json().map(|text| text + "\n").unwrap_or_default()
}

/// The document and the page that shows it. The page is whole by itself and asks nothing of other hosts.
pub(super) fn routes(document: &Document) -> Router<Api> {
    let json = text(document);
    Router::new()
        .route(
            "/api-docs/openapi.json",
            get(move || async move { ([(header::CONTENT_TYPE, "application/json")], json) }),
        )
        .route("/api-docs", get(|| async { page("text/html; charset=utf-8", include_str!("page/page.html")) }))
        .route("/errors/{code}", get(error_page))
        .route("/api-docs/page.css", get(|| async { page("text/css; charset=utf-8", include_str!("page/page.css")) }))
        .route(
            "/api-docs/page.js",
            get(|| async { page("text/javascript; charset=utf-8", include_str!("page/page.js")) }),
        )
}

/// What the `type` of a problem leads to.
async fn error_page(Path(code): Path<String>) -> Result<Response> {
    let Some(entry) = ErrorPage::of(&code) else { return Err(request::not_found().await) };
    Ok(page("text/plain; charset=utf-8", &format!("{code}\n\n{}\n", entry.text)))
}

const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                              base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

fn page(kind: &'static str, text: &str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, CONTENT_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (headers, text.to_owned()).into_response()
}
