use serde::Serialize;
use sqlx::sqlite::SqliteRow;

use super::{SqliteStore, columns::Columns, encode, sql};
use crate::{
    model::{TemplateId, Timestamp},
    state::Route,
    store::{NewTemplate, PutTemplate, Result, StoredTemplate, TemplateSummary},
};

pub(super) async fn put(store: &SqliteStore, new: &NewTemplate) -> Result<PutTemplate> {
    let mut writer = store.connections.writer().await?;
    let mut transaction = writer.begin().await?;
    let template = &new.template;
    let done = sqlx::query(sql::PUT_TEMPLATE.sql())
        .bind(new.id.0)
        .bind(&template.namespace)
        .bind(&template.name)
        .bind(&template.version)
        .bind(&template.description)
        .bind(new.definition.as_str())
        .bind(store.clock.now().as_micros())
        .execute(&mut *transaction)
        .await?;
    if done.rows_affected() > 0 {
        let routes = route_rows(&new.routes)?;
        sqlx::query(sql::PUT_ROUTES.sql()).bind(routes).execute(&mut *transaction).await?;
        transaction.commit().await?;
        return Ok(PutTemplate::Created(new.id));
    }
    let version = sqlx::query(sql::FIND_VERSION.sql())
        .bind(&template.namespace)
        .bind(&template.name)
        .bind(&template.version)
        .fetch_one(&mut *transaction)
        .await?;
    transaction.rollback().await?;
    let mut columns = Columns::new(&version, "a template");
    let id = TemplateId(columns.uuid()?);
    let is_same = columns.read::<&str>()? == new.definition.as_str();
    Ok(if is_same { PutTemplate::Unchanged(id) } else { PutTemplate::Conflict(id) })
}

pub(super) async fn find(store: &SqliteStore, id: TemplateId) -> Result<Option<StoredTemplate>> {
    let rows = store.connections.fetch(sqlx::query(sql::FIND_TEMPLATE.sql()).bind(id.0)).await?;
    let found = rows.first().map(|row| {
        let mut columns = Columns::new(row, "a template");
        Ok(StoredTemplate {
            id: TemplateId(columns.uuid()?),
            template: columns.decoded()?,
            created_at: columns.time()?,
        })
    });
    found.transpose()
}

pub(super) async fn list(
    store: &SqliteStore,
    namespace: Option<&str>,
    name: Option<&str>,
) -> Result<Vec<TemplateSummary>> {
    let query = sqlx::query(sql::LIST_TEMPLATES.sql()).bind(namespace).bind(name);
    store.connections.fetch(query).await?.iter().map(summary).collect()
}

pub(super) async fn routes(store: &SqliteStore) -> Result<Vec<Route>> {
    let rows = store.connections.fetch(sqlx::query(sql::LIST_ROUTES.sql())).await?;
    let route = |row| {
        let mut columns = Columns::new(row, "a route");
        Ok(Route { queue: columns.shared()?, handler: columns.shared()? })
    };
    rows.iter().map(route).collect()
}

pub(super) fn route_rows<'a>(routes: impl IntoIterator<Item = &'a Route>) -> Result<String> {
    #[derive(Serialize)]
    struct RouteRow<'a> {
        queue: &'a str,
        handler: &'a str,
    }
    encode::rows(routes.into_iter().map(|Route { queue, handler }| RouteRow { queue, handler }))
}

fn summary(row: &SqliteRow) -> Result<TemplateSummary> {
    let mut columns = Columns::new(row, "a template");
    Ok(TemplateSummary {
        id: TemplateId(columns.uuid()?),
        namespace: columns.read()?,
        name: columns.read()?,
        version: columns.read()?,
        description: columns.read()?,
        created_at: columns.read().map(Timestamp::from_micros)?,
    })
}
