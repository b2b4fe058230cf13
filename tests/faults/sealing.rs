//! Days on which sessions are sealed and brought back. Whatever fails, what is stored stays the same.

use std::ops::ControlFlow;

use gsd_session_core::sqlite::OpenOptions;
use gsd_session_core::store;
use gsd_session_core::store::model::SessionStatus;
use gsd_session_core::store::sealed::EXTENSION;
use gsd_session_core::store::sealing::{Criteria, seal, unseal};

use super::model::Model;
use super::plan::{self, Fault};
use super::script::{Outcome, World};

fn options() -> OpenOptions {
    OpenOptions { extension: EXTENSION, ..OpenOptions::default() }
}

/// Two sessions that are over, and one that is not.
fn filled(fault: &Fault) -> World {
    let mut world = World::new(fault, options());
    world.open(3);
    for id in ["s-1", "s-2", "s-3"] {
        world.create(id, 1);
    }
    for id in ["s-1", "s-2", "s-3"] {
        world.append_many(id, &["one", &"long ".repeat(1_000), "three"]);
    }
    world.update("s-1", SessionStatus::Completed);
    world.update("s-2", SessionStatus::Failed);
    world
}

pub fn a_day(fault: &Fault) -> Outcome {
    let mut world = filled(fault);
    plan::arm(*fault);
    world.seal();
    world.read();
    world.append("s-1", "again");
    world.seal();
    world.delete("s-2");
    world.read();
    world.end()
}

pub fn a_day_back(fault: &Fault) -> Outcome {
    let mut world = filled(fault);
    world.seal();
    world.append("s-1", "again");
    plan::arm(*fault);
    world.unseal();
    world.read();
    world.unseal();
    world.read();
    world.end()
}

impl World {
    fn seal(&mut self) {
        self.beside("seal", |sqlite, owed| {
            seal(sqlite, &Criteria::default(), Some(owed), |_| ControlFlow::Continue(())).map(drop)
        });
    }

    fn unseal(&mut self) {
        self.beside("unseal", |sqlite, owed| {
            unseal(sqlite, None, Some(owed), |_| ControlFlow::Continue(())).map(drop)
        });
    }

    fn beside(
        &mut self,
        what: &str,
        work: impl FnOnce(&rusqlite::Connection, &gsd_session_core::sqlite::Owed) -> store::Result<()>,
    ) {
        let Some(connection) = self.connection.clone() else { return };
        let own = match connection.sibling() {
            Ok(own) => own.unwrap(),
            Err(error) => return self.note(what, &error),
        };
        match work(&own, connection.owed()) {
            Ok(()) => {}
            Err(store::Error::Sqlite(error)) => {
                self.note(what, &error);
                let stored = plan::unharmed(|| Model::stored(&self.sqlite())).unwrap();
                assert!(stored == self.model, "{what}: something else is stored");
            }
            Err(error) => panic!("{what}: {error}"),
        }
    }
}
