//! The write-ahead log: its length, moving it into the file, and starting it over.
//!
//! A log starts over when all of it is in the file and flushed, while nobody writes. That blocks writers for as long
//! as something is left to move and to flush, and SQLite flushes the file only in the checkpoint that reaches the end
//! of the log. So nearly everything is moved and flushed before, while others can still write.

use std::ffi::{CStr, c_int};
use std::path::PathBuf;
use std::time::Duration;
use std::{ptr, thread};

use rusqlite::wal::CheckpointMode;
use rusqlite::{Connection as Sqlite, MAIN_DB, ffi};

use super::error::unless_busy;
use super::pragma::{retry_while_busy, without_a_lock};
use super::transaction::immediate;
use super::vfs::LAG;
use super::{Error, Result, files};

/// How long to wait for a commit that is writing the header of the log. That takes nanoseconds, unless the process is
/// stopped.
const HEADER: Duration = Duration::from_secs(1);

/// This number of frames is moved and flushed in less than a millisecond. A writer keeps no more of them, with those of its
/// commit.
const FEW: u32 = 2 * LAG;

/// How often the same must be found before a reader counts as one that stays, and the pauses between.
const LOOKS: u32 = 4;
const BETWEEN: Duration = Duration::from_millis(2);

/// The frames of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frames {
    /// The number of frames.
    pub(super) log: u32,
    /// How many of them are in the file.
    pub(super) done: u32,
}

impl Frames {
    pub(super) fn left(self) -> u32 {
        self.log.saturating_sub(self.done)
    }

    /// Whether no more are left than a writer keeps, or what is moved in no time.
    pub(super) fn is_nearly_done(self) -> bool {
        self.left() <= FEW
    }
}

/// The present frames.
pub(super) fn frames(connection: &Sqlite) -> Result<Frames> {
    // A commit may just be writing the header of the log's index.
    retry_while_busy(HEADER, || checkpoint(connection, CheckpointMode::NOOP))
}

/// The frames after a checkpoint, without those that came during it.
pub(super) fn checkpoint(connection: &Sqlite, mode: CheckpointMode) -> Result<Frames> {
    let (log, done) = connection.wal_checkpoint_v2(Some(MAIN_DB), mode)?;
    // Both are -1 in a database that is not in WAL mode.
    let frames = |count| u32::try_from(count).unwrap_or(0);
    Ok(Frames { log: frames(log), done: frames(done) })
}

/// Moves the log into the file and flushes it, until only [`FEW`] frames are left, or for `most` passes, and for no longer than they
/// help. Returns the frames after the last pass; more are left if a reader needs the log.
pub(super) fn catch_up(connection: &Sqlite, most: u32) -> Result<Frames> {
    let (mut before, mut done) = (u32::MAX, frames(connection)?.done);
    let mut passes = 0;
    loop {
        let pass = checkpoint(connection, CheckpointMode::PASSIVE)?;
        passes += 1;
        // If nothing was written meanwhile, SQLite has flushed the file.
        if !pass.is_nearly_done() || passes == most || frames(connection)?.left() == 0 {
            return Ok(pass);
        }
        if pass.left() > 0 && pass.done <= done {
            // Nothing was moved, so there is nothing to flush: a reader keeps the few that are left.
            return Ok(pass);
        }
        done = pass.done;
        flush(connection)?;
        let now = frames(connection)?;
        // A writer that is faster than the disk is not caught up with, and every flush is in its way.
        if now.is_nearly_done() || now.left() > before / 4 * 3 {
            return Ok(pass);
        }
        before = now.left();
    }
}

/// Moves the rest of the log into the file, while nobody writes. Waits for writers for as long as `patience`, without holding a
/// lock. Returns whether all is moved.
pub(super) fn finish(connection: &Sqlite, patience: Duration) -> Result<bool> {
    let finish = || checkpoint(connection, CheckpointMode::FULL);
    let done = unless_busy(without_a_lock(connection, patience, finish))?;
    Ok(done.is_some_and(|frames| frames.left() == 0))
}

/// Makes the next commit write to the start of the log again. Waits for readers and writers for as long as
/// `patience`, without holding a lock. Returns whether it is done.
pub(super) fn start_over(connection: &Sqlite, patience: Duration) -> Result<bool> {
    let restart = || checkpoint(connection, CheckpointMode::RESTART);
    Ok(unless_busy(without_a_lock(connection, patience, restart))?.is_some())
}

/// As [`start_over`], and leaves nothing of the log on the disk.
pub(super) fn truncate(connection: &Sqlite, patience: Duration) -> Result<bool> {
    let truncate = || checkpoint(connection, CheckpointMode::TRUNCATE);
    Ok(unless_busy(without_a_lock(connection, patience, truncate))?.is_some())
}

/// Whether a reader keeps the log from being moved into the file, or from starting over. A writer does so, too, but only
/// until its commit. So the same must be found [`LOOKS`] times, each time after the write lock was free. `false` if it
/// is not free within `patience`.
pub(super) fn is_pinned(connection: &Sqlite, patience: Duration) -> Result<bool> {
    for _ in 0..LOOKS {
        let before = frames(connection)?;
        let lock = || immediate(connection).map(drop);
        if unless_busy(without_a_lock(connection, patience, lock))?.is_none() {
            return Ok(false);
        }
        let Some(pass) = unless_busy(checkpoint(connection, CheckpointMode::PASSIVE))? else {
            return Ok(false);
        };
        let is_kept = if pass.is_nearly_done() {
            unless_busy(checkpoint_at_once(connection))?.is_none()
        } else {
            pass.done < before.log
        };
        if !is_kept || pass.log < before.log {
            return Ok(false);
        }
        thread::sleep(BETWEEN);
    }
    Ok(true)
}

/// A restart that waits for nobody.
fn checkpoint_at_once(connection: &Sqlite) -> Result<Frames> {
    without_a_lock(connection, Duration::ZERO, || checkpoint(connection, CheckpointMode::RESTART))
}

/// The handle of a connection, for hooks, which run on the connection's thread while it is open. Other threads may ask
/// it only whether a transaction is open.
#[derive(Debug)]
pub(super) struct Handle(*mut ffi::sqlite3);

// SAFETY: it is only used in hooks of the connection, as its constructor demands, but for a call that any thread may make.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

impl Handle {
    /// That of `connection`. The caller uses it while that is open, and in its hooks only, but for `in_transaction`.
    pub(super) fn of(connection: &Sqlite) -> Self {
        // SAFETY: it is not used to close the connection.
        Self(unsafe { connection.handle() })
    }

    /// That which a hook of the connection was given.
    pub(super) fn of_hook(handle: *mut ffi::sqlite3) -> Self {
        Self(handle)
    }

    /// Whether a transaction is open. Any thread may ask; the answer may be old by then.
    pub(super) fn in_transaction(&self) -> bool {
        // SAFETY: the connection is open. SQLite allows this call beside others, where its answer is of little use.
        unsafe { ffi::sqlite3_get_autocommit(self.0) == 0 }
    }

    /// The file of the database with this name.
    pub(super) fn file_of(&self, name: &CStr) -> Option<PathBuf> {
        // SAFETY: the connection is open, and nobody detaches a database during a hook.
        let file = unsafe {
            let file = ffi::sqlite3_db_filename(self.0, name.as_ptr());
            (!file.is_null()).then(|| CStr::from_ptr(file))
        }?;
        (!file.is_empty()).then(|| files::path_of(file.to_bytes()))
    }

    /// As [`set_up`].
    pub(super) fn set_up(&self, name: &CStr, limit: u64) -> Option<u32> {
        // SAFETY: the connection is open, and is not closed by this.
        let connection = unsafe { Sqlite::from_handle(self.0) }.ok()?;
        set_up(&connection, name.to_str().ok()?, limit).ok()
    }

    /// Whether its file is not in its place any more.
    pub(super) fn has_moved(&self, name: &CStr) -> bool {
        let mut moved: c_int = 0;
        // SAFETY: the connection is open, and this operation writes a number to where its last argument points.
        unsafe {
            ffi::sqlite3_file_control(
                self.0,
                name.as_ptr(),
                ffi::SQLITE_FCNTL_HAS_MOVED,
                (&raw mut moved).cast(),
            );
        }
        moved != 0
    }
}

/// Has the log of the database with this name cut to twice `limit` bytes when it starts over: a reader may have made it longer.
/// That is done by a commit, and takes a file system many milliseconds; a flood alone makes no log so long. Returns the size of
/// the pages.
pub(super) fn set_up(connection: &Sqlite, name: &str, limit: u64) -> Result<u32> {
    let limit = i64::try_from(limit.saturating_mul(2)).unwrap_or(i64::MAX);
    connection.pragma_update(Some(name), "journal_size_limit", limit)?;
    Ok(connection.pragma_query_value(Some(name), "page_size", |row| row.get(0))?)
}

/// Whether the file of the database is not in its place any more. It compares less than `Presence` does.
pub(super) fn has_moved(connection: &Sqlite) -> bool {
    Handle::of(connection).has_moved(MAIN_DB)
}

/// Locks a file that SQLite can read nothing of, for this connection alone and until it is closed.
pub(super) fn lock_damaged(connection: &Sqlite) -> Result<()> {
    let file = file_of(connection)?;
    // SAFETY: as in `flush`.
    let lock = unsafe { file.as_ref().and_then(|file| file.pMethods.as_ref()) };
    if let Some(lock) = lock.and_then(|methods| methods.xLock) {
        for level in
            [ffi::SQLITE_LOCK_SHARED, ffi::SQLITE_LOCK_RESERVED, ffi::SQLITE_LOCK_EXCLUSIVE]
        {
            // SAFETY: as in `flush`. Locks are taken in this order.
            check(unsafe { lock(file, level) })?;
        }
    }
    Ok(())
}

/// Flushes the file, without the log.
fn flush(connection: &Sqlite) -> Result<()> {
    let file = file_of(connection)?;
    // SAFETY: the file is the connection's, open as long as that, and used by this thread alone; its methods live
    // as long as the program.
    let sync = unsafe { file.as_ref().and_then(|file| file.pMethods.as_ref()) };
    match sync.and_then(|methods| methods.xSync) {
        // SAFETY: as above.
        Some(sync) => check(unsafe { sync(file, ffi::SQLITE_SYNC_NORMAL) }),
        None => Ok(()),
    }
}

/// SQLite's own file of the database.
fn file_of(connection: &Sqlite) -> Result<*mut ffi::sqlite3_file> {
    let mut file: *mut ffi::sqlite3_file = ptr::null_mut();
    // SAFETY: the connection is open, and this operation writes a pointer to where its last argument points.
    let code = unsafe {
        ffi::sqlite3_file_control(
            connection.handle(),
            MAIN_DB.as_ptr(),
            ffi::SQLITE_FCNTL_FILE_POINTER,
            (&raw mut file).cast(),
        )
    };
    check(code).map(|()| file)
}

fn check(code: c_int) -> Result<()> {
    match code {
        ffi::SQLITE_OK => Ok(()),
        code => Err(Error::Sqlite { code, message: ffi::code_to_str(code).into() }),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use tempfile::TempDir;

    use super::super::turns::Turns;
    use super::*;

    const MOMENT: Duration = Duration::from_millis(20);

    fn file() -> (TempDir, impl Fn() -> Sqlite) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.db");
        let open = move || {
            let connection = Sqlite::open(&file).unwrap();
            Turns::take(&connection, Duration::from_secs(5)).unwrap();
            // Its first read opens the log.
            connection
                .execute_batch("PRAGMA journal_mode = WAL; SELECT 1 FROM sqlite_schema")
                .unwrap();
            connection
        };
        open().execute_batch("CREATE TABLE t (x)").unwrap();
        (folder, open)
    }

    fn write(connection: &Sqlite) {
        connection.execute_batch("INSERT INTO t VALUES (1)").unwrap();
    }

    #[test]
    fn the_log_starts_over_once_nobody_needs_it() {
        let (_folder, open) = file();
        let (writer, reader, other) = (open(), open(), open());
        write(&writer);
        reader.execute_batch("BEGIN; SELECT x FROM t").unwrap();
        write(&writer);
        assert!(catch_up(&other, 3).unwrap().left() > 0);
        assert!(!start_over(&other, MOMENT).unwrap());
        // The attempt held no write lock, and the timeout is as before.
        Turns::of(&writer).unwrap().set_timeout(Duration::ZERO);
        write(&writer);
        assert_eq!(Turns::of(&other).unwrap().timeout(), Duration::from_secs(5));
        reader.execute_batch("COMMIT").unwrap();
        assert_eq!(catch_up(&other, 3).unwrap().left(), 0);
        let long = frames(&other).unwrap();
        assert!(start_over(&other, MOMENT).unwrap());
        write(&writer);
        assert!(frames(&other).unwrap().log < long.log);
    }

    #[test]
    fn a_writer_is_waited_for() {
        let (_folder, open) = file();
        let (writer, other) = (open(), open());
        writer.execute_batch("BEGIN IMMEDIATE").unwrap();
        let began = Instant::now();
        assert!(!start_over(&other, MOMENT).unwrap());
        assert!(began.elapsed() >= MOMENT);
        writer.execute_batch("COMMIT").unwrap();
        assert!(start_over(&other, MOMENT).unwrap());
    }

    #[test]
    fn a_database_in_memory_has_nothing_to_flush() {
        let memory = Sqlite::open_in_memory().unwrap();
        flush(&memory).unwrap();
        assert_eq!(catch_up(&memory, 1).unwrap(), Frames { log: 0, done: 0 });
    }

    #[cfg(unix)]
    #[test]
    fn a_header_that_is_being_written_is_waited_for() {
        use std::fs::OpenOptions;
        use std::os::unix::fs::FileExt;

        let (folder, open) = file();
        let (writer, other) = (open(), open());
        writer.execute_batch("BEGIN IMMEDIATE").unwrap();
        let before = frames(&other).unwrap();
        // The two copies of the header differ while it is written.
        let index = OpenOptions::new().read(true).write(true).open(folder.path().join("a.db-shm"));
        let index = index.unwrap();
        let mut byte = [0];
        index.read_exact_at(&mut byte, 8).unwrap();
        index.write_all_at(&[!byte[0]], 8).unwrap();
        assert!(checkpoint(&other, CheckpointMode::NOOP).unwrap_err().is_busy());
        let written = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            index.write_all_at(&byte, 8).unwrap();
        });
        assert_eq!(frames(&other).unwrap(), before);
        written.join().unwrap();
    }
}
