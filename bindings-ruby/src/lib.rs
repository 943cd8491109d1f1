//! The native part of the gem `tasker-rb`: `TaskerCore::Native`. It translates values and lets Ruby's threads take work;
//! everything else is in `tasker_worker::host`, and what people see of it in `lib/tasker_core`.

mod attempt;
mod fault;
mod gvl;
mod host;
mod value;
mod worker;

use magnus::{Ruby, Value, function, method, prelude::*};

use self::{attempt::Attempt, fault::Result, host::Host, worker::Worker};

#[magnus::init(name = "tasker_core")]
fn init(ruby: &Ruby) -> Result<()> {
    let native = ruby.define_module("TaskerCore")?.define_module("Native")?;
    native.define_singleton_method("to_json", function!(to_json, 1))?;
    native.define_singleton_method("from_json", function!(from_json, 1))?;

    let host = native.define_class("Host", ruby.class_object())?;
    host.undef_default_alloc_func();
    host.define_singleton_method("start", function!(Host::start, 1))?;
    host.define_method("call", method!(Host::call, 2))?;
    host.define_method("start_worker", method!(Host::start_worker, 1))?;
    host.define_method("next_log", method!(Host::next_log, 1))?;
    host.define_method("close", method!(Host::close, 0))?;

    let worker = native.define_class("Worker", ruby.class_object())?;
    worker.undef_default_alloc_func();
    worker.define_method("serve", method!(Worker::serve, 2))?;
    worker.define_method("idle", method!(Worker::idle, 0))?;
    worker.define_method("worker_id", method!(Worker::worker_id, 0))?;
    worker.define_method("stats", method!(Worker::stats, 0))?;
    worker.define_method("shutdown", method!(Worker::shutdown, 1))?;

    let attempt = native.define_class("Attempt", ruby.class_object())?;
    attempt.undef_default_alloc_func();
    attempt.define_method("about", method!(Attempt::about, 0))?;
    attempt.define_method("part", method!(Attempt::part, 1))?;
    attempt.define_method("results", method!(Attempt::results, 0))?;
    attempt.define_method("answer", method!(Attempt::answer, 2))?;
    attempt.define_method("cancelled?", method!(Attempt::is_cancelled, 0))?;
    attempt.define_method("store_checkpoint", method!(Attempt::store_checkpoint, 1))?;
    attempt.define_method("heartbeat", method!(Attempt::heartbeat, 1))?;
    Ok(())
}

/// The JSON text of a value, by the JSON profile.
fn to_json(ruby: &Ruby, value: Value) -> Result<String> {
    fault::guard(|| Ok(value::write(ruby, value, "the value")?.as_str().to_owned()))
}

/// The value of a JSON text.
fn from_json(ruby: &Ruby, text: String) -> Result<Value> {
    fault::guard(|| value::read(ruby, &text))
}
