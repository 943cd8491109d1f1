//! What happens in Tasker, carried to others.
//!
//! The event log is the only record; what is here reads it behind a cursor and never writes to it. Whoever receives may be
//! down, slow or empty: events wait in the log and arrive later.

mod cloud_event;
mod counts;
#[cfg(feature = "nats")]
mod nats;
#[cfg(any(feature = "nats", feature = "spans", feature = "webhooks"))]
mod pace;
#[cfg(feature = "nats")]
mod relay;
mod retention;
#[cfg(feature = "spans")]
mod spans;
mod subject;
#[cfg(feature = "nats")]
mod throttle;
#[cfg(feature = "test-support")]
pub mod throwaway;
#[cfg(feature = "webhooks")]
mod webhook;

pub use cloud_event::{Category, CloudEvent, ContentType, Data};
pub use counts::{Delivering, Exporting, Relaying};
#[cfg(feature = "nats")]
pub use nats::{NatsError, NatsEvents, NatsOptions, NatsWakeups, Published, StreamOptions};
#[cfg(feature = "nats")]
pub use relay::{RELAY, Relay};
pub use retention::{Remover, Retention, RetentionError};
#[cfg(feature = "spans")]
pub use spans::{SpanOptions, Spans, SpansError};
pub use subject::{PREFIX, Selection, subject};
#[cfg(feature = "webhooks")]
pub use webhook::{WebhookError, WebhookOptions, Webhooks};
