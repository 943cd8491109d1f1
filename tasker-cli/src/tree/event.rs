use std::time::Duration;

use serde_json::{Map, Value, json};
use tasker_core::model::{Actor, Event, Fact, SkipReason, StepError};

use super::Progress;
use crate::{
    output::Output,
    span,
    style::{Tone, of_step, of_task},
};

/// An event for programs, with the names that the event itself leaves out. `progress` is the task after the event.
pub(crate) fn event_json(progress: &Progress, event: &Event) -> Value {
    let mut fields = Map::new();
    fields.insert("task_id".into(), json!(event.task_id));
    fields.insert("template".into(), json!(progress.template));
    fields.insert("seq".into(), json!(event.seq));
    fields.insert("at".into(), json!(event.at));
    if let Value::Object(fact) = json!(event.fact) {
        fields.extend(fact);
    }
    if let Some(idx) = event.fact.step() {
        fields.insert("step_idx".into(), json!(idx));
        fields.insert("step".into(), json!(progress.step(idx).map(|step| &step.name)));
    }
    if let Some(duration) = duration(progress, &event.fact) {
        fields.insert("duration_ms".into(), json!(duration.as_secs_f64() * 1_000.0));
    }
    Value::Object(fields)
}

/// An event as one line for people; none for one that says nothing that others do not say.
pub(crate) fn event_text(progress: &Progress, event: &Event, output: &Output) -> Option<String> {
    let time = event.at.to_string();
    let time = time.get(11..23).unwrap_or(&time);
    let ((mark, tone), word, rest) = match event.fact.step() {
        Some(idx) => {
            let step = progress.step(idx)?;
            (of_step(step.state), word(&event.fact)?, format!("{}{}", step.name, details(progress, event)))
        }
        None => {
            (of_task(progress.state), word(&event.fact)?, format!("{}{}", progress.template, details(progress, event)))
        }
    };
    // The end of a UUIDv7 tells tasks apart; its beginning is the time.
    let id = progress.task_id.to_string();
    let id = &id[id.len() - 8..];
    Some(format!(
        "{} {} {} {word:<9} {rest}",
        output.paint(time, Tone::Dim),
        output.paint(id, Tone::Dim),
        output.paint(mark, tone)
    ))
}

fn word(fact: &Fact) -> Option<&'static str> {
    Some(match fact {
        Fact::TaskCreated => "submitted",
        Fact::TaskCompleted => "complete",
        Fact::TaskFailed { .. } | Fact::StepFailed { .. } => "error",
        Fact::TaskCancelled { .. } | Fact::StepCancelled { .. } => "cancelled",
        Fact::StepStarted { .. } => "started",
        Fact::StepCompleted { .. } => "complete",
        Fact::StepRetryScheduled { .. } => "failed",
        Fact::StepLost { .. } => "lost",
        Fact::StepReleased { .. } => "released",
        Fact::TaskPaused { .. } => "paused",
        Fact::TaskResumed { .. } => "resumed",
        Fact::TaskReopened { .. } | Fact::StepReopened { .. } => "reopened",
        Fact::TaskResolved { .. } | Fact::StepResolved { .. } => "resolved",
        Fact::TaskPrioritized { .. } => "priority",
        Fact::TaskRerun { .. } => "rerun",
        Fact::StepReset { .. } => "retried",
        Fact::StepCompletedManually { .. } => "complete",
        Fact::StepSkipped { .. } => "skipped",
        Fact::StepWaiting { .. } => "waiting",
        Fact::StepChildStarted { .. } => "started",
        Fact::SignalReceived { .. } => "signal",
        Fact::TaskBlocked { .. } => "blocked",
        Fact::EventPublished { .. } => "published",
        // A start follows at once, or when the task goes on.
        Fact::TaskStarted | Fact::StepEnqueued { .. } | Fact::StepHeld { .. } => return None,
    })
}

fn details(progress: &Progress, event: &Event) -> String {
    let attempt = |attempt: u32| if attempt > 1 { format!("  attempt {attempt}") } else { String::new() };
    let took = duration(progress, &event.fact).map(|span| format!("  {}", span::show(span))).unwrap_or_default();
    let why = |error: &StepError| format!("  {}: {}", error.code, error.message.lines().next().unwrap_or_default());
    match &event.fact {
        Fact::StepStarted { attempt: number, .. } | Fact::StepReleased { attempt: number, .. } => attempt(*number),
        Fact::StepLost { attempt: number, .. } => format!("{}  its worker went silent", attempt(*number)),
        Fact::StepCompleted { attempt: number, .. } => attempt(*number) + &took,
        Fact::StepFailed { attempt: number, error, .. } => attempt(*number) + &took + &why(error),
        Fact::StepRetryScheduled { attempt: number, error, due_at, .. } => {
            format!("{}{took}{}  again in {}", attempt(*number), why(error), span::show(due_at.since(event.at)))
        }
        Fact::TaskCompleted => took,
        Fact::TaskFailed { error } => took + &why(error),
        Fact::TaskPrioritized { priority, actor } => format!("  {priority}{}", who(actor)),
        Fact::TaskRerun { task, actor } => format!("  as {task}{}", who(actor)),
        Fact::TaskCancelled { actor } | Fact::TaskResolved { actor } => format!("{took}{}", who(actor)),
        Fact::TaskPaused { actor }
        | Fact::TaskResumed { actor }
        | Fact::TaskReopened { actor }
        | Fact::StepReset { actor, .. }
        | Fact::StepResolved { actor, .. }
        | Fact::StepCompletedManually { actor, .. } => who(actor),
        Fact::StepSkipped { reason, error, .. } => match error {
            Some(error) => took + &why(error),
            None => format!("  {}", skipped(*reason)),
        },
        Fact::StepWaiting { due_at: Some(due_at), .. } => format!("  for {}", span::show(due_at.since(event.at))),
        Fact::SignalReceived { signal, by, .. } => {
            let by = by.as_deref().map(|by| format!("  by {by}")).unwrap_or_default();
            format!("  {signal}{by}")
        }
        Fact::StepChildStarted { attempt: number, child, .. } => format!("{}  as task {child}", attempt(*number)),
        Fact::EventPublished { name, .. } => format!("  {name}"),
        Fact::TaskCreated => format!(" {}", progress.version),
        _ => String::new(),
    }
}

fn skipped(reason: SkipReason) -> &'static str {
    match reason {
        SkipReason::Decision => "a decision left it out",
        SkipReason::Condition => "its condition is false",
        SkipReason::Dependencies => "what it depends on was skipped",
        SkipReason::Failure => "it failed",
    }
}

fn who(actor: &Actor) -> String {
    let by = actor.by.as_deref().map(|by| format!("  by {by}")).unwrap_or_default();
    let reason = actor.reason.as_deref().map(|reason| format!("  {reason}")).unwrap_or_default();
    by + &reason
}

/// How long what has ended took.
fn duration(progress: &Progress, fact: &Fact) -> Option<Duration> {
    match fact {
        Fact::TaskCompleted | Fact::TaskFailed { .. } | Fact::TaskCancelled { .. } | Fact::TaskResolved { .. } => {
            Some(progress.ended_at?.since(progress.created_at))
        }
        Fact::StepCompleted { step, .. } | Fact::StepFailed { step, .. } | Fact::StepRetryScheduled { step, .. } => {
            let step = progress.step(*step)?;
            Some(step.ended_at?.since(step.started_at?))
        }
        _ => None,
    }
}
