//! One statement for every search: a line that ends in `--? word` is kept only where the search has that word.
//!
//! A condition that is not asked for would else stand in the statement as `$1 is null or ...`, which hides from both planners
//! what the search is by, and so which index to read.

use std::collections::HashMap;

use super::TaskFilter;
use crate::model::TaskState;

/// What a search answers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Want {
    Rows,
    Ids,
    /// How many, up to the limit.
    Count,
}

/// Where a search looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// Through all that the conditions leave.
    Everywhere,
    /// Among the newest tasks only: open ones mostly are.
    Newest,
    /// Among tasks that have a step in a queue, one that is due some time or one that waits: every open task that is not paused
    /// has.
    Open,
}

impl Look {
    /// The looks to try, one after the other, until a page is full.
    pub(super) fn of(filter: &TaskFilter, want: Want) -> &'static [Self] {
        let is_open = |state: &TaskState| matches!(state, TaskState::Pending | TaskState::InProgress);
        if filter.states.is_empty() || !filter.states.iter().all(is_open) {
            return &[Self::Everywhere];
        }
        if want == Want::Count { &[Self::Open] } else { &[Self::Newest, Self::Open] }
    }
}

/// The words of a search, by which its lines are kept.
pub(super) fn words(filter: &TaskFilter, want: Want, look: Look) -> Vec<&'static str> {
    let is_apart =
        |state: &TaskState| !matches!(state, TaskState::Pending | TaskState::InProgress | TaskState::Complete);
    let given = [
        ("rows", want == Want::Rows),
        ("ids", want == Want::Ids),
        ("count", want == Want::Count),
        ("list", want != Want::Count),
        ("namespace", filter.namespace.is_some()),
        ("name", filter.name.is_some()),
        ("version", filter.version.is_some()),
        ("states", !filter.states.is_empty()),
        ("apart", !filter.states.is_empty() && filter.states.iter().all(is_apart)),
        ("open", look == Look::Open),
        ("newest", look == Look::Newest),
        ("tag", filter.tag.is_some()),
        ("correlation_id", filter.correlation_id.is_some()),
        ("parent_correlation_id", filter.parent_correlation_id.is_some()),
        ("initiator", filter.initiator.is_some()),
        ("source_system", filter.source_system.is_some()),
        ("priority", filter.priority.is_some()),
        ("created_from", filter.created.from.is_some()),
        ("created_before", filter.created.before.is_some()),
        ("updated_from", filter.updated.from.is_some()),
        ("updated_before", filter.updated.before.is_some()),
        ("completed_from", filter.completed.from.is_some()),
        ("completed_before", filter.completed.before.is_some()),
    ];
    given.into_iter().filter(|(_, is_given)| *is_given).map(|(word, _)| word).collect()
}

/// A statement with only the lines of `words`, and its parameters (`sign` and a number) numbered anew from 1; with it the old
/// numbers, in the order of the new ones.
pub(super) fn keep(text: &str, words: &[&str], sign: char) -> (String, Vec<usize>) {
    let mut kept = String::with_capacity(text.len());
    let mut numbers: HashMap<usize, usize> = HashMap::new();
    let mut order = Vec::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with("-- ")) {
        let (line, word) = line.split_once("--?").unwrap_or((line, ""));
        let word = word.trim();
        if !word.is_empty() && !words.contains(&word) {
            continue;
        }
        let mut parts = line.trim_end().split(sign);
        kept.extend(parts.next());
        for part in parts {
            let digits = part.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(part.len());
            let old = part[..digits].parse().unwrap_or_default();
            let new = *numbers.entry(old).or_insert_with(|| {
                order.push(old);
                order.len()
            });
            kept.push(sign);
            kept.push_str(&new.to_string());
            kept.push_str(&part[digits..]);
        }
        kept.push('\n');
    }
    (kept, order)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_are_not_asked_for_are_left_out_with_their_parameters() {
        let text = "-- What it does.\nselect a --? rows\nselect 1 --? count\nwhere b = $1\n  and c = $2::text --? c\n  \
                    and d in ($3, $3) --? d\nlimit $4\n";
        let kept = keep(text, &["rows", "d"], '$');
        assert_eq!(kept, ("select a\nwhere b = $1\n  and d in ($2, $2)\nlimit $3\n".to_owned(), vec![1, 3, 4]));
    }
}
