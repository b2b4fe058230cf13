//! Opening: in an order that leaves a file which is not ours as it was.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rusqlite::config::DbConfig;
use rusqlite::{MAIN_DB, OpenFlags, ffi};

use super::options::{Location, OpenOptions};
use super::{Error, MINIMUM_SQLITE, Result, files, places, pragma, schema};

/// What every connection is opened with. No mutex: it stays on its thread. And no SQLITE_OPEN_URI: a
/// path is a path.
pub(super) const ALWAYS: OpenFlags =
    OpenFlags::SQLITE_OPEN_NO_MUTEX.union(OpenFlags::SQLITE_OPEN_EXRESCODE);

/// Another connection to a file that is open already, for another thread, with the same settings.
///
/// # Errors
///
/// What SQLite says.
pub fn open_sibling(file: &Path, options: &OpenOptions) -> Result<rusqlite::Connection> {
    let access = if options.readonly {
        OpenFlags::SQLITE_OPEN_READ_ONLY
    } else {
        OpenFlags::SQLITE_OPEN_READ_WRITE
    };
    let sqlite = rusqlite::Connection::open_with_flags(file, access | ALWAYS)?;
    pragma::harden(&sqlite, options.timeout)?;
    pragma::tune(&sqlite, options)?;
    Ok(sqlite)
}

pub(super) fn open(location: &Location, options: &OpenOptions) -> Result<rusqlite::Connection> {
    if rusqlite::version_number() < MINIMUM_SQLITE {
        let version = rusqlite::version();
        return Err(Error::cannot_open(format!("SQLite {version} can corrupt a file in WAL mode")));
    }
    let access = match (options.readonly, options.file_must_exist) {
        (true, _) => OpenFlags::SQLITE_OPEN_READ_ONLY,
        (false, true) => OpenFlags::SQLITE_OPEN_READ_WRITE,
        (false, false) => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
    } | ALWAYS;
    let mut has_log = false;
    let sqlite = match location {
        Location::Memory => rusqlite::Connection::open_with_flags(":memory:", access)?,
        Location::File(file) => {
            // Another thread must not open the file while this one still has the descriptor that it
            // created it with: closing that drops the locks of both.
            static OPENING: Mutex<()> = Mutex::new(());
            let _one_at_a_time = OPENING.lock().unwrap_or_else(PoisonError::into_inner);
            if options.creates() {
                files::prepare(file)?;
            }
            places::check(file, options)?;
            has_log = std::fs::metadata(files::log_of(file)).is_ok_and(|log| log.len() > 0);
            // SQLite takes a file of one byte for an empty one, and would write over it.
            if std::fs::metadata(file).is_ok_and(|file| file.is_file() && file.len() == 1) {
                return Err(Error::Sqlite {
                    code: ffi::SQLITE_NOTADB,
                    message: "file is not a database".into(),
                });
            }
            rusqlite::Connection::open_with_flags(file, access)
                .map_err(|error| places::explain(error.into(), options))?
        }
    };
    match set_up(&sqlite, location, options) {
        Ok(()) => Ok(sqlite),
        Err(error) => {
            // Closing the last connection moves the log into the file, and a refused file stays as
            // it was, log included.
            if has_log {
                sqlite.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
            }
            Err(places::explain(error, options))
        }
    }
}

fn set_up(sqlite: &rusqlite::Connection, location: &Location, options: &OpenOptions) -> Result<()> {
    pragma::harden(sqlite, options.timeout)?;
    // SQLite opens a file that it may not write to for reading, and would fail with the first write.
    if !options.readonly && sqlite.is_readonly(MAIN_DB)? {
        let message = "it can be read, but not written to".into();
        return Err(Error::Sqlite { code: ffi::SQLITE_READONLY, message });
    }
    pragma::retry_while_busy(options.timeout, || schema::inspect(sqlite, options.readonly))?;
    if !options.readonly {
        pragma::journal(sqlite, location, options.timeout)?;
        schema::migrate(sqlite, options)?;
    }
    pragma::tune(sqlite, options)
}
