//! Futures of tokio's on threads that are not tokio's.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard, TryLockError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::{Duration, Instant},
};

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

/// Lets a thread that waits for something do it itself. No other thread has to wake up for it then, which on a quiet machine
/// takes longer than most of what is waited for.
pub(crate) struct Here {
    handle: Handle,
    closed: CancellationToken,
    /// Read while a thread is at work: tokio must not end under it.
    at_work: RwLock<()>,
}

/// How far a future was driven.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Driven<T> {
    Ended(T),
    /// The time was over before.
    Open,
    /// Nothing is driven any more.
    Closed,
}

impl Here {
    /// On the threads of this runtime of tokio's.
    pub(crate) fn new(handle: Handle) -> Self {
        Self { handle, closed: CancellationToken::new(), at_work: RwLock::default() }
    }

    /// Drives a future on this thread, for so long at most. It must not be called on a thread of tokio's.
    pub(crate) fn drive<T>(&self, mut work: Pin<&mut (dyn Future<Output = T> + Send)>, at_most: Duration) -> Driven<T> {
        let Some(_at_work) = self.at_work() else { return Driven::Closed };
        let _entered = self.handle.enter();
        let until = Instant::now().checked_add(at_most);
        let woken = Arc::new(Woken { thread: thread::current(), is_woken: AtomicBool::new(false) });
        let waker = Waker::from(Arc::clone(&woken));
        let mut context = Context::from_waker(&waker);
        let mut closed = pin!(self.closed.cancelled());
        let mut either = pin!(poll_fn(|context| {
            if closed.as_mut().poll(context).is_ready() {
                return Poll::Ready(Driven::Closed);
            }
            work.as_mut().poll(context).map(Driven::Ended)
        }));
        loop {
            if let Poll::Ready(driven) = either.as_mut().poll(&mut context) {
                return driven;
            }
            while !woken.is_woken.swap(false, Ordering::Acquire) {
                match until.map(|until| until.saturating_duration_since(Instant::now())) {
                    Some(Duration::ZERO) => return Driven::Open,
                    Some(left) => thread::park_timeout(left),
                    None => thread::park(),
                }
            }
        }
    }

    /// Takes a future on as far as it goes without a wait. `waker` says when there is more to do.
    pub(crate) fn nudge<T>(&self, work: Pin<&mut (dyn Future<Output = T> + Send)>, waker: &Waker) -> Driven<T> {
        let Some(_at_work) = self.at_work().filter(|_| !self.closed.is_cancelled()) else { return Driven::Closed };
        let _entered = self.handle.enter();
        match work.poll(&mut Context::from_waker(waker)) {
            Poll::Ready(ended) => Driven::Ended(ended),
            Poll::Pending => Driven::Open,
        }
    }

    /// Begins a future on this thread, which does not wait: the rest of the way is tokio's.
    pub(crate) fn set_out(&self, work: impl Future<Output = ()> + Send + 'static) {
        let mut work: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(work);
        if self.drive(work.as_mut(), Duration::ZERO) == Driven::Open {
            self.hand_over(work);
        }
    }

    /// Leaves a future to tokio.
    pub(crate) fn hand_over(&self, work: impl Future<Output = ()> + Send + 'static) {
        drop(self.handle.spawn(work));
    }

    /// None when everything is at its end.
    fn at_work(&self) -> Option<RwLockReadGuard<'_, ()>> {
        match self.at_work.try_read() {
            Ok(at_work) => Some(at_work),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Ends everything that is driven. When this returns, no thread is at work.
    pub(crate) fn close(&self) {
        self.closed.cancel();
        drop(self.at_work.write().unwrap_or_else(PoisonError::into_inner));
    }
}

struct Woken {
    thread: Thread,
    is_woken: AtomicBool,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

#[cfg(test)]
mod tests {
    use tokio::{runtime::Runtime, sync::oneshot};

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn here() -> (Runtime, Here) {
        let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let tokio = tokio.unwrap_or_else(|error| panic!("{error}"));
        let here = Here::new(tokio.handle().clone());
        (tokio, here)
    }

    #[test]
    fn a_future_is_driven_to_its_end_also_where_it_asks_for_tokio() {
        let (_tokio, here) = here();
        let mut work = Box::pin(async { tokio::spawn(async { 7 }).await.unwrap_or_default() });
        assert_eq!(here.drive(work.as_mut(), LONG), Driven::Ended(7));
    }

    #[test]
    fn what_has_not_ended_in_time_goes_on_elsewhere() {
        let (_tokio, here) = here();
        let (sender, receiver) = oneshot::channel::<u8>();
        let (done, ended) = std::sync::mpsc::channel();
        let mut work: Pin<Box<dyn Future<Output = ()> + Send>> =
            Box::pin(async move { assert_eq!(done.send(receiver.await.ok()), Ok(())) });
        assert_eq!(here.drive(work.as_mut(), Duration::ZERO), Driven::Open);
        here.hand_over(work);
        assert_eq!(sender.send(7), Ok(()));
        assert_eq!(ended.recv_timeout(LONG), Ok(Some(7)));
    }

    #[test]
    fn what_sets_out_here_goes_on_elsewhere() {
        let (_tokio, here) = here();
        let (sender, receiver) = oneshot::channel::<u8>();
        let (done, ended) = std::sync::mpsc::channel();
        here.set_out(async move {
            let began = thread::current().id();
            let received = receiver.await;
            assert_eq!(done.send((began, received, thread::current().id())), Ok(()));
        });
        assert_eq!(sender.send(7), Ok(()));
        let (began, received, went_on) = ended.recv_timeout(LONG).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((began, received), (thread::current().id(), Ok(7)));
        assert_ne!(went_on, began);
    }

    #[test]
    fn a_close_calls_threads_back_and_waits_for_them() {
        let (_tokio, here) = here();
        thread::scope(|scope| {
            let (began, has_begun) = std::sync::mpsc::channel();
            let driver = scope.spawn(|| {
                let mut work = Box::pin(async move {
                    assert_eq!(began.send(()), Ok(()));
                    std::future::pending::<()>().await;
                });
                here.drive(work.as_mut(), LONG)
            });
            assert_eq!(has_begun.recv_timeout(LONG), Ok(()));
            here.close();
            assert!(driver.join().is_ok_and(|driven| driven == Driven::Closed));
        });
        assert_eq!(here.drive(Box::pin(async {}).as_mut(), LONG), Driven::Closed);
    }
}
