//! Write-behind: output that is queued by the thread that appends, and committed in groups by another.
//!
//! A commit of its own for every chunk is what `append` promises; it costs a few dozen system calls. With
//! write-behind a chunk costs a push to a queue, and a group of chunks one commit, at the price that a
//! killed process loses what it appended during the last moments.
//!
//! Both threads write, each with its own connection, and never the same rows. The writer's thread takes
//! the rows only once it holds SQLite's write lock; the thread that appends, when it must see what it
//! appended (before it reads, deletes, begins a transaction, closes), takes what is still queued and
//! writes it itself. So neither waits for a lock that the other one's connection holds.
//!
//! Rows leave the queue for good when they are committed, or refused for what they are. Any other failure
//! puts them back in front.

use std::cell::Cell;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rusqlite::Connection as Sqlite;

use super::model::NewOutput;
use super::outputs::insert_all;
use crate::sqlite::{self, Connection, Deferred, OpenOptions, atomically};

/// How long the writer's thread waits for a lock before it looks whether its rows are still queued.
const LOCK_PATIENCE: Duration = Duration::from_millis(10);

/// How long it waits after a failure before it tries again.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// How much goes into one commit: enough to make it cheap, little enough to give up the lock soon.
const GROUP_BYTES: usize = 256 << 10;

/// How long `append` waits for room before it makes some itself.
const ROOM_PATIENCE: Duration = Duration::from_secs(1);

/// What a row takes in the queue beside its text.
const ROW_OVERHEAD: usize = 128;

/// How output is written behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How much of the output a killed process may lose, in time.
    pub max_delay: Duration,
    /// How many bytes may be queued before `append` waits.
    pub max_bytes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { max_delay: Duration::from_millis(10), max_bytes: 64 << 20 }
    }
}

/// Called with an error of the writer's thread, once until it has recovered.
pub type OnError = Box<dyn Fn(&sqlite::Error) + Send + Sync>;

/// The queue of a connection. Dropping it writes what it holds, if that is possible.
pub struct WriteBehind {
    ended: Cell<bool>,
    shared: Arc<Shared>,
    thread: Cell<Option<JoinHandle<()>>>,
}

struct Shared {
    file: PathBuf,
    settings: Settings,
    options: OpenOptions,
    on_error: Option<OnError>,
    state: Mutex<State>,
    /// There is something to do for the thread.
    news: Condvar,
    /// A group is committed, or put back.
    settled: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<NewOutput>,
    /// Of the queue, and of the group that is being written.
    bytes: usize,
    oldest: Option<Instant>,
    /// Whether a group was taken, by either thread, that is not committed yet.
    writing: bool,
    /// Whether the latest group failed, and `on_error` knows.
    failing: bool,
    /// Why SQLite refused a row, where nobody else was told.
    refusal: Option<sqlite::Error>,
    /// Whether there is no writer's thread any more, whatever ended it.
    gone: bool,
    stop: bool,
}

/// A group that was taken. However its writing ends, by a panic too, it is accounted for.
struct Group<'a> {
    shared: &'a Shared,
    rows: Vec<NewOutput>,
    written: bool,
}

impl Group<'_> {
    /// Writes the rows, by `all` if it can. A row that SQLite refuses for what it is (a trigger of somebody
    /// else's, a foreign key) would be refused for ever, and hold up those behind it: then each is written by
    /// itself, and that one is given up, which is told.
    fn write(
        &mut self,
        sqlite: &Sqlite,
        all: impl FnOnce(&[NewOutput]) -> sqlite::Result<()>,
    ) -> sqlite::Result<()> {
        let written = match all(&self.rows) {
            Err(error) if error.is_refusal() => self.write_one_by_one(sqlite),
            written => written,
        };
        self.written = written.is_ok();
        written
    }

    fn write_one_by_one(&mut self, sqlite: &Sqlite) -> sqlite::Result<()> {
        let mut done = 0;
        let write = |row: &NewOutput| match insert_all(sqlite, std::slice::from_ref(row)) {
            Err(error) if error.is_refusal() => {
                let doing = format!("a chunk of session {:?} is not stored", row.session_id);
                self.shared.refuse(error.context(doing));
                Ok(())
            }
            written => written,
        };
        let written = self.rows.iter().try_for_each(|row| write(row).inspect(|()| done += 1));
        // What failed for another reason stays queued, with what is behind it.
        let spent: usize = self.rows.drain(..done).map(|row| size(&row)).sum();
        self.shared.lock().bytes -= spent;
        written
    }
}

impl Drop for Group<'_> {
    fn drop(&mut self) {
        let rows = std::mem::take(&mut self.rows);
        let spent = self.shared.lock().finish(rows, self.written);
        self.shared.settled.notify_all();
        // Thousands of texts, freed without the lock.
        drop(spent);
    }
}

/// Whatever ends the writer's thread: from then on `append` writes directly.
struct Gone<'a>(&'a Shared);

impl Drop for Gone<'_> {
    fn drop(&mut self) {
        self.0.lock().gone = true;
    }
}

impl WriteBehind {
    /// A queue for the output in `file`.
    ///
    /// The thread opens it with the same `options`; their timeout is how long a group may wait for
    /// another connection's lock before that is an error.
    ///
    /// # Errors
    ///
    /// `SQLITE_CANTOPEN` where there can be no thread.
    pub fn start(
        file: &Path,
        options: OpenOptions,
        settings: Settings,
        on_error: Option<OnError>,
    ) -> sqlite::Result<Self> {
        let shared = Arc::new(Shared {
            file: file.to_owned(),
            settings,
            options,
            on_error,
            state: Mutex::default(),
            news: Condvar::new(),
            settled: Condvar::new(),
        });
        let writer = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("write-behind".into())
            .spawn(move || writer.run())
            .map_err(|error| sqlite::Error::cannot_open(format!("no writer's thread: {error}")))?;
        Ok(Self { ended: Cell::new(false), shared, thread: Cell::new(Some(thread)) })
    }

    /// Queues a chunk, as soon as there is room for it.
    ///
    /// # Errors
    ///
    /// What SQLite says of that; the chunk is not queued then.
    pub fn append(&self, connection: &Connection, output: NewOutput) -> sqlite::Result<()> {
        let bytes = size(&output);
        let full =
            |state: &State| state.bytes > 0 && state.bytes + bytes > self.shared.settings.max_bytes;
        let mut state = self.shared.lock();
        if state.gone || self.ended.get() {
            drop(state);
            let sqlite = connection.unsettled()?;
            self.settle(&sqlite)?;
            return insert_all(&sqlite, std::slice::from_ref(&output));
        }
        if full(&state) {
            state = self.shared.wait_for(state, |state| full(state) && !state.failing);
        }
        if full(&state) {
            drop(state);
            self.settle(&*connection.unsettled()?)?;
            state = self.shared.lock();
        }
        state.bytes += bytes;
        if state.queue.is_empty() {
            state.oldest = Some(Instant::now());
            self.shared.news.notify_one();
        }
        state.queue.push_back(output);
        Ok(())
    }

    /// Says why SQLite refused a row, once, unless `on_error` was told.
    ///
    /// # Errors
    ///
    /// The refusal.
    pub fn check_refusal(&self) -> sqlite::Result<()> {
        self.shared.lock().refusal.take().map_or(Ok(()), Err)
    }
}

impl Deferred for WriteBehind {
    /// Writes what is queued, through `sqlite`.
    fn settle(&self, sqlite: &Sqlite) -> sqlite::Result<()> {
        loop {
            let mut state = self.shared.lock();
            while state.writing {
                state = self.shared.wait_for(state, |state| state.writing);
            }
            // What was queued before a transaction must not be undone with it. There is something to
            // settle inside one only where it could not be written before.
            if state.queue.is_empty() || !sqlite.is_autocommit() {
                return Ok(());
            }
            let mut group = Group { shared: &self.shared, rows: state.take(), written: false };
            drop(state);
            group.write(sqlite, |rows| atomically(sqlite, || insert_all(sqlite, rows)))?;
        }
    }

    fn end(&self) {
        self.ended.set(true);
    }

    fn stop(&self) {
        self.shared.lock().stop = true;
        self.shared.news.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic of its own has told of itself.
            let _ = thread.join();
        }
    }
}

impl Drop for WriteBehind {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing is left half-done under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits while something holds, for some time.
    fn wait_for<'a>(
        &self,
        state: MutexGuard<'a, State>,
        holds: impl FnMut(&mut State) -> bool,
    ) -> MutexGuard<'a, State> {
        let waited = self.settled.wait_timeout_while(state, ROOM_PATIENCE, holds);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn refuse(&self, error: sqlite::Error) {
        match &self.on_error {
            Some(tell) => tell(&error),
            None => {
                self.lock().refusal.get_or_insert(error);
            }
        }
    }

    fn run(&self) {
        let _gone = Gone(self);
        let mut connection = None;
        while self.wait_for_a_group() {
            let written = self.write_group(&mut connection);
            let mut state = self.lock();
            match written {
                // With nothing to write it has not recovered either.
                Ok(wrote) => state.failing &= !wrote,
                Err(error) => {
                    if !std::mem::replace(&mut state.failing, true) {
                        // Who waits for room makes some, or hears why there is none.
                        self.settled.notify_all();
                        if let Some(tell) = &self.on_error {
                            tell(&error);
                        }
                    }
                    if state.stop {
                        // Nobody will make room any more.
                        return;
                    }
                    let waited = self.news.wait_timeout(state, RETRY_PAUSE);
                    drop(waited);
                }
            }
        }
    }

    /// Waits until a group is due; `false` when there will be none.
    fn wait_for_a_group(&self) -> bool {
        let mut state = self.lock();
        loop {
            if state.writing {
                state = self.wait_for(state, |state| state.writing);
                continue;
            }
            let Some(oldest) = state.oldest.filter(|_| !state.queue.is_empty()) else {
                if state.stop {
                    return false;
                }
                state = self.news.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            // Half of the delay to gather, half to commit.
            let due = oldest + self.settings.max_delay / 2;
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() || state.stop || state.bytes >= self.settings.max_bytes / 2 {
                return true;
            }
            let waited = self.news.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Writes what is queued by the time that the write lock is held. Says whether there was anything.
    fn write_group(&self, connection: &mut Option<Sqlite>) -> sqlite::Result<bool> {
        let sqlite = match connection {
            Some(sqlite) => sqlite,
            None => connection.insert(self.open()?),
        };
        if !self.begin(sqlite)? {
            return Ok(false);
        }
        let rows = {
            let mut state = self.lock();
            // Whoever took rows off the front writes them first.
            if state.writing { Vec::new() } else { state.take() }
        };
        if rows.is_empty() {
            return Ok(sqlite.prepare_cached("ROLLBACK")?.raw_execute().map(|_| false)?);
        }
        let mut group = Group { shared: self, rows, written: false };
        let written = group.write(sqlite, |rows| {
            let written = insert_all(sqlite, rows)
                .and_then(|()| Ok(sqlite.prepare_cached("COMMIT")?.raw_execute().map(drop)?));
            if written.is_err() && !sqlite.is_autocommit() {
                // If even this fails, the next BEGIN does, and tells.
                let _ = sqlite.execute_batch("ROLLBACK");
            }
            written
        });
        written.map(|()| true)
    }

    fn open(&self) -> sqlite::Result<Sqlite> {
        let sqlite = sqlite::open_sibling(&self.file, &self.options)?;
        sqlite.busy_timeout(LOCK_PATIENCE)?;
        Ok(sqlite)
    }

    /// Begins a transaction that holds the write lock, unless the queue is emptied meanwhile.
    fn begin(&self, sqlite: &Sqlite) -> sqlite::Result<bool> {
        let deadline = Instant::now() + self.options.timeout;
        loop {
            match sqlite
                .prepare_cached("BEGIN IMMEDIATE")?
                .raw_execute()
                .map_err(sqlite::Error::from)
            {
                Ok(_) => return Ok(true),
                Err(error) if !error.is_busy() || Instant::now() >= deadline => return Err(error),
                Err(_) if self.lock().queue.is_empty() => return Ok(false),
                Err(_) => {}
            }
        }
    }
}

impl State {
    /// Takes a group off the front of the queue, to be accounted for by [`finish`](Self::finish).
    fn take(&mut self) -> Vec<NewOutput> {
        let mut bytes = 0;
        let mut fits = |output: &NewOutput| {
            bytes += size(output);
            bytes <= GROUP_BYTES
        };
        self.writing = !self.queue.is_empty();
        let rows = self.queue.iter().map_while(|output| fits(output).then_some(())).count().max(1);
        self.queue.drain(..rows.min(self.queue.len())).collect()
    }

    /// Accounts for a group that was taken: it is done with if it is written, else in front again. Gives
    /// back what is to be dropped, which is best done without the lock.
    fn finish(&mut self, mut group: Vec<NewOutput>, written: bool) -> Vec<NewOutput> {
        self.writing = false;
        if written {
            self.bytes -= group.iter().map(size).sum::<usize>();
        } else {
            for output in group.drain(..).rev() {
                self.queue.push_front(output);
            }
        }
        // What is left is due when what was taken was, or as soon as it is tried again.
        self.oldest = (!self.queue.is_empty()).then(|| self.oldest.unwrap_or_else(Instant::now));
        group
    }
}

fn size(output: &NewOutput) -> usize {
    output.session_id.len() + output.data.len() + ROW_OVERHEAD
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::Location;
    use crate::store::model::OutputType;
    use crate::store::timestamp::Timestamp;

    fn chunk(data: &str) -> NewOutput {
        NewOutput {
            session_id: "s-1".into(),
            timestamp: Timestamp::from_millis(0.0).unwrap(),
            kind: OutputType::Stdout,
            data: data.into(),
        }
    }

    #[test]
    fn a_group_whose_writing_panics_is_in_front_of_the_queue_again() {
        let shared = Shared {
            file: PathBuf::new(),
            settings: Settings::default(),
            options: OpenOptions::default(),
            on_error: None,
            state: Mutex::default(),
            news: Condvar::new(),
            settled: Condvar::new(),
        };
        shared.lock().queue.extend([chunk("one"), chunk("two")]);
        let written = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let rows = shared.lock().take();
            let _group = Group { shared: &shared, rows, written: false };
            shared.lock().queue.push_back(chunk("three"));
            panic!("on purpose");
        }));
        written.unwrap_err();
        let state = shared.lock();
        assert!(!state.writing);
        let queued: Vec<_> = state.queue.iter().map(|output| output.data.as_str()).collect();
        assert_eq!(queued, ["one", "two", "three"]);
    }

    #[test]
    fn without_the_thread_append_writes_what_is_queued_and_itself() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.db");
        let options = OpenOptions::default();
        let connection = Connection::open("a.db", Location::File(file.clone()), &options).unwrap();
        let settings = Settings { max_delay: Duration::ZERO, ..Settings::default() };
        let missing = folder.path().join("missing.db");
        let behind = WriteBehind::start(
            &missing,
            options,
            settings,
            Some(Box::new(|_| panic!("on purpose"))),
        )
        .unwrap();
        behind.append(&connection, chunk("one")).unwrap();
        if let Some(thread) = behind.thread.take() {
            thread.join().unwrap_err();
        }
        behind.append(&connection, chunk("two")).unwrap();
        let stored: String = connection
            .sqlite()
            .unwrap()
            .query_row("SELECT group_concat(data) FROM session_outputs", [], |row| row.get(0))
            .unwrap();
        assert_eq!(stored, "one,two");
    }
}
