//! One open database, shared by everything that was made from it.
//!
//! Its methods stand in several files: here those that open, close and describe it; in `deferred` reads and writes, and the
//! writes that are put off; in `statement` the SQL of callers; in `cached` the statements of the stores; in `row` what they read.

mod cached;
mod deferred;
#[allow(unsafe_code, reason = "SQLite's names are C strings that need not be UTF-8")]
mod names;
mod removals;
#[allow(unsafe_code, reason = "rows are read by the address of their statement")]
mod row;
#[allow(unsafe_code, reason = "names are asked for by the address of a statement")]
mod statement;

pub(crate) use deferred::{Deferred, Held};
pub use names::Column;
pub(crate) use row::Compiled;
pub use row::Row;
pub use statement::Statement;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use rusqlite::wal::CheckpointMode;
use rusqlite::{Connection as Sqlite, TransactionState, ffi};

use cached::Cache;
use deferred::{Holders, Iterations, transaction_state};
use statement::PreparedCell;

use super::attached::enforces_foreign_keys;
use super::checkpointer::{Blocker, Checkpointer};
use super::companions::{self, Exposure};
use super::options::{Location, OpenOptions};
use super::presence::Presence;
use super::scrub::{Owed, Watch};
use super::siblings::Siblings;
use super::{Error, Result, files, guard, log, open, pragma, slots};

/// An open database. Stores share it by `Rc`; closing it closes it for all of them.
pub struct Connection {
    /// Moves the log into the file, if the file is written to. Dropped first, so that the connection is the last one
    /// to close, which removes the log.
    checkpointer: RefCell<Option<Checkpointer>>,
    sqlite: RefCell<Option<Rc<Sqlite>>>,
    path: String,
    location: Location,
    /// The highest slot when the CHECK was last read. Another process may widen it at any time.
    highest_slot: Cell<Option<i64>>,
    /// The statements of its stores.
    cache: Cache,
    /// The statements of callers, which are finalized when the connection closes.
    statements: RefCell<HashMap<*const PreparedCell, Rc<PreparedCell>>>,
    iterations: Iterations,
    /// Whether the file had blocks when its schema was looked at last, if it was.
    blocks: Cell<Option<bool>>,
    options: OpenOptions,
    /// How other connections to the file are opened.
    siblings: Option<Siblings>,
    /// What it removes, and what it owes for that.
    watch: Arc<Watch>,
    owed: Arc<Owed>,
    /// Deferred writes. Dropped after the connection, whose locks they may be waiting for.
    deferred: RefCell<Option<Rc<dyn Deferred>>>,
    /// What stores hold back.
    held: Holders,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Connection {
    /// Opens a database, creates what is missing, and brings its schema up to date.
    ///
    /// `path` is the path in the words of the caller, for messages and for `path()`.
    ///
    /// # Errors
    ///
    /// A file of a newer version, a file that is not a database, or one with another program's `sessions` table is
    /// refused, and left unchanged.
    pub fn open(path: &str, location: Location, options: &OpenOptions) -> Result<Self> {
        let named = |error: Error| error.context(format_args!("cannot open {path:?}"));
        let mut sqlite = open::open(&location, options).map_err(named)?;
        let owed = Arc::default();
        let watch = Watch::attach(&sqlite, &owed).map_err(named)?;
        let (mut siblings, mut checkpointer) = (None, None);
        if let Location::File(file) = &location {
            let mut of_file = Siblings {
                file: file.clone(),
                options: options.clone(),
                presence: Presence::of(file, &sqlite),
                governor: None,
            };
            if !options.readonly {
                of_file.presence.guard(&mut sqlite).map_err(named)?;
                let removals = (&watch, &owed);
                let attached = Checkpointer::attach(&mut sqlite, &mut of_file, removals);
                checkpointer = Some(attached.map_err(named)?);
            }
            siblings = Some(of_file);
        }
        let highest_slot = slots::accepted(&sqlite).map_err(named)?;
        guard::attach(&sqlite, matches!(location, Location::File(_))).map_err(named)?;
        Ok(Self {
            highest_slot: Cell::new(highest_slot),
            checkpointer: RefCell::new(checkpointer),
            cache: Cache::default(),
            statements: RefCell::default(),
            iterations: Iterations::default(),
            blocks: Cell::new(None),
            options: options.clone(),
            siblings,
            watch,
            owed,
            deferred: RefCell::new(None),
            held: Holders::default(),
            sqlite: RefCell::new(Some(Rc::new(sqlite))),
            path: path.to_owned(),
            location,
        })
    }

    fn cache(&self) -> &Cache {
        &self.cache
    }

    fn closed(&self) -> Error {
        Error::Closed { path: self.path.clone() }
    }

    fn adopt(&self, statement: &Rc<PreparedCell>) {
        self.statements.borrow_mut().insert(Rc::as_ptr(statement), Rc::clone(statement));
    }

    fn release(&self, statement: &Rc<PreparedCell>) {
        self.statements.borrow_mut().remove(&Rc::as_ptr(statement));
    }

    /// Whether a transaction is open.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`].
    pub fn in_transaction(&self) -> Result<bool> {
        Ok(!self.unsettled()?.is_autocommit())
    }

    /// Closes the database. A second call does nothing.
    ///
    /// # Errors
    ///
    /// [`Error::InUse`] while a call on the same connection is running.
    pub fn close(&self) -> Result<()> {
        if !self.is_open() {
            return Ok(());
        }
        self.check_not_iterating()?;
        self.settled()?;
        let Some(shared) = self.sqlite.take() else {
            return Ok(());
        };
        // A statement in use stays, and keeps the connection open.
        self.cache.clear();
        for statement in self.statements.borrow().values() {
            if let Ok(mut place) = statement.try_borrow_mut() {
                place.take();
            }
        }
        let (shared, error) = match Rc::try_unwrap(shared) {
            Ok(sqlite) => {
                if let Some(deferred) = self.deferred.take() {
                    deferred.stop();
                }
                self.checkpointer.take();
                self.close_beside();
                if !sqlite.is_autocommit() {
                    // Closing takes it back anyway, and its lock would be waited for.
                    let _: rusqlite::Result<()> = sqlite.execute_batch("ROLLBACK");
                }
                self.settle_removals_at_end();
                // Before the log goes: another thread that opens the file then would find it gone under this connection.
                let log = self.siblings.as_ref().map(|siblings| siblings.presence.forget());
                match sqlite.close() {
                    Ok(()) => return Ok(()),
                    Err((sqlite, error)) => {
                        if let (Some(siblings), Some(log)) = (&self.siblings, log) {
                            siblings.presence.remember(log);
                        }
                        (Rc::new(sqlite), error.into())
                    }
                }
            }
            Err(shared) => (shared, Error::InUse),
        };
        self.sqlite.replace(Some(shared));
        Err(error)
    }

    /// Whether the file accepts this slot, if its CHECK can be read.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`], or an error of SQLite.
    pub(crate) fn accepts_slot(&self, slot: i64) -> Result<bool> {
        let accepts = || self.highest_slot.get().is_none_or(|highest| slot <= highest);
        if !accepts() {
            self.highest_slot.set(slots::accepted(&*self.unsettled()?)?);
        }
        Ok(accepts())
    }

    /// The highest slot that the file accepted when its CHECK was last read, or `None` if the CHECK has an unknown
    /// form.
    pub(crate) fn highest_slot(&self) -> Option<i64> {
        self.highest_slot.get()
    }

    /// The state of the write-ahead log.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`], or an error of SQLite.
    pub fn wal_status(&self) -> Result<WalStatus> {
        let sqlite = self.unsettled()?;
        let Some(siblings) = &self.siblings else {
            return Ok(WalStatus::default());
        };
        let is_replaced = self.is_replaced();
        // A connection that is reading or writing cannot read the state of its log.
        let frames = match log::checkpoint(&sqlite, CheckpointMode::NOOP) {
            Err(error) if error.is_busy() && !is_replaced => log::frames(&siblings.open()?)?,
            // Nothing else would know.
            Err(error) if error.is_busy() => log::Frames { log: 0, done: 0 },
            looked => looked?,
        };
        let blocker = || self.checkpointer.borrow().as_ref().and_then(Checkpointer::blocker);
        Ok(WalStatus {
            size: self.log_size(),
            frames: frames.log,
            frames_left: frames.left(),
            blocker: if is_replaced { Some(Blocker::Replaced) } else { blocker() },
        })
    }

    /// Whether the file, its log or its index was moved, removed or replaced since it was opened. Looks now.
    pub fn is_replaced(&self) -> bool {
        self.siblings.as_ref().is_some_and(|siblings| siblings.presence.is_replaced())
    }

    /// Has the attached databases left alone if `sql` may detach one of them, or change a journal mode. SQLite wants
    /// them for itself then.
    fn before(&self, sql: &str) {
        if let Some(checkpointer) = &*self.checkpointer.borrow()
            && wants_alone(sql)
        {
            checkpointer.leave_attached();
        }
    }

    /// Moves the logs into their files, as far as possible before the `deadline`: the process ends.
    pub fn leave_log(&self, deadline: Instant) {
        if let Some(checkpointer) = &*self.checkpointer.borrow() {
            checkpointer.end(deadline);
        }
    }

    /// The size of the write-ahead log in bytes.
    pub(crate) fn log_size(&self) -> u64 {
        let size = |log| std::fs::metadata(log).map_or(0, |log| log.len());
        self.log().map_or(0, size)
    }

    /// The present journal mode of the database, in SQLite's words.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`], or an error of SQLite.
    pub fn journal_mode(&self) -> Result<String> {
        pragma::mode_of(&*self.unsettled()?)
    }

    /// A number that grows with every commit of any connection. Reading it costs some two microseconds.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`], or an error of SQLite.
    pub fn changes(&self) -> Result<u64> {
        let own = self.unsettled()?.total_changes();
        let of_others: i64 = self
            .with_statement("PRAGMA data_version", |version| -> Result<_> {
                Ok(version.query_row([], |row| row.get(0))?)
            })?;
        Ok(own + of_others.unsigned_abs())
    }

    /// # Errors
    ///
    /// `SQLITE_READONLY`, in SQLite's words, if the database was opened for reading only: an older file may lack the table
    /// that SQLite would fail to find.
    pub fn check_writable(&self) -> Result<()> {
        if !self.options.readonly {
            return Ok(());
        }
        let message = "attempt to write a readonly database".into();
        Err(Error::Sqlite { code: ffi::SQLITE_READONLY, message })
    }

    /// Whether the database is open.
    pub fn is_open(&self) -> bool {
        self.sqlite.borrow().is_some()
    }

    /// The path that the connection was opened with.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Where the database lives.
    pub(super) fn location(&self) -> &Location {
        &self.location
    }

    /// Whether the database lives there.
    pub fn is_at(&self, location: &Location) -> bool {
        match (&self.location, location) {
            (Location::File(own), Location::File(file)) => {
                own == file || files::same_file(own, file)
            }
            (own, other) => own == other,
        }
    }

    /// How other connections to the file are opened, if they can write to the database as well.
    pub(crate) fn siblings(&self) -> Option<&Siblings> {
        self.siblings.as_ref().filter(|_| !self.options.readonly)
    }

    /// How other connections to the file are opened that only read. Deferred writes are done first. `None` for a database in
    /// memory.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`], or an error of SQLite.
    pub(crate) fn readers(&self) -> Result<Option<Siblings>> {
        self.settled()?;
        Ok(self.siblings.clone())
    }

    /// Such a connection.
    ///
    /// # Errors
    ///
    /// `SQLITE_READONLY_DBMOVED` if the file is not in its place; an error of SQLite.
    pub(crate) fn reader(siblings: &Siblings) -> Result<Self> {
        let Siblings { file, options, presence, .. } = siblings;
        presence.check()?;
        let options = OpenOptions { readonly: true, ..options.clone() };
        let reader = Self::open(&file.to_string_lossy(), Location::File(file.clone()), &options)?;
        presence.check()?;
        Ok(reader)
    }

    /// The parts of the database that more people can access than its mode allows.
    pub fn exposures(&self) -> Vec<Exposure> {
        match &self.location {
            Location::File(file) => companions::exposures(file),
            Location::Memory => Vec::new(),
        }
    }

    /// The write-ahead log of a database in a file.
    pub fn log(&self) -> Option<PathBuf> {
        match &self.location {
            Location::File(file) => Some(files::log_of(file)),
            Location::Memory => None,
        }
    }

    /// Another connection to the file, for another thread. Deferred writes are done first. `None` for a database in
    /// memory, which no other connection can see.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`], or an error of SQLite.
    pub fn sibling(&self) -> Result<Option<Sqlite>> {
        self.settled()?;
        let Some(siblings) = &self.siblings else {
            return Ok(None);
        };
        // A pragma may have changed it since the connection was opened.
        let foreign_keys = enforces_foreign_keys(&*self.unsettled()?)?;
        let options = OpenOptions { foreign_keys, ..self.options.clone() };
        Siblings { options, ..siblings.clone() }.open().map(Some)
    }

    /// How the database was opened.
    pub fn options(&self) -> &OpenOptions {
        &self.options
    }

    /// Lets a transaction that may have begun just now read no older state than what the checkpointer's thread commits: it could
    /// not write any more. One that can write already need not wait.
    pub(super) fn after_begin(&self, sqlite: &Sqlite) {
        if !sqlite.is_autocommit()
            && let Some(checkpointer) = &*self.checkpointer.borrow()
            && checkpointer.is_changing()
            && !matches!(transaction_state(sqlite), Ok(TransactionState::Write))
        {
            checkpointer.wait_for_change();
        }
    }

    /// Whether the file had blocks when a store looked at its schema last, if one did.
    pub(crate) fn blocks(&self) -> &Cell<Option<bool>> {
        &self.blocks
    }

    /// Whether the database lives in memory.
    pub fn is_memory(&self) -> bool {
        self.location == Location::Memory
    }

    /// Whether the database was opened for reading only.
    pub fn is_readonly(&self) -> bool {
        self.options.readonly
    }
}

/// Whether `sql` may need a database for itself.
fn wants_alone(sql: &str) -> bool {
    ["detach", "journal_mode", "locking_mode"].iter().any(|word| contains(sql, word))
}

/// Whether `sql` contains `word`, in whatever case.
fn contains(sql: &str, word: &str) -> bool {
    sql.as_bytes().windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes()))
}

/// The state of a write-ahead log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WalStatus {
    /// The size of its file, in bytes. A log that starts over reuses the file.
    pub size: u64,
    /// Pages written since it last started over.
    pub frames: u32,
    /// Those pages that are not in the database file yet.
    pub frames_left: u32,
    /// What prevented the last attempt to start over.
    pub blocker: Option<Blocker>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::turns::Turns;
    use std::fs;
    use std::path::Path;

    fn open_file(file: &Path, options: &OpenOptions) -> Result<Connection> {
        Connection::open(&file.to_string_lossy(), Location::File(file.to_owned()), options)
    }

    fn text(connection: &Connection, sql: &str) -> String {
        let sqlite = connection.sqlite().unwrap();
        sqlite
            .query_row(sql, [], |row| row.get::<_, rusqlite::types::Value>(0))
            .map(|value| format!("{value:?}"))
            .unwrap()
    }

    #[test]
    fn a_new_file_is_a_private_wal_database() {
        let folder = tempfile::tempdir().unwrap();
        let connection =
            open_file(&folder.path().join("new/sessions.db"), &OpenOptions::default()).unwrap();
        assert_eq!(text(&connection, "PRAGMA journal_mode"), "Text(\"wal\")");
        assert_eq!(text(&connection, "PRAGMA auto_vacuum"), "Integer(2)");
        assert_eq!(text(&connection, "PRAGMA foreign_keys"), "Integer(0)");
        assert_eq!(text(&connection, "PRAGMA trusted_schema"), "Integer(0)");
        let turns = Turns::of(&connection.unsettled().unwrap()).unwrap();
        assert_eq!(turns.timeout(), std::time::Duration::from_secs(5));
        connection.close().unwrap();
        assert!(!folder.path().join("new/sessions.db-wal").exists());
    }

    #[cfg(unix)]
    #[test]
    fn a_refused_file_keeps_its_bytes_and_its_log() {
        let with = |file: &Path, suffix| PathBuf::from(format!("{}{suffix}", file.display()));
        let folder = tempfile::tempdir().unwrap();
        let (file, copy) = (folder.path().join("a.db"), folder.path().join("b.db"));
        let _writer = open_file(&file, &OpenOptions::default()).unwrap();
        let newer = Sqlite::open(&file).unwrap();
        newer.execute_batch("PRAGMA user_version = 99").unwrap();
        for suffix in ["", "-wal"] {
            fs::copy(with(&file, suffix), with(&copy, suffix)).unwrap();
        }
        let before = (fs::read(&copy).unwrap(), fs::read(with(&copy, "-wal")).unwrap());
        let link = folder.path().join("link.db");
        std::os::unix::fs::symlink(&copy, &link).unwrap();
        open_file(&copy, &OpenOptions::default()).unwrap_err();
        open_file(&link, &OpenOptions::default()).unwrap_err();
        let after = (fs::read(&copy).unwrap(), fs::read(with(&copy, "-wal")).unwrap());
        assert!(before == after && !after.1.is_empty());
    }

    fn append(connection: &Connection, rows: usize) {
        let sqlite = connection.sqlite().unwrap();
        let mut insert = sqlite
            .prepare_cached(
                "INSERT INTO session_outputs (session_id, timestamp, type, data)
                 VALUES ('s', '2026-01-01T00:00:00.000Z', 'stdout', ?1)",
            )
            .unwrap();
        let line = "x".repeat(150);
        for _ in 0..rows {
            insert.execute([&line]).unwrap();
        }
    }

    fn eventually(mut holds: impl FnMut() -> bool) {
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while !holds() {
            assert!(std::time::Instant::now() < deadline, "it never came true");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    #[test]
    fn a_log_that_nobody_reads_is_moved_into_the_file_and_starts_over() {
        let folder = tempfile::tempdir().unwrap();
        let options = OpenOptions { wal_limit: 1 << 20, ..OpenOptions::default() };
        let connection = open_file(&folder.path().join("a.db"), &options).unwrap();
        append(&connection, 10);
        eventually(|| connection.wal_status().unwrap().frames_left == 0);
        // Without a pause it is a restart that bounds the log, to its limit and what a pass takes.
        append(&connection, 20_000);
        let status = connection.wal_status().unwrap();
        assert!(status.size < 64 << 20, "{status:?}");
        eventually(|| connection.wal_status().unwrap().frames_left == 0);
        connection.close().unwrap();
        assert!(!folder.path().join("a.db-wal").exists());
    }

    #[test]
    fn a_log_pinned_by_a_reader_grows_reports_it_and_recovers() {
        let folder = tempfile::tempdir().unwrap();
        let options = OpenOptions { wal_limit: 1 << 20, ..OpenOptions::default() };
        let connection = open_file(&folder.path().join("a.db"), &options).unwrap();
        append(&connection, 1);
        let reader = Sqlite::open(folder.path().join("a.db")).unwrap();
        reader.execute_batch("BEGIN; SELECT count(*) FROM session_outputs").unwrap();
        append(&connection, 2_000);
        eventually(|| connection.wal_status().unwrap().blocker == Some(Blocker::Reader));
        assert!(connection.wal_status().unwrap().frames_left > 1_000);
        reader.execute_batch("COMMIT").unwrap();
        append(&connection, 1);
        eventually(|| connection.wal_status().unwrap().frames_left == 0);
        append(&connection, 1);
        assert!(connection.wal_status().unwrap().frames < 100);
        assert_eq!(connection.wal_status().unwrap().size, 2 << 20);
    }

    #[test]
    fn closing_twice_works_and_closing_during_a_call_fails() {
        let connection =
            Connection::open(":memory:", Location::Memory, &OpenOptions::default()).unwrap();
        let in_a_call = connection.sqlite().unwrap();
        assert!(matches!(connection.close(), Err(Error::InUse)));
        drop(in_a_call);
        connection.close().unwrap();
        connection.close().unwrap();
        assert!(matches!(connection.sqlite(), Err(Error::Closed { .. })));
    }
}
