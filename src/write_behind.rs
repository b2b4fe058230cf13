//! The options of write-behind, and its way back to JavaScript.

use std::time::Duration;

use napi::bindgen_prelude::{FromNapiValue, Function, JsValue, Unknown};
use napi::threadsafe_function::ThreadsafeFunctionCallMode;
use napi::{Env, ValueType};

use super::convert::{Argument, Parsed, optional};
use super::error::BackgroundError;
use super::js::Scope;
use gsd_session_core::store::write_behind::{OnError, Settings};

/// The longest time of output, in milliseconds, that anybody should let a killed process lose.
const MAX_DELAY: i64 = 60_000;

/// Room for some chunks at least, and for no more than a program can spare.
const BYTES: std::ops::RangeInclusive<i64> = 64 << 10..=2 << 30;

/// What the option says; `None` for off.
pub fn options<'env>(
    scope: Scope<'env>,
    write_behind: Argument<'_, 'env>,
) -> Parsed<Option<(Settings, Option<OnError>)>> {
    let Some(write_behind) = write_behind.optional()? else {
        return Ok(None);
    };
    let mut settings = Settings::default();
    match write_behind.value().kind()? {
        ValueType::Boolean => {
            return Ok(write_behind.value().boolean()?.then_some((settings, None)));
        }
        ValueType::Object if !write_behind.value().is_array()? => {}
        _ => return Err(write_behind.wrong_type("a boolean or an object")),
    }
    if let Some(delay) =
        optional(write_behind.field(c"maxDelay")?, |ms| ms.integer_in(1..=MAX_DELAY))?
    {
        settings.max_delay = Duration::from_millis(delay.unsigned_abs());
    }
    if let Some(bytes) =
        optional(write_behind.field(c"maxBytes")?, |bytes| bytes.integer_in(BYTES))?
    {
        settings.max_bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    }
    let on_error = write_behind.field(c"onError")?.optional()?;
    Ok(Some((settings, on_error.map(|callback| teller(&scope.env(), &callback)).transpose()?)))
}

/// Calls a JavaScript function from another thread; it does not keep the process alive.
fn teller(env: &Env, callback: &Argument<'_, '_>) -> Parsed<OnError> {
    if callback.value().kind()? != ValueType::Function {
        return Err(callback.wrong_type("a function"));
    }
    // SAFETY: the value is a function, and both it and the environment are those of the running call.
    let callback: Function<'_, BackgroundError, Unknown<'_>> =
        unsafe { Function::from_napi_value(env.raw(), callback.value().unknown().raw()) }?;
    let tell = callback
        .build_threadsafe_function::<BackgroundError>()
        .weak::<true>()
        .build_callback(|context| Ok(context.value))?;
    Ok(Box::new(move |error| {
        tell.call(BackgroundError::from(error), ThreadsafeFunctionCallMode::NonBlocking);
    }))
}
