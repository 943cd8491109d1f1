use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    model::{Timestamp, WorkerId},
    store::{KnownWorker, WorkerRecord},
};

/// One run of a worker process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct WorkerView {
    #[cfg_attr(feature = "api", schema(value_type = String, format = Uuid))]
    pub worker_id: WorkerId,
    pub host: String,
    pub pid: u32,
    /// `rust`, `python`, `ruby` or `typescript`.
    pub language: String,
    /// Attempts that it runs at the same time.
    pub slots: u32,
    pub handlers: Vec<String>,
    /// The queues it serves; empty for every one.
    pub queues: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "api", schema(value_type = Option<String>, format = DateTime))]
    pub started_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "api", schema(value_type = Option<String>, format = DateTime))]
    pub last_seen_at: Option<Timestamp>,
    /// When it last took or reported a step, as of its last sign of life.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "api", schema(value_type = Option<String>, format = DateTime))]
    pub last_work_at: Option<Timestamp>,
}

impl From<KnownWorker> for WorkerView {
    fn from(known: KnownWorker) -> Self {
        Self {
            started_at: Some(known.started_at),
            last_seen_at: Some(known.seen_at),
            last_work_at: known.worked_at,
            ..known.record.into()
        }
    }
}

impl From<WorkerRecord> for WorkerView {
    fn from(record: WorkerRecord) -> Self {
        Self {
            worker_id: record.worker_id,
            host: record.host,
            pid: record.pid,
            language: record.language,
            slots: record.slots,
            handlers: record.handlers,
            queues: record.queues,
            started_at: None,
            last_seen_at: None,
            last_work_at: None,
        }
    }
}
