//! Detects changes: whether anything has changed, and which sessions.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use rusqlite::OptionalExtension;
use rusqlite::types::ValueRef;

use super::model::SessionStatus;
use super::{Result, damaged, text};
use crate::sqlite::{Connection, snapshot};

const STATUS: &str = "SELECT status FROM sessions WHERE id = ?1";

const NEWER: &str = "SELECT DISTINCT session_id FROM session_outputs WHERE id > ?1";

const LATEST: &str = "SELECT max(id) FROM session_outputs";

const SESSIONS: &str =
    "SELECT id, slot, status, working_dir, current_command, started_at, ended_at, pid, updated_at
     FROM sessions";

/// The status of a session, if it is stored.
///
/// # Errors
///
/// An error of SQLite.
pub fn status(connection: &Connection, id: &str) -> Result<Option<SessionStatus>> {
    connection.unsettled()?;
    connection.with_statement(STATUS, |status| {
        let parse = |value: ValueRef<'_>| {
            let status = text(value);
            SessionStatus::parse(status).ok_or_else(|| damaged("sessions.status", status))
        };
        let found = status.query_row([id], |row| Ok(parse(row.get_ref(0)?))).optional()?;
        found.transpose()
    })
}

/// The content of a database at the last look.
#[derive(Debug, Default)]
pub struct Seen {
    /// The id of the latest chunk.
    output: i64,
    /// A hash of every session, by its id.
    sessions: HashMap<Vec<u8>, u64>,
}

impl Seen {
    /// The present content of `connection`.
    ///
    /// # Errors
    ///
    /// An error of SQLite.
    pub fn now(connection: &Connection) -> Result<Self> {
        let mut seen = Self::default();
        seen.news(connection)?;
        Ok(seen)
    }

    /// The ids of sessions that were stored, changed or removed, or have more output, since the last look.
    ///
    /// # Errors
    ///
    /// An error of SQLite.
    pub fn news(&mut self, connection: &Connection) -> Result<HashSet<Vec<u8>>> {
        let sqlite = connection.unsettled()?;
        let _one_moment = snapshot(&sqlite)?;
        let mut changed = HashSet::new();
        connection.with_statement(NEWER, |newer| -> Result<()> {
            let mut rows = newer.query([self.output])?;
            while let Some(row) = rows.next()? {
                changed.insert(text(row.get_ref(0)?).to_vec());
            }
            Ok(())
        })?;
        let latest: Option<i64> = connection.with_statement(LATEST, |latest| -> Result<_> {
            Ok(latest.query_row([], |row| row.get(0))?)
        })?;
        // Removed output does not matter here: later output still has larger ids.
        self.output = self.output.max(latest.unwrap_or(0));

        let mut sessions = HashMap::with_capacity(self.sessions.len());
        connection.with_statement(SESSIONS, |statement| -> Result<()> {
            let columns = statement.column_count();
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let mut hasher = DefaultHasher::new();
                for column in 0..columns {
                    hash(row.get_ref(column)?, &mut hasher);
                }
                sessions.insert(text(row.get_ref(0)?).to_vec(), hasher.finish());
            }
            Ok(())
        })?;
        let is_news = |(id, hash): &(&Vec<u8>, &u64)| self.sessions.get(*id) != Some(*hash);
        changed.extend(sessions.iter().filter(is_news).map(|(id, _)| id.clone()));
        let is_gone = |id: &&Vec<u8>| !sessions.contains_key(*id);
        changed.extend(self.sessions.keys().filter(is_gone).cloned());
        self.sessions = sessions;
        Ok(changed)
    }
}

fn hash(value: ValueRef<'_>, hasher: &mut DefaultHasher) {
    match value {
        ValueRef::Null => 0.hash(hasher),
        ValueRef::Integer(integer) => integer.hash(hasher),
        ValueRef::Real(real) => real.to_bits().hash(hasher),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.hash(hasher),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::{Location, OpenOptions};

    #[test]
    fn every_change_is_reported_once() {
        let connection =
            Connection::open(":memory:", Location::Memory, &OpenOptions::default()).unwrap();
        let sqlite = connection.sqlite().unwrap();
        let mut seen = Seen::now(&connection).unwrap();
        let mut news = |sql: &str| -> Vec<String> {
            sqlite.execute_batch(sql).unwrap();
            let changed = seen.news(&connection).unwrap();
            let mut ids: Vec<_> =
                changed.into_iter().map(|id| String::from_utf8(id).unwrap()).collect();
            ids.sort();
            ids
        };
        let insert = |id: &str| {
            format!(
                "INSERT INTO sessions (id, slot, status, working_dir, started_at)
                 VALUES ('{id}', 1, 'running', '/', '2026-01-01T00:00:00.000Z');"
            )
        };
        let output = |id: &str| {
            format!(
                "INSERT INTO session_outputs (session_id, timestamp, type, data)
                 VALUES ('{id}', '2026-01-01T00:00:00.000Z', 'stdout', 'x');"
            )
        };
        assert_eq!(news(&(insert("a") + &insert("b"))), ["a", "b"]);
        assert!(news("").is_empty());
        assert_eq!(news("UPDATE sessions SET status = 'failed' WHERE id = 'b'"), ["b"]);
        assert_eq!(news(&(output("a") + &output("a") + &output("none"))), ["a", "none"]);
        assert_eq!(news("DELETE FROM session_outputs; DELETE FROM sessions WHERE id = 'a'"), ["a"]);
        assert_eq!(news(&output("b")), ["b"]);
    }
}
