//! Removing output in slices, each a short transaction, with pauses between them.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use rusqlite::{ffi, params};

use super::attached::{Way, is_refusal};
use super::choice::{IS_STORED, Target};
use super::{PruneProgress, Pruning};
use crate::sqlite::{self, atomically};
use crate::store::pace::TIME;
use crate::store::sealed;
use crate::store::select::has_blocks;
use crate::store::timestamp::{Moments, Timestamp};
use crate::store::{Error, Result, StoredText, damaged_index, text};

/// How often a long transaction looks whether it is to end.
const SIGN: Duration = Duration::from_millis(100);

/// Bytes of text for which a row takes another page.
const PAGE: u64 = 4096;

const IS_PINNED: &str = "SELECT 1 FROM session_pins WHERE session_id = ?1";

const OLDEST: &str = "SELECT o.session_id, o.id, octet_length(o.data), o.timestamp
    FROM session_outputs i CROSS JOIN session_outputs o ON o.id = i.id
    WHERE i.session_id = ?1 ORDER BY i.timestamp, i.id";

const DELETE_OUTPUT: &str = "DELETE FROM session_outputs WHERE id = ?1 AND session_id = ?2";
const ANY_OUTPUT: &str = "SELECT 1 FROM session_outputs WHERE session_id = ?1";
const DELETE_SESSION: &str = "DELETE FROM sessions WHERE rowid = ?1 AND id = ?2";

/// The result of a slice.
pub(super) struct Slice {
    pub(super) outputs: u64,
    pub(super) bytes: u64,
    pub(super) end: Option<End>,
}

/// Why there are no more slices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Everything is removed.
    Gone,
    /// It is in use again by now.
    LeftAlone,
    /// Rows of others refer to it by now, or may.
    Referred,
}

/// Why nothing was removed in a transaction.
enum Stop {
    Failed(Error),
    /// Whoever is told of the progress wants it to end.
    Aborted,
}

impl<E: Into<Error>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Rows to be removed: their ids, and the bytes of their texts.
pub(super) type Batch = Vec<(i64, u64)>;

impl<P: FnMut(PruneProgress) -> ControlFlow<()>> Pruning<'_, P> {
    pub(super) fn remove(&mut self, target: Target<'_>) -> Result<ControlFlow<()>> {
        loop {
            let done = match self.attached.way(self.sqlite, target, false)? {
                Way::Slices => self.slices(target),
                Way::Whole => self.whole(target),
                Way::Kept(reason) => {
                    self.keep(target, reason);
                    return Ok(ControlFlow::Continue(()));
                }
            };
            match done {
                Ok(End::Referred) => self.look_again()?,
                Ok(_) => return Ok(ControlFlow::Continue(())),
                Err(Stop::Aborted) => return Ok(ControlFlow::Break(())),
                Err(Stop::Failed(error)) if is_refusal(&error) => {
                    let reason = self.attached.reason(self.sqlite, target, &error)?;
                    self.keep(target, reason);
                    return Ok(ControlFlow::Continue(()));
                }
                Err(Stop::Failed(error)) => return Err(error),
            }
        }
    }

    /// Removes a target in slices, until it is gone or must be left alone.
    fn slices(&mut self, target: Target<'_>) -> Result<End, Stop> {
        loop {
            let batch = self.batch(target, self.pace.weight())?;
            let slice = self.slice(target, &batch)?;
            self.count_slice(target, &slice)?;
            if let Some(end) = slice.end {
                return Ok(end);
            }
        }
    }

    /// Removes a target in one transaction: all of it, or nothing if somebody refuses.
    fn whole(&mut self, target: Target<'_>) -> Result<End, Stop> {
        let mut began = Instant::now();
        let sqlite = self.sqlite;
        let defers = sqlite.is_autocommit();
        let slice = atomically(sqlite, || {
            began = Instant::now();
            let mut slice = Slice { outputs: 0, bytes: 0, end: Some(End::LeftAlone) };
            if !self.may_go(target)? {
                return Ok(slice);
            }
            if defers {
                // Until the commit, so that rows which go with it may refer to each other.
                sqlite.pragma_update(None, "defer_foreign_keys", true)?;
            }
            let (removed, _) = self.remove_blocks(target, || false)?;
            slice.outputs += removed.outputs;
            slice.bytes += removed.bytes;
            let batch = self.batch(target, u64::MAX)?;
            let mut delete = sqlite::prepare(sqlite, DELETE_OUTPUT)?;
            let mut told = began;
            for (id, bytes) in &batch {
                sqlite::write(&mut delete, params![id, target.id()])?;
                slice.outputs += 1;
                slice.bytes += bytes;
                if told.elapsed() >= SIGN {
                    told = Instant::now();
                    self.tell_on()?;
                }
            }
            // A trigger may keep a row, without an error.
            if self.end(target, false)? != Some(End::Gone) || self.is_there(target)? {
                let code = ffi::SQLITE_CONSTRAINT_TRIGGER;
                let message = "it is still there when it is removed".to_owned();
                return Err(sqlite::Error::Sqlite { code, message }.into());
            }
            slice.end = Some(End::Gone);
            Ok::<_, Stop>(slice)
        })?;
        self.pace.worked(began.elapsed());
        self.count_slice(target, &slice)?;
        Ok(slice.end.unwrap_or(End::Gone))
    }

    /// Counts what a transaction has removed, and lets others have their turn.
    fn count_slice(&mut self, target: Target<'_>, slice: &Slice) -> Result<(), Stop> {
        self.pruned.outputs += slice.outputs;
        self.pruned.bytes += slice.bytes;
        if slice.end == Some(End::Gone)
            && let Target::Session(_) = target
        {
            self.pruned.sessions.push(target.name());
        }
        self.pace.rest(self.sqlite)?;
        self.tell_on()
    }

    fn tell_on(&mut self) -> Result<(), Stop> {
        if self.tell()?.is_break() { Err(Stop::Aborted) } else { Ok(()) }
    }

    /// The oldest rows of a target, at least one, up to a weight of `weight`.
    pub(super) fn batch(&self, target: Target<'_>, weight: u64) -> Result<Batch> {
        let before = self.before(target).map(Timestamp::millis);
        let mut statement = self.sqlite.prepare_cached(OLDEST)?;
        let mut rows = statement.query([target.id()])?;
        let (mut batch, mut left) = (Batch::new(), weight);
        let mut moments = Moments::default();
        while left > 0
            && let Some(row) = rows.next()?
        {
            // A row whose time is not a moment stays.
            let at = moments.millis(text(row.get_ref(3)?));
            if before.is_some_and(|before| at.is_nan() || at >= before) {
                break;
            }
            let bytes = row.get::<_, i64>(2)?.unsigned_abs();
            batch.push((row.get(1)?, bytes));
            left = left.saturating_sub(1 + bytes / PAGE);
        }
        Ok(batch)
    }

    /// The moment before which output of a target goes, if not all of it.
    pub(super) fn before(&self, target: Target<'_>) -> Option<Timestamp> {
        match target {
            Target::Session(_) => None,
            Target::Orphans(_) => self.criteria.older_than,
        }
    }

    /// Removes blocks of a target until it is late. Returns what was in them, and whether there are more.
    fn remove_blocks(
        &self,
        target: Target<'_>,
        is_late: impl Fn() -> bool,
    ) -> Result<(sealed::Amount, bool)> {
        if !has_blocks(self.sqlite)? {
            return Ok((sealed::Amount::default(), false));
        }
        sealed::remove(self.sqlite, target.id().0, self.before(target), is_late)
    }

    /// Removes as much of a batch as a short transaction can, and the session if it has no output any more.
    pub(super) fn slice(&mut self, target: Target<'_>, batch: &Batch) -> Result<Slice> {
        let mut began = Instant::now();
        let slice = atomically(self.sqlite, || {
            // The lock is held from here on.
            began = Instant::now();
            let mut slice = Slice { outputs: 0, bytes: 0, end: None };
            if !self.may_go(target)? {
                slice.end = Some(End::LeftAlone);
                return Ok(slice);
            }
            if self.attached.has_more(self.sqlite, target, batch.len())? {
                slice.end = Some(End::Referred);
                return Ok(slice);
            }
            let is_late = || began.elapsed() >= TIME;
            let (removed, more) = self.remove_blocks(target, is_late)?;
            slice.outputs += removed.outputs;
            slice.bytes += removed.bytes;
            if more {
                return Ok(slice);
            }
            let mut delete = sqlite::prepare(self.sqlite, DELETE_OUTPUT)?;
            let mut tried = 0;
            for (id, bytes) in batch {
                tried += 1;
                if sqlite::write(&mut delete, params![id, target.id()])? > 0 {
                    slice.outputs += 1;
                    slice.bytes += bytes;
                }
                if began.elapsed() >= TIME {
                    break;
                }
            }
            slice.end = self.end(target, tried < batch.len())?;
            if slice.outputs == 0 && slice.end.is_none() && !batch.is_empty() {
                let names = "rows of other sessions for session";
                return Err(damaged_index("session_outputs", names, target.id().0));
            }
            Ok::<_, Error>(slice)
        })?;
        self.pace.adapt(began.elapsed());
        Ok(slice)
    }

    pub(super) fn may_go(&self, target: Target<'_>) -> Result<bool> {
        match target {
            Target::Session(chosen) => {
                let id = StoredText(&chosen.id);
                let is_pinned = self.sqlite.prepare_cached(IS_PINNED)?.exists([id])?;
                Ok(!is_pinned && chosen.is_unchanged(self.sqlite)?)
            }
            Target::Orphans(id) => {
                Ok(!self.sqlite.prepare_cached(IS_STORED)?.exists([StoredText(id)])?)
            }
        }
    }

    /// Removes the session if it has no output any more.
    pub(super) fn end(&self, target: Target<'_>, more: bool) -> Result<Option<End>> {
        match target {
            Target::Session(chosen) => {
                if more || self.sqlite.prepare_cached(ANY_OUTPUT)?.exists([target.id()])? {
                    return Ok(None);
                }
                if has_blocks(self.sqlite)? {
                    sealed::forget(self.sqlite, &chosen.id)?;
                }
                let mut delete = sqlite::prepare(self.sqlite, DELETE_SESSION)?;
                sqlite::write(&mut delete, params![chosen.rowid, target.id()])?;
            }
            Target::Orphans(_) if more || !self.batch(target, 1)?.is_empty() => return Ok(None),
            Target::Orphans(_) => {}
        }
        Ok(Some(End::Gone))
    }

    /// Whether a session is stored, that was removed.
    fn is_there(&self, target: Target<'_>) -> Result<bool> {
        let is_session = matches!(target, Target::Session(_));
        Ok(is_session && self.sqlite.prepare_cached(IS_STORED)?.exists([target.id()])?)
    }
}
