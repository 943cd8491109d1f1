//! Removes tasks that ended long ago, in small batches, and keeps them in files first if that is asked for.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use flate2::{Compression, write::GzEncoder};
use serde::Serialize;
use thiserror::Error;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};
use tracing::{info, warn};
use uuid::Uuid;

use crate::{
    model::TaskId,
    orchestration::{self, Engine},
    view::{EventView, TaskView},
};

/// What is kept for how long.
#[derive(Clone, Debug)]
pub struct Retention {
    /// How long tasks are kept after their end.
    pub age: Duration,
    /// The folder for files with what is removed: `tasks-{id}.jsonl.gz`, a document for each task with its steps and events.
    pub archive: Option<PathBuf>,
}

/// Why a run ended early. What it removed is removed, and in the archive if there is one.
#[derive(Debug, Error)]
pub enum RetentionError {
    #[error(transparent)]
    Engine(#[from] orchestration::Error),
    /// The archive cannot be written. Make the folder writable, or name another one; nothing is removed without it.
    #[error("{0}: {1}")]
    Archive(PathBuf, #[source] io::Error),
}

impl From<crate::store::Error> for RetentionError {
    fn from(error: crate::store::Error) -> Self {
        Self::Engine(error.into())
    }
}

/// Removes from time to time until it is dropped.
#[derive(Debug)]
pub struct Remover(JoinHandle<()>);

impl Drop for Remover {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Tasks removed at once.
const BATCH: u32 = 100;
/// Bytes that are compressed at once: tasks may be large.
const MEMBER_BYTES: usize = 8 * 1024 * 1024;
/// Between two runs.
const RUN_AGAIN: Duration = Duration::from_mins(10);

/// A task as the archive has it: a line of JSON.
#[derive(Serialize)]
struct Archived {
    task: TaskView,
    events: Vec<EventView>,
}

impl Retention {
    /// Removes what has been kept long enough; says how many tasks. Between batches it rests as long as each took, so that it
    /// never takes more than half of what the database can do.
    ///
    /// # Errors
    /// [`RetentionError`].
    pub async fn run(&self, engine: &Arc<Engine>) -> Result<u64, RetentionError> {
        let mut archive = self.archive.as_deref().map(Archive::new);
        let (mut removed, mut after) = (0, TaskId(Uuid::nil()));
        loop {
            let began = Instant::now();
            let tasks = engine.retired(self.age, after, BATCH).await?;
            let Some(last) = tasks.last() else { break };
            after = *last;
            if let Some(archive) = &mut archive {
                archive.add(engine, &tasks).await?;
            }
            removed += engine.remove(&tasks, self.age).await?.len() as u64;
            sleep(began.elapsed()).await;
        }
        Ok(removed)
    }

    /// How many tasks a run would remove, counted up to `most`.
    ///
    /// # Errors
    /// [`RetentionError::Engine`].
    pub async fn count(&self, engine: &Engine, most: u32) -> Result<usize, RetentionError> {
        Ok(engine.retired(self.age, TaskId(Uuid::nil()), most).await?.len())
    }

    /// Runs in the background, every ten minutes or so. Several processes may do so: each task is removed once.
    #[must_use]
    pub fn start(self, engine: &Arc<Engine>) -> Remover {
        let engine = Arc::downgrade(engine);
        Remover(tokio::spawn(async move {
            while let Some(engine) = engine.upgrade() {
                match self.run(&engine).await {
                    Ok(0) => {}
                    Ok(removed) => info!(removed, "removed tasks that had been kept long enough"),
                    Err(error) => warn!(%error, "old tasks are kept, and removed by a later run"),
                }
                drop(engine);
                sleep(RUN_AGAIN.mul_f64(0.75 + fastrand::f64() / 2.0)).await;
            }
        }))
    }
}

/// The file of one run. It is made of members, each complete on the disk before the tasks in it are removed.
struct Archive {
    path: PathBuf,
    file: Option<File>,
}

impl Archive {
    fn new(folder: &Path) -> Self {
        Self { path: folder.join(format!("tasks-{}.jsonl.gz", Uuid::now_v7().simple())), file: None }
    }

    async fn add(&mut self, engine: &Arc<Engine>, tasks: &[TaskId]) -> Result<(), RetentionError> {
        let mut lines = Vec::new();
        for task_id in tasks {
            let Some(task) = engine.store().task(*task_id).await? else { continue };
            let mut events = Vec::new();
            loop {
                let page =
                    EventView::history_of(engine, &task, events.last().map_or(0, |it: &EventView| it.seq)).await?;
                if page.items.is_empty() {
                    break;
                }
                events.extend(page.items);
            }
            let archived = Archived { task: TaskView::with_steps(engine, task).await?, events };
            serde_json::to_writer(&mut lines, &archived).map_err(|error| self.refused(error.into()))?;
            lines.push(b'\n');
            if lines.len() >= MEMBER_BYTES {
                self.write(&lines).map_err(|error| self.refused(error))?;
                lines.clear();
            }
        }
        self.write(&lines).map_err(|error| self.refused(error))
    }

    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        let mut file = match self.file.take() {
            Some(file) => file,
            None => OpenOptions::new().create_new(true).append(true).open(&self.path)?,
        };
        let mut member = GzEncoder::new(Vec::new(), Compression::default());
        member.write_all(lines)?;
        file.write_all(&member.finish()?)?;
        file.sync_all()?;
        self.file = Some(file);
        Ok(())
    }

    fn refused(&self, error: io::Error) -> RetentionError {
        RetentionError::Archive(self.path.clone(), error)
    }
}
