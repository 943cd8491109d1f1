use std::sync::Arc;

use super::bench::{Bench, failed, ids, lease, operate, report_of, succeeded, template};
use crate::{
    model::{
        BatchConfig, BatchPart, BatchWork, Batches, CursorRange, FailureStrategy, Json, Next, Outcome, StepError,
        StepPlace, StepState, TaskId, TaskState,
    },
    state::{Claimed, Verb, Which},
    store::{PayloadRequest, Store, Work},
    template::{StepKind, StepTemplate},
};

/// A batchable step, the step that does the work, and what comes after it.
async fn split(bench: &mut Bench, batches: Batches, change: impl Fn(&mut StepTemplate)) -> TaskId {
    let mut template = template("batch", "count work:count sum:work");
    template.steps[0].kind = StepKind::Batchable;
    template.steps[1].kind = StepKind::BatchWorker;
    change(&mut template.steps[1]);
    let definition = bench.register(&template).await;
    let task_id = bench.submit(&definition).await;
    let claimed = bench.claim(&["handle"], 99).await;
    let count = claimed.iter().find(|claimed| claimed.id.task_id == task_id).unwrap();
    let config = BatchConfig { worker: None, batches, parallelism: None, failure_strategy: None };
    let next = Some(Next::Batches(config));
    bench
        .report(lease(count), Outcome::Succeeded { result: Json::null(), next, events: Vec::new(), metadata: None })
        .await;
    bench.audit(task_id).await;
    task_id
}

fn ranges(parts: u64) -> Batches {
    Batches::Split { total_items: parts, batch_size: 1 }
}

fn part(claimed: &Claimed) -> Option<u32> {
    StepPlace::of(claimed.id.idx).part
}

pub(super) async fn parts_are_added_and_converge(store: Arc<dyn Store>) {
    let mut bench = Bench::new(store).await;
    let task_id = split(&mut bench, ranges(3), |_| {}).await;
    let steps = bench.steps(task_id).await;
    let names: Vec<_> = steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names, ["count", "work", "sum", "work[0]", "work[1]", "work[2]"]);
    assert_eq!(bench.store.steps(task_id).await.unwrap().len(), 3, "the template's own");
    assert_eq!(bench.task(task_id).await.counts.total, 6);
    let odd = [r#"{ "b" : 1.10, "a":null}"#, "2", "[ ]"];
    let mut parts = bench.claim(&["handle"], 9).await;
    parts.reverse();
    for claimed in &parts {
        let result = odd[part(claimed).unwrap() as usize];
        bench.report(lease(claimed), succeeded(result)).await;
        bench.audit(task_id).await;
    }
    let result = bench.steps(task_id).await[1].result.clone().unwrap();
    assert_eq!(result.as_str(), format!("[{}]", odd.join(",")), "as they were written");
    let sum = bench.claim(&["handle"], 9).await;
    assert_eq!(sum.iter().map(|claimed| claimed.id.idx).collect::<Vec<_>>(), [2]);
    bench.report(lease(&sum[0]), succeeded("6")).await;
    assert_eq!(bench.task(task_id).await.state, TaskState::Complete);
}

pub(super) async fn parts_know_what_they_have_to_do(store: Arc<dyn Store>) {
    let mut bench = Bench::new(store).await;
    let item = Json::parse(r#"{"row": 1.50, "text": "it's \u0000"}"#.to_owned()).unwrap();
    let batches = Batches::Items(vec![item.clone(), Json::null()]);
    let task_id = split(&mut bench, batches, |_| {}).await;
    let wanted: Vec<u32> = (0..2).map(|part| StepPlace::part(1, part).idx()).collect();
    let request = PayloadRequest { work: wanted.clone(), ..PayloadRequest::new(task_id) };
    let answer = bench.store.payloads(&[request]).await.unwrap().remove(0);
    let work = |index: u32, item: &Json| Work {
        part: Some(BatchPart { index, of: 2, work: BatchWork::Item(item.clone()) }),
        checkpoint: None,
    };
    assert_eq!(answer.work, [(wanted[0], work(0, &item)), (wanted[1], work(1, &Json::null()))]);

    let ranges = Batches::Ranges(vec![CursorRange { start: 7, end: 9 }]);
    let other = split(&mut bench, ranges, |_| {}).await;
    let request = PayloadRequest { work: wanted[..1].to_vec(), parts: vec![1], ..PayloadRequest::new(other) };
    let answer = bench.store.payloads(&[request]).await.unwrap().remove(0);
    let part = answer.work[0].1.part.clone().unwrap();
    assert_eq!((part.of, part.work), (1, BatchWork::Range(CursorRange { start: 7, end: 9 })));
    assert!(answer.parts.is_empty(), "none has a result");
}

pub(super) async fn parts_run_as_many_as_may(store: Arc<dyn Store>) {
    let mut bench = Bench::new(store).await;
    let task_id = split(&mut bench, ranges(5), |step| step.parallelism = Some(2)).await;
    let mut ran = Vec::new();
    let mut running = bench.claim(&["handle"], 9).await;
    while running.iter().all(|claimed| part(claimed).is_some()) {
        assert!(running.len() <= 2);
        ran.extend(ids(&running));
        let inputs: Vec<_> = running.iter().map(|claimed| report_of(claimed, succeeded("1"))).collect();
        running = bench.transact(&inputs, Some(&bench.claim_of(&["handle"], 9))).await.claimed;
        bench.audit(task_id).await;
    }
    assert_eq!(ran.len(), 5);
    assert_eq!(bench.states(task_id).await[1], StepState::Complete);
}

pub(super) async fn parts_fall_with_one_that_failed(store: Arc<dyn Store>) {
    let mut bench = Bench::new(store).await;
    let task_id = split(&mut bench, ranges(4), |step| {
        step.failure_strategy = Some(FailureStrategy::FailFast);
        step.parallelism = Some(3);
    })
    .await;
    let running = bench.claim(&["handle"], 9).await;
    bench.report(lease(&running[0]), succeeded("0")).await;
    bench.report(lease(&running[1]), failed(StepError::permanent("broken", "it broke"))).await;
    bench.audit(task_id).await;
    assert_eq!(bench.task(task_id).await.state, TaskState::Error);
    let retry = operate(task_id, Verb::Retry(Which::Name("work".into())));
    bench.transact(&[retry], None).await;
    bench.audit(task_id).await;
    for _ in 0..2 {
        for claimed in bench.claim(&["handle"], 9).await {
            bench.report(lease(&claimed), succeeded("1")).await;
        }
    }
    bench.audit(task_id).await;
    assert_eq!(bench.task(task_id).await.state, TaskState::Complete);
    let result = bench.steps(task_id).await[1].result.clone().unwrap();
    assert_eq!(result.as_str(), "[0,1,1,1]");
}

pub(super) async fn many_parts_are_added_and_counted(store: Arc<dyn Store>) {
    const PARTS: u32 = 2_000;
    let mut bench = Bench::new(store).await;
    let task_id = split(&mut bench, ranges(PARTS.into()), |_| {}).await;
    let states = async || bench.store.count_parts(task_id).await.unwrap();
    assert_eq!(states().await, [(1, StepState::Enqueued, PARTS)]);
    let some = bench.claim(&["handle"], 100).await;
    let inputs: Vec<_> = some.iter().map(|claimed| report_of(claimed, succeeded("null"))).collect();
    bench.transact(&inputs, Some(&bench.claim_of(&["handle"], 10))).await;
    let counts = [(1, StepState::Complete, 100), (1, StepState::Enqueued, PARTS - 110), (1, StepState::InProgress, 10)];
    assert_eq!(states().await, counts);
    bench.audit(task_id).await;
    let page =
        bench.store.steps_in(task_id, StepPlace::part(1, 50).idx()..StepPlace::parts_of(1).end, 3).await.unwrap();
    assert_eq!(page.iter().map(|step| step.name.as_str()).collect::<Vec<_>>(), ["work[50]", "work[51]", "work[52]"]);
    assert!(bench.store.oddities(10, 10).await.unwrap().is_empty());
    bench.transact(&[operate(task_id, Verb::Cancel)], None).await;
    bench.audit(task_id).await;
    assert_eq!(states().await, [(1, StepState::Cancelled, PARTS - 100), (1, StepState::Complete, 100)]);
}
