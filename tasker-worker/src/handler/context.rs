use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tasker_core::model::{
    Assignment, BatchPart, BatchWork, CursorRange, DomainEvent, Ending, Json, ParentStep, StepError, TaskId,
    TraceContext, limits,
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    Checkpoints, StepResult,
    fields::{Fields, decode},
};

/// What a handler is called with: which step of which task this is, its input, its configuration, the results of the
/// steps before it, and whether it should stop. Cheap to clone.
#[derive(Clone, Debug)]
pub struct StepContext(Arc<Inner>);

struct Inner {
    assignment: Assignment,
    cancellation: CancellationToken,
    /// None for a handler that is called by hand: its checkpoints go nowhere.
    checkpoints: Option<Arc<dyn Checkpoints>>,
    events: Mutex<Vec<DomainEvent>>,
    input: OnceLock<Result<Fields, StepError>>,
    config: OnceLock<Result<Fields, StepError>>,
}

impl StepContext {
    /// The context of one attempt; whoever cancels `cancellation` asks the handler to stop.
    #[must_use]
    pub fn new(assignment: Assignment, cancellation: CancellationToken) -> Self {
        Self::with_checkpoints(assignment, cancellation, None)
    }

    pub(crate) fn with_checkpoints(
        assignment: Assignment,
        cancellation: CancellationToken,
        checkpoints: Option<Arc<dyn Checkpoints>>,
    ) -> Self {
        Self(Arc::new(Inner {
            assignment,
            cancellation,
            checkpoints,
            events: Mutex::default(),
            input: OnceLock::new(),
            config: OnceLock::new(),
        }))
    }

    /// The whole of what the worker was handed.
    #[must_use]
    pub fn assignment(&self) -> &Assignment {
        &self.0.assignment
    }

    #[must_use]
    pub fn task_id(&self) -> TaskId {
        self.assignment().lease.task_id
    }

    #[must_use]
    pub fn step_uuid(&self) -> Uuid {
        self.assignment().step_uuid
    }

    #[must_use]
    pub fn step_name(&self) -> &str {
        &self.assignment().step
    }

    #[must_use]
    pub fn handler_name(&self) -> &str {
        &self.assignment().handler.callable
    }

    /// `handler.method` of the template, for a handler that does several things.
    #[must_use]
    pub fn method(&self) -> Option<&str> {
        self.assignment().handler.method.as_deref()
    }

    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.assignment().namespace
    }

    #[must_use]
    pub fn template_name(&self) -> &str {
        &self.assignment().template
    }

    /// Version of the template.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.assignment().version
    }

    #[must_use]
    pub fn correlation_id(&self) -> Option<&str> {
        self.assignment().correlation_id.as_deref()
    }

    /// The trace that the task belongs to, to go on with: what was in the headers `traceparent` and `tracestate` of whoever
    /// submitted it.
    #[must_use]
    pub fn trace_context(&self) -> Option<&TraceContext> {
        self.assignment().trace_context.as_ref()
    }

    /// Which execution of the step this is, from 1. Executions whose worker was lost count too.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.assignment().lease.attempt
    }

    /// Attempts before this one that ended in a failure.
    #[must_use]
    pub fn retry_count(&self) -> u32 {
        self.assignment().failures
    }

    /// Failures after which the step is not tried again.
    #[must_use]
    pub fn max_attempts(&self) -> u32 {
        self.assignment().max_attempts
    }

    /// Whether the step has failed before.
    #[must_use]
    pub fn is_retry(&self) -> bool {
        self.retry_count() > 0
    }

    /// Whether the step is not tried again should this attempt fail.
    #[must_use]
    pub fn is_last_retry(&self) -> bool {
        self.retry_count() + 1 >= self.max_attempts()
    }

    /// One value of the task's input. An `Option` is none where the key is missing.
    ///
    /// # Errors
    /// Permanent: `input_missing` when there is no such key, `input_invalid` when its value is no `T`.
    pub fn input<T: DeserializeOwned>(&self, key: &str) -> Result<T, StepError> {
        self.input_fields()?.get(key)
    }

    /// One value of the task's input, or `default` where the key is missing or null.
    ///
    /// # Errors
    /// Permanent: `input_invalid` when the value is no `T`.
    pub fn input_or<T: DeserializeOwned>(&self, key: &str, default: T) -> Result<T, StepError> {
        self.input_fields()?.get_or(key, default)
    }

    /// The whole input of the task.
    ///
    /// # Errors
    /// Permanent: `input_invalid` when the input is no `T`.
    pub fn input_as<T: DeserializeOwned>(&self) -> Result<T, StepError> {
        decode(&self.assignment().input, "input", format_args!("the input"))
    }

    /// One value of the handler's configuration (`handler.initialization` of the template). An `Option` is none where
    /// the key is missing.
    ///
    /// # Errors
    /// Permanent: `config_missing` when there is no such key, `config_invalid` when its value is no `T`.
    pub fn config<T: DeserializeOwned>(&self, key: &str) -> Result<T, StepError> {
        self.config_fields()?.get(key)
    }

    /// One value of the handler's configuration, or `default` where the key is missing or null.
    ///
    /// # Errors
    /// Permanent: `config_invalid` when the value is no `T`.
    pub fn config_or<T: DeserializeOwned>(&self, key: &str, default: T) -> Result<T, StepError> {
        self.config_fields()?.get_or(key, default)
    }

    /// The result of a step that comes before this one, directly or not.
    ///
    /// # Errors
    /// Permanent: `dependency_missing` when no such step comes before this one.
    pub fn dependency(&self, step: &str) -> Result<Value, StepError> {
        self.dependency_as(step)
    }

    /// The result of a step that comes before this one, directly or not.
    ///
    /// # Errors
    /// Permanent: `dependency_missing` when no such step comes before this one, or it has no result (it was skipped),
    /// `dependency_invalid` when its result is no `T`.
    pub fn dependency_as<T: DeserializeOwned>(&self, step: &str) -> Result<T, StepError> {
        let results = self.dependency_results();
        let Some(result) = results.get(step) else {
            let known: Vec<&str> = results.keys().map(AsRef::as_ref).collect();
            let message = format!(
                "there is no result of a step `{step}` before this one (there are: {}); add it to the dependencies",
                known.join(", ")
            );
            return Err(StepError::permanent("dependency_missing", message));
        };
        decode(result, "dependency", format_args!("the result of step `{step}`"))
    }

    /// The results of every step before this one, by the step's name.
    #[must_use]
    pub fn dependency_results(&self) -> &BTreeMap<Arc<str>, Json> {
        &self.assignment().results
    }

    /// Which part of a batch this attempt is for; none in steps that are not split.
    #[must_use]
    pub fn part(&self) -> Option<&BatchPart> {
        self.assignment().batch.as_ref()
    }

    /// The value that this part of a batch is for.
    ///
    /// # Errors
    /// Permanent: `item_missing` when the step is not split into items, `item_invalid` when the value is no `T`.
    pub fn item<T: DeserializeOwned>(&self) -> Result<T, StepError> {
        match self.part().map(|part| &part.work) {
            Some(BatchWork::Item(item)) => decode(item, "item", format_args!("the item")),
            _ => Err(StepError::permanent("item_missing", "this step was not split into items")),
        }
    }

    /// The range that this part of a batch is for.
    ///
    /// # Errors
    /// Permanent: `range_missing` when the step is not split into ranges.
    pub fn range(&self) -> Result<CursorRange, StepError> {
        match self.part().map(|part| &part.work) {
            Some(BatchWork::Range(range)) => Ok(*range),
            _ => Err(StepError::permanent("range_missing", "this step was not split into ranges")),
        }
    }

    /// The step of another task that waits for the end of this task.
    #[must_use]
    pub fn parent(&self) -> Option<&ParentStep> {
        self.assignment().parent.as_ref()
    }

    /// In a compensation and in a step of `finally`: how the task ends, and why.
    #[must_use]
    pub fn ending(&self) -> Option<&Ending> {
        self.assignment().ending.as_deref()
    }

    /// Publishes an event, together with the outcome of this attempt. The step's `publishes_events` has to name it; it
    /// takes the place of the event that the engine would publish under that name.
    ///
    /// # Errors
    /// Permanent: `event_invalid` when the payload cannot be written as JSON or is over [`limits::PAYLOAD_BYTES`], or there
    /// are more than [`limits::EVENTS`].
    pub fn publish<T: Serialize + ?Sized>(&self, name: impl Into<String>, payload: &T) -> Result<(), StepError> {
        let name = name.into();
        let refused = |reason: String| StepError::permanent("event_invalid", format!("event `{name}`: {reason}"));
        let payload = StepResult::of(payload).map_err(|error| refused(error.message))?.into_json();
        if payload.size() > limits::PAYLOAD_BYTES {
            return Err(refused(format!("{} bytes; the limit is {}", payload.size(), limits::PAYLOAD_BYTES)));
        }
        let mut events = self.0.events.lock().unwrap_or_else(PoisonError::into_inner);
        if events.len() >= limits::EVENTS {
            return Err(refused(format!("{} events were published before it, which is the limit", limits::EVENTS)));
        }
        events.push(DomainEvent { name, payload });
        Ok(())
    }

    pub(super) fn take_events(&self) -> Vec<DomainEvent> {
        std::mem::take(&mut *self.0.events.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn checkpoints(&self) -> Option<&Arc<dyn Checkpoints>> {
        self.0.checkpoints.as_ref()
    }

    /// Whether this attempt's outcome is no longer wanted: the task was cancelled, the attempt ran out of time, or the
    /// worker stops.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.cancellation.is_cancelled()
    }

    /// Ends when [`is_cancelled`](Self::is_cancelled) becomes true; for `tokio::select!` in long work.
    pub async fn cancelled(&self) {
        self.0.cancellation.cancelled().await;
    }

    fn input_fields(&self) -> Result<&Fields, StepError> {
        let fields = self.0.input.get_or_init(|| Fields::of(Some(&self.assignment().input), "input"));
        fields.as_ref().map_err(Clone::clone)
    }

    fn config_fields(&self) -> Result<&Fields, StepError> {
        let config = self.assignment().handler.config.as_ref();
        let fields = self.0.config.get_or_init(|| Fields::of(config, "config"));
        fields.as_ref().map_err(Clone::clone)
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StepContext").field("assignment", &self.assignment).finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;
    use tasker_core::model::{AssignedHandler, AttemptKind, ErrorKind, Lease, StepId, Timestamp};

    use super::*;

    pub(in crate::handler) fn context(input: Value) -> StepContext {
        StepContext::new(assignment(input), CancellationToken::new())
    }

    fn assignment(input: Value) -> Assignment {
        let lease = Lease { task_id: TaskId::new(), step_idx: 1, attempt: 1 };
        Assignment {
            lease,
            lease_until: Timestamp::from_micros(1_000_000),
            lease_ms: 1_000,
            step_uuid: StepId::new(lease.task_id, lease.step_idx).uuid(),
            namespace: "shop".into(),
            template: "order".into(),
            version: "1.0.0".into(),
            step: "price".into(),
            handler: AssignedHandler {
                callable: "price".into(),
                method: None,
                config: Some(Json::from(&json!({"tax_percent": 20}))),
            },
            input: Json::from(&input),
            results: BTreeMap::from([("cart".into(), Json::from(&json!({"items": 2})))]),
            failures: 0,
            max_attempts: 3,
            timeout_ms: None,
            correlation_id: None,
            kind: AttemptKind::Standard,
            batch: None,
            checkpoint: None,
            parent: None,
            trace_context: None,
            ending: None,
        }
    }

    fn code<T: fmt::Debug>(got: Result<T, StepError>) -> String {
        let error = got.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Permanent);
        error.code
    }

    #[test]
    fn values_are_found_by_key_and_decoded() {
        let context = context(json!({"n": 7, "note": null, "big": u64::MAX}));
        assert_eq!(context.input::<u32>("n"), Ok(7));
        assert_eq!(context.input::<u64>("big"), Ok(u64::MAX));
        assert_eq!(context.config::<u32>("tax_percent"), Ok(20));
        assert_eq!(context.dependency("cart"), Ok(json!({"items": 2})));
        assert_eq!(context.input_as::<BTreeMap<String, Value>>().unwrap().len(), 3);
    }

    #[test]
    fn what_may_be_missing_is_none_or_the_default() {
        let context = context(json!({"note": null}));
        assert_eq!(context.input::<Option<String>>("absent"), Ok(None));
        assert_eq!(context.input::<Option<String>>("note"), Ok(None));
        assert_eq!(context.input_or("absent", 5), Ok(5));
        assert_eq!(context.input_or("note", "none".to_owned()), Ok("none".to_owned()));
        assert_eq!(context.config_or("tax_percent", 0), Ok(20));
    }

    #[test]
    fn what_is_missing_or_of_another_type_is_a_permanent_failure() {
        let context = context(json!({"n": "seven"}));
        assert_eq!(code(context.input::<u32>("absent")), "input_missing");
        assert_eq!(code(context.input::<Value>("absent")), "input_missing");
        assert_eq!(code(context.input::<u32>("n")), "input_invalid");
        assert_eq!(code(context.input_or("n", 1)), "input_invalid");
        assert_eq!(code(context.input_as::<Vec<u32>>()), "input_invalid");
        assert_eq!(code(context.config::<u32>("absent")), "config_missing");
        assert_eq!(code(context.config::<bool>("tax_percent")), "config_invalid");
        assert_eq!(code(context.dependency("absent")), "dependency_missing");
        assert_eq!(code(context.dependency_as::<u32>("cart")), "dependency_invalid");
    }

    #[test]
    fn an_input_that_is_no_object_has_no_keys() {
        assert_eq!(code(context(json!([1, 2])).input::<u32>("n")), "input_invalid");
        assert_eq!(context(json!([1, 2])).input_as::<Vec<u32>>(), Ok(vec![1, 2]));
    }

    #[test]
    fn the_last_retry_is_told_by_the_failures_before() {
        let with_failures = |failures| {
            let assignment = Assignment { failures, ..assignment(json!({})) };
            let context = StepContext::new(assignment, CancellationToken::new());
            (context.is_retry(), context.is_last_retry())
        };
        assert_eq!([0, 1, 2].map(with_failures), [(false, false), (true, false), (true, true)]);
    }

    #[tokio::test]
    async fn a_clone_sees_the_cancellation() {
        let token = CancellationToken::new();
        let context = StepContext::new(assignment(json!({})), token.clone());
        let clone = context.clone();
        assert!(!clone.is_cancelled());
        token.cancel();
        clone.cancelled().await;
        assert!(clone.is_cancelled());
    }
}
