//! YAML templates: text to a checked [`Template`].

mod definition;

pub use definition::{
    Backoff, Environment, Handler, Lifecycle, PublishCondition, PublishedEvent, Retry, RetryOverride, StepKind,
    StepOverride, StepTemplate, Template,
};
