use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use super::{Engine, Error, Result};
use crate::{
    dag::{Definition, TemplateKey},
    model::{Json, TemplateId},
    state::{Definitions, Route},
    store::{NewTemplate, PutTemplate, StoredTemplate, TemplateSummary},
    template::{self, Template},
};

/// How long this process may go on with what it knows about names and routes while another process registers more.
const STALE_AFTER: Duration = Duration::from_secs(2);
/// The same for routes, where other processes tell when they register something.
const STALE_AFTER_IF_TOLD: Duration = Duration::from_secs(300);

/// What became of a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registered {
    pub id: TemplateId,
    /// False if the same content was registered before.
    pub is_new: bool,
}

/// What is known of names (for submissions) and routes (for claims), each with the time it was read.
#[derive(Default)]
pub(super) struct TemplateIndex(RwLock<Known>);

/// Namespace, name, and the version if one was asked for.
type Named = (String, String, Option<String>);

#[derive(Default)]
struct Known {
    names: HashMap<Named, (Instant, Arc<Definition>)>,
    routes: Option<KnownRoutes>,
}

struct KnownRoutes {
    read_at: Instant,
    /// What was known of registrations in other processes before they were read.
    registrations: u64,
    routes: Arc<Vec<Route>>,
}

impl TemplateIndex {
    fn definition(&self, key: &Named) -> Option<Arc<Definition>> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        // An exact version never changes; the highest one may.
        let (read_at, definition) = known.names.get(key)?;
        (key.2.is_some() || read_at.elapsed() < STALE_AFTER).then(|| Arc::clone(definition))
    }

    fn put_definition(&self, key: Named, definition: Arc<Definition>) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.names.len() >= 10_000 {
            known.names.clear();
        }
        known.names.insert(key, (Instant::now(), definition));
    }

    fn routes(&self, registrations: u64, stale_after: Duration) -> Option<Arc<Vec<Route>>> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let known = known.routes.as_ref()?;
        let is_fresh = known.registrations == registrations && known.read_at.elapsed() < stale_after;
        is_fresh.then(|| Arc::clone(&known.routes))
    }

    fn put_routes(&self, routes: Vec<Route>, registrations: u64) -> Arc<Vec<Route>> {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        // The same list stays the same allocation, by which sessions see that nothing has changed.
        let routes = match known.routes.take() {
            Some(same) if *same.routes == routes => same.routes,
            _ => Arc::new(routes),
        };
        known.routes = Some(KnownRoutes { read_at: Instant::now(), registrations, routes: Arc::clone(&routes) });
        routes
    }

    fn forget(&self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Known::default();
    }
}

impl Engine {
    /// Checks a template's YAML and registers it; `source_name` is what faults name as the file.
    ///
    /// # Errors
    /// [`Error::TemplateInvalid`] with every fault; [`Error::TemplateConflict`] if the version has other content.
    pub async fn register_yaml(&self, yaml: &str, source_name: &str) -> Result<Registered> {
        self.register(&template::parse(yaml, source_name)?).await
    }

    /// Registers a template. The same content again is no error.
    ///
    /// # Errors
    /// [`Error::TemplateConflict`] if the version has other content.
    pub async fn register(&self, template: &Template) -> Result<Registered> {
        let id = TemplateId::new();
        Definition::new(id, template, None)?;
        let routes: BTreeSet<_> = template
            .all_steps()
            .iter()
            .filter(|step| step.kind.has_handler())
            .map(|step| Route {
                queue: template.namespace.as_str().into(),
                handler: step.handler.callable.as_str().into(),
            })
            .collect();
        let definition = Json::of(template).map_err(|error| Error::FieldInvalid {
            field: "template",
            reason: format!("cannot be written as JSON: {error}"),
        })?;
        let new = NewTemplate { id, template: template.clone(), definition, routes: routes.into_iter().collect() };
        let put = self.store.put_template(&new).await?;
        self.templates.forget();
        match put {
            PutTemplate::Created(id) => {
                self.wakeups.registered();
                Ok(Registered { id, is_new: true })
            }
            PutTemplate::Unchanged(id) => Ok(Registered { id, is_new: false }),
            PutTemplate::Conflict(_) => Err(Error::TemplateConflict {
                namespace: template.namespace.clone(),
                name: template.name.clone(),
                version: template.version.clone(),
            }),
        }
    }

    /// The registered versions, by namespace, name and descending version.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn templates(&self, namespace: Option<&str>, name: Option<&str>) -> Result<Vec<TemplateSummary>> {
        // No database text holds a NUL, so that nothing has such a name.
        if namespace.into_iter().chain(name).any(|text| text.contains('\0')) {
            return Ok(Vec::new());
        }
        let mut templates = self.store.templates(namespace, name).await?;
        templates.sort_by(|a, b| {
            let names = (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name));
            names.then_with(|| semver::Version::parse(&b.version).ok().cmp(&semver::Version::parse(&a.version).ok()))
        });
        Ok(templates)
    }

    /// A registered template: the version asked for, or the highest.
    ///
    /// # Errors
    /// [`Error::TemplateNotFound`], which names the nearest one.
    pub async fn template(&self, namespace: &str, name: &str, version: Option<&str>) -> Result<StoredTemplate> {
        let versions = self.templates(Some(namespace), Some(name)).await?;
        let found = versions.iter().find(|found| version.is_none_or(|version| found.version == version));
        if let Some(found) = found
            && let Some(template) = self.store.template(found.id).await?
        {
            return Ok(template);
        }
        Err(Error::TemplateNotFound {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            version: version.map(str::to_owned),
            nearest: self.nearest(namespace, name, version).await?,
        })
    }

    /// The definition that a submission runs.
    pub(super) async fn definition_for(
        &self,
        namespace: &str,
        name: &str,
        version: Option<&str>,
    ) -> Result<Arc<Definition>> {
        let key = (namespace.to_owned(), name.to_owned(), version.map(str::to_owned));
        if let Some(definition) = self.templates.definition(&key) {
            return Ok(definition);
        }
        let stored = self.template(namespace, name, version).await?;
        let definition = Arc::new(Definition::new(stored.id, &stored.template, self.options.environment.as_deref())?);
        self.definitions.insert(Arc::clone(&definition));
        self.templates.put_definition(key, Arc::clone(&definition));
        Ok(definition)
    }

    /// The definition of a stored task.
    pub(crate) async fn definition(&self, key: &TemplateKey) -> Result<Arc<Definition>> {
        if let Some(definition) = self.definitions.get(key) {
            return Ok(definition);
        }
        let stored = self.store.template(key.id).await?.ok_or_else(|| {
            crate::store::Error::Corrupt(format!("tasks name the template {}, which is not stored", key.id))
        })?;
        let definition = Arc::new(Definition::new(key.id, &stored.template, key.environment.as_deref())?);
        self.definitions.insert(Arc::clone(&definition));
        Ok(definition)
    }

    /// Every route that a registered template uses, as of a moment ago.
    pub(super) async fn known_routes(&self) -> Result<Arc<Vec<Route>>> {
        let registrations = self.wakeups.registrations();
        let stale_after = if self.is_told() { STALE_AFTER_IF_TOLD } else { STALE_AFTER };
        if let Some(routes) = self.templates.routes(registrations, stale_after) {
            return Ok(routes);
        }
        let mut routes = self.store.routes().await?;
        routes.sort();
        Ok(self.templates.put_routes(routes, registrations))
    }

    async fn nearest(&self, namespace: &str, name: &str, version: Option<&str>) -> Result<Option<String>> {
        let wanted = format!("{namespace}/{name}");
        let all = self.templates(None, None).await?;
        let same = all.iter().find(|template| template.namespace == namespace && template.name == name);
        if let (Some(template), Some(_)) = (same, version) {
            return Ok(Some(format!("{wanted} {}", template.version)));
        }
        let names = all.iter().map(|template| format!("{}/{}", template.namespace, template.name));
        let ranked = names.map(|name| (strsim::damerau_levenshtein(&wanted, &name), name));
        Ok(ranked.filter(|(distance, _)| *distance <= wanted.len() / 2).min().map(|(_, name)| name))
    }
}
