//! The client's methods over HTTP: the paths of the REST API, and the documents that it answers with.

mod connection;
mod sse;
mod stream;

use std::time::{Duration, Instant};

use reqwest::Url;
use serde::Serialize;
use serde_json::{Value, json};
use tasker_core::{
    model::{Actor, Json, TaskId},
    orchestration::{self, ApiKey, CreatedKey, NewKey, RerunFrom, SubmitTask},
    view::{
        ActedView, BulkAction, BulkSubmitted, EventPage, EventQuery, EventView, Page, RegisteredView, StepView,
        SubmittedView, TaskQuery, TaskView, TemplateDiff, TemplateView, TreeView, WhyView, WorkerView,
    },
};
use tokio::time::sleep;
use uuid::Uuid;

pub(crate) use connection::{Connection, Repeat};
pub(super) use stream::Streamed;

use super::Result;

/// The longest that one request waits for the end of a task.
const WAIT: Duration = Duration::from_secs(30);
/// Between two such requests.
const PAUSE: Duration = Duration::from_millis(50);

pub(super) async fn register_template(
    connection: &Connection,
    yaml: &str,
    source_name: &str,
) -> Result<RegisteredView> {
    let mut url = connection.url(["v1", "templates"]);
    url.query_pairs_mut().append_pair("source_name", source_name);
    connection.post_text(url, "application/yaml", yaml).await
}

pub(super) async fn templates(
    connection: &Connection,
    namespace: Option<&str>,
    name: Option<&str>,
) -> Result<Vec<TemplateView>> {
    let mut url = connection.url(["v1", "templates"]);
    put(&mut url, &[("namespace", namespace), ("name", name)]);
    let page: Page<TemplateView> = connection.get(url).await?;
    Ok(page.items)
}

pub(super) async fn template(
    connection: &Connection,
    namespace: &str,
    name: &str,
    version: Option<&str>,
) -> Result<TemplateView> {
    connection.get(connection.url(["v1", "templates", namespace, name].into_iter().chain(version))).await
}

pub(super) async fn template_diff(
    connection: &Connection,
    namespace: &str,
    name: &str,
    from: &str,
    to: Option<&str>,
) -> Result<TemplateDiff> {
    let mut url = connection.url(["v1", "templates", namespace, name, "diff"]);
    put(&mut url, &[("from", Some(from)), ("to", to)]);
    connection.get(url).await
}

pub(super) async fn submit(connection: &Connection, request: &SubmitTask) -> Result<SubmittedView> {
    let repeat = if request.idempotency_key.is_some() { Repeat::Always } else { Repeat::IfUnsent };
    connection.post(connection.url(["v1", "tasks"]), request, repeat).await
}

pub(super) async fn submit_many(connection: &Connection, requests: &[SubmitTask]) -> Result<BulkSubmitted> {
    let has_keys = requests.iter().all(|request| request.idempotency_key.is_some());
    let repeat = if has_keys { Repeat::Always } else { Repeat::IfUnsent };
    connection.post(connection.url(["v1", "tasks", "bulk"]), &json!({"tasks": requests}), repeat).await
}

pub(super) async fn next_events(connection: &Connection, query: &EventQuery) -> Result<EventPage> {
    let wait = Duration::from_millis(query.wait_ms.unwrap_or(0));
    connection.post_waiting(connection.url(["v1", "events", "next"]), query, Repeat::Always, wait).await
}

pub(super) async fn get(connection: &Connection, task_id: TaskId) -> Result<TaskView> {
    connection.get(task_url(connection, task_id, &[])).await
}

pub(super) async fn list(connection: &Connection, query: &TaskQuery) -> Result<Page<TaskView>> {
    let mut url = connection.url(["v1", "tasks"]);
    put_all(&mut url, query);
    connection.get(url).await
}

pub(super) async fn steps(connection: &Connection, task_id: TaskId) -> Result<Vec<StepView>> {
    connection.get(task_url(connection, task_id, &["workflow_steps"])).await
}

pub(super) async fn parts(connection: &Connection, step: &StepView, from: u32, limit: u32) -> Result<Page<StepView>> {
    let path = ["workflow_steps", &step.step_uuid.to_string(), "parts"];
    let mut url = task_url(connection, step.task_uuid, &path);
    put(&mut url, &[("from", Some(&from.to_string())), ("limit", Some(&limit.clamp(1, 1_000).to_string()))]);
    connection.get(url).await
}

pub(super) async fn history(connection: &Connection, task_id: TaskId, after_seq: i64) -> Result<Page<EventView>> {
    let mut url = task_url(connection, task_id, &["history"]);
    put(&mut url, &[("after", Some(&after_seq.to_string()))]);
    connection.get(url).await
}

pub(super) async fn watch(connection: &Connection, task_id: TaskId, after_seq: i64) -> Result<Streamed> {
    Streamed::open(connection.clone(), task_id, after_seq).await
}

/// Asks again as long as there is time: a server holds a request for a while only.
pub(super) async fn wait(connection: &Connection, task_id: TaskId, at_most: Duration) -> Result<TaskView> {
    let began = Instant::now();
    loop {
        let left = at_most.saturating_sub(began.elapsed()).min(WAIT);
        let mut url = task_url(connection, task_id, &[]);
        put(&mut url, &[("wait", Some("complete")), ("timeout", Some(&left.as_secs_f64().to_string()))]);
        let task: TaskView = connection.get_waiting(url, left).await?;
        if task.status.is_final() {
            return Ok(task);
        }
        if began.elapsed() >= at_most {
            return Err(orchestration::Error::NotEnded { task_id, state: task.status }.into());
        }
        // A server that is about to stop holds nothing back.
        sleep(PAUSE).await;
    }
}

pub(super) async fn why(connection: &Connection, task_id: TaskId) -> Result<WhyView> {
    connection.get(task_url(connection, task_id, &["why"])).await
}

pub(super) async fn tree(connection: &Connection, task_id: TaskId) -> Result<TreeView> {
    connection.get(task_url(connection, task_id, &["tree"])).await
}

pub(super) async fn workers(connection: &Connection) -> Result<Vec<WorkerView>> {
    let page: Page<WorkerView> = connection.get(connection.url(["v1", "workers"])).await?;
    Ok(page.items)
}

pub(super) async fn keys(connection: &Connection) -> Result<Vec<ApiKey>> {
    let page: Page<ApiKey> = connection.get(connection.url(["v1", "keys"])).await?;
    Ok(page.items)
}

pub(super) async fn create_key(connection: &Connection, new: &NewKey) -> Result<CreatedKey> {
    connection.post(connection.url(["v1", "keys"]), new, Repeat::IfUnsent).await
}

pub(super) async fn revoke_key(connection: &Connection, key_id: Uuid, actor: &Actor) -> Result<()> {
    let mut url = connection.url(["v1", "keys", &key_id.to_string()]);
    put(&mut url, &[("by", actor.by.as_deref()), ("reason", actor.reason.as_deref())]);
    connection.delete(url).await
}

pub(super) async fn act(connection: &Connection, request: &BulkAction) -> Result<ActedView> {
    let repeat = if request.dry_run { Repeat::Always } else { Repeat::IfUnsent };
    connection.post(connection.url(["v1", "tasks", "actions"]), request, repeat).await
}

pub(super) async fn signal(
    connection: &Connection,
    task_id: TaskId,
    name: &str,
    payload: Json,
    by: Option<String>,
) -> Result<TaskView> {
    let body = json!({"payload": payload, "by": by});
    connection.post(task_url(connection, task_id, &["signals", name]), &body, Repeat::IfUnsent).await
}

pub(super) async fn rerun_from(
    connection: &Connection,
    task_id: TaskId,
    request: &RerunFrom,
    Actor { by, reason }: Actor,
) -> Result<SubmittedView> {
    let RerunFrom { from, context, results } = request;
    let mut body = json!({"from": from, "results": results, "by": by, "reason": reason});
    if let (Some(context), Some(fields)) = (context, body.as_object_mut()) {
        fields.insert("context".to_owned(), json!(context));
    }
    connection.post(task_url(connection, task_id, &["rerun"]), &body, Repeat::IfUnsent).await
}

fn task_url(connection: &Connection, task_id: TaskId, rest: &[&str]) -> Url {
    let id = task_id.to_string();
    connection.url(["v1", "tasks", &id].into_iter().chain(rest.iter().copied()))
}

fn put(url: &mut Url, pairs: &[(&str, Option<&str>)]) {
    let given = pairs.iter().filter_map(|(name, value)| Some((name, (*value)?)));
    url.query_pairs_mut().extend_pairs(given);
}

/// The fields of a flat document as parameters.
fn put_all(url: &mut Url, query: &impl Serialize) {
    let Ok(Value::Object(fields)) = serde_json::to_value(query) else { return };
    let text = |value: Value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    url.query_pairs_mut().extend_pairs(fields.into_iter().map(|(name, value)| (name, text(value))));
}
