//! Work on a thread of its own, as a promise.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use napi::bindgen_prelude::JsValue;
use napi::{Env, JsDeferred, sys};

use crate::error::{Failure, Parsed};
use crate::js::{Scope, Value};
use crate::natives::{Answer, Call};

/// Makes the JavaScript value of a result.
pub type Convert<T> = for<'env> fn(Scope<'env>, T) -> napi::Result<Value<'env>>;

type Settle = Box<dyn FnOnce(Env) -> napi::Result<sys::napi_value> + Send>;

/// A promise of what a thread will have done, for `settled` of `lib/background.js`: it resolves with the parts of an error
/// or nothing, and the result. Only what a callback has thrown rejects it.
///
/// The process stays alive until the promise is settled. Where its environment ends before that, the work
/// goes on, and nobody hears of it.
pub struct Promised<T: Send + 'static> {
    deferred: Shared,
    name: &'static str,
    convert: Convert<T>,
}

impl<T: Send + 'static> Promised<T> {
    /// The promise, and what settles it from any thread.
    pub fn new<'env>(
        call: Call<'_, 'env>,
        convert: Convert<T>,
    ) -> napi::Result<(Self, Value<'env>)> {
        let env = call.scope().env();
        let (deferred, promise) = env.create_deferred::<sys::napi_value, Settle>()?;
        let deferred = Arc::new(Mutex::new(Some(deferred)));
        let promised = Self { deferred, name: call.name(), convert };
        Ok((promised, call.scope().adopt(promise.to_unknown())))
    }

    /// Settles it.
    pub fn settle(self, done: Result<T, Failure>) {
        settle(&self.deferred, self.name, self.convert, done);
    }
}

impl<T: Send + 'static> Drop for Promised<T> {
    /// Nobody may wait for ever, and so keep the process alive.
    fn drop(&mut self) {
        let failure = Failure::State("it was given up".into());
        settle::<T>(&self.deferred, self.name, self.convert, Err(failure));
    }
}

/// A promise of `work`, which a thread of its own does.
pub fn promise<'env, T: Send + 'static>(
    call: Call<'_, 'env>,
    convert: Convert<T>,
    work: impl FnOnce() -> Parsed<T> + Send + 'static,
) -> Answer<'env> {
    let (promised, promise) = Promised::new(call, convert)?;
    let name = promised.name;
    // The thread that cannot be started would take it along.
    let promised = Arc::new(Mutex::new(Some(promised)));
    let of_thread = Arc::clone(&promised);
    let settle = |promised: &Mutex<Option<Promised<T>>>, done| {
        if let Some(promised) = promised.lock().unwrap_or_else(PoisonError::into_inner).take() {
            promised.settle(done);
        }
    };
    let run = move || {
        let done = catch_unwind(AssertUnwindSafe(work))
            .unwrap_or_else(|_| Err(Failure::State("it panicked".into())));
        settle(&of_thread, done);
    };
    if let Err(error) = thread::Builder::new().name(name.into()).spawn(run) {
        let failure = Failure::State(format!("there can be no thread for it: {error}"));
        settle(&promised, Err(failure));
    }
    Ok(promise)
}

type Shared = Arc<Mutex<Option<JsDeferred<sys::napi_value, Settle>>>>;

fn settle<T: Send + 'static>(
    deferred: &Shared,
    call: &'static str,
    convert: Convert<T>,
    done: Result<T, Failure>,
) {
    let deferred = deferred.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(deferred) = deferred else {
        return;
    };
    deferred.resolve(Box::new(move |env| {
        let scope = Scope::new(&env);
        let settled = match done {
            Ok(value) => scope.array_of([scope.undefined(), convert(scope, value)]),
            Err(failure) => {
                let parts = failure.parts(scope, call)?;
                scope.array_of([scope.array_of(parts.map(Ok))])
            }
        };
        Ok(settled?.unknown().raw())
    }));
}
