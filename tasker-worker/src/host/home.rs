use std::{mem, process};

use super::{Result, error};

/// A value that belongs to the process that made it. A forked child has a copy of its memory but none of its threads, and a
/// lock in it may be held for ever: there it is never touched, only forgotten.
pub(super) struct Homed<T> {
    value: Option<T>,
    pid: u32,
}

impl<T> Homed<T> {
    pub(super) fn new(value: T) -> Self {
        Self { value: Some(value), pid: process::id() }
    }

    pub(super) fn get(&self) -> Result<&T> {
        self.check()?;
        self.value.as_ref().ok_or_else(error::closed)
    }

    fn check(&self) -> Result<()> {
        if process::id() == self.pid { Ok(()) } else { Err(error::forked(self.pid)) }
    }
}

impl<T> Drop for Homed<T> {
    fn drop(&mut self) {
        if process::id() != self.pid {
            mem::forget(self.value.take());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn at_home_a_value_is_used_and_dropped() {
        let value = Arc::new(1);
        let homed = Homed::new(Arc::clone(&value));
        assert!(homed.get().is_ok());
        drop(homed);
        assert_eq!(Arc::strong_count(&value), 1);
    }

    #[test]
    fn in_another_process_a_value_is_refused_and_never_dropped() {
        let value = Arc::new(1);
        let homed = Homed { value: Some(Arc::clone(&value)), pid: process::id() + 1 };
        assert!(homed.get().is_err_and(|error| error.code() == "forked"));
        drop(homed);
        assert_eq!(Arc::strong_count(&value), 2);
    }
}
