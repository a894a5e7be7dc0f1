//! Time as a run lives it; tests bring one in which nobody waits.

use std::thread;
use std::time::{Duration, Instant, SystemTime};

use crate::meter::calendar::since_epoch;

/// Tells the time, and lets it pass.
pub(super) trait Clock {
    /// For what has to be over by the deadline.
    fn now(&self) -> Instant;

    /// For what other processes are told: ms since the epoch.
    fn wall(&self) -> u64;

    /// Returns after `duration`.
    fn wait(&self, duration: Duration);
}

/// The system's.
pub(super) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn wall(&self) -> u64 {
        since_epoch(SystemTime::now())
    }

    fn wait(&self, duration: Duration) {
        thread::sleep(duration);
    }
}
