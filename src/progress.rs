//! `onProgress` and `signal`: how long work on a thread tells JavaScript how far it is, and hears that it
//! is to stop.

use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use napi::bindgen_prelude::{FromNapiValue, Function, JsValue, ToNapiValue};
use napi::threadsafe_function::{
    ThreadsafeFunction, ThreadsafeFunctionCallMode, UnknownReturnValue,
};
use napi::{Env, Status, ValueType, sys};

use super::convert::{Argument, Parsed, optional};
use super::error::Failure;
use super::js::{Scope, Value};

/// How often work that waits for JavaScript looks whether there still is any.
const LOOK: Duration = Duration::from_millis(50);

/// Looks for an abort, then tells. It runs as often as there is progress.
const TELL: &str = "(onProgress, signal) => {
  signal?.throwIfAborted()
  return (progress) => {
    signal?.throwIfAborted()
    onProgress?.(progress)
  }
}";

/// How far some work is.
pub trait Report: Send + Sized + 'static {
    /// Whether nothing comes after it.
    fn is_last(&self) -> bool;

    /// What JavaScript is told.
    fn object(scope: Scope<'_>, report: Self) -> napi::Result<Value<'_>>;
}

/// A report on its way to a callback.
struct Told<R>(R);

impl<R: Report> ToNapiValue for Told<R> {
    unsafe fn to_napi_value(env: sys::napi_env, told: Self) -> napi::Result<sys::napi_value> {
        Ok(R::object(Scope::new(&Env::from_raw(env)), told.0)?.unknown().raw())
    }
}

type Tell<R> = ThreadsafeFunction<Told<R>, UnknownReturnValue, Told<R>, Status, false, true>;

/// Who wants to know how far the work is, or to stop it; perhaps nobody.
pub struct Listener<R: Report> {
    tell: Option<Tell<R>>,
    /// The answer to what was told last, until it is there.
    answer: Option<Receiver<Result<(), napi::Error>>>,
    thrown: Option<napi::Error>,
}

impl<R: Report> Listener<R> {
    /// Who listens by the fields `onProgress` and `signal` of `options`.
    pub fn of(env: &Env, options: Argument<'_, '_>) -> Parsed<Self> {
        let nobody = Self { tell: None, answer: None, thrown: None };
        let Some(options) = options.optional()? else {
            return Ok(nobody);
        };
        let options = options.object()?;
        let on_progress = options.field(c"onProgress")?;
        let on_progress = optional(on_progress, |callback| match callback.value().kind()? {
            ValueType::Function => Ok(callback.value()),
            _ => Err(callback.wrong_type("a function")),
        })?;
        let signal = options.field(c"signal")?;
        let signal = optional(signal, |signal| {
            let is_object = signal.value().kind()? == ValueType::Object;
            if is_object
                && signal.value().property(c"throwIfAborted")?.kind()? == ValueType::Function
            {
                return Ok(signal.value());
            }
            Err(signal.wrong_type("an AbortSignal"))
        })?;
        if on_progress.is_none() && signal.is_none() {
            return Ok(nobody);
        }
        let scope = Scope::new(env);
        let undefined = scope.undefined()?;
        let told = scope.call(
            scope.run_script(TELL)?,
            [on_progress.unwrap_or(undefined), signal.unwrap_or(undefined)],
        )?;
        // SAFETY: the value is a function, and both it and the environment are those of the running call.
        let told: Function<'_, Told<R>, UnknownReturnValue> =
            unsafe { Function::from_napi_value(env.raw(), told.unknown().raw()) }?;
        let tell = told
            .build_threadsafe_function::<Told<R>>()
            .weak::<true>()
            .build_callback(|context| Ok(context.value))?;
        Ok(Self { tell: Some(tell), ..nobody })
    }

    /// Tells, unless JavaScript is still busy with what it was told before; only the end waits for it.
    /// Breaks where the work is to stop.
    pub fn tell(&mut self, report: R) -> ControlFlow<()> {
        let is_last = report.is_last();
        self.hear(is_last)?;
        let Some(tell) = &self.tell else {
            return ControlFlow::Continue(());
        };
        if self.answer.is_none() {
            let (sender, answer) = channel();
            let called = tell.call_with_return_value(
                Told(report),
                ThreadsafeFunctionCallMode::NonBlocking,
                move |answer, _| {
                    // Whoever asked may have stopped.
                    let _ = sender.send(answer.map(drop));
                    Ok(())
                },
            );
            if called != Status::Ok {
                return ControlFlow::Break(());
            }
            self.answer = Some(answer);
        }
        if is_last { self.hear(true) } else { ControlFlow::Continue(()) }
    }

    /// Why the work was stopped.
    pub fn failure(self) -> Failure {
        self.thrown.map_or_else(|| Failure::State("nobody listens".into()), Failure::Napi)
    }

    /// Takes the answer, waiting for it or not.
    fn hear(&mut self, wait: bool) -> ControlFlow<()> {
        while let (Some(answer), Some(tell)) = (&self.answer, &self.tell) {
            match answer.recv_timeout(if wait { LOOK } else { Duration::ZERO }) {
                Ok(Ok(())) => self.answer = None,
                Ok(Err(thrown)) => {
                    self.thrown = Some(thrown);
                    return ControlFlow::Break(());
                }
                Err(RecvTimeoutError::Timeout) if !wait => break,
                Err(RecvTimeoutError::Timeout) if !tell.aborted() => {}
                // The environment has ended.
                Err(_) => return ControlFlow::Break(()),
            }
        }
        ControlFlow::Continue(())
    }
}
