//! The text of a chunk: as a whole, or in pieces if it is long and there is a time limit.

use rusqlite::Connection as Sqlite;
use rusqlite::blob::Blob;
use rusqlite::types::ValueRef;

use super::super::terminal::whole_characters;
use super::super::{Result, text};
use crate::sqlite::Row;

/// Bytes of a piece. A chunk of at most as many bytes is not read in pieces.
const PIECE: usize = 16 << 10;

/// A part of a text, and its end in the text.
pub(super) struct Piece<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) end: usize,
}

/// The rest of a chunk.
pub(super) enum Data<'row> {
    Whole { bytes: &'row [u8], done: Option<usize> },
    Pieces { blob: Blob<'row>, buffer: Vec<u8>, done: usize },
}

impl<'row> Data<'row> {
    /// The text in a row, behind its first `done` bytes.
    pub(super) fn of(
        row: &'row Row<'_>,
        id: i64,
        sqlite: &'row Sqlite,
        done: usize,
    ) -> Result<Self> {
        let data = row.get_ref(2)?;
        let is_left_out = matches!(data, ValueRef::Null) && row.as_ref().column_count() > 4;
        if is_left_out && row.get::<_, Option<i64>>(4)?.is_some() {
            let blob = sqlite.blob_open("main", "session_outputs", "data", id, true)?;
            return Ok(Self::Pieces { blob, buffer: vec![0; PIECE], done });
        }
        Ok(Self::Whole { bytes: text(data), done: Some(done) })
    }

    /// The next piece, which splits no character.
    pub(super) fn next(&mut self) -> Result<Option<Piece<'_>>> {
        match self {
            Self::Whole { bytes, done } => Ok(done.take().map(|done| Piece {
                bytes: bytes.get(done..).unwrap_or_default(),
                end: bytes.len(),
            })),
            Self::Pieces { blob, buffer, done } => {
                let length = blob.len().saturating_sub(*done).min(PIECE);
                let Some(buffer) = buffer.get_mut(..length).filter(|buffer| !buffer.is_empty())
                else {
                    return Ok(None);
                };
                blob.read_at_exact(buffer, *done)?;
                let is_last = *done + length == blob.len();
                let end = if is_last { length } else { whole_characters(buffer, length - 1) };
                *done += end;
                Ok(buffer.get(..end).map(|bytes| Piece { bytes, end: *done }))
            }
        }
    }
}
