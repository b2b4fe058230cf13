//! A safe, thin layer over the raw Node-API calls that argument parsing and row building are made of.
//!
//! napi-rs converts one field at a time into owned Rust values and words its own errors. The stores
//! word theirs, and read hundreds of fields a call, so they use Node-API directly, through this folder. It knows
//! nothing of what the values mean.

mod at_exit;
mod call;
mod copy;
mod memory;
mod scope;
mod status;
mod value;

pub use at_exit::at_exit;
pub use call::{Call, Host, function};
pub use scope::{Remembered, Scope};
pub use status::{NoMemory, Unreadable};
pub use value::Value;
