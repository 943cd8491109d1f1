use std::{num::NonZeroU32, sync::Arc};

use sqlx::{Connection, Executor, PgConnection};
use tasker_core::{
    events::{Data, NatsError, NatsOptions, Relay, throwaway::NatsServer},
    model::{Json, TaskId},
};

use crate::bench::{Bench, assert_complete, everywhere, ids, messages, relay, stream};

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_arrives_as_cloud_events_in_the_order_of_the_log() {
    everywhere("arrive", async |bench| {
        let Some(nats) = NatsServer::start() else { return };
        let relay = relay(&bench, &nats.url(), 1).await;
        let task_id = bench.run(1).await[0];
        let stream = stream(&nats.url()).await;
        let log = bench.log().await;
        let found = messages(&stream, log.len()).await;
        assert_eq!(ids(&found), log);
        assert!(found.iter().all(|message| message.message_id == message.event.id));
        assert_eq!(found[0].subject, "tasker.events.shop.line%2Eitems.task.created");
        let paid = found.iter().find(|message| message.event.kind == "order.paid").unwrap();
        assert_eq!(paid.subject, "tasker.events.shop.line%2Eitems.domain.order.paid");
        assert_eq!(paid.event.data, Some(Data::Json(Json::from(&serde_json::json!({"amount": 3})))));
        assert_eq!(found.last().unwrap().event.kind, "tasker.task.completed");
        assert_eq!(found.last().unwrap().event.partitionkey, task_id);
        assert_eq!(relay.relaying().failures(), 0);
        relay.stop().await;
        let known = bench.engine.store().relays().await.unwrap().remove(0);
        assert_eq!(
            (known.holder, known.behind_since),
            (None, None),
            "it has recorded that all has arrived, and let go"
        );
    })
    .await;
}

/// A reader that goes on from the last position it saw would lose what is committed late.
#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_commits_late_is_not_skipped() {
    let Some(nats) = NatsServer::start() else { return };
    let Some(bench) = Bench::on_postgres("late").await else { return };
    let _relay = relay(&bench, &nats.url(), 1).await;
    let first = bench.submit().await;
    let stream = stream(&nats.url()).await;
    messages(&stream, 1).await;

    let mut slow = PgConnection::connect(bench.url.as_deref().unwrap()).await.unwrap();
    slow.execute("begin").await.unwrap();
    let late = TaskId::new();
    let copies = [
        "insert into tasker.tasks select (json_populate_record(t, json_build_object('id', $2::uuid))).* from tasker.tasks t where id = $1",
        "insert into tasker.events (task_id, first_seq, at, facts) select $2, first_seq, at, facts from tasker.events where task_id = $1",
    ];
    for copy in copies {
        sqlx::query(copy).bind(first.0).bind(late.0).execute(&mut slow).await.unwrap();
    }
    // Begun later and committed earlier.
    let early = bench.submit().await;
    let after = bench.engine.end_of_events().await.unwrap();
    assert!(bench.engine.history(early, 0).await.unwrap().len() == 1 && after.position > 0);
    slow.execute("commit").await.unwrap();

    let found = messages(&stream, 3).await;
    let tasks: Vec<_> = found.iter().map(|message| message.event.partitionkey).collect();
    assert_eq!(tasks, [first, late, early], "none is lost, and none comes twice");
    assert_complete(&bench, &stream).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn relays_beside_each_other_send_each_event_once() {
    let Some(nats) = NatsServer::start() else { return };
    let Some(bench) = Bench::on_postgres("many").await else { return };
    let first = relay(&bench, &nats.url(), 1).await;
    let others = [relay(&bench, &nats.url(), 1).await, relay(&bench, &nats.url(), 1).await];
    bench.run(40).await;
    first.stop().await;
    bench.run(40).await;
    assert_complete(&bench, &stream(&nats.url()).await).await;
    drop(others);
}

/// Even where the database lets two relays carry, because one of them was thought dead, the stream takes each event once.
#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_was_replaced_without_knowing_does_no_harm() {
    everywhere("replaced", async |bench| {
        let Some(nats) = NatsServer::start() else { return };
        let relays = [relay(&bench, &nats.url(), 1).await, relay(&bench, &nats.url(), 1).await];
        for _ in 0..10 {
            bench.run(8).await;
            // As if its lease had run out.
            for known in bench.engine.store().relays().await.unwrap() {
                if let Some(holder) = known.holder {
                    bench.engine.store().release_relay(&known.name, holder).await.unwrap();
                }
            }
        }
        assert_complete(&bench, &stream(&nats.url()).await).await;
        drop(relays);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_may_carry_little_at_a_time_carries_all() {
    everywhere("bound", async |bench| {
        let Some(nats) = NatsServer::start() else { return };
        let options = NatsOptions { max_rate: NonZeroU32::new(400), ..NatsOptions::at(nats.url()) };
        let relay = Relay::start(Arc::clone(&bench.engine), options).await.unwrap();
        bench.run(20).await;
        assert_complete(&bench, &stream(&nats.url()).await).await;
        bench.run(20).await;
        relay.stop().await;
        let unbound = Relay::start(Arc::clone(&bench.engine), NatsOptions::at(nats.url())).await.unwrap();
        assert_complete(&bench, &stream(&nats.url()).await).await;
        drop(unbound);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unusable_url_is_refused_at_once() {
    let bench = Bench::on_sqlite().await;
    let options = NatsOptions::at("http://localhost");
    let refused = Relay::start(Arc::clone(&bench.engine), options).await;
    assert!(matches!(refused, Err(NatsError::Url(_))));
}
