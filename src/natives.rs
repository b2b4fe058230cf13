//! The functions that `lib/` calls, in tables: one for each file of the face.

use crate::environment::Environment;
use crate::error::Parsed;
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
