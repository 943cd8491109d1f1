//! Two engines on one store, their workers and a clock that is turned by hand.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tasker_core::{
    model::{Assignment, Clock, Json, Lease, TaskId, Timestamp, WorkerId},
    orchestration::{Engine, Intake, Options, Session},
    store::{SqliteStore, Store, WorkerRecord},
    template::Template,
};

use crate::{
    assigned::check_assignment,
    ensure,
    observer::{News, Observer},
    scenario::{Action, Fate, HANDLERS, NIGHT, OutcomePlan, ReportPlan, Scenario, Which, WorkerPlan},
    violation::Checked,
};

pub(crate) struct World {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<JumpingClock>,
    pub(crate) engines: [Arc<Engine>; 2],
    pub(crate) templates: Vec<Template>,
    pub(crate) workers: Vec<Worker>,
    /// Leases that workers believe to hold, with the worker, the oldest first.
    pub(crate) held: Vec<(usize, Lease)>,
    /// Leases that were answered, or whose worker died, the oldest first.
    pub(crate) gone: Vec<Lease>,
    pub(crate) observer: Observer,
    /// Inputs by the number that each of them carries.
    pub(crate) contexts: HashMap<u64, Json>,
    /// What was drawn last, so that no two inputs or results are the same.
    pub(crate) serial: u64,
}

pub(crate) struct Worker {
    pub(crate) plan: WorkerPlan,
    pub(crate) session: Arc<Session>,
    inbox: Arc<Inbox>,
}

/// What a worker was handed without asking.
struct Inbox {
    room: AtomicUsize,
    reserved: AtomicUsize,
    arrived: Mutex<Vec<Assignment>>,
}

impl Inbox {
    fn new(room: usize) -> Arc<Self> {
        Arc::new(Self { room: AtomicUsize::new(room), reserved: AtomicUsize::new(0), arrived: Mutex::default() })
    }
}

impl Intake for Inbox {
    fn reserve(&self, want: usize) -> usize {
        let reserved = self.room.load(Ordering::Relaxed).min(want);
        self.room.fetch_sub(reserved, Ordering::Relaxed);
        self.reserved.fetch_add(reserved, Ordering::Relaxed);
        reserved
    }

    fn fill(&self, reserved: usize, assignments: Vec<Assignment>, _: Instant) {
        self.reserved.fetch_sub(reserved, Ordering::Relaxed);
        self.room.fetch_add(reserved - assignments.len(), Ordering::Relaxed);
        self.arrived.lock().expect("nobody panics with it").extend(assignments);
    }
}

/// Stands still until it is set, back too.
#[derive(Debug)]
pub(crate) struct JumpingClock(AtomicI64);

impl Clock for JumpingClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::Relaxed))
    }
}

impl JumpingClock {
    pub(crate) fn at(micros: i64) -> Self {
        Self(AtomicI64::new(micros))
    }

    /// Turns it to a time, unless that is over.
    pub(crate) fn reach(&self, time: Timestamp) {
        self.0.fetch_max(time.as_micros(), Ordering::Relaxed);
    }

    pub(crate) fn turn(&self, ms: i64) {
        self.0.fetch_add(ms * 1_000, Ordering::Relaxed);
    }
}

/// Plays a scenario to its end, checking everything after each action.
pub(crate) async fn play(scenario: &Scenario) -> Checked {
    let mut world = World::new(scenario).await?;
    for (number, action) in scenario.actions.iter().enumerate() {
        let done = world.perform(action).await;
        done.map_err(|violation| violation.within(&format!("action {number}, {action:?}")))?;
    }
    world.bring_to_end().await.map_err(|violation| violation.within("after the last action"))?;
    world.store.close().await;
    Ok(())
}

impl World {
    async fn new(scenario: &Scenario) -> Checked<Self> {
        let clock = Arc::new(JumpingClock::at(1_700_000_000_000_000));
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open("sqlite::memory:", clock.clone()).await?);
        store.migrate().await?;
        let templates: Vec<_> =
            scenario.templates.iter().enumerate().map(|(number, plan)| plan.template(number)).collect();
        let engines = [0, 1].map(|number| engine(number, &store));
        for template in &templates {
            ensure!(engines[0].register(template).await?.is_new, "a new template was known");
        }
        let mut world = Self {
            observer: Observer::new(templates.clone()),
            store,
            clock,
            engines,
            templates,
            workers: Vec::new(),
            held: Vec::new(),
            gone: Vec::new(),
            contexts: HashMap::new(),
            serial: 0,
        };
        for plan in &scenario.workers {
            world.hire(plan.clone()).await?;
        }
        Ok(world)
    }

    async fn perform(&mut self, action: &Action) -> Checked {
        match action {
            Action::Submit { engine, requests, fate } => self.submit(*engine, requests, *fate).await?,
            Action::Work { worker, reports, want, look, fate } => {
                self.work(worker % self.workers.len(), reports, *want, *look, *fate).await?;
            }
            Action::Extend { engine, leases, fate } => self.extend(*engine, leases, *fate).await?,
            Action::Sweep { engine, fate } => self.sweep(*engine, *fate).await?,
            Action::Cancel { engine, task, fate } => self.cancel(*engine, *task, *fate).await?,
            Action::Operate { engine, task, verb, fate } => self.operate(*engine, *task, *verb, *fate).await?,
            Action::Register { engine, template } => self.register(*engine, *template).await?,
            Action::Pass { ms } => self.clock.turn(*ms),
            Action::PassToDue { is_early } => self.pass_to_due(*is_early),
            Action::LoseWorker { worker } => self.lose(worker % self.workers.len()).await?,
            Action::RestartEngine { engine } => {
                self.engines[*engine] = self::engine(*engine, &self.store);
                for worker in 0..self.workers.len() {
                    if self.workers[worker].plan.engine == *engine {
                        self.lose(worker).await?;
                    }
                }
            }
        }
        self.take_in()
    }

    /// What engines have handed out unasked.
    fn take_in(&mut self) -> Checked {
        for (number, worker) in self.workers.iter().enumerate() {
            let until = self.clock.now() + self.engines[worker.plan.engine].options().lease;
            for assignment in std::mem::take(&mut *worker.inbox.arrived.lock().expect("nobody panics with it")) {
                let checked = check_assignment(&self.observer, &assignment, until);
                checked.map_err(|violation| violation.within(&format!("the handing out of {:?}", assignment.lease)))?;
                ensure!(assignment.lease.attempt == 1, "{:?} was handed out unasked", assignment.lease);
                self.held.push((number, assignment.lease));
            }
            let reserved = worker.inbox.reserved.load(Ordering::Relaxed);
            ensure!(reserved == 0, "{reserved} slots stay set aside");
        }
        Ok(())
    }

    /// From here on all goes well: what is lost comes back, and every task ends.
    async fn bring_to_end(&mut self) -> Checked {
        for worker in 0..self.workers.len() {
            self.lose(worker).await?;
        }
        self.resume_all().await?;
        let healthy = self.workers.len();
        for engine in 0..2 {
            self.hire(WorkerPlan { engine, handlers: HANDLERS.to_vec(), queues: Vec::new(), room: 0 }).await?;
        }
        let steps: usize = self.observer.tasks.values().map(|observed| observed.steps.len()).sum();
        for _ in 0..steps * 2 + 30 {
            if self.observer.tasks.values().all(|observed| observed.task.state.is_final()) {
                return self.observer.observe_anew(self.store.as_ref()).await;
            }
            for worker in [healthy, healthy + 1] {
                let reports = vec![SUCCESS; self.held.len()];
                self.work(worker, &reports, 50, tasker_core::state::Look::IfShort, Fate::Answered).await?;
            }
            if self.held.is_empty() {
                self.pass_to_due(false);
                self.sweep(0, Fate::Answered).await?;
            }
        }
        let open = self.observer.tasks.values().filter(|observed| !observed.task.state.is_final());
        let open: Vec<_> = open.map(|observed| observed.task.task_id).collect();
        ensure!(open.is_empty(), "{open:?} do not end");
        Ok(())
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    pub(crate) async fn observe(&mut self) -> Checked<News> {
        self.observer.observe(self.store.as_ref()).await
    }

    /// The lease that a plan means, and where it is held.
    pub(crate) fn lease(&self, which: Which) -> Option<(Option<usize>, Lease)> {
        match which {
            Which::Held(pick) => {
                let at = newest(self.held.len(), pick)?;
                Some((Some(at), self.held[at].1))
            }
            Which::Gone(pick) => newest(self.gone.len(), pick).map(|at| (None, self.gone[at])),
        }
    }

    pub(crate) fn pick_task(&self, pick: usize) -> Option<TaskId> {
        let at = newest(self.observer.tasks.len(), pick)?;
        self.observer.tasks.keys().nth(at).copied()
    }

    fn pass_to_due(&self, is_early: bool) {
        let steps = self.observer.tasks.values().flat_map(|observed| &observed.steps).filter_map(|step| step.due_at);
        let tasks = self.observer.tasks.values().filter_map(|observed| observed.task.deadline_at);
        let Some(next) = steps.chain(tasks).min() else { return };
        self.clock.reach(Timestamp::from_micros(next.as_micros() - i64::from(is_early)));
    }

    async fn hire(&mut self, plan: WorkerPlan) -> Checked {
        let (session, inbox) = self.join(&plan).await?;
        self.workers.push(Worker { plan, session, inbox });
        Ok(())
    }

    async fn lose(&mut self, worker: usize) -> Checked {
        let lost = self.held.iter().filter(|(holder, _)| *holder == worker).map(|(_, lease)| *lease);
        self.gone.extend(lost);
        self.held.retain(|(holder, _)| *holder != worker);
        let (session, inbox) = self.join(&self.workers[worker].plan).await?;
        self.workers[worker].session = session;
        self.workers[worker].inbox = inbox;
        Ok(())
    }

    async fn join(&self, plan: &WorkerPlan) -> Checked<(Arc<Session>, Arc<Inbox>)> {
        let record = WorkerRecord {
            worker_id: WorkerId::new(),
            host: "test".to_owned(),
            pid: 1,
            language: "rust".to_owned(),
            slots: 1,
            handlers: plan.handlers.iter().map(ToString::to_string).collect(),
            queues: plan.queues.iter().map(ToString::to_string).collect(),
        };
        let session = self.engines[plan.engine].join(record).await?;
        let inbox = Inbox::new(plan.room);
        let intake: Weak<Inbox> = Arc::downgrade(&inbox);
        session.attach(intake);
        Ok((session, inbox))
    }
}

const SUCCESS: ReportPlan = ReportPlan {
    which: Which::Held(0),
    outcome: OutcomePlan::Success { padding: 0 },
    is_doubled: false,
    is_kept: false,
};

/// The two differ in all that an engine may have an own opinion on; the cache of the second holds next to nothing.
fn engine(number: usize, store: &Arc<dyn Store>) -> Arc<Engine> {
    let options = match number {
        0 => Options::default(),
        _ => Options {
            environment: Some(NIGHT.to_owned()),
            lease: Duration::from_secs(10),
            cache_bytes: 2_048,
            ..Options::default()
        },
    };
    Engine::new(Arc::clone(store), options)
}

fn newest(len: usize, pick: usize) -> Option<usize> {
    (len > 0).then(|| len - 1 - pick % len)
}
