use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{dag::SchemaFault, orchestration, template::Fault};

/// Why something was refused, in the one shape that clients, commands and languages share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct ErrorView {
    /// A stable word to branch on; docs/errors has a page for each.
    pub code: String,
    pub message: String,
    /// What to do about it.
    pub remedy: String,
    /// Whether the same call may succeed later.
    pub is_transient: bool,
    /// The places that are wrong, where there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<FaultView>,
}

/// One place that is wrong, in a template or in an input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct FaultView {
    /// The kind of fault; of a template only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// `steps[2].retry` in a template, a JSON Pointer in an input; empty for the whole.
    #[serde(default)]
    pub path: String,
    /// From 1; of a template only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// From 1, in characters; of a template only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// An error over HTTP (RFC 9457, `application/problem+json`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct Problem {
    /// The page that explains the code.
    #[serde(rename = "type")]
    pub page: String,
    /// The code in words.
    pub title: String,
    /// The status of the answer.
    pub status: u16,
    /// What happened this time.
    pub detail: String,
    /// A stable word to branch on.
    pub code: String,
    /// What to do about it.
    pub remedy: String,
    /// Whether the same call may succeed later.
    #[serde(default)]
    pub is_transient: bool,
    /// The places that are wrong, where there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<FaultView>,
}

impl ErrorView {
    #[must_use]
    pub fn new(code: impl Into<String>, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            remedy: remedy.into(),
            is_transient: false,
            faults: Vec::new(),
        }
    }

    /// Another version of Tasker, or something else altogether, answered.
    #[must_use]
    pub fn unreadable(reason: impl std::fmt::Display) -> Self {
        let remedy = "check that the URL is that of a Tasker server, and that server and client are of like versions";
        Self::new("answer_unreadable", format!("the answer cannot be read: {reason}"), remedy)
    }

    /// The page about the code, as a path under docs/errors.
    #[must_use]
    pub fn page(&self) -> String {
        page_of(&self.code)
    }
}

/// The page about a code: `/errors/CODE`.
fn page_of(code: &str) -> String {
    format!("/errors/{code}")
}

impl Problem {
    #[must_use]
    pub fn new(error: ErrorView, status: u16) -> Self {
        let words = error.code.replace('_', " ");
        Self {
            page: error.page(),
            title: words,
            status,
            detail: error.message,
            code: error.code,
            remedy: error.remedy,
            is_transient: error.is_transient,
            faults: error.faults,
        }
    }
}

impl From<Problem> for ErrorView {
    fn from(problem: Problem) -> Self {
        Self {
            code: problem.code,
            message: problem.detail,
            remedy: problem.remedy,
            is_transient: problem.is_transient,
            faults: problem.faults,
        }
    }
}

impl From<&orchestration::Error> for ErrorView {
    fn from(error: &orchestration::Error) -> Self {
        use orchestration::Error;
        let faults = match error {
            Error::TemplateInvalid(faults) => faults.faults.iter().map(FaultView::from).collect(),
            Error::InputInvalid(faults) | Error::ResultInvalid(faults) | Error::SignalInvalid(faults) => {
                faults.iter().map(FaultView::from).collect()
            }
            _ => Vec::new(),
        };
        Self {
            code: error.code().to_owned(),
            message: error.to_string(),
            remedy: error.remedy(),
            is_transient: error.is_transient(),
            faults,
        }
    }
}

impl From<&Fault> for FaultView {
    fn from(fault: &Fault) -> Self {
        Self {
            code: Some(fault.code.as_str().to_owned()),
            path: fault.path.clone(),
            line: Some(fault.line),
            column: Some(fault.column),
            message: fault.message.clone(),
            remedy: Some(fault.remedy.clone()),
        }
    }
}

impl From<&SchemaFault> for FaultView {
    fn from(fault: &SchemaFault) -> Self {
        let SchemaFault { path, message } = fault;
        Self { code: None, path: path.clone(), line: None, column: None, message: message.clone(), remedy: None }
    }
}
