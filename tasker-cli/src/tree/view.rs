use std::collections::BTreeMap;

use tasker_core::model::{StepState, Timestamp};

use super::{
    Progress,
    line::Line,
    progress::StepProgress,
    rows::{Branch, Row, rows},
};
use crate::{
    span,
    style::{Tone, of_step, of_task},
};

/// How a tree is to be drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    /// The time by the store's clock.
    pub(crate) now: Timestamp,
    /// Lines for the steps at most.
    pub(crate) height: usize,
    pub(crate) has_results: bool,
}

/// A task as a tree: a line for the task, one for each step in an order in which they can run, and one for each error.
pub(crate) fn frame(progress: &Progress, frame: Frame) -> Vec<Line> {
    let rows = rows(progress, frame.height);
    let names = rows.iter().filter_map(|row| match row {
        Row::Step { branch, idx } => Some(branch.prefix().chars().count() + progress.step(*idx)?.name.chars().count()),
        Row::Several { .. } => None,
    });
    let name_width = names.max().unwrap_or(0).min(48);
    let mut lines = vec![heading(progress, frame.now)];
    for row in &rows {
        match row {
            Row::Step { branch, idx } => {
                if let Some(step) = progress.step(*idx) {
                    lines.push(step_line(*branch, step, name_width, frame.now));
                    lines.extend(below(*branch, step, frame.has_results));
                }
            }
            Row::Several { branch, steps } => lines.push(several_line(*branch, progress, steps)),
        }
    }
    lines
}

fn heading(progress: &Progress, now: Timestamp) -> Line {
    let (mark, tone) = of_task(progress.state);
    let done = progress.steps.iter().filter(|step| step.state.is_final()).count();
    let span = progress.ended_at.unwrap_or(now).since(progress.created_at);
    Line::new()
        .with(format!("{mark} "), tone)
        .with(format!("{} {}", progress.template, progress.version), Tone::Bold)
        .with(format!("  {}", progress.state), tone)
        .with(format!("  {done}/{} steps  {}", progress.steps.len(), span::show(span)), Tone::Plain)
        .with(format!("  {}", progress.task_id), Tone::Dim)
}

fn step_line(branch: Branch, step: &StepProgress, name_width: usize, now: Timestamp) -> Line {
    let (mark, tone) = of_step(step.state);
    let prefix = branch.prefix();
    let width = name_width.saturating_sub(prefix.chars().count());
    let duration = step.duration(now).map(span::show).unwrap_or_default();
    let name_tone = if tone == Tone::Dim { Tone::Dim } else { Tone::Plain };
    Line::new()
        .with(format!("  {prefix}"), Tone::Dim)
        .with(format!("{mark} "), tone)
        .with(format!("{:width$}  ", step.name), name_tone)
        .with(format!("{:<17}", step.state), tone)
        .with(format!("{duration:>8}  "), Tone::Plain)
        .with(step.attempt_text(), Tone::Plain)
        .with(step.retry_text(now), Tone::Warning)
}

/// What stands under a step: its error, or its result.
fn below(branch: Branch, step: &StepProgress, has_results: bool) -> Option<Line> {
    let indent = format!("  {}  ", branch.below());
    if step.shows_error() {
        let error = step.error.as_ref()?;
        // The first line says what happened; all of it is in the JSON.
        let message = error.message.lines().next().unwrap_or_default();
        return Some(Line::new().with(indent, Tone::Dim).with(format!("{}: {message}", error.code), Tone::Bad));
    }
    let result = step.result.as_ref().filter(|_| has_results && step.state == StepState::Complete)?;
    let text: String = result.as_str().chars().take(RESULT_CHARACTERS).collect();
    Some(Line::new().with(indent, Tone::Dim).with(text, Tone::Dim))
}

const RESULT_CHARACTERS: usize = 2_000;

fn several_line(branch: Branch, progress: &Progress, steps: &[u32]) -> Line {
    let mut counts: BTreeMap<usize, (StepState, usize)> = BTreeMap::new();
    for step in steps.iter().filter_map(|idx| progress.step(*idx)) {
        let order = StepState::ALL.iter().position(|state| *state == step.state).unwrap_or(0);
        counts.entry(order).or_insert((step.state, 0)).1 += 1;
    }
    let mut line = Line::new().with(format!("  {}⋯ {} steps:", branch.prefix(), steps.len()), Tone::Dim);
    for (state, count) in counts.into_values().rev() {
        let (mark, tone) = of_step(state);
        line = line.with(format!("  {mark} {count} {state}"), tone);
    }
    line
}

impl Branch {
    fn prefix(self) -> &'static str {
        match self {
            Self::Trunk => "",
            Self::First => "┌─ ",
            Self::Middle => "├─ ",
            Self::Last => "└─ ",
        }
    }

    /// What goes on under the prefix, on a line that belongs to the step.
    fn below(self) -> &'static str {
        match self {
            Self::Trunk => "",
            Self::First | Self::Middle => "│  ",
            Self::Last => "   ",
        }
    }
}

impl StepProgress {
    /// Whether the error is what matters about the step now.
    pub(super) fn shows_error(&self) -> bool {
        self.error.is_some() && matches!(self.state, StepState::Error | StepState::WaitingForRetry)
    }

    fn attempt_text(&self) -> String {
        match self.attempt {
            0 => String::new(),
            1 if !matches!(self.state, StepState::WaitingForRetry) => String::new(),
            attempt => format!("attempt {attempt}/{}", self.attempts_max.max(attempt)),
        }
    }

    fn retry_text(&self, now: Timestamp) -> String {
        match self.due_at {
            Some(due_at) if self.state == StepState::WaitingForRetry => {
                format!(", next in {}", span::show(due_at.since(now)))
            }
            _ => String::new(),
        }
    }
}
