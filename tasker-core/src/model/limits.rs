//! What Tasker accepts at most. Over a limit is a clear, final error that names the field and the limit.

/// Bytes of one template file.
pub const TEMPLATE_BYTES: usize = 256 * 1024;
/// Steps of one template.
pub const TEMPLATE_STEPS: usize = 2_000;
/// Bytes of one input, one result, or one event payload.
pub const PAYLOAD_BYTES: usize = 1024 * 1024;
/// Attempts of one step.
pub const ATTEMPTS: u32 = 100;
/// Times that one step may lose its worker before it is put aside as an error.
pub const LOSSES: u32 = 5;
/// Bytes of an error's text, of which more is cut in the middle; and of what a handler keeps with its outcome.
pub const ERROR_BYTES: usize = 64 * 1024;
/// Bytes of an error's code, and of the name of its type, of which more is cut off.
pub const CODE_BYTES: usize = 256;
/// Rows of one page.
pub const PAGE: u32 = 1_000;
/// Tasks that one page of a search looks through.
pub const SEARCH: u32 = 10_000;
/// Outcomes in one report.
pub const REPORT: usize = 1_000;
/// Tasks in one submission.
pub const SUBMISSION: usize = 1_000;
/// Bytes of the body of one request.
pub const BODY_BYTES: usize = 10 * 1024 * 1024;
/// Milliseconds that an API key may be good for: a hundred years.
pub const KEY_LIFETIME_MS: u64 = 100 * 365 * 24 * 60 * 60 * 1_000;
/// Rows counted for an answer; more are as many as this.
pub const COUNT: u64 = 100_000;
/// Bytes of events in one answer, as they are stored; the commit that goes over it is the last one.
pub const EVENT_BYTES: u32 = 1024 * 1024;
/// Events that one attempt may publish.
pub const EVENTS: usize = 100;
/// Webhooks of one store: each reads the log.
pub const WEBHOOKS: u32 = 100;
/// Tasks above one another, from the one that was submitted to the last sub-workflow.
pub const DEPTH: u32 = 16;
/// Tasks in one answer about a tree of tasks; and their steps in all.
pub const TREE: (u32, u32) = (PAGE, 10_000);
/// Parts of all batches of one task.
pub const BATCH: usize = 100_000;
/// Bytes of what the parts of one batch have to do; and of their results, which later steps are given together.
pub const BATCH_BYTES: usize = 10 * 1024 * 1024;
