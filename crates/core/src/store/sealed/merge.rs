//! Chunks out of rows and out of blocks, in one order.
//!
//! Rows are read in batches and blocks one by one, each when its first chunk is next at the earliest. So what is in memory is a
//! block for each session whose chunks lie between each other, and no statement stays open between two steps.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::rc::Rc;

use rusqlite::{Connection as Sqlite, OptionalExtension, ToSql, params};

use super::run::{Column, Moment, Row, Run, Stored};
use super::{Block, Damage};
use crate::store::select::select_chunks;
use crate::store::{StoredText, text};

/// Rows and bytes of the first batch, and of the largest.
const FIRST_BATCH: usize = 16;
const LARGEST_BATCH: usize = 1024;
const LARGEST_BATCH_BYTES: usize = 1 << 20;

const THROUGH: &str = "SELECT through FROM gsd_session_seals WHERE session_id = ?1";
const IN_WORK: &str = "SELECT session_id, through FROM gsd_session_seals WHERE work <> 0";
const LOAD: &str = "SELECT session_id, block FROM gsd_session_blocks WHERE id = ?1";

const ROWS: &str = "SELECT session_id, id, timestamp, type, data, created_at FROM session_outputs
    WHERE id >= ?1 ORDER BY id";
const ROWS_OF_ONE: &str = select_chunks!(
    o.id, o.timestamp, o.type, o.data, o.created_at; "AND i.id >= ?2 ORDER BY i.id"
)
.rows;
const ROWS_OF_ONE_BACKWARDS: &str = select_chunks!(
    o.id, o.timestamp, o.type, o.data, o.created_at; "AND i.id <= ?2 ORDER BY i.id DESC"
)
.rows;
const ROWS_BY_TIME: &str = select_chunks!(
    o.id, o.timestamp, o.type, o.data, o.created_at; "AND (i.timestamp, i.id) > (?2, ?3) ORDER BY i.timestamp, i.id"
)
.rows;
const ROWS_BY_TIME_BACKWARDS: &str = select_chunks!(
    o.id, o.timestamp, o.type, o.data, o.created_at; "AND (i.timestamp, i.id) < (?2, ?3) ORDER BY i.timestamp DESC, i.id DESC"
)
.rows;

/// The block that is next, and where its first chunk is at the earliest.
const BLOCK: &str =
    "SELECT id, NULL, session_id FROM gsd_session_blocks WHERE id > ?1 ORDER BY id LIMIT 1";
const BLOCK_ACROSS: &str =
    "SELECT id, session_id FROM gsd_session_blocks WHERE last >= ?1 AND id < ?1 ORDER BY id";
const BLOCK_OF_ONE: &str = "SELECT id, NULL FROM gsd_session_blocks
    WHERE session_id = ?1 AND id > ?2 AND id <= ?3 ORDER BY id";
const BLOCK_OF_ONE_BEFORE: &str = "SELECT id, last FROM gsd_session_blocks
    WHERE session_id = ?1 AND id <= ?2 ORDER BY id DESC LIMIT 1";
const BLOCK_OF_ONE_BACKWARDS: &str = "SELECT id, last FROM gsd_session_blocks
    WHERE session_id = ?1 AND id < ?2 AND id <= ?3 ORDER BY id DESC LIMIT 1";
const BLOCK_BY_TIME: &str = "SELECT id, earliest FROM gsd_session_blocks
    WHERE session_id = ?1 AND (earliest, id) > (?2, ?3) AND id <= ?4 AND latest >= ?5
    ORDER BY earliest, id LIMIT 1";
const BLOCK_BY_TIME_BACKWARDS: &str = "SELECT id, latest FROM gsd_session_blocks
    WHERE session_id = ?1 AND (latest, id) < (?2, ?3) AND id <= ?4 ORDER BY latest DESC, id DESC LIMIT 1";

/// The blocks of all sessions. Their index is read, and none of them.
const ALL_BLOCKS: &str = "SELECT session_id, id FROM gsd_session_blocks ORDER BY session_id";

/// Blocks that are left out.
pub(super) type Without = HashSet<i64, foldhash::fast::RandomState>;

/// In which order chunks come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// By their cursors.
    Append,
    /// By their moments, and by their cursors among equal ones. Only of one session.
    Time,
}

/// Which chunks are wanted, and how. More may come.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) order: Order,
    /// Of the whole file only by cursor, and not backwards.
    pub(super) backwards: bool,
    pub(super) session_id: Option<Vec<u8>>,
    /// Cursors from here on.
    pub(super) low: i64,
    /// Cursors up to here.
    pub(super) high: i64,
    /// Moments from here on, if they come by time.
    pub(super) since: Option<Vec<u8>>,
    /// Blocks that are left out by whoever reads forwards by cursor.
    pub(super) without: Without,
}

/// The place of a chunk in an order.
type Place = (Option<Moment>, i64);

/// A run, and which chunk of it is next.
struct Open {
    run: Run,
    /// The chunks that are left, the next one last.
    left: Vec<u32>,
}

/// Which of the open runs is next.
#[derive(PartialEq, Eq)]
struct Next {
    place: Place,
    backwards: bool,
    run: usize,
}

impl Ord for Next {
    fn cmp(&self, other: &Self) -> Ordering {
        // The greatest is the next one.
        let order = self.place.cmp(&other.place);
        if self.backwards { order } else { order.reverse() }
    }
}

impl PartialOrd for Next {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Chunks in an order.
pub(super) struct Merge {
    sqlite: Rc<Sqlite>,
    wanted: Wanted,
    /// The last chunk of the session that stands in a block; of all sessions where that may say something.
    through: Option<i64>,
    in_work: HashMap<Vec<u8>, Option<i64>>,
    runs: Vec<Option<Open>>,
    next: BinaryHeap<Next>,
    current: Option<usize>,
    /// Blocks that begin before all others that are wanted.
    across: Vec<i64>,
    /// Whether they are all.
    is_listed: bool,
    /// The block that is opened next, and its place.
    block: Option<(i64, Place)>,
    /// Where the next rows are looked for, and how many are read; 0 where there are none.
    row: Place,
    batch: usize,
}

impl Merge {
    /// The first one that is wanted.
    pub(super) fn new(
        sqlite: Rc<Sqlite>,
        wanted: Wanted,
        has_blocks: bool,
    ) -> rusqlite::Result<Self> {
        let row = match (wanted.order, wanted.backwards) {
            (Order::Append, false) => (None, wanted.low),
            (Order::Append, true) => (None, wanted.high),
            (Order::Time, false) => {
                let since = wanted.since.as_deref().unwrap_or_default();
                (Some(Moment::text(since)), i64::MIN)
            }
            // Behind every text and every BLOB of moments.
            (Order::Time, true) => {
                (Some(Moment { is_blob: true, bytes: [0xff; 32].into() }), i64::MAX)
            }
        };
        let mut merge = Self {
            sqlite,
            wanted,
            through: None,
            in_work: HashMap::new(),
            runs: Vec::new(),
            next: BinaryHeap::new(),
            current: None,
            across: Vec::new(),
            is_listed: false,
            block: None,
            row,
            batch: FIRST_BATCH,
        };
        if has_blocks {
            merge.look_for_blocks()?;
        }
        merge.read_rows()?;
        merge.advance()?;
        Ok(merge)
    }

    /// Whether there is no other chunk.
    pub(super) fn is_over(&self) -> bool {
        self.current.is_none()
    }

    /// Goes on to the next chunk.
    pub(super) fn step(&mut self) -> rusqlite::Result<()> {
        if let Some(run) = self.current.take() {
            let open = self.runs.get_mut(run).and_then(Option::as_mut);
            let is_rows = open.as_ref().is_some_and(|open| matches!(open.run, Run::Rows(_)));
            let is_left = open.is_some_and(|open| {
                open.left.pop();
                !open.left.is_empty()
            });
            if is_left {
                self.push(run);
            } else if let Some(place) = self.runs.get_mut(run) {
                *place = None;
                if is_rows {
                    self.read_rows()?;
                }
            }
        }
        self.advance()
    }

    /// A column of the current chunk.
    pub(super) fn column<T>(
        &self,
        column: Column,
        give: impl FnOnce(&dyn ToSql) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Option<T>> {
        let Some(open) = self.current.and_then(|run| self.runs.get(run)?.as_ref()) else {
            return Ok(None);
        };
        let Some(at) = open.left.last().map(|at| *at as usize) else { return Ok(None) };
        open.run.column(at, column, give)
    }

    /// Makes the next chunk the current one.
    fn advance(&mut self) -> rusqlite::Result<()> {
        while let Some((id, place)) = &self.block {
            let is_next = self.next.peek().is_none_or(|next| {
                if self.wanted.backwards { *place >= next.place } else { *place <= next.place }
            });
            if !is_next {
                break;
            }
            let (id, place) = (*id, place.clone());
            self.open(id)?;
            self.find_block(Some(&place))?;
        }
        self.current = self.next.pop().map(|next| next.run);
        Ok(())
    }

    /// Makes an open run one of those of which the next chunk is chosen.
    fn push(&mut self, run: usize) {
        let Some(open) = self.runs.get(run).and_then(Option::as_ref) else { return };
        let Some(at) = open.left.last().map(|at| *at as usize) else { return };
        let by_time = self.wanted.order == Order::Time;
        let place = match &open.run {
            Run::Block { block, .. } => block
                .chunk(at)
                .map(|chunk| (by_time.then(|| Moment::text(chunk.timestamp)), chunk.id)),
            Run::Rows(rows) => {
                rows.get(at).map(|row| (by_time.then(|| Moment::of(&row.timestamp)), row.id))
            }
        };
        if let Some(place) = place {
            self.next.push(Next { place, backwards: self.wanted.backwards, run });
        }
    }

    fn add(&mut self, run: Run, left: Vec<u32>) {
        if left.is_empty() {
            return;
        }
        let open = Some(Open { run, left });
        let free = self.runs.iter().position(Option::is_none);
        let run = free.unwrap_or(self.runs.len());
        match self.runs.get_mut(run) {
            Some(place) => *place = open,
            None => self.runs.push(open),
        }
        self.push(run);
    }

    /// Reads a block.
    fn open(&mut self, id: i64) -> rusqlite::Result<()> {
        let (session_id, block) = {
            let mut load = self.sqlite.prepare_cached(LOAD)?;
            load.query_row([id], |row| {
                let bytes = text(row.get_ref(1)?);
                let block = Block::read(bytes).map_err(|damage| damaged(id, &damage))?;
                if block.chunk(0).is_none_or(|first| first.id != id) {
                    return Err(damaged(id, &Damage::Columns));
                }
                Ok((Rc::from(text(row.get_ref(0)?)), block))
            })?
        };
        let Wanted { order, backwards, low, high, .. } = self.wanted;
        let is_wanted = |at: &u32| {
            let chunk = block.chunk(*at as usize);
            chunk.is_some_and(|chunk| (low..=high).contains(&chunk.id))
        };
        let count = u32::try_from(block.len()).unwrap_or(u32::MAX);
        let mut left: Vec<u32> = (0..count).rev().filter(is_wanted).collect();
        if order == Order::Time {
            let place =
                |at: &u32| block.chunk(*at as usize).map(|chunk| (chunk.timestamp, chunk.id));
            left.sort_by(|a, b| place(b).cmp(&place(a)));
        }
        if backwards {
            left.reverse();
        }
        self.add(Run::Block { session_id, block }, left);
        Ok(())
    }

    fn look_for_blocks(&mut self) -> rusqlite::Result<()> {
        let sqlite = Rc::clone(&self.sqlite);
        let Wanted { order, backwards, low, .. } = self.wanted;
        let Some(session_id) = self.wanted.session_id.clone() else {
            let mut in_work = sqlite.prepare_cached(IN_WORK)?;
            let mut rows = in_work.query([])?;
            while let Some(row) = rows.next()? {
                self.in_work.insert(text(row.get_ref(0)?).to_owned(), row.get(1)?);
            }
            if !self.wanted.without.is_empty() {
                return self.list_blocks();
            }
            if low > i64::MIN {
                let mut across = sqlite.prepare_cached(BLOCK_ACROSS)?;
                let mut rows = across.query([low])?;
                while let Some(row) = rows.next()? {
                    let id = row.get(0)?;
                    if self.counts(text(row.get_ref(1)?), id, true) {
                        self.across.push(id);
                    }
                }
                self.across.reverse();
            }
            return self.find_block(None);
        };
        let through =
            sqlite.prepare_cached(THROUGH)?.query_row([StoredText(&session_id)], |row| row.get(0));
        self.through = through.optional()?.flatten();
        let Some(through) = self.through else { return Ok(()) };
        if order == Order::Append && !backwards && low > i64::MIN {
            // The block that has this chunk, if there is one.
            let mut before = sqlite.prepare_cached(BLOCK_OF_ONE_BEFORE)?;
            let found = before
                .query_row(params![StoredText(&session_id), low.min(through)], |row| {
                    Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
                });
            if let Some((id, last)) = found.optional()?
                && last >= low
                && !self.wanted.without.contains(&id)
            {
                self.block = Some((id, (None, id)));
                return Ok(());
            }
        }
        self.find_block(None)
    }

    /// Looks for all blocks at once, without reading one: most may be left out.
    fn list_blocks(&mut self) -> rusqlite::Result<()> {
        let sqlite = Rc::clone(&self.sqlite);
        let mut all = sqlite.prepare_cached(ALL_BLOCKS)?;
        let mut rows = all.query([])?;
        while let Some(row) = rows.next()? {
            let id = row.get(1)?;
            if self.counts(crate::store::text(row.get_ref(0)?), id, true) {
                self.across.push(id);
            }
        }
        self.across.sort_unstable_by(|a, b| b.cmp(a));
        self.is_listed = true;
        self.find_block(None)
    }

    /// Looks for the block behind a place, or for the first one.
    fn find_block(&mut self, behind: Option<&Place>) -> rusqlite::Result<()> {
        let sqlite = &self.sqlite;
        let Wanted { order, backwards, low, high, .. } = self.wanted;
        let by_number = |row: &rusqlite::Row<'_>| {
            let id: i64 = row.get(0)?;
            Ok((id, (None, row.get::<_, Option<i64>>(1)?.unwrap_or(id))))
        };
        let by_time = |row: &rusqlite::Row<'_>| {
            let id: i64 = row.get(0)?;
            Ok((id, (Some(Moment::of(&Stored::of(row.get_ref(1)?))), id)))
        };
        let at = self.block.as_ref().map(|(id, _)| *id);
        let Some(session_id) = self.wanted.session_id.as_deref().map(StoredText) else {
            if let Some(id) = self.across.pop() {
                self.block = Some((id, (None, id)));
                return Ok(());
            }
            if self.is_listed {
                self.block = None;
                return Ok(());
            }
            let mut from = at.unwrap_or(i64::MIN).max(low.saturating_sub(1));
            let mut next = sqlite.prepare_cached(BLOCK)?;
            loop {
                let found = next
                    .query_row([from], |row| {
                        Ok((by_number(row)?, text(row.get_ref(2)?).to_owned()))
                    })
                    .optional()?;
                let Some((block, session_id)) = found.filter(|((id, _), _)| *id <= high) else {
                    self.block = None;
                    return Ok(());
                };
                from = block.0;
                if self.counts(&session_id, block.0, true) {
                    self.block = Some(block);
                    return Ok(());
                }
            }
        };
        let Some(through) = self.through else {
            self.block = None;
            return Ok(());
        };
        let high = high.min(through);
        let found = match (order, backwards) {
            (Order::Append, false) => {
                let from = at.unwrap_or(i64::MIN).max(low.saturating_sub(1));
                let mut next = sqlite.prepare_cached(BLOCK_OF_ONE)?;
                let mut found = next.query(params![session_id, from, high])?;
                loop {
                    let Some(row) = found.next()? else {
                        break Err(rusqlite::Error::QueryReturnedNoRows);
                    };
                    if !self.wanted.without.contains(&row.get(0)?) {
                        break by_number(row);
                    }
                }
            }
            (Order::Append, true) => {
                let mut next = sqlite.prepare_cached(BLOCK_OF_ONE_BACKWARDS)?;
                next.query_row(params![session_id, at.unwrap_or(i64::MAX), high], by_number)
            }
            (Order::Time, false) => {
                let first = (Some(Moment::text(b"")), i64::MIN);
                let (moment, id) = behind.unwrap_or(&first);
                let since = StoredText(self.wanted.since.as_deref().unwrap_or_default());
                let mut next = sqlite.prepare_cached(BLOCK_BY_TIME)?;
                next.query_row(params![session_id, moment, id, through, since], by_time)
            }
            (Order::Time, true) => {
                let last = (Some(Moment { is_blob: true, bytes: Box::default() }), i64::MAX);
                let (moment, id) = behind.unwrap_or(&last);
                let mut next = sqlite.prepare_cached(BLOCK_BY_TIME_BACKWARDS)?;
                next.query_row(params![session_id, moment, id, through], by_time)
            }
        };
        self.block = found
            .optional()?
            .filter(|(_, (_, last))| !backwards || order != Order::Append || *last >= low);
        Ok(())
    }

    /// Whether a block or a row of a session counts.
    fn counts(&self, session_id: &[u8], id: i64, is_block: bool) -> bool {
        if is_block && self.wanted.without.contains(&id) {
            return false;
        }
        let through = match &self.wanted.session_id {
            Some(_) => self.through,
            None => match self.in_work.get(session_id) {
                Some(through) => *through,
                // Nothing is left there that does not count.
                None => return true,
            },
        };
        match through {
            Some(through) => is_block == (id <= through),
            None => !is_block,
        }
    }

    /// Reads the next rows.
    fn read_rows(&mut self) -> rusqlite::Result<()> {
        while self.batch > 0 {
            let rows = self.batch()?;
            if !rows.is_empty() {
                let count = u32::try_from(rows.len()).unwrap_or(u32::MAX);
                self.add(Run::Rows(rows), (0..count).rev().collect());
                break;
            }
        }
        Ok(())
    }

    /// The next rows that count. It is the last batch if fewer are there than were asked for.
    fn batch(&mut self) -> rusqlite::Result<Vec<Row>> {
        let Wanted { order, backwards, low, high, ref session_id, .. } = self.wanted;
        let sqlite = Rc::clone(&self.sqlite);
        let (moment, id) = &self.row;
        let mut statement = sqlite.prepare_cached(match (session_id, order, backwards) {
            (None, ..) => ROWS,
            (Some(_), Order::Append, false) => ROWS_OF_ONE,
            (Some(_), Order::Append, true) => ROWS_OF_ONE_BACKWARDS,
            (Some(_), Order::Time, false) => ROWS_BY_TIME,
            (Some(_), Order::Time, true) => ROWS_BY_TIME_BACKWARDS,
        })?;
        // No row up to there counts.
        let from = match self.through {
            Some(through) if order == Order::Append && !backwards => {
                (*id).max(through.saturating_add(1))
            }
            _ => *id,
        };
        let mut found = match (session_id.as_deref().map(StoredText), order) {
            (None, _) => statement.query([from])?,
            (Some(session_id), Order::Append) => statement.query(params![session_id, from])?,
            (Some(session_id), Order::Time) => statement.query(params![session_id, moment, id])?,
        };
        let (mut rows, mut bytes, mut left) = (Vec::new(), 0, self.batch);
        let mut place = self.row.clone();
        while left > 0 && bytes < LARGEST_BATCH_BYTES {
            let Some(row) = found.next()? else {
                self.batch = 0;
                break;
            };
            left -= 1;
            let get = |column| Ok::<_, rusqlite::Error>(Stored::of(row.get_ref(column)?));
            let id: i64 = row.get(1)?;
            let timestamp = get(2)?;
            // By time the rows behind this one come next, by cursor those from the next cursor on.
            let next = if backwards { id.checked_sub(1) } else { id.checked_add(1) };
            place = match order {
                Order::Time => (Some(Moment::of(&timestamp)), id),
                Order::Append => (None, next.unwrap_or(id)),
            };
            if order == Order::Append && next.is_none() {
                left = 0;
                self.batch = 0;
            }
            let is_beyond = if backwards { id < low } else { id > high };
            if order == Order::Append && is_beyond {
                self.batch = 0;
                break;
            }
            let of = text(row.get_ref(0)?);
            if !self.counts(of, id, false) {
                continue;
            }
            let data = get(4)?;
            bytes += data.len();
            let (session_id, kind, created_at) = (of.to_owned(), get(3)?, get(5)?);
            rows.push(Row { session_id, id, timestamp, kind, data, created_at });
        }
        self.row = place;
        if self.batch > 0 {
            self.batch = (self.batch * 4).min(LARGEST_BATCH);
        }
        Ok(rows)
    }
}

/// The error for a block that cannot be read.
pub(in crate::store) fn damaged(id: i64, damage: &Damage) -> rusqlite::Error {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT_VTAB);
    rusqlite::Error::SqliteFailure(
        code,
        Some(format!("block {id} of gsd_session_blocks: {damage}")),
    )
}
