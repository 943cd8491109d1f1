use std::sync::Arc;

use tasker_core::{
    events::{CloudEvent, WebhookOptions, Webhooks},
    model::Actor,
    orchestration::{DeliveryState, NewWebhook, TryError, WebhookState},
};

use crate::{
    bench::{Bench, everywhere},
    receiver::{Answer, Receiver},
};

fn paid(url: String) -> NewWebhook {
    NewWebhook { url, types: vec!["order.paid".to_owned()], tries: Some(30), ..NewWebhook::default() }
}

/// The first delivery with as many tries.
async fn tries(bench: &Bench, id: uuid::Uuid, count: usize) -> Vec<Option<TryError>> {
    bench
        .until(async |engine| {
            let newest = engine.deliveries(id, None, None, 1).await.unwrap().items.pop()?;
            let errors: Vec<_> = newest.tries.iter().map(|it| it.error).collect();
            (errors.len() >= count).then_some(errors)
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_down_gets_everything_when_it_comes_back() {
    everywhere("down", async |bench| {
        let receiver = Receiver::start(Answer::Status(200)).await;
        let (port, url) = (receiver.port, receiver.url());
        drop(receiver);
        let id = bench.webhook(paid(url)).await.webhook.webhook_id;
        let sending = bench.send();
        let tasks = [bench.run().await, bench.run().await, bench.run().await];
        assert_eq!(tries(&bench, id, 2).await[0], Some(TryError::Unreachable));
        let mut receiver = Receiver::at(port, Answer::Status(200)).await;
        for task_id in tasks {
            let event: CloudEvent = serde_json::from_str(&receiver.next().await.body).unwrap();
            assert_eq!(event.partitionkey, task_id, "in order, and none is missing");
        }
        bench.delivery(id, DeliveryState::Delivered).await;
        assert!(sending.delivering().retried() >= 2);
        assert_eq!(sending.delivering().failed(), 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_slow_broken_or_elsewhere_is_asked_again() {
    everywhere("slow", async |bench| {
        let mut target = Receiver::start(Answer::Status(200)).await;
        let mut receiver = Receiver::start(Answer::Silence).await;
        let id = bench.webhook(NewWebhook { timeout_ms: Some(50), ..paid(receiver.url()) }).await.webhook.webhook_id;
        let sending = bench.send();
        bench.run().await;
        assert_eq!(tries(&bench, id, 1).await, [Some(TryError::Timeout)]);
        let so_far = async |error| {
            bench
                .until(async |engine| {
                    let newest = engine.deliveries(id, None, None, 1).await.unwrap().items.pop()?;
                    newest.tries.iter().any(|it| it.error == Some(error)).then_some(())
                })
                .await;
        };
        receiver.answer(Answer::With(307, "location", target.url()));
        so_far(TryError::Redirected).await;
        receiver.answer(Answer::Status(503));
        so_far(TryError::Status).await;
        receiver.answer(Answer::Status(202));
        bench.delivery(id, DeliveryState::Delivered).await;
        assert!(target.requests.try_recv().is_err(), "a redirect is not followed");
        assert!(receiver.requests.try_recv().is_ok());
        drop(sending);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_counts_although_the_rest_of_the_answer_never_comes() {
    everywhere("endless", async |bench| {
        let receiver = Receiver::start(Answer::Endless(200)).await;
        let once = NewWebhook { timeout_ms: Some(500), tries: Some(1), ..paid(receiver.url()) };
        let id = bench.webhook(once).await.webhook.webhook_id;
        let sending = bench.send();
        bench.run().await;
        assert_eq!(tries(&bench, id, 1).await, [None]);
        drop(sending);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn private_addresses_are_not_sent_to() {
    everywhere("private", async |bench| {
        let mut receiver = Receiver::start(Answer::Status(200)).await;
        let port = receiver.port;
        // A name is looked up; an address is not; and there are many ways to write one.
        let hosts = ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "[::1]", "2130706433", "0x7f.1"];
        let mut ids = Vec::new();
        for host in hosts {
            ids.push(bench.webhook(paid(format!("http://{host}:{port}/"))).await.webhook.webhook_id);
        }
        let sending = Webhooks::start(Arc::clone(&bench.engine), WebhookOptions::default()).unwrap();
        bench.run().await;
        for (id, host) in ids.into_iter().zip(hosts) {
            assert_eq!(tries(&bench, id, 1).await[0], Some(TryError::AddressRefused), "{host}");
        }
        assert!(receiver.requests.try_recv().is_err(), "nothing was sent");
        drop(sending);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_fails_for_good_is_given_up_and_loses_nothing() {
    everywhere("give-up", async |bench| {
        let mut receiver = Receiver::start(Answer::Status(500)).await;
        let id = bench.webhook(NewWebhook { tries: Some(1), ..paid(receiver.url()) }).await.webhook.webhook_id;
        let sending = bench.send();
        let mut tasks = Vec::new();
        for _ in 0..7 {
            tasks.push(bench.run().await);
        }
        let known = bench
            .until(async |engine| {
                Some(engine.webhook(id).await.unwrap()).filter(|known| known.state == WebhookState::Failed)
            })
            .await;
        assert_eq!((known.failures, known.changed_by.as_deref()), (5, Some("tasker")));
        for _ in 0..5 {
            receiver.next().await;
        }
        receiver.answer(Answer::Status(200));
        bench.engine.enable_webhook(id, &Actor::named("ann")).await.unwrap();
        for task_id in &tasks[5..] {
            let event: CloudEvent = serde_json::from_str(&receiver.next().await.body).unwrap();
            assert_eq!(event.partitionkey, *task_id, "it goes on behind what failed");
        }
        let failed = bench.engine.deliveries(id, Some(DeliveryState::Failed), None, 10).await.unwrap();
        assert_eq!(failed.items.len(), 5, "what failed is known");

        receiver.answer(Answer::Status(410));
        bench.run().await;
        let gone = async |engine: &tasker_core::orchestration::Engine| {
            Some(engine.webhook(id).await.unwrap()).filter(|known| known.state == WebhookState::Failed)
        };
        assert_eq!(bench.until(gone).await.failures, 1, "who says that it is gone is believed");
        drop(sending);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_beside_each_other_send_each_message_once() {
    everywhere("many", async |bench| {
        let mut receiver = Receiver::start(Answer::Status(200)).await;
        let id = bench.webhook(NewWebhook { url: receiver.url(), ..NewWebhook::default() }).await.webhook.webhook_id;
        let (first, second) = (bench.send(), bench.send());
        for _ in 0..5 {
            bench.run().await;
        }
        first.stop().await;
        for _ in 0..5 {
            bench.run().await;
        }
        let log = bench.log().await;
        let mut sent = Vec::new();
        for _ in &log {
            let event: CloudEvent = serde_json::from_str(&receiver.next().await.body).unwrap();
            sent.push(event.id);
        }
        assert_eq!(sent, log);
        bench.delivery(id, DeliveryState::Delivered).await;
        second.stop().await;
        assert!(receiver.requests.try_recv().is_err(), "nothing comes twice");
    })
    .await;
}
