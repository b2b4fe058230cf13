//! Which loaded copy of this library made an object.
//!
//! A process may load this library twice: in two versions, or from two places. Each copy has a SQLite of its
//! own, and neither may touch what the other one made, not even where both are the same build.

use napi::sys;

/// A byte that has another address in every copy.
static HERE: u8 = 0;

/// Tells the tags of this library from those of others.
const LIBRARY: u64 = 0x7c1d_90e4_5b3a_62f8;

fn address() -> usize {
    (&raw const HERE).addr()
}

/// The tag on every external that this copy makes.
pub(super) fn tag() -> sys::napi_type_tag {
    sys::napi_type_tag { lower: address() as u64, upper: LIBRARY }
}
