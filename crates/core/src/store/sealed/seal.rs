//! Moves the output of sessions that are over from rows into blocks, and back.
//!
//! Other writers never wait long: blocks are made without the lock, and stored and cleared up in slices. What of a session counts,
//! its rows or its blocks, changes in one transaction. So a reader meanwhile, or after a crash, sees the whole session in the one
//! form or in the other; what does not count any more, or not yet, is cleared up later.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::time::Instant;

use rusqlite::types::{Type, ValueRef};
use rusqlite::{Connection as Sqlite, OptionalExtension, Row, params};

use super::{Block, Chunk, Writer, merge};
use crate::sqlite::{
    self, Size, add_sealed, atomically, columns, drop_sealed, firing, has_object, size,
};
use crate::store::model::{OutputType, SessionStatus};
use crate::store::outputs::select_chunks;
use crate::store::pace::{Pace, TIME};
use crate::store::retention::{self, Chosen, Kept, candidates, give_space_back};
use crate::store::timestamp::Timestamp;
use crate::store::{Error, Result, StoredText, text};

const ROWS: &str = select_chunks!(
    "o.id, o.timestamp, o.type, o.data, o.created_at",
    "AND i.id > ?2 ORDER BY i.id"
);

const AMOUNT: &str = "SELECT count(*), coalesce(sum(octet_length(data)), 0) FROM session_outputs
    WHERE session_id = ?1 AND id > ?2";

const COUNT: &str =
    "SELECT count(*) FROM session_outputs WHERE session_id = ?1 AND id > ?2 AND id <= ?3";

const STATUS: &str = "SELECT status FROM sessions WHERE id = ?1";

const SEAL: &str = "SELECT through, work FROM gsd_session_seals WHERE session_id = ?1";

const BEGIN: &str = "INSERT INTO gsd_session_seals (session_id, through, work) VALUES (?1, NULL, 2)
    ON CONFLICT (session_id) DO UPDATE SET work = 2";

const SET: &str = "UPDATE gsd_session_seals SET through = ?2, work = ?3 WHERE session_id = ?1";

const FORGET: &str = "DELETE FROM gsd_session_seals WHERE session_id = ?1";

const INSERT: &str =
    "INSERT INTO gsd_session_blocks (id, session_id, last, outputs, bytes, earliest, latest, block)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";

const RESTORE: &str =
    "INSERT INTO session_outputs (id, session_id, timestamp, type, data, created_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (id) DO NOTHING";

const BLOCKS: &str = "SELECT id, last, block FROM gsd_session_blocks WHERE session_id = ?1 AND id > ?2 AND id <= ?3 ORDER BY id";

const SUM: &str =
    "SELECT coalesce(sum(outputs), 0), coalesce(sum(bytes), 0), max(last) FROM gsd_session_blocks
    WHERE session_id = ?1 AND id <= ?2";

const DELETE_ROW: &str = "DELETE FROM session_outputs WHERE id = ?1 AND session_id = ?2";
const OLD_ROWS: &str =
    "SELECT id FROM session_outputs WHERE session_id = ?1 AND id <= ?2 ORDER BY id LIMIT 4096";

const DELETE_BLOCK: &str = "DELETE FROM gsd_session_blocks WHERE id = ?1";
const NEW_BLOCKS: &str =
    "SELECT id FROM gsd_session_blocks WHERE session_id = ?1 AND id > ?2 ORDER BY id LIMIT 256";

const ALL: &str =
    "SELECT session_id FROM gsd_session_seals WHERE through IS NOT NULL ORDER BY session_id";
const UNFINISHED: &str =
    "SELECT session_id FROM gsd_session_seals WHERE work <> 0 ORDER BY session_id";
const ANY: &str = "SELECT 1 FROM gsd_session_seals";

/// Blocks that are stored in one transaction: some milliseconds.
const AT_ONCE: usize = 32;

/// What to seal.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Criteria {
    /// Sessions whose latest moment is before this one.
    pub older_than: Option<Timestamp>,
    /// Only these sessions.
    pub session_ids: Option<Vec<String>>,
    /// This number of the newest sessions that are over stays in rows.
    pub keep_last: Option<usize>,
    /// Only tell what would be sealed.
    pub dry_run: bool,
    /// Seal even where that fires triggers of others, or loses values in columns of theirs.
    pub force: bool,
}

/// How far sealing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Sessions that are done.
    pub sessions: u64,
    /// Chunks that are done.
    pub outputs: u64,
    /// Bytes of their texts.
    pub bytes: u64,
    /// The size of the file.
    pub size: Size,
}

/// What was sealed or brought back, or would be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sealed {
    /// The ids of the sessions, in their order.
    pub sessions: Vec<String>,
    /// Those that stay as they are.
    pub kept: Vec<Kept>,
    /// Chunks.
    pub outputs: u64,
    /// Bytes of their texts.
    pub bytes: u64,
    /// The size of the file before.
    pub before: Size,
    /// The size of the file after.
    pub after: Size,
}

impl Sealed {
    /// The final progress.
    pub fn progress(&self) -> Progress {
        let sessions = self.sessions.len() as u64;
        Progress { sessions, outputs: self.outputs, bytes: self.bytes, size: self.after }
    }
}

/// Seals sessions that are over. `on_progress` is called after every slice. If it breaks, the result is `None`; what is sealed by
/// then stays sealed.
///
/// # Errors
///
/// [`Error::OutOfRange`] for a file in which others have triggers, foreign keys or columns that the removal of rows concerns, unless
/// it is forced; an error of SQLite.
pub fn seal(
    sqlite: &Sqlite,
    criteria: &Criteria,
    on_progress: impl FnMut(Progress) -> ControlFlow<()>,
) -> Result<Option<Sealed>> {
    let mut work = Work::new(sqlite, on_progress)?;
    if !criteria.force {
        check_attached(sqlite)?;
    }
    let chosen = work.choose(criteria)?;
    if criteria.dry_run {
        for chosen in chosen {
            work.look(&chosen.id)?;
        }
        work.sealed.after = work.sealed.before;
        return Ok(Some(work.sealed));
    }
    let done = work.run(|work| {
        if chosen.is_empty() && !has_object(sqlite, "gsd_session_seals")? {
            return Ok(ControlFlow::Continue(()));
        }
        atomically(sqlite, || add_sealed(sqlite))?;
        if work.clear_up()?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        for chosen in &chosen {
            if work.seal(chosen)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(done.is_continue().then_some(work.sealed))
}

/// Brings sessions back into rows: these, or all. If none is sealed any more, older versions can read the file again.
///
/// # Errors
///
/// An error of SQLite; `SQLITE_CORRUPT` for a damaged block.
pub fn unseal(
    sqlite: &Sqlite,
    session_ids: Option<&[String]>,
    on_progress: impl FnMut(Progress) -> ControlFlow<()>,
) -> Result<Option<Sealed>> {
    let mut work = Work::new(sqlite, on_progress)?;
    let done = work.run(|work| {
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
            if !sqlite.prepare_cached(ANY)?.exists([])? {
                drop_sealed(sqlite)?;
            }
            Ok::<_, Error>(())
        })?;
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(done.is_continue().then_some(work.sealed))
}

fn ids(sqlite: &Sqlite, sql: &str) -> Result<Vec<Vec<u8>>> {
    let mut statement = sqlite.prepare_cached(sql)?;
    let ids = statement.query_map([], |row| Ok(text(row.get_ref(0)?).to_vec()))?;
    Ok(ids.collect::<rusqlite::Result<_>>()?)
}

/// The last chunk of a session that stands in a block.
pub(in crate::store) fn through(sqlite: &Sqlite, id: &[u8]) -> Result<Option<i64>> {
    if !has_object(sqlite, "gsd_session_seals")? {
        return Ok(None);
    }
    Ok(seal_of(sqlite, id)?.and_then(|(through, _)| through))
}

fn seal_of(sqlite: &Sqlite, id: &[u8]) -> Result<Option<(Option<i64>, i64)>> {
    let mut find = sqlite.prepare_cached(SEAL)?;
    Ok(find.query_row([StoredText(id)], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
}

/// Refuses a file of which others would notice that rows go.
fn check_attached(sqlite: &Sqlite) -> Result<()> {
    let refuse = |what: String| {
        Err(Error::OutOfRange {
            field: "options.force".into(),
            expected: format!(
                "true for this file: sealing removes rows of session_outputs, and {what}"
            ),
            received: "false".into(),
        })
    };
    let firing = firing(sqlite, "session_outputs")?;
    if let Some(broken) = firing.broken {
        return refuse(format!("SQLite removes none of this file: {broken}"));
    }
    if let Some(name) = firing.triggers.first() {
        return refuse(format!("that fires the trigger {name:?}"));
    }
    let keys = sqlite::foreign_keys(sqlite)?;
    if let Some(key) = keys.iter().find(|key| key.parent.eq_ignore_ascii_case("session_outputs")) {
        return refuse(format!("rows of the table {:?} refer to them", key.table));
    }
    let mut statement =
        sqlite.prepare("SELECT lower(name) FROM pragma_table_xinfo('session_outputs')")?;
    let mut names = statement.query([])?;
    while let Some(row) = names.next()? {
        let name = String::from_utf8_lossy(text(row.get_ref(0)?)).into_owned();
        if !columns("session_outputs").contains(&name.as_str()) {
            return refuse(format!("a block has no column {name:?}"));
        }
    }
    Ok(())
}

/// A block that is not stored yet.
struct Made {
    first: i64,
    last: i64,
    outputs: i64,
    bytes: i64,
    earliest: Vec<u8>,
    latest: Vec<u8>,
    block: Vec<u8>,
}

struct Work<'a, P> {
    sqlite: &'a Sqlite,
    on_progress: P,
    sealed: Sealed,
    pace: Pace,
}

impl<'a, P: FnMut(Progress) -> ControlFlow<()>> Work<'a, P> {
    fn new(sqlite: &'a Sqlite, on_progress: P) -> Result<Self> {
        let before = size(sqlite)?;
        let sealed = Sealed { before, ..Sealed::default() };
        Ok(Self { sqlite, on_progress, sealed, pace: Pace::default() })
    }

    fn run(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<ControlFlow<()>>,
    ) -> Result<ControlFlow<()>> {
        sqlite::defer_checkpoints(self.sqlite)?;
        if self.tell()?.is_break() || work(self)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        if sqlite::gives_space_back(self.sqlite)? {
            let Self { sqlite, on_progress, sealed, pace } = self;
            let progress = sealed.progress();
            let tell = |size| on_progress(Progress { size, ..progress });
            if give_space_back(sqlite, pace, tell)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        self.sealed.after = size(self.sqlite)?;
        Ok(ControlFlow::Continue(()))
    }

    fn choose(&mut self, criteria: &Criteria) -> Result<Vec<Chosen>> {
        let Criteria { older_than, session_ids, keep_last, .. } = criteria;
        let over = retention::Criteria {
            older_than: *older_than,
            max_bytes: None,
            keep_last: *keep_last,
            statuses: vec![SessionStatus::Completed, SessionStatus::Failed],
            orphans: false,
            scrub: false,
            dry_run: false,
        };
        let mut chosen = candidates(self.sqlite, &over, &HashSet::new())?;
        let wanted: Option<HashSet<&[u8]>> =
            session_ids.as_ref().map(|ids| ids.iter().map(String::as_bytes).collect());
        chosen.retain(|chosen| {
            older_than.is_none_or(|moment| chosen.at < moment.millis())
                && wanted.as_ref().is_none_or(|wanted| wanted.contains(chosen.id.as_slice()))
        });
        for id in session_ids.iter().flatten() {
            let mut status = self.sqlite.prepare_cached(STATUS)?;
            let status: Option<String> = status.query_row([id], |row| row.get(0)).optional()?;
            let reason = match status.as_deref() {
                None => "it is not stored".to_owned(),
                Some("completed" | "failed") => continue,
                Some(status) => format!("it is {status}"),
            };
            self.keep(id.as_bytes(), reason);
        }
        Ok(chosen)
    }

    fn tell(&mut self) -> Result<ControlFlow<()>> {
        let size = size(self.sqlite)?;
        Ok((self.on_progress)(Progress { size, ..self.sealed.progress() }))
    }

    /// Counts a transaction, lets others have their turn, and tells.
    fn rest(&mut self, began: Instant) -> Result<ControlFlow<()>> {
        self.pace.worked(began.elapsed());
        self.pace.rest(self.sqlite)?;
        self.tell()
    }

    /// Counts what would be sealed of a session.
    fn look(&mut self, id: &[u8]) -> Result<()> {
        let from = through(self.sqlite, id)?.unwrap_or(i64::MIN);
        let mut amount = self.sqlite.prepare_cached(AMOUNT)?;
        let (outputs, bytes) = amount
            .query_row(params![StoredText(id), from], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if outputs > 0 {
            self.done(id, outputs, bytes);
        }
        Ok(())
    }

    fn done(&mut self, id: &[u8], outputs: i64, bytes: i64) {
        self.sealed.outputs += outputs.unsigned_abs();
        self.sealed.bytes += bytes.unsigned_abs();
        self.sealed.sessions.push(String::from_utf8_lossy(id).into_owned());
    }

    fn keep(&mut self, id: &[u8], reason: impl Into<String>) {
        let id = String::from_utf8_lossy(id).into_owned();
        self.sealed.kept.push(Kept { id, reason: reason.into() });
    }

    /// Seals what a session has in rows.
    fn seal(&mut self, chosen: &Chosen) -> Result<ControlFlow<()>> {
        let (sqlite, id) = (self.sqlite, chosen.id.as_slice());
        let through = through(sqlite, id)?;
        let from = through.unwrap_or(i64::MIN);
        let mut after = from;
        let mut writer = Writer::new().map_err(|damage| unmade(id, &damage))?;
        let mut is_begun = false;
        let (mut outputs, mut bytes) = (0, 0);
        loop {
            if !is_begun {
                let began = Instant::now();
                if !sqlite.prepare_cached(ROWS)?.exists(params![StoredText(id), after])? {
                    return Ok(ControlFlow::Continue(()));
                }
                let is_unchanged = atomically(sqlite, || {
                    if !chosen.is_unchanged(sqlite)? {
                        return Ok(false);
                    }
                    let mut begin = sqlite::prepare(sqlite, BEGIN)?;
                    sqlite::write(&mut begin, params![StoredText(id)])?;
                    Ok::<_, Error>(true)
                })?;
                self.pace.worked(began.elapsed());
                if !is_unchanged {
                    return Ok(ControlFlow::Continue(()));
                }
                is_begun = true;
            }
            let made = match make(sqlite, id, &mut after, &mut writer)? {
                Ok(made) => made,
                Err(reason) => {
                    self.keep(id, reason);
                    return self.clear_up();
                }
            };
            outputs += made.iter().map(|block| block.outputs).sum::<i64>();
            bytes += made.iter().map(|block| block.bytes).sum::<i64>();
            let is_end = made.len() < AT_ONCE;
            let began = Instant::now();
            let counts = atomically(sqlite, || {
                if !is_still_begun(sqlite, id)? {
                    return Ok(false);
                }
                let mut insert = sqlite::prepare(sqlite, INSERT)?;
                for block in &made {
                    sqlite::write(
                        &mut insert,
                        params![
                            block.first,
                            StoredText(id),
                            block.last,
                            block.outputs,
                            block.bytes,
                            StoredText(&block.earliest),
                            StoredText(&block.latest),
                            block.block
                        ],
                    )?;
                }
                if !is_end {
                    return Ok(true);
                }
                let mut count = sqlite.prepare_cached(COUNT)?;
                let stored: i64 =
                    count.query_row(params![StoredText(id), from, after], |row| row.get(0))?;
                if stored != outputs || !chosen.is_unchanged(sqlite)? {
                    return Ok(false);
                }
                let mut set = sqlite::prepare(sqlite, SET)?;
                sqlite::write(&mut set, params![StoredText(id), after, 1])?;
                Ok::<_, Error>(true)
            })?;
            if self.rest(began)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            if !counts {
                self.keep(id, "it has changed meanwhile");
                return self.clear_up();
            }
            if is_end {
                break;
            }
        }
        self.done(id, outputs, bytes);
        self.clear_up_one(id)
    }

    /// Brings a session back into rows.
    fn unseal(&mut self, id: &[u8]) -> Result<ControlFlow<()>> {
        let sqlite = self.sqlite;
        let Some((Some(through), _)) = seal_of(sqlite, id)? else {
            return Ok(ControlFlow::Continue(()));
        };
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
                        .map_err(|damage| merge::damaged(after, &damage))?;
                    found.push(block);
                }
                found
            };
            let is_end = found.len() < AT_ONCE;
            let mut chunks = found.iter().flat_map(Block::chunks).peekable();
            loop {
                let began = Instant::now();
                atomically(sqlite, || {
                    let mut set = sqlite::prepare(sqlite, SET)?;
                    sqlite::write(&mut set, params![StoredText(id), through, 1])?;
                    let mut restore = sqlite::prepare(sqlite, RESTORE)?;
                    while began.elapsed() < TIME
                        && let Some(chunk) = chunks.next()
                    {
                        let Chunk { id: at, timestamp, kind, data, is_blob, created_at } = chunk;
                        let data =
                            if is_blob { ValueRef::Blob(data) } else { ValueRef::Text(data) };
                        let data = rusqlite::types::ToSqlOutput::Borrowed(data);
                        let (timestamp, created_at) =
                            (StoredText(timestamp), created_at.map(StoredText));
                        let values = params![at, StoredText(id), timestamp, kind, data, created_at];
                        sqlite::write(&mut restore, values)?;
                    }
                    Ok::<_, Error>(())
                })?;
                if self.rest(began)?.is_break() {
                    return Ok(ControlFlow::Break(()));
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
        let (outputs, bytes) = atomically(sqlite, || {
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
            Ok((outputs, bytes))
        })?;
        self.pace.worked(began.elapsed());
        self.done(id, outputs, bytes);
        self.clear_up_one(id)
    }

    /// Removes what does not count of all sessions that were left in the middle.
    fn clear_up(&mut self) -> Result<ControlFlow<()>> {
        for id in ids(self.sqlite, UNFINISHED)? {
            if self.clear_up_one(&id)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Removes what does not count of a session: rows up to the last sealed chunk, and blocks behind it.
    fn clear_up_one(&mut self, id: &[u8]) -> Result<ControlFlow<()>> {
        let sqlite = self.sqlite;
        loop {
            let mut began = Instant::now();
            let is_clear = atomically(sqlite, || {
                began = Instant::now();
                let Some((through, _)) = seal_of(sqlite, id)? else { return Ok(true) };
                let last = through.unwrap_or(i64::MIN);
                let some = |sql| {
                    let mut find = sqlite.prepare_cached(sql)?;
                    let ids = find.query_map(params![StoredText(id), last], |row| row.get(0))?;
                    Ok::<Vec<i64>, Error>(ids.collect::<rusqlite::Result<_>>()?)
                };
                let mut delete = sqlite::prepare(sqlite, DELETE_BLOCK)?;
                for block in some(NEW_BLOCKS)? {
                    sqlite::write(&mut delete, params![block])?;
                    if began.elapsed() >= TIME {
                        return Ok(false);
                    }
                }
                let mut delete = sqlite::prepare(sqlite, DELETE_ROW)?;
                let rows = if through.is_some() { some(OLD_ROWS)? } else { Vec::new() };
                for row in &rows {
                    sqlite::write(&mut delete, params![row, StoredText(id)])?;
                    if began.elapsed() >= TIME {
                        return Ok(false);
                    }
                }
                if !rows.is_empty() || !some(NEW_BLOCKS)?.is_empty() {
                    return Ok(false);
                }
                if through.is_some() {
                    let mut set = sqlite::prepare(sqlite, SET)?;
                    sqlite::write(&mut set, params![StoredText(id), through, 0])?;
                } else {
                    let mut forget = sqlite::prepare(sqlite, FORGET)?;
                    sqlite::write(&mut forget, params![StoredText(id)])?;
                }
                Ok::<_, Error>(true)
            })?;
            if self.rest(began)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            if is_clear {
                return Ok(ControlFlow::Continue(()));
            }
        }
    }
}

/// Whether the rows of a session are as they were when its sealing began.
fn is_still_begun(sqlite: &Sqlite, id: &[u8]) -> Result<bool> {
    Ok(matches!(seal_of(sqlite, id)?, Some((_, 2))))
}

/// The next blocks of a session, from rows behind `after`. Fewer than [`AT_ONCE`] are the last ones. A row that no block can hold is
/// the reason why there are none.
fn make(
    sqlite: &Sqlite,
    id: &[u8],
    after: &mut i64,
    writer: &mut Writer,
) -> Result<Result<Vec<Made>, String>> {
    let mut made = Vec::new();
    let mut statement = sqlite.prepare_cached(ROWS)?;
    let mut rows = statement.query(params![StoredText(id), *after])?;
    let mut now: Option<Made> = None;
    loop {
        let row = rows.next()?;
        let chunk = match row.map(chunk).transpose()? {
            Some(Ok(chunk)) => Some(chunk),
            Some(Err(reason)) => return Ok(Err(reason)),
            None => None,
        };
        let fits = chunk.is_some_and(|chunk| writer.push(chunk));
        if !fits && let Some(mut block) = now.take() {
            block.block = writer.finish().map_err(|damage| unmade(id, &damage))?;
            *after = block.last;
            made.push(block);
            if made.len() == AT_ONCE {
                return Ok(Ok(made));
            }
        }
        let Some(chunk) = chunk else { return Ok(Ok(made)) };
        if !fits {
            writer.push(chunk);
        }
        let block = now.get_or_insert_with(|| Made {
            first: chunk.id,
            last: chunk.id,
            outputs: 0,
            bytes: 0,
            earliest: chunk.timestamp.to_vec(),
            latest: chunk.timestamp.to_vec(),
            block: Vec::new(),
        });
        block.last = chunk.id;
        block.outputs += 1;
        block.bytes += i64::try_from(chunk.data.len()).unwrap_or(i64::MAX);
        if chunk.timestamp < block.earliest.as_slice() {
            block.earliest = chunk.timestamp.to_vec();
        }
        if chunk.timestamp > block.latest.as_slice() {
            block.latest = chunk.timestamp.to_vec();
        }
    }
}

/// The chunk in a row, or why no block can hold it.
fn chunk<'row>(row: &'row Row<'_>) -> Result<std::result::Result<Chunk<'row>, String>> {
    let id: i64 = row.get(1)?;
    let odd = |column: &str, value: ValueRef<'_>| {
        let kind = value.data_type();
        Ok(Err(format!("the {column} of row {id} of session_outputs is of the type {kind}")))
    };
    let ValueRef::Text(timestamp) = row.get_ref(2)? else {
        return odd("timestamp", row.get_ref(2)?);
    };
    let Some(kind) = OutputType::parse(text(row.get_ref(3)?)) else {
        return Ok(Err(format!("the type of row {id} of session_outputs is unknown")));
    };
    let data = row.get_ref(4)?;
    let created_at = match row.get_ref(5)? {
        ValueRef::Null => None,
        ValueRef::Text(text) => Some(text),
        other => return odd("created_at", other),
    };
    if !matches!(data.data_type(), Type::Text | Type::Blob) {
        return odd("data", data);
    }
    let is_blob = data.data_type() == Type::Blob;
    Ok(Ok(Chunk { id, timestamp, kind, data: text(data), is_blob, created_at }))
}

fn unmade(id: &[u8], damage: &super::Damage) -> Error {
    Error::Sqlite(sqlite::Error::Sqlite {
        code: rusqlite::ffi::SQLITE_TOOBIG,
        message: format!("no block of session {:?}: {damage}", String::from_utf8_lossy(id)),
    })
}
