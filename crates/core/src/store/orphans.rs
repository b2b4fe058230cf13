//! Orphans: sessions that are marked as running or waiting, although their process is gone. A crash leaves them.

use std::collections::HashSet;

use rusqlite::types::ValueRef;
use rusqlite::{OptionalExtension, params};

use super::model::SessionRow;
use super::outputs::select_chunks;
use super::sessions::Sessions;
use super::timestamp::{Moments, Timestamp};
use super::{Error, Result, each_row, processes, text};
use crate::sqlite::{self, atomically};

/// How long a new session may be without a pid, which is stored when its process has started.
const GRACE: f64 = 60_000.0;

/// The tolerance between the compared clocks, two of which count seconds.
const TOLERANCE: f64 = 5_000.0;

const AT_WORK: &str = "SELECT rowid, id, pid, started_at, updated_at FROM sessions
     WHERE status IN ('running', 'waiting_checkpoint')";

const FAIL: &str =
    "UPDATE sessions SET status = 'failed', ended_at = coalesce(ended_at, ?2) WHERE rowid = ?1";

/// The timestamp of the latest chunk of a session.
pub(super) const LAST_OUTPUT: &str =
    select_chunks!("o.timestamp", "ORDER BY i.timestamp DESC, i.id DESC LIMIT 1");

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
}

impl AtWork {
    /// Whether its process is gone. `gone` holds pids without a process.
    fn is_orphan(&self, gone: &HashSet<i64>, now: f64) -> bool {
        match self.pid {
            None => now - self.touched >= GRACE,
            Some(pid) if gone.contains(&pid) => true,
            // A pid is stored after its process has started. A process that started later is another one.
            Some(pid) => {
                processes::started_at(pid).is_some_and(|start| start > self.touched + TOLERANCE)
            }
        }
    }
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
    /// a process. The end of an orphan is the time of its last output, or its start. With `dry_run` they stay
    /// unchanged.
    ///
    /// # Errors
    ///
    /// An error of SQLite or of `visit`.
    pub fn fail_orphans<E: From<Error> + From<sqlite::Error>>(
        &self,
        gone: &[i64],
        dry_run: bool,
        mut visit: impl FnMut(SessionRow<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let now = Timestamp::now().millis();
        let gone: HashSet<_> = gone.iter().copied().collect();
        let mut work = || -> Result<(), E> {
            for session in self.at_work()?.iter().filter(|session| session.is_orphan(&gone, now)) {
                if !dry_run {
                    self.fail(session)?;
                }
                self.get(&session.id, &mut visit)?;
            }
            Ok(())
        };
        if dry_run {
            self.connection.settled().map_err(Error::from)?;
            return work();
        }
        self.connection.write(|sqlite| atomically(sqlite, work))
    }

    fn at_work(&self) -> Result<Vec<AtWork>> {
        let mut found: Vec<AtWork> = Vec::new();
        let mut moments = Moments::default();
        each_row(&self.connection, AT_WORK, [], |row| -> Result<bool> {
            let started = moments.millis(text(row.get_ref(3)?));
            found.push(AtWork {
                rowid: row.get(0)?,
                id: String::from_utf8_lossy(text(row.get_ref(1)?)).into_owned(),
                pid: match row.get_ref(2)? {
                    ValueRef::Integer(pid) => Some(pid),
                    ValueRef::Real(pid) => Some(pid as i64),
                    _ => None,
                },
                started,
                touched: started.max(moments.millis(text(row.get_ref(4)?))),
            });
            Ok(true)
        })?;
        found.sort_by(|a, b| b.started.total_cmp(&a.started).then(b.rowid.cmp(&a.rowid)));
        Ok(found)
    }

    fn fail(&self, session: &AtWork) -> Result<()> {
        let last = self.connection.with_statement(LAST_OUTPUT, |last| -> Result<_> {
            let read =
                |row: &rusqlite::Row<'_>| Ok(Moments::default().millis(text(row.get_ref(1)?)));
            Ok(last.query_row([&session.id], read).optional()?.unwrap_or(f64::NAN))
        })?;
        // The maximum of a number and NaN is the number.
        let ended =
            Timestamp::from_millis(session.started.max(last)).unwrap_or_else(Timestamp::now);
        self.connection.with_statement(FAIL, |fail| -> Result<()> {
            sqlite::write(fail, params![session.rowid, ended.text()])?;
            Ok(())
        })
    }
}
