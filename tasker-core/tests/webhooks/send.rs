use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tasker_core::{
    events::{CloudEvent, Data},
    model::{Actor, Json},
    orchestration::{DeliveryState, NewWebhook, TryError, WebhookState},
};

use crate::{
    bench::{Bench, everywhere},
    receiver::{Answer, Receiver, Request},
};

/// Whether a message is signed with a secret, looked at as a receiver would.
fn is_signed(request: &Request, secret: &str) -> bool {
    let key = BASE64_STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    let header = |name: &str| &request.headers[name];
    mac.update(format!("{}.{}.{}", header("webhook-id"), header("webhook-timestamp"), request.body).as_bytes());
    let expected = format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()));
    header("webhook-signature").split(' ').any(|signature| signature == expected)
}

fn event(request: &Request) -> CloudEvent {
    serde_json::from_str(&request.body).unwrap()
}

fn to(receiver: &Receiver) -> NewWebhook {
    NewWebhook { url: receiver.url(), ..NewWebhook::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_is_sent_signed_and_in_the_order_of_the_log() {
    everywhere("order", async |bench| {
        let mut receiver = Receiver::start(Answer::Status(204)).await;
        let sending = bench.send();
        bench.run().await;
        let before = bench.log().await.len();
        let created = bench.webhook(to(&receiver)).await;
        bench.run().await;
        let expected = bench.log().await.split_off(before);
        for id in &expected {
            let request = receiver.next().await;
            assert_eq!(event(&request).id, *id);
            assert_eq!(request.headers["content-type"], "application/cloudevents+json");
            assert!(is_signed(&request, &created.secret) && !is_signed(&request, "whsec_AAAA"));
        }
        let last = bench.delivery(created.webhook.webhook_id, DeliveryState::Delivered).await;
        assert_eq!((last.kind.as_str(), last.events, last.tries.len()), ("task.completed", 1, 1));
        assert_eq!((last.tries[0].status, last.tries[0].error), (Some(204), None));
        sending.stop().await;
        let relays = bench.engine.store().relays().await.unwrap();
        assert_eq!(relays[0].behind_since, None, "it has recorded that all was sent");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_leave_out_and_batches_go_together() {
    everywhere("filter", async |bench| {
        let mut receiver = Receiver::start(Answer::Status(200)).await;
        let paid = NewWebhook { types: vec!["order.paid".to_owned()], ..to(&receiver) };
        let elsewhere = NewWebhook { namespace: Some("other".to_owned()), ..to(&receiver) };
        let (paid, elsewhere) = (bench.webhook(paid).await, bench.webhook(elsewhere).await);
        let (first, second) = (bench.run().await, bench.run().await);
        let sending = bench.send();
        for task_id in [first, second] {
            let event = event(&receiver.next().await);
            assert_eq!((event.kind.as_str(), event.partitionkey), ("order.paid", task_id));
            assert_eq!(event.data, Some(Data::Json(Json::from(&serde_json::json!({"amount": 3})))));
        }
        let none = bench.engine.deliveries(elsewhere.webhook.webhook_id, None, None, 10).await.unwrap();
        assert_eq!(none.items, []);
        bench.engine.delete_webhook(paid.webhook.webhook_id, &Actor::default()).await.unwrap();

        let all = NewWebhook { batch: Some(100), after: Some("start".to_owned()), ..to(&receiver) };
        let all = bench.webhook(all).await;
        let request = receiver.next().await;
        assert_eq!(request.headers["content-type"], "application/cloudevents-batch+json");
        let events: Vec<CloudEvent> = serde_json::from_str(&request.body).unwrap();
        let ids: Vec<_> = events.into_iter().map(|event| event.id).collect();
        assert_eq!(ids, bench.log().await, "the whole log in one message");
        let delivery = bench.delivery(all.webhook.webhook_id, DeliveryState::Delivered).await;
        assert_eq!(delivery.events as usize, ids.len());
        drop(sending);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_secrets_sign_after_a_change() {
    everywhere("rotate", async |bench| {
        let mut receiver = Receiver::start(Answer::Status(200)).await;
        let created = bench.webhook(NewWebhook { types: vec!["order.paid".to_owned()], ..to(&receiver) }).await;
        let sending = bench.send();
        bench.run().await;
        assert!(is_signed(&receiver.next().await, &created.secret));
        let rotated = bench.engine.rotate_webhook(created.webhook.webhook_id, &Actor::named("ann")).await.unwrap();
        assert_eq!(rotated.webhook.changed_by.as_deref(), Some("ann"));
        bench.run().await;
        // What was under way may have been signed before.
        loop {
            let request = receiver.next().await;
            assert!(is_signed(&request, &created.secret), "the old one is good for a day");
            if is_signed(&request, &rotated.secret) {
                break;
            }
            bench.run().await;
        }
        drop(sending);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_failed_is_sent_again_by_hand() {
    everywhere("again", async |bench| {
        let mut receiver = Receiver::start(Answer::Status(500)).await;
        let types = vec!["order.paid".to_owned()];
        let created = bench.webhook(NewWebhook { types, tries: Some(2), ..to(&receiver) }).await;
        let id = created.webhook.webhook_id;
        let sending = bench.send();
        bench.run().await;
        let failed = bench.delivery(id, DeliveryState::Failed).await;
        assert_eq!(failed.tries.iter().map(|it| it.error).collect::<Vec<_>>(), [Some(TryError::Status); 2]);
        assert_eq!(failed.tries_left, 0);
        bench.failures(id, 1).await;
        let (first, second) = (receiver.next().await, receiver.next().await);
        assert_eq!(first.headers["webhook-id"], second.headers["webhook-id"], "the same message");

        receiver.answer(Answer::Status(200));
        let ann = Actor::named("ann").because("mended");
        bench.engine.redeliver(id, failed.delivery_id, &ann).await.unwrap();
        let third = receiver.next().await;
        assert_eq!((&third.headers["webhook-id"], &third.body), (&first.headers["webhook-id"], &first.body));
        let delivered = bench.delivery(id, DeliveryState::Delivered).await;
        assert_eq!((delivered.tries.len(), delivered.asked_by.as_deref()), (3, Some("ann")));
        let unknown = bench.engine.redeliver(id, uuid::Uuid::now_v7(), &ann).await.unwrap_err();
        assert_eq!(unknown.code(), "delivery_not_found");
        bench.engine.disable_webhook(id, &ann).await.unwrap();
        let stopped = bench.engine.redeliver(id, failed.delivery_id, &ann).await.unwrap_err();
        assert_eq!(stopped.code(), "webhook_inactive");
        drop(sending);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stopped_goes_on_where_it_was() {
    everywhere("stop", async |bench| {
        let mut receiver = Receiver::start(Answer::Status(200)).await;
        let created = bench.webhook(NewWebhook { types: vec!["order.paid".to_owned()], ..to(&receiver) }).await;
        let id = created.webhook.webhook_id;
        let stopped = bench.engine.disable_webhook(id, &Actor::named("ann")).await.unwrap();
        assert_eq!(stopped.state, WebhookState::Disabled);
        let sending = bench.send();
        let task_id = bench.run().await;
        assert!(bench.engine.store().relays().await.unwrap()[0].behind_since.is_some(), "it is kept from retention");
        bench.engine.enable_webhook(id, &Actor::named("ann")).await.unwrap();
        assert_eq!(event(&receiver.next().await).partitionkey, task_id);
        drop(sending);
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused() {
    everywhere("refuse", async |bench: Bench| {
        let good = NewWebhook { name: "it".to_owned(), url: "https://example.com".to_owned(), ..NewWebhook::default() };
        let bad = [
            ("name", NewWebhook { name: " ".to_owned(), ..good.clone() }),
            ("url", NewWebhook { url: "file:///etc/passwd".to_owned(), ..good.clone() }),
            ("batch", NewWebhook { batch: Some(101), ..good.clone() }),
            ("tries", NewWebhook { tries: Some(0), ..good.clone() }),
            ("timeout_ms", NewWebhook { timeout_ms: Some(30_001), ..good.clone() }),
            ("after", NewWebhook { after: Some("then".to_owned()), ..good.clone() }),
            ("by", NewWebhook { by: Some("\0".to_owned()), ..good.clone() }),
        ];
        for (place, new) in bad {
            let error = bench.engine.create_webhook(new).await.unwrap_err();
            let tasker_core::orchestration::Error::FieldInvalid { field, .. } = error else { panic!("{error}") };
            assert_eq!(field, place);
        }
        assert_eq!(bench.engine.webhooks().await.unwrap(), []);
        let unknown = bench.engine.webhook(uuid::Uuid::now_v7()).await.unwrap_err();
        assert_eq!(unknown.code(), "webhook_not_found");
    })
    .await;
}
