use std::collections::HashMap;

use async_trait::async_trait;

use super::{Decide, Error, Payload, PayloadRequest, Result, Transacted, assemble::absorb};
use crate::{
    model::{Json, TaskId, Timestamp},
    state::{Changes, Claim, Decision, Look, Scope, Snapshot, Values, Wanted},
};

/// A decision asks for whole tasks once and for candidates once; one that keeps asking would never end.
const QUESTIONS_MAX: usize = 8;

/// Questions after which a decision is shown whole tasks where it asks for single steps.
const STEPS_ASKED: usize = 3;

/// Tasks that are locked.
pub(super) struct Locked {
    /// The store's clock, once the locks were there.
    pub(super) now: Timestamp,
    /// At which event each of them stands; those that are not stored have no entry.
    pub(super) seqs: HashMap<TaskId, i64>,
}

/// One open transaction: what [`transact`] needs from a database. Dropping it rolls it back.
///
/// Every answer is a snapshot of what was asked for only; its `now` is the store's clock, read inside the transaction.
#[async_trait]
pub(super) trait Transaction: Send {
    /// Locks the tasks, which come ascending by id.
    async fn lock(&mut self, tasks: &[TaskId]) -> Result<Locked>;

    /// Locks the tasks, ascending by id, and reads them with the steps asked for and the dependents of these.
    async fn load_scope(&mut self, scope: &[Scope]) -> Result<Snapshot>;

    /// Reads every step of tasks that are locked.
    async fn load_whole(&mut self, tasks: &[TaskId]) -> Result<Snapshot>;

    /// Locks the tasks of at most `limit` enqueued steps that the claim could take, and reads them with just these.
    async fn load_candidates(&mut self, claim: &Claim, limit: usize) -> Result<Snapshot>;

    /// Reads inputs and results of tasks that are locked. One answer for each, in order.
    async fn load_payloads(&mut self, requests: &[PayloadRequest]) -> Result<Vec<Payload>>;

    async fn apply(&mut self, changes: &Changes) -> Result<()>;

    async fn commit(self) -> Result<()>;

    async fn rollback(self) -> Result<()>;
}

/// Reads, asks `decide`, reads more as long as it says so, and writes its changes: [`super::Store::transact`] for every
/// database.
pub(super) async fn transact<T: Transaction>(
    mut transaction: T,
    scope: &[Scope],
    claim: Option<&Claim>,
    decide: &Decide<'_>,
) -> Result<Transacted> {
    let mut snapshot = first_look(&mut transaction, scope, claim).await?;
    for asked in 0..QUESTIONS_MAX {
        let more = match (decide(&snapshot), claim) {
            (Decision::Done(changes), _) => {
                if changes.is_empty() {
                    transaction.rollback().await?;
                } else {
                    transaction.apply(&changes).await?;
                    transaction.commit().await?;
                }
                return Ok(Transacted::Done(changes));
            }
            (Decision::NeedsTemplates(keys), _) => {
                transaction.rollback().await?;
                return Ok(Transacted::NeedsTemplates(keys));
            }
            (Decision::NeedsNamed(names), _) => {
                transaction.rollback().await?;
                return Ok(Transacted::NeedsNamed(names));
            }
            (Decision::NeedsTasks(scopes), _) => {
                transaction.rollback().await?;
                return Ok(Transacted::NeedsTasks(scopes));
            }
            (Decision::NeedsValues(wanted), _) => {
                load_values(&mut transaction, &wanted, &mut snapshot).await?;
                continue;
            }
            // A chain of questions for single steps ends with all of them.
            (Decision::NeedsSteps(scopes), _) if asked >= STEPS_ASKED => {
                let tasks: Vec<_> = scopes.iter().map(|scope| scope.task_id).collect();
                transaction.load_whole(&tasks).await?
            }
            (Decision::NeedsSteps(scopes), _) => transaction.load_scope(&scopes).await?,
            (Decision::NeedsWhole(tasks), _) => transaction.load_whole(&tasks).await?,
            (Decision::NeedsCandidates(limit), Some(claim)) => load_candidates(&mut transaction, claim, limit).await?,
            (Decision::NeedsCandidates(_), None) => {
                return Err(Error::Refused("candidates were asked for without a claim".to_owned()));
            }
        };
        absorb(&mut snapshot, more);
    }
    Err(Error::Refused(format!("a decision asked for more than {QUESTIONS_MAX} times")))
}

/// With no task to lock and a claim that looks into the queues, the first question is known: it saves a round trip.
async fn first_look(transaction: &mut impl Transaction, scope: &[Scope], claim: Option<&Claim>) -> Result<Snapshot> {
    match claim {
        Some(claim) if scope.is_empty() && claim.look != Look::Nowhere && claim.want > 0 => {
            load_candidates(transaction, claim, claim.want).await
        }
        _ => load(transaction, scope).await,
    }
}

/// Locks and reads the tasks, as far as they are not known already as they stand.
async fn load(transaction: &mut impl Transaction, scope: &[Scope]) -> Result<Snapshot> {
    if scope.iter().all(|scope| scope.known.is_none()) {
        return transaction.load_scope(scope).await;
    }
    let ids: Vec<_> = scope.iter().map(|scope| scope.task_id).collect();
    let Locked { now, seqs } = transaction.lock(&ids).await?;
    let mut snapshot = Snapshot { now, tasks: Vec::new(), candidates_loaded: false, values: HashMap::new() };
    let mut others = Vec::new();
    for scope in scope {
        match scope.known.as_deref().filter(|known| seqs.get(&known.task_id) == Some(&known.seq)) {
            Some(known) => snapshot.tasks.push(known.clone()),
            None => others.push(scope.clone()),
        }
    }
    if !others.is_empty() {
        absorb(&mut snapshot, transaction.load_scope(&others).await?);
    }
    Ok(snapshot)
}

async fn load_candidates(transaction: &mut impl Transaction, claim: &Claim, limit: usize) -> Result<Snapshot> {
    let found = transaction.load_candidates(claim, limit).await?;
    Ok(Snapshot { candidates_loaded: true, ..found })
}

/// Reads what is wanted, together with what was read before.
async fn load_values(transaction: &mut impl Transaction, wanted: &[Wanted], snapshot: &mut Snapshot) -> Result<()> {
    let request = |wanted: &Wanted| PayloadRequest {
        with_context: true,
        steps: wanted.results.clone(),
        parts: wanted.parts.clone(),
        ..PayloadRequest::new(wanted.task_id)
    };
    let requests: Vec<_> = wanted.iter().map(request).collect();
    let payloads = transaction.load_payloads(&requests).await?;
    for (request, payload) in requests.iter().zip(payloads) {
        let input = payload.context.unwrap_or_else(Json::null);
        let read = Values::new(&input, payload.correlation_id.as_deref(), &request.steps, &payload.results)
            .with_parts(&request.parts, &payload.parts);
        let known = snapshot.values.entry(request.task_id).or_default();
        known.input = read.input;
        known.correlation_id = read.correlation_id;
        known.results.extend(read.results);
        known.parts.extend(read.parts);
    }
    Ok(())
}
