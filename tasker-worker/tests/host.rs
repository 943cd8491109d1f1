//! The host as a binding uses it: from threads that know nothing of tokio.

#![expect(clippy::unwrap_used, reason = "what a test cannot set up fails it")]

use std::{sync::mpsc, thread, time::Duration};

use serde_json::{Value, json};
use tasker_worker::{
    host::{Error, Host, HostConfig, LogLevel, Work, Worker, WorkerConfig, catch},
    protocol::{Json, Outcome, Report},
    runtime::Interrupt,
};

const LONG: Duration = Duration::from_secs(60);
const TEMPLATE: &str =
    "{namespace: shop, name: order, version: 1.0.0, steps: [{name: price, handler: {callable: price}}]}";

fn host() -> Host {
    let host = Host::start(&HostConfig::of("sqlite::memory:")).unwrap();
    call(&host, "template.put", &json!({"yaml": TEMPLATE})).unwrap();
    host
}

fn call(host: &Host, method: &str, params: &Value) -> Result<Value, Error> {
    let answer = host.call(method, Json::from(params))?.wait(LONG).expect("no call takes that long");
    Ok(answer?.to_value())
}

fn worker(host: &Host) -> Worker {
    host.start_worker(&WorkerConfig::new("python", vec!["price".to_owned()])).unwrap()
}

fn submit(host: &Host) -> Value {
    let order = json!({"namespace": "shop", "name": "order", "context": {"n": 20}});
    call(host, "task.submit", &order).unwrap()["task_uuid"].clone()
}

fn end_of(host: &Host, task: &Value) -> Value {
    call(host, "task.wait", &json!({"task_uuid": task, "timeout_ms": 60_000})).unwrap()["status"].clone()
}

fn code<T: std::fmt::Debug>(got: Result<T, Error>) -> String {
    got.unwrap_err().code().to_owned()
}

#[test]
fn a_thread_works_on_what_another_submits() {
    let host = host();
    let worker = worker(&host);
    let task = submit(&host);
    thread::scope(|scope| {
        scope.spawn(|| {
            let taker = worker.taker();
            loop {
                match taker.poll(LONG, &Interrupt::new()).unwrap() {
                    Some(Work::Run(attempt)) => {
                        attempt.begin().unwrap();
                        let input = attempt.assignment().input.to_value();
                        let result = Json::from(&json!({"n": input["n"].as_i64().unwrap() + 1}));
                        attempt.answer(Outcome::succeeded(result)).unwrap();
                    }
                    Some(Work::Cancel(_)) | None => {}
                    Some(Work::End) => return,
                }
            }
        });
        assert_eq!(end_of(&host, &task), "complete");
        let drained = worker.shutdown(LONG).unwrap().wait(LONG).unwrap().unwrap();
        assert_eq!((drained.abandoned, drained.undelivered), (0, 0));
    });
    assert_eq!(call(&host, "task.steps", &json!({"task_uuid": task})).unwrap()[0]["results"], json!({"n": 21}));
}

#[test]
fn an_attempt_that_is_handed_over_is_reported_by_its_lease() {
    let host = host();
    let worker = worker(&host);
    let (sender, woken) = mpsc::channel();
    worker.set_wake(move || sender.send(()).unwrap()).unwrap();
    let task = submit(&host);
    woken.recv_timeout(LONG).unwrap();
    let polled = worker.poll_ready(10).unwrap().remove(0).hand_over().unwrap();
    let polled = serde_json::to_value(polled).unwrap();
    let lease = serde_json::from_value(polled["run"]["lease"].clone()).unwrap();
    assert!(worker.heartbeat(lease, None).unwrap());
    // Two megabytes are more than a store takes.
    let result = Json::from(&json!("x".repeat(2_000_000)));
    worker.report(vec![Report { lease, outcome: Outcome::succeeded(result) }]).unwrap();
    assert_eq!(end_of(&host, &task), "error");
    let steps = call(&host, "task.steps", &json!({"task_uuid": task})).unwrap();
    assert_eq!(steps[0]["error"]["code"], "result_too_large");
}

#[test]
fn an_attempt_that_is_dropped_runs_again() {
    let host = host();
    let worker = worker(&host);
    let task = submit(&host);
    let mut attempts = 0;
    loop {
        let Some(Work::Run(attempt)) = worker.taker().poll(LONG, &Interrupt::new()).unwrap() else { continue };
        attempts += 1;
        attempt.begin().unwrap();
        if attempts == 2 {
            attempt.answer(Outcome::succeeded(Json::null())).unwrap();
            break;
        }
    }
    assert_eq!(end_of(&host, &task), "complete");
}

#[test]
fn errors_have_one_shape() {
    let host = host();
    assert_eq!(code(call(&host, "task.sumbit", &json!({}))), "method_unknown");
    assert_eq!(code(call(&host, "task.submit", &json!({"namespace": "shop"}))), "params_invalid");
    assert_eq!(code(call(&host, "task.get", &json!({"task_uuid": "x"}))), "params_invalid");
    assert_eq!(code(call(&host, "template.load", &json!({"path": "no/such/folder"}))), "template_file_unreadable");
    let missing = call(&host, "task.submit", &json!({"namespace": "shop", "name": "ordr"})).unwrap_err();
    assert_eq!((missing.code(), missing.is_transient()), ("template_not_found", false));
    let submission = json!({"tasks": [{"namespace": "shop", "name": "order"}, {"namespace": "shop", "name": "ordr"}]});
    let answers = call(&host, "task.submit_many", &submission).unwrap();
    assert!(answers["items"][0]["task_uuid"].is_string());
    assert_eq!(answers["items"][1]["error"]["code"], "template_not_found");
}

#[test]
fn an_answer_comes_to_a_callback_too() {
    let host = host();
    let (sender, answers) = mpsc::channel();
    host.call_then("task.list", Json::from(&json!({})), move |answer| sender.send(answer).unwrap()).unwrap();
    let answer = answers.recv_timeout(LONG).unwrap().unwrap();
    assert_eq!(answer.to_value()["items"], json!([]));
}

#[test]
fn a_wait_is_done_in_slices_and_ends_when_the_host_is_closed() {
    let host = host();
    let task = submit(&host);
    let params = Json::from(&json!({"task_uuid": task, "timeout_ms": 3_600_000}));
    let pending = host.call("task.wait", params.clone()).unwrap();
    let here = host.call_here("task.wait", params.clone()).unwrap();
    let (sender, told) = mpsc::channel();
    host.call_then("task.wait", params, move |answer| sender.send(answer).unwrap()).unwrap();
    for pending in [&pending, &here] {
        assert!(pending.wait(Duration::from_millis(1)).is_none());
    }
    thread::scope(|scope| {
        let waiting = scope.spawn(|| code(here.wait(LONG).unwrap()));
        host.close();
        assert_eq!(waiting.join().unwrap(), "closed");
    });
    for pending in [&pending, &here] {
        assert_eq!(code(pending.wait(LONG).unwrap()), "closed");
    }
    assert_eq!(code(told.recv_timeout(LONG).unwrap()), "closed");
    assert_eq!(code(host.call("task.list", Json::null())), "closed");
    assert!(host.is_closed());
}

#[test]
fn closing_ends_the_polls_of_workers_that_still_run() {
    let host = host();
    let worker = worker(&host);
    host.close();
    assert!(matches!(worker.taker().poll(LONG, &Interrupt::new()).unwrap(), Some(Work::End)));
}

#[test]
fn a_configuration_that_cannot_work_is_refused() {
    assert_eq!(code(HostConfig::parse(r#"{"uri": "sqlite::memory:"}"#)), "config_invalid");
    assert_eq!(code(Host::start(&HostConfig::of("mysql://localhost"))), "database_url_invalid");
    let threads = HostConfig { threads: 0, ..HostConfig::of("sqlite::memory:") };
    assert_eq!(code(Host::start(&threads)), "config_invalid");
    let log = HostConfig { log: "loud".to_owned(), ..HostConfig::of("sqlite::memory:") };
    assert_eq!(code(Host::start(&log)), "config_invalid");
    assert_eq!(code(host().start_worker(&WorkerConfig::new("python", Vec::new()))), "no_handlers");
}

#[test]
fn what_the_host_logs_is_handed_out_until_it_is_closed() {
    let host = host();
    let worker = worker(&host);
    worker.shutdown(LONG).unwrap().wait(LONG).unwrap().unwrap();
    let records = std::iter::from_fn(|| host.next_log(LONG).unwrap());
    let stopped = records.into_iter().find(|record| record.target.ends_with("drain")).unwrap();
    assert_eq!(stopped.level, LogLevel::Info);
    assert!(stopped.fields.iter().any(|(name, value)| name == "abandoned" && value == "0"));
    host.close();
    let end = std::iter::from_fn(|| host.next_log(LONG).transpose()).find_map(Result::err);
    assert_eq!(end.unwrap().code(), "closed");
}

#[test]
fn a_panic_is_an_error_like_any_other() {
    assert_eq!(code(catch(|| -> Result<(), Error> { panic!("a fault of ours") })), "internal_panic");
}

/// Threads of other languages have smaller stacks than Rust's: Ruby's 1 MiB.
#[test]
fn small_stacks_are_enough_for_what_threads_do_themselves() {
    let host = host();
    let yaml = "{namespace: shop, name: careful, version: 1.0.0, input_schema: {type: object, properties: {n: {type: integer}}}, \
                steps: [{name: a, handler: {callable: price}}, {name: b, handler: {callable: price}, dependencies: [a], \
                when: 'results.a.n + input.n > 1 && [1, 2].exists(n, n == input.n)'}]}";
    call(&host, "template.put", &json!({"yaml": yaml})).unwrap();
    let worker = worker(&host);
    thread::scope(|scope| {
        let small = || thread::Builder::new().stack_size(1024 * 1024);
        let serve = || {
            let taker = worker.taker();
            loop {
                match taker.poll(LONG, &Interrupt::new()).unwrap() {
                    Some(Work::Run(attempt)) => {
                        attempt.begin().unwrap();
                        attempt.answer(Outcome::succeeded(Json::from(&json!({"n": 1})))).unwrap();
                    }
                    Some(Work::Cancel(_)) | None => {}
                    Some(Work::End) => return,
                }
            }
        };
        small().spawn_scoped(scope, serve).unwrap();
        let submit = || {
            let task = json!({"namespace": "shop", "name": "careful", "context": {"n": 2}});
            let here = |method, params: &Value| {
                host.call_here(method, Json::from(params)).unwrap().wait(LONG).unwrap().unwrap().to_value()
            };
            let task = here("task.submit", &task)["task_uuid"].clone();
            let ended = here("task.wait", &json!({"task_uuid": task, "timeout_ms": 60_000}));
            assert_eq!((&ended["status"], &ended["completed_steps"]), (&json!("complete"), &json!(2)));
            assert_eq!(here("template.list", &json!({})).as_array().unwrap().len(), 2);
        };
        small().spawn_scoped(scope, submit).unwrap().join().unwrap();
        drop(worker.shutdown(LONG).unwrap().wait(LONG));
    });
}
