//! Blocks in which nothing can match: their filters say so, and they are not read.

use std::collections::{HashMap, HashSet, VecDeque};
use std::ops::RangeInclusive;

use rusqlite::{Connection as Sqlite, Statement, params};

use super::Query;
use crate::store::sealed::Needed;
use crate::store::select::{Select, has_blocks};
use crate::store::sizes::{self, Wanted};
use crate::store::terminal::Lines;
use crate::store::{Result, StoredText, text};

/// The blocks of sessions that nobody is sealing or bringing back, and whether these have rows as well.
const SESSIONS: &str = "SELECT session_id,
    EXISTS (SELECT 1 FROM session_outputs o WHERE o.session_id = s.session_id)
    FROM gsd_session_seals s WHERE work = 0 AND through IS NOT NULL AND coalesce(session_id = ?1, 1)";

const BLOCKS: &str = "SELECT id FROM gsd_session_blocks WHERE session_id = ?1 ORDER BY id";

const ALL_BLOCKS: &str =
    "SELECT id FROM gsd_session_blocks WHERE coalesce(session_id = ?1, 1) ORDER BY id";

const FILTER: &str =
    "SELECT last, lines, filter, state IS NOT NULL FROM gsd_session_filters WHERE id = ?1";

const STATE: &str = "SELECT state FROM gsd_session_filters WHERE id = ?1";

const LAST_BEFORE: &str = "SELECT last FROM gsd_session_blocks
    WHERE session_id = ?1 AND id < ?2 ORDER BY id DESC LIMIT 1";

/// Blocks that are not read, of each session, the first one first.
pub(super) type Skipped = HashMap<Vec<u8>, VecDeque<i64>>;

/// The session behind another one, of those that have output; and the first chunk of one.
const NEXT: Select = Select {
    rows: "SELECT CAST(min(session_id) AS BLOB) FROM session_outputs WHERE session_id > ?1",
    all: "SELECT CAST(min(id) AS BLOB) FROM (
          SELECT min(session_id) AS id FROM session_outputs WHERE session_id > ?1
          UNION ALL SELECT min(session_id) FROM gsd_session_seals WHERE session_id > ?1)",
};
const FIRST: Select = Select {
    rows: "SELECT coalesce(min(id), 0) FROM session_outputs WHERE session_id = ?1",
    all: "SELECT coalesce(min(id), 0) FROM (
          SELECT min(id) AS id FROM session_outputs WHERE session_id = ?1
          UNION ALL SELECT min(id) FROM gsd_session_blocks WHERE session_id = ?1)",
};

/// A part of the output of a session that is searched by itself.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) session_id: Vec<u8>,
    /// The first chunk that is read.
    pub(super) first: i64,
    /// The last chunk that is read.
    pub(super) upto: i64,
    /// The chunks in which the lines end that are looked at. The others are read for what is near to these.
    pub(super) looked_at: RangeInclusive<i64>,
    /// Blocks that are not read: the first one of the session, if it is none that is read, and the next one.
    pub(super) skipped: VecDeque<i64>,
}

impl Part {
    /// A whole session.
    fn whole(session_id: &[u8]) -> Self {
        Self {
            session_id: session_id.to_vec(),
            first: i64::MIN,
            upto: i64::MAX,
            looked_at: i64::MIN..=i64::MAX,
            skipped: VecDeque::new(),
        }
    }
}

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
    if *needed != Needed::Nothing {
        each_plan(sqlite, query, needed, |id, plan| {
            let skips = plan.skips();
            if !skips.is_empty() {
                skipped.insert(id.to_vec(), skips);
            }
        })?;
    }
    Ok(skipped)
}

/// The blocks that are read, by the cursors of their first chunks.
pub(super) fn read(sqlite: &Sqlite, query: &Query, needed: &Needed) -> Result<Vec<i64>> {
    let skipped: HashSet<i64> = skipped(sqlite, query, needed)?.into_values().flatten().collect();
    let mut blocks = sqlite.prepare_cached(ALL_BLOCKS)?;
    let blocks = blocks.query_map([&query.session_id], |row| row.get(0))?;
    let is_read = |block: &rusqlite::Result<i64>| {
        block.as_ref().map_or(true, |block| !skipped.contains(block))
    };
    Ok(blocks.filter(is_read).collect::<rusqlite::Result<_>>()?)
}

/// Passes what is known of each sealed session to `visit`.
fn each_plan(
    sqlite: &Sqlite,
    query: &Query,
    needed: &Needed,
    mut visit: impl FnMut(&[u8], Plan),
) -> Result<()> {
    if !has_blocks(sqlite)? {
        return Ok(());
    }
    let mut sessions = sqlite.prepare_cached(SESSIONS)?;
    let mut sessions = sessions.query([&query.session_id])?;
    let mut blocks = sqlite.prepare_cached(BLOCKS)?;
    let mut filter = sqlite.prepare_cached(FILTER)?;
    while let Some(row) = sessions.next()? {
        let id = text(row.get_ref(0)?);
        let mut plan = Plan {
            context: query.context as u64,
            goes_on: row.get(1)?,
            drawn_over: query.drawn_over,
            ..Plan::default()
        };
        let mut rows = blocks.query([StoredText(id)])?;
        while let Some(row) = rows.next()? {
            plan.add(row.get(0)?, &mut filter, needed)?;
        }
        visit(id, plan);
    }
    Ok(())
}

/// The parts into which a search over everything falls, by the first chunks that they read. Nothing matches between them.
pub(super) fn parts(sqlite: &Sqlite, query: &Query, needed: &Needed) -> Result<Vec<Part>> {
    let mut parts = Vec::new();
    let mut planned = HashSet::new();
    each_plan(sqlite, query, needed, |id, plan| {
        if plan.is_known() {
            planned.insert(id.to_vec());
            plan.parts(id, &mut parts);
        }
    })?;
    let mut whole = |id: &[u8], first| {
        if !planned.contains(id) {
            parts.push(Part { first, ..Part::whole(id) });
        }
    };
    let mut first = sqlite.prepare_cached(FIRST.of(sqlite)?)?;
    let mut next = sqlite.prepare_cached(NEXT.of(sqlite)?)?;
    let mut id = match &query.session_id {
        Some(id) => {
            whole(id.as_bytes(), 0);
            None
        }
        None => next.query_row([""], |row| row.get::<_, Option<Vec<u8>>>(0))?,
    };
    while let Some(found) = id {
        whole(&found, first.query_row([StoredText(&found)], |row| row.get(0))?);
        id = next.query_row([StoredText(&found)], |row| row.get(0))?;
    }
    parts.sort_by_key(|part| part.first);
    Ok(parts)
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
    visit: impl FnMut(&str),
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
    let mut lines = lines()?;
    sizes::read_up_to(sqlite, id, chunk.saturating_sub(1), &mut lines, visit)?;
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

/// Blocks with a filter in common that are searched by one thread, at most.
const OF_PART: usize = 8;

/// Which blocks of a session are read.
#[derive(Default)]
struct Plan {
    /// Lines that are read before and behind one that may match.
    context: u64,
    /// Whether there are rows behind the blocks.
    goes_on: bool,
    /// Whether what was drawn over is looked at: it counts once in the whole session.
    drawn_over: bool,
    all: Vec<Together>,
    /// The places of those in which something may match.
    candidates: Vec<usize>,
    /// Whether there is a block of which nothing is known.
    reads_all: bool,
}

impl Plan {
    /// Adds the next block.
    fn add(&mut self, id: i64, filter: &mut Statement<'_>, needed: &Needed) -> Result<()> {
        if let Some(before) = self.all.last_mut().filter(|before| id <= before.last) {
            before.blocks.push(id);
            return Ok(());
        }
        let mut found = filter.query([id])?;
        let Some(row) = found.next()? else {
            self.reads_all = true;
            return Ok(());
        };
        let filter = row.get_ref(2)?.as_blob_or_null().ok().flatten();
        if filter.is_none_or(|filter| needed.may_be_in(filter)) {
            self.candidates.push(self.all.len());
        }
        let lines: i64 = row.get(1)?;
        self.all.push(Together {
            blocks: vec![id],
            last: row.get(0)?,
            lines: lines.cast_unsigned(),
            has_state: row.get(3)?,
            is_read: false,
        });
        Ok(())
    }

    /// Whether some of it may be left out.
    fn is_known(&self) -> bool {
        !self.reads_all && !(self.drawn_over && (self.goes_on || !self.candidates.is_empty()))
    }

    /// What must be looked at.
    fn looked_at(&self) -> Vec<usize> {
        let mut looked_at = self.candidates.clone();
        let last = self.all.len().checked_sub(1).filter(|_| self.goes_on);
        looked_at.extend(last.filter(|last| looked_at.last() != Some(last)));
        looked_at
    }

    /// The blocks that are left out.
    fn skips(mut self) -> VecDeque<i64> {
        if !self.is_known() {
            return VecDeque::new();
        }
        for at in self.looked_at() {
            let (first, last) = self.around(at, at);
            self.all.get_mut(first..=last).into_iter().flatten().for_each(|it| it.is_read = true);
        }
        let skipped = self.all.iter().filter(|together| !together.is_read);
        skipped.flat_map(|together| &together.blocks).copied().collect()
    }

    /// The parts that are looked at.
    fn parts(self, session_id: &[u8], parts: &mut Vec<Part>) {
        let looked_at = self.looked_at();
        for run in looked_at.chunk_by(|one, two| one + 1 == *two) {
            for run in run.chunks(OF_PART) {
                let (Some(&from), Some(&to)) = (run.first(), run.last()) else { continue };
                let (first, last) = self.around(from, to);
                let start = |at: usize| self.all.get(at)?.blocks.first().copied();
                let before = |at: usize| start(at).map_or(i64::MAX, |next| next.saturating_sub(1));
                parts.push(Part {
                    session_id: session_id.to_vec(),
                    first: start(first).unwrap_or(i64::MIN),
                    upto: before(last + 1),
                    looked_at: start(from).unwrap_or(i64::MIN)..=before(to + 1),
                    skipped: start(0)
                        .filter(|_| first > 0)
                        .into_iter()
                        .chain(start(last + 1))
                        .collect(),
                });
            }
        }
    }

    /// What is read to look at some: it begins with a state, or with the session, and has the lines that are near.
    fn around(&self, from: usize, to: usize) -> (usize, usize) {
        let lines = |at: usize| self.all.get(at).map_or(u64::MAX, |together| together.lines);
        let is_start = |at: &usize| {
            let has_state = self.all.get(*at).is_some_and(|together| together.has_state);
            has_state && lines(*at).saturating_add(self.context) <= lines(from)
        };
        let first = (1..=from).rev().find(is_start).unwrap_or(0);
        let end = lines(to + 1).saturating_add(self.context);
        let is_near = |at: &usize| self.context > 0 && *at < self.all.len() && lines(*at) < end;
        let last = (to + 1..).take_while(is_near).last().unwrap_or(to);
        (first, last)
    }
}
