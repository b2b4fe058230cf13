//! Retention: removes whole sessions that are over, with their output, oldest first.
//!
//! Other writers never wait long. Rows are removed in slices, each a transaction of at most a few milliseconds, with
//! pauses between them for other writers. The rows of a slice are read before it takes the lock, so that it does not
//! wait for the disk with the lock held. The session itself is removed with the last of its rows. So a reader
//! meanwhile, or after a crash, sees a session with less output, and the next pruning continues with it.
//!
//! Each slice checks again that the session is unchanged since it was chosen. Where rows or triggers of others may
//! refuse the removal, a session goes in one transaction instead, or stays as it is.

mod attached;
mod choice;
mod scrub;
mod slices;

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::time::Instant;

use rusqlite::Connection as Sqlite;

use self::attached::{Attached, Way};
use self::choice::Target;
pub(in crate::store) use self::choice::{Chosen, candidates};
pub(in crate::store) use self::scrub::Removals;
use super::model::SessionStatus;
use super::pace::{Pace, TIME};
use super::select::has_blocks;
use super::timestamp::Timestamp;
use super::{Result, changes, pins, sealed};
use crate::sqlite::{self, Owed, Size, atomically, snapshot, vacuum_slice};

/// Bytes of a row without its text, plus its entries in both indexes, for ids of a dozen characters.
const ROW_OVERHEAD: u64 = 140;

/// Changes that are forgotten in one transaction: some milliseconds.
const CHANGES: usize = 2048;

/// What to remove.
#[derive(Debug, Clone, PartialEq)]
pub struct Criteria {
    /// Sessions whose latest moment is before this one.
    pub older_than: Option<Timestamp>,
    /// After these, the oldest sessions, until at most this number of bytes of the file is in use.
    pub max_bytes: Option<u64>,
    /// This number of the newest sessions stays in any case.
    pub keep_last: Option<usize>,
    /// Sessions of these statuses may be removed, but never those that are running or waiting.
    pub statuses: Vec<SessionStatus>,
    /// Whether to remove output whose session is not stored.
    pub orphans: bool,
    /// Whether to overwrite all that the file does not use, whoever removed it.
    pub scrub: bool,
    /// Only report what would be removed.
    pub dry_run: bool,
}

impl Criteria {
    /// Whether they can remove anything: statuses alone are not enough.
    pub fn asks_for_something(&self) -> bool {
        let Self { older_than, max_bytes, keep_last, orphans, scrub, .. } = self;
        older_than.is_some() || max_bytes.is_some() || keep_last.is_some() || *orphans || *scrub
    }
}

/// The progress of pruning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PruneProgress {
    /// Removed sessions.
    pub sessions: u64,
    /// Removed chunks of output.
    pub outputs: u64,
    /// Bytes of their text.
    pub bytes: u64,
    /// The size of the file.
    pub size: Size,
    /// Bytes of the pages that were looked at to overwrite what they do not use.
    pub scanned_bytes: u64,
}

/// A session that may not be removed, or output without a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The id of the session.
    pub id: String,
    /// Why it stays, in words.
    pub reason: String,
}

/// What was removed, or would be removed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pruned {
    /// The ids of the sessions, in the order of removal.
    pub sessions: Vec<String>,
    /// Those that were to be removed, but that rows or triggers of others keep.
    pub kept: Vec<Kept>,
    /// Chunks of output.
    pub outputs: u64,
    /// Bytes of their text.
    pub bytes: u64,
    /// The size of the file before.
    pub before: Size,
    /// The size of the file after.
    pub after: Size,
    /// Whether free space of this file can be given back to the disk.
    pub gives_space_back: bool,
    /// Pages with something that they did not use, and that was overwritten.
    pub cleaned_pages: u64,
    /// Bytes of the pages that were looked at for that.
    pub scanned_bytes: u64,
}

impl Pruned {
    /// The final progress.
    pub fn progress(&self) -> PruneProgress {
        let sessions = self.sessions.len() as u64;
        PruneProgress {
            sessions,
            outputs: self.outputs,
            bytes: self.bytes,
            size: self.after,
            scanned_bytes: self.scanned_bytes,
        }
    }
}

/// Removes what `criteria` select, and gives free space back to the disk. `on_progress` is called after every slice.
/// If it breaks, the result is `None`; what is removed by then stays removed.
///
/// What was removed is gone from the file and its log then. What could not be overwritten, or not yet be cut off the
/// log, is `owed`; `None` says that `sqlite` is the connection of a database in memory.
///
/// # Errors
///
/// An error of SQLite. What is removed by then stays removed.
pub fn prune(
    sqlite: &Sqlite,
    criteria: &Criteria,
    owed: Option<&Owed>,
    on_progress: impl FnMut(PruneProgress) -> ControlFlow<()>,
) -> Result<Option<Pruned>> {
    let pruned = Pruned {
        before: sqlite::size(sqlite)?,
        gives_space_back: sqlite::gives_space_back(sqlite)?,
        ..Pruned::default()
    };
    let mut pruning = Pruning {
        sqlite,
        criteria,
        on_progress,
        pruned,
        attached: Attached::default(),
        pace: Pace::default(),
    };
    if criteria.dry_run {
        let _one_moment = snapshot(sqlite)?;
        pruning.look()?;
        pruning.pruned.after = pruning.pruned.before;
        return Ok(Some(pruning.pruned));
    }
    let own = owed.map(|_| Removals::of(sqlite)).transpose()?;
    let done = pruning.run(own.as_ref());
    if let (Some(owed), Some(own)) = (owed, own) {
        own.hand_over(owed);
    }
    Ok(match done? {
        ControlFlow::Continue(()) => Some(pruning.pruned),
        ControlFlow::Break(()) => None,
    })
}

struct Pruning<'a, P> {
    sqlite: &'a Sqlite,
    criteria: &'a Criteria,
    on_progress: P,
    pruned: Pruned,
    attached: Attached,
    pace: Pace,
}

impl<P: FnMut(PruneProgress) -> ControlFlow<()>> Pruning<'_, P> {
    fn run(&mut self, removals: Option<&Removals>) -> Result<ControlFlow<()>> {
        sqlite::defer_checkpoints(self.sqlite)?;
        if self.tell()?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        if sealed::clear_up(self.sqlite, |began| self.rest(began))?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        self.look_again()?;
        for id in self.orphans()? {
            if self.remove(Target::Orphans(&id))?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        let mut left = Vec::new();
        for chosen in candidates(self.sqlite, self.criteria, &pins::all(self.sqlite)?)? {
            if !self.goes(&chosen, sqlite::size(self.sqlite)?.used()) {
                break;
            }
            let kept = self.pruned.kept.len();
            if self.remove(Target::Session(&chosen))?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            if self.pruned.kept.len() > kept {
                left.push(chosen);
            }
        }
        if self.try_again(left)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        if self.forget_changes()?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        if self.pruned.gives_space_back && self.give_space_back()?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        if self.scrub(removals)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        self.pruned.after = sqlite::size(self.sqlite)?;
        Ok(ControlFlow::Continue(()))
    }

    /// Tries sessions again that were kept, as long as that helps: those that referred to them may be gone by now.
    fn try_again(&mut self, mut left: Vec<Chosen>) -> Result<ControlFlow<()>> {
        let mut gone = 0;
        while !left.is_empty() && self.pruned.sessions.len() > gone {
            gone = self.pruned.sessions.len();
            self.look_again()?;
            let mut still = Vec::new();
            let names: HashSet<_> =
                left.iter().map(|chosen| Target::Session(chosen).name()).collect();
            self.pruned.kept.retain(|kept| !names.contains(&kept.id));
            for chosen in left {
                let kept = self.pruned.kept.len();
                if self.remove(Target::Session(&chosen))?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
                if self.pruned.kept.len() > kept {
                    still.push(chosen);
                }
            }
            left = still;
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Collects what would be removed. The space that this frees is an estimate.
    fn look(&mut self) -> Result<()> {
        let mut used = self.pruned.before.used();
        self.look_again()?;
        for id in self.orphans()? {
            if self.stays(Target::Orphans(&id))? {
                continue;
            }
            let (chunks, bytes) = self.count(Target::Orphans(&id))?;
            used = used.saturating_sub(bytes + chunks * ROW_OVERHEAD);
        }
        for chosen in candidates(self.sqlite, self.criteria, &pins::all(self.sqlite)?)? {
            if !self.goes(&chosen, used) {
                break;
            }
            if self.stays(Target::Session(&chosen))? {
                continue;
            }
            let (chunks, bytes) = self.count(Target::Session(&chosen))?;
            used = used.saturating_sub(bytes + chunks * ROW_OVERHEAD);
            self.pruned.sessions.push(Target::Session(&chosen).name());
        }
        Ok(())
    }

    /// Whether a target would stay, which is then told.
    fn stays(&mut self, target: Target<'_>) -> Result<bool> {
        let Way::Kept(reason) = self.attached.way(self.sqlite, target, true)? else {
            return Ok(false);
        };
        self.keep(target, reason);
        Ok(true)
    }

    fn keep(&mut self, target: Target<'_>, reason: String) {
        self.pruned.kept.push(Kept { id: target.name(), reason });
    }

    fn count(&mut self, target: Target<'_>) -> Result<(u64, u64)> {
        let batch = self.batch(target, u64::MAX)?;
        let bytes: u64 = batch.iter().map(|(_, bytes)| bytes).sum();
        let (mut chunks, mut bytes) = (batch.len() as u64, bytes);
        if has_blocks(self.sqlite)? {
            let blocks = sealed::amount(self.sqlite, target.id().0, self.before(target))?;
            chunks += blocks.outputs;
            bytes += blocks.bytes;
        }
        self.pruned.outputs += chunks;
        self.pruned.bytes += bytes;
        Ok((chunks, bytes))
    }

    /// Whether the oldest remaining session should be removed, with `used` bytes of the file in use.
    fn goes(&self, chosen: &Chosen, used: u64) -> bool {
        let Criteria { older_than, max_bytes, keep_last, .. } = self.criteria;
        let old = older_than.is_some_and(|moment| chosen.at < moment.millis());
        let too_much = max_bytes.is_some_and(|most| used > most);
        let only_the_last = older_than.is_none() && max_bytes.is_none() && keep_last.is_some();
        old || too_much || only_the_last
    }

    /// Forgets the changes of sessions that later ones have replaced: every removal made one.
    fn forget_changes(&mut self) -> Result<ControlFlow<()>> {
        let replaced = changes::replaced(self.sqlite)?;
        for slice in replaced.chunks(CHANGES) {
            let began = Instant::now();
            atomically(self.sqlite, || changes::forget(self.sqlite, slice))?;
            if self.rest(began)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn give_space_back(&mut self) -> Result<ControlFlow<()>> {
        let Self { sqlite, on_progress, pruned, pace, .. } = self;
        let progress = pruned.progress();
        give_space_back(sqlite, pace, |size| on_progress(PruneProgress { size, ..progress }))
    }

    /// Counts a transaction, lets others have their turn, and tells.
    fn rest(&mut self, began: Instant) -> Result<ControlFlow<()>> {
        self.pace.worked(began.elapsed());
        self.pace.rest(self.sqlite)?;
        self.tell()
    }

    fn tell(&mut self) -> Result<ControlFlow<()>> {
        let size = sqlite::size(self.sqlite)?;
        Ok((self.on_progress)(PruneProgress { size, ..self.pruned.progress() }))
    }
}

/// Gives what a file does not use back to the disk, in slices.
pub(in crate::store) fn give_space_back(
    sqlite: &Sqlite,
    pace: &mut Pace,
    mut tell: impl FnMut(Size) -> ControlFlow<()>,
) -> Result<ControlFlow<()>> {
    let mut free = u64::MAX;
    loop {
        let left = sqlite::size(sqlite)?.free_bytes;
        if left == 0 || left >= free {
            // Nothing is free, or others free as much as this gives back.
            return Ok(ControlFlow::Continue(()));
        }
        free = left;
        let began = Instant::now();
        vacuum_slice(sqlite, TIME)?;
        pace.worked(began.elapsed());
        pace.rest(sqlite)?;
        if tell(sqlite::size(sqlite)?).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
}
