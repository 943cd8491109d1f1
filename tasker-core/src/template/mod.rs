//! YAML templates: text to a checked [`Template`].

mod definition;

pub use definition::{
    Backoff, Environment, Handler, Lifecycle, PublishCondition, PublishedEvent, Retry, RetryOverride, StepKind,
    StepOverride, StepTemplate, Template,
};
// placeholder
#[derive(Debug, thiserror::Error)]
#[error("faults")]
pub struct Faults;
pub fn parse(_t: &str, _s: &str) -> Result<Template, Faults> {
    Err(Faults)
}
