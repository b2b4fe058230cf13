//! A new database that appears under its name only when it is whole.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::options::{Location, OpenOptions};
use super::temporary::Temporary;
use super::{Error, Result, open, slots};

/// A new database, made under another name. Dropping it removes it.
pub struct NewFile {
    // Closed before its file is removed.
    sqlite: rusqlite::Connection,
    temporary: Temporary,
    target: PathBuf,
}

impl NewFile {
    /// A new, empty database that is to become `target`.
    ///
    /// # Errors
    ///
    /// `SQLITE_CANTOPEN` where `target` exists, or can be no file.
    pub fn create(target: &Path) -> Result<Self> {
        let named = |error: Error| error.context(format_args!("cannot create {target:?}"));
        if target.symlink_metadata().is_ok() {
            return Err(named(exists()));
        }
        let temporary = Temporary::beside(target).map_err(|error| named(Error::io(&error)))?;
        let location = Location::File(temporary.path().to_owned());
        let sqlite = open::open(&location, &OpenOptions::default()).map_err(named)?;
        // It is flushed once, as a whole.
        sqlite.pragma_update(None, "synchronous", "OFF")?;
        Ok(Self { sqlite, temporary, target: target.to_owned() })
    }

    /// The connection to it.
    pub fn sqlite(&self) -> &rusqlite::Connection {
        &self.sqlite
    }

    /// Has it accept at least so many slots.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn widen(&self, slots: u16) -> Result<()> {
        slots::widen(&self.sqlite, slots)
    }

    /// Gives it its name.
    ///
    /// # Errors
    ///
    /// `SQLITE_CANTOPEN` where something has that name by now, or what SQLite says.
    pub fn publish(self) -> Result<()> {
        let Self { sqlite, temporary, target } = self;
        let named = |error: Error| error.context(format_args!("cannot create {target:?}"));
        sqlite.close().map_err(|(_, error)| named(error.into()))?;
        temporary.publish().map_err(|error| {
            named(match error.kind() {
                ErrorKind::AlreadyExists => exists(),
                _ => Error::io(&error),
            })
        })
    }
}

fn exists() -> Error {
    Error::cannot_open("it exists already; choose another path")
}
