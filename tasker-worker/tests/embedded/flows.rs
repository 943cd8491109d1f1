use serde_json::json;
use tasker_core::model::{Json, StepState, TaskState};
use tasker_worker::{
    HandlerRegistry, StepContext, StepError, Worker,
    client::{Actor, SubmitTask},
    worker,
};

use crate::{LONG, ended, result, run, submit, template};

/// Adds one to the sum of what came before.
async fn count(context: StepContext) -> Result<u64, StepError> {
    let results = context.dependency_results().values().map(|result| result.to::<u64>());
    Ok(1 + results.sum::<Result<u64, _>>()?)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_step_of_a_diamond_sees_the_results_of_all_before_it() {
    let steps: [(&str, &[&str], &str); 4] =
        [("a", &[], ""), ("b", &["a"], ""), ("c", &["a"], ""), ("d", &["b", "c"], "")];
    let worker = Worker::builder("sqlite::memory:")
        .template_yaml(template(&steps))
        .handlers(HandlerRegistry::new().with("a", count).with("b", count))
        .handler("c", count)
        .handler("d", |context: StepContext| async move {
            let (a, b): (u64, u64) = (context.dependency_as("a")?, context.dependency_as("b")?);
            Ok(json!({"a": a, "b": b, "input": context.input::<String>("word")?}))
        })
        .start()
        .await
        .unwrap();
    let (task, steps) = run(&worker.client(), json!({"word": "hello"})).await;
    assert_eq!(task.status, TaskState::Complete);
    assert_eq!(result(&steps["d"]), json!({"a": 1, "b": 2, "input": "hello"}));
    assert!(steps.values().all(|step| step.attempts == 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fan_of_steps_runs_beside_each_other_and_comes_together() {
    let names: Vec<_> = (0..100).map(|number| format!("leaf_{number}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let mut steps: Vec<(&str, &[&str], &str)> = vec![("root", &[], "")];
    steps.extend(names.iter().map(|name| (*name, ["root"].as_slice(), "")));
    steps.push(("sum", &names, ""));
    let registry = steps.iter().fold(HandlerRegistry::new(), |registry, step| registry.with(step.0, count));
    // Fewer slots than leaves, so that the rest waits in the queue.
    let builder = Worker::builder("sqlite::memory:").template_yaml(template(&steps)).handlers(registry).slots(7);
    let worker = builder.start().await.unwrap();
    let (task, steps) = run(&worker.client(), json!({})).await;
    assert_eq!(task.status, TaskState::Complete);
    assert_eq!(result(&steps["sum"]), json!(1 + 1 + 100 * 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_fails_is_tried_again_and_a_permanent_failure_ends_the_task() {
    let retry = ", retry: {max_attempts: 3, backoff: none}";
    let worker = Worker::builder("sqlite::memory:")
        .template_yaml(template(&[("shaky", &[], retry), ("strict", &["shaky"], retry), ("never", &["strict"], "")]))
        .handler("shaky", |context: StepContext| async move {
            match context.retry_count() {
                2 => Ok(context.attempt()),
                _ => Err(StepError::retryable("shaken", "not yet")),
            }
        })
        .handler("strict", |_| async { Err::<(), _>(StepError::permanent("declined", "no")) })
        .handler("never", count)
        .start()
        .await
        .unwrap();
    let (task, steps) = run(&worker.client(), json!({})).await;
    assert_eq!(task.status, TaskState::Error);
    assert_eq!((steps["shaky"].current_state, result(&steps["shaky"])), (StepState::Complete, json!(3)));
    assert_eq!((steps["strict"].current_state, steps["strict"].attempts), (StepState::Error, 1));
    assert_eq!(steps["strict"].error.as_ref().unwrap().code, "declined");
    assert_eq!(steps["never"].current_state, StepState::Cancelled);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_serves_its_namespaces_only() {
    let engine = crate::engine().await;
    let yaml = template(&[("a", &[], "")]);
    let other = Worker::builder(engine.clone()).namespace("other").handler("a", count).start().await.unwrap();
    other.client().register_template(&yaml, "it.yaml").await.unwrap();
    let task_id = submit(&other.client(), json!({})).await;
    let both = Worker::builder(engine).namespace("other").namespace("test").handler("a", count).start().await.unwrap();
    ended(&both.client(), task_id).await;
    let history = both.client().history(task_id, 0).await.unwrap().items;
    let runners: Vec<_> = history.iter().filter_map(|event| event.worker_id).collect();
    assert_eq!(runners, [both.runtime().worker_id()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_cannot_work_says_why() {
    let no_handlers = Worker::builder("sqlite::memory:").start().await.unwrap_err();
    assert_eq!(no_handlers.code(), "no_handlers");
    let twice = Worker::builder("sqlite::memory:").handler("a", count).handler("a", count).start().await;
    assert_eq!(twice.unwrap_err().code(), "handler_duplicate");
    let url = Worker::builder("mysql://localhost").handler("a", count).start().await;
    assert_eq!(url.unwrap_err().code(), "database_url_invalid");
    let template = Worker::builder("sqlite::memory:").handler("a", count).template_yaml("name: [").start().await;
    assert_eq!(template.unwrap_err().code(), "template_invalid");
    let folder = Worker::builder("sqlite::memory:").handler("a", count).templates("/no/such/folder").start().await;
    assert!(matches!(folder, Err(worker::Error::TemplateFile { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn templates_are_found_under_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("inner")).unwrap();
    std::fs::write(folder.path().join("inner/it.yaml"), template(&[("a", &[], "")])).unwrap();
    std::fs::write(folder.path().join("notes.txt"), "no template").unwrap();
    let builder = Worker::builder("sqlite::memory:").handler("a", count).templates(folder.path());
    let worker = builder.start().await.unwrap();
    assert_eq!(run(&worker.client(), json!({})).await.0.status, TaskState::Complete);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_is_refused_has_a_code() {
    let yaml = template(&[("a", &[], "")]);
    let worker = Worker::builder("sqlite::memory:").handler("a", count).template_yaml(&yaml).start().await.unwrap();
    let client = worker.client();
    let missing = client.submit(SubmitTask::new("test", "other", Json::null())).await.unwrap_err();
    assert_eq!((missing.code(), missing.is_transient()), ("template_not_found", false));
    let other_content = yaml.replace("callable: a", "callable: b");
    assert_eq!(client.register_template(&other_content, "it.yaml").await.unwrap_err().code(), "template_conflict");
    let task_id = submit(&client, json!({})).await;
    client.wait(task_id, LONG).await.unwrap();
    assert_eq!(client.cancel(task_id, Actor::default()).await.unwrap_err().code(), "task_ended");
}
