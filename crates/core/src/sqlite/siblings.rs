//! Other connections to a database that is open already, for other threads.

use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::Connection as Sqlite;

use super::governor::Governor;
use super::presence::Presence;
use super::{OpenOptions, Result, companions, open_sibling};

/// How such connections are opened. They never reach another file that has taken the place of the database.
#[derive(Debug, Clone)]
pub(crate) struct Siblings {
    pub(super) file: PathBuf,
    pub(super) options: OpenOptions,
    pub(super) presence: Arc<Presence>,
    /// That of the log, if the database is written to.
    pub(super) governor: Option<Arc<Governor>>,
}

impl Siblings {
    /// # Errors
    ///
    /// `SQLITE_READONLY_DBMOVED` if it is known that the file is not in its place.
    pub(crate) fn check_present(&self) -> Result<()> {
        self.presence.check_known()
    }

    /// Another connection with the same settings.
    ///
    /// # Errors
    ///
    /// `SQLITE_READONLY_DBMOVED` if the file is not in its place; an error of SQLite.
    pub(crate) fn open(&self) -> Result<Sqlite> {
        // Whose a log is matters more than that it is another one.
        companions::check(&self.file)?;
        self.presence.check()?;
        let mut sqlite = open_sibling(&self.file, &self.options)?;
        self.presence.check()?;
        if !self.options.readonly {
            self.presence.guard(&mut sqlite)?;
        }
        Ok(sqlite)
    }

    /// As [`open`](Self::open). Its commits leave the log to the governor, and wait for it where the log is too long.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub(crate) fn open_governed(&self) -> Result<Sqlite> {
        let mut sqlite = self.open()?;
        if let Some(governor) = &self.governor {
            governor.govern(&mut sqlite)?;
        }
        Ok(sqlite)
    }

    /// How long they wait for a lock.
    pub(crate) fn timeout(&self) -> std::time::Duration {
        self.options.timeout
    }
}

#[cfg(test)]
impl Siblings {
    /// The same for a file that does not exist.
    pub(crate) fn to_missing(&self) -> Self {
        Self { file: self.file.with_extension("missing"), ..self.clone() }
    }
}
