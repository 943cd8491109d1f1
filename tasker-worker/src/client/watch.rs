use std::{collections::VecDeque, sync::Arc, time::Duration};

use tasker_core::{
    model::{Task, TaskId},
    orchestration::Engine,
    view::EventView,
};
use tokio::time::sleep;

use super::{Result, http::Streamed};

/// What happens to one task, as it happens. Cancel-safe: a call of [`next`](Self::next) that is dropped loses no event.
pub struct Watch {
    source: Source,
    /// Events that were read and not yet given away.
    waiting: VecDeque<EventView>,
}

enum Source {
    Embedded(Box<Polled>),
    Http(Box<Streamed>),
}

impl Watch {
    pub(super) async fn embedded(engine: Arc<Engine>, task_id: TaskId, after_seq: i64) -> Result<Self> {
        let task = engine.task(task_id).await?;
        // Of a task that has ended, nothing may be left to tell.
        let is_ended = task.state.is_final() && task.seq <= after_seq;
        let polled = Polled { engine, task, seq: after_seq, is_ended, pause: LOOK_AGAIN.0 };
        Ok(Self { source: Source::Embedded(Box::new(polled)), waiting: VecDeque::new() })
    }

    pub(super) fn http(streamed: Streamed) -> Self {
        Self { source: Source::Http(Box::new(streamed)), waiting: VecDeque::new() }
    }

    /// The next event; none when the task has ended.
    ///
    /// # Errors
    /// `database_unavailable`, `server_unreachable`: the next call goes on where this one stopped.
    pub async fn next(&mut self) -> Result<Option<EventView>> {
        if self.waiting.is_empty() {
            let events = match &mut self.source {
                Source::Embedded(polled) => polled.read().await?,
                Source::Http(streamed) => streamed.read().await?,
            };
            self.waiting.extend(events);
        }
        Ok(self.waiting.pop_front())
    }
}

/// Between two looks at a task that something happens to, and at one where nothing does.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_millis(25), Duration::from_millis(500));

/// The event log, read again and again: other processes write it too.
struct Polled {
    engine: Arc<Engine>,
    task: Task,
    /// Number of the last event that was read.
    seq: i64,
    /// Whether that event was the end of the task. A task may go on from there, when an operator has it run again.
    is_ended: bool,
    pause: Duration,
}

impl Polled {
    /// What is new; nothing when the task has ended.
    async fn read(&mut self) -> Result<Vec<EventView>> {
        loop {
            let page = EventView::history_of(&self.engine, &self.task, self.seq).await?;
            if let Some(last) = page.items.last() {
                (self.seq, self.is_ended, self.pause) = (last.seq, last.ends_task(), LOOK_AGAIN.0);
                return Ok(page.items);
            }
            if self.is_ended {
                return Ok(Vec::new());
            }
            sleep(self.pause).await;
            self.pause = (self.pause * 5 / 4).min(LOOK_AGAIN.1);
        }
    }
}
