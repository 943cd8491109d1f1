use std::sync::Arc;

use super::EventView;
use crate::orchestration::{Engine, EventCursor, Followed, Result};

/// Reads the log of all tasks from a place on, with the names that the log leaves out.
pub struct Feed {
    engine: Arc<Engine>,
    cursor: EventCursor,
}

/// An event with the place behind it.
#[derive(Clone, Debug, PartialEq)]
pub struct Fed {
    pub cursor: EventCursor,
    pub event: EventView,
}

impl Feed {
    #[must_use]
    pub fn new(engine: Arc<Engine>, after: EventCursor) -> Self {
        Self { engine, cursor: after }
    }

    /// Behind the last event that was read.
    #[must_use]
    pub fn cursor(&self) -> EventCursor {
        self.cursor
    }

    /// What comes next, as far as no transaction that is under way can add to it: up to `limit` commits' worth. Empty where
    /// there is nothing yet. Dropped before its end, it is as if it had not been asked for.
    ///
    /// # Errors
    /// As [`Engine::events_after`].
    pub async fn next(&mut self, limit: u32) -> Result<Vec<Fed>> {
        loop {
            let found = self.engine.events_after(self.cursor, limit).await?;
            let Some(last) = found.last().map(|followed| followed.cursor) else { return Ok(Vec::new()) };
            let mut events = Vec::with_capacity(found.len());
            for Followed { cursor, template, event } in found {
                // Without a task there is nobody to tell of.
                let Some(template) = template else { continue };
                let definition = self.engine.definition(&template).await?;
                events.push(Fed { cursor, event: EventView::new(event, &definition) });
            }
            self.cursor = last;
            if !events.is_empty() {
                return Ok(events);
            }
        }
    }
}
