use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    model::{TemplateId, Timestamp},
    orchestration::Registered,
    store::{StoredTemplate, TemplateSummary},
    template::Template,
};

/// A registered version of a template.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct TemplateView {
    #[cfg_attr(feature = "api", schema(value_type = String, format = Uuid))]
    pub template_uuid: TemplateId,
    pub namespace: String,
    pub name: String,
    pub version: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[cfg_attr(feature = "api", schema(value_type = String, format = DateTime))]
    pub created_at: Timestamp,
    /// The template in canonical form, as `tasker template show` has it; not in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "api", schema(value_type = Option<Object>))]
    pub definition: Option<Template>,
}

impl From<TemplateSummary> for TemplateView {
    fn from(summary: TemplateSummary) -> Self {
        Self {
            template_uuid: summary.id,
            namespace: summary.namespace,
            name: summary.name,
            version: summary.version,
            description: summary.description,
            created_at: summary.created_at,
            definition: None,
        }
    }
}

impl From<StoredTemplate> for TemplateView {
    fn from(stored: StoredTemplate) -> Self {
        let template = stored.template;
        Self {
            template_uuid: stored.id,
            namespace: template.namespace.clone(),
            name: template.name.clone(),
            version: template.version.clone(),
            description: template.description.clone(),
            created_at: stored.created_at,
            definition: Some(template),
        }
    }
}

/// The answer to a registration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct RegisteredView {
    #[cfg_attr(feature = "api", schema(value_type = String, format = Uuid))]
    pub template_uuid: TemplateId,
    pub namespace: String,
    pub name: String,
    pub version: String,
    /// Steps of the template.
    pub steps: usize,
    /// False if the same content was registered before.
    pub is_new: bool,
}

impl RegisteredView {
    #[must_use]
    pub fn new(registered: Registered, template: Template) -> Self {
        Self {
            template_uuid: registered.id,
            namespace: template.namespace,
            name: template.name,
            version: template.version,
            steps: template.steps.len(),
            is_new: registered.is_new,
        }
    }
}
