use tasker_core::{
    model::{Actor, Fact, Json, TaskId, TaskState},
    orchestration::{Acted, Action, Bulk, Error, Selection},
    state::Which,
    store::TaskFilter,
};

use crate::bench::{Bench, everywhere};

fn bulk(selection: Selection, action: Action) -> Bulk {
    Bulk { selection, action, actor: Actor::named("ann").because("a test"), dry_run: false, limit: 1_000 }
}

fn codes(acted: &Acted) -> Vec<(TaskId, Result<TaskState, &'static str>)> {
    let item = |outcome: &Result<_, Error>| match outcome {
        Ok(tasker_core::orchestration::BulkDone { state, .. }) => Ok(*state),
        Err(error) => Err(error.code()),
    };
    acted.items.iter().map(|it| (it.task_id, item(&it.outcome))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_task_has_an_outcome_of_its_own_and_a_dry_run_foresees_it() {
    everywhere("bulk-ids", async |bench: Bench| {
        let (failed, open, unknown) = (bench.failed_task().await, bench.submit().await, TaskId::new());
        let ids = Selection::Ids(vec![open, failed, unknown, open]);
        let retry = bulk(ids, Action::Retry { step: None });
        let foreseen = bench.engine.act(&Bulk { dry_run: true, ..retry.clone() }).await.unwrap();
        assert_eq!(bench.engine.task(failed).await.unwrap().state, TaskState::Error, "a dry run writes nothing");
        let acted = bench.engine.act(&retry).await.unwrap();
        assert_eq!(codes(&acted), codes(&foreseen));
        let expected =
            [(open, Err("nothing_failed")), (failed, Ok(TaskState::InProgress)), (unknown, Err("task_not_found"))];
        assert_eq!(codes(&acted), expected);
        assert_eq!((acted.matched, acted.next), (3, None));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_is_worked_off_in_pages() {
    everywhere("bulk-filter", async |bench: Bench| {
        let mut tasks = Vec::new();
        for _ in 0..5 {
            tasks.push(bench.submit().await);
        }
        tasks.reverse();
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let filter = TaskFilter { name: Some("order".to_owned()), after, ..TaskFilter::default() };
            let acted = bench
                .engine
                .act(&Bulk { limit: 2, ..bulk(Selection::Filter(Box::new(filter)), Action::Pause) })
                .await
                .unwrap();
            found.extend(codes(&acted));
            let Some(next) = acted.next else { break };
            after = Some(next.parse().unwrap());
        }
        assert_eq!(found, tasks.iter().map(|task_id| (*task_id, Ok(TaskState::Paused))).collect::<Vec<_>>());
        let all = bulk(Selection::Filter(Box::default()), Action::Prioritize { priority: 9 });
        let acted = bench.engine.act(&all).await.unwrap();
        assert_eq!((acted.matched, acted.items.len()), (5, 5));
        assert_eq!(bench.engine.task(tasks[0]).await.unwrap().priority, 9);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rerun_is_a_new_task_and_the_old_one_tells_of_it() {
    everywhere("rerun", async |bench: Bench| {
        let (failed, open) = (bench.failed_task().await, bench.submit().await);
        let acted = bench.engine.act(&bulk(Selection::Ids(vec![failed, open]), Action::Rerun)).await.unwrap();
        assert_eq!(codes(&acted)[1], (open, Err("task_unfit")));
        let again = acted.items[0].outcome.as_ref().unwrap().rerun.unwrap();
        let (old, new) = (bench.engine.task(failed).await.unwrap(), bench.engine.task(again).await.unwrap());
        assert_eq!((old.state, new.state, new.rerun_of), (TaskState::Error, TaskState::Pending, Some(failed)));
        assert_eq!((new.context, new.initiator.as_deref()), (old.context, Some("ann")));
        let last = bench.engine.history(failed, 0).await.unwrap().pop().unwrap();
        assert!(matches!(last.fact, Fact::TaskRerun { task, .. } if task == again));
        // Whoever asks twice before the first is answered has one new task; whoever asks again later has another.
        let actor = Actor::default;
        let (one, two) = tokio::join!(bench.engine.rerun(failed, actor()), bench.engine.rerun(failed, actor()));
        let (one, two) = (one.unwrap(), two.unwrap());
        assert!(one.task_id != again);
        assert!(one.task_id == two.task_id || one.is_new && two.is_new);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn results_given_by_hand_are_held_to_the_schema() {
    everywhere("by-hand", async |bench: Bench| {
        let task_id = bench.submit().await;
        let which = || Which::Name("send".into());
        let json = |value: serde_json::Value| Json::from(&value);
        let wrong = bench.engine.complete_step(task_id, which(), json(serde_json::json!({})), Actor::default()).await;
        assert_eq!(wrong.unwrap_err().code(), "result_invalid");
        let right = json(serde_json::json!({"parcel": 5}));
        bench.engine.complete_step(task_id, which(), right.clone(), Actor::default()).await.unwrap();
        assert_eq!(bench.engine.steps(task_id).await.unwrap()[2].result, Some(right));
        let long = Actor::named("x".repeat(2_000));
        assert_eq!(bench.engine.pause(task_id, long).await.unwrap_err().code(), "field_invalid");
    })
    .await;
}
