//! The governor of the write-ahead log: checkpoints on a thread of their own.
//!
//! By default, SQLite checkpoints inside a commit every thousand pages, with flushes of the disk: its worst stall for
//! an event loop. Here a commit only reports the length of the log, and a thread with a connection of its own moves
//! the log into the file:
//!
//! - by passive checkpoints, which disturb nobody, once the log has three eighths of its limit, or has not grown for
//!   [`TICK`];
//! - then by one restart, well before the limit. While others write without a pause, passive checkpoints never catch
//!   up, so the log never starts over. A restart blocks writers while it moves and flushes the rest. So it is tried
//!   only when two passes have just left little. The next commit waits for it (rather than for SQLite's busy handler,
//!   which sleeps), and both give up after [`PATIENCE`];
//! - if others leave no moment for a restart, by holding up the commits of this connection until the log has started
//!   over. That begins at one and a half times the limit. Other processes with this library do the same, which makes
//!   that moment.
//!
//! Few long passes are better than many short ones: most pages of the log are newer versions of the same few, and
//! flushes of the log slow down those who write to it.
//!
//! A reader in any process can pin the log. There is no restart while it reads, and no commit is held up for it.
//!
//! The thread starts with the first commit and sleeps while nothing is written.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rusqlite::Connection as Sqlite;
use rusqlite::hooks::Wal;

use super::scrub::{Owed, Watch};
use super::turns::Turns;
use super::{OpenOptions, Result, log, open_sibling};

/// How often the log is inspected during writes.
const TICK: Duration = Duration::from_millis(100);

/// Passes in a row before a restart. The second one is short, and leaves little to flush while writers are blocked.
/// With more passes, flushes of the log blocked writers longer than the restart.
const PASSES: u32 = 2;

/// How long a restart may wait for a lock, and block writers of this connection.
const PATIENCE: Duration = Duration::from_millis(20);

/// How long a restart waits for a commit to step aside. An imminent commit takes less.
const COURTESY: Duration = Duration::from_millis(2);

/// The longest time that a commit is held up because the log is too long. Then the log may grow by another eighth of
/// its limit.
const HOLD: Duration = Duration::from_secs(1);

/// The pause between attempts to start the log over meanwhile.
const AGAIN: Duration = Duration::from_millis(2);

/// After this number of attempts a reader counts as one that stays.
const READERS: u32 = 5;

/// Frames after which commits checkpoint themselves if the thread cannot: SQLite's own default.
const FALLBACK_FRAMES: u32 = 1000;

/// What keeps the log from starting over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blocker {
    /// A read transaction, of whatever connection, that needs an older part of the log.
    Reader,
    /// Writers that left no moment for a restart.
    Writer,
    /// Another checkpoint that is under way.
    Checkpointer,
}

/// The governor of one connection's log. Dropping it stops its thread and waits for its end.
#[derive(Debug)]
pub(crate) struct Checkpointer {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    file: PathBuf,
    options: OpenOptions,
    /// Frames after which the log should start over.
    limit: u32,
    /// Frames in the log after the latest commit of the connection.
    frames: AtomicU32,
    /// Frames from which on a commit wakes the thread.
    wake_at: AtomicU32,
    /// Frames from which on a commit is held up.
    hold_at: AtomicU32,
    /// The turns of the connection at the write lock.
    turns: Option<Arc<Turns>>,
    /// Whether commits should step aside for a restart.
    restarting: AtomicBool,
    /// What was removed and has to be overwritten.
    watch: Arc<Watch>,
    owed: Arc<Owed>,
    /// Whether the thread could not do its work, so that commits have to.
    failed: AtomicBool,
    state: Mutex<State>,
    /// Wakes the thread.
    wake: Condvar,
    /// Notified when a commit has stepped aside, or a restart is over.
    restart: Condvar,
}

#[derive(Debug, Default)]
struct State {
    thread: Option<JoinHandle<()>>,
    stop: bool,
    aside: bool,
    /// Whether a commit is held up until the log has started over.
    held: bool,
    /// Whether a reader was in the way while commits were held up.
    pinned: bool,
    blocker: Option<Blocker>,
}

impl Checkpointer {
    /// A governor for the log of `file`, told of every commit by a hook on `connection`. It also does what is `owed` to
    /// those who remove something.
    pub(crate) fn attach(
        connection: &mut Sqlite,
        file: &Path,
        options: &OpenOptions,
        (watch, owed): (Arc<Watch>, Arc<Owed>),
    ) -> Result<Self> {
        let limit_bytes = options.wal_limit;
        let page: u32 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
        let limit = u32::try_from(limit_bytes / u64::from(page.max(1))).unwrap_or(u32::MAX);
        let shared = Arc::new(Shared {
            file: file.to_owned(),
            options: options.clone(),
            limit,
            hold_at: AtomicU32::new(too_long(limit)),
            turns: Turns::of(connection),
            watch,
            owed,
            frames: AtomicU32::new(0),
            wake_at: AtomicU32::new(0),
            restarting: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            state: Mutex::default(),
            wake: Condvar::new(),
            restart: Condvar::new(),
        });
        // A log that a pinned reader made longer is cut when it starts over.
        connection.pragma_update(
            None,
            "journal_size_limit",
            limit_bytes.min(i64::MAX as u64) as i64,
        )?;
        let known = Arc::downgrade(&shared);
        shared.owed.wake_by(move || known.upgrade().iter().for_each(Shared::wake));
        let told = Arc::clone(&shared);
        connection.wal_hook(Some(move |log: &mut Wal, frames: i32| {
            told.committed(log, u32::try_from(frames).unwrap_or(0))
        }))?;
        Ok(Self { shared })
    }

    /// What prevented the last attempt to start the log over.
    pub(crate) fn blocker(&self) -> Option<Blocker> {
        self.shared.lock().blocker
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        let thread = {
            let mut state = self.shared.lock();
            state.stop = true;
            self.shared.wake.notify_all();
            state.thread.take()
        };
        if let Some(thread) = thread {
            // It ends after its current pass. Its own panic was reported already.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing is left half-done under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs inside every commit, so it only stores numbers, and seldom wakes the thread.
    fn committed(self: &Arc<Self>, log: &mut Wal, frames: u32) -> rusqlite::Result<()> {
        self.frames.store(frames, Ordering::Relaxed);
        self.watch.committed();
        if self.failed.load(Ordering::Relaxed) {
            // As SQLite would do it. The commit does not fail because of a reader in the way.
            return if frames >= FALLBACK_FRAMES { log.checkpoint().or(Ok(())) } else { Ok(()) };
        }
        if frames >= self.wake_at.load(Ordering::Relaxed) {
            self.wake_at.store(u32::MAX, Ordering::Relaxed);
            self.wake();
        }
        if self.restarting.load(Ordering::Relaxed) {
            self.step_aside();
        } else if frames >= self.hold_at.load(Ordering::Relaxed) {
            self.hold(frames);
        }
        if let Some(turns) = &self.turns {
            turns.committed();
        }
        Ok(())
    }

    /// Wakes the thread, or starts it.
    fn wake(self: &Arc<Self>) {
        let mut state = self.lock();
        if state.thread.is_none() && !state.stop {
            let governor = Arc::clone(self);
            let thread = thread::Builder::new().name("wal-checkpointer".into());
            match thread.spawn(move || governor.run()) {
                Ok(thread) => state.thread = Some(thread),
                Err(_) => self.failed.store(true, Ordering::Relaxed),
            }
        }
        self.wake.notify_one();
    }

    /// Holds a commit up until the log has started over, unless a reader prevents that.
    fn hold(&self, frames: u32) {
        let mut state = self.lock();
        if !state.pinned && !state.stop && state.thread.is_some() {
            state.held = true;
            self.wake.notify_one();
            let waited = self.restart.wait_timeout_while(state, HOLD, |state| state.held);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            if !std::mem::take(&mut state.held) && state.blocker.is_none() {
                self.hold_at.store(too_long(self.limit), Ordering::Relaxed);
                return;
            }
        }
        self.hold_at.store(frames.saturating_add(self.limit / 8), Ordering::Relaxed);
    }

    /// Waits for a restart, which needs the locks. This thread holds none between two commits.
    fn step_aside(&self) {
        let mut state = self.lock();
        state.aside = true;
        self.restart.notify_all();
        let waited = self
            .restart
            .wait_timeout_while(state, PATIENCE, |_| self.restarting.load(Ordering::Relaxed));
        waited.unwrap_or_else(PoisonError::into_inner).0.aside = false;
    }

    fn run(&self) {
        // This covers a panic as well. After the connection is closed it does not matter.
        let _out_of_work = OutOfWork(self);
        if let Ok(connection) = open_sibling(&self.file, &self.options) {
            self.govern(&connection);
        }
    }

    fn govern(&self, connection: &Sqlite) {
        // Frames at the last look, and how many of them are in the file.
        let (mut seen, mut done) = (0, 0);
        loop {
            let frames = self.frames.load(Ordering::Relaxed);
            if frames < done {
                // The log has started over.
                done = 0;
            }
            let left = frames - done;
            let held = self.lock().held;
            if !held {
                self.owed.scrub_in_time(connection, frames != seen, || self.lock().stop);
            }
            let to_do = left > 0 || self.owed.owes_log();
            if held || left >= self.pass_frames() || (to_do && frames == seen) {
                match self.passes(connection, held) {
                    // The log may hold frames of others, which this connection learns of with its next commit.
                    Some(frames_done) => done = frames_done.min(frames),
                    None => return,
                }
            }
            let idle = frames == seen && frames == done && !self.owed.is_owed();
            seen = frames;
            // If it is idle, the next commit wakes it; otherwise only a long log does.
            let wake_at = if idle { 0 } else { done.saturating_add(self.pass_frames()) };
            if self.sleep(frames, wake_at, idle) {
                return;
            }
        }
    }

    /// Less than half of the limit, so that the writes during a pass, and those of a delayed restart, still fit. And
    /// a shorter log fits better into the caches.
    fn pass_frames(&self) -> u32 {
        self.limit / 8 * 3
    }

    /// Waits for a commit that reaches `wake_at`, or, unless all is done, for the next tick. Returns whether to stop.
    fn sleep(&self, frames: u32, wake_at: u32, idle: bool) -> bool {
        let mut state = self.lock();
        self.wake_at.store(wake_at, Ordering::Relaxed);
        // A commit after `frames` was read may have come before this wait.
        if !state.stop && !state.held && self.frames.load(Ordering::Relaxed) == frames {
            state = if idle {
                self.wake.wait(state).unwrap_or_else(PoisonError::into_inner)
            } else {
                let woken = self.wake.wait_timeout(state, TICK);
                woken.unwrap_or_else(PoisonError::into_inner).0
            };
        }
        state.stop
    }

    /// Makes one [`pass`](Self::pass), or as many as needed while a commit is held up.
    fn passes(&self, connection: &Sqlite, held: bool) -> Option<u32> {
        let deadline = Instant::now() + HOLD;
        let limit = too_long(self.limit);
        // A writer looks like a reader for a moment.
        let mut readers = 0;
        loop {
            let (blocker, done) = self.pass(connection)?;
            readers += u32::from(blocker == Some(Blocker::Reader));
            let is_long = || log::frames(connection).is_ok_and(|frames| frames.log >= limit);
            let again = held
                && blocker.is_some()
                && readers < READERS
                && Instant::now() < deadline
                && is_long();
            if again {
                thread::sleep(AGAIN);
                continue;
            }
            let mut state = self.lock();
            state.blocker = blocker;
            state.held = false;
            state.pinned = blocker == Some(Blocker::Reader) && (held || state.pinned);
            self.restart.notify_all();
            return Some(done);
        }
    }

    /// Moves as much of the log into the file as possible, and starts the log over if it is too long. Returns what
    /// prevented that, and the number of frames that are in the file; `None` after any error but a lock.
    fn pass(&self, connection: &Sqlite) -> Option<(Option<Blocker>, u32)> {
        Some(match log::catch_up(connection, PASSES) {
            Ok(frames) if frames.left() > 0 => (Some(Blocker::Reader), frames.done),
            Ok(frames) if self.owed.owes_log() => match self.cut_off(connection) {
                // Until there are more frames.
                Ok(true) => (None, u32::MAX),
                Ok(false) => (Some(Blocker::Reader), frames.done),
                Err(_) => return None,
            },
            Ok(frames) if frames.log >= self.pass_frames() => {
                match self.start_over(connection, log::start_over) {
                    Ok(true) => (None, 0),
                    Ok(false) => (Some(Blocker::Writer), frames.done),
                    Err(_) => return None,
                }
            }
            Ok(frames) => (None, frames.done),
            // The other checkpoint does the work, which counts as done until there are more frames.
            Err(error) if error.is_busy() => (Some(Blocker::Checkpointer), u32::MAX),
            Err(_) => return None,
        })
    }

    /// Leaves nothing of the log on the disk, so that removed text is not there either. Nobody waits long for that.
    fn cut_off(&self, connection: &Sqlite) -> Result<bool> {
        let is_cut =
            self.start_over(connection, |connection, _| log::cut_off(connection, COURTESY));
        self.owed.log_is_cut(matches!(is_cut, Ok(true)));
        is_cut
    }

    /// Makes the next commit write to the start of the log again. Returns whether it will.
    fn start_over(
        &self,
        connection: &Sqlite,
        by: fn(&Sqlite, Duration) -> Result<bool>,
    ) -> Result<bool> {
        let state = self.lock();
        self.restarting.store(true, Ordering::Relaxed);
        let waited = self.restart.wait_timeout_while(state, COURTESY, |state| !state.aside);
        drop(waited);
        let restarted = by(connection, PATIENCE);
        let state = self.lock();
        self.restarting.store(false, Ordering::Relaxed);
        self.restart.notify_all();
        drop(state);
        restarted
    }
}

/// Commits are held up from this number of frames on.
fn too_long(limit: u32) -> u32 {
    limit.saturating_add(limit / 2)
}

/// When the thread ends, for whatever reason, commits checkpoint from then on.
struct OutOfWork<'a>(&'a Shared);

impl Drop for OutOfWork<'_> {
    fn drop(&mut self) {
        self.0.failed.store(true, Ordering::Relaxed);
        self.0.lock().held = false;
        self.0.restart.notify_all();
    }
}
