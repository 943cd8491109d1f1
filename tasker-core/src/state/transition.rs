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
    /// A decision, a condition or a failure left it out.
    Skip,
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
    /// A step failed for good, and waits for an operator.
    Block,
    /// An operator has seen to what blocked it.
    Unblock,
}

/// The life of a step. What is not listed cannot happen.
#[rustfmt::skip]
const STEP: &[(StepState, StepCause, StepState)] = &[
    (StepState::Pending,         StepCause::Ready,   StepState::Enqueued),
    (StepState::Pending,         StepCause::Cancel,  StepState::Cancelled),
    (StepState::Pending,         StepCause::Skip,    StepState::Skipped),
    (StepState::Pending,         StepCause::Fail,    StepState::Error),
    (StepState::Enqueued,        StepCause::Claim,   StepState::InProgress),
    (StepState::Enqueued,        StepCause::Cancel,  StepState::Cancelled),
    (StepState::InProgress,      StepCause::Succeed, StepState::Complete),
    (StepState::InProgress,      StepCause::Retry,   StepState::WaitingForRetry),
    (StepState::InProgress,      StepCause::Fail,    StepState::Error),
    (StepState::InProgress,      StepCause::Return,  StepState::Enqueued),
    (StepState::InProgress,      StepCause::Cancel,  StepState::Cancelled),
    (StepState::InProgress,      StepCause::Skip,    StepState::Skipped),
    (StepState::WaitingForRetry, StepCause::Due,     StepState::Enqueued),
    (StepState::WaitingForRetry, StepCause::Cancel,  StepState::Cancelled),
];

/// The life of a task. What is not listed cannot happen.
#[rustfmt::skip]
const TASK: &[(TaskState, TaskCause, TaskState)] = &[
    (TaskState::Pending,    TaskCause::Start,    TaskState::InProgress),
    (TaskState::Pending,    TaskCause::Fail,     TaskState::Error),
    (TaskState::Pending,    TaskCause::Cancel,   TaskState::Cancelled),
    (TaskState::InProgress, TaskCause::Complete, TaskState::Complete),
    (TaskState::InProgress, TaskCause::Fail,     TaskState::Error),
    (TaskState::InProgress, TaskCause::Cancel,   TaskState::Cancelled),
    (TaskState::Pending,    TaskCause::Block,    TaskState::BlockedByFailures),
    (TaskState::InProgress, TaskCause::Block,    TaskState::BlockedByFailures),
    (TaskState::BlockedByFailures, TaskCause::Unblock, TaskState::Pending),
    (TaskState::BlockedByFailures, TaskCause::Fail,    TaskState::Error),
    (TaskState::BlockedByFailures, TaskCause::Cancel,  TaskState::Cancelled),
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
        text.push_str(&format!("    {from} --> {to}: {}\n", by.to_lowercase()));
        if is_final && !ends.contains(&to) {
            ends.push(to);
        }
    }
    for end in ends {
        text.push_str(&format!("    {end} --> [*]\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_a_final_state() {
        assert!(STEP.iter().all(|(from, _, _)| !from.is_final()));
        assert!(TASK.iter().all(|(from, _, _)| !from.is_final()));
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
        for state in [StepState::Pending, StepState::Enqueued, StepState::InProgress, StepState::WaitingForRetry] {
            assert_eq!(step_transition(state, StepCause::Cancel), Some(StepState::Cancelled));
        }
        for state in [TaskState::Pending, TaskState::InProgress, TaskState::BlockedByFailures] {
            assert_eq!(task_transition(state, TaskCause::Cancel), Some(TaskState::Cancelled));
        }
    }
}
