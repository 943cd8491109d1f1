//! Batches under whatever may happen: parts that fail in every way, workers that die, operators who meddle. After every action
//! the counts kept with the step are those of its parts, no more parts run than may, and in the end their results are together.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use proptest::{collection::vec, option, prelude::*, sample::select, test_runner::TestCaseError};
use tasker_core::{
    model::{
        Actor, BatchConfig, BatchWork, Batches, Json, Lease, ManualClock, Next, Outcome, Report, Step, StepError,
        StepPlace, StepState, Task, TaskId, TaskState, Timestamp, Verdict, WorkerId,
    },
    orchestration::{Engine, Error, Options, Session, SubmitTask},
    state::{Look, Which},
    store::{SqliteStore, Store, WorkerRecord},
    template::parse,
};

use crate::{
    ensure,
    violation::{Checked, Violation},
};

/// What happens to one task with a batch.
#[derive(Clone, Debug)]
struct Play {
    parts: u32,
    is_mapped: bool,
    parallelism: Option<u32>,
    failure_strategy: &'static str,
    on_exhaustion: &'static str,
    actions: Vec<Action>,
}

#[derive(Clone, Copy, Debug)]
enum Action {
    Claim {
        want: usize,
    },
    /// The worker answers some of what it holds, the oldest first, and takes more.
    Report {
        answers: usize,
        how: How,
        want: usize,
    },
    /// The worker dies, and its leases run out.
    Crash,
    Pass {
        seconds: u64,
    },
    Pause,
    Resume,
    RetryFailed,
    Retry {
        part: Option<u32>,
    },
    Resolve {
        part: Option<u32>,
    },
    Cancel,
}

#[derive(Clone, Copy, Debug)]
enum How {
    Succeed,
    Break,
    Stumble,
    Abandon,
    Release,
}

fn action() -> impl Strategy<Value = Action> {
    let how =
        select(vec![How::Succeed, How::Succeed, How::Succeed, How::Break, How::Stumble, How::Abandon, How::Release]);
    let part = || option::weighted(0.7, 0..8_u32);
    prop_oneof![
        6 => (1..6_usize).prop_map(|want| Action::Claim { want }),
        12 => (1..5_usize, how, 0..5_usize).prop_map(|(answers, how, want)| Action::Report { answers, how, want }),
        2 => Just(Action::Crash),
        2 => (0..40_u64).prop_map(|seconds| Action::Pass { seconds }),
        1 => Just(Action::Pause),
        2 => Just(Action::Resume),
        2 => Just(Action::RetryFailed),
        2 => part().prop_map(|part| Action::Retry { part }),
        1 => part().prop_map(|part| Action::Resolve { part }),
        1 => prop_oneof![9 => Just(Action::Resume), 1 => Just(Action::Cancel)],
    ]
}

prop_compose! {
    fn play()(
        parts in 0..8_u32,
        is_mapped: bool,
        parallelism in option::of(1..4_u32),
        failure_strategy in select(vec!["continue_on_failure", "fail_fast", "isolate"]),
        on_exhaustion in select(vec!["fail", "skip", "skip_cascade", "block"]),
        actions in vec(action(), 0..40),
    ) -> Play {
        Play { parts, is_mapped, parallelism, failure_strategy, on_exhaustion, actions }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn batches_stay_sound_and_come_to_their_end(play in play()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let played = runtime.block_on(run(&play));
        played.map_err(|Violation(text)| TestCaseError::fail(text))?;
    }
}

/// What the property found once: the step that the parts belong to has ended, and is written to all the same.
#[tokio::test]
async fn a_part_is_resolved_behind_a_batch_that_has_failed() -> Checked {
    let actions = vec![
        Action::Claim { want: 1 },
        Action::Report { answers: 1, how: How::Break, want: 0 },
        Action::Resolve { part: Some(1) },
    ];
    let (failure_strategy, on_exhaustion) = ("fail_fast", "fail");
    let play = Play { parts: 2, is_mapped: true, parallelism: None, failure_strategy, on_exhaustion, actions };
    run(&play).await
}

async fn run(play: &Play) -> Checked {
    let mut stage = Stage::new(play).await?;
    for (number, action) in play.actions.iter().enumerate() {
        let done = stage.perform(*action).await;
        done.map_err(|violation| violation.within(&format!("action {number}, {action:?}")))?;
    }
    stage.bring_to_end().await.map_err(|violation| violation.within("after the last action"))
}

const LEASE: Duration = Duration::from_secs(30);

struct Stage {
    store: Arc<dyn Store>,
    clock: Arc<ManualClock>,
    engine: Arc<Engine>,
    session: Arc<Session>,
    task_id: TaskId,
    play: Play,
    /// The index of the step that the parts belong to.
    head: u32,
    held: Vec<Lease>,
    /// The results that were accepted, by part.
    results: BTreeMap<u32, u32>,
    serial: u32,
}

impl Stage {
    async fn new(play: &Play) -> Checked<Self> {
        let clock = Arc::new(ManualClock::new(Timestamp::from_micros(1_700_000_000_000_000)));
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open("sqlite::memory:", clock.clone()).await?);
        store.migrate().await?;
        let engine = Engine::new(Arc::clone(&store), Options { lease: LEASE, ..Options::default() });
        engine.register(&parse(&yaml(play), "batch.yaml").map_err(|faults| Violation(faults.to_string()))?).await?;
        let session = engine.join(worker()).await?;
        let rows: Vec<u32> = (0..play.parts).collect();
        let input = Json::from(&serde_json::json!({"rows": rows}));
        let task_id = engine.submit(SubmitTask::new("test", "batch", input)).await?.task_id;
        engine.sweep().await?;
        let head = u32::from(!play.is_mapped);
        let (held, results) = (Vec::new(), BTreeMap::new());
        Ok(Self { store, clock, engine, session, task_id, play: play.clone(), head, held, results, serial: 0 })
    }

    async fn perform(&mut self, action: Action) -> Checked {
        let actor = Actor::named("ann");
        let (engine, task_id) = (Arc::clone(&self.engine), self.task_id);
        let operated = match action {
            Action::Claim { want } => return self.report(0, How::Succeed, want).await,
            Action::Report { answers, how, want } => return self.report(answers, how, want).await,
            Action::Crash => {
                self.held.clear();
                self.session = engine.join(worker()).await?;
                return self.pass(LEASE).await;
            }
            Action::Pass { seconds } => return self.pass(Duration::from_secs(seconds)).await,
            Action::Pause => engine.pause(task_id, actor).await,
            Action::Resume => engine.resume(task_id, actor).await,
            Action::RetryFailed => engine.retry(task_id, Which::Failed, actor).await,
            Action::Retry { part } => engine.retry(task_id, self.named(part), actor).await,
            Action::Resolve { part } => engine.resolve_steps(task_id, self.named(part), None, actor).await,
            Action::Cancel => engine.cancel(task_id, actor).await,
        };
        // What cannot be done is refused; what the store cannot do is a fault.
        if let Err(error @ Error::Store(_)) = operated {
            return Err(error.into());
        }
        self.check().await.map(drop)
    }

    fn named(&self, part: Option<u32>) -> Which {
        Which::Name(part.map_or_else(|| "each".to_owned(), |part| format!("each[{part}]")).into())
    }

    async fn pass(&mut self, span: Duration) -> Checked {
        self.clock.turn(span);
        self.engine.sweep().await?;
        self.check().await.map(drop)
    }

    async fn report(&mut self, answers: usize, how: How, want: usize) -> Checked {
        let leases: Vec<_> = self.held.drain(..answers.min(self.held.len())).collect();
        let mut reports = Vec::new();
        for lease in &leases {
            self.serial += 1;
            reports.push(Report { lease: *lease, outcome: self.outcome(*lease, how) });
        }
        let first = self.serial + 1 - u32::try_from(leases.len()).unwrap_or_default();
        let reported = self.engine.report(&self.session, reports, want, Look::IfShort).await?;
        for ((serial, lease), verdict) in (first..).zip(&leases).zip(&reported.verdicts) {
            let part = StepPlace::of(lease.step_idx).part;
            if let (How::Succeed, Verdict::Accepted, Some(part)) = (how, verdict, part) {
                ensure!(self.results.insert(part, serial).is_none(), "part {part} has two results");
            }
        }
        for assignment in &reported.assignments {
            let place = StepPlace::of(assignment.lease.step_idx);
            let work = assignment.batch.as_ref().map(|part| (part.index, part.of, part.work.clone()));
            let expected = place.part.map(|part| (part, self.play.parts, self.work(part)));
            ensure!(work == expected, "step {} was given {work:?}", assignment.step);
        }
        self.held.extend(reported.assignments.iter().map(|assignment| assignment.lease));
        self.check().await.map(drop)
    }

    fn outcome(&self, lease: Lease, how: How) -> Outcome {
        let place = StepPlace::of(lease.step_idx);
        let splits = !self.play.is_mapped && place.step == 0;
        let batches = Batches::Items((0..self.play.parts).map(|row| Json::from(&row.into())).collect());
        let config = BatchConfig { worker: None, batches, parallelism: None, failure_strategy: None };
        match how {
            How::Succeed => Outcome::Succeeded {
                result: Json::from(&self.serial.into()),
                next: splits.then_some(Next::Batches(config)),
                events: Vec::new(),
            },
            How::Break => Outcome::failed(StepError::permanent("broken", "it broke")),
            How::Stumble => Outcome::failed(StepError::retryable("later", "not yet")),
            How::Abandon => Outcome::Abandoned,
            How::Release => Outcome::Released,
        }
    }

    fn work(&self, part: u32) -> BatchWork {
        BatchWork::Item(Json::from(&part.into()))
    }

    /// What holds at any time.
    async fn check(&self) -> Checked<(Task, Vec<Step>)> {
        let odd = self.store.oddities(10, 10).await?;
        ensure!(odd.is_empty(), "{odd:?}");
        let Some(task) = self.store.task(self.task_id).await? else { return Err(Violation("no task".to_owned())) };
        let rows = self.store.steps_in(self.task_id, 0..i32::MAX.unsigned_abs(), u32::MAX).await?;
        let Some(head) = rows.iter().find(|step| step.id.idx == self.head) else {
            return Err(Violation("no step that parts belong to".to_owned()));
        };
        let parts: Vec<_> = rows.iter().filter(|step| StepPlace::of(step.id.idx).part.is_some()).collect();
        ensure!(!task.state.is_final() || rows.iter().all(|step| step.state.is_final()), "open steps in an ended task");
        ensure!(!head.state.is_final() || parts.iter().all(|part| part.state.is_final()), "parts run for nothing");
        let Some(batch) = head.flow.as_ref().and_then(|flow| flow.batch) else {
            ensure!(parts.is_empty(), "parts without a batch");
            return Ok((task, rows));
        };
        let count = |is: &dyn Fn(&Step) -> bool| parts.iter().filter(|part| is(part)).count();
        let running = count(&|part| part.unmet == 0 && !part.state.is_final());
        ensure!(batch.parallelism.is_none_or(|most| running <= most as usize), "{running} parts run, with {batch:?}");
        let waits = |part: &&&Step| part.state == StepState::Pending && part.unmet > 0;
        let first = parts.iter().find(waits).and_then(|part| StepPlace::of(part.id.idx).part);
        // What is done is not written again: the counts of a step that is done stay as they were.
        if !head.state.satisfies() {
            let left = count(&|part| !part.state.satisfies());
            ensure!(
                (batch.left, batch.running) == (u32_of(left), u32_of(running)),
                "{left} left, {running} run: {batch:?}"
            );
            ensure!(first.is_none_or(|first| batch.next <= first), "{batch:?} has passed over {first:?}");
        }
        let has_room = batch.parallelism.is_none_or(|most| running < most as usize);
        let is_open = head.state == StepState::Waiting;
        ensure!(!(is_open && has_room && first.is_some()), "{first:?} waits though there is room: {batch:?}");
        ensure!(!(is_open && batch.left == 0), "all parts are done, and the step waits");
        Ok((task, rows))
    }

    /// From here on all goes well.
    async fn bring_to_end(&mut self) -> Checked {
        self.perform(Action::Crash).await?;
        for _ in 0..60 {
            let (task, rows) = self.check().await?;
            if task.state.is_final() && task.state != TaskState::Error {
                return self.check_results(&task, &rows);
            }
            self.perform(Action::Resume).await?;
            self.perform(Action::RetryFailed).await?;
            self.perform(Action::Claim { want: 5 }).await?;
            self.perform(Action::Report { answers: 5, how: How::Succeed, want: 0 }).await?;
            self.perform(Action::Pass { seconds: 1 }).await?;
        }
        Err(Violation("the task does not end".to_owned()))
    }

    fn check_results(&self, task: &Task, rows: &[Step]) -> Checked {
        let head = rows.iter().find(|step| step.id.idx == self.head);
        let Some(result) = head.filter(|head| head.state == StepState::Complete).and_then(|head| head.result.as_ref())
        else {
            return Ok(());
        };
        let split = rows.iter().any(|step| StepPlace::of(step.id.idx).part.is_some());
        let parts = if split { self.play.parts } else { 0 };
        let expected: Vec<Option<u32>> = (0..parts).map(|part| self.results.get(&part).copied()).collect();
        let got: Vec<Option<u32>> = result.to().map_err(|error| Violation(error.to_string()))?;
        ensure!(got == expected, "the results are {got:?}, and not {expected:?}");
        ensure!(task.counts.total == u32_of(rows.len()), "{:?} for {} steps", task.counts, rows.len());
        Ok(())
    }
}

fn u32_of(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn yaml(play: &Play) -> String {
    let Play { is_mapped, parallelism, failure_strategy, on_exhaustion, .. } = play;
    let (split, source) = match is_mapped {
        true => ("", "for_each: input.rows"),
        false => (
            "  - {name: count, type: batchable, handler: {callable: h}, retry: {max_attempts: 9, backoff: none}}\n",
            "type: batch_worker, dependencies: [count]",
        ),
    };
    let parallelism = parallelism.map(|parts| format!(", parallelism: {parts}")).unwrap_or_default();
    format!(
        "name: batch\nnamespace: test\nversion: 1.0.0\nsteps:\n{split}  - {{name: each, {source}, handler: {{callable: h}}, \
         failure_strategy: {failure_strategy}, on_exhaustion: {on_exhaustion}, retry: {{max_attempts: 2, backoff: none}}\
         {parallelism}}}\n  - {{name: after, handler: {{callable: h}}, dependencies: [each]}}\n"
    )
}

fn worker() -> WorkerRecord {
    WorkerRecord {
        worker_id: WorkerId::new(),
        host: "test".to_owned(),
        pid: 1,
        language: "rust".to_owned(),
        slots: 5,
        handlers: vec!["h".to_owned()],
        queues: Vec::new(),
    }
}
