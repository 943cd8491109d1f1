//! Events on their way to NATS, with real servers that are killed, stopped and wiped, on both databases.

#![expect(clippy::unwrap_used, reason = "what is refused or missing fails the test")]

mod arrive;
mod bench;
mod cluster;
mod sick;
mod wakeups;
