use std::{collections::BTreeMap, sync::Arc};

use serde_json::json;

use super::bench::{Bench, failed, lease, report_of, template, trace_context};
use crate::{
    model::{Actor, Fact, Json, Next, Outcome, StepError, StepState, TaskId, TaskState, Verdict, limits},
    state::{Input, Refusal, Verb, Which},
    store::{Origin, Store, TaskFilter},
    template::{Handler, OnExhaustion, StepKind, SubWorkflow, Template, Wait},
};

/// A template of the given shape, with one of its steps changed.
fn with_step(shape: &str, name: &str, change: impl Fn(&mut crate::template::StepTemplate)) -> Template {
    let mut template = template("flow", shape);
    template.steps.iter_mut().filter(|step| step.name == name).for_each(change);
    template
}

pub(super) async fn a_decision_skips_what_it_did_not_choose(store: Arc<dyn Store>) {
    let mut bench = Bench::new(store).await;
    let mut template = with_step("a b:a c:a d:b e:c,d", "a", |step| step.kind = StepKind::Decision);
    template.steps[4].kind = StepKind::DeferredConvergence;
    let definition = bench.register(&template).await;
    let task_id = bench.submit(&definition).await;
    let claimed = bench.claim(&["handle"], 1).await;
    let next = Some(Next::Route { steps: vec!["c".to_owned()] });
    let outcome = Outcome::Succeeded { result: Json::null(), next, events: Vec::new(), metadata: None };
    bench.report(lease(&claimed[0]), outcome).await;
    let (skipped, pending) = (StepState::Skipped, StepState::Pending);
    let states = [StepState::Complete, skipped, StepState::Enqueued, skipped, pending];
    assert_eq!(bench.states(task_id).await, states);
    let flows = bench.steps(task_id).await.into_iter().map(|step| step.flow);
    let left_out = flows.map(|flow| flow.map(|flow| flow.left_out_by.clone()).unwrap_or_default());
    assert_eq!(left_out.collect::<Vec<_>>(), [vec![], vec![0], vec![], vec![], vec![]]);
    bench.audit(task_id).await;
    for step in ["c", "e"] {
        let claimed = bench.claim(&["handle"], 9).await;
        assert_eq!(claimed.len(), 1, "{step}");
        bench.report(lease(&claimed[0]), Outcome::succeeded(Json::null())).await;
    }
    assert_eq!(bench.task(task_id).await.state, TaskState::Complete);
    bench.audit(task_id).await;
}

pub(super) async fn a_condition_reads_input_and_results(store: Arc<dyn Store>) {
    let mut bench = Bench::new(store).await;
    let when = "results.a.total > input.limit && results.b == null".to_owned();
    let template = with_step("a b c:a,b", "c", |step| step.when = Some(when.clone()));
    let definition = bench.register(&template).await;
    for (limit, state) in [(5, StepState::Enqueued), (7, StepState::Skipped)] {
        let mut task = super::bench::new_task(&definition);
        task.submission.context = Json::from(&json!({"limit": limit}));
        let task_id = bench.insert(task).await;
        let claimed = bench.claim(&["handle"], 2).await;
        // The first result is read from the database, the second is at hand.
        bench.report(lease(&claimed[0]), Outcome::succeeded(Json::from(&json!({"total": 6})))).await;
        bench.report(lease(&claimed[1]), Outcome::succeeded(Json::null())).await;
        assert_eq!(bench.states(task_id).await[2], state, "limit {limit}");
        bench.audit(task_id).await;
        let cancel = Input::Operate { task_id, verb: Verb::Cancel, actor: Actor::default() };
        bench.transact(&[cancel], None).await;
    }
}

pub(super) async fn a_step_that_blocks_leaves_the_others_claimable(store: Arc<dyn Store>) {
    let mut bench = Bench::new(store).await;
    let template = with_step("a b:a c", "a", |step| step.on_exhaustion = OnExhaustion::Block);
    let definition = bench.register(&template).await;
    let task_id = bench.submit(&definition).await;
    let claimed = bench.claim(&["handle"], 1).await;
    bench.transact(&[report_of(&claimed[0], failed(StepError::permanent("broken", "no")))], None).await;
    assert_eq!(bench.task(task_id).await.state, TaskState::BlockedByFailures);
    let others = bench.claim(&["handle"], 9).await;
    assert_eq!(others.len(), 1);
    bench.report(lease(&others[0]), Outcome::succeeded(Json::null())).await;
    assert_eq!(bench.states(task_id).await, [StepState::Error, StepState::Pending, StepState::Complete]);
    assert!(bench.events(task_id).await.iter().any(|event| event.fact == Fact::TaskBlocked { step: 0 }));
    bench.audit(task_id).await;
}

pub(super) async fn a_failed_step_may_be_skipped(store: Arc<dyn Store>) {
    let mut bench = Bench::new(store).await;
    let template = with_step("a b:a", "a", |step| step.on_exhaustion = OnExhaustion::Skip);
    let definition = bench.register(&template).await;
    let task_id = bench.submit(&definition).await;
    let claimed = bench.claim(&["handle"], 1).await;
    bench.report(lease(&claimed[0]), failed(StepError::permanent("broken", "no"))).await;
    let step = &bench.steps(task_id).await[0];
    let code = step.error.as_ref().map(|error| error.code.as_str());
    assert_eq!((step.state, code), (StepState::Skipped, Some("broken")), "what it failed with is kept");
    let claimed = bench.claim(&["handle"], 1).await;
    bench.report(lease(&claimed[0]), Outcome::succeeded(Json::null())).await;
    assert_eq!(bench.task(task_id).await.state, TaskState::Complete);
    bench.audit(task_id).await;
}

pub(super) async fn a_wait_is_begun_by_the_sweep_and_ended_by_a_signal(store: Arc<dyn Store>) {
    let mut bench = Bench::new(store).await;
    let template = with_step("a b:a", "a", |step| {
        step.kind = StepKind::Wait;
        step.wait = Some(Wait { signal: Some("go".to_owned()), deadline_seconds: Some(3_600.0), ..Wait::default() });
    });
    let definition = bench.register(&template).await;
    let task_id = bench.submit(&definition).await;
    assert_eq!(bench.states(task_id).await, [StepState::Waiting, StepState::Pending]);
    assert_eq!(bench.claim(&["handle"], 9).await, [], "a step that waits is in no queue");
    bench.sweep().await;
    let step = &bench.steps(task_id).await[0];
    let now = bench.store.now().await.unwrap();
    assert!(step.due_at.is_some_and(|due_at| due_at > now) && step.attempt == 0);
    let signal =
        Input::Signal { task_id, name: "go".to_owned(), payload: Json::parse("1.10".into()).unwrap(), by: None };
    bench.transact(&[signal], None).await;
    assert_eq!(bench.states(task_id).await, [StepState::Complete, StepState::Enqueued]);
    bench.audit(task_id).await;
}

pub(super) async fn a_signal_is_kept_for_a_wait_to_come(store: Arc<dyn Store>) {
    let mut bench = Bench::new(store).await;
    let template = with_step("a b:a", "b", |step| {
        step.kind = StepKind::Wait;
        step.wait = Some(Wait { signal: Some("go".to_owned()), ..Wait::default() });
    });
    let definition = bench.register(&template).await;
    let task_id = bench.submit(&definition).await;
    let payload = Json::parse(r#"{"z": 1.10, "a": "é"}"#.to_owned()).unwrap();
    bench.transact(&[Input::Signal { task_id, name: "go".to_owned(), payload, by: Some("ann".into()) }], None).await;
    assert_eq!(bench.states(task_id).await[1], StepState::Pending);
    let claimed = bench.claim(&["handle"], 1).await;
    bench.report(lease(&claimed[0]), Outcome::succeeded(Json::null())).await;
    assert_eq!(bench.task(task_id).await.state, TaskState::Complete);
    let result = bench.steps(task_id).await[1].result.clone().unwrap().to_string();
    assert!(result.contains(r#"{"z": 1.10, "a": "é"}"#), "{result}");
    bench.audit(task_id).await;
}

pub(super) async fn a_task_that_waits_is_found(store: Arc<dyn Store>) {
    let mut bench = Bench::new(store).await;
    let template = with_step("a b:a", "b", |step| {
        step.kind = StepKind::Wait;
        step.wait = Some(Wait { signal: Some("go".to_owned()), ..Wait::default() });
    });
    let definition = bench.register(&template).await;
    let task_id = bench.submit(&definition).await;
    let claimed = bench.claim(&["handle"], 1).await;
    bench.report(lease(&claimed[0]), Outcome::succeeded(Json::null())).await;
    let step = &bench.steps(task_id).await[1];
    assert_eq!((step.state, step.due_at), (StepState::Waiting, None));
    let filter = TaskFilter { states: vec![TaskState::InProgress], ..TaskFilter::default() };
    let found = bench.store.tasks(&filter, 10).await.unwrap();
    assert_eq!(found.items.iter().map(|task| task.task_id).collect::<Vec<_>>(), [task_id]);
    assert_eq!(bench.store.due(10).await.unwrap().steps, []);
}

/// A parent whose second step runs the template `child`, of two steps in a row.
async fn family(bench: &mut Bench) -> TaskId {
    bench.register(&template("child", "x y:x")).await;
    let input = BTreeMap::from([("sum".to_owned(), "results.a.total + input.more".to_owned())]);
    let parent = with_step("a b:a c:b", "b", |step| {
        step.kind = StepKind::Workflow;
        step.handler = Handler::default();
        step.workflow = Some(SubWorkflow { name: "child".to_owned(), input: input.clone(), ..SubWorkflow::default() });
    });
    let definition = bench.register(&parent).await;
    let mut task = super::bench::new_task(&definition);
    task.submission.context = Json::from(&json!({"more": 2}));
    task.submission.correlation_id = Some("order 7".to_owned());
    task.submission.trace = Some(trace_context());
    let task_id = bench.insert(task).await;
    let claimed = bench.claim(&["handle"], 1).await;
    bench.report(lease(&claimed[0]), Outcome::succeeded(Json::from(&json!({"total": 5})))).await;
    task_id
}

async fn child_of(bench: &Bench, task_id: TaskId, attempt: u32) -> TaskId {
    let started = bench.events(task_id).await.into_iter().find_map(|event| match event.fact {
        Fact::StepChildStarted { attempt: started, child, .. } if started == attempt => Some(child),
        _ => None,
    });
    started.unwrap()
}

pub(super) async fn a_sub_workflow_runs_and_wakes_its_parent(store: Arc<dyn Store>) {
    let mut bench = Bench::new(store).await;
    let task_id = family(&mut bench).await;
    assert_eq!(bench.states(task_id).await[1], StepState::Waiting);
    let child = child_of(&bench, task_id, 1).await;
    let task = bench.task(child).await;
    assert_eq!((task.context.to_value(), task.correlation_id.as_deref()), (json!({"sum": 7}), Some("order 7")));
    assert_eq!(task.flow.trace, Some(trace_context()), "the trace goes on into the sub-workflow");
    let (correlation_id, parent) = (task.correlation_id, task.flow.parent.clone());
    let origin = Origin { task_id: child, correlation_id, parent, trace: task.flow.trace };
    assert_eq!(bench.store.origins(&[child, TaskId::new()]).await.unwrap(), [origin]);
    assert_eq!(task.flow.parent.map(|parent| (parent.task_id, parent.step, parent.depth)), Some((task_id, 1, 1)));
    for result in ["1", "{\"z\": 1.10}"] {
        let claimed = bench.claim(&["handle"], 9).await;
        assert_eq!(claimed.len(), 1);
        bench.report(lease(&claimed[0]), Outcome::succeeded(Json::parse(result.to_owned()).unwrap())).await;
        bench.audit(child).await;
        bench.audit(task_id).await;
    }
    assert_eq!(bench.task(child).await.state, TaskState::Complete);
    assert_eq!(bench.states(task_id).await, [StepState::Complete, StepState::Complete, StepState::Enqueued]);
    let result = bench.steps(task_id).await[1].result.clone().unwrap();
    assert_eq!(result.as_str(), "{\"z\": 1.10}", "the result of the last step, as it was written");
}

pub(super) async fn a_sub_workflow_that_fails_is_started_again(store: Arc<dyn Store>) {
    let mut bench = Bench::new(store).await;
    let task_id = family(&mut bench).await;
    let mut children = Vec::new();
    for attempt in 1..=3 {
        children.push(child_of(&bench, task_id, attempt).await);
        // The step of the child fails three times, then the child, and with it an attempt of the parent's step.
        for _ in 0..3 {
            let claimed = bench.claim(&["handle"], 9).await;
            bench.report(lease(&claimed[0]), failed(StepError::retryable("busy", "later"))).await;
            bench.sweep().await;
        }
        assert_eq!(bench.task(children[attempt as usize - 1]).await.state, TaskState::Error);
        bench.audit(task_id).await;
    }
    let step = &bench.steps(task_id).await[1];
    let code = step.error.as_ref().map(|error| error.code.as_str());
    assert_eq!((step.state, step.attempt, step.failures, code), (StepState::Error, 3, 3, Some("busy")));
    assert_eq!(bench.task(task_id).await.state, TaskState::Error);
    children.dedup();
    assert_eq!(children.len(), 3, "each attempt is a task of its own");
    let retry = Input::Operate { task_id: children[2], verb: Verb::Retry(Which::Failed), actor: Actor::default() };
    let refused = bench.transact(&[retry], None).await.refusals.pop().map(|(_, refusal)| refusal);
    let by = Refusal::NotAwaited { parent: task_id, step: "b".into() };
    assert_eq!(refused, Some(by), "nobody would learn what comes of it");
}

pub(super) async fn what_is_done_to_a_parent_is_done_to_its_children(store: Arc<dyn Store>) {
    let mut bench = Bench::new(store).await;
    let task_id = family(&mut bench).await;
    let child = child_of(&bench, task_id, 1).await;
    let operate = |verb: Verb| [Input::Operate { task_id, verb, actor: Actor::default() }];
    bench.transact(&operate(Verb::Pause), None).await;
    assert_eq!(bench.task(child).await.state, TaskState::Paused);
    assert_eq!(bench.claim(&["handle"], 9).await, []);
    bench.transact(&operate(Verb::Resume), None).await;
    let claimed = bench.claim(&["handle"], 9).await;
    assert_eq!(claimed.len(), 1);
    bench.transact(&operate(Verb::Cancel), None).await;
    assert_eq!(bench.task(child).await.state, TaskState::Cancelled);
    let late = bench.report(lease(&claimed[0]), Outcome::succeeded(Json::null())).await;
    assert_eq!(late, Verdict::TaskCancelled);
    bench.audit(child).await;
    bench.audit(task_id).await;
}

pub(super) async fn a_child_that_is_cancelled_fails_the_step_of_its_parent(store: Arc<dyn Store>) {
    let mut bench = Bench::new(store).await;
    let task_id = family(&mut bench).await;
    let child = child_of(&bench, task_id, 1).await;
    let cancel = Input::Operate { task_id: child, verb: Verb::Cancel, actor: Actor::default() };
    bench.transact(&[cancel], None).await;
    let step = &bench.steps(task_id).await[1];
    let code = step.error.as_ref().map(|error| error.code.as_str());
    assert_eq!((step.state, code), (StepState::Error, Some("child_cancelled")));
    assert_eq!(bench.task(task_id).await.state, TaskState::Error);
    bench.audit(task_id).await;
}

pub(super) async fn sub_workflows_end_at_the_limit_of_their_depth(store: Arc<dyn Store>) {
    let mut bench = Bench::new(store).await;
    let endless = with_step("a", "a", |step| {
        step.kind = StepKind::Workflow;
        step.handler = Handler::default();
        step.workflow = Some(SubWorkflow { name: "flow".to_owned(), ..SubWorkflow::default() });
    });
    let definition = bench.register(&endless).await;
    let task_id = bench.submit(&definition).await;
    for _ in 0..=limits::DEPTH {
        bench.sweep().await;
    }
    let tasks = bench.store.tasks(&TaskFilter::default(), 100).await.unwrap().items;
    assert_eq!(tasks.len(), limits::DEPTH as usize + 1);
    assert!(tasks.iter().all(|task| task.state == TaskState::Error), "the failure goes up to the first");
    let code = bench.task(task_id).await.error.map(|error| error.code);
    assert_eq!(code.as_deref(), Some("depth_exceeded"));
    bench.audit(task_id).await;
}

pub(super) async fn a_tree_has_every_task_once_and_parents_first(store: Arc<dyn Store>) {
    let mut bench = Bench::new(store).await;
    bench.register(&template("leaf", "z")).await;
    let workflow = |template: &str| SubWorkflow { name: template.to_owned(), ..SubWorkflow::default() };
    let starts = |step: &mut crate::template::StepTemplate, template: &str| {
        step.kind = StepKind::Workflow;
        step.handler = Handler::default();
        step.workflow = Some(workflow(template));
    };
    let mut middle = template("middle", "x y");
    middle.steps.iter_mut().for_each(|step| starts(step, "leaf"));
    bench.register(&middle).await;
    let top = bench.register(&with_step("a b:a", "a", |step| starts(step, "middle"))).await;
    let (task_id, other) = (bench.submit(&top).await, bench.submit(&top).await);
    for _ in 0..3 {
        bench.sweep().await;
    }
    let tree = bench.store.tree(task_id, 100).await.unwrap();
    let middle = child_of(&bench, task_id, 1).await;
    let names: Vec<_> = tree.iter().map(|task| task.name.as_str()).collect();
    assert_eq!(names, ["flow", "middle", "leaf", "leaf"]);
    assert_eq!(tree[1].task_id, middle);
    let parents: Vec<_> = tree.iter().filter_map(|task| task.flow.parent.as_ref()).collect();
    assert!(parents.iter().all(|parent| parent.root == task_id));
    let runs_for = |at: usize| (parents[at].task_id, &*parents[at].name, parents[at].depth);
    assert_eq!((runs_for(0), runs_for(1).0, runs_for(2).2), ((task_id, "a", 1), middle, 2));
    let mut leaves = [runs_for(1).1, runs_for(2).1];
    leaves.sort_unstable();
    assert_eq!(leaves, ["x", "y"]);
    assert_eq!(bench.store.tree(task_id, 2).await.unwrap(), tree[..2], "what stands lowest is left out");
    assert_eq!(bench.store.tree(middle, 100).await.unwrap().len(), 3, "a tree begins anywhere");
    assert_eq!(bench.store.tree(TaskId::new(), 100).await.unwrap(), []);

    let ids = [middle, task_id, other];
    let steps = bench.store.tree_steps(&ids, 100).await.unwrap();
    let places: Vec<_> = steps.iter().map(|step| (step.id.task_id, step.id.idx)).collect();
    assert_eq!(places, [(middle, 0), (middle, 1), (task_id, 0), (task_id, 1), (other, 0), (other, 1)]);
    let child = |at: usize| steps[at].flow.as_ref().and_then(|flow| flow.child);
    assert_eq!((child(2), child(3)), (Some(middle), None));
    assert_eq!(bench.store.tree_steps(&ids, 3).await.unwrap().len(), 3);
}
