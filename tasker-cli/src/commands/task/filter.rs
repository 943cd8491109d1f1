use clap::Args;
use tasker_core::model::{Clock, SystemClock, TaskState, Timestamp};
use tasker_worker::client::TaskQuery;

use crate::{settings::Settings, span};

/// Which tasks are meant; what is not given does not filter. The namespace is that of `--namespace`.
#[derive(Clone, Debug, Default, Args)]
#[group(id = "which", multiple = true)]
pub(super) struct Filter {
    /// Tasks in this state; repeat it, or separate with commas, for several
    #[arg(long, value_name = "STATE", value_delimiter = ',', value_parser = state, help_heading = "Which tasks")]
    state: Vec<TaskState>,
    /// Tasks of the templates with this name
    #[arg(long, value_name = "NAME", help_heading = "Which tasks")]
    name: Option<String>,
    /// Tasks of this version of their template
    #[arg(long, value_name = "VERSION", help_heading = "Which tasks")]
    version: Option<String>,
    /// Tasks with this tag
    #[arg(long = "with-tag", value_name = "WORD", help_heading = "Which tasks")]
    tag: Option<String>,
    /// Tasks with this correlation id
    #[arg(long, value_name = "ID", help_heading = "Which tasks")]
    correlation_id: Option<String>,
    /// Tasks that this one wanted
    #[arg(long, value_name = "NAME", help_heading = "Which tasks")]
    initiator: Option<String>,
    /// Tasks submitted at this time or later: 2026-01-31T12:00:00Z, or 2h for two hours ago
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "Which tasks")]
    from: Option<Timestamp>,
    /// Tasks submitted before this time
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "Which tasks")]
    before: Option<Timestamp>,
}

impl Filter {
    pub(super) fn query(&self, settings: &Settings) -> TaskQuery {
        let states: Vec<_> = self.state.iter().map(|state| state.as_str()).collect();
        TaskQuery {
            namespace: settings.namespace.clone(),
            name: self.name.clone(),
            version: self.version.clone(),
            status: (!states.is_empty()).then(|| states.join(",")),
            tag: self.tag.clone(),
            correlation_id: self.correlation_id.clone(),
            initiator: self.initiator.clone(),
            created_from: self.from.map(|at| at.to_string()),
            created_before: self.before.map(|at| at.to_string()),
            ..TaskQuery::default()
        }
    }
}

fn state(text: &str) -> Result<TaskState, String> {
    text.parse().map_err(|error| {
        let names: Vec<_> = TaskState::ALL.iter().map(|state| state.as_str()).collect();
        format!("{error}: write one of {}", names.join(", "))
    })
}

/// A time, or a span before now.
fn time(text: &str) -> Result<Timestamp, String> {
    if let Ok(span) = span::parse(text) {
        let micros = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        return Ok(Timestamp::from_micros(SystemClock.now().as_micros().saturating_sub(micros)));
    }
    Timestamp::try_from(text).map_err(|_| "write a time like 2026-01-31T12:00:00Z, or 2h for two hours ago".to_owned())
}
