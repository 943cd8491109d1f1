use tasker_core::{
    model::{Actor, Json, StepState},
    orchestration::SubmitTask,
};

use crate::bench::{Bench, everywhere};

const INNER: &str = "{name: inner, namespace: shop, version: 1.0.0, steps: [{name: work, handler: {callable: pay}}]}";
const OUTER: &str = "{name: outer, namespace: shop, version: 1.0.0, steps: [
    {name: asked, type: wait, wait: {signal: go}},
    {name: child, type: workflow, workflow: {name: inner}, dependencies: [asked]}]}";

/// The wait ends while the steps of the resumed task are gone through, and the step behind it is one of those to come.
#[tokio::test]
async fn a_step_that_a_resumed_task_comes_upon_twice_begins_once() {
    everywhere("resumed", async |bench: Bench| {
        let engine = &bench.engine;
        engine.register_yaml(INNER, "inner.yaml").await.unwrap();
        engine.register_yaml(OUTER, "outer.yaml").await.unwrap();
        let task_id = engine.submit(SubmitTask::new("shop", "outer", Json::null())).await.unwrap().task_id;
        engine.pause(task_id, Actor::default()).await.unwrap();
        engine.signal(task_id, "go", Json::null(), None).await.unwrap();
        engine.sweep().await.unwrap();
        engine.resume(task_id, Actor::default()).await.unwrap();
        let steps = engine.steps(task_id).await.unwrap();
        let stand: Vec<_> = steps.iter().map(|step| (step.state, step.attempt)).collect();
        assert_eq!(stand, [(StepState::Complete, 0), (StepState::Waiting, 1)]);
    })
    .await;
}
