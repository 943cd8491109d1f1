//! The real command as scripts see it: exit codes, JSON, and what happens when it is killed.

mod answers;
mod chaos;
mod command;
mod crash;
mod database;
mod operate;
mod server;
mod tasks;
mod told;
mod verbs;
mod worker;
