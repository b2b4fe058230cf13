//! Calls from JavaScript into Rust.

use std::any::Any;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::rc::Rc;

use napi::{Env, Error, JsError, Result, Status, sys};

use super::scope::Scope;
use super::status::{NoMemory, call, check, reserve};
use super::value::Value;

/// The owner of functions. It throws the errors that they fail with.
pub trait Host: Sized + 'static {
    /// Why a function fails.
    type Failure: From<NoMemory>;

    /// Throws a failure of the function that messages call `name`. Returns the error that tells napi-rs about it.
    fn throw(&self, scope: Scope<'_>, name: &str, failure: Self::Failure) -> Error;
}

/// What a function does.
type Work<H> =
    for<'a, 'env> fn(Call<'a, 'env, H>) -> std::result::Result<Value<'env>, <H as Host>::Failure>;

/// A function, and what it needs when it is called.
struct Bound<H: Host> {
    host: Rc<H>,
    name: &'static str,
    work: Work<H>,
}

/// A call that is running: where it came from, and its arguments.
pub struct Call<'a, 'env, H: Host> {
    scope: Scope<'env>,
    bound: &'env Bound<H>,
    raw: &'a [sys::napi_value],
}

impl<H: Host> Clone for Call<'_, '_, H> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<H: Host> Copy for Call<'_, '_, H> {}

impl<'env, H: Host> Call<'_, 'env, H> {
    /// The environment of the call.
    pub fn scope(&self) -> Scope<'env> {
        self.scope
    }

    /// The owner of the function.
    pub fn host(&self) -> &'env Rc<H> {
        &self.bound.host
    }

    /// How messages name the function.
    pub fn name(&self) -> &'static str {
        self.bound.name
    }

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

    /// The Rust side of the object that the call is for, which is the first argument.
    ///
    /// # Errors
    ///
    /// The argument is not a native object of this type.
    pub fn native<T: Any>(&self) -> Result<&'env T> {
        self.get(0)?.external()
    }
}

/// A JavaScript function that does `work` for `host`. A failure and a panic become exceptions. The function keeps `alive`
/// alive: the values that the host remembers.
pub fn function<'env, H: Host>(
    scope: Scope<'env>,
    host: &Rc<H>,
    (name, work): (&'static str, Work<H>),
    alive: Value<'env>,
) -> Result<Value<'env>> {
    let bound = Box::into_raw(Box::new(Bound { host: Rc::clone(host), name, work }));
    let made = call!(napi_create_function(
        scope.env, name.as_ptr().cast(), name.len() as isize, Some(enter::<H>), bound.cast()
    ) -> ptr::null_mut());
    // SAFETY: the function is live, the pointer is the one that it calls back with, and a null pointer asks for no
    // reference.
    let finalizer = made.as_ref().map_or(sys::Status::napi_generic_failure, |function| unsafe {
        sys::napi_add_finalizer(
            scope.env,
            *function,
            bound.cast(),
            Some(drop_bound::<H>),
            ptr::null_mut(),
            ptr::null_mut(),
        )
    });
    if finalizer != sys::Status::napi_ok {
        // SAFETY: nothing frees the pointer that was made above, and nobody got the function to call.
        drop(unsafe { Box::from_raw(bound) });
    }
    let function = scope.value(made?);
    check(finalizer, "napi_add_finalizer")?;
    scope.define(function, "host", alive)?;
    Ok(function)
}

unsafe extern "C" fn drop_bound<H: Host>(_: sys::napi_env, bound: *mut c_void, _: *mut c_void) {
    let _nobody_to_tell = catch_unwind(|| {
        // SAFETY: the pointer is the one that `function` gave up, and this is its only finalizer.
        drop(unsafe { Box::from_raw(bound.cast::<Bound<H>>()) });
    });
}

/// Arguments that most calls have at most.
const ARGUMENTS: usize = 16;

/// Where a call from JavaScript arrives.
unsafe extern "C" fn enter<H: Host>(
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
        let mut room = Ok(());
        let raw: &[sys::napi_value] = if count <= few.len() {
            &few
        } else {
            room = reserve(&mut many, count);
            many.resize(if room.is_ok() { count } else { 0 }, ptr::null_mut());
            arguments(&mut many)?;
            &many
        };
        // SAFETY: `function`, which alone registers this callback, passed a `Bound<H>` as data, which lives as long as the
        // JavaScript function, and that at least as long as its call.
        let bound = unsafe { &*data.cast::<Bound<H>>() };
        let call = Call { scope, bound, raw: raw.get(..count).unwrap_or_default() };
        room.map_err(H::Failure::from)
            .and_then(|()| (bound.work)(call))
            .map(|value| value.raw)
            .map_err(|failure| bound.host.throw(scope, bound.name, failure))
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
