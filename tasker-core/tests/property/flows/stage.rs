//! Two engines on one store, three workers and a clock that is turned by hand.

use std::{sync::Arc, time::Duration};

use tasker_core::{
    model::{Actor, Assignment, AttemptKind, Lease, Timestamp, WorkerId},
    orchestration::{Engine, Options, Session},
    state::{Look, Which},
    store::{SqliteStore, Store, WorkerRecord},
    template::parse,
};

use super::{
    script::{Action, Answer, How, Script},
    seen::Seen,
};
use crate::{
    ensure,
    scenario::Fate,
    violation::{Checked, Violation},
    world::JumpingClock,
};

pub(crate) struct Stage {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<JumpingClock>,
    pub(crate) engines: [Arc<Engine>; 2],
    pub(crate) workers: Vec<Arc<Session>>,
    /// What workers believe to hold, with the worker, the oldest first.
    pub(crate) held: Vec<(usize, Held)>,
    /// What was answered, or whose worker died, the oldest first.
    pub(crate) gone: Vec<Held>,
    pub(crate) seen: Seen,
    pub(crate) serial: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) lease: Lease,
    pub(crate) kind: AttemptKind,
    /// The steps that name this one as a dependency.
    pub(crate) dependents: Vec<String>,
}

const WORKERS: usize = 3;

pub(crate) async fn play(script: Script) -> Checked {
    let mut stage = Stage::new(&script).await?;
    for (number, action) in script.actions.iter().enumerate() {
        let done = stage.perform(action).await;
        done.map_err(|violation| violation.within(&format!("action {number}, {action:?}")))?;
    }
    stage.bring_to_end().await.map_err(|violation| violation.within("after the last action"))?;
    stage.store.close().await;
    Ok(())
}

impl Stage {
    async fn new(script: &Script) -> Checked<Self> {
        let clock = Arc::new(JumpingClock::at(1_700_000_000_000_000));
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open("sqlite::memory:", clock.clone()).await?);
        store.migrate().await?;
        let engines = [0, 1].map(|number| engine(number, &store));
        let mut seen = Seen::default();
        for number in 0..script.templates.len() {
            let template = parse(&script.yaml(number), "a template").map_err(|faults| Violation(faults.to_string()))?;
            engines[0].register(&template).await?;
            seen.templates.insert(template.name.clone(), template);
        }
        let mut workers = Vec::new();
        for worker in 0..WORKERS {
            workers.push(engines[worker % 2].join(record()).await?);
        }
        let (held, gone) = (Vec::new(), Vec::new());
        Ok(Self { store, clock, engines, workers, held, gone, seen, serial: 0 })
    }

    async fn perform(&mut self, action: &Action) -> Checked {
        match action {
            Action::Submit { engine, template, flag, rows, fate } => {
                self.submit(*engine, *template, *flag, *rows, *fate).await?;
            }
            Action::Work { worker, answers, want, look, fate } => {
                self.work(*worker, answers, *want, *look, *fate).await?;
            }
            Action::Checkpoint { engine, held, fate } => self.checkpoint(*engine, *held, *fate).await?,
            Action::Extend { engine, held, fate } => self.extend(*engine, *held, *fate).await?,
            Action::Sweep { engine, fate } => self.sweep(*engine, *fate).await?,
            Action::Signal { engine, task, name, is_sound, fate } => {
                self.signal(*engine, *task, *name, *is_sound, *fate).await?;
            }
            Action::Operate { engine, task, verb, fate } => self.operate(*engine, *task, *verb, *fate).await?,
            Action::Pass { ms } => self.clock.turn(*ms),
            Action::PassToDue { is_early } => self.pass_to_due(*is_early),
            Action::LoseWorker { worker } => self.lose(*worker).await?,
            Action::RestartEngine { engine } => {
                self.engines[*engine] = self::engine(*engine, &self.store);
                for worker in (0..WORKERS).filter(|worker| worker % 2 == *engine) {
                    self.lose(worker).await?;
                }
            }
        }
        self.look().await
    }

    pub(crate) async fn look(&mut self) -> Checked {
        self.seen.look(self.store.as_ref()).await
    }

    /// From here on all goes well: what is lost comes back, an operator sees to what does not go on by itself, and every task
    /// ends.
    async fn bring_to_end(&mut self) -> Checked {
        for worker in 0..WORKERS {
            self.lose(worker).await?;
        }
        for round in 0..400 {
            let open = self.seen.tasks.values().filter(|observed| !observed.task.state.is_final());
            let open: Vec<_> = open.map(|observed| observed.task.task_id).collect();
            if open.is_empty() {
                let known = std::mem::take(&mut self.seen.tasks).len();
                self.look().await?;
                ensure!(self.seen.tasks.len() == known, "tasks vanished");
                return Ok(());
            }
            for task_id in open {
                // What is not so is refused.
                let _ = self.engines[0].resume(task_id, actor()).await;
                let name = super::script::SIGNALS[round % 2];
                let payload = self.payload(true);
                let _ = self.engines[0].signal(task_id, name, payload, None).await;
                let _ = match round % 8 {
                    5 => self.engines[0].retry(task_id, Which::Failed, actor()).await,
                    // What fails whenever it is tried, such as an expression without a value.
                    7 => self.engines[0].resolve_steps(task_id, Which::Failed, None, actor()).await,
                    _ => continue,
                };
            }
            self.look().await?;
            let answer = Answer { pick: 0, is_stale: false, how: How::Succeed, choice: 7, is_doubled: false };
            let answers = vec![answer; self.held.len()];
            self.work(0, &answers, 50, Look::IfShort, Fate::Answered).await?;
            if self.held.is_empty() {
                self.pass_to_due(false);
                self.sweep(0, Fate::Answered).await?;
            }
            self.look().await?;
        }
        let open = self.seen.tasks.values().filter(|observed| !observed.task.state.is_final());
        let open: Vec<_> = open.map(|observed| (&observed.task.name, observed.task.state, &observed.rows)).collect();
        Err(Violation(format!("they do not end: {open:?}")))
    }

    pub(crate) fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    fn pass_to_due(&self, is_early: bool) {
        let steps = self.seen.tasks.values().flat_map(|observed| observed.rows.values()).filter_map(|row| row.due_at);
        let tasks = self.seen.tasks.values().filter_map(|observed| observed.task.deadline_at);
        let Some(next) = steps.chain(tasks).min() else { return };
        self.clock.reach(Timestamp::from_micros(next.as_micros() - i64::from(is_early)));
    }

    pub(crate) fn hold(&mut self, worker: usize, assignment: &Assignment) {
        let template = &self.seen.templates[&*assignment.template];
        let dependents = template.steps.iter().filter(|step| step.dependencies.contains(&assignment.step.to_string()));
        let dependents = dependents.map(|step| step.name.clone()).collect();
        self.held.push((worker, Held { lease: assignment.lease, kind: assignment.kind, dependents }));
    }

    async fn lose(&mut self, worker: usize) -> Checked {
        let worker = worker % WORKERS;
        let lost = self.held.iter().filter(|(holder, _)| *holder == worker).map(|(_, held)| held.clone());
        self.gone.extend(lost);
        self.held.retain(|(holder, _)| *holder != worker);
        self.workers[worker] = self.engines[worker % 2].join(record()).await?;
        Ok(())
    }
}

pub(crate) fn actor() -> Actor {
    Actor::named("ann")
}

/// The two differ in how long their leases are; the cache of the second holds next to nothing.
fn engine(number: usize, store: &Arc<dyn Store>) -> Arc<Engine> {
    let options = match number {
        0 => Options::default(),
        _ => Options { lease: Duration::from_secs(10), cache_bytes: 2_048, ..Options::default() },
    };
    Engine::new(Arc::clone(store), options)
}

fn record() -> WorkerRecord {
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
