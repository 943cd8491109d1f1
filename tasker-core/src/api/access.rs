//! Who may do what.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, StatusCode, Uri, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{Api, problem};
use crate::view::Problem;

/// How a server knows who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Whoever reaches the server may do everything. Only for addresses that no other machine can reach.
    Open,
}

/// Lets a request pass, or answers why not.
pub(super) async fn check(State(api): State<Api>, request: Request, next: Next) -> Response {
    let refused = match api.access {
        Access::Open => refuse_strangers(request.headers()),
    };
    match refused {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// A web page of somewhere else can make a browser on this machine send requests to a loopback address, under a name of its
/// own that leads there. Such requests name a host, or come from an origin, that is not of this machine.
fn refuse_strangers(headers: &HeaderMap) -> Result<(), Box<Problem>> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let host_of = |text: &str| text.parse::<Uri>().ok().and_then(|uri| uri.host().map(str::to_owned));
    let is_local = |text: &str| host_of(text).is_some_and(|host| is_loopback(&host));
    if text(header::HOST).is_none_or(is_local) && text(header::ORIGIN).is_none_or(is_local) {
        return Ok(());
    }
    Err(problem::new(
        StatusCode::FORBIDDEN,
        "host_not_allowed",
        "without authentication the server answers only to names of this machine",
        "use localhost or 127.0.0.1, or start the server with authentication",
    ))
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    address.map_or_else(|_| host.eq_ignore_ascii_case("localhost"), |address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_pass() {
        let passes = |name, value: &'static str| {
            let headers = HeaderMap::from_iter([(name, value.parse().expect("a header"))]);
            refuse_strangers(&headers).is_ok()
        };
        for host in ["localhost", "LOCALHOST:8080", "127.0.0.1:8080", "127.8.8.8", "[::1]:80"] {
            assert!(passes(header::HOST, host), "{host}");
        }
        for host in ["example.com", "10.0.0.1:8080", "localhost.example.com", "127.0.0.1.example.com", ""] {
            assert!(!passes(header::HOST, host), "{host}");
        }
        assert!(passes(header::ORIGIN, "http://localhost:3000"));
        assert!(!passes(header::ORIGIN, "https://example.com") && !passes(header::ORIGIN, "null"));
        assert!(refuse_strangers(&HeaderMap::new()).is_ok());
    }
}
