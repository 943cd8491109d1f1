use std::fmt;

use sha2::{Digest, Sha256};

use super::{StepId, TaskId, TraceContext};

/// Names a trace, as in a `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceId(pub [u8; 16]);

/// Names a span of a trace, as in a `traceparent`.
///
/// Spans of Tasker are named after what they are of and not by chance: whoever hands out work and whoever tells of it later
/// need not agree on anything, and a span that is told of twice is the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SpanId(pub [u8; 8]);

impl TraceId {
    /// The trace of a task that was submitted without one: it has the task's own id. Those that run for its steps belong to it.
    #[must_use]
    pub fn of_root(root: TaskId) -> Self {
        Self(*root.0.as_bytes())
    }
}

impl SpanId {
    /// A task, from the event of this number to its end: that of its submission, or one after which it went on.
    #[must_use]
    pub fn of_task(task_id: TaskId, seq: i64) -> Self {
        Self::derived(b"task", task_id, 0, seq)
    }

    /// A step, from the event of this number, after which it may run, to its end.
    #[must_use]
    pub fn of_step(id: StepId, seq: i64) -> Self {
        Self::derived(b"step", id.task_id, id.idx, seq)
    }

    /// One attempt at a step by a worker.
    #[must_use]
    pub fn of_attempt(id: StepId, attempt: u32) -> Self {
        Self::derived(b"attempt", id.task_id, id.idx, i64::from(attempt))
    }

    /// The attempt of a step that runs this task.
    #[must_use]
    pub fn above(child: TaskId) -> Self {
        Self::derived(b"above", child, 0, 0)
    }

    fn derived(of: &[u8], task_id: TaskId, idx: u32, number: i64) -> Self {
        let hash = Sha256::new()
            .chain_update(of)
            .chain_update(task_id.0.as_bytes())
            .chain_update(idx.to_be_bytes())
            .chain_update(number.to_be_bytes())
            .finalize();
        let mut id: [u8; 8] = std::array::from_fn(|at| hash[at]);
        // Zero is no id.
        id[7] |= u8::from(id == [0; 8]);
        Self(id)
    }
}

impl TraceContext {
    /// The context within a span of a task that was submitted with `submitted`, or else runs for `root`.
    #[must_use]
    pub fn within(submitted: Option<&Self>, root: TaskId, span: SpanId) -> Self {
        let (trace_id, flags) = submitted.and_then(Self::ids).map_or_else(
            || (TraceId::of_root(root), SAMPLED),
            // Other flags mean something to those who know later versions only.
            |(trace_id, _, flags)| (trace_id, flags & KNOWN),
        );
        let traceparent = format!("00-{trace_id}-{span}-{flags:02x}").into();
        Self { traceparent, tracestate: submitted.and_then(|it| it.tracestate.clone()) }
    }

    /// The trace, the span of whoever sent the context, and the flags; none if it has not the right form.
    #[must_use]
    pub fn ids(&self) -> Option<(TraceId, SpanId, u8)> {
        let mut parts = self.traceparent.split('-').skip(1);
        let (trace_id, span, flags) = (bytes(parts.next()?)?, bytes(parts.next()?)?, bytes::<1>(parts.next()?)?);
        Some((TraceId(trace_id), SpanId(span), flags[0]))
    }

    /// Whether the spans of this trace are recorded, as far as whoever began it says.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.ids().is_some_and(|(_, _, flags)| flags & SAMPLED != 0)
    }
}

const SAMPLED: u8 = 1;
/// The flags that the recommendation gives a meaning: sampled, and ids by chance.
const KNOWN: u8 = 3;

fn bytes<const N: usize>(hex: &str) -> Option<[u8; N]> {
    let digits = hex.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

fn write_hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_context_goes_on_in_the_trace_that_was_submitted() {
        let submitted = TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03", Some("a=1"));
        let (submitted, task) = (submitted.expect("a context"), TaskId::new());
        let span = SpanId::of_attempt(StepId::new(task, 1), 2);
        let within = TraceContext::within(Some(&submitted), task, span);
        assert_eq!(*within.traceparent, format!("00-4bf92f3577b34da6a3ce929d0e0e4736-{span}-03"));
        assert_eq!(within.tracestate, submitted.tracestate);
        assert_eq!(TraceContext::parse(&within.traceparent, None).map(|it| it.traceparent), Ok(within.traceparent));
        let later = TraceContext { traceparent: format!("{}-more", submitted.traceparent).into(), ..submitted };
        assert!(later.is_sampled());
    }

    #[test]
    fn a_task_without_a_trace_begins_one_of_its_own_id() {
        let task = TaskId::new();
        let within = TraceContext::within(None, task, SpanId::of_task(task, 1));
        let trace_id = task.to_string().replace('-', "");
        assert_eq!(*within.traceparent, format!("00-{trace_id}-{}-01", SpanId::of_task(task, 1)));
        assert!(within.is_sampled());
    }

    #[test]
    fn no_two_spans_of_a_task_have_the_same_name() {
        let task = TaskId::new();
        let steps = (0..20).map(|idx| StepId::new(task, idx));
        let spans = steps.flat_map(|id| {
            let attempts = (1..20).map(move |attempt| SpanId::of_attempt(id, attempt));
            let turns = (1..20).map(move |seq| SpanId::of_step(id, seq));
            attempts.chain(turns)
        });
        let turns = (1..20).map(|seq| SpanId::of_task(task, seq));
        let all: Vec<_> = spans.chain(turns).chain([SpanId::above(task)]).collect();
        assert_eq!(HashSet::<_>::from_iter(all.iter()).len(), all.len());
    }
}
