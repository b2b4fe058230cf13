//! Blocks: consecutive chunks of one session, compressed together.

#[allow(unsafe_code, reason = "a virtual table is a structure of C")]
mod all;
mod block;
mod change;
mod check;
mod clear;
mod columns;
mod filter;
mod made;
mod merge;
mod numbers;
mod run;
#[cfg(test)]
mod tests;

pub(crate) use self::all::add_to;
pub(in crate::store) use self::all::listed;
pub use self::block::{Block, Header, LARGEST, Writer};
pub(in crate::store) use self::change::{Amount, Rewritten, amount, remove, remove_all, rewrite};
pub(in crate::store) use self::check::check;
pub(in crate::store) use self::clear::{
    Claim, Claimed, SET, clear_up, clear_up_one, forget, ids, seal_of, through,
};
pub use self::filter::{Needed, Trigram, Trigrams, steps};
pub(in crate::store) use self::made::{Made, Maker, Visible, insert};
pub(in crate::store) use self::merge::damaged;

use std::io;

use super::model::OutputType;
use crate::sqlite::Extension;

/// What lets SQL read sealed output: the table `session_outputs_all`.
pub const EXTENSION: Extension = Extension(add_to);

/// A chunk as it is stored, with everything that its row holds but the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk<'a> {
    /// Its cursor.
    pub id: i64,
    /// The stored text of its moment.
    pub timestamp: &'a [u8],
    /// The stream.
    pub kind: OutputType,
    /// What was printed.
    pub data: &'a [u8],
    /// Whether that is stored as a BLOB.
    pub is_blob: bool,
    /// When its row was made, as the column has it.
    pub created_at: Option<&'a [u8]>,
}

/// Why bytes are no block.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// They do not begin as one.
    #[error("it does not begin as a block")]
    NoBlock,
    /// It was written by a newer version.
    #[error("its version is {0}, and this library reads 1")]
    Version(u8),
    /// It is shorter or longer than it says.
    #[error("its length is not what it says")]
    Length,
    /// The bytes are not those that were written.
    #[error("its checksum is wrong")]
    Checksum,
    /// A part cannot be decompressed.
    #[error("it cannot be decompressed: {0}")]
    Compression(#[from] io::Error),
    /// The columns do not fit together.
    #[error("its columns do not fit together")]
    Columns,
}
