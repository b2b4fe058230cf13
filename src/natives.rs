//! The functions that `lib/` calls, in tables: one for each file of the face.

use std::rc::Rc;

use gsd_session_core::sqlite::{Connection, Error};

use crate::environment::Environment;
use crate::error::{Failure, Parsed};
use crate::js::{self, Value};

/// A call from `lib/`.
pub type Call<'a, 'env> = js::Call<'a, 'env, Environment>;

/// The result of a call.
pub type Answer<'env> = Parsed<Value<'env>>;

/// A function that `lib/` calls.
pub struct Native {
    /// Its name in Rust; that in JavaScript is the same in camel case.
    pub name: &'static str,
    /// How messages name the call that it is for.
    pub call: &'static str,
    /// What it does.
    pub work: for<'a, 'env> fn(Call<'a, 'env>) -> Answer<'env>,
}

/// A table of functions: each by its name, and by the call that messages name.
macro_rules! natives {
    ($($call:literal: $($function:ident),+;)+) => {
        &[$($(crate::natives::Native {
            name: stringify!($function),
            call: $call,
            work: $function,
        }),+),+]
    };
}

pub(crate) use natives;

/// The answer of a function that has none.
pub fn done<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    Ok(call.scope().undefined()?)
}

/// The connection that a call is for, the first argument.
pub fn connection<'env>(call: Call<'_, 'env>) -> Parsed<&'env Rc<Connection>> {
    Ok(call.native()?)
}

/// The connection that a store is made on. It must be open.
pub fn open_connection(call: Call<'_, '_>) -> Parsed<Rc<Connection>> {
    let connection = connection(call)?;
    connection.unsettled()?;
    Ok(Rc::clone(connection))
}

/// The answer of a check that is made for another call, which the second argument names.
pub fn checked<'env, T>(call: Call<'_, 'env>, check: Result<T, Error>) -> Answer<'env> {
    match check {
        Ok(_) => done(call),
        Err(error) => Err(Failure::Of(call.get(1)?.string()?, Box::new(error.into()))),
    }
}
