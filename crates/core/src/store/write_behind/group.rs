//! A group of rows on its way from the queue into the file.

use std::time::Instant;

use rusqlite::Connection as Sqlite;

use super::Shared;
use super::queue::Entry;
use crate::sqlite::{self, atomically};
use crate::store::insert::insert_all;
use crate::store::model::NewOutput;
use crate::store::redactions;
use crate::store::sessions;

/// A group that was taken from the queue. However its writing ends, even by a panic, the queue is updated.
pub(super) struct Group<'a> {
    shared: &'a Shared,
    rows: Vec<Entry>,
    written: bool,
    /// Whether the writer's thread writes it. Its commits are counted for the connection of the stores.
    by_writer: bool,
    /// Whether a row of it is committed.
    committed: bool,
}

impl<'a> Group<'a> {
    /// The next group of the queue; `None` if nothing is queued, or another group is being written.
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
    /// An error of SQLite. Rows that are not written go back to the front of the queue.
    pub(super) fn write(mut self, sqlite: &Sqlite) -> sqlite::Result<()> {
        self.write_or_give_up(sqlite, |rows| atomically(sqlite, || store(sqlite, rows).map(drop)))
    }

    /// As [`write`](Self::write), but in the open transaction, which it ends.
    pub(super) fn write_and_commit(mut self, sqlite: &Sqlite) -> sqlite::Result<()> {
        self.write_or_give_up(sqlite, |rows| {
            let written = store(sqlite, rows)
                .and_then(|_| Ok(sqlite.prepare_cached("COMMIT")?.raw_execute().map(drop)?));
            if written.is_err() && !sqlite.is_autocommit() {
                // If even this fails, the next BEGIN fails and reports it.
                let _ = sqlite.execute_batch("ROLLBACK");
            }
            written
        })
    }

    /// Writes the rows with `all`. SQLite may refuse a row for its content (by a trigger of another program, or a
    /// foreign key). It would refuse it for ever, and block the rows behind it. Then each row is written on its own,
    /// and the refused one is given up and reported.
    fn write_or_give_up(
        &mut self,
        sqlite: &Sqlite,
        all: impl FnOnce(&[Entry]) -> sqlite::Result<()>,
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
            written = match store(sqlite, std::slice::from_ref(row)) {
                Err(error) if error.is_refusal() => {
                    let what = if matches!(row, Entry::Output(_)) {
                        "a chunk of session"
                    } else {
                        "session"
                    };
                    let doing = format!("{what} {:?} is not stored", row.session_id());
                    self.shared.refuse(error.context(doing));
                    Ok(())
                }
                written => written.map(|_| self.committed = true),
            };
            if written.is_err() {
                break;
            }
            done += 1;
        }
        // A row that failed for another reason stays queued, with those behind it.
        let spent: Vec<_> = self.rows.drain(..done).collect();
        self.shared.lock().spend(&spent);
        written
    }
}

/// Stores entries in their order. Returns the cursor of the last chunk, if the last entries are chunks.
pub(crate) fn store(sqlite: &Sqlite, entries: &[Entry]) -> sqlite::Result<Option<i64>> {
    let mut cursor = None;
    let are_alike =
        |one: &Entry, other: &Entry| matches!((one, other), (Entry::Output(_), Entry::Output(_)));
    for run in entries.chunk_by(are_alike) {
        cursor = None;
        match run {
            [Entry::Session(session)] => {
                sessions::store(sqlite, session)?;
            }
            [Entry::Update(update)] => {
                sessions::change(sqlite, update)?;
            }
            [Entry::Redacted { session_id, rule }] => redactions::add(sqlite, session_id, rule)?,
            outputs => {
                let outputs: Vec<&NewOutput> = outputs.iter().filter_map(Entry::output).collect();
                cursor = insert_all(sqlite, &outputs)?;
            }
        }
    }
    Ok(cursor)
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
        // Frees thousands of texts without holding the lock.
        drop(spent);
    }
}
