//! What operators see and do, through the engine, on both databases: bulk verbs, reruns, reasons, keys, the doctor, and the
//! log of all tasks while a transaction is under way.

#![expect(clippy::unwrap_used, reason = "what is refused or missing fails the test")]

mod bench;
mod bulk;
mod keys;
mod reasons;
mod resumed;
mod room;
mod sick;
mod tail;
