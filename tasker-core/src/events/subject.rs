//! Subjects under which events are published: `tasker.events.{namespace}.{template}.{task|step|domain}.{what}`.

use super::CloudEvent;

/// What every subject begins with.
pub const PREFIX: &str = "tasker.events";

/// The subject of an event. Dots separate tokens, so that those within a name of a template are written `%2E`, as is whatever
/// else a token cannot hold. The name of a domain event keeps its dots: `order.paid` is two tokens, and
/// `tasker.events.shop.*.domain.order.>` finds it.
#[must_use]
pub fn subject(event: &CloudEvent) -> String {
    let mut text = String::with_capacity(96);
    text.push_str(PREFIX);
    for token in [&*event.namespace, &*event.template, event.category.as_str()] {
        text.push('.');
        escape(token, &mut text);
    }
    for token in event.what().split('.') {
        text.push('.');
        escape(token, &mut text);
    }
    text
}

/// Which events to hear of; what is not given does not filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    pub namespace: Option<String>,
    /// Name of the template.
    pub template: Option<String>,
    /// The end of the subject, with NATS' wildcards: `step.failed`, `domain.>`.
    pub what: Option<String>,
}

impl Selection {
    /// The subject with wildcards that finds these events.
    #[must_use]
    pub fn subject(&self) -> String {
        let mut text = PREFIX.to_owned();
        for token in [&self.namespace, &self.template] {
            text.push('.');
            match token {
                Some(token) => escape(token, &mut text),
                None => text.push('*'),
            }
        }
        text.push('.');
        text.push_str(self.what.as_deref().unwrap_or(">"));
        text
    }
}

/// A token as it may stand in a subject: every byte but letters, digits, `_` and `-` as `%` and two digits. An empty one is a
/// lone `%`.
fn escape(token: &str, text: &mut String) {
    if token.is_empty() {
        text.push('%');
    }
    for byte in token.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-' {
            text.push(char::from(byte));
        } else {
            const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
            text.push('%');
            text.push(char::from(DIGITS[usize::from(byte >> 4)]));
            text.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_one_token() {
        let escaped = |token: &str| {
            let mut text = String::new();
            escape(token, &mut text);
            text
        };
        assert_eq!(escaped("order_1-a"), "order_1-a");
        assert_eq!(escaped("line.items"), "line%2Eitems");
        assert_eq!(escaped("a b*>%"), "a%20b%2A%3E%25");
        assert_eq!(escaped("ü"), "%C3%BC");
        assert_eq!(escaped(""), "%");
    }

    #[test]
    fn a_selection_is_a_subject_with_wildcards() {
        assert_eq!(Selection::default().subject(), "tasker.events.*.*.>");
        let selection = Selection {
            namespace: Some("shop".to_owned()),
            template: Some("line.items".to_owned()),
            what: Some("step.failed".to_owned()),
        };
        assert_eq!(selection.subject(), "tasker.events.shop.line%2Eitems.step.failed");
    }
}
