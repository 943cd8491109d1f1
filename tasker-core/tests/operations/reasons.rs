use tasker_core::{
    model::{Actor, Outcome, StepError},
    state::Reason,
};

use crate::bench::{Bench, done, everywhere};

async fn reasons(bench: &Bench, task_id: tasker_core::model::TaskId) -> (Option<Reason>, Vec<Reason>) {
    let why = bench.engine.why(task_id).await.unwrap();
    assert!(why.steps.iter().all(|step| !step.moved_by.is_empty()));
    (why.reason, why.steps.into_iter().map(|step| step.reason).collect())
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_open_step_has_a_reason_that_changes_with_what_happens() {
    everywhere("why", async |bench: Bench| {
        let earlier = bench.submit().await;
        let task_id = bench.submit().await;
        let waits = [
            Reason::UnmetDependencies { steps: names(&["pay"]) },
            Reason::UnmetDependencies { steps: names(&["pack"]) },
        ];
        let (queue, handler) = (String::from("shop"), String::from("pay"));
        let no_worker = Reason::NoWorker { queue: queue.clone(), handler: handler.clone() };
        let expected = |first: Reason| (Some(Reason::Steps), [vec![first], waits.to_vec()].concat());
        assert_eq!(reasons(&bench, task_id).await, expected(no_worker));

        let session = bench.worker(&["pay"]).await;
        let queued = Reason::InQueue { queue, handler, ahead: 1, workers: 1 };
        assert_eq!(reasons(&bench, task_id).await, expected(queued));

        bench.engine.pause(task_id, Actor::default()).await.unwrap();
        let (of_task, of_steps) = reasons(&bench, task_id).await;
        assert_eq!((of_task, &of_steps[0]), (Some(Reason::Paused), &Reason::Paused));
        bench.engine.resume(task_id, Actor::default()).await.unwrap();

        let assignments = bench.claim(&session).await;
        let worker = session.worker().worker_id;
        let (_, of_steps) = reasons(&bench, task_id).await;
        assert!(matches!(of_steps[0], Reason::Leased { worker: by, attempt: 1, .. } if by == worker), "{of_steps:?}");

        let of_task = |assignment: &&tasker_core::model::Assignment| assignment.lease.task_id == task_id;
        let mine: Vec<_> = assignments.iter().filter(of_task).cloned().collect();
        bench.answer(&session, &mine, done()).await;
        let (_, of_steps) = reasons(&bench, task_id).await;
        assert_eq!(of_steps.len(), 2, "what has ended needs no reason");
        assert!(matches!(&of_steps[0], Reason::NoWorker { handler, .. } if handler == "pack"));

        let late = StepError::permanent("declined", "no money");
        let others: Vec<_> = assignments.iter().filter(|it| it.lease.task_id == earlier).cloned().collect();
        bench.answer(&session, &others, Outcome::failed(late)).await;
        let (of_task, of_steps) = reasons(&bench, earlier).await;
        assert_eq!((of_task, of_steps), (Some(Reason::FailedSteps { steps: names(&["pay"]) }), Vec::new()));

        let stats = bench.engine.stats().await.unwrap();
        assert_eq!((stats.workers, stats.slots, stats.submitted_last_minute), (1, 4, 2));
    })
    .await;
}
