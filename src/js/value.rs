//! Values, and what JavaScript says of them.

use std::any::Any;
use std::ffi::CStr;
use std::marker::PhantomData;
use std::ptr;

use napi::bindgen_prelude::{JsValue, Unknown};
use napi::{Env, Error, Result, ValueType, sys};

use super::copy;
use super::status::{call, check};

/// The Rust side of a JavaScript object. All externals have this one type, so none can be read as another.
pub(super) type Held = Box<dyn Any>;

/// A JavaScript value, valid for as long as the call that it came with.
#[derive(Clone, Copy)]
pub struct Value<'env> {
    pub(super) env: sys::napi_env,
    pub(super) raw: sys::napi_value,
    pub(super) scope: PhantomData<&'env Env>,
}

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

    /// The value of a bigint, if it has at most 64 bits.
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

    /// The Rust value in an external that [`Scope::external`] made of one of this type.
    ///
    /// # Errors
    ///
    /// The value is of another type, an external of another copy of this library, or not an external.
    pub fn external<T: Any>(self) -> Result<&'env T> {
        if !call!(napi_check_object_type_tag(self.env, self.raw, &copy::tag()) -> false)? {
            return Err(Error::from_reason("not a native object of this copy of the package"));
        }
        let pointer = call!(napi_get_value_external(self.env, self.raw) -> ptr::null_mut())?;
        // SAFETY: only `Scope::external` gives this tag, to externals of one type, and the external,
        // alive during the call, owns the value.
        let native = unsafe { &*pointer.cast::<Held>() };
        native.downcast_ref().ok_or_else(|| Error::from_reason("a native object of another type"))
    }
}
