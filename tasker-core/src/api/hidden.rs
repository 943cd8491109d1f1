//! Inputs and results are left out for those who may not read them.

use std::sync::Arc;

use serde_json::Map;

use super::access::Caller;
use crate::{
    model::{Ending, Json, StepError},
    view::{EventView, StepView, TaskView},
};

/// A document that may hold payloads.
pub(super) trait Hide: Sized {
    /// Without what only some may read.
    fn hidden(self) -> Self;

    /// As the caller may see it.
    fn shown_in(self, caller: &Caller, namespace: &str) -> Self {
        if caller.may_read_payloads(namespace) { self } else { self.hidden() }
    }
}

/// What is known of an error stays; what the handler kept with it may be data.
fn hidden(error: Option<StepError>) -> Option<StepError> {
    error.map(|error| StepError { context: None, ..error })
}

impl Hide for StepView {
    fn hidden(self) -> Self {
        Self { results: None, error: hidden(self.error), ..self }
    }
}

impl Hide for TaskView {
    fn hidden(self) -> Self {
        let steps = self.steps.map(|steps| steps.into_iter().map(StepView::hidden).collect());
        let ending = self.ending.map(|ending| {
            let ending = Arc::unwrap_or_clone(ending);
            Arc::new(Ending { error: hidden(ending.error.clone()), ..ending })
        });
        Self { context: Json::null(), steps, error: hidden(self.error), ending, ..self }
    }
}

impl Hide for EventView {
    fn hidden(self) -> Self {
        Self { error: hidden(self.error), details: Map::new(), ..self }
    }
}

/// A document that says which namespace it is of.
pub(super) trait Show: Hide {
    fn shown_to(self, caller: &Caller) -> Self;
}

impl Show for TaskView {
    fn shown_to(self, caller: &Caller) -> Self {
        let namespace = self.namespace.clone();
        self.shown_in(caller, &namespace)
    }
}

impl Show for EventView {
    fn shown_to(self, caller: &Caller) -> Self {
        let namespace = self.namespace.clone();
        self.shown_in(caller, &namespace)
    }
}
