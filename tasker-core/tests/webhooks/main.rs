//! What is sent to webhooks, with a real receiver that is down, slow, out of order, and elsewhere, on both databases.

#![expect(clippy::unwrap_used, reason = "what is refused or missing fails the test")]

mod bench;
mod receiver;
mod send;
mod sick;
