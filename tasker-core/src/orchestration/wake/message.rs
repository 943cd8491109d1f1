use serde::{Deserialize, Serialize};

use crate::{
    model::{Named, TaskId},
    state::Route,
    store::WIRE_TEXT_MAX,
};

/// What a process does, and so what it wants to hear of: a set of the constants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(in crate::orchestration) struct Roles(pub(super) u8);

impl Roles {
    /// Has workers, which want to hear of steps and of attempts that are taken away.
    pub(in crate::orchestration) const WORKS: Self = Self(1);
    /// Waits for ends of tasks.
    pub(in crate::orchestration) const WAITS: Self = Self(2);
    /// Follows the event log.
    pub(in crate::orchestration) const FOLLOWS: Self = Self(4);
    /// Sweeps.
    pub(in crate::orchestration) const SWEEPS: Self = Self(8);
    pub(super) const ALL: Self = Self(15);

    pub(super) fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// What has happened in one process, for the others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Hints {
    /// Where steps became claimable.
    #[serde(skip_serializing_if = "Named::is_empty")]
    pub(super) steps: Named<Route>,
    /// Tasks from which attempts under way were taken.
    #[serde(skip_serializing_if = "Named::is_empty")]
    pub(super) revoked: Named<TaskId>,
    /// Tasks that came to their end.
    #[serde(skip_serializing_if = "Named::is_empty")]
    pub(super) ended: Named<TaskId>,
    /// Templates were registered, and with them perhaps routes that nobody has known.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) registered: bool,
    /// The event log has grown.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) logged: bool,
}

impl Hints {
    /// Anything may have happened.
    pub(super) fn anything() -> Self {
        Self { steps: Named::any(), revoked: Named::any(), ended: Named::any(), registered: true, logged: true }
    }
}

/// What one process says to all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Message {
    pub(super) from: u64,
    pub(super) roles: Roles,
    /// The process ends, and need not be told of anything.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) leaves: bool,
    #[serde(flatten)]
    pub(super) hints: Hints,
}

impl Message {
    /// The text, which says less where it would be too long.
    pub(super) fn to_text(&self) -> serde_json::Result<String> {
        let text = serde_json::to_string(self)?;
        if text.len() <= WIRE_TEXT_MAX {
            return Ok(text);
        }
        serde_json::to_string(&Self { hints: Hints::anything(), ..self.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(steps: Named<Route>) -> Message {
        let hints = Hints { steps, ..Hints::default() };
        Message { from: u64::MAX, roles: Roles::WORKS.and(Roles::SWEEPS), leaves: false, hints }
    }

    fn route(queue: &str) -> Route {
        Route { queue: queue.into(), handler: "h".into() }
    }

    #[test]
    fn what_is_said_is_understood() {
        for steps in [Named::default(), Named::any(), [route("a"), route("b")].into_iter().collect()] {
            let message = message(steps);
            let heard: Message = serde_json::from_str(&message.to_text().expect("a text")).expect("a message");
            assert_eq!(heard, message);
        }
    }

    #[test]
    fn what_would_be_too_long_is_said_in_general() {
        let long = message((0..40).map(|number| route(&format!("{number}{}", "q".repeat(250)))).collect());
        let text = long.to_text().expect("a text");
        assert!(text.len() <= WIRE_TEXT_MAX);
        let heard: Message = serde_json::from_str(&text).expect("a message");
        assert_eq!(heard.hints, Hints::anything());
    }

    #[test]
    fn what_a_later_version_adds_is_passed_over() {
        let heard: Message =
            serde_json::from_str(r#"{"from":1,"roles":255,"logged":true,"new":{}}"#).expect("a message");
        assert_eq!((heard.from, heard.hints.logged), (1, true));
    }
}
