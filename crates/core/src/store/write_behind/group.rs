//! A group of rows on its way from the queue into the file.

use std::time::Instant;

use rusqlite::Connection as Sqlite;

use super::Shared;
use crate::sqlite::{self, atomically};
use crate::store::insert::insert_all;
use crate::store::model::NewOutput;

/// A group that was taken. However its writing ends, by a panic too, it is accounted for.
pub(super) struct Group<'a> {
    shared: &'a Shared,
    rows: Vec<NewOutput>,
    written: bool,
    /// Whether the writer's thread has it, whose commits the connection of the stores has to look for.
    by_writer: bool,
    /// Whether a row of it is committed.
    committed: bool,
}

impl<'a> Group<'a> {
    /// What is next in the queue, if it is anybody's turn.
    pub(super) fn take(shared: &'a Shared, by_writer: bool) -> Option<Self> {
        let rows = shared.lock().take();
        (!rows.is_empty()).then(|| Self {
            shared,
            rows,
            written: false,
            by_writer,
            committed: false,
        })
    }

    /// Writes the rows in a transaction of their own.
    ///
    /// # Errors
    ///
    /// An error of SQLite; those that are not written go back to the front of the queue.
    pub(super) fn write(mut self, sqlite: &Sqlite) -> sqlite::Result<()> {
        self.write_or_give_up(sqlite, |rows| atomically(sqlite, || insert_all(sqlite, rows)))
    }

    /// As [`write`](Self::write), in the transaction that is open, which ends.
    pub(super) fn write_and_commit(mut self, sqlite: &Sqlite) -> sqlite::Result<()> {
        self.write_or_give_up(sqlite, |rows| {
            let written = insert_all(sqlite, rows)
                .and_then(|()| Ok(sqlite.prepare_cached("COMMIT")?.raw_execute().map(drop)?));
            if written.is_err() && !sqlite.is_autocommit() {
                // If even this fails, the next BEGIN does, and tells.
                let _ = sqlite.execute_batch("ROLLBACK");
            }
            written
        })
    }

    /// Writes the rows, by `all` if it can. A row that SQLite refuses for what it is (a trigger of another program's,
    /// a foreign key) would be refused for ever, and hold up those behind it: then each is written by itself, and
    /// that one is given up, which is told.
    fn write_or_give_up(
        &mut self,
        sqlite: &Sqlite,
        all: impl FnOnce(&[NewOutput]) -> sqlite::Result<()>,
    ) -> sqlite::Result<()> {
        let written = match all(&self.rows) {
            Err(error) if error.is_refusal() => self.write_one_by_one(sqlite),
            written => written.inspect(|()| self.committed = true),
        };
        self.written = written.is_ok();
        let interrupt = written.as_ref().err().filter(|error| error.is_interrupt());
        self.shared.lock().interrupted = interrupt.map(|error| (Instant::now(), error.to_string()));
        written
    }

    fn write_one_by_one(&mut self, sqlite: &Sqlite) -> sqlite::Result<()> {
        let mut done = 0;
        let mut written = Ok(());
        for row in &self.rows {
            written = match insert_all(sqlite, std::slice::from_ref(row)) {
                Err(error) if error.is_refusal() => {
                    let doing = format!("a chunk of session {:?} is not stored", row.session_id);
                    self.shared.refuse(error.context(doing));
                    Ok(())
                }
                written => written.inspect(|()| self.committed = true),
            };
            if written.is_err() {
                break;
            }
            done += 1;
        }
        // What failed for another reason stays queued, with what is behind it.
        let spent: Vec<_> = self.rows.drain(..done).collect();
        self.shared.lock().spend(&spent);
        written
    }
}

impl Drop for Group<'_> {
    fn drop(&mut self) {
        let rows = std::mem::take(&mut self.rows);
        let spent = {
            let mut queue = self.shared.lock();
            if self.by_writer && self.committed {
                queue.commits += 1;
            }
            queue.finish(rows, self.written)
        };
        self.shared.settled.notify_all();
        // Thousands of texts, freed without the lock.
        drop(spent);
    }
}
