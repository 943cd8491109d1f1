//! Who may do what.

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    extract::{FromRequestParts, MatchedPath, Request, State},
    http::{HeaderMap, Method, StatusCode, Uri, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use uuid::Uuid;

use super::{
    Api,
    problem::{self, Result, field_invalid},
};
use crate::{
    model::{Actor, TaskId},
    orchestration::{ApiKey, Error, KeyHash, Permission},
    view::Problem,
};

/// How a server knows who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Whoever reaches the server may do everything. Only for addresses that no other machine can reach.
    Open,
    /// Every request brings an API key, and may do what the key allows.
    Keys,
}

/// Lets a request pass, or answers why not.
pub(super) async fn check(State(api): State<Api>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    match identify(&api, &parts).await {
        Ok(caller) => {
            parts.extensions.insert(caller);
            next.run(Request::from_parts(parts, body)).await
        }
        Err(problem) => problem.into_response(),
    }
}

async fn identify(api: &Api, request: &Parts) -> Result<Caller> {
    let route = request.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let is_public = ["/health", "/api-docs", "/errors"].iter().any(|public| route.starts_with(public));
    match api.access {
        Access::Open => refuse_strangers(&request.headers).map(|()| Caller(None)),
        Access::Keys if is_public => Ok(Caller(None)),
        Access::Keys => {
            let secret = secret(&request.headers).ok_or_else(|| {
                unauthorized("key_missing", "the request brings no API key", "send `authorization: Bearer KEY`")
            })?;
            let hash = KeyHash::of(secret);
            let key = api.engine.key_of(hash).await?.ok_or_else(key_invalid)?;
            let caller = Caller(Some(Arc::new(Known { key, hash })));
            let needed = needed(&request.method, route);
            if caller.has(needed) { Ok(caller) } else { Err(forbidden(needed, None)) }
        }
    }
}

fn key_invalid() -> Box<Problem> {
    let remedy = "check the key, or have another one made: `tasker key create`";
    unauthorized("key_invalid", "the API key is unknown, has expired, or was revoked", remedy)
}

fn unauthorized(code: &str, detail: &str, remedy: &str) -> Box<Problem> {
    problem::new(StatusCode::UNAUTHORIZED, code, detail, remedy)
}

fn forbidden(needed: Permission, namespace: Option<&str>) -> Box<Problem> {
    let place = namespace.map(|namespace| format!(" in the namespace `{namespace}`")).unwrap_or_default();
    let needed =
        serde_json::to_value(needed).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default();
    let detail = format!("the API key does not allow `{needed}`{place}");
    problem::new(StatusCode::FORBIDDEN, "permission_missing", detail, "use a key that allows it: `tasker key create`")
}

fn secret(headers: &HeaderMap) -> Option<&str> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = bearer.and_then(|value| value.split_once(' '));
    let bearer = bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, secret)| secret.trim());
    bearer
        .or_else(|| headers.get("x-api-key").and_then(|value| value.to_str().ok()))
        .filter(|secret| !secret.is_empty())
}

/// What a key needs for a route, wherever; the route itself asks about the namespace.
fn needed(method: &Method, route: &str) -> Permission {
    let reads = method == Method::GET || method == Method::HEAD;
    match route {
        _ if route.starts_with("/v1/keys") => Permission::Admin,
        "/v1/workers" if reads => Permission::Read,
        _ if route.starts_with("/v1/workers") => Permission::Work,
        _ if reads => Permission::Read,
        // What is read is asked for in a body.
        "/v1/events/next" => Permission::Read,
        "/v1/tasks" | "/v1/tasks/bulk" => Permission::Submit,
        _ if route.starts_with("/v1/templates") => Permission::Templates,
        _ => Permission::Operate,
    }
}

/// Who asks; on an open server, anyone.
#[derive(Clone, Debug)]
pub(super) struct Caller(Option<Arc<Known>>);

#[derive(Debug)]
struct Known {
    key: ApiKey,
    hash: KeyHash,
}

impl FromRequestParts<Api> for Caller {
    type Rejection = Box<Problem>;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self> {
        parts.extensions.get::<Self>().cloned().ok_or_else(problem::internal)
    }
}

impl Caller {
    fn key(&self) -> Option<&ApiKey> {
        self.0.as_ref().map(|known| &known.key)
    }

    pub(super) fn key_id(&self) -> Option<Uuid> {
        self.key().map(|key| key.key_id)
    }

    /// For what goes on after the request was let in: a key may end meanwhile.
    pub(super) async fn demand_still(&self, api: &Api) -> Result<()> {
        match &self.0 {
            Some(known) if api.engine.key_of(known.hash).await?.is_none() => Err(key_invalid()),
            _ => Ok(()),
        }
    }

    /// The operator that an event names: as the request says, or by the name of the key.
    pub(super) fn actor(&self, by: Option<String>, reason: Option<String>) -> Actor {
        Actor { by: by.or_else(|| self.key().map(|key| key.name.clone())), reason }
    }

    /// The namespaces that the key is for; none for every one.
    pub(super) fn namespaces(&self) -> Option<&BTreeSet<String>> {
        let permissions = &self.key()?.permissions;
        let is_everywhere = permissions.namespaces.is_empty() || permissions.verbs.contains(&Permission::Admin);
        (!is_everywhere).then_some(&permissions.namespaces)
    }

    fn has(&self, permission: Permission) -> bool {
        self.key().is_none_or(|key| {
            let verbs = &key.permissions.verbs;
            verbs.contains(&permission) || verbs.contains(&Permission::Admin)
        })
    }

    fn allows(&self, permission: Permission, namespace: &str) -> bool {
        self.has(permission) && self.namespaces().is_none_or(|namespaces| namespaces.contains(namespace))
    }

    pub(super) fn demand(&self, permission: Permission, namespace: &str) -> Result<()> {
        if self.allows(permission, namespace) { Ok(()) } else { Err(forbidden(permission, Some(namespace))) }
    }

    /// For what does something in all namespaces at once.
    pub(super) fn demand_wholly(&self, permission: Permission) -> Result<()> {
        if self.has(permission) { self.demand_everywhere(permission) } else { Err(forbidden(permission, None)) }
    }

    /// For what is about all namespaces at once.
    pub(super) fn demand_everywhere(&self, permission: Permission) -> Result<()> {
        if self.namespaces().is_none() { Ok(()) } else { Err(forbidden(permission, Some("(every one)"))) }
    }

    /// A task of another namespace is answered like one that does not exist: ids are not to be probed.
    pub(super) async fn demand_task(&self, api: &Api, permission: Permission, id: TaskId) -> Result<()> {
        if self.namespaces().is_none() {
            return Ok(());
        }
        let task = api.engine.task(id).await?;
        if self.allows(permission, &task.namespace) { Ok(()) } else { Err(Error::TaskNotFound(id).into()) }
    }

    /// The namespace that a list is for: the one that is asked for, or the only one of the key.
    pub(super) fn demand_list(&self, needed: Permission, namespace: Option<String>) -> Result<Option<String>> {
        let Some(namespaces) = self.namespaces() else { return Ok(namespace) };
        match namespace {
            Some(namespace) => self.demand(needed, &namespace).map(|()| Some(namespace)),
            None if namespaces.len() == 1 => Ok(namespaces.first().cloned()),
            None => {
                let names: Vec<_> = namespaces.iter().map(String::as_str).collect();
                Err(field_invalid("namespace", format!("the API key is for several: name one of {}", names.join(", "))))
            }
        }
    }

    pub(super) fn may_read_payloads(&self, namespace: &str) -> bool {
        self.allows(Permission::ReadPayloads, namespace)
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
