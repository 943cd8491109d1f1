//! How far the log has been carried to others, for Prometheus.

use std::sync::{Arc, OnceLock, atomic::AtomicU64, atomic::Ordering};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use super::problem::Result;
use crate::{
    events::{Delivering, Exporting, Relaying},
    orchestration::{Engine, WebhookState},
};

#[derive(Default)]
pub(super) struct Carried {
    /// What this process does, as far as it does so.
    pub(super) relaying: OnceLock<Arc<Relaying>>,
    pub(super) delivering: OnceLock<Arc<Delivering>>,
    pub(super) exporting: OnceLock<Arc<Exporting>>,
    behind_seconds: Family<ReceiverLabels, Gauge<f64, AtomicU64>>,
    held: Family<ReceiverLabels, Gauge>,
    relay_events: Counter,
    relay_failures: Counter,
    spans: Counter,
    spans_refused: Counter,
    spans_failures: Counter,
    webhooks: Family<WebhookLabels, Gauge>,
    messages: Family<MessageLabels, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReceiverLabels {
    receiver: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WebhookLabels {
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MessageLabels {
    outcome: &'static str,
}

impl Carried {
    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "Age of the oldest event that a receiver of the log has not got; 0 if it has all";
        registry.register("log_behind_seconds", help, self.behind_seconds.clone());
        registry.register("log_held", "Whether a process carries the log to the receiver", self.held.clone());
        registry.register("relay_events", "Events that the stream has acknowledged", self.relay_events.clone());
        registry.register("relay_failures", "Times that the relay had to begin again", self.relay_failures.clone());
        registry.register("spans", "Spans that the collector has taken", self.spans.clone());
        registry.register("spans_refused", "Spans that the collector has refused for good", self.spans_refused.clone());
        let help = "Requests to the collector that failed and are made again";
        registry.register("spans_failures", help, self.spans_failures.clone());
        registry.register("webhooks", "Webhooks by their state", self.webhooks.clone());
        registry.register("webhook_messages", "What came of messages to webhooks", self.messages.clone());
    }

    /// Takes over what the database and this process know now.
    pub(super) async fn measure(&self, engine: &Engine) -> Result<()> {
        // A receiver that was forgotten is not listed any more.
        let receivers = engine.receivers().await?;
        self.behind_seconds.clear();
        self.held.clear();
        for receiver in receivers {
            let labels = ReceiverLabels { receiver: receiver.name };
            self.behind_seconds.get_or_create(&labels).set(receiver.behind.as_secs_f64());
            self.held.get_or_create(&labels).set(i64::from(receiver.is_held));
        }
        let known = engine.webhooks().await?;
        for state in [WebhookState::Active, WebhookState::Disabled, WebhookState::Failed] {
            let count = known.iter().filter(|webhook| webhook.state == state).count();
            let labels = WebhookLabels { state: state.as_str() };
            self.webhooks.get_or_create(&labels).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        let put = |counter: &Counter, count: u64| counter.inner().store(count, Ordering::Relaxed);
        let (events, failures) =
            self.relaying.get().map_or((0, 0), |relaying| (relaying.events(), relaying.failures()));
        put(&self.relay_events, events);
        put(&self.relay_failures, failures);
        let [spans, refused, failures] = self
            .exporting
            .get()
            .map_or([0; 3], |exporting| [exporting.spans(), exporting.refused(), exporting.failures()]);
        put(&self.spans, spans);
        put(&self.spans_refused, refused);
        put(&self.spans_failures, failures);
        let [delivered, retried, failed] = self
            .delivering
            .get()
            .map_or([0; 3], |delivering| [delivering.delivered(), delivering.retried(), delivering.failed()]);
        for (outcome, count) in [("delivered", delivered), ("retried", retried), ("failed", failed)] {
            put(&self.messages.get_or_create(&MessageLabels { outcome }), count);
        }
        Ok(())
    }
}
