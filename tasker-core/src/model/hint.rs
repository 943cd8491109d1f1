use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::TaskId;

/// Names of what a hint is about, as long as they are few; more than that are not told apart, and any of its kind may be meant.
/// As JSON a list, or null for any.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Named<T: Ord>(Option<BTreeSet<T>>);

/// More than this are not told apart.
const NAMED_MAX: usize = 64;

/// What a worker is told of. A hint: it may be late, lost or wrong, and costs time only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Woken {
    /// Steps may have become claimable.
    pub may_claim: bool,
    /// Tasks from which attempts under way were taken, by an operator or because of how another step ended.
    pub revoked: Named<TaskId>,
}

impl<T: Ord> Named<T> {
    /// Every one of its kind.
    #[must_use]
    pub fn any() -> Self {
        Self(None)
    }

    /// Whether nothing is meant.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.as_ref().is_some_and(BTreeSet::is_empty)
    }

    #[must_use]
    pub fn has(&self, one: &T) -> bool {
        self.0.as_ref().is_none_or(|named| named.contains(one))
    }

    /// The names; none if any may be meant.
    #[must_use]
    pub fn names(&self) -> Option<&BTreeSet<T>> {
        self.0.as_ref()
    }

    pub fn add(&mut self, more: impl IntoIterator<Item = T>) {
        let Some(named) = &mut self.0 else { return };
        named.extend(more);
        if named.len() > NAMED_MAX {
            self.0 = None;
        }
    }
}

impl<T: Ord> Default for Named<T> {
    fn default() -> Self {
        Self(Some(BTreeSet::new()))
    }
}

impl<T: Ord> FromIterator<T> for Named<T> {
    fn from_iter<I: IntoIterator<Item = T>>(names: I) -> Self {
        let mut named = Self::default();
        named.add(names);
        named
    }
}

impl Woken {
    /// Whether there is nothing to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.may_claim && self.revoked.is_empty()
    }
}
