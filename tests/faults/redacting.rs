//! Days on which secrets are replaced: what is given, and what is stored already.

use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use gsd_session_core::sqlite::OpenOptions;
use gsd_session_core::store;
use gsd_session_core::store::outputs::Outputs;
use gsd_session_core::store::redact::{Literal, Redact, Redactor, redactor};
use gsd_session_core::store::redacted::{Search, redact};
use gsd_session_core::store::redaction::Redaction;
use gsd_session_core::store::sessions::Sessions;

use super::model::{Model, chunk};
use super::plan::{self, Fault};
use super::script::{Outcome, World};

/// It begins as no other text does, so that nothing is held back.
const SECRET: &str = "QZ7.a-secret-of-the-faults";

const MARKER: &str = "[REDACTED:faults]";

/// Secrets that are appended; none of them is ever stored.
pub fn a_day(fault: &Fault) -> Outcome {
    let mut world = World::new(fault, OpenOptions::default());
    plan::arm(*fault);
    world.open(3);
    world.serve_redaction();
    world.create("s-1", 1);
    world.append_secret("s-1", "one");
    world.append_many("s-1", &["two", "three"]);
    world.append_secret("s-1", &"long ".repeat(1_000));
    world.assert_no_secret();
    world.read();
    world.close();
    world.assert_no_secret();
    world.open(3);
    world.serve_redaction();
    world.append_secret("s-1", "four");
    world.read();
    world.assert_no_secret();
    world.end()
}

/// Secrets that are stored already, some of them in several chunks: all of one is replaced, or nothing.
pub fn a_day_afterwards(fault: &Fault) -> Outcome {
    let mut world = World::new(fault, OpenOptions::default());
    world.open(3);
    world.create("s-1", 1);
    let (one, two) = SECRET.split_at(9);
    for _ in 0..3 {
        world.append_many("s-1", &["before", one, two, "behind", &format!("a {SECRET} b")]);
    }
    plan::arm(*fault);
    world.redact();
    world.read();
    world.redact();
    world.read();
    world.end()
}

fn secrets() -> Arc<Redactor> {
    let literals = [Literal { name: "faults".into(), value: SECRET.into() }];
    redactor("options.redact", false, &[], &literals, None).unwrap()
}

impl World {
    /// Has the connection redact, if there is one.
    fn serve_redaction(&self) {
        if let Some(connection) = &self.connection {
            let redact = Redact { redactor: secrets(), max_delay: Duration::from_millis(20) };
            Rc::new(Redaction::new(redact, false)).serve(connection);
        }
    }

    fn append_secret(&mut self, id: &str, data: &str) {
        if self.connection.is_none() {
            return;
        }
        let given = chunk(id, &format!("{data} {SECRET} end"));
        let stored = format!("{data} {MARKER} end");
        let call = |_: &Sessions, outputs: &Outputs| outputs.append(given).map(drop);
        self.change("append", call, |model| model.append(id, &stored));
    }

    fn assert_no_secret(&self) {
        for name in ["sessions.db", "sessions.db-wal"] {
            let bytes = std::fs::read(self.file.with_file_name(name)).unwrap_or_default();
            let is_there = |part: &str| bytes.windows(part.len()).any(|at| at == part.as_bytes());
            assert!(!is_there(&SECRET[..12]) && !is_there(&SECRET[12..]), "{name}");
        }
    }

    /// Replaces secrets in what is stored. If that fails, everything may be replaced or nothing.
    fn redact(&mut self) {
        let Some(connection) = self.connection.clone() else { return };
        let own = match connection.sibling() {
            Ok(own) => own.unwrap(),
            Err(error) => return self.note("redact", &error),
        };
        let search = Search { redactor: secrets(), session_id: None, since: None, dry_run: false };
        let done = redact(&own, &search, Some(connection.owed()), |_| ControlFlow::Continue(()));
        let clean = cleaned(&self.model);
        match done {
            Ok(redacted) => {
                redacted.unwrap();
                self.model = clean;
                self.or = None;
            }
            Err(store::Error::Sqlite(error)) => {
                self.note("redact", &error);
                let stored = plan::unharmed(|| Model::stored(&self.sqlite())).unwrap();
                assert!(stored == self.model || stored == clean, "half of it is replaced");
                self.or = (stored != clean).then_some(clean);
                self.model = stored;
            }
            Err(error) => panic!("redact: {error}"),
        }
    }
}

/// What is stored once secrets are replaced: chunks within one are empty.
fn cleaned(model: &Model) -> Model {
    let (one, two) = SECRET.split_at(9);
    let mut clean = model.clone();
    for (_, data) in &mut clean.outputs {
        *data = match data.as_str() {
            part if part == one => MARKER.into(),
            part if part == two => String::new(),
            whole => whole.replace(SECRET, MARKER),
        };
    }
    clean
}
