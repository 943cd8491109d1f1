use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use tasker_core::model::{TaskId, Timestamp};
use tasker_worker::{
    Client,
    client::{EventView, TaskQuery, TaskView},
};
use tracing::warn;

use crate::{
    failure::Result,
    output::{Output, write_out},
    tree::{Progress, event_text},
};

/// What happens to all tasks, whoever runs them, as one stream.
pub(super) struct Feed {
    client: Client,
    namespace: Option<String>,
    output: Output,
    began_at: Timestamp,
    open: HashMap<TaskId, Progress>,
    ended: HashSet<TaskId>,
    /// Tasks before their first event, by what they run.
    blank: HashMap<Runs, Progress>,
    pause: Duration,
}

/// Namespace, name, version and environment.
type Runs = (String, String, String, Option<String>);

/// The newest tasks that are looked at each time; when more come between two looks, some are left out and it is said so.
const NEWEST: u32 = 200;
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(500));

impl Feed {
    pub(super) async fn new(client: Client, namespace: Option<String>, output: Output) -> Result<Self> {
        Ok(Self {
            began_at: client.now().await?,
            client,
            namespace,
            output,
            open: HashMap::new(),
            ended: HashSet::new(),
            blank: HashMap::new(),
            pause: PAUSE.0,
        })
    }

    /// Until the next look.
    pub(super) fn pause(&self) -> Duration {
        self.pause
    }

    /// Prints what has happened since the last look.
    pub(super) async fn look(&mut self) {
        match self.read().await {
            Ok(0) => self.pause = (self.pause * 5 / 4).min(PAUSE.1),
            Ok(_) => self.pause = PAUSE.0,
            // The worker says so too, and goes on when the database is back.
            Err(failure) => {
                warn!(error = failure.message, "the events cannot be read and will be asked for again");
                self.pause = PAUSE.1;
            }
        }
    }

    async fn read(&mut self) -> Result<usize> {
        let query = TaskQuery { namespace: self.namespace.clone(), limit: Some(NEWEST), ..TaskQuery::default() };
        let page = self.client.list(&query).await?;
        let newest: HashSet<TaskId> = page.items.iter().map(|task| task.task_uuid).collect();
        let is_known = |id: &TaskId| self.open.contains_key(id) || self.ended.contains(id);
        let is_overrun = page.next.is_some() && !newest.iter().any(is_known) && !self.ended.is_empty();
        if is_overrun {
            self.output.note("more tasks than can be shown; `tasker task list` has them all");
        }
        let mut lines = Vec::new();
        let older: Vec<TaskId> =
            self.open.keys().filter(|id| !newest.contains(id)).take(NEWEST as usize).copied().collect();
        for task in &page.items {
            self.read_task(task, &mut lines).await?;
        }
        for task_id in older {
            let task = self.client.get(task_id).await?;
            self.read_task(&task, &mut lines).await?;
        }
        self.ended.retain(|id| newest.contains(id));
        lines.sort_by_key(|(at, _)| *at);
        lines.iter().for_each(|(_, line)| write_out(line));
        Ok(lines.len())
    }

    async fn read_task(&mut self, task: &TaskView, lines: &mut Vec<(Timestamp, String)>) -> Result<()> {
        let task_id = task.task_uuid;
        if self.ended.contains(&task_id) || (task.status.is_final() && task.updated_at < self.began_at) {
            return Ok(());
        }
        let mut progress = match self.open.remove(&task_id) {
            Some(progress) => progress,
            None => self.blank(task).await?,
        };
        while progress.seq < task.last_seq {
            let events = self.client.history(task_id, progress.seq).await?.items;
            if events.is_empty() {
                break;
            }
            for event in &events {
                if !progress.apply(event) {
                    progress.look_at(&self.client.get(task_id).await?);
                }
                if event.at >= self.began_at {
                    lines.extend(self.line(&progress, event).map(|line| (event.at, line)));
                }
            }
        }
        if progress.state.is_final() {
            self.ended.insert(task_id);
        } else {
            self.open.insert(task_id, progress);
        }
        Ok(())
    }

    fn line(&self, progress: &Progress, event: &EventView) -> Option<String> {
        if self.output.is_json() {
            return serde_json::to_string(event).ok();
        }
        event_text(progress, event, &self.output)
    }

    async fn blank(&mut self, task: &TaskView) -> Result<Progress> {
        let TaskView { namespace, name, version, environment, .. } = task;
        let runs = (namespace.clone(), name.clone(), version.clone(), environment.clone());
        if let Some(blank) = self.blank.get(&runs) {
            return Ok(blank.for_task(task));
        }
        let blank = Progress::blank(&self.client.get(task.task_uuid).await?);
        self.blank.insert(runs, blank.clone());
        Ok(blank)
    }
}
