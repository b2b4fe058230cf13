//! Whether a database still has its name.
//!
//! A file that is moved or removed while it is open stays open: SQLite writes on, into a file that nobody finds again.
//! So what the path leads to is compared with the file that was opened, in commits, but at most once in [`PERIOD`]. A
//! look takes some microseconds. The log and its index count as well: others who open the database would
//! make new ones, and neither see nor respect what is written with the old ones.
//!
//! No file is opened for that: see `files`. Windows does not let anybody move or remove an open database.

use std::fs;
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use rusqlite::{Connection as Sqlite, ffi};

use super::files::{self, FileId};
use super::{Error, Result, log};

/// How long a look counts. What is committed in this time after the file lost its name is lost with it.
const PERIOD: Duration = Duration::from_millis(250);

/// Those of this process.
static ALL: Mutex<Vec<Weak<Presence>>> = Mutex::new(Vec::new());

/// Keeps the log of a database that lost its name from being taken for that of the one which is opened as `file`, and made
/// there if `creates`. Whoever has the old one open keeps its files.
///
/// # Errors
///
/// `SQLITE_READONLY_DBMOVED` if a connection of this process has the same file open, and its log was taken away.
pub(super) fn make_way(file: &Path, creates: bool) -> Result<()> {
    let file = files::resolved(file);
    let now = files::id(&file);
    let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
    all.retain(|presence| presence.strong_count() > 0);
    for presence in all.iter().filter_map(Weak::upgrade) {
        let beside = presence.beside.lock().unwrap_or_else(PoisonError::into_inner);
        let is_beside = |path: &Path| path.parent() == file.parent() && presence.resolved == file;
        if presence.opened.is_some() && presence.opened == now {
            // SQLite would use the old index with a new log.
            if beside.iter().any(|(path, id)| is_beside(path) && !id.is_at(path)) {
                return Err(Error::moved());
            }
        } else {
            for (path, id) in beside.iter().filter(|(path, _)| is_beside(path)) {
                if files::id(path) == Some(*id) {
                    fs::remove_file(path).map_err(|error| Error::io(&error))?;
                }
            }
        }
    }
    drop(all);
    if creates && now.is_none() { remove_stale(&file) } else { Ok(()) }
}

/// Removes the log and the index that a database left behind which was moved or removed while it was open: by another
/// process, which may still use them. Nobody makes them before the database, so without that they are stale.
fn remove_stale(file: &Path) -> Result<()> {
    for path in ["-shm", "-wal"].map(|suffix| files::beside(file, suffix)) {
        let stale = files::id(&path);
        if stale.is_none() || file.symlink_metadata().is_ok() {
            continue;
        }
        // Another process may make the database at this moment.
        let aside = files::beside(&path, &format!(".{}.stale", std::process::id()));
        fs::rename(&path, &aside).map_err(|error| Error::io(&error))?;
        let removed = match files::id(&aside) == stale {
            true => fs::remove_file(&aside),
            false => fs::rename(&aside, &path),
        };
        removed.map_err(|error| Error::io(&error))?;
    }
    Ok(())
}

/// The files of an open database, and whether they are still in their places.
#[derive(Debug)]
pub(crate) struct Presence {
    file: PathBuf,
    /// The same without links, when it was opened.
    resolved: PathBuf,
    /// `None` if it was replaced while it was opened.
    opened: Option<FileId>,
    /// The log and its index, if there are any.
    beside: Mutex<Vec<(PathBuf, FileId)>>,
    since: Instant,
    /// When the latest look was, in microseconds after `since`; 0 is never.
    looked: AtomicU64,
    replaced: AtomicBool,
}

impl Presence {
    /// Of `file`, which `sqlite` has just opened and read.
    pub(super) fn of(file: &Path, sqlite: &Sqlite) -> Arc<Self> {
        let opened = files::id(file).filter(|_| !log::has_moved(sqlite));
        let resolved = files::resolved(file);
        let beside = ["-wal", "-shm"].map(|suffix| files::beside(&resolved, suffix));
        let beside = beside.into_iter().filter_map(|path| files::id(&path).map(|id| (path, id)));
        let presence = Arc::new(Self {
            file: file.to_owned(),
            beside: Mutex::new(beside.collect()),
            resolved,
            opened,
            since: Instant::now(),
            looked: AtomicU64::new(0),
            replaced: AtomicBool::new(false),
        });
        let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(Arc::downgrade(&presence));
        presence
    }

    /// Leaves the log and the index out: they are being closed. Gives them, should that fail.
    pub(super) fn forget(&self) -> Vec<(PathBuf, FileId)> {
        mem::take(&mut *self.beside.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes back what [`forget`](Self::forget) left out.
    pub(super) fn remember(&self, beside: Vec<(PathBuf, FileId)>) {
        *self.beside.lock().unwrap_or_else(PoisonError::into_inner) = beside;
    }

    /// Whether something else, or nothing, is in the place of the file, its log or its index. Looks now.
    pub(super) fn is_replaced(&self) -> bool {
        let beside = self.beside.lock().unwrap_or_else(PoisonError::into_inner);
        let replaced = cfg!(unix)
            && (!self.opened.is_some_and(|id| id.is_at(&self.file))
                || !beside.iter().all(|(path, id)| id.is_at(path)));
        self.replaced.store(replaced, Ordering::Relaxed);
        let now = u64::try_from(self.since.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.looked.store(now.max(1), Ordering::Relaxed);
        replaced
    }

    /// # Errors
    ///
    /// `SQLITE_READONLY_DBMOVED` if it was replaced at the latest look, and still is. Costs a nanosecond otherwise.
    pub(crate) fn check_known(&self) -> Result<()> {
        if self.replaced.load(Ordering::Relaxed) { self.check() } else { Ok(()) }
    }

    /// # Errors
    ///
    /// `SQLITE_READONLY_DBMOVED` if it is replaced. Looks now.
    pub(super) fn check(&self) -> Result<()> {
        if self.is_replaced() { Err(Error::moved()) } else { Ok(()) }
    }

    /// Refuses the commits of `sqlite` while the file is replaced. Costs a look at the clock in other commits.
    pub(super) fn guard(self: &Arc<Self>, sqlite: &mut Sqlite) -> Result<()> {
        let presence = Arc::clone(self);
        Ok(sqlite.commit_hook(Some(move || presence.refuses()))?)
    }

    fn refuses(&self) -> bool {
        let looked = self.looked.load(Ordering::Relaxed);
        let age = self.since.elapsed().saturating_sub(Duration::from_micros(looked));
        let is_known = looked > 0 && age < PERIOD && !self.replaced.load(Ordering::Relaxed);
        !is_known && self.is_replaced()
    }
}

impl Error {
    /// The error of a commit that [`Presence::guard`] refused.
    pub(super) fn moved() -> Self {
        Self::Sqlite { code: ffi::SQLITE_READONLY_DBMOVED, message: REPLACED.into() }
    }
}

/// What is said of a database that has lost its name.
pub(crate) const REPLACED: &str = "the database file, or its log, was moved, removed or replaced while it was open; what is written here would be lost: \
     put it back, or close this connection and open the path again";

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::super::{Connection, Location, OpenOptions};
    use super::*;

    fn open(file: &Path) -> Connection {
        let location = Location::File(file.to_owned());
        Connection::open(&file.to_string_lossy(), location, &OpenOptions::default()).unwrap()
    }

    fn write(connection: &Connection) -> Result<()> {
        connection.execute(
            "PRAGMA application_id = 7; CREATE TABLE IF NOT EXISTS t (x); INSERT INTO t VALUES (1)",
        )
    }

    fn refused(connection: &Connection) {
        std::thread::sleep(PERIOD);
        let error = write(connection).unwrap_err();
        assert_eq!(error.code_name().as_deref(), Some("SQLITE_READONLY_DBMOVED"), "{error}");
        assert!(connection.in_transaction().is_ok_and(|open| !open));
    }

    fn folder() -> (TempDir, impl Fn(&str) -> PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        (folder, move |name| path.join(name))
    }

    #[test]
    fn a_file_that_lost_its_name_is_not_written_to_until_it_has_it_again() {
        for name in ["a.db", "a.db-wal", "a.db-shm"] {
            let (_folder, at) = folder();
            let connection = open(&at("a.db"));
            write(&connection).unwrap();
            fs::rename(at(name), at("elsewhere")).unwrap();
            refused(&connection);
            fs::write(at(name), "another").unwrap();
            refused(&connection);
            fs::rename(at("elsewhere"), at(name)).unwrap();
            write(&connection).unwrap();
        }
    }

    #[test]
    fn a_file_opens_while_other_threads_close_it_and_with_that_remove_its_log() {
        let (_folder, at) = folder();
        let file = at("a.db");
        write(&open(&file)).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        let connection = open(&file);
                        write(&connection).unwrap();
                        connection.close().unwrap();
                    }
                });
            }
        });
    }

    #[test]
    fn a_link_that_leads_elsewhere_and_a_folder_that_is_gone_are_noticed_and_another_name_is_none()
    {
        let (_folder, at) = folder();
        fs::create_dir(at("one")).unwrap();
        drop(open(&at("one/a.db")));
        drop(open(&at("b.db")));
        symlink(at("one/a.db"), at("link.db")).unwrap();
        let connection = open(&at("link.db"));
        fs::hard_link(at("one/a.db"), at("name.db")).unwrap();
        std::thread::sleep(PERIOD);
        write(&connection).unwrap();
        fs::remove_file(at("name.db")).unwrap();
        std::thread::sleep(PERIOD);
        write(&connection).unwrap();
        fs::remove_file(at("link.db")).unwrap();
        symlink(at("b.db"), at("link.db")).unwrap();
        refused(&connection);
        fs::remove_file(at("link.db")).unwrap();
        symlink(at("one/a.db"), at("link.db")).unwrap();
        write(&connection).unwrap();
        fs::remove_dir_all(at("one")).unwrap();
        refused(&connection);
    }
}
