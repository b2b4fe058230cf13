//! The content of a table of others as a number, to tell whether it has changed.

use std::hash::{DefaultHasher, Hash, Hasher};

use rusqlite::Connection as Sqlite;
use rusqlite::types::ValueRef;

use super::limits::{Limits, limited};
use super::{Error, Result};

/// A hash of all rows of an ordinary table; `None` where there is no such table. It reads the whole table.
///
/// # Errors
///
/// `SQLITE_INTERRUPT` if columns that the file computes take too long, or an error of SQLite.
pub(crate) fn fingerprint(sqlite: &Sqlite, table: &str) -> Result<Option<u64>> {
    if !is_ordinary(sqlite, table)? {
        return Ok(None);
    }
    let name = table.replace('"', "\"\"");
    let bytes = super::size(sqlite)?.bytes;
    limited(Limits::whole_file(bytes, 0), || {
        let mut statement = sqlite.prepare_cached(&format!("SELECT * FROM main.\"{name}\""))?;
        let columns = statement.column_count();
        let mut hasher = DefaultHasher::new();
        columns.hash(&mut hasher);
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            for column in 0..columns {
                hash(row.get_ref(column)?, &mut hasher);
            }
        }
        Ok::<_, Error>(Some(hasher.finish()))
    })
}

/// Whether the file has an ordinary table with this name: a view may never end, and a virtual table may be anything.
fn is_ordinary(sqlite: &Sqlite, table: &str) -> Result<bool> {
    let sql = "SELECT 1 FROM sqlite_schema
        WHERE type = 'table' AND name = ?1 COLLATE NOCASE AND sql LIKE 'CREATE TABLE %'";
    Ok(sqlite.prepare_cached(sql)?.exists([table])?)
}

/// Whether what has this name, if anything, has rows of its own that can be read without running SQL of the file.
///
/// # Errors
///
/// An error of SQLite.
pub fn can_watch(sqlite: &Sqlite, table: &str) -> Result<bool> {
    let sql = "SELECT 1 FROM sqlite_schema WHERE name = ?1 COLLATE NOCASE";
    Ok(is_ordinary(sqlite, table)? || !sqlite.prepare_cached(sql)?.exists([table])?)
}

/// Adds a value to a hash.
pub(crate) fn hash(value: ValueRef<'_>, hasher: &mut DefaultHasher) {
    match value {
        ValueRef::Null => 0.hash(hasher),
        ValueRef::Integer(integer) => integer.hash(hasher),
        ValueRef::Real(real) => real.to_bits().hash(hasher),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.hash(hasher),
    }
}
