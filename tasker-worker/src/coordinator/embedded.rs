use std::sync::{Arc, OnceLock, PoisonError, RwLock, Weak};

use async_trait::async_trait;
use tasker_core::{
    model::{Checkpoint, Lease, Report, Reported, Timestamp, Woken},
    orchestration::{Engine, Intake, Session, Sweeper},
    state::Look,
    store::WorkerRecord,
};
use tokio::sync::Notify;

use super::{Coordinator, Result};

/// The engine in this very process: a call is a transaction, a wake-up is a memory access. It sweeps as long as it lives.
pub struct EmbeddedCoordinator {
    engine: Arc<Engine>,
    session: RwLock<Option<Arc<Session>>>,
    intake: OnceLock<Weak<dyn Intake>>,
    joined: Notify,
    _sweeper: Sweeper,
}

impl EmbeddedCoordinator {
    /// Must be called within a tokio runtime.
    #[must_use]
    pub fn new(engine: Arc<Engine>) -> Self {
        let sweeper = engine.start_sweeper();
        Self { engine, session: RwLock::default(), intake: OnceLock::new(), joined: Notify::new(), _sweeper: sweeper }
    }

    fn session(&self) -> Option<Arc<Session>> {
        self.session.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Coordinator for EmbeddedCoordinator {
    async fn join(&self, worker: &WorkerRecord) -> Result<()> {
        if let Some(session) = self.session().filter(|session| session.worker() == worker) {
            return Ok(self.engine.stay(&session).await?);
        }
        let session = self.engine.join(worker.clone()).await?;
        if let Some(intake) = self.intake.get() {
            session.attach(Weak::clone(intake));
        }
        *self.session.write().unwrap_or_else(PoisonError::into_inner) = Some(session);
        self.joined.notify_one();
        Ok(())
    }

    async fn report(&self, reports: &[Report], want: usize, look: Look) -> Result<Reported> {
        let session = self.session().ok_or_else(super::not_joined)?;
        Ok(self.engine.report(&session, reports.to_vec(), want, look).await?)
    }

    fn attach(&self, intake: Weak<dyn Intake>) {
        // There is one worker for each coordinator.
        let _ = self.intake.set(intake);
    }

    /// While the database writes one, the next is decided on.
    fn reports_at_once(&self) -> usize {
        2
    }

    async fn extend(&self, leases: &[Lease]) -> Result<Vec<Option<Timestamp>>> {
        Ok(self.engine.extend(leases).await?)
    }

    async fn checkpoint(&self, lease: Lease, checkpoint: &Checkpoint) -> Result<Option<Timestamp>> {
        Ok(self.engine.checkpoint(&[(lease, checkpoint.clone())]).await?.pop().flatten())
    }

    async fn woken(&self) -> Woken {
        loop {
            if let Some(session) = self.session() {
                return session.told().await;
            }
            self.joined.notified().await;
        }
    }

    fn is_told(&self) -> bool {
        self.engine.is_told()
    }
}
