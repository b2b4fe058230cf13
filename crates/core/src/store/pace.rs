//! Changing many rows in slices, each a short transaction, with pauses between them for other writers.

use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection as Sqlite;

use super::Result;
use crate::sqlite::restart_if_long;

/// How long a transaction changes rows before it commits.
pub(super) const TIME: Duration = Duration::from_millis(3);

/// After a transaction that took longer, commit included, the next ones are smaller.
const LONG: Duration = Duration::from_millis(8);

/// The weight of the first slice, in rows and additional pages of long rows.
const FIRST_WEIGHT: u64 = 256;

/// The least and the largest weight of a slice.
const WEIGHTS: (u64, u64) = (16, 4096);

/// The pause while nobody else writes.
const PAUSE: Duration = Duration::from_millis(2);

/// For how long another writer is expected to write again.
const MEMORY: Duration = Duration::from_secs(1);

/// The shortest and the longest pause while others write, and its ratio to the duration of a slice. SQLite's busy
/// handler tries again after 1, 2, 5 and then more and more milliseconds, and should find the lock free after a
/// slice.
const TURNS: (Duration, Duration, u32) = (Duration::from_millis(10), Duration::from_millis(200), 3);

/// How much a slice does, and when it pauses.
pub(super) struct Pace {
    weight: u64,
    /// The duration of the transactions since the last pause.
    worked: Duration,
    /// The last `data_version` that was seen.
    version: Option<i64>,
    /// When a write of another connection was last noticed.
    others_wrote: Option<Instant>,
}

impl Default for Pace {
    fn default() -> Self {
        Self { weight: FIRST_WEIGHT, worked: Duration::ZERO, version: None, others_wrote: None }
    }
}

impl Pace {
    /// How many rows, and additional pages of long rows, the next slice takes.
    pub(super) fn weight(&self) -> u64 {
        self.weight
    }

    /// Counts the duration of a transaction.
    pub(super) fn worked(&mut self, took: Duration) {
        self.worked += took;
    }

    /// Adapts the weight, so that the next slice takes as long as it should.
    pub(super) fn adapt(&mut self, took: Duration) {
        let (least, most) = WEIGHTS;
        if took > LONG {
            self.weight = (self.weight / 2).max(least);
        } else if took < TIME {
            self.weight = (self.weight * 2).min(most);
        }
        self.worked(took);
    }

    /// Pauses for others, if it has worked long enough since the last pause: many sessions are small, and a pause
    /// after each would take longer than the work. Moving the log into the file counts as pause.
    pub(super) fn rest(&mut self, sqlite: &Sqlite) -> Result<()> {
        let began = Instant::now();
        if sqlite.is_autocommit() {
            restart_if_long(sqlite)?;
        }
        if self.worked < TIME {
            return Ok(());
        }
        let worked = std::mem::take(&mut self.worked);
        // This changes with every commit of another connection.
        let version = sqlite.pragma_query_value(None, "data_version", |row| row.get(0))?;
        if self.version.replace(version).is_some_and(|before| before != version) {
            self.others_wrote = Some(began);
        }
        let (shortest, longest, times) = TURNS;
        let pause = match self.others_wrote {
            Some(at) if at.elapsed() < MEMORY => (worked * times).clamp(shortest, longest),
            _ => PAUSE,
        };
        thread::sleep(pause.saturating_sub(began.elapsed()));
        Ok(())
    }
}
