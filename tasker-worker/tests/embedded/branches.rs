//! Flows beyond a fixed graph, with handlers in Rust: branches, conditions, approvals, sub-workflows, published events.

use serde_json::{Value, json};
use tasker_core::{
    model::{Json, StepState, TaskState},
    state::Reason,
};
use tasker_worker::{Decision, HandlerRegistry, StepContext, StepError, Worker};

use crate::{LONG, ended, result, submit};

const ORDER: &str = "
name: it
namespace: test
version: 1.0.0
steps:
  - {name: route, type: decision, handler: {callable: route}}
  - {name: small, handler: {callable: echo}, dependencies: [route]}
  - name: approval
    type: wait
    dependencies: [route]
    wait: {signal: approved, schema: {type: object, required: [ok]}}
  - name: ship
    type: deferred_convergence
    handler: {callable: ship}
    dependencies: [small, approval]
    publishes_events: [{name: order.shipped}]
  - {name: gift, handler: {callable: echo}, dependencies: [ship], when: input.total > 500}
  - name: invoice
    type: workflow
    dependencies: [ship]
    workflow: {name: invoice, input: {cents: 'input.total * 100', via: results.ship.via}}
";

const INVOICE: &str = "
name: invoice
namespace: test
version: 1.0.0
steps:
  - {name: number, handler: {callable: number}}
  - {name: send, handler: {callable: echo}, dependencies: [number]}
result: \"{'number': results.number, 'cents': input.cents}\"
";

async fn worker() -> Worker {
    let handlers = HandlerRegistry::new()
        .with("echo", |context: StepContext| async move { Ok(context.step_name().to_owned()) })
        .with("number", |context: StepContext| async move { Ok(context.parent().is_some()) })
        .with_decision("route", |context: StepContext| async move {
            let total: u64 = context.input("total")?;
            Ok(if total > 100 { Decision::route(["approval"]) } else { Decision::route(["small"]) })
        })
        .with("ship", |context: StepContext| async move {
            let via: Vec<_> = context.dependency_results().keys().map(ToString::to_string).collect();
            context.publish("order.shipped", &json!({"total": context.input::<u64>("total")?}))?;
            Ok::<Value, StepError>(json!({"via": via}))
        });
    let builder = Worker::builder("sqlite::memory:").template_yaml(ORDER).template_yaml(INVOICE).handlers(handlers);
    builder.start().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_order_takes_the_short_branch() {
    let worker = worker().await;
    let task_id = submit(&worker.client(), json!({"total": 7})).await;
    let (task, steps) = ended(&worker.client(), task_id).await;
    assert_eq!(task.status, TaskState::Complete);
    let states = ["approval", "gift"].map(|name| steps[name].current_state);
    assert_eq!(states, [StepState::Skipped; 2]);
    assert_eq!((&*steps["approval"].left_out_by, &*steps["gift"].left_out_by), (&["route".to_owned()][..], &[][..]));
    assert_eq!(result(&steps["ship"]), json!({"via": ["route", "small"]}), "skipped steps have no result");
    assert_eq!(result(&steps["invoice"]), json!({"number": true, "cents": 700}));
    let history = worker.client().history(task_id, 0).await.unwrap();
    let published = history.items.iter().filter(|event| event.kind == "event.published");
    let published: Vec<_> = published.map(|event| (&event.details["name"], &event.details["payload"])).collect();
    assert_eq!(published, [(&json!("order.shipped"), &json!({"total": 7}))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_can_be_seen_which_signal_a_step_waits_for() {
    let worker = worker().await;
    let client = worker.client();
    let task_id = submit(&client, json!({"total": 700})).await;
    let waiting = async {
        loop {
            let steps = client.why(task_id).await.unwrap().why.steps;
            let approval = steps.into_iter().find(|step| step.step == "approval").unwrap();
            if let Reason::Waiting { until, signal, task } = approval.reason {
                return (until, signal, task);
            }
            tokio::task::yield_now().await;
        }
    };
    let waiting = tokio::time::timeout(LONG, waiting).await.unwrap();
    assert_eq!(waiting, (None, Some("approved".to_owned()), None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_order_waits_for_its_approval() {
    let worker = worker().await;
    let client = worker.client();
    let task_id = submit(&client, json!({"total": 700})).await;
    let refused = client.signal(task_id, "approved", Json::from(&json!({})), None).await.unwrap_err();
    assert_eq!(refused.code(), "signal_invalid");
    assert_eq!(client.signal(task_id, "aproved", Json::null(), None).await.unwrap_err().code(), "signal_unknown");
    // It may come before the wait has begun, or during it.
    client.signal(task_id, "approved", Json::from(&json!({"ok": true})), Some("ann".to_owned())).await.unwrap();
    let task = client.wait(task_id, LONG).await.unwrap();
    let (_, steps) = ended(&client, task_id).await;
    assert_eq!((task.status, steps["small"].current_state), (TaskState::Complete, StepState::Skipped));
    assert_eq!(result(&steps["approval"])["by"], json!("ann"));
    assert_eq!(result(&steps["gift"]), json!("gift"));
    let ended = client.signal(task_id, "approved", Json::from(&json!({"ok": true})), None).await.unwrap_err();
    assert_eq!(ended.code(), "task_ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_tells_which_task_runs_for_which_step() {
    let worker = worker().await;
    let client = worker.client();
    let task_id = submit(&client, json!({"total": 7})).await;
    let (_, steps) = ended(&client, task_id).await;
    let tree = client.tree(task_id).await.unwrap();
    let [top, invoice] = tree.tasks.as_slice() else { panic!("two tasks: {tree:?}") };
    assert_eq!((tree.task_uuid, top.task_uuid, tree.is_cut), (task_id, task_id, false));
    assert_eq!(steps["invoice"].child_uuid, Some(invoice.task_uuid));
    let parent = invoice.parent.as_ref().unwrap();
    assert_eq!(
        (parent.task_uuid, parent.step.as_str(), parent.step_uuid),
        (task_id, "invoice", steps["invoice"].step_uuid)
    );
    assert_eq!((invoice.root_uuid, top.root_uuid), (Some(task_id), None));
    let of = |task: &tasker_worker::client::TaskView| task.steps.as_ref().map(Vec::len);
    assert_eq!((of(top), of(invoice)), (Some(6), Some(2)));
    let missing = client.tree(tasker_core::model::TaskId::new()).await.unwrap_err();
    assert_eq!(missing.code(), "task_not_found");
}
