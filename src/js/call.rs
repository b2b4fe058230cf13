//! Calls from JavaScript into Rust: functions, their arguments, and the Rust side of objects.

use std::cell::RefCell;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::rc::Rc;

use napi::{Env, Error, JsError, Result, Status, sys};

use super::{Scope, Value, check};
use crate::error::Failure;
use crate::output_store::Gathered;
use crate::statement::Prepared;
use gsd_session_core::sqlite::{Connection, reserve};
use gsd_session_core::store::changes::Seen;
use gsd_session_core::store::cursors::Walk;
use gsd_session_core::store::outputs::Outputs;
use gsd_session_core::store::search::Search;
use gsd_session_core::store::sessions::Sessions;

/// The Rust side of an object whose class is written in JavaScript. One type for all of them, so that
/// an external can never be read as something that it is not.
pub enum Native {
    /// Of a `Database`.
    Database(Rc<Connection>),
    /// Of a `Statement`.
    Statement(Prepared),
    /// Of a `SessionStore`.
    Sessions(Sessions),
    /// Of an `OutputStore`.
    Outputs(Outputs),
    /// Chunks on their way into an `OutputStore`.
    Gathered(RefCell<Gathered>),
    /// Of an iterator through a session's output.
    Walk(Walk),
    /// Of a watch: what it has told of.
    Seen(RefCell<Seen>),
    /// Of the pages of a search.
    Search(Box<Search>),
}

/// A function that JavaScript can call.
pub type Function = for<'a, 'env> fn(Scope<'env>, Arguments<'a, 'env>) -> Result<Value<'env>>;

/// The arguments of a call.
#[derive(Clone, Copy)]
pub struct Arguments<'a, 'env> {
    scope: Scope<'env>,
    raw: &'a [sys::napi_value],
}

impl<'env> Arguments<'_, 'env> {
    /// The argument at `index`; `undefined` beyond the last.
    pub fn get(&self, index: usize) -> Result<Value<'env>> {
        self.raw.get(index).map_or_else(|| self.scope.undefined(), |raw| Ok(self.scope.value(*raw)))
    }

    /// So many arguments from `index` on; `undefined` beyond the last.
    pub fn array<const N: usize>(&self, index: usize) -> Result<[Value<'env>; N]> {
        let mut values = [self.scope.undefined()?; N];
        for (value, raw) in values.iter_mut().zip(self.raw.iter().skip(index)) {
            *value = self.scope.value(*raw);
        }
        Ok(values)
    }

    /// The arguments from `index` on.
    pub fn from(&self, index: usize) -> impl Iterator<Item = Value<'env>> {
        self.raw.iter().skip(index).map(|raw| self.scope.value(*raw))
    }
}

/// Arguments that most calls of a [`Function`] have at most.
const ARGUMENTS: usize = 16;

/// Where a call from JavaScript to a [`Function`] arrives.
pub(super) unsafe extern "C" fn enter(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    let env = Env::from_raw(env);
    let call = || -> Result<sys::napi_value> {
        let scope = Scope::new(&env);
        let mut few = [ptr::null_mut(); ARGUMENTS];
        let mut many = Vec::new();
        let mut data = ptr::null_mut();
        let mut arguments = |room: &mut [sys::napi_value]| {
            let mut count = room.len();
            // SAFETY: Node-API calls this with a live environment and call, and writes at most as many
            // values as there is room.
            let status = unsafe {
                sys::napi_get_cb_info(
                    scope.env,
                    info,
                    &mut count,
                    room.as_mut_ptr(),
                    ptr::null_mut(),
                    &mut data,
                )
            };
            check(status, "napi_get_cb_info").map(|()| count)
        };
        let count = arguments(&mut few)?;
        let raw: &[sys::napi_value] = if count <= few.len() {
            &few
        } else {
            reserve(&mut many, count).map_err(Failure::from)?;
            many.resize(count, ptr::null_mut());
            arguments(&mut many)?;
            &many
        };
        let arguments = Arguments { scope, raw: raw.get(..count).unwrap_or_default() };
        // SAFETY: `Scope::function`, which alone registers this callback, passed a `Function` as data.
        let function = unsafe { std::mem::transmute::<*mut c_void, Function>(data) };
        function(scope, arguments).map(|value| value.raw)
    };
    let outcome = catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
        let message = match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
            (Some(message), _) => (*message).to_owned(),
            (None, Some(message)) => message.clone(),
            (None, None) => "a panic in native code".to_owned(),
        };
        Err(Error::new(Status::GenericFailure, message))
    });
    outcome.unwrap_or_else(|error| {
        // SAFETY: the environment is live; an exception that is pending already stays.
        unsafe { JsError::from(error).throw_into(env.raw()) };
        ptr::null_mut()
    })
}

pub(super) unsafe extern "C" fn drop_native(
    _: sys::napi_env,
    pointer: *mut c_void,
    _: *mut c_void,
) {
    // Whoever is collected has nobody to tell, and a panic that left this function would end the process.
    let _nobody_to_tell = catch_unwind(|| {
        // SAFETY: the pointer is the one that `Scope::external` gave up, and this is its only finalizer.
        drop(unsafe { Box::from_raw(pointer.cast::<Native>()) });
    });
}
