//! Workloads with pins, orphans, pruning, backups, salvage and exports.

use std::fs;
use std::ops::ControlFlow;
use std::rc::Rc;

use gsd_session_core::sqlite::OpenOptions;
use gsd_session_core::store;
use gsd_session_core::store::model::{ExportFormat, SessionStatus};
use gsd_session_core::store::orphans::FailOrphans;
use gsd_session_core::store::outputs::Outputs;
use gsd_session_core::store::retention::{Criteria, prune};
use gsd_session_core::store::salvage::{Lost, salvage};
use gsd_session_core::store::sessions::Sessions;
use rusqlite::Connection as Sqlite;

use super::model::{Model, PID, assert_sound};
use super::plan::{self, Fault};
use super::script::{Outcome, World};

/// The newest session that is over stays.
const CRITERIA: Criteria = Criteria {
    older_than: None,
    max_bytes: None,
    keep_last: Some(1),
    statuses: Vec::new(),
    orphans: false,
    scrub: true,
    dry_run: false,
};

pub fn a_day(fault: &Fault) -> Outcome {
    let mut world = World::new(fault, OpenOptions::default());
    world.open(3);
    // One chunk each, so that a session goes in one transaction.
    for id in ["s-1", "s-2", "s-3", "s-4", "s-5"] {
        world.create(id, 1);
        world.append(id, &format!("{id} ").repeat(4_000));
    }
    plan::arm(*fault);
    world.fail_orphans();
    world.pin("s-2");
    world.back_up();
    world.prune();
    world.read();
    world.export("s-5");
    world.close();
    world.open(3);
    world.prune();
    world.read();
    world.end()
}

/// A session goes in one transaction, as tables and triggers of others have a say.
pub fn a_day_with_tables_of_others(fault: &Fault) -> Outcome {
    let options = OpenOptions { foreign_keys: true, ..OpenOptions::default() };
    let mut world = World::new(fault, options);
    world.open(3);
    for id in ["s-1", "s-2", "s-3"] {
        world.create(id, 1);
        world.append_many(id, &["one", &"long ".repeat(1_000)]);
    }
    let others = "CREATE TABLE notes (session_id REFERENCES sessions ON DELETE CASCADE);
         INSERT INTO notes VALUES ('s-1');
         CREATE TRIGGER of_others AFTER DELETE ON session_outputs BEGIN SELECT 1; END";
    world.connection.as_ref().unwrap().execute(others).unwrap();
    plan::arm(*fault);
    world.fail_orphans();
    world.prune();
    world.read();
    world.close();
    world.open(3);
    world.prune();
    world.read();
    world.end()
}

pub fn a_day_of_salvage(fault: &Fault) -> Outcome {
    let mut world = World::new(fault, OpenOptions::default());
    world.open(3);
    world.create("s-1", 1);
    world.append("s-1", &"long ".repeat(4_000));
    world.append("s-1", "short");
    plan::arm(*fault);
    world.salvage();
    world.read();
    world.end()
}

impl World {
    fn fail_orphans(&mut self) {
        let call = |sessions: &Sessions, _: &Outputs| {
            sessions.fail_orphans(&[PID], FailOrphans::default(), |_| store::Result::Ok(()))
        };
        self.change("failOrphans", call, Model::fail_orphans);
    }

    fn pin(&mut self, id: &str) {
        let call = |sessions: &Sessions, _: &Outputs| sessions.pin(id).map(drop);
        self.change("pin", call, |model| model.pin(id));
    }

    /// Prunes. If that fails, only the oldest of the chosen sessions are removed.
    fn prune(&mut self) {
        let Some(connection) = self.connection.clone() else { return };
        let own = match connection.sibling() {
            Ok(own) => own.unwrap(),
            Err(error) => return self.note("prune", &error),
        };
        let criteria = Criteria { statuses: vec![SessionStatus::Failed], ..CRITERIA };
        let pruned = prune(&own, &criteria, Some(connection.owed()), |_| ControlFlow::Continue(()));
        let due = self.model.prunable();
        match pruned {
            Ok(pruned) => {
                assert_eq!(pruned.unwrap().sessions, due);
                if !due.is_empty() {
                    self.or = None;
                }
                due.iter().for_each(|id| self.model.delete(id));
            }
            Err(store::Error::Sqlite(error)) => {
                self.note("prune", &error);
                let stored = plan::unharmed(|| Model::stored(&self.sqlite())).unwrap();
                let mut due = due.iter();
                while self.model != stored {
                    self.model.delete(due.next().expect("only what may go is gone"));
                }
                if let Some(next) = due.next() {
                    let mut or = self.model.clone();
                    or.delete(next);
                    self.or = Some(or);
                }
            }
            Err(error) => panic!("prune: {error}"),
        }
    }

    /// Makes a backup, which is complete or absent.
    fn back_up(&mut self) {
        let Some(connection) = &self.connection else { return };
        let target = self.file.with_file_name("backup.db");
        let source = connection.backup_source();
        match source.and_then(|source| source.copy_to(&target, |_| ControlFlow::Continue(()))) {
            Ok(copied) => {
                copied.unwrap();
                plan::unharmed(|| {
                    let copy = Sqlite::open(&target).unwrap();
                    assert_eq!(Model::stored(&copy).unwrap(), self.model);
                    let _: String = copy
                        .pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))
                        .unwrap();
                    assert_sound(&copy);
                });
                fs::remove_file(&target).unwrap();
            }
            Err(error) => self.note("backup", &error),
        }
        self.assert_nothing_left();
    }

    /// Salvages the file. The result is complete, or problems are reported.
    fn salvage(&mut self) {
        let target = self.file.with_file_name("salvaged.db");
        match salvage(&self.file, &target) {
            Ok(salvaged) => {
                plan::unharmed(|| {
                    let copy = Sqlite::open(&target).unwrap();
                    let is_told = salvaged.lost != Lost::default() || !salvaged.problems.is_empty();
                    let is_whole = Model::stored(&copy).unwrap() == self.model;
                    assert!(is_told || is_whole, "{salvaged:?}");
                    let _: String = copy
                        .pragma_update_and_check(None, "journal_mode", "delete", |row| row.get(0))
                        .unwrap();
                });
                fs::remove_file(&target).unwrap();
            }
            Err(store::Error::Sqlite(error)) => self.note("salvage", &error),
            Err(error) => panic!("salvage: {error}"),
        }
        self.assert_nothing_left();
    }

    /// Exports a session to a file, which is complete or absent.
    fn export(&mut self, id: &str) {
        let Some(connection) = &self.connection else { return };
        let target = self.file.with_file_name("session.log");
        let outputs = Outputs::new(Rc::clone(connection));
        let export = outputs.export(id.into(), ExportFormat::Raw, (None, None), None, None);
        match export.and_then(|export| export.write_to(&target, |_| ControlFlow::Continue(()))) {
            Ok(written) => {
                written.unwrap();
                assert_eq!(fs::read_to_string(&target).unwrap(), self.model.data(id).concat());
                fs::remove_file(&target).unwrap();
            }
            Err(store::Error::Sqlite(error)) => self.note("exportTo", &error),
            Err(error) => panic!("exportTo: {error}"),
        }
        self.assert_nothing_left();
    }

    /// Asserts that the folder holds only the database and its log.
    fn assert_nothing_left(&self) {
        let own = ["sessions.db", "sessions.db-wal", "sessions.db-shm"];
        let files = fs::read_dir(self.file.parent().unwrap()).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        let left: Vec<_> = names.filter(|name| !own.contains(&name.as_str())).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}
