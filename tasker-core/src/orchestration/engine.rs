use std::{
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use async_trait::async_trait;

use super::{
    cache::{DefinitionCache, PayloadCache},
    group::GroupCommit,
    keys::KeyCache,
    observe::Observer,
    overview::StatsCache,
    recall::Recall,
    submit::Pending,
    templates::TemplateIndex,
    traced::Traced,
    wake::{Carrier, Dial, Wakeups},
};
use crate::store::{self, Store, Wire};

/// The engine on one store. Any number of engines, in any number of processes, may share a database: there is no leader.
pub struct Engine {
    pub(super) store: Arc<dyn Store>,
    pub(super) options: Options,
    pub(super) definitions: DefinitionCache,
    pub(super) payloads: PayloadCache,
    pub(super) recall: Recall,
    pub(super) keys: KeyCache,
    pub(super) templates: TemplateIndex,
    pub(super) wakeups: Arc<Wakeups>,
    carriers: Mutex<Vec<Arc<Carrier>>>,
    pub(super) submissions: GroupCommit<Pending>,
    pub(super) observer: OnceLock<Arc<dyn Observer>>,
    pub(super) stats: StatsCache,
    pub(super) traced: Traced,
}

/// How an engine behaves. The defaults suit both a laptop and a server.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which `environments` of the templates apply to tasks submitted here (`TASKER_ENV`).
    pub environment: Option<String>,
    /// How long a lease is given for; workers extend it while their handler runs.
    pub lease: Duration,
    /// The longest time between two sweeps.
    pub sweep_interval: Duration,
    /// Bytes of inputs and results kept in memory.
    pub cache_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            environment: None,
            lease: Duration::from_secs(30),
            sweep_interval: Duration::from_secs(5),
            cache_bytes: 16 * 1024 * 1024,
        }
    }
}

impl Engine {
    /// An engine on a store whose schema is up to date. Must be called within a tokio runtime.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, options: Options) -> Arc<Self> {
        let wakeups = Arc::new(Wakeups::default());
        let over_the_store = Carrier::start(Arc::clone(&wakeups), Arc::new(OverStore(Arc::clone(&store))));
        Arc::new(Self {
            submissions: GroupCommit::start(Arc::clone(&store)),
            store,
            definitions: DefinitionCache::new(),
            payloads: PayloadCache::new(options.cache_bytes),
            recall: Recall::new(),
            keys: KeyCache::default(),
            templates: TemplateIndex::default(),
            wakeups,
            carriers: Mutex::new(vec![Arc::new(over_the_store)]),
            observer: OnceLock::new(),
            stats: StatsCache::default(),
            traced: Traced::default(),
            options,
        })
    }

    /// Has everything that this engine writes from now on told to an observer; false if there is one already.
    pub fn observe(&self, observer: Arc<dyn Observer>) -> bool {
        self.observer.set(observer).is_ok()
    }

    /// Hears of what happens in other processes, and tells them, in one more way than that over the store.
    pub fn carry_wakeups(&self, dial: Arc<dyn Dial>) {
        let carrier = Carrier::start(Arc::clone(&self.wakeups), dial);
        self.carriers.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::new(carrier));
    }

    /// Whether this engine hears at once of what happens in other processes, as far as can be known. Where it does not,
    /// whoever waits looks for itself more often.
    #[must_use]
    pub fn is_told(&self) -> bool {
        self.wakeups.is_carried()
    }

    /// Tells other processes what they have not been told yet, and closes the store. Calls after this fail.
    pub async fn close(&self) {
        let carriers = std::mem::take(&mut *self.carriers.lock().unwrap_or_else(PoisonError::into_inner));
        for carrier in carriers {
            carrier.stop().await;
        }
        self.store.close().await;
    }

    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    #[must_use]
    pub fn options(&self) -> &Options {
        &self.options
    }
}

/// The way to other processes that the database offers.
struct OverStore(Arc<dyn Store>);

#[async_trait]
impl Dial for OverStore {
    async fn dial(&self) -> store::Result<Option<Box<dyn Wire>>> {
        self.0.wire().await
    }
}
