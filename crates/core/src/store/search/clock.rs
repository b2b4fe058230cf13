//! The time limit of a page.

use std::time::{Duration, Instant};

/// Steps of work, of one to ten nanoseconds each, between two checks of the clock.
const OFTEN: usize = 16 << 10;

/// Steps for a line or a chunk, in addition to its bytes.
const EACH: usize = 128;

/// Checks the time, but not after every byte.
pub(super) struct Clock {
    end: Option<Instant>,
    work: usize,
}

impl Clock {
    pub(super) fn new(limit: Option<Duration>) -> Self {
        Self { end: limit.and_then(|limit| Instant::now().checked_add(limit)), work: 0 }
    }

    /// A clock for tests, which is late at every check.
    #[cfg(test)]
    pub(super) fn always_late() -> Self {
        Self { end: Some(Instant::now()), work: OFTEN }
    }

    /// Whether there is a limit.
    pub(super) fn is_limited(&self) -> bool {
        self.end.is_some()
    }

    /// Whether the time is over, after this many more steps.
    pub(super) fn is_late(&mut self, work: usize) -> bool {
        let Some(end) = self.end else {
            return false;
        };
        self.work += work + EACH;
        if self.work < OFTEN {
            return false;
        }
        self.work = 0;
        Instant::now() >= end
    }
}
