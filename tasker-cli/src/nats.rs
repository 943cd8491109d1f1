//! Where events are published to, as commands are told.

use std::{num::NonZeroU32, time::Duration};

use clap::Args;
use tasker_core::events::{NatsOptions, StreamOptions};

use crate::{settings::Settings, span};

/// How events go to NATS.
#[derive(Debug, Args)]
pub(crate) struct Nats {
    /// Publish what happens to this NATS server with JetStream: nats://[user:password@]host:port, several with commas
    /// [env: NATS_URL]
    #[arg(long = "nats", value_name = "URL", help_heading = "NATS")]
    url: Option<String>,
    /// The stream; it is made if it does not exist
    #[arg(long = "nats-stream", value_name = "NAME", default_value = "tasker_events", help_heading = "NATS")]
    stream: String,
    /// Servers that keep each event [default: 1, or what the stream has]
    #[arg(long = "nats-replicas", value_name = "COUNT", help_heading = "NATS", value_parser = clap::value_parser!(u8).range(1..=5))]
    replicas: Option<u8>,
    /// How long the stream keeps events; 0 for ever [default: 168h, or what the stream has]
    #[arg(long = "nats-max-age", value_name = "TIME", help_heading = "NATS", value_parser = span::parse)]
    max_age: Option<Duration>,
    /// Bytes that the stream keeps at most, the newest [default: no bound, or what the stream has]
    #[arg(long = "nats-max-bytes", value_name = "BYTES", help_heading = "NATS", value_parser = clap::value_parser!(i64).range(1..))]
    max_bytes: Option<i64>,
    /// How long the stream knows an event again by its id [default: 2m, or what the stream has]
    #[arg(long = "nats-dedupe", value_name = "TIME", help_heading = "NATS", value_parser = span::parse)]
    dedupe: Option<Duration>,
    /// Events that are published in a second at most; more wait, and leave more of a shared machine to the workers [default: no
    /// bound]
    #[arg(long = "nats-max-rate", value_name = "EVENTS", help_heading = "NATS", value_parser = clap::value_parser!(u32).range(1..))]
    max_rate: Option<u32>,
}

impl Nats {
    /// None where no server is named.
    pub(crate) fn options(&self, settings: &Settings) -> Option<NatsOptions> {
        let url = self.url.clone().or_else(|| settings.nats.clone())?;
        let stream = StreamOptions {
            name: self.stream.clone(),
            replicas: self.replicas.map(usize::from),
            max_age: self.max_age,
            max_bytes: self.max_bytes,
            dedupe: self.dedupe,
        };
        Some(NatsOptions { url, stream, max_rate: self.max_rate.and_then(NonZeroU32::new) })
    }
}
