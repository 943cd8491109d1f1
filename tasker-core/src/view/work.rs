use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::model::{Assignment, Json, Reported, TaskId, Verdict};

/// What a worker over HTTP is answered: a verdict for each outcome, in order, and the steps to run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct WorkView {
    pub verdicts: Vec<Verdict>,
    pub assignments: Vec<Assignment>,
    /// Assignments whose input and results are those of another one and are not repeated; only where it was asked for.
    /// The parts of a batch have these in common, so that without this a thousand parts repeat them a thousand times.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alike: Vec<Alike>,
}

/// Places among the assignments, from 0. Where `input` is null and `results` are empty in the others, they are those of the
/// first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct Alike {
    pub first: usize,
    pub others: Vec<usize>,
}

impl WorkView {
    /// Everything where it belongs, however often.
    #[must_use]
    pub fn whole(reported: Reported) -> Self {
        let Reported { verdicts, assignments } = reported;
        Self { verdicts, assignments, alike: Vec::new() }
    }

    /// What assignments have in common, once.
    #[must_use]
    pub fn shared(reported: Reported) -> Self {
        let Self { verdicts, mut assignments, mut alike } = Self::whole(reported);
        // Steps of one task that come one after another are those that most likely have the same before them.
        let mut latest: HashMap<TaskId, Alike> = HashMap::new();
        for (at, assignment) in assignments.iter().enumerate() {
            let task_id = assignment.lease.task_id;
            match latest.get_mut(&task_id) {
                Some(known) if assignments[known.first].has_values_of(assignment) => known.others.push(at),
                _ => alike.extend(latest.insert(task_id, Alike { first: at, others: Vec::new() })),
            }
        }
        alike.extend(latest.into_values());
        alike.retain(|alike| !alike.others.is_empty());
        alike.sort_unstable_by_key(|alike| alike.first);
        for other in alike.iter().flat_map(|alike| &alike.others) {
            assignments[*other].input = Json::null();
            assignments[*other].results.clear();
        }
        Self { verdicts, assignments, alike }
    }

    /// Everything where it belongs again; places that are not there are passed over.
    #[must_use]
    pub fn into_reported(self) -> Reported {
        let Self { verdicts, mut assignments, alike } = self;
        for Alike { first, others } in alike {
            let Some((input, results)) = assignments.get(first).map(|it| (it.input.clone(), it.results.clone())) else {
                continue;
            };
            for other in others {
                if let Some(assignment) = assignments.get_mut(other) {
                    assignment.input = input.clone();
                    assignment.results = results.clone();
                }
            }
        }
        Reported { verdicts, assignments }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc};

    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::model::{AssignedHandler, AttemptKind, Lease, Timestamp};

    fn assignment(task: u128, step_idx: u32, input: &Json, result: &Json) -> Assignment {
        let text = |text: &str| Arc::<str>::from(text);
        Assignment {
            lease: Lease { task_id: TaskId(Uuid::from_u128(task)), step_idx, attempt: 1 },
            lease_until: Timestamp::from_micros(0),
            lease_ms: 1,
            step_uuid: Uuid::nil(),
            namespace: text("n"),
            template: text("t"),
            version: text("1.0.0"),
            step: text("s"),
            kind: AttemptKind::default(),
            handler: AssignedHandler { callable: text("c"), method: None, config: None },
            input: input.clone(),
            results: BTreeMap::from([(text("before"), result.clone())]),
            failures: 0,
            max_attempts: 1,
            timeout_ms: None,
            correlation_id: None,
            batch: None,
            checkpoint: None,
            parent: None,
            trace_context: None,
            ending: None,
        }
    }

    #[test]
    fn what_assignments_have_in_common_travels_once_and_arrives_everywhere() {
        let [input, other_input, result, other_result] =
            ["input", "other input", "result", "other result"].map(|it| Json::from(&json!({"is": it.repeat(100)})));
        let assignments = vec![
            assignment(1, 0, &input, &result),
            assignment(2, 0, &other_input, &result),
            assignment(1, 1, &input, &result),
            assignment(1, 2, &input, &result),
            assignment(1, 3, &input, &other_result),
            assignment(1, 4, &input, &other_result),
        ];
        let reported = Reported { verdicts: vec![Verdict::Accepted], assignments };
        let shared = WorkView::shared(reported.clone());
        let alike = |first, others: &[usize]| Alike { first, others: others.to_vec() };
        assert_eq!(shared.alike, [alike(0, &[2, 3]), alike(4, &[5])]);
        let text = serde_json::to_string(&shared).unwrap();
        assert_eq!(text.matches(result.as_str()).count(), 2, "{text}");
        assert_eq!(serde_json::from_str::<WorkView>(&text).unwrap().into_reported(), reported);
    }

    #[test]
    fn places_that_are_not_there_change_nothing() {
        let reported =
            Reported { verdicts: Vec::new(), assignments: vec![assignment(1, 0, &Json::null(), &Json::null())] };
        let alike = [(0, 7), (7, 0)].map(|(first, other)| Alike { first, others: vec![other] });
        let view = WorkView { alike: alike.into(), ..WorkView::whole(reported.clone()) };
        assert_eq!(view.into_reported(), reported);
    }
}
