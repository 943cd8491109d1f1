//! The runtime on a coordinator that does as the test says, and writes down what it was asked.
#![expect(clippy::unwrap_used, reason = "what a test cannot set up fails it")]

mod batching;
mod carrying;
mod endings;
mod fake;
mod lanes;
mod leases;
mod outages;
mod polling;
