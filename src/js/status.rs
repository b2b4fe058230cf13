//! What Node-API says of a call.

use napi::{Error, Result, Status, sys};

/// Names a Node-API call that failed. A JavaScript exception that it left stays pending, and is what
/// the caller sees.
pub(super) fn check(status: sys::napi_status, call: &'static str) -> Result<()> {
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

pub(super) use call;

/// So many bytes do not fit into memory.
pub struct NoMemory(pub usize);

/// Makes room for so many more elements.
pub(super) fn reserve<T>(elements: &mut Vec<T>, more: usize) -> std::result::Result<(), NoMemory> {
    elements.try_reserve(more).map_err(|_| NoMemory(more.saturating_mul(size_of::<T>())))
}

/// Why a text or a copy of bytes could not be made.
pub enum Unreadable {
    /// Node-API refused.
    Call(Error),
    /// Memory is too small.
    Memory(NoMemory),
}

impl From<Error> for Unreadable {
    fn from(error: Error) -> Self {
        Self::Call(error)
    }
}

impl From<NoMemory> for Unreadable {
    fn from(memory: NoMemory) -> Self {
        Self::Memory(memory)
    }
}

/// A text or a copy of bytes.
pub type Readable<T> = std::result::Result<T, Unreadable>;
