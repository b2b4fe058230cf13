//! The write-ahead log: its length, moving it into the file, and starting it over.
//!
//! A log starts over when all of it is in the file and flushed, while nobody writes. That blocks writers for as long
//! as something is left to move and to flush, and SQLite flushes the file only in the checkpoint that reaches the end
//! of the log. So nearly everything is moved and flushed before, while others can still write.

use std::ffi::c_int;
use std::ptr;
use std::time::Duration;

use rusqlite::wal::CheckpointMode;
use rusqlite::{Connection as Sqlite, MAIN_DB, ffi};

use super::error::unless_busy;
use super::pragma::{retry_while_busy, without_a_lock};
use super::{Error, Result};

/// How long to wait for a commit that is writing the header of the log. That takes nanoseconds, unless the process is
/// stopped.
const HEADER: Duration = Duration::from_secs(1);

/// This number of frames is moved and flushed in less than a millisecond.
const FEW: u32 = 32;

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

/// Moves the log into the file and flushes it, until only [`FEW`] frames are left, or for `most` passes. Returns the
/// frames after the last pass; some are left if a reader needs the log.
pub(super) fn catch_up(connection: &Sqlite, most: u32) -> Result<Frames> {
    let mut passes = 0;
    loop {
        let pass = checkpoint(connection, CheckpointMode::PASSIVE)?;
        passes += 1;
        // If nothing was written meanwhile, SQLite has flushed the file.
        if pass.left() > 0 || passes == most || frames(connection)?.left() == 0 {
            return Ok(pass);
        }
        flush(connection)?;
        if frames(connection)?.left() <= FEW {
            return Ok(pass);
        }
    }
}

/// Makes the next commit write to the start of the log again. Waits for readers and writers for as long as
/// `patience`, without holding a lock. Returns whether it is done.
pub(super) fn start_over(connection: &Sqlite, patience: Duration) -> Result<bool> {
    start_over_by(connection, patience, CheckpointMode::RESTART)
}

/// As [`start_over`], and leaves nothing of the log on the disk.
pub(super) fn cut_off(connection: &Sqlite, patience: Duration) -> Result<bool> {
    start_over_by(connection, patience, CheckpointMode::TRUNCATE)
}

fn start_over_by(connection: &Sqlite, patience: Duration, mode: CheckpointMode) -> Result<bool> {
    let restart = || checkpoint(connection, mode);
    Ok(unless_busy(without_a_lock(connection, patience, restart))?.is_some())
}

/// Flushes the file, without the log.
fn flush(connection: &Sqlite) -> Result<()> {
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
    check(code)?;
    // SAFETY: the file is the connection's, open as long as that, and used by this thread alone; its methods live
    // as long as the program.
    let sync = unsafe { file.as_ref().and_then(|file| file.pMethods.as_ref()) };
    match sync.and_then(|methods| methods.xSync) {
        // SAFETY: as above.
        Some(sync) => check(unsafe { sync(file, ffi::SQLITE_SYNC_NORMAL) }),
        None => Ok(()),
    }
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
