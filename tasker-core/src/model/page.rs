use serde::Serialize;

/// One page of a list; `next` is the cursor to ask for the page after it, and none at the end.
#[derive(Clone, Debug, Serialize)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next: Option<String>,
}
