use std::sync::Arc;

use clap::Args;
use serde_json::json;
use tasker_core::events::{Relay, SpanOptions, Spans};

use crate::{
    database,
    failure::{Exit, Failure, Result},
    nats::Nats,
    otlp::Otlp,
    output::Output,
    settings::Settings,
    stop::Stop,
};

/// Publish what happens to NATS, or export spans of it, in a process that does nothing else
///
/// `tasker server` with `--nats URL` and `--otlp URL` does the same beside serving. Any number may run: one carries, and another takes over when it is
/// gone.
#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    nats: Nats,
    #[command(flatten)]
    otlp: Otlp,
}

impl Run {
    pub(crate) async fn run(self, settings: &Settings, output: &Output) -> Result<Exit> {
        let mut stop = Stop::listen()?;
        let (nats, otlp) = (self.nats.options(settings), self.otlp.options()?);
        let receivers: Vec<_> = [nats.as_ref().map(|_| "NATS".to_owned()), otlp.as_ref().map(SpanOptions::describe)]
            .into_iter()
            .flatten()
            .collect();
        if receivers.is_empty() {
            let remedy = "name one with --nats or --otlp, or in NATS_URL or OTEL_EXPORTER_OTLP_ENDPOINT";
            return Err(Failure::usage("neither a NATS server nor a collector of spans is named", remedy));
        }
        let engine = database::engine(settings).await?;
        let relay = match nats {
            Some(options) => Some(Relay::start(Arc::clone(&engine), options).await?),
            None => None,
        };
        let spans = otlp.map(|options| Spans::start(Arc::clone(&engine), options)).transpose()?;
        let store = engine.store().describe();
        output.json_line(&json!({"type": "relay.started", "store": store}));
        output.line(&format!("events of {store} go to {}; Ctrl-C stops", receivers.join(" and ")));
        stop.requested().await;
        output.break_line();
        let relaying = relay.as_ref().map(|relay| Arc::clone(relay.relaying()));
        let exporting = spans.as_ref().map(|spans| Arc::clone(spans.exporting()));
        if let Some(relay) = relay {
            relay.stop().await;
        }
        if let Some(spans) = spans {
            spans.stop().await;
        }
        let (events, spans) = (relaying.map_or(0, |it| it.events()), exporting.map_or(0, |it| it.spans()));
        output.json_line(&json!({"type": "relay.stopped", "events": events, "spans": spans}));
        Ok(Exit::Complete)
    }
}
