//! What the product is about, in plain Rust: sessions, their output, and the values of both.

mod cascade;
pub mod changes;
pub mod cursors;
mod error;
mod listing;
pub mod model;
pub mod outputs;
pub mod salvage;
pub mod sessions;
pub mod timestamp;
pub mod utf16;
pub mod verify;
pub mod write_behind;

pub use error::{Error, Result};

use rusqlite::ffi;
use rusqlite::types::ValueRef;

use crate::sqlite;

/// The bytes of a text column, as they are stored: another program may have stored invalid UTF-8.
fn text(value: ValueRef<'_>) -> &[u8] {
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes,
        _ => &[],
    }
}

/// A value that no CHECK of the schema lets in.
fn damaged(column: &str, value: &[u8]) -> Error {
    Error::Sqlite(sqlite::Error::Sqlite {
        code: ffi::SQLITE_CORRUPT,
        message: format!("{column} holds {:?}", String::from_utf8_lossy(value)),
    })
}
