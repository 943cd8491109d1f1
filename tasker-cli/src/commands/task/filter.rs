use clap::Args;
use tasker_core::model::TaskState;
use tasker_worker::client::TaskQuery;

use crate::settings::Settings;

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
}

impl Filter {
    pub(super) fn query(&self, settings: &Settings) -> TaskQuery {
        let states: Vec<_> = self.state.iter().map(|state| state.as_str()).collect();
        TaskQuery {
            namespace: settings.namespace.clone(),
            name: self.name.clone(),
            version: self.version.clone(),
            status: (!states.is_empty()).then(|| states.join(",")),
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
