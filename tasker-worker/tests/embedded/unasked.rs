//! Steps that a worker is handed without asking for them.

use serde_json::json;
use tasker_core::model::Fact;
use tasker_worker::{StepContext, Worker};

use crate::{LONG, engine, run, template};

/// Tasks one after the other; the first few may find the worker still looking into its queues.
const TASKS: usize = 50;

#[tokio::test]
async fn an_idle_worker_has_the_first_step_with_the_commit_that_stores_the_task() {
    let engine = engine().await;
    let builder = Worker::builder(engine.clone());
    let builder = builder.template_yaml(template(&[("first", &[], ""), ("second", &["first"], "")]));
    let builder = builder.handler("first", async |_: StepContext| Ok(json!(1)));
    let worker = builder.handler("second", async |_: StepContext| Ok(json!(2))).slots(2).start().await.unwrap();
    let mut handed = 0;
    for _ in 0..TASKS {
        let (task, _) = run(&worker.client(), json!({})).await;
        assert_eq!(task.status.as_str(), "complete");
        let events = engine.history(task.task_uuid, 0).await.unwrap();
        let started = events.iter().find(|event| matches!(event.fact, Fact::StepStarted { .. })).unwrap();
        let is_handed = started.at == events[0].at;
        handed += usize::from(is_handed);
    }
    worker.shutdown(LONG).await;
    assert!(handed > TASKS / 2, "{handed} of {TASKS} tasks began when they were stored");
}
