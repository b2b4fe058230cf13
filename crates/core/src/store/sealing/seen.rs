//! What is seen of a session while it is sealed, block by block, for the filters.

use rusqlite::{Connection as Sqlite, params};

use crate::store::sealed::{Chunk, Trigrams};
use crate::store::search::as_searched;
use crate::store::sizes::{self, Wanted};
use crate::store::terminal::{Line, Lines, Mark};
use crate::store::{Result, StoredText, text};

/// What was sealed of a session before.
const BEFORE: &str =
    "SELECT id, data FROM session_outputs_all WHERE session_id = ?1 AND id <= ?2 ORDER BY id";

/// The screen of a session, and the trigrams of the lines that have ended since the last filter.
pub(super) struct Seen {
    lines: Lines,
    trigrams: Trigrams,
}

impl Seen {
    /// That of a session behind a chunk.
    pub(super) fn behind(sqlite: &Sqlite, id: &[u8], through: Option<i64>) -> Result<Self> {
        let lines = sizes::lines(sqlite, id, Wanted::default(), false)?.with_drawn_over();
        let mut seen = Self { lines, trigrams: Trigrams::default() };
        if let Some(through) = through {
            let mut before = sqlite.prepare(BEFORE)?;
            let mut rows = before.query(params![StoredText(id), through])?;
            while let Some(row) = rows.next()? {
                let mut rest = text(row.get_ref(1)?);
                while seen.lines.next(&mut rest, Mark::of(row.get(0)?, f64::NAN)).is_some() {}
            }
        }
        Ok(seen)
    }

    /// Goes on with a chunk.
    pub(super) fn add(&mut self, chunk: Chunk<'_>) {
        let Self { lines, trigrams } = self;
        let mut rest = chunk.data;
        while let Some(line) = lines.next(&mut rest, Mark::of(chunk.id, f64::NAN)) {
            add(trigrams, &line);
        }
    }

    /// The filter of the lines that have ended since the last one; at the end of the session also of those on its screen.
    pub(super) fn filter(&mut self, is_end: bool) -> Vec<u8> {
        let Self { lines, trigrams } = self;
        while is_end && let Some(line) = lines.end() {
            add(trigrams, &line);
        }
        let filter = trigrams.filter();
        trigrams.clear();
        filter
    }
}

/// Adds a line as it is, and as it is searched where the case does not matter.
fn add(trigrams: &mut Trigrams, line: &Line<'_>) {
    trigrams.add(line.text);
    if !line.text.is_ascii() {
        trigrams.add(&as_searched(line.text));
    }
}
