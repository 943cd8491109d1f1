//! The store in one SQLite file (or in memory), for one process on one machine.
//!
//! One connection writes, in `begin immediate` transactions, and a few read. Statements take their rows as one JSON text
//! (`jsonb_each`): a statement per row would send each of them to the connection's thread.

mod columns;
mod connections;
mod encode;
mod insert;
mod lease;
mod load;
mod operations;
mod read;
mod relay;
mod retention;
mod search;
mod sql;
mod template;
mod transaction;
mod webhook;
mod worker;

use std::{ops::Range, sync::Arc};

use async_trait::async_trait;
use sqlx::Row;
use uuid::Uuid;

use self::{connections::Connections, transaction::SqliteTransaction};
use super::{
    Counts, Decide, Due, Error, EventCursor, Followed, Inserted, KnownRelay, KnownWorker, Migration, NewTemplate,
    Oddity, Origin, Payload, PayloadRequest, Pool, PutTemplate, RelayPlace, Result, Store, StoredKey, StoredTemplate,
    TaskFilter, TemplateSummary, Transacted, Wire, WorkerRecord, filter::first_id_after, schema::Schema,
    transaction::transact,
};
use crate::{
    dag::NewTask,
    model::{
        Actor, Checkpoint, Clock, EventBatch, Lease, Page, Step, StepState, Task, TaskId, TemplateId, Timestamp,
        WorkerId,
    },
    state::{Changes, Claim, Route, Scope},
};

const SCHEMA: Schema = Schema {
    migrations: &[
        (1, "engine", include_str!("../../../../migrations/sqlite/0001_engine.sql")),
        (2, "operations", include_str!("../../../../migrations/sqlite/0002_operations.sql")),
        (3, "flows", include_str!("../../../../migrations/sqlite/0003_flows.sql")),
        (4, "relays", include_str!("../../../../migrations/sqlite/0004_relays.sql")),
        (5, "audits", include_str!("../../../../migrations/sqlite/0005_audits.sql")),
        (6, "webhooks", include_str!("../../../../migrations/sqlite/0006_webhooks.sql")),
        (7, "log_base", include_str!("../../../../migrations/sqlite/0007_log_base.sql")),
    ],
    table: "_tasker_migrations",
};

/// Tasker's data in one SQLite database.
pub struct SqliteStore {
    connections: Connections,
    clock: Arc<dyn Clock>,
}

impl SqliteStore {
    /// Opens a database, and creates the file if there is none: `sqlite:path`, `sqlite:///absolute/path` or
    /// `sqlite::memory:`. Every commit is on the disk when it is answered; `?synchronous=normal` gives up the last commits
    /// before a power failure for speed.
    ///
    /// # Errors
    /// [`Error::Url`] when the URL does not name a file, [`Error::Unavailable`] when it cannot be opened.
    pub async fn open(url: &str, clock: Arc<dyn Clock>) -> Result<Self> {
        Ok(Self { connections: Connections::open(url).await?, clock })
    }

    /// Every statement that this store may execute.
    #[cfg(feature = "test-support")]
    #[must_use]
    pub fn statements() -> &'static [&'static super::Statement] {
        sql::ALL
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn migrate(&self) -> Result<Vec<Migration>> {
        let before = self.migrations().await?;
        let mut writer = self.connections.writer().await?;
        // All in one transaction: another process that migrates at the same time waits, and then finds it done.
        let mut transaction = writer.begin().await?;
        SCHEMA.migrator().run_direct(None, &mut *transaction, false).await?;
        transaction.commit().await?;
        let missing = before.into_iter().filter(|migration| !migration.is_applied);
        Ok(missing.map(|migration| Migration { is_applied: true, ..migration }).collect())
    }

    async fn migrations(&self) -> Result<Vec<Migration>> {
        let applied = match self.connections.fetch(sqlx::query(sql::APPLIED_MIGRATIONS.sql())).await {
            Err(Error::Schema(_)) => Vec::new(),
            rows => rows?.iter().map(|row| row.try_get(0)).collect::<Result<Vec<i64>, _>>()?,
        };
        SCHEMA.status(&applied)
    }

    async fn now(&self) -> Result<Timestamp> {
        Ok(self.clock.now())
    }

    async fn put_template(&self, template: &NewTemplate) -> Result<PutTemplate> {
        template::put(self, template).await
    }

    async fn template(&self, id: TemplateId) -> Result<Option<StoredTemplate>> {
        template::find(self, id).await
    }

    async fn templates(&self, namespace: Option<&str>, name: Option<&str>) -> Result<Vec<TemplateSummary>> {
        template::list(self, namespace, name).await
    }

    async fn routes(&self) -> Result<Vec<Route>> {
        template::routes(self).await
    }

    async fn insert_begun(&self, tasks: &[NewTask], begun: &Changes) -> Result<Vec<Inserted>> {
        insert::insert_tasks(self, tasks, begun).await
    }

    async fn transact(&self, scope: &[Scope], claim: Option<&Claim>, decide: &Decide<'_>) -> Result<Transacted> {
        let mut writer = self.connections.writer().await?;
        let inner = writer.begin().await?;
        let transaction = SqliteTransaction { inner, now: self.clock.now() };
        transact(transaction, scope, claim, decide).await
    }

    async fn apply_unchanged(&self, changes: &Changes) -> Result<bool> {
        let mut writer = self.connections.writer().await?;
        transaction::apply_unchanged(writer.idle().await?, changes).await
    }

    fn clock(&self) -> Option<Timestamp> {
        Some(self.clock.now())
    }

    async fn extend_leases(&self, leases: &[Lease], lease_ms: u64) -> Result<Vec<Option<Timestamp>>> {
        lease::extend(self, leases, lease_ms).await
    }

    async fn put_checkpoints(
        &self,
        checkpoints: &[(Lease, Checkpoint)],
        lease_ms: u64,
    ) -> Result<Vec<Option<Timestamp>>> {
        lease::put_checkpoints(self, checkpoints, lease_ms).await
    }

    async fn due(&self, limit: u32) -> Result<Due> {
        lease::due(self, limit).await
    }

    async fn payloads(&self, requests: &[PayloadRequest]) -> Result<Vec<Payload>> {
        read::payloads(self, requests).await
    }

    async fn put_worker(&self, worker: &WorkerRecord, worked_at: Option<Timestamp>) -> Result<()> {
        worker::put(self, worker, worked_at).await
    }

    async fn workers(&self, ids: &[WorkerId]) -> Result<Vec<WorkerRecord>> {
        worker::list(self, ids).await
    }

    async fn task(&self, id: TaskId) -> Result<Option<Task>> {
        read::task(self, id).await
    }

    async fn tasks(&self, filter: &TaskFilter, limit: u32) -> Result<Page<Task>> {
        super::search::tasks(self, filter, limit).await
    }

    async fn task_ids(&self, filter: &TaskFilter, limit: u32) -> Result<Page<TaskId>> {
        super::search::ids(self, filter, limit).await
    }

    async fn count_tasks(&self, filter: &TaskFilter, limit: u64) -> Result<u64> {
        super::search::count(self, filter, limit).await
    }

    async fn all_events(&self, after: EventCursor, limit: u32) -> Result<Vec<Followed>> {
        operations::follow(self, after, limit).await
    }

    async fn end_of_events(&self) -> Result<EventCursor> {
        Ok(EventCursor::before(operations::log_end(self).await?))
    }

    async fn known_workers(&self, since: Timestamp, limit: u32) -> Result<Vec<KnownWorker>> {
        operations::workers(self, since, limit).await
    }

    async fn counts(&self, queues: u32, exactly: u64) -> Result<Counts> {
        operations::counts(self, queues, exactly).await
    }

    async fn count_ahead(&self, step: &Step, priority: i16, limit: u32) -> Result<u64> {
        operations::ahead(self, step, priority, limit).await
    }

    async fn oddities(&self, tasks: u32, limit: u32) -> Result<Vec<Oddity>> {
        operations::odd(self, tasks, limit).await
    }

    async fn put_key(&self, key: &StoredKey) -> Result<()> {
        operations::add_key(self, key).await
    }

    async fn key_of_hash(&self, hash: &[u8; 32]) -> Result<Option<StoredKey>> {
        operations::find_key(self, hash).await
    }

    async fn keys(&self, limit: u32) -> Result<Vec<StoredKey>> {
        operations::list_keys(self, limit).await
    }

    async fn revoke_key(&self, id: Uuid, actor: &Actor) -> Result<bool> {
        operations::end_key(self, id, actor).await
    }

    async fn touch_key(&self, id: Uuid) -> Result<()> {
        operations::mark_key(self, id).await
    }

    async fn hold_relay(&self, name: &str, holder: Uuid, lease_ms: u64) -> Result<Option<RelayPlace>> {
        relay::hold(self, name, holder, lease_ms).await
    }

    async fn move_relay(&self, name: &str, holder: Uuid, place: &RelayPlace, lease_ms: u64) -> Result<bool> {
        relay::advance(self, name, holder, place, lease_ms).await
    }

    async fn release_relay(&self, name: &str, holder: Uuid) -> Result<()> {
        relay::release(self, name, holder).await
    }

    async fn relays(&self) -> Result<Vec<KnownRelay>> {
        relay::list(self).await
    }

    async fn has_moved(&self, name: &str, span_ms: u64) -> Result<bool> {
        relay::moved(self, name, span_ms).await
    }

    async fn origins(&self, tasks: &[TaskId]) -> Result<Vec<Origin>> {
        relay::origins(self, tasks).await
    }

    async fn forget_relay(&self, name: &str) -> Result<bool> {
        relay::forget(self, name).await
    }

    async fn retired(&self, before: Timestamp, after: TaskId, limit: u32) -> Result<Vec<TaskId>> {
        retention::retired(self, before, after.0..first_id_after(before), limit).await
    }

    async fn remove_tasks(&self, tasks: &[TaskId], before: Timestamp) -> Result<Vec<TaskId>> {
        retention::remove(self, tasks, before).await
    }

    async fn steps_in(&self, task_id: TaskId, range: Range<u32>, limit: u32) -> Result<Vec<Step>> {
        read::steps(self, task_id, range, limit).await
    }

    async fn count_parts(&self, task_id: TaskId) -> Result<Vec<(u32, StepState, u32)>> {
        read::count_parts(self, task_id).await
    }

    async fn tree(&self, task_id: TaskId, limit: u32) -> Result<Vec<Task>> {
        read::tree(self, task_id, limit).await
    }

    async fn tree_steps(&self, tasks: &[TaskId], limit: u32) -> Result<Vec<Step>> {
        read::tree_steps(self, tasks, limit).await
    }

    async fn events(&self, task_id: TaskId, after_seq: i64, limit: u32) -> Result<Vec<EventBatch>> {
        read::events(self, task_id, after_seq, limit).await
    }

    fn pools(&self) -> Vec<Pool> {
        self.connections.pools()
    }

    /// A file is shared by processes of one machine, which look into it often and cheaply.
    async fn wire(&self) -> Result<Option<Box<dyn Wire>>> {
        Ok(None)
    }

    fn describe(&self) -> String {
        format!("sqlite:{}", self.connections.describe())
    }

    async fn close(&self) {
        self.connections.close().await;
    }
}
