//! Measures how events go from the database through a relay and NATS to whoever listens: how fast, how late, and what that costs the
//! steps. The relay has an engine, connections and threads of its own, as in a process of its own.

use std::{
    num::NonZeroU32,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use serde::Serialize;
use tasker_core::{
    events::{NatsEvents, NatsOptions, RELAY, Relay, Selection},
    model::{Clock, SystemClock},
    orchestration::{Engine, Options},
};
use tokio::{runtime::Runtime, task::JoinHandle, time::sleep};

use super::{as_f64, rig::Rig, statistics::Quantiles, workload::Workload};
use crate::{
    database,
    failure::{Failure, Result},
};

/// What to measure.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct EventsPlan {
    #[serde(skip)]
    pub(crate) url: String,
    #[serde(skip)]
    pub(crate) nats: NatsOptions,
    pub(crate) workload: Workload,
    pub(crate) tasks: usize,
    pub(crate) latency_tasks: usize,
    pub(crate) workers: usize,
    /// Of each worker.
    pub(crate) slots: usize,
    /// Events in a second that the relay beside the steps carries at most.
    pub(crate) max_rate: Option<NonZeroU32>,
    /// Times that the steps are measured without a relay and beside one.
    pub(crate) rounds: usize,
}

/// What was measured.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct EventsMeasured {
    pub(crate) plan: EventsPlan,
    pub(crate) store: String,
    pub(crate) backlog: Backlog,
    pub(crate) latency: Lateness,
    pub(crate) beside: Beside,
    pub(crate) version: &'static str,
    pub(crate) is_release: bool,
    pub(crate) cpus: usize,
}

/// All that is in the log at once: how fast a relay can be.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Backlog {
    pub(crate) events: u64,
    /// From the first event that came to the last.
    pub(crate) seconds: f64,
    pub(crate) events_per_s: f64,
}

/// One task at a time: how late an event comes.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Lateness {
    pub(crate) events: usize,
    /// From the begin of the transaction that wrote it, by the database's clock, until it came here, by this machine's.
    pub(crate) event_ms: Quantiles,
}

/// All tasks as fast as they go, without a relay and beside one; medians of the rounds. Nobody listens, whose work would be his own.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Beside {
    pub(crate) steps_per_s_alone: f64,
    pub(crate) steps_per_s: f64,
    /// How much slower the steps are beside a relay.
    pub(crate) slowed_percent: f64,
    /// What the relay carried meanwhile.
    pub(crate) events_per_s: f64,
}

/// The longest that nothing comes although something is to.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Carries a plan out; `tell` is told what is under way.
pub(crate) async fn measure_events(plan: EventsPlan, tell: &dyn Fn(&str)) -> Result<EventsMeasured> {
    // Before anything is stored, so that a server that is not there is told at once.
    let listener = Listener::start(&plan).await?;
    let store = database::open(&plan.url).await?;
    store.migrate().await?;
    let name = store.describe();
    store.close().await;

    tell(&format!("backlog: the events of {} tasks", plan.tasks));
    let rig = Rig::start(&plan.url, plan.workload, plan.workers, plan.slots).await?;
    rig.all_at_once(plan.tasks).await?;
    let carrier = Carrier::start(&plan, None).await?;
    listener.has_all(&carrier, &rig.engine).await?;
    let backlog = listener.backlog();

    tell(&format!("latency: {} tasks, one at a time", plan.latency_tasks));
    rig.warm_up().await?;
    listener.has_all(&carrier, &rig.engine).await?;
    listener.keep();
    rig.one_at_a_time(plan.latency_tasks).await?;
    listener.has_all(&carrier, &rig.engine).await?;
    let late = listener.end();
    carrier.stop().await;
    rig.stop().await;
    let latency = Lateness { events: late.len(), event_ms: Quantiles::of(&late) };

    let beside = beside(&plan, tell).await?;
    Ok(EventsMeasured {
        plan,
        store: name,
        backlog,
        latency,
        beside,
        version: env!("CARGO_PKG_VERSION"),
        is_release: !cfg!(debug_assertions),
        cpus: std::thread::available_parallelism().map_or(1, usize::from),
    })
}

async fn beside(plan: &EventsPlan, tell: &dyn Fn(&str)) -> Result<Beside> {
    let (mut alone, mut beside, mut carried) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=plan.rounds {
        tell(&format!("steps without a relay and beside one: round {round} of {}", plan.rounds));
        // In turn the first and the second on a database that grows, and is cleaned up after what went before.
        if round % 2 == 1 {
            alone.push(steps_per_s(plan, None).await?.0);
        }
        let carrier = caught_up(plan).await?;
        let (steps, events) = steps_per_s(plan, Some(&carrier)).await?;
        carrier.stop().await;
        beside.push(steps);
        carried.push(events);
        if round % 2 == 0 {
            alone.push(steps_per_s(plan, None).await?.0);
        }
    }
    let (alone, beside) = (median(alone), median(beside));
    Ok(Beside {
        steps_per_s_alone: alone,
        steps_per_s: beside,
        slowed_percent: (1.0 - beside / alone) * 100.0,
        events_per_s: median(carried),
    })
}

/// A relay that has carried all there was, under the bound of the plan.
async fn caught_up(plan: &EventsPlan) -> Result<Carrier> {
    let carrier = Carrier::start(plan, None).await?;
    carrier.has_all(&carrier.engine).await?;
    if plan.max_rate.is_none() {
        return Ok(carrier);
    }
    carrier.stop().await;
    Carrier::start(plan, plan.max_rate).await
}

/// The steps in a second, and the events that were carried meanwhile.
async fn steps_per_s(plan: &EventsPlan, carrier: Option<&Carrier>) -> Result<(f64, f64)> {
    let rig = Rig::start(&plan.url, plan.workload, plan.workers, plan.slots).await?;
    rig.warm_up().await?;
    if let Some(carrier) = carrier {
        carrier.has_all(&rig.engine).await?;
    }
    let carried = || carrier.map_or(0, Carrier::events);
    let before = carried();
    let seconds = rig.all_at_once(plan.tasks).await?.seconds;
    let events = carried() - before;
    rig.stop().await;
    Ok((as_f64(plan.tasks * plan.workload.steps()) / seconds, per_s(events, seconds)))
}

/// A relay with all that a process has.
struct Carrier {
    runtime: Runtime,
    engine: Arc<Engine>,
    relay: Relay,
}

impl Carrier {
    async fn start(plan: &EventsPlan, max_rate: Option<NonZeroU32>) -> Result<Self> {
        let runtime = Runtime::new().map_err(|error| {
            Failure::new("no_threads", "threads cannot be made", "raise the limits of this process").with_cause(error)
        })?;
        let (url, nats) = (plan.url.clone(), NatsOptions { max_rate, ..plan.nats.clone() });
        let started = runtime.spawn(async move {
            let engine = database::migrated_engine(&url, Options::default()).await?;
            let relay = Relay::start(Arc::clone(&engine), nats).await?;
            Ok::<_, Box<Failure>>((engine, relay))
        });
        match started.await {
            Ok(Ok((engine, relay))) => Ok(Self { runtime, engine, relay }),
            Ok(Err(failure)) => {
                runtime.shutdown_background();
                Err(failure)
            }
            Err(panic) => {
                runtime.shutdown_background();
                Err(Failure::new("bench_stuck", "the relay did not start", "run it again with --log info")
                    .with_cause(panic))
            }
        }
    }

    fn events(&self) -> u64 {
        self.relay.relaying().events()
    }

    /// Waits until all that is in the log has been carried.
    async fn has_all(&self, engine: &Engine) -> Result<()> {
        let (mut seen, mut seen_at) = (self.events(), Instant::now());
        loop {
            let receivers = engine.receivers().await?;
            if receivers.iter().any(|it| it.name == RELAY && it.is_held && it.behind.is_zero()) {
                return Ok(());
            }
            if self.events() > seen {
                (seen, seen_at) = (self.events(), Instant::now());
            } else if seen_at.elapsed() > PATIENCE {
                return Err(stuck("the relay carries nothing"));
            }
            sleep(LOOK_AGAIN).await;
        }
    }

    async fn stop(self) {
        let Self { runtime, engine, relay } = self;
        let stopped = runtime.spawn(async move {
            relay.stop().await;
            engine.close().await;
        });
        // A panic in there ends it too.
        let _ = stopped.await;
        runtime.shutdown_background();
    }
}

/// What has come.
#[derive(Default)]
struct Arrived {
    events: AtomicU64,
    times: Mutex<Times>,
}

#[derive(Default)]
struct Times {
    first: Option<Instant>,
    last: Option<Instant>,
    /// How late each event came, once that is asked for.
    late: Option<Vec<Duration>>,
}

struct Listener {
    arrived: Arc<Arrived>,
    task: JoinHandle<()>,
}

impl Listener {
    async fn start(plan: &EventsPlan) -> Result<Self> {
        let mut events = NatsEvents::listen(&plan.nats.url, &Selection::default()).await?;
        let arrived = Arc::<Arrived>::default();
        let (seen, clock) = (Arc::clone(&arrived), SystemClock);
        let task = tokio::spawn(async move {
            while let Some(published) = events.next().await {
                let mut times = seen.times();
                let now = Instant::now();
                times.first.get_or_insert(now);
                times.last = Some(now);
                if let Some(late) = &mut times.late
                    && let Some(event) = published.event()
                {
                    late.push(clock.now().since(event.time));
                }
                drop(times);
                seen.events.fetch_add(1, Ordering::Release);
            }
        });
        Ok(Self { arrived, task })
    }

    /// Waits until the relay has carried all that is in the log, and all of that has come.
    async fn has_all(&self, carrier: &Carrier, engine: &Engine) -> Result<()> {
        carrier.has_all(engine).await?;
        let (mut seen, mut seen_at) = (0, Instant::now());
        loop {
            let events = self.arrived.events.load(Ordering::Acquire);
            if events >= carrier.events() {
                return Ok(());
            }
            if events > seen {
                (seen, seen_at) = (events, Instant::now());
            } else if seen_at.elapsed() > PATIENCE {
                return Err(stuck("the events that were published did not all come"));
            }
            sleep(LOOK_AGAIN).await;
        }
    }

    fn backlog(&self) -> Backlog {
        let events = self.arrived.events.load(Ordering::Acquire);
        let times = self.arrived.times();
        let seconds = times.first.zip(times.last).map_or(0.0, |(first, last)| (last - first).as_secs_f64());
        Backlog { events, seconds, events_per_s: per_s(events, seconds) }
    }

    /// From now on each event's time is looked at.
    fn keep(&self) {
        self.arrived.times().late = Some(Vec::new());
    }

    fn end(self) -> Vec<Duration> {
        self.task.abort();
        self.arrived.times().late.take().unwrap_or_default()
    }
}

impl Arrived {
    fn times(&self) -> std::sync::MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn stuck(what: &str) -> Box<Failure> {
    let message = format!("{what} for {} s", PATIENCE.as_secs());
    let remedy =
        "run it again with --log info; the NATS server has to have JetStream, and no other stream of these subjects";
    Failure::new("bench_stuck", message, remedy)
}

fn per_s(count: u64, seconds: f64) -> f64 {
    let count = u32::try_from(count).map_or(f64::MAX, f64::from);
    if seconds > 0.0 { count / seconds } else { 0.0 }
}

/// Of rates; there is at least one.
fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().unwrap_or_default()
}
