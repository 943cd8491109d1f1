use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use serde::Serialize;
use tasker_core::{
    orchestration::{Engine, Options},
    store,
};

use super::{Error, Worker, executor::execute, template_files::template_files};
use crate::{
    client::Client,
    coordinator::{Coordinator, EmbeddedCoordinator, HttpCoordinator},
    handler::{HandlerRegistry, StepContext, StepHandler},
    protocol::StepError,
    runtime::{Runtime, RuntimeConfig},
};

/// Where the engine of a worker is.
pub enum Source {
    /// The URL of a database, whose schema is brought up to date when the worker starts; or of a server (`http://`,
    /// `https://`), which needs no way to the database.
    Url(String),
    /// An engine that is there already, on a database whose schema is up to date.
    Engine(Arc<Engine>),
}

impl From<&str> for Source {
    fn from(url: &str) -> Self {
        Self::Url(url.to_owned())
    }
}

impl From<String> for Source {
    fn from(url: String) -> Self {
        Self::Url(url)
    }
}

impl From<Arc<Engine>> for Source {
    fn from(engine: Arc<Engine>) -> Self {
        Self::Engine(engine)
    }
}

/// What a [`Worker`] is to serve.
pub struct WorkerBuilder {
    source: Source,
    api_key: Option<String>,
    options: Options,
    handlers: HandlerRegistry,
    namespaces: Vec<String>,
    slots: usize,
    poll_interval_max: Option<Duration>,
    templates: Vec<TemplateSource>,
}

enum TemplateSource {
    Yaml(String),
    Path(PathBuf),
}

/// Enough for handlers that mostly wait for others, which is what steps do.
const SLOTS: usize = 64;

impl WorkerBuilder {
    pub(super) fn new(source: Source) -> Self {
        Self {
            source,
            api_key: None,
            options: Options::default(),
            handlers: HandlerRegistry::new(),
            namespaces: Vec::new(),
            slots: SLOTS,
            poll_interval_max: None,
            templates: Vec::new(),
        }
    }

    /// The key for a server that asks for one. Of no effect on a database.
    #[must_use]
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.api_key = Some(key.into());
        self
    }

    /// Adds every handler of a registry.
    #[must_use]
    pub fn handlers(mut self, handlers: HandlerRegistry) -> Self {
        self.handlers = self.handlers.merge(handlers);
        self
    }

    /// Adds an async function or closure as a handler.
    #[must_use]
    pub fn handler<F, Fut, T>(mut self, name: impl Into<Arc<str>>, function: F) -> Self
    where
        F: Fn(StepContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, StepError>> + Send,
        T: Serialize + Send,
    {
        self.handlers = self.handlers.with(name, function);
        self
    }

    /// Adds a handler that implements [`StepHandler`].
    #[must_use]
    pub fn step_handler(mut self, name: impl Into<Arc<str>>, handler: impl StepHandler) -> Self {
        self.handlers = self.handlers.with_handler(name, handler);
        self
    }

    /// Serves this namespace only; called again, this one too. Without it every namespace is served.
    #[must_use]
    pub fn namespace(mut self, name: impl Into<String>) -> Self {
        self.namespaces.push(name.into());
        self
    }

    /// Attempts at the same time, 1 to 10,000; 64 if not given.
    #[must_use]
    pub fn slots(mut self, slots: usize) -> Self {
        self.slots = slots;
        self
    }

    /// Which `environments` of the templates apply to tasks that are submitted here (`TASKER_ENV`). Of no effect on an
    /// engine that is there already.
    #[must_use]
    pub fn environment(mut self, name: impl Into<String>) -> Self {
        self.options.environment = Some(name.into());
        self
    }

    /// How the engine behaves. Of no effect on an engine that is there already.
    #[must_use]
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// The longest time between two looks for work while there are no wake-ups; a second if not given.
    #[must_use]
    pub fn poll_interval_max(mut self, interval: Duration) -> Self {
        self.poll_interval_max = Some(interval);
        self
    }

    /// Registers this template when the worker starts.
    #[must_use]
    pub fn template_yaml(mut self, yaml: impl Into<String>) -> Self {
        self.templates.push(TemplateSource::Yaml(yaml.into()));
        self
    }

    /// Registers the template in this file, or in every `.yaml` and `.yml` file under this folder, when the worker starts.
    #[must_use]
    pub fn templates(mut self, path: impl Into<PathBuf>) -> Self {
        self.templates.push(TemplateSource::Path(path.into()));
        self
    }

    /// Opens the database or the way to the server, registers the templates, and starts to work. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`Error`]; no step has been taken.
    pub async fn start(self) -> Result<Worker, Error> {
        let config = self.config()?;
        let (client, coordinator) = open(self.source, self.api_key.as_deref(), self.options).await?;
        register(&client, &self.templates).await?;
        let runtime = Arc::new(Runtime::start(coordinator, config).await?);
        let executor = tokio::spawn(execute(Arc::clone(&runtime), Arc::new(self.handlers)));
        Ok(Worker::new(runtime, client, executor.abort_handle()))
    }

    fn config(&self) -> Result<RuntimeConfig, Error> {
        self.handlers.check()?;
        let mut config = RuntimeConfig::new("rust", self.handlers.names().map(|name| name.as_ref()));
        config.queues.clone_from(&self.namespaces);
        config.slots = self.slots;
        config.poll_interval_max = self.poll_interval_max.unwrap_or(config.poll_interval_max);
        config.check()?;
        Ok(config)
    }
}

/// What the worker's application asks, and what its runtime does.
async fn open(source: Source, key: Option<&str>, options: Options) -> Result<(Client, Arc<dyn Coordinator>), Error> {
    let engine = match source {
        Source::Engine(engine) => engine,
        Source::Url(url) if url.starts_with("http://") || url.starts_with("https://") => {
            return Ok((Client::http(&url, key)?, Arc::new(HttpCoordinator::new(&url, key)?)));
        }
        Source::Url(url) => {
            let store = store::open(&url).await?;
            store.migrate().await?;
            Engine::new(store, options)
        }
    };
    Ok((Client::embedded(Arc::clone(&engine)), Arc::new(EmbeddedCoordinator::new(engine))))
}

async fn register(client: &Client, templates: &[TemplateSource]) -> Result<(), Error> {
    for template in templates {
        match template {
            TemplateSource::Yaml(yaml) => drop(client.register_template(yaml, "template").await?),
            TemplateSource::Path(path) => {
                for file in template_files(path).map_err(|source| Error::TemplateFile { path: path.clone(), source })? {
                    let yaml = fs::read_to_string(&file)
                        .map_err(|source| Error::TemplateFile { path: file.clone(), source })?;
                    client.register_template(&yaml, &file.display().to_string()).await?;
                }
            }
        }
    }
    Ok(())
}
