//! What the engine has to do, worked out beforehand from what is stored.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tasker_core::{
    model::{
        ErrorKind, Fact, Outcome, SkipReason, Step, StepError, StepState, TaskId, Timestamp, Verdict, WorkerId, limits,
    },
    orchestration::Report,
    state::Look,
    template::OnExhaustion,
};

use crate::{
    blueprint::{Blueprint, delay_ms},
    ensure,
    observer::{News, Observer},
    scenario::WorkerPlan,
    violation::Checked,
};

/// The ends of attempts that have to be found in the logs, by task; at most one for each step.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Ends(BTreeMap<TaskId, BTreeMap<u32, Fact>>);

impl Ends {
    pub(crate) fn of(news: &News) -> Self {
        let mut ends = Self::default();
        for (task_id, facts) in news {
            for fact in facts {
                ends.add(*task_id, fact.clone());
            }
        }
        ends
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn add(&mut self, task_id: TaskId, fact: Fact) {
        let fact = match fact {
            // What the engine itself finds wrong is told by the code; its text is for people.
            Fact::StepFailed { step, attempt, error } if is_found_by_engine(&error) => {
                Fact::StepFailed { step, attempt, error: StepError::permanent(error.code, "") }
            }
            Fact::StepSkipped { step, reason, error: Some(error) } if is_found_by_engine(&error) => {
                Fact::StepSkipped { step, reason, error: Some(StepError::permanent(error.code, "")) }
            }
            Fact::StepCompleted { .. }
            | Fact::StepFailed { .. }
            | Fact::StepRetryScheduled { .. }
            | Fact::StepLost { .. }
            | Fact::StepReleased { .. }
            | Fact::StepSkipped { reason: SkipReason::Failure, .. } => fact,
            _ => return,
        };
        if let Some(step) = fact.step() {
            self.0.entry(task_id).or_default().insert(step, fact);
        }
    }
}

fn is_found_by_engine(error: &StepError) -> bool {
    ["worker_lost", "result_too_large", "result_invalid"].contains(&error.code.as_str())
}

/// The verdicts on a report, and the ends that it brings about.
pub(crate) fn of_reports(observer: &Observer, now: Timestamp, reports: &[Report]) -> (Vec<Verdict>, Ends) {
    let mut ends = Ends::default();
    let mut answered = BTreeSet::new();
    let verdicts = reports.iter().map(|Report { lease, outcome }| {
        let Some((observed, step)) = observer.step(*lease) else { return Verdict::StaleLease };
        if observed.task.state.is_final() {
            return Verdict::TaskCancelled;
        }
        if step.state != StepState::InProgress || step.attempt != lease.attempt || !answered.insert(step.id) {
            return Verdict::StaleLease;
        }
        ends.add(lease.task_id, end(step, outcome, observed.blueprint(), now));
        Verdict::Accepted
    });
    (verdicts.collect(), ends)
}

/// How many steps and tasks are due, the ends that this brings about, and when something else is due.
pub(crate) fn of_sweep(observer: &Observer, now: Timestamp) -> (usize, Ends, Option<Timestamp>) {
    let mut ends = Ends::default();
    let (mut due, mut later) = (0, Vec::new());
    for observed in observer.tasks.values() {
        for step in &observed.steps {
            match step.due_at {
                Some(due_at) if due_at <= now => {
                    due += 1;
                    if step.state == StepState::InProgress {
                        ends.add(step.id.task_id, loss(step, observed.blueprint()));
                    }
                }
                due_at => later.extend(due_at),
            }
        }
        match observed.task.deadline_at {
            Some(deadline_at) if deadline_at <= now => due += 1,
            deadline_at => later.extend(deadline_at),
        }
    }
    (due, ends, later.into_iter().min())
}

fn end(step: &Step, outcome: &Outcome, blueprint: &Blueprint, now: Timestamp) -> Fact {
    let (idx, attempt) = (step.id.idx, step.attempt);
    let failed = |error| failure(step, error, blueprint);
    match outcome {
        Outcome::Succeeded { result, .. } => {
            let template = &blueprint.template.steps[idx as usize];
            if result.size() > limits::PAYLOAD_BYTES {
                failed(StepError::permanent("result_too_large", ""))
            } else if template.result_schema.is_some() && !result.to_value().is_object() {
                failed(StepError::permanent("result_invalid", ""))
            } else {
                Fact::StepCompleted { step: idx, attempt, metadata: None }
            }
        }
        Outcome::Failed { error, .. } => {
            let (policy, failures) = (blueprint.retry(idx as usize), step.failures + 1);
            if error.kind == ErrorKind::Permanent || !policy.retryable || failures >= policy.max_attempts {
                return failed(error.clone());
            }
            let due_at = now + Duration::from_millis(delay_ms(policy, failures, error.retry_after_ms));
            Fact::StepRetryScheduled { step: idx, attempt, error: error.clone(), due_at }
        }
        Outcome::Released => Fact::StepReleased { step: idx, attempt },
        Outcome::Abandoned => loss(step, blueprint),
    }
}

/// How a step ends that has failed for good.
fn failure(step: &Step, error: StepError, blueprint: &Blueprint) -> Fact {
    let (idx, attempt) = (step.id.idx, step.attempt);
    match blueprint.template.steps[idx as usize].on_exhaustion {
        OnExhaustion::Skip | OnExhaustion::SkipCascade => {
            Fact::StepSkipped { step: idx, reason: SkipReason::Failure, error: Some(error) }
        }
        OnExhaustion::Fail | OnExhaustion::Block => Fact::StepFailed { step: idx, attempt, error },
    }
}

fn loss(step: &Step, blueprint: &Blueprint) -> Fact {
    let (idx, attempt) = (step.id.idx, step.attempt);
    if step.losses + 1 >= limits::LOSSES {
        failure(step, StepError::permanent("worker_lost", ""), blueprint)
    } else {
        Fact::StepLost { step: idx, attempt }
    }
}

/// Where a step stands in the order of claims: urgent first, then the older task, then the template's order.
type Rank = (i16, TaskId, u32);

/// What a worker asked for together with its reports.
pub(crate) struct Asked<'a> {
    pub(crate) plan: &'a WorkerPlan,
    pub(crate) worker_id: WorkerId,
    pub(crate) want: usize,
    pub(crate) look: Look,
    pub(crate) has_reported: bool,
}

impl Asked<'_> {
    /// Checks which steps were handed out; answers with the attempts that began, by step.
    pub(crate) fn check(&self, observer: &Observer, news: &News) -> Checked<BTreeMap<(TaskId, u32), u32>> {
        let mut started = BTreeMap::new();
        for (task_id, facts) in news {
            for fact in facts {
                let Fact::StepStarted { step, attempt, worker } = fact else { continue };
                ensure!(*worker == self.worker_id, "step {step} of {task_id} went to another worker");
                let is_first = started.insert((*task_id, *step), *attempt).is_none();
                ensure!(is_first, "step {step} of {task_id} was handed out twice");
            }
        }
        ensure!(started.len() <= self.want, "{} steps for a wish of {}", started.len(), self.want);
        self.check_choice(observer, &started)?;
        Ok(started)
    }

    fn check_choice(&self, observer: &Observer, started: &BTreeMap<(TaskId, u32), u32>) -> Checked {
        let (mut taken, mut left): (Vec<Rank>, Vec<Rank>) = (Vec::new(), Vec::new());
        for step in observer.tasks.values().flat_map(|observed| &observed.steps) {
            let serves = self.serves(step);
            let rank = (-observer.tasks[&step.id.task_id].task.priority, step.id.task_id, step.id.idx);
            if started.contains_key(&(step.id.task_id, step.id.idx)) {
                ensure!(
                    serves,
                    "{} was handed to a worker that does not serve {} {}",
                    step.id,
                    step.queue,
                    step.handler
                );
                taken.push(rank);
            } else if step.state == StepState::Enqueued && serves {
                left.push(rank);
            }
        }
        let is_pure = !self.has_reported;
        if self.want > 0 && self.look != Look::Nowhere {
            ensure!(!taken.is_empty() || left.is_empty(), "no step was handed out, and {} could be", left.len());
        }
        if self.look == Look::Always || (is_pure && self.look == Look::IfShort) {
            let is_filled = taken.len() == self.want || left.is_empty();
            ensure!(is_filled, "{} steps for a wish of {}, and {} are left", taken.len(), self.want, left.len());
            let in_order = taken.iter().max().zip(left.iter().min()).is_none_or(|(last, next)| last < next);
            ensure!(in_order || self.want == 0, "{left:?} should go before {taken:?}");
        }
        ensure!(!is_pure || self.look != Look::Nowhere || taken.is_empty(), "steps from a queue not looked into");
        Ok(())
    }

    fn serves(&self, step: &Step) -> bool {
        let queues = &self.plan.queues;
        self.plan.handlers.contains(&step.handler.as_str())
            && (queues.is_empty() || queues.contains(&step.queue.as_str()))
    }
}
