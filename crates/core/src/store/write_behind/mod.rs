//! Write-behind: the thread that appends queues output, and another thread commits it in groups.
//!
//! Without it, `append` commits every chunk, which costs a few dozen system calls. With write-behind, a chunk costs a
//! push to a queue, and a group of chunks one commit. In return, a killed process loses what it appended during the
//! last moments.
//!
//! Both threads write, each with its own connection, and never the same rows. The writer's thread takes rows only
//! once it holds SQLite's write lock. The thread that appends sometimes has to see what it appended: before it reads,
//! deletes, begins a transaction or closes. Then it takes the queued rows and writes them itself. So neither thread
//! waits for a lock of the other one's connection.
//!
//! Rows leave the queue for good when they are committed, or when SQLite refuses them for their content. Any other
//! failure puts them back in front.

mod group;
#[cfg(test)]
mod interleavings;
mod queue;
mod writer;

use std::cell::Cell;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::{Connection as Sqlite, MAIN_DB, TransactionState, ffi};

use self::group::Group;
pub(crate) use self::group::store;
pub(crate) use self::queue::Entry;
use self::queue::Queue;
use self::writer::Writer;
use crate::sqlite::{self, Connection, Deferred, Siblings};

/// How long `append` waits for room before it makes some itself.
const ROOM_PATIENCE: Duration = Duration::from_secs(1);

/// For this time after an interrupt its error is reported again, without another attempt.
const AGAIN: Duration = Duration::from_secs(2);

/// The settings of write-behind.
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

/// The queue of a connection. Dropping it writes the queued rows, if that is possible.
pub(crate) struct WriteBehind {
    ended: Cell<bool>,
    shared: Arc<Shared>,
    thread: Cell<Option<JoinHandle<()>>>,
}

/// The state that both threads share.
struct Shared {
    settings: Settings,
    has_thread: bool,
    on_error: Option<OnError>,
    queue: Mutex<Queue>,
    /// Wakes the writer's thread.
    news: Condvar,
    /// Notified when a group is committed or put back.
    settled: Condvar,
}

impl WriteBehind {
    /// A queue for the output of a database. The thread opens a connection of its own. If a group waits for another
    /// connection's lock for longer than its timeout, that is an error.
    ///
    /// # Errors
    ///
    /// `SQLITE_CANTOPEN` if the thread cannot be started.
    pub(crate) fn start(
        siblings: Siblings,
        settings: Settings,
        on_error: Option<OnError>,
    ) -> sqlite::Result<Self> {
        let shared = Arc::new(Shared::new(settings, on_error));
        let writer = Writer::new(siblings);
        let of_thread = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("write-behind".into())
            .spawn(move || writer.run(&of_thread))
            .map_err(|error| sqlite::Error::cannot_open(format!("no writer's thread: {error}")))?;
        Ok(Self { ended: Cell::new(false), shared, thread: Cell::new(Some(thread)) })
    }

    /// A queue without a thread: who reads or writes empties it.
    pub(crate) fn without_thread() -> Self {
        let shared = Shared { has_thread: false, ..Shared::new(Settings::default(), None) };
        Self { ended: Cell::new(false), shared: Arc::new(shared), thread: Cell::new(None) }
    }

    /// A way into the queue from other threads.
    pub(crate) fn feed(&self) -> Feed {
        Feed(Arc::clone(&self.shared))
    }

    /// Queues an entry, and waits for room if necessary. Returns its cursor if it is stored already.
    ///
    /// # Errors
    ///
    /// An error of SQLite while making room, and without `on_error` `SQLITE_READONLY_DBMOVED` once it is known that the file
    /// is not in its place. Then the chunk is not queued.
    pub(crate) fn append(
        &self,
        connection: &Connection,
        entry: Entry,
    ) -> sqlite::Result<Option<i64>> {
        if self.shared.on_error.is_none() {
            // Nobody would be told otherwise.
            connection.siblings().map_or(Ok(()), Siblings::check_present)?;
        }
        let full = |queue: &Queue| queue.is_full(&entry, self.shared.settings.max_bytes);
        let mut queue = self.shared.lock();
        if queue.gone || self.ended.get() {
            drop(queue);
            return connection.write(|sqlite| group::store(sqlite, std::slice::from_ref(&entry)));
        }
        if full(&queue) {
            queue = self.shared.wait_for(queue, |queue| full(queue) && !queue.failing);
        }
        if full(&queue) {
            drop(queue);
            connection.settled()?;
            queue = self.shared.lock();
        }
        if queue.push(entry) {
            self.shared.news.notify_one();
        }
        Ok(None)
    }

    /// Reports once why SQLite refused a row, unless `on_error` was called.
    ///
    /// # Errors
    ///
    /// The refusal.
    pub(crate) fn check_refusal(&self) -> sqlite::Result<()> {
        self.shared.lock().refusal.take().map_or(Ok(()), Err)
    }
}

/// A way into the queue from other threads.
#[derive(Clone)]
pub(crate) struct Feed(Arc<Shared>);

impl Feed {
    /// Queues an entry if there is room. Returns its number, from 1.
    pub(crate) fn try_push(&self, entry: Entry) -> Option<u64> {
        let mut queue = self.0.lock();
        if queue.gone || queue.is_full(&entry, self.0.settings.max_bytes) {
            return None;
        }
        if queue.push(entry) {
            self.0.news.notify_one();
        }
        Some(queue.pushed())
    }

    /// Bytes of everything that is not written.
    pub(crate) fn bytes(&self) -> usize {
        self.0.lock().bytes()
    }

    /// The number of the last entry that is written, or given up.
    pub(crate) fn written(&self) -> u64 {
        self.0.lock().written()
    }

    /// Lets the thread write nothing until it is called with `false`. It does nothing when this returns.
    pub(crate) fn pause(&self, pauses: bool) {
        let mut queue = self.0.lock();
        queue.paused = pauses;
        if pauses {
            drop(self.0.wait_for(queue, |queue| queue.busy));
        } else {
            self.0.news.notify_one();
        }
    }

    /// Forgets what is not written. Returns the number of the last entry that is.
    pub(crate) fn stop_writing(&self) -> u64 {
        let queue = self.0.lock();
        // A group that is being written may still be; it is forgotten only where that takes too long.
        let mut queue = self.0.wait_while_writing(queue);
        queue.forget();
        queue.written()
    }

    /// Waits until what is queued now is written, but not longer than that. Returns whether it is. Nobody waits for a queue
    /// without a thread.
    pub(crate) fn wait_until_stored(&self, patience: Duration) -> bool {
        let queue = self.0.lock();
        let pushed = queue.pushed();
        let waits = |queue: &mut Queue| queue.written() < pushed && !queue.gone;
        let waits_for = if self.0.has_thread { patience } else { Duration::ZERO };
        let waited = self.0.settled.wait_timeout_while(queue, waits_for, waits);
        waited.unwrap_or_else(PoisonError::into_inner).0.written() >= pushed
    }

    /// Queues an entry, and waits for room as long as it takes. What comes when the connection is closed is lost.
    pub(crate) fn push(&self, entry: Entry) {
        let full = |queue: &Queue| queue.is_full(&entry, self.0.settings.max_bytes);
        let mut queue = self.0.lock();
        while !queue.gone && full(&queue) {
            queue = self.0.wait_for(queue, |queue| full(queue) && !queue.gone);
        }
        if !queue.gone && queue.push(entry) {
            self.0.news.notify_one();
        }
    }
}

impl Deferred for WriteBehind {
    /// Writes the queued rows, with `sqlite`.
    fn settle(&self, sqlite: &Sqlite) -> sqlite::Result<()> {
        // No transaction begins before the queue is empty, and within one this thread queues nothing. What other threads
        // queue meanwhile is no part of it.
        if !sqlite.is_autocommit() {
            return Ok(());
        }
        loop {
            let mut queue = self.shared.lock();
            while queue.is_writing() {
                queue = self.shared.wait_while_writing(queue);
            }
            if queue.is_empty() {
                return Ok(());
            }
            // A write that took too long a moment ago is not tried again at once: the harness would stand still for
            // that time again.
            if let Some((at, message)) = &queue.interrupted
                && at.elapsed() < AGAIN
            {
                let message = message.clone();
                return Err(sqlite::Error::Sqlite { code: ffi::SQLITE_INTERRUPT, message });
            }
            drop(queue);
            if is_writing(sqlite)? {
                // An iterated statement holds the lock, and cannot be committed yet.
                let message =
                    "chunks that were appended before cannot be stored while a statement writes";
                return Err(sqlite::Error::Sqlite {
                    code: ffi::SQLITE_BUSY,
                    message: message.into(),
                });
            }
            // The writer's thread may have been faster.
            if let Some(group) = Group::take(&self.shared, false) {
                group.write(sqlite).map_err(|error| {
                    error.context("chunks that were appended before cannot be stored yet")
                })?;
            }
        }
    }

    fn has_sessions(&self) -> bool {
        self.shared.lock().has_sessions()
    }

    fn commits(&self) -> u64 {
        self.shared.lock().commits
    }

    fn end(&self) {
        self.ended.set(true);
    }

    fn stop(&self) {
        self.shared.lock().stop = true;
        self.shared.news.notify_one();
        if let Some(thread) = self.thread.take() {
            // Its own panic was reported already.
            let _ = thread.join();
        } else {
            self.shared.lock().gone = true;
        }
    }
}

impl Drop for WriteBehind {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn new(settings: Settings, on_error: Option<OnError>) -> Self {
        Self {
            settings,
            has_thread: true,
            on_error,
            queue: Mutex::default(),
            news: Condvar::new(),
            settled: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Nothing is left half-done under the lock.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits while a condition holds, but not for ever.
    fn wait_for<'a>(
        &self,
        queue: MutexGuard<'a, Queue>,
        holds: impl FnMut(&mut Queue) -> bool,
    ) -> MutexGuard<'a, Queue> {
        let waited = self.settled.wait_timeout_while(queue, ROOM_PATIENCE, holds);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Waits while a group is being written, but not for ever.
    fn wait_while_writing<'a>(&self, queue: MutexGuard<'a, Queue>) -> MutexGuard<'a, Queue> {
        self.wait_for(queue, |queue| queue.is_writing())
    }

    fn refuse(&self, error: sqlite::Error) {
        match &self.on_error {
            Some(tell) => tell(&error),
            None => {
                self.lock().refusal.get_or_insert(error);
            }
        }
    }
}

/// Whether a statement of the connection has begun to write and has not ended.
fn is_writing(sqlite: &Sqlite) -> sqlite::Result<bool> {
    Ok(sqlite.transaction_state(Some(MAIN_DB))? == TransactionState::Write)
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::sqlite::{Location, OpenOptions};
    use crate::store::model::Chunk;
    use crate::store::model::{Data, NewOutput, OutputType};
    use crate::store::outputs::Outputs;
    use crate::store::timestamp::Timestamp;

    pub(super) fn chunk(data: &str) -> NewOutput {
        NewOutput {
            session_id: "s-1".into(),
            timestamp: Timestamp::from_millis(0.0).unwrap(),
            kind: OutputType::Stdout,
            data: data.into(),
        }
    }

    pub(super) fn texts(rows: &[Entry]) -> Vec<&str> {
        let text = |row| match row {
            &Entry::Output(NewOutput { data: Data::Text(ref text), .. }) => text.as_str(),
            other => panic!("{other:?}"),
        };
        rows.iter().map(text).collect()
    }

    #[test]
    fn a_group_whose_writing_panics_goes_back_to_the_front_of_the_queue() {
        let shared = Shared::new(Settings::default(), None);
        shared.lock().push(chunk("one").into());
        shared.lock().push(chunk("two").into());
        let written = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _group = Group::take(&shared, true);
            shared.lock().push(chunk("three").into());
            panic!("on purpose");
        }));
        written.unwrap_err();
        assert!(!shared.lock().is_writing());
        assert_eq!(texts(&shared.lock().take()), ["one", "two", "three"]);
    }

    #[test]
    fn what_another_thread_queues_within_a_transaction_waits_for_its_end() {
        let connection =
            Rc::new(Connection::open("a.db", Location::Memory, &OpenOptions::default()).unwrap());
        let outputs = Outputs::new(connection.clone());
        let feed = outputs.feed().unwrap();
        let texts = || {
            let mut texts = Vec::new();
            let visit = |chunk: Chunk<'_>| {
                texts.push(String::from_utf8_lossy(chunk.output.data).into_owned());
                sqlite::Result::Ok(())
            };
            outputs.read("s-1", 0, 10, visit).unwrap();
            texts
        };
        for begin in ["BEGIN", "BEGIN IMMEDIATE"] {
            connection.execute_cached(begin).unwrap();
            let before = texts();
            feed.push(chunk(begin).into());
            assert_eq!(texts(), before);
            connection.execute_cached("COMMIT").unwrap();
            assert_eq!(texts().last().unwrap(), begin);
        }
    }

    #[test]
    fn append_writes_the_queue_and_the_chunk_if_the_thread_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.db");
        let options = OpenOptions::default();
        let connection = Connection::open("a.db", Location::File(file.clone()), &options).unwrap();
        let settings = Settings { max_delay: Duration::ZERO, ..Settings::default() };
        let on_error: OnError = Box::new(|_| panic!("on purpose"));
        let missing = connection.siblings().unwrap().to_missing();
        let behind =
            connection.deferred(|| WriteBehind::start(missing, settings, Some(on_error))).unwrap();
        behind.append(&connection, chunk("one").into()).unwrap();
        if let Some(thread) = behind.thread.take() {
            thread.join().unwrap_err();
        }
        behind.append(&connection, chunk("two").into()).unwrap();
        let stored: String = connection
            .sqlite()
            .unwrap()
            .query_row("SELECT group_concat(data) FROM session_outputs", [], |row| row.get(0))
            .unwrap();
        assert_eq!(stored, "one,two");
    }
}
