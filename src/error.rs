//! Errors as JavaScript sees them: the built-in classes with Node's codes, and `SqliteError`.

use std::borrow::Cow;

use napi::bindgen_prelude::{JsValue, ToNapiValue};
use napi::{Env, Status, sys};

use super::environment::Environment;
use super::exports::Exported;
use super::js::{ErrorKind, Scope, Value};
use gsd_session_core::{sqlite, store};

const INVALID_TYPE: &str = "ERR_INVALID_ARG_TYPE";
const OUT_OF_RANGE: &str = "ERR_OUT_OF_RANGE";
const INVALID_STATE: &str = "ERR_INVALID_STATE";

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
    /// A JavaScript exception is under way already, or Node-API failed.
    Napi(napi::Error),
}

impl From<napi::Error> for Failure {
    fn from(error: napi::Error) -> Self {
        Self::Napi(error)
    }
}

/// Where nobody is there to word it: what a script of this crate does wrong.
impl From<Failure> for napi::Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Napi(error) => error,
            Failure::Type(message)
            | Failure::Range(message)
            | Failure::State(message)
            | Failure::Sqlite(_, message) => Self::from_reason(message),
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

impl Failure {
    /// Throws the error, saying which call failed; gives back what tells napi-rs that it was thrown.
    pub fn throw(self, env: &Env, call: &str) -> napi::Error {
        match self.try_throw(env, call) {
            Ok(()) => napi::Error::new(Status::PendingException, String::new()),
            Err(error) => error,
        }
    }

    fn try_throw(self, env: &Env, call: &str) -> napi::Result<()> {
        Scope::new(env).throw(self.value(env, call)?)
    }

    /// What rejects a promise with the error, saying which call failed.
    pub fn rejection(self, env: &Env, call: &str) -> napi::Error {
        self.value(env, call).map_or_else(|error| error, |error| error.unknown().into())
    }

    fn value<'env>(self, env: &'env Env, call: &str) -> napi::Result<Value<'env>> {
        let scope = Scope::new(env);
        let (kind, code, message) = match self {
            Self::Type(message) => (ErrorKind::Type, INVALID_TYPE.into(), message),
            Self::Range(message) => (ErrorKind::Range, OUT_OF_RANGE.into(), message),
            Self::State(message) => (ErrorKind::Type, INVALID_STATE.into(), message),
            Self::Sqlite(code, message) => {
                let environment = Environment::of(env)?;
                (ErrorKind::Class(environment.sqlite_error(scope)?), code, message)
            }
            Self::Napi(error) => return Err(error),
        };
        scope.error(kind, &code, &format!("{call}: {message}"))
    }
}

/// A `SqliteError` on its way from another thread to a callback.
pub struct BackgroundError {
    code: Cow<'static, str>,
    message: String,
}

impl From<&sqlite::Error> for BackgroundError {
    fn from(error: &sqlite::Error) -> Self {
        let code = error.code_name().unwrap_or(Cow::Borrowed("SQLITE_ERROR"));
        Self { code, message: format!("OutputStore: {error}") }
    }
}

impl ToNapiValue for BackgroundError {
    unsafe fn to_napi_value(env: sys::napi_env, error: Self) -> napi::Result<sys::napi_value> {
        let env = Env::from_raw(env);
        let scope = Scope::new(&env);
        let class = ErrorKind::Class(Environment::of(&env)?.sqlite_error(scope)?);
        Ok(scope.error(class, &error.code, &error.message)?.unknown().raw())
    }
}

/// Runs a method's work, and throws what goes wrong with the method's name in front.
pub fn run<T>(env: &Env, call: &str, work: impl FnOnce() -> Result<T, Failure>) -> napi::Result<T> {
    work().map_err(|failure| failure.throw(env, call))
}

/// What SQLite says: an `Error` whose `code` is the name of SQLite's extended result code.
#[napi_derive::napi]
#[allow(non_upper_case_globals, reason = "the name that JavaScript imports")]
pub const SqliteError: SqliteErrorConstructor = Exported(|environment| &environment.sqlite_error);

/// Its type in `types.d.ts`.
type SqliteErrorConstructor = Exported;
