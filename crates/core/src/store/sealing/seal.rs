//! Moves the output of sessions that are over from rows into blocks, and back.
//!
//! Other writers never wait long: blocks are made without the lock, and stored and cleared up in slices. What of a session counts,
//! its rows or its blocks, changes in one transaction. So a reader meanwhile, or after a crash, sees the whole session in the one
//! form or in the other; what does not count any more, or not yet, is cleared up later.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::time::Instant;

use rusqlite::{Connection as Sqlite, OptionalExtension, params};

use super::attached;
use super::make::{CHUNKS, Making, make};
use super::seen::Seen;
use super::watching::Here;
use crate::sqlite::{self, Owed, Size, atomically, size};
use crate::store::model::SessionStatus;
use crate::store::pace::Pace;
use crate::store::retention::{self, Chosen, Kept, Removals, candidates, give_space_back};
use crate::store::sealed::{
    Claim, Claimed, LARGEST, Maker, SET, clear_up, clear_up_one, ids, insert, seal_of, through,
};
use crate::store::timestamp::Timestamp;
use crate::store::{Error, Result, StoredText};

const AMOUNT: &str = "SELECT count(*), coalesce(sum(octet_length(data)), 0) FROM session_outputs
    WHERE session_id = ?1 AND id > ?2";

/// Counts the rows of a session from a cursor up to another one.
pub(super) const COUNT: &str =
    "SELECT count(*) FROM session_outputs WHERE session_id = ?1 AND id >= ?2 AND id <= ?3";

/// Counts the chunks of a session in blocks behind a cursor, up to another one.
const MADE: &str = "SELECT coalesce(sum(outputs), 0) FROM gsd_session_blocks
    WHERE session_id = ?1 AND id > ?2 AND id <= ?3";

/// Why a session stays as it is that somebody has changed.
pub(super) const CHANGED: &str = "it has changed meanwhile";

const STATUS: &str = "SELECT status FROM sessions WHERE id = ?1";

const WITH_OUTPUT: &str = "SELECT DISTINCT session_id FROM session_outputs";

/// How often a session is claimed that somebody else has claimed.
const TRIES: usize = 3;

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
/// The rows are to be overwritten like any that are removed, which is `owed`; `None` says that `sqlite` is the connection of a database
/// in memory.
///
/// # Errors
///
/// [`Error::OutOfRange`] for a file in which others have triggers, foreign keys or columns that the removal of rows concerns, unless
/// it is forced; an error of SQLite.
pub fn seal(
    sqlite: &Sqlite,
    criteria: &Criteria,
    owed: Option<&Owed>,
    on_progress: impl FnMut(Progress) -> ControlFlow<()>,
) -> Result<Option<Sealed>> {
    let mut work = Work::new(sqlite, on_progress)?;
    if !criteria.force {
        attached::check(sqlite)?;
    }
    let chosen = work.choose(criteria)?;
    if criteria.dry_run {
        for chosen in chosen {
            work.look(&chosen.id)?;
        }
        work.sealed.after = work.sealed.before;
        return Ok(Some(work.sealed));
    }
    let done = work.run(owed, |work| {
        if work.clear_up()?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        for chosen in &chosen {
            if work.seal(&chosen.id, || chosen.is_unchanged(sqlite))?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(done.is_continue().then_some(work.sealed))
}

/// Seals all output, whether its session is over, or is stored at all: what a session is for its readers does not depend on that, nor
/// on how large its blocks are. These have at most `block` bytes of text.
///
/// # Errors
///
/// As [`seal`].
pub fn seal_everything(sqlite: &Sqlite, block: usize) -> Result<()> {
    attached::check(sqlite)?;
    let mut work = Work { block, ..Work::new(sqlite, |_| ControlFlow::Continue(()))? };
    let ids = ids(sqlite, WITH_OUTPUT)?;
    for id in ids {
        let _never_breaks = work.seal(&id, || Ok(true))?;
    }
    Ok(())
}

/// Sealing, or the opposite.
pub(super) struct Work<'a, P> {
    pub(super) sqlite: &'a Sqlite,
    on_progress: P,
    pub(super) sealed: Sealed,
    pub(super) pace: Pace,
    /// Bytes of text of a block.
    block: usize,
}

impl<'a, P: FnMut(Progress) -> ControlFlow<()>> Work<'a, P> {
    pub(super) fn new(sqlite: &'a Sqlite, on_progress: P) -> Result<Self> {
        let before = size(sqlite)?;
        let sealed = Sealed { before, ..Sealed::default() };
        Ok(Self { sqlite, on_progress, sealed, pace: Pace::default(), block: LARGEST })
    }

    pub(super) fn run(
        &mut self,
        owed: Option<&Owed>,
        work: impl FnOnce(&mut Self) -> Result<ControlFlow<()>>,
    ) -> Result<ControlFlow<()>> {
        let own = owed.map(|_| Removals::of(self.sqlite)).transpose()?;
        let done = self.run_through(work);
        if let (Some(owed), Some(own)) = (owed, own) {
            own.hand_over(owed);
        }
        done
    }

    fn run_through(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<ControlFlow<()>>,
    ) -> Result<ControlFlow<()>> {
        sqlite::defer_checkpoints(self.sqlite)?;
        if self.tell()?.is_break() || work(self)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        if sqlite::gives_space_back(self.sqlite)? {
            let Self { sqlite, on_progress, sealed, pace, .. } = self;
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
    pub(super) fn rest(&mut self, began: Instant) -> Result<ControlFlow<()>> {
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

    pub(super) fn done(&mut self, id: &[u8], outputs: i64, bytes: i64) {
        self.sealed.outputs += outputs.unsigned_abs();
        self.sealed.bytes += bytes.unsigned_abs();
        self.sealed.sessions.push(String::from_utf8_lossy(id).into_owned());
    }

    /// Makes a session one that only this changes. `None` if it is not as it was, or others are at it again and again.
    pub(super) fn claim(
        &mut self,
        id: &[u8],
        is_unchanged: impl Fn() -> Result<bool>,
    ) -> Result<Option<Claim>> {
        for _ in 0..TRIES {
            let began = Instant::now();
            let claimed = atomically(self.sqlite, || {
                if !is_unchanged()? {
                    return Ok(Claimed::Changed);
                }
                Claim::take(self.sqlite, id)
            })?;
            self.pace.worked(began.elapsed());
            match claimed {
                Claimed::By(claim) => return Ok(Some(claim)),
                Claimed::Changed => return Ok(None),
                // Whoever it is may have been killed.
                Claimed::ByOthers => {
                    if self.clear_up_one(id)?.is_break() {
                        return Ok(None);
                    }
                }
            }
        }
        self.keep(id, CHANGED);
        Ok(None)
    }

    /// Leaves a session as it was, unless it is somebody else's by now.
    pub(super) fn give_up(&mut self, id: &[u8], claim: Claim) -> Result<ControlFlow<()>> {
        match seal_of(self.sqlite, id)? {
            Some((_, work)) if work == 1 || work == claim.number => self.clear_up_one(id),
            _ => Ok(ControlFlow::Continue(())),
        }
    }

    pub(super) fn keep(&mut self, id: &[u8], reason: impl Into<String>) {
        let id = String::from_utf8_lossy(id).into_owned();
        self.sealed.kept.push(Kept { id, reason: reason.into() });
    }

    /// Seals what a session has in rows.
    fn seal(
        &mut self,
        id: &[u8],
        is_unchanged: impl Fn() -> Result<bool>,
    ) -> Result<ControlFlow<()>> {
        let sqlite = self.sqlite;
        let from = through(sqlite, id)?.unwrap_or(i64::MIN);
        if !sqlite.prepare_cached(CHUNKS.rows)?.exists(params![StoredText(id), from])? {
            return Ok(ControlFlow::Continue(()));
        }
        let Some(claim) = self.claim(id, &is_unchanged)? else {
            return Ok(ControlFlow::Continue(()));
        };
        let from = claim.through.unwrap_or(i64::MIN);
        let mut after = from;
        let mut seen = Seen::behind(sqlite, id, claim.through)?;
        let (mut outputs, mut bytes) = (0, 0);
        loop {
            let maker = Maker::new(id, self.block)?;
            let mut watching = Here { seen: &mut seen, visible: Vec::new() };
            let how = Making { sql: CHUNKS.rows, most: AT_ONCE, goes_on: true };
            let made = make(sqlite, id, &mut after, &mut watching, maker, None, &how)?;
            let (made, is_end) = match made {
                Ok(made) => made,
                Err(reason) => {
                    self.keep(id, reason);
                    return self.give_up(id, claim);
                }
            };
            outputs += made.iter().map(|block| block.outputs).sum::<i64>();
            bytes += made.iter().map(|block| block.bytes).sum::<i64>();
            let began = Instant::now();
            let counts = atomically(sqlite, || {
                if !claim.holds(sqlite, id)? {
                    return Ok(false);
                }
                insert(sqlite, id, &made)?;
                if !is_end {
                    return Ok(true);
                }
                let count = |sql, from: i64| {
                    let values = params![StoredText(id), from, after];
                    sqlite.prepare_cached(sql)?.query_row(values, |row| row.get::<_, i64>(0))
                };
                // A row with the lowest id of all is in no block.
                let first = claim.through.map_or(i64::MIN, |through| through.saturating_add(1));
                let is_all = count(COUNT, first)? == outputs && count(MADE, from)? == outputs;
                if !is_all || !is_unchanged()? {
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
                self.keep(id, CHANGED);
                return self.give_up(id, claim);
            }
            if is_end {
                break;
            }
        }
        self.done(id, outputs, bytes);
        self.clear_up_one(id)
    }

    pub(super) fn clear_up(&mut self) -> Result<ControlFlow<()>> {
        clear_up(self.sqlite, |began| self.rest(began))
    }

    pub(super) fn clear_up_one(&mut self, id: &[u8]) -> Result<ControlFlow<()>> {
        clear_up_one(self.sqlite, id, &mut |began| self.rest(began))
    }
}
