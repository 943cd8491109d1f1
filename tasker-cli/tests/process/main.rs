//! The real command as scripts see it: exit codes, JSON, and what happens when it is killed.

mod answers;
mod command;
mod crash;
mod database;
mod operate;
mod server;
mod tasks;
