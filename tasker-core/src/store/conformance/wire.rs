use std::{sync::Arc, time::Duration};

use tokio::time::timeout;

use crate::store::{Store, WIRE_TEXT_MAX};

pub(super) async fn what_is_said_reaches_everyone_on_the_database(store: Arc<dyn Store>) {
    store.migrate().await.unwrap();
    let Some(mut one) = store.wire().await.unwrap() else { return };
    let mut two = store.wire().await.unwrap().unwrap();
    assert!(timeout(Duration::from_millis(20), two.next()).await.is_err(), "nothing was said yet");
    let long = "ü".repeat(WIRE_TEXT_MAX / 2);
    one.send("first").await.unwrap();
    two.send(&long).await.unwrap();
    for wire in [&mut one, &mut two] {
        assert_eq!(wire.next().await.unwrap(), "first");
        assert_eq!(wire.next().await.unwrap(), long);
    }
}
