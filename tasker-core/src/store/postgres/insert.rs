use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use sqlx::{Postgres, Row, postgres::PgArguments, query::Query};
use uuid::Uuid;

use super::{hot::Hot, sql, transaction::signed};
use crate::{
    dag::{NewTask, PlannedStep},
    model::{EventBatch, Fact, StepPlace, TaskId, TaskState, Timestamp},
    state::{Changes, NewParts, NewStep, StepChange, TaskChange},
    store::{Error, Inserted, Result},
};

/// Namespace, name and idempotency key.
type Key = (String, String, String);

/// Stores tasks in one statement; see `insert_tasks.sql`.
pub(super) async fn insert_tasks(hot: &Arc<Hot>, tasks: &[NewTask], begun: &Changes) -> Result<Vec<Inserted>> {
    let rows = hot.fetch(statement(tasks, begun, None)?).await?;
    if rows.len() == tasks.len() {
        return Ok(tasks.iter().map(|task| Inserted::Created(task.task_id)).collect());
    }
    let created = rows.iter().map(|row| row.try_get(0)).collect::<Result<HashSet<Uuid>, _>>()?;
    let existing = existing(hot, tasks, &created).await?;
    tasks
        .iter()
        .map(|task| match created.contains(&task.task_id.0) {
            true => Ok(Inserted::Created(task.task_id)),
            false => key(task).and_then(|key| existing.get(&key).copied()).map(Inserted::Existing).ok_or_else(|| {
                Error::Unavailable("the task that had the idempotency key is gone; submit again".into())
            }),
        })
        .collect()
}

/// The statement that adds steps to tasks.
pub(super) fn added(steps: &[NewStep]) -> Query<'static, Postgres, PgArguments> {
    let of = |column: fn(&NewStep) -> &str| steps.iter().map(column).collect::<Vec<_>>();
    let literal = |step: &NewStep| {
        let dependents: Vec<_> = step.dependents.iter().map(u32::to_string).collect();
        (!dependents.is_empty()).then(|| format!("{{{}}}", dependents.join(",")))
    };
    sqlx::query(sql::ADD_STEPS.sql())
        .bind(steps.iter().map(|step| step.id.task_id.0).collect::<Vec<_>>())
        .bind(steps.iter().map(|step| signed(step.id.idx)).collect::<Vec<_>>())
        .bind(steps.iter().map(|step| signed(step.unmet)).collect::<Vec<_>>())
        .bind(steps.iter().map(|step| step.priority).collect::<Vec<_>>())
        .bind(of(|step| &step.name))
        .bind(of(|step| &step.queue))
        .bind(of(|step| &step.handler))
        .bind(steps.iter().map(literal).collect::<Vec<_>>())
}

/// The statement that stores tasks, some of which have begun; as of the time that was decided by, if any.
pub(super) fn statement(
    tasks: &[NewTask],
    begun: &Changes,
    decided_at: Option<Timestamp>,
) -> Result<Query<'static, Postgres, PgArguments>> {
    let (plans, plan_of) = plans(tasks, begun);
    let steps: Vec<_> = (1i32..).zip(&plans).flat_map(|(number, plan)| plan.steps(number)).collect();
    let facts = plans.iter().map(Plan::facts).collect::<Result<Vec<_>>>()?;
    let of = |column: fn(&NewTask) -> Option<&str>| tasks.iter().map(column).collect::<Vec<_>>();
    let is_keyless = tasks.iter().all(|task| task.submission.idempotency_key.is_none());
    let query = sqlx::query(if is_keyless { sql::INSERT_KEYLESS_TASKS.as_str() } else { sql::INSERT_TASKS.sql() })
        .bind(tasks.iter().map(|task| task.task_id.0).collect::<Vec<_>>())
        .bind(tasks.iter().map(|task| task.template.id.0).collect::<Vec<_>>())
        .bind(of(|task| Some(&task.namespace)))
        .bind(of(|task| Some(&task.name)))
        .bind(of(|task| Some(&task.version)))
        .bind(of(|task| task.template.environment.as_deref()))
        .bind(tasks.iter().map(|task| task.submission.priority).collect::<Vec<_>>())
        .bind(of(|task| Some(task.submission.context.as_str())))
        .bind(of(|task| task.submission.initiator.as_deref()))
        .bind(of(|task| task.submission.source_system.as_deref()))
        .bind(of(|task| task.submission.reason.as_deref()))
        .bind(tasks.iter().map(|task| array_literal(&task.submission.tags)).collect::<Vec<_>>())
        .bind(of(|task| task.submission.correlation_id.as_deref()))
        .bind(of(|task| task.submission.parent_correlation_id.as_deref()))
        .bind(of(|task| task.submission.idempotency_key.as_deref()))
        .bind(tasks.iter().map(|task| task.deadline_ms.and_then(|ms| i64::try_from(ms).ok())).collect::<Vec<_>>())
        .bind(plan_of)
        .bind(steps.iter().map(|step| step.plan).collect::<Vec<_>>())
        .bind(steps.iter().map(|step| signed(step.planned.idx)).collect::<Vec<_>>())
        .bind(steps.iter().map(|step| signed(step.planned.unmet)).collect::<Vec<_>>())
        .bind(steps.iter().map(|step| step.planned.name.as_ref()).collect::<Vec<&str>>())
        .bind(steps.iter().map(|step| step.planned.queue.as_ref()).collect::<Vec<&str>>())
        .bind(steps.iter().map(|step| step.planned.handler.as_ref()).collect::<Vec<&str>>())
        .bind(steps.iter().map(|step| dependents_literal(step.planned)).collect::<Vec<_>>())
        .bind(tasks.iter().map(|task| task.submission.rerun_of.map(|task_id| task_id.0)).collect::<Vec<_>>())
        .bind(
            steps
                .iter()
                .map(|step| step.begun.map_or(step.planned.state(), |it| it.state).as_str())
                .collect::<Vec<_>>(),
        )
        .bind(tasks.iter().map(|task| task.parent.as_ref().map(|parent| parent.task_id.0)).collect::<Vec<_>>())
        .bind(
            tasks.iter().map(|task| task.flow().and_then(|flow| serde_json::to_string(&flow).ok())).collect::<Vec<_>>(),
        );
    let begun = |column: fn(&StepChange) -> Option<Timestamp>| {
        steps.iter().map(|step| step.begun.and_then(column)).collect::<Vec<_>>()
    };
    Ok(query
        .bind(plans.iter().map(|plan| i32::try_from(plan.planned.len()).unwrap_or(i32::MAX)).collect::<Vec<_>>())
        .bind(
            plans
                .iter()
                .map(|plan| plan.begun.map_or(TaskState::Pending, |it| it.task.state).as_str())
                .collect::<Vec<_>>(),
        )
        .bind(plans.iter().map(|plan| plan.begun.map_or(1, |it| it.task.seq)).collect::<Vec<_>>())
        .bind(plans.iter().map(|plan| plan.begun.map_or(0, |it| signed(it.task.counts.active))).collect::<Vec<_>>())
        .bind(plans.iter().map(|plan| plan.begun.map(|it| it.events.at).or(decided_at)).collect::<Vec<_>>())
        .bind(facts)
        .bind(steps.iter().map(|step| step.begun.map_or(0, |it| signed(it.attempt))).collect::<Vec<_>>())
        .bind(
            steps.iter().map(|step| step.begun.and_then(|it| it.worker_id).map(|worker| worker.0)).collect::<Vec<_>>(),
        )
        .bind(begun(|step| step.due_at))
        .bind(begun(|step| step.started_at)))
}

/// The statement that adds the parts of batches to their tasks.
pub(super) fn parts(batches: &[NewParts]) -> Result<Query<'static, Postgres, PgArguments>> {
    let numbered = || (0i32..).zip(batches);
    let rows = || numbered().flat_map(|(number, batch)| batch.parts.iter().map(move |part| (number, batch, part)));
    let works = rows().map(|(.., new)| serde_json::to_string(&new.part)).collect::<Result<Vec<_>, _>>();
    let works = works.map_err(|error| Error::Refused(format!("a part cannot be written as json: {error}")))?;
    Ok(sqlx::query(sql::INSERT_PARTS.sql())
        .bind(numbered().map(|(number, _)| number).collect::<Vec<_>>())
        .bind(batches.iter().map(|batch| batch.task_id.0).collect::<Vec<_>>())
        .bind(batches.iter().map(|batch| signed(batch.step)).collect::<Vec<_>>())
        .bind(batches.iter().map(|batch| batch.priority).collect::<Vec<_>>())
        .bind(batches.iter().map(|batch| batch.name.as_ref()).collect::<Vec<&str>>())
        .bind(batches.iter().map(|batch| batch.queue.as_ref()).collect::<Vec<&str>>())
        .bind(batches.iter().map(|batch| batch.handler.as_ref()).collect::<Vec<&str>>())
        .bind(rows().map(|(number, ..)| number).collect::<Vec<_>>())
        .bind(rows().map(|(.., new)| signed(new.part.index)).collect::<Vec<_>>())
        .bind(
            rows().map(|(_, batch, new)| signed(StepPlace::part(batch.step, new.part.index).idx())).collect::<Vec<_>>(),
        )
        .bind(rows().map(|(.., new)| signed(new.unmet)).collect::<Vec<_>>())
        .bind(rows().map(|(.., new)| new.state.as_str()).collect::<Vec<_>>())
        .bind(works))
}

async fn existing(hot: &Arc<Hot>, tasks: &[NewTask], created: &HashSet<Uuid>) -> Result<HashMap<Key, TaskId>> {
    let keys: HashSet<_> = tasks.iter().filter(|task| !created.contains(&task.task_id.0)).filter_map(key).collect();
    let of = |column: fn(&Key) -> &str| keys.iter().map(column).collect::<Vec<_>>();
    let query =
        sqlx::query(sql::EXISTING_TASKS.sql()).bind(of(|key| &key.0)).bind(of(|key| &key.1)).bind(of(|key| &key.2));
    let rows = hot.fetch(query).await?;
    let existing = rows.iter().map(|row| {
        let key = (row.try_get("namespace")?, row.try_get("name")?, row.try_get("idempotency_key")?);
        Ok((key, TaskId(row.try_get("id")?)))
    });
    existing.collect()
}

fn key(task: &NewTask) -> Option<Key> {
    let key = task.submission.idempotency_key.clone()?;
    Some((task.namespace.to_string(), task.name.to_string(), key))
}

/// What tasks have in common that begin in the same way.
struct Plan<'a> {
    planned: &'a Arc<[PlannedStep]>,
    begun: Option<Begun<'a>>,
}

/// What has been decided about a task before it is stored.
#[derive(Clone, Copy)]
struct Begun<'a> {
    task: &'a TaskChange,
    steps: &'a [StepChange],
    events: &'a EventBatch,
}

/// A step of a plan.
struct StepRow<'a> {
    plan: i32,
    planned: &'a PlannedStep,
    begun: Option<&'a StepChange>,
}

impl<'a> Plan<'a> {
    fn steps(&self, number: i32) -> impl Iterator<Item = StepRow<'a>> {
        let begun = self.begun.map_or(&[][..], |begun| begun.steps);
        self.planned.iter().map(move |planned| {
            let begun = begun.binary_search_by_key(&planned.idx, |step| step.id.idx).ok().map(|at| &begun[at]);
            StepRow { plan: number, planned, begun }
        })
    }

    fn facts(&self) -> Result<String> {
        let begun = self.begun.map_or(&[][..], |begun| &begun.events.facts);
        let facts: Vec<_> = std::iter::once(&Fact::TaskCreated).chain(begun).collect();
        serde_json::to_string(&facts).map_err(|error| Error::Corrupt(format!("events cannot be written: {error}")))
    }
}

impl PartialEq for Plan<'_> {
    fn eq(&self, other: &Self) -> bool {
        let is_same = match (&self.begun, &other.begun) {
            (None, None) => true,
            (Some(one), Some(another)) => {
                one.events.at == another.events.at && one.events.facts == another.events.facts
            }
            _ => false,
        };
        is_same && Arc::ptr_eq(self.planned, other.planned)
    }
}

/// The different plans among the tasks, and for each task which one is its, counted from 1.
fn plans<'a>(tasks: &'a [NewTask], begun: &'a Changes) -> (Vec<Plan<'a>>, Vec<i32>) {
    let begun = begun_by_task(begun);
    let mut plans: Vec<Plan<'_>> = Vec::new();
    let plan_of = tasks.iter().map(|task| {
        let plan = Plan { planned: &task.steps, begun: begun.get(&task.task_id).copied() };
        let at = plans.iter().rposition(|known| *known == plan).unwrap_or(plans.len());
        if at == plans.len() {
            plans.push(plan);
        }
        i32::try_from(at + 1).unwrap_or(i32::MAX)
    });
    let plan_of = plan_of.collect();
    (plans, plan_of)
}

/// The steps of changes are in the order of their tasks.
fn begun_by_task(changes: &Changes) -> HashMap<TaskId, Begun<'_>> {
    let mut steps = changes.steps.as_slice();
    let begun = changes.tasks.iter().zip(&changes.events).map(|(task, events)| {
        let count = steps.iter().take_while(|step| step.id.task_id == task.task_id).count();
        let (of_task, others) = steps.split_at(count);
        steps = others;
        (task.task_id, Begun { task, steps: of_task, events })
    });
    begun.collect()
}

fn dependents_literal(step: &PlannedStep) -> Option<String> {
    let dependents: Vec<_> = step.dependents.iter().map(ToString::to_string).collect();
    (!dependents.is_empty()).then(|| format!("{{{}}}", dependents.join(",")))
}

/// A `text[]` in PostgreSQL's own notation; none for an empty one.
fn array_literal(texts: &[String]) -> Option<String> {
    let quoted: Vec<_> =
        texts.iter().map(|text| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))).collect();
    (!quoted.is_empty()).then(|| format!("{{{}}}", quoted.join(",")))
}
