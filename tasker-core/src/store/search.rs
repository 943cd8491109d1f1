//! One statement for every search: a line that ends in `--? word` is kept only where the search has that word.
//!
//! A condition that is not asked for would else stand in the statement as `$1 is null or ...`, which hides from both planners
//! what the search is by, and so which index to read.

use std::collections::HashMap;

use async_trait::async_trait;
use uuid::Uuid;

use super::{Result, Statement, TaskCursor, TaskFilter};
use crate::model::{Page, Task, TaskId, TaskState, Timestamp, limits};

/// What a search answers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Want {
    Rows,
    Ids,
    /// How many, up to the limit.
    Count,
}

/// A condition that an index leads to, newest tasks first. A search looks through what one of them leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    CorrelationId,
    ParentCorrelationId,
    Tag,
    Initiator,
    /// Another than 0, which nearly all tasks have.
    Priority,
    /// Tasks that have a step in a queue, one that is due some time or one that waits: every open task that is not paused has.
    Open,
    /// Tasks that failed, and those that an operator paused, stopped or closed.
    Apart,
    SourceSystem,
    Name,
    Namespace,
    /// Every task.
    All,
}

impl By {
    /// Those that the filter gives, what mostly leaves fewest tasks first.
    fn given(filter: &TaskFilter) -> Vec<Self> {
        let states = &filter.states;
        let all = |is: fn(&TaskState) -> bool| !states.is_empty() && states.iter().all(is);
        let is_open = |state: &TaskState| matches!(state, TaskState::Pending | TaskState::InProgress);
        let is_apart =
            |state: &TaskState| !matches!(state, TaskState::Pending | TaskState::InProgress | TaskState::Complete);
        let given = [
            (Self::CorrelationId, filter.correlation_id.is_some()),
            (Self::ParentCorrelationId, filter.parent_correlation_id.is_some()),
            (Self::Tag, filter.tag.is_some()),
            (Self::Initiator, filter.initiator.is_some()),
            (Self::Priority, filter.priority.is_some_and(|priority| priority != 0)),
            (Self::Open, all(is_open)),
            (Self::Apart, all(is_apart)),
            (Self::SourceSystem, filter.source_system.is_some()),
            (Self::Name, filter.name.is_some()),
            (Self::Namespace, filter.namespace.is_some()),
        ];
        given.into_iter().filter(|(_, is_given)| *is_given).map(|(by, _)| by).collect()
    }

    fn word(self) -> &'static str {
        match self {
            Self::CorrelationId => "correlation_id",
            Self::ParentCorrelationId => "parent_correlation_id",
            Self::Tag => "tag",
            Self::Initiator => "initiator",
            Self::Priority => "priority",
            Self::Open => "open",
            Self::Apart => "apart",
            Self::SourceSystem => "source_system",
            Self::Name => "name",
            Self::Namespace => "namespace",
            Self::All => "all",
        }
    }
}

/// One statement of a search.
#[derive(Clone, Copy, Debug)]
struct Ask<'a> {
    filter: &'a TaskFilter,
    by: By,
    /// The oldest task to look at.
    since: Option<Uuid>,
    /// Rows at most; of a probe, rows to pass over.
    limit: u64,
}

/// What a statement of a search is given.
#[derive(Clone, Debug)]
pub(super) enum Value<'a> {
    Count(u64),
    Id(Uuid),
    Text(&'a Option<String>),
    Words(Vec<&'static str>),
    Number(Option<i16>),
    Time(Option<Timestamp>),
}

impl<'a> Ask<'a> {
    /// The parameter of this number in the texts of the statements.
    fn value(&self, number: usize) -> Value<'a> {
        let filter = self.filter;
        match number {
            1 => Value::Count(self.limit),
            // The first id to look at, and the one to stop before.
            2 => Value::Id(filter.ids().start.max(self.since.unwrap_or_default())),
            3 => Value::Id(filter.ids().end),
            4 => Value::Text(&filter.namespace),
            5 => Value::Text(&filter.name),
            6 => Value::Text(&filter.version),
            7 => Value::Words(filter.states.iter().map(|state| state.as_str()).collect()),
            8 => Value::Text(&filter.tag),
            9 => Value::Text(&filter.correlation_id),
            10 => Value::Text(&filter.parent_correlation_id),
            11 => Value::Text(&filter.initiator),
            12 => Value::Text(&filter.source_system),
            13 => Value::Number(filter.priority),
            14 => Value::Time(filter.created.from),
            15 => Value::Time(filter.created.before),
            16 => Value::Time(filter.updated.from),
            17 => Value::Time(filter.updated.before),
            18 => Value::Time(filter.completed.from),
            _ => Value::Time(filter.completed.before),
        }
    }
}

/// What a database does for a search.
#[async_trait]
pub(super) trait Search: Sync {
    type Row: Send + Sync;
    /// What a parameter begins with.
    const SIGN: char;

    /// The statement that looks how far a condition reaches, and the one that searches.
    fn statements() -> (&'static Statement, &'static Statement);

    /// Carries out a statement.
    async fn fetch(&self, text: String, values: Vec<Value<'_>>) -> Result<Vec<Self::Row>>;

    fn task(row: &Self::Row) -> Result<Task>;

    /// The only column.
    fn id(row: &Self::Row) -> Result<Uuid>;

    /// The only column.
    fn count(row: &Self::Row) -> Result<i64>;
}

pub(super) async fn tasks<S: Search>(store: &S, filter: &TaskFilter, limit: u32) -> Result<Page<Task>> {
    let (rows, looked_to) = search(store, filter, Want::Rows, u64::from(limit) + 1).await?;
    let tasks = rows.iter().map(S::task).collect::<Result<_>>()?;
    Ok(TaskCursor::page(tasks, limit, looked_to, |task: &Task| task.task_id))
}

pub(super) async fn ids<S: Search>(store: &S, filter: &TaskFilter, limit: u32) -> Result<Page<TaskId>> {
    let (rows, looked_to) = search(store, filter, Want::Ids, u64::from(limit) + 1).await?;
    let ids = rows.iter().map(|row| S::id(row).map(TaskId)).collect::<Result<_>>()?;
    Ok(TaskCursor::page(ids, limit, looked_to, |task_id| *task_id))
}

pub(super) async fn count<S: Search>(store: &S, filter: &TaskFilter, limit: u64) -> Result<u64> {
    let (rows, _) = search(store, filter, Want::Count, limit).await?;
    Ok(u64::try_from(rows.first().map_or(Ok(0), S::count)?).unwrap_or(0))
}

/// Searches among the newest tasks that one condition leaves, so many that it always ends soon, whatever the others leave.
/// Answers the last task that was looked at, where older ones were left out. A count looks at all tasks.
async fn search<S: Search>(
    store: &S,
    filter: &TaskFilter,
    want: Want,
    limit: u64,
) -> Result<(Vec<S::Row>, Option<Uuid>)> {
    let (by, since) = place(store, filter).await?;
    let looked_to = since.filter(|_| want != Want::Count);
    let ask = Ask { filter, by, since: looked_to, limit };
    let rows = carry_out(store, S::statements().1, &words(&ask, want), &ask).await?;
    Ok((rows, looked_to))
}

async fn carry_out<S: Search>(
    store: &S,
    statement: &Statement,
    words: &[String],
    ask: &Ask<'_>,
) -> Result<Vec<S::Row>> {
    let (text, numbers) = keep(statement.sql(), words, S::SIGN);
    store.fetch(text, numbers.into_iter().map(|number| ask.value(number)).collect()).await
}

/// Which condition to go by, and back to which task.
async fn place<S: Search>(store: &S, filter: &TaskFilter) -> Result<(By, Option<Uuid>)> {
    let mut given = By::given(filter);
    if given.iter().all(|by| *by == By::Open) {
        given.push(By::All);
    }
    if let [only] = given[..]
        && conditions(filter).iter().all(|word| *word == only.word())
    {
        return Ok((only, None));
    }
    let limit = u64::from(filter.window.unwrap_or(limits::SEARCH));
    // What leaves very few is found without counting far through the others.
    if given.len() > 1 {
        for by in &given {
            if probe(store, filter, *by, limit / FEW).await?.is_none() {
                return Ok((*by, None));
            }
        }
    }
    let mut furthest = None;
    for by in given {
        match probe(store, filter, by, limit).await? {
            None => return Ok((by, None)),
            // Not in an order, so that there is no telling back to where.
            Some(_) if by == By::Open => {}
            Some(id) if furthest.is_none_or(|(_, furthest)| id < furthest) => furthest = Some((by, id)),
            Some(_) => {}
        }
    }
    Ok(furthest.map_or((By::All, None), |(by, id)| (by, Some(id))))
}

/// The part of the tasks of a page that is very few.
const FEW: u64 = 20;

/// The id behind as many tasks as the limit tells, the newest that the one condition leaves; none if it leaves no more.
async fn probe<S: Search>(store: &S, filter: &TaskFilter, by: By, limit: u64) -> Result<Option<Uuid>> {
    let ask = Ask { filter, by, since: None, limit };
    let rows = carry_out(store, S::statements().0, &probe_words(by), &ask).await?;
    rows.first().map(S::id).transpose()
}

/// What the filter asks for.
fn conditions(filter: &TaskFilter) -> Vec<&'static str> {
    let given = [
        ("namespace", filter.namespace.is_some()),
        ("name", filter.name.is_some()),
        ("version", filter.version.is_some()),
        ("states", !filter.states.is_empty()),
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

/// The words of a search, by which its lines are kept: `by x` for the condition that it goes by, `x too` for the others.
fn words(ask: &Ask<'_>, want: Want) -> Vec<String> {
    let by = ask.by.word();
    let shape: &[&str] = match want {
        Want::Rows => &["rows", "list"],
        Want::Ids => &["ids", "list"],
        Want::Count => &["count"],
    };
    let others = conditions(ask.filter).into_iter().filter(|word| *word != by).map(|word| format!("{word} too"));
    shape.iter().map(ToString::to_string).chain([format!("by {by}")]).chain(others).collect()
}

/// The words of a probe.
fn probe_words(by: By) -> Vec<String> {
    let shape: &[&str] = match by {
        By::Open => &[],
        By::Tag => &["in order"],
        _ => &["in order", "tasks"],
    };
    shape.iter().map(ToString::to_string).chain([format!("by {}", by.word())]).collect()
}

/// A statement with only the lines of `words`, and its parameters (`sign` and a number) numbered anew from 1; with it the old
/// numbers, in the order of the new ones.
fn keep(text: &str, words: &[String], sign: char) -> (String, Vec<usize>) {
    let mut kept = String::with_capacity(text.len());
    let mut numbers: HashMap<usize, usize> = HashMap::new();
    let mut order = Vec::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with("-- ")) {
        let (line, word) = line.split_once("--?").unwrap_or((line, ""));
        let word = word.trim();
        if !word.is_empty() && !words.iter().any(|kept| kept == word) {
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
        let kept = keep(text, &["rows".to_owned(), "d".to_owned()], '$');
        assert_eq!(kept, ("select a\nwhere b = $1\n  and d in ($2, $2)\nlimit $3\n".to_owned(), vec![1, 3, 4]));
    }
}
