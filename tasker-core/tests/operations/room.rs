//! Answers that have room for some of the steps that were asked for.

use tasker_core::{
    model::Json,
    orchestration::{Room, SubmitTask},
    state::Look,
};

use crate::bench::{done, everywhere};

const BYTES: usize = 100_000;

#[tokio::test(flavor = "multi_thread")]
async fn steps_that_there_is_no_room_for_stay_in_their_queues() {
    everywhere("room", async |bench| {
        let input = Json::from(&serde_json::json!({"order": "x".repeat(BYTES)}));
        for _ in 0..100 {
            bench.engine.submit(SubmitTask::new("shop", "order", input.clone())).await.unwrap();
        }
        let session = bench.worker(&["pay"]).await;
        let room = Some(Room { bytes: 8 * BYTES, shares: true });
        let (mut reports, mut answers) = (Vec::new(), Vec::new());
        loop {
            let reported = bench.engine.report_within(&session, reports, 100, Look::Always, room).await.unwrap();
            let assignments = reported.assignments;
            if assignments.is_empty() {
                break;
            }
            assert!(assignments.iter().all(|assignment| assignment.failures == 0), "nothing is counted against them");
            answers.push(assignments.len());
            reports =
                assignments.iter().map(|it| tasker_core::model::Report { lease: it.lease, outcome: done() }).collect();
        }
        assert_eq!(answers, [vec![8; 12], vec![4]].concat(), "the one that goes over is the last");
    })
    .await;
}

/// The steps of one task that have the same before them are sent their values once.
#[tokio::test(flavor = "multi_thread")]
async fn what_steps_have_in_common_takes_room_once() {
    everywhere("shared-room", async |bench| {
        let steps: String =
            (0..50).map(|step| format!("  - {{name: s{step}, handler: {{callable: wide}}}}\n")).collect();
        let yaml = format!("name: wide\nnamespace: shop\nversion: 1.0.0\nsteps:\n{steps}");
        bench.engine.register_yaml(&yaml, "wide.yaml").await.unwrap();
        let input = Json::from(&serde_json::json!({"order": "x".repeat(BYTES)}));
        for (shares, expected) in [(true, 50), (false, 8)] {
            bench.engine.submit(SubmitTask::new("shop", "wide", input.clone())).await.unwrap();
            let session = bench.worker(&["wide"]).await;
            let room = Some(Room { bytes: 8 * BYTES, shares });
            let reported = bench.engine.report_within(&session, Vec::new(), 50, Look::Always, room).await.unwrap();
            assert_eq!(reported.assignments.len(), expected);
        }
    })
    .await;
}
