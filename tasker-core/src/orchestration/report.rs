use std::{
    collections::HashSet,
    fmt,
    sync::{
        Arc, Mutex, OnceLock, PoisonError, Weak,
        atomic::{AtomicI64, Ordering},
    },
};

use tokio::sync::Notify;
use tracing::warn;

use super::{Engine, Result, Room, hand::Intake};
use crate::{
    model::{Checkpoint, Lease, Named, Outcome, Report, Reported, TaskId, Timestamp, Woken, limits},
    state::{Claim, Claimed, Input, Look, Route},
    store::WorkerRecord,
};

/// A worker as this engine knows it: what it serves, and how to wake it.
pub struct Session {
    worker: WorkerRecord,
    handlers: HashSet<Arc<str>>,
    queues: HashSet<Arc<str>>,
    routes: Mutex<Served>,
    wake: Notify,
    revoked: Mutex<Named<TaskId>>,
    has_revoked: Notify,
    intake: OnceLock<Weak<dyn Intake>>,
    /// When the worker last took or reported a step, in microseconds; 0 for never.
    worked_at: AtomicI64,
}

/// The known routes that a session serves, beside the list that they were picked from.
#[derive(Debug, Default)]
struct Served {
    known: Arc<Vec<Route>>,
    routes: Arc<HashSet<Route>>,
}

impl Session {
    #[must_use]
    pub fn worker(&self) -> &WorkerRecord {
        &self.worker
    }

    /// Resolves when steps may have become claimable; at once if that happened since the last call.
    pub async fn woken(&self) {
        self.wake.notified().await;
    }

    /// Resolves when attempts may have been taken from the worker; at once if that happened since the last call.
    pub async fn revoked(&self) -> Named<TaskId> {
        loop {
            self.has_revoked.notified().await;
            let revoked = std::mem::take(&mut *self.revoked.lock().unwrap_or_else(PoisonError::into_inner));
            if !revoked.is_empty() {
                return revoked;
            }
        }
    }

    /// Resolves when either happens.
    pub async fn told(&self) -> Woken {
        tokio::select! {
            () = self.woken() => Woken { may_claim: true, revoked: Named::default() },
            revoked = self.revoked() => Woken { may_claim: false, revoked },
        }
    }

    /// From now on the worker is handed steps of new tasks, while it has room for them.
    pub fn attach(&self, intake: Weak<dyn Intake>) {
        // A worker is the same as long as its session lasts.
        let _ = self.intake.set(intake);
    }

    pub(super) fn intake(&self) -> Option<Arc<dyn Intake>> {
        self.intake.get().and_then(Weak::upgrade)
    }

    pub(super) fn works(&self, at: Option<Timestamp>) {
        if let Some(at) = at {
            self.worked_at.store(at.as_micros(), Ordering::Relaxed);
        }
    }

    fn worked_at(&self) -> Option<Timestamp> {
        let micros = self.worked_at.load(Ordering::Relaxed);
        (micros > 0).then(|| Timestamp::from_micros(micros))
    }

    pub(super) fn wake(&self) {
        self.wake.notify_one();
    }

    pub(super) fn revoke(&self, tasks: &Named<TaskId>) {
        if tasks.is_empty() {
            return;
        }
        let mut revoked = self.revoked.lock().unwrap_or_else(PoisonError::into_inner);
        match tasks.names() {
            Some(tasks) => revoked.add(tasks.iter().copied()),
            None => *revoked = Named::any(),
        }
        drop(revoked);
        self.has_revoked.notify_one();
    }

    pub(super) fn serves(&self, route: &Route) -> bool {
        self.handlers.contains(&route.handler) && (self.queues.is_empty() || self.queues.contains(&route.queue))
    }

    pub(super) fn served(&self, known: &Arc<Vec<Route>>) -> Arc<HashSet<Route>> {
        let mut served = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&served.known, known) {
            let routes = known.iter().filter(|route| self.serves(route)).cloned().collect();
            *served = Served { known: Arc::clone(known), routes: Arc::new(routes) };
        }
        Arc::clone(&served.routes)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("worker", &self.worker).finish_non_exhaustive()
    }
}

impl Engine {
    /// Makes a worker known, so that it may claim.
    ///
    /// # Errors
    /// [`super::Error::Store`].
    pub async fn join(&self, worker: WorkerRecord) -> Result<Arc<Session>> {
        self.store.put_worker(&worker, None).await?;
        let session = Arc::new(Session {
            handlers: worker.handlers.iter().map(|name| name.as_str().into()).collect(),
            queues: worker.queues.iter().map(|name| name.as_str().into()).collect(),
            worker,
            routes: Mutex::default(),
            wake: Notify::new(),
            revoked: Mutex::default(),
            has_revoked: Notify::new(),
            intake: OnceLock::new(),
            worked_at: AtomicI64::new(0),
        });
        self.wakeups.add(&session);
        Ok(session)
    }

    /// Records outcomes, and hands the worker up to `want` steps; both in one transaction. With no reports it is a claim.
    ///
    /// # Errors
    /// [`super::Error::Store`]. Nothing was recorded, or the answer was lost; report the same again: what was recorded
    /// before is then refused as [`Verdict::StaleLease`], which is harmless.
    pub async fn report(&self, session: &Session, reports: Vec<Report>, want: usize, look: Look) -> Result<Reported> {
        self.report_within(session, reports, want, look, None).await
    }

    /// The same where an answer has room for so much only. Steps beyond it go back to their queues, as if they had not been
    /// claimed, but for an attempt that is counted and two events.
    ///
    /// # Errors
    /// As [`Engine::report`].
    pub async fn report_within(
        &self,
        session: &Session,
        reports: Vec<Report>,
        want: usize,
        look: Look,
        room: Option<Room>,
    ) -> Result<Reported> {
        let inputs: Vec<_> =
            reports.into_iter().map(|Report { lease, outcome }| Input::Report { lease, outcome }).collect();
        let claim = Claim {
            worker_id: session.worker.worker_id,
            routes: session.served(&self.known_routes().await?),
            want,
            lease: self.options.lease,
            look: if want == 0 { Look::Nowhere } else { look },
        };
        let changes = self.apply(&inputs, Some(&claim), Some(session)).await?;
        if !changes.is_empty() {
            session.works(changes.tasks.first().map(|task| task.updated_at));
        }
        let assignments = match self.assign(&changes.claimed, room).await {
            Ok((assignments, left)) => {
                self.give_back(left).await;
                assignments
            }
            // The outcomes are recorded, so that this is no failure of the report. The leases run out, and the steps come
            // back by themselves.
            Err(error) => {
                warn!(%error, steps = changes.claimed.len(), "claimed steps cannot be handed out; their leases will run out");
                Vec::new()
            }
        };
        Ok(Reported { verdicts: changes.verdicts, assignments })
    }

    async fn give_back(&self, claimed: &[Claimed]) {
        if claimed.is_empty() {
            return;
        }
        let released = claimed.iter().map(|claimed| Input::Report {
            lease: Lease { task_id: claimed.id.task_id, step_idx: claimed.id.idx, attempt: claimed.attempt },
            outcome: Outcome::Released,
        });
        // Whoever asked is told too that there are steps: it has had fewer than it wanted.
        if let Err(error) = self.apply(&Vec::from_iter(released), None, None).await {
            warn!(%error, steps = claimed.len(), "claimed steps cannot be given back; their leases will run out");
        }
    }

    /// Records again that a worker is alive; it stays joined.
    ///
    /// # Errors
    /// [`super::Error::Store`].
    pub async fn stay(&self, session: &Session) -> Result<()> {
        Ok(self.store.put_worker(&session.worker, session.worked_at()).await?)
    }

    /// Extends leases. One answer for each, in order: the new end, or none if the worker has lost the lease and should
    /// cancel the handler.
    ///
    /// # Errors
    /// [`super::Error::Store`]. The leases are as they were.
    pub async fn extend(&self, leases: &[Lease]) -> Result<Vec<Option<Timestamp>>> {
        Ok(self.store.extend_leases(leases, self.lease_ms()).await?)
    }

    /// Stores how far attempts have come, for whoever goes on with their steps, and extends their leases. One answer for
    /// each, in order, as in [`Engine::extend`].
    ///
    /// # Errors
    /// [`super::Error::FieldInvalid`] for a checkpoint over [`limits::PAYLOAD_BYTES`]; [`super::Error::Store`]. What was
    /// stored before is still there.
    pub async fn checkpoint(&self, checkpoints: &[(Lease, Checkpoint)]) -> Result<Vec<Option<Timestamp>>> {
        for (_, checkpoint) in checkpoints {
            let size = checkpoint.size();
            if size > limits::PAYLOAD_BYTES {
                let reason = format!("has {size} bytes; at most {} are kept", limits::PAYLOAD_BYTES);
                return Err(super::Error::FieldInvalid { field: "checkpoint", reason });
            }
        }
        Ok(self.store.put_checkpoints(checkpoints, self.lease_ms()).await?)
    }

    pub(super) fn lease_ms(&self) -> u64 {
        u64::try_from(self.options.lease.as_millis()).unwrap_or(u64::MAX)
    }
}
