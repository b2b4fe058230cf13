//! The size of a file, and giving its free space back to the disk.

use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection as Sqlite;
use rusqlite::wal::CheckpointMode;

use super::error::unless_busy;
use super::log::{Frames, catch_up, checkpoint, finish, frames, start_over, truncate};
use super::{Result, atomically};

/// Frames of the log (8 MiB) after which it starts over. That is earlier than the checkpointer of another connection
/// would do it, which cannot stop a pruning from writing meanwhile.
const LONG: u32 = 2048;

/// The most passes before that. Nobody waits for a pruning, so it can wait for a moment with nothing left to move.
const PASSES: u32 = 5;

/// How long to wait for others that are in the way.
const PATIENCE: Duration = Duration::from_millis(20);

/// How often the log is tried to be moved at the end, and the pause between attempts.
const ATTEMPTS: u32 = 50;
const PAUSE: Duration = Duration::from_millis(20);

/// The pages of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Size {
    /// Bytes of all pages, which is the size of the file once the log is moved into it.
    pub bytes: u64,
    /// Bytes of its free pages.
    pub free_bytes: u64,
}

impl Size {
    /// Bytes of the pages that hold something: the size of the file with all free space given back.
    pub fn used(self) -> u64 {
        self.bytes.saturating_sub(self.free_bytes)
    }
}

/// The size of the database as it is now. Reads two numbers of its header.
///
/// # Errors
///
/// An error of SQLite.
pub(crate) fn size(sqlite: &Sqlite) -> Result<Size> {
    let number = |pragma| sqlite.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let page = number("page_size")?;
    let bytes = |pages: i64| pages.saturating_mul(page).unsigned_abs();
    Ok(Size { bytes: bytes(number("page_count")?), free_bytes: bytes(number("freelist_count")?) })
}

/// Whether the file can give back free space without a full `VACUUM`.
///
/// # Errors
///
/// An error of SQLite.
pub(crate) fn gives_space_back(sqlite: &Sqlite) -> Result<bool> {
    const INCREMENTAL: i64 = 2;
    let mode: i64 = sqlite.pragma_query_value(None, "auto_vacuum", |row| row.get(0))?;
    Ok(mode == INCREMENTAL)
}

/// Gives back free pages at the end of the file, at least one, for as long as `time`, in a transaction of its own.
/// Returns whether there are more.
///
/// # Errors
///
/// An error of SQLite.
pub(crate) fn vacuum_slice(sqlite: &Sqlite, time: Duration) -> Result<bool> {
    atomically(sqlite, || {
        let until = Instant::now() + time;
        // One page a row, for as long as there are free ones.
        let mut vacuum = sqlite.prepare("PRAGMA incremental_vacuum")?;
        let mut pages = vacuum.raw_query();
        while pages.next()?.is_some() && Instant::now() < until {}
        drop(pages);
        drop(vacuum);
        Ok(size(sqlite)?.free_bytes > 0)
    })
}

/// Turns automatic checkpoints of a connection off, in favour of [`restart_if_long`]: inside a commit they would make
/// it longer.
///
/// # Errors
///
/// An error of SQLite.
pub(crate) fn defer_checkpoints(sqlite: &Sqlite) -> Result<()> {
    Ok(sqlite.pragma_update(None, "wal_autocheckpoint", 0)?)
}

/// Moves a long log into the file and makes it start over, unless another connection is in the way.
///
/// # Errors
///
/// An error of SQLite.
pub(crate) fn restart_if_long(sqlite: &Sqlite) -> Result<()> {
    if frames(sqlite)?.left() < LONG {
        return Ok(());
    }
    match unless_busy(catch_up(sqlite, PASSES))? {
        Some(frames) if frames.is_nearly_done() => start_over(sqlite, PATIENCE).map(drop),
        // A reader, or another checkpoint.
        _ => Ok(()),
    }
}

/// Moves all of the log into the file. Waits for some time if another checkpoint or a reader is in the way.
///
/// # Errors
///
/// An error of SQLite.
pub(crate) fn checkpoint_all(sqlite: &Sqlite) -> Result<()> {
    for _ in 0..ATTEMPTS {
        if move_log(sqlite)? {
            break;
        }
        thread::sleep(PAUSE);
    }
    Ok(())
}

/// As [`checkpoint_all`], and leaves nothing of the log on the disk. Returns whether that is so.
///
/// # Errors
///
/// An error of SQLite.
pub(crate) fn cut_off_log(sqlite: &Sqlite) -> Result<bool> {
    for _ in 0..ATTEMPTS {
        let left = unless_busy(catch_up(sqlite, PASSES))?;
        if left.is_some_and(Frames::is_nearly_done) && truncate(sqlite, PATIENCE)? {
            return Ok(true);
        }
        thread::sleep(PAUSE);
    }
    Ok(false)
}

/// Moves as much of the log into the file as possible. Returns whether that is all of it.
fn move_log(sqlite: &Sqlite) -> Result<bool> {
    let pass = unless_busy(checkpoint(sqlite, CheckpointMode::PASSIVE))?;
    match pass.filter(|frames| frames.is_nearly_done()) {
        Some(frames) if frames.left() > 0 => finish(sqlite, PATIENCE),
        done => Ok(done.is_some()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_pages_are_given_back_in_slices() {
        let sqlite = Sqlite::open_in_memory().unwrap();
        sqlite
            .execute_batch(
                "PRAGMA auto_vacuum = INCREMENTAL; CREATE TABLE t (x);
                 WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400)
                 INSERT INTO t SELECT randomblob(4000) FROM n; DELETE FROM t WHERE rowid % 2",
            )
            .unwrap();
        assert!(gives_space_back(&sqlite).unwrap());
        let before = size(&sqlite).unwrap();
        assert!(before.free_bytes > 100 * 4096, "{before:?}");
        assert!(vacuum_slice(&sqlite, Duration::ZERO).unwrap());
        let one = size(&sqlite).unwrap();
        assert!(one.bytes < before.bytes && one.free_bytes > 100 * 4096, "{one:?}");
        assert!(!vacuum_slice(&sqlite, Duration::from_secs(60)).unwrap());
        let after = size(&sqlite).unwrap();
        assert_eq!((after.free_bytes, after.used()), (0, after.bytes));
        assert!(after.bytes <= before.used());
        let rows: i64 = sqlite.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 200);
    }
}
