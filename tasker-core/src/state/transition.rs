use crate::model::{StepState, TaskState};

/// Why a step changes its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StepCause {
    /// Its last dependency was satisfied.
    Ready,
    /// A worker took it.
    Claim,
    /// Its result was reported.
    Succeed,
    /// It failed and may be tried again.
    Retry,
    /// It failed and may not be tried again.
    Fail,
    /// The delay before its next attempt is over.
    Due,
    /// Its worker gave it back, or went silent.
    Return,
    /// The task was stopped, or a dependency failed.
    Cancel,
    /// The task was paused before a worker took it.
    Hold,
    /// An operator wants it to run again.
    Reset,
    /// What it was cancelled for no longer stands.
    Reopen,
    /// An operator closed it by hand.
    Resolve,
    /// An operator gave its result.
    CompleteManually,
    /// Its result is taken over from another task.
    TakeOver,
    /// A decision, a condition or a failure left it out.
    Skip,
    /// It begins to wait for a time, a signal or another task.
    Wait,
}

impl StepCause {
    /// Whether it takes an attempt under way from its worker.
    pub(super) fn revokes(self) -> bool {
        matches!(self, Self::Cancel | Self::Resolve | Self::CompleteManually | Self::Skip)
    }
}

/// Why a task changes its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TaskCause {
    /// Its first step was started.
    Start,
    /// Its last step ended and none failed.
    Complete,
    /// Its last step ended and some failed, or its time ran out.
    Fail,
    /// Someone stopped it.
    Cancel,
    /// An operator stopped further steps from starting.
    Pause,
    /// An operator let it go on: from `pending`, which a task leaves at once if a step has been started before.
    Resume,
    /// An operator did something to a step of a failed task, which then goes on as after `resume`.
    Reopen,
    /// An operator closed it by hand.
    Resolve,
    /// A step failed for good, and waits for an operator.
    Block,
    /// An operator has seen to what blocked it.
    Unblock,
}

/// The life of a step. What is not listed cannot happen.
#[rustfmt::skip]
const STEP: &[(StepState, StepCause, StepState)] = &[
    (StepState::Pending,         StepCause::Ready,            StepState::Enqueued),
    (StepState::Pending,         StepCause::Cancel,           StepState::Cancelled),
    (StepState::Pending,         StepCause::Resolve,          StepState::ResolvedManually),
    (StepState::Pending,         StepCause::CompleteManually, StepState::Complete),
    (StepState::Enqueued,        StepCause::Claim,            StepState::InProgress),
    (StepState::Enqueued,        StepCause::Hold,             StepState::Pending),
    (StepState::Enqueued,        StepCause::Fail,             StepState::Error),
    (StepState::Enqueued,        StepCause::Cancel,           StepState::Cancelled),
    (StepState::Enqueued,        StepCause::Resolve,          StepState::ResolvedManually),
    (StepState::Enqueued,        StepCause::CompleteManually, StepState::Complete),
    (StepState::InProgress,      StepCause::Succeed,          StepState::Complete),
    (StepState::InProgress,      StepCause::Retry,            StepState::WaitingForRetry),
    (StepState::InProgress,      StepCause::Fail,             StepState::Error),
    (StepState::InProgress,      StepCause::Return,           StepState::Enqueued),
    (StepState::InProgress,      StepCause::Cancel,           StepState::Cancelled),
    (StepState::InProgress,      StepCause::Resolve,          StepState::ResolvedManually),
    (StepState::InProgress,      StepCause::CompleteManually, StepState::Complete),
    (StepState::WaitingForRetry, StepCause::Due,              StepState::Enqueued),
    (StepState::WaitingForRetry, StepCause::Reset,            StepState::Enqueued),
    (StepState::WaitingForRetry, StepCause::Fail,             StepState::Error),
    (StepState::WaitingForRetry, StepCause::Skip,             StepState::Skipped),
    (StepState::WaitingForRetry, StepCause::Cancel,           StepState::Cancelled),
    (StepState::WaitingForRetry, StepCause::Resolve,          StepState::ResolvedManually),
    (StepState::WaitingForRetry, StepCause::CompleteManually, StepState::Complete),
    (StepState::Error,           StepCause::Reset,            StepState::Enqueued),
    (StepState::Error,           StepCause::Resolve,          StepState::ResolvedManually),
    (StepState::Error,           StepCause::CompleteManually, StepState::Complete),
    (StepState::Cancelled,       StepCause::Reopen,           StepState::Pending),
    (StepState::Cancelled,       StepCause::Resolve,          StepState::ResolvedManually),
    (StepState::Cancelled,       StepCause::CompleteManually, StepState::Complete),
    (StepState::Pending,         StepCause::Skip,             StepState::Skipped),
    (StepState::Pending,         StepCause::Fail,             StepState::Error),
    (StepState::InProgress,      StepCause::Skip,             StepState::Skipped),
    (StepState::Waiting,         StepCause::Resolve,          StepState::ResolvedManually),
    (StepState::Waiting,         StepCause::CompleteManually, StepState::Complete),
    (StepState::Pending,         StepCause::TakeOver,         StepState::Complete),
    (StepState::Enqueued,        StepCause::TakeOver,         StepState::Complete),
    (StepState::Waiting,         StepCause::TakeOver,         StepState::Complete),
    (StepState::Enqueued,        StepCause::Skip,             StepState::Skipped),
    (StepState::Pending,         StepCause::Wait,             StepState::Waiting),
    (StepState::Waiting,         StepCause::Wait,             StepState::Waiting),
    (StepState::WaitingForRetry, StepCause::Wait,             StepState::Waiting),
    (StepState::Enqueued,        StepCause::Wait,             StepState::Waiting),
    (StepState::Waiting,         StepCause::Retry,            StepState::WaitingForRetry),
    (StepState::Waiting,         StepCause::Hold,             StepState::Pending),
    (StepState::WaitingForRetry, StepCause::Hold,             StepState::Pending),
    (StepState::Waiting,         StepCause::Ready,            StepState::Enqueued),
    (StepState::Waiting,         StepCause::Succeed,          StepState::Complete),
    (StepState::Waiting,         StepCause::Fail,             StepState::Error),
    (StepState::Waiting,         StepCause::Skip,             StepState::Skipped),
    (StepState::Cancelled,       StepCause::Skip,             StepState::Skipped),
    (StepState::Waiting,         StepCause::Cancel,           StepState::Cancelled),
];

/// The life of a task. What is not listed cannot happen.
#[rustfmt::skip]
const TASK: &[(TaskState, TaskCause, TaskState)] = &[
    (TaskState::Pending,    TaskCause::Start,    TaskState::InProgress),
    (TaskState::Pending,    TaskCause::Complete, TaskState::Complete),
    (TaskState::Pending,    TaskCause::Fail,     TaskState::Error),
    (TaskState::Pending,    TaskCause::Cancel,   TaskState::Cancelled),
    (TaskState::Pending,    TaskCause::Pause,    TaskState::Paused),
    (TaskState::Pending,    TaskCause::Resolve,  TaskState::ResolvedManually),
    (TaskState::InProgress, TaskCause::Complete, TaskState::Complete),
    (TaskState::InProgress, TaskCause::Fail,     TaskState::Error),
    (TaskState::InProgress, TaskCause::Cancel,   TaskState::Cancelled),
    (TaskState::InProgress, TaskCause::Pause,    TaskState::Paused),
    (TaskState::InProgress, TaskCause::Resolve,  TaskState::ResolvedManually),
    (TaskState::Paused,     TaskCause::Resume,   TaskState::Pending),
    (TaskState::Paused,     TaskCause::Complete, TaskState::Complete),
    (TaskState::Paused,     TaskCause::Fail,     TaskState::Error),
    (TaskState::Paused,     TaskCause::Cancel,   TaskState::Cancelled),
    (TaskState::Paused,     TaskCause::Resolve,  TaskState::ResolvedManually),
    (TaskState::Error,      TaskCause::Reopen,   TaskState::Pending),
    (TaskState::Error,      TaskCause::Resolve,  TaskState::ResolvedManually),
    (TaskState::Pending,    TaskCause::Block,    TaskState::BlockedByFailures),
    (TaskState::InProgress, TaskCause::Block,    TaskState::BlockedByFailures),
    (TaskState::BlockedByFailures, TaskCause::Unblock, TaskState::Pending),
    (TaskState::BlockedByFailures, TaskCause::Pause,   TaskState::Paused),
    (TaskState::BlockedByFailures, TaskCause::Fail,    TaskState::Error),
    (TaskState::BlockedByFailures, TaskCause::Cancel,  TaskState::Cancelled),
    (TaskState::BlockedByFailures, TaskCause::Resolve, TaskState::ResolvedManually),
];

/// Where a step goes from `state` by `cause`; none if that cannot happen.
#[must_use]
pub fn step_transition(state: StepState, cause: StepCause) -> Option<StepState> {
    STEP.iter().find(|(from, by, _)| (*from, *by) == (state, cause)).map(|(_, _, to)| *to)
}

/// Where a task goes from `state` by `cause`; none if that cannot happen.
#[must_use]
pub fn task_transition(state: TaskState, cause: TaskCause) -> Option<TaskState> {
    TASK.iter().find(|(from, by, _)| (*from, *by) == (state, cause)).map(|(_, _, to)| *to)
}

/// Both tables as Mermaid state diagrams: the task's, then the step's.
#[must_use]
pub fn mermaid() -> [String; 2] {
    let task = TASK.iter().map(|(from, by, to)| (from.as_str(), format!("{by:?}"), to.as_str(), to.is_final()));
    let step = STEP.iter().map(|(from, by, to)| (from.as_str(), format!("{by:?}"), to.as_str(), to.is_final()));
    [diagram("pending", task), diagram("pending", step)]
}

fn diagram<'a>(start: &str, arrows: impl Iterator<Item = (&'a str, String, &'a str, bool)>) -> String {
    let mut text = format!("stateDiagram-v2\n    [*] --> {start}\n");
    let mut ends = Vec::new();
    for (from, by, to, is_final) in arrows {
        text.push_str(&format!("    {from} --> {to}: {}\n", snake(&by)));
        if is_final && !ends.contains(&to) {
            ends.push(to);
        }
    }
    for end in ends {
        text.push_str(&format!("    {end} --> [*]\n"));
    }
    text
}

/// `CompleteManually` as `complete_manually`.
fn snake(name: &str) -> String {
    let mut text = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.extend(letter.to_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_operators_lead_out_of_final_states() {
        use {StepCause as S, TaskCause as T};
        for (from, by, _) in STEP.iter().filter(|(from, ..)| from.is_final()) {
            // What a failure has cancelled may be left out by a branch all the same, and then does not come back.
            let is_left_out = (*from, *by) == (StepState::Cancelled, S::Skip);
            let is_by_operator = matches!(by, S::Reset | S::Reopen | S::Resolve | S::CompleteManually);
            assert!(is_by_operator || is_left_out, "{from} {by:?}");
            assert!(!from.satisfies(), "what waited for a step that is {from} has begun");
        }
        for (from, by, _) in TASK.iter().filter(|(from, ..)| from.is_final()) {
            assert!(*from == TaskState::Error && matches!(by, T::Reopen | T::Resolve), "{from} {by:?}");
        }
    }

    #[test]
    fn a_cause_leads_to_one_state_only() {
        for (at, (from, by, _)) in STEP.iter().enumerate() {
            assert!(STEP[at + 1..].iter().all(|(other, cause, _)| (other, cause) != (from, by)), "{from} {by:?}");
        }
        for (at, (from, by, _)) in TASK.iter().enumerate() {
            assert!(TASK[at + 1..].iter().all(|(other, cause, _)| (other, cause) != (from, by)), "{from} {by:?}");
        }
    }

    #[test]
    fn whatever_is_not_final_can_be_cancelled() {
        for state in [
            StepState::Pending,
            StepState::Enqueued,
            StepState::InProgress,
            StepState::WaitingForRetry,
            StepState::Waiting,
        ] {
            assert_eq!(step_transition(state, StepCause::Cancel), Some(StepState::Cancelled));
        }
        for state in [TaskState::Pending, TaskState::InProgress, TaskState::Paused, TaskState::BlockedByFailures] {
            assert_eq!(task_transition(state, TaskCause::Cancel), Some(TaskState::Cancelled));
        }
    }
}
