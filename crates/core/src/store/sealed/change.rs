//! Removes blocks with their sessions, and changes chunks that stand in blocks.

use rusqlite::{Connection as Sqlite, OptionalExtension, params};

use super::clear::{DELETE_BLOCK, forget, through};
use super::made::{Maker, insert};
use super::{Block, LARGEST, merge};
use crate::sqlite;
use crate::store::timestamp::Timestamp;
use crate::store::{Error, Result, StoredText, text};

const AMOUNT: &str =
    "SELECT coalesce(sum(outputs), 0), coalesce(sum(bytes), 0) FROM gsd_session_blocks
    WHERE session_id = ?1 AND (?2 IS NULL OR latest < ?2)";

const OLDEST: &str = "SELECT id, outputs, bytes FROM gsd_session_blocks
    WHERE session_id = ?1 AND (?2 IS NULL OR latest < ?2) ORDER BY id LIMIT 1";

const DELETE_ALL: &str = "DELETE FROM gsd_session_blocks WHERE session_id = ?1";

const FORGET_FILTERS: &str = "DELETE FROM gsd_session_filters
    WHERE id IN (SELECT id FROM gsd_session_blocks WHERE session_id = ?1)";

const HOLDING: &str = "SELECT id, block FROM gsd_session_blocks WHERE session_id = ?1 AND id <= ?2
    ORDER BY id DESC LIMIT 1";

/// An amount of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::store) struct Amount {
    /// Chunks.
    pub(in crate::store) outputs: u64,
    /// Bytes of their texts.
    pub(in crate::store) bytes: u64,
}

/// A chunk that is to be another one: its cursor, what it is to be, and what it was.
pub(in crate::store) type Rewritten = (i64, Vec<u8>, Vec<u8>);

/// What the blocks of a session hold: all of them, or those before a moment.
pub(in crate::store) fn amount(
    sqlite: &Sqlite,
    id: &[u8],
    before: Option<Timestamp>,
) -> Result<Amount> {
    let before = before.map(Timestamp::text);
    let mut amount = sqlite.prepare_cached(AMOUNT)?;
    let amount = amount.query_row(params![StoredText(id), before], |row| {
        let count = |column| Ok::<_, rusqlite::Error>(row.get::<_, i64>(column)?.unsigned_abs());
        Ok(Amount { outputs: count(0)?, bytes: count(1)? })
    })?;
    Ok(amount)
}

/// Removes the oldest blocks of a session, all or those before a moment, until it is late. Returns what was in them, and whether there
/// are more.
pub(in crate::store) fn remove(
    sqlite: &Sqlite,
    id: &[u8],
    before: Option<Timestamp>,
    is_late: impl Fn() -> bool,
) -> Result<(Amount, bool)> {
    if before.is_some() {
        forget_visible(sqlite, id)?;
    }
    let before = before.map(Timestamp::text);
    let mut removed = Amount::default();
    let mut oldest = sqlite.prepare_cached(OLDEST)?;
    let mut delete = sqlite::prepare(sqlite, DELETE_BLOCK)?;
    loop {
        let found = oldest.query_row(params![StoredText(id), before], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
        });
        let Some((block, outputs, bytes)) = found.optional()? else {
            return Ok((removed, false));
        };
        if is_late() {
            return Ok((removed, true));
        }
        sqlite::write(&mut delete, params![block])?;
        removed.outputs += outputs.unsigned_abs();
        removed.bytes += bytes.unsigned_abs();
    }
}

/// Removes all blocks of a session.
pub(in crate::store) fn remove_all(sqlite: &Sqlite, id: &str) -> Result<()> {
    let mut delete = sqlite::prepare(sqlite, DELETE_ALL)?;
    sqlite::write_many(sqlite, "gsd_session_blocks", &mut delete, &[&id])?;
    forget(sqlite, id.as_bytes())
}

/// Forgets what is seen in the blocks of a session: without a chunk, what is seen of those behind it may be something else.
fn forget_visible(sqlite: &Sqlite, id: &[u8]) -> Result<()> {
    let mut forget = sqlite::prepare(sqlite, FORGET_FILTERS)?;
    sqlite::write(&mut forget, params![StoredText(id)])?;
    Ok(())
}

/// Changes chunks of a session that stand in blocks, in a transaction of the caller. Those that are no longer what they were stay.
/// Returns the chunks that stand in no block.
pub(in crate::store) fn rewrite<'a>(
    sqlite: &Sqlite,
    id: &[u8],
    chunks: &'a [Rewritten],
) -> Result<&'a [Rewritten]> {
    let Some(through) = through(sqlite, id)? else { return Ok(chunks) };
    forget_visible(sqlite, id)?;
    let (mut sealed, rows) = chunks.split_at(chunks.partition_point(|(at, ..)| *at <= through));
    while let Some((at, ..)) = sealed.first() {
        let (first, block) = {
            let mut holding = sqlite.prepare_cached(HOLDING)?;
            holding.query_row(params![StoredText(id), at], |row| {
                let first: i64 = row.get(0)?;
                let block = Block::read(text(row.get_ref(1)?));
                Ok((first, block.map_err(|damage| merge::damaged(first, &damage))?))
            })?
        };
        let last = block.chunks().next_back().map_or(first, |chunk| chunk.id).max(*at);
        let (of_block, rest) = sealed.split_at(sealed.partition_point(|(at, ..)| *at <= last));
        sealed = rest;
        let mut maker = Maker::new(id, LARGEST)?;
        let mut made = Vec::new();
        for mut chunk in block.chunks() {
            if let Ok(found) = of_block.binary_search_by(|(at, ..)| at.cmp(&chunk.id))
                && let Some((_, data, was)) = of_block.get(found)
                && was == chunk.data
            {
                chunk.data = data;
            }
            made.extend(maker.add(chunk)?);
        }
        made.extend(maker.finish()?);
        let mut delete = sqlite::prepare(sqlite, DELETE_BLOCK)?;
        sqlite::write(&mut delete, params![first])?;
        insert(sqlite, id, &made)?;
    }
    Ok::<_, Error>(rows)
}
