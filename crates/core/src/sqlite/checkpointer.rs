//! The checkpointer of a connection: a [`Governor`] for the log of its database, and for that of each database which is
//! attached to it.
//!
//! SQLite tells of the commits of all of them by one hook. An attached database has a governor from its first commit
//! on, and that has a thread for as long as there is something to do.

use std::ffi::{CStr, CString};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection as Sqlite;
use rusqlite::hooks::Wal;

pub use super::governor::Blocker;
use super::governor::Governor;
use super::log::Handle;
use super::scrub::{Owed, Watch};
use super::siblings::Siblings;
use super::turns::Turns;
use super::{OpenOptions, Result, log};

/// The governors of one connection. Dropping it stops their threads and waits for their ends.
#[derive(Debug)]
pub(crate) struct Checkpointer {
    main: Arc<Governor>,
    attached: Arc<Attached>,
}

impl Checkpointer {
    /// Governors for the logs of `connection`, told of every commit by a hook on it. That of the database also does what
    /// is owed to those who remove something.
    pub(crate) fn attach(
        connection: &mut Sqlite,
        siblings: &mut Siblings,
        (watch, owed): (&Arc<Watch>, &Arc<Owed>),
    ) -> Result<Self> {
        let Siblings { file, options, presence, .. } = siblings.clone();
        let page = log::set_up(connection, "main", options.wal_limit)?;
        let handle = Arc::new(Handle::of(connection));
        let attached = Arc::new(Attached::new(&handle, &options));
        let main = Governor::new(file, options, page, (Some(presence), handle), Arc::clone(owed));
        let main = Arc::new(main);
        let known = Arc::downgrade(&main);
        owed.wake_by(move || known.upgrade().iter().for_each(Governor::start));
        siblings.governor = Some(Arc::clone(&main));
        let (told, told_of_attached) = (Arc::clone(&main), Arc::clone(&attached));
        let (turns, watch) = (Turns::of(connection), Arc::clone(watch));
        connection.wal_hook(Some(move |log: &mut Wal, frames: i32| {
            let frames = u32::try_from(frames).unwrap_or(0);
            let committed = match log.name() == c"main" {
                true => {
                    let committed = told.committed(log, frames);
                    watch.committed();
                    committed
                }
                false => told_of_attached.committed(log, frames),
            };
            turns.iter().for_each(|turns| turns.committed());
            committed
        }))?;
        Ok(Self { main, attached })
    }

    /// Whether the thread of the database changes something.
    pub(crate) fn is_changing(&self) -> bool {
        self.main.is_changing()
    }

    /// Waits until that is over.
    pub(crate) fn wait_for_change(&self) {
        self.main.wait_for_change();
    }

    /// What prevented the last attempt to start the log of the database over.
    pub(crate) fn blocker(&self) -> Option<Blocker> {
        self.main.blocker()
    }

    /// Moves the log of the database into the file and empties it, and waits `within` this time for that. Returns whether
    /// it is empty; otherwise somebody is in the way, the time is over, or this connection never wrote.
    pub(crate) fn truncate(&self, within: Duration) -> bool {
        self.main.truncate(within)
    }

    /// As [`truncate`](Self::truncate), but for all logs, at the end of the process: what is not done by then is left.
    pub(crate) fn end(&self, deadline: Instant) {
        let left = || deadline.saturating_duration_since(Instant::now());
        if !self.truncate(left()) {
            self.main.interrupt();
        }
        for governor in self.attached.governors() {
            if !governor.truncate(left()) {
                governor.interrupt();
            }
        }
    }

    /// Leaves the attached databases alone until the next commit in them: one of them is to be detached, or to get
    /// another journal mode.
    pub(crate) fn leave_attached(&self) {
        for governor in self.attached.governors() {
            governor.stop(false);
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        for governor in self.attached.governors().chain([Arc::clone(&self.main)]) {
            governor.stop(true);
        }
    }
}

/// The governors of attached databases, by their names.
#[derive(Debug)]
struct Attached {
    handle: Arc<Handle>,
    options: OpenOptions,
    governors: Mutex<Vec<(CString, Arc<Governor>)>>,
}

impl Attached {
    fn new(handle: &Arc<Handle>, options: &OpenOptions) -> Self {
        let governors = Mutex::default();
        Self { handle: Arc::clone(handle), options: options.clone(), governors }
    }

    fn governors(&self) -> impl Iterator<Item = Arc<Governor>> + use<> {
        let governors = self.governors.lock().unwrap_or_else(PoisonError::into_inner);
        let all: Vec<_> = governors.iter().map(|(_, governor)| Arc::clone(governor)).collect();
        all.into_iter()
    }

    fn committed(&self, log: &mut Wal, frames: u32) -> rusqlite::Result<()> {
        let name = log.name().to_owned();
        match self.governor(&name) {
            Some(governor) => governor.committed(log, frames),
            None => Governor::commit_alone(log, frames),
        }
    }

    /// The governor of the database with this name. Another file may have had the name before.
    fn governor(&self, name: &CStr) -> Option<Arc<Governor>> {
        let file = self.handle.file_of(name)?;
        let mut governors = self.governors.lock().unwrap_or_else(PoisonError::into_inner);
        let at = governors.iter().position(|(known, _)| known.as_c_str() == name);
        if let Some((_, governor)) = at.and_then(|at| governors.get(at))
            && governor.file() == file
        {
            return Some(Arc::clone(governor));
        }
        if let Some((_, stale)) = at.map(|at| governors.swap_remove(at)) {
            stale.stop(true);
        }
        let page = self.handle.set_up(name, self.options.wal_limit)?;
        let governed = (None, Arc::clone(&self.handle));
        let governor = Governor::new(file, self.options.clone(), page, governed, Arc::default());
        let governor = Arc::new(governor);
        if self.handle.has_moved(name) {
            // A thread would find another file there, or none.
            governor.give_up();
        }
        governors.push((name.to_owned(), Arc::clone(&governor)));
        Some(governor)
    }
}
