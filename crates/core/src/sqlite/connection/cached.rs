//! The statements that a connection keeps for its stores. Each is prepared when it is first needed, and found again
//! without hashing its text.

use std::cell::RefCell;
use std::ptr;
use std::rc::Rc;

use rusqlite::Connection as Sqlite;

use super::row::Compiled;
use super::statement::Prepared;
use super::{Connection, Error, Result};
use crate::sqlite::limits::{Limits, limited};

/// A statement, and its text. It is found by the address of the text.
type CacheEntry = (&'static str, Rc<RefCell<Prepared>>);

/// The statements of a connection.
#[derive(Debug, Default)]
pub(super) struct Cache(RefCell<Vec<CacheEntry>>);

impl Cache {
    /// Finalizes every statement, except one that is in use.
    pub(super) fn clear(&self) {
        self.0.borrow_mut().clear();
    }

    /// The statement with this text, prepared by `connection` if it is not known yet.
    fn statement(
        &self,
        sql: &'static str,
        connection: impl FnOnce() -> Result<Rc<Sqlite>>,
    ) -> Result<Rc<RefCell<Prepared>>> {
        if let Some(known) = self.find(sql) {
            return Ok(known);
        }
        let connection = connection()?;
        // For a statement that writes, SQLite reads the triggers of the file.
        let prepared = limited(Limits::SCHEMA, || {
            Prepared::try_new(connection, |sqlite| {
                let flags = rusqlite::PrepFlags::SQLITE_PREPARE_PERSISTENT;
                Compiled::new(sqlite, sql, || Ok(sqlite.prepare_with_flags(sql, flags)?))
            })
        })?;
        let prepared = Rc::new(RefCell::new(prepared));
        self.0.borrow_mut().push((sql, Rc::clone(&prepared)));
        Ok(prepared)
    }

    fn find(&self, sql: &'static str) -> Option<Rc<RefCell<Prepared>>> {
        let known = self.0.borrow();
        let found = known.iter().find(|(text, _)| ptr::eq(*text, sql));
        found.map(|(_, prepared)| Rc::clone(prepared))
    }
}

impl Connection {
    /// Runs `work` with a statement that stays prepared, with no value bound, until the connection closes.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`], [`Error::InUse`] inside `work` of the same statement; an error of SQLite or of `work`.
    pub(crate) fn with_statement<T, E: From<Error>>(
        &self,
        sql: &'static str,
        work: impl FnOnce(&mut Compiled<'_>) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        // A statement that is prepared now says nothing of whether the schema has changed.
        let prepared = match self.beside() {
            Some(beside) => beside.cache.statement(sql, || {
                self.blocks().set(None);
                Ok(Rc::clone(&beside.sqlite))
            })?,
            None => self.cache().statement(sql, || {
                self.blocks().set(None);
                self.unsettled()
            })?,
        };
        let mut prepared = prepared.try_borrow_mut().map_err(|_| Error::InUse)?;
        prepared.with_dependent_mut(|_, statement| {
            let result = work(statement);
            // A bound text would stay in memory.
            statement.clear_bindings();
            result
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::{Location, OpenOptions};

    const COUNT: &str = "SELECT count(*) FROM sessions WHERE id = ?1 OR ?1 IS NULL";

    fn open() -> Connection {
        Connection::open(":memory:", Location::Memory, &OpenOptions::default()).unwrap()
    }

    fn count(connection: &Connection) -> Result<i64> {
        connection.with_statement(COUNT, |count| Ok(count.query_row(["s"], |row| row.get(0))?))
    }

    #[test]
    fn a_statement_is_prepared_once_and_keeps_no_value() {
        let connection = open();
        assert_eq!(count(&connection).unwrap(), 0);
        assert_eq!(count(&connection).unwrap(), 0);
        assert_eq!(connection.cache().0.borrow().len(), 1);
        let expanded =
            connection.with_statement::<_, Error>(COUNT, |count| Ok(count.expanded_sql())).unwrap();
        assert!(expanded.unwrap().contains("id = NULL"));
    }

    #[test]
    fn a_cached_statement_is_in_use_inside_itself_and_gone_after_closing() {
        let connection = open();
        let inside = connection.with_statement(COUNT, |_| count(&connection));
        assert!(matches!(inside, Err(Error::InUse)));
        let closing = connection.with_statement(COUNT, |_| connection.close());
        assert!(matches!(closing, Err(Error::InUse)));
        connection.close().unwrap();
        assert!(matches!(count(&connection), Err(Error::Closed { .. })));
    }
}
