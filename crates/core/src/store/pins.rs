//! Pins: sessions that pruning leaves alone.
//!
//! A trigger of the schema removes a session's pin with the session, whoever deletes it.

use std::collections::HashSet;

use rusqlite::{Connection as Sqlite, OptionalExtension};

use super::sessions::Sessions;
use super::{Result, text};
use crate::sqlite::{self, schema_version};

/// The version of the schema that added pins.
const SINCE: i64 = 2;

const PIN: &str = "INSERT INTO session_pins (session_id) SELECT id FROM sessions WHERE id = ?1 ON CONFLICT DO NOTHING";

const UNPIN: &str = "DELETE FROM session_pins WHERE session_id = ?1";

const IS_PINNED: &str = "SELECT 1 FROM session_pins WHERE session_id = ?1";

const ALL: &str = "SELECT session_id FROM session_pins";

/// The ids of all sessions that are pinned, as they are stored.
pub(super) fn all(sqlite: &Sqlite) -> Result<HashSet<Vec<u8>>> {
    let mut ids = HashSet::new();
    // An older file that is opened for reading only has no table for pins.
    if schema_version(sqlite)? >= SINCE {
        let mut statement = sqlite.prepare_cached(ALL)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            ids.insert(text(row.get_ref(0)?).to_owned());
        }
    }
    Ok(ids)
}

impl Sessions {
    /// Protects a session from pruning. Returns whether it exists.
    ///
    /// # Errors
    ///
    /// An error of SQLite.
    pub fn pin(&self, id: &str) -> Result<bool> {
        let added = self
            .connection
            .write(|_| self.connection.with_statement(PIN, |pin| sqlite::write(pin, &[&id])))?;
        Ok(added > 0 || self.is_pinned(id)?)
    }

    /// Ends the protection of a session. Returns whether it was pinned.
    ///
    /// # Errors
    ///
    /// An error of SQLite.
    pub fn unpin(&self, id: &str) -> Result<bool> {
        let removed = self.connection.write(|_| {
            self.connection.with_statement(UNPIN, |unpin| sqlite::write(unpin, &[&id]))
        })?;
        Ok(removed > 0)
    }

    /// Whether a session is pinned.
    ///
    /// # Errors
    ///
    /// An error of SQLite.
    pub fn is_pinned(&self, id: &str) -> Result<bool> {
        let sqlite = self.connection.unsettled()?;
        // An older file that is opened for reading only has no table for pins.
        if self.connection.options().readonly && schema_version(&sqlite)? < SINCE {
            return Ok(false);
        }
        self.connection.with_statement(IS_PINNED, |pinned| {
            Ok(pinned.query_row([id], |_| Ok(())).optional()?.is_some())
        })
    }
}
