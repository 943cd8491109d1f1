//! `tasker webhook`: what happens, sent to an address.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use tasker_core::{
    model::Actor,
    orchestration::{Delivery, DeliveryState, NewWebhook, Webhook, WebhookState},
};
use tasker_worker::Client;
use uuid::Uuid;

use crate::{
    failure::{Exit, Failure, Result},
    output::Output,
    reach,
    settings::Settings,
    span,
    style::Tone,
    table::Table,
};

/// Send what happens to an address, signed, and look at what came of it
///
/// The servers of the store send (`tasker server`).
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Create(Create),
    List(List),
    Show(Show),
    Disable(Change),
    Enable(Enable),
    Rotate(Rotate),
    Delete(Delete),
    Deliveries(Deliveries),
    Redeliver(Redeliver),
}

/// Register a webhook; its secret is shown once
///
///   tasker webhook create billing https://example.com/hooks --type order.paid --in shop
///   tasker webhook create audit https://example.com/all --batch 100 --after start
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Create {
    /// What the webhook is for
    name: String,
    /// Where to send: https://host/path
    url: String,
    /// Only events of this namespace
    #[arg(long = "in", value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// Only events of tasks of this template
    #[arg(long, value_name = "NAME")]
    template: Option<String>,
    /// Only events of this type: task.completed, step.*, or the name of a domain event; repeat it, or separate with commas
    #[arg(long = "type", value_name = "TYPE", value_delimiter = ',')]
    types: Vec<String>,
    /// Events sent together at most; with more than 1 each message is a list [default: 1]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=100))]
    batch: Option<u32>,
    /// Times that a message is sent at most [default: 12, which takes about half an hour]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=30))]
    tries: Option<u32>,
    /// How long an answer is waited for, at most 30s [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = span::parse)]
    timeout: Option<Duration>,
    /// Begin behind the event with this cursor, or at the beginning of the log with `start`; without it, with what happens from
    /// now on
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
    #[command(flatten)]
    doer: Doer,
}

/// Who does it, and why; kept with the webhook.
#[derive(Debug, Args)]
pub(crate) struct Doer {
    /// Who does it; kept with the webhook
    #[arg(long, value_name = "NAME", env = "USER", hide_env = true)]
    by: Option<String>,
    /// Why; kept with the webhook
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// List the webhooks
#[derive(Debug, Args)]
pub(crate) struct List {}

/// Show a webhook
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Its id or its name
    webhook: String,
}

/// Stop a webhook; what it has not got is kept until it goes on
#[derive(Debug, Args)]
pub(crate) struct Change {
    /// Its id or its name
    webhook: String,
    #[command(flatten)]
    doer: Doer,
}

/// Let a webhook go on that was stopped, or has failed
#[derive(Debug, Args)]
pub(crate) struct Enable {
    #[command(flatten)]
    change: Change,
}

/// Give a webhook another secret; the one before signs too for a day
#[derive(Debug, Args)]
pub(crate) struct Rotate {
    #[command(flatten)]
    change: Change,
}

/// Delete a webhook with the log of its deliveries
#[derive(Debug, Args)]
pub(crate) struct Delete {
    #[command(flatten)]
    change: Change,
}

/// List what was sent to a webhook, the newest first
#[derive(Debug, Args)]
pub(crate) struct Deliveries {
    /// Its id or its name
    webhook: String,
    /// Only those in this state
    #[arg(long, value_enum, value_name = "STATE")]
    state: Option<State>,
    /// At most so many
    #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,
    /// Go on behind this one: the `next` of the page before
    #[arg(long, value_name = "DELIVERY")]
    after: Option<Uuid>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum State {
    Pending,
    Delivered,
    Failed,
}

/// Send a delivery once more that has ended
#[derive(Debug, Args)]
pub(crate) struct Redeliver {
    /// The webhook's id or its name
    webhook: String,
    /// The delivery's id, as `tasker webhook deliveries` shows it
    delivery: Uuid,
    #[command(flatten)]
    doer: Doer,
}

impl From<Doer> for Actor {
    fn from(Doer { by, reason }: Doer) -> Self {
        Self { by, reason }
    }
}

impl Command {
    pub(crate) async fn run(self, settings: &Settings, output: &Output) -> Result<Exit> {
        let client = reach::client(settings).await?;
        match self {
            Self::Create(create) => create.run(&client, output).await?,
            Self::List(List {}) => list(&client.webhooks().await?, output),
            Self::Show(Show { webhook }) => show(&find(&client, &webhook).await?, output),
            Self::Disable(Change { webhook, doer }) => {
                let id = find(&client, &webhook).await?.webhook_id;
                show(&client.disable_webhook(id, &doer.into()).await?, output);
            }
            Self::Enable(Enable { change: Change { webhook, doer } }) => {
                let id = find(&client, &webhook).await?.webhook_id;
                show(&client.enable_webhook(id, &doer.into()).await?, output);
            }
            Self::Rotate(Rotate { change: Change { webhook, doer } }) => {
                let id = find(&client, &webhook).await?.webhook_id;
                let rotated = client.rotate_webhook(id, &doer.into()).await?;
                output.either(&rotated, || rotated.secret.clone());
                output.note("this is shown here and never again; the secret before signs too for a day");
            }
            Self::Delete(Delete { change: Change { webhook, doer } }) => {
                let known = find(&client, &webhook).await?;
                client.delete_webhook(known.webhook_id, &doer.into()).await?;
                let gone = json!({"webhook_id": known.webhook_id, "name": known.definition.name});
                output.either(&gone, || format!("{} is deleted", known.definition.name));
            }
            Self::Deliveries(deliveries) => deliveries.run(&client, output).await?,
            Self::Redeliver(Redeliver { webhook, delivery, doer }) => {
                let id = find(&client, &webhook).await?.webhook_id;
                let asked = client.redeliver(id, delivery, &doer.into()).await?;
                output.either(&asked, || format!("{delivery} is sent once more"));
            }
        }
        Ok(Exit::Complete)
    }
}

impl Create {
    async fn run(self, client: &Client, output: &Output) -> Result<()> {
        let new = NewWebhook {
            name: self.name,
            url: self.url,
            namespace: self.namespace,
            template: self.template,
            types: self.types,
            batch: self.batch,
            tries: self.tries,
            timeout_ms: self.timeout.map(|span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX)),
            after: self.after,
            by: self.doer.by,
            reason: self.doer.reason,
        };
        let created = client.create_webhook(new).await?;
        output.either(&created, || created.secret.clone());
        output.note("this is shown here and never again; the receiver checks `webhook-signature` with it");
        Ok(())
    }
}

/// The webhook with this id, or the newest with this name.
async fn find(client: &Client, named: &str) -> Result<Webhook> {
    let webhooks = client.webhooks().await?;
    let is_meant = |webhook: &Webhook| webhook.webhook_id.to_string() == named || webhook.definition.name == named;
    webhooks.into_iter().find(is_meant).ok_or_else(|| {
        let message = format!("there is no webhook {named}");
        Failure::new("webhook_not_found", message, "`tasker webhook list` shows the webhooks")
    })
}

fn list(webhooks: &[Webhook], output: &Output) {
    if output.is_json() {
        output.document(&json!({"items": webhooks}));
        return;
    }
    if webhooks.is_empty() {
        output.note("there is no webhook: `tasker webhook create NAME URL` registers one");
    }
    let mut table = Table::new(&["WEBHOOK", "NAME", "STATE", "URL", "EVENTS", "WHO AND WHY"]);
    for webhook in webhooks {
        let (state, tone) = state(webhook.state);
        table.row([
            (webhook.webhook_id.to_string(), Tone::Plain),
            (webhook.definition.name.clone(), Tone::Plain),
            (state.to_owned(), tone),
            (webhook.definition.url.clone(), Tone::Plain),
            (events(webhook), Tone::Dim),
            (who_and_why(webhook), Tone::Dim),
        ]);
    }
    table.print(output);
}

fn show(webhook: &Webhook, output: &Output) {
    if output.is_json() {
        output.document(webhook);
    } else {
        list(std::slice::from_ref(webhook), output);
    }
}

fn state(state: WebhookState) -> (&'static str, Tone) {
    let tone = match state {
        WebhookState::Active => Tone::Good,
        WebhookState::Disabled => Tone::Dim,
        WebhookState::Failed => Tone::Bad,
    };
    (state.as_str(), tone)
}

fn events(webhook: &Webhook) -> String {
    let definition = &webhook.definition;
    let types = if definition.types.is_empty() { "all".to_owned() } else { definition.types.join(", ") };
    let place = [&definition.namespace, &definition.template].into_iter().flatten().cloned().collect::<Vec<_>>();
    if place.is_empty() { types } else { format!("{types} of {}", place.join("/")) }
}

/// Who registered it, or who changed it last, and why.
fn who_and_why(webhook: &Webhook) -> String {
    let (by, because) = match webhook.changed_at {
        Some(_) => (&webhook.changed_by, &webhook.changed_because),
        None => (&webhook.created_by, &webhook.created_because),
    };
    [by, because].into_iter().flatten().cloned().collect::<Vec<_>>().join(": ")
}

impl Deliveries {
    async fn run(self, client: &Client, output: &Output) -> Result<()> {
        let id = find(client, &self.webhook).await?.webhook_id;
        let state = self.state.map(|state| match state {
            State::Pending => DeliveryState::Pending,
            State::Delivered => DeliveryState::Delivered,
            State::Failed => DeliveryState::Failed,
        });
        let page = client.deliveries(id, state, self.after, self.limit).await?;
        if output.is_json() {
            output.document(&page);
            return Ok(());
        }
        let now = client.now().await?;
        let mut table = Table::new(&["DELIVERY", "STATE", "TYPE", ">EVENTS", ">TRIES", "LAST", ">TOOK", ">AGE"]);
        for delivery in &page.items {
            let tone = match delivery.state {
                DeliveryState::Pending => Tone::Plain,
                DeliveryState::Delivered => Tone::Good,
                DeliveryState::Failed => Tone::Bad,
            };
            let took = delivery.tries.last().map(|last| span::show(Duration::from_millis(last.duration_ms)));
            table.row([
                (delivery.delivery_id.to_string(), Tone::Plain),
                (delivery.state.as_str().to_owned(), tone),
                (delivery.kind.clone(), Tone::Plain),
                (delivery.events.to_string(), Tone::Plain),
                (delivery.tries.len().to_string(), Tone::Plain),
                (last(delivery), tone),
                (took.unwrap_or_default(), Tone::Dim),
                (span::show(now.since(delivery.created_at)), Tone::Dim),
            ]);
        }
        table.print(output);
        if let Some(next) = &page.next {
            output.note(&format!("there may be more: --after {next}"));
        }
        Ok(())
    }
}

/// What came of the last try.
fn last(delivery: &Delivery) -> String {
    let Some(last) = delivery.tries.last() else { return String::new() };
    match (last.status, last.error) {
        (Some(status), _) => status.to_string(),
        (None, Some(error)) => json!(error).as_str().unwrap_or_default().to_owned(),
        (None, None) => String::new(),
    }
}
