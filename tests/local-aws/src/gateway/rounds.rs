//! Round trips made exact: a call is held until all the calls of its round trip have come. Whether calls are made side by side
//! then shows in [`super::Call::depth`], however busy the machine is.

use std::sync::{Mutex, MutexGuard};

use tokio::sync::watch;

use super::log::{Call, lock};

/// The round trips that are expected. Without any, no call is held.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    /// How many calls there are up to and with each round trip.
    ends: Mutex<Vec<usize>>,
    /// How many calls have come.
    arrived: watch::Sender<usize>,
}

impl Rounds {
    /// Expects round trips of so many calls each, counted by the log; the calls after them are not held.
    pub(super) fn expect(&self, sizes: &[usize]) {
        let ends = sizes.iter().scan(0, |end, size| {
            *end += size;
            Some(*end)
        });
        *self.ends() = ends.collect();
        self.arrived.send_replace(0);
    }

    /// Holds the call until its round trip is complete.
    pub(super) async fn hold(&self, call: &Call) {
        let Some(end) = self.ends().iter().copied().find(|end| call.number <= *end) else { return };
        self.arrived.send_modify(|arrived| *arrived = call.number.max(*arrived));
        // The sender is held here: waiting cannot fail.
        let _ = self.arrived.subscribe().wait_for(|arrived| *arrived >= end).await;
    }

    fn ends(&self) -> MutexGuard<'_, Vec<usize>> {
        lock(&self.ends)
    }
}
