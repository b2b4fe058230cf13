//! Output: the chunks that a session's terminal printed, in order.

use std::rc::Rc;

use rusqlite::{ToSql, params};

use super::insert::{INSERT, insert_all, insert_rows, last_cursor};
use super::model::{NewOutput, Order, OutputRow, OutputType};
use super::redaction::Redaction;
use super::select::{Select, each_chunk, has_blocks, select_chunks};
use super::timestamp::{Moments, Seconds, Timestamp};
use super::utf16::{Joined, MAX_LENGTH};
use super::write_behind::{Entry, Feed, OnError, Settings, WriteBehind, store};
use super::{Error, Result, damaged, sealed, text};
use crate::sqlite::{self, Connection, Row, atomically};

const DELETE: &str = "DELETE FROM session_outputs WHERE session_id = ?1";

const NEWEST: Select =
    select_chunks!(i.timestamp, o.type, o.data; "ORDER BY i.timestamp DESC, i.id DESC");

const SINCE: Select = select_chunks!(
    i.timestamp, o.type, o.data; "AND i.timestamp > ?2 ORDER BY i.timestamp, i.id"
);

const FULL_BY_TIME: Select = select_chunks!(o.data; "ORDER BY i.timestamp, i.id");

const FULL_AS_APPENDED: Select = select_chunks!(o.data; "ORDER BY i.id");

/// The output of all sessions of one database.
#[derive(Clone)]
pub struct Outputs {
    pub(super) connection: Rc<Connection>,
    behind: Option<Rc<WriteBehind>>,
    redaction: Option<Rc<Redaction>>,
}

impl Outputs {
    /// The output in `connection`.
    pub fn new(connection: Rc<Connection>) -> Self {
        let redaction = connection.first_holder();
        Self { connection, behind: None, redaction }
    }

    /// The same with a redaction of its own.
    #[must_use]
    pub fn redacting(self, redaction: Rc<Redaction>) -> Self {
        self.connection.add_holder(Rc::clone(&redaction) as Rc<_>);
        Self { redaction: Some(redaction), ..self }
    }

    /// Its redaction, or that of the connection.
    pub fn redaction(&self) -> Option<&Rc<Redaction>> {
        self.redaction.as_ref()
    }

    /// The output in `connection`, with write-behind. A connection has one queue, with the settings of its first
    /// store. A database that no other connection can write to (in memory, or opened for reading only) is written
    /// directly.
    ///
    /// # Errors
    ///
    /// If the thread cannot be started.
    pub fn write_behind(
        connection: Rc<Connection>,
        settings: Settings,
        on_error: Option<OnError>,
    ) -> Result<Self> {
        let Some(siblings) = connection.siblings() else {
            return Ok(Self::new(connection));
        };
        let behind =
            connection.deferred(|| WriteBehind::start(siblings.clone(), settings, on_error))?;
        Ok(Self { behind: Some(behind), ..Self::new(connection) })
    }

    /// The connection to their database.
    pub fn connection(&self) -> &Rc<Connection> {
        &self.connection
    }

    /// Stores one chunk. Without write-behind it is committed when the call returns, unless it is part of a
    /// transaction. Returns its cursor; `None` if it is only queued or held back, or if a trigger of the file left it out.
    ///
    /// # Errors
    ///
    /// An error of SQLite.
    pub fn append(&self, output: NewOutput) -> Result<Option<i64>> {
        let Some(redaction) = &self.redaction else { return self.store(output.into()) };
        let in_transaction = self.connection.in_transaction()?;
        let mut passed = redaction.pass(&self.connection, [output], in_transaction);
        let mut entries = std::mem::take(&mut passed.entries);
        let stored = match (entries.pop(), &self.behind) {
            (None, _) => Ok(None),
            (Some(entry), _) if entries.is_empty() => self.store(entry),
            (Some(entry), Some(_)) if !in_transaction => {
                entries.into_iter().chain([entry]).try_fold(None, |_, entry| self.store(entry))
            }
            (Some(entry), _) => {
                entries.push(entry);
                self.connection.write(|sqlite| Ok(atomically(sqlite, || store(sqlite, &entries))?))
            }
        };
        redaction.settle(passed, stored.is_ok());
        stored
    }

    fn store(&self, entry: Entry) -> Result<Option<i64>> {
        match &self.behind {
            // Inside a transaction it is part of the transaction.
            Some(behind) if !self.connection.in_transaction()? => {
                Ok(behind.append(&self.connection, entry)?)
            }
            // Chunks that were appended before, by any store, come first.
            _ => self.connection.write(|sqlite| {
                let Entry::Output(output) = &entry else {
                    return Ok(store(sqlite, std::slice::from_ref(&entry))?);
                };
                let rows = std::slice::from_ref(output);
                self.connection.with_statement(INSERT, |insert| {
                    Ok(last_cursor(sqlite, insert_rows(insert, rows, Seconds::now())?))
                })
            }),
        }
    }

    /// A way into the queue of the connection, from other threads. The connection gets one, if it has none.
    ///
    /// # Errors
    ///
    /// `SQLITE_READONLY` where nothing can be written; if the thread of the queue cannot be started.
    pub(super) fn feed(&self) -> Result<Feed> {
        self.connection.check_writable()?;
        let behind = self.connection.deferred(|| match self.connection.siblings() {
            Some(siblings) => WriteBehind::start(siblings.clone(), Settings::default(), None),
            // Nobody else can write to a database in memory.
            None => Ok(WriteBehind::without_thread()),
        })?;
        Ok(behind.feed())
    }

    /// Commits the queued chunks.
    ///
    /// # Errors
    ///
    /// An error of SQLite: the chunks stay queued. Or that SQLite has refused a chunk, unless that was reported
    /// already.
    pub fn flush(&self) -> Result<()> {
        self.connection.settled()?;
        Ok(self.behind.as_ref().map_or(Ok(()), |behind| behind.check_refusal())?)
    }

    /// Stores all chunks in one transaction, or none. Returns the cursor of the last one that was stored.
    ///
    /// # Errors
    ///
    /// An error of SQLite, caused by these chunks or by those that are queued before them.
    pub fn append_many(&self, outputs: &[NewOutput]) -> Result<Option<i64>> {
        if outputs.is_empty() {
            return Ok(self.connection.unsettled().map(|_| None)?);
        }
        // Chunks that were appended before come first. If they fail, these fail, too.
        let Some(redaction) = &self.redaction else {
            let all = |sqlite: &_| atomically(sqlite, || insert_all(sqlite, outputs));
            return Ok(self.connection.write(all)?);
        };
        let passed = redaction.pass(&self.connection, outputs.iter().cloned(), true);
        let all = |sqlite: &_| atomically(sqlite, || store(sqlite, &passed.entries));
        let stored = self.connection.write(all);
        redaction.settle(passed, stored.is_ok());
        Ok(stored?)
    }

    /// Passes the newest `limit` chunks of a session to `visit`, newest first.
    ///
    /// # Errors
    ///
    /// An error of SQLite or of `visit`.
    pub fn newest<E: From<Error>>(
        &self,
        session_id: &str,
        limit: Option<i64>,
        visit: impl FnMut(OutputRow<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.select(NEWEST, session_id, &[&session_id], limit, visit)
    }

    /// Passes the oldest `limit` chunks strictly newer than `since` to `visit`, oldest first.
    ///
    /// # Errors
    ///
    /// An error of SQLite or of `visit`.
    pub fn since<E: From<Error>>(
        &self,
        session_id: &str,
        since: Timestamp,
        limit: Option<i64>,
        visit: impl FnMut(OutputRow<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.select(SINCE, session_id, params![session_id, since.text()], limit, visit)
    }

    /// All chunks of a session in this order, with `separator` between them.
    ///
    /// # Errors
    ///
    /// [`Error::TooLong`] as soon as the text cannot be a JavaScript string any more; an error of SQLite.
    pub fn full(&self, session_id: &str, separator: &str, order: Order) -> Result<Joined> {
        self.connection.settled()?;
        let sql = match order {
            Order::Time => FULL_BY_TIME,
            Order::Append => FULL_AS_APPENDED,
        };
        let mut joined = Joined::default();
        let mut first = true;
        each_chunk(&self.connection, sql, session_id, &[&session_id], |row| {
            if !std::mem::take(&mut first) {
                joined.push(separator.as_bytes())?;
            }
            joined.push(text(row.get_ref(1)?))?;
            if joined.len() > MAX_LENGTH {
                return Err(Error::TooLong {
                    session_id: session_id.to_owned(),
                    limit: MAX_LENGTH,
                });
            }
            Ok(true)
        })?;
        Ok(joined)
    }

    /// Removes the output of a session.
    ///
    /// # Errors
    ///
    /// An error of SQLite.
    pub fn delete(&self, session_id: &str) -> Result<()> {
        self.connection.forget_held(session_id);
        self.connection.remove(|sqlite| {
            let rows = || {
                self.connection.with_statement(DELETE, |delete| {
                    sqlite::write_many(sqlite, "session_outputs", delete, &[&session_id])?;
                    Ok(())
                })
            };
            if !has_blocks(sqlite)? {
                return rows();
            }
            atomically(sqlite, || {
                rows()?;
                sealed::remove_all(sqlite, session_id)
            })
        })
    }

    fn select<E: From<Error>>(
        &self,
        sql: Select,
        session_id: &str,
        params: &[&dyn ToSql],
        limit: Option<i64>,
        mut visit: impl FnMut(OutputRow<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.connection.settled().map_err(Error::from)?;
        // An index has the order, so stopping is as fast as a LIMIT. And SQLite prepares a statement again whenever a
        // LIMIT parameter changes.
        let mut left =
            limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        if left == 0 {
            return Ok(());
        }
        let mut moments = Moments::default();
        each_chunk(&self.connection, sql, session_id, params, |row| {
            visit(output(row, &mut moments)?)?;
            left -= 1;
            Ok(left > 0)
        })
    }
}

/// The chunk in a row with these columns: session, time, type, text.
pub(super) fn output<'row>(row: &'row Row<'_>, moments: &mut Moments) -> Result<OutputRow<'row>> {
    let kind = text(row.get_ref(2)?);
    Ok(OutputRow {
        timestamp: moments.millis(text(row.get_ref(1)?)),
        kind: OutputType::parse(kind).ok_or_else(|| damaged("session_outputs.type", kind))?,
        data: text(row.get_ref(3)?),
    })
}
