use sqlx::{Connection, Executor, PgConnection};

use crate::bench::{Bench, everywhere};

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_database_has_nothing_but_missing_workers() {
    everywhere("doctor", async |bench: Bench| {
        assert_eq!(bench.engine.doctor().await.unwrap(), []);
        bench.submit().await;
        let codes: Vec<_> = bench.engine.doctor().await.unwrap().into_iter().map(|finding| finding.code).collect();
        assert_eq!(codes, ["no_workers"]);
        bench.worker(&["pay"]).await;
        assert_eq!(bench.engine.doctor().await.unwrap(), []);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_broken_invariant_is_found() {
    let breaks = [
        ("counts_wrong", "update tasker.tasks set done = 1"),
        ("unmet_wrong", "update tasker.steps set unmet = 2 where idx = 1"),
        ("events_gap", "delete from tasker.events where first_seq = 1"),
        ("task_stuck", "update tasker.steps set state = 'pending' where idx = 0"),
        (
            "sweep_late",
            "update tasker.steps set state = 'waiting_for_retry', due_at = now() - interval '5 minutes' where idx = 0",
        ),
    ];
    let Some(bench) = Bench::on_postgres("sick").await else { return };
    bench.worker(&["pay"]).await;
    let mut connection = PgConnection::connect(bench.url.as_deref().unwrap()).await.unwrap();
    for (code, statement) in breaks {
        let task_id = bench.submit().await;
        let mut findings = bench.engine.doctor().await.unwrap();
        assert_eq!(findings, [], "before {code}");
        connection.execute(statement).await.unwrap();
        findings = bench.engine.doctor().await.unwrap();
        let finding = findings.iter().find(|finding| finding.code == code);
        let finding = finding.unwrap_or_else(|| panic!("{code} is not among {findings:?}"));
        assert!(finding.places.iter().all(|place| place.starts_with(&task_id.to_string())), "{finding:?}");
        connection.execute("truncate tasker.tasks, tasker.steps, tasker.events").await.unwrap();
    }
}
