//! Runs the steps of three actors in every possible order: the thread that appends, the writer's thread, and another
//! process. The steps are those of the real code on a real file; only the thread is driven by hand. After each step a
//! fourth connection reads the file, which is what a kill at that moment would leave, and an oracle knows what it may
//! hold.

use std::rc::Rc;

use rusqlite::Connection as Sqlite;
use tempfile::TempDir;

use super::group::Group;
use super::tests::chunk;
use super::writer::Writer;
use super::*;
use crate::sqlite::{Location, OpenOptions, Statement};
use crate::store;
use crate::store::model::{Change, SessionUpdate};
use crate::store::outputs::Outputs;
use crate::store::sessions::Sessions;

/// A step of the thread that appends.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Call {
    Append,
    Many,
    Flush,
    /// A read of the store, and one by SQL.
    Read,
    Sql,
    Begin,
    Commit,
    Rollback,
    /// A change of a session, which must not be stored before earlier output.
    Update,
    /// The first row of an iteration, and the end of the iteration.
    Iterate,
    Finish,
    /// The two halves of writing the queue.
    Grab,
    Put,
}

/// A step of the other process.
#[derive(Debug, Clone, Copy)]
enum Other {
    Lock,
    Unlock,
    Write,
}

/// A step of the writer's thread.
#[derive(Debug, Clone, Copy)]
enum Thread {
    Take,
    /// Its group, if any, is written, or fails.
    Commit,
    Fail,
}

/// The steps of each of the three.
struct Program(&'static [Call], &'static [Other], &'static [Thread]);

use Call::{
    Append, Begin, Commit, Finish, Flush, Grab, Iterate, Many, Put, Read, Rollback, Sql, Update,
};
use Other::{Lock, Unlock, Write};
use Thread::{Fail, Take};

const PROGRAMS: [Program; 11] = [
    Program(&[Append, Begin, Append, Flush, Commit], &[Lock, Unlock], &[Take, Thread::Commit]),
    Program(&[Append, Begin, Append, Commit, Read], &[Lock, Unlock], &[Take, Fail]),
    Program(&[Append, Begin, Append, Rollback, Read], &[Lock, Unlock], &[Take, Thread::Commit]),
    Program(&[Append, Append, Flush, Append, Read], &[Lock, Unlock], &[Take, Fail, Take]),
    Program(&[Append, Many, Append, Update], &[Lock, Unlock], &[Take, Fail, Take, Thread::Commit]),
    Program(&[Append, Sql, Begin, Append, Commit], &[Lock, Unlock], &[Take, Fail, Take]),
    Program(&[Append, Grab, Append, Put, Read], &[Lock, Unlock], &[Take, Take, Thread::Commit]),
    Program(&[Iterate, Append, Read, Sql, Finish, Sql], &[Write], &[Take, Thread::Commit]),
    Program(&[Append, Iterate, Append, Many, Finish, Read], &[Write], &[Take, Thread::Commit]),
    Program(&[Iterate, Many, Append, Sql, Read], &[Lock, Write, Unlock], &[Take, Fail]),
    Program(&[Iterate, Append, Update, Finish, Flush], &[Write, Lock, Unlock], &[Take, Fail]),
];

const STORED: &str = "SELECT data FROM session_outputs WHERE session_id = 's-1' ORDER BY id";

struct World {
    outputs: Outputs,
    sessions: Sessions,
    connection: Rc<Connection>,
    behind: Rc<WriteBehind>,
    iteration: Option<Statement>,
    writer: Writer,
    other: Sqlite,
    observer: Sqlite,
    oracle: Oracle,
    _folder: TempDir,
}

/// The rows that may be in the file.
#[derive(Debug, Default)]
struct Oracle {
    /// How many chunks were made. Each has its number as text.
    labels: u32,
    /// The appended chunks that were not undone, in their order.
    appended: Vec<String>,
    /// How many of them came before the open transaction.
    before: Option<usize>,
    /// How many of them were seen in the file.
    stored: usize,
    /// For each change of a session, how many chunks had to be in the file before it.
    updates: Vec<usize>,
}

impl Oracle {
    /// How many may be in the file. Those of an open transaction may not.
    fn most(&self) -> usize {
        self.before.unwrap_or(self.appended.len())
    }

    fn look(&mut self, file: &[String], changes: usize) {
        assert!(file.len() <= self.most() && self.appended.starts_with(file), "{file:?}: {self:?}");
        assert!(file.len() >= self.stored, "something is gone: {file:?}: {self:?}");
        self.stored = file.len();
        let needed = changes.checked_sub(1).and_then(|last| self.updates.get(last));
        assert!(needed.is_none_or(|needed| file.len() >= *needed), "an update overtook: {self:?}");
    }

    /// Everything that was appended before the open transaction, if any, is in the file.
    fn acknowledged(&self) {
        assert_eq!(self.stored, self.most(), "acknowledged, and not stored: {self:?}");
    }
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.db");
        let options = OpenOptions { timeout: Duration::ZERO, ..OpenOptions::default() };
        let connection =
            Rc::new(Connection::open("a.db", Location::File(file.clone()), &options).unwrap());
        let settings = Settings { max_delay: Duration::from_secs(60), ..Settings::default() };
        let shared = Arc::new(Shared::new(settings, None));
        let driven = WriteBehind { ended: Cell::new(false), shared, thread: Cell::new(None) };
        let behind = connection.deferred(|| Ok(driven)).unwrap();
        let outputs = Outputs::write_behind(Rc::clone(&connection), settings, None).unwrap();
        let writer = Writer::new(connection.siblings().unwrap().clone());
        let open = || sqlite::open_sibling(&file, &options).unwrap();
        let (other, observer) = (open(), open());
        other
            .execute_batch(
                "INSERT INTO sessions (id, slot, status, working_dir, started_at)
                 VALUES ('s-1', 1, 'idle', '/', '2026-01-01T00:00:00.000Z')",
            )
            .unwrap();
        Self {
            sessions: Sessions::new(Rc::clone(&connection)),
            outputs,
            connection,
            behind,
            iteration: None,
            writer,
            other,
            observer,
            oracle: Oracle::default(),
            _folder: folder,
        }
    }

    /// Takes the steps in this order, until one would wait. Returns whether all were taken.
    fn run(&mut self, program: &Program, order: &[usize]) -> bool {
        let behind = Rc::clone(&self.behind);
        let (mut group, mut own) = (None, None);
        let mut next = [0; 3];
        let taken = order.iter().all(|actor| {
            let step = next[*actor];
            next[*actor] += 1;
            match actor {
                0 => {
                    let call = program.0[step];
                    // It would wait for the thread, which is the same as another order.
                    if group.is_some() && call != Append {
                        return false;
                    }
                    self.call(call, &behind.shared, &mut own);
                }
                1 => self.other(program.1[step]),
                _ => self.thread(program.2[step], &behind.shared, &mut group),
            }
            self.look();
            true
        });
        drop((group, own));
        self.reset();
        taken
    }

    fn call<'a>(&mut self, call: Call, shared: &'a Shared, own: &mut Option<Group<'a>>) {
        let sqlite = self.connection.unsettled().unwrap();
        let result = match call {
            Grab => {
                *own = Group::take(shared, false);
                Ok(())
            }
            Put => own.take().map_or(Ok(()), |group| Ok(group.write(&sqlite)?)),
            call => self.try_call(call),
        };
        let locked = !self.other.is_autocommit();
        // Only the SQL of callers has to wait for the end of an iteration.
        let refused = self.iteration.is_some() && matches!(call, Sql | Begin);
        match result {
            Err(error) if !locked && !refused => panic!("{call:?}: {error}: {:?}", self.oracle),
            Err(error) if call == Append && self.oracle.before.is_none() => panic!("{error}"),
            _ => {}
        }
    }

    fn try_call(&mut self, call: Call) -> store::Result<()> {
        match call {
            Append | Many => {
                self.oracle.labels += 1;
                let label = self.oracle.labels.to_string();
                if call == Append {
                    self.outputs.append(chunk(&label))?;
                } else {
                    self.outputs.append_many(&[chunk(&label)])?;
                }
                self.oracle.appended.push(label);
                if call == Many {
                    self.look();
                    self.oracle.acknowledged();
                }
            }
            Flush => {
                self.outputs.flush()?;
                self.look();
                self.oracle.acknowledged();
            }
            Read => {
                let mut seen = Vec::new();
                self.outputs.read("s-1", 0, usize::MAX, |chunk| -> store::Result<()> {
                    seen.push(String::from_utf8_lossy(chunk.output.data).into_owned());
                    Ok(())
                })?;
                assert_eq!(seen, self.oracle.appended, "a read lacks something");
            }
            Sql => {
                let mut seen = 0;
                let count = self
                    .connection
                    .prepare("SELECT count(*) FROM session_outputs WHERE session_id = 's-1'")?;
                count.query(|row, _| -> store::Result<bool> {
                    seen = row.get::<_, u32>(0)? as usize;
                    Ok(true)
                })?;
                assert_eq!(seen, self.oracle.appended.len(), "SQL lacks something");
            }
            Begin => {
                self.connection.execute("BEGIN")?;
                self.oracle.before = Some(self.oracle.appended.len());
                self.look();
                self.oracle.acknowledged();
            }
            Commit if self.oracle.before.is_some() => {
                self.connection.execute("COMMIT")?;
                self.oracle.before = None;
                self.look();
                self.oracle.acknowledged();
            }
            Rollback => {
                if let Some(before) = self.oracle.before.take() {
                    self.connection.undo("ROLLBACK")?;
                    self.oracle.appended.truncate(before);
                }
            }
            Update => {
                let changes = self.oracle.updates.len() as i64 + 1;
                let update =
                    SessionUpdate { pid: Change::Set(changes), ..SessionUpdate::default() };
                self.oracle.updates.push(self.oracle.appended.len());
                self.sessions.update("s-1", &update, None).inspect_err(|_| {
                    self.oracle.updates.pop();
                })?;
            }
            Iterate if self.iteration.is_none() => {
                let rows = self
                    .connection
                    .prepare("SELECT id FROM sqlite_schema, session_outputs UNION ALL SELECT 1")?;
                rows.start_iterating(false)?;
                rows.advance(|_, _| Ok::<_, store::Error>(()))?;
                self.iteration = Some(rows);
            }
            Finish => {
                if let Some(rows) = self.iteration.take() {
                    rows.finish_iterating()?;
                }
            }
            Commit | Iterate | Grab | Put => {}
        }
        Ok(())
    }

    fn other(&self, step: Other) {
        // It may be locked already.
        let _ = self.other.execute_batch(match step {
            Lock => "BEGIN IMMEDIATE",
            Unlock => "COMMIT",
            Write => {
                "INSERT INTO session_outputs (session_id, timestamp, type, data)
                VALUES ('other', '2026-01-01T00:00:00.000Z', 'stdout', '')"
            }
        });
    }

    fn thread<'a>(&mut self, step: Thread, shared: &'a Shared, group: &mut Option<Group<'a>>) {
        match (step, group.take()) {
            (Take, None) => *group = self.writer.take_group(shared).unwrap_or_default(),
            (Take, out) => *group = out,
            (Thread::Commit, Some(out)) => self.writer.commit_group(out).unwrap(),
            (Fail, Some(out)) => self.writer.fail_group(out),
            (_, None) => {}
        }
    }

    fn look(&mut self) {
        let mut rows = self.observer.prepare_cached(STORED).unwrap();
        let file: Vec<String> =
            rows.query_map([], |row| row.get(0)).unwrap().map(|row| row.unwrap()).collect();
        let changes = "SELECT ifnull(pid, 0) FROM sessions";
        let changes: u32 = self.observer.query_row(changes, [], |row| row.get(0)).unwrap();
        self.oracle.look(&file, changes as usize);
    }

    /// Ends what the steps have left open, and checks that everything is stored. Then deletes it.
    fn reset(&mut self) {
        self.writer.roll_back();
        let _ = self.other.execute_batch("COMMIT");
        for last in [Finish, Rollback, Flush] {
            self.try_call(last).unwrap();
        }
        self.look();
        self.oracle.acknowledged();
        self.other
            .execute_batch("DELETE FROM session_outputs; UPDATE sessions SET pid = NULL")
            .unwrap();
        self.oracle = Oracle::default();
    }
}

/// Passes every order of the given numbers of steps to `visit`.
fn orders(left: &mut [usize; 3], order: &mut Vec<usize>, visit: &mut impl FnMut(&[usize])) {
    if left.iter().all(|left| *left == 0) {
        return visit(order);
    }
    for actor in 0..3 {
        if left[actor] > 0 {
            left[actor] -= 1;
            order.push(actor);
            orders(left, order, visit);
            order.pop();
            left[actor] += 1;
        }
    }
}

#[test]
fn no_order_of_steps_overtakes_misses_or_acknowledges_a_row_too_soon() {
    let mut world = World::new();
    for program in &PROGRAMS {
        let (mut all, mut taken) = (0, 0);
        let mut left = [program.0.len(), program.1.len(), program.2.len()];
        orders(&mut left, &mut Vec::new(), &mut |order| {
            all += 1;
            taken += u32::from(world.run(program, order));
        });
        // In the other orders, a step would wait.
        assert!(taken * 3 > all, "{taken} of {all}");
    }
}
