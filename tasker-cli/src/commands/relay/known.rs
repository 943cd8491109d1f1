use clap::Args;
use serde_json::json;

use crate::{
    database,
    failure::{Exit, Failure, Result},
    output::Output,
    settings::Settings,
    span,
    style::Tone,
    table::Table,
};

/// List where the log is carried to, and how far each has come
#[derive(Debug, Args)]
pub(crate) struct List {}

/// Forget a receiver that is no longer there; what it has not got may then be removed
#[derive(Debug, Args)]
pub(crate) struct Forget {
    /// Its name, as `tasker relay list` shows it
    name: String,
}

impl List {
    pub(crate) async fn run(self, settings: &Settings, output: &Output) -> Result<Exit> {
        let engine = database::engine(settings).await?;
        let (relays, now) = (engine.store().relays().await?, engine.store().now().await?);
        let behind = |since: Option<tasker_core::model::Timestamp>| since.map(|since| now.since(since));
        if output.is_json() {
            let item = |relay: &tasker_core::store::KnownRelay| {
                let behind_ms = behind(relay.behind_since).map_or(0, |span| span.as_millis());
                json!({
                    "name": relay.name, "holder": relay.holder, "cursor": relay.place.cursor.to_string(),
                    "moved_at": relay.moved_at, "behind_ms": u64::try_from(behind_ms).unwrap_or(u64::MAX),
                })
            };
            output.document(&json!({"items": relays.iter().map(item).collect::<Vec<_>>()}));
            return Ok(Exit::Complete);
        }
        if relays.is_empty() {
            output.note("the log is carried nowhere: `tasker server --nats URL` publishes it");
            return Ok(Exit::Complete);
        }
        let mut table = Table::new(&["NAME", "STATE", ">BEHIND", ">MOVED"]);
        for relay in &relays {
            let (state, tone) = if relay.holder.is_some() { ("carried", Tone::Good) } else { ("at rest", Tone::Dim) };
            table.row([
                (relay.name.clone(), Tone::Plain),
                (state.to_owned(), tone),
                (behind(relay.behind_since).map_or("no".to_owned(), span::show), Tone::Plain),
                (
                    relay.moved_at.map_or("never".to_owned(), |at| format!("{} ago", span::show(now.since(at)))),
                    Tone::Dim,
                ),
            ]);
        }
        table.print(output);
        Ok(Exit::Complete)
    }
}

impl Forget {
    pub(crate) async fn run(self, settings: &Settings, output: &Output) -> Result<Exit> {
        let engine = database::engine(settings).await?;
        if !engine.store().forget_relay(&self.name).await? {
            let message = format!("the log is not carried to `{}`", self.name);
            return Err(Failure::new("relay_not_found", message, "`tasker relay list` shows where it is carried to"));
        }
        output.either(&json!({"name": self.name}), || format!("{} is forgotten", self.name));
        Ok(Exit::Complete)
    }
}
