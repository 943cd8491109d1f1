//! What is done to the engines, and what of their answers can be held against what is stored.

use std::collections::HashSet;

use serde_json::json;
use tasker_core::{
    model::{
        Assignment, AttemptKind, BatchConfig, Batches, Checkpoint, ErrorKind, Json, Lease, Next, Outcome, Report,
        StepError, StepId, StepState, TaskId, TaskState, Verdict,
    },
    orchestration::{Error, RerunFrom, SubmitTask},
    state::{Look, Which},
};

use super::{
    script::{Answer, How, SIGNALS, Verb},
    seen::Observed,
    stage::{Held, Stage, actor},
};
use crate::{
    ensure,
    scenario::Fate,
    verbs::Met,
    violation::{Checked, Violation},
};

impl Stage {
    pub(super) async fn submit(&mut self, engine: usize, template: usize, flag: bool, rows: u8, fate: Fate) -> Checked {
        let name = format!("t{}", template % self.seen.templates.len());
        let rows: Vec<u8> = (0..rows).collect();
        let submission = SubmitTask::new("test", name, Json::from(&json!({"flag": flag, "rows": rows})));
        let engine = self.engines[engine].clone();
        let met = fate.meet(engine.submit(submission)).await?;
        if matches!(met, Met::Died) {
            // What is on its way in an engine arrives before what comes after it.
            engine.submit(SubmitTask::new("test", "t0", Json::from(&json!({"flag": false, "rows": []})))).await?;
        }
        Ok(())
    }

    /// Reports outcomes and claims steps.
    pub(super) async fn work(
        &mut self,
        worker: usize,
        answers: &[Answer],
        want: usize,
        look: Look,
        fate: Fate,
    ) -> Checked {
        let reports = self.reports(answers, matches!(fate, Fate::Answered));
        let leases: Vec<Lease> = reports.iter().map(|report| report.lease).collect();
        let could_hold: Vec<bool> = leases.iter().map(|lease| self.seen.holds(*lease)).collect();
        let worker = worker % self.workers.len();
        let engine = self.engines[worker % 2].clone();
        let session = self.workers[worker].clone();
        let met = fate.meet(engine.report(&session, reports, want, look)).await?;
        self.look().await?;
        let (answer, is_known) = match met {
            Met::Answered(answer) => (answer, true),
            Met::Lost(answer) => (answer, false),
            Met::Died => return Ok(()),
        };
        let mut accepted = HashSet::new();
        for ((lease, verdict), could) in leases.iter().zip(&answer.verdicts).zip(&could_hold) {
            let is_accepted = *verdict == Verdict::Accepted;
            ensure!(!is_accepted || *could, "a report on {lease:?} was accepted, which nobody holds");
            ensure!(!is_accepted || accepted.insert(*lease), "{lease:?} was accepted twice");
            ensure!(is_accepted || !could || leases.len() > 1, "a report on {lease:?} was answered with {verdict:?}");
        }
        ensure!(answer.assignments.len() <= want, "{} steps for a wish of {want}", answer.assignments.len());
        for assignment in &answer.assignments {
            let checked = self.check_assignment(assignment);
            checked.map_err(|violation| violation.within(&format!("the assignment of {:?}", assignment.lease)))?;
            if is_known {
                self.hold(worker, assignment);
            }
        }
        Ok(())
    }

    fn reports(&mut self, answers: &[Answer], is_answered: bool) -> Vec<Report> {
        let mut reports = Vec::new();
        for answer in answers {
            let from = if answer.is_stale { self.gone.len() } else { self.held.len() };
            if from == 0 {
                continue;
            }
            let at = from - 1 - answer.pick % from;
            let held = if answer.is_stale { self.gone[at].clone() } else { self.held[at].1.clone() };
            for _ in 0..=usize::from(answer.is_doubled) {
                let outcome = self.outcome(&held, *answer);
                reports.push(Report { lease: held.lease, outcome });
            }
            // A worker that heard nothing reports again.
            if is_answered && !answer.is_stale {
                self.gone.push(self.held.remove(at).1);
            }
        }
        reports
    }

    fn outcome(&mut self, held: &Held, Answer { how, choice, .. }: Answer) -> Outcome {
        let serial = self.next_serial();
        let failed = |kind| Outcome::failed(StepError::new(kind, "jammed", format!("for the {serial}th time")));
        let nonsense = || Some(Next::Route { steps: vec!["nowhere".to_owned()] });
        let (next, route) = match how {
            How::Succeed => self.next(held, choice),
            How::Nonsense => (nonsense().filter(|_| serial.is_multiple_of(2)), None),
            How::Break => return failed(ErrorKind::Permanent),
            How::Stumble => return failed(ErrorKind::Retryable),
            How::Timeout => return failed(ErrorKind::Timeout),
            How::Abandon => return Outcome::Abandoned,
            How::Release => return Outcome::Released,
        };
        let result = Json::from(&match route {
            Some(route) => json!({"serial": serial, "route": route}),
            None => json!({"serial": serial}),
        });
        self.seen.sent.entry(held.lease).or_default().push(result.clone());
        Outcome::Succeeded { result, next, events: Vec::new(), metadata: None }
    }

    /// What a step of its type has to say, and which steps a decision lets run.
    fn next(&self, held: &Held, choice: u8) -> (Option<Next>, Option<Vec<String>>) {
        match held.kind {
            AttemptKind::Decision => {
                let is_chosen = |at: &usize| choice >> (at % 8) & 1 == 1;
                let places = (0..held.dependents.len()).filter(is_chosen);
                let steps: Vec<String> = places.map(|at| held.dependents[at].clone()).collect();
                let next = match steps.is_empty() {
                    true => Next::Skip { reason: "none of them".to_owned() },
                    false => Next::Route { steps: steps.clone() },
                };
                (Some(next), Some(steps))
            }
            AttemptKind::Batchable => {
                let batches = match choice % 3 {
                    0 => Batches::Items((0..choice % 5).map(|item| Json::from(&item.into())).collect()),
                    _ => Batches::Split { total_items: (choice % 11).into(), batch_size: 3 },
                };
                let config = BatchConfig { worker: None, batches, parallelism: None, failure_strategy: None };
                (Some(Next::Batches(config)), None)
            }
            _ => (None, None),
        }
    }

    /// What a worker is handed is what is stored: the step that runs, results of steps before it, its last checkpoint.
    fn check_assignment(&self, assignment: &Assignment) -> Checked {
        let Lease { task_id, step_idx, attempt } = assignment.lease;
        let gone = || Violation("it names no stored step".to_owned());
        let (observed, row) = self.seen.state(assignment.lease).ok_or_else(gone)?;
        ensure!(row.state == StepState::InProgress && row.attempt == attempt, "{} with {}", row.state, row.attempt);
        ensure!(assignment.input == observed.task.context, "the input is {}", assignment.input);
        for (name, result) in &assignment.results {
            let stored = observed.named(name).and_then(|step| step.result.as_ref());
            ensure!(stored == Some(result), "the result of {name} is {result}, and {stored:?} is stored");
        }
        for before in observed.before(step_idx) {
            let before = observed.row(before)?;
            let is_there = assignment.results.contains_key(&*before.name);
            ensure!(is_there == before.result.is_some(), "the result of {} is there: {is_there}", before.name);
        }
        let is_end_work = !observed.is_own(step_idx);
        ensure!(assignment.ending.is_some() == is_end_work, "its ending is {:?}", assignment.ending);
        let known = self.seen.checkpoints.get(&StepId::new(task_id, step_idx));
        let is_known = known.is_some_and(|known| known.contains(&assignment.checkpoint));
        let is_known = is_known || known.is_none() && assignment.checkpoint.is_none();
        ensure!(is_known, "it goes on from {:?}, of {known:?}", assignment.checkpoint);
        Ok(())
    }

    pub(super) async fn checkpoint(&mut self, engine: usize, held: usize, fate: Fate) -> Checked {
        let Some(lease) = self.pick_held(held) else { return Ok(()) };
        let cursor = Json::from(&self.next_serial().into());
        let checkpoint = Checkpoint { cursor, accumulated_results: None, items_processed: 1 };
        let holds = self.seen.holds(lease);
        let engine = self.engines[engine].clone();
        let stored = [(lease, checkpoint.clone())];
        let met = fate.meet(engine.checkpoint(&stored)).await?;
        let known = self.seen.checkpoints.entry(lease.step_id()).or_insert_with(|| vec![None]);
        match met {
            Met::Answered(answer) | Met::Lost(answer) => {
                let until = answer.first().copied().flatten();
                ensure!(until.is_some() == holds, "a checkpoint of {lease:?} was answered with {until:?}");
                if holds {
                    *known = vec![Some(checkpoint)];
                }
            }
            Met::Died => known.push(Some(checkpoint)),
        }
        Ok(())
    }

    pub(super) async fn extend(&mut self, engine: usize, held: usize, fate: Fate) -> Checked {
        let Some(lease) = self.pick_held(held) else { return Ok(()) };
        let engine = self.engines[engine].clone();
        let leases = [lease];
        let met = fate.meet(engine.extend(&leases)).await?;
        let (Met::Answered(answer) | Met::Lost(answer)) = met else { return Ok(()) };
        let is_extended = answer.first().copied().flatten().is_some();
        ensure!(is_extended == self.seen.holds(lease), "extending {lease:?} was answered with {is_extended}");
        Ok(())
    }

    pub(super) async fn sweep(&mut self, engine: usize, fate: Fate) -> Checked {
        let engine = self.engines[engine].clone();
        fate.meet(engine.sweep()).await?;
        Ok(())
    }

    pub(super) async fn signal(
        &mut self,
        engine: usize,
        task: usize,
        name: usize,
        is_sound: bool,
        fate: Fate,
    ) -> Checked {
        let Some(task_id) = self.pick_task(task) else { return Ok(()) };
        let payload = self.payload(is_sound);
        let engine = self.engines[engine].clone();
        let seq = self.seen.tasks[&task_id].task.seq;
        let met = fate.meet(refusable(engine.signal(task_id, SIGNALS[name], payload, Some("ann".to_owned())))).await?;
        self.look().await?;
        let (Met::Answered(answer) | Met::Lost(answer)) = met else { return Ok(()) };
        ensure!(is_sound || answer.is_err(), "a payload was taken that does not satisfy the schema");
        let has_moved = self.seen.tasks[&task_id].task.seq > seq;
        ensure!(answer.is_ok() == has_moved, "{answer:?}, and something was recorded: {has_moved}");
        Ok(())
    }

    pub(super) fn payload(&mut self, is_sound: bool) -> Json {
        let serial = self.next_serial();
        let payload = Json::from(&if is_sound { json!({"serial": serial}) } else { json!([serial]) });
        self.seen.signals.extend(is_sound.then(|| payload.clone()));
        payload
    }

    pub(super) async fn operate(&mut self, engine: usize, task: usize, verb: Verb, fate: Fate) -> Checked {
        let Some(task_id) = self.pick_task(task) else { return Ok(()) };
        let given = Json::from(&json!({"by hand": self.next_serial()}));
        self.seen.given.push(given.clone());
        let Observed { task, rows, .. } = &self.seen.tasks[&task_id];
        let (seq, before) = (task.seq, task.state);
        let name = |pick: usize| rows.values().nth(pick % rows.len()).map(|row| row.name.clone()).unwrap_or_default();
        let which = |pick: usize| Which::Name(name(pick).into());
        let from = if let Verb::RerunFrom(pick) = verb { name(pick) } else { String::new() };
        if !from.is_empty() {
            self.seen.reruns.entry(task_id).or_default().push(from.clone());
        }
        let engine = self.engines[engine].clone();
        let call = async {
            match verb {
                Verb::Pause => engine.pause(task_id, actor()).await.map(drop),
                Verb::Resume => engine.resume(task_id, actor()).await.map(drop),
                Verb::Cancel => engine.cancel(task_id, actor()).await.map(drop),
                Verb::Resolve => engine.resolve(task_id, actor()).await.map(drop),
                Verb::RetryFailed => engine.retry(task_id, Which::Failed, actor()).await.map(drop),
                Verb::Retry(pick) => engine.retry(task_id, which(pick), actor()).await.map(drop),
                Verb::ResolveStep(pick) => engine.resolve_steps(task_id, which(pick), None, actor()).await.map(drop),
                Verb::CompleteStep(pick) => engine.complete_step(task_id, which(pick), given, actor()).await.map(drop),
                Verb::Prioritize(priority) => engine.prioritize(task_id, priority, actor()).await.map(drop),
                Verb::Rerun => engine.rerun(task_id, actor()).await.map(drop),
                Verb::RerunFrom(_) => {
                    let request = RerunFrom { from, ..RerunFrom::default() };
                    engine.rerun_from(task_id, request, actor()).await.map(drop)
                }
            }
        };
        let met = fate.meet(refusable(call)).await?;
        if matches!((verb, &met), (Verb::Rerun, Met::Died)) {
            self.submit(0, 0, false, 0, Fate::Answered).await?;
        }
        self.look().await?;
        let (Met::Answered(answer) | Met::Lost(answer)) = met else { return Ok(()) };
        let now = &self.seen.tasks[&task_id].task;
        ensure!(answer.is_ok() || now.seq == seq, "refused with {answer:?}, and something was recorded");
        if let (Ok(()), Verb::Cancel) = (&answer, verb) {
            let is_ending = now.flow.ending.is_some() && now.state != TaskState::Paused;
            ensure!(now.state == TaskState::Cancelled || is_ending, "{} after it was cancelled", now.state);
        }
        if let (Ok(()), Verb::Resolve) = (&answer, verb) {
            ensure!(now.state == TaskState::ResolvedManually, "{} after it was resolved", now.state);
        }
        ensure!(answer.is_ok() || before.is_final() || !matches!(verb, Verb::Prioritize(_)), "refused: {answer:?}");
        Ok(())
    }

    fn pick_task(&self, pick: usize) -> Option<TaskId> {
        let len = self.seen.tasks.len();
        self.seen.tasks.keys().nth((len > 0).then(|| len - 1 - pick % len)?).copied()
    }

    fn pick_held(&self, pick: usize) -> Option<Lease> {
        let len = self.held.len();
        Some(self.held[(len > 0).then(|| len - 1 - pick % len)?].1.lease)
    }
}

/// What cannot be done is refused; what the store cannot do is a fault.
async fn refusable<T>(call: impl Future<Output = Result<T, Error>>) -> Result<Result<(), &'static str>, Error> {
    match call.await {
        Ok(_) => Ok(Ok(())),
        Err(error @ Error::Store(_)) => Err(error),
        Err(error) => Ok(Err(error.code())),
    }
}
