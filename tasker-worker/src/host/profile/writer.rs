use std::ops::Range;

use tasker_core::{
    model::{Json, StepError, limits},
    view::{ErrorView, FaultView},
};

use super::Scalar;
use crate::host::Error;

/// Lists and objects within each other.
pub const DEPTH_MAX: usize = 128;

/// Writes one value as JSON while it is walked: one call for each scalar, and for each list or object a beginning, its items,
/// and an end. A fault ends the writing; what was written is of no use then.
#[derive(Debug, Default)]
pub(super) struct Writer {
    text: Vec<u8>,
    open: Vec<Open>,
    /// Values that others stand for at the moment.
    standing: Vec<usize>,
}

/// A list or an object that has begun.
#[derive(Debug)]
struct Open {
    /// What tells it from others in the language's memory.
    identity: usize,
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// How many items have begun.
    List(usize),
    /// Where in the text the last key stands, with its quotes.
    Object(Range<usize>),
}

/// A value that has no JSON form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where it is within the value: `items[3].price`; empty for the value itself.
    pub path: String,
    /// A word for the kind of fault: `not_a_number`, `integer_too_large`, `key_not_text`, `circular`, `too_deep`,
    /// `text_broken`, `unsupported` or `too_large`.
    pub reason: &'static str,
    /// What is wrong, and what to do about it.
    pub message: String,
}

impl Writer {
    pub(super) fn scalar(&mut self, scalar: &Scalar<'_>) -> Result<(), Fault> {
        if let Scalar::Float(value) = scalar
            && !value.is_finite()
        {
            return self.refuse_item("not_a_number", format!("{value} has no JSON form: use null or a text"));
        }
        self.begin_item();
        match scalar {
            Scalar::Null => self.push_json(&()),
            Scalar::Bool(value) => self.push_json(value),
            Scalar::Int(value) => self.push_json(value),
            Scalar::Uint(value) => self.push_json(value),
            Scalar::Float(value) => self.push_json(value),
            Scalar::Text(value) => self.push_json(value.as_ref()),
        }
        Ok(())
    }

    /// An integer that does not fit into 64 bits.
    pub(super) fn large_int(&mut self) -> Result<(), Fault> {
        self.refuse_item("integer_too_large", "the integer does not fit into 64 bits: use a text".to_owned())
    }

    /// A text that cannot be written as UTF-8.
    pub(super) fn broken_text(&mut self) -> Result<(), Fault> {
        self.refuse_item("text_broken", "the text is not valid Unicode: decode it with its right encoding".to_owned())
    }

    /// A value of a type that has no JSON form; `remedy` may add what to use instead.
    pub(super) fn unsupported(&mut self, type_name: &str, remedy: Option<&str>) -> Result<(), Fault> {
        let remedy = remedy.unwrap_or("turn it into texts, numbers, lists and objects first");
        self.refuse_item("unsupported", format!("a value of type `{type_name}` has no JSON form: {remedy}"))
    }

    /// `identity` is its address in the language's memory, by which one that contains itself is found.
    pub(super) fn begin_list(&mut self, identity: usize) -> Result<(), Fault> {
        self.begin(identity, b'[', Place::List(0))
    }

    pub(super) fn begin_object(&mut self, identity: usize) -> Result<(), Fault> {
        self.begin(identity, b'{', Place::Object(0..0))
    }

    /// The key of the value that comes next, within an object.
    pub(super) fn key(&mut self, key: &str) -> Result<(), Fault> {
        if !self.text.ends_with(b"{") {
            self.text.push(b',');
        }
        let start = self.text.len();
        self.push_json(key);
        if let Some(Open { place: Place::Object(range), .. }) = self.open.last_mut() {
            *range = start..self.text.len();
        }
        self.text.push(b':');
        Ok(())
    }

    /// A key that is not a text.
    pub(super) fn odd_key(&mut self, type_name: &str) -> Result<(), Fault> {
        let message = format!("a key of type `{type_name}` cannot be the key of a JSON object: use texts as keys");
        Err(self.fault("key_not_text", message, self.open.len().saturating_sub(1)))
    }

    /// What stands for a value that has no JSON form of its own comes next, where the value would stand.
    pub(super) fn begin_stand_in(&mut self, identity: usize) -> Result<(), Fault> {
        self.check_within(self.standing.contains(&identity), self.standing.len())?;
        self.standing.push(identity);
        Ok(())
    }

    pub(super) fn end_stand_in(&mut self) {
        self.standing.pop();
    }

    /// Ends the list or object that began last.
    pub(super) fn end(&mut self) {
        if let Some(open) = self.open.pop() {
            self.text.push(if matches!(open.place, Place::List(_)) { b']' } else { b'}' });
        }
    }

    /// The text of the value, which was written to its end.
    pub(super) fn finish(self) -> Result<Json, Fault> {
        let text = String::from_utf8_lossy(&self.text).into_owned();
        Json::parse(text).map_err(|error| Fault {
            path: String::new(),
            reason: "unsupported",
            message: format!("the value was not written to its end: {error}"),
        })
    }

    fn begin(&mut self, identity: usize, bracket: u8, place: Place) -> Result<(), Fault> {
        self.check_within(self.open.iter().any(|open| open.identity == identity), self.open.len())?;
        // Nothing that is longer can be stored, and memory is not for writing it down first.
        if self.text.len() > 2 * limits::PAYLOAD_BYTES {
            let limit = limits::PAYLOAD_BYTES;
            let message = format!("the value is longer than {limit} bytes: store it elsewhere and pass where it is");
            return self.refuse_item("too_large", message);
        }
        self.begin_item();
        self.text.push(bracket);
        self.open.push(Open { identity, place });
        Ok(())
    }

    fn check_within(&mut self, is_in_itself: bool, depth: usize) -> Result<(), Fault> {
        if is_in_itself {
            return self.refuse_item("circular", "the value contains itself: leave the reference back out".to_owned());
        }
        if depth >= DEPTH_MAX {
            return self.refuse_item("too_deep", format!("the value has more than {DEPTH_MAX} levels: flatten it"));
        }
        Ok(())
    }

    fn begin_item(&mut self) {
        if let Some(Open { place: Place::List(count), .. }) = self.open.last_mut() {
            *count += 1;
            if *count > 1 {
                self.text.push(b',');
            }
        }
    }

    fn push_json<T: serde::Serialize + ?Sized>(&mut self, value: &T) {
        // Neither plain values nor memory fail.
        drop(serde_json::to_writer(&mut self.text, value));
    }

    fn refuse_item(&mut self, reason: &'static str, message: String) -> Result<(), Fault> {
        if let Some(Open { place: Place::List(count), .. }) = self.open.last_mut() {
            *count += 1;
        }
        Err(self.fault(reason, message, self.open.len()))
    }

    /// The path goes through the first `depth` of what is open.
    fn fault(&self, reason: &'static str, message: String, depth: usize) -> Fault {
        let mut path = String::new();
        for open in &self.open[..depth] {
            match &open.place {
                Place::List(count) => path.push_str(&format!("[{}]", count.saturating_sub(1))),
                Place::Object(range) => push_key(&mut path, &String::from_utf8_lossy(&self.text[range.clone()])),
            }
        }
        Fault { path, reason, message }
    }
}

/// A key that is a plain word stands behind a dot; any other stands in brackets, as it is written in JSON.
fn push_key(path: &mut String, quoted: &str) {
    let key = quoted.trim_matches('"');
    if !key.is_empty() && key.chars().all(|letter| letter.is_alphanumeric() || letter == '_') {
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(key);
    } else {
        path.push_str(&format!("[{quoted}]"));
    }
}

impl Fault {
    /// The failure of a step whose result has this fault: permanent, with the code `result_not_json`, or
    /// `result_too_large`.
    #[must_use]
    pub fn into_step_error(self) -> StepError {
        let code = if self.reason == "too_large" { "result_too_large" } else { "result_not_json" };
        let context = serde_json::json!({"path": self.path, "reason": self.reason});
        StepError::permanent(code, self.text("the result")).with_context(context)
    }

    /// The error of a call with a parameter that has this fault; the code is `value_not_json`.
    #[must_use]
    pub fn into_error(self, what: &str) -> Error {
        let message = self.text(what);
        let fault = FaultView {
            code: Some(self.reason.to_owned()),
            path: self.path,
            line: None,
            column: None,
            message: self.message,
            remedy: None,
        };
        let error =
            ErrorView::new("value_not_json", message, "docs/reference/json-profile.md says what can be written");
        ErrorView { faults: vec![fault], ..error }.into()
    }

    fn text(&self, what: &str) -> String {
        if self.path.is_empty() {
            format!("{what}: {}", self.message)
        } else {
            format!("{what}, at `{}`: {}", self.path, self.message)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path_of(walk: impl FnOnce(&mut Writer) -> Result<(), Fault>) -> (String, &'static str) {
        let fault = walk(&mut Writer::default()).unwrap_err();
        (fault.path, fault.reason)
    }

    #[test]
    fn what_is_walked_is_written() {
        let mut writer = Writer::default();
        writer.begin_object(1).unwrap();
        writer.key("a \"b\"").unwrap();
        writer.begin_list(2).unwrap();
        writer.scalar(&Scalar::Int(i64::MIN)).unwrap();
        writer.scalar(&Scalar::Uint(u64::MAX)).unwrap();
        writer.scalar(&Scalar::Float(1.0)).unwrap();
        writer.begin_object(3).unwrap();
        writer.end();
        writer.end();
        writer.key("c").unwrap();
        writer.scalar(&Scalar::Null).unwrap();
        writer.end();
        let expected = r#"{"a \"b\"":[-9223372036854775808,18446744073709551615,1.0,{}],"c":null}"#;
        assert_eq!(writer.finish().unwrap().as_str(), expected);
    }

    #[test]
    fn a_fault_names_the_path_to_it() {
        let nested = |writer: &mut Writer| {
            writer.begin_object(1)?;
            writer.key("items").unwrap();
            writer.begin_list(2)?;
            writer.scalar(&Scalar::Null)?;
            writer.begin_object(3)?;
            writer.key("odd key").unwrap();
            writer.scalar(&Scalar::Float(f64::NAN))
        };
        assert_eq!(path_of(nested), (r#"items[1]["odd key"]"#.to_owned(), "not_a_number"));
        assert_eq!(path_of(|writer| writer.scalar(&Scalar::Float(f64::INFINITY))), (String::new(), "not_a_number"));
        let odd_key = |writer: &mut Writer| {
            writer.begin_object(1)?;
            writer.key("inner").unwrap();
            writer.begin_object(2)?;
            writer.key("fine").unwrap();
            writer.scalar(&Scalar::Null)?;
            writer.odd_key("int")
        };
        assert_eq!(path_of(odd_key), ("inner".to_owned(), "key_not_text"));
    }

    #[test]
    fn a_value_in_itself_and_a_value_too_deep_are_refused() {
        let circular = |writer: &mut Writer| {
            writer.begin_list(1)?;
            writer.begin_list(2)?;
            writer.begin_list(1)
        };
        assert_eq!(path_of(circular), ("[0][0]".to_owned(), "circular"));
        let deep = |writer: &mut Writer| (0..=DEPTH_MAX).try_for_each(|level| writer.begin_list(level));
        assert_eq!(path_of(deep), ("[0]".repeat(DEPTH_MAX), "too_deep"));
    }

    #[test]
    fn the_same_value_twice_side_by_side_is_fine() {
        let mut writer = Writer::default();
        writer.begin_list(1).unwrap();
        for _ in 0..2 {
            writer.begin_list(2).unwrap();
            writer.end();
        }
        writer.end();
        assert_eq!(writer.finish().unwrap().as_str(), "[[],[]]");
    }

    #[test]
    fn writing_stops_when_no_store_could_take_it() {
        let mut writer = Writer::default();
        writer.begin_list(1).unwrap();
        let too_large = (0..100).find_map(|_| {
            writer.scalar(&Scalar::text("x".repeat(limits::PAYLOAD_BYTES / 10))).unwrap();
            writer.begin_list(2).map(|()| writer.end()).err()
        });
        assert_eq!(too_large.map(|fault| fault.reason), Some("too_large"));
    }
}
