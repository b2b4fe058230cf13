//! Errors as JavaScript sees them: the built-in classes with Node's codes, and `SqliteError`.

use std::borrow::Cow;

use gsd_session_core::{sqlite, store};
use napi::Status;

use crate::environment::Environment;
use crate::js::{Host, NoMemory, Scope, Unreadable, Value};

const INVALID_TYPE: &str = "ERR_INVALID_ARG_TYPE";
const OUT_OF_RANGE: &str = "ERR_OUT_OF_RANGE";
const INVALID_STATE: &str = "ERR_INVALID_STATE";

/// A result of parsing arguments, or of a call.
pub type Parsed<T> = Result<T, Failure>;

/// Why a call failed.
#[derive(Debug)]
pub enum Failure {
    /// An argument has the wrong type: a `TypeError`.
    Type(String),
    /// An argument has the right type and no permitted value: a `RangeError`.
    Range(String),
    /// The connection cannot do this now: a `TypeError`.
    State(String),
    /// SQLite said so: a `SqliteError` with the name of its extended code.
    Sqlite(Cow<'static, str>, String),
    /// The system said so: an `Error` with its code.
    System(&'static str, String),
    /// A JavaScript exception is under way already, or Node-API failed.
    Napi(napi::Error),
    /// A failure of the call that is named here, not of the function that found it.
    Of(String, Box<Failure>),
}

impl From<napi::Error> for Failure {
    fn from(error: napi::Error) -> Self {
        Self::Napi(error)
    }
}

/// For failures outside an evaluation of `lib/`, whose classes are not known there.
impl From<Failure> for napi::Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Napi(error) => error,
            Failure::Of(_, failure) => (*failure).into(),
            Failure::Type(message)
            | Failure::Range(message)
            | Failure::State(message)
            | Failure::Sqlite(_, message)
            | Failure::System(_, message) => Self::from_reason(message),
        }
    }
}

impl From<sqlite::Error> for Failure {
    fn from(error: sqlite::Error) -> Self {
        match (error.code_name(), &error) {
            (Some(code), _) => Self::Sqlite(code, error.to_string()),
            (None, sqlite::Error::Sql(message)) => Self::Range((*message).into()),
            (None, _) => Self::State(error.to_string()),
        }
    }
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Sqlite(error) => error.into(),
            other => Self::Range(other.to_string()),
        }
    }
}

impl From<NoMemory> for Failure {
    fn from(NoMemory(bytes): NoMemory) -> Self {
        sqlite::Error::no_memory(bytes).into()
    }
}

impl From<Unreadable> for Failure {
    fn from(unreadable: Unreadable) -> Self {
        match unreadable {
            Unreadable::Call(error) => error.into(),
            Unreadable::Memory(memory) => memory.into(),
        }
    }
}

/// The classes by their numbers in `lib/errors.js`.
const TYPE_ERROR: f64 = 0.0;
const RANGE_ERROR: f64 = 1.0;
const SQLITE_ERROR: f64 = 2.0;
const SYSTEM_ERROR: f64 = 3.0;

impl Failure {
    /// The arguments of `makeError` in `lib/errors.js`: class, code and message. An exception that was thrown already
    /// is returned as an error.
    pub fn parts<'env>(self, scope: Scope<'env>, call: &str) -> napi::Result<[Value<'env>; 3]> {
        let (class, code, message) = match self {
            Self::Type(message) => (TYPE_ERROR, Cow::Borrowed(INVALID_TYPE), message),
            Self::Range(message) => (RANGE_ERROR, OUT_OF_RANGE.into(), message),
            Self::State(message) => (TYPE_ERROR, INVALID_STATE.into(), message),
            Self::Sqlite(code, message) => (SQLITE_ERROR, code, message),
            Self::System(code, message) => (SYSTEM_ERROR, code.into(), message),
            Self::Of(call, failure) => return failure.parts(scope, &call),
            Self::Napi(error) => return Err(error),
        };
        Ok([
            scope.number(class)?,
            scope.string(code.as_bytes())?,
            scope.string(format!("{call}: {message}").as_bytes())?,
        ])
    }
}

impl Host for Environment {
    type Failure = Failure;

    fn throw(&self, scope: Scope<'_>, call: &str, failure: Failure) -> napi::Error {
        let thrown = failure
            .parts(scope, call)
            .and_then(|parts| scope.throw(self.make_error(scope, parts)?));
        match thrown {
            Ok(()) => napi::Error::new(Status::PendingException, String::new()),
            Err(error) => error,
        }
    }
}
