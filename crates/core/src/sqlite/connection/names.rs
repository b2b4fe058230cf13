//! The names of columns, straight from SQLite. They come from the schema of a file, and rusqlite panics if one of
//! them is not UTF-8.

use std::ffi::{CStr, c_char, c_int};
use std::ptr::{self, NonNull};

use rusqlite::{Connection as Sqlite, ffi};

/// A column of a result, with where its values come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name in the result.
    pub name: String,
    /// The column that it comes from, unless it is an expression.
    pub origin: Option<String>,
    /// The table that it comes from.
    pub table: Option<String>,
    /// The database that it comes from: `main`, `temp` or an attached one.
    pub database: Option<String>,
    /// The declared type of the column that it comes from.
    pub decl_type: Option<String>,
}

/// A function of SQLite that returns a text about a column.
type Ask = unsafe extern "C" fn(*mut ffi::sqlite3_stmt, c_int) -> *const c_char;

/// SQLite's own handle of a statement. It does not keep the statement alive.
#[derive(Debug, Clone, Copy)]
pub(super) struct Handle(NonNull<ffi::sqlite3_stmt>);

impl Handle {
    /// The handle of `statement`, the latest one that was prepared from `sql`, or from a beginning of it.
    pub(super) fn latest(
        connection: &Sqlite,
        sql: &str,
        statement: &rusqlite::Statement<'_>,
    ) -> Option<Self> {
        let counts = (statement.column_count(), statement.parameter_count());
        // SAFETY: the connection is open and on its thread, and nothing is finalized meanwhile. SQLite lists the
        // latest statement first, but for those that virtual tables have prepared for themselves.
        unsafe {
            let db = connection.handle();
            let mut found = ffi::sqlite3_next_stmt(db, ptr::null_mut());
            while !found.is_null() {
                let text = ffi::sqlite3_sql(found);
                let text = if text.is_null() { c"" } else { CStr::from_ptr(text) };
                let columns = usize::try_from(ffi::sqlite3_column_count(found));
                let parameters = usize::try_from(ffi::sqlite3_bind_parameter_count(found));
                if !text.is_empty()
                    && sql.as_bytes().starts_with(text.to_bytes())
                    && (columns, parameters) == (Ok(counts.0), Ok(counts.1))
                {
                    break;
                }
                found = ffi::sqlite3_next_stmt(db, found);
            }
            NonNull::new(found).map(Self)
        }
    }

    pub(super) fn as_ptr(self) -> *mut ffi::sqlite3_stmt {
        self.0.as_ptr()
    }

    /// The columns, with U+FFFD for bytes that are not UTF-8.
    ///
    /// # Safety
    ///
    /// The statement is not finalized, and not at work.
    pub(super) unsafe fn columns(self) -> Vec<Column> {
        let statement = self.0.as_ptr();
        let ask = |column: c_int, ask: Ask| {
            // SAFETY: as the caller says; the text is copied before SQLite is asked for anything else.
            unsafe {
                let text = ask(statement, column);
                (!text.is_null()).then(|| CStr::from_ptr(text).to_string_lossy().into_owned())
            }
        };
        let column = |column| Column {
            name: ask(column, ffi::sqlite3_column_name).unwrap_or_default(),
            origin: ask(column, ffi::sqlite3_column_origin_name),
            table: ask(column, ffi::sqlite3_column_table_name),
            database: ask(column, ffi::sqlite3_column_database_name),
            decl_type: ask(column, ffi::sqlite3_column_decltype),
        };
        // SAFETY: as the caller says.
        (0..unsafe { ffi::sqlite3_column_count(statement) }).map(column).collect()
    }
}
