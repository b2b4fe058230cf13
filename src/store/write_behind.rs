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
//! Rows leave the queue for good when they are committed. A failure puts them back in front.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rusqlite::{Connection as Sqlite, OpenFlags};

use super::model::NewOutput;
use super::outputs::insert;
use crate::sqlite::{self, Connection, Deferred, atomically};

/// How long the writer's thread waits for a lock before it looks whether its rows are still queued.
const LOCK_PATIENCE: Duration = Duration::from_millis(10);

/// How long it waits after a failure before it tries again.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

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
        Self { max_delay: Duration::from_millis(10), max_bytes: 8 << 20 }
    }
}

/// Called with an error of the writer's thread, once until it has recovered.
pub type OnError = Box<dyn Fn(&sqlite::Error) + Send + Sync>;

/// The queue of a connection. Dropping it writes what it holds, if that is possible.
pub struct WriteBehind {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    file: PathBuf,
    settings: Settings,
    timeout: Duration,
    on_error: Option<OnError>,
    state: Mutex<State>,
    /// There is something to do for the thread.
    news: Condvar,
    /// The thread has finished a group.
    settled: Condvar,
}

#[derive(Default)]
struct State {
    queue: Vec<NewOutput>,
    /// Of the queue, and of the group that is being written.
    bytes: usize,
    oldest: Option<Instant>,
    /// Whether the thread has taken a group that is not committed yet.
    writing: bool,
    /// Whether the latest group failed, and `on_error` knows.
    failing: bool,
    stop: bool,
}

impl WriteBehind {
    /// A queue for the output in `file`.
    ///
    /// `timeout` is how long a group may wait for another connection's lock before that is an error.
    ///
    /// # Errors
    ///
    /// `SQLITE_CANTOPEN` where there can be no thread.
    pub fn start(
        file: &Path,
        timeout: Duration,
        settings: Settings,
        on_error: Option<OnError>,
    ) -> sqlite::Result<Self> {
        let shared = Arc::new(Shared {
            file: file.to_owned(),
            settings,
            timeout,
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
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Queues a chunk. Where there is no room, what is queued is written first.
    ///
    /// # Errors
    ///
    /// What SQLite says of that; the chunk is not queued then.
    pub fn append(&self, connection: &Connection, output: NewOutput) -> sqlite::Result<()> {
        let bytes = size(&output);
        let mut state = self.shared.lock();
        if state.bytes + bytes > self.shared.settings.max_bytes && state.bytes > 0 {
            drop(state);
            self.settle(&*connection.unsettled()?)?;
            state = self.shared.lock();
        }
        state.bytes += bytes;
        if state.queue.is_empty() {
            state.oldest = Some(Instant::now());
            self.shared.news.notify_one();
        }
        state.queue.push(output);
        Ok(())
    }
}

impl Deferred for WriteBehind {
    /// Writes what is queued, through `sqlite`.
    fn settle(&self, sqlite: &Sqlite) -> sqlite::Result<()> {
        let mut state = self.shared.lock();
        while state.writing {
            state = self.shared.settled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        // What was queued before a transaction must not be undone with it. There is something to settle
        // inside one only where it could not be written before.
        if state.queue.is_empty() || !sqlite.is_autocommit() {
            return Ok(());
        }
        let group = state.take();
        drop(state);
        let written = write(sqlite, &group);
        self.shared.lock().finish(group, written.is_ok());
        written
    }
}

impl Drop for WriteBehind {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.news.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic of its own has told of itself.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing is left half-done under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut connection = None;
        while self.wait_for_a_group() {
            let written = self.write_group(&mut connection);
            let mut state = self.lock();
            match written {
                Ok(()) => state.failing = false,
                Err(error) => {
                    if !std::mem::replace(&mut state.failing, true)
                        && let Some(tell) = &self.on_error
                    {
                        tell(&error);
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

    /// Writes what is queued by the time that the write lock is held.
    fn write_group(&self, connection: &mut Option<Sqlite>) -> sqlite::Result<()> {
        let sqlite = match connection {
            Some(sqlite) => sqlite,
            None => connection.insert(open(&self.file)?),
        };
        if !self.begin(sqlite)? {
            return Ok(());
        }
        let group = {
            let mut state = self.lock();
            state.writing = true;
            state.take()
        };
        let written = write_rows(sqlite, &group)
            .and_then(|()| Ok(sqlite.prepare_cached("COMMIT")?.raw_execute().map(drop)?));
        if written.is_err() && !sqlite.is_autocommit() {
            // If even this fails, the next BEGIN does, and tells.
            let _ = sqlite.execute_batch("ROLLBACK");
        }
        let mut state = self.lock();
        state.writing = false;
        state.finish(group, written.is_ok());
        self.settled.notify_all();
        written
    }

    /// Begins a transaction that holds the write lock, unless the queue is emptied meanwhile.
    fn begin(&self, sqlite: &Sqlite) -> sqlite::Result<bool> {
        let deadline = Instant::now() + self.timeout;
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
    /// Takes what is queued, to be accounted for by [`finish`](Self::finish).
    fn take(&mut self) -> Vec<NewOutput> {
        self.oldest = None;
        std::mem::take(&mut self.queue)
    }

    /// Accounts for a group that was taken: it is gone if it is written, else in front again.
    fn finish(&mut self, mut group: Vec<NewOutput>, written: bool) {
        if written {
            self.bytes -= group.iter().map(size).sum::<usize>();
        } else {
            group.append(&mut self.queue);
            self.queue = group;
            self.oldest = Some(Instant::now());
        }
    }
}

fn open(file: &Path) -> sqlite::Result<Sqlite> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let sqlite = Sqlite::open_with_flags(file, flags)?;
    sqlite.busy_timeout(LOCK_PATIENCE)?;
    Ok(sqlite)
}

fn write(sqlite: &Sqlite, group: &[NewOutput]) -> sqlite::Result<()> {
    atomically(sqlite, || write_rows(sqlite, group))
}

fn write_rows(sqlite: &Sqlite, group: &[NewOutput]) -> sqlite::Result<()> {
    group.iter().try_for_each(|output| insert(sqlite, output))
}

fn size(output: &NewOutput) -> usize {
    output.session_id.len() + output.data.len() + ROW_OVERHEAD
}
