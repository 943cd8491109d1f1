use std::time::Duration;

use clap::Args;
use tasker_core::model::TaskState;
use tasker_worker::client::StatsView;

use crate::{
    failure::{Exit, Result},
    output::Output,
    reach,
    settings::Settings,
    span,
    style::{Tone, of_task},
    table::Table,
};

/// Count tasks, queues and workers
#[derive(Debug, Args)]
pub(crate) struct Stats {}

impl Stats {
    pub(crate) async fn run(&self, settings: &Settings, output: &Output) -> Result<Exit> {
        let stats = reach::client(settings).await?.stats().await?;
        if output.is_json() {
            output.document(&stats);
        } else {
            show(&stats, output);
        }
        Ok(Exit::Complete)
    }
}

fn show(stats: &StatsView, output: &Output) {
    let mut tasks = Table::new(&["STATE", ">TASKS"]);
    for state in TaskState::ALL {
        let (mark, tone) = of_task(state);
        let count = stats.tasks.get(state.as_str()).copied().unwrap_or(0);
        let tone = if count == 0 { Tone::Dim } else { tone };
        let about = if stats.is_estimated && state == TaskState::Complete { "about " } else { "" };
        tasks.row([(format!("{mark} {state}"), tone), (format!("{about}{count}"), Tone::Plain)]);
    }
    tasks.print(output);
    output.line("");
    let StatsView { running, delayed, submitted_last_minute, workers, slots, .. } = stats;
    output.line(&format!("{} submitted in the last minute", counted(*submitted_last_minute, "task")));
    let (workers, slots) = (counted(*workers, "worker"), counted(*slots, "slot"));
    let running = counted(*running, "step");
    output.line(&format!("{running} running, {delayed} waiting for their retry; {workers} with {slots}"));
    if stats.queues.is_empty() {
        return;
    }
    output.line("");
    let mut queues = Table::new(&["QUEUE", "HANDLER", ">STEPS", ">OLDEST"]);
    for queue in &stats.queues {
        queues.row([
            (queue.queue.clone(), Tone::Plain),
            (queue.handler.clone(), Tone::Plain),
            (queue.steps.to_string(), Tone::Plain),
            (span::show(Duration::from_millis(queue.oldest_age_ms)), Tone::Plain),
        ]);
    }
    queues.print(output);
}

/// `1 task`, `2 tasks`
fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
