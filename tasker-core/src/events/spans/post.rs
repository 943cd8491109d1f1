//! One request to the collector.

use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use prost::Message;
use reqwest::{
    Client, Url,
    header::{self, HeaderMap},
    redirect,
};
use tracing::warn;

use super::settings::{SpanOptions, SpansError};

const CONNECT_TIME: Duration = Duration::from_secs(5);
/// Bytes of an answer that are looked into.
const ANSWER_BYTES: usize = 64 * 1024;
/// The longest that a collector may ask to be left alone.
const REST: Duration = Duration::from_mins(5);

/// What sends to the collector.
pub(super) struct Post {
    client: Client,
    url: Url,
    headers: HeaderMap,
}

/// What came of a request.
pub(super) enum Posted {
    /// So many of the spans were refused for good.
    Arrived { refused: u64 },
    /// It is no use to send it again.
    Refused(String),
    /// Perhaps later, and not before this time has passed.
    Failed(String, Option<Duration>),
}

impl Post {
    pub(super) fn new(options: &SpanOptions) -> Result<Self, SpansError> {
        // One provider for the process; whoever was first is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .user_agent(concat!("tasker/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIME.min(options.patience))
            .timeout(options.patience)
            .redirect(redirect::Policy::none())
            .build()
            .map_err(|error| SpansError::Tls(error.to_string()))?;
        Ok(Self { client, url: options.url.clone(), headers: options.headers.clone() })
    }

    pub(super) async fn send(&self, request: &ExportTraceServiceRequest) -> Posted {
        let sent = self
            .client
            .post(self.url.clone())
            .headers(self.headers.clone())
            .header(header::CONTENT_TYPE, "application/x-protobuf")
            .body(request.encode_to_vec())
            .send()
            .await;
        let mut response = match sent {
            Ok(response) => response,
            // The URL may have a password in it, and is known to whoever reads this.
            Err(error) => return Posted::Failed(causes(&error.without_url()), None),
        };
        let status = response.status().as_u16();
        let rest =
            response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let mut answer = Vec::new();
        // The status counts, whatever becomes of the rest.
        while let Ok(Some(chunk)) = response.chunk().await
            && answer.len() < ANSWER_BYTES
        {
            answer.extend_from_slice(&chunk);
        }
        match status {
            200..=299 => Posted::Arrived { refused: refused(&answer) },
            // What it cannot read it will not read the next time either.
            400 | 413 | 422 => Posted::Refused(format!("the collector answers {status}")),
            _ => {
                let rest = rest.map(|seconds| Duration::from_secs(seconds).min(REST));
                Posted::Failed(format!("the collector answers {status}"), rest)
            }
        }
    }
}

/// How many spans a collector that took a request has left out.
fn refused(answer: &[u8]) -> u64 {
    let Some(partial) = ExportTraceServiceResponse::decode(answer).ok().and_then(|it| it.partial_success) else {
        return 0;
    };
    if partial.rejected_spans > 0 || !partial.error_message.is_empty() {
        warn!(spans = partial.rejected_spans, message = partial.error_message, "the collector leaves spans out");
    }
    u64::try_from(partial.rejected_spans).unwrap_or_default()
}

fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(it) = cause {
        text = format!("{text}: {it}");
        cause = it.source();
    }
    text
}
