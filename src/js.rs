//! A safe, thin layer over the raw Node-API calls that argument parsing and row building are made of.
//!
//! napi-rs converts one field at a time into owned Rust values and words its own errors. The stores
//! word theirs, and read hundreds of fields a call, so they use Node-API directly, through this file.

use std::ffi::{CStr, c_void};
use std::marker::PhantomData;
use std::ptr;

use napi::bindgen_prelude::{ClassInstance, FromNapiValue, JsValue, Unknown};
use napi::{Env, Error, Result, Status, ValueType, sys};

mod at_exit;
mod call;
mod copy;

pub use at_exit::at_exit;
pub use call::{Arguments, Function, Native};
use call::{drop_native, enter};
pub use copy::Maker;

/// A JavaScript value, valid for as long as the call that it came with.
#[derive(Clone, Copy)]
pub struct Value<'env> {
    env: sys::napi_env,
    raw: sys::napi_value,
    scope: PhantomData<&'env Env>,
}

/// Names a Node-API call that failed. A JavaScript exception that it left stays pending, and is what
/// the caller sees.
fn check(status: sys::napi_status, call: &'static str) -> Result<()> {
    match Status::from(status) {
        Status::Ok => Ok(()),
        status => Err(Error::new(status, format!("{call} failed"))),
    }
}

/// Runs a Node-API function that writes its result through a last pointer argument.
macro_rules! call {
    ($function:ident($($argument:expr),*) -> $initial:expr) => {{
        let mut result = $initial;
        // SAFETY: the environment and the values are those of the JavaScript call that is running on
        // this thread (`Value` cannot outlive it), pointers are live locals, and lengths are theirs.
        let status = unsafe { sys::$function($($argument,)* &mut result) };
        check(status, stringify!($function)).map(|()| result)
    }};
}

mod memory;

impl<'env> From<Unknown<'env>> for Value<'env> {
    fn from(value: Unknown<'env>) -> Self {
        let value = value.value();
        Self { env: value.env, raw: value.value, scope: PhantomData }
    }
}

impl<'env> Value<'env> {
    /// The same value as napi-rs knows it.
    pub fn unknown(self) -> Unknown<'env> {
        // SAFETY: both are the environment and the value of the running call.
        unsafe { Unknown::from_raw_unchecked(self.env, self.raw) }
    }

    /// What `typeof` says, with `null` apart.
    pub fn kind(self) -> Result<ValueType> {
        Ok(ValueType::from(call!(napi_typeof(self.env, self.raw) -> 0)?))
    }

    /// Whether `constructor` made it, or an heir of it.
    pub fn is_instance_of(self, constructor: Value<'env>) -> Result<bool> {
        call!(napi_instanceof(self.env, self.raw, constructor.raw) -> false)
    }

    /// Whether it is a `Date`, of any realm.
    pub fn is_date(self) -> Result<bool> {
        call!(napi_is_date(self.env, self.raw) -> false)
    }

    /// Whether it is an array.
    pub fn is_array(self) -> Result<bool> {
        call!(napi_is_array(self.env, self.raw) -> false)
    }

    /// The time of a `Date`; NaN if it is invalid.
    pub fn date(self) -> Result<f64> {
        call!(napi_get_date_value(self.env, self.raw) -> 0.0)
    }

    /// The value of a number.
    pub fn number(self) -> Result<f64> {
        call!(napi_get_value_double(self.env, self.raw) -> 0.0)
    }

    /// The value of a boolean.
    pub fn boolean(self) -> Result<bool> {
        call!(napi_get_value_bool(self.env, self.raw) -> false)
    }

    /// A number as JavaScript writes it.
    pub fn number_as_text(self) -> Result<String> {
        let raw = call!(napi_coerce_to_string(self.env, self.raw) -> ptr::null_mut())?;
        Self { raw, ..self }.start_of_string()
    }

    /// The value of a bigint, unless it is no 64-bit integer.
    pub fn bigint(self) -> Result<Option<i64>> {
        let (mut value, mut lossless) = (0, false);
        // SAFETY: as in `call!`, with two results.
        let status = unsafe {
            sys::napi_get_value_bigint_int64(self.env, self.raw, &mut value, &mut lossless)
        };
        check(status, "napi_get_value_bigint_int64")?;
        Ok(lossless.then_some(value))
    }

    /// A property; a getter may throw.
    pub fn property(self, name: &CStr) -> Result<Value<'env>> {
        let raw =
            call!(napi_get_named_property(self.env, self.raw, name.as_ptr()) -> ptr::null_mut())?;
        Ok(Self { raw, ..self })
    }

    /// The length of an array.
    pub fn array_length(self) -> Result<u32> {
        call!(napi_get_array_length(self.env, self.raw) -> 0)
    }

    /// Sets an element of an array.
    pub fn set_element(self, index: u32, element: Value<'env>) -> Result<()> {
        // SAFETY: as in `call!`; the function has no result to write.
        let status = unsafe { sys::napi_set_element(self.env, self.raw, index, element.raw) };
        check(status, "napi_set_element")
    }

    /// An element of an array.
    pub fn element(self, index: u32) -> Result<Value<'env>> {
        let raw = call!(napi_get_element(self.env, self.raw, index) -> ptr::null_mut())?;
        Ok(Self { raw, ..self })
    }

    /// The instance of one of our classes that this is, if it is one. napi-rs tells by a type tag, not
    /// by the prototype; [`Maker`] tells whether it is of this copy of the library.
    pub fn class_instance<T>(self) -> Option<ClassInstance<'env, T>>
    where
        ClassInstance<'env, T>: FromNapiValue,
    {
        // SAFETY: both are the environment and the value of the running call.
        unsafe { ClassInstance::from_napi_value(self.env, self.raw) }.ok()
    }

    /// The Rust value in an external that [`Scope::external`] made.
    pub fn external(self) -> Result<&'env Native> {
        if !call!(napi_check_object_type_tag(self.env, self.raw, &copy::tag()) -> false)? {
            return Err(Error::from_reason("not a native object of this copy of the package"));
        }
        let pointer = call!(napi_get_value_external(self.env, self.raw) -> ptr::null_mut())?;
        // SAFETY: only `Scope::external` gives this tag, to externals of one type, and the external,
        // alive during the call, owns the value.
        Ok(unsafe { &*pointer.cast::<Native>() })
    }
}

/// What a property is that an object literal has.
const ORDINARY: sys::napi_property_attributes = sys::PropertyAttributes::writable
    | sys::PropertyAttributes::enumerable
    | sys::PropertyAttributes::configurable;

/// The environment of the running call, as a maker of values.
#[derive(Clone, Copy)]
pub struct Scope<'env> {
    env: sys::napi_env,
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

    fn value(self, raw: sys::napi_value) -> Value<'env> {
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

    /// A `Date`; `undefined` for no moment.
    pub fn date_or_undefined(self, millis: f64) -> Result<Value<'env>> {
        if millis.is_nan() {
            return self.undefined();
        }
        call!(napi_create_date(self.env, millis) -> ptr::null_mut()).map(|raw| self.value(raw))
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

    /// Evaluates a script of this crate and gives its value.
    pub fn run_script(self, source: &str) -> Result<Value<'env>> {
        let source = self.string(source.as_bytes())?;
        call!(napi_run_script(self.env, source.raw) -> ptr::null_mut()).map(|raw| self.value(raw))
    }

    /// Calls a function with `undefined` as its receiver.
    pub fn call<const N: usize>(
        self,
        function: Value<'env>,
        arguments: [Value<'env>; N],
    ) -> Result<Value<'env>> {
        let receiver = self.undefined()?;
        let arguments = arguments.map(|argument| argument.raw);
        call!(napi_call_function(
            self.env, receiver.raw, function.raw, N, arguments.as_ptr()
        ) -> ptr::null_mut())
        .map(|raw| self.value(raw))
    }

    /// A JavaScript function that calls `function`; a panic in it becomes an error.
    pub fn function(self, name: &CStr, function: Function) -> Result<Value<'env>> {
        let length = name.count_bytes() as isize;
        call!(napi_create_function(
            self.env, name.as_ptr(), length, Some(enter), function as *mut c_void
        ) -> ptr::null_mut())
        .map(|raw| self.value(raw))
    }

    /// An object with these properties.
    pub fn object(self, properties: &[(&CStr, Value<'env>)]) -> Result<Value<'env>> {
        let object = call!(napi_create_object(self.env) -> ptr::null_mut())?;
        let object = self.value(object);
        self.add_properties(object, properties).map(|()| object)
    }

    /// Gives an object properties of its own, whatever setters its prototypes have.
    pub fn add_properties(
        self,
        object: Value<'env>,
        properties: &[(&CStr, Value<'env>)],
    ) -> Result<()> {
        properties.iter().try_for_each(|(name, value)| {
            let property = sys::napi_property_descriptor {
                utf8name: name.as_ptr(),
                name: ptr::null_mut(),
                method: None,
                getter: None,
                setter: None,
                value: value.raw,
                attributes: ORDINARY,
                data: ptr::null_mut(),
            };
            // SAFETY: as in `call!`; the function has no result to write.
            let status = unsafe { sys::napi_define_properties(self.env, object.raw, 1, &property) };
            check(status, "napi_define_properties")
        })
    }

    /// A value that owns `native`, and drops it when it is collected.
    pub fn external(self, native: Native) -> Result<Value<'env>> {
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

    /// An error made by the class of `kind`, with a `code` property.
    pub fn error(self, kind: ErrorKind<'env>, code: &str, message: &str) -> Result<Value<'env>> {
        let code = self.string(code.as_bytes())?;
        let message = self.string(message.as_bytes())?;
        let (env, null) = (self.env, ptr::null_mut());
        let error = match kind {
            ErrorKind::Type => call!(napi_create_type_error(env, code.raw, message.raw) -> null),
            ErrorKind::Range => call!(napi_create_range_error(env, code.raw, message.raw) -> null),
            ErrorKind::Class(class) => {
                let arguments = [message.raw, code.raw];
                call!(napi_new_instance(env, class.raw, arguments.len(), arguments.as_ptr()) -> null)
            }
        };
        error.map(|raw| self.value(raw))
    }

    /// Throws an error.
    pub fn throw(self, error: Value<'env>) -> Result<()> {
        // SAFETY: as in `call!`; the function has no result to write.
        check(unsafe { sys::napi_throw(self.env, error.raw) }, "napi_throw")
    }

    /// Takes the JavaScript exception that is under way, if there is one.
    pub fn caught(self) -> Result<Option<Value<'env>>> {
        if !call!(napi_is_exception_pending(self.env) -> false)? {
            return Ok(None);
        }
        let raw = call!(napi_get_and_clear_last_exception(self.env) -> ptr::null_mut())?;
        Ok(Some(self.value(raw)))
    }

    /// Keeps a value alive beyond the call, for as long as the environment.
    pub fn keep(self, value: Value<'env>) -> Result<Kept> {
        let raw = call!(napi_create_reference(self.env, value.raw, 1) -> ptr::null_mut())?;
        Ok(Kept { raw })
    }

    /// A value that was kept.
    pub fn kept(self, kept: &Kept) -> Result<Value<'env>> {
        call!(napi_get_reference_value(self.env, kept.raw) -> ptr::null_mut())
            .map(|raw| self.value(raw))
    }
}

/// The class of an error to throw.
pub enum ErrorKind<'env> {
    /// `TypeError`
    Type,
    /// `RangeError`
    Range,
    /// A class whose constructor takes a message and a code.
    Class(Value<'env>),
}

/// A JavaScript value that lives as long as its environment, which also frees it.
pub struct Kept {
    raw: sys::napi_ref,
}
