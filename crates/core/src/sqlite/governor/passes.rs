//! What the thread of a governor does with the log.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection as Sqlite;

use super::{Blocker, Governor, PATIENCE};
use crate::sqlite::{Result, log};

/// Passes in a row before a restart. Each one leaves less to flush while writers are blocked, for as long as the disk is faster than
/// they are.
const PASSES: u32 = 4;

/// How long a restart waits for a commit to step aside. An imminent commit takes less.
const COURTESY: Duration = Duration::from_millis(2);

/// The pause between attempts to start the log over meanwhile.
const AGAIN: Duration = Duration::from_millis(2);

/// How long a reader must have kept the log before no commit is held up for it. On a machine with much to do, others that
/// are about to write look like readers for some time.
const STAYS: Duration = Duration::from_millis(200);

impl Governor {
    /// Makes one [`pass`](Self::pass), or as many as needed while a commit is held up. Returns the number of frames that
    /// are in the file.
    pub(super) fn passes(&self, connection: &Sqlite) -> Option<u32> {
        loop {
            // If the reader is gone, this takes long, and the log must not grow meanwhile.
            self.pinned.store(false, Ordering::Relaxed);
            let (blocker, done) = self.pass(connection)?;
            let mut state = self.lock();
            let reader = state.reader.filter(|(at, _)| *at == done);
            state.reader = (blocker == Some(Blocker::Reader))
                .then(|| reader.unwrap_or_else(|| (done, Instant::now())));
            let stays = state.reader.is_some_and(|(_, since)| since.elapsed() >= STAYS);
            self.pinned.store(stays, Ordering::Relaxed);
            state.blocker = blocker;
            if blocker.is_none() || stays || state.held == 0 || state.stop {
                self.release(&mut state);
                return Some(done);
            }
            drop(state);
            thread::sleep(AGAIN);
        }
    }

    /// Moves as much of the log into the file as possible, and starts the log over if it is too long. Returns what
    /// prevented that, and the number of frames that are in the file; `None` after any error but a lock.
    fn pass(&self, connection: &Sqlite) -> Option<(Option<Blocker>, u32)> {
        Some(match log::catch_up(connection, PASSES) {
            Ok(frames) if !frames.is_nearly_done() => {
                (Some(self.in_the_way(connection, frames.done)?), frames.done)
            }
            Ok(frames) if frames.log >= self.pass_frames() || self.owed.owes_log() => {
                match self.start_over(connection) {
                    Ok(true) => (None, 0),
                    Ok(false) => (Some(self.in_the_way(connection, frames.done)?), frames.done),
                    Err(_) => return None,
                }
            }
            Ok(frames) => (None, frames.done),
            // The other checkpoint does the work, which counts as done until there are more frames.
            Err(error) if error.is_busy() => (Some(Blocker::Checkpointer), u32::MAX),
            Err(_) => return None,
        })
    }

    /// Who keeps the log from starting over, now that `done` frames are in the file.
    fn in_the_way(&self, connection: &Sqlite, done: u32) -> Option<Blocker> {
        {
            let mut state = self.lock();
            if state.reader.is_some_and(|(at, _)| at == done) {
                return Some(Blocker::Reader);
            }
            // Writers look the same for a moment. To tell them from a reader takes the write lock, which is in their way.
            let is_new = state.suspect.replace(done) != Some(done);
            if is_new && state.held == 0 {
                return Some(Blocker::Writer);
            }
        }
        let is_pinned = self.change(|| log::is_pinned(connection, PATIENCE));
        Some(match is_pinned.transpose().ok()? {
            // The connection itself may have read.
            Some(true) | None => Blocker::Reader,
            Some(false) => Blocker::Writer,
        })
    }

    /// Makes the next commit write to the start of the log again. Returns whether it will. Where removed text is in the
    /// log, nothing of it is left on the disk, and nobody is waited for long.
    fn start_over(&self, connection: &Sqlite) -> Result<bool> {
        let state = self.lock();
        self.restarting.store(true, Ordering::Relaxed);
        let waited = self.restart.wait_timeout_while(state, COURTESY, |state| !state.aside);
        drop(waited);
        let frames = self.frames.load(Ordering::Relaxed);
        let restart = || match self.owed.owes_log() {
            true => {
                log::truncate(connection, COURTESY).inspect(|is_cut| self.owed.log_is_cut(*is_cut))
            }
            false => log::start_over(connection, PATIENCE),
        };
        let restarted = self.change(restart).unwrap_or(Ok(false));
        if matches!(restarted, Ok(true)) {
            // Unless there was a commit since.
            let _ = self.frames.compare_exchange(frames, 0, Ordering::Relaxed, Ordering::Relaxed);
        }
        let state = self.lock();
        self.restarting.store(false, Ordering::Relaxed);
        self.restart.notify_all();
        drop(state);
        restarted
    }

    /// Moves the log into the file and makes it empty, unless somebody is in the way.
    pub(super) fn empty(&self, connection: &Sqlite) -> Option<()> {
        let truncated = match log::catch_up(connection, PASSES) {
            Ok(frames) if !frames.is_nearly_done() => Ok(false),
            Ok(_) => log::truncate(connection, PATIENCE),
            Err(error) if error.is_busy() => Ok(false),
            Err(error) => Err(error),
        };
        let mut state = self.lock();
        state.truncate = false;
        state.truncated = Some(*truncated.as_ref().unwrap_or(&false));
        self.restart.notify_all();
        truncated.map(drop).ok()
    }
}
