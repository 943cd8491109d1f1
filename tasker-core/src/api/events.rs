//! What happens, as it happens: server-sent events.

use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures::{Stream, stream};
use serde::Deserialize;
use tokio::{sync::OwnedSemaphorePermit, time::sleep};
use tracing::warn;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api,
    access::Caller,
    extract::{Body, Parameters, Path},
    hidden::Show,
    problem::{self, Refusals, Result, field_invalid},
};
use crate::{
    model::{Page, Task, TaskId},
    orchestration::{EventCursor, EventWatch, Permission},
    view::{EventPage, EventQuery, EventView, Fed, Feed, NextEvent},
};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(of_task)).routes(routes!(of_all)).routes(routes!(next_events))
}

/// Streams at the same time.
pub(super) const STREAMS: usize = 1_000;
/// Between two looks for events: short after one was found, longer and longer while nothing happens.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_millis(25), Duration::from_secs(1));
/// Between two signs of life while nothing happens.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// After which a client connects again.
const RECONNECT: Duration = Duration::from_secs(1);

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Resume {
    /// Begin behind the event with this number; `Last-Event-ID` beats it.
    #[param(minimum = 0)]
    after: Option<u64>,
}

/// Follow a task
///
/// Server-sent events: the task's events from the first (or behind the one that `Last-Event-ID` names) and then as they happen,
/// each with its number as `id`, its type as `event` and the event as `data`. The stream ends with the task; to connect again
/// behind its last event answers 204, upon which browsers stop.
#[utoipa::path(get, path = "/v1/tasks/{task_uuid}/events", tag = "events",
    params(("task_uuid" = TaskId, Path,), Resume, ("last-event-id" = Option<u64>, Header, description = "The last event that was seen.")), responses(
    (status = OK, description = "The stream.", body = String, content_type = "text/event-stream"),
    (status = NO_CONTENT, description = "The task has ended, and nothing happened after that event."),
    Refusals,
))]
async fn of_task(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<TaskId>,
    Parameters(resume): Parameters<Resume>,
    headers: HeaderMap,
) -> Result<Response> {
    let after = match last_event_id(&headers)? {
        Some(seen) => seen,
        None => i64::try_from(resume.after.unwrap_or(0)).unwrap_or(i64::MAX),
    };
    caller.demand_task(&api, Permission::Read, id).await?;
    let task = api.engine.task(id).await?;
    if task.state.is_final() && after >= task.seq {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let place = place(&api)?;
    let following = Following {
        api,
        caller,
        task,
        after,
        found: VecDeque::new(),
        has_ended: false,
        pause: LOOK_AGAIN.0,
        _place: place,
    };
    Ok(respond(stream::unfold(following, Following::next)))
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<i64>> {
    let Some(value) = headers.get("last-event-id") else { return Ok(None) };
    let number =
        value.to_str().ok().and_then(|text| text.parse::<u64>().ok()).and_then(|seen| i64::try_from(seen).ok());
    number.map(Some).ok_or_else(|| field_invalid("last-event-id", "write the `id` of an event"))
}

/// A place among the streams, which are bounded.
fn place(api: &Api) -> Result<OwnedSemaphorePermit> {
    Arc::clone(&api.streams).try_acquire_owned().map_err(|_| {
        let detail = format!("{STREAMS} clients follow events already");
        let remedy = "try again later, on another server, or follow fewer tasks";
        problem::new(StatusCode::SERVICE_UNAVAILABLE, "too_many_streams", detail, remedy)
    })
}

fn respond(events: impl Stream<Item = Result<Event, Infallible>> + Send + 'static) -> Response {
    let mut response =
        Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT).text("heartbeat")).into_response();
    // Proxies would hold events back to fill their buffers.
    response.headers_mut().insert("x-accel-buffering", axum::http::HeaderValue::from_static("no"));
    response
}

/// One client that follows one task. It reads from the store when the client has taken what was found before, so that a slow
/// client holds one page of events in memory and no more.
struct Following {
    api: Api,
    caller: Caller,
    task: Task,
    after: i64,
    found: VecDeque<EventView>,
    has_ended: bool,
    pause: Duration,
    _place: OwnedSemaphorePermit,
}

impl Following {
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        loop {
            if let Some(event) = self.found.pop_front() {
                self.after = event.seq;
                self.has_ended |= event.ends_task();
                let id = event.seq.to_string();
                return Some((Ok(encode(event.shown_to(&self.caller), id)), self));
            }
            if self.has_ended || self.api.closing.is_cancelled() || self.caller.demand_still(&self.api).await.is_err() {
                return None;
            }
            match EventView::history_of(&self.api.engine, &self.task, self.after).await {
                Ok(Page { items, .. }) if !items.is_empty() => {
                    // A task that is run again after its end goes on.
                    self.has_ended = false;
                    self.found = items.into();
                    self.pause = LOOK_AGAIN.0;
                    continue;
                }
                Ok(_) => {}
                // The client comes back, and goes on where it was.
                Err(error) => {
                    warn!(task_id = %self.task.task_id, %error, "a stream of events ends early");
                    return None;
                }
            }
            tokio::select! {
                () = sleep(self.pause) => self.pause = (self.pause * 2).min(LOOK_AGAIN.1),
                () = self.api.closing.cancelled() => return None,
            }
        }
    }
}

fn encode(event: EventView, id: String) -> Event {
    let data = serde_json::to_string(&event).unwrap_or_default();
    Event::default().event(event.kind).id(id).retry(RECONNECT).data(data)
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct FollowAll {
    /// Only events of this namespace.
    namespace: Option<String>,
    /// Begin behind the event with this `id`, or at the beginning of the log with `start`; `Last-Event-ID` beats it. Without
    /// either, with what happens from now on.
    after: Option<String>,
}

/// Follow everything
///
/// Server-sent events of all tasks, each with its place in the log as `id`, its type as `event` and the event as `data`. Events
/// of one task come in their order. Whoever connects again with `Last-Event-ID` misses none.
#[utoipa::path(get, path = "/v1/events", tag = "events",
    params(FollowAll, ("last-event-id" = Option<String>, Header, description = "The last event that was seen.")), responses(
    (status = OK, description = "The stream.", body = String, content_type = "text/event-stream"),
    Refusals,
))]
async fn of_all(
    State(api): State<Api>,
    caller: Caller,
    Parameters(FollowAll { namespace, after }): Parameters<FollowAll>,
    headers: HeaderMap,
) -> Result<Response> {
    let namespace = caller.demand_list(Permission::Read, namespace)?;
    let seen = headers.get("last-event-id").map(|value| value.to_str().unwrap_or_default().to_owned());
    let cursor = match seen.or(after).as_deref() {
        Some("start") => EventCursor::START,
        Some(id) => id.parse().map_err(|reason: String| field_invalid("after", reason))?,
        None => api.engine.end_of_events().await?,
    };
    let place = place(&api)?;
    let watch = api.engine.watch_events();
    let feed = Feed::new(Arc::clone(&api.engine), cursor);
    let (found, pause) = (VecDeque::new(), LOOK_AGAIN.0);
    let following = FollowingAll { api, caller, namespace, feed, watch, found, pause, _place: place };
    Ok(respond(stream::unfold(following, FollowingAll::next)))
}

/// Commits read at once.
const PAGE: u32 = 200;

/// One client that follows everything, as [`Following`] does one task.
struct FollowingAll {
    api: Api,
    caller: Caller,
    namespace: Option<String>,
    feed: Feed,
    watch: EventWatch,
    found: VecDeque<Fed>,
    pause: Duration,
    _place: OwnedSemaphorePermit,
}

impl FollowingAll {
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        loop {
            if let Some(Fed { cursor, event }) = self.found.pop_front() {
                if self.namespace.as_deref().is_none_or(|namespace| namespace == event.namespace) {
                    return Some((Ok(encode(event.shown_to(&self.caller), cursor.to_string())), self));
                }
                continue;
            }
            if self.api.closing.is_cancelled() || self.caller.demand_still(&self.api).await.is_err() {
                return None;
            }
            self.watch.seen();
            match self.feed.next(PAGE).await {
                Ok(found) if !found.is_empty() => {
                    self.found = found.into();
                    self.pause = LOOK_AGAIN.0;
                    continue;
                }
                Ok(_) => {}
                // The client comes back, and goes on where it was.
                Err(error) => {
                    warn!(%error, "a stream of events ends early");
                    return None;
                }
            }
            tokio::select! {
                () = sleep(self.pause) => self.pause = (self.pause * 2).min(LOOK_AGAIN.1),
                () = self.watch.changed() => {}
                () = self.api.closing.cancelled() => return None,
            }
        }
    }
}

/// Read what comes next
///
/// For those who react to what happens: a page of events of all tasks, behind a cursor or where a subscription goes on. It
/// waits where there is nothing yet. Events of one task come in their order, and none is passed by. A subscription
/// is a name under which the server remembers what is done; its events come again until they are.
#[utoipa::path(post, path = "/v1/events/next", tag = "events", request_body = EventQuery, responses(
    (status = OK, description = "The events, and the place behind them.", body = EventPage),
    Refusals,
))]
async fn next_events(
    State(api): State<Api>,
    caller: Caller,
    Body(mut query): Body<EventQuery>,
) -> Result<Json<EventPage>> {
    query.namespace = caller.demand_list(Permission::Read, query.namespace)?;
    if query.subscription.is_some() {
        // Its name is known in all namespaces.
        caller.demand_everywhere(Permission::Read)?;
    }
    // A server that stops answers with what there is, and the client goes on elsewhere.
    let wait_ms = query.wait_ms.take();
    let mut page = EventPage::load(&api.engine, &query).await?;
    if page.items.is_empty() && wait_ms.is_some() {
        let waiting = EventQuery { after: Some(page.cursor.clone()), subscription: None, done: None, wait_ms, ..query };
        tokio::select! {
            found = EventPage::load(&api.engine, &waiting) => page = found?,
            () = api.closing.cancelled() => {}
        }
        caller.demand_still(&api).await?;
    }
    let items = page.items.into_iter();
    page.items = items.map(|next| NextEvent { event: next.event.shown_to(&caller), ..next }).collect();
    Ok(Json(page))
}
