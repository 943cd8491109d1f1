use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use reqwest::{Method, RequestBuilder, Response, Url, header, redirect};
use serde::{Serialize, de::DeserializeOwned};
use tasker_core::{
    model::{Clock, SystemClock, Timestamp},
    view::{ErrorView, Problem},
};
use tokio::time::sleep;

use super::super::{Error, Result};

/// A way to a server: address, key, and a pool of connections. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Connection {
    client: reqwest::Client,
    base: Url,
    /// Between the server's clock and this machine's, in microseconds, as the last answer told.
    ahead_micros: Arc<AtomicI64>,
}

/// Whether a request may be sent again when its answer was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// To do it twice is as good as once.
    Always,
    /// Only when the server cannot have seen it.
    IfUnsent,
}

/// How long a connection may take to come about, and an answer to a request that waits for nothing.
const CONNECT_TIME: Duration = Duration::from_secs(5);
const ANSWER_TIME: Duration = Duration::from_secs(30);
/// Times that a request is sent at most.
const TRIES: u32 = 4;
const RETRY_DELAY: Duration = Duration::from_millis(100);
/// Bytes of an answer: a task of the largest size, each step with a result of common size.
const ANSWER_BYTES: usize = 256 * 1024 * 1024;
const CLOCKS_APART_MICROS: i64 = 2_000_000;

impl Connection {
    /// Nothing is sent yet.
    ///
    /// # Errors
    /// `api_url_invalid`, `api_key_invalid`.
    pub(crate) fn new(url: &str, key: Option<&str>) -> Result<Self> {
        let base = parse_url(url)?;
        let mut headers = header::HeaderMap::new();
        if let Some(key) = key {
            let mut value = header::HeaderValue::try_from(format!("Bearer {key}")).map_err(|_| key_invalid())?;
            value.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, value);
        }
        // One provider for the process; whoever was first is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .user_agent(concat!("tasker/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .connect_timeout(CONNECT_TIME)
            .redirect(redirect::Policy::none())
            .tcp_nodelay(true)
            .build()
            .map_err(|error| {
                Error::from(ErrorView::new("tls_unusable", error.to_string(), "mend the system's certificates"))
            })?;
        Ok(Self { client, base, ahead_micros: Arc::default() })
    }

    /// The server's address, for people.
    pub(crate) fn describe(&self) -> String {
        let mut url = self.base.clone();
        // An address without a host cannot have these, and has none.
        let _ = (url.set_password(None), url.set_username(""));
        url.to_string().trim_end_matches('/').to_owned()
    }

    /// The time by the server's clock.
    pub(crate) fn now(&self) -> Timestamp {
        let ahead = self.ahead_micros.load(Ordering::Relaxed);
        Timestamp::from_micros(SystemClock.now().as_micros().saturating_add(ahead))
    }

    /// Takes over the server's clock where it is clearly another: an answer tells whole seconds only.
    fn compare_clocks(&self, response: &Response) {
        let date = response.headers().get(header::DATE).and_then(|value| value.to_str().ok());
        let Some(date) = date.and_then(Timestamp::of_http_date) else { return };
        let ahead = date.as_micros() - SystemClock.now().as_micros();
        let is_other = ahead.abs() > CLOCKS_APART_MICROS;
        self.ahead_micros.store(if is_other { ahead } else { 0 }, Ordering::Relaxed);
    }

    /// The address of a resource; each segment may hold any character.
    pub(crate) fn url<T: AsRef<str>>(&self, segments: impl IntoIterator<Item = T>) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, url: Url) -> Result<T> {
        self.get_waiting(url, Duration::ZERO).await
    }

    /// A request that the server may leave without an answer for a while.
    pub(crate) async fn get_waiting<T: DeserializeOwned>(&self, url: Url, wait: Duration) -> Result<T> {
        let request = self.client.request(Method::GET, url).timeout(wait + ANSWER_TIME);
        self.ask(request, Repeat::Always).await
    }

    pub(crate) async fn post<T: DeserializeOwned>(&self, url: Url, body: &impl Serialize, repeat: Repeat) -> Result<T> {
        self.post_waiting(url, body, repeat, Duration::ZERO).await
    }

    /// A request that the server may leave without an answer for a while.
    pub(crate) async fn post_waiting<T: DeserializeOwned>(
        &self,
        url: Url,
        body: &impl Serialize,
        repeat: Repeat,
        wait: Duration,
    ) -> Result<T> {
        self.ask(self.client.request(Method::POST, url).json(body).timeout(wait + ANSWER_TIME), repeat).await
    }

    /// A text in place of JSON.
    pub(crate) async fn post_text<T: DeserializeOwned>(&self, url: Url, kind: &'static str, text: &str) -> Result<T> {
        let request = self.client.request(Method::POST, url).header(header::CONTENT_TYPE, kind).body(text.to_owned());
        self.ask(request.timeout(ANSWER_TIME), Repeat::Always).await
    }

    /// A request whose answer says nothing but that it was carried out.
    pub(crate) async fn delete(&self, url: Url) -> Result<()> {
        self.send(self.client.request(Method::DELETE, url).timeout(ANSWER_TIME), Repeat::IfUnsent).await.map(drop)
    }

    /// An answer that goes on, behind the event of this number. Its silence is bounded, not its length.
    pub(crate) async fn stream(&self, url: Url, after: i64) -> Result<Response> {
        let request = self.client.request(Method::GET, url).header(header::ACCEPT, "text/event-stream");
        let answered = answered(request.header("last-event-id", after).send().await).await;
        answered.map_err(|failure| self.named(failure.error))
    }

    async fn ask<T: DeserializeOwned>(&self, request: RequestBuilder, repeat: Repeat) -> Result<T> {
        decode(&self.send(request, repeat).await?)
    }

    /// Sends until there is a whole answer, or no sense in sending again.
    async fn send(&self, request: RequestBuilder, repeat: Repeat) -> Result<Vec<u8>> {
        let mut delay = RETRY_DELAY;
        for tries_left in (0..TRIES).rev() {
            // A body that can be sent only once cannot be cloned; all of these can.
            let Some(again) = request.try_clone() else { break };
            let body = match answered(again.send().await).await {
                Ok(response) => {
                    self.compare_clocks(&response);
                    read(response).await.map_err(|error| Failure { error, is_unsent: false })
                }
                Err(failure) => Err(failure),
            };
            match body {
                Ok(body) => return Ok(body),
                Err(failure) if tries_left == 0 || !failure.may_repeat(repeat) => return Err(self.named(failure.error)),
                Err(failure) => tracing::debug!(error = failure.error.message(), "a request is sent again"),
            }
            // Anywhere between half and one and a half of it, so that many clients do not come at once.
            sleep(delay.mul_f64(0.5 + fastrand::f64())).await;
            delay *= 2;
        }
        Err(ErrorView::unreadable("the request cannot be sent").into())
    }

    /// The error with the server's address, where it is about the way to it.
    fn named(&self, error: Error) -> Error {
        let mut view = error.view().clone();
        if view.code == "server_unreachable" || view.code == "server_silent" {
            view.message = format!("{}: {}", self.describe(), view.message);
        }
        view.into()
    }
}

struct Failure {
    error: Error,
    /// Whether the server cannot have carried it out.
    is_unsent: bool,
}

impl Failure {
    fn may_repeat(&self, repeat: Repeat) -> bool {
        self.error.is_transient() && (self.is_unsent || repeat == Repeat::Always)
    }
}

async fn answered(sent: reqwest::Result<Response>) -> Result<Response, Failure> {
    match sent {
        Ok(response) if (200..300).contains(&response.status().as_u16()) => Ok(response),
        Ok(response) => Err(Failure { error: refusal(response).await, is_unsent: false }),
        Err(error) => Err(Failure { is_unsent: error.is_connect(), error: unreachable(&error) }),
    }
}

/// What the server says that it will not do; or what something before it says.
async fn refusal(response: Response) -> Error {
    let status = response.status().as_u16();
    match read(response).await {
        Ok(body) => match serde_json::from_slice::<Problem>(&body) {
            Ok(problem) => problem.into(),
            Err(_) => {
                let is_transient = matches!(status, 429 | 502 | 503 | 504);
                ErrorView {
                    is_transient,
                    ..ErrorView::unreadable(format!("status {status} without a problem document"))
                }
                .into()
            }
        },
        Err(error) => error,
    }
}

fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    // Payloads are kept as text, and can be borrowed from text only.
    let text = std::str::from_utf8(body).map_err(ErrorView::unreadable)?;
    serde_json::from_str(text).map_err(|error| ErrorView::unreadable(error).into())
}

async fn read(mut response: Response) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(&error))? {
        if body.len() + chunk.len() > ANSWER_BYTES {
            return Err(ErrorView::unreadable(format!("it has more than {ANSWER_BYTES} bytes")).into());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The way to the server is at fault, and may be mended without us.
fn unreachable(error: &reqwest::Error) -> Error {
    let (code, what) = match error.is_timeout() && !error.is_connect() {
        true => ("server_silent", "the server did not answer in time"),
        false => ("server_unreachable", "the server cannot be reached"),
    };
    // The innermost cause says most: the outer ones repeat the address.
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    let remedy = "check that `tasker server` runs there and that --api (or TASKER_API_URL) is right, then try again";
    ErrorView { is_transient: true, ..ErrorView::new(code, format!("{what}: {cause}"), remedy) }.into()
}

fn parse_url(text: &str) -> Result<Url> {
    let remedy = "write --api http://host:port or https://host";
    // The text itself may hold a password.
    let invalid = |reason: String| {
        Error::from(ErrorView::new("api_url_invalid", format!("not the URL of a server: {reason}"), remedy))
    };
    let mut url = Url::parse(text).map_err(|error| invalid(error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(invalid("it begins with neither `http://` nor `https://`".to_owned()));
    }
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}

fn key_invalid() -> Error {
    let remedy = "pass it as `tasker key create` printed it";
    ErrorView::new("api_key_invalid", "the API key has characters that no key has", remedy).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_joined_and_escaped() {
        let connection = Connection::new("https://me:secret@host/tasker/?a=b", Some("k")).expect("usable");
        assert_eq!(connection.describe(), "https://host/tasker");
        let url = connection.url(["v1", "templates", "a/b", "ü"]);
        assert_eq!(url.path(), "/tasker/v1/templates/a%2Fb/%C3%BC");
        assert_eq!(url.query(), None);
    }

    #[test]
    fn what_is_no_address_and_no_key_is_refused() {
        for url in ["", "host:8080", "postgres://host/db", "http://", "sqlite:tasker.db"] {
            assert_eq!(
                Connection::new(url, None).err().map(|error| error.code().to_owned()).as_deref(),
                Some("api_url_invalid"),
                "{url}"
            );
        }
        let key = Connection::new("http://host", Some("a\nb")).err();
        assert_eq!(key.map(|error| error.code().to_owned()).as_deref(), Some("api_key_invalid"));
    }
}
