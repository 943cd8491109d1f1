//! The server: REST, live events and metrics over the engine's verbs. Thin: a route decodes, asks the engine, encodes.
//!
//! One file for each resource; what is around every request is in `request`, `access` and `listen`.

mod access;
mod carried;
mod connection;
mod document;
mod events;
mod extract;
mod health;
mod hidden;
mod keys;
mod listen;
mod metrics;
mod operate;
mod problem;
mod request;
mod sessions;
mod stats;
mod steps;
mod tasks;
mod templates;
mod webhooks;
mod workers;

use std::sync::Arc;

use axum::{Router, middleware};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use utoipa_axum::router::OpenApiRouter;

pub use access::Access;
pub use document::document;
pub use listen::Patience;

use self::{metrics::Metrics, sessions::Sessions};
use crate::{
    events::{Delivering, Exporting, Relaying},
    orchestration::Engine,
};

/// The server on one engine. Any number of servers may share a database. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    engine: Arc<Engine>,
    access: Access,
    patience: Patience,
    metrics: Arc<Metrics>,
    sessions: Arc<Sessions>,
    /// Places for clients that follow events.
    streams: Arc<Semaphore>,
    closing: CancellationToken,
}

impl Api {
    #[must_use]
    pub fn new(engine: Arc<Engine>, access: Access) -> Self {
        let metrics = Arc::new(Metrics::new());
        let observer: Arc<Metrics> = Arc::clone(&metrics);
        // An engine that tells another server's metrics goes on telling those.
        engine.observe(observer);
        Self {
            engine,
            access,
            patience: Patience::default(),
            metrics,
            sessions: Arc::default(),
            streams: Arc::new(Semaphore::new(events::STREAMS)),
            closing: CancellationToken::new(),
        }
    }

    /// The same, with other limits for slow clients.
    #[must_use]
    pub fn with_patience(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    /// Has what this process carries to NATS among the metrics.
    pub fn tell_relaying(&self, relaying: &Arc<Relaying>) {
        // One that was told of before stays.
        let _ = self.metrics.carried.relaying.set(Arc::clone(relaying));
    }

    /// Has what this process sends to webhooks among the metrics.
    pub fn tell_delivering(&self, delivering: &Arc<Delivering>) {
        let _ = self.metrics.carried.delivering.set(Arc::clone(delivering));
    }

    /// Has what this process exports of spans among the metrics.
    pub fn tell_exporting(&self, exporting: &Arc<Exporting>) {
        let _ = self.metrics.carried.exporting.set(Arc::clone(exporting));
    }

    /// Stops to accept; what waits (long polls, event streams) ends soon, and the rest when it is done.
    pub fn close(&self) {
        self.closing.cancel();
    }
}

fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(document::frame())
        .merge(tasks::routes())
        .merge(operate::routes())
        .merge(steps::routes())
        .merge(templates::routes())
        .merge(events::routes())
        .merge(webhooks::routes())
        .merge(workers::routes())
        .merge(stats::routes())
        .merge(keys::routes())
        .merge(health::routes())
        .merge(metrics::routes())
}

fn router(api: &Api) -> Router {
    let (router, document) = routes().split_for_parts();
    router
        .merge(document::routes(&document))
        .fallback(request::not_found)
        .method_not_allowed_fallback(request::method_not_allowed)
        .layer(middleware::from_fn_with_state(api.clone(), access::check))
        .layer(middleware::from_fn_with_state(api.clone(), request::follow))
        .with_state(api.clone())
}
