//! A database that takes the place of another one, which is kept beside it.
//!
//! A log that stays beside a new file would be read into it. So the old database is locked first, which nobody can who
//! finds it open elsewhere; its log is moved into it, or, where it is damaged, goes along with it.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection as Sqlite, OpenFlags, ffi};

use super::options::OpenOptions;
use super::replacement::Replacement;
use super::{Error, Result, companions, connect, files, log, pragma};

/// How long to wait for somebody who has the old database open. It may be about to close it.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is behind the name of an old database.
const KEPT: &str = ".before-restore";

/// Puts `new` in the place of its target. Returns the name that the old database, or what was left of it, has now.
///
/// # Errors
///
/// `SQLITE_BUSY` if somebody has the old one open; `SQLITE_CANTOPEN` if a file cannot be moved; an error of SQLite.
pub(super) fn put_in_place(new: Replacement) -> Result<Option<PathBuf>> {
    let io = |error: std::io::Error| Error::io(&error);
    let file = files::resolved(new.target());
    companions::check(&file)?;
    // Held until the new file is in its place.
    let lock = match fs::metadata(&file) {
        Ok(old) => {
            take_after(&new, &old).map_err(io)?;
            Some(lock(&file)?)
        }
        Err(_) => None,
    };
    if matches!(lock, Some(Lock::Sound(_))) {
        // While it is locked for good, SQLite leaves a journal behind that says nothing.
        remove(&files::beside(&file, "-journal"))?;
    }
    let left = ["", "-wal", "-journal"];
    let left = left.map(|suffix| (files::beside(&file, suffix), suffix));
    let left: Vec<_> =
        left.into_iter().filter(|(path, _)| path.symlink_metadata().is_ok()).collect();
    let kept = if left.is_empty() { None } else { Some(free_name(&file)) };
    for (old, suffix) in left {
        let Some(kept) = kept.as_ref().map(|kept| files::beside(kept, suffix)) else {
            continue;
        };
        // The database keeps its own name as well until the new file takes that, where the file system can do this.
        if !(suffix.is_empty() && fs::hard_link(&old, &kept).is_ok()) {
            fs::rename(&old, &kept).map_err(io)?;
        }
    }
    remove(&files::beside(&file, "-shm"))?;
    new.finish()?;
    drop(lock);
    Ok(kept)
}

/// A connection that has the old database for itself until it is dropped.
enum Lock {
    /// What was in the log is in the file.
    Sound(#[allow(dead_code, reason = "it is only held")] Sqlite),
    /// SQLite can read nothing of it.
    Damaged(#[allow(dead_code, reason = "it is only held")] Sqlite),
}

/// Removes a file, if it is there.
fn remove(file: &Path) -> Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io(&error)),
        _ => Ok(()),
    }
}

/// Gives the new file the mode and the owner of the old one.
fn take_after(new: &Replacement, old: &fs::Metadata) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, fchown};

        // Only the system's administrator may give files away.
        let _ = fchown(new.file(), Some(old.uid()), Some(old.gid()));
    }
    new.file().set_permissions(old.permissions())
}

/// Locks the database for this connection alone. Its log is moved into it, unless it is damaged.
fn lock(file: &Path) -> Result<Lock> {
    let options = OpenOptions { timeout: PATIENCE, ..OpenOptions::default() };
    let mut sqlite = connect::to(file, OpenFlags::SQLITE_OPEN_READ_WRITE, &options)?;
    pragma::harden(&mut sqlite, PATIENCE)?;
    // A damaged log stays as it is.
    sqlite.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    let alone = || -> Result<()> {
        sqlite.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        sqlite.pragma_update(None, "journal_mode", "DELETE")?;
        Ok(sqlite.execute_batch("BEGIN EXCLUSIVE")?)
    };
    let alone = pragma::retry_while_busy(PATIENCE, alone);
    let is_damaged = alone.as_ref().err().is_some_and(Error::is_of_the_file);
    let locked = if is_damaged { log::lock_damaged(&sqlite) } else { alone };
    let in_use = |error: Error| match error.is_busy() {
        true => Error::Sqlite {
            code: ffi::SQLITE_BUSY,
            message: format!("somebody has {file:?} open; end the programs that use it first"),
        },
        false => error,
    };
    locked.map_err(in_use)?;
    Ok(if is_damaged { Lock::Damaged(sqlite) } else { Lock::Sound(sqlite) })
}

/// A name for the old database that is not taken, with anything beside it.
fn free_name(file: &Path) -> PathBuf {
    let is_free = |name: &PathBuf| {
        let taken = |suffix| files::beside(name, suffix).symlink_metadata().is_ok();
        !["", "-wal", "-shm", "-journal"].into_iter().any(taken)
    };
    let first = files::beside(file, KEPT);
    let others = (2u32..).map(|number| files::beside(file, &format!("{KEPT}-{number}")));
    std::iter::once(first.clone()).chain(others).find(is_free).unwrap_or(first)
}
