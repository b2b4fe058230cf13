//! Blocks in which nothing can match: their filters say so, and they are not read.

use std::collections::{HashMap, VecDeque};

use rusqlite::{Connection as Sqlite, Row, params};

use super::Query;
use crate::store::sealed::Needed;
use crate::store::select::has_blocks;
use crate::store::sizes::{self, Wanted};
use crate::store::terminal::{Lines, Mark};
use crate::store::timestamp::Moments;
use crate::store::{Result, StoredText, text};

/// The blocks of sessions that nobody is sealing or bringing back, and whether these have rows as well.
const SESSIONS: &str = "SELECT session_id,
    EXISTS (SELECT 1 FROM session_outputs o WHERE o.session_id = s.session_id)
    FROM gsd_session_seals s WHERE work = 0 AND through IS NOT NULL AND coalesce(session_id = ?1, 1)";

const FILTERS: &str = "SELECT b.id, f.last, f.lines, f.filter, f.state IS NOT NULL
    FROM gsd_session_blocks b LEFT JOIN gsd_session_filters f ON f.id = b.id
    WHERE b.session_id = ?1 ORDER BY b.id";

const STATE: &str = "SELECT state FROM gsd_session_filters WHERE id = ?1";

const BEFORE: &str = "SELECT timestamp, data, id FROM session_outputs_all
    WHERE session_id = ?1 AND id < ?2 ORDER BY id";

const LAST_BEFORE: &str = "SELECT last FROM gsd_session_blocks
    WHERE session_id = ?1 AND id < ?2 ORDER BY id DESC LIMIT 1";

/// Blocks that are not read, of each session, the first one first.
pub(super) type Skipped = HashMap<Vec<u8>, VecDeque<i64>>;

/// What a line needs in which the pattern of a search matches.
pub(super) fn needed(query: &Query, pattern: &str) -> Needed {
    if !query.regex {
        return Needed::text(pattern);
    }
    let mut parser =
        regex_syntax::ParserBuilder::new().case_insensitive(!query.case_sensitive).build();
    // The pattern is valid by now.
    parser.parse(pattern).map_or(Needed::Nothing, |hir| Needed::regex(&hir))
}

/// The blocks that need not be read. Of those that are, every first one in a row begins with a state, or is the first of its session.
pub(super) fn skipped(sqlite: &Sqlite, query: &Query, needed: &Needed) -> Result<Skipped> {
    let mut skipped = Skipped::new();
    if *needed == Needed::Nothing || !has_blocks(sqlite)? {
        return Ok(skipped);
    }
    let mut sessions = sqlite.prepare_cached(SESSIONS)?;
    let mut sessions = sessions.query([&query.session_id])?;
    let mut filters = sqlite.prepare_cached(FILTERS)?;
    while let Some(row) = sessions.next()? {
        let id = text(row.get_ref(0)?);
        let mut plan = Plan { context: query.context as u64, ..Plan::default() };
        let mut rows = filters.query([StoredText(id)])?;
        while let Some(row) = rows.next()? {
            plan.add(row, needed)?;
        }
        let skips = plan.skips(row.get(1)?, query.drawn_over);
        if !skips.is_empty() {
            skipped.insert(id.to_vec(), skips);
        }
    }
    Ok(skipped)
}

/// The last chunk of a session before a block.
pub(super) fn last_before(sqlite: &Sqlite, id: &[u8], block: i64) -> Result<i64> {
    let mut last = sqlite.prepare_cached(LAST_BEFORE)?;
    Ok(last.query_row(params![StoredText(id), block], |row| row.get(0))?)
}

/// The lines of a session behind everything before a chunk. `visit` sees those that have ended, if they had to be read.
pub(super) fn lines_before(
    sqlite: &Sqlite,
    id: &[u8],
    chunk: i64,
    mut visit: impl FnMut(&str),
) -> Result<Lines> {
    let lines = || sizes::lines(sqlite, id, Wanted::default(), false);
    let mut state = sqlite.prepare_cached(STATE)?;
    let mut found = state.query([chunk])?;
    if let Some(row) = found.next()?
        && let Some(state) = row.get_ref(0)?.as_blob_or_null().ok().flatten()
        && let Some(lines) = lines()?.in_state(state)
    {
        return Ok(lines);
    }
    let (mut lines, mut moments) = (lines()?, Moments::default());
    let mut before = sqlite.prepare_cached(BEFORE)?;
    let mut rows = before.query(params![StoredText(id), chunk])?;
    while let Some(row) = rows.next()? {
        let mark = Mark::of(row.get(2)?, moments.millis(text(row.get_ref(0)?)));
        let mut rest = text(row.get_ref(1)?);
        while let Some(line) = lines.next(&mut rest, mark) {
            visit(line.text);
        }
    }
    Ok(lines)
}

/// Blocks that have a filter in common.
struct Together {
    blocks: Vec<i64>,
    last: i64,
    /// The lines that end before them.
    lines: u64,
    has_state: bool,
    is_read: bool,
}

/// Which blocks of a session are read.
#[derive(Default)]
struct Plan {
    /// Lines that are read before and behind one that may match.
    context: u64,
    all: Vec<Together>,
    /// The places of those in which something may match.
    candidates: Vec<usize>,
    /// Whether too little is known to leave any out.
    reads_all: bool,
}

impl Plan {
    /// Adds the next block.
    fn add(&mut self, row: &Row<'_>, needed: &Needed) -> Result<()> {
        let id = row.get(0)?;
        let Some(filter) = row.get_ref(3)?.as_blob_or_null().ok().flatten() else {
            match self.all.last_mut().filter(|before| id <= before.last) {
                Some(before) => before.blocks.push(id),
                None => self.reads_all = true,
            }
            return Ok(());
        };
        if needed.may_be_in(filter) {
            self.candidates.push(self.all.len());
        }
        let lines: i64 = row.get(2)?;
        self.all.push(Together {
            blocks: vec![id],
            last: row.get(1)?,
            lines: lines.cast_unsigned(),
            has_state: row.get(4)?,
            is_read: false,
        });
        Ok(())
    }

    /// The blocks that are left out.
    fn skips(mut self, goes_on: bool, drawn_over: bool) -> VecDeque<i64> {
        if self.reads_all || (drawn_over && (goes_on || !self.candidates.is_empty())) {
            return VecDeque::new();
        }
        for candidate in std::mem::take(&mut self.candidates) {
            self.read(candidate);
        }
        if goes_on && let Some(last) = self.all.len().checked_sub(1) {
            self.read(last);
        }
        let skipped = self.all.iter().filter(|together| !together.is_read);
        skipped.flat_map(|together| &together.blocks).copied().collect()
    }

    /// Has blocks read, with what is near to lines that end in them.
    fn read(&mut self, at: usize) {
        let lines = |at: usize| self.all.get(at).map(|together| together.lines);
        let (first, end) = (lines(at).unwrap_or_default(), lines(at + 1).unwrap_or(u64::MAX));
        let context = self.context;
        for together in self.all.get_mut(..=at).into_iter().flatten().rev() {
            // What comes before one that is read already, is near enough to that one.
            if std::mem::replace(&mut together.is_read, true)
                || (together.has_state && together.lines.saturating_add(context) <= first)
            {
                break;
            }
        }
        for together in self.all.get_mut(at + 1..).into_iter().flatten() {
            if context == 0 || together.lines >= end.saturating_add(context) {
                break;
            }
            together.is_read = true;
        }
    }
}
