//! `onProgress` and `signal`: long work on a thread tells JavaScript how far it is, and hears when to stop.
//! `lib/background.js` makes one function of both.

use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use napi::bindgen_prelude::{FromNapiValue, Function, JsValue, ToNapiValue};
use napi::threadsafe_function::{
    ThreadsafeFunction, ThreadsafeFunctionCallMode, UnknownReturnValue,
};
use napi::{Env, Status, ValueType, sys};

use crate::error::Failure;
use crate::js::{Scope, Value};

/// How often work that waits for JavaScript looks whether there still is any.
const LOOK: Duration = Duration::from_millis(50);

/// How far some work is.
pub trait Report: Send + Sized + 'static {
    /// Whether nothing comes after it.
    fn is_last(&self) -> bool;

    /// The numbers that JavaScript is told.
    fn numbers(&self) -> Vec<f64>;
}

/// A report on its way to a callback.
struct Told<R>(R);

impl<R: Report> ToNapiValue for Told<R> {
    unsafe fn to_napi_value(env: sys::napi_env, told: Self) -> napi::Result<sys::napi_value> {
        Ok(numbers(Scope::new(&Env::from_raw(env)), told.0)?.unknown().raw())
    }
}

/// A report as an array.
pub fn numbers<R: Report>(scope: Scope<'_>, report: R) -> napi::Result<Value<'_>> {
    scope.array_of(report.numbers().into_iter().map(|number| scope.number(number)))
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
    /// Who listens by `tell`, if that is a function.
    pub fn new(scope: Scope<'_>, tell: Value<'_>) -> napi::Result<Self> {
        let nobody = Self { tell: None, answer: None, thrown: None };
        if tell.kind()? != ValueType::Function {
            return Ok(nobody);
        }
        // SAFETY: the value is a function, and both it and the environment are those of the running call.
        let tell: Function<'_, Told<R>, UnknownReturnValue> =
            unsafe { Function::from_napi_value(scope.env().raw(), tell.unknown().raw()) }?;
        let tell = tell
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
