//! Where settings come from: a flag beats the environment, which beats `tasker.toml`, which beats the default.

use std::{env, fs, io, path::PathBuf};

use serde::Deserialize;

use crate::{
    args::Global,
    failure::{Failure, Result},
};

/// Where Tasker keeps its data when nothing else is said.
pub(crate) const DEFAULT_STORE: &str = "sqlite:tasker.db";
const FILE: &str = "tasker.toml";

/// What every command goes by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// What the command line itself names.
    pub(crate) store_flag: Option<String>,
    /// None where neither flag, environment nor file names one.
    pub(crate) store: Option<String>,
    /// The server to ask in place of a store; none where a store is named with more weight, or as much.
    pub(crate) api: Option<String>,
    /// What the command line itself names.
    pub(crate) api_flag: Option<String>,
    pub(crate) environment: Option<String>,
    pub(crate) namespace: Option<String>,
    pub(crate) template_path: Option<PathBuf>,
    /// Where a server listens.
    pub(crate) http_address: Option<String>,
    /// The NATS server that events are published to.
    pub(crate) nats: Option<String>,
    /// The key for a server that asks for one. Only the environment has it: command lines and files are read by others.
    pub(crate) api_key: Option<String>,
    pub(crate) log: String,
    /// `human` or `json`.
    pub(crate) log_format: Option<String>,
}

impl Settings {
    pub(crate) fn load(global: &Global) -> Result<Self> {
        Ok(Self::merge(global, &|name| env::var(name).ok(), File::read()?))
    }

    pub(crate) fn store_url(&self) -> &str {
        self.store.as_deref().unwrap_or(DEFAULT_STORE)
    }

    fn merge(global: &Global, environment: &dyn Fn(&str) -> Option<String>, file: File) -> Self {
        let of = |flag: &Option<String>, variable: &str, file: Option<String>| {
            // A variable that is set to nothing counts as not set.
            flag.clone().or_else(|| environment(variable).filter(|value| !value.is_empty())).or(file)
        };
        Self {
            store_flag: global.store.clone(),
            api: server(global, environment, &file),
            api_flag: global.api.clone(),
            store: of(&global.store, "DATABASE_URL", file.store),
            environment: of(&global.environment, "TASKER_ENV", file.environment),
            namespace: of(&global.namespace, "TASKER_NAMESPACE", file.namespace),
            template_path: of(&None, "TASKER_TEMPLATE_PATH", file.template_path).map(PathBuf::from),
            http_address: of(&None, "TASKER_HTTP_ADDR", file.http_address),
            nats: of(&None, "NATS_URL", file.nats),
            api_key: of(&None, "TASKER_API_KEY", None),
            log: of(&global.log, "TASKER_LOG", file.log).unwrap_or_else(|| "warn".to_owned()),
            log_format: of(&None, "TASKER_LOG_FORMAT", file.log_format),
        }
    }
}

/// The server's URL, unless a store is named in a place that counts more. In the same place, the server counts more.
fn server(global: &Global, environment: &dyn Fn(&str) -> Option<String>, file: &File) -> Option<String> {
    let variable = |name| environment(name).filter(|value: &String| !value.is_empty());
    let places = [
        (global.api.clone(), global.store.clone()),
        (variable("TASKER_API_URL"), variable("DATABASE_URL")),
        (file.api.clone(), file.store.clone()),
    ];
    places.into_iter().find(|(api, store)| api.is_some() || store.is_some()).and_then(|(api, _)| api)
}

/// `tasker.toml`, in the folder where the command is run.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    store: Option<String>,
    api: Option<String>,
    environment: Option<String>,
    namespace: Option<String>,
    template_path: Option<String>,
    http_address: Option<String>,
    nats: Option<String>,
    log: Option<String>,
    log_format: Option<String>,
}

impl File {
    fn read() -> Result<Self> {
        let text = match fs::read_to_string(FILE) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => {
                let remedy = format!("make {FILE} readable, or remove it");
                return Err(
                    Failure::new("settings_invalid", format!("{FILE} cannot be read"), remedy).with_cause(error)
                );
            }
        };
        toml::from_str(&text).map_err(|error| {
            let remedy =
                "it may have `store`, `api`, `environment`, `namespace`, `template_path`, `http_address`, `nats`, `log` and `log_format`, each a text in quotes";
            // The error quotes the line, in which a password may stand.
            let place = error.span().map_or(1, |span| text[..span.start.min(text.len())].lines().count().max(1));
            Failure::new("settings_invalid", format!("{FILE} has a fault in line {place}"), remedy)
                .with_cause(error.message())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(flag: Option<&str>, environment: Option<&str>, file: Option<&str>) -> Settings {
        let global = Global { store: flag.map(str::to_owned), ..Global::default() };
        let file = File { store: file.map(str::to_owned), ..File::default() };
        let variable = |name: &str| environment.filter(|_| name == "DATABASE_URL").map(str::to_owned);
        Settings::merge(&global, &variable, file)
    }

    #[test]
    fn a_flag_beats_the_environment_which_beats_the_file() {
        assert_eq!(store(Some("flag"), Some("variable"), Some("file")).store_url(), "flag");
        assert_eq!(store(None, Some("variable"), Some("file")).store_url(), "variable");
        assert_eq!(store(None, Some(""), Some("file")).store_url(), "file");
        assert_eq!(store(None, None, None).store_url(), DEFAULT_STORE);
    }

    #[test]
    fn a_server_counts_in_the_place_where_it_is_named() {
        let api = |flags: (&str, &str), variables: (&str, &str), file: (&str, &str)| {
            let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            let global = Global { api: text(flags.0), store: text(flags.1), ..Global::default() };
            let variable = |name: &str| match name {
                "TASKER_API_URL" => text(variables.0),
                "DATABASE_URL" => text(variables.1),
                _ => None,
            };
            Settings::merge(&global, &variable, File { api: text(file.0), store: text(file.1), ..File::default() }).api
        };
        assert_eq!(api(("a", ""), ("", "s"), ("", "s")).as_deref(), Some("a"));
        assert_eq!(api(("", "s"), ("a", ""), ("a", "")), None);
        assert_eq!(api(("", ""), ("a", "s"), ("", "")).as_deref(), Some("a"));
        assert_eq!(api(("", ""), ("", "s"), ("a", "")), None);
        assert_eq!(api(("", ""), ("", ""), ("a", "s")).as_deref(), Some("a"));
        assert_eq!(api(("", ""), ("", ""), ("", "")), None);
    }

    #[test]
    fn a_setting_that_does_not_exist_is_refused() {
        assert!(toml::from_str::<File>("store = 'sqlite:a.db'").is_ok());
        assert!(toml::from_str::<File>("stores = 'sqlite:a.db'").is_err());
    }
}
