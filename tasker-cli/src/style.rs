//! Colours and signs. Whether there is colour is decided once, in `output`.

use tasker_core::model::{StepState, TaskState};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Bold,
    Dim,
    Good,
    Bad,
    Busy,
    Warning,
}

impl Tone {
    const fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Bold => "1",
            Self::Dim => "2",
            Self::Good => "32",
            Self::Bad => "31",
            Self::Busy => "36",
            Self::Warning => "33",
        }
    }
}

/// Text in its tone; plain where there is no colour.
pub(crate) fn paint(text: &str, tone: Tone, has_color: bool) -> String {
    if !has_color || tone == Tone::Plain || text.is_empty() {
        return text.to_owned();
    }
    format!("\x1b[{}m{text}\x1b[0m", tone.code())
}

/// The sign of a step's state, and its tone.
pub(crate) fn of_step(state: StepState) -> (&'static str, Tone) {
    match state {
        StepState::Pending => ("○", Tone::Dim),
        StepState::Enqueued => ("◌", Tone::Plain),
        StepState::InProgress => ("●", Tone::Busy),
        StepState::WaitingForRetry => ("↻", Tone::Warning),
        StepState::Waiting => ("◔", Tone::Warning),
        StepState::Complete => ("✔", Tone::Good),
        StepState::Error => ("✘", Tone::Bad),
        StepState::Cancelled => ("⊘", Tone::Dim),
        StepState::Skipped => ("↷", Tone::Dim),
        StepState::ResolvedManually => ("✎", Tone::Good),
    }
}

pub(crate) fn of_task(state: TaskState) -> (&'static str, Tone) {
    match state {
        TaskState::Pending => ("○", Tone::Plain),
        TaskState::InProgress => ("●", Tone::Busy),
        TaskState::Paused => ("◔", Tone::Warning),
        TaskState::BlockedByFailures => ("✘", Tone::Warning),
        TaskState::Complete => ("✔", Tone::Good),
        TaskState::Error => ("✘", Tone::Bad),
        TaskState::Cancelled => ("⊘", Tone::Warning),
        TaskState::ResolvedManually => ("✎", Tone::Good),
    }
}
