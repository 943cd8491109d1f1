//! The same invariants on real clocks and threads: eight workers on two engines race for the steps of two hundred tasks,
//! give some of them up without a word, and report others too late or twice, while tasks are cancelled and run out of time.

#![expect(clippy::unwrap_used, reason = "what is refused or missing fails the test")]

use std::{
    str::FromStr,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::future::join_all;
use proptest::{
    collection::vec,
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, postgres::PgConnectOptions};
use tasker_core::{
    model::{Actor, Assignment, Json, Lease, Outcome, Report, StepError, StepState, SystemClock, Verdict, WorkerId},
    orchestration::{Engine, Options, Session, SubmitTask},
    state::Look,
    store::{PostgresStore, SqliteStore, Store, WorkerRecord},
    template::Template,
};
use tokio_util::sync::CancellationToken;

use crate::{
    assigned::check_content,
    ensure, generate,
    observer::Observer,
    scenario::HANDLERS,
    violation::{Checked, Violation},
};

const TASKS: usize = 200;
const WORKERS: usize = 8;
/// How long the slowest machine may take for one task.
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/tasker.db?synchronous=normal", folder.path().display());
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&url, Arc::new(SystemClock)).await.unwrap());
    run([Arc::clone(&store), store]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn postgres() {
    let Ok(cluster) = std::env::var("TASKER_TEST_DATABASE_URL") else {
        eprintln!("not run: TASKER_TEST_DATABASE_URL is not set; scripts/with-postgres.sh sets it");
        return;
    };
    let options = PgConnectOptions::from_str(&cluster).unwrap();
    let name = format!("property-{}", std::process::id());
    let mut connection = options.connect().await.unwrap();
    connection.execute(AssertSqlSafe(format!("create database \"{name}\" template template0"))).await.unwrap();
    connection.close().await.unwrap();
    let url = options.database(&name).to_url_lossy();
    let stores = join_all([0, 1].map(async |_| PostgresStore::connect(url.as_str()).await.unwrap())).await;
    let [first, second] = <[_; 2]>::try_from(stores).ok().unwrap();
    run([Arc::new(first), Arc::new(second)]).await;
}

/// What the workers did.
#[derive(Default)]
struct Diary {
    assignments: Vec<Assignment>,
    accepted: Vec<(Lease, Json)>,
}

async fn run(stores: [Arc<dyn Store>; 2]) {
    stores[0].migrate().await.unwrap();
    let templates = templates();
    let engines = [engine(&stores[0], 1 << 24), engine(&stores[1], 4_096)];
    for template in &templates {
        engines[0].register(template).await.unwrap();
    }
    let sweepers = [engines[0].start_sweeper(), engines[1].start_sweeper()];
    let (diary, stop) = (Arc::new(Mutex::new(Diary::default())), CancellationToken::new());
    let workers: Vec<_> = (0..WORKERS)
        .map(|number| {
            let engine = Arc::clone(&engines[number % 2]);
            tokio::spawn(work(engine, number, Arc::clone(&diary), stop.clone()))
        })
        .collect();

    join_all((0..TASKS).map(|number| run_task(&engines[number % 2], &templates[number % templates.len()], number)))
        .await;

    stop.cancel();
    for worker in workers {
        worker.await.unwrap();
    }
    drop(sweepers);
    let diary = std::mem::take(&mut *diary.lock().unwrap());
    check(stores[0].as_ref(), templates, diary).await.unwrap();
    join_all(stores.iter().map(|store| store.close())).await;
}

/// Templates as the scenarios have them, with short delays, and deadlines that some tasks will not keep.
fn templates() -> Vec<Template> {
    let drawn = vec(generate::template(), 12).new_tree(&mut TestRunner::default()).unwrap().current();
    let hurried = drawn.iter().enumerate().map(|(number, plan)| {
        let mut template = plan.template(number);
        for step in &mut template.steps {
            step.retry.backoff_base_ms %= 20;
            step.retry.max_backoff_ms %= 100;
        }
        let deadline_minutes = &mut template.lifecycle.max_duration_minutes;
        *deadline_minutes = deadline_minutes.map(|minutes| minutes / 240.0);
        template
    });
    hurried.collect()
}

fn engine(store: &Arc<dyn Store>, cache_bytes: u64) -> Arc<Engine> {
    let lease = Duration::from_millis(200);
    let options = Options { lease, sweep_interval: Duration::from_millis(100), cache_bytes, ..Options::default() };
    Engine::new(Arc::clone(store), options)
}

/// Submits a task twice by the same key, cancels it if its number is a multiple of 16, and waits for its end.
async fn run_task(engine: &Engine, template: &Template, number: usize) {
    let context = Json::from(&serde_json::json!({ "number": number, "padding": "p".repeat(number * 7) }));
    let mut task = SubmitTask::new(&template.namespace, &template.name, context);
    task.priority = i16::try_from(number % 3).unwrap();
    task.idempotency_key = Some(format!("key {number}"));
    let (first, second) = futures::join!(engine.submit(task.clone()), engine.submit(task));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(first.task_id, second.task_id);
    assert!(first.is_new != second.is_new);
    if number.is_multiple_of(16) {
        // It may have ended before.
        drop(engine.cancel(first.task_id, Actor::default()).await);
    }
    engine.wait(first.task_id, PATIENCE).await.unwrap();
}

async fn work(engine: Arc<Engine>, number: usize, diary: Arc<Mutex<Diary>>, stop: CancellationToken) {
    let session = engine.join(worker(number)).await.unwrap();
    let mut random = fastrand::Rng::new();
    let mut finished: Vec<Report> = Vec::new();
    while !stop.is_cancelled() {
        let look = if random.bool() { Look::IfShort } else { Look::Always };
        let reported = engine.report(&session, finished.clone(), random.usize(1..6), look).await.unwrap();
        let verdicts = reported.verdicts.iter().zip(&finished).filter(|(verdict, _)| **verdict == Verdict::Accepted);
        let accepted = verdicts.filter_map(|(_, Report { lease, outcome })| match outcome {
            Outcome::Succeeded { result, .. } => Some((*lease, result.clone())),
            _ => None,
        });
        {
            let mut diary = diary.lock().unwrap();
            diary.accepted.extend(accepted);
            diary.assignments.extend_from_slice(&reported.assignments);
        }
        // Some are reported a second time.
        finished.retain(|_| random.u8(..100) < 5);
        finished.extend(reported.assignments.iter().filter_map(|assignment| handle(assignment.lease, &mut random)));
        if finished.is_empty() {
            rest(&session, &stop).await;
        }
    }
}

/// Until there may be work, or for as long as a worker goes without a look of its own.
async fn rest(session: &Session, stop: &CancellationToken) {
    let woken = tokio::time::timeout(Duration::from_millis(50), session.woken());
    tokio::select! {
        _ = woken => {}
        () = stop.cancelled() => {}
    }
}

/// How the attempt ends; none if the worker forgets it.
fn handle(lease: Lease, random: &mut fastrand::Rng) -> Option<Report> {
    let outcome = match random.u8(..100) {
        0..4 => return None,
        4..12 => Outcome::failed(StepError::retryable("jammed", "at random")),
        12..14 => Outcome::failed(StepError::permanent("broken", "at random")),
        14..17 => Outcome::Released,
        17..19 => Outcome::Abandoned,
        _ => {
            let result = serde_json::json!({ "by": random.u64(..), "padding": "p".repeat(random.usize(..600)) });
            Outcome::succeeded(Json::from(&result))
        }
    };
    Some(Report { lease, outcome })
}

/// Every other worker serves one handler only.
fn worker(number: usize) -> WorkerRecord {
    let handlers = match number % 4 {
        0 | 3 => HANDLERS.to_vec(),
        _ => vec![HANDLERS[number % HANDLERS.len()]],
    };
    WorkerRecord {
        worker_id: WorkerId::new(),
        host: "test".to_owned(),
        pid: 1,
        language: "rust".to_owned(),
        slots: 5,
        handlers: handlers.into_iter().map(str::to_owned).collect(),
        queues: Vec::new(),
    }
}

async fn check(store: &dyn Store, templates: Vec<Template>, diary: Diary) -> Checked {
    let mut observer = Observer::new(templates);
    for (lease, result) in &diary.accepted {
        observer.sends(*lease, result.clone());
    }
    observer.observe(store).await?;
    ensure!(observer.tasks.len() == TASKS, "{} tasks are stored", observer.tasks.len());
    let mut complete = 0;
    for observed in observer.tasks.values() {
        let state = observed.task.state;
        ensure!(state.is_final(), "task {} is {state}", observed.task.task_id);
        complete += observed.steps.iter().filter(|step| step.state == StepState::Complete).count();
    }
    ensure!(diary.accepted.len() == complete, "{} results accepted for {complete} steps", diary.accepted.len());
    for (lease, result) in &diary.accepted {
        let recorded = observer.step(*lease).and_then(|(_, step)| step.result.as_ref());
        ensure!(recorded == Some(result), "{lease:?} recorded {recorded:?}, and {result} was accepted");
    }
    for assignment in &diary.assignments {
        let checked = check_content(&observer, assignment);
        checked.map_err(|violation: Violation| violation.within(&format!("{:?}", assignment.lease)))?;
    }
    Ok(())
}
