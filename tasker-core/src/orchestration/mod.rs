//! The verbs of the product: register, submit, claim and report, sweep, cancel, look up and wait. One file each, all of
//! them methods of [`Engine`].

mod apply;
mod assign;
mod cache;
mod control;
mod engine;
mod error;
mod group;
mod health;
mod observe;
mod query;
mod recall;
mod report;
mod submit;
mod sweep;
mod templates;
mod wake;

pub use control::{Acted, Action, Bulk, BulkDone, BulkItem, Selection};
pub use engine::{Engine, Options};
pub use error::Error;
pub use observe::Observer;
pub use report::Session;
pub use submit::{SubmitTask, Submitted};
pub use sweep::{Sweeper, Swept};
pub use templates::Registered;
pub use wake::Wakeups;

pub use crate::{
    model::{Report, Reported},
    store::WorkerRecord,
};

pub type Result<T, E = Error> = std::result::Result<T, E>;
