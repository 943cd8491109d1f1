//! The runtime on a coordinator that does as the test says, and writes down what it was asked.
#![cfg(test)]

mod batching;
mod endings;
mod fake;
mod leases;
mod outages;
mod polling;
