use std::sync::Arc;

use super::bench::{Bench, failed, lease, operate, report_of, template};
use crate::{
    model::{Fact, Json, Outcome, StepError, StepState, TaskId, TaskState},
    state::{Claimed, Verb, Which},
    store::Store,
    template::{Compensation, Handler, Retry, StepKind, SubWorkflow, Template},
};

/// A template of the given shape; every step of it can be undone, and one step runs at last.
fn undoable(name: &str, shape: &str) -> Template {
    let mut undoable = template(name, shape);
    let handler = Handler { callable: "undo".to_owned(), ..Handler::default() };
    let retry = Retry { max_attempts: 1, ..Retry::default() };
    for step in &mut undoable.steps {
        step.compensate = Some(Compensation { handler: handler.clone(), retry: retry.clone(), timeout_seconds: None });
    }
    undoable.finally = template(name, "last").steps;
    undoable
}

fn done() -> Outcome {
    Outcome::succeeded(Json::null())
}

/// The only step that can be had, by its name.
async fn next(bench: &Bench) -> (String, Claimed) {
    let mut claimed = bench.claim(&["handle", "undo"], 9).await;
    assert_eq!(claimed.len(), 1);
    let claimed = claimed.remove(0);
    let steps = bench.steps(claimed.id.task_id).await;
    (steps.into_iter().find(|step| step.id == claimed.id).unwrap().name, claimed)
}

/// Does what is to be had, one after the other, all well; answers the names.
async fn run_out(bench: &Bench, count: usize) -> Vec<String> {
    let mut names = Vec::new();
    for _ in 0..count {
        let (name, claimed) = next(bench).await;
        bench.report(lease(&claimed), done()).await;
        bench.audit(claimed.id.task_id).await;
        names.push(name);
    }
    names
}

pub(super) async fn what_was_done_is_undone_and_finally_runs(store: Arc<dyn Store>) {
    let mut bench = Bench::new(store).await;
    let definition = bench.register(&undoable("saga", "a b:a c:b")).await;
    let task_id = bench.submit(&definition).await;
    assert_eq!(bench.steps(task_id).await.len(), 3);
    run_out(&bench, 2).await;
    let (_, last) = next(&bench).await;
    bench.report(lease(&last), failed(StepError::permanent("broken", "no"))).await;
    let task = bench.task(task_id).await;
    let ending = task.flow.ending.unwrap();
    assert_eq!((task.state, ending.status), (TaskState::InProgress, TaskState::Error));
    assert_eq!(run_out(&bench, 3).await, ["compensate:b", "compensate:a", "last"]);
    let task = bench.task(task_id).await;
    assert_eq!((task.state, task.error.unwrap().code.as_str()), (TaskState::Error, "broken"));
    let events = bench.events(task_id).await;
    let added: Vec<_> = events.iter().filter(|event| matches!(event.fact, Fact::StepAdded { .. })).collect();
    assert_eq!(added.len(), 3);
    assert!(bench.store.oddities(100, 100).await.unwrap().is_empty());
}

/// A parent whose second step runs a child of two steps, the first of which is done.
async fn family(bench: &mut Bench) -> (TaskId, TaskId) {
    bench.register(&undoable("child", "x y:x")).await;
    let mut parent = undoable("parent", "a b:a");
    parent.steps[1].kind = StepKind::Workflow;
    parent.steps[1].handler = Handler::default();
    parent.steps[1].workflow = Some(SubWorkflow { name: "child".to_owned(), ..SubWorkflow::default() });
    let definition = bench.register(&parent).await;
    let task_id = bench.submit(&definition).await;
    run_out(bench, 2).await;
    let flow = bench.steps(task_id).await[1].flow.clone();
    (task_id, flow.and_then(|flow| flow.child).unwrap())
}

pub(super) async fn a_child_is_undone_before_its_parent(store: Arc<dyn Store>) {
    let mut bench = Bench::new(store).await;
    let (task_id, child) = family(&mut bench).await;
    bench.transact(&[operate(task_id, Verb::Cancel)], None).await;
    assert_eq!(bench.states(task_id).await[1], StepState::Waiting, "for the end of the child");
    assert_eq!(bench.states(child).await[1], StepState::Cancelled);
    assert_eq!(run_out(&bench, 2).await, ["compensate:x", "last"]);
    assert_eq!(bench.task(child).await.state, TaskState::Cancelled);
    assert_eq!(bench.states(task_id).await[1], StepState::Cancelled);
    assert_eq!(run_out(&bench, 2).await, ["compensate:a", "last"]);
    let task = bench.task(task_id).await;
    assert_eq!(task.state, TaskState::Cancelled);
    let actor = bench.events(task_id).await.into_iter().find_map(|event| match event.fact {
        Fact::TaskCancelled { actor } => actor.by,
        _ => None,
    });
    assert_eq!(actor.as_deref(), Some("ann"));
}

pub(super) async fn a_failed_compensation_is_run_again(store: Arc<dyn Store>) {
    let mut bench = Bench::new(store).await;
    let definition = bench.register(&undoable("saga", "a b:a")).await;
    let task_id = bench.submit(&definition).await;
    run_out(&bench, 1).await;
    bench.transact(&[operate(task_id, Verb::Cancel)], None).await;
    let (name, undo) = next(&bench).await;
    assert_eq!(name, "compensate:a");
    bench.transact(&[report_of(&undo, failed(StepError::permanent("closed", "no")))], None).await;
    run_out(&bench, 1).await;
    let task = bench.task(task_id).await;
    assert_eq!((task.state, task.error.unwrap().code.as_str()), (TaskState::Error, "compensation_failed"));
    bench.transact(&[operate(task_id, Verb::Retry(Which::Failed))], None).await;
    bench.audit(task_id).await;
    assert_eq!(run_out(&bench, 1).await, ["compensate:a"]);
    assert_eq!(bench.task(task_id).await.state, TaskState::Cancelled);
    bench.audit(task_id).await;
}
