//! Whose sessions are: the process that answers for a session, and the process that it runs in. They stand in a table of
//! their own, as details do.

use rusqlite::types::ValueRef;
use rusqlite::{Connection as Sqlite, params};

use super::model::{Change, NewSession, Owner, SessionUpdate};
use super::processes::{Process, here};
use super::{Result, text};
use crate::sqlite::{self, Row};

/// The start of the child means something on its own host only.
const WRITE: &str =
    "INSERT INTO gsd_session_owners (session_id, host, owner_pid, owner_start, child_pid, child_start)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6)
     ON CONFLICT (session_id) DO UPDATE SET
     host = excluded.host,
     owner_pid = excluded.owner_pid,
     owner_start = excluded.owner_start,
     child_pid = iif(?7 OR host IS NOT excluded.host, excluded.child_pid, child_pid),
     child_start = iif(?7 OR host IS NOT excluded.host, excluded.child_start, child_start)";

/// What is to be stored.
#[derive(Debug)]
pub(super) struct News {
    host: &'static str,
    owner: Option<Process>,
    child: Option<Process>,
    /// Whether the child replaces the stored one.
    is_new_child: bool,
}

impl News {
    /// Those of a new session, if any.
    pub(super) fn of_new(session: &NewSession) -> Option<Self> {
        let news = Self::of(session.owner, session.pid)?;
        (news.owner.is_some() || news.child.is_some()).then_some(news)
    }

    /// Those of a change, if any. Whoever stores the pid has started the process, or has taken it over.
    pub(super) fn of_update(update: &SessionUpdate) -> Option<Self> {
        let pid = update.pid.value().copied();
        let is_change = update.owner != Owner::Implied || pid.is_some();
        let is_new_child = update.pid != Change::Keep;
        is_change
            .then(|| Self::of(update.owner, pid))
            .flatten()
            .map(|news| Self { is_new_child, ..news })
    }

    /// Nothing where the system does not tell enough to name a process.
    fn of(owner: Owner, pid: Option<i64>) -> Option<Self> {
        let here = here()?;
        let owner = match owner {
            Owner::Implied => Some(here.process),
            Owner::Nobody => None,
            Owner::Process(pid) => Some(Process::with_pid(pid)),
        };
        let child = pid.map(Process::with_pid);
        Some(Self { host: &here.host, owner, child, is_new_child: true })
    }

    /// Stores them, for a session that is stored.
    pub(super) fn write(&self, sqlite: &Sqlite, id: &str) -> Result<()> {
        let Self { host, owner, child, is_new_child } = self;
        let pid = |process: &Option<Process>| process.map(|process| process.pid);
        let start = |process: &Option<Process>| process.and_then(|process| process.start);
        let mut write = sqlite::prepare(sqlite, WRITE)?;
        let values =
            params![id, host, pid(owner), start(owner), pid(child), start(child), is_new_child];
        sqlite::write(&mut write, values)?;
        Ok(())
    }
}

/// Where the processes of a session ran, or run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Among the processes that this one sees.
    Here,
    /// On the same system, among others: in another container.
    Elsewhere,
    /// Before the system was started the last time. No system shares a file in WAL mode with another one that runs.
    Before,
}

/// What is stored.
#[derive(Debug)]
pub(super) struct Stored {
    pub place: Place,
    pub owner: Option<Process>,
    pub child: Option<Process>,
}

/// What five columns of a row say, from the one at `first`, about a session with this pid. A row may lack these columns.
pub(super) fn read(row: &Row<'_>, first: usize, pid: Option<i64>) -> Result<Option<Stored>> {
    let Some(here) = here().filter(|_| row.as_ref().column_count() > first) else {
        return Ok(None);
    };
    let place = match row.get_ref(first)? {
        ValueRef::Null => return Ok(None),
        host => place_of(text(host), here.host.as_bytes()),
    };
    let integer = |at| -> Result<_> {
        Ok(match row.get_ref(first + at)? {
            ValueRef::Integer(integer) => Some(integer),
            _ => None,
        })
    };
    let process = |at| -> Result<_> {
        let start = integer(at + 1)?;
        Ok(integer(at)?.map(|pid| Process { pid, start }))
    };
    let owner = process(1)?;
    // Another program may have stored another pid.
    let child = process(3)?.filter(|child| Some(child.pid) == pid);
    Ok(Some(Stored { place, owner, child }))
}

fn place_of(host: &[u8], here: &[u8]) -> Place {
    let boot = |host: &[u8]| host.split(|byte| *byte == b' ').next().map(<[u8]>::to_vec);
    if host == here {
        Place::Here
    } else if boot(host) == boot(here) {
        Place::Elsewhere
    } else {
        Place::Before
    }
}
