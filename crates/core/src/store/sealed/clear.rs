//! What of a session counts, and clearing up what does not.

use std::hash::{BuildHasher, RandomState};
use std::ops::ControlFlow;
use std::time::Instant;

use rusqlite::{Connection as Sqlite, OptionalExtension, params};

use crate::sqlite::{self, add_sealed, atomically, has_object};
use crate::store::pace::TIME;
use crate::store::{Error, Result, StoredText, text};

const SEAL: &str = "SELECT through, work FROM gsd_session_seals WHERE session_id = ?1";

pub(in crate::store) const SET: &str =
    "UPDATE gsd_session_seals SET through = ?2, work = ?3 WHERE session_id = ?1";

const CLAIM: &str =
    "INSERT INTO gsd_session_seals (session_id, through, work) VALUES (?1, NULL, ?2)
    ON CONFLICT (session_id) DO UPDATE SET work = ?2";

const FORGET: &str = "DELETE FROM gsd_session_seals WHERE session_id = ?1";

const UNFINISHED: &str =
    "SELECT session_id FROM gsd_session_seals WHERE work <> 0 ORDER BY session_id";

const OLD_ROWS: &str =
    "SELECT id FROM session_outputs WHERE session_id = ?1 AND id <= ?2 ORDER BY id LIMIT 4096";

const DELETE_ROW: &str = "DELETE FROM session_outputs WHERE id = ?1 AND session_id = ?2";

const NEW_BLOCKS: &str =
    "SELECT id FROM gsd_session_blocks WHERE session_id = ?1 AND id > ?2 ORDER BY id LIMIT 256";

pub(super) const DELETE_BLOCK: &str = "DELETE FROM gsd_session_blocks WHERE id = ?1";

/// Forgets that a session without blocks was sealed.
pub(in crate::store) fn forget(sqlite: &Sqlite, id: &[u8]) -> Result<()> {
    let mut forget = sqlite::prepare(sqlite, FORGET)?;
    sqlite::write(&mut forget, params![StoredText(id)])?;
    Ok(())
}

/// A session that only the holder changes.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Claim {
    /// What the others see of it.
    pub(in crate::store) number: i64,
    /// The last chunk that stood in a block then.
    pub(in crate::store) through: Option<i64>,
}

/// Whose a session is.
pub(in crate::store) enum Claimed {
    By(Claim),
    ByOthers,
    /// It is not the one that was meant.
    Changed,
}

impl Claim {
    /// Claims a session, in a transaction of the caller. The file gets what sealed sessions need.
    pub(in crate::store) fn take(sqlite: &Sqlite, id: &[u8]) -> Result<Claimed> {
        if !has_object(sqlite, "gsd_session_seals")? {
            add_sealed(sqlite)?;
        }
        let through = match seal_of(sqlite, id)? {
            None => None,
            Some((through, 0)) => through,
            Some(_) => return Ok(Claimed::ByOthers),
        };
        // No two of them are alike, in whatever process.
        let number = RandomState::new().hash_one(0) >> 2;
        let number = i64::try_from(number).unwrap_or(i64::MAX).max(2);
        let mut claim = sqlite::prepare(sqlite, CLAIM)?;
        sqlite::write(&mut claim, params![StoredText(id), number])?;
        Ok(Claimed::By(Self { number, through }))
    }

    /// Whether nobody has changed the session since it was claimed.
    pub(in crate::store) fn holds(self, sqlite: &Sqlite, id: &[u8]) -> Result<bool> {
        Ok(seal_of(sqlite, id)? == Some((self.through, self.number)))
    }
}

/// The ids of sessions.
pub(in crate::store) fn ids(sqlite: &Sqlite, sql: &str) -> Result<Vec<Vec<u8>>> {
    let mut statement = sqlite.prepare_cached(sql)?;
    let ids = statement.query_map([], |row| Ok(text(row.get_ref(0)?).to_vec()))?;
    Ok(ids.collect::<rusqlite::Result<_>>()?)
}

/// The last chunk of a session that stands in a block.
pub(in crate::store) fn through(sqlite: &Sqlite, id: &[u8]) -> Result<Option<i64>> {
    Ok(seal_of(sqlite, id)?.and_then(|(through, _)| through))
}

/// What is known of a session that is or was sealed: the last chunk that stands in a block, and what is left to do.
pub(in crate::store) fn seal_of(sqlite: &Sqlite, id: &[u8]) -> Result<Option<(Option<i64>, i64)>> {
    // Somebody may have brought back the last one.
    if !has_object(sqlite, "gsd_session_seals")? {
        return Ok(None);
    }
    let mut find = sqlite.prepare_cached(SEAL)?;
    Ok(find.query_row([StoredText(id)], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
}

/// Removes what does not count of all sessions that were left in the middle. After each slice, `rest` is told when it began.
pub(in crate::store) fn clear_up(
    sqlite: &Sqlite,
    mut rest: impl FnMut(Instant) -> Result<ControlFlow<()>>,
) -> Result<ControlFlow<()>> {
    if !has_object(sqlite, "gsd_session_seals")? {
        return Ok(ControlFlow::Continue(()));
    }
    for id in ids(sqlite, UNFINISHED)? {
        if clear_up_one(sqlite, &id, &mut rest)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// Removes what does not count of a session: rows up to the last sealed chunk, and blocks behind it.
pub(in crate::store) fn clear_up_one(
    sqlite: &Sqlite,
    id: &[u8],
    rest: &mut impl FnMut(Instant) -> Result<ControlFlow<()>>,
) -> Result<ControlFlow<()>> {
    loop {
        let mut began = Instant::now();
        let is_clear = atomically(sqlite, || {
            // The lock is held from here on.
            began = Instant::now();
            clear_up_slice(sqlite, id, began)
        })?;
        if rest(began)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        if is_clear {
            return Ok(ControlFlow::Continue(()));
        }
    }
}

/// Removes as much as a short transaction can. Returns whether nothing is left.
fn clear_up_slice(sqlite: &Sqlite, id: &[u8], began: Instant) -> Result<bool> {
    let Some((through, _)) = seal_of(sqlite, id)? else { return Ok(true) };
    let last = through.unwrap_or(i64::MIN);
    let some = |sql| {
        let mut find = sqlite.prepare_cached(sql)?;
        let ids = find.query_map(params![StoredText(id), last], |row| row.get(0))?;
        Ok::<Vec<i64>, Error>(ids.collect::<rusqlite::Result<_>>()?)
    };
    let blocks = some(NEW_BLOCKS)?;
    let rows = if through.is_some() { some(OLD_ROWS)? } else { Vec::new() };
    let mut delete = sqlite::prepare(sqlite, DELETE_BLOCK)?;
    for block in &blocks {
        sqlite::write(&mut delete, params![block])?;
        if began.elapsed() >= TIME {
            return Ok(false);
        }
    }
    let mut delete = sqlite::prepare(sqlite, DELETE_ROW)?;
    for row in &rows {
        sqlite::write(&mut delete, params![row, StoredText(id)])?;
        if began.elapsed() >= TIME {
            return Ok(false);
        }
    }
    if !blocks.is_empty() || !rows.is_empty() {
        return Ok(false);
    }
    if through.is_some() {
        let mut set = sqlite::prepare(sqlite, SET)?;
        sqlite::write(&mut set, params![StoredText(id), through, 0])?;
    } else {
        forget(sqlite, id)?;
    }
    Ok(true)
}
