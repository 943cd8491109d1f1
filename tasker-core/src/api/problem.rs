//! Problem documents (RFC 9457): what a request is answered with that is not carried out.

use std::collections::BTreeMap;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use tracing::error;
use utoipa::{
    IntoResponses,
    openapi::{Ref, RefOr, response::Response as Documented},
};

use crate::{
    orchestration::Error,
    view::{ErrorView, FaultView, Problem},
};

pub(super) type Result<T, E = Box<Problem>> = std::result::Result<T, E>;

pub(super) fn new(
    status: StatusCode,
    code: &str,
    detail: impl Into<String>,
    remedy: impl Into<String>,
) -> Box<Problem> {
    let is_transient = matches!(status.as_u16(), 408 | 429 | 503 | 504);
    let error = ErrorView { is_transient, ..ErrorView::new(code, detail, remedy) };
    Box::new(Problem::new(error, status.as_u16()))
}

/// One field of the body, or one parameter, that cannot be accepted.
pub(super) fn field_invalid(field: &str, reason: impl Into<String>) -> Box<Problem> {
    let reason = reason.into();
    let mut problem = new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "field_invalid",
        format!("{field}: {reason}"),
        format!("correct `{field}`"),
    );
    problem.faults.push(fault(format!("/{field}"), reason));
    problem
}

pub(super) fn fault(path: impl Into<String>, message: impl Into<String>) -> FaultView {
    FaultView { code: None, path: path.into(), line: None, column: None, message: message.into(), remedy: None }
}

/// Something went wrong here that the client is not told about; the log has it, under the request's id.
pub(super) fn internal() -> Box<Problem> {
    new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the server failed to answer", REPORT_IT)
}

const REPORT_IT: &str = "this is a fault in Tasker: please report it with the server's log of this request id";

impl From<Error> for Box<Problem> {
    fn from(error: Error) -> Self {
        let status = status(&error);
        let mut problem = Box::new(Problem::new(ErrorView::from(&error), status.as_u16()));
        if matches!(error, Error::Store(_)) {
            // What a database says may hold statements and values: it is for the log, not for the client.
            error!(code = error.code(), %error, "a request failed");
            (problem.detail, problem.remedy) = of_store(error.code());
        }
        if matches!(error, Error::InputInvalid(_)) {
            problem.faults.iter_mut().for_each(|fault| fault.path.insert_str(0, "/context"));
        }
        problem
    }
}

fn status(error: &Error) -> StatusCode {
    match error {
        Error::TemplateNotFound { .. }
        | Error::TaskNotFound(_)
        | Error::StepNotFound { .. }
        | Error::SignalUnknown { .. }
        | Error::KeyNotFound(_)
        | Error::WebhookNotFound(_)
        | Error::DeliveryNotFound(_) => StatusCode::NOT_FOUND,
        Error::TemplateInvalid(_)
        | Error::InputInvalid(_)
        | Error::ResultInvalid(_)
        | Error::SignalInvalid(_)
        | Error::FieldInvalid { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        Error::TemplateConflict { .. }
        | Error::TaskEnded { .. }
        | Error::TaskUnfit { .. }
        | Error::StepUnfit { .. }
        | Error::StepDoomed { .. }
        | Error::TaskEnding(_)
        | Error::TaskNotAwaited { .. }
        | Error::NothingFailed(_)
        | Error::WebhookInactive { .. } => StatusCode::CONFLICT,
        Error::NotEnded { .. } => StatusCode::REQUEST_TIMEOUT,
        Error::Closed => StatusCode::SERVICE_UNAVAILABLE,
        Error::Store(_) if matches!(error.code(), "database_unavailable" | "schema_mismatch" | "schema_newer") => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        Error::Definition(_) | Error::Store(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn of_store(code: &str) -> (String, String) {
    let (detail, remedy) = match code {
        "database_unavailable" => ("the database did not answer", "try again after a moment"),
        "schema_mismatch" => {
            ("the database's schema does not fit this version of Tasker", "run `tasker migrate` on the server's store")
        }
        "schema_newer" => {
            ("a newer Tasker has migrated the database", "ask a server of that version, or replace this one by it")
        }
        _ => ("the database refused what the server asked of it", REPORT_IT),
    };
    (detail.to_owned(), remedy.to_owned())
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl IntoResponse for Box<Problem> {
    fn into_response(self) -> Response {
        (*self).into_response()
    }
}

/// In the documentation of a route: every problem that a request may be answered with.
pub(super) struct Refusals;

pub(super) const REFUSALS: [StatusCode; 11] = [
    StatusCode::BAD_REQUEST,
    StatusCode::UNAUTHORIZED,
    StatusCode::FORBIDDEN,
    StatusCode::NOT_FOUND,
    StatusCode::REQUEST_TIMEOUT,
    StatusCode::CONFLICT,
    StatusCode::PAYLOAD_TOO_LARGE,
    StatusCode::UNSUPPORTED_MEDIA_TYPE,
    StatusCode::UNPROCESSABLE_ENTITY,
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::SERVICE_UNAVAILABLE,
];

impl IntoResponses for Refusals {
    fn responses() -> BTreeMap<String, RefOr<Documented>> {
        let refusal = || RefOr::Ref(Ref::new("#/components/responses/Problem"));
        REFUSALS.iter().map(|status| (status.as_str().to_owned(), refusal())).collect()
    }
}
