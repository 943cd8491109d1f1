//! Follows one task to its end: as a live tree on a terminal, as lines in a pipe.

use std::time::Duration;

use tasker_core::{
    model::{Clock, SystemClock, Task, TaskId, Timestamp},
    orchestration::Engine,
};
use tokio::time::{Instant, sleep};

use crate::{
    failure::{Exit, Failure, Result},
    output::{Output, write_out},
    stop::Stop,
    tree::{Frame, Live, Progress, event_json, event_text, frame},
};

/// Between two looks at a task that something happens to, and at one where nothing does.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_millis(60), Duration::from_millis(500));
/// Between two pictures, so that times tick.
const TICK: Duration = Duration::from_millis(100);

/// Shows what happens to a task until it ends, `at_most` has passed, or someone wants to stop.
///
/// # Errors
/// A task that ended otherwise than `complete` is a failure here, and so is one that did not end.
pub(crate) async fn follow(
    engine: &Engine,
    task_id: TaskId,
    at_most: Option<Duration>,
    output: &Output,
) -> Result<Task> {
    let mut stop = Stop::listen()?;
    let mut follower = Follower::new(engine, task_id, output).await?;
    let timeout = async {
        match at_most {
            Some(at_most) => sleep(at_most).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        ended = follower.follow_to_end() => ended?,
        () = timeout => return Err(not_ended(follower, Exit::TimedOut)),
        () = stop.requested() => return Err(not_ended(follower, Exit::Interrupted)),
    }
    Ok(engine.task(task_id).await?)
}

struct Follower<'a> {
    engine: &'a Engine,
    output: &'a Output,
    progress: Progress,
    live: Option<Live>,
    /// Between the store's clock and this machine's, in microseconds.
    clock_ahead_micros: i64,
}

impl<'a> Follower<'a> {
    async fn new(engine: &'a Engine, task_id: TaskId, output: &'a Output) -> Result<Self> {
        let task = engine.task(task_id).await?;
        let now = engine.store().now().await?;
        Ok(Self {
            engine,
            output,
            progress: Progress::new(engine, &task).await?,
            live: output.is_live().then(|| Live::new(output.has_color())),
            clock_ahead_micros: now.as_micros() - SystemClock.now().as_micros(),
        })
    }

    async fn follow_to_end(&mut self) -> Result<()> {
        let mut pause = LOOK_AGAIN.0;
        loop {
            let is_new = self.look().await?;
            self.draw();
            if self.progress.state.is_final() {
                return Ok(());
            }
            pause = if is_new { LOOK_AGAIN.0 } else { (pause * 5 / 4).min(LOOK_AGAIN.1) };
            self.wait(pause).await;
        }
    }

    /// Reads what has happened since the last look; false if nothing has.
    async fn look(&mut self) -> Result<bool> {
        let mut is_new = false;
        loop {
            let events = self.engine.history(self.progress.task_id, self.progress.seq).await?;
            if events.is_empty() {
                return Ok(is_new);
            }
            is_new = true;
            for event in events {
                self.progress.apply(&event);
                if self.output.is_json() {
                    self.output.json_line(&event_json(&self.progress, &event));
                } else if self.live.is_none()
                    && let Some(text) = event_text(&self.progress, &event, self.output)
                {
                    write_out(&text);
                }
            }
        }
    }

    async fn wait(&mut self, pause: Duration) {
        let until = Instant::now() + pause;
        while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            sleep(left.min(TICK)).await;
            self.draw();
        }
    }

    fn draw(&mut self) {
        let now = self.now();
        if let Some(live) = &mut self.live {
            let height = live.height().saturating_sub(1);
            live.draw(&frame(&self.progress, Frame { now, height, has_results: false }));
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_micros(SystemClock.now().as_micros() + self.clock_ahead_micros)
    }
}

fn not_ended(follower: Follower<'_>, exit: Exit) -> Box<Failure> {
    // Gives the cursor back before anything else is printed.
    let Progress { task_id, state, .. } = follower.progress;
    drop(follower.live);
    if exit == Exit::Interrupted {
        follower.output.break_line();
    }
    let message = format!("task {task_id} is still `{state}`, and goes on");
    let code = if exit == Exit::Interrupted { "interrupted" } else { "task_not_ended" };
    Failure::new(code, message, format!("`tasker task watch {task_id}` follows it again")).with_exit(exit)
}
