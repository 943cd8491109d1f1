//! `tasker server`: the engine as a service.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use clap::{Args, ValueEnum};
use serde_json::json;
use tasker_core::{
    api::{Access, Api},
    events::{NatsWakeups, Relay, Retention, Spans, WebhookOptions, Webhooks},
    orchestration::{Engine, Options},
};
use tokio::net::{TcpListener, lookup_host};
use tracing::warn;

use crate::{
    database,
    failure::{Exit, Failure, Result},
    nats::Nats,
    otlp::Otlp,
    output::Output,
    settings::Settings,
    span,
    stop::Stop,
    style::Tone,
};

/// Serve the REST API, and let workers join over HTTP
///
/// The database is migrated first. On addresses that other machines can reach every request needs an API key. SIGTERM or Ctrl-C lets requests under way end; a second one stops at once.
#[derive(Debug, Args)]
pub(crate) struct Server {
    /// The address to listen on [env: TASKER_HTTP_ADDR] [default: 127.0.0.1:8080]
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
    /// How the server knows who asks: by API keys, or not at all, which other machines must not reach [default: open on
    /// loopback addresses, keys on others]
    #[arg(long, value_enum, value_name = "HOW")]
    auth: Option<Auth>,
    /// How long requests under way have to end after SIGTERM or Ctrl-C
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = span::parse)]
    grace: Duration,
    /// How long a worker that went silent keeps a step
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = span::parse_lease)]
    lease: Duration,
    #[command(flatten)]
    nats: Nats,
    #[command(flatten)]
    otlp: Otlp,
    /// Let webhooks go to addresses that are private, link-local, or of this machine; without it they are refused
    #[arg(long)]
    webhooks_to_private: bool,
    /// Remove tasks that ended longer ago: 720h; without it, they are kept for ever
    #[arg(long, value_name = "TIME", value_parser = span::parse)]
    retain: Option<Duration>,
    /// A folder in which to keep what is removed, as compressed lines of JSON
    #[arg(long, value_name = "FOLDER", requires = "retain")]
    archive: Option<PathBuf>,
    /// Leave the database's schema as it is; the server is not ready until it fits
    #[arg(long)]
    no_migrate: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Auth {
    /// Whoever reaches the server may do everything
    Open,
    /// Every request brings an API key (`tasker key create`)
    Keys,
}

const DEFAULT_ADDRESS: &str = "127.0.0.1:8080";

impl Server {
    pub(crate) async fn run(self, settings: &Settings, output: &Output) -> Result<Exit> {
        let url = database::url(settings)?;
        let mut stop = Stop::listen()?;
        let address = self.listen.as_deref().or(settings.http_address.as_deref()).unwrap_or(DEFAULT_ADDRESS);
        let spans = self.otlp.options()?;
        let (listener, access) = listen(address, self.auth).await?;
        let engine = self.engine(url, settings).await?;
        let sweeper = engine.start_sweeper();
        let relay = match self.nats.options(settings) {
            Some(options) => {
                engine.carry_wakeups(Arc::new(NatsWakeups::new(&options)?));
                Some(Relay::start(Arc::clone(&engine), options).await?)
            }
            None => None,
        };
        let options = WebhookOptions { allows_private: self.webhooks_to_private, ..WebhookOptions::default() };
        let spans = spans.map(|options| Spans::start(Arc::clone(&engine), options)).transpose()?;
        // A machine without certificates serves all the same.
        let webhooks = Webhooks::start(Arc::clone(&engine), options)
            .map_err(|error| warn!(%error, "nothing is sent to webhooks"))
            .ok();
        let retention = self.retain.map(|age| Retention { age, archive: self.archive.clone() });
        let remover = retention.map(|retention| retention.start(&engine));
        tell_missing_keys(&engine, access, output).await?;
        let api = Api::new(Arc::clone(&engine), access);
        relay.iter().for_each(|relay| api.tell_relaying(relay.relaying()));
        spans.iter().for_each(|spans| api.tell_exporting(spans.exporting()));
        webhooks.iter().for_each(|webhooks| api.tell_delivering(webhooks.delivering()));
        tell_start(&engine, &listener, output)?;
        let serving = {
            let (api, grace) = (api.clone(), self.grace);
            tokio::spawn(async move { api.serve(listener, grace).await })
        };
        stop.requested().await;
        output.break_line();
        output.note("requests under way may end; Ctrl-C again stops at once");
        api.close();
        let cut_off = tokio::select! {
            cut_off = serving => cut_off.unwrap_or_default(),
            () = stop.requested() => {
                let remedy = "what was not answered can be sent again";
                return Err(Failure::new("interrupted", "stopped at once", remedy).with_exit(Exit::Interrupted));
            }
        };
        if cut_off > 0 {
            output.note(&format!("{cut_off} connections did not end in time and were cut off"));
        }
        if let Some(relay) = relay {
            relay.stop().await;
        }
        if let Some(spans) = spans {
            spans.stop().await;
        }
        if let Some(webhooks) = webhooks {
            webhooks.stop().await;
        }
        // Neither is to find the database closed.
        drop((sweeper, remover));
        engine.close().await;
        output.json_line(&json!({"type": "server.stopped", "cut_off": cut_off}));
        Ok(Exit::Complete)
    }

    async fn engine(&self, url: &str, settings: &Settings) -> Result<Arc<Engine>> {
        let options = Options { lease: self.lease, ..database::options(settings) };
        if !self.no_migrate {
            return database::migrated_engine(url, options).await;
        }
        database::unchanged_engine(url, options).await
    }
}

async fn listen(address: &str, auth: Option<Auth>) -> Result<(TcpListener, Access)> {
    let refused = |error: std::io::Error| {
        let remedy = "name an address of this machine and a port that is free: --listen 127.0.0.1:8080";
        Failure::new("address_unusable", format!("cannot listen on {address}"), remedy).with_cause(error)
    };
    let found: Vec<SocketAddr> = lookup_host(address).await.map_err(refused)?.collect();
    // All of them: a name may lead to a loopback address and to another one.
    let reachable = found.iter().find(|found| !is_loopback(found.ip()));
    let access = match (auth, reachable) {
        (Some(Auth::Open), Some(reachable)) => {
            let message = format!("{reachable} can be reached from other machines, and they would need no key");
            let remedy = "leave --auth out, or listen on 127.0.0.1";
            return Err(Failure::new("authentication_required", message, remedy));
        }
        (Some(Auth::Open) | None, None) => Access::Open,
        (Some(Auth::Keys), _) | (None, Some(_)) => Access::Keys,
    };
    Ok((TcpListener::bind(&found[..]).await.map_err(refused)?, access))
}

/// A server that asks for keys of which there are none serves nobody.
async fn tell_missing_keys(engine: &Engine, access: Access, output: &Output) -> Result<()> {
    if access == Access::Keys && engine.keys().await?.iter().all(|key| key.revoked_at.is_some()) {
        output.note("there is no API key yet, and every request needs one: make it with `tasker key create`");
    }
    Ok(())
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

fn tell_start(engine: &Engine, listener: &TcpListener, output: &Output) -> Result<()> {
    let address = listener.local_addr().map_err(|error| {
        Failure::new("address_unusable", "the address cannot be read back", "start it again").with_cause(error)
    })?;
    let url = format!("http://{address}");
    let store = engine.store().describe();
    output.json_line(&json!({"type": "server.started", "url": url, "store": store}));
    let heading = output.paint("server", Tone::Bold);
    output.line(&format!("{heading} {url}  {}", output.paint(&store, Tone::Dim)));
    output.line(&format!("the API is described at {url}/api-docs; Ctrl-C stops"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_loopback() {
        let is_loopback = |text: &str| is_loopback(text.parse().expect("an address"));
        assert!(["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"].into_iter().all(is_loopback));
        assert!(!["0.0.0.0", "::", "10.0.0.1", "::ffff:10.0.0.1", "169.254.1.1"].into_iter().any(is_loopback));
    }
}
