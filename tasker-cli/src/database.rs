//! The store and the engine that a command works on.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::future::join_all;
use tasker_core::{
    orchestration::{Engine, Options},
    store::{self, Store},
};

use crate::{
    failure::{Failure, Result},
    settings::Settings,
};

/// An engine on the settings' store, whose schema must be up to date.
pub(crate) async fn engine(settings: &Settings) -> Result<Arc<Engine>> {
    let store = existing(settings).await?;
    let missing = store.migrations().await?.iter().filter(|migration| !migration.is_applied).count();
    if missing > 0 {
        let message = format!("{} lacks {missing} of the migrations of this version", store.describe());
        return Err(Failure::new("schema_mismatch", message, "run `tasker migrate` with the same --store"));
    }
    Ok(opened(Engine::new(store, options(settings))))
}

/// The settings' store, whatever its schema.
pub(crate) async fn existing(settings: &Settings) -> Result<Arc<dyn Store>> {
    let url = url(settings)?;
    if settings.api.is_some() && settings.store.is_none() {
        return Err(no_store());
    }
    if is_missing_file(url) {
        let message = format!("there is no database at {}", without_password(url));
        let remedy = "`tasker dev` makes one and runs a worker; `tasker migrate` only makes it; --store names another";
        return Err(Failure::new("database_missing", message, remedy));
    }
    open(url).await
}

/// The URL of the settings' store, for commands that work on one and nothing else.
pub(crate) fn url(settings: &Settings) -> Result<&str> {
    if settings.api_flag.is_some() { Err(no_store()) } else { Ok(settings.store_url()) }
}

fn no_store() -> Box<Failure> {
    let remedy = "leave --api out, and name the store with --store";
    Failure::usage("this command works on a store itself, and a server is named", remedy)
}

/// An engine on a store whose schema is brought up to date first.
pub(crate) async fn migrated_engine(url: &str, options: Options) -> Result<Arc<Engine>> {
    let store = open(url).await?;
    for migration in store.migrate().await? {
        tracing::info!(version = migration.version, name = migration.name, "applied a migration");
    }
    Ok(opened(Engine::new(store, options)))
}

/// An engine on a store whose schema may be another version's.
pub(crate) async fn unchanged_engine(url: &str, options: Options) -> Result<Arc<Engine>> {
    Ok(opened(Engine::new(open(url).await?, options)))
}

/// The engines of this process.
static OPENED: Mutex<Vec<Arc<Engine>>> = Mutex::new(Vec::new());
/// How long a database that does not answer keeps a process that has nothing more to do.
const CLOSE_WITHIN: Duration = Duration::from_secs(3);

fn opened(engine: Arc<Engine>) -> Arc<Engine> {
    OPENED.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&engine));
    engine
}

/// Closes every engine that a command has opened: what it has done is then known to other processes.
pub(crate) async fn close_all() {
    let engines = std::mem::take(&mut *OPENED.lock().unwrap_or_else(PoisonError::into_inner));
    // All that was to be stored is.
    drop(tokio::time::timeout(CLOSE_WITHIN, join_all(engines.iter().map(|engine| engine.close()))).await);
}

pub(crate) async fn open(url: &str) -> Result<Arc<dyn Store>> {
    store::open(url).await.map_err(|error| {
        let failure: Box<Failure> = error.into();
        Box::new(Failure { message: format!("{}: {}", without_password(url), failure.message), ..*failure })
    })
}

pub(crate) fn options(settings: &Settings) -> Options {
    Options { environment: settings.environment.clone(), ..Options::default() }
}

/// The URL as it may be printed.
pub(crate) fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        // Without a `://` it is a path, or a text that may be anything.
        return if url.starts_with("sqlite:") { url.to_owned() } else { "the store".to_owned() };
    };
    let rest = rest.split_once('?').map_or(rest, |(rest, _)| rest);
    match rest.rsplit_once('@') {
        Some((user, host)) => {
            let user = user.split_once(':').map_or(user, |(user, _)| user);
            format!("{scheme}://{user}@{host}")
        }
        None => format!("{scheme}://{rest}"),
    }
}

/// Whether the URL names a SQLite file that is not there: to look at it would make one.
pub(crate) fn is_missing_file(url: &str) -> bool {
    let path = url.strip_prefix("sqlite:").map(|path| path.split_once('?').map_or(path, |(path, _)| path));
    let path = path.map(|path| path.strip_prefix("//").unwrap_or(path)).filter(|path| *path != ":memory:");
    path.is_some_and(|path| !path.is_empty() && !std::path::Path::new(path).exists())
}

#[cfg(test)]
mod tests {
    use super::without_password;

    #[test]
    fn passwords_are_not_printed() {
        let shown = [
            "postgres://tasker:se:cr@et@db:5432/tasker?password=secret",
            "postgres://db/tasker",
            "sqlite:tasker.db",
            "secret",
        ];
        let shown = shown.map(without_password);
        assert_eq!(
            shown,
            ["postgres://tasker@db:5432/tasker", "postgres://db/tasker", "sqlite:tasker.db", "the store"]
        );
    }
}
