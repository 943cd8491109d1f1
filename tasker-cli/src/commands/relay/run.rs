use std::sync::Arc;

use clap::Args;
use serde_json::json;
use tasker_core::events::Relay;

use crate::{
    database,
    failure::{Exit, Failure, Result},
    nats::Nats,
    output::Output,
    settings::Settings,
    stop::Stop,
};

/// Publish what happens to NATS, in a process that does nothing else
///
/// `tasker server --nats URL` does the same beside serving. Any number may run: one carries, and another takes over when it is
/// gone.
#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    nats: Nats,
}

impl Run {
    pub(crate) async fn run(self, settings: &Settings, output: &Output) -> Result<Exit> {
        let mut stop = Stop::listen()?;
        let Some(options) = self.nats.options(settings) else {
            return Err(Failure::usage("no NATS server is named", "name it with --nats, or in NATS_URL"));
        };
        let engine = database::engine(settings).await?;
        let relay = Relay::start(Arc::clone(&engine), options).await?;
        let store = engine.store().describe();
        output.json_line(&json!({"type": "relay.started", "store": store}));
        output.line(&format!("events of {store} go to NATS; Ctrl-C stops"));
        stop.requested().await;
        output.break_line();
        let events = relay.relaying().events();
        relay.stop().await;
        output.json_line(&json!({"type": "relay.stopped", "events": events}));
        Ok(Exit::Complete)
    }
}
