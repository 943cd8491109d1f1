//! Steps whose work is split into parts, with handlers that know which part they are for.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use serde_json::{Value, json};
use tasker_core::model::{FailureStrategy, StepState, TaskState};
use tasker_worker::{BatchPlan, HandlerRegistry, StepContext, StepError, Worker, client::Actor, protocol::AttemptKind};
use tokio::sync::mpsc;

use crate::{ended, engine, result, run, submit, template};

const SPLIT: [(&str, &[&str], &str); 3] = [
    ("count", &[], ", type: batchable"),
    ("work", &["count"], ", type: batch_worker, parallelism: 3, retry: {max_attempts: 1}"),
    ("sum", &["work"], ", type: deferred_convergence"),
];

/// Adds up what the parts returned, without those that have no result.
async fn sum(context: StepContext) -> Result<u64, StepError> {
    let parts: Vec<Option<u64>> = context.dependency_as("work")?;
    Ok(parts.into_iter().flatten().sum())
}

async fn count(context: StepContext) -> Result<BatchPlan, StepError> {
    Ok(BatchPlan::split(context.input("rows")?, 10))
}

#[tokio::test(flavor = "multi_thread")]
async fn work_is_split_and_comes_together() {
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let peak = Arc::clone(&most);
    let work = move |context: StepContext| {
        let (running, most) = (Arc::clone(&running), Arc::clone(&most));
        async move {
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            let range = context.range()?;
            assert_eq!(context.assignment().kind, AttemptKind::BatchWorker);
            assert_eq!(context.part().map(|part| (part.index, part.of)), Some((u32::try_from(range.start / 10)?, 100)));
            running.fetch_sub(1, Ordering::SeqCst);
            Ok((range.start..range.end).sum::<u64>())
        }
    };
    let registry = HandlerRegistry::new().with_batch_analyzer("count", count).with("work", work).with("sum", sum);
    let builder = Worker::builder("sqlite::memory:").template_yaml(template(&SPLIT)).handlers(registry).slots(16);
    let worker = builder.start().await.unwrap();
    let (task, steps) = run(&worker.client(), json!({"rows": 995})).await;
    assert_eq!(task.status, TaskState::Complete);
    assert_eq!(result(&steps["sum"]), json!((0..995).sum::<u64>()));
    assert_eq!(task.total_steps, 3 + 100);
    assert_eq!(task.completed_steps, 3 + 100);
    assert_eq!(steps["work"].parts.clone().unwrap(), [("complete".to_owned(), 100)].into());
    assert!(peak.load(Ordering::SeqCst) <= 3, "{peak:?} parts ran at the same time");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_mapped_and_mapped_again() {
    let each = ", retry: {max_attempts: 2, backoff: none}, for_each: ";
    let yaml = template(&[
        ("twice", &[], &format!("{each}input.rows")),
        ("named", &["twice"], &format!("{each}\"results.twice.filter(row, row != null)\"")),
        ("after", &["named"], ""),
        ("last", &["after"], ""),
    ]);
    let worker = Worker::builder("sqlite::memory:")
        .template_yaml(yaml)
        .handler("twice", |context: StepContext| async move {
            match context.item::<u64>()? {
                13 => Err(StepError::permanent("unlucky", "13")),
                5 if !context.is_retry() => Err(StepError::retryable("later", "not yet")),
                row => Ok(row * 2),
            }
        })
        .handler("named", |context: StepContext| async move { Ok(format!("row {}", context.item::<u64>()?)) })
        .handler("after", |context: StepContext| async move {
            let results = context.dependency_results().keys().map(ToString::to_string).collect::<Vec<_>>();
            Ok(json!({"named": context.dependency("named")?, "has": results}))
        })
        .handler("last", |context: StepContext| async move { Ok(context.dependency_results().len()) })
        .start()
        .await
        .unwrap();
    let (task, steps) = run(&worker.client(), json!({"rows": [4, 13, 5]})).await;
    assert_eq!(task.status, TaskState::Complete);
    assert_eq!(result(&steps["twice"]), json!([8, null, 10]));
    let after = json!({"named": ["row 8", "row 10"], "has": ["named"]});
    assert_eq!(result(&steps["after"]), after, "lists go to the steps that name them");
    assert_eq!(result(&steps["last"]), json!(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_goes_on_from_its_checkpoint_after_a_crash() {
    let engine = engine().await;
    let yaml = template(&SPLIT);
    let (sender, mut stored) = mpsc::unbounded_channel();
    let registry = HandlerRegistry::new().with_batch_analyzer("count", count).with("sum", sum);
    let doomed = registry.clone().with("work", move |context: StepContext| {
        let sender = sender.clone();
        async move {
            let range = context.range()?;
            context.checkpoint(&(range.start + 5), &(range.start..range.start + 5).sum::<u64>(), 5).await?;
            sender.send(())?;
            std::future::pending::<Result<u64, StepError>>().await
        }
    });
    let doomed = Worker::builder(engine.clone()).template_yaml(&yaml).handlers(doomed).slots(4).start().await.unwrap();
    let task_id = submit(&doomed.client(), json!({"rows": 30})).await;
    for _ in 0..3 {
        stored.recv().await.unwrap();
    }
    drop(doomed);
    let heir = registry.with("work", |context: StepContext| async move {
        let range = context.range()?;
        let start: u64 = context.cursor()?.ok_or_else(|| StepError::permanent("from_the_start", "no checkpoint"))?;
        assert_eq!(start, range.start + 5);
        let before: u64 = context.accumulated_results()?.unwrap_or_default();
        Ok(before + (start..range.end).sum::<u64>())
    });
    let heir = Worker::builder(engine).handlers(heir).start().await.unwrap();
    let (task, steps) = ended(&heir.client(), task_id).await;
    assert_eq!(task.status, TaskState::Complete);
    assert_eq!(result(&steps["sum"]), json!((0..30).sum::<u64>()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_failed_waits_for_an_operator_where_the_batch_says_so() {
    let is_mended = Arc::new(AtomicUsize::new(0));
    let mended = Arc::clone(&is_mended);
    let count = |context: StepContext| async move {
        let rows: Vec<Value> = context.input("rows")?;
        Ok(BatchPlan::items(rows)?.on_failure(FailureStrategy::Isolate))
    };
    let work = move |context: StepContext| {
        let is_broken = mended.load(Ordering::SeqCst) == 0;
        async move {
            match context.item::<u64>()? {
                2 if is_broken => Err(StepError::permanent("broken", "it broke")),
                row => Ok(row),
            }
        }
    };
    let registry = HandlerRegistry::new().with_batch_analyzer("count", count).with("work", work).with("sum", sum);
    let builder = Worker::builder("sqlite::memory:").template_yaml(template(&SPLIT)).handlers(registry);
    let worker = builder.start().await.unwrap();
    let client = worker.client();
    let task_id = submit(&client, json!({"rows": [1, 2, 3]})).await;
    let mut watch = client.watch(task_id, 0).await.unwrap();
    let mut completed = 0;
    while completed < 3 {
        let event = watch.next().await.unwrap().unwrap();
        completed += usize::from(event.kind == "step.completed");
    }
    let why = client.why(task_id).await.unwrap();
    assert_eq!(
        serde_json::to_value(&why.why.steps[0].reason).unwrap(),
        json!({"reason": "parts", "of": 3, "open": 0, "failed": 1})
    );
    assert_eq!(why.why.status, TaskState::BlockedByFailures);
    is_mended.store(1, Ordering::SeqCst);
    client.retry(task_id, Some("work[1]"), Actor::named("ann")).await.unwrap();
    let (task, steps) = ended(&client, task_id).await;
    assert_eq!((task.status, result(&steps["sum"])), (TaskState::Complete, json!(6)));
    assert_eq!(steps["work"].current_state, StepState::Complete);
}
