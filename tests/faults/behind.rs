//! A day of write-behind: two threads that write, each with its own connection.

use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use gsd_session_core::sqlite::{Connection, OpenOptions, Synchronous};
use gsd_session_core::store;
use gsd_session_core::store::outputs::Outputs;
use gsd_session_core::store::sessions::Sessions;
use gsd_session_core::store::write_behind::Settings;
use tempfile::TempDir;

use super::model::{MANY, Model, assert_sound, chunk, full, open, session};
use super::plan::{self, Fault, Until};
use super::script::{Outcome, assert_tells, eventually};

/// The thread that writes what is queued.
pub const WRITER: &str = "write-behind";

/// Two rows of this length do not fit into one group.
const LONG: usize = 140 << 10;

/// The queue has room for three short rows.
const CROWDED: usize = 512;

struct Behind {
    fault: Fault,
    /// How much the queue holds.
    max_bytes: usize,
    file: PathBuf,
    options: OpenOptions,
    connection: Rc<Connection>,
    outputs: Outputs,
    /// What was acknowledged: each row is committed or queued.
    model: Model,
    /// How often the writer's thread reported an error.
    told: Arc<AtomicU32>,
    errors: u32,
    _folder: TempDir,
}

/// A day on which the queue has room for everything.
pub fn a_day(fault: &Fault) -> Outcome {
    day(Behind::new(fault, Settings::default().max_bytes))
}

/// A day on which the queue has room for a few rows.
pub fn a_crowded_day(fault: &Fault) -> Outcome {
    day(Behind::new(fault, CROWDED))
}

/// A day on which the appending thread is often faster than the writer's.
pub fn a_busy_day(fault: &Fault) -> Outcome {
    let mut day = Behind::new(fault, Settings::default().max_bytes);
    plan::arm(*fault);
    for _ in 0..100 {
        day.append("row");
        day.flush();
    }
    day.end()
}

fn day(mut day: Behind) -> Outcome {
    let fault = &day.fault;
    plan::arm(*fault);
    for data in ["one", "two", "three", "four"] {
        day.append(data);
    }
    day.wait_for_writer();
    day.append("five");
    day.append(&"long ".repeat(LONG / 5));
    day.append(&"longer".repeat(LONG / 6));
    day.flush();
    day.append("six");
    day.read();
    day.append("seven");
    day.create("s-2");
    day.append("eight");
    day.append_many(&["nine", "ten"]);
    for data in MANY {
        day.append(data);
    }
    day.wait_for_writer();
    day.append("last");
    day.end()
}

impl Behind {
    fn new(fault: &Fault, max_bytes: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sessions.db");
        let options = OpenOptions { synchronous: Synchronous::Full, ..OpenOptions::default() };
        let connection = Rc::new(open(&file, &options).unwrap());
        Sessions::new(Rc::clone(&connection)).create(&session("s-1", 1)).unwrap();
        let mut model = Model::default();
        model.create("s-1", 1);
        let told = Arc::new(AtomicU32::new(0));
        let (teller, expected) = (Arc::clone(&told), *fault);
        let outputs = Outputs::write_behind(
            Rc::clone(&connection),
            Settings { max_delay: Duration::ZERO, max_bytes },
            Some(Box::new(move |error| {
                assert_tells(&expected, "on_error", error);
                teller.fetch_add(1, Ordering::SeqCst);
            })),
        )
        .unwrap();
        let (fault, errors) = (*fault, 0);
        Self {
            fault,
            max_bytes,
            file,
            options,
            connection,
            outputs,
            model,
            told,
            errors,
            _folder: folder,
        }
    }

    /// If there is room, this never fails, whatever the disk does.
    fn append(&mut self, data: &str) {
        let appended = self.outputs.append(chunk("s-1", data));
        if self.noted("append", appended) {
            self.model.append("s-1", data);
        } else {
            assert_eq!(self.max_bytes, CROWDED);
        }
    }

    /// Whether the call succeeded.
    fn noted<T>(&mut self, what: &str, result: store::Result<T>) -> bool {
        match result {
            Ok(_) => return true,
            Err(store::Error::Sqlite(error)) => assert_tells(&self.fault, what, &error),
            Err(error) => panic!("{what}: {error}"),
        }
        self.errors += 1;
        false
    }

    /// The committed rows, which are the first of the acknowledged rows.
    fn stored(&self) -> Model {
        let sqlite = self.connection.unsettled().unwrap();
        let stored = plan::unharmed(|| Model::stored(&sqlite)).unwrap();
        assert!(self.model.outputs.starts_with(&stored.outputs), "{stored:?}");
        stored
    }

    /// Waits until the thread has committed everything, or met the fault.
    fn wait_for_writer(&self) {
        eventually(|| self.told.load(Ordering::SeqCst) > 0 || self.stored() == self.model);
    }

    fn flush(&mut self) {
        let flushed = self.outputs.flush();
        if self.noted("flush", flushed) {
            assert_eq!(self.stored(), self.model);
        }
    }

    fn create(&mut self, id: &str) {
        let created = Sessions::new(Rc::clone(&self.connection)).create(&session(id, 1));
        if self.noted("create", created) {
            self.model.create(id, 1);
        }
    }

    fn append_many(&mut self, data: &[&str]) {
        let chunks: Vec<_> = data.iter().map(|data| chunk("s-1", data)).collect();
        let appended = self.outputs.append_many(&chunks);
        if self.noted("appendMany", appended) {
            data.iter().for_each(|data| self.model.append("s-1", data));
            assert_eq!(self.stored(), self.model);
        }
    }

    /// A read returns everything that was acknowledged, or fails.
    fn read(&mut self) {
        match full(&self.outputs, "s-1") {
            Ok(read) => assert!(read == self.model.data("s-1").join("|"), "a read lacks something"),
            Err(error) => drop(self.noted::<()>("read", Err(error))),
        }
    }

    /// Ends the day: heals the fault, and asserts that everything works and holds what it must.
    fn end(mut self) -> Outcome {
        if self.fault.until == Until::Closed {
            return self.end_while_it_fails();
        }
        let struck = plan::has_struck();
        plan::heal();
        if self.fault.until == Until::Once && self.fault.nth % 8 == 1 {
            // The thread tries again after a pause, which is too long to wait for every time.
            eventually(|| self.stored() == self.model);
        }
        self.outputs.flush().unwrap();
        assert_eq!(self.stored(), self.model);
        self.append("it works");
        self.append_many(&["and again"]);
        assert_eq!(self.stored(), self.model);
        assert_sound(&self.connection.sqlite().unwrap());
        self.append("until it is closed");
        self.connection.close().unwrap();
        let connection = open(&self.file, &self.options).unwrap();
        assert_eq!(Model::stored(&connection.sqlite().unwrap()).unwrap(), self.model);
        assert_sound(&connection.sqlite().unwrap());
        outcome(struck, &self.told, self.errors)
    }

    fn end_while_it_fails(mut self) -> Outcome {
        let closed = self.connection.close();
        let closed = self.noted("close", closed.map_err(store::Error::from));
        let Self { file, options, connection, outputs, model, told, errors, _folder, .. } = self;
        drop((connection, outputs));
        let outcome = outcome(plan::has_struck(), &told, errors);
        plan::heal();
        let connection = open(&file, &options).unwrap();
        let stored = Model::stored(&connection.sqlite().unwrap()).unwrap();
        assert!(!closed || stored == model, "{stored:?}");
        // Rows that could not be written before the end are lost, but only the last ones.
        assert!(model.outputs.starts_with(&stored.outputs), "{stored:?}");
        assert_sound(&connection.sqlite().unwrap());
        outcome
    }
}

fn outcome(struck: bool, told: &AtomicU32, errors: u32) -> Outcome {
    let told = told.load(Ordering::SeqCst);
    assert!(told <= 1, "told {told} times");
    Outcome { struck, errors: errors + told, whole: false }
}
