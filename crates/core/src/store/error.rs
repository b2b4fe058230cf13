//! The errors of the stores.

use std::borrow::Cow;

use crate::sqlite;

/// A result of a store.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of a store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An error of the engine.
    #[error(transparent)]
    Sqlite(#[from] sqlite::Error),
    /// A value of the right type that the store refuses.
    #[error("{field} must be {expected}; received {received}")]
    OutOfRange {
        /// The path of the field, in the words of the caller.
        field: Cow<'static, str>,
        /// What the field accepts.
        expected: String,
        /// What it received.
        received: String,
    },
    /// Text longer than a JavaScript string can be.
    #[error(
        "the output of session {session_id:?} is longer than the longest string of JavaScript \
         ({limit} UTF-16 code units); read it in parts, by getBySession() with a limit or by getBySessionSince()"
    )]
    TooLong {
        /// The session whose output was asked for.
        session_id: String,
        /// The length that is still possible.
        limit: usize,
    },
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error.into())
    }
}

impl From<Error> for sqlite::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Sqlite(error) => error,
            // It is refused for what it is, as by a CHECK.
            refused => Self::Sqlite {
                code: rusqlite::ffi::SQLITE_CONSTRAINT_CHECK,
                message: refused.to_string(),
            },
        }
    }
}
