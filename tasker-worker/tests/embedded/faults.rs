use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::json;
use tasker_core::{
    model::{ErrorKind, StepState, TaskState},
    orchestration::Engine,
};
use tasker_worker::{
    StepContext, StepError, Worker,
    client::Actor,
    worker::{self, WorkerBuilder},
};
use tokio::sync::{Semaphore, mpsc};

use crate::{LONG, ended, engine, result, run, submit, template};

const CHAIN: [(&str, &[&str], &str); 3] = [("a", &[], ""), ("b", &["a"], ""), ("c", &["b"], "")];

async fn quick(_: StepContext) -> Result<(), StepError> {
    Ok(())
}

fn builder(engine: &Arc<Engine>, steps: &[(&str, &[&str], &str)]) -> WorkerBuilder {
    Worker::builder(Arc::clone(engine)).template_yaml(template(steps))
}

/// A worker of the chain whose `b` tells that it has begun, and never ends.
async fn stuck_in_b(engine: &Arc<Engine>) -> Result<(Worker, mpsc::UnboundedReceiver<()>), worker::Error> {
    let (sender, begun) = mpsc::unbounded_channel();
    let builder = builder(engine, &CHAIN).handler("a", quick).handler("c", quick).handler("b", move |_| {
        let sender = sender.clone();
        async move {
            sender.send(())?;
            pending::<Result<(), StepError>>().await
        }
    });
    Ok((builder.start().await?, begun))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_survives_the_death_of_its_worker() {
    let engine = engine().await;
    let (doomed, mut begun) = stuck_in_b(&engine).await.unwrap();
    let task_id = submit(&doomed.client(), json!({})).await;
    begun.recv().await.unwrap();
    drop(doomed);

    let heir = builder(&engine, &CHAIN).handler("a", quick).handler("b", quick).handler("c", quick);
    let heir = heir.start().await.unwrap();
    let (task, steps) = ended(&heir.client(), task_id).await;
    assert_eq!(task.status, TaskState::Complete);
    assert_eq!((steps["b"].attempts, steps["b"].losses, steps["b"].failures), (2, 1, 0));
    let history = heir.client().history(task_id, 0).await.unwrap().items;
    assert!(
        history
            .iter()
            .any(|event| (event.kind.as_str(), event.step_idx, event.attempt) == ("step.lost", Some(1), Some(1)))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_shut_down_gives_its_work_away_at_once() {
    let engine = engine().await;
    let (leaving, mut begun) = stuck_in_b(&engine).await.unwrap();
    let task_id = submit(&leaving.client(), json!({})).await;
    begun.recv().await.unwrap();
    let drained = leaving.shutdown(Duration::ZERO).await;
    assert_eq!((drained.abandoned, drained.undelivered), (1, 0));
    let steps = leaving.client().steps(task_id).await.unwrap();
    assert_eq!((steps[1].current_state, steps[1].losses), (StepState::Enqueued, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_outlives_its_first_lease_keeps_the_step() {
    let engine = engine().await;
    let store = Arc::clone(engine.store());
    let builder = builder(&engine, &[("long", &[], "")]).handler("long", move |context: StepContext| {
        let store = Arc::clone(&store);
        async move {
            while store.now().await? < context.assignment().lease_until {
                tokio::task::yield_now().await;
            }
            Ok(())
        }
    });
    let worker = builder.start().await.unwrap();
    let (task, steps) = run(&worker.client(), json!({})).await;
    assert_eq!((task.status, steps["long"].attempts), (TaskState::Complete, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_runs_too_long_is_dropped_and_has_failed() {
    let engine = engine().await;
    let fields = ", timeout_seconds: 0.05, retry: {max_attempts: 2, backoff: none}";
    let builder =
        builder(&engine, &[("slow", &[], fields)]).slots(1).handler("slow", |context: StepContext| async move {
            match context.retry_count() {
                0 => pending().await,
                failures => Ok(failures),
            }
        });
    let worker = builder.start().await.unwrap();
    // There is one slot: the second attempt gets it only if the first handler was dropped.
    let (_, steps) = run(&worker.client(), json!({})).await;
    assert_eq!((steps["slow"].current_state, result(&steps["slow"])), (StepState::Complete, json!(1)));
    let error = steps["slow"].error.as_ref().unwrap();
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Timeout, "step_timeout"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_panics_fails_its_step_and_frees_its_slot() {
    let engine = engine().await;
    let fields = ", retry: {max_attempts: 2, backoff: none}";
    let builder =
        builder(&engine, &[("risky", &[], fields)]).slots(1).handler("risky", |context: StepContext| async move {
            assert!(context.is_retry(), "the first attempt panics");
            Ok(())
        });
    let worker = builder.start().await.unwrap();
    let (task, steps) = run(&worker.client(), json!({})).await;
    assert_eq!((task.status, steps["risky"].attempts), (TaskState::Complete, 2));
    assert_eq!(steps["risky"].error.as_ref().unwrap().code, "handler_panicked");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_handler_of_a_cancelled_task_is_dropped() {
    struct Tell(Arc<Semaphore>);
    impl Drop for Tell {
        fn drop(&mut self) {
            self.0.add_permits(1);
        }
    }
    let engine = engine().await;
    let (begun, dropped) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let builder = builder(&engine, &[("endless", &[], "")]).handler("endless", {
        let (begun, dropped) = (Arc::clone(&begun), Arc::clone(&dropped));
        move |_| {
            let (begun, tell) = (Arc::clone(&begun), Tell(Arc::clone(&dropped)));
            async move {
                let _tell = tell;
                begun.add_permits(1);
                pending::<Result<(), StepError>>().await
            }
        }
    });
    let worker = builder.start().await.unwrap();
    let task_id = submit(&worker.client(), json!({})).await;
    drop(begun.acquire().await.unwrap());
    let task = worker.client().cancel(task_id, Actor::default()).await.unwrap();
    assert_eq!(task.status, TaskState::Cancelled);
    drop(tokio::time::timeout(LONG, dropped.acquire()).await.unwrap().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_is_told_to_stop_may_still_succeed() {
    let engine = engine().await;
    let (begun, is_told) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicBool::new(false)));
    let builder = builder(&engine, &[("polite", &[], "")]).handler("polite", {
        let (begun, is_told) = (Arc::clone(&begun), Arc::clone(&is_told));
        move |context: StepContext| {
            let (begun, is_told) = (Arc::clone(&begun), Arc::clone(&is_told));
            async move {
                begun.add_permits(1);
                context.cancelled().await;
                is_told.store(true, Ordering::Relaxed);
                Ok("what was done so far")
            }
        }
    });
    let worker = builder.start().await.unwrap();
    let task_id = submit(&worker.client(), json!({})).await;
    drop(begun.acquire().await.unwrap());
    assert_eq!(worker.shutdown(Duration::ZERO).await.abandoned, 0);
    assert!(is_told.load(Ordering::Relaxed));
    assert_eq!(worker.client().get(task_id).await.unwrap().status, TaskState::Complete);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_goes_on_from_its_checkpoint_after_a_crash() {
    let engine = engine().await;
    let (sender, mut stored) = mpsc::unbounded_channel();
    let doomed = builder(&engine, &[("a", &[], "")]).handler("a", move |context: StepContext| {
        let sender = sender.clone();
        async move {
            context.checkpoint(&3, &json!({"sum": 6}), 3).await?;
            sender.send(())?;
            pending::<Result<(), StepError>>().await
        }
    });
    let doomed = doomed.start().await.unwrap();
    let task_id = submit(&doomed.client(), json!({})).await;
    stored.recv().await.unwrap();
    drop(doomed);

    let heir = builder(&engine, &[("a", &[], "")]).handler("a", |context: StepContext| async move {
        let items = context.last_checkpoint().map(|checkpoint| checkpoint.items_processed);
        let gathered: Option<serde_json::Value> = context.accumulated_results()?;
        Ok(json!([context.cursor::<u32>()?, gathered, items]))
    });
    let heir = heir.start().await.unwrap();
    let (task, steps) = ended(&heir.client(), task_id).await;
    assert_eq!(task.status, TaskState::Complete);
    assert_eq!(result(&steps["a"]), json!([3, {"sum": 6}, 3]));
}
