//! Where spans are exported to, as commands are told.

use std::env;

use clap::Args;
use tasker_core::events::SpanOptions;

use crate::failure::Result;

/// How spans go to a collector.
#[derive(Debug, Args)]
pub(crate) struct Otlp {
    /// Export spans of tasks, steps and attempts to this collector, over OTLP/HTTP: http://host:4318; the other variables of
    /// OpenTelemetry's exporter count too [env: OTEL_EXPORTER_OTLP_ENDPOINT]
    #[arg(long = "otlp", value_name = "URL", help_heading = "OpenTelemetry")]
    collector: Option<String>,
}

impl Otlp {
    /// None where no collector is named.
    pub(crate) fn options(&self) -> Result<Option<SpanOptions>> {
        Ok(SpanOptions::read(self.collector.as_deref(), |name| env::var(name).ok())?)
    }
}
