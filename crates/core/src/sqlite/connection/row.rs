//! Statements and their rows, with SQLite's own handle of the statement at hand. To read a value, rusqlite looks its column up
//! up to four times, which is a tenth of the time of a query.

use std::ffi::c_int;
use std::ops::{Deref, DerefMut};
use std::slice;

use rusqlite::types::ValueRef;
use rusqlite::{Connection as Sqlite, Params, ffi};

use super::names::Handle;
use super::{Error, Result};

/// The error for SQL without a statement.
pub(super) const NO_STATEMENT: Error = Error::Sql("the SQL contains no statement");

/// A prepared statement of rusqlite, and SQLite's handle of the same one.
#[derive(Debug)]
pub(crate) struct Compiled<'connection> {
    statement: rusqlite::Statement<'connection>,
    handle: Handle,
}

impl<'connection> Compiled<'connection> {
    /// The statement that `prepare` prepares, from `sql` or a beginning of it, on this connection.
    ///
    /// # Errors
    ///
    /// That of `prepare`.
    pub(super) fn new(
        sqlite: &'connection Sqlite,
        sql: &str,
        prepare: impl FnOnce() -> Result<rusqlite::Statement<'connection>>,
    ) -> Result<Self> {
        let statement = prepare()?;
        let handle = Handle::latest(sqlite, sql, &statement).ok_or(NO_STATEMENT)?;
        Ok(Self { statement, handle })
    }

    /// As [`new`](Self::new), of one statement.
    ///
    /// # Errors
    ///
    /// An error of SQLite.
    pub(crate) fn prepare(sqlite: &'connection Sqlite, sql: &str) -> Result<Self> {
        Self::new(sqlite, sql, || Ok(sqlite.prepare(sql)?))
    }

    pub(super) fn handle(&self) -> Handle {
        self.handle
    }

    /// Runs it with these parameters.
    ///
    /// # Errors
    ///
    /// An error of SQLite.
    pub(crate) fn query(&mut self, params: impl Params) -> rusqlite::Result<Rows<'_>> {
        Ok(Rows { rows: self.statement.query(params)?, handle: self.handle })
    }

    /// Runs it, or goes on with it, with the parameters that are bound.
    pub(super) fn rows(&mut self) -> Rows<'_> {
        Rows { rows: self.statement.raw_query(), handle: self.handle }
    }
}

impl<'connection> Deref for Compiled<'connection> {
    type Target = rusqlite::Statement<'connection>;

    fn deref(&self) -> &Self::Target {
        &self.statement
    }
}

impl DerefMut for Compiled<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.statement
    }
}

/// The rows of a statement. When they are dropped, the statement is reset.
pub(crate) struct Rows<'statement> {
    rows: rusqlite::Rows<'statement>,
    handle: Handle,
}

impl<'statement> Rows<'statement> {
    /// The next row.
    ///
    /// # Errors
    ///
    /// An error of SQLite.
    pub(crate) fn next(&mut self) -> rusqlite::Result<Option<Row<'_>>> {
        let handle = self.handle;
        Ok(self.rows.next()?.map(|row| Row { row, handle }))
    }

    /// The rows that are left, as rusqlite gives them.
    pub(super) fn plain(self) -> rusqlite::Rows<'statement> {
        self.rows
    }
}

/// A row that SQLite stands on.
#[derive(Debug, Clone, Copy)]
pub struct Row<'row> {
    row: &'row rusqlite::Row<'row>,
    handle: Handle,
}

impl<'row> Row<'row> {
    /// A value. It is NULL where there is no such column.
    ///
    /// # Errors
    ///
    /// `SQLITE_NOMEM` if SQLite has no room for a text in UTF-8.
    pub fn get_ref(&self, column: usize) -> rusqlite::Result<ValueRef<'row>> {
        let column = c_int::try_from(column).unwrap_or(c_int::MAX);
        // SAFETY: the statement stands on the row for as long as that is borrowed, and the connection is used by one thread,
        // which is this one. What SQLite hands out stays as it is until the next step, or until it is asked for
        // another type, which nobody does.
        unsafe {
            let value = ffi::sqlite3_column_value(self.handle.as_ptr(), column);
            let read = match ffi::sqlite3_value_type(value) {
                ffi::SQLITE_INTEGER => Some(ValueRef::Integer(ffi::sqlite3_value_int64(value))),
                ffi::SQLITE_FLOAT => Some(ValueRef::Real(ffi::sqlite3_value_double(value))),
                ffi::SQLITE_TEXT => {
                    // In UTF-8 from here on.
                    let start = ffi::sqlite3_value_text(value);
                    bytes(start, ffi::sqlite3_value_bytes(value)).map(ValueRef::Text)
                }
                ffi::SQLITE_BLOB => {
                    // Zeros that a blob only counts need room of their own.
                    let length = ffi::sqlite3_value_bytes(value);
                    let start = ffi::sqlite3_value_blob(value);
                    if length == 0 { Some(&[][..]) } else { bytes(start.cast(), length) }
                        .map(ValueRef::Blob)
                }
                _ => Some(ValueRef::Null),
            };
            read.ok_or_else(|| {
                // SQLite notices by this that its memory was not sufficient, and goes on without.
                ffi::sqlite3_column_value(self.handle.as_ptr(), column);
                no_memory()
            })
        }
    }
}

/// So many bytes; `None` if they are nowhere.
///
/// # Safety
///
/// They are there for as long as the result, unless it starts nowhere.
unsafe fn bytes<'row>(start: *const u8, length: c_int) -> Option<&'row [u8]> {
    let length = usize::try_from(length).unwrap_or(0);
    // SAFETY: as the caller says.
    (!start.is_null()).then(|| unsafe { slice::from_raw_parts(start, length) })
}

impl<'row> Deref for Row<'row> {
    type Target = rusqlite::Row<'row>;

    fn deref(&self) -> &Self::Target {
        self.row
    }
}

fn no_memory() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_NOMEM), None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::{Connection, Error, Location, OpenOptions};

    #[test]
    fn a_row_has_the_values_that_rusqlite_reads() {
        const VALUES: &str =
            "SELECT NULL, -9223372036854775808, 0.5, '', 'a' || char(0) || 'ü', x'', x'00ff',
             zeroblob(3), CAST(x'ff41' AS TEXT)";
        for encoding in ["UTF-8", "UTF-16"] {
            let connection =
                Connection::open(":memory:", Location::Memory, &OpenOptions::default()).unwrap();
            let other = rusqlite::Connection::open_in_memory().unwrap();
            other.pragma_update(None, "encoding", encoding).unwrap();
            let read = |row: &Row<'_>| -> Vec<String> {
                (0..9)
                    .map(|at| {
                        let value = row.get_ref(at).unwrap();
                        assert_eq!(value, (**row).get_ref(at).unwrap());
                        format!("{value:?}")
                    })
                    .collect()
            };
            let seen = connection
                .with_statement::<_, Error>(VALUES, |values| {
                    let mut rows = values.query([])?;
                    Ok(read(&rows.next()?.unwrap()))
                })
                .unwrap();
            let mut values = Compiled::prepare(&other, VALUES).unwrap();
            let mut rows = values.query([]).unwrap();
            let row = rows.next().unwrap().unwrap();
            assert_eq!(read(&row).get(..8), seen.get(..8));
            assert_eq!(row.get_ref(9).unwrap(), ValueRef::Null);
        }
    }
}
