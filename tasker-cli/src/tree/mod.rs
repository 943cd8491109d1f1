//! How far a task has come, as a tree of its steps: followed through its events, drawn in place on a terminal.

mod event;
mod line;
mod live;
mod progress;
mod rows;
mod view;

pub(crate) use event::event_text;
pub(crate) use live::Live;
pub(crate) use progress::Progress;
pub(crate) use view::{Frame, frame};
