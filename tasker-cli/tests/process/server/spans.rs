//! Servers that export spans: what a collector gets, and what handlers are told of it.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value as Attribute},
    trace::v1::Span,
};
use prost::Message;
use serde_json::json;
use tasker_core::model::{Json, TaskId, TaskState};
use tasker_worker::{
    Client, StepContext, StepError, Worker,
    client::{Actor, SubmitTask, TaskView},
};
use tokio::{
    sync::{Semaphore, mpsc},
    time::timeout,
};

use super::{Home, Server, client};
use crate::command::tasker;

const LONG: Duration = Duration::from_secs(60);
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// Takes spans, or refuses all requests while it is away.
struct Collector {
    url: String,
    is_away: Arc<AtomicBool>,
    requests: mpsc::UnboundedReceiver<Option<ExportTraceServiceRequest>>,
    spans: Vec<Span>,
}

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (is_away, (sender, requests)) = (Arc::<AtomicBool>::default(), mpsc::unbounded_channel());
        let away = Arc::clone(&is_away);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (away, sender) = (Arc::clone(&away), sender.clone());
                thread::spawn(move || {
                    let mut reader = BufReader::new(stream);
                    while let Some(request) = read(&mut reader) {
                        let is_away = away.load(Ordering::SeqCst);
                        let answer = if is_away { "503 Service Unavailable" } else { "200 OK" };
                        let answer = format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\n\r\n");
                        // One that was killed does not read it.
                        let _ = reader.get_mut().write_all(answer.as_bytes());
                        if sender.send((!is_away).then_some(request)).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { url, is_away, requests, spans: Vec::new() }
    }

    /// Takes requests until the spans that have come satisfy the test.
    async fn until(&mut self, is_enough: impl Fn(&[Span]) -> bool) {
        let wait = async {
            while !is_enough(&self.spans) {
                let request = self.requests.recv().await.expect("it listens");
                self.take(request);
            }
        };
        timeout(LONG, wait).await.expect("not all spans have come");
    }

    async fn refuses(&mut self) {
        while let Some(request) = self.requests.recv().await.expect("it listens") {
            self.take(Some(request));
        }
    }

    fn take(&mut self, request: Option<ExportTraceServiceRequest>) {
        for of_resource in request.into_iter().flat_map(|it| it.resource_spans) {
            let resource = of_resource.resource.expect("a resource");
            assert_eq!(texts(&resource.attributes)["service.name"], "tasker");
            self.spans.extend(of_resource.scope_spans.into_iter().flat_map(|it| it.spans));
        }
    }

    fn of_trace(&self, trace_id: &str) -> Vec<&Span> {
        self.spans.iter().filter(|span| hex(&span.trace_id) == trace_id).collect()
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<ExportTraceServiceRequest> {
    let (mut length, mut line) = (0, String::new());
    while reader.read_line(&mut line).ok()? > 0 {
        if line == "\r\n" {
            let mut body = vec![0; length];
            reader.read_exact(&mut body).ok()?;
            return ExportTraceServiceRequest::decode(&*body).ok();
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        assert!(!line.starts_with("POST") || line.starts_with("POST /v1/traces "), "{line}");
        line.clear();
    }
    None
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn texts(attributes: &[KeyValue]) -> BTreeMap<&str, String> {
    let text = |it: &KeyValue| match it.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(Attribute::StringValue(text)) => text.clone(),
        Some(Attribute::IntValue(number)) => number.to_string(),
        other => panic!("{} is {other:?}", it.key),
    };
    attributes.iter().map(|it| (it.key.as_str(), text(it))).collect()
}

fn has_task(spans: &[Span], task_id: TaskId) -> bool {
    let state = |span: &Span| texts(&span.attributes).contains_key("tasker.task.state");
    spans.iter().any(|span| state(span) && texts(&span.attributes)["tasker.task.id"] == task_id.to_string())
}

const INNER: &str =
    "name: inner\nnamespace: traced\nversion: 1.0.0\nsteps:\n  - {name: leaf, handler: {callable: fine}}\n";
const OUTER: &str = "name: outer\nnamespace: traced\nversion: 1.0.0\nsteps:\n\
     \x20 - {name: flaky, handler: {callable: flaky}, retry: {max_attempts: 2, backoff_base_ms: 1}}\n\
     \x20 - {name: parts, for_each: input.list, handler: {callable: fine}}\n\
     \x20 - {name: child, type: workflow, workflow: {name: inner}, dependencies: [flaky, parts]}\n\
     \x20 - {name: never, handler: {callable: fine}, when: 'false', dependencies: [child]}\n";
const FAILING: &str = "name: failing\nnamespace: traced\nversion: 1.0.0\nsteps:\n\
     \x20 - {name: broken, handler: {callable: broken}}\n\
     \x20 - {name: after, handler: {callable: fine}, dependencies: [broken]}\n";

/// What handlers were given, by the ids of their tasks.
type Given = Arc<Mutex<HashMap<TaskId, Vec<String>>>>;

async fn worker(url: &str) -> (Worker, Given) {
    let given = Given::default();
    let note = |context: &StepContext, given: &Given| {
        let traceparent = context.trace_context().map(|trace| trace.traceparent.to_string());
        given.lock().expect("it is whole").entry(context.task_id()).or_default().extend(traceparent);
    };
    let handler = |outcome: fn(&StepContext) -> Result<(), StepError>| {
        let given = Arc::clone(&given);
        move |context: StepContext| {
            note(&context, &given);
            let outcome = outcome(&context);
            async move { outcome }
        }
    };
    let builder = Worker::builder(url).template_yaml(INNER).template_yaml(OUTER).template_yaml(FAILING);
    let builder = builder.handler("fine", handler(|_| Ok(()))).handler(
        "flaky",
        handler(|context| if context.is_retry() { Ok(()) } else { Err(StepError::retryable("shaky", "not yet")) }),
    );
    let builder = builder.handler("broken", handler(|_| Err(StepError::permanent("no_stock", "none"))));
    (builder.start().await.expect("it starts"), given)
}

async fn run(client: &Client, name: &str, traceparent: Option<&str>) -> TaskView {
    let request = SubmitTask {
        traceparent: traceparent.map(str::to_owned),
        ..SubmitTask::new("traced", name, Json::from(&json!({"list": [1, 2, 3]})))
    };
    let task_id = client.submit(request).await.expect("it is stored").task_uuid;
    client.wait(task_id, LONG).await.expect("it ends")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_told_of_as_a_tree_of_spans() {
    for home in Home::everywhere() {
        tree(&home).await;
    }
}

async fn tree(home: &Home) {
    let mut collector = Collector::start();
    let server = Server::start(home.folder.path(), &home.store, "127.0.0.1:0", &["--otlp", &collector.url]);
    let (_worker, given) = worker(&server.url).await;
    let api = Client::http(&server.url, None).expect("a client");
    let outer = run(&api, "outer", Some(PARENT)).await;
    let quiet = run(&api, "outer", Some("00-5bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00")).await;
    let failing = run(&api, "failing", None).await;
    assert_eq!((outer.status, failing.status), (TaskState::Complete, TaskState::Error));
    collector.until(|spans| has_task(spans, outer.task_uuid) && has_task(spans, failing.task_uuid)).await;

    let spans = collector.of_trace("4bf92f3577b34da6a3ce929d0e0e4736");
    let ids: HashMap<_, _> = spans.iter().map(|span| (span.span_id.as_slice(), *span)).collect();
    assert_eq!(ids.len(), spans.len(), "no span comes twice");
    let mut names = BTreeMap::<&str, usize>::new();
    spans.iter().for_each(|span| *names.entry(&span.name).or_default() += 1);
    let expected = [
        ("child", 1),
        ("child attempt", 1),
        ("flaky", 1),
        ("flaky attempt", 2),
        ("inner", 1),
        ("leaf", 1),
        ("leaf attempt", 1),
        ("outer", 1),
        ("parts", 4),
        ("parts attempt", 3),
    ];
    assert_eq!(names, BTreeMap::from(expected));
    let parent = |span: &Span| ids.get(span.parent_span_id.as_slice()).copied();
    for span in &spans {
        assert!(span.start_time_unix_nano > 0 && span.start_time_unix_nano <= span.end_time_unix_nano);
        let Some(parent) = parent(span) else {
            assert_eq!((span.name.as_str(), hex(&span.parent_span_id).as_str()), ("outer", "00f067aa0ba902b7"));
            assert_eq!(span.flags, 0x301, "sampled, and its parent is elsewhere");
            continue;
        };
        let is_within = parent.start_time_unix_nano <= span.start_time_unix_nano
            && span.end_time_unix_nano <= parent.end_time_unix_nano;
        assert!(is_within, "{} is not within {}", span.name, parent.name);
    }
    let way = |name: &str| {
        let first = spans.iter().copied().find(|span| span.name == name);
        std::iter::successors(first, |span| parent(span)).map(|span| span.name.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(way("leaf attempt"), ["leaf attempt", "leaf", "inner", "child attempt", "child", "outer"]);
    assert_eq!(way("parts attempt"), ["parts attempt", "parts", "parts", "outer"]);
    let mut tries: Vec<_> = spans.iter().filter(|span| span.name == "flaky attempt").collect();
    tries.sort_by_key(|span| span.start_time_unix_nano);
    let failed = texts(&tries[0].attributes);
    assert_eq!((failed["tasker.attempt"].as_str(), failed["error.type"].as_str()), ("1", "shaky"));
    assert_eq!(tries[0].status.as_ref().map(|status| (status.code, status.message.as_str())), Some((2, "not yet")));
    assert_eq!(tries[0].events[0].name, "exception");
    assert_eq!((texts(&tries[1].attributes)["tasker.attempt"].as_str(), &tries[1].status), ("2", &None));

    // What handlers go on with are the spans of their attempts.
    let is_worked = |span: &&&Span| texts(&span.attributes).contains_key("tasker.worker.id");
    let told: HashSet<_> = spans.iter().filter(is_worked).map(|span| traceparent(span)).collect();
    let given = given.lock().expect("it is whole").clone();
    let children: HashSet<_> =
        spans.iter().map(|span| texts(&span.attributes)["tasker.task.id"].parse::<TaskId>().expect("an id")).collect();
    assert_eq!(children.len(), 2);
    let to_handlers: HashSet<_> = children.iter().flat_map(|task_id| given[task_id].clone()).collect();
    assert_eq!(told, to_handlers);

    // A task that came without a trace begins one, which has its id.
    let trace_id = failing.task_uuid.to_string().replace('-', "");
    let spans = collector.of_trace(&trace_id);
    let names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["broken attempt", "broken", "failing"]);
    assert!(spans.iter().all(|span| span.status.as_ref().is_some_and(|status| status.code == 2)));
    assert!(spans[2].parent_span_id.is_empty());
    assert_eq!(given[&failing.task_uuid], [traceparent(spans[0])]);

    // What is not sampled is not told of, and handlers have what was submitted.
    assert!(collector.of_trace("5bf92f3577b34da6a3ce929d0e0e4736").is_empty());
    let submitted = quiet.traceparent.expect("it was submitted with one");
    assert!(given[&quiet.task_uuid].iter().all(|it| *it == submitted));
    let metrics = client().get(server.url("/metrics")).send().await.expect("an answer").text().await.expect("text");
    assert!(metrics.contains(&format!("tasker_spans_total {}", collector.spans.len())), "{metrics}");
}

fn traceparent(span: &Span) -> String {
    format!("00-{}-{}-01", hex(&span.trace_id), hex(&span.span_id))
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_told_twice_by_two_servers_and_a_collector_that_was_away() {
    let (home, mut collector) = (Home::new(), Collector::start());
    let start = || Server::start(home.folder.path(), &home.store, "127.0.0.1:0", &["--otlp", &collector.url]);
    let (first, second) = (start(), start());
    let (_worker, _) = worker(&second.url).await;
    let api = Client::http(&second.url, None).expect("a client");
    let mut tasks = vec![run(&api, "inner", None).await.task_uuid];
    collector.until(|spans| has_task(spans, tasks[0])).await;

    collector.is_away.store(true, Ordering::SeqCst);
    for _ in 0..20 {
        tasks.push(run(&api, "inner", None).await.task_uuid);
    }
    timeout(LONG, collector.refuses()).await.expect("it is tried");
    // Whichever of them exports: the other takes its place.
    let (status, _) = first.terminate();
    assert!(status.success());
    tasks.push(run(&api, "inner", None).await.task_uuid);
    collector.is_away.store(false, Ordering::SeqCst);
    collector.until(|spans| tasks.iter().all(|task_id| has_task(spans, *task_id))).await;
    let ids: HashSet<_> = collector.spans.iter().map(|span| span.span_id.clone()).collect();
    assert_eq!((ids.len(), collector.spans.len()), (3 * tasks.len(), 3 * tasks.len()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_began_before_a_restart_is_told_of_when_it_ends() {
    let (home, mut collector) = (Home::new(), Collector::start());
    let start = |address: &str| Server::start(home.folder.path(), &home.store, address, &["--otlp", &collector.url]);
    let server = start("127.0.0.1:0");
    let (begun, go_on) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (has_begun, may_go_on) = (Arc::clone(&begun), Arc::clone(&go_on));
    let slow = move |_: StepContext| {
        let (begun, go_on) = (Arc::clone(&has_begun), Arc::clone(&may_go_on));
        async move {
            begun.add_permits(1);
            go_on.acquire().await?.forget();
            Ok::<_, StepError>(())
        }
    };
    let worker = Worker::builder(server.url.as_str()).template_yaml(INNER).handler("fine", slow);
    let _worker = worker.start().await.expect("it starts");
    let submit = async |server: &Server| {
        let api = Client::http(&server.url, None).expect("a client");
        let request = SubmitTask::new("traced", "inner", Json::from(&json!({})));
        (api.submit(request).await.expect("it is stored").task_uuid, api)
    };
    let (task_id, _) = submit(&server).await;
    begun.acquire().await.expect("it is open").forget();
    let address = server.address().to_owned();
    server.terminate();
    let server = start(&address);
    // It has read of another task, and nothing yet of the one before.
    go_on.add_permits(1);
    let (other, api) = submit(&server).await;
    go_on.add_permits(1);
    for task_id in [task_id, other] {
        assert_eq!(api.wait(task_id, LONG).await.expect("it ends").status, TaskState::Complete);
    }
    collector.until(|spans| has_task(spans, task_id) && has_task(spans, other)).await;
    let spans = collector.of_trace(&task_id.to_string().replace('-', ""));
    let names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["leaf attempt", "leaf", "inner"]);
    assert_eq!((&spans[0].parent_span_id, &spans[1].parent_span_id), (&spans[1].span_id, &spans[2].span_id));
    let lasting = spans.iter().all(|span| span.end_time_unix_nano > span.start_time_unix_nano);
    assert!(lasting, "when it began is known: {spans:?}");
}

const SAGA: &str = "name: saga\nnamespace: traced\nversion: 1.0.0\nsteps:\n\
     \x20 - {name: charge, handler: {callable: fine}, compensate: {handler: {callable: undo}}}\n\
     \x20 - {name: ship, handler: {callable: broken}, dependencies: [charge]}\n\
     finally:\n  - {name: tidy, handler: {callable: fine}}\n";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_undone_and_tidied_up_is_told_of() {
    let (home, mut collector) = (Home::new(), Collector::start());
    let server = Server::start(home.folder.path(), &home.store, "127.0.0.1:0", &["--otlp", &collector.url]);
    let builder = Worker::builder(server.url.as_str()).template_yaml(SAGA);
    let builder = builder.handler("fine", async |_: StepContext| Ok::<_, StepError>(()));
    let builder = builder.handler("undo", async |_: StepContext| Ok::<_, StepError>(()));
    let broken = async |_: StepContext| Err::<(), _>(StepError::permanent("no_stock", "none"));
    let _worker = builder.handler("broken", broken).start().await.expect("it starts");
    let saga = run(&Client::http(&server.url, None).expect("a client"), "saga", None).await;
    assert_eq!(saga.status, TaskState::Error);
    collector.until(|spans| has_task(spans, saga.task_uuid)).await;
    let spans = collector.of_trace(&saga.task_uuid.to_string().replace('-', ""));
    let names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
    let undone = ["compensate:charge attempt", "compensate:charge", "tidy attempt", "tidy", "saga"];
    assert_eq!(names, [&["charge attempt", "charge", "ship attempt", "ship"], &undone[..]].concat());
    let (undo, task) = (spans[4], spans[8]);
    let said = texts(&undo.attributes);
    assert_eq!((said["tasker.handler"].as_str(), said["tasker.attempt.outcome"].as_str()), ("undo", "completed"));
    assert_eq!((&undo.parent_span_id, &spans[5].parent_span_id), (&spans[5].span_id, &task.span_id));
    assert_eq!(texts(&spans[5].attributes)["tasker.step.name"], "compensate:charge");
    assert!(
        undo.start_time_unix_nano >= spans[3].end_time_unix_nano,
        "it is undone when it is known that it has to be"
    );
    let ending = task.events.iter().find(|event| event.name == "task.ending").expect("it is told of");
    assert_eq!(texts(&ending.attributes)["tasker.task.state"], "error");
    assert_eq!(texts(&task.attributes)["error.type"], "no_stock");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_whose_worker_went_silent_is_told_of_as_lost() {
    let (home, mut collector) = (Home::new(), Collector::start());
    let words = ["--otlp", &collector.url, "--lease", "500ms"];
    let server = Server::start(home.folder.path(), &home.store, "127.0.0.1:0", &words);
    let api = Client::http(&server.url, None).expect("a client");
    api.register_template(INNER, "inner.yaml").await.expect("it is registered");
    let request = SubmitTask::new("traced", "inner", Json::from(&json!({})));
    let task_id = api.submit(request).await.expect("it is stored").task_uuid;
    // It takes the step, and is never heard of again.
    let silent = "01890000-0000-7000-8000-000000000009";
    let post = async |path: String, body: serde_json::Value| {
        let answer = client().post(server.url(&path)).json(&body).send().await.expect("an answer");
        answer.json::<serde_json::Value>().await.expect("JSON")
    };
    let record = json!({"worker_id": silent, "host": "here", "pid": 1, "language": "shell", "slots": 1, "handlers": ["fine"], "queues": []});
    post("/v1/workers".to_owned(), record).await;
    let claimed = post(format!("/v1/workers/{silent}/work"), json!({"want": 1, "wait_ms": 60_000})).await;
    let given = claimed["assignments"][0]["trace_context"]["traceparent"].clone();
    let (_worker, _) = worker(&server.url).await;
    assert_eq!(api.wait(task_id, LONG).await.expect("it ends").status, TaskState::Complete);
    collector.until(|spans| has_task(spans, task_id)).await;
    let spans = collector.of_trace(&task_id.to_string().replace('-', ""));
    let lost: Vec<_> = spans.iter().filter(|span| span.name == "leaf attempt").collect();
    let outcomes: Vec<_> = lost.iter().map(|span| texts(&span.attributes)["tasker.attempt.outcome"].clone()).collect();
    // Where the machine is slow, the other worker may lose it too.
    assert!(outcomes.len() >= 2 && outcomes[..outcomes.len() - 1].iter().all(|it| it == "lost"), "{outcomes:?}");
    assert_eq!(outcomes.last().map(String::as_str), Some("completed"));
    let said = texts(&lost[0].attributes);
    assert_eq!((said["tasker.worker.id"].as_str(), said["error.type"].as_str()), (silent, "worker_lost"));
    assert_eq!(lost[0].status.as_ref().map(|status| status.code), Some(2));
    assert_eq!(json!(traceparent(lost[0])), given, "what its handler did stands below it");
    let steps: Vec<_> = spans.iter().filter(|span| span.name == "leaf").collect();
    assert_eq!(steps.len(), 1, "the step went on");
    assert!(lost.iter().all(|span| span.parent_span_id == steps[0].span_id));
}

const STUCK: &str = "name: stuck\nnamespace: traced\nversion: 1.0.0\nsteps:\n\
     \x20 - {name: mended, handler: {callable: mended}, on_exhaustion: block}\n";
const MENDED: &str = "name: mended\nnamespace: traced\nversion: 1.0.0\nsteps:\n\
     \x20 - {name: mended, handler: {callable: mended}}\n\
     \x20 - {name: after, handler: {callable: fine}, dependencies: [mended]}\n";

#[tokio::test(flavor = "multi_thread")]
async fn what_an_operator_retries_is_told_of_again_and_below_the_first() {
    let (home, mut collector) = (Home::new(), Collector::start());
    let server = Server::start(home.folder.path(), &home.store, "127.0.0.1:0", &["--otlp", &collector.url]);
    let builder = Worker::builder(server.url.as_str()).template_yaml(STUCK).template_yaml(MENDED);
    let builder = builder.handler("fine", async |_: StepContext| Ok::<_, StepError>(()));
    let mended = async |context: StepContext| match context.attempt() {
        1 => Err(StepError::permanent("no_stock", "none")),
        _ => Ok(()),
    };
    let _worker = builder.handler("mended", mended).start().await.expect("it starts");
    let api = Client::http(&server.url, None).expect("a client");
    let ada = || Actor::named("ada").because("it has come in");

    // A task that had ended goes on.
    let task_id = run(&api, "mended", None).await.task_uuid;
    collector.until(|spans| has_task(spans, task_id)).await;
    api.retry(task_id, Some("mended"), ada()).await.expect("it is retried");
    assert_eq!(api.wait(task_id, LONG).await.expect("it ends").status, TaskState::Complete);
    let is_of = |span: &&Span| texts(&span.attributes)["tasker.task.id"] == task_id.to_string();
    collector.until(|spans| spans.iter().filter(is_of).count() >= 8).await;
    let spans = collector.of_trace(&task_id.to_string().replace('-', ""));
    let names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
    let first = ["mended attempt", "mended", "mended"];
    assert_eq!(names, [&first[..], &["mended attempt", "mended", "after attempt", "after", "mended"]].concat());
    let (before, again) = (spans[2], spans[7]);
    assert_eq!((&again.parent_span_id, before.parent_span_id.is_empty()), (&before.span_id, true));
    assert!(spans[4].parent_span_id == again.span_id && spans[6].parent_span_id == again.span_id);
    assert_eq!([spans[0], spans[3]].map(|span| texts(&span.attributes)["tasker.attempt"].clone()), ["1", "2"]);
    let state = |span: &Span| texts(&span.attributes)["tasker.task.state"].clone();
    assert_eq!([before, again].map(state), ["error", "complete"]);
    let reopened = again.events.iter().find(|event| event.name == "task.reopened").expect("it is told of");
    let said = texts(&reopened.attributes);
    assert_eq!((said["tasker.by"].as_str(), said["tasker.reason"].as_str()), ("ada", "it has come in"));
    let ids: HashSet<_> = spans.iter().map(|span| &span.span_id).collect();
    assert_eq!(ids.len(), spans.len());

    // One that waited for its operator goes on in its one span.
    let request = SubmitTask::new("traced", "stuck", Json::from(&json!({})));
    let task_id = api.submit(request).await.expect("it is stored").task_uuid;
    let trace_id = task_id.to_string().replace('-', "");
    collector.until(|spans| spans.iter().any(|span| hex(&span.trace_id) == trace_id && span.name == "mended")).await;
    api.retry(task_id, Some("mended"), ada()).await.expect("it is retried");
    assert_eq!(api.wait(task_id, LONG).await.expect("it ends").status, TaskState::Complete);
    collector.until(|spans| has_task(spans, task_id)).await;
    let spans = collector.of_trace(&trace_id);
    let names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["mended attempt", "mended", "mended attempt", "mended", "stuck"]);
    let task = spans[4];
    assert!(spans[1].parent_span_id == task.span_id && spans[3].parent_span_id == task.span_id);
    assert!(task.events.iter().any(|event| event.name == "task.blocked"));
    assert_eq!(texts(&spans[1].attributes)["tasker.step.state"], "error");
    assert_eq!(texts(&spans[3].attributes)["tasker.step.state"], "complete");
}

#[test]
fn a_collector_that_cannot_be_one_is_refused_at_the_start() {
    let home = Home::new();
    let words = ["server", "--store", &home.store, "--listen", "127.0.0.1:0", "--otlp", "collector:4317", "-o", "json"];
    let ran = tasker(home.folder.path(), &words);
    assert_eq!((ran.code, ran.error_code().as_str()), (1, "otlp_setting_invalid"));
}
