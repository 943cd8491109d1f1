//! Requests, decoded: what cannot be decoded is answered with the place that is wrong.

use std::time::Duration;

use axum::{
    body::{Body as Incoming, Bytes, HttpBody},
    extract::{FromRequest, FromRequestParts, Request, rejection::PathRejection},
    http::{HeaderMap, StatusCode, Uri, header, request::Parts},
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::{
    Api,
    problem::{self, Result},
};
use crate::{
    model::limits,
    view::{FaultView, Problem},
};

/// A JSON body.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Api> for Body<T> {
    type Rejection = Box<Problem>;

    async fn from_request(request: Request, api: &Api) -> Result<Self> {
        demand_json(request.headers())?;
        decode(&read(request.into_body(), api).await?).map(Self)
    }
}

/// A JSON body that may be left out.
pub(super) struct OptionalBody<T>(pub(super) T);

impl<T: DeserializeOwned + Default> FromRequest<Api> for OptionalBody<T> {
    type Rejection = Box<Problem>;

    async fn from_request(request: Request, api: &Api) -> Result<Self> {
        let (parts, body) = request.into_parts();
        let bytes = read(body, api).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        demand_json(&parts.headers)?;
        decode(&bytes).map(Self)
    }
}

/// A body of YAML, or of JSON, which is YAML.
pub(super) struct Yaml(pub(super) String);

const YAML: [&str; 6] =
    ["application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml", "text/plain", "application/json"];

impl FromRequest<Api> for Yaml {
    type Rejection = Box<Problem>;

    async fn from_request(request: Request, api: &Api) -> Result<Self> {
        let kind = content_type(request.headers());
        if !YAML.contains(&kind.as_str()) {
            return Err(unsupported(&kind, "send YAML, with the header `content-type: application/yaml`"));
        }
        let bytes = read(request.into_body(), api).await?;
        let text = String::from_utf8(bytes.into()).map_err(|error| not_text(error.utf8_error()))?;
        Ok(Self(text))
    }
}

/// The parameters behind the `?`.
pub(super) struct Parameters<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Parameters<T> {
    type Rejection = Box<Problem>;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        refuse_nul(&parts.uri)?;
        let decoded = axum::extract::Query::try_from_uri(&parts.uri);
        decoded.map(|axum::extract::Query(query)| Self(query)).map_err(|error| {
            let error: &dyn std::error::Error = &error;
            let reason = error.source().map_or_else(|| error.to_string(), ToString::to_string);
            // `namespace: the reason`, where the fault is in one parameter.
            let (path, message) = reason.split_once(": ").unwrap_or(("", &reason));
            let mut problem = problem::new(
                StatusCode::BAD_REQUEST,
                "query_invalid",
                format!("a parameter is wrong: {reason}"),
                "correct the parameter that is named; /api-docs has them all",
            );
            problem.faults.push(problem::fault(path, message));
            problem
        })
    }
}

/// The variable parts of the path.
pub(super) struct Path<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Box<Problem>;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        refuse_nul(&parts.uri)?;
        let decoded = axum::extract::Path::from_request_parts(parts, state).await;
        decoded.map(|axum::extract::Path(path)| Self(path)).map_err(|error| {
            let reason = match error {
                PathRejection::FailedToDeserializePathParams(error) => error.body_text(),
                error => error.body_text(),
            };
            let detail = format!("the path is wrong: {reason}");
            problem::new(StatusCode::BAD_REQUEST, "path_invalid", detail, "correct the id or name in the path")
        })
    }
}

/// No text in a database holds a NUL.
fn refuse_nul(uri: &Uri) -> Result<()> {
    if !uri.to_string().contains("%00") {
        return Ok(());
    }
    let remedy = "leave the `%00` out";
    Err(problem::new(StatusCode::BAD_REQUEST, "path_invalid", "the address contains a NUL character", remedy))
}

fn demand_json(headers: &HeaderMap) -> Result<()> {
    let kind = content_type(headers);
    if kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json")) {
        return Ok(());
    }
    Err(unsupported(&kind, "send JSON, with the header `content-type: application/json`"))
}

fn content_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn unsupported(kind: &str, remedy: &str) -> Box<Problem> {
    let found = if kind.is_empty() { "no content-type".to_owned() } else { format!("the content-type `{kind}`") };
    let detail = format!("the body has {found}");
    problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_type_invalid", detail, remedy)
}

fn not_text(error: std::str::Utf8Error) -> Box<Problem> {
    let detail = format!("the body is not UTF-8 from byte {}", error.valid_up_to());
    problem::new(StatusCode::BAD_REQUEST, "text_invalid", detail, "send the body in UTF-8")
}

async fn read(mut body: Incoming, api: &Api) -> Result<Bytes> {
    // What is announced too large is not waited for.
    if body.size_hint().lower() > limits::BODY_BYTES as u64 {
        discard(body);
        return Err(too_large());
    }
    let collected = timeout(api.patience.body, Limited::new(&mut body, limits::BODY_BYTES).collect()).await;
    match collected {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            discard(body);
            Err(too_large())
        }
        Ok(Err(_)) => Err(problem::new(
            StatusCode::BAD_REQUEST,
            "body_incomplete",
            "the body ended before its announced end",
            "send the request again",
        )),
        Err(_) => Err(problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "body_too_slow",
            format!("the body did not arrive within {:?}", api.patience.body),
            "send the request again, over a faster connection or with a smaller body",
        )),
    }
}

/// Bytes of a body that is too large which are still received, and how long each of its pieces is waited for.
const DISCARDED_BYTES: usize = 16 * limits::BODY_BYTES;
const DISCARDED_PAUSE: Duration = Duration::from_secs(1);

/// Goes on receiving what nobody reads, while the answer is under way. A connection that is closed while its client is sending
/// is reset, and the client that sends to the end before it reads never learns why.
fn discard(mut body: Incoming) {
    tokio::spawn(async move {
        let mut left = DISCARDED_BYTES;
        while let Ok(Some(Ok(frame))) = timeout(DISCARDED_PAUSE, body.frame()).await
            && let Some(less) = left.checked_sub(frame.data_ref().map_or(0, Bytes::len))
        {
            left = less;
        }
    });
}

fn too_large() -> Box<Problem> {
    let detail = format!("the body has more than {} bytes", limits::BODY_BYTES);
    let remedy = "send less in one request: fewer items, or references to what is stored elsewhere";
    problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail, remedy)
}

/// Decodes a JSON text; what is wrong is named by its place.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    // RawValue, in which payloads are kept, can only borrow from a text.
    let text = std::str::from_utf8(bytes).map_err(not_text)?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let decoded = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = pointer(error.path());
        fault(path, error.inner())
    })?;
    deserializer.end().map_err(|error| fault(String::new(), &error))?;
    Ok(decoded)
}

fn fault(path: String, error: &serde_json::Error) -> Box<Problem> {
    let text = error.to_string();
    let message = text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message).to_owned();
    let (line, column) = (u32::try_from(error.line()).ok(), u32::try_from(error.column()).ok());
    let place = if path.is_empty() { String::new() } else { format!("{path}: ") };
    let (code, remedy) = if error.is_data() {
        ("body_invalid", "correct the place that is named; /api-docs shows what the body may have")
    } else {
        ("json_invalid", "send one JSON document")
    };
    let detail = format!("{place}{message} (line {}, column {})", error.line(), error.column());
    let mut problem = problem::new(StatusCode::BAD_REQUEST, code, detail, remedy);
    problem.faults.push(FaultView { line, column, ..problem::fault(path, message) });
    problem
}

/// The JSON Pointer of a path.
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let segments = path.iter().filter_map(|segment| match segment {
        Segment::Seq { index } => Some(format!("/{index}")),
        Segment::Map { key } => Some(format!("/{}", key.replace('~', "~0").replace('/', "~1"))),
        Segment::Enum { variant } => Some(format!("/{variant}")),
        Segment::Unknown => None,
    });
    segments.collect()
}
