use std::time::Duration;

use tasker_core::model::{StepError, StepPlace};
use tasker_worker::client::EventView;

use super::Progress;
use crate::{
    output::Output,
    span,
    style::{Tone, of_step, of_task},
};

/// An event as one line for people; none for one that says nothing that others do not say. `progress` is the task after it.
pub(crate) fn event_text(progress: &Progress, event: &EventView, output: &Output) -> Option<String> {
    let time = event.at.to_string();
    let time = time.get(11..23).unwrap_or(&time);
    let word = word(&event.kind)?;
    // There may be ten thousand parts: of those that go well, the step that they belong to tells.
    let is_part = event.step_idx.is_some_and(|idx| StepPlace::of(idx).part.is_some());
    if is_part && event.error.is_none() {
        return None;
    }
    let ((mark, tone), subject) = match event.step_idx {
        Some(idx) => {
            let sign = progress.step(idx).map_or(("·", Tone::Plain), |step| of_step(step.state));
            (sign, event.step.as_deref().unwrap_or("?"))
        }
        None => (of_task(progress.state), progress.template.as_str()),
    };
    // The end of a UUIDv7 tells tasks apart; its beginning is the time.
    let id = progress.task_id.to_string();
    let id = &id[id.len() - 8..];
    Some(format!(
        "{} {} {} {word:<9} {subject}{}",
        output.paint(time, Tone::Dim),
        output.paint(id, Tone::Dim),
        output.paint(mark, tone),
        details(progress, event)
    ))
}

fn word(kind: &str) -> Option<String> {
    Some(match kind {
        // A start follows at once.
        "task.started" | "step.enqueued" | "step.held" => return None,
        "task.created" => "submitted".to_owned(),
        "task.completed" | "step.completed" => "complete".to_owned(),
        "task.failed" | "step.failed" => "error".to_owned(),
        "step.retry_scheduled" => "failed".to_owned(),
        "task.prioritized" => "priority".to_owned(),
        "signal.received" => "signal".to_owned(),
        "step.child_started" => "started".to_owned(),
        "step.reset" => "retried".to_owned(),
        "step.completed_manually" => "completed by hand".to_owned(),
        other => other.split_once('.').map_or(other, |(_, word)| word).replace('_', " "),
    })
}

fn details(progress: &Progress, event: &EventView) -> String {
    let mut text = match event.attempt {
        Some(attempt) if attempt > 1 => format!("  attempt {attempt}"),
        _ => String::new(),
    };
    let mut add = |part: String| {
        text.push_str("  ");
        text.push_str(&part);
    };
    match event.kind.as_str() {
        "task.created" => add(event.version.clone()),
        "step.lost" => add("its worker went silent".to_owned()),
        _ => {}
    }
    duration(progress, event).map(span::show).into_iter().for_each(&mut add);
    event.error.as_ref().map(why).into_iter().for_each(&mut add);
    let until = if event.kind == "step.waiting" { "for" } else { "again in" };
    let due = event.due_at.map(|due_at| format!("{until} {}", span::show(due_at.since(event.at))));
    due.into_iter().for_each(&mut add);
    event.by.as_ref().map(|by| format!("by {by}")).into_iter().for_each(&mut add);
    event.reason.clone().into_iter().for_each(&mut add);
    for (name, value) in &event.details {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        add(format!("{name} {}", value.chars().take(VALUE_CHARACTERS).collect::<String>()));
    }
    text
}

const VALUE_CHARACTERS: usize = 80;

fn why(error: &StepError) -> String {
    format!("{}: {}", error.code, error.message.lines().next().unwrap_or_default())
}

/// How long what has ended took.
fn duration(progress: &Progress, event: &EventView) -> Option<Duration> {
    match event.kind.as_str() {
        "task.completed" | "task.failed" | "task.cancelled" | "task.resolved_manually" => {
            Some(event.at.since(progress.created_at))
        }
        "step.completed" | "step.failed" | "step.retry_scheduled" => {
            let step = progress.step(event.step_idx?)?;
            Some(step.ended_at?.since(step.started_at?))
        }
        _ => None,
    }
}
