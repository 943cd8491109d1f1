//! The verbs of the product: register, submit, claim and report, sweep, cancel, look up and wait. One file each, all of
//! them methods of [`Engine`].

mod apply;
mod assign;
mod cache;
mod control;
mod doctor;
mod engine;
mod error;
mod explain;
mod group;
mod hand;
mod health;
mod keys;
mod observe;
mod overview;
mod query;
mod recall;
mod report;
mod retention;
mod signal;
mod submit;
mod subscription;
mod sweep;
mod templates;
mod traced;
mod tree;
mod wake;
mod webhook;

pub use assign::Room;
pub use control::{Acted, Action, Bulk, BulkDone, BulkItem, RerunFrom, Selection};
pub use doctor::Finding;
pub use engine::{Engine, Options};
pub use error::Error;
pub use hand::Intake;
pub use keys::{ApiKey, CreatedKey, KeyHash, NewKey, Permission, Permissions};
pub use observe::Observer;
pub use overview::{Stats, age_ms};
pub use report::Session;
pub use submit::{SubmitTask, Submitted};
pub use subscription::Receiver;
pub use sweep::{Sweeper, Swept};
pub use templates::Registered;
pub use traced::{SPANS, SPANS_KEPT};
pub use tree::Tree;
pub use wake::{Dial, EventWatch, Wakeups};
#[cfg(feature = "webhooks")]
pub(crate) use webhook::secret_bytes;
pub use webhook::{
    CreatedWebhook, Delivery, DeliveryState, NewWebhook, SECRET_OVERLAP, Try, TryError, Webhook, WebhookDefinition,
    WebhookState,
};

pub use crate::{
    model::{Report, Reported},
    store::{EventCursor, Followed, Origin, Pool, WorkerRecord},
};

pub type Result<T, E = Error> = std::result::Result<T, E>;
