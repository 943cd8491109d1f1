use std::sync::Arc;

use uuid::Uuid;

use super::bench::Bench;
use crate::store::{EventCursor, RelayPlace, Store};

const NAME: &str = "receiver";
const LEASE_MS: u64 = 60_000;

pub(super) async fn one_process_carries_at_a_time(store: Arc<dyn Store>) {
    store.migrate().await.unwrap();
    let (first, second) = (Uuid::now_v7(), Uuid::now_v7());
    let start = RelayPlace { cursor: EventCursor::START, receipt: None };
    assert_eq!(store.hold_relay(NAME, first, LEASE_MS).await.unwrap(), Some(start.clone()));
    assert_eq!(store.hold_relay(NAME, first, LEASE_MS).await.unwrap(), Some(start.clone()), "it goes on");
    assert_eq!(store.hold_relay(NAME, second, LEASE_MS).await.unwrap(), None);
    assert_eq!(store.hold_relay("other", second, LEASE_MS).await.unwrap(), Some(start));

    let place = RelayPlace { cursor: EventCursor::before(12), receipt: Some("{\"sequence\":3}".to_owned()) };
    assert!(!store.move_relay(NAME, second, &place, LEASE_MS).await.unwrap(), "it is not the one that carries");
    assert!(!store.has_moved(NAME, LEASE_MS).await.unwrap() && !store.has_moved("unknown", LEASE_MS).await.unwrap());
    store.release_relay(NAME, second).await.unwrap();
    // With a lease of no length, another one may take over at any time after this.
    assert!(store.move_relay(NAME, first, &place, 0).await.unwrap());
    assert!(store.has_moved(NAME, LEASE_MS).await.unwrap());
    let mut taken = None;
    while taken.is_none() {
        taken = store.hold_relay(NAME, second, LEASE_MS).await.unwrap();
        // The clock of a test may stand still; then it is given up.
        if taken.is_none() {
            store.release_relay(NAME, first).await.unwrap();
        }
    }
    assert_eq!(taken, Some(place.clone()), "where the other one stopped");
    assert!(!store.move_relay(NAME, first, &place, LEASE_MS).await.unwrap(), "it was replaced");
    store.release_relay(NAME, second).await.unwrap();
    assert_eq!(store.hold_relay(NAME, first, LEASE_MS).await.unwrap(), Some(place));
}

pub(super) async fn relays_tell_how_far_they_are_behind(store: Arc<dyn Store>) {
    let (bench, definition) = Bench::with(store, "a").await;
    let holder = Uuid::now_v7();
    bench.store.hold_relay(NAME, holder, LEASE_MS).await.unwrap();
    assert_eq!(bench.store.relays().await.unwrap()[0].behind_since, None, "nothing has happened");
    let first = bench.submit(&definition).await;
    let second = bench.submit(&definition).await;
    let all = bench.store.all_events(EventCursor::START, 100).await.unwrap();
    let relay = bench.store.relays().await.unwrap().remove(0);
    assert_eq!((relay.name.as_str(), relay.holder, relay.moved_at), (NAME, Some(holder), None));
    assert_eq!(relay.behind_since, all.first().map(|it| it.event.at));

    for (task_id, rest) in [(first, true), (second, false)] {
        let last = all.iter().rfind(|it| it.event.task_id == task_id).unwrap();
        let place = RelayPlace { cursor: last.cursor, receipt: None };
        assert!(bench.store.move_relay(NAME, holder, &place, LEASE_MS).await.unwrap());
        let relay = bench.store.relays().await.unwrap().remove(0);
        assert_eq!((relay.place, relay.behind_since.is_some()), (place, rest));
        assert!(relay.moved_at.is_some());
    }
    assert!(bench.store.forget_relay(NAME).await.unwrap());
    assert!(!bench.store.forget_relay(NAME).await.unwrap());
    assert_eq!(bench.store.relays().await.unwrap(), []);
}
