use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use sqlx::{Postgres, Row, postgres::PgArguments, query::Query};
use uuid::Uuid;

use super::{hot::Hot, sql, transaction::signed};
use crate::{
    dag::{NewTask, PlannedStep},
    model::TaskId,
    store::{Error, Inserted, Result},
};

/// Namespace, name and idempotency key.
type Key = (String, String, String);

/// Stores tasks in one statement; see `insert_tasks.sql`.
pub(super) async fn insert_tasks(hot: &Arc<Hot>, tasks: &[NewTask]) -> Result<Vec<Inserted>> {
    let rows = hot.fetch(statement(tasks)).await?;
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

/// The statement that stores tasks.
pub(super) fn statement(tasks: &[NewTask]) -> Query<'static, Postgres, PgArguments> {
    let (plans, plan_of) = plans(tasks);
    let steps: Vec<_> =
        (0i32..).zip(&plans).flat_map(|(plan, steps)| steps.iter().map(move |step| (plan, step))).collect();
    let of = |column: fn(&NewTask) -> Option<&str>| tasks.iter().map(column).collect::<Vec<_>>();
    sqlx::query(sql::INSERT_TASKS.sql())
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
        .bind(steps.iter().map(|(plan, _)| *plan).collect::<Vec<_>>())
        .bind(steps.iter().map(|(_, step)| signed(step.idx)).collect::<Vec<_>>())
        .bind(steps.iter().map(|(_, step)| signed(step.unmet)).collect::<Vec<_>>())
        .bind(steps.iter().map(|(_, step)| step.name.as_ref()).collect::<Vec<&str>>())
        .bind(steps.iter().map(|(_, step)| step.queue.as_ref()).collect::<Vec<&str>>())
        .bind(steps.iter().map(|(_, step)| step.handler.as_ref()).collect::<Vec<&str>>())
        .bind(steps.iter().map(|(_, step)| dependents_literal(step)).collect::<Vec<_>>())
        .bind(tasks.iter().map(|task| task.submission.rerun_of.map(|task_id| task_id.0)).collect::<Vec<_>>())
        .bind(steps.iter().map(|(_, step)| step.state().as_str()).collect::<Vec<_>>())
        .bind(tasks.iter().map(|task| task.parent.as_ref().map(|parent| parent.task_id.0)).collect::<Vec<_>>())
        .bind(
            tasks.iter().map(|task| task.flow().and_then(|flow| serde_json::to_string(&flow).ok())).collect::<Vec<_>>(),
        )
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

/// The different plans among the tasks, and for each task which one is its.
fn plans(tasks: &[NewTask]) -> (Vec<&Arc<[PlannedStep]>>, Vec<i32>) {
    let mut plans: Vec<&Arc<[PlannedStep]>> = Vec::new();
    let mut numbers = HashMap::new();
    let plan_of = tasks.iter().map(|task| {
        *numbers.entry(Arc::as_ptr(&task.steps).cast::<PlannedStep>()).or_insert_with(|| {
            plans.push(&task.steps);
            i32::try_from(plans.len() - 1).unwrap_or(i32::MAX)
        })
    });
    let plan_of = plan_of.collect();
    (plans, plan_of)
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
