//! A new database that appears under its name only when it is whole.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rusqlite::Connection as Sqlite;
use rusqlite::config::DbConfig;
use rusqlite::wal::CheckpointMode;

use super::options::{Location, OpenOptions};
use super::temporary::Temporary;
use super::{Error, Result, files, log, open, places, replacement, slots};

/// A new database, made under another name. Dropping it removes it.
pub(crate) struct NewFile {
    // Closed before its file is removed.
    sqlite: Sqlite,
    temporary: Temporary,
    target: PathBuf,
}

impl NewFile {
    /// A new, empty database that becomes `target` later. `target` must not be a file that SQLite would keep beside
    /// `source`.
    ///
    /// # Errors
    ///
    /// `SQLITE_CANTOPEN` if `target` exists, cannot be a file, or has a log beside it that would be taken for its
    /// own.
    pub(crate) fn create(target: &Path, source: &Path) -> Result<Self> {
        let named = |error: Error| error.context(format_args!("cannot create {target:?}"));
        if files::companions(source).iter().any(|beside| files::same_file(beside, target)) {
            let message =
                format!("it would be taken for a part of {source:?}; choose another path");
            return Err(named(Error::cannot_open(message)));
        }
        check(target).map_err(named)?;
        let temporary = Temporary::beside(target).map_err(|error| named(Error::io(&error)))?;
        let location = Location::File(temporary.path().to_owned());
        let sqlite = open::open(&location, &OpenOptions::default()).map_err(named)?;
        temporary.check().map_err(|error| named(Error::io(&error)))?;
        // The whole file is flushed once, at the end.
        sqlite.pragma_update(None, "synchronous", "OFF")?;
        // Rows are stored as they were: no trigger of the schema changes or removes any.
        sqlite.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
        Ok(Self { sqlite, temporary, target: target.to_owned() })
    }

    /// The connection to it.
    pub(crate) fn sqlite(&self) -> &Sqlite {
        &self.sqlite
    }

    /// Makes it accept at least this number of slots.
    ///
    /// # Errors
    ///
    /// An error of SQLite.
    pub(crate) fn widen(&self, slots: u16) -> Result<()> {
        slots::widen(&self.sqlite, slots)
    }

    /// Gives it its name.
    ///
    /// # Errors
    ///
    /// `SQLITE_CANTOPEN` if the name is taken by now, or an error of SQLite.
    pub(crate) fn publish(self) -> Result<()> {
        let Self { sqlite, temporary, target } = self;
        let named = |error: Error| error.context(format_args!("cannot create {target:?}"));
        // Closing moves the log into the file as well, but does not report a failure.
        let moved = log::checkpoint(&sqlite, CheckpointMode::TRUNCATE).map_err(named)?;
        if moved.left() > 0 {
            return Err(named(Error::InUse));
        }
        sqlite.close().map_err(|(_, error)| named(error.into()))?;
        check(&target).map_err(named)?;
        temporary.publish().map_err(|error| {
            named(match error.kind() {
                ErrorKind::AlreadyExists => exists(),
                _ => Error::io(&error),
            })
        })
    }
}

/// Refuses a target that is there already, whatever it is, or that has a log beside it.
fn check(target: &Path) -> Result<()> {
    match target.symlink_metadata() {
        Ok(_) => Err(match places::check_target(target) {
            Ok(()) => exists(),
            Err(what) => what.context("it exists already"),
        }),
        Err(_) => replacement::check_log(target),
    }
}

fn exists() -> Error {
    Error::cannot_open("it exists already; choose another path")
}
