//! Brings sealed sessions back into rows.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::time::Instant;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection as Sqlite, params};

use super::seal::{CHANGED, COUNT, Progress, Sealed, Work};
use crate::sqlite::{self, Owed, atomically, drop_sealed, has_object};
use crate::store::pace::TIME;
use crate::store::sealed::{Block, Chunk, SET, damaged, ids, through};
use crate::store::{Error, Result, StoredText, text};

/// Blocks that are read at once.
const AT_ONCE: usize = 32;

const RESTORE: &str =
    "INSERT INTO session_outputs (id, session_id, timestamp, type, data, created_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (id) DO NOTHING";

const BLOCKS: &str = "SELECT id, last, block FROM gsd_session_blocks WHERE session_id = ?1 AND id > ?2 AND id <= ?3 ORDER BY id";

const SUM: &str =
    "SELECT coalesce(sum(outputs), 0), coalesce(sum(bytes), 0), max(last) FROM gsd_session_blocks
    WHERE session_id = ?1 AND id <= ?2";

const ALL: &str =
    "SELECT session_id FROM gsd_session_seals WHERE through IS NOT NULL ORDER BY session_id";

const ANY: &str = "SELECT 1 FROM gsd_session_seals";

/// Brings sessions back into rows: these, or all. If none is sealed any more, older versions can read the file again.
///
/// # Errors
///
/// An error of SQLite; `SQLITE_CORRUPT` for a damaged block.
pub fn unseal(
    sqlite: &Sqlite,
    session_ids: Option<&[String]>,
    owed: Option<&Owed>,
    on_progress: impl FnMut(Progress) -> ControlFlow<()>,
) -> Result<Option<Sealed>> {
    let mut work = Work::new(sqlite, on_progress)?;
    let done = work.run(owed, |work| {
        if !has_object(sqlite, "gsd_session_seals")? {
            return Ok(ControlFlow::Continue(()));
        }
        if work.clear_up()?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        let wanted: Option<HashSet<&[u8]>> =
            session_ids.map(|ids| ids.iter().map(String::as_bytes).collect());
        for id in ids(sqlite, ALL)? {
            let is_wanted = wanted.as_ref().is_none_or(|wanted| wanted.contains(id.as_slice()));
            if is_wanted && work.unseal(&id)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        atomically(sqlite, || {
            if has_object(sqlite, "gsd_session_seals")? && !sqlite.prepare_cached(ANY)?.exists([])?
            {
                drop_sealed(sqlite)?;
            }
            Ok::<_, Error>(())
        })?;
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(done.is_continue().then_some(work.sealed))
}

impl<P: FnMut(Progress) -> ControlFlow<()>> Work<'_, P> {
    /// Brings a session back into rows.
    fn unseal(&mut self, id: &[u8]) -> Result<ControlFlow<()>> {
        let sqlite = self.sqlite;
        let is_sealed = || Ok(through(sqlite, id)?.is_some());
        let Some(claim) = self.claim(id, is_sealed)? else {
            return Ok(ControlFlow::Continue(()));
        };
        let Some(through) = claim.through else { return self.give_up(id, claim) };
        let mut after = i64::MIN;
        loop {
            let found = {
                let mut next = sqlite.prepare_cached(BLOCKS)?;
                let mut rows = next.query(params![StoredText(id), after, through])?;
                let mut found = Vec::new();
                while found.len() < AT_ONCE
                    && let Some(row) = rows.next()?
                {
                    after = row.get(0)?;
                    let block = Block::read(text(row.get_ref(2)?))
                        .map_err(|damage| damaged(after, &damage))?;
                    found.push(block);
                }
                found
            };
            let is_end = found.len() < AT_ONCE;
            let mut chunks = found.iter().flat_map(Block::chunks).peekable();
            loop {
                let began = Instant::now();
                let holds = atomically(sqlite, || {
                    if !claim.holds(sqlite, id)? {
                        return Ok(false);
                    }
                    let mut restore = sqlite::prepare(sqlite, RESTORE)?;
                    while began.elapsed() < TIME
                        && let Some(chunk) = chunks.next()
                    {
                        let Chunk { id: at, timestamp, kind, data, is_blob, created_at } = chunk;
                        let data =
                            if is_blob { ValueRef::Blob(data) } else { ValueRef::Text(data) };
                        let data = ToSqlOutput::Borrowed(data);
                        let (timestamp, created_at) =
                            (StoredText(timestamp), created_at.map(StoredText));
                        let values = params![at, StoredText(id), timestamp, kind, data, created_at];
                        sqlite::write(&mut restore, values)?;
                    }
                    Ok::<_, Error>(true)
                })?;
                if self.rest(began)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
                if !holds {
                    self.keep(id, CHANGED);
                    return self.give_up(id, claim);
                }
                if chunks.peek().is_none() {
                    break;
                }
            }
            if is_end {
                break;
            }
        }
        let began = Instant::now();
        let done = atomically(sqlite, || {
            if !claim.holds(sqlite, id)? {
                return Ok(None);
            }
            let mut sum = sqlite.prepare_cached(SUM)?;
            let (outputs, bytes, last): (i64, i64, Option<i64>) = sum
                .query_row(params![StoredText(id), through], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
                })?;
            let last = last.unwrap_or(through);
            let mut count = sqlite.prepare_cached(COUNT)?;
            let stored: i64 =
                count.query_row(params![StoredText(id), i64::MIN, last], |row| row.get(0))?;
            if stored != outputs {
                let message = format!(
                    "{outputs} sealed chunks of session {:?} became {stored} rows",
                    String::from_utf8_lossy(id)
                );
                let code = rusqlite::ffi::SQLITE_CONSTRAINT_TRIGGER;
                return Err(Error::Sqlite(sqlite::Error::Sqlite { code, message }));
            }
            let mut set = sqlite::prepare(sqlite, SET)?;
            sqlite::write(&mut set, params![StoredText(id), None::<i64>, 1])?;
            Ok(Some((outputs, bytes)))
        })?;
        self.pace.worked(began.elapsed());
        match done {
            Some((outputs, bytes)) => self.done(id, outputs, bytes),
            None => {
                self.keep(id, CHANGED);
                return self.give_up(id, claim);
            }
        }
        self.clear_up_one(id)
    }
}
