//! Waiting without Ruby's global lock, so that other threads run meanwhile.

#![expect(unsafe_code, reason = "magnus has no safe form of this part of Ruby's interface")]

use std::{
    ffi::c_void,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    ptr, thread,
};

use magnus::{Error, rb_sys::protect};

/// Runs `wait` without the lock; none if an interrupt (a signal, the end of the thread) was there before it began. `wait`
/// must not touch Ruby. `wake` is called by another thread when an interrupt arrives, and must make `wait` return.
///
/// Nothing is raised here: look for interrupts with [`check_interrupts`] when what `wait` brought is in safety.
pub(crate) fn without_gvl<T, W: FnOnce() -> T, K: Fn()>(wait: W, wake: K) -> Result<Option<T>, Error> {
    let mut call = Call { wait: Some(wait), ended: None };
    let call_at: *mut c_void = (&raw mut call).cast();
    let wake_at: *mut c_void = (&raw const wake).cast_mut().cast();
    // In `protect`, since a jump across the frames of Rust would skip what they have to do at their end.
    protect(|| {
        // SAFETY: both pointers are to this frame, which outlives the call, and have the types that the callbacks expect.
        unsafe { rb_sys::rb_thread_call_without_gvl2(Some(run::<T, W>), call_at, Some(interrupt::<K>), wake_at) };
        rb_sys::Qnil.into()
    })?;
    match call.ended {
        Some(Err(panic)) => resume_unwind(panic),
        Some(Ok(ended)) => Ok(Some(ended)),
        None => Ok(None),
    }
}

/// Acts on signals, and on what other threads have to say to this one; the error ends what the thread is doing.
pub(crate) fn check_interrupts() -> Result<(), Error> {
    protect(|| {
        // SAFETY: it may be called by any thread that holds the lock, and its jumps end in `protect`.
        unsafe { rb_sys::rb_thread_check_ints() };
        rb_sys::Qnil.into()
    })
    .map(|_| ())
}

struct Call<T, W> {
    wait: Option<W>,
    /// A panic may not cross the frames of Ruby: it goes on behind them.
    ended: Option<thread::Result<T>>,
}

unsafe extern "C" fn run<T, W: FnOnce() -> T>(call: *mut c_void) -> *mut c_void {
    // SAFETY: `without_gvl` passes a pointer to such a value, which nothing else uses meanwhile.
    let call = unsafe { &mut *call.cast::<Call<T, W>>() };
    if let Some(wait) = call.wait.take() {
        call.ended = Some(catch_unwind(AssertUnwindSafe(wait)));
    }
    ptr::null_mut()
}

unsafe extern "C" fn interrupt<K: Fn()>(wake: *mut c_void) {
    // SAFETY: `without_gvl` passes a pointer to such a value, which lives until the wait is over.
    let wake = unsafe { &*wake.cast::<K>() };
    // Nobody is there to be told; the wait ends by its bound all the same.
    drop(catch_unwind(AssertUnwindSafe(wake)));
}
