//! The errors of the engine.

use std::borrow::Cow;
use std::ffi::c_int;
use std::io;
use std::path::Path;

use rusqlite::ffi;

use super::{code, exceeded, refused, remedies};

/// A result of the engine.
pub type Result<T> = std::result::Result<T, Error>;

/// An error of the engine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The connection was closed before the call.
    #[error("the database connection to {path:?} is closed")]
    Closed {
        /// The path that the connection was opened with.
        path: String,
    },
    /// The connection is running a query and cannot do this now.
    #[error("the database connection is busy executing a query")]
    InUse,
    /// SQL that is not exactly one statement.
    #[error("{0}")]
    Sql(&'static str),
    /// An error of SQLite, or of the code that prepares a file for it.
    #[error("{message}")]
    Sqlite {
        /// An extended result code of SQLite.
        code: c_int,
        /// The message of SQLite, often with what was being done.
        message: String,
    },
}

impl Error {
    /// A file that this library declines to open.
    pub(crate) fn cannot_open(message: impl Into<String>) -> Self {
        Self::Sqlite { code: ffi::SQLITE_CANTOPEN, message: message.into() }
    }

    /// A backup in which something is wrong.
    pub(crate) fn damaged(backup: &Path, problem: &str) -> Self {
        let message = format!("the backup {backup:?} is not a sound session store: {problem}");
        Self::Sqlite { code: ffi::SQLITE_CORRUPT, message }
    }

    /// Whether it is such a refusal, which already says what to do, and not SQLite's error with the same code.
    pub(crate) fn is_own_refusal(&self) -> bool {
        matches!(self, Self::Sqlite { code: ffi::SQLITE_CANTOPEN, message }
            if !message.starts_with("unable to open"))
    }

    /// The error for a lack of memory.
    pub fn no_memory(bytes: usize) -> Self {
        let message = format!("there is no memory for {bytes} bytes");
        Self::Sqlite { code: ffi::SQLITE_NOMEM, message }
    }

    /// An error of the operating system, with the code that SQLite has for it.
    pub(crate) fn io(error: &io::Error) -> Self {
        let code = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ffi::SQLITE_FULL,
            _ => ffi::SQLITE_CANTOPEN,
        };
        Self::Sqlite { code, message: remedies::explain(error) }
    }

    /// The extended result code by its name, where the error is SQLite's.
    pub fn code_name(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Sqlite { code, .. } => Some(code::name(*code)),
            _ => None,
        }
    }

    /// The error for the id of a session that there is.
    pub(crate) fn exists(id: &str) -> Self {
        let message = format!("session.id {id:?} exists already");
        Self::Sqlite { code: ffi::SQLITE_CONSTRAINT_PRIMARYKEY, message }
    }

    /// Whether SQLite refuses a value, and would refuse it again.
    pub(crate) fn is_refusal(&self) -> bool {
        let refusals = [ffi::SQLITE_CONSTRAINT, ffi::SQLITE_TOOBIG, ffi::SQLITE_MISMATCH];
        matches!(self, Self::Sqlite { code, .. } if refusals.contains(&(code & 0xff)))
    }

    /// Whether the schema is the cause: a statement makes no sense in it.
    pub(crate) fn is_of_schema(&self) -> bool {
        matches!(self, Self::Sqlite { code, .. } if code & 0xff == ffi::SQLITE_ERROR)
    }

    /// The extended result code, where the error is SQLite's.
    pub(crate) fn code(&self) -> Option<c_int> {
        match self {
            Self::Sqlite { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// Whether SQL of the file exceeded a limit, and would exceed it again.
    pub(crate) fn is_interrupt(&self) -> bool {
        matches!(self, Self::Sqlite { code, .. } if code & 0xff == ffi::SQLITE_INTERRUPT)
    }

    /// Whether another connection held a lock for longer than the busy timeout.
    pub(crate) fn is_busy(&self) -> bool {
        matches!(self, Self::Sqlite { code, .. }
            if matches!(code & 0xff, ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED))
    }

    /// Whether the file is the cause, and not a lock, the memory, or the caller.
    pub(crate) fn is_of_the_file(&self) -> bool {
        matches!(self, Self::Sqlite { code, .. }
        if matches!(
            code & 0xff,
            ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB | ffi::SQLITE_IOERR | ffi::SQLITE_ERROR
                | ffi::SQLITE_FORMAT | ffi::SQLITE_SCHEMA | ffi::SQLITE_TOOBIG | ffi::SQLITE_INTERRUPT
        ))
    }

    /// The same error, with what was being done in front of its message.
    pub fn context(self, doing: impl std::fmt::Display) -> Self {
        match self {
            Self::Sqlite { code, message } => {
                Self::Sqlite { code, message: format!("{doing}: {message}") }
            }
            other => other,
        }
    }
}

/// Makes room for `more` elements, a number that a caller or a file chose.
///
/// # Errors
///
/// `SQLITE_NOMEM`. Without this call, the vector would end the process.
pub fn reserve<T>(elements: &mut Vec<T>, more: usize) -> Result<()> {
    elements.try_reserve(more).map_err(|_| Error::no_memory(more.saturating_mul(size_of::<T>())))
}

/// `None` if it failed because another connection held a lock.
pub(crate) fn unless_busy<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Err(error) if error.is_busy() => Ok(None),
        result => result.map(Some),
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        let exceeded =
            error.sqlite_error().and_then(|error| exceeded::explain(error.extended_code));
        if let Some(message) = exceeded {
            return Self::Sqlite { code: ffi::SQLITE_INTERRUPT, message };
        }
        let refused = error.sqlite_error().and_then(|error| refused::explain(error.extended_code));
        if let Some(message) = refused {
            return Self::Sqlite { code: ffi::SQLITE_AUTH, message };
        }
        match error {
            // Only one hook refuses commits.
            rusqlite::Error::SqliteFailure(failure, _)
                if failure.extended_code == ffi::SQLITE_CONSTRAINT_COMMITHOOK =>
            {
                Self::moved()
            }
            rusqlite::Error::SqliteFailure(failure, message) => {
                let code = failure.extended_code;
                let mut message = message.unwrap_or_else(|| ffi::code_to_str(code).into());
                if code == ffi::SQLITE_IOERR_SHMSIZE {
                    // SQLite's own message does not name the usual cause.
                    message += ": no room for the index of the log (-shm); the disk may be full";
                }
                Self::Sqlite { code, message }
            }
            rusqlite::Error::SqlInputError { error, msg, .. } => {
                Self::Sqlite { code: error.extended_code, message: msg }
            }
            other => Self::Sqlite { code: ffi::SQLITE_ERROR, message: other.to_string() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserving_too_much_memory_fails_and_leaves_the_vector_unchanged() {
        let mut elements = vec![1u64];
        for more in [usize::MAX, usize::MAX / 8, isize::MAX as usize / 8] {
            let error = reserve(&mut elements, more).unwrap_err();
            assert_eq!(error.code_name().as_deref(), Some("SQLITE_NOMEM"));
            assert!(error.to_string().starts_with("there is no memory for "), "{error}");
        }
        assert_eq!(elements, [1]);
    }
}
