//! Opening a file. The order of the steps leaves a file that is not ours unchanged.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rusqlite::config::DbConfig;
use rusqlite::{Connection as Sqlite, MAIN_DB, OpenFlags, ffi};

use super::limits::{Limits, limited};
use super::options::{Location, OpenOptions};
use super::pragma::Overwrite;
use super::{
    Error, MINIMUM_SQLITE, Result, companions, connect, files, migrations, places, pragma,
    presence, schema,
};

/// Another connection to a file that is open already, for another thread, with the same settings.
///
/// # Errors
///
/// An error of SQLite.
pub(crate) fn open_sibling(file: &Path, options: &OpenOptions) -> Result<Sqlite> {
    let access = if options.readonly {
        OpenFlags::SQLITE_OPEN_READ_ONLY
    } else {
        OpenFlags::SQLITE_OPEN_READ_WRITE
    };
    companions::check(file)?;
    let sqlite = connect::to(file, access, options)?;
    finish(sqlite, file, options, true, |sqlite| {
        pragma::harden(sqlite, options.timeout)?;
        pragma::overwrite(sqlite, Overwrite::Rows)?;
        pragma::tune(sqlite, options)
    })
}

/// A connection that only reads a file, which may be one of any program.
///
/// # Errors
///
/// An error of SQLite.
pub(crate) fn read_only(file: &Path) -> Result<Sqlite> {
    companions::check(file)?;
    let options = OpenOptions::default();
    let mut sqlite = connect::to(file, OpenFlags::SQLITE_OPEN_READ_ONLY, &options)?;
    pragma::harden(&mut sqlite, options.timeout)?;
    Ok(sqlite)
}

/// Runs `set_up`, which reads from the file for the first time, and checks that the files beside it can be trusted.
/// `has_log` says that there was a log before.
fn finish(
    mut sqlite: Sqlite,
    file: &Path,
    options: &OpenOptions,
    has_log: bool,
    set_up: impl FnOnce(&mut Sqlite) -> Result<()>,
) -> Result<Sqlite> {
    let ready = set_up(&mut sqlite);
    let is_ready = ready.is_ok();
    let opened = ready
        .map_err(|error| places::explain(error, options, &places::system_error(&sqlite)))
        .and_then(|()| companions::check_opened(file, &sqlite));
    // Closing the last connection moves the log into the file. A refused file stays unchanged, its log included, and
    // nothing moves into it from a log that may belong to another user.
    if opened.is_err() && (has_log || is_ready || companions::check(file).is_err()) {
        sqlite.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    }
    opened.map(|()| sqlite)
}

pub(super) fn open(location: &Location, options: &OpenOptions) -> Result<Sqlite> {
    if rusqlite::version_number() < MINIMUM_SQLITE {
        let version = rusqlite::version();
        return Err(Error::cannot_open(format!("SQLite {version} can corrupt a file in WAL mode")));
    }
    let access = match (options.readonly, options.file_must_exist) {
        (true, _) => OpenFlags::SQLITE_OPEN_READ_ONLY,
        (false, true) => OpenFlags::SQLITE_OPEN_READ_WRITE,
        (false, false) => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
    };
    let Location::File(file) = location else {
        let mut sqlite = connect::in_memory(access, options.extension)?;
        set_up(&mut sqlite, location, options)?;
        return Ok(sqlite);
    };
    let (sqlite, has_log, is_new) = {
        // Another thread must not open the file while this one still has the descriptor that created it: closing that
        // descriptor drops the locks of both.
        static OPENING: Mutex<()> = Mutex::new(());
        let _one_at_a_time = OPENING.lock().unwrap_or_else(PoisonError::into_inner);
        companions::check(file)?;
        presence::make_way(file, options.creates())?;
        let is_new = options.creates() && files::prepare(file)?;
        places::check(file, options)?;
        let size = |file: &Path| {
            std::fs::metadata(file).ok().filter(|file| file.is_file()).map(|file| file.len())
        };
        // SQLite treats a file of one byte as empty, and would overwrite it.
        if size(file) == Some(1) {
            return Err(Error::Sqlite {
                code: ffi::SQLITE_NOTADB,
                message: "file is not a database".into(),
            });
        }
        let has_log = size(&files::log_of(file)).is_some_and(|size| size > 0);
        (connect::to(file, access, options)?, has_log, is_new)
    };
    finish(sqlite, file, options, has_log, |sqlite| set_up(sqlite, location, options))
        .map_err(|error| if is_new { files::left_empty(file, error) } else { error })
}

fn set_up(sqlite: &mut Sqlite, location: &Location, options: &OpenOptions) -> Result<()> {
    pragma::harden(sqlite, options.timeout)?;
    // The triggers and views of the file may come from anywhere, and nothing here needs them.
    let own_sql = |on| -> Result<()> {
        sqlite.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, on)?;
        sqlite.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, on)?;
        Ok(())
    };
    own_sql(false)?;
    // SQLite opens a file without write permission for reading, and would fail at the first write.
    if !options.readonly && sqlite.is_readonly(MAIN_DB)? {
        let message = "it can be read, but not written to".into();
        return Err(Error::Sqlite { code: ffi::SQLITE_READONLY, message });
    }
    pragma::retry_while_busy(options.timeout, || {
        limited(Limits::SCHEMA, || schema::inspect(sqlite, options.readonly))
    })?;
    if !options.readonly {
        pragma::journal(sqlite, location, options.timeout)?;
        migrations::migrate(sqlite, options)?;
    }
    own_sql(true)?;
    if matches!(location, Location::File(_)) {
        pragma::overwrite(sqlite, Overwrite::Rows)?;
    }
    pragma::tune(sqlite, options)
}
