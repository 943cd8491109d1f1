//! Tasks with compensations and `finally` under whatever may happen: the rows stay sound, nothing is stuck, and what was done is
//! undone. `TASKER_SEED=N` replays one case.

use std::{env, fmt::Write, time::Duration};

use fastrand::Rng;
use tasker_core::{
    model::{ErrorKind, Fact, Outcome, StepState, TaskState},
    state::{Claimed, Verb, Which},
};

use crate::{desk::Desk, done, failed};

const CASES: u64 = 300;

#[test]
fn whatever_happens_a_task_is_undone_and_ends() {
    if let Some(seed) = env::var("TASKER_SEED").ok().and_then(|seed| seed.parse().ok()) {
        return try_case(seed);
    }
    let first = u64::from(fastrand::u32(..)) << 16;
    (first..first + CASES).for_each(try_case);
}

fn try_case(seed: u64) {
    let rng = &mut Rng::with_seed(seed);
    let yaml = template(rng);
    eprintln!("TASKER_SEED={seed}{yaml}");
    let mut play = Play { desk: Desk::new(&yaml), held: Vec::new() };
    for _ in 0..rng.usize(0..60) {
        play.act(rng);
        play.check();
    }
    play.come_to_the_end();
    play.check_end();
}

fn template(rng: &mut Rng) -> String {
    let mut yaml = "
name: saga
namespace: shop
version: 1.0.0
lifecycle: {max_duration_minutes: 60}
steps:
"
    .to_owned();
    for at in 0..rng.usize(1..9) {
        let before: Vec<_> = (0..at).filter(|_| rng.u8(0..3) == 0).map(|other| format!("s{other}")).collect();
        let retry = format!("{{max_attempts: {}, backoff: none}}", rng.u8(1..3));
        let rule = ["fail", "fail", "fail", "skip", "skip_cascade", "block"][rng.usize(0..6)];
        let undo = match rng.bool() {
            true => format!(
                ", compensate: {{handler: {{callable: u}}, retry: {{max_attempts: {}, backoff: none}}}}",
                rng.u8(1..3)
            ),
            false => String::new(),
        };
        let _ = writeln!(
            yaml,
            "  - {{name: s{at}, handler: {{callable: h}}, dependencies: [{}], retry: {retry}, on_exhaustion: {rule}{undo}}}",
            before.join(", ")
        );
    }
    for at in 0..rng.usize(0..3) {
        if at == 0 {
            yaml += "finally:\n";
        }
        let before = if at > 0 && rng.bool() { format!("f{}", at - 1) } else { String::new() };
        let _ = writeln!(
            yaml,
            "  - {{name: f{at}, handler: {{callable: h}}, dependencies: [{before}], retry: {{max_attempts: 1}}}}"
        );
    }
    yaml
}

struct Play {
    desk: Desk,
    held: Vec<Claimed>,
}

impl Play {
    fn act(&mut self, rng: &mut Rng) {
        let which = |rng: &mut Rng, desk: &Desk| {
            let steps = &desk.task().steps;
            Which::Name(steps[rng.usize(0..steps.len())].name.clone())
        };
        match rng.u8(0..40) {
            0 => drop(self.desk.operate(Verb::Cancel)),
            1 | 2 => drop(self.desk.operate(Verb::Pause)),
            3..=5 => drop(self.desk.operate(Verb::Resume)),
            6 | 7 => drop(self.desk.operate(Verb::Retry(Which::Failed))),
            8 => {
                let which = which(rng, &self.desk);
                drop(self.desk.operate(Verb::Retry(which)));
            }
            9 => {
                let which = which(rng, &self.desk);
                drop(self.desk.operate(Verb::ResolveSteps { which, result: None }));
            }
            10 if rng.u8(0..4) == 0 => drop(self.desk.operate(Verb::Resolve)),
            // Workers die: they report nothing more.
            11 => self.held.clear(),
            12 => self.desk.pass(Duration::from_secs(31)),
            13 if rng.u8(0..4) == 0 => {
                self.desk.pass(Duration::from_secs(3_600));
                self.desk.pass_deadline();
            }
            14..=18 => self.sweep(),
            19..=26 => {
                let claimed = self.desk.claim(rng.usize(1..4));
                self.held.extend(claimed);
            }
            _ if self.held.is_empty() => {}
            _ => {
                let claimed = self.held.swap_remove(rng.usize(0..self.held.len()));
                let outcome = match rng.u8(0..10) {
                    0 | 1 => failed(ErrorKind::Permanent),
                    2 => failed(ErrorKind::Retryable),
                    3 => Outcome::Abandoned,
                    4 => Outcome::Released,
                    _ => done(),
                };
                self.desk.report(&[claimed], &outcome);
            }
        }
    }

    fn sweep(&mut self) {
        let now = self.desk.now();
        let is_due = |step: &&tasker_core::state::StepSnapshot| step.due_at.is_some_and(|due_at| due_at <= now);
        let due: Vec<_> = self.desk.task().steps.iter().filter(is_due).map(|step| self.desk.due(&step.name)).collect();
        self.desk.apply(&due, None);
    }

    /// What holds at any time.
    fn check(&self) {
        let task = self.desk.task();
        let count = |is: &dyn Fn(StepState) -> bool| task.steps.iter().filter(|step| is(step.state)).count();
        let counts = task.counts;
        let stored = [counts.total, counts.done, counts.active, counts.failed].map(|count| count as usize);
        let counted = [
            task.steps.len(),
            count(&StepState::is_final),
            count(&|state| state == StepState::InProgress),
            count(&|state| state == StepState::Error),
        ];
        assert_eq!(stored, counted, "total, done, active, failed");
        for step in task.steps.iter().filter(|step| !step.state.is_final()) {
            let waits_for = |other: &&tasker_core::state::StepSnapshot| {
                other.dependents.contains(&step.id.idx) && !other.state.satisfies()
            };
            assert_eq!(step.unmet as usize, task.steps.iter().filter(waits_for).count(), "unmet of {}", step.name);
        }
        let moves = |state| !matches!(state, StepState::Pending) && !StepState::is_final(state);
        let is_held = matches!(task.state, TaskState::Paused | TaskState::BlockedByFailures);
        assert!(task.state.is_final() || is_held || count(&moves) > 0, "nothing moves it");
        assert!(!task.state.is_final() || count(&|state| !state.is_final()) == 0, "it ended with open steps");
        for step in task.steps.iter() {
            if let Some(undone) = step.name.strip_prefix("compensate:") {
                assert_eq!(self.desk.state(undone), StepState::Complete, "only what is complete is undone");
            }
        }
        self.desk.check_log();
    }

    /// From now on all goes well, and an operator sees to what does not go on by itself.
    fn come_to_the_end(&mut self) {
        for _ in 0..200 {
            if self.desk.task().state.is_final() {
                return;
            }
            self.desk.operate(Verb::Resume);
            self.desk.pass(Duration::from_secs(31));
            self.sweep();
            let claimed = self.desk.claim(16);
            let is_blocked = claimed.is_empty() && self.desk.task().state == TaskState::BlockedByFailures;
            self.desk.report(&claimed, &done());
            if is_blocked {
                self.desk.operate(Verb::Cancel);
            }
            self.check();
        }
        panic!("it does not end: {:?}", self.desk.task());
    }

    fn check_end(&self) {
        let task = self.desk.task();
        let added: Vec<u32> = self
            .desk
            .facts()
            .into_iter()
            .filter_map(|fact| match fact {
                Fact::StepAdded { step } => Some(step),
                _ => None,
            })
            .collect();
        let work = self.desk.end_work();
        let place = |idx: &u32| {
            let undoing = work.compensations.iter().position(|(compensation, _)| compensation == idx);
            undoing.unwrap_or(work.compensations.len() + *idx as usize)
        };
        assert!(added.is_sorted_by_key(place), "the last is undone first, and `finally` after all: {added:?}");
        if task.state == TaskState::ResolvedManually {
            return;
        }
        assert!(work.finally.clone().all(|idx| added.contains(&idx)), "`finally` runs however it ends");
        if matches!(task.state, TaskState::Error | TaskState::Cancelled) {
            let was_complete = self
                .desk
                .facts()
                .iter()
                .any(|fact| matches!(fact, Fact::TaskEnding { status: TaskState::Complete, .. }));
            for (compensation, step) in work.compensations.iter().filter(|_| !was_complete) {
                let is_complete = task.steps[*step as usize].state == StepState::Complete;
                assert_eq!(is_complete, added.contains(compensation), "step {step} of {:?}", task.state);
            }
        }
    }
}
