use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where something belongs in a distributed trace: the headers of the W3C recommendation. With a task is kept what whoever
/// submitted it sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct TraceContext {
    pub traceparent: Arc<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracestate: Option<Arc<str>>,
}

/// Bytes of a `tracestate`: what the recommendation asks everybody to pass on.
const STATE_BYTES: usize = 512;
/// Bytes of a `traceparent` of a version that is yet to come.
const PARENT_BYTES: usize = 128;

impl TraceContext {
    /// Takes what has the form that the recommendation describes.
    ///
    /// # Errors
    /// The name of the header that does not, and why.
    pub fn parse(traceparent: &str, tracestate: Option<&str>) -> Result<Self, (&'static str, String)> {
        check_parent(traceparent).map_err(|reason| ("traceparent", reason))?;
        let tracestate = tracestate.map(str::trim).filter(|state| !state.is_empty());
        tracestate.map_or(Ok(()), check_state).map_err(|reason| ("tracestate", reason))?;
        Ok(Self { traceparent: traceparent.into(), tracestate: tracestate.map(Into::into) })
    }

    /// What the headers of a request say; none if they do not have the right form, since a trace that is broken elsewhere is
    /// no reason to refuse the request.
    #[must_use]
    pub fn of_headers(traceparent: &str, tracestate: Option<&str>) -> Option<Self> {
        Self::parse(traceparent, tracestate).or_else(|_| Self::parse(traceparent, None)).ok()
    }
}

fn check_parent(text: &str) -> Result<(), String> {
    let parts: Vec<_> = text.split('-').collect();
    let [version, trace_id, parent_id, flags, ..] = parts.as_slice() else {
        return Err(format!("`{text}` is not `version-trace_id-parent_id-flags`"));
    };
    let lengths = [(version, 2), (trace_id, 32), (parent_id, 16), (flags, 2)];
    let is_hex = |part: &str| part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if lengths.iter().any(|(part, length)| part.len() != *length || !is_hex(part)) {
        return Err(format!("`{text}`: 2, 32, 16 and 2 digits from 0 to f are taken, with dashes between"));
    }
    let is_zero = |part: &str| part.bytes().all(|byte| byte == b'0');
    if *version == "ff" || is_zero(trace_id) || is_zero(parent_id) {
        return Err(format!("`{text}` has a part that is not allowed: version ff, or an id of zeros"));
    }
    // Later versions may have more parts; the first has none.
    if (*version == "00" && parts.len() > 4) || text.len() > PARENT_BYTES || !text.bytes().all(is_visible) {
        return Err(format!("`{text}` is longer than its version allows"));
    }
    Ok(())
}

fn check_state(text: &str) -> Result<(), String> {
    if text.len() > STATE_BYTES {
        return Err(format!("has {} bytes; at most {STATE_BYTES} are taken", text.len()));
    }
    let is_fit = text.bytes().all(|byte| is_visible(byte) || matches!(byte, b' ' | b'\t'));
    if is_fit { Ok(()) } else { Err("has characters that a header cannot have".to_owned()) }
}

fn is_visible(byte: u8) -> bool {
    (0x21..=0x7e).contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn takes_what_has_the_right_form() {
        let both = TraceContext::parse(PARENT, Some("rojo=1,congo=2"));
        assert_eq!(both.map(|it| it.tracestate.as_deref().map(str::to_owned)), Ok(Some("rojo=1,congo=2".to_owned())));
        assert_eq!(TraceContext::parse(PARENT, Some(" ")).map(|it| it.tracestate), Ok(None));
        assert!(TraceContext::parse(&PARENT.replacen("00", "cc", 1), None).is_ok());
        assert!(TraceContext::parse(&format!("{}-more", PARENT.replacen("00", "cc", 1)), None).is_ok());
    }

    #[test]
    fn refuses_what_has_not() {
        let zero = "00-00000000000000000000000000000000-00f067aa0ba902b7-01";
        let broken = [
            "",
            "00",
            zero,
            &PARENT[1..],
            &PARENT.to_uppercase(),
            &PARENT.replacen("00", "ff", 1),
            &format!("{PARENT}-x"),
        ]
        .map(|text| TraceContext::parse(text, None).map_err(|(field, _)| field));
        assert!(broken.iter().all(|it| it == &Err("traceparent")), "{broken:?}");
        for state in ["a=\u{e9}", "a=\n1", &"a".repeat(513)] {
            assert_eq!(TraceContext::parse(PARENT, Some(state)).map_err(|(field, _)| field), Err("tracestate"));
        }
    }

    #[test]
    fn leaves_out_of_headers_what_is_broken() {
        assert_eq!(TraceContext::of_headers("nonsense", None), None);
        assert_eq!(TraceContext::of_headers(PARENT, Some("\u{e9}")), TraceContext::parse(PARENT, None).ok());
    }
}
