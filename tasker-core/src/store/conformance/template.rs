use std::sync::Arc;

use super::bench::{Bench, QUEUE, new_template, template};
use crate::{
    state::Route,
    store::{Error, PutTemplate, Store},
};

pub(super) async fn migrating_twice_changes_nothing(store: Arc<dyn Store>) {
    let before = store.migrations().await.unwrap();
    assert!(!before.is_empty() && before.iter().all(|migration| !migration.is_applied));
    assert!(matches!(store.routes().await, Err(Error::Schema(_))), "a database without tables is told apart");
    let applied = store.migrate().await.unwrap();
    assert_eq!(applied, store.migrations().await.unwrap());
    assert!(applied.iter().all(|migration| migration.is_applied));
    assert_eq!(store.migrate().await.unwrap(), []);
    assert_eq!(applied, store.migrations().await.unwrap());
}

pub(super) async fn versions_never_change(store: Arc<dyn Store>) {
    let bench = Bench::new(store).await;
    let first = new_template(&template("order", "a b:a"));
    let again = new_template(&first.template);
    let other = new_template(&template("order", "a b"));
    let mut next = other.template.clone();
    next.version = "1.1.0".to_owned();
    next.description = Some("without an order".to_owned());
    let next = new_template(&next);
    let store = &bench.store;
    assert_eq!(store.put_template(&first).await.unwrap(), PutTemplate::Created(first.id));
    assert_eq!(store.put_template(&again).await.unwrap(), PutTemplate::Unchanged(first.id));
    assert_eq!(store.put_template(&other).await.unwrap(), PutTemplate::Conflict(first.id));
    assert_eq!(store.put_template(&next).await.unwrap(), PutTemplate::Created(next.id));
    assert_eq!(store.template(first.id).await.unwrap().unwrap().template, first.template);
    assert!(store.template(other.id).await.unwrap().is_none());

    let mut listed = store.templates(Some(QUEUE), Some("order")).await.unwrap();
    listed.sort_by(|a, b| a.version.cmp(&b.version));
    let listed: Vec<_> = listed.iter().map(|it| (it.id, it.version.as_str(), it.description.as_deref())).collect();
    assert_eq!(listed, [(first.id, "1.0.0", None), (next.id, "1.1.0", Some("without an order"))]);
    assert_eq!(store.templates(None, None).await.unwrap().len(), 2);
    assert_eq!(store.templates(Some("other"), None).await.unwrap(), []);
}

pub(super) async fn routes_are_known(store: Arc<dyn Store>) {
    let mut bench = Bench::new(store).await;
    bench.register(&template("order", "a b:a")).await;
    let mut other = template("refund", "a b");
    other.steps[1].handler.callable = "Refunds::Pay".to_owned();
    bench.register(&other).await;
    let mut routes = bench.store.routes().await.unwrap();
    routes.sort();
    let route = |handler: &str| Route { queue: QUEUE.into(), handler: handler.into() };
    assert_eq!(routes, [route("Refunds::Pay"), route("handle")]);
}
