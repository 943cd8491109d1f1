use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tasker_core::model::{Json, TaskId};

use super::{Result, refused};
use crate::{
    client::{Action, Actor, BulkAction, Client, EventQuery, RerunFrom, SubmitTask, TaskQuery},
    worker::template_files,
};

/// Every method, for the error about one that does not exist.
const METHODS: [&str; 25] = [
    "event.next",
    "health.get",
    "stats.get",
    "task.act",
    "task.cancel",
    "task.get",
    "task.history",
    "task.list",
    "task.pause",
    "task.rerun",
    "task.resolve",
    "task.resume",
    "task.retry",
    "task.signal",
    "task.steps",
    "task.submit",
    "task.submit_many",
    "task.tree",
    "task.wait",
    "task.why",
    "template.get",
    "template.list",
    "template.load",
    "template.put",
    "worker.list",
];

/// Does what a method's name says, with the parameters of a JSON object.
pub(super) async fn call(client: &Client, method: &str, params: &Json) -> Result<Json> {
    match method {
        "template.put" => {
            let put: PutTemplate = read(method, params)?;
            answer(&client.register_template(&put.yaml, &put.source_name).await?)
        }
        "template.load" => load(client, &read::<LoadTemplates>(method, params)?.path).await,
        "template.get" => {
            let named: NamedTemplate = read(method, params)?;
            answer(&client.template(&named.namespace, &named.name, named.version.as_deref()).await?)
        }
        "template.list" => {
            let filter: TemplateFilter = read(method, params)?;
            answer(&client.templates(filter.namespace.as_deref(), filter.name.as_deref()).await?)
        }
        "task.submit" => answer(&client.submit(read::<SubmitTask>(method, params)?).await?),
        "task.submit_many" => answer(&client.submit_many(read::<SubmitTasks>(method, params)?.tasks).await?),
        "task.get" => answer(&client.get(read::<OfTask>(method, params)?.task_uuid).await?),
        "task.list" => answer(&client.list(&read::<TaskQuery>(method, params)?).await?),
        "task.steps" => answer(&client.steps(read::<OfTask>(method, params)?.task_uuid).await?),
        "task.history" => {
            let of: History = read(method, params)?;
            answer(&client.history(of.task_uuid, of.after_seq).await?)
        }
        "event.next" => answer(&client.next_events(&read::<EventQuery>(method, params)?).await?),
        "task.wait" => {
            let WaitForTask { task_uuid, timeout_ms, steps } = read(method, params)?;
            let at_most = Duration::from_millis(timeout_ms);
            answer(&match steps {
                true => client.wait(task_uuid, at_most).await?,
                false => client.wait_briefly(task_uuid, at_most).await?,
            })
        }
        "task.act" => answer(&client.act(read::<BulkAction>(method, params)?).await?),
        "task.cancel" => operate(client, read::<OnTask>(method, params)?.of(Action::Cancel)).await,
        "task.pause" => operate(client, read::<OnTask>(method, params)?.of(Action::Pause)).await,
        "task.resume" => operate(client, read::<OnTask>(method, params)?.of(Action::Resume)).await,
        "task.rerun" => rerun(client, read::<Rerun>(method, params)?).await,
        "task.retry" => {
            let OnStep { task_uuid, step, by, reason } = read(method, params)?;
            operate(client, (task_uuid, Action::Retry { step }, Actor { by, reason })).await
        }
        "task.resolve" => {
            let Resolve { task_uuid, step, result, by, reason } = read(method, params)?;
            operate(client, (task_uuid, Action::ResolveStep { step, result }, Actor { by, reason })).await
        }
        "task.signal" => {
            let Signal { task_uuid, signal, payload, by } = read(method, params)?;
            answer(&client.signal(task_uuid, &signal, payload.unwrap_or_else(Json::null), by).await?)
        }
        "task.tree" => answer(&client.tree(read::<OfTask>(method, params)?.task_uuid).await?),
        "task.why" => answer(&client.why(read::<OfTask>(method, params)?.task_uuid).await?),
        "health.get" => {
            let Nothing {} = read(method, params)?;
            answer(&client.health().await?)
        }
        "worker.list" => {
            let Nothing {} = read(method, params)?;
            answer(&client.workers().await?)
        }
        "stats.get" => {
            let Nothing {} = read(method, params)?;
            answer(&client.stats().await?)
        }
        // Only in builds for tests: each language's suite looks what becomes of a fault in here.
        #[cfg(debug_assertions)]
        "test.panic" => panic!("asked for by `test.panic`"),
        _ => {
            let remedy = format!("the methods are: {}", METHODS.join(", "));
            Err(refused("method_unknown", format!("there is no method `{method}`"), remedy))
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PutTemplate {
    yaml: String,
    /// What faults name as the file.
    #[serde(default = "template")]
    source_name: String,
}

fn template() -> String {
    "template".to_owned()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LoadTemplates {
    path: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NamedTemplate {
    namespace: String,
    name: String,
    #[serde(default)]
    version: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TemplateFilter {
    #[serde(default)]
    namespace: Option<String>,
    #[serde(default)]
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SubmitTasks {
    tasks: Vec<SubmitTask>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfTask {
    task_uuid: TaskId,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct History {
    task_uuid: TaskId,
    #[serde(default)]
    after_seq: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WaitForTask {
    task_uuid: TaskId,
    /// Milliseconds; at the end of them the answer is the error `task_not_ended`.
    timeout_ms: u64,
    /// Whether the answer is with its steps.
    #[serde(default = "with_steps")]
    steps: bool,
}

fn with_steps() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OnTask {
    task_uuid: TaskId,
    #[serde(default)]
    by: Option<String>,
    #[serde(default)]
    reason: Option<String>,
}

impl OnTask {
    fn of(self, action: Action) -> (TaskId, Action, Actor) {
        (self.task_uuid, action, Actor { by: self.by, reason: self.reason })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rerun {
    task_uuid: TaskId,
    /// The step to run again from; from the beginning if not given.
    #[serde(default)]
    from: Option<String>,
    /// With `from`, the input in place of that of the old task.
    #[serde(default)]
    context: Option<Json>,
    /// With `from`, results by the names of steps.
    #[serde(default)]
    results: BTreeMap<String, Json>,
    #[serde(default)]
    by: Option<String>,
    #[serde(default)]
    reason: Option<String>,
}

async fn rerun(client: &Client, Rerun { task_uuid, from, context, results, by, reason }: Rerun) -> Result<Json> {
    let actor = Actor { by, reason };
    match from {
        Some(from) => answer(&client.rerun_from(task_uuid, RerunFrom { from, context, results }, actor).await?),
        None if context.is_some() || !results.is_empty() => {
            let remedy = "name the step to run again from, or submit another task";
            Err(refused("params_invalid", "task.rerun: `context` and `results` go with `from`".to_owned(), remedy))
        }
        None => operate(client, (task_uuid, Action::Rerun, actor)).await,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OnStep {
    task_uuid: TaskId,
    /// Every failed one if not given.
    #[serde(default)]
    step: Option<String>,
    #[serde(default)]
    by: Option<String>,
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Resolve {
    task_uuid: TaskId,
    /// Every failed one if not given.
    #[serde(default)]
    step: Option<String>,
    /// What the steps after it see; nothing if not given.
    #[serde(default)]
    result: Option<Json>,
    #[serde(default)]
    by: Option<String>,
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Signal {
    task_uuid: TaskId,
    /// The name that a step waits for.
    signal: String,
    /// What it brings; null if not given.
    #[serde(default)]
    payload: Option<Json>,
    #[serde(default)]
    by: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// Does one thing to one task, and answers the task afterwards.
async fn operate(client: &Client, (task_id, action, actor): (TaskId, Action, Actor)) -> Result<Json> {
    answer(&client.operate(task_id, action, actor).await?)
}

/// Registers the template in a file, or every one under a folder.
async fn load(client: &Client, path: &Path) -> Result<Json> {
    let unreadable = |path: &Path, error: io::Error| {
        let message = format!("{}: {error}", path.display());
        refused("template_file_unreadable", message, "correct the path or its permissions")
    };
    let mut registered = Vec::new();
    for file in template_files(path).map_err(|error| unreadable(path, error))? {
        let yaml = fs::read_to_string(&file).map_err(|error| unreadable(&file, error))?;
        registered.push(client.register_template(&yaml, &file.display().to_string()).await?);
    }
    answer(&registered)
}

fn read<T: DeserializeOwned>(method: &str, params: &Json) -> Result<T> {
    let mut deserializer = serde_json::Deserializer::from_str(params.as_str());
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let (path, error) = (error.path().to_string(), error.inner());
        // Nobody has seen the text in which that place is; the name of the parameter is known.
        let (message, place) = (error.to_string(), format!(" at line {} column {}", error.line(), error.column()));
        let message = message.strip_suffix(&place).unwrap_or(&message);
        let place = if path == "." { method.to_owned() } else { format!("{method}: {path}") };
        refused("params_invalid", format!("{place}: {message}"), "docs/reference/host-calls.md lists the parameters")
    })
}

fn answer<T: Serialize + ?Sized>(value: &T) -> Result<Json> {
    Json::of(value).map_err(|error| {
        let message = format!("the answer cannot be written: {error}");
        refused("answer_not_json", message, "please report it with what led to it")
    })
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    /// Every client has the methods of this list, by a test of its own suite.
    const CLIENT_CALLS: &str = include_str!("../../tests/client_calls.json");

    #[test]
    fn every_method_is_a_call_of_every_client() {
        let calls: BTreeMap<String, Vec<String>> = serde_json::from_str(CLIENT_CALLS).unwrap_or_default();
        let named: BTreeSet<_> = calls.values().flatten().map(String::as_str).collect();
        assert_eq!(named, BTreeSet::from(METHODS), "tests/client_calls.json");
    }

    #[test]
    fn a_parameter_that_is_wrong_is_named() {
        let read = |params: &str| read::<OfTask>("task.get", &Json::parse(params.to_owned()).unwrap());
        let wrong = read(r#"{"task_uuid": "a"}"#).map(|_| ()).unwrap_err();
        assert!(wrong.to_string().contains("task_uuid"), "{wrong}");
        assert!(read(r#"{"task_uuid": "01890a5d-ac96-774b-bcce-b302099a8057"}"#).is_ok());
    }
}
