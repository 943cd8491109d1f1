//! Operators' verbs as they are tried.

use std::collections::HashSet;

use tasker_core::{
    model::{Actor, Json, StepId, StepState, TaskId, TaskState},
    orchestration::{Engine, Error},
    state::Which,
};

use crate::{
    ensure,
    observer::Observed,
    predict::Ends,
    scenario::{Fate, VerbPlan},
    verbs::Met,
    violation::Checked,
    world::World,
};

/// A verb with what it means for one task.
struct Wish {
    verb: VerbPlan,
    /// None for every failed step, and for verbs about the task.
    step: Option<u32>,
    result: Option<Json>,
}

/// What a verb answers: whether it was carried out, or the code of the refusal.
type Outcome = Result<Option<TaskId>, &'static str>;

impl World {
    pub(crate) async fn operate(&mut self, engine: usize, task: usize, verb: VerbPlan, fate: Fate) -> Checked {
        let Some(task_id) = self.pick_task(task) else { return Ok(()) };
        let wish = self.wish(task_id, verb);
        let expected = expected(&self.observer.tasks[&task_id], &wish);
        let verbs = self.engines[engine].clone();
        let met = fate.meet(carry_out(&verbs, task_id, &wish)).await?;
        if matches!((verb, &met), (VerbPlan::Rerun, Met::Died)) {
            self.wait_for_submissions(engine).await?;
        }
        let news = self.observe().await?;
        ensure!(Ends::of(&news).is_empty(), "an attempt has ended by an operator's verb");
        let (Met::Answered(answer) | Met::Lost(answer)) = met else { return Ok(()) };
        ensure!(answer.map(|_| ()) == expected, "{verb:?} answered {answer:?}, not {expected:?}");
        match answer {
            Err(_) => ensure!(news.is_empty(), "what was refused made events: {news:?}"),
            Ok(rerun) => {
                let told = news.get(&task_id).into_iter().flatten().filter_map(|fact| fact.actor());
                ensure!(told.clone().count() > 0, "{verb:?} left no trace of who did it");
                ensure!(told.clone().all(|actor| actor.by.as_deref() == Some("a test")), "done by another");
                self.check_done(task_id, &wish, rerun)?;
            }
        }
        Ok(())
    }

    /// Lets all go on that an operator stopped.
    pub(crate) async fn resume_all(&mut self) -> Checked {
        let tasks: Vec<_> = self.observer.tasks.keys().copied().collect();
        for task_id in tasks {
            if self.observer.tasks[&task_id].task.state == TaskState::Paused {
                self.engines[0].resume(task_id, Actor::named("a test")).await?;
            }
        }
        self.observe().await?;
        Ok(())
    }

    fn wish(&mut self, task_id: TaskId, verb: VerbPlan) -> Wish {
        let len = self.observer.tasks[&task_id].steps.len();
        let step = |pick: usize| u32::try_from(pick % len).unwrap_or_default();
        let (step, has_result) = match verb {
            VerbPlan::Retry(pick) => (pick.map(step), false),
            VerbPlan::ResolveSteps { step: pick, has_result } => (pick.map(step), has_result),
            VerbPlan::CompleteStep(pick) => (Some(step(pick)), true),
            _ => (None, false),
        };
        let result = has_result.then(|| Json::from(&serde_json::json!({ "by hand": self.next_serial() })));
        if let Some(result) = &result {
            let all = 0..u32::try_from(len).unwrap_or_default();
            all.for_each(|idx| self.observer.gives(StepId::new(task_id, idx), result.clone()));
        }
        Wish { verb, step, result }
    }

    fn check_done(&self, task_id: TaskId, wish: &Wish, rerun: Option<TaskId>) -> Checked {
        let Observed { task, steps, .. } = &self.observer.tasks[&task_id];
        let state = wish.step.map(|idx| steps[idx as usize].state);
        let is_as_wished = match wish.verb {
            VerbPlan::Pause => task.state == TaskState::Paused,
            VerbPlan::Resume => matches!(task.state, TaskState::Pending | TaskState::InProgress),
            VerbPlan::Resolve => task.state == TaskState::ResolvedManually,
            VerbPlan::Retry(_) => {
                let is_open = !task.state.is_final();
                let is_again = |state| matches!(state, StepState::Pending | StepState::Enqueued);
                is_open && state.map_or(task.counts.failed == 0, is_again)
            }
            VerbPlan::ResolveSteps { .. } => state.is_none_or(|state| state == StepState::ResolvedManually),
            VerbPlan::CompleteStep(_) => state == Some(StepState::Complete),
            VerbPlan::Prioritize(priority) => task.priority == priority,
            VerbPlan::Rerun => {
                let again = rerun.and_then(|rerun| self.observer.tasks.get(&rerun));
                again.is_some_and(|again| again.task.rerun_of == Some(task_id) && again.task.context == task.context)
            }
        };
        ensure!(is_as_wished, "after {:?} the task is {} and the step {state:?}", wish.verb, task.state);
        Ok(())
    }
}

async fn carry_out(engine: &Engine, task_id: TaskId, wish: &Wish) -> Result<Outcome, Error> {
    let actor = Actor::named("a test");
    let which = wish.step.map_or(Which::Failed, Which::Idx);
    let result = wish.result.clone();
    let done = match wish.verb {
        VerbPlan::Pause => engine.pause(task_id, actor).await.map(|_| None),
        VerbPlan::Resume => engine.resume(task_id, actor).await.map(|_| None),
        VerbPlan::Resolve => engine.resolve(task_id, actor).await.map(|_| None),
        VerbPlan::Retry(_) => engine.retry(task_id, which, actor).await.map(|_| None),
        VerbPlan::ResolveSteps { .. } => engine.resolve_steps(task_id, which, result, actor).await.map(|_| None),
        VerbPlan::CompleteStep(_) => {
            engine.complete_step(task_id, which, result.unwrap_or_else(Json::null), actor).await.map(|_| None)
        }
        VerbPlan::Prioritize(priority) => engine.prioritize(task_id, priority, actor).await.map(|_| None),
        VerbPlan::Rerun => engine.rerun(task_id, actor).await.map(|submitted| Some(submitted.task_id)),
    };
    match done {
        Err(error @ Error::Store(_)) => Err(error),
        done => Ok(done.map_err(|error| error.code())),
    }
}

fn expected(observed: &Observed, wish: &Wish) -> Result<(), &'static str> {
    let Observed { task, steps, .. } = observed;
    let (is_ended, is_failed) = (task.state.is_final(), task.state == TaskState::Error);
    let refused = if is_ended { Err("task_ended") } else { Err("task_unfit") };
    let state = wish.step.map(|idx| steps[idx as usize].state);
    let has_failed = steps.iter().any(|step| step.state == StepState::Error);
    match wish.verb {
        VerbPlan::Pause if !is_ended && task.state != TaskState::Paused => Ok(()),
        VerbPlan::Resume if task.state == TaskState::Paused => Ok(()),
        VerbPlan::Resolve if !is_ended || is_failed => Ok(()),
        VerbPlan::Prioritize(_) if !is_ended => Ok(()),
        VerbPlan::Rerun if is_ended => Ok(()),
        VerbPlan::Retry(_) if !is_ended || is_failed => match state {
            None if has_failed || is_failed => Ok(()),
            None => Err("nothing_failed"),
            Some(StepState::Error | StepState::WaitingForRetry) => Ok(()),
            Some(StepState::Cancelled) if !doomed(observed).contains(&(wish.step.unwrap_or_default() as usize)) => {
                Ok(())
            }
            Some(StepState::Cancelled) => Err("step_doomed"),
            Some(_) => Err("step_unfit"),
        },
        VerbPlan::ResolveSteps { .. } | VerbPlan::CompleteStep(_) if !is_ended || is_failed => match state {
            None if has_failed => Ok(()),
            None => Err("nothing_failed"),
            Some(state) if state.satisfies() => Err("step_unfit"),
            Some(_) => Ok(()),
        },
        _ => refused,
    }
}

/// The cancelled steps that wait for a failed one, however far.
fn doomed(observed: &Observed) -> HashSet<usize> {
    let mut doomed = HashSet::new();
    for _ in &observed.steps {
        for (idx, step) in observed.steps.iter().enumerate().filter(|(_, step)| step.state == StepState::Cancelled) {
            debug_assert_eq!(step.id.idx as usize, idx);
            let mut waits_for = observed.blueprint().dependencies[idx].iter();
            if waits_for.any(|at| observed.steps[*at].state == StepState::Error || doomed.contains(at)) {
                doomed.insert(idx);
            }
        }
    }
    doomed
}
