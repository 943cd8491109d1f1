use sqlx::{Connection, Executor, PgConnection};
use tasker_core::{
    events::throwaway::NatsServer,
    model::{Json, limits},
    orchestration::SubmitTask,
};

use crate::bench::{Bench, assert_complete, everywhere, ids, messages, relay, stream};

#[tokio::test(flavor = "multi_thread")]
async fn events_wait_until_nats_is_there() {
    if !NatsServer::is_installed() {
        return;
    }
    everywhere("down", async |bench| {
        let mut nats = NatsServer::stopped();
        let _relay = relay(&bench, &nats.url(), 1).await;
        bench.run(3).await;
        nats.restart();
        assert_complete(&bench, &stream(&nats.url()).await).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_survive_that_nats_is_killed_again_and_again() {
    let Some(mut nats) = NatsServer::start() else { return };
    let Some(bench) = Bench::on_postgres("killed").await else { return };
    let _relay = relay(&bench, &nats.url(), 1).await;
    for _ in 0..4 {
        bench.run(20).await;
        nats.restart();
        bench.run(5).await;
    }
    assert_complete(&bench, &stream(&nats.url()).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stands_still_only_costs_time() {
    let Some(nats) = NatsServer::start() else { return };
    let bench = Bench::on_sqlite().await;
    let _relay = relay(&bench, &nats.url(), 1).await;
    bench.run(10).await;
    nats.signal("STOP");
    bench.run(10).await;
    nats.signal("CONT");
    assert_complete(&bench, &stream(&nats.url()).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_was_wiped_is_filled_again() {
    if !NatsServer::is_installed() {
        return;
    }
    everywhere("wiped", async |bench| {
        let mut nats = NatsServer::stopped();
        nats.restart();
        let _relay = relay(&bench, &nats.url(), 1).await;
        bench.run(3).await;
        assert_complete(&bench, &stream(&nats.url()).await).await;
        nats.wipe();
        nats.restart();
        bench.run(1).await;
        assert_complete(&bench, &stream(&nats.url()).await).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_removed_from_a_stream_is_not_sent_again() {
    let Some(nats) = NatsServer::start() else { return };
    let bench = Bench::on_sqlite().await;
    let first = relay(&bench, &nats.url(), 1).await;
    bench.run(2).await;
    let stream = stream(&nats.url()).await;
    let before = bench.log().await.len();
    messages(&stream, before).await;
    first.stop().await;
    stream.purge().await.unwrap();

    let _second = relay(&bench, &nats.url(), 1).await;
    let task_id = bench.run(1).await[0];
    let log = bench.log().await;
    let found = messages(&stream, log.len() - before).await;
    assert_eq!(ids(&found), log[before..]);
    assert!(found.iter().all(|message| message.event.partitionkey == task_id));
}

/// As where a standby takes over that lacked the last commits: its transactions go on from lower numbers than the stream has seen.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_database_has_lost_hides_nothing_that_happens_then() {
    let Some(nats) = NatsServer::start() else { return };
    let Some(bench) = Bench::on_postgres("lost").await else { return };
    let first = relay(&bench, &nats.url(), 1).await;
    let kept = bench.run(2).await;
    let stream = stream(&nats.url()).await;
    let before = bench.log().await.len();
    messages(&stream, before).await;
    first.stop().await;

    let mut database = PgConnection::connect(bench.url.as_deref().unwrap()).await.unwrap();
    database.execute("create table place as select * from tasker.relays").await.unwrap();
    let second = relay(&bench, &nats.url(), 1).await;
    let lost = bench.run(1).await[0];
    let sent = bench.log().await.len();
    messages(&stream, sent).await;
    second.stop().await;
    let then = bench.run(1).await[0];
    for statement in [
        "update tasker.events set position = (select min(position) from tasker.events where task_id = $1) where task_id = $2",
        "delete from tasker.events where task_id = $1 and $2 is not null",
        "delete from tasker.tasks where id = $1 and $2 is not null",
    ] {
        sqlx::query(statement).bind(lost.0).bind(then.0).execute(&mut database).await.unwrap();
    }
    database.execute("delete from tasker.relays; insert into tasker.relays select * from place").await.unwrap();

    let _third = relay(&bench, &nats.url(), 1).await;
    let new = bench.log().await.len() - before;
    let found = messages(&stream, sent + new).await;
    assert!(found[..before].iter().all(|message| kept.contains(&message.event.partitionkey)));
    assert!(found[before..sent].iter().all(|message| message.event.partitionkey == lost));
    assert!(found[sent..].iter().all(|message| message.event.partitionkey == then), "each once");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_too_large_says_where_it_can_be_read() {
    let Some(nats) = NatsServer::start() else { return };
    let bench = Bench::on_sqlite().await;
    let _relay = relay(&bench, &nats.url(), 1).await;
    let template = "
name: large
namespace: shop
version: 1.0.0
steps: [{name: go, type: wait, wait: {signal: go}}]
";
    bench.engine.register_yaml(template, "large.yaml").await.unwrap();
    let task_id = bench.engine.submit(SubmitTask::new("shop", "large", Json::null())).await.unwrap().task_id;
    bench.engine.sweep().await.unwrap();
    let payload = Json::from(&serde_json::json!("x".repeat(limits::PAYLOAD_BYTES - 2)));
    bench.engine.signal(task_id, "go", payload, None).await.unwrap();
    let found = messages(&stream(&nats.url()).await, bench.log().await.len()).await;
    let large = found.iter().find(|message| message.event.kind == "tasker.signal.received").unwrap();
    assert_eq!(large.event.data, None);
    let seq = large.event.seq().unwrap();
    assert_eq!(large.event.dataref, Some(format!("/v1/tasks/{task_id}/events?after={}", seq - 1)));
    assert_complete(&bench, &stream(&nats.url()).await).await;
}
