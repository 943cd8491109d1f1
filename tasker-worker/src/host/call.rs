use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::json;
use tasker_core::{
    model::{Json, TaskId, TaskState},
    store::TaskFilter,
};

use super::{Error, Result};
use crate::{
    client::{Client, SubmitTask},
    worker::template_files,
};

/// Every method, for the error about one that does not exist.
const METHODS: [&str; 12] = [
    "task.cancel",
    "task.get",
    "task.history",
    "task.list",
    "task.steps",
    "task.submit",
    "task.submit_many",
    "task.wait",
    "template.get",
    "template.list",
    "template.load",
    "template.put",
];

/// Does what a method's name says, with the parameters of a JSON object.
pub(super) async fn call(client: &Client, method: &str, params: &Json) -> Result<Json> {
    match method {
        "template.put" => {
            let put: PutTemplate = read(method, params)?;
            let registered = client.register_template(&put.yaml, &put.source_name).await?;
            answer(&json!({"template_id": registered.id, "is_new": registered.is_new}))
        }
        "template.load" => load(client, &read::<LoadTemplates>(method, params)?.path).await,
        "template.get" => {
            let named: NamedTemplate = read(method, params)?;
            let stored = client.template(&named.namespace, &named.name, named.version.as_deref()).await?;
            answer(&stored.template)
        }
        "template.list" => {
            let filter: TemplateFilter = read(method, params)?;
            answer(&client.templates(filter.namespace.as_deref(), filter.name.as_deref()).await?)
        }
        "task.submit" => answer(&client.submit(read::<SubmitTask>(method, params)?).await?),
        "task.submit_many" => {
            let answers = client.submit_many(read::<SubmitTasks>(method, params)?.tasks).await?;
            let answers = answers.into_iter().map(|answer| answer.map_err(Error::from));
            answer(&answers.map(|answer| answer.map_or_else(Answer::Error, Answer::Submitted)).collect::<Vec<_>>())
        }
        "task.get" => answer(&client.get(read::<OfTask>(method, params)?.task_uuid).await?),
        "task.list" => {
            let list: ListTasks = read(method, params)?;
            answer(&client.list(&list.filter()?, list.limit).await?)
        }
        "task.steps" => answer(&client.steps(read::<OfTask>(method, params)?.task_uuid).await?),
        "task.history" => {
            let of: History = read(method, params)?;
            answer(&client.history(of.task_uuid, of.after_seq).await?)
        }
        "task.wait" => {
            let wait: WaitForTask = read(method, params)?;
            answer(&client.wait(wait.task_uuid, Duration::from_millis(wait.timeout_ms)).await?)
        }
        "task.cancel" => {
            let cancel: CancelTask = read(method, params)?;
            answer(&client.cancel(cancel.task_uuid, cancel.by, cancel.reason).await?)
        }
        _ => {
            let remedy = format!("the methods are: {}", METHODS.join(", "));
            Err(Error::new("method_unknown", format!("there is no method `{method}`")).with_remedy(remedy))
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

/// One of the answers to `task.submit_many`, in the order of its tasks.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Answer<T> {
    Submitted(T),
    Error(Error),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfTask {
    task_uuid: TaskId,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListTasks {
    #[serde(default)]
    namespace: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    states: Vec<TaskState>,
    /// The `next` of the page before.
    #[serde(default)]
    after: Option<String>,
    #[serde(default = "page")]
    limit: u32,
}

fn page() -> u32 {
    100
}

impl ListTasks {
    fn filter(&self) -> Result<TaskFilter> {
        let after = self.after.as_deref().map(str::parse).transpose();
        Ok(TaskFilter {
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            version: self.version.clone(),
            states: self.states.clone(),
            after: after.map_err(|fault: String| Error::new("params_invalid", format!("task.list: after: {fault}")))?,
        })
    }
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
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CancelTask {
    task_uuid: TaskId,
    #[serde(default)]
    by: Option<String>,
    #[serde(default)]
    reason: Option<String>,
}

/// Registers the template in a file, or every one under a folder.
async fn load(client: &Client, path: &Path) -> Result<Json> {
    let unreadable = |path: &Path, error: io::Error| {
        let message = format!("{}: {error}", path.display());
        Error::new("template_file_unreadable", message).with_remedy("correct the path or its permissions")
    };
    let mut registered = Vec::new();
    for file in template_files(path).map_err(|error| unreadable(path, error))? {
        let yaml = fs::read_to_string(&file).map_err(|error| unreadable(&file, error))?;
        let source_name = file.display().to_string();
        let one = client.register_template(&yaml, &source_name).await?;
        registered.push(json!({"template_id": one.id, "is_new": one.is_new, "file": source_name}));
    }
    answer(&registered)
}

fn read<T: DeserializeOwned>(method: &str, params: &Json) -> Result<T> {
    params.to().map_err(|error| Error::new("params_invalid", format!("{method}: {error}")))
}

fn answer<T: Serialize + ?Sized>(value: &T) -> Result<Json> {
    Json::of(value).map_err(|error| Error::new("answer_not_json", format!("the answer cannot be written: {error}")))
}
