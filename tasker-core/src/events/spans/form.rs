//! Spans in the form of OTLP.

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value},
    resource::v1::Resource,
    trace::v1::{
        ResourceSpans, ScopeSpans, Span, SpanFlags, Status,
        span::{Event, SpanKind},
    },
};

use crate::model::{SpanId, StepError, Timestamp, TraceId};

/// Bytes of an error's text that go with a span; the log has all of it.
const TEXT_BYTES: usize = 8 * 1024;

/// The status of a span that failed, as the protocol numbers it.
const FAILED: i32 = 2;

/// The trace that a task's spans belong to.
#[derive(Clone, Debug)]
pub(super) struct Belonging {
    pub(super) trace_id: TraceId,
    pub(super) flags: u8,
    pub(super) state: String,
}

/// What a span is of, and how it ended.
#[derive(Debug, Default)]
pub(super) struct Told<'a> {
    pub(super) name: String,
    pub(super) attributes: Vec<KeyValue>,
    pub(super) noted: Noted,
    pub(super) error: Option<&'a StepError>,
    /// Whether its parent is a span of another process.
    pub(super) is_remote: bool,
}

/// What happened during a span: as much as a span has room for.
#[derive(Debug, Default)]
pub(super) struct Noted {
    events: Vec<Event>,
    left_out: u32,
}

impl Noted {
    const MAX: usize = 64;

    pub(super) fn add(&mut self, at: Timestamp, name: &str, attributes: Vec<KeyValue>) {
        if self.events.len() < Self::MAX {
            let (time_unix_nano, name) = (nanos(at), name.to_owned());
            self.events.push(Event { time_unix_nano, name, attributes, dropped_attributes_count: 0 });
        } else {
            self.left_out += 1;
        }
    }
}

impl Belonging {
    pub(super) fn span(
        &self,
        (id, parent): (SpanId, Option<SpanId>),
        (began, ended): (Timestamp, Timestamp),
        told: Told<'_>,
    ) -> Span {
        let Told { name, mut attributes, mut noted, error, is_remote } = told;
        if let Some(error) = error {
            attributes.push(text("error.type", &error.code));
            noted.add(ended, "exception", exception(error));
        }
        let is_remote = if is_remote { SpanFlags::ContextIsRemoteMask as u32 } else { 0 };
        Span {
            trace_id: self.trace_id.0.to_vec(),
            span_id: id.0.to_vec(),
            trace_state: self.state.clone(),
            parent_span_id: parent.map(|parent| parent.0.to_vec()).unwrap_or_default(),
            flags: u32::from(self.flags) | SpanFlags::ContextHasIsRemoteMask as u32 | is_remote,
            name,
            kind: SpanKind::Internal.into(),
            start_time_unix_nano: nanos(began),
            end_time_unix_nano: nanos(ended),
            attributes,
            dropped_events_count: noted.left_out,
            events: noted.events,
            status: error.map(|error| Status { message: cut(&error.message), code: FAILED }),
            ..Span::default()
        }
    }
}

fn exception(error: &StepError) -> Vec<KeyValue> {
    let kind = error.error_type.as_deref().unwrap_or(&error.code);
    let mut attributes = vec![text("exception.type", kind), text("exception.message", &cut(&error.message))];
    attributes.extend(error.backtrace.as_deref().map(|trace| text("exception.stacktrace", &cut(trace))));
    attributes
}

pub(super) fn request(resource: &[(String, String)], spans: Vec<Span>) -> ExportTraceServiceRequest {
    let attributes = resource.iter().map(|(key, value)| text(key, value)).collect();
    let scope = InstrumentationScope {
        name: "tasker".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    };
    let resource_spans = ResourceSpans {
        resource: Some(Resource { attributes, ..Resource::default() }),
        scope_spans: vec![ScopeSpans { scope: Some(scope), spans, schema_url: String::new() }],
        schema_url: String::new(),
    };
    ExportTraceServiceRequest { resource_spans: vec![resource_spans] }
}

pub(super) fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, any_value::Value::StringValue(value.to_owned()))
}

pub(super) fn number(key: &str, value: impl Into<i64>) -> KeyValue {
    attribute(key, any_value::Value::IntValue(value.into()))
}

fn attribute(key: &str, value: any_value::Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn nanos(at: Timestamp) -> u64 {
    u64::try_from(at.as_micros()).unwrap_or_default().saturating_mul(1_000)
}

fn cut(long: &str) -> String {
    long[..long.floor_char_boundary(TEXT_BYTES)].to_owned()
}
