//! How long the steps of a store may wait.

use std::time::{Duration, Instant};

/// So long each, and no longer than until a moment all together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// For one step.
    pub(super) each: Duration,
    /// After which no step waits; none where the last one may wait as long as the first.
    pub(super) until: Option<Instant>,
}

impl Patience {
    /// How long a step that begins now may wait.
    pub(super) fn left(self) -> Duration {
        let left = self.until.map(|until| until.saturating_duration_since(Instant::now()));
        left.map_or(self.each, |left| left.min(self.each))
    }
}
