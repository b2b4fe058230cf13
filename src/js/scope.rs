//! The environment of a call, as a maker of values.

use std::any::Any;
use std::ffi::c_void;
use std::marker::PhantomData;
use std::panic::catch_unwind;
use std::ptr;

use napi::bindgen_prelude::{JsValue, Unknown};
use napi::{Env, Error, Result, sys};

use super::copy;
use super::status::{call, check};
use super::value::{Held, Value};

/// The environment of the running call, as a maker of values.
#[derive(Clone, Copy)]
pub struct Scope<'env> {
    pub(super) env: sys::napi_env,
    scope: PhantomData<&'env Env>,
}

impl<'env> Scope<'env> {
    /// The scope of the call that `env` came with.
    pub fn new(env: &'env Env) -> Self {
        Self { env: env.raw(), scope: PhantomData }
    }

    /// The environment as napi-rs knows it.
    pub fn env(self) -> Env {
        Env::from_raw(self.env)
    }

    pub(super) fn value(self, raw: sys::napi_value) -> Value<'env> {
        Value { env: self.env, raw, scope: PhantomData }
    }

    /// A value of the running call that napi-rs made.
    pub fn adopt(self, value: Unknown<'_>) -> Value<'env> {
        self.value(value.raw())
    }

    /// `undefined`.
    pub fn undefined(self) -> Result<Value<'env>> {
        call!(napi_get_undefined(self.env) -> ptr::null_mut()).map(|raw| self.value(raw))
    }

    /// A number.
    pub fn number(self, number: f64) -> Result<Value<'env>> {
        call!(napi_create_double(self.env, number) -> ptr::null_mut()).map(|raw| self.value(raw))
    }

    /// `null`.
    pub fn null(self) -> Result<Value<'env>> {
        call!(napi_get_null(self.env) -> ptr::null_mut()).map(|raw| self.value(raw))
    }

    /// A bigint.
    pub fn bigint(self, value: i64) -> Result<Value<'env>> {
        call!(napi_create_bigint_int64(self.env, value) -> ptr::null_mut())
            .map(|raw| self.value(raw))
    }

    /// A `Buffer` with a copy of these bytes.
    pub fn buffer(self, bytes: &[u8]) -> Result<Value<'env>> {
        let data = bytes.as_ptr().cast();
        call!(napi_create_buffer_copy(
            self.env, bytes.len(), data, ptr::null_mut()
        ) -> ptr::null_mut())
        .map(|raw| self.value(raw))
    }

    /// An array of these values.
    pub fn array_of(
        self,
        values: impl IntoIterator<Item = Result<Value<'env>>>,
    ) -> Result<Value<'env>> {
        let array = self.array()?;
        for (value, index) in values.into_iter().zip(0..) {
            array.set_element(index, value?)?;
        }
        Ok(array)
    }

    /// A boolean.
    pub fn boolean(self, value: bool) -> Result<Value<'env>> {
        call!(napi_get_boolean(self.env, value) -> ptr::null_mut()).map(|raw| self.value(raw))
    }

    /// An empty array.
    pub fn array(self) -> Result<Value<'env>> {
        call!(napi_create_array(self.env) -> ptr::null_mut()).map(|raw| self.value(raw))
    }

    /// A string of one-byte characters.
    pub fn latin1(self, bytes: &[u8]) -> Result<Value<'env>> {
        let (data, length) = (bytes.as_ptr().cast(), bytes.len() as isize);
        call!(napi_create_string_latin1(self.env, data, length) -> ptr::null_mut())
            .map(|raw| self.value(raw))
    }

    /// A string of UTF-16 code units.
    pub fn utf16(self, units: &[u16]) -> Result<Value<'env>> {
        let length = units.len() as isize;
        call!(napi_create_string_utf16(self.env, units.as_ptr(), length) -> ptr::null_mut())
            .map(|raw| self.value(raw))
    }

    /// Evaluates a script, a string, and gives its value.
    pub fn run_script(self, source: Value<'env>) -> Result<Value<'env>> {
        call!(napi_run_script(self.env, source.raw) -> ptr::null_mut()).map(|raw| self.value(raw))
    }

    /// Calls a function with `undefined` as its receiver.
    pub fn call(
        self,
        function: Value<'env>,
        arguments: impl IntoIterator<Item = Value<'env>>,
    ) -> Result<Value<'env>> {
        let receiver = self.undefined()?;
        let arguments: Vec<_> = arguments.into_iter().map(|argument| argument.raw).collect();
        call!(napi_call_function(
            self.env, receiver.raw, function.raw, arguments.len(), arguments.as_ptr()
        ) -> ptr::null_mut())
        .map(|raw| self.value(raw))
    }

    /// An empty object.
    pub fn object(self) -> Result<Value<'env>> {
        call!(napi_create_object(self.env) -> ptr::null_mut()).map(|raw| self.value(raw))
    }

    /// Gives an object a property of its own, whatever setters its prototypes have.
    pub fn define(self, object: Value<'env>, name: &str, value: Value<'env>) -> Result<()> {
        let property = sys::napi_property_descriptor {
            utf8name: ptr::null(),
            name: self.string(name.as_bytes())?.raw,
            method: None,
            getter: None,
            setter: None,
            value: value.raw,
            attributes: sys::PropertyAttributes::enumerable,
            data: ptr::null_mut(),
        };
        // SAFETY: as in `call!`; the function has no result to write.
        let status = unsafe { sys::napi_define_properties(self.env, object.raw, 1, &property) };
        check(status, "napi_define_properties")
    }

    /// A value that owns `native`, and drops it when it is collected.
    pub fn external(self, native: impl Any) -> Result<Value<'env>> {
        let native: Held = Box::new(native);
        let pointer = Box::into_raw(Box::new(native));
        let made = call!(napi_create_external(
            self.env, pointer.cast(), Some(drop_native), ptr::null_mut()
        ) -> ptr::null_mut());
        if made.is_err() {
            // SAFETY: nothing took the pointer that was made above.
            drop(unsafe { Box::from_raw(pointer) });
        }
        let external = self.value(made?);
        // SAFETY: as in `call!`; the function has no result to write.
        let status = unsafe { sys::napi_type_tag_object(self.env, external.raw, &copy::tag()) };
        check(status, "napi_type_tag_object").map(|()| external)
    }

    /// Throws an error.
    pub fn throw(self, error: Value<'env>) -> Result<()> {
        // SAFETY: as in `call!`; the function has no result to write.
        check(unsafe { sys::napi_throw(self.env, error.raw) }, "napi_throw")
    }

    /// Remembers a value beyond the call, without keeping it alive.
    pub fn remember(self, value: Value<'env>) -> Result<Remembered> {
        let raw = call!(napi_create_reference(self.env, value.raw, 0) -> ptr::null_mut())?;
        Ok(Remembered { raw })
    }

    /// A value that was remembered, and is alive.
    pub fn recall(self, remembered: &Remembered) -> Result<Value<'env>> {
        let raw = call!(napi_get_reference_value(self.env, remembered.raw) -> ptr::null_mut())?;
        if raw.is_null() {
            return Err(Error::from_reason("a value of JavaScript was collected"));
        }
        Ok(self.value(raw))
    }
}

/// A JavaScript value that others keep alive; its environment frees what remembers it.
pub struct Remembered {
    raw: sys::napi_ref,
}

unsafe extern "C" fn drop_native(_: sys::napi_env, pointer: *mut c_void, _: *mut c_void) {
    // Whoever is collected has nobody to tell, and a panic that left this function would end the process.
    let _nobody_to_tell = catch_unwind(|| {
        // SAFETY: the pointer is the one that `Scope::external` gave up, and this is its only finalizer.
        drop(unsafe { Box::from_raw(pointer.cast::<Held>()) });
    });
}
