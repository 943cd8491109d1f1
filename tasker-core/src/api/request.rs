//! What happens around every request: its id, its log, its count, and the end of a panic.

use std::{any::Any, panic::AssertUnwindSafe, time::Instant};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, StatusCode},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures::FutureExt;
use tracing::{Instrument, error, info, info_span};
use uuid::Uuid;

use super::{Api, problem};
use crate::view::Problem;

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Names the request in the log and in the answer, by the id that it brought or by a new one.
pub(super) async fn follow(State(api): State<Api>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let id = request.headers().get(&REQUEST_ID).filter(|id| is_usable(id)).cloned().unwrap_or_else(new_id);
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("(none)", MatchedPath::as_str);
    let span = info_span!("request", id = id.to_str().unwrap_or_default(), %method, route);
    let answered = AssertUnwindSafe(next.run(request).instrument(span.clone())).catch_unwind().await;
    let _entered = span.enter();
    let mut response = answered.unwrap_or_else(|panic| {
        error!(panic = panic_text(panic.as_ref()), "a request panicked");
        problem::internal().into_response()
    });
    let status = response.status();
    let took = began.elapsed();
    api.metrics.answered(&method, route, status, took);
    info!(status = status.as_u16(), took_ms = took.as_secs_f64() * 1_000.0, "answered");
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

/// What no route has.
pub(super) async fn not_found() -> Box<Problem> {
    let remedy = "correct the path; /api-docs has them all";
    problem::new(StatusCode::NOT_FOUND, "path_not_found", "there is nothing at this path", remedy)
}

/// A route that does not take the method.
pub(super) async fn method_not_allowed() -> Box<Problem> {
    let remedy = "use one of the methods that the `allow` header of this answer names";
    problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "there is something at this path, but not for this method",
        remedy,
    )
}

fn is_usable(id: &HeaderValue) -> bool {
    (1..=128).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic)
}

fn new_id() -> HeaderValue {
    let id = Uuid::now_v7().simple().to_string();
    HeaderValue::from_str(&id).unwrap_or(HeaderValue::from_static("unnamed"))
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("(no text)")
}
