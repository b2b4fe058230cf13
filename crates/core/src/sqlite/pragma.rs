//! The settings of a connection, each read back after it was set.

use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection as Sqlite;
use rusqlite::config::DbConfig;
use rusqlite::types::Value;

use super::options::{Location, OpenOptions, Synchronous};
use super::turns::{self, Turns};
use super::{Error, Result, limits, places};

/// Page cache of a connection, in KiB; SQLite reads a negative `cache_size` as KiB.
const CACHE_KIB: i64 = 16_000;

/// Prepared statements kept per connection: more than the stores have, so none is prepared twice.
const STATEMENT_CACHE: usize = 128;

/// The settings that are needed before the first statement reads the file.
pub(crate) fn harden(connection: &mut Sqlite, timeout: Duration) -> Result<()> {
    limits::attach(connection)?;
    Turns::take(connection, timeout)?;
    connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    for (setting, value) in [
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_DQS_DML, false),
        (DbConfig::SQLITE_DBCONFIG_DQS_DDL, false),
        // Bundled builds enforce foreign keys by default. The stores cascade by hand.
        (DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, false),
        // Otherwise SQLite prepares a query with ORDER BY anew whenever a parameter of it changes, which takes
        // longer than reading ten rows.
        (DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true),
    ] {
        if connection.set_db_config(setting, value)? != value {
            return Err(Error::cannot_open(format!("{setting:?} did not become {value}")));
        }
    }
    Ok(())
}

/// Makes the file a WAL database that can give space back without a full VACUUM.
///
/// Both live in the file, and take an exclusive lock for a moment. SQLite does not always wait for that lock (it
/// would be a deadlock where two connections upgrade at once), so this does.
pub(crate) fn journal(connection: &Sqlite, location: &Location, timeout: Duration) -> Result<()> {
    // Possible only while the file is empty; later the pragma would wait for the write lock in vain.
    let pages: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
    if pages == 0 {
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    }
    let mode = match location {
        Location::Memory => "memory",
        Location::File(_) => "wal",
    };
    let set_mode = || set(connection, "journal_mode", mode.to_owned().into());
    retry_while_busy(timeout, set_mode).map_err(|error| {
        let actual = mode_of(connection).unwrap_or_default();
        match location {
            // Another connection holds a lock, and waiting did not help.
            Location::File(_) if error.is_busy() && !actual.is_empty() => error.context(format_args!(
                "it has the journal mode {actual:?}, which cannot become {mode:?} while others use it"
            )),
            // SQLite reports no error: the mode just does not change.
            Location::File(_) if actual != mode && error.is_own_refusal() => {
                Error::cannot_open(format!("it cannot become a database in WAL mode: {}", places::NO_WAL))
            }
            _ => error,
        }
    })
}

/// The journal mode of the database, in SQLite's words.
pub(crate) fn mode_of(connection: &Sqlite) -> Result<String> {
    Ok(connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?)
}

/// The settings that live in the connection, not in the file.
pub(crate) fn tune(connection: &Sqlite, options: &OpenOptions) -> Result<()> {
    let synchronous = match options.synchronous {
        Synchronous::Normal => 1,
        Synchronous::Full => 2,
    };
    set(connection, "synchronous", Value::Integer(synchronous))?;
    set(connection, "cache_size", Value::Integer(-CACHE_KIB))?;
    set(connection, "foreign_keys", Value::Integer(options.foreign_keys.into()))
}

/// How SQLite overwrites what is removed from a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overwrite {
    /// On pages that stay in use. Freed pages are left to `scrub`: overwriting them at once makes removing half as slow
    /// again.
    Rows,
    /// Freed pages as well.
    Pages,
}

/// Sets how SQLite overwrites what is removed. A database in memory is cleaned when it is copied.
pub(crate) fn overwrite(connection: &Sqlite, how: Overwrite) -> Result<()> {
    let (name, value) = match how {
        Overwrite::Rows => ("FAST", 2),
        Overwrite::Pages => ("ON", 1),
    };
    set_by_name(connection, "secure_delete", name.to_owned().into(), Value::Integer(value))
}

fn set(connection: &Sqlite, name: &str, value: Value) -> Result<()> {
    set_by_name(connection, name, value.clone(), value)
}

/// Sets a pragma to `written`, which reads as `value`.
fn set_by_name(connection: &Sqlite, name: &str, written: Value, value: Value) -> Result<()> {
    // A pragma that returns its new value is done with the first row; one that returns nothing is
    // an error to `query_row`, so the value is always asked for separately.
    connection.pragma_update(None, name, &written)?;
    let actual: Value = connection.pragma_query_value(None, name, |row| row.get(0))?;
    if actual == value {
        return Ok(());
    }
    Err(Error::cannot_open(format!("PRAGMA {name} is {actual:?}, not {value:?}")))
}

/// Tries again while another connection holds a lock, for as long as `timeout`. Unlike SQLite's busy handler, it
/// never holds one lock while it waits for another.
pub(crate) fn without_a_lock<T>(
    connection: &Sqlite,
    timeout: Duration,
    attempt: impl FnMut() -> Result<T>,
) -> Result<T> {
    let turns = Turns::of(connection);
    let own = turns.as_ref().map(|turns| turns.timeout());
    let set = |timeout| turns.iter().for_each(|turns| turns.set_timeout(timeout));
    set(Duration::ZERO);
    let result = retry_while_busy(timeout, attempt);
    set(own.unwrap_or_default());
    result
}

/// Tries again while another connection holds a lock, for as long as `timeout`.
pub(crate) fn retry_while_busy<T>(
    timeout: Duration,
    mut attempt: impl FnMut() -> Result<T>,
) -> Result<T> {
    let began = Instant::now();
    loop {
        match attempt() {
            Err(error) if error.is_busy() && began.elapsed() < timeout => {
                thread::sleep(turns::pause(began.elapsed()));
            }
            result => return result,
        }
    }
}
