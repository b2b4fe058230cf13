//! Memory of JavaScript that Rust reads or writes: texts, bytes of buffers, arrays of numbers.
//!
//! A pointer into that memory is asked for right before it is used, and forgotten before any JavaScript
//! runs, which could detach, move or shrink what it points to.

use std::borrow::Cow;
use std::ptr;
use std::slice;
use std::sync::atomic::{AtomicU8, Ordering};

use encoding_rs::mem::convert_utf8_to_utf16;
use napi::{Error, Result, sys};

use super::scope::Scope;
use super::status::{Readable, Unreadable, call, check, reserve};
use super::value::Value;

impl<'env> Value<'env> {
    /// The text of a string. A lone surrogate becomes U+FFFD.
    ///
    /// # Errors
    ///
    /// The text does not fit into memory.
    pub fn string(self) -> Readable<String> {
        self.with_text(|text| match text {
            Cow::Owned(text) => Ok(text),
            Cow::Borrowed(text) => {
                let mut owned = Vec::new();
                reserve(&mut owned, text.len())?;
                owned.extend_from_slice(text.as_bytes());
                Ok(into_text(owned))
            }
        })?
    }

    /// As [`string`](Self::string), for as long as `work` takes.
    pub fn with_text<T>(self, work: impl FnOnce(Cow<'_, str>) -> T) -> Readable<T> {
        // Most strings are ids, paths and short chunks: one call, without asking for the length first.
        let mut short = [0u8; 512];
        let length = self.write_utf8(&mut short)?;
        // One character takes at most three bytes per UTF-16 unit, so less room than that left at the
        // end may mean that one did not fit.
        if let Some(text) = short.get(..length).filter(|_| length + 4 < short.len()) {
            return Ok(work(String::from_utf8_lossy(text)));
        }
        let length =
            call!(napi_get_value_string_utf8(self.env, self.raw, ptr::null_mut(), 0) -> 0)?;
        let mut long = Vec::new();
        reserve(&mut long, length + 1)?;
        long.resize(length + 1, 0);
        let length = self.write_utf8(&mut long)?;
        long.truncate(length);
        Ok(work(Cow::Owned(into_text(long))))
    }

    /// The beginning of the text of a string, some hundred characters of it.
    pub fn start_of_string(self) -> Result<String> {
        let mut start = [0u8; 512];
        let length = self.write_utf8(&mut start)?;
        Ok(String::from_utf8_lossy(start.get(..length).unwrap_or_default()).into_owned())
    }

    fn write_utf8(self, buffer: &mut [u8]) -> Result<usize> {
        call!(napi_get_value_string_utf8(
            self.env, self.raw, buffer.as_mut_ptr().cast(), buffer.len()
        ) -> 0)
    }

    /// Whether it is a `Buffer` or another view of bytes.
    pub fn is_buffer(self) -> Result<bool> {
        call!(napi_is_buffer(self.env, self.raw) -> false)
    }

    /// Hands the bytes of a `Buffer` or another view to `work`, which runs no JavaScript: a copy of them
    /// where other threads may change them meanwhile.
    ///
    /// # Errors
    ///
    /// The copy does not fit into memory.
    pub fn with_bytes<T>(self, work: impl FnOnce(&[u8]) -> T) -> Readable<T> {
        let View { data, length, buffer, .. } = self.view()?;
        if data.is_null() || length == 0 {
            return Ok(work(&[]));
        }
        if call!(napi_is_arraybuffer(self.env, buffer) -> false)? {
            // SAFETY: Node-API says that so many bytes are there, which are this thread's alone, and no
            // JavaScript runs that could change or detach them.
            return Ok(work(unsafe { slice::from_raw_parts(data.cast(), length) }));
        }
        // SAFETY: so many bytes are there, and stay: what threads share is never detached, and never
        // shrinks. An atomic byte is laid out as any other, and may change while it is read.
        let shared = unsafe { slice::from_raw_parts(data.cast::<AtomicU8>(), length) };
        let mut copy = Vec::new();
        reserve(&mut copy, length)?;
        copy.extend(shared.iter().map(|byte| byte.load(Ordering::Relaxed)));
        Ok(work(&copy))
    }

    /// Where the bytes of a view are now.
    fn view(self) -> Result<View> {
        let mut view = View::default();
        // A `DataView` counts as a buffer; not every runtime gives its bytes as those of one.
        if call!(napi_is_dataview(self.env, self.raw) -> false)? {
            // SAFETY: every pointer is to a variable of its type.
            let status = unsafe {
                sys::napi_get_dataview_info(
                    self.env,
                    self.raw,
                    &mut view.length,
                    &mut view.data,
                    &mut view.buffer,
                    &mut view.offset,
                )
            };
            check(status, "napi_get_dataview_info")?;
            return Ok(view);
        }
        // A null pointer asks for nothing.
        let (kind, length, data) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        // SAFETY: every other pointer is to a variable of its type.
        let status = unsafe {
            sys::napi_get_typedarray_info(
                self.env,
                self.raw,
                kind,
                length,
                data,
                &mut view.buffer,
                &mut view.offset,
            )
        };
        check(status, "napi_get_typedarray_info")?;
        view.length = call!(napi_get_buffer_info(self.env, self.raw, &mut view.data) -> 0)?;
        Ok(view)
    }

    /// Writes numbers to the front of an `ArrayBuffer`.
    ///
    /// # Errors
    ///
    /// The buffer is too short, as one is that was transferred to another thread.
    pub fn write_numbers(self, numbers: &[f64]) -> Result<()> {
        let mut data = ptr::null_mut();
        let bytes = call!(napi_get_arraybuffer_info(self.env, self.raw, &mut data) -> 0)?;
        if data.is_null() || bytes < size_of_val(numbers) {
            return Err(Error::from_reason("the memory for the numbers of rows was taken away"));
        }
        // SAFETY: Node-API has just said that so many bytes are there, and no JavaScript has run since. They
        // are of no other thread, and of no Rust value.
        unsafe {
            ptr::copy_nonoverlapping(
                numbers.as_ptr().cast(),
                data.cast::<u8>(),
                size_of_val(numbers),
            );
        }
        Ok(())
    }
}

/// Node-API gives UTF-8, which is not copied once more.
fn into_text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// Where the bytes of a view are.
struct View {
    length: usize,
    data: *mut std::ffi::c_void,
    buffer: sys::napi_value,
    offset: usize,
}

impl Default for View {
    fn default() -> Self {
        Self { length: 0, data: ptr::null_mut(), buffer: ptr::null_mut(), offset: 0 }
    }
}

impl<'env> Scope<'env> {
    /// A string of UTF-8 bytes; invalid ones become U+FFFD. ASCII takes half the memory and time.
    ///
    /// # Errors
    ///
    /// The text does not fit into memory.
    pub fn text(self, bytes: &[u8]) -> Readable<Value<'env>> {
        if bytes.is_ascii() {
            return Ok(self.latin1(bytes)?);
        }
        // Faster than V8's own decoder, which also refuses more bytes than a string may have characters.
        let mut units = Vec::new();
        reserve(&mut units, bytes.len() + 1)?;
        units.resize(bytes.len() + 1, 0);
        let length = convert_utf8_to_utf16(bytes, &mut units);
        Ok(self.utf16(units.get(..length).unwrap_or_default())?)
    }

    /// As [`text`](Self::text), for a text that is never long.
    pub fn string(self, bytes: &[u8]) -> Result<Value<'env>> {
        self.text(bytes).map_err(|unreadable| match unreadable {
            Unreadable::Call(error) => error,
            Unreadable::Memory(_) => Error::from_reason("there is no memory for a short text"),
        })
    }
}
