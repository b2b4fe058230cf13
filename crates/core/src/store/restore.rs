//! Restores a backup: puts it in the place of a database that nobody uses.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use rusqlite::Connection as Sqlite;

use super::{Result, changes, verify};
use crate::sqlite::{self, Connection, Location, OpenOptions, Progress};

/// The result of a restoration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The pages of the database.
    pub pages: u32,
    /// Where the old database is now, if there was one.
    pub kept: Option<PathBuf>,
}

/// Puts a copy of `backup`, a sound database, in the place of `file`. The old database is kept beside it, whole and
/// without a log; if it is damaged, its log is beside it. Whoever reads changes is told of every session anew, and of those
/// that only the old database had as removed. `on_progress` is called after every step; if it breaks, the
/// result is `None`, and nothing is changed.
///
/// # Errors
///
/// `SQLITE_CORRUPT` if something is wrong with `backup`, and the error of an opening if it cannot be read; `SQLITE_BUSY`
/// if somebody has `file` open; `SQLITE_CANTOPEN` if `file` is the backup itself, or no plain file, or cannot be made.
pub fn restore(
    backup: &Path,
    file: &Path,
    on_progress: impl FnMut(Progress) -> ControlFlow<()>,
) -> Result<Option<Restored>> {
    let named = |error: sqlite::Error| error.context(format_args!("cannot restore {file:?}"));
    if sqlite::is_part_of(backup, file) || sqlite::is_part_of(file, backup) {
        let message = "it is the backup itself, or a part of it; choose another path";
        return Err(named(sqlite::Error::cannot_open(message)).into());
    }
    let options = OpenOptions { readonly: true, file_must_exist: true, ..OpenOptions::default() };
    let location = Location::File(backup.to_owned());
    let source = Connection::open(&backup.to_string_lossy(), location, &options)?;
    if let Some(problem) = verify::verify(&source)?.problems.first() {
        return Err(named(sqlite::Error::damaged(backup, problem)).into());
    }
    let known = sqlite::read_only(file).and_then(|old| changes::known(&old));
    let adapt = |new: &Sqlite| changes::renew(new, &known.unwrap_or_default());
    let restored = source.backup_source()?.restore_to(file, on_progress, adapt).map_err(named)?;
    Ok(restored.map(|(progress, kept)| Restored { pages: progress.total_pages, kept }))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn open(file: &Path) -> Connection {
        let location = Location::File(file.to_owned());
        Connection::open(&file.to_string_lossy(), location, &OpenOptions::default()).unwrap()
    }

    fn mark(file: &Path, mark: u32) {
        open(file).execute(&format!("PRAGMA application_id = {mark}")).unwrap();
    }

    fn mark_of(file: &Path) -> u32 {
        let connection = rusqlite::Connection::open(file).unwrap();
        connection.pragma_query_value(None, "application_id", |row| row.get(0)).unwrap()
    }

    fn restore_from(backup: &Path, file: &Path) -> Result<Option<Restored>> {
        restore(backup, file, |_| ControlFlow::Continue(()))
    }

    #[test]
    fn the_old_database_is_kept_with_what_its_log_held() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        mark(&at("backup.db"), 1);
        // A copy of a database and its log, as a process that was killed leaves them.
        let killed = open(&at("killed.db"));
        killed.execute("PRAGMA application_id = 2").unwrap();
        for suffix in ["", "-wal"] {
            let name = |name: &str| at(&format!("{name}{suffix}"));
            fs::copy(name("killed.db"), name("a.db")).unwrap();
        }
        assert!(fs::metadata(at("a.db-wal")).unwrap().len() > 0);
        let first = restore_from(&at("backup.db"), &at("a.db")).unwrap().unwrap();
        assert_eq!(
            first.kept.as_deref(),
            Some(&*fs::canonicalize(at("a.db.before-restore")).unwrap())
        );
        assert_eq!((mark_of(&at("a.db")), mark_of(&at("a.db.before-restore"))), (1, 2));
        assert!(!at("a.db-wal").exists() && !at("a.db-shm").exists());
        restore_from(&at("a.db.before-restore"), &at("a.db")).unwrap().unwrap();
        assert_eq!((mark_of(&at("a.db")), mark_of(&at("a.db.before-restore-2"))), (2, 1));
    }

    #[test]
    fn a_damaged_database_keeps_its_log_and_one_in_use_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        mark(&at("backup.db"), 1);
        let used = open(&at("a.db"));
        let refused = |file: &str| {
            let error = restore_from(&at("backup.db"), &at(file)).unwrap_err().to_string();
            assert!(error.contains("somebody has"), "{error}");
        };
        refused("a.db");
        used.execute("PRAGMA user_version").unwrap();
        used.close().unwrap();
        fs::write(at("a.db"), "this is no database ".repeat(99)).unwrap();
        fs::write(at("a.db-wal"), "nor a log").unwrap();
        restore_from(&at("backup.db"), &at("a.db")).unwrap().unwrap();
        assert_eq!(mark_of(&at("a.db")), 1);
        let kept = |name: &str| fs::read_to_string(at(name)).unwrap();
        assert_eq!(kept("a.db.before-restore-wal"), "nor a log");
        assert!(kept("a.db.before-restore").starts_with("this is no database"));
    }

    #[test]
    fn a_restoration_that_is_cancelled_or_whose_backup_is_damaged_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        mark(&at("backup.db"), 1);
        mark(&at("a.db"), 2);
        let cancelled = restore(&at("backup.db"), &at("a.db"), |_| ControlFlow::Break(()));
        assert_eq!(cancelled.unwrap(), None);
        rusqlite::Connection::open(at("other.db"))
            .unwrap()
            .execute_batch("CREATE TABLE t (x)")
            .unwrap();
        let error = restore_from(&at("other.db"), &at("a.db")).unwrap_err().to_string();
        assert!(error.contains("is not one of"), "{error}");
        restore_from(&at("a.db"), &at("a.db")).unwrap_err();
        assert_eq!(mark_of(&at("a.db")), 2);
        // A backup that is in WAL mode has a log beside it while it is read.
        let names = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        assert_eq!(names.filter(|name| name.to_string_lossy().starts_with("a.db")).count(), 1);
    }
}
