//! Output on its way to other files and to archives, and from there: as blocks, whether it stands in rows or in blocks here.

use std::sync::Arc;
use std::thread;

use rusqlite::{Connection as Sqlite, ffi, params};

use super::cleaning::Cleaning;
use super::make::{CHUNKS, Making, make};
use super::seen::Seen;
use super::watching::Beside;
use crate::sqlite::{self, Connection, atomically, snapshot};
use crate::store::redact::Redactor;
use crate::store::sealed::{
    Block, Claim, Claimed, Damage, Made, Maker, SET, Visible, damaged, insert,
};
use crate::store::select::Select;
use crate::store::timestamp::Moments;
use crate::store::{Error, Result, StoredText, sizes};

/// Whether a session has output up to a cursor.
const BEGINS_BEFORE: Select = Select {
    rows: "SELECT 1 FROM session_outputs WHERE session_id = ?1 AND id <= ?2",
    all: "SELECT 1 FROM session_outputs_all WHERE session_id = ?1 AND id <= ?2 LIMIT 1",
};

/// Whether there is a row that blocks would be in the way of.
const IS_TAKEN: &str =
    "SELECT 1 FROM session_outputs WHERE session_id = ?1 OR id BETWEEN ?2 AND ?3";

/// The next cursor is above those of the blocks.
const COUNT_ON: &str =
    "UPDATE sqlite_sequence SET seq = ?1 WHERE name = 'session_outputs' AND seq < ?1";
const COUNT_FROM: &str = "INSERT INTO sqlite_sequence (name, seq) SELECT 'session_outputs', ?1
    WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'session_outputs')";

/// Where reading goes on: behind a chunk, with the state of the terminal there. Without one, nothing is known of what is seen, unless
/// the session begins there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The cursor of the chunk before.
    pub after: i64,
    /// The state of the terminal behind it.
    pub state: Option<Vec<u8>>,
}

/// A block for others, or theirs.
#[derive(Debug, Clone, PartialEq)]
pub struct ExchangedBlock {
    /// The cursor of the first chunk.
    pub first: i64,
    /// The cursor of the last chunk.
    pub last: i64,
    /// How many chunks it has.
    pub outputs: i64,
    /// Bytes of their texts.
    pub bytes: i64,
    /// Their earliest moment, in milliseconds since 1970.
    pub earliest: f64,
    /// The latest.
    pub latest: f64,
    /// The block. `None` is one that is left out because nobody reads it.
    pub block: Option<Vec<u8>>,
    /// How many lines end before it, where that is known.
    pub lines: Option<u64>,
    /// The filter of the lines that end in it.
    pub filter: Option<Vec<u8>>,
    /// The state of the terminal before it.
    pub state: Option<Vec<u8>>,
}

/// Some of the blocks of a session.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The blocks.
    pub blocks: Vec<ExchangedBlock>,
    /// Where to go on. The last block of a session may get more chunks, so that it comes again.
    pub next: Place,
    /// Whether there are more.
    pub more: bool,
}

/// The size of a terminal from behind a chunk on: the cursor, columns, rows.
pub type Size = (i64, i64, i64);

/// Some `most` blocks of the output of a session, from a place on, without the secrets that a `redactor` finds. What stands at the end of
/// a session that is not over, and may be the start of a secret, is left out for ten seconds: it may go on.
///
/// # Errors
///
/// `SQLITE_MISMATCH` for a row that no block can hold; an error of SQLite.
pub fn page(
    connection: &Connection,
    id: &str,
    place: &Place,
    most: usize,
    redactor: Option<&Arc<Redactor>>,
) -> Result<Page> {
    connection.settle_sessions()?;
    let sqlite = connection.settled()?;
    let _one_moment = snapshot(&sqlite)?;
    let id = id.as_bytes();
    let Place { after, state } = place;
    let begins = BEGINS_BEFORE.of(&sqlite)?;
    let is_start = !sqlite.prepare_cached(begins)?.exists(params![StoredText(id), after])?;
    let seen = match state {
        _ if is_start => Some(Seen::start(&sqlite, id)?),
        Some(state) => Some(Seen::going_on(&sqlite, id, *after, state)?),
        None => None,
    };
    let how = Making { sql: CHUNKS.of(&sqlite)?, most, goes_on: false };
    let cleaning = redactor.map(|redactor| Cleaning::start(&sqlite, id, *after, redactor));
    let (mut after, maker, cleaning) = (*after, Maker::fast(id)?, cleaning.transpose()?);
    // What is seen takes as long as all else.
    let (made, seen) = thread::scope(|scope| {
        let Some(seen) = seen else {
            return (make(&sqlite, id, &mut after, &mut (), maker, cleaning, &how), None);
        };
        let mut beside = Beside::start(scope, seen);
        let made = make(&sqlite, id, &mut after, &mut beside, maker, cleaning, &how);
        (made, beside.seen)
    });
    let made = made?;
    let (made, is_end) = made.map_err(|message| {
        Error::Sqlite(sqlite::Error::Sqlite { code: ffi::SQLITE_MISMATCH, message })
    })?;
    let next = match made.last() {
        None => place.clone(),
        Some(last) if !is_end => Place { after: last.last, state: seen.and_then(Seen::into_state) },
        Some(last) => {
            let state = |made: &Made| made.visible.as_ref()?.state.clone();
            // The last block goes on, and those before it if the terminal has no state there.
            let back = made.iter().rev().find_map(|made| Some((made.first, Some(state(made)?))));
            let (first, state) = back.unwrap_or_else(|| {
                let first = made.first().filter(|made| made.visible.is_some()).unwrap_or(last);
                (first.first, None)
            });
            Place { after: first.saturating_sub(1), state }
        }
    };
    let mut moments = Moments::default();
    let blocks = made.into_iter().map(|made| exchanged(made, &mut moments)).collect();
    Ok(Page { blocks, next, more: !is_end })
}

fn exchanged(made: Made, moments: &mut Moments) -> ExchangedBlock {
    let Made { first, last, outputs, bytes, earliest, latest, block, visible } = made;
    let (lines, filter, state) = match visible {
        Some(Visible { lines, filter, state, .. }) => (Some(lines), Some(filter), state),
        None => (None, None, None),
    };
    ExchangedBlock {
        first,
        last,
        outputs,
        bytes,
        earliest: moments.millis(&earliest),
        latest: moments.millis(&latest),
        block: Some(block),
        lines,
        filter,
        state,
    }
}

/// Stores the output of a session from blocks, behind those that it has.
///
/// # Errors
///
/// [`Error::OutOfRange`] for blocks that do not follow each other, that say something else than their content, and where there are rows
/// already; `SQLITE_CORRUPT` for one that cannot be read; an error of SQLite. Nothing is stored then.
pub fn put(
    connection: &Connection,
    id: &str,
    blocks: &[ExchangedBlock],
    sizes: &[Size],
) -> Result<()> {
    connection.write(|sqlite| atomically(sqlite, || put_all(sqlite, id.as_bytes(), blocks, sizes)))
}

fn put_all(
    sqlite: &Sqlite,
    id: &[u8],
    blocks: &[ExchangedBlock],
    given_sizes: &[Size],
) -> Result<()> {
    let of = StoredText(id);
    let mut add_size = sqlite::prepare(sqlite, sizes::ADD)?;
    for (after, columns, rows) in given_sizes {
        sqlite::write(&mut add_size, params![of, after, columns, rows])?;
    }
    let (Some(first), Some(last)) = (blocks.first(), blocks.last()) else { return Ok(()) };
    let Claimed::By(claim) = Claim::take(sqlite, id)? else {
        return Err(Error::Sqlite(sqlite::Error::Sqlite {
            code: ffi::SQLITE_BUSY,
            message: "the session is being sealed, or brought back".into(),
        }));
    };
    if sqlite.prepare_cached(IS_TAKEN)?.exists(params![of, first.first, last.last])? {
        return Err(refused(0, "cursors that no row of the database has", first));
    }
    let mut before = claim.through;
    let mut made = Vec::with_capacity(blocks.len());
    for (at, block) in blocks.iter().enumerate() {
        if before.is_some_and(|before| block.first <= before) || block.last < block.first {
            return Err(refused(at, "behind the one before it", block));
        }
        before = Some(block.last);
        made.push(taken(at, block)?);
    }
    insert(sqlite, id, &made)?;
    let mut set = sqlite::prepare(sqlite, SET)?;
    sqlite::write(&mut set, params![of, last.last, 0])?;
    for count in [COUNT_ON, COUNT_FROM] {
        let mut count = sqlite::prepare(sqlite, count)?;
        sqlite::write(&mut count, params![last.last])?;
    }
    Ok(())
}

/// A block as the table has it.
fn taken(at: usize, given: &ExchangedBlock) -> Result<Made> {
    let ExchangedBlock { first, last, block, lines, filter, state, .. } = given;
    let visible = lines.zip(filter.clone()).map(|(lines, filter)| Visible {
        blocks: 1,
        lines,
        filter,
        state: state.clone(),
    });
    let left_out = Made {
        first: *first,
        last: *last,
        outputs: 0,
        bytes: 0,
        earliest: Vec::new(),
        latest: Vec::new(),
        block: Vec::new(),
        visible,
    };
    let Some(bytes) = block else { return Ok(left_out) };
    let block = Block::read(bytes).map_err(|damage: Damage| damaged(*first, &damage))?;
    let ends = block.chunk(0).zip(block.chunks().next_back()).map(|(one, last)| (one.id, last.id));
    if ends != Some((*first, *last)) {
        return Err(refused(at, "one whose block has these chunks", given));
    }
    let moments = || block.chunks().map(|chunk| chunk.timestamp);
    let text: usize = block.chunks().map(|chunk| chunk.data.len()).sum();
    Ok(Made {
        outputs: i64::try_from(block.len()).unwrap_or(i64::MAX),
        bytes: i64::try_from(text).unwrap_or(i64::MAX),
        earliest: moments().min().unwrap_or_default().to_vec(),
        latest: moments().max().unwrap_or_default().to_vec(),
        block: bytes.clone(),
        ..left_out
    })
}

fn refused(at: usize, expected: &str, block: &ExchangedBlock) -> Error {
    Error::OutOfRange {
        field: format!("blocks[{at}]").into(),
        expected: expected.into(),
        received: format!("one from {} to {}", block.first, block.last),
    }
}
