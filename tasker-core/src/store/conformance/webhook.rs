use std::sync::Arc;

use uuid::Uuid;

use crate::{
    model::{Actor, TaskId},
    store::{DeliveryFilter, EventCursor, NewDelivery, RelayPlace, Store},
};

const LEASE_MS: u64 = 60_000;

async fn webhook(store: &dyn Store) -> Uuid {
    let id = Uuid::now_v7();
    store.put_webhook(id, "{\"name\":\"it\"}", "secret", &Actor::named("ann").because("to see")).await.unwrap();
    id
}

fn delivery(webhook_id: Uuid, seq: i64) -> NewDelivery {
    let place = |seq| EventCursor { position: 7, task_id: TaskId(Uuid::nil()), seq };
    let (id, places) = (Uuid::now_v7(), (place(seq), place(seq + 1)));
    NewDelivery { id, webhook_id, places, events: 1, kind: "task.completed".to_owned(), tries_left: 2 }
}

pub(super) async fn one_process_sends_to_an_active_webhook(store: Arc<dyn Store>) {
    store.migrate().await.unwrap();
    let (first, second) = (Uuid::now_v7(), Uuid::now_v7());
    let id = webhook(&*store).await;
    let known = store.webhooks(Some(id), 1).await.unwrap().remove(0);
    assert_eq!((known.state.as_str(), known.failures, known.secret.as_str()), ("active", 0, "secret"));
    assert_eq!((known.created_by.as_deref(), known.created_because.as_deref()), (Some("ann"), Some("to see")));
    assert_eq!(store.hold_webhooks(first, LEASE_MS).await.unwrap(), std::slice::from_ref(&known));
    assert_eq!(store.hold_webhooks(first, LEASE_MS).await.unwrap(), std::slice::from_ref(&known), "it goes on");
    assert_eq!(store.hold_webhooks(second, LEASE_MS).await.unwrap(), []);
    store.release_webhooks(first).await.unwrap();
    assert_eq!(store.hold_webhooks(second, LEASE_MS).await.unwrap(), [known]);

    let bob = Actor::named("bob").because("noisy");
    assert!(store.set_webhook_state(id, "disabled", &bob).await.unwrap());
    assert!(!store.set_webhook_state(id, "disabled", &bob).await.unwrap(), "it is");
    assert_eq!(store.hold_webhooks(second, LEASE_MS).await.unwrap(), [], "nothing is sent");
    let known = store.webhooks(Some(id), 1).await.unwrap().remove(0);
    assert_eq!((known.changed_by.as_deref(), known.changed_because.as_deref()), (Some("bob"), Some("noisy")));
    assert!(known.changed_at.is_some());
    assert!(store.set_webhook_state(id, "active", &Actor::default()).await.unwrap());
    assert!(!store.set_webhook_state(Uuid::now_v7(), "active", &bob).await.unwrap());
}

pub(super) async fn a_webhook_is_given_up_after_failures_in_a_row(store: Arc<dyn Store>) {
    store.migrate().await.unwrap();
    let id = webhook(&*store).await;
    assert!(!store.count_webhook_failure(id, true, 2, "they failed").await.unwrap());
    assert!(!store.count_webhook_failure(id, false, 2, "they failed").await.unwrap(), "one arrived in between");
    assert!(!store.count_webhook_failure(id, true, 2, "they failed").await.unwrap());
    assert!(store.count_webhook_failure(id, true, 2, "they failed").await.unwrap());
    let known = store.webhooks(Some(id), 1).await.unwrap().remove(0);
    assert_eq!((known.state.as_str(), known.changed_because.as_deref()), ("failed", Some("they failed")));
    assert!(!store.count_webhook_failure(id, true, 2, "again").await.unwrap(), "it is given up once");
    store.set_webhook_state(id, "active", &Actor::default()).await.unwrap();
    assert_eq!(store.webhooks(Some(id), 1).await.unwrap()[0].failures, 0);
}

pub(super) async fn the_secret_before_is_known_for_a_while(store: Arc<dyn Store>) {
    store.migrate().await.unwrap();
    let id = webhook(&*store).await;
    let now = store.now().await.unwrap();
    assert!(store.rotate_webhook(id, "other", LEASE_MS, &Actor::named("bob")).await.unwrap());
    assert!(!store.rotate_webhook(Uuid::now_v7(), "other", LEASE_MS, &Actor::default()).await.unwrap());
    let known = store.webhooks(None, 10).await.unwrap().remove(0);
    assert_eq!((known.secret.as_str(), known.previous_secret.as_deref()), ("other", Some("secret")));
    assert!(known.previous_until.is_some_and(|until| until > now));
    assert_eq!(known.changed_by.as_deref(), Some("bob"));
}

pub(super) async fn a_delivery_is_begun_once_and_tried_until_it_ends(store: Arc<dyn Store>) {
    store.migrate().await.unwrap();
    let id = webhook(&*store).await;
    assert_eq!((store.next_delivery(id).await.unwrap(), store.last_delivery(id).await.unwrap()), (None, None));
    let first = delivery(id, 1);
    assert!(store.begin_delivery(&first).await.unwrap());
    assert!(!store.begin_delivery(&delivery(id, 1)).await.unwrap(), "from the same place on");
    assert!(store.begin_delivery(&delivery(Uuid::now_v7(), 1)).await.unwrap(), "another webhook");
    let stored = store.next_delivery(id).await.unwrap().unwrap();
    assert_eq!((&stored.delivery, stored.state.as_str(), stored.tries.as_str()), (&first, "pending", "[]"));

    assert!(store.record_delivery(first.id, 2, "pending", "[1]", 3_600_000).await.unwrap());
    assert!(!store.record_delivery(first.id, 2, "pending", "[1]", 0).await.unwrap(), "another process was faster");
    let stored = store.next_delivery(id).await.unwrap().unwrap();
    assert_eq!((stored.delivery.tries_left, stored.tries.as_str()), (1, "[1]"));
    let due = stored.due_at.unwrap();
    assert!(due > store.now().await.unwrap());
    assert!(!store.ask_delivery(id, first.id, &Actor::default()).await.unwrap(), "it is under way");
    assert!(store.record_delivery(first.id, 1, "failed", "[1,2]", 0).await.unwrap());
    assert_eq!(store.next_delivery(id).await.unwrap(), None);

    let second = delivery(id, 2);
    assert!(store.begin_delivery(&second).await.unwrap());
    assert!(store.record_delivery(second.id, 2, "delivered", "[3]", 0).await.unwrap());
    let last = store.last_delivery(id).await.unwrap().unwrap();
    assert_eq!((last.delivery.id, last.state.as_str(), last.ended_at.is_some()), (second.id, "delivered", true));
    let ids = async |filter: DeliveryFilter, limit| {
        let found = store.deliveries(id, &filter, limit).await.unwrap();
        found.iter().map(|it| it.delivery.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(DeliveryFilter::default(), 10).await, [second.id, first.id]);
    assert_eq!(ids(DeliveryFilter::default(), 1).await, [second.id]);
    let before = DeliveryFilter { before: Some(second.id), ..DeliveryFilter::default() };
    assert_eq!(ids(before, 10).await, [first.id]);
    let failed = DeliveryFilter { state: Some("failed".to_owned()), ..DeliveryFilter::default() };
    assert_eq!(ids(failed, 10).await, [first.id]);

    assert!(store.ask_delivery(id, first.id, &Actor::named("bob").because("mended")).await.unwrap());
    let asked = store.next_delivery(id).await.unwrap().unwrap();
    assert_eq!((asked.delivery.id, asked.delivery.tries_left, asked.tries.as_str()), (first.id, 1, "[1,2]"));
    assert_eq!((asked.asked_by.as_deref(), asked.asked_because.as_deref()), (Some("bob"), Some("mended")));
    assert!(asked.asked_at.is_some() && store.webhooks(Some(id), 1).await.unwrap()[0].asked_at.is_some());
}

pub(super) async fn old_deliveries_go_and_the_place_stays(store: Arc<dyn Store>) {
    store.migrate().await.unwrap();
    let id = webhook(&*store).await;
    let all: Vec<_> = (1..=4).map(|seq| delivery(id, seq)).collect();
    for (it, state) in all.iter().zip(["delivered", "failed", "pending", "delivered"]) {
        assert!(store.begin_delivery(it).await.unwrap());
        assert!(store.record_delivery(it.id, 2, state, "[]", 0).await.unwrap());
    }
    let left = async || {
        let found = store.deliveries(id, &DeliveryFilter::default(), 10).await.unwrap();
        found.iter().rev().map(|it| it.delivery.id).collect::<Vec<_>>()
    };
    assert_eq!(store.prune_deliveries(id, LEASE_MS, LEASE_MS, 10).await.unwrap(), 0);
    assert_eq!(left().await.len(), 4);
    assert_eq!(store.prune_deliveries(id, 0, LEASE_MS, 0).await.unwrap(), 0, "no more than asked for");
    assert_eq!(store.prune_deliveries(id, 0, LEASE_MS, 10).await.unwrap(), 1);
    assert_eq!(left().await, [all[1].id, all[2].id, all[3].id]);

    store.hold_relay("webhook/it", Uuid::nil(), LEASE_MS).await.unwrap();
    let place = RelayPlace { cursor: EventCursor::before(3), receipt: None };
    store.move_relay("webhook/it", Uuid::nil(), &place, LEASE_MS).await.unwrap();
    assert!(store.delete_webhook(id, "webhook/it").await.unwrap());
    assert!(!store.delete_webhook(id, "webhook/it").await.unwrap());
    assert_eq!((left().await, store.relays().await.unwrap()), (Vec::new(), Vec::new()));
    assert_eq!(store.webhooks(None, 10).await.unwrap(), []);
}
