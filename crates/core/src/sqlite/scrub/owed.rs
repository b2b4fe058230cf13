//! What a connection owes to those who removed something: to overwrite the copies, and to cut off the log.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection as Sqlite;

use super::super::turns::{Turns, wait_at_most};
use super::super::{Result, log};
use super::{Progress, Removed, scrub_everything, scrub_near};

/// For how long it may wait until nothing is written.
const LATEST: Duration = Duration::from_secs(2);

/// For how long it waits at least: more may be written at once.
const QUIET: Duration = Duration::from_millis(100);

/// The pause between two transactions, for other writers.
const PAUSE: Duration = Duration::from_millis(2);

/// How long the thread waits for the write lock.
const BRIEFLY: Duration = Duration::from_millis(50);

/// The pause between two attempts to cut off the log.
const AGAIN: Duration = Duration::from_millis(500);

/// The thread works for one part of its time in this number of parts.
const SELDOM: u32 = 20;

/// What a connection owes.
#[derive(Default)]
pub struct Owed {
    state: Mutex<State>,
    is_owed: AtomicBool,
    /// Whether somebody waits for it, so that the thread gives it up.
    is_wanted: AtomicBool,
    working: Mutex<()>,
    wake: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl fmt::Debug for Owed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Owed").field("state", &self.state).finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct State {
    removed: Removed,
    /// Whether the log has pages with removed text.
    log: bool,
    since: Option<Instant>,
    /// When the thread may work again, and when it may try to cut off the log again.
    rested: Option<Instant>,
    again: Option<Instant>,
}

impl Owed {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has `wake` called when something is owed.
    pub(crate) fn wake_by(&self, wake: impl Fn() + Send + Sync + 'static) {
        // There is one thread.
        let _ = self.wake.set(Box::new(wake));
    }

    /// Adds what was removed and is committed.
    pub(super) fn add(&self, removed: Removed) {
        self.add_state(State { removed, ..State::default() });
    }

    /// Takes over what another one owes.
    pub(crate) fn take_over(&self, other: &Self) {
        let left = std::mem::take(&mut *other.lock());
        other.is_owed.store(false, Ordering::Relaxed);
        self.add_state(left);
    }

    fn add_state(&self, more: State) {
        if !more.is_owed() {
            return;
        }
        let mut state = self.lock();
        state.removed.absorb(more.removed);
        state.log |= more.log;
        state.since.get_or_insert_with(Instant::now);
        drop(state);
        if !self.is_owed.swap(true, Ordering::Relaxed)
            && let Some(wake) = self.wake.get()
        {
            wake();
        }
    }

    /// Whether anything is owed. Costs a nanosecond.
    pub(crate) fn is_owed(&self) -> bool {
        self.is_owed.load(Ordering::Relaxed)
    }

    /// Whether it is time to cut off the log, because that is all that is left.
    pub(crate) fn owes_log(&self) -> bool {
        self.is_owed() && {
            let state = self.lock();
            state.log
                && state.removed.is_empty()
                && state.again.is_none_or(|again| Instant::now() >= again)
        }
    }

    /// Takes note of an attempt to cut off the log.
    pub(crate) fn log_is_cut(&self, is_cut: bool) {
        let mut state = self.lock();
        state.again = (!is_cut).then(|| Instant::now() + AGAIN);
        state.log &= !is_cut;
        self.is_owed.store(state.is_owed(), Ordering::Relaxed);
    }

    /// Overwrites what is owed, if it is time for that: nothing `is_written` now, or it has waited for long. The log is
    /// left. For the thread that checkpoints. `goes_on` waits between two transactions, and tells whether there may be another one.
    pub(crate) fn scrub_in_time(
        &self,
        sqlite: &Sqlite,
        is_written: bool,
        goes_on: impl Fn(Duration) -> bool,
    ) {
        let began = Instant::now();
        if !self.is_owed() || !self.lock().is_due(is_written, began) {
            return;
        }
        let Ok(_working) = self.working.try_lock() else {
            return;
        };
        // The log has to be looked after as well, and closing waits for this.
        let patience = Turns::of(sqlite).map(|turns| turns.timeout());
        wait_at_most(sqlite, BRIEFLY);
        // Where it fails, it is owed still, and tried again.
        let _: Result<_> = self.scrub_now(sqlite, false, |_| {
            if self.is_wanted.load(Ordering::Relaxed) || !goes_on(PAUSE) {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
        wait_at_most(sqlite, patience.unwrap_or_default());
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
        self.scrub_now(sqlite, false, |_| ControlFlow::Continue(()))?;
        self.log_is_cut(log::truncate(sqlite, patience)?);
        Ok(!self.is_owed())
    }

    /// Overwrites what is owed, with `between` called between two transactions; all of the file, if `everything`.
    /// Returns how many pages were, or `None` if `between` breaks. The log is left.
    ///
    /// # Errors
    ///
    /// An error of SQLite. It is owed still.
    pub(crate) fn scrub_now(
        &self,
        sqlite: &Sqlite,
        everything: bool,
        mut between: impl FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Option<Progress>> {
        let removed = std::mem::take(&mut self.lock().removed);
        let done = match (everything, removed.is_empty()) {
            (true, _) => scrub_everything(sqlite, &mut between),
            (false, true) => return Ok(Some(Progress::default())),
            (false, false) => scrub_near(sqlite, &removed, &mut between),
        };
        let mut state = self.lock();
        if matches!(done, Ok(Some(_))) {
            state.log = true;
            state.since = None;
        } else {
            state.removed.absorb(removed);
        }
        self.is_owed.store(state.is_owed(), Ordering::Relaxed);
        done
    }
}

impl State {
    fn is_owed(&self) -> bool {
        self.log || !self.removed.is_empty()
    }

    fn is_due(&self, is_written: bool, now: Instant) -> bool {
        let waited = |least| self.since.is_none_or(|since| now - since > least);
        let rested = self.rested.is_none_or(|rested| now >= rested);
        !self.removed.is_empty() && rested && waited(if is_written { LATEST } else { QUIET })
    }
}
