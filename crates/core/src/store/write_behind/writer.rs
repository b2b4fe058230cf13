//! The thread that writes queued rows, with a connection of its own.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use rusqlite::Connection as Sqlite;

use super::Shared;
use super::group::Group;
use crate::sqlite::{self, Siblings, wait_at_most};

/// How long the thread waits for a lock before it checks whether rows are still queued.
const LOCK_PATIENCE: Duration = Duration::from_millis(10);

/// The pause after a failure.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// The longest pause, if each attempt is expensive.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// When the thread ends, for whatever reason, `append` writes directly from then on.
struct Gone<'a>(&'a Shared);

impl Drop for Gone<'_> {
    fn drop(&mut self) {
        self.0.lock().gone = true;
    }
}

/// The file that the thread writes to. It is opened when there is something to write.
pub(super) struct Writer {
    siblings: Siblings,
    sqlite: Option<Sqlite>,
}

impl Writer {
    pub(super) fn new(siblings: Siblings) -> Self {
        Self { siblings, sqlite: None }
    }

    pub(super) fn run(mut self, shared: &Shared) {
        let _gone = Gone(shared);
        let mut pause = RETRY_PAUSE;
        while wait_for_a_group(shared) {
            let written = self.write_group(shared);
            let mut queue = shared.lock();
            queue.busy = false;
            if queue.paused {
                shared.settled.notify_all();
            }
            match written {
                // Without anything to write, it has not recovered yet.
                Ok(wrote) => {
                    queue.failing &= !wrote;
                    pause = RETRY_PAUSE;
                }
                Err(error) => {
                    // The file's own SQL takes its time, and much log, at every attempt.
                    pause = if error.is_interrupt() {
                        (pause * 4).min(LONGEST_PAUSE)
                    } else {
                        RETRY_PAUSE
                    };
                    if !std::mem::replace(&mut queue.failing, true) {
                        // Wakes a thread that waits for room: it makes room itself, or reports the error.
                        shared.settled.notify_all();
                        if let Some(tell) = &shared.on_error {
                            tell(&error);
                        }
                    }
                    if queue.stop {
                        // Another attempt would not help.
                        return;
                    }
                    let waited = shared.news.wait_timeout(queue, pause);
                    drop(waited);
                }
            }
        }
    }

    /// Writes the rows that are queued when the write lock is held. Returns whether there were any.
    fn write_group(&mut self, shared: &Shared) -> sqlite::Result<bool> {
        let Some(group) = self.take_group(shared)? else {
            return Ok(false);
        };
        self.commit_group(group).map(|()| true)
    }

    /// Takes a group while holding SQLite's write lock, so that a thread with a group never waits for the lock.
    pub(super) fn take_group<'a>(
        &mut self,
        shared: &'a Shared,
    ) -> sqlite::Result<Option<Group<'a>>> {
        let sqlite = match &mut self.sqlite {
            Some(sqlite) => sqlite,
            unopened => {
                // Nothing waits for a thread that has no group, so opening may take as long as a caller would wait. The
                // rows of a Worker that was terminated depend on it.
                let sqlite = self.siblings.open_governed()?;
                wait_at_most(&sqlite, LOCK_PATIENCE.min(self.siblings.timeout()));
                unopened.insert(sqlite)
            }
        };
        if !begin(sqlite, shared, self.siblings.timeout())? {
            return Ok(None);
        }
        let group = Group::take(shared, true);
        if group.is_none() {
            sqlite.prepare_cached("ROLLBACK")?.raw_execute()?;
        }
        Ok(group)
    }

    /// Writes a group, and releases the lock.
    pub(super) fn commit_group(&self, group: Group<'_>) -> sqlite::Result<()> {
        let Some(sqlite) = &self.sqlite else {
            return Ok(());
        };
        group.write_and_commit(sqlite)
    }
}

#[cfg(test)]
impl Writer {
    /// As [`commit_group`](Self::commit_group) on a full disk.
    pub(super) fn fail_group(&self, group: Group<'_>) {
        drop(group);
        self.roll_back();
    }

    /// Returns the lock back, if it has it.
    pub(super) fn roll_back(&self) {
        if let Some(sqlite) = self.sqlite.as_ref().filter(|sqlite| !sqlite.is_autocommit()) {
            sqlite.execute_batch("ROLLBACK").unwrap();
        }
    }
}

/// Waits until a group is due; `false` if there will be none.
fn wait_for_a_group(shared: &Shared) -> bool {
    let mut queue = shared.lock();
    loop {
        if queue.is_writing() {
            queue = shared.wait_while_writing(queue);
            continue;
        }
        let is_due = !queue.is_empty() && !queue.paused;
        let Some(oldest) = queue.oldest().filter(|_| is_due) else {
            if queue.stop {
                return false;
            }
            queue = shared.news.wait(queue).unwrap_or_else(PoisonError::into_inner);
            continue;
        };
        // Half of the delay is for gathering, half for the commit.
        let due = oldest + shared.settings.max_delay / 2;
        let left = due.saturating_duration_since(Instant::now());
        if left.is_zero() || queue.stop || queue.bytes() >= shared.settings.max_bytes / 2 {
            queue.busy = true;
            return true;
        }
        let waited = shared.news.wait_timeout(queue, left);
        queue = waited.unwrap_or_else(PoisonError::into_inner).0;
    }
}

/// Begins a transaction that holds the write lock, unless the queue is emptied meanwhile.
fn begin(sqlite: &Sqlite, shared: &Shared, timeout: Duration) -> sqlite::Result<bool> {
    let deadline = Instant::now() + timeout;
    loop {
        match sqlite.prepare_cached("BEGIN IMMEDIATE")?.raw_execute().map_err(sqlite::Error::from) {
            Ok(_) => return Ok(true),
            Err(error) if !error.is_busy() || Instant::now() >= deadline => return Err(error),
            Err(_) if shared.lock().is_empty() => return Ok(false),
            Err(_) => {}
        }
    }
}
