//! One message over HTTP.

use std::{
    error::Error,
    sync::Arc,
    time::{Duration, Instant},
};

use reqwest::{Client, Response, Url, header, redirect};
use tokio::time::timeout;

use super::{
    address::{Guard, Refused, Unknown, is_public},
    signature::signature,
};
use crate::{
    model::{Clock, SystemClock},
    orchestration::{Try, TryError},
};

const CONNECT_TIME: Duration = Duration::from_secs(5);
/// Connections that wait for the next message, and how long.
const IDLE: (usize, Duration) = (2, Duration::from_secs(60));
/// What is read of an answer, so that the connection can be used again: bytes, and for how long. More costs a new connection.
const ANSWER: (usize, Duration) = (64 * 1024, Duration::from_secs(1));

/// What sends to any webhook. Redirects are not followed, and proxies not used: both would connect to other addresses than
/// those that were looked at.
pub(super) struct Post {
    client: Client,
    allows_private: bool,
}

/// What is sent.
pub(super) struct Message<'a> {
    pub(super) id: String,
    pub(super) content_type: &'static str,
    pub(super) body: Vec<u8>,
    pub(super) secrets: &'a [Vec<u8>],
}

/// What came of it.
pub(super) struct Posted {
    pub(super) outcome: Try,
    /// How long the receiver asks to be left alone.
    pub(super) retry_after: Option<Duration>,
}

impl Posted {
    pub(super) fn has_arrived(&self) -> bool {
        self.outcome.error.is_none()
    }

    /// Whether the receiver says that it is not there any more, and never will be.
    pub(super) fn is_gone(&self) -> bool {
        self.outcome.status == Some(410)
    }
}

impl Post {
    /// # Errors
    /// The system's certificates cannot be used, as a text for people.
    pub(super) fn new(allows_private: bool) -> Result<Self, String> {
        // One provider for the process; whoever was first is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .user_agent(concat!("tasker/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIME)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .dns_resolver(Arc::new(Guard { allows_private }))
            .pool_max_idle_per_host(IDLE.0)
            .pool_idle_timeout(IDLE.1)
            .tcp_nodelay(true)
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self { client, allows_private })
    }

    pub(super) async fn send(&self, url: &str, patience: Duration, message: Message<'_>) -> Posted {
        let (at, began) = (SystemClock.now(), Instant::now());
        let answered = timeout(patience, self.answered(url, at.as_micros() / 1_000_000, message)).await;
        let duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (status, error, retry_after) = match answered {
            Ok(Ok(response)) => {
                let (status, retry_after) = (response.status().as_u16(), retry_after(&response));
                // The status counts, whatever becomes of the rest.
                let _ = timeout(ANSWER.1, drain(response)).await;
                (Some(status), refusal(status), retry_after)
            }
            Ok(Err(error)) => (None, Some(error), None),
            Err(_) => (None, Some(TryError::Timeout), None),
        };
        Posted { outcome: Try { at, duration_ms, status, error }, retry_after }
    }

    async fn answered(&self, url: &str, timestamp: i64, message: Message<'_>) -> Result<Response, TryError> {
        let url = Url::parse(url).map_err(|_| TryError::HostUnknown)?;
        // An address in place of a name is not looked up, and passes by the guard.
        let literal = url.host_str().and_then(|host| host.trim_matches(['[', ']']).parse().ok());
        if literal.is_some_and(|address| !self.allows_private && !is_public(address)) {
            return Err(TryError::AddressRefused);
        }
        let Message { id, content_type, body, secrets } = message;
        let request = self
            .client
            .post(url)
            .header(header::CONTENT_TYPE, content_type)
            .header("webhook-signature", signature(secrets, &id, timestamp, &body))
            .header("webhook-timestamp", timestamp.to_string())
            .header("webhook-id", id)
            .body(body);
        request.send().await.map_err(|error| of(&error))
    }
}

fn retry_after(response: &Response) -> Option<Duration> {
    let text = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

async fn drain(mut response: Response) {
    let mut read = 0;
    while let Ok(Some(chunk)) = response.chunk().await
        && read < ANSWER.0
    {
        read += chunk.len();
    }
}

fn refusal(status: u16) -> Option<TryError> {
    match status {
        200..=299 => None,
        300..=399 => Some(TryError::Redirected),
        _ => Some(TryError::Status),
    }
}

fn of(error: &reqwest::Error) -> TryError {
    let mut cause: Option<&dyn Error> = Some(error);
    while let Some(it) = cause {
        if it.is::<Refused>() {
            return TryError::AddressRefused;
        }
        if it.is::<Unknown>() {
            return TryError::HostUnknown;
        }
        cause = it.source();
    }
    match error {
        error if error.is_timeout() => TryError::Timeout,
        error if error.is_connect() => TryError::Unreachable,
        _ => TryError::Broken,
    }
}
