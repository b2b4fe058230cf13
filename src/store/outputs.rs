//! Output: every chunk that a session's terminal printed, in order.

use std::rc::Rc;

use rusqlite::{Connection as Sqlite, Params, Row, params};

use super::model::{NewOutput, OutputRow, OutputType};
use super::timestamp::{Timestamp, parse_millis};
use super::utf16::{Length, MAX_LENGTH};
use super::write_behind::{OnError, Settings, WriteBehind};
use super::{Error, Result, damaged, text};
use crate::sqlite::{self, Connection, atomically};

const INSERT: &str =
    "INSERT INTO session_outputs (session_id, timestamp, type, data) VALUES (?1, ?2, ?3, ?4)";

const DELETE: &str = "DELETE FROM session_outputs WHERE session_id = ?1";

const NEWEST: &str = "SELECT timestamp, type, data FROM session_outputs
     WHERE session_id = ?1 ORDER BY timestamp DESC, id DESC";

const SINCE: &str = "SELECT timestamp, type, data FROM session_outputs
     WHERE session_id = ?1 AND timestamp > ?2 ORDER BY timestamp, id";

const FULL: &str = "SELECT data FROM session_outputs WHERE session_id = ?1 ORDER BY timestamp, id";

/// The output of all sessions of one database.
#[derive(Clone)]
pub struct Outputs {
    connection: Rc<Connection>,
    behind: Option<Rc<WriteBehind>>,
}

impl Outputs {
    /// The output in `connection`.
    pub fn new(connection: Rc<Connection>) -> Self {
        Self { connection, behind: None }
    }

    /// The output in `connection`, written behind, by the one queue that a connection has: the settings
    /// are those of the store that came first. A database that no other connection can write to, in
    /// memory or opened for reading only, is written directly.
    ///
    /// # Errors
    ///
    /// Where there can be no thread to write.
    pub fn write_behind(
        connection: Rc<Connection>,
        settings: Settings,
        on_error: Option<OnError>,
    ) -> Result<Self> {
        let Some(file) = connection.shared_file() else {
            return Ok(Self::new(connection));
        };
        let behind = connection.deferred(|| {
            WriteBehind::start(file, connection.options().clone(), settings, on_error)
        })?;
        Ok(Self { connection, behind: Some(behind) })
    }

    /// Stores one chunk. Without write-behind it is committed when the call returns, unless it is part
    /// of a transaction.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn append(&self, output: NewOutput) -> Result<()> {
        match &self.behind {
            // Inside a transaction it is part of that.
            Some(behind) if !self.connection.in_transaction()? => {
                Ok(behind.append(&self.connection, output)?)
            }
            _ => Ok(insert(&*self.connection.sqlite()?, &output)?),
        }
    }

    /// Commits what is queued.
    ///
    /// # Errors
    ///
    /// What SQLite says; it stays queued.
    pub fn flush(&self) -> Result<()> {
        self.connection.settled()?;
        Ok(())
    }

    /// Stores all chunks in one transaction, or none.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn append_many(&self, outputs: &[NewOutput]) -> Result<()> {
        let sqlite = self.connection.sqlite()?;
        if outputs.is_empty() {
            return Ok(());
        }
        Ok(atomically(&sqlite, || outputs.iter().try_for_each(|output| insert(&sqlite, output)))?)
    }

    /// Hands the newest `limit` chunks of a session to `visit`, newest first.
    ///
    /// # Errors
    ///
    /// What SQLite or `visit` says.
    pub fn newest<E: From<Error>>(
        &self,
        session_id: &str,
        limit: Option<i64>,
        visit: impl FnMut(OutputRow<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        // An index has this order, so stopping is as good as a LIMIT, and SQLite prepares a statement
        // anew whenever a LIMIT that is a parameter changes.
        let limit = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        self.select(NEWEST, [session_id], limit, visit)
    }

    /// Hands the chunks strictly newer than `since` to `visit`, oldest first.
    ///
    /// # Errors
    ///
    /// What SQLite or `visit` says.
    pub fn since<E: From<Error>>(
        &self,
        session_id: &str,
        since: Timestamp,
        visit: impl FnMut(OutputRow<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.select(SINCE, params![session_id, since.text()], usize::MAX, visit)
    }

    /// All chunks of a session, oldest first, with `separator` between them, as UTF-8: in a chunk that
    /// is none, the bytes that are none become U+FFFD.
    ///
    /// # Errors
    ///
    /// [`Error::TooLong`] as soon as the text cannot be a JavaScript string any more; what SQLite
    /// says.
    pub fn full(&self, session_id: &str, separator: &str) -> Result<Vec<u8>> {
        let sqlite = self.connection.sqlite()?;
        let mut statement = sqlite.prepare_cached(FULL)?;
        let mut rows = statement.query([session_id])?;
        let mut joined = Vec::new();
        let mut length = Length::default();
        let mut first = true;
        while let Some(row) = rows.next()? {
            let data = text(row.get_ref(0)?);
            if !std::mem::take(&mut first) {
                joined.extend_from_slice(separator.as_bytes());
            }
            match std::str::from_utf8(data) {
                Ok(_) => joined.extend_from_slice(data),
                // Chunk by chunk: halves of a character in two chunks were never one.
                Err(_) => joined.extend_from_slice(String::from_utf8_lossy(data).as_bytes()),
            }
            if !length.fits(&joined) {
                return Err(Error::TooLong {
                    session_id: session_id.to_owned(),
                    limit: MAX_LENGTH,
                });
            }
        }
        Ok(joined)
    }

    /// Removes the output of a session.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn delete(&self, session_id: &str) -> Result<()> {
        self.connection.settled()?.prepare_cached(DELETE)?.execute([session_id])?;
        Ok(())
    }

    fn select<E: From<Error>>(
        &self,
        sql: &str,
        params: impl Params,
        limit: usize,
        mut visit: impl FnMut(OutputRow<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let sqlite = self.connection.sqlite().map_err(Error::from)?;
        let mut statement = sqlite.prepare_cached(sql).map_err(Error::from)?;
        let mut rows = statement.query(params).map_err(Error::from)?;
        for _ in 0..limit {
            let Some(row) = rows.next().map_err(Error::from)? else {
                break;
            };
            visit(output(row)?)?;
        }
        Ok(())
    }
}

/// Inserts a row.
pub(super) fn insert(sqlite: &Sqlite, output: &NewOutput) -> sqlite::Result<()> {
    let inserted = sqlite.prepare_cached(INSERT)?.execute(params![
        output.session_id,
        output.timestamp.text(),
        output.kind,
        output.data,
    ]);
    match inserted.map_err(sqlite::Error::from) {
        Ok(_) => Ok(()),
        Err(error) if error.code_name().as_deref() == Some("SQLITE_TOOBIG") => {
            Err(error.context(format_args!("output.data of {} bytes", output.data.len())))
        }
        Err(error) => Err(error),
    }
}

fn output<'row>(row: &'row Row<'_>) -> Result<OutputRow<'row>> {
    let kind = text(row.get_ref(1)?);
    Ok(OutputRow {
        timestamp: parse_millis(text(row.get_ref(0)?)),
        kind: OutputType::parse(kind).ok_or_else(|| damaged("session_outputs.type", kind))?,
        data: text(row.get_ref(2)?),
    })
}
