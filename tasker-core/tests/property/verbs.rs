//! Each verb of the engine as it is tried: what it must do is predicted, then it is called, then all is read and compared.

use std::{
    collections::BTreeMap,
    future::{Future, poll_fn},
    pin::pin,
    sync::LazyLock,
    task::Poll,
    time::Duration,
};

use tasker_core::{
    model::{Actor, ErrorKind, Fact, Json, Lease, Outcome, StepError, StepId, StepState, TaskState, Timestamp, limits},
    orchestration::{Error, Report, SubmitTask, Submitted},
    state::Look,
};

use crate::{
    assigned::check_assignment,
    ensure,
    predict::{self, Asked, Ends},
    scenario::{Fate, OutcomePlan, ReportPlan, Request, Which},
    violation::{Checked, Violation},
    world::World,
};

/// What became of a call.
pub(crate) enum Met<T> {
    Answered(T),
    /// Carried out, but the caller does not know.
    Lost(T),
    /// Dropped somewhere on the way: carried out as a whole, or not at all.
    Died,
}

impl Fate {
    pub(crate) async fn meet<T>(self, call: impl Future<Output = Result<T, Error>>) -> Checked<Met<T>> {
        let mut waits_left = match self {
            Self::Answered => return Ok(Met::Answered(call.await?)),
            Self::AnswerLost => return Ok(Met::Lost(call.await?)),
            Self::Dies(waits) => waits,
        };
        let mut call = pin!(call);
        let met = poll_fn(|context| match call.as_mut().poll(context) {
            Poll::Ready(answer) => Poll::Ready(answer.map(Met::Answered)),
            Poll::Pending if waits_left == 0 => Poll::Ready(Ok(Met::Died)),
            Poll::Pending => {
                waits_left -= 1;
                Poll::Pending
            }
        });
        Ok(met.await?)
    }
}

static OVERSIZED: LazyLock<Json> =
    LazyLock::new(|| Json::from(&serde_json::json!({ "blob": "x".repeat(limits::PAYLOAD_BYTES) })));

impl World {
    /// Reports outcomes and claims steps.
    pub(crate) async fn work(
        &mut self,
        worker: usize,
        plans: &[ReportPlan],
        want: usize,
        look: Look,
        fate: Fate,
    ) -> Checked {
        let reports = self.reports(plans, matches!(fate, Fate::Answered));
        let (verdicts, ends) = predict::of_reports(&self.observer, self.now(), &reports);
        let has_reported = !reports.is_empty();
        let (session, plan) = (self.workers[worker].session.clone(), self.workers[worker].plan.clone());
        let engine = self.engines[plan.engine].clone();
        let met = fate.meet(engine.report(&session, reports, want, look)).await?;
        let news = self.observe().await?;
        let found = Ends::of(&news);
        let has_started = news.values().flatten().any(|fact| matches!(fact, Fact::StepStarted { .. }));
        if matches!(met, Met::Died) && found.is_empty() && !has_started {
            return Ok(());
        }
        ensure!(found == ends, "the attempts ended in {found:?}, not in {ends:?}");
        let asked = Asked { plan: &plan, worker_id: session.worker().worker_id, want, look, has_reported };
        let started = asked.check(&self.observer, &news)?;
        let (answer, is_known) = match met {
            Met::Answered(answer) => (answer, true),
            Met::Lost(answer) => (answer, false),
            Met::Died => return Ok(()),
        };
        ensure!(answer.verdicts == verdicts, "the verdicts are {:?}, not {verdicts:?}", answer.verdicts);
        let assigned: Vec<_> = answer.assignments.iter().map(|assignment| assignment.lease).collect();
        let is_all = assigned.len() == started.len()
            && assigned.iter().all(|lease| started.get(&(lease.task_id, lease.step_idx)) == Some(&lease.attempt));
        ensure!(is_all, "{started:?} were started, and {assigned:?} assigned");
        for assignment in &answer.assignments {
            let until = self.now() + engine.options().lease;
            let checked = check_assignment(&self.observer, assignment, until);
            checked.map_err(|violation| violation.within(&format!("the assignment of {:?}", assignment.lease)))?;
            if is_known {
                self.held.push((worker, assignment.lease));
            }
        }
        Ok(())
    }

    fn reports(&mut self, plans: &[ReportPlan], is_answered: bool) -> Vec<Report> {
        let mut reports = Vec::new();
        for plan in plans {
            let Some((at, lease)) = self.lease(plan.which) else { continue };
            for _ in 0..=usize::from(plan.is_doubled) {
                let outcome = self.outcome(lease, plan.outcome);
                reports.push(Report { lease, outcome });
            }
            // A worker that heard nothing reports again.
            if let Some(at) = at
                && !plan.is_kept
                && is_answered
            {
                self.held.remove(at);
                self.gone.push(lease);
            }
        }
        reports
    }

    fn outcome(&mut self, lease: Lease, plan: OutcomePlan) -> Outcome {
        let serial = self.next_serial();
        let failed = |kind| Outcome::failed(StepError::new(kind, "jammed", format!("for the {serial}th time")));
        let result = match plan {
            OutcomePlan::Success { padding } => {
                Json::from(&serde_json::json!({ "serial": serial, "padding": "p".repeat(padding) }))
            }
            OutcomePlan::Malformed => Json::from(&serde_json::json!([serial])),
            OutcomePlan::Oversized => OVERSIZED.clone(),
            OutcomePlan::Retryable { retry_after_ms: None } => return failed(ErrorKind::Retryable),
            OutcomePlan::Retryable { retry_after_ms: Some(ms) } => {
                let error = StepError::retryable("busy", format!("come back later than {serial}"));
                return Outcome::failed(error.with_retry_after(Duration::from_millis(ms)));
            }
            OutcomePlan::Permanent => return failed(ErrorKind::Permanent),
            OutcomePlan::Timeout => return failed(ErrorKind::Timeout),
            OutcomePlan::Released => return Outcome::Released,
            OutcomePlan::Abandoned => return Outcome::Abandoned,
        };
        self.observer.sends(lease, result.clone());
        Outcome::succeeded(result)
    }

    pub(crate) async fn submit(&mut self, engine: usize, requests: &[Request], fate: Fate) -> Checked {
        let submissions: Vec<_> = requests.iter().map(|request| self.submission(request)).collect();
        let verbs = self.engines[engine].clone();
        let met = if let [submission] = submissions.as_slice() {
            fate.meet(async { Ok(vec![verbs.submit(submission.clone()).await?]) }).await?
        } else {
            fate.meet(async { verbs.submit_many(submissions.clone()).await?.into_iter().collect() }).await?
        };
        if matches!(met, Met::Died) {
            self.wait_for_submissions(engine).await?;
        }
        let before = self.observer.tasks.len();
        let news = self.observe().await?;
        for observed in self.observer.tasks.values().skip(before) {
            let number = number_of(&observed.task.context);
            ensure!(self.contexts.get(&number) == Some(&observed.task.context), "an input is not what was submitted");
        }
        let (Met::Answered(answers) | Met::Lost(answers)) = met else { return Ok(()) };
        ensure!(answers.len() == submissions.len(), "{} answers to {} requests", answers.len(), submissions.len());
        for (answer, submission) in answers.iter().zip(&submissions) {
            let was_stored = news.contains_key(&answer.task_id);
            self.check_submitted(answer, submission, was_stored)?;
        }
        Ok(())
    }

    /// A submission that is on its way in an engine arrives before one that comes after it.
    pub(crate) async fn wait_for_submissions(&mut self, engine: usize) -> Checked {
        let anchor = Json::from(&serde_json::json!({ "number": 0 }));
        self.contexts.insert(0, anchor.clone());
        let template = &self.templates[0];
        let mut anchor = SubmitTask::new(&template.namespace, &template.name, anchor);
        anchor.idempotency_key = Some("anchor".to_owned());
        self.engines[engine].submit(anchor).await?;
        Ok(())
    }

    fn check_submitted(&self, answer: &Submitted, submission: &SubmitTask, was_stored: bool) -> Checked {
        let Submitted { task_id, is_new } = *answer;
        let task = self.observer.tasks.get(&task_id).map(|observed| &observed.task);
        let task = task.ok_or_else(|| Violation(format!("the task {task_id} is not stored")))?;
        let (key, found) = (&submission.idempotency_key, &task.idempotency_key);
        ensure!(key == found, "the key {key:?} answers with the task of {found:?}");
        let is_mine = number_of(&task.context) == number_of(&submission.context);
        ensure!(is_new == is_mine, "task {task_id}: new is {is_new}, its own input {is_mine}");
        ensure!(!is_new || was_stored, "task {task_id} is new and was there before");
        ensure!(is_new || key.is_some(), "a task without a key was taken for another");
        ensure!(!is_new || task.priority == submission.priority, "the priority is {}", task.priority);
        Ok(())
    }

    fn submission(&mut self, request: &Request) -> SubmitTask {
        let template = &self.templates[request.template % self.templates.len()];
        let (namespace, name) = (template.namespace.clone(), template.name.clone());
        let number = self.next_serial();
        let context = serde_json::json!({ "number": number, "padding": "p".repeat(request.padding) });
        let mut submission = SubmitTask::new(namespace, name, Json::from(&context));
        submission.priority = request.priority;
        submission.idempotency_key = request.key.map(|key| format!("key {key}"));
        submission.correlation_id = number.is_multiple_of(2).then(|| format!("correlation {number}"));
        self.contexts.insert(number, submission.context.clone());
        submission
    }

    pub(crate) async fn extend(&mut self, engine: usize, which: &[Which], fate: Fate) -> Checked {
        let leases: Vec<_> = which.iter().filter_map(|which| self.lease(*which)).map(|(_, lease)| lease).collect();
        let engine = self.engines[engine].clone();
        let until = self.now() + engine.options().lease;
        let is_held = |world: &Self, lease: Lease| {
            let step = world.observer.step(lease).map(|(_, step)| step);
            step.is_some_and(|step| step.state == StepState::InProgress && step.attempt == lease.attempt)
        };
        let expected: Vec<_> = leases.iter().map(|lease| is_held(self, *lease).then_some(until)).collect();
        let before = self.due_times();
        let met = fate.meet(engine.extend(&leases)).await?;
        let news = self.observe().await?;
        ensure!(news.is_empty(), "extending leases made events: {news:?}");
        for (id, due_at) in self.due_times() {
            let is_asked = leases.iter().any(|lease| lease.step_id() == id && is_held(self, *lease));
            ensure!(is_asked || before.get(&id) == Some(&due_at), "the lease of {id} was extended by nobody");
        }
        let (Met::Answered(answer) | Met::Lost(answer)) = met else { return Ok(()) };
        ensure!(answer == expected, "leases were extended to {answer:?}, not {expected:?}");
        for lease in leases.iter().filter(|lease| is_held(self, **lease)) {
            let due_at = self.observer.step(*lease).and_then(|(_, step)| step.due_at);
            ensure!(due_at == Some(until), "{lease:?} is due at {due_at:?} after it was extended to {until}");
        }
        Ok(())
    }

    fn due_times(&self) -> BTreeMap<StepId, Option<Timestamp>> {
        let steps = self.observer.tasks.values().flat_map(|observed| &observed.steps);
        steps.map(|step| (step.id, step.due_at)).collect()
    }

    pub(crate) async fn sweep(&mut self, engine: usize, fate: Fate) -> Checked {
        let (due, ends, next_at) = predict::of_sweep(&self.observer, self.now());
        let engine = self.engines[engine].clone();
        let met = fate.meet(engine.sweep()).await?;
        let found = Ends::of(&self.observe().await?);
        if matches!(met, Met::Died) && found.is_empty() {
            return Ok(());
        }
        ensure!(found == ends, "the attempts ended in {found:?}, not in {ends:?}");
        let (left, ..) = predict::of_sweep(&self.observer, self.now());
        let (Met::Answered(swept) | Met::Lost(swept)) = met else { return Ok(()) };
        ensure!(left == 0, "{left} are due after a sweep");
        ensure!((swept.due, swept.next_at) == (due, next_at), "{swept:?} for {due} due and the next at {next_at:?}");
        Ok(())
    }

    pub(crate) async fn cancel(&mut self, engine: usize, task: usize, fate: Fate) -> Checked {
        let Some(task_id) = self.pick_task(task) else { return Ok(()) };
        let before = self.observer.tasks[&task_id].task.state;
        let engine = self.engines[engine].clone();
        let call = async {
            match engine.cancel(task_id, Actor::named("a test")).await {
                Ok(task) => Ok(Ok(task.state)),
                Err(Error::TaskEnded { state, .. }) => Ok(Err(state)),
                Err(error) => Err(error),
            }
        };
        let met = fate.meet(call).await?;
        let news = self.observe().await?;
        ensure!(Ends::of(&news).is_empty(), "a cancelled attempt has ended otherwise");
        let (Met::Answered(answer) | Met::Lost(answer)) = met else { return Ok(()) };
        let expected = if before.is_final() { Err(before) } else { Ok(TaskState::Cancelled) };
        ensure!(answer == expected, "cancelling answered {answer:?}, not {expected:?}");
        let found = self.observer.tasks[&task_id].task.state;
        ensure!(found == expected.unwrap_or(before), "the task is {found} after it was cancelled");
        Ok(())
    }

    /// Registers a template again, which changes nothing.
    pub(crate) async fn register(&mut self, engine: usize, template: usize) -> Checked {
        let template = &self.templates[template % self.templates.len()];
        ensure!(!self.engines[engine].register(template).await?.is_new, "a registered template is taken for new");
        ensure!(self.observe().await?.is_empty(), "registering made events");
        Ok(())
    }
}

fn number_of(context: &Json) -> u64 {
    context.to_value()["number"].as_u64().unwrap_or(u64::MAX)
}
