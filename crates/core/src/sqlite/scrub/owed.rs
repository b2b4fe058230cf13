//! What a connection owes to those who removed something: to overwrite the copies, and to cut off the log.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection as Sqlite;

use super::super::{Result, log};
use super::{Removed, scrub_near};

/// For how long it may wait until nothing is written.
const LATEST: Duration = Duration::from_secs(2);

/// The pause between two transactions, for other writers.
const PAUSE: Duration = Duration::from_millis(2);

/// The thread works for one part of its time in this number of parts.
const SELDOM: u32 = 20;

/// What a connection owes.
#[derive(Debug, Default)]
pub struct Owed {
    state: Mutex<State>,
    is_owed: AtomicBool,
    /// Whether somebody waits for it, so that the thread gives it up.
    is_wanted: AtomicBool,
    working: Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    removed: Removed,
    /// Whether the log has pages with removed text.
    log: bool,
    since: Option<Instant>,
    /// When the thread may work again.
    rested: Option<Instant>,
}

impl Owed {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds what was removed and is committed.
    pub(super) fn add(&self, removed: Removed) {
        if removed.is_empty() {
            return;
        }
        let mut state = self.lock();
        state.removed.absorb(removed);
        state.since.get_or_insert_with(Instant::now);
        self.is_owed.store(true, Ordering::Relaxed);
    }

    /// Takes over what another one owes.
    pub(crate) fn take_over(&self, other: &Self) {
        let left = std::mem::take(&mut *other.lock());
        other.is_owed.store(false, Ordering::Relaxed);
        self.add(left.removed);
        if left.log {
            self.lock().log = true;
            self.is_owed.store(true, Ordering::Relaxed);
        }
    }

    /// Whether anything is owed. Costs a nanosecond.
    pub(crate) fn is_owed(&self) -> bool {
        self.is_owed.load(Ordering::Relaxed)
    }

    /// Whether only the log is left to be cut off.
    pub(crate) fn owes_log(&self) -> bool {
        self.is_owed() && {
            let state = self.lock();
            state.log && state.removed.is_empty()
        }
    }

    /// The log was cut off.
    pub(crate) fn log_is_cut(&self) {
        let mut state = self.lock();
        state.log = false;
        self.is_owed.store(!state.removed.is_empty(), Ordering::Relaxed);
    }

    /// Overwrites what is owed, if it is time for that: nothing `is_written` now, or it has waited for long. The log is
    /// left. For the thread that checkpoints.
    pub(crate) fn scrub_in_time(
        &self,
        sqlite: &Sqlite,
        is_written: bool,
        is_over: impl Fn() -> bool,
    ) {
        let began = Instant::now();
        if !self.is_owed() || !self.lock().is_due(is_written, began) {
            return;
        }
        let Ok(_working) = self.working.try_lock() else {
            return;
        };
        // Where it fails, it is owed still, and tried again.
        let _: Result<bool> = self.scrub(sqlite, &mut || {
            if self.is_wanted.load(Ordering::Relaxed) || is_over() {
                return ControlFlow::Break(());
            }
            thread::sleep(PAUSE);
            ControlFlow::Continue(())
        });
        self.lock().rested = Some(Instant::now() + began.elapsed() * SELDOM);
    }

    /// Does all that is owed, and waits for readers in the way for as long as `patience`. Returns whether it is done.
    ///
    /// # Errors
    ///
    /// An error of SQLite. It is owed still.
    pub(crate) fn settle(&self, sqlite: &Sqlite, patience: Duration) -> Result<bool> {
        if !self.is_owed() {
            return Ok(true);
        }
        self.is_wanted.store(true, Ordering::Relaxed);
        let _working = self.working.lock().unwrap_or_else(PoisonError::into_inner);
        self.is_wanted.store(false, Ordering::Relaxed);
        self.scrub(sqlite, &mut || ControlFlow::Continue(()))?;
        if self.owes_log() && log::cut_off(sqlite, patience)? {
            self.log_is_cut();
        }
        Ok(!self.is_owed())
    }

    fn scrub(&self, sqlite: &Sqlite, go_on: &mut dyn FnMut() -> ControlFlow<()>) -> Result<bool> {
        let removed = std::mem::take(&mut self.lock().removed);
        if removed.is_empty() {
            return Ok(true);
        }
        let done = scrub_near(sqlite, &removed, |_| Ok(go_on()));
        let mut state = self.lock();
        if matches!(done, Ok(true)) {
            state.log = true;
            state.since = None;
        } else {
            state.removed.absorb(removed);
        }
        done
    }
}

impl State {
    fn is_due(&self, is_written: bool, now: Instant) -> bool {
        let waited = self.since.is_some_and(|since| now - since > LATEST);
        let rested = self.rested.is_none_or(|rested| now >= rested);
        !self.removed.is_empty() && rested && (!is_written || waited)
    }
}
