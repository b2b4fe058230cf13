//! Orphans: sessions that are marked as running or waiting, although nobody answers for them. A crash leaves them.

use std::collections::{BTreeSet, HashSet};

use rusqlite::types::ValueRef;
use rusqlite::{OptionalExtension, params};

use super::model::SessionRow;
use super::owners::{self, Place, Stored};
use super::processes::{self, Process, State};
use super::select::{Select, select_chunks};
use super::sessions::Sessions;
use super::timestamp::{Moments, Timestamp};
use super::{Error, Result, each_row, has_additions, text};
use crate::sqlite::{self, atomically};

/// How long a new session may be without a pid, which is stored when its process has started.
const GRACE: f64 = 60_000.0;

/// The tolerance between the compared clocks, two of which count seconds.
const TOLERANCE: f64 = 5_000.0;

macro_rules! at_work {
    ($owners:literal, $join:literal) => {
        concat!(
            "SELECT s.rowid, s.id, s.pid, s.started_at, s.updated_at",
            $owners,
            " FROM sessions s",
            $join,
            " WHERE s.status IN ('running', 'waiting_checkpoint')"
        )
    };
}

const AT_WORK: &str = at_work!("", "");
const AT_WORK_WITH_OWNERS: &str = at_work!(
    ", o.host, o.owner_pid, o.owner_start, o.child_pid, o.child_start",
    " LEFT JOIN gsd_session_owners o ON o.session_id = s.id"
);

const FAIL: &str =
    "UPDATE sessions SET status = 'failed', ended_at = coalesce(ended_at, ?2) WHERE rowid = ?1";

/// The timestamp of the latest chunk of a session.
pub(super) const LAST_OUTPUT: Select =
    select_chunks!(o.timestamp; "ORDER BY i.timestamp DESC, i.id DESC LIMIT 1");

/// How orphans are failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FailOrphans {
    /// Leave everything as it is.
    pub dry_run: bool,
    /// End the processes that orphans still run in, and leave alone the sessions whose process may be alive then.
    pub kill: bool,
}

/// A session that is marked as running or waiting.
#[derive(Debug)]
struct AtWork {
    rowid: i64,
    id: String,
    pid: Option<i64>,
    /// When it started, in milliseconds since 1970.
    started: f64,
    /// When its row was last changed, for example to store its pid.
    touched: f64,
    /// What is known of its processes.
    stored: Option<Stored>,
}

impl AtWork {
    /// Whether nobody answers for it any more. `gone` holds pids without a process.
    fn is_orphan(&self, gone: &HashSet<i64>, now: f64) -> bool {
        let Some(Stored { place, owner, child }) = &self.stored else {
            return self.seems_over(gone, now);
        };
        match (place, owner) {
            (Place::Elsewhere, _) => false,
            // Where the pid is not the one that was stored with the owner, somebody who stores no owners may have
            // taken the session over since the start of the system.
            (Place::Before, _) if self.pid.is_some() && child.is_none() => {
                self.seems_over(gone, now)
            }
            (Place::Before, Some(_)) => true,
            (Place::Before, None) => child.is_some() || self.seems_over(gone, now),
            (Place::Here, Some(owner)) if !is_caller(owner) => self.has_ended(owner),
            (Place::Here, _) => {
                self.seems_over(gone, now) || child.is_some_and(|child| child.is_replaced())
            }
        }
    }

    /// Whether a session without a known owner is over.
    fn seems_over(&self, gone: &HashSet<i64>, now: f64) -> bool {
        match self.pid {
            None => now - self.touched >= GRACE,
            Some(pid) => gone.contains(&pid) || self.is_older_than(pid),
        }
    }

    /// Whether the process with this pid is another one than that which was stored: it started later.
    fn is_older_than(&self, pid: i64) -> bool {
        processes::started_at(pid).is_some_and(|start| start > self.touched + TOLERANCE)
    }

    fn has_ended(&self, process: &Process) -> bool {
        match process.state() {
            State::Alive => false,
            State::Gone => true,
            State::Unknown => process.start.is_none() && self.is_older_than(process.pid),
        }
    }

    /// The process that an orphan still runs in, if it is known to be that.
    fn child_that_lives(&self) -> Option<Process> {
        let Stored { place: Place::Here, owner: Some(owner), child } = self.stored.as_ref()? else {
            return None;
        };
        child.filter(|child| !is_caller(owner) && child.state() == State::Alive)
    }

    /// Whether an orphan may still run in a process.
    fn may_live(&self, gone: &HashSet<i64>) -> bool {
        let Some(pid) = self.pid else {
            return false;
        };
        let child = self.stored.as_ref().and_then(|stored| Some((stored.place, stored.child?)));
        match child {
            Some((Place::Before, _)) => false,
            Some((_, child)) if child.start.is_some() => !self.has_ended(&child),
            _ => !gone.contains(&pid) && !self.is_older_than(pid),
        }
    }
}

fn is_caller(process: &Process) -> bool {
    processes::here().is_some_and(|here| here.process == *process)
}

impl Sessions {
    /// The pids of all sessions that are running or waiting at a checkpoint.
    ///
    /// # Errors
    ///
    /// An error of SQLite.
    pub fn pids_at_work(&self) -> Result<Vec<i64>> {
        self.connection.settled()?;
        let mut pids: Vec<_> = self.at_work()?.iter().filter_map(|session| session.pid).collect();
        pids.sort_unstable();
        pids.dedup();
        Ok(pids)
    }

    /// Marks orphans as failed, and passes them to `visit` afterwards, newest start first. `gone` holds pids without
    /// a process. The end of an orphan is the time of its last output, or its start.
    ///
    /// To end processes takes up to 2.5 seconds. That is done before the transaction, and stays done if it fails.
    ///
    /// # Errors
    ///
    /// An error of SQLite or of `visit`.
    pub fn fail_orphans<E: From<Error> + From<sqlite::Error>>(
        &self,
        gone: &[i64],
        FailOrphans { dry_run, kill }: FailOrphans,
        mut visit: impl FnMut(SessionRow<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        // Where nothing can be marked, nothing is ended.
        let kill = kill && !self.connection.is_readonly();
        let now = Timestamp::now().millis();
        let gone: HashSet<_> = gone.iter().copied().collect();
        let orphans = || -> Result<_> {
            let at_work = self.at_work()?.into_iter();
            Ok(at_work.filter(|session| session.is_orphan(&gone, now)).collect::<Vec<_>>())
        };
        let mut work = || -> Result<(), E> {
            for session in orphans()? {
                if !dry_run {
                    if kill && session.may_live(&gone) {
                        continue;
                    }
                    self.fail(&session)?;
                }
                self.get(&session.id, &mut visit)?;
            }
            Ok(())
        };
        if dry_run {
            self.connection.settled().map_err(Error::from)?;
            return work();
        }
        if kill {
            let lives: BTreeSet<_> =
                orphans()?.iter().filter_map(AtWork::child_that_lives).collect();
            processes::end(&lives.into_iter().collect::<Vec<_>>());
        }
        self.connection.write(|sqlite| atomically(sqlite, work))
    }

    fn at_work(&self) -> Result<Vec<AtWork>> {
        let mut found: Vec<AtWork> = Vec::new();
        let mut moments = Moments::default();
        let has_owners = has_additions(&self.connection)?;
        let sql = if has_owners { AT_WORK_WITH_OWNERS } else { AT_WORK };
        each_row(&self.connection, sql, [], |row| -> Result<bool> {
            let started = moments.millis(text(row.get_ref(3)?));
            let pid = match row.get_ref(2)? {
                ValueRef::Integer(pid) => Some(pid),
                ValueRef::Real(pid) => Some(pid as i64),
                _ => None,
            };
            found.push(AtWork {
                rowid: row.get(0)?,
                id: String::from_utf8_lossy(text(row.get_ref(1)?)).into_owned(),
                pid,
                started,
                touched: started.max(moments.millis(text(row.get_ref(4)?))),
                stored: owners::read(row, 5, pid)?,
            });
            Ok(true)
        })?;
        found.sort_by(|a, b| b.started.total_cmp(&a.started).then(b.rowid.cmp(&a.rowid)));
        Ok(found)
    }

    fn fail(&self, session: &AtWork) -> Result<()> {
        let last = self.connection.with_statement(
            LAST_OUTPUT.of(&*self.connection.of_stores()?)?,
            |last| -> Result<_> {
                let read =
                    |row: &rusqlite::Row<'_>| Ok(Moments::default().millis(text(row.get_ref(1)?)));
                Ok(last.query_row([&session.id], read).optional()?.unwrap_or(f64::NAN))
            },
        )?;
        // The maximum of a number and NaN is the number.
        let ended =
            Timestamp::from_millis(session.started.max(last)).unwrap_or_else(Timestamp::now);
        self.connection.with_statement(FAIL, |fail| -> Result<()> {
            sqlite::write(fail, params![session.rowid, ended.text()])?;
            Ok(())
        })
    }
}
