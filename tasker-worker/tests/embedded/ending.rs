//! Compensations and `finally`, with handlers in Rust.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tasker_core::model::{StepState, TaskState};
use tasker_worker::{
    HandlerRegistry, StepContext, StepError, Worker,
    client::{Actor, Client},
};

use crate::{LONG, ended, result, submit};

const SAGA: &str = "
name: it
namespace: test
version: 1.0.0
steps:
  - {name: reserve, handler: {callable: reserve}, compensate: {handler: {callable: release}}}
  - name: charge
    handler: {callable: charge}
    dependencies: [reserve]
    compensate: {handler: {callable: refund}, retry: {max_attempts: 2, backoff: none}}
  - {name: ship, handler: {callable: ship}, dependencies: [charge], retry: {max_attempts: 1}}
finally:
  - {name: report, handler: {callable: report}}
";

/// What was undone, in order.
type Undone = Arc<Mutex<Vec<Value>>>;

async fn worker(undone: &Undone) -> Worker {
    let (first, second) = (Arc::clone(undone), Arc::clone(undone));
    let handlers = HandlerRegistry::new()
        .with("reserve", |_| async { Ok("r-1") })
        .with("charge", |context: StepContext| async move {
            Ok(json!({"charge_id": "ch-1", "cents": context.input::<u64>("cents")?}))
        })
        .with("ship", |context: StepContext| async move {
            match context.input::<String>("address")?.as_str() {
                "nowhere" => Err(StepError::permanent("no_carrier", "nobody goes there")),
                _ => Ok(()),
            }
        })
        .with("refund", move |context: StepContext| {
            let undone = Arc::clone(&second);
            async move {
                if context.retry_count() == 0 {
                    return Err(StepError::retryable("bank_closed", "in a minute"));
                }
                let charge: Value = context.dependency_as("charge")?;
                let why = context.ending().and_then(|ending| ending.error.as_ref()).map(|error| error.code.clone());
                let told = json!([context.step_name(), charge["charge_id"], why]);
                undone.lock().unwrap().push(told);
                Ok(())
            }
        })
        .with("release", move |context: StepContext| {
            let undone = Arc::clone(&first);
            async move {
                let reserved: String = context.dependency_as("reserve")?;
                undone.lock().unwrap().push(json!([context.step_name(), reserved]));
                Ok(())
            }
        })
        .with("report", |context: StepContext| async move {
            let seen: Vec<_> = context.dependency_results().keys().map(ToString::to_string).collect();
            Ok(json!({"seen": seen, "status": context.ending().map(|ending| ending.status)}))
        });
    Worker::builder("sqlite::memory:").template_yaml(SAGA).handlers(handlers).start().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_fails_is_undone_with_the_results_at_hand() {
    let undone = Undone::default();
    let worker = worker(&undone).await;
    let task_id = submit(&worker.client(), json!({"cents": 700, "address": "nowhere"})).await;
    let (task, steps) = ended(&worker.client(), task_id).await;
    assert_eq!((task.status, task.error.unwrap().code.as_str()), (TaskState::Error, "no_carrier"));
    assert_eq!(*undone.lock().unwrap(), [json!(["charge", "ch-1", "no_carrier"]), json!(["reserve", "r-1"])]);
    assert_eq!(steps["compensate:charge"].compensates.as_deref(), Some("charge"));
    assert_eq!(steps["compensate:charge"].attempts, 2, "it is tried again by its own policy");
    assert_eq!(result(&steps["report"]), json!({"seen": ["charge", "reserve"], "status": "error"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_succeeds_is_not_undone() {
    let undone = Undone::default();
    let worker = worker(&undone).await;
    let task_id = submit(&worker.client(), json!({"cents": 700, "address": "Oslo"})).await;
    let (task, steps) = ended(&worker.client(), task_id).await;
    assert_eq!((task.status, task.total_steps, undone.lock().unwrap().len()), (TaskState::Complete, 4, 0));
    assert_eq!(result(&steps["report"])["status"], "complete");
    assert_eq!(steps["report"].current_state, StepState::Complete);
}

#[tokio::test(flavor = "multi_thread")]
async fn once_it_is_undone_its_own_steps_are_closed() {
    let worker = worker(&Undone::default()).await;
    let client: Client = worker.client();
    let task_id = submit(&client, json!({"cents": 700, "address": "nowhere"})).await;
    client.wait(task_id, LONG).await.unwrap();
    for step in [None, Some("ship")] {
        assert_eq!(client.retry(task_id, step, Actor::default()).await.unwrap_err().code(), "task_ending");
    }
    let why = client.why(task_id).await.unwrap().why;
    assert!(matches!(why.reason, Some(tasker_core::state::Reason::Undone { .. })), "{why:?}");
}
