//! `tasker key`: who may ask a server for what.

use std::{collections::BTreeSet, time::Duration};

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tasker_core::{
    model::{Actor, Timestamp},
    orchestration::{ApiKey, NewKey, Permission, Permissions},
};

use crate::{
    failure::{Exit, Failure, Result},
    output::Output,
    reach,
    settings::Settings,
    span,
    style::Tone,
    table::Table,
};

/// Make, list and revoke API keys: on the store of the servers, or through one with a key that may
#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    Create(Create),
    List(List),
    Revoke(Revoke),
}

/// Make an API key; it is shown once
///
///   tasker key create deploy --allow submit,read --in shop
///   tasker key create worker-7 --allow work --lifetime 720h
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Create {
    /// What the key is for; kept in the histories of what is done with it
    name: String,
    /// What it may do: read, read_payloads, submit, operate, templates, work, admin; repeat it, or separate with commas
    #[arg(long, value_name = "VERB", value_delimiter = ',', value_parser = permission, required = true)]
    allow: Vec<Permission>,
    /// The namespaces in which it may do so; without it, all
    #[arg(long = "in", value_name = "NAMESPACE", value_delimiter = ',')]
    namespaces: Vec<String>,
    /// How long it is good for: 30m, 720h; without it, for ever
    #[arg(long, value_name = "TIME", value_parser = span::parse)]
    lifetime: Option<Duration>,
    /// Who makes it; kept with the key
    #[arg(long, value_name = "NAME", env = "USER", hide_env = true)]
    by: Option<String>,
    /// Why; kept with the key
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// List the API keys, the ended ones too
#[derive(Debug, Args)]
pub(crate) struct List {}

/// End an API key; within seconds no server takes it any more
#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// The key's id, or the beginning of its secret, as `tasker key list` shows it
    key: String,
    /// Who ends it; kept with the key
    #[arg(long, value_name = "NAME", env = "USER", hide_env = true)]
    by: Option<String>,
    /// Why; kept with the key
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

impl Key {
    pub(crate) async fn run(self, settings: &Settings, output: &Output) -> Result<Exit> {
        match self {
            Self::Create(create) => create.run(settings, output).await,
            Self::List(List {}) => list(settings, output).await,
            Self::Revoke(revoke) => revoke.run(settings, output).await,
        }
    }
}

impl Create {
    async fn run(self, settings: &Settings, output: &Output) -> Result<Exit> {
        let client = reach::client(settings).await?;
        let permissions = Permissions {
            verbs: self.allow.into_iter().collect(),
            namespaces: self.namespaces.into_iter().collect::<BTreeSet<_>>(),
        };
        let lifetime_ms = self.lifetime.map(|span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX));
        let new = NewKey { name: self.name, permissions, lifetime_ms, by: self.by, reason: self.reason };
        let created = client.create_key(new).await?;
        output.either(&created, || created.secret.clone());
        output.note("this is shown here and never again; pass it as TASKER_API_KEY");
        Ok(Exit::Complete)
    }
}

async fn list(settings: &Settings, output: &Output) -> Result<Exit> {
    let client = reach::client(settings).await?;
    let keys = client.keys().await?;
    if output.is_json() {
        output.document(&json!({"items": keys}));
        return Ok(Exit::Complete);
    }
    if keys.is_empty() {
        output.note("there is no key: `tasker key create NAME --allow read` makes one");
    }
    let now = client.now().await?;
    let mut table = Table::new(&["KEY", "NAME", "BEGINS", "STATE", "ALLOWS", "IN", ">USED", "WHO AND WHY"]);
    for key in &keys {
        let (state, tone) = state(key, now);
        let namespaces: Vec<_> = key.permissions.namespaces.iter().cloned().collect();
        let used = key.last_used_at.map_or("never".to_owned(), |at| format!("{} ago", span::show(now.since(at))));
        table.row([
            (key.key_id.to_string(), Tone::Plain),
            (key.name.clone(), Tone::Plain),
            (key.prefix.clone(), Tone::Dim),
            (state, tone),
            (key.permissions.verbs.iter().map(word).collect::<Vec<_>>().join(", "), Tone::Plain),
            (if namespaces.is_empty() { "all".to_owned() } else { namespaces.join(", ") }, Tone::Plain),
            (used, Tone::Dim),
            (who_and_why(key), Tone::Dim),
        ]);
    }
    table.print(output);
    Ok(Exit::Complete)
}

impl Revoke {
    async fn run(self, settings: &Settings, output: &Output) -> Result<Exit> {
        let client = reach::client(settings).await?;
        let keys = client.keys().await?;
        let meant = |key: &&ApiKey| key.key_id.to_string() == self.key || key.prefix == self.key;
        let found = keys.iter().find(meant).ok_or_else(|| {
            Failure::new("key_not_found", format!("there is no key {}", self.key), "`tasker key list` shows the keys")
        })?;
        client.revoke_key(found.key_id, &Actor { by: self.by, reason: self.reason }).await?;
        output.either(&json!({"key_id": found.key_id, "name": found.name}), || format!("{} is revoked", found.name));
        Ok(Exit::Complete)
    }
}

/// Who made the key, or who ended it, and why.
fn who_and_why(key: &ApiKey) -> String {
    let (by, because) = match key.revoked_at {
        Some(_) => (&key.revoked_by, &key.revoked_because),
        None => (&key.created_by, &key.created_because),
    };
    [by, because].into_iter().flatten().cloned().collect::<Vec<_>>().join(": ")
}

fn state(key: &ApiKey, now: Timestamp) -> (String, Tone) {
    if key.revoked_at.is_some() {
        return ("revoked".to_owned(), Tone::Bad);
    }
    match key.expires_at {
        Some(at) if at <= now => ("expired".to_owned(), Tone::Bad),
        Some(at) => (format!("good for {}", span::show(at.since(now))), Tone::Good),
        None => ("good".to_owned(), Tone::Good),
    }
}

/// The word of a permission, as it is written in JSON.
fn word(permission: &Permission) -> String {
    json!(permission).as_str().unwrap_or_default().to_owned()
}

fn permission(text: &str) -> Result<Permission, String> {
    serde_json::from_value(Value::String(text.to_owned())).map_err(|_| {
        format!("`{text}` is no permission: write read, read_payloads, submit, operate, templates, work or admin")
    })
}
