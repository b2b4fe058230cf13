//! Retention: removing whole sessions that are over, with their output, from the oldest.
//!
//! Nobody waits long for it. Rows go in slices, each a transaction of a few milliseconds at most, with pauses between
//! them in which writers have their turn. What a slice removes was read before it takes the lock, so that the disk is
//! not waited for under it. The session itself goes with the last of its rows: whoever looks meanwhile, or after
//! a crash, sees a session with less output, and the next pruning goes on with it.
//!
//! Each slice looks again whether the session is as it was when it was chosen.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::types::ValueRef;
use rusqlite::{Connection as Sqlite, ToSql, params};

use super::model::SessionStatus;
use super::outputs::select;
use super::timestamp::{Moments, Timestamp};
use super::{Result, Text, damaged, pins, text};
use crate::sqlite::{
    self, Size, atomically, checkpoint_all, restart_if_long, snapshot, vacuum_slice,
};

/// How long a transaction takes rows away before it commits.
const TIME: Duration = Duration::from_millis(3);

/// A transaction that took longer, commit included, is followed by smaller ones.
const LONG: Duration = Duration::from_millis(8);

/// How much is read at first for a slice, in rows and pages of long ones.
const FIRST_WEIGHT: u64 = 256;

/// The least and the most that is read for a slice.
const WEIGHTS: (u64, u64) = (16, 4096);

/// What is left to others at a time while nobody else writes.
const PAUSE: Duration = Duration::from_millis(2);

/// For how long somebody who wrote is expected to write again.
const MEMORY: Duration = Duration::from_secs(1);

/// The shortest and the longest turn of somebody who writes, and how much longer than a slice it is. Who waits for
/// a lock looks again after 1, 2, 5 and then ever more milliseconds, and should find it free when a slice is over.
const TURNS: (Duration, Duration, u32) = (Duration::from_millis(10), Duration::from_millis(200), 3);

/// Bytes of a row beside its text, and of its entries in both indexes, for ids of a dozen characters.
const ROW_OVERHEAD: u64 = 140;

/// Bytes of text for which a row takes a page more.
const PAGE: u64 = 4096;

const CANDIDATES: &str =
    "SELECT rowid, id, status, started_at, ended_at FROM sessions WHERE status = ?1";

/// Whether a session is as it was when it was chosen.
const STILL: &str =
    "SELECT 1 FROM sessions WHERE rowid = ?1 AND id = ?2 AND status = ?3 AND started_at IS ?4
     AND ended_at IS ?5 AND NOT EXISTS (SELECT 1 FROM session_pins WHERE session_id = ?2)";

const IS_STORED: &str = "SELECT 1 FROM sessions WHERE id = ?1";

const OLDEST: &str =
    select!("o.id, octet_length(o.data), o.timestamp", "ORDER BY i.timestamp, i.id");

const DELETE_OUTPUT: &str = "DELETE FROM session_outputs WHERE id = ?1 AND session_id = ?2";
const ANY_OUTPUT: &str = "SELECT 1 FROM session_outputs WHERE session_id = ?1";
const DELETE_SESSION: &str = "DELETE FROM sessions WHERE rowid = ?1 AND id = ?2";

/// The sessions that have output, one by one: a step through the index for each.
const NEXT_SESSION: &str = "SELECT min(session_id) FROM session_outputs WHERE session_id > ?1";

/// What is to be removed.
#[derive(Debug, Clone, PartialEq)]
pub struct Criteria {
    /// Sessions that were over before.
    pub older_than: Option<Timestamp>,
    /// Beyond these, the oldest until so many bytes of the file are in use at most.
    pub max_bytes: Option<u64>,
    /// So many of the newest stay in any case.
    pub keep_last: Option<usize>,
    /// Which sessions may go; those that are at work never do.
    pub statuses: Vec<SessionStatus>,
    /// Whether output goes whose session is not stored.
    pub orphans: bool,
    /// Only say what would go.
    pub dry_run: bool,
}

impl Criteria {
    /// Whether there is anything that they would remove: a status alone, or none, is not enough.
    pub fn asks_for_something(&self) -> bool {
        let Self { older_than, max_bytes, keep_last, orphans, .. } = self;
        older_than.is_some() || max_bytes.is_some() || keep_last.is_some() || *orphans
    }
}

/// How far pruning is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Sessions that are gone.
    pub sessions: u64,
    /// Chunks of output that are gone.
    pub outputs: u64,
    /// Bytes of their text.
    pub bytes: u64,
    /// The size of the file.
    pub size: Size,
}

/// What was removed, or would be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pruned {
    /// The ids of the sessions, in the order in which they went.
    pub sessions: Vec<String>,
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
}

impl Pruned {
    /// How far pruning is that is over.
    pub fn progress(&self) -> Progress {
        let sessions = self.sessions.len() as u64;
        Progress { sessions, outputs: self.outputs, bytes: self.bytes, size: self.after }
    }
}

/// A session that is to go, as it was when it was chosen.
#[derive(Debug)]
struct Chosen {
    rowid: i64,
    id: Vec<u8>,
    status: SessionStatus,
    started_at: Vec<u8>,
    ended_at: Option<Vec<u8>>,
    /// When it was over, in milliseconds since 1970.
    at: f64,
}

/// Whose output a slice removes.
#[derive(Debug, Clone, Copy)]
enum Target<'a> {
    Session(&'a Chosen),
    Orphans(&'a [u8]),
}

impl Target<'_> {
    fn id(&self) -> Text<'_> {
        match self {
            Self::Session(chosen) => Text(&chosen.id),
            Self::Orphans(id) => Text(id),
        }
    }
}

/// What became of a slice.
struct Slice {
    outputs: u64,
    bytes: u64,
    end: Option<End>,
}

/// Why there is no other slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Everything is gone.
    Gone,
    /// Somebody else has a use for it by now.
    LeftAlone,
}

/// A row that is to go: its id, and the bytes of its text.
type Batch = Vec<(i64, u64)>;

/// Removes what `criteria` say, and gives free space back to the disk. `None` where `on_progress`, told after
/// every slice, breaks: what is gone by then stays so.
///
/// # Errors
///
/// What SQLite says. What is gone by then stays so.
pub fn prune(
    sqlite: &Sqlite,
    criteria: &Criteria,
    on_progress: impl FnMut(Progress) -> ControlFlow<()>,
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
        weight: FIRST_WEIGHT,
        worked: Duration::ZERO,
        version: None,
        others_wrote: None,
    };
    if criteria.dry_run {
        let _one_moment = snapshot(sqlite)?;
        pruning.look()?;
        pruning.pruned.after = pruning.pruned.before;
        return Ok(Some(pruning.pruned));
    }
    Ok(match pruning.run()? {
        ControlFlow::Continue(()) => Some(pruning.pruned),
        ControlFlow::Break(()) => None,
    })
}

struct Pruning<'a, P> {
    sqlite: &'a Sqlite,
    criteria: &'a Criteria,
    on_progress: P,
    pruned: Pruned,
    weight: u64,
    /// How long transactions took since the last pause.
    worked: Duration,
    /// The latest state of the file that was seen.
    version: Option<i64>,
    /// When somebody else was seen to have written.
    others_wrote: Option<Instant>,
}

impl<P: FnMut(Progress) -> ControlFlow<()>> Pruning<'_, P> {
    fn run(&mut self) -> Result<ControlFlow<()>> {
        sqlite::defer_checkpoints(self.sqlite)?;
        if self.tell()?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        for id in self.orphans()? {
            if self.remove(Target::Orphans(&id))?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        for chosen in self.candidates()? {
            if !self.goes(&chosen, sqlite::size(self.sqlite)?.used()) {
                break;
            }
            if self.remove(Target::Session(&chosen))?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        if self.pruned.gives_space_back && self.give_space_back()?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        // The file gets shorter only when the log is moved into it.
        checkpoint_all(self.sqlite)?;
        self.pruned.after = sqlite::size(self.sqlite)?;
        Ok(ControlFlow::Continue(()))
    }

    /// What would go, by what there is; how much space that frees is an estimate.
    fn look(&mut self) -> Result<()> {
        let mut used = self.pruned.before.used();
        for id in self.orphans()? {
            let (outputs, bytes) = self.count(Target::Orphans(&id))?;
            used = used.saturating_sub(bytes + outputs * ROW_OVERHEAD);
        }
        for chosen in self.candidates()? {
            if !self.goes(&chosen, used) {
                break;
            }
            let (outputs, bytes) = self.count(Target::Session(&chosen))?;
            used = used.saturating_sub(bytes + outputs * ROW_OVERHEAD);
            self.pruned.sessions.push(String::from_utf8_lossy(&chosen.id).into_owned());
        }
        Ok(())
    }

    fn count(&mut self, target: Target<'_>) -> Result<(u64, u64)> {
        let batch = self.batch(target, u64::MAX)?;
        let (outputs, bytes) = (batch.len() as u64, batch.iter().map(|(_, bytes)| bytes).sum());
        self.pruned.outputs += outputs;
        self.pruned.bytes += bytes;
        Ok((outputs, bytes))
    }

    /// Whether the oldest session that is left is to go, with so many bytes of the file in use.
    fn goes(&self, chosen: &Chosen, used: u64) -> bool {
        let Criteria { older_than, max_bytes, keep_last, .. } = self.criteria;
        let old = older_than.is_some_and(|moment| chosen.at < moment.millis());
        let too_much = max_bytes.is_some_and(|most| used > most);
        let only_the_last = older_than.is_none() && max_bytes.is_none() && keep_last.is_some();
        old || too_much || only_the_last
    }

    /// The sessions that may go, oldest first. One whose end is no moment stays.
    fn candidates(&self) -> Result<Vec<Chosen>> {
        let _one_moment = snapshot(self.sqlite)?;
        let pinned = pins::all(self.sqlite)?;
        let mut found = Vec::new();
        let mut moments = Moments::default();
        let mut statement = self.sqlite.prepare_cached(CANDIDATES)?;
        let statuses: HashSet<&str> =
            self.criteria.statuses.iter().map(|status| status.as_str()).collect();
        for status in statuses {
            let mut rows = statement.query([status])?;
            while let Some(row) = rows.next()? {
                let id = text(row.get_ref(1)?).to_owned();
                let started_at = text(row.get_ref(3)?).to_owned();
                let ended_at = match row.get_ref(4)? {
                    ValueRef::Null => None,
                    value => Some(text(value).to_owned()),
                };
                let at = moments.millis(ended_at.as_ref().unwrap_or(&started_at));
                let status = SessionStatus::parse(status.as_bytes());
                if let Some(status) = status
                    && !at.is_nan()
                    && !pinned.contains(&id)
                {
                    found.push(Chosen { rowid: row.get(0)?, id, status, started_at, ended_at, at });
                }
            }
        }
        found.sort_by(|a, b| a.at.total_cmp(&b.at).then(a.rowid.cmp(&b.rowid)));
        found.truncate(found.len().saturating_sub(self.criteria.keep_last.unwrap_or(0)));
        Ok(found)
    }

    /// The ids under which there is output, and no session.
    fn orphans(&self) -> Result<Vec<Vec<u8>>> {
        let mut found = Vec::new();
        if !self.criteria.orphans {
            return Ok(found);
        }
        let mut next = self.sqlite.prepare_cached(NEXT_SESSION)?;
        let mut stored = self.sqlite.prepare_cached(IS_STORED)?;
        // Every id but the empty one is greater than that.
        let mut id = Some(Vec::new());
        while let Some(last) = id {
            if !stored.exists([Text(&last)])? {
                found.push(last.clone());
            }
            id = next.query_row([Text(&last)], |row| {
                Ok(match row.get_ref(0)? {
                    ValueRef::Text(id) => Some(id.to_owned()),
                    _ => None,
                })
            })?;
        }
        Ok(found)
    }

    fn remove(&mut self, target: Target<'_>) -> Result<ControlFlow<()>> {
        loop {
            let batch = self.batch(target, self.weight)?;
            let slice = self.slice(target, &batch)?;
            self.pruned.outputs += slice.outputs;
            self.pruned.bytes += slice.bytes;
            if slice.end == Some(End::Gone)
                && let Target::Session(chosen) = target
            {
                self.pruned.sessions.push(String::from_utf8_lossy(&chosen.id).into_owned());
            }
            self.rest()?;
            if self.tell()?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            if slice.end.is_some() {
                return Ok(ControlFlow::Continue(()));
            }
        }
    }

    /// The oldest rows of a target: so many that they weigh no more than `weight`, one at least.
    fn batch(&self, target: Target<'_>, weight: u64) -> Result<Batch> {
        let before = match target {
            Target::Session(_) => None,
            Target::Orphans(_) => self.criteria.older_than.map(Timestamp::millis),
        };
        let mut statement = self.sqlite.prepare_cached(OLDEST)?;
        let mut rows = statement.query([target.id()])?;
        let (mut batch, mut left) = (Batch::new(), weight);
        let mut moments = Moments::default();
        while left > 0
            && let Some(row) = rows.next()?
        {
            // What is no moment stays.
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

    /// Removes as much of a batch as a short transaction can, and the session if nothing is left of it.
    fn slice(&mut self, target: Target<'_>, batch: &Batch) -> Result<Slice> {
        let mut began = Instant::now();
        let slice = atomically(self.sqlite, || {
            // The lock is held from here on.
            began = Instant::now();
            let mut slice = Slice { outputs: 0, bytes: 0, end: None };
            if !self.may_go(target)? {
                slice.end = Some(End::LeftAlone);
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
                let id = String::from_utf8_lossy(target.id().0).into_owned();
                return Err(damaged(
                    "an index of session_outputs names rows of others for",
                    id.as_bytes(),
                ));
            }
            Ok::<_, super::Error>(slice)
        })?;
        self.adapt(began.elapsed());
        Ok(slice)
    }

    fn may_go(&self, target: Target<'_>) -> Result<bool> {
        let find = |sql, values: &[&dyn ToSql]| -> Result<bool> {
            Ok(self.sqlite.prepare_cached(sql)?.exists(values)?)
        };
        match target {
            Target::Session(Chosen { rowid, id, status, started_at, ended_at, .. }) => find(
                STILL,
                &[rowid, &Text(id), status, &Text(started_at), &ended_at.as_deref().map(Text)],
            ),
            Target::Orphans(id) => Ok(!find(IS_STORED, &[&Text(id)])?),
        }
    }

    /// Removes the session if it has no output any more.
    fn end(&self, target: Target<'_>, more: bool) -> Result<Option<End>> {
        match target {
            Target::Session(chosen) => {
                if more || self.sqlite.prepare_cached(ANY_OUTPUT)?.exists([target.id()])? {
                    return Ok(None);
                }
                let mut delete = sqlite::prepare(self.sqlite, DELETE_SESSION)?;
                sqlite::write(&mut delete, params![chosen.rowid, target.id()])?;
            }
            Target::Orphans(_) if more || !self.batch(target, 1)?.is_empty() => return Ok(None),
            Target::Orphans(_) => {}
        }
        Ok(Some(End::Gone))
    }

    /// Has the next slice be as long as it should be.
    fn adapt(&mut self, took: Duration) {
        let (least, most) = WEIGHTS;
        if took > LONG {
            self.weight = (self.weight / 2).max(least);
        } else if took < TIME {
            self.weight = (self.weight * 2).min(most);
        }
        self.worked += took;
    }

    /// Gives others their turn, once it has worked long enough since their last: many sessions are small, and a pause
    /// behind each would take longer than all the work. Moving the log into the file is a part of it.
    fn rest(&mut self) -> Result<()> {
        let began = Instant::now();
        restart_if_long(self.sqlite)?;
        if self.worked < TIME {
            return Ok(());
        }
        let worked = std::mem::take(&mut self.worked);
        // It changes with every commit of another connection.
        let version = self.sqlite.pragma_query_value(None, "data_version", |row| row.get(0))?;
        if self.version.replace(version).is_some_and(|before| before != version) {
            self.others_wrote = Some(began);
        }
        let (shortest, longest, times) = TURNS;
        let pause = match self.others_wrote {
            Some(at) if at.elapsed() < MEMORY => (worked * times).clamp(shortest, longest),
            _ => PAUSE,
        };
        thread::sleep(pause.saturating_sub(began.elapsed()));
        Ok(())
    }

    fn give_space_back(&mut self) -> Result<ControlFlow<()>> {
        let mut free = u64::MAX;
        loop {
            let left = sqlite::size(self.sqlite)?.free_bytes;
            if left == 0 || left >= free {
                // Nothing is free, or others free as much as is given back.
                return Ok(ControlFlow::Continue(()));
            }
            free = left;
            let began = Instant::now();
            vacuum_slice(self.sqlite, TIME)?;
            self.worked += began.elapsed();
            self.rest()?;
            if self.tell()?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
    }

    fn tell(&mut self) -> Result<ControlFlow<()>> {
        let size = sqlite::size(self.sqlite)?;
        Ok((self.on_progress)(Progress { size, ..self.pruned.progress() }))
    }
}
