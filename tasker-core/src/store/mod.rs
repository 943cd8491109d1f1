//! The database seam: one trait in the product's own verbs, with PostgreSQL and SQLite behind it.
//!
//! Nothing above this module knows SQL, and nothing in it decides: [`Store::transact`] reads, asks
//! [`crate::state::decide`] through a callback, and writes what that answers.

mod assemble;
#[cfg(feature = "test-support")]
pub mod conformance;
mod error;
mod filter;
mod ledger;
mod open;
mod postgres;
mod record;
mod refusal;
mod relay;
mod schema;
mod search;
mod sqlite;
mod statement;
mod transaction;
mod webhook;
mod wire;

use std::ops::Range;

use async_trait::async_trait;
use uuid::Uuid;

pub use error::Error;
pub use filter::{TaskCursor, TaskFilter, TimeRange};
pub use ledger::{Counts, EventCursor, Followed, KnownWorker, Oddity, QueueDepth, StoredKey};
pub use open::open;
pub use postgres::PostgresStore;
pub use record::{
    Due, Inserted, Migration, NewTemplate, Payload, PayloadRequest, Pool, PutTemplate, StoredTemplate, TemplateSummary,
    Transacted, Usage, Work, WorkerRecord,
};
pub use relay::{KnownRelay, Origin, RelayPlace};
pub use sqlite::SqliteStore;
pub use statement::Statement;
pub use webhook::{DeliveryFilter, NewDelivery, StoredDelivery, StoredWebhook, WebhookStore};
pub use wire::{WIRE_TEXT_MAX, Wire};

use crate::{
    dag::NewTask,
    model::{
        Actor, Checkpoint, EventBatch, Lease, Page, Step, StepPlace, StepState, Task, TaskId, TemplateId, Timestamp,
        WorkerId,
    },
    state::{Changes, Claim, Decision, Route, Scope, Snapshot},
};

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The decision that a transaction asks for. It may be asked several times, each time with more in the snapshot.
pub type Decide<'a> = dyn Fn(&Snapshot) -> Decision + Sync + 'a;

/// Where Tasker keeps everything. Both implementations pass the same conformance suite.
#[async_trait]
pub trait Store: WebhookStore + Send + Sync + 'static {
    /// Brings the schema up to date; returns the migrations that were applied.
    async fn migrate(&self) -> Result<Vec<Migration>>;

    /// Every migration of this version of Tasker, and whether the database has it.
    async fn migrations(&self) -> Result<Vec<Migration>>;

    /// The store's clock: the database's own on PostgreSQL, the injected one on SQLite.
    async fn now(&self) -> Result<Timestamp>;

    /// Registers a template version. A version never changes: other content under the same name is
    /// [`PutTemplate::Conflict`], the same content is [`PutTemplate::Unchanged`].
    async fn put_template(&self, template: &NewTemplate) -> Result<PutTemplate>;

    async fn template(&self, id: TemplateId) -> Result<Option<StoredTemplate>>;

    /// The registered versions of a name, or of all where `namespace` and `name` are not given; in no order.
    async fn templates(&self, namespace: Option<&str>, name: Option<&str>) -> Result<Vec<TemplateSummary>>;

    /// Every pair of queue and handler name that a registered template uses.
    async fn routes(&self) -> Result<Vec<Route>>;

    /// Stores new tasks in one transaction. A task whose idempotency key is taken is not stored; its answer names the
    /// task that has the key. One answer for each task, in order.
    async fn insert_tasks(&self, tasks: &[NewTask]) -> Result<Vec<Inserted>> {
        self.insert_begun(tasks, &Changes::default()).await
    }

    /// Like [`Store::insert_tasks`], for tasks of which some have begun: `begun` is what was decided about them before they
    /// are stored, which is the handing out of steps and nothing else. What was decided about a task that is not stored is
    /// left out.
    async fn insert_begun(&self, tasks: &[NewTask], begun: &Changes) -> Result<Vec<Inserted>>;

    /// The one way in which stored tasks change. In one transaction: locks the tasks of `scope` (ascending by id), reads
    /// them with the steps asked for and the dependents of these, asks `decide`, reads more as long as it says so, writes
    /// its changes. Candidates for the claim are enqueued steps of runnable tasks that nobody has locked, urgent and old
    /// ones first. On [`Transacted::NeedsTemplates`] nothing was written.
    async fn transact(&self, scope: &[Scope], claim: Option<&Claim>, decide: &Decide<'_>) -> Result<Transacted>;

    /// Writes changes that were decided on a snapshot from memory, if every task among them still stands at the event
    /// before the first one to be written: all or nothing, in one transaction. False means that nothing was written:
    /// decide again, with [`Store::transact`]. Tasks come ascending by id, each with one batch of events, in order.
    async fn apply_unchanged(&self, changes: &Changes) -> Result<bool>;

    /// The store's clock as far as this process knows it without asking; none if it does not know it well enough.
    fn clock(&self) -> Option<Timestamp>;

    /// Extends leases that are still held, to `lease_ms` from now. One answer for each, in order: the new end, or none
    /// if the step has another attempt or is no longer running.
    async fn extend_leases(&self, leases: &[Lease], lease_ms: u64) -> Result<Vec<Option<Timestamp>>>;

    /// Stores how far attempts have come, in place of what was stored before, and extends their leases like
    /// [`Store::extend_leases`]. Nothing is stored for a lease that is no longer held.
    async fn put_checkpoints(
        &self,
        checkpoints: &[(Lease, Checkpoint)],
        lease_ms: u64,
    ) -> Result<Vec<Option<Timestamp>>>;

    /// What has fallen due: steps whose `due_at`, tasks whose deadline has passed; at most `limit` of each.
    async fn due(&self, limit: u32) -> Result<Due>;

    /// Inputs of tasks and results of steps. One answer for each request, in order; unknown tasks and steps without a
    /// result are left out of it.
    async fn payloads(&self, requests: &[PayloadRequest]) -> Result<Vec<Payload>>;

    /// Records that a worker is alive, what it serves, and when it last took or reported a step, if that is known; the
    /// store stamps the time.
    async fn put_worker(&self, worker: &WorkerRecord, worked_at: Option<Timestamp>) -> Result<()>;

    /// The workers with these ids that are known.
    async fn workers(&self, ids: &[WorkerId]) -> Result<Vec<WorkerRecord>>;

    async fn task(&self, id: TaskId) -> Result<Option<Task>>;

    /// Tasks that pass the filter, newest first.
    async fn tasks(&self, filter: &TaskFilter, limit: u32) -> Result<Page<Task>>;

    /// The steps of a task whose indices are in a range, ascending, at most `limit`; empty for an unknown task.
    async fn steps_in(&self, task_id: TaskId, range: Range<u32>, limit: u32) -> Result<Vec<Step>>;

    /// Every step of a task that its template names, ascending by index, without the parts of batches; empty for an unknown
    /// task.
    async fn steps(&self, task_id: TaskId) -> Result<Vec<Step>> {
        self.steps_in(task_id, StepPlace::TEMPLATE, u32::MAX).await
    }

    /// How many parts of each step of a task are in which state.
    async fn count_parts(&self, task_id: TaskId) -> Result<Vec<(u32, StepState, u32)>>;

    /// A task and all that run for its steps, theirs too: parents before children, at most `limit`, without inputs. Each
    /// attempt of a step has a task of its own. Empty for an unknown task.
    async fn tree(&self, task_id: TaskId, limit: u32) -> Result<Vec<Task>>;

    /// The steps of several tasks, in the order of the tasks, at most `limit`, without results.
    async fn tree_steps(&self, tasks: &[TaskId], limit: u32) -> Result<Vec<Step>>;

    /// The event log of a task from the batch on that holds the event numbered `after_seq` + 1: at most `limit` batches, in
    /// order, and no more than go over [`limits::EVENT_BYTES`](crate::model::limits::EVENT_BYTES). Empty where there is no such
    /// event yet.
    async fn events(&self, task_id: TaskId, after_seq: i64, limit: u32) -> Result<Vec<EventBatch>>;

    /// Ids of the tasks that pass the filter, newest first.
    async fn task_ids(&self, filter: &TaskFilter, limit: u32) -> Result<Page<TaskId>>;

    /// How many tasks pass the filter, counted up to `limit`.
    async fn count_tasks(&self, filter: &TaskFilter, limit: u64) -> Result<u64>;

    /// The log of all tasks behind a place: at most `limit` commits' worth, and no more than go over
    /// [`limits::EVENT_BYTES`](crate::model::limits::EVENT_BYTES). Empty only at its end. Events of one task come in order; what is under
    /// way is waited for, so that whatever becomes visible later comes behind what was answered.
    async fn all_events(&self, after: EventCursor, limit: u32) -> Result<Vec<Followed>>;

    /// Where the log of all tasks ends for now: whatever becomes visible later comes behind this place. What was committed
    /// while other tasks were being changed may come behind it too.
    async fn end_of_events(&self) -> Result<EventCursor>;

    /// Workers that were seen since then, the latest first.
    async fn known_workers(&self, since: Timestamp, limit: u32) -> Result<Vec<KnownWorker>>;

    /// How much there is of what; at most so many queues. Of more tasks than `exactly`, those that are complete are estimated.
    async fn counts(&self, queues: u32, exactly: u64) -> Result<Counts>;

    /// How many claimable steps go before an enqueued one in its queue, counted up to `limit`.
    async fn count_ahead(&self, step: &Step, priority: i16, limit: u32) -> Result<u64>;

    /// What the invariants do not allow, among the newest `tasks`: at most `limit` rows of each kind.
    async fn oddities(&self, tasks: u32, limit: u32) -> Result<Vec<Oddity>>;

    /// Stores a new API key; the store stamps its time.
    async fn put_key(&self, key: &StoredKey) -> Result<()>;

    /// The key whose secret has this hash, revoked and expired ones too.
    async fn key_of_hash(&self, hash: &[u8; 32]) -> Result<Option<StoredKey>>;

    /// Keys, the newest first.
    async fn keys(&self, limit: u32) -> Result<Vec<StoredKey>>;

    /// Ends a key; false if there is none, or it was ended before.
    async fn revoke_key(&self, id: Uuid, actor: &Actor) -> Result<bool>;

    /// Records that a key was used just now.
    async fn touch_key(&self, id: Uuid) -> Result<()>;

    /// Takes the relay of this name, or goes on holding it, for `lease_ms` from now: where it stands, or none while another
    /// process holds it.
    async fn hold_relay(&self, name: &str, holder: Uuid, lease_ms: u64) -> Result<Option<RelayPlace>>;

    /// Records how far a relay has come, and goes on holding it; false, with nothing recorded, if another process has it.
    async fn move_relay(&self, name: &str, holder: Uuid, place: &RelayPlace, lease_ms: u64) -> Result<bool>;

    /// Lets another process take the relay at once.
    async fn release_relay(&self, name: &str, holder: Uuid) -> Result<()>;

    /// Every relay, by name.
    async fn relays(&self) -> Result<Vec<KnownRelay>>;

    /// Whether a relay has moved within `span_ms` from now.
    async fn has_moved(&self, name: &str, span_ms: u64) -> Result<bool>;

    /// Where these tasks come from; one that is gone is left out.
    async fn origins(&self, tasks: &[TaskId]) -> Result<Vec<Origin>>;

    /// Forgets how far a relay has come; false if there is none.
    async fn forget_relay(&self, name: &str) -> Result<bool>;

    /// Tasks that ended before a time and may be removed, ascending by id: at most `limit` of those behind `after`. Left out are
    /// those of which a relay has not carried all events, and those whose parent has not ended.
    async fn retired(&self, before: Timestamp, after: TaskId, limit: u32) -> Result<Vec<TaskId>>;

    /// Removes those of these tasks that ended before a time, with their steps and events, in one transaction; says which.
    async fn remove_tasks(&self, tasks: &[TaskId], before: Timestamp) -> Result<Vec<TaskId>>;

    /// What the database has done so far, for measurements; none where it does not count.
    async fn usage(&self) -> Result<Option<Usage>> {
        Ok(None)
    }

    /// A wire to the other processes on this database; none where the database carries nothing.
    async fn wire(&self) -> Result<Option<Box<dyn Wire>>>;

    /// Where the data is, for people: the database's address without its password.
    fn describe(&self) -> String;

    /// The connections that this process has now.
    fn pools(&self) -> Vec<Pool>;

    /// Ends all connections; calls after this fail.
    async fn close(&self);
}
