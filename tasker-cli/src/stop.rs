//! Ctrl-C and SIGTERM.

use std::io;

use crate::failure::{Failure, Result};

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Listens for the wish to stop. From then on the signals no longer end the process by themselves.
pub(crate) struct Stop {
    #[cfg(unix)]
    signals: [Signal; 2],
}

impl Stop {
    pub(crate) fn listen() -> Result<Self> {
        Self::try_listen().map_err(|error| {
            Failure::new(
                "no_signals",
                "signals cannot be listened for",
                "raise the limit of open files, then try again",
            )
            .with_cause(error)
        })
    }

    #[cfg(unix)]
    fn try_listen() -> io::Result<Self> {
        Ok(Self { signals: [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?] })
    }

    #[cfg(not(unix))]
    fn try_listen() -> io::Result<Self> {
        Ok(Self {})
    }

    /// Resolves when someone wants the process to stop; each time anew.
    #[cfg(unix)]
    pub(crate) async fn requested(&mut self) {
        let [interrupt, terminate] = &mut self.signals;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }

    /// Resolves when someone wants the process to stop; each time anew.
    #[cfg(not(unix))]
    pub(crate) async fn requested(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
