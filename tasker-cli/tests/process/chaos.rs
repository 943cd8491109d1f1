//! Servers, workers, relays, NATS nodes and PostgreSQL are killed, stopped and cut off at random while tasks run; then the database and the
//! stream are compared.
//!
//! TASKER_CHAOS_SECONDS says for how long (`make chaos`); a few seconds if it is not set.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use async_nats::jetstream::{
    self,
    consumer::{DeliverPolicy, pull},
};
use futures::StreamExt;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection, Row};
use tasker_core::events::throwaway::{NatsServer, cluster};
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::{
    command::{command, tasker},
    database::Cluster,
    server::{Home, Server, client},
};

const WORKERS: usize = 4;
/// Between two faults.
const TICK: Duration = Duration::from_millis(400);
/// For what is left to come to its end when the faults are over.
const PATIENCE: Duration = Duration::from_secs(180);

/// Everything that may be hurt.
struct World {
    workers: Vec<Child>,
    servers: Vec<Server>,
    nats: Vec<NatsServer>,
    urls: String,
    home: Home,
    /// After what is on it.
    postgres: Cluster,
}

impl World {
    fn start_server(&self, address: &str) -> Server {
        let nats = ["--nats", self.urls.as_str(), "--nats-replicas", "3"];
        Server::start(self.home.folder.path(), &self.home.store, address, &nats)
    }

    fn start_worker(&self) -> Child {
        let words = ["dev", "--store", &self.home.store, "--lease", "2s", "--slots", "8"];
        let mut worker = command(self.home.folder.path(), &words);
        worker.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the worker starts")
    }

    /// One fault at random; what was stopped goes on with the next.
    async fn hurt(&mut self, stopped: &mut Vec<u32>) {
        stopped.drain(..).for_each(|pid| signal(pid, "CONT"));
        // One that began while PostgreSQL was down has given up: whoever supervises it starts it again.
        for at in 0..self.workers.len() {
            if self.workers[at].try_wait().expect("it is ours").is_some() {
                self.workers[at] = self.start_worker();
            }
        }
        match fastrand::u8(0..7) {
            0 => {
                let at = fastrand::usize(..self.servers.len());
                let address = self.servers[at].address().to_owned();
                self.servers[at].kill();
                self.servers[at] = self.start_server(&address);
            }
            1 => {
                let at = fastrand::usize(..self.workers.len());
                end(&mut self.workers[at]);
                self.workers[at] = self.start_worker();
            }
            2 => {
                let at = fastrand::usize(..self.nats.len());
                self.nats[at].restart();
            }
            3 => {
                let pid = self.workers[fastrand::usize(..self.workers.len())].id();
                signal(pid, "STOP");
                stopped.push(pid);
            }
            4 => {
                let pid = self.servers[fastrand::usize(..self.servers.len())].pid();
                signal(pid, "STOP");
                stopped.push(pid);
            }
            5 => self.postgres.crash(),
            _ => {
                let mut connection = PgConnection::connect(&self.home.store).await.expect("PostgreSQL answers");
                let cut = "select pg_terminate_backend(pid) from pg_stat_activity
                    where datname = current_database() and pid <> pg_backend_pid()";
                sqlx::query(cut).execute(&mut connection).await.expect("they are cut off");
            }
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.workers.iter_mut().for_each(end);
    }
}

fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").args(["-s", name, &pid.to_string()]).status().expect("kill runs");
    assert!(sent.success());
}

fn end(child: &mut Child) {
    child.kill().expect("it is ours");
    child.wait().expect("it ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_whatever_is_killed() {
    let (Some(postgres), Some(nats)) = (Cluster::start(), cluster(3)) else {
        eprintln!("not run: it needs PostgreSQL (scripts/with-postgres.sh) and nats-server");
        return;
    };
    let seconds = std::env::var("TASKER_CHAOS_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(8);
    let urls: Vec<_> = nats.iter().map(NatsServer::url).collect();
    let mut world = World {
        home: Home::on(&postgres.url),
        postgres,
        nats,
        urls: urls.join(","),
        servers: Vec::new(),
        workers: Vec::new(),
    };
    world.servers = (0..2).map(|_| world.start_server("127.0.0.1:0")).collect();
    world.workers = (0..WORKERS).map(|_| world.start_worker()).collect();
    let addresses: Vec<_> = world.servers.iter().map(|server| server.url.clone()).collect();
    let load = tokio::spawn(submit(addresses.clone(), Instant::now() + Duration::from_secs(seconds)));

    let (mut tick, mut faults, mut stopped) = (interval(TICK), 0, Vec::new());
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !load.is_finished() {
        tick.tick().await;
        world.hurt(&mut stopped).await;
        faults += 1;
    }
    stopped.drain(..).for_each(|pid| signal(pid, "CONT"));
    let submitted = load.await.expect("tasks were submitted");

    let all_end = timeout(PATIENCE, ends(&world.home.store, &mut tick)).await;
    assert!(all_end.is_ok(), "tasks that never ended; the doctor says: {}", doctor(&world));
    let events = compare(&world, submitted).await;
    assert_eq!(doctor(&world)["findings"], json!([]));
    println!("chaos: {submitted} tasks, {faults} faults, {events} events, 0 losses");
}

/// Submits tasks, a few at a time, until the time is over; how many. Each has a key, so that it may be sent again.
async fn submit(servers: Vec<String>, until: Instant) -> u64 {
    let input = include_str!("../../../examples/ecommerce_order/input.json");
    let mut context: Value = serde_json::from_str(input).expect("JSON");
    context["payment_token"] = json!("tok_visa");
    let client = client();
    let mut submitted = 0;
    while Instant::now() < until {
        let task = |number: u64| {
            json!({"namespace": "ecommerce", "name": "ecommerce_order", "context": context,
                "idempotency_key": number.to_string()})
        };
        let tasks: Vec<_> = (submitted..submitted + 4).map(task).collect();
        let body = json!({"tasks": tasks});
        for attempt in 0.. {
            let url = format!("{}/v1/tasks/bulk", servers[attempt % servers.len()]);
            let request = client.post(url).json(&body).timeout(Duration::from_secs(5));
            // Until the first worker is there, the template is not registered.
            if let Ok(answer) = request.send().await
                && let Ok(answer) = answer.json::<Value>().await
                && answer["submitted"] == 4
            {
                break;
            }
            tokio::task::yield_now().await;
        }
        submitted += 4;
    }
    submitted
}

/// Resolves when every task has ended and every event was published.
async fn ends(store: &str, tick: &mut tokio::time::Interval) {
    loop {
        tick.tick().await;
        let Ok(mut connection) = PgConnection::connect(store).await else { continue };
        let open = "select (select count(*) from tasker.tasks where completed_at is null) + (
            select count(*) from tasker.events e, tasker.relays r
            where r.name = 'nats' and (e.position, e.task_id, e.first_seq) > (r.position, r.task_id, r.seq))";
        if let Ok(open) = sqlx::query(open).fetch_one(&mut connection).await
            && open.get::<i64, _>(0) == 0
        {
            return;
        }
    }
}

fn doctor(world: &World) -> Value {
    tasker(world.home.folder.path(), &["doctor", "--store", &world.home.store, "-o", "json"]).json()
}

/// Compares the database and the stream with what must hold; how many events there are.
async fn compare(world: &World, submitted: u64) -> usize {
    let mut connection = PgConnection::connect(&world.home.store).await.expect("PostgreSQL answers");
    let checks = [
        ("tasks that are not complete", "select count(*) from tasker.tasks where state <> 'complete'"),
        (
            "results that were recorded twice",
            "select count(*) from (select 1 from tasker.event where type = 'step.completed'
                group by task_id, fact ->> 'step' having count(*) > 1) twice",
        ),
        (
            "steps that began before what they depend on was complete",
            "select count(*) from tasker.steps s
            cross join lateral unnest(s.dependents) as d (idx)
            join tasker.event ended on ended.task_id = s.task_id and ended.type = 'step.completed'
                and (ended.fact ->> 'step')::int = s.idx
            join tasker.event began on began.task_id = s.task_id and began.type = 'step.started'
                and (began.fact ->> 'step')::int = d.idx
            where began.seq < ended.seq",
        ),
    ];
    for (what, check) in checks {
        let found: i64 = sqlx::query_scalar(check).fetch_one(&mut connection).await.expect(what);
        assert_eq!(found, 0, "{what}");
    }
    let stored: i64 =
        sqlx::query_scalar("select count(*) from tasker.tasks").fetch_one(&mut connection).await.expect("a count");
    assert_eq!(u64::try_from(stored), Ok(submitted), "each key has one task");
    let log = "select task_id::text || '.' || seq from tasker.event";
    let log: BTreeSet<String> =
        sqlx::query_scalar(log).fetch_all(&mut connection).await.expect("the log").into_iter().collect();

    let mut published = BTreeSet::new();
    let mut last: BTreeMap<String, i64> = BTreeMap::new();
    for event in stream(&world.urls, log.len()).await {
        let id = event["id"].as_str().expect("an id").to_owned();
        let (task, seq) = id.split_once('.').expect("a task and a number");
        let before = last.insert(task.to_owned(), seq.parse().expect("a number")).unwrap_or(0);
        assert_eq!(Ok(before + 1), seq.parse(), "a gap, or another order, in task {task}");
        assert!(published.insert(id), "an event came twice");
    }
    assert_eq!(published, log, "the stream holds the log");
    log.len()
}

/// All that the stream holds, which are this many events.
async fn stream(urls: &str, count: usize) -> Vec<Value> {
    let servers: Vec<async_nats::ServerAddr> = urls.split(',').map(|url| url.parse().expect("a URL")).collect();
    let client = async_nats::connect(servers).await.expect("NATS answers");
    let stream = jetstream::new(client).get_stream("tasker_events").await.expect("the stream");
    assert_eq!(stream.cached_info().state.messages, count as u64, "events in the stream");
    let config = pull::OrderedConfig { deliver_policy: DeliverPolicy::All, ..Default::default() };
    let mut coming = stream.create_consumer(config).await.expect("a consumer").messages().await.expect("messages");
    let mut events = Vec::with_capacity(count);
    while events.len() < count {
        // What goes wrong on the way is mended by the consumer.
        if let Some(Ok(message)) = timeout(PATIENCE, coming.next()).await.expect("events come") {
            events.push(serde_json::from_slice(&message.payload).expect("JSON"));
        }
    }
    events
}
