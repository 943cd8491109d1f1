//! Tasker on PostgreSQL 14 and up.

mod hot;
mod insert;
mod lease;
mod migrate;
mod operations;
mod payload;
mod relay;
mod retention;
mod row;
mod search;
mod sql;
mod time;
mod transaction;
mod webhook;
mod wire;

use std::{ops::Range, str::FromStr, sync::Arc, time::Duration};
use uuid::Uuid;

use self::{hot::Hot, transaction::Open, wire::PostgresWire};
use super::{
    Counts, Decide, Due, Error, EventCursor, Followed, Inserted, KnownRelay, KnownWorker, Migration, NewTemplate,
    Oddity, Origin, Payload, PayloadRequest, Pool, PutTemplate, RelayPlace, Result, Store, StoredKey, StoredTemplate,
    TaskFilter, TemplateSummary, Transacted, Usage, Wire, WorkerRecord, filter::first_id_after, transaction::transact,
};
use crate::{
    dag::NewTask,
    model::{
        Actor, Checkpoint, EventBatch, Lease, Page, Step, StepPlace, StepState, Task, TaskId, TemplateId, Timestamp,
        WorkerId, limits,
    },
    state::{Changes, Claim, Route, Scope},
};
use async_trait::async_trait;
use sqlx::{
    ConnectOptions, Connection, Decode, PgPool, Postgres, Row, Type,
    postgres::{PgArguments, PgConnectOptions, PgPoolOptions, PgRow},
    query::Query,
};

/// A Tasker database on PostgreSQL. Everything lives in the schema `tasker`.
pub struct PostgresStore {
    /// For the hot statements, whose plans are fixed.
    hot: Arc<Hot>,
    /// For listings, whose plans depend on what is asked for.
    query: PgPool,
    /// For those who follow the log, which is read in the order of an index.
    log: PgPool,
    options: PgConnectOptions,
    address: String,
}

/// How long a connection is waited for, and how long a statement may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connections for the hot statements, in one process.
const CONNECTIONS_MAX: usize = 16;
/// The same for listings.
const QUERY_CONNECTIONS: u32 = 8;
/// The same for readers of the log.
const LOG_CONNECTIONS: u32 = 4;

/// The hot statements reach every row through an index. Without this, plans made while the tables were nearly empty read
/// them whole, and are kept when they have grown.
const HOT: [(&str, &str); 5] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("jit", "off"),
];

/// The log grows at its end, of which statistics know nothing: a page would be taken for all that is left, and that be read and
/// sorted as a whole, for each page again.
const LOG: [(&str, &str); 7] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_bitmapscan", "off"),
    ("enable_sort", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("jit", "off"),
];

/// A server that vanishes without a word ends no statement and no connection: every call ends here at the latest.
async fn within<T>(call: impl Future<Output = Result<T>> + Send) -> Result<T> {
    let most = PATIENCE * 3 / 2;
    let answer = tokio::time::timeout(most, call).await;
    answer.unwrap_or_else(|_| Err(Error::Unavailable(format!("no answer within {} s", most.as_secs()))))
}

impl PostgresStore {
    /// Connects to the database of a `postgres://` URL.
    ///
    /// # Errors
    /// [`Error::Url`] for a URL that is none; [`Error::Unavailable`] when the database does not answer.
    pub async fn connect(url: &str) -> Result<Self> {
        let options = PgConnectOptions::from_str(url)
            .map_err(|error| Error::Url(error.to_string()))?
            .application_name("tasker")
            .options([("statement_timeout", format!("{}ms", PATIENCE.as_millis()))]);
        // A search has other conditions, and so another best index, with each set of values.
        // Workers of its own would take longer to start than such a statement runs.
        let listing = options
            .clone()
            .options([("plan_cache_mode", "force_custom_plan"), ("max_parallel_workers_per_gather", "0")]);
        let query = PgPoolOptions::new()
            .max_connections(QUERY_CONNECTIONS)
            .acquire_timeout(PATIENCE)
            .test_before_acquire(false);
        // The pool would try until its patience ends, and then tell of that instead of the reason.
        options.connect().await?.close().await?;
        let hot = Hot::new(options.clone().options(HOT), CONNECTIONS_MAX);
        let address = format!(
            "postgres://{}:{}/{}",
            options.get_host(),
            options.get_port(),
            options.get_database().unwrap_or(options.get_username())
        );
        let log = query.clone().max_connections(LOG_CONNECTIONS).connect_lazy_with(options.clone().options(LOG));
        Ok(Self { hot, query: query.connect_lazy_with(listing), log, options, address })
    }

    /// The one row that a hot statement answers with.
    async fn one(&self, query: Query<'_, Postgres, PgArguments>) -> Result<PgRow> {
        self.hot.fetch(query).await?.pop().ok_or_else(|| Error::Corrupt("a row vanished while it was read".to_owned()))
    }

    /// The one value that a hot statement answers with.
    async fn scalar<T>(&self, query: Query<'_, Postgres, PgArguments>) -> Result<T>
    where
        T: for<'r> Decode<'r, Postgres> + Type<Postgres>,
    {
        Ok(self.one(query).await?.try_get(0)?)
    }

    /// Every statement that this store may execute.
    #[cfg(feature = "test-support")]
    #[must_use]
    pub fn statements() -> &'static [&'static super::Statement] {
        sql::ALL
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn migrate(&self) -> Result<Vec<Migration>> {
        // As long as it takes: a migration may rewrite a large table.
        migrate::run(&self.query).await
    }

    async fn migrations(&self) -> Result<Vec<Migration>> {
        within(async { migrate::status(&self.query).await }).await
    }

    async fn now(&self) -> Result<Timestamp> {
        within(async { self.scalar(sqlx::query(sql::NOW.sql())).await }).await
    }

    async fn put_template(&self, template: &NewTemplate) -> Result<PutTemplate> {
        within(async {
            let NewTemplate { id, template, definition, routes } = template;
            let (queues, handlers): (Vec<&str>, Vec<&str>) =
                routes.iter().map(|route| (route.queue.as_ref(), route.handler.as_ref())).unzip();
            // Routes first: one too many costs a look into an empty queue, one too few would hide the template's steps.
            self.hot.fetch(sqlx::query(sql::PUT_ROUTES.sql()).bind(queues).bind(handlers)).await?;
            let put = sqlx::query(sql::PUT_TEMPLATE.sql())
                .bind(id.0)
                .bind(&template.namespace)
                .bind(&template.name)
                .bind(&template.version)
                .bind(&template.description)
                .bind(definition.as_str());
            if !self.hot.fetch(put).await?.is_empty() {
                return Ok(PutTemplate::Created(*id));
            }
            let query = sqlx::query(sql::FIND_VERSION.sql())
                .bind(&template.namespace)
                .bind(&template.name)
                .bind(&template.version)
                .bind(definition.as_str());
            let row = self.one(query).await?;
            let stored = TemplateId(row.try_get("id")?);
            Ok(if row.try_get("is_same")? { PutTemplate::Unchanged(stored) } else { PutTemplate::Conflict(stored) })
        })
        .await
    }

    async fn template(&self, id: TemplateId) -> Result<Option<StoredTemplate>> {
        within(async {
            let rows = self.hot.fetch(sqlx::query(sql::FIND_TEMPLATE.sql()).bind(id.0)).await?;
            let Some(row) = rows.first() else { return Ok(None) };
            let template = row::structured(row, "definition")?
                .ok_or_else(|| Error::Corrupt(format!("template {id} has no definition")))?;
            Ok(Some(StoredTemplate { id, template, created_at: row.try_get("created_at")? }))
        })
        .await
    }

    async fn templates(&self, namespace: Option<&str>, name: Option<&str>) -> Result<Vec<TemplateSummary>> {
        within(async {
            let rows = sqlx::query(sql::LIST_TEMPLATES.sql()).bind(namespace).bind(name).fetch_all(&self.query).await?;
            rows.iter().map(row::template_summary).collect()
        })
        .await
    }

    async fn routes(&self) -> Result<Vec<Route>> {
        within(async {
            let rows = self.hot.fetch(sqlx::query(sql::LIST_ROUTES.sql())).await?;
            let routes = rows.iter().map(|row| {
                let text = |column| Ok::<_, Error>(row.try_get::<&str, _>(column)?.into());
                Ok(Route { queue: text("queue")?, handler: text("handler")? })
            });
            routes.collect()
        })
        .await
    }

    async fn insert_begun(&self, tasks: &[NewTask], begun: &Changes) -> Result<Vec<Inserted>> {
        within(async { insert::insert_tasks(&self.hot, tasks, begun).await }).await
    }

    async fn transact(&self, scope: &[Scope], claim: Option<&Claim>, decide: &Decide<'_>) -> Result<Transacted> {
        within(async { transact(Open::begin(&self.hot).await?, scope, claim, decide).await }).await
    }

    async fn apply_unchanged(&self, changes: &Changes) -> Result<bool> {
        within(async { transaction::apply_unchanged(&self.hot, changes).await }).await
    }

    fn clock(&self) -> Option<Timestamp> {
        self.hot.time()
    }

    async fn extend_leases(&self, leases: &[Lease], lease_ms: u64) -> Result<Vec<Option<Timestamp>>> {
        within(async { lease::extend(&self.hot, leases, lease_ms).await }).await
    }

    async fn put_checkpoints(
        &self,
        checkpoints: &[(Lease, Checkpoint)],
        lease_ms: u64,
    ) -> Result<Vec<Option<Timestamp>>> {
        within(async { lease::put_checkpoints(&self.hot, checkpoints, lease_ms).await }).await
    }

    async fn due(&self, limit: u32) -> Result<Due> {
        within(async {
            // One more than is answered tells whether something is left.
            let limit_plus = i64::from(limit) + 1;
            let rows = self.hot.fetch(sqlx::query(sql::DUE.sql()).bind(limit_plus)).await?;
            let found = rows.iter().map(|row| {
                let (task_id, idx): (Option<Uuid>, Option<i32>) = (row.try_get("task_id")?, row.try_get("idx")?);
                Ok((task_id.map(TaskId), idx.map(row::unsigned), row.try_get("due_at")?))
            });
            Due::new(found, limit)
        })
        .await
    }

    async fn payloads(&self, requests: &[PayloadRequest]) -> Result<Vec<Payload>> {
        within(async { payload::load(payload::Source::Hot(&self.hot), requests).await }).await
    }

    async fn put_worker(&self, worker: &WorkerRecord, worked_at: Option<Timestamp>) -> Result<()> {
        within(async {
            let description = serde_json::to_string(worker).map_err(|error| Error::Refused(error.to_string()))?;
            let query = sqlx::query(sql::PUT_WORKER.sql()).bind(worker.worker_id.0).bind(description).bind(worked_at);
            self.hot.fetch(query).await?;
            Ok(())
        })
        .await
    }

    async fn workers(&self, ids: &[WorkerId]) -> Result<Vec<WorkerRecord>> {
        within(async {
            let ids: Vec<_> = ids.iter().map(|id| id.0).collect();
            let rows = sqlx::query(sql::LIST_WORKERS.sql()).bind(ids).fetch_all(&self.query).await?;
            let workers = rows.iter().map(|row| row::structured(row, "description"));
            workers.filter_map(Result::transpose).collect()
        })
        .await
    }

    async fn task(&self, id: TaskId) -> Result<Option<Task>> {
        within(async {
            let rows = self.hot.fetch(sqlx::query(sql::GET_TASK.sql()).bind(id.0)).await?;
            rows.first().map(row::task).transpose()
        })
        .await
    }

    async fn tasks(&self, filter: &TaskFilter, limit: u32) -> Result<Page<Task>> {
        within(super::search::tasks(self, filter, limit)).await
    }

    async fn task_ids(&self, filter: &TaskFilter, limit: u32) -> Result<Page<TaskId>> {
        within(super::search::ids(self, filter, limit)).await
    }

    async fn count_tasks(&self, filter: &TaskFilter, limit: u64) -> Result<u64> {
        within(super::search::count(self, filter, limit)).await
    }

    async fn all_events(&self, after: EventCursor, limit: u32) -> Result<Vec<Followed>> {
        within(self.follow(after, limit)).await
    }

    async fn end_of_events(&self) -> Result<EventCursor> {
        within(async { Ok(EventCursor::before(self.log_end().await?)) }).await
    }

    async fn known_workers(&self, since: Timestamp, limit: u32) -> Result<Vec<KnownWorker>> {
        within(self.known_workers_since(since, limit)).await
    }

    async fn counts(&self, queues: u32, exactly: u64) -> Result<Counts> {
        within(self.count_all(queues, exactly)).await
    }

    async fn count_ahead(&self, step: &Step, priority: i16, limit: u32) -> Result<u64> {
        within(self.ahead(step, priority, limit)).await
    }

    async fn oddities(&self, tasks: u32, limit: u32) -> Result<Vec<Oddity>> {
        // Each of its statements has a limit of its own.
        self.odd(tasks, limit).await
    }

    async fn put_key(&self, key: &StoredKey) -> Result<()> {
        within(self.add_key(key)).await
    }

    async fn key_of_hash(&self, hash: &[u8; 32]) -> Result<Option<StoredKey>> {
        within(self.find_key(hash)).await
    }

    async fn keys(&self, limit: u32) -> Result<Vec<StoredKey>> {
        within(self.list_keys(limit)).await
    }

    async fn revoke_key(&self, id: Uuid, actor: &Actor) -> Result<bool> {
        within(self.end_key(id, actor)).await
    }

    async fn touch_key(&self, id: Uuid) -> Result<()> {
        within(self.mark_key(id)).await
    }

    async fn hold_relay(&self, name: &str, holder: Uuid, lease_ms: u64) -> Result<Option<RelayPlace>> {
        within(self.hold(name, holder, lease_ms)).await
    }

    async fn move_relay(&self, name: &str, holder: Uuid, place: &RelayPlace, lease_ms: u64) -> Result<bool> {
        within(self.advance(name, holder, place, lease_ms)).await
    }

    async fn release_relay(&self, name: &str, holder: Uuid) -> Result<()> {
        within(self.let_go(name, holder)).await
    }

    async fn relays(&self) -> Result<Vec<KnownRelay>> {
        within(self.list_relays()).await
    }

    async fn has_moved(&self, name: &str, span_ms: u64) -> Result<bool> {
        within(self.moved(name, span_ms)).await
    }

    async fn origins(&self, tasks: &[TaskId]) -> Result<Vec<Origin>> {
        within(self.list_origins(tasks)).await
    }

    async fn forget_relay(&self, name: &str) -> Result<bool> {
        within(self.forget(name)).await
    }

    async fn retired(&self, before: Timestamp, after: TaskId, limit: u32) -> Result<Vec<TaskId>> {
        within(self.list_retired(before, after.0..first_id_after(before), limit)).await
    }

    async fn remove_tasks(&self, tasks: &[TaskId], before: Timestamp) -> Result<Vec<TaskId>> {
        within(self.remove(tasks, before)).await
    }

    async fn steps_in(&self, task_id: TaskId, range: Range<u32>, limit: u32) -> Result<Vec<Step>> {
        within(async {
            let query = sqlx::query(sql::LIST_STEPS.sql()).bind(task_id.0).bind(transaction::signed(range.start));
            let query = query.bind(transaction::signed(range.end)).bind(i64::from(limit));
            query.fetch_all(&self.query).await?.iter().map(row::step).collect()
        })
        .await
    }

    async fn count_parts(&self, task_id: TaskId) -> Result<Vec<(u32, StepState, u32)>> {
        within(async {
            let query = sqlx::query(sql::COUNT_PARTS.sql()).bind(task_id.0);
            let query = query.bind(transaction::signed(StepPlace::TEMPLATE.end));
            query.fetch_all(&self.query).await?.iter().map(row::parts).collect()
        })
        .await
    }

    async fn tree(&self, task_id: TaskId, limit: u32) -> Result<Vec<Task>> {
        within(async {
            let query = sqlx::query(sql::LIST_TREE.sql()).bind(task_id.0).bind(i64::from(limit));
            query.fetch_all(&self.query).await?.iter().map(row::task).collect()
        })
        .await
    }

    async fn tree_steps(&self, tasks: &[TaskId], limit: u32) -> Result<Vec<Step>> {
        within(async {
            let tasks: Vec<_> = tasks.iter().map(|task_id| task_id.0).collect();
            let query = sqlx::query(sql::LIST_TREE_STEPS.sql()).bind(tasks).bind(i64::from(limit));
            query.fetch_all(&self.query).await?.iter().map(row::step).collect()
        })
        .await
    }

    async fn events(&self, task_id: TaskId, after_seq: i64, limit: u32) -> Result<Vec<EventBatch>> {
        within(async {
            let query = sqlx::query(sql::LIST_EVENTS.sql())
                .bind(task_id.0)
                .bind(after_seq.saturating_add(1))
                .bind(i64::from(limit))
                .bind(i64::from(limits::EVENT_BYTES));
            let rows = query.fetch_all(&self.query).await?;
            rows.iter().map(|row| row::events(row, task_id)).collect()
        })
        .await
    }

    async fn usage(&self) -> Result<Option<Usage>> {
        within(async {
            let row = sqlx::query(sql::USAGE.sql()).fetch_one(&self.query).await?;
            let (commits, transactions) = (row.try_get("commits")?, row.try_get("transactions")?);
            Ok(Some(Usage { commits, transactions, wal_bytes: row.try_get("wal_bytes")? }))
        })
        .await
    }

    fn pools(&self) -> Vec<Pool> {
        let of = |name, pool: &PgPool, limit: u32| {
            let (open, idle) = (pool.size() as usize, pool.num_idle());
            Pool { name, busy: open.saturating_sub(idle) as u64, idle: idle as u64, limit: limit.into() }
        };
        vec![self.hot.pool(), of("query", &self.query, QUERY_CONNECTIONS), of("log", &self.log, LOG_CONNECTIONS)]
    }

    async fn wire(&self) -> Result<Option<Box<dyn Wire>>> {
        within(async { Ok(Some(Box::new(PostgresWire::connect(&self.options).await?) as Box<dyn Wire>)) }).await
    }

    fn describe(&self) -> String {
        self.address.clone()
    }

    async fn close(&self) {
        self.hot.close().await;
        self.query.close().await;
        self.log.close().await;
    }
}
