use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new id that sorts after those made before it (UUIDv7).
            #[must_use]
            #[expect(clippy::new_without_default, reason = "two calls never give the same value")]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::from_str(text).map(Self)
            }
        }
    };
}

uuid_id!(
    /// Names one task.
    TaskId
);
uuid_id!(
    /// Names one registered version of a template.
    TemplateId
);
uuid_id!(
    /// Names one run of a worker process; a restarted worker has a new one.
    WorkerId
);

/// Names one step: its task, and its place among the task's steps (from 0).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct StepId {
    pub task_id: TaskId,
    pub idx: u32,
}

impl StepId {
    #[must_use]
    pub fn new(task_id: TaskId, idx: u32) -> Self {
        Self { task_id, idx }
    }

    /// The step's public UUID, derived from the task's id and the index, so that no column is spent on it.
    #[must_use]
    pub fn uuid(self) -> Uuid {
        let mut bytes = *self.task_id.0.as_bytes();
        // The random tail of a UUIDv7 (its last four bytes) is mixed with the index; version and variant stay valid.
        for (byte, part) in bytes[12..].iter_mut().zip((self.idx + 1).to_be_bytes()) {
            *byte ^= part;
        }
        Uuid::from_bytes(bytes)
    }

    /// The step of a task that has this public UUID; none if the UUID belongs to another task.
    #[must_use]
    pub fn of_uuid(task_id: TaskId, uuid: Uuid) -> Option<Self> {
        let (step, task) = (uuid.as_bytes(), task_id.0.as_bytes());
        let tail: [u8; 4] = std::array::from_fn(|at| step[12 + at] ^ task[12 + at]);
        let idx = u32::from_be_bytes(tail).checked_sub(1)?;
        (step[..12] == task[..12]).then_some(Self { task_id, idx })
    }
}

/// Where a row stands among those of its task: which step of the template it is, and which part of that step's batch.
///
/// The index of a part is told from these two alone, behind those of all steps of the template: rows that a task comes to
/// while it runs need no definition of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepPlace {
    /// The index of the step in its template.
    pub step: u32,
    /// From 0; none for the step itself.
    pub part: Option<u32>,
}

impl StepPlace {
    /// Bits of an index that number the parts of one step; [`super::limits::BATCH`] fits into them.
    const PART_BITS: u32 = 17;

    /// The indices of the steps that a template has. As many are kept for the parts of each of them.
    pub const TEMPLATE: std::ops::Range<u32> = 0..1 << Self::PART_BITS;

    /// The place that an index stands for.
    #[must_use]
    pub fn of(idx: u32) -> Self {
        match (idx >> Self::PART_BITS).checked_sub(1) {
            None => Self { step: idx, part: None },
            Some(step) => Self { step, part: Some(idx & ((1 << Self::PART_BITS) - 1)) },
        }
    }

    /// One part of a step's batch.
    #[must_use]
    pub fn part(step: u32, part: u32) -> Self {
        Self { step, part: Some(part) }
    }

    #[must_use]
    pub fn idx(self) -> u32 {
        self.part.map_or(self.step, |part| ((self.step + 1) << Self::PART_BITS) | part)
    }

    /// The indices that the parts of a step can have.
    #[must_use]
    pub fn parts_of(step: u32) -> std::ops::Range<u32> {
        Self::part(step, 0).idx()..Self::part(step + 1, 0).idx()
    }
}

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.task_id, self.idx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::limits;

    #[test]
    fn the_uuid_of_a_step_leads_back_to_it() {
        let (task, other) = (TaskId::new(), TaskId(Uuid::from_u128(7)));
        for idx in [0, 1, 255, 99_999, u32::MAX - 1] {
            let step = StepId::new(task, idx);
            assert_eq!(StepId::of_uuid(task, step.uuid()), Some(step));
            assert_eq!(StepId::of_uuid(other, step.uuid()), None);
        }
        assert_eq!(StepId::of_uuid(task, task.0), None, "the task's own id is no step");
    }

    #[test]
    fn an_index_tells_the_step_and_the_part() {
        let last = u32::try_from(limits::TEMPLATE_STEPS - 1).expect("few");
        let most = u32::try_from(limits::BATCH - 1).expect("few");
        for step in [0, 1, last] {
            assert_eq!(StepPlace::of(step), StepPlace { step, part: None });
            for part in [0, 1, most] {
                let place = StepPlace::part(step, part);
                assert_eq!(StepPlace::of(place.idx()), place);
                assert!(place.idx() > last && i32::try_from(place.idx()).is_ok(), "an integer of the databases");
                assert!(StepPlace::parts_of(step).contains(&place.idx()));
            }
        }
    }
}
