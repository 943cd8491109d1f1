use std::collections::BTreeMap;

use tasker_core::model::{StepState, Timestamp};

use super::{
    Progress,
    line::Line,
    progress::{PartsProgress, StepProgress},
    rows::{Branch, Row, lines_of, rows},
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
    /// Results too, and sub-workflows that ended well.
    pub(crate) has_results: bool,
}

/// A task as a tree: a line for the task, one for each step in an order in which they can run, and one for each error.
pub(crate) fn frame(progress: &Progress, frame: Frame) -> Vec<Line> {
    let mut lines = vec![heading(progress, frame.now)];
    lines.extend(step_lines(progress, frame));
    lines
}

/// The steps of a task, each sub-workflow under the step that it runs for.
fn step_lines(progress: &Progress, frame: Frame) -> Vec<Line> {
    // Sub-workflows get at most half of the room: what they are for comes first.
    let for_children = wanted_by_children(progress, frame).min(frame.height / 2);
    let rows = rows(progress, frame.height - for_children);
    let mut left = for_children;
    let names = rows.iter().filter_map(|row| match row {
        Row::Step { branch, idx } => Some(branch.prefix().chars().count() + progress.step(*idx)?.name.chars().count()),
        Row::Several { .. } => None,
    });
    let name_width = names.max().unwrap_or(0).min(48);
    let mut lines = Vec::new();
    for row in &rows {
        match row {
            Row::Step { branch, idx } => {
                if let Some(step) = progress.step(*idx) {
                    lines.push(step_line(*branch, step, name_width, frame.now));
                    lines.extend(below(*branch, step, frame.has_results));
                    if let Some(child) = shown_child(step, frame) {
                        let inner = child_lines(*branch, child, Frame { height: left, ..frame });
                        left = left.saturating_sub(inner.len());
                        lines.extend(inner);
                    }
                }
            }
            Row::Several { branch, steps } => lines.push(several_line(*branch, progress, steps)),
        }
    }
    lines
}

/// Lines that one task takes at least: what does not fit is not shown.
const CHILD_HEIGHT_MIN: usize = 2;

fn child_lines(branch: Branch, child: &Progress, frame: Frame) -> Vec<Line> {
    if frame.height < CHILD_HEIGHT_MIN {
        return Vec::new();
    }
    let indent = Line::new().with(format!("  {}", branch.below()), Tone::Dim);
    step_lines(child, frame).into_iter().map(|line| line.behind(indent.clone())).collect()
}

/// What is shown of the task that runs for a step: all of it; while one looks on, it goes when it has ended well.
fn shown_child(step: &StepProgress, frame: Frame) -> Option<&Progress> {
    step.child.as_deref().filter(|_| frame.has_results || !step.state.satisfies())
}

fn wanted_by_children(progress: &Progress, frame: Frame) -> usize {
    let children = progress.steps.iter().filter_map(|step| shown_child(step, frame));
    let wanted = children.map(|child| {
        let own: usize = child.layers.iter().map(|layer| lines_of(child, layer)).sum();
        own + wanted_by_children(child, frame)
    });
    wanted.sum()
}

fn heading(progress: &Progress, now: Timestamp) -> Line {
    let (mark, tone) = of_task(progress.state);
    let done = progress.steps.iter().filter(|step| step.state.is_final()).count();
    let span = progress.ended_at.unwrap_or(now).since(progress.created_at);
    Line::new()
        .with(format!("{mark} "), tone)
        .with(format!("{} {}", progress.template, progress.version), Tone::Bold)
        .with(format!("  {}", progress.state), tone)
        .with(progress.ending.map(|ending| format!(", to end as {ending}")).unwrap_or_default(), Tone::Warning)
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
        .with(step.parts_text(), Tone::Plain)
        .with(step.wait_text(now), Tone::Warning)
        .with(step.left_out_text(), Tone::Dim)
        .with(step.child_text(), Tone::Dim)
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

    fn parts_text(&self) -> String {
        match self.parts {
            Some(PartsProgress { of, done, failed: 0 }) => format!("{done}/{of} parts"),
            Some(PartsProgress { of, done, failed }) => format!("{done}/{of} parts, {failed} failed"),
            None => String::new(),
        }
    }

    fn attempt_text(&self) -> String {
        match self.attempt {
            0 => String::new(),
            1 if !matches!(self.state, StepState::WaitingForRetry) => String::new(),
            attempt => format!("attempt {attempt}/{}", self.attempts_max.max(attempt)),
        }
    }

    /// What the step waits for, and how long yet.
    fn wait_text(&self, now: Timestamp) -> String {
        let left = self.due_at.map(|due_at| span::show(due_at.since(now)));
        match (self.state, &self.signal, left) {
            (StepState::WaitingForRetry, _, Some(left)) => format!(", next in {left}"),
            (StepState::Waiting, Some(signal), Some(left)) => format!("for signal `{signal}`, {left} left"),
            (StepState::Waiting, Some(signal), None) => format!("for signal `{signal}`"),
            (StepState::Waiting, None, Some(left)) => format!("{left} left"),
            _ => String::new(),
        }
    }

    /// Whose choice it was that the step does not run.
    fn left_out_text(&self) -> String {
        if self.left_out_by.is_empty() { String::new() } else { format!("left out by {}", self.left_out_by.join(", ")) }
    }

    /// The task that runs the step.
    fn child_text(&self) -> String {
        match (&self.child, self.child_id) {
            (Some(child), _) => format!("  {}  {}", child.template, child.task_id),
            (None, Some(child_id)) => format!("  {child_id}"),
            (None, None) => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::rows::tests::progress, *};

    fn with_child(layers: &[usize], at: usize, state: StepState, child: Progress) -> Progress {
        let mut progress = progress(layers);
        progress.steps[at].state = state;
        progress.steps[at].child_id = Some(child.task_id);
        progress.steps[at].child = Some(Box::new(child));
        progress
    }

    fn texts(progress: &Progress, height: usize, has_results: bool) -> Vec<String> {
        let frame = Frame { now: Timestamp::from_micros(0), height, has_results };
        super::frame(progress, frame).iter().map(|line| line.text(200, false)).collect()
    }

    #[test]
    fn a_sub_workflow_stands_under_the_step_that_it_runs_for() {
        let inner = with_child(&[1, 1], 1, StepState::Waiting, progress(&[2]));
        let outer = with_child(&[1, 2, 1], 1, StepState::Waiting, inner);
        let lines = texts(&outer, 40, false);
        let starts: Vec<_> = lines[1..].iter().map(|line| line.split("step").next().unwrap_or_default()).collect();
        let expected =
            ["  ○ ", "  ├─ ◔ ", "  │    ○ ", "  │    ◔ ", "  │      ┌─ ○ ", "  │      └─ ○ ", "  └─ ○ ", "  ○ "];
        assert_eq!(starts, expected);
    }

    #[test]
    fn one_that_ended_well_is_shown_only_where_everything_is() {
        let outer = with_child(&[1, 1], 0, StepState::Complete, progress(&[3]));
        assert_eq!((texts(&outer, 40, false).len(), texts(&outer, 40, true).len()), (3, 6));
    }

    #[test]
    fn sub_workflows_take_no_more_room_than_there_is() {
        let inner = with_child(&[1, 40, 1], 0, StepState::Waiting, progress(&[30]));
        for layers in [vec![1], vec![1, 30], vec![1; 50]] {
            for height in [6, 10, 24, 60] {
                let outer = with_child(&layers, 0, StepState::Waiting, inner.clone());
                assert!(texts(&outer, height, false).len() <= height + 1, "{layers:?} in {height}");
            }
        }
    }
}
