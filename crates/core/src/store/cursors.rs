//! Reads output in parts: from a cursor on, from the end, or lazily from the start.
//!
//! A cursor is the id of a chunk. SQLite assigns ids under its write lock and, with AUTOINCREMENT, never twice. So a
//! reader that sees an id sees all earlier chunks, and every later chunk has a larger id. Reading from a cursor on
//! skips and repeats nothing, in any process.

use std::cell::Cell;

use rusqlite::{ToSql, params};

use super::model::Chunk;
use super::outputs::{Outputs, output};
use super::select::{Select, each_chunk, select_chunks};
use super::timestamp::Moments;
use super::{Error, Result};
use crate::sqlite::{Row, snapshot};

const AFTER: Select =
    select_chunks!(o.timestamp, o.type, o.data, o.id; "AND i.id > ?2 ORDER BY i.id");

const BACKWARDS: Select = select_chunks!(o.timestamp, o.type, o.data, o.id; "ORDER BY i.id DESC");

const EXISTS: Select = Select {
    rows: "SELECT session_id FROM session_outputs WHERE id = ?2 AND session_id = ?1",
    all: "SELECT session_id FROM session_outputs_all WHERE id = ?2 AND session_id = ?1",
};

/// Chunks that a walk reads in one step.
const STEP: usize = 256;

/// Bytes of text after which a step ends.
const STEP_BYTES: usize = 1 << 20;

/// The result of reading from a cursor on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputPage {
    /// The cursor to continue from.
    pub cursor: i64,
    /// Whether there was more to read.
    pub more: bool,
    /// Whether the chunk at the given cursor is gone, and perhaps some chunks behind it as well.
    pub gap: bool,
}

/// How much of the end to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// This number of chunks.
    Chunks(usize),
    /// This number of lines. The last one need not be complete.
    Lines(usize),
}

impl Outputs {
    /// Passes at most `limit` chunks behind `after` to `visit`, in the order of append.
    ///
    /// # Errors
    ///
    /// An error of SQLite or of `visit`.
    pub fn read<E: From<Error>>(
        &self,
        session_id: &str,
        after: i64,
        limit: usize,
        mut visit: impl FnMut(Chunk<'_>) -> Result<(), E>,
    ) -> Result<OutputPage, E> {
        let sqlite = self.connection.settled().map_err(Error::from)?;
        let _one_moment = snapshot(&sqlite).map_err(Error::from)?;
        let mut page = OutputPage { cursor: after, more: false, gap: false };
        let mut room = limit;
        self.chunks(AFTER, session_id, params![session_id, after], |chunk| {
            if room == 0 {
                page.more = true;
                return Ok(false);
            }
            room -= 1;
            page.cursor = chunk.id;
            visit(chunk).map(|()| true)
        })?;
        page.gap = after > 0 && !self.has(session_id, after)?;
        Ok(page)
    }

    /// Passes the end of a session's output to `visit`, the last chunk first. Lines that are not wanted are cut off
    /// the earliest chunk. Returns the cursor behind the last chunk.
    ///
    /// # Errors
    ///
    /// An error of SQLite or of `visit`.
    pub fn tail<E: From<Error>>(
        &self,
        session_id: &str,
        tail: Tail,
        mut visit: impl FnMut(Chunk<'_>) -> Result<(), E>,
    ) -> Result<i64, E> {
        let mut cursor = 0;
        // Whether nothing was seen yet: the newline at the very end starts no other line.
        let mut at_end = true;
        let (Tail::Chunks(mut left) | Tail::Lines(mut left)) = tail;
        self.chunks(BACKWARDS, session_id, &[&session_id], |mut chunk| -> Result<bool, E> {
            cursor = cursor.max(chunk.id);
            let data = chunk.output.data;
            if let Tail::Lines(_) = tail {
                match start_of_lines(data, left, at_end) {
                    Ok(start) => {
                        left = 0;
                        chunk.output.data = data.get(start..).unwrap_or_default();
                    }
                    Err(missing) => left = missing,
                }
                at_end &= data.is_empty();
            } else {
                left = left.saturating_sub(1);
            }
            if !chunk.output.data.is_empty() || matches!(tail, Tail::Chunks(_)) {
                visit(chunk)?;
            }
            Ok(left > 0)
        })?;
        Ok(cursor)
    }

    fn has(&self, session_id: &str, id: i64) -> Result<bool> {
        let mut found = false;
        each_chunk(&self.connection, EXISTS, session_id, &[&session_id, &id], |_| {
            found = true;
            Ok::<_, Error>(false)
        })?;
        Ok(found)
    }

    /// Passes chunks to `visit` until it returns `false`.
    fn chunks<E: From<Error>>(
        &self,
        select: Select,
        session_id: &str,
        params: &[&dyn ToSql],
        mut visit: impl FnMut(Chunk<'_>) -> Result<bool, E>,
    ) -> Result<(), E> {
        self.connection.settled().map_err(Error::from)?;
        let mut moments = Moments::default();
        each_chunk(&self.connection, select, session_id, params, |row| {
            visit(chunk(row, &mut moments)?)
        })
    }
}

/// A walk through the chunks of a session in the order of append. Between two steps it holds no lock, so others may
/// write; what they append meanwhile comes last.
pub struct Walk {
    outputs: Outputs,
    session_id: String,
    /// The id of the chunk that was passed last.
    place: Cell<i64>,
}

impl Walk {
    /// A walk from the start.
    pub fn new(outputs: Outputs, session_id: String) -> Self {
        // This place is before every id: other programs may store some below 1.
        Self { outputs, session_id, place: Cell::new(i64::MIN) }
    }

    /// Passes the next chunks, at most a few hundred, to `visit`. At the end there are none.
    ///
    /// # Errors
    ///
    /// An error of SQLite or of `visit`.
    pub fn step<E: From<Error>>(
        &self,
        mut visit: impl FnMut(Chunk<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let (mut chunks, mut bytes) = (0, 0);
        let params = params![self.session_id, self.place.get()];
        self.outputs.chunks(AFTER, &self.session_id, params, |chunk| {
            chunks += 1;
            bytes += chunk.output.data.len();
            self.place.set(chunk.id);
            visit(chunk)?;
            Ok(chunks < STEP && bytes < STEP_BYTES)
        })
    }
}

/// The chunk in a row with these columns: session, time, type, text, id.
pub(super) fn chunk<'row>(row: &'row Row<'_>, moments: &mut Moments) -> Result<Chunk<'row>> {
    Ok(Chunk { id: row.get(4)?, output: output(row, moments)? })
}

/// Where the last `lines` of a text start; `Err` with the number of lines that it lacks. At the end of all output,
/// the newline of the last line starts no other line.
fn start_of_lines(text: &[u8], lines: usize, at_end: bool) -> Result<usize, usize> {
    let mut rest = if at_end { text.strip_suffix(b"\n").unwrap_or(text) } else { text };
    for found in 0..lines {
        match rest.iter().rposition(|byte| *byte == b'\n') {
            Some(end) if found + 1 == lines => return Ok(end + 1),
            Some(end) => rest = rest.get(..end).unwrap_or_default(),
            None => return Err(lines - found),
        }
    }
    Ok(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_from_the_end() {
        assert_eq!(start_of_lines(b"a\nb\nc\n", 1, true), Ok(4));
        assert_eq!(start_of_lines(b"a\nb\nc\n", 1, false), Ok(6));
        assert_eq!(start_of_lines(b"a\nb\nc", 2, true), Ok(2));
        assert_eq!(start_of_lines(b"a\nb\nc", 3, true), Err(1));
        assert_eq!(start_of_lines(b"", 3, true), Err(3));
    }
}
