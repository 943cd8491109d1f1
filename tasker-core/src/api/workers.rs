use std::{iter, sync::Arc, time::Duration};

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep_until};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api,
    access::Caller,
    extract::{Body, Parameters, Path},
    problem::{self, Refusals, Result, field_invalid},
    sessions::{Call, Joined, LANES},
};
use crate::{
    model::{Checkpoint, Lease, Named, Page, Report, Reported, TaskId, Timestamp, Verdict, Woken, WorkerId, limits},
    orchestration::{Permission, WorkerRecord},
    state::Look,
    view::{WorkView, WorkerView},
};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list, join))
        .routes(routes!(work))
        .routes(routes!(wakeups))
        .routes(routes!(leases))
        .routes(routes!(checkpoint))
}

/// The longest that one request waits for work.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// Between two looks for work that nobody has told of, while a request waits for it.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// List the workers
///
/// Those that were heard of in the last quarter of an hour, the latest first.
#[utoipa::path(get, path = "/v1/workers", tag = "workers", responses(
    (status = OK, description = "The workers.", body = Page<WorkerView>),
    Refusals,
))]
async fn list(State(api): State<Api>, caller: Caller) -> Result<Json<Page<WorkerView>>> {
    caller.demand_everywhere(Permission::Read)?;
    Ok(Json(Page { items: WorkerView::list(&api.engine).await?, next: None }))
}

/// What a worker is told when it joins.
#[derive(Debug, Serialize, ToSchema)]
struct JoinedWorker {
    worker_id: WorkerId,
    /// Milliseconds that leases are given for, and extended by.
    lease_ms: u64,
}

/// Let a worker join
///
/// Done again, at least once a minute, it says that the worker is still there.
#[utoipa::path(post, path = "/v1/workers", tag = "workers", request_body = WorkerRecord, responses(
    (status = OK, description = "The worker may claim.", body = JoinedWorker),
    Refusals,
))]
async fn join(
    State(api): State<Api>,
    caller: Caller,
    Body(mut worker): Body<WorkerRecord>,
) -> Result<Json<JoinedWorker>> {
    check(&worker)?;
    worker.queues = queues(&caller, worker.queues)?;
    let worker_id = worker.worker_id;
    let known = api.sessions.get(worker_id, caller.key_id()).filter(|joined| *joined.session.worker() == worker);
    match known {
        Some(joined) => api.engine.stay(&joined.session).await?,
        None if api.sessions.put(api.engine.join(worker).await?, caller.key_id()) => {}
        None => {
            let remedy = "start another server, or stop workers that are not needed";
            let detail = "too many workers have joined this server";
            return Err(problem::new(StatusCode::SERVICE_UNAVAILABLE, "too_many_workers", detail, remedy));
        }
    }
    let lease_ms = u64::try_from(api.engine.options().lease.as_millis()).unwrap_or(u64::MAX);
    Ok(Json(JoinedWorker { worker_id, lease_ms }))
}

/// Outcomes to record, and how many steps to hand out.
#[derive(Debug, Deserialize, ToSchema)]
struct Work {
    /// Calls that are under way at the same time are in different lanes: 0, if not given, to 3. No two of them may report about the
    /// same task.
    #[serde(default)]
    #[schema(maximum = 3)]
    lane: usize,
    /// A number that the worker gives to each call anew. Sent again with the same number, because the answer was lost, and before
    /// any other in its lane, the call is answered as before instead of being carried out twice.
    #[serde(default)]
    call: Option<u64>,
    /// At most 1,000.
    #[serde(default)]
    #[schema(max_items = 1000)]
    reports: Vec<Report>,
    /// Steps to hand out at most: the worker's free slots.
    #[serde(default)]
    #[schema(maximum = 1000)]
    want: usize,
    /// Where to look for them.
    #[serde(default = "if_short")]
    look: Look,
    /// Milliseconds to wait for steps where there is nothing to report and none to hand out; at most 60,000.
    #[serde(default)]
    #[schema(maximum = 60000)]
    wait_ms: u64,
    /// Whether input and results that assignments have in common are sent once: `alike` then says where they belong.
    #[serde(default)]
    shares: bool,
}

fn if_short() -> Look {
    Look::IfShort
}

/// Report outcomes and claim steps
///
/// Both in one transaction. An outcome whose attempt is no longer the step's answers `stale_lease`, which is harmless: so it
/// is when the same report arrives twice.
#[utoipa::path(post, path = "/v1/workers/{worker_id}/work", tag = "workers", params(("worker_id" = WorkerId, Path,)),
    request_body = Work, responses(
    (status = OK, description = "A verdict for each outcome, in order, and the steps to run.", body = WorkView),
    Refusals,
))]
async fn work(
    State(api): State<Api>,
    caller: Caller,
    Path(worker_id): Path<WorkerId>,
    Body(work): Body<Work>,
) -> Result<Json<WorkView>> {
    let joined = joined(&api, &caller, worker_id)?;
    demand_at_most("reports", work.reports.len(), limits::REPORT)?;
    demand_at_most("want", work.want, limits::REPORT)?;
    demand_at_most("lane", work.lane, LANES - 1)?;
    let wait = wait(work.wait_ms)?;
    let may_wait = work.reports.is_empty() && work.want > 0;
    let until = Instant::now() + if may_wait { wait } else { Duration::ZERO };
    let mut pause = LOOK_AGAIN.0;
    let answer = if work.shares { WorkView::shared } else { WorkView::whole };
    let mut reports = work.reports;
    let foreign = joined.foreign(&api.engine, &caller, reports.iter().map(|report| report.lease)).await?;
    let is_foreign: Vec<bool> = reports.iter().map(|report| foreign.contains(&report.lease.task_id)).collect();
    reports.retain(|report| !foreign.contains(&report.lease.task_id));
    loop {
        // A server that stops still records, but what it handed out could be reported to it no more.
        let want = if api.closing.is_cancelled() { 0 } else { work.want };
        let reports = std::mem::take(&mut reports);
        let Work { lane, call: number, look, shares, .. } = work;
        let call = Call { lane, number, reports, want, look, shares };
        let reported = carry_out(&api, &joined, call).await?;
        if !reported.assignments.is_empty() || Instant::now() >= until {
            return Ok(Json(answer(with_foreign(reported, &is_foreign))));
        }
        tokio::select! {
            () = joined.session.woken() => {}
            () = sleep_until(until.min(Instant::now() + pause)) => {}
            () = api.closing.cancelled() => return Ok(Json(answer(with_foreign(reported, &is_foreign)))),
        }
        pause = (pause * 2).min(LOOK_AGAIN.1);
        caller.demand_still(&api).await?;
    }
}

/// The verdicts with those of outcomes that were left out, which are answered like those of a lease that is lost.
fn with_foreign(reported: Reported, is_foreign: &[bool]) -> Reported {
    let mut verdicts = reported.verdicts.into_iter();
    let verdict = |is_foreign: &bool| if *is_foreign { Some(Verdict::StaleLease) } else { verdicts.next() };
    Reported { verdicts: is_foreign.iter().filter_map(verdict).collect(), ..reported }
}

/// In a task of its own: a client that goes away in the middle does not leave a transaction half done, and finds the answer
/// when it asks again.
async fn carry_out(api: &Api, joined: &Arc<Joined>, call: Call) -> Result<Reported> {
    let (api, joined) = (api.clone(), Arc::clone(joined));
    let reported = tokio::spawn(async move { joined.report(&api.engine, call).await });
    Ok(reported.await.map_err(|_| problem::internal())??)
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wait {
    /// Milliseconds to wait; at most 60,000, and 20,000 if not given.
    #[serde(default = "twenty_seconds")]
    #[param(maximum = 60000)]
    wait_ms: u64,
}

fn twenty_seconds() -> u64 {
    20_000
}

/// What a worker is told of.
#[derive(Debug, Serialize, ToSchema)]
struct Wakeup {
    /// There may be steps to claim. False when the time was over, or only the other happened.
    is_woken: bool,
    /// Tasks from which attempts under way were taken: the worker asks for its leases of them. Null for any task.
    #[schema(value_type = Option<Vec<TaskId>>)]
    revoked: Named<TaskId>,
    /// The server hears at once of what happens in other processes, so that the worker may look for steps more rarely.
    is_told: bool,
}

/// Wait until there may be steps to claim, or attempts were taken away
///
/// A hint, which may be late or lost: a worker looks for itself from time to time.
#[utoipa::path(get, path = "/v1/workers/{worker_id}/wakeups", tag = "workers",
    params(("worker_id" = WorkerId, Path,), Wait), responses(
    (status = OK, description = "What has happened, or the time is over.", body = Wakeup),
    Refusals,
))]
async fn wakeups(
    State(api): State<Api>,
    caller: Caller,
    Path(worker_id): Path<WorkerId>,
    Parameters(query): Parameters<Wait>,
) -> Result<Json<Wakeup>> {
    let joined = joined(&api, &caller, worker_id)?;
    let until = Instant::now() + wait(query.wait_ms)?;
    let woken = tokio::select! {
        woken = joined.session.told() => woken,
        () = sleep_until(until) => Woken::default(),
        () = api.closing.cancelled() => Woken::default(),
    };
    let Woken { may_claim, revoked } = woken;
    Ok(Json(Wakeup { is_woken: may_claim, revoked, is_told: api.engine.is_told() }))
}

/// Leases to extend.
#[derive(Debug, Deserialize, ToSchema)]
struct Leases {
    #[schema(max_items = 10000)]
    leases: Vec<Lease>,
}

/// How long leases are held now.
#[derive(Debug, Serialize, ToSchema)]
struct Extended {
    /// One for each lease, in order: its new end, or null for one that is lost.
    until: Vec<Option<Timestamp>>,
}

/// Extend leases
#[utoipa::path(post, path = "/v1/workers/{worker_id}/leases", tag = "workers", params(("worker_id" = WorkerId, Path,)),
    request_body = Leases, responses(
    (status = OK, description = "The new ends.", body = Extended),
    Refusals,
))]
async fn leases(
    State(api): State<Api>,
    caller: Caller,
    Path(worker_id): Path<WorkerId>,
    Body(Leases { leases }): Body<Leases>,
) -> Result<Json<Extended>> {
    let joined = joined(&api, &caller, worker_id)?;
    demand_at_most("leases", leases.len(), LEASES_MAX)?;
    let foreign = joined.foreign(&api.engine, &caller, leases.iter().copied()).await?;
    let own: Vec<Lease> = leases.iter().filter(|lease| !foreign.contains(&lease.task_id)).copied().collect();
    let mut extended = api.engine.extend(&own).await?.into_iter();
    let until = |lease: &Lease| {
        let is_own = !foreign.contains(&lease.task_id);
        is_own.then(|| extended.next().flatten()).flatten()
    };
    Ok(Json(Extended { until: leases.iter().map(until).collect() }))
}

/// How far an attempt has come.
#[derive(Debug, Deserialize, ToSchema)]
struct Reached {
    lease: Lease,
    checkpoint: Checkpoint,
}

/// How long the lease is held now.
#[derive(Debug, Serialize, ToSchema)]
struct Kept {
    /// Its new end; null if it is lost, and nothing was stored.
    until: Option<Timestamp>,
}

/// Store a checkpoint
///
/// How far an attempt has come, which its step's next attempt is given. Extends the lease.
#[utoipa::path(post, path = "/v1/workers/{worker_id}/checkpoints", tag = "workers", params(("worker_id" = WorkerId, Path,)),
    request_body = Reached, responses(
    (status = OK, description = "Stored, if the lease was held.", body = Kept),
    Refusals,
))]
async fn checkpoint(
    State(api): State<Api>,
    caller: Caller,
    Path(worker_id): Path<WorkerId>,
    Body(Reached { lease, checkpoint }): Body<Reached>,
) -> Result<Json<Kept>> {
    let joined = joined(&api, &caller, worker_id)?;
    if !joined.foreign(&api.engine, &caller, iter::once(lease)).await?.is_empty() {
        return Ok(Json(Kept { until: None }));
    }
    let until = api.engine.checkpoint(&[(lease, checkpoint)]).await?;
    Ok(Json(Kept { until: until.into_iter().flatten().next() }))
}

/// As many as a worker has slots.
const LEASES_MAX: usize = 10_000;

/// The queues that a worker may serve: a step's queue is its namespace.
fn queues(caller: &Caller, queues: Vec<String>) -> Result<Vec<String>> {
    if let (Some(namespaces), true) = (caller.namespaces(), queues.is_empty()) {
        return Ok(namespaces.iter().cloned().collect());
    }
    queues.iter().try_for_each(|queue| caller.demand(Permission::Work, queue))?;
    Ok(queues)
}

fn joined(api: &Api, caller: &Caller, worker_id: WorkerId) -> Result<Arc<Joined>> {
    api.sessions.get(worker_id, caller.key_id()).ok_or_else(|| {
        let detail = format!("the worker {worker_id} has not joined this server");
        problem::new(StatusCode::NOT_FOUND, "worker_unknown", detail, "join first: POST /v1/workers")
    })
}

fn wait(wait_ms: u64) -> Result<Duration> {
    demand_at_most("wait_ms", usize::try_from(wait_ms).unwrap_or(usize::MAX), 60_000)?;
    Ok(Duration::from_millis(wait_ms).min(WAIT_MAX))
}

fn demand_at_most(field: &str, count: usize, most: usize) -> Result<()> {
    if count <= most {
        return Ok(());
    }
    Err(field_invalid(field, format!("{count} is too many; at most {most} are taken")))
}

fn check(worker: &WorkerRecord) -> Result<()> {
    if worker.handlers.is_empty() {
        return Err(field_invalid("handlers", "a worker has at least one handler"));
    }
    if !(1..=10_000).contains(&worker.slots) {
        return Err(field_invalid("slots", format!("{} slots; a worker has 1 to 10000", worker.slots)));
    }
    demand_at_most("handlers", worker.handlers.len(), NAMES_MAX)?;
    demand_at_most("queues", worker.queues.len(), NAMES_MAX)?;
    let names = worker.handlers.iter().map(|name| ("handlers", name));
    let names = names.chain(worker.queues.iter().map(|name| ("queues", name)));
    let mut names = names.chain([("host", &worker.host), ("language", &worker.language)]);
    match names.find(|(_, name)| name.is_empty() || name.len() > NAME_BYTES || name.contains('\0')) {
        Some((field, _)) => Err(field_invalid(field, format!("a name has 1 to {NAME_BYTES} bytes, none of them NUL"))),
        None => Ok(()),
    }
}

const NAMES_MAX: usize = 10_000;
const NAME_BYTES: usize = 512;
