//! Ctrl-C, and the SIGTERM that CodeBuild sends to a build it stops: the work ends where it can end cleanly.

use std::future::Future;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::failure::Failure;

/// Listens for the signals from the moment it is made: one that comes between two steps is seen at the next.
pub struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupts {
    /// Begins to listen; from now on the signals do not end the process.
    ///
    /// # Errors
    /// Where the system takes no signal handler.
    pub fn listen() -> Result<Self, Failure> {
        let on = |kind| {
            signal(kind)
                .map_err(|error| Failure::System(format!("signals cannot be handled here ({error}); run it where they can")))
        };
        Ok(Self { interrupt: on(SignalKind::interrupt())?, terminate: on(SignalKind::terminate())? })
    }

    /// Does the work, unless a signal comes; then the work is dropped where it is.
    ///
    /// # Errors
    /// The work's, or [`Failure::Interrupted`].
    pub async fn unless<T, E: Into<Failure>>(&mut self, work: impl Future<Output = Result<T, E>>) -> Result<T, Failure> {
        tokio::select! {
            biased;
            _ = self.interrupt.recv() => Err(Failure::Interrupted),
            _ = self.terminate.recv() => Err(Failure::Interrupted),
            done = work => done.map_err(Into::into),
        }
    }
}
