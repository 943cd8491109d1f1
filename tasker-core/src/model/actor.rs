use serde::{Deserialize, Serialize};

/// Who does something to a task from outside its own course, and why. Kept in the event that tells of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// A person's or a program's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Actor {
    /// Someone who gives no reason.
    #[must_use]
    pub fn named(by: impl Into<String>) -> Self {
        Self { by: Some(by.into()), reason: None }
    }

    #[must_use]
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }
}
