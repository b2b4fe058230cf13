//! Work on a thread of its own, as a promise.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use napi::bindgen_prelude::{JsValue, Unknown};
use napi::{Env, JsDeferred, sys};

use super::convert::Parsed;
use super::error::Failure;
use super::js::{Scope, Value};

/// Makes the JavaScript value of a result.
pub type Convert<T> = for<'env> fn(Scope<'env>, T) -> napi::Result<Value<'env>>;

type Settle = Box<dyn FnOnce(Env) -> napi::Result<sys::napi_value> + Send>;

/// A promise of what a thread will have done. `prepare` runs before the call returns and gives the work;
/// what either fails with rejects the promise, with the name of the call in front.
///
/// The process stays alive until the promise is settled. Where its environment ends before that, the work
/// goes on, and nobody hears of it.
pub fn promise<'env, T: Send + 'static, W>(
    env: &'env Env,
    call: &'static str,
    convert: Convert<T>,
    prepare: impl FnOnce() -> Parsed<W>,
) -> napi::Result<Unknown<'env>>
where
    W: FnOnce() -> Result<T, Failure> + Send + 'static,
{
    let (deferred, promise) = env.create_deferred::<sys::napi_value, Settle>()?;
    let deferred = Arc::new(Mutex::new(Some(deferred)));
    let on_thread = Arc::clone(&deferred);
    let spawned = prepare().and_then(|work| {
        let run = move || {
            let done = catch_unwind(AssertUnwindSafe(work))
                .unwrap_or_else(|_| Err(Failure::State("it panicked".into())));
            settle(&on_thread, call, convert, done);
        };
        thread::Builder::new()
            .name(call.into())
            .spawn(run)
            .map_err(|error| Failure::State(format!("there can be no thread for it: {error}")))
    });
    if let Err(failure) = spawned {
        // A getter of an argument may have thrown, which rejects the promise like everything else.
        let failure = match Scope::new(env).caught()? {
            Some(thrown) => {
                Failure::Napi(napi::Error::from_unknown_without_coercion(thrown.unknown()))
            }
            None => failure,
        };
        settle::<T>(&deferred, call, convert, Err(failure));
    }
    Ok(promise.to_unknown())
}

type Shared = Arc<Mutex<Option<JsDeferred<sys::napi_value, Settle>>>>;

fn settle<T: Send + 'static>(
    deferred: &Shared,
    call: &'static str,
    convert: Convert<T>,
    done: Result<T, Failure>,
) {
    let deferred = deferred.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(deferred) = deferred {
        deferred.resolve(Box::new(move |env| match done {
            Ok(value) => Ok(convert(Scope::new(&env), value)?.unknown().raw()),
            Err(failure) => Err(failure.rejection(&env, call)),
        }));
    }
}
