use clap::Args;
use serde::Serialize;
use tasker_core::store::Migration;

use crate::{
    database,
    failure::{Exit, Failure, Result, plural},
    output::{Output, write_out},
    settings::Settings,
    style::Tone,
};

/// Bring the database's schema up to date
#[derive(Debug, Args)]
pub(crate) struct Migrate {
    /// Change nothing; exit with 1 if something is missing
    #[arg(long, conflicts_with = "sql")]
    check: bool,
    /// Change nothing; print the SQL of what is missing
    #[arg(long)]
    sql: bool,
}

#[derive(Serialize)]
struct Done<'a> {
    store: String,
    migrations: Vec<Shown<'a>>,
}

#[derive(Serialize)]
struct Shown<'a> {
    version: i64,
    name: &'a str,
    is_applied: bool,
    /// Whether this very call applied it.
    is_new: bool,
}

impl Migrate {
    pub(crate) async fn run(&self, settings: &Settings, output: &Output) -> Result<Exit> {
        let url = database::url(settings)?;
        let changes_nothing = self.check || self.sql;
        // To open a SQLite file makes it; one in memory lacks the same.
        let is_absent = changes_nothing && database::is_missing_file(url);
        let store = database::open(if is_absent { "sqlite::memory:" } else { url }).await?;
        if self.sql {
            let missing = store.migrations().await?.into_iter().filter(|migration| !migration.is_applied).collect();
            print_sql(missing, output);
            return Ok(Exit::Complete);
        }
        let applied = if self.check { Vec::new() } else { store.migrate().await? };
        let migrations = store.migrations().await?;
        let place = if is_absent { database::without_password(url) } else { store.describe() };
        output.either(&Done { store: place.clone(), migrations: shown(&migrations, &applied) }, || {
            let lines = migrations.iter().map(|migration| line(migration, &applied, output));
            format!("{place}\n{}", lines.collect::<Vec<_>>().join("\n"))
        });
        match migrations.iter().filter(|migration| !migration.is_applied).count() {
            0 => Ok(Exit::Complete),
            missing => {
                let message = format!("{place} lacks {missing} migration{}", plural(missing));
                Err(Failure::new("schema_mismatch", message, "run `tasker migrate` with the same --store"))
            }
        }
    }
}

fn print_sql(missing: Vec<Migration>, output: &Output) {
    if output.is_json() {
        return output.document(&missing);
    }
    if missing.is_empty() {
        output.note("nothing is missing");
    }
    for Migration { version, name, sql, .. } in missing {
        write_out(&format!("-- {version:04}_{name}\n{}", sql.trim_end()));
    }
}

fn shown<'a>(migrations: &'a [Migration], applied: &[Migration]) -> Vec<Shown<'a>> {
    let is_new = |version| applied.iter().any(|migration| migration.version == version);
    let shown = migrations.iter().map(|Migration { version, name, is_applied, .. }| Shown {
        version: *version,
        name,
        is_applied: *is_applied,
        is_new: is_new(*version),
    });
    shown.collect()
}

fn line(migration: &Migration, applied: &[Migration], output: &Output) -> String {
    let is_new = applied.iter().any(|applied| applied.version == migration.version);
    let (word, tone) = match (migration.is_applied, is_new) {
        (true, true) => ("applied now", Tone::Good),
        (true, false) => ("applied", Tone::Plain),
        (false, _) => ("missing", Tone::Bad),
    };
    format!("  {:04}_{}  {}", migration.version, migration.name, output.paint(word, tone))
}
