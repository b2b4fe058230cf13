//! The options of write-behind, and its way back to JavaScript.

use std::time::Duration;

use gsd_session_core::sqlite;
use gsd_session_core::store::write_behind::{OnError, Settings};
use napi::ValueType;
use napi::bindgen_prelude::{FnArgs, FromNapiValue, Function, JsValue, Unknown};
use napi::threadsafe_function::ThreadsafeFunctionCallMode;

use crate::convert::{Argument, optional};
use crate::error::Parsed;
use crate::natives::Call;

/// The longest time of output, in milliseconds, that anybody should let a killed process lose.
const MAX_DELAY: i64 = 60_000;

/// Room for some chunks at least, and for no more than a program can spare.
const BYTES: std::ops::RangeInclusive<i64> = 64 << 10..=2 << 30;

/// What the options say: `maxDelay`, `maxBytes`, and a function for errors, at these places of the call.
pub fn options(call: Call<'_, '_>, at: usize) -> Parsed<(Settings, Option<OnError>)> {
    let [max_delay, max_bytes, _] = call.array(at)?;
    let mut settings = Settings::default();
    let max_delay = Argument::new("options.writeBehind.maxDelay", max_delay);
    if let Some(delay) = optional(max_delay, |ms| ms.integer_in(1..=MAX_DELAY))? {
        settings.max_delay = Duration::from_millis(delay.unsigned_abs());
    }
    let max_bytes = Argument::new("options.writeBehind.maxBytes", max_bytes);
    if let Some(bytes) = optional(max_bytes, |bytes| bytes.integer_in(BYTES))? {
        settings.max_bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    }
    Ok((settings, teller(call, at + 2)?))
}

/// Calls a JavaScript function, the argument at this place, with the code and the message of an error, from another
/// thread; it does not keep the process alive.
fn teller(call: Call<'_, '_>, at: usize) -> Parsed<Option<OnError>> {
    let callback = call.get(at)?;
    if callback.kind()? != ValueType::Function {
        return Ok(None);
    }
    let env = call.scope().env();
    // SAFETY: the value is a function, and both it and the environment are those of the running call.
    let callback: Function<'_, FnArgs<(String, String)>, Unknown<'_>> =
        unsafe { Function::from_napi_value(env.raw(), callback.unknown().raw()) }?;
    let tell = callback
        .build_threadsafe_function::<FnArgs<(String, String)>>()
        .weak::<true>()
        .build_callback(|context| Ok(context.value))?;
    Ok(Some(Box::new(move |error: &sqlite::Error| {
        let code = error.code_name().unwrap_or("SQLITE_ERROR".into()).into_owned();
        let message = format!("OutputStore: {error}");
        tell.call((code, message).into(), ThreadsafeFunctionCallMode::NonBlocking);
    })))
}
