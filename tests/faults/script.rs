//! A scripted day of one connection, with a fault somewhere in it.

use std::path::PathBuf;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use gsd_session_core::sqlite::{self, Connection, OpenOptions};
use gsd_session_core::store;
use gsd_session_core::store::model::{SessionStatus, SessionUpdate};
use gsd_session_core::store::outputs::Outputs;
use gsd_session_core::store::sessions::Sessions;
use rusqlite::ffi;
use tempfile::TempDir;

use super::model::{Model, assert_sound, chunk, open, session};
use super::plan::{self, Failure, Fault, Until};

/// The result of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// Whether the workload was long enough for the fault.
    pub struck: bool,
    /// How many calls of the library failed.
    pub errors: u32,
    /// Whether a failed change turned out to be complete.
    pub whole: bool,
}

/// A database, and its expected content.
pub struct World {
    fault: Fault,
    pub(super) file: PathBuf,
    options: OpenOptions,
    pub(super) connection: Option<Rc<Connection>>,
    pub(super) model: Model,
    /// What it may hold instead, once the log is read again: the last failed change may be complete in the log, if
    /// its commit failed in a sync or in the index and nothing has overwritten it.
    pub(super) or: Option<Model>,
    errors: u32,
    whole: bool,
    _folder: TempDir,
}

impl World {
    /// A file that does not exist yet, and a fault that comes later.
    pub fn new(fault: &Fault, options: OpenOptions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            fault: *fault,
            file: folder.path().join("sessions.db"),
            options,
            connection: None,
            model: Model::default(),
            or: None,
            errors: 0,
            whole: false,
            _folder: folder,
        }
    }

    /// A copy of the file that the better-sqlite3 version of the store made.
    pub fn with_plan_file(fault: &Fault, options: OpenOptions) -> Self {
        let mut world = Self::new(fault, options);
        let fixture =
            PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../__test__/fixtures/plan-v0.db");
        std::fs::copy(&fixture, &world.file).unwrap();
        let other = world.file.with_file_name("other.db");
        std::fs::copy(&fixture, &other).unwrap();
        world.model = Model::stored(&rusqlite::Connection::open(&other).unwrap()).unwrap();
        world
    }

    /// Opens the file; where that fails, once more.
    pub fn open(&mut self, slots: u16) {
        self.options.slots = slots;
        for _ in 0..2 {
            match open(&self.file, &self.options) {
                Ok(connection) => {
                    self.connection = Some(Rc::new(connection));
                    self.settle_what_failed();
                    return;
                }
                Err(error) => self.note("open", &error),
            }
        }
    }

    pub fn close(&mut self) {
        if let Some(connection) = &self.connection {
            match connection.close() {
                Ok(()) => self.connection = None,
                Err(error) => self.note("close", &error),
            }
        }
    }

    fn stores(&self) -> Option<(Sessions, Outputs)> {
        let connection = self.connection.as_ref()?;
        Some((Sessions::new(Rc::clone(connection)), Outputs::new(Rc::clone(connection))))
    }

    /// Changes something, and the model if that was acknowledged.
    pub(super) fn change(
        &mut self,
        what: &str,
        call: impl FnOnce(&Sessions, &Outputs) -> store::Result<()>,
        change: impl FnOnce(&mut Model),
    ) {
        let Some((sessions, outputs)) = self.stores() else { return };
        let mut changed = self.model.clone();
        change(&mut changed);
        match call(&sessions, &outputs) {
            Ok(()) => {
                self.model = changed;
                self.or = None;
            }
            Err(store::Error::Sqlite(error)) => {
                self.note(what, &error);
                self.or = Some(changed);
            }
            Err(error) => panic!("{what}: {error}"),
        }
    }

    pub fn create(&mut self, id: &str, slot: i64) {
        let call = |sessions: &Sessions, _: &Outputs| sessions.create(&session(id, slot));
        self.change("create", call, |model| model.create(id, slot));
    }

    pub fn update(&mut self, id: &str, status: SessionStatus) {
        let update = SessionUpdate { status: Some(status), ..SessionUpdate::default() };
        let call = |sessions: &Sessions, _: &Outputs| sessions.update(id, &update, None).map(drop);
        self.change("update", call, |model| model.set_status(id, status));
    }

    pub fn delete(&mut self, id: &str) {
        let call = |sessions: &Sessions, _: &Outputs| sessions.delete(id, false);
        self.change("delete", call, |model| model.delete(id));
    }

    pub fn append(&mut self, id: &str, data: &str) {
        let call = |_: &Sessions, outputs: &Outputs| outputs.append(chunk(id, data)).map(drop);
        self.change("append", call, |model| model.append(id, data));
    }

    pub fn append_many(&mut self, id: &str, data: &[&str]) {
        let chunks: Vec<_> = data.iter().map(|data| chunk(id, data)).collect();
        let call = |_: &Sessions, outputs: &Outputs| outputs.append_many(&chunks).map(drop);
        self.change("appendMany", call, |model| {
            data.iter().for_each(|data| model.append(id, data));
        });
    }

    /// Reads everything: the result is what was acknowledged, or an error.
    pub fn read(&mut self) {
        let Some((sessions, outputs)) = self.stores() else { return };
        match self.model.assert_read(&sessions, &outputs) {
            Ok(()) => {}
            Err(store::Error::Sqlite(error)) => self.note("read", &error),
            Err(error) => panic!("read: {error}"),
        }
    }

    /// Waits until the log is moved into the file, or the fault has struck.
    pub fn wait_for_checkpointer(&self) {
        let connection = self.connection.as_ref().unwrap();
        let frames_left = || connection.wal_status().unwrap().frames_left;
        eventually(|| plan::has_struck() || frames_left() == 0);
    }

    /// The frames of the log.
    pub fn log_frames(&self) -> u32 {
        self.connection.as_ref().unwrap().wal_status().unwrap().frames
    }

    pub fn checkpoint(&mut self) {
        let Some(connection) = &self.connection else { return };
        if let Err(error) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)") {
            self.note("checkpoint", &error);
        }
    }

    pub(super) fn note(&mut self, what: &str, error: &sqlite::Error) {
        assert_tells(&self.fault, what, error);
        self.errors += 1;
    }

    /// Ends the day: heals the fault, and asserts that everything works and holds what it must.
    pub fn end(mut self) -> Outcome {
        if self.fault.until == Until::Closed {
            self.close();
            // A connection that could not be closed is dropped.
            self.connection = None;
        }
        let struck = plan::has_struck();
        plan::heal();
        if self.fault.until == Until::Once {
            assert!(self.errors <= 1, "one fault, {} errors", self.errors);
        }
        if self.connection.is_some() {
            self.assert_works(1);
        } else {
            self.assert_reopens(1);
        }
        self.close();
        self.assert_reopens(2);
        Outcome { struck, errors: self.errors, whole: self.whole }
    }

    fn assert_reopens(&mut self, round: u32) {
        assert!(self.connection.is_none());
        self.connection = Some(Rc::new(open(&self.file, &self.options).unwrap()));
        self.settle_what_failed();
        self.assert_works(round);
    }

    /// Closing moves the log into the file and removes it, with the failed change. Only if that fails as well, the
    /// log is read again.
    fn settle_what_failed(&mut self) {
        if let Some(or) = self.or.take()
            && self.fault.until != Until::Once
            && plan::unharmed(|| Model::stored(&self.sqlite())).is_ok_and(|stored| stored == or)
        {
            self.model = or;
            self.whole = true;
        }
    }

    pub(super) fn sqlite(&self) -> Rc<rusqlite::Connection> {
        self.connection.as_ref().unwrap().sqlite().unwrap()
    }

    fn assert_works(&mut self, round: u32) {
        assert_eq!(Model::stored(&self.sqlite()).unwrap(), self.model);
        let errors = self.errors;
        let id = format!("after-{round}");
        self.create(&id, self.options.slots.into());
        self.append(&id, "it works");
        self.append_many(&id, &["again", "and again"]);
        self.update(&id, SessionStatus::Completed);
        self.read();
        assert_eq!(self.errors, errors);
        assert_eq!(Model::stored(&self.sqlite()).unwrap(), self.model);
        assert_sound(&self.sqlite());
    }
}

/// Waits until a condition holds.
pub fn eventually(mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < deadline, "it never came true");
        thread::sleep(Duration::from_micros(200));
    }
}

/// Asserts that an error is SQLite's, reports the fault, and comes after it.
pub fn assert_tells(fault: &Fault, what: &str, error: &sqlite::Error) {
    let sqlite::Error::Sqlite { code, message } = error else { panic!("{what}: {error}") };
    let expected = match fault.failure {
        Failure::Full => code & 0xff == ffi::SQLITE_FULL,
        Failure::Io | Failure::Short => {
            matches!(code & 0xff, ffi::SQLITE_IOERR | ffi::SQLITE_CANTOPEN)
        }
    };
    assert!(plan::has_struck() && expected && !message.is_empty(), "{what}: {code} {message}");
}
