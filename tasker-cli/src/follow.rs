//! Follows one task to its end: as a live tree on a terminal, as lines in a pipe.

use std::{pin::pin, time::Duration};

use tasker_core::model::{Clock, SystemClock, TaskId, Timestamp};
use tasker_worker::{
    Client,
    client::{EventView, TaskView, Watch},
};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep};

use crate::{
    failure::{Exit, Failure, Result},
    output::{Output, write_out},
    stop::Stop,
    tree::{Frame, Live, Progress, event_text, frame},
};

/// Between two pictures, so that times tick.
const TICK: Duration = Duration::from_millis(100);
/// Between two looks at the tasks that run for steps of this one.
const LOOK_AT_CHILDREN: Duration = Duration::from_millis(400);

/// Shows what happens to a task until it ends, `at_most` has passed, or someone wants to stop.
///
/// # Errors
/// A task that did not end is a failure here.
pub(crate) async fn follow(
    client: &Client,
    task_id: TaskId,
    at_most: Option<Duration>,
    output: &Output,
) -> Result<TaskView> {
    let mut stop = Stop::listen()?;
    let mut follower = Follower::new(client, task_id, output).await?;
    let mut watch = client.watch(task_id, 0).await?;
    let timeout = async {
        match at_most {
            Some(at_most) => sleep(at_most).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        ended = follower.follow_to_end(&mut watch) => ended?,
        () = timeout => return Err(not_ended(follower, Exit::TimedOut)),
        () = stop.requested() => return Err(not_ended(follower, Exit::Interrupted)),
    }
    Ok(client.get(task_id).await?)
}

struct Follower<'a> {
    client: &'a Client,
    output: &'a Output,
    progress: Progress,
    live: Option<Live>,
    /// When the tasks that run for its steps were last looked at.
    looked_at: Option<Instant>,
    /// Between the store's clock and this machine's, in microseconds.
    clock_ahead_micros: i64,
}

impl<'a> Follower<'a> {
    async fn new(client: &'a Client, task_id: TaskId, output: &'a Output) -> Result<Self> {
        let task = client.get(task_id).await?;
        let now = client.now().await?;
        Ok(Self {
            client,
            output,
            progress: Progress::blank(&task),
            live: output.is_live().then(|| Live::new(output.has_color())),
            looked_at: None,
            clock_ahead_micros: now.as_micros() - SystemClock.now().as_micros(),
        })
    }

    async fn follow_to_end(&mut self, watch: &mut Watch) -> Result<()> {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while let Some(event) = self.next(watch, &mut tick).await? {
            self.show(&event).await?;
        }
        self.look_at_children(self.progress.has_child()).await?;
        self.draw();
        Ok(())
    }

    /// The next event; the picture is kept up to date meanwhile. The question is asked once and not anew with every picture,
    /// since to connect again may take longer than that.
    async fn next(&mut self, watch: &mut Watch, tick: &mut Interval) -> Result<Option<EventView>> {
        let mut next = pin!(watch.next());
        loop {
            tokio::select! {
                event = &mut next => return Ok(event?),
                _ = tick.tick() => {
                    let is_time = self.looked_at.is_none_or(|at| at.elapsed() >= LOOK_AT_CHILDREN);
                    self.look_at_children(is_time && self.progress.has_open_child()).await?;
                    self.draw();
                }
            }
        }
    }

    async fn show(&mut self, event: &EventView) -> Result<()> {
        if !self.progress.apply(event) {
            self.progress.look_at(&self.client.get(event.task_uuid).await?);
        }
        if self.output.is_json() {
            self.output.json_line(event);
        } else if self.live.is_none()
            && let Some(text) = event_text(&self.progress, event, self.output)
        {
            write_out(&text);
        }
        Ok(())
    }

    /// Their events are not followed: each would be a stream of its own.
    async fn look_at_children(&mut self, is_wanted: bool) -> Result<()> {
        if is_wanted && self.live.is_some() {
            self.progress.graft(&self.client.tree(self.progress.task_id).await?);
            self.looked_at = Some(Instant::now());
        }
        Ok(())
    }

    fn draw(&mut self) {
        let now = Timestamp::from_micros(SystemClock.now().as_micros() + self.clock_ahead_micros);
        if let Some(live) = &mut self.live {
            let height = live.height().saturating_sub(1);
            live.draw(&frame(&self.progress, Frame { now, height, has_results: false }));
        }
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
