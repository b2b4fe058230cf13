//! The time that a page may take.

use std::time::{Duration, Instant};

/// Work, about a nanosecond to some ten each, after which the clock is looked at.
const OFTEN: usize = 16 << 10;

/// What a line or a chunk takes beside its bytes.
const EACH: usize = 128;

/// Looks at the time, though not after every byte.
pub(super) struct Clock {
    end: Option<Instant>,
    work: usize,
}

impl Clock {
    pub(super) fn new(limit: Option<Duration>) -> Self {
        Self { end: limit.and_then(|limit| Instant::now().checked_add(limit)), work: 0 }
    }

    /// A clock for tests, which is late whenever it is looked at.
    #[cfg(test)]
    pub(super) fn always_late() -> Self {
        Self { end: Some(Instant::now()), work: OFTEN }
    }

    /// Whether there is a limit.
    pub(super) fn is_limited(&self) -> bool {
        self.end.is_some()
    }

    /// Whether the time is over, after some bytes or other steps more.
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
