//! The product in plain Rust: sessions, their output, and the values of both.

mod cascade;
pub mod changes;
pub mod cursors;
mod details;
mod error;
pub mod export;
#[cfg(test)]
mod foreign_names;
mod frequency;
mod insert;
mod listing;
pub mod model;
pub mod orphans;
pub mod outputs;
mod owners;
mod pace;
pub mod pages;
mod pins;
mod processes;
pub mod recorder;
pub mod redact;
pub mod redacted;
pub mod redaction;
pub mod redactions;
pub mod references;
pub mod restore;
pub mod retention;
pub mod salvage;
pub mod sealed;
pub mod sealing;
pub mod search;
pub mod seen;
mod select;
pub mod sessions;
pub mod sizes;
pub mod stats;
pub mod terminal;
pub mod timestamp;
pub mod utf16;
pub mod verify;
pub mod write_behind;

pub use error::{Error, Result};

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Params, ffi};

use crate::sqlite::{self, Compiled, Connection, Row};

/// Passes the rows of a query to `visit` until it returns `false`. Before output is read, the deferred writes have to
/// be done; those of sessions are done here.
fn each_row<E: From<Error>>(
    connection: &Connection,
    sql: &'static str,
    params: impl Params,
    mut visit: impl FnMut(&Row<'_>) -> Result<bool, E>,
) -> Result<(), E> {
    connection.settle_sessions().map_err(Error::from)?;
    let visit_all = |statement: &mut Compiled<'_>| {
        let mut rows = statement.query(params).map_err(Error::from)?;
        while let Some(row) = rows.next().map_err(Error::from)? {
            if !visit(&row)? {
                break;
            }
        }
        Ok(())
    };
    let visited = connection.with_statement(sql, |statement| Ok(visit_all(statement)));
    visited.unwrap_or_else(|error: Error| Err(error.into()))
}

/// Whether the file has the tables that stand beside those of the plan. They are made together. An older file that is
/// opened for reading only lacks them.
fn has_additions(connection: &Connection) -> Result<bool> {
    Ok(!connection.options().readonly
        || sqlite::has_object(&*connection.unsettled()?, "gsd_session_details")?)
}

/// Text that is bound as it is stored. It need not be UTF-8.
struct StoredText<'a>(&'a [u8]);

impl ToSql for StoredText<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Text(self.0)))
    }
}

/// The stored bytes of a text column. Another program may have stored invalid UTF-8.
fn text(value: ValueRef<'_>) -> &[u8] {
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes,
        _ => &[],
    }
}

/// The error for a value that the CHECKs of the schema forbid.
fn damaged(column: &str, value: &[u8]) -> Error {
    corrupt(format!("{column} holds {:?}", String::from_utf8_lossy(value)))
}

/// The error for an index that names a wrong row.
fn damaged_index(table: &str, row: &str, id: &[u8]) -> Error {
    corrupt(format!("an index of {table} names {row} {:?}", String::from_utf8_lossy(id)))
}

fn corrupt(message: String) -> Error {
    Error::Sqlite(sqlite::Error::Sqlite { code: ffi::SQLITE_CORRUPT, message })
}
