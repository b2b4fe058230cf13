//! A copy of a database while it is in use.
//!
//! SQLite's backup reads the source page by page, and starts over whenever another connection has written in between.
//! With a steady writer it would never end. So one read transaction holds a snapshot of the source for the whole
//! copy. With a write-ahead log that blocks nobody. Only the log cannot start over meanwhile, and grows. (A file in
//! another mode, which is open for reading only here, is locked for writers as by any long read.)
//!
//! The copy is made under a temporary name beside the target, and replaces the target once it is complete and on the
//! disk.

use std::io::{Seek, SeekFrom, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::backup::{self, StepResult};
use rusqlite::{Connection as Sqlite, OpenFlags, ffi};

use super::error::unless_busy;
use super::options::{Extension, Location, OpenOptions};
use super::replacement::Replacement;
use super::{Connection, Error, Result, connect, files, restore, scrub_everything};

/// Pages between two calls of `on_progress`: 2 MiB take some milliseconds.
const PAGES: i32 = 512;

/// The pause after each step, for others that use the disk.
const PAUSE: Duration = Duration::from_millis(1);

/// The position in the header of the versions for writing and reading, and their values for a rollback journal.
/// <https://www.sqlite.org/fileformat2.html#file_format_version_numbers>
const VERSIONS_AT: u64 = 18;
const ROLLBACK_JOURNAL: [u8; 2] = [1, 1];

/// The progress of a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The pages of the snapshot.
    pub total_pages: u32,
    /// The pages that are not copied yet.
    pub remaining_pages: u32,
}

/// A snapshot to be copied. It has a connection of its own, which may move to another thread.
#[derive(Debug)]
pub struct Source {
    sqlite: Sqlite,
    patience: Duration,
    path: String,
}

impl Connection {
    /// A snapshot of this database to be copied. Deferred writes are done first. A database in memory is copied at
    /// once, in memory, because no other connection can see it.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`], or an error of SQLite: `SQLITE_BUSY` for a database in memory inside a transaction that has
    /// written.
    pub fn backup_source(&self) -> Result<Source> {
        // A copy has all bytes of a page, those that nobody needs as well.
        // Where another connection keeps the lock, a copy is worth more than a clean one.
        unless_busy(self.settle_removals())?;
        let sqlite = self.snapshot()?;
        if self.is_memory() && self.owed().is_owed() {
            sqlite.execute_batch("COMMIT")?;
            scrub_everything(&sqlite, |_| ControlFlow::Continue(()))?;
        }
        Ok(Source { sqlite, patience: self.options().timeout, path: self.path().to_owned() })
    }

    /// A connection of its own, which may move to another thread. It sees the present state of this database until it
    /// is dropped. Deferred writes are done first. A database in memory is copied at once, in memory, because no
    /// other connection can see it.
    ///
    /// # Errors
    ///
    /// As [`backup_source`](Self::backup_source).
    pub(crate) fn snapshot(&self) -> Result<Sqlite> {
        let sqlite = self.settled()?;
        let own = match self.sibling()? {
            Some(own) => own,
            None => copy_in_memory(&sqlite, self.options().extension)?,
        };
        own.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema")?;
        Ok(own)
    }

    /// Whether `file` is the database's own file, or one that SQLite keeps beside it.
    pub fn is_own_file(&self, file: &Path) -> bool {
        matches!(self.location(), Location::File(own) if files::is_part_of(own, file))
    }
}

fn copy_in_memory(sqlite: &Sqlite, extension: Extension) -> Result<Sqlite> {
    let mut copy = connect::in_memory(OpenFlags::SQLITE_OPEN_READ_WRITE, extension)?;
    match backup::Backup::new(sqlite, &mut copy)?.step(-1)? {
        StepResult::Done => Ok(()),
        _ => Err(Error::Sqlite {
            code: ffi::SQLITE_BUSY,
            message: "a database in memory cannot be copied inside a transaction that has written"
                .into(),
        }),
    }?;
    Ok(copy)
}

impl Source {
    /// Copies the database to `target`, which is replaced if it exists. `on_progress` is called after every step. If
    /// it breaks, the result is `None`; then, as after an error, `target` is unchanged and no other file is left.
    ///
    /// The copy is one file in rollback mode, which opens anywhere, on read-only media as well.
    ///
    /// # Errors
    ///
    /// `SQLITE_CANTOPEN` if the target, after links are followed, is not a plain file; if it is a broken link; if no
    /// file can be made there; or if it has a log beside it, which would be taken for the copy's own. Otherwise an
    /// error of SQLite.
    pub fn copy_to(
        self,
        target: &Path,
        on_progress: impl FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Option<Progress>> {
        let named = |error: Error| {
            error.context(format_args!("cannot back up {:?} to {target:?}", self.path))
        };
        self.copy(target, on_progress).map_err(named)
    }

    fn copy(
        &self,
        target: &Path,
        on_progress: impl FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Option<Progress>> {
        let new = Replacement::of(target)?;
        let Some(progress) = self.fill(&new, on_progress)? else {
            return Ok(None);
        };
        new.finish()?;
        Ok(Some(progress))
    }

    /// Copies the database to the place of another one, `target`, if nobody has that open. The old one is kept beside it.
    /// Returns the progress and the name of the old one, if there is one. The rest is as for [`copy_to`](Self::copy_to).
    ///
    /// # Errors
    ///
    /// As [`copy_to`](Self::copy_to), but for a log; `SQLITE_BUSY` if somebody has the old one open.
    pub(crate) fn restore_to(
        self,
        target: &Path,
        on_progress: impl FnMut(Progress) -> ControlFlow<()>,
        adapt: impl FnOnce(&Sqlite) -> Result<()>,
    ) -> Result<Option<(Progress, Option<PathBuf>)>> {
        let new = Replacement::of_database(target)?;
        let Some(progress) = self.fill(&new, on_progress)? else {
            return Ok(None);
        };
        let copy =
            connect::to(new.path(), OpenFlags::SQLITE_OPEN_READ_WRITE, &OpenOptions::default())?;
        copy.pragma_update(None, "journal_mode", "MEMORY")?;
        adapt(&copy)?;
        drop(copy);
        Ok(Some((progress, restore::put_in_place(new)?)))
    }

    /// Makes the new file the copy.
    fn fill(
        &self,
        new: &Replacement,
        on_progress: impl FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Option<Progress>> {
        let io = |error: std::io::Error| Error::io(&error);
        let Some(progress) = self.copy_pages(new, on_progress)? else {
            return Ok(None);
        };
        let mut copy = new.file();
        copy.seek(SeekFrom::Start(VERSIONS_AT)).map_err(io)?;
        copy.write_all(&ROLLBACK_JOURNAL).map_err(io)?;
        Ok(Some(progress))
    }

    fn copy_pages(
        &self,
        new: &Replacement,
        mut on_progress: impl FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Option<Progress>> {
        let mut copy =
            connect::to(new.path(), OpenFlags::SQLITE_OPEN_READ_WRITE, &OpenOptions::default())?;
        new.check()?;
        // An unfinished copy need not survive a failure, and the whole copy is flushed once.
        copy.pragma_update(None, "journal_mode", "MEMORY")?;
        copy.pragma_update(None, "synchronous", "OFF")?;
        let deadline = Instant::now() + self.patience;
        let backup = backup::Backup::new(&self.sqlite, &mut copy)?;
        loop {
            let step = backup.step(PAGES)?;
            if matches!(step, StepResult::Busy | StepResult::Locked) {
                if Instant::now() >= deadline {
                    let message = "the database is locked".into();
                    return Err(Error::Sqlite { code: ffi::SQLITE_BUSY, message });
                }
                thread::sleep(PAUSE);
                continue;
            }
            let pages = backup.progress();
            let count = |pages| u32::try_from(pages).unwrap_or(0);
            let progress = Progress {
                total_pages: count(pages.pagecount),
                remaining_pages: count(pages.remaining),
            };
            if on_progress(progress).is_break() {
                return Ok(None);
            }
            if step == StepResult::Done {
                return Ok(Some(progress));
            }
            thread::sleep(PAUSE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn open(file: &Path) -> Connection {
        let location = Location::File(file.to_owned());
        Connection::open(&file.to_string_lossy(), location, &OpenOptions::default()).unwrap()
    }

    fn fill(connection: &Connection, rows: u32) {
        let sqlite = connection.sqlite().unwrap();
        sqlite
            .execute(
                "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
                 INSERT INTO session_outputs (session_id, timestamp, type, data)
                 SELECT 's', '2026-01-01T00:00:00.000Z', 'stdout', hex(randomblob(500)) FROM n",
                [rows],
            )
            .unwrap();
    }

    fn count(file: &Path) -> (i64, String) {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        let copy = Sqlite::open_with_flags(file, flags).unwrap();
        let check = copy.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        let rows = copy.query_row("SELECT count(*) FROM session_outputs", [], |row| row.get(0));
        (rows.unwrap(), check)
    }

    #[test]
    fn a_backup_is_one_file_in_rollback_mode() {
        let folder = tempfile::tempdir().unwrap();
        let connection = open(&folder.path().join("a.db"));
        fill(&connection, 3_000);
        let target = folder.path().join("copies/b.db");
        let mut steps = Vec::new();
        let end = connection.backup_source().unwrap().copy_to(&target, |progress| {
            steps.push(progress.remaining_pages);
            ControlFlow::Continue(())
        });
        let end = end.unwrap().unwrap();
        assert!(steps.len() > 1 && steps.is_sorted_by(|one, next| one > next), "{steps:?}");
        let bytes = fs::read(&target).unwrap();
        assert_eq!((end.remaining_pages, bytes.len()), (0, end.total_pages as usize * 4096));
        assert_eq!(bytes[18..20], ROLLBACK_JOURNAL);
        assert_eq!(count(&target), (3_000, "ok".into()));
        assert_eq!(fs::read_dir(target.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_backup_leaves_out_later_writes_and_does_not_start_over() {
        let folder = tempfile::tempdir().unwrap();
        let connection = open(&folder.path().join("a.db"));
        fill(&connection, 3_000);
        let target = folder.path().join("b.db");
        let mut steps = 0;
        let copied = connection.backup_source().unwrap().copy_to(&target, |_| {
            steps += 1;
            fill(&connection, 100);
            ControlFlow::Continue(())
        });
        let total = copied.unwrap().unwrap().total_pages;
        assert_eq!(count(&target), (3_000, "ok".into()));
        assert_eq!(steps, (total as usize).div_ceil(PAGES as usize));
    }

    #[test]
    fn a_cancelled_or_failed_backup_leaves_the_target_unchanged() {
        let folder = tempfile::tempdir().unwrap();
        let connection = open(&folder.path().join("a.db"));
        fill(&connection, 3_000);
        let copies = folder.path().join("copies");
        fs::create_dir(&copies).unwrap();
        let target = copies.join("b.db");
        fs::write(&target, "kept").unwrap();
        let source = || connection.backup_source().unwrap();
        assert_eq!(source().copy_to(&target, |_| ControlFlow::Break(())).unwrap(), None);
        fs::write(copies.join("b.db-wal"), "").unwrap();
        let error = source().copy_to(&target, |_| ControlFlow::Continue(())).unwrap_err();
        assert!(error.to_string().contains("b.db-wal"), "{error}");
        source().copy_to(&copies, |_| ControlFlow::Continue(())).unwrap_err();
        assert_eq!(fs::read_to_string(&target).unwrap(), "kept");
        assert_eq!(fs::read_dir(&copies).unwrap().count(), 2);
    }

    #[test]
    fn a_database_in_memory_is_copied_when_the_backup_begins() {
        let folder = tempfile::tempdir().unwrap();
        let connection =
            Connection::open(":memory:", Location::Memory, &OpenOptions::default()).unwrap();
        fill(&connection, 10);
        let source = connection.backup_source().unwrap();
        fill(&connection, 10);
        let target = folder.path().join("b.db");
        source.copy_to(&target, |_| ControlFlow::Continue(())).unwrap().unwrap();
        assert_eq!(count(&target), (10, "ok".into()));
        connection.sqlite().unwrap().execute_batch("BEGIN IMMEDIATE").unwrap();
        let error = connection.backup_source().unwrap_err();
        assert_eq!(error.code_name().unwrap(), "SQLITE_BUSY");
    }

    #[cfg(unix)]
    #[test]
    fn the_own_file_of_a_database_is_recognized_by_any_name() {
        let folder = tempfile::tempdir().unwrap();
        let connection = open(&folder.path().join("a.db"));
        let at = |name: &str| folder.path().join(name);
        std::os::unix::fs::symlink(at("a.db"), at("link")).unwrap();
        fs::hard_link(at("a.db"), at("hard")).unwrap();
        for own in ["a.db", "a.db-wal", "a.db-shm", "a.db-journal", "link", "hard", "../x/a.db"] {
            let own = if let Some(rest) = own.strip_prefix("../x") {
                folder.path().join(".").join(&rest[1..])
            } else {
                at(own)
            };
            assert!(connection.is_own_file(&own), "{own:?}");
        }
        assert!(!connection.is_own_file(&at("b.db")));
    }
}
