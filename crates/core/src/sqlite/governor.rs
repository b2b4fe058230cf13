//! The governor of one write-ahead log: its thread, and what commits tell it.
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
//! - if that is not enough, because the disk is slow or others leave no moment for a restart, by holding up every
//!   commit from one and a half times the limit on, until the log has started over. Other processes with this library
//!   do the same, which makes that moment.
//!
//! Few long passes are better than many short ones: most pages of the log are newer versions of the same few, and
//! flushes of the log slow down those who write to it.
//!
//! A reader in any process can pin the log. There is no restart while it reads, and no commit is held up for it.
//!
//! The thread starts with the first commit and sleeps while nothing is written.

mod passes;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering, fence};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rusqlite::hooks::Wal;
use rusqlite::{Connection as Sqlite, InterruptHandle};

use super::log::Handle;
use super::presence::Presence;
use super::scrub::Owed;
use super::turns::Turns;
use super::{OpenOptions, Result, open_sibling};

/// How often the log is inspected during writes.
const TICK: Duration = Duration::from_millis(100);

/// How long a restart may wait for a lock, and block writers of this connection.
const PATIENCE: Duration = Duration::from_millis(20);

/// The longest time that a commit is held up because the log is too long. Then this commit returns, and the next one
/// is held up: the disk may hang, and a process that stopped may have the write lock.
const HOLD: Duration = Duration::from_secs(5);

/// How long the thread for an attached database stays without anything to do. Its connection is in the way of those who
/// want the file for themselves.
const IDLE: Duration = Duration::from_secs(1);

/// How long a change of the thread is waited for at most: the disk may hang. And how often it is looked at meanwhile.
const CHANGE: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_micros(100);

/// Frames after which commits checkpoint themselves if the thread cannot: SQLite's own default.
const FALLBACK_FRAMES: u32 = 1000;

/// How often it is then looked whether the reader is gone.
const GONE: Duration = Duration::from_millis(20);

/// What keeps the log from starting over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blocker {
    /// A read transaction, of whatever connection, that needs an older part of the log.
    Reader,
    /// Writers that left no moment for a restart.
    Writer,
    /// Another checkpoint that is under way.
    Checkpointer,
    /// The file, or its log, is not in its place any more.
    Replaced,
}

/// The governor of a log.
pub(crate) struct Governor {
    file: PathBuf,
    options: OpenOptions,
    /// That of the database; an attached one has none.
    presence: Option<Arc<Presence>>,
    /// The connection that is governed.
    governed: Arc<Handle>,
    /// Whether the thread changes something right now.
    changes: AtomicBool,
    /// What is owed to those who removed something.
    owed: Arc<Owed>,
    /// Frames after which the log should start over.
    limit: u32,
    /// Frames in the log after the latest commit of the connection.
    frames: AtomicU32,
    /// Frames from which on a commit wakes the thread.
    wake_at: AtomicU32,
    /// Whether commits should step aside for a restart.
    restarting: AtomicBool,
    /// Whether the thread could not do its work, so that commits have to.
    failed: AtomicBool,
    /// Whether a reader that stays keeps the log.
    pinned: AtomicBool,
    state: Mutex<State>,
    /// Wakes the thread.
    wake: Condvar,
    /// Notified when a commit has stepped aside, a restart is over, or commits are released.
    restart: Condvar,
}

#[derive(Default)]
struct State {
    thread: Option<JoinHandle<()>>,
    /// Whether the thread is at work, or will be.
    runs: bool,
    stop: bool,
    aside: bool,
    /// How many commits are held up, and how often those that were held up have been released.
    held: u32,
    releases: u32,
    /// Whether the log should be emptied, and whether it was.
    truncate: bool,
    truncated: Option<bool>,
    /// Interrupts what the thread is doing.
    interrupt: Option<InterruptHandle>,
    blocker: Option<Blocker>,
    /// The frames that were in the file when a reader was found to keep the others, and when that was first so.
    reader: Option<(u32, Instant)>,
    /// The frames that were in the file when it was last unknown who keeps the others.
    suspect: Option<u32>,
}

impl fmt::Debug for Governor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Governor").field("file", &self.file).finish_non_exhaustive()
    }
}

impl State {
    /// Whether somebody waits for the thread.
    fn is_waited_for(&self) -> bool {
        self.stop || self.held > 0 || self.truncate
    }
}

impl Governor {
    /// The governor of the log of `file`, whose pages have `page` bytes.
    pub(super) fn new(
        file: PathBuf,
        options: OpenOptions,
        page: u32,
        (presence, governed): (Option<Arc<Presence>>, Arc<Handle>),
        owed: Arc<Owed>,
    ) -> Self {
        let limit = u32::try_from(options.wal_limit / u64::from(page.max(1))).unwrap_or(u32::MAX);
        Self {
            file,
            options,
            presence,
            governed,
            changes: AtomicBool::default(),
            owed,
            limit,
            frames: AtomicU32::new(0),
            wake_at: AtomicU32::new(0),
            restarting: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            pinned: AtomicBool::new(false),
            state: Mutex::default(),
            wake: Condvar::new(),
            restart: Condvar::new(),
        }
    }

    /// The file whose log it is.
    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// Has every commit of `connection`, another one to the same file, tell this governor.
    pub(super) fn govern(self: &Arc<Self>, connection: &mut Sqlite) -> Result<()> {
        let (told, turns) = (Arc::clone(self), Turns::of(connection));
        connection.wal_hook(Some(move |log: &mut Wal, frames: i32| {
            let committed = told.committed(log, u32::try_from(frames).unwrap_or(0));
            turns.iter().for_each(|turns| turns.committed());
            committed
        }))?;
        Ok(())
    }

    /// What prevented the last attempt to start the log over.
    pub(super) fn blocker(&self) -> Option<Blocker> {
        self.lock().blocker
    }

    /// Whether the thread could not do its work.
    pub(super) fn give_up(&self) {
        self.failed.store(true, Ordering::Relaxed);
    }

    /// Moves the log into the file and empties it, on the thread, and waits `within` this time for it. Returns whether
    /// it is empty; otherwise a reader or a writer is in the way, the time is over, or nothing was ever written here.
    pub(super) fn truncate(&self, within: Duration) -> bool {
        let mut state = self.lock();
        if !state.runs || state.stop {
            return false;
        }
        state.truncate = true;
        state.truncated = None;
        self.wake.notify_one();
        let waited = self
            .restart
            .wait_timeout_while(state, within, |state| state.truncated.is_none() && state.runs);
        let state = waited.unwrap_or_else(PoisonError::into_inner).0;
        state.truncated == Some(true)
    }

    /// Ends what the thread is doing: the process ends.
    pub(super) fn interrupt(&self) {
        let mut state = self.lock();
        state.stop = true;
        self.wake.notify_one();
        if let Some(interrupt) = &state.interrupt {
            interrupt.interrupt();
        }
    }

    /// Stops the thread, and waits until its connection is closed. The next commit starts it again, unless it is `for_good`.
    pub(super) fn stop(&self, for_good: bool) {
        let thread = {
            let mut state = self.lock();
            state.stop = true;
            self.wake.notify_one();
            state.thread.take()
        };
        if let Some(thread) = thread {
            // It ends after its current pass. Its own panic was reported already.
            let _ = thread.join();
        }
        self.lock().stop = for_good;
        self.wake_at.store(0, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing is left half-done under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs inside every commit, so it only stores numbers, and seldom wakes the thread.
    pub(super) fn committed(self: &Arc<Self>, log: &mut Wal, frames: u32) -> rusqlite::Result<()> {
        self.frames.store(frames, Ordering::Relaxed);
        if self.failed.load(Ordering::Relaxed) {
            return Self::commit_alone(log, frames);
        }
        if frames >= self.wake_at.load(Ordering::Relaxed) {
            self.wake_at.store(u32::MAX, Ordering::Relaxed);
            self.start();
        }
        if self.restarting.load(Ordering::Relaxed) {
            self.step_aside();
        } else if frames >= self.too_long() && !self.is_pinned() {
            self.hold();
        }
        Ok(())
    }

    /// A commit that checkpoints itself, as SQLite would do it. It does not fail because of a reader in the way.
    pub(super) fn commit_alone(log: &mut Wal, frames: u32) -> rusqlite::Result<()> {
        if frames >= FALLBACK_FRAMES { log.checkpoint().or(Ok(())) } else { Ok(()) }
    }

    /// Wakes the thread, and starts it if there is none.
    pub(super) fn start(self: &Arc<Self>) {
        let mut state = self.lock();
        if !state.runs && !state.stop {
            // The one before has nothing left to do, not even with this lock.
            state.thread.take().map(JoinHandle::join);
            let governor = Arc::clone(self);
            let thread = thread::Builder::new().name("wal-checkpointer".into());
            match thread.spawn(move || governor.run()) {
                Ok(thread) => {
                    state.thread = Some(thread);
                    state.runs = true;
                }
                Err(_) => self.give_up(),
            }
        }
        self.wake.notify_one();
    }

    /// Holds a commit up until the log has started over, or a reader turns out to prevent that.
    fn hold(&self) {
        let mut state = self.lock();
        if state.stop || !state.runs {
            return;
        }
        let releases = state.releases;
        state.held += 1;
        self.wake.notify_one();
        let waited = self
            .restart
            .wait_timeout_while(state, HOLD, |state| state.releases == releases && state.runs);
        waited.unwrap_or_else(PoisonError::into_inner).0.held -= 1;
    }

    fn release(&self, state: &mut State) {
        state.releases = state.releases.wrapping_add(1);
        self.restart.notify_all();
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
        let mut end = End { governor: self, is_failure: true };
        let opened = match &self.presence {
            // It would be another file's log. Its commits are refused.
            Some(presence) if presence.check().is_err() => {
                end.is_failure = false;
                return;
            }
            _ => {
                open_sibling(&self.file, &self.options).and_then(|sqlite| self.steps_aside(sqlite))
            }
        };
        if let Ok(connection) = opened {
            self.lock().interrupt = Some(connection.get_interrupt_handle());
            end.is_failure = self.govern_until_idle(&connection).is_none();
        }
    }

    /// Refuses a commit of the thread while the connection that is governed has a transaction open: one that has read could not
    /// write any more.
    fn steps_aside(&self, mut sqlite: Sqlite) -> Result<Sqlite> {
        let governed = Arc::clone(&self.governed);
        sqlite.commit_hook(Some(move || governed.in_transaction()))?;
        Ok(sqlite)
    }

    /// Runs `change`, which may take the write lock, or `None` while a transaction of the connection that is governed is open: one
    /// that has read could not write meanwhile.
    fn change<T>(&self, change: impl FnOnce() -> T) -> Option<T> {
        let changed = self.may_change().then(change);
        self.has_changed();
        changed
    }

    /// Whether the thread may change something: no transaction of the connection that is governed is open. One that begins from now on
    /// waits until [`has_changed`](Self::has_changed): whoever is second sees the first.
    fn may_change(&self) -> bool {
        self.changes.store(true, Ordering::SeqCst);
        let is_free = !self.governed.in_transaction();
        if !is_free {
            self.has_changed();
        }
        is_free
    }

    fn has_changed(&self) {
        self.changes.store(false, Ordering::SeqCst);
    }

    /// Whether the thread changes something. To be asked when a transaction of the connection has begun, before it reads.
    pub(super) fn is_changing(&self) -> bool {
        fence(Ordering::SeqCst);
        self.changes.load(Ordering::SeqCst)
    }

    /// Waits until a change of the thread is over.
    pub(super) fn wait_for_change(&self) {
        let began = Instant::now();
        while self.is_changing() && began.elapsed() < CHANGE {
            thread::sleep(LOOK);
        }
    }

    /// `None` after any error but a lock.
    fn govern_until_idle(&self, connection: &Sqlite) -> Option<()> {
        // Frames at the last look, and how many of them are in the file.
        let (mut seen, mut done) = (0, 0);
        loop {
            let frames = self.frames.load(Ordering::Relaxed);
            if frames < done {
                // The log has started over.
                done = 0;
            }
            let left = frames - done;
            let (held, truncate) = {
                let state = self.lock();
                (state.held > 0, state.truncate)
            };
            if !held && !truncate && self.may_change() {
                let goes_on = |pause| {
                    self.has_changed();
                    if self.lock().is_waited_for() {
                        return false;
                    }
                    thread::sleep(pause);
                    self.may_change()
                };
                self.owed.scrub_in_time(connection, frames != seen, goes_on);
                self.has_changed();
            }
            let to_do = left > 0 || self.owed.owes_log();
            if truncate {
                self.empty(connection)?;
                done = 0;
            } else if held || left >= self.pass_frames() || (to_do && frames == seen) {
                // The log may hold frames of others, which this connection learns of with its next commit.
                done = self.passes(connection)?.min(frames);
            }
            let idle = frames == seen && frames == done && !self.owed.is_owed();
            seen = frames;
            // If it is idle, the next commit wakes it; otherwise only a long log does. If it is pinned, time will tell.
            let wake_at = match idle {
                true => 0,
                false if self.is_pinned() => u32::MAX,
                false => done.saturating_add(self.pass_frames()),
            };
            if self.sleep(frames, wake_at, idle) {
                return Some(());
            }
        }
    }

    /// Less than half of the limit, so that the writes during a pass, and those of a delayed restart, still fit. And
    /// a shorter log fits better into the caches.
    fn pass_frames(&self) -> u32 {
        self.limit / 8 * 3
    }

    /// Commits are held up from this number of frames on.
    fn too_long(&self) -> u32 {
        self.limit.saturating_add(self.limit / 2)
    }

    fn is_pinned(&self) -> bool {
        self.pinned.load(Ordering::Relaxed)
    }

    /// Waits for a commit that reaches `wake_at`, or, unless all is done, for the next tick. Returns whether to end.
    fn sleep(&self, frames: u32, wake_at: u32, idle: bool) -> bool {
        let mut state = self.lock();
        self.wake_at.store(wake_at, Ordering::Relaxed);
        // A commit after `frames` was read may have come before this wait.
        let is_news = |governor: &Self| {
            wake_at != u32::MAX && governor.frames.load(Ordering::Relaxed) != frames
        };
        if !state.is_waited_for() && !is_news(self) {
            state = match idle {
                true if self.presence.is_some() => {
                    self.wake.wait(state).unwrap_or_else(PoisonError::into_inner)
                }
                idle => {
                    let most = match self.is_pinned() {
                        _ if idle => IDLE,
                        true if frames >= self.too_long() => GONE,
                        _ => TICK,
                    };
                    let woken = self.wake.wait_timeout(state, most);
                    let (state, woken) = woken.unwrap_or_else(PoisonError::into_inner);
                    if idle && woken.timed_out() && !state.is_waited_for() && !is_news(self) {
                        return true;
                    }
                    state
                }
            };
        }
        state.stop
    }
}

/// The end of the thread. After a failure, commits checkpoint from then on.
struct End<'a> {
    governor: &'a Governor,
    is_failure: bool,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        if self.is_failure {
            self.governor.give_up();
        }
        let mut state = self.governor.lock();
        state.runs = false;
        state.interrupt = None;
        state.truncate = false;
        self.governor.wake_at.store(0, Ordering::Relaxed);
        self.governor.release(&mut state);
    }
}
