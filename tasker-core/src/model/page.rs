use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One page of a list; `next` is the cursor to ask for the page after it, and none at the end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct Page<T> {
    pub items: Vec<T>,
    #[serde(default)]
    pub next: Option<String>,
}
