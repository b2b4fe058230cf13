//! Detects changes: whether anything has changed, and which sessions and tables.
//!
//! Triggers write a row for every change of a session, whoever makes it. So what has changed since a moment is read from
//! the end of that table, and a cursor in it stays good across processes and restarts.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hasher};

use rusqlite::types::ValueRef;
use rusqlite::{Connection as Sqlite, OptionalExtension, ffi, params};

use super::model::SessionStatus;
use super::select::Select;
use super::sessions::Sessions;
use super::timestamp::Timestamp;
use super::{Error, Result, StoredText, damaged, has_additions, text};
use crate::sqlite::{self, Connection, atomically, fingerprint, snapshot};

const STATUS: &str = "SELECT status FROM sessions WHERE id = ?1";

/// The sessions with output behind a cursor.
const NEWER: Select = Select {
    rows: "SELECT DISTINCT session_id FROM session_outputs WHERE id > ?1",
    all: "SELECT session_id FROM session_outputs WHERE id > ?1
          UNION SELECT session_id FROM gsd_session_blocks WHERE last > ?1",
};

const LATEST: Select = Select {
    rows: "SELECT max(id) FROM session_outputs",
    all: "SELECT max(id) FROM (SELECT max(id) AS id FROM session_outputs
          UNION ALL SELECT max(last) FROM gsd_session_blocks)",
};

const CHANGES: &str =
    "SELECT sequence, session_id FROM gsd_session_changes WHERE sequence > ?1 ORDER BY sequence";

const LAST: &str = "SELECT max(sequence) FROM gsd_session_changes";

const LATEST_FIRST: &str =
    "SELECT sequence, session_id FROM gsd_session_changes ORDER BY sequence DESC";

const DELETE: &str = "DELETE FROM gsd_session_changes WHERE sequence = ?1";

const KNOWN: &str = "SELECT id FROM sessions UNION SELECT session_id FROM gsd_session_changes";

const ADD: &str = "INSERT INTO gsd_session_changes (sequence, session_id) VALUES (?1, ?2)";

const IS_STORED: &str = "SELECT 1 FROM sessions WHERE id = ?1";

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

/// A session that was stored, changed or removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Its id, as it is stored.
    pub id: Vec<u8>,
    /// Whether it is not stored any more.
    pub removed: bool,
}

/// What has changed since a cursor.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// Each session once, in the order of their last changes.
    pub changes: Vec<Changed>,
    /// Where to go on.
    pub cursor: i64,
    /// Whether there is more.
    pub more: bool,
}

/// At most `limit` sessions that were stored, changed or removed since the cursor `after`; from the start for 0. A
/// cursor that the file has not reached is one of a file that was replaced by an older one: that starts again.
///
/// # Errors
///
/// `SQLITE_ERROR` for a file of an older version that is opened for reading only; an error of SQLite.
fn changes(connection: &Connection, after: i64, limit: usize) -> Result<Changes> {
    let sqlite = connection.unsettled()?;
    let _one_moment = snapshot(&sqlite)?;
    if !has_additions(connection)? {
        return Err(Error::Sqlite(sqlite::Error::Sqlite {
            code: ffi::SQLITE_ERROR,
            message:
                "this file has no record of changes yet; it gets one when it is opened for writing"
                    .into(),
        }));
    }
    let after = if last(connection)? < after { 0 } else { after };
    let mut latest: HashMap<Vec<u8>, i64> = HashMap::new();
    each_change(connection, after, |sequence, id| match latest.get_mut(id) {
        Some(known) => *known = sequence,
        None => drop(latest.insert(id.to_vec(), sequence)),
    })?;
    let mut latest: Vec<_> = latest.into_iter().map(|(id, sequence)| (sequence, id)).collect();
    latest.sort_unstable();
    let more = latest.len() > limit;
    latest.truncate(limit);
    let cursor = latest.last().map_or(after, |(sequence, _)| *sequence);
    let changes = connection.with_statement(IS_STORED, |stored| -> Result<_> {
        let changed = |(_, id): (i64, Vec<u8>)| {
            let removed = !stored.exists([StoredText(&id)])?;
            Ok(Changed { id, removed })
        };
        latest.into_iter().map(changed).collect::<Result<Vec<_>>>()
    })?;
    Ok(Changes { changes, cursor, more })
}

impl Sessions {
    /// As [`changes`], of the database of these sessions.
    ///
    /// # Errors
    ///
    /// As [`changes`].
    pub fn changes(&self, after: i64, limit: usize) -> Result<Changes> {
        changes(&self.connection, after, limit)
    }
}

/// The ids of all sessions that a database has or had; none of a file without a record of changes.
///
/// # Errors
///
/// An error of SQLite.
pub(super) fn known(sqlite: &Sqlite) -> sqlite::Result<Vec<Vec<u8>>> {
    let mut ids = sqlite.prepare(KNOWN)?;
    let ids = ids.query_map([], |row| Ok(text(row.get_ref(0)?).to_vec()))?;
    Ok(ids.collect::<rusqlite::Result<_>>()?)
}

/// Has every session of a database told as changed, and those `before` it that it lacks as removed, to whoever has a
/// cursor of the database whose place it takes: behind any cursor that may have been given, as it counts microseconds
/// since 1970.
///
/// # Errors
///
/// An error of SQLite.
pub(super) fn renew(sqlite: &Sqlite, before: &[Vec<u8>]) -> sqlite::Result<()> {
    if !sqlite::has_object(sqlite, "gsd_session_changes")? {
        return Ok(());
    }
    atomically(sqlite, || {
        let mut ids = before.to_vec();
        ids.extend(known(sqlite)?);
        sqlite.execute("DELETE FROM gsd_session_changes", [])?;
        let mut add = sqlite.prepare(ADD)?;
        let first = Timestamp::now().millis() as i64 * 1000;
        for (id, sequence) in ids.iter().zip(first..) {
            add.execute(params![sequence, StoredText(id)])?;
        }
        Ok(())
    })
}

/// The changes that a later one of the same session replaces, oldest first. Nobody needs them: a session is reported by
/// its last one.
///
/// # Errors
///
/// An error of SQLite.
pub(super) fn replaced(sqlite: &Sqlite) -> Result<Vec<i64>> {
    let mut later: HashSet<Vec<u8>> = HashSet::new();
    let mut replaced = Vec::new();
    let mut latest_first = sqlite.prepare_cached(LATEST_FIRST)?;
    let mut rows = latest_first.query([])?;
    while let Some(row) = rows.next()? {
        let id = text(row.get_ref(1)?);
        if later.contains(id) {
            replaced.push(row.get(0)?);
        } else {
            later.insert(id.to_vec());
        }
    }
    replaced.reverse();
    Ok(replaced)
}

/// Forgets changes. Those that were [`replaced`] once stay so.
///
/// # Errors
///
/// An error of SQLite.
pub(super) fn forget(sqlite: &Sqlite, changes: &[i64]) -> Result<()> {
    let mut delete = sqlite::prepare(sqlite, DELETE)?;
    for sequence in changes {
        sqlite::write(&mut delete, params![sequence])?;
    }
    Ok(())
}

fn last(connection: &Connection) -> Result<i64> {
    connection.with_statement(LAST, |last| -> Result<_> {
        Ok(last.query_row([], |row| row.get::<_, Option<i64>>(0))?.unwrap_or(0))
    })
}

fn each_change(
    connection: &Connection,
    after: i64,
    mut visit: impl FnMut(i64, &[u8]),
) -> Result<()> {
    connection.with_statement(CHANGES, |changes| -> Result<()> {
        let mut rows = changes.query([after])?;
        while let Some(row) = rows.next()? {
            visit(row.get(0)?, text(row.get_ref(1)?));
        }
        Ok(())
    })
}

/// The content of a database at the last look.
#[derive(Debug)]
pub struct Seen {
    /// The id of the latest chunk.
    output: i64,
    sessions: SeenSessions,
    /// Tables of others, with their content.
    tables: Vec<(String, Option<u64>)>,
}

/// The sessions at the last look.
#[derive(Debug)]
enum SeenSessions {
    /// Until this change.
    Until(i64),
    /// A hash of every session, by its id: in a file of an older version, which is opened for reading only.
    Hashes(HashMap<Vec<u8>, u64>),
}

/// What has changed since the last look.
#[derive(Debug, Default)]
pub struct News {
    /// The ids of sessions that were stored, changed or removed, or have more output.
    pub sessions: HashSet<Vec<u8>>,
    /// The tables of others whose content is another one.
    pub tables: Vec<String>,
}

impl Seen {
    /// The present content of `connection`, with these tables of others.
    ///
    /// # Errors
    ///
    /// An error of SQLite.
    pub fn now(connection: &Connection, tables: Vec<String>) -> Result<Self> {
        let sessions = if has_additions(connection)? {
            SeenSessions::Until(last(connection)?)
        } else {
            SeenSessions::Hashes(HashMap::new())
        };
        let tables = tables.into_iter().map(|name| (name, None)).collect();
        let mut seen = Self { output: 0, sessions, tables };
        seen.news(connection)?;
        Ok(seen)
    }

    /// What has changed since the last look.
    ///
    /// # Errors
    ///
    /// An error of SQLite.
    pub fn news(&mut self, connection: &Connection) -> Result<News> {
        let sqlite = connection.unsettled()?;
        let _one_moment = snapshot(&sqlite)?;
        let mut news = News::default();
        let changed = &mut news.sessions;
        connection.with_statement(NEWER.of(&*connection.of_stores()?)?, |newer| -> Result<()> {
            let mut rows = newer.query([self.output])?;
            while let Some(row) = rows.next()? {
                changed.insert(text(row.get_ref(0)?).to_vec());
            }
            Ok(())
        })?;
        let latest: Option<i64> = connection
            .with_statement(LATEST.of(&*connection.of_stores()?)?, |latest| -> Result<_> {
                Ok(latest.query_row([], |row| row.get(0))?)
            })?;
        // Removed output does not matter here: later output still has larger ids.
        self.output = self.output.max(latest.unwrap_or(0));
        match &mut self.sessions {
            SeenSessions::Until(until) => {
                let mut last = *until;
                each_change(connection, *until, |sequence, id| {
                    last = sequence;
                    changed.insert(id.to_vec());
                })?;
                *until = last;
            }
            SeenSessions::Hashes(before) => {
                let now = hashes(connection)?;
                let is_news = |(id, hash): &(&Vec<u8>, &u64)| before.get(*id) != Some(*hash);
                changed.extend(now.iter().filter(is_news).map(|(id, _)| id.clone()));
                let is_gone = |id: &&Vec<u8>| !now.contains_key(*id);
                changed.extend(before.keys().filter(is_gone).cloned());
                *before = now;
            }
        }
        for (name, before) in &mut self.tables {
            let now = fingerprint(&sqlite, name)?;
            if now != *before {
                news.tables.push(name.clone());
                *before = now;
            }
        }
        Ok(news)
    }
}

fn hashes(connection: &Connection) -> Result<HashMap<Vec<u8>, u64>> {
    let mut sessions = HashMap::new();
    connection.with_statement(SESSIONS, |statement| -> Result<()> {
        let columns = statement.column_count();
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let mut hasher = DefaultHasher::new();
            for column in 0..columns {
                sqlite::hash(row.get_ref(column)?, &mut hasher);
            }
            sessions.insert(text(row.get_ref(0)?).to_vec(), hasher.finish());
        }
        Ok(())
    })?;
    Ok(sessions)
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
        let mut seen = Seen::now(&connection, Vec::new()).unwrap();
        let mut news = |sql: &str| -> Vec<String> {
            sqlite.execute_batch(sql).unwrap();
            let changed = seen.news(&connection).unwrap().sessions;
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
