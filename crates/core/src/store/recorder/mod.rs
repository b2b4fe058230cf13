//! What a command does, from the thread that hears of it into the queue of a connection.

mod kept;
mod redacting;
mod spool;

use std::mem;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub use self::kept::Finished;
use self::kept::Kept;
use self::redacting::Redacting;
pub use self::spool::{Taken, spool_of, take_in};

use super::model::{
    Change, Data, DetailsUpdate, NewOutput, NewSession, OutputType, SessionStatus, SessionUpdate,
    Update,
};
use super::outputs::Outputs;
use super::redact::{Finding, Redact};
use super::sessions::Sessions;
use super::timestamp::Timestamp;
use super::write_behind::{Entry, Feed};
use super::{Error, Result};
use crate::sqlite;

/// How long nobody looks at most while the end is waited for.
const LOOK: Duration = Duration::from_millis(50);

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// With this exit code.
    Code(i64),
    /// By the signal with this name.
    Signal(String),
    /// Nobody knows how.
    Unknown,
}

/// Records one session. It may be used on any thread, and never waits for the database while there is room in the queue.
pub struct Recorder {
    state: Mutex<State>,
    /// Notified when something is held back, and at the end.
    news: Condvar,
    is_ended: AtomicBool,
}

struct State {
    session_id: String,
    /// Bytes of each stream at the end of which a character is not complete.
    incomplete: [Vec<u8>; 2],
    redacting: Option<Redacting>,
    way: Way,
}

/// The way of what is recorded.
enum Way {
    /// The session is not stored yet. This comes behind it.
    Before(Feed, Vec<Entry>),
    /// Into the queue of one connection.
    Queue(Feed),
    /// Into whatever file there is.
    Kept(Box<Kept>),
}

impl Way {
    fn push(&mut self, entry: Entry) {
        match self {
            Self::Before(_, before) => before.push(entry),
            Self::Queue(feed) => feed.push(entry),
            Self::Kept(kept) => kept.push(entry),
        }
    }
}

impl Recorder {
    /// Records what becomes `session` as soon as it [starts](Self::start), through the queue of `outputs`, and replaces secrets, if
    /// that is asked for.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfRange`] for a slot that the file does not accept, `SQLITE_CONSTRAINT_PRIMARYKEY` for an id that
    /// exists, `SQLITE_READONLY` for a database that is opened for reading only; an error of SQLite.
    pub fn new(
        sessions: &Sessions,
        outputs: &Outputs,
        session: &NewSession,
        redact: Option<Redact>,
    ) -> Result<Self> {
        sessions.check_new(session)?;
        Ok(Self::with(session, Way::Before(outputs.feed()?, Vec::new()), redact))
    }

    /// Records what becomes `session`, and keeps everything until it is stored in a file that is still there. It has to be
    /// told of the file by [`attach`](Self::attach), and to [look](Self::look) now and then.
    pub fn keeping(session: &NewSession, spool: PathBuf, redact: Option<Redact>) -> Self {
        Self::with(session, Way::Kept(Box::new(Kept::new(spool))), redact)
    }

    fn with(session: &NewSession, way: Way, redact: Option<Redact>) -> Self {
        let incomplete = [Vec::new(), Vec::new()];
        let redacting = redact.map(Redacting::new);
        let state = State { session_id: session.id.clone(), incomplete, redacting, way };
        Self { state: Mutex::new(state), news: Condvar::new(), is_ended: AtomicBool::new(false) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stores the session, and then what it has printed so far.
    pub fn start(&self, mut session: NewSession) {
        let mut state = self.lock();
        let redactor = state.redacting.as_ref().map(Redacting::redactor);
        let found = redactor.map(|redactor| redactor.clean_session(&mut session));
        let found = found.into_iter().flatten().map(|finding| state.count(&finding));
        let found: Vec<Entry> = found.collect();
        let session = Entry::Session(Box::new(session));
        match &mut state.way {
            Way::Before(feed, before) => {
                feed.push(session);
                before.drain(..).for_each(|entry| feed.push(entry));
                state.way = Way::Queue(feed.clone());
            }
            Way::Kept(kept) => kept.start(session),
            Way::Queue(_) => {}
        }
        found.into_iter().for_each(|entry| state.way.push(entry));
    }

    /// What is kept goes into the queue of these stores from now on: all that may not be in their file.
    ///
    /// # Errors
    ///
    /// `SQLITE_CONSTRAINT_PRIMARYKEY` where their file has another session with this id; an error of SQLite.
    pub fn attach(&self, sessions: &Sessions, outputs: &Outputs) -> Result<()> {
        let feed = outputs.feed()?;
        match &mut self.lock().way {
            Way::Kept(kept) => kept.attach(sessions, feed),
            _ => Ok(()),
        }
    }

    /// Passes on what is kept as there is room, and forgets what is stored.
    pub fn look(&self) {
        if let Way::Kept(kept) = &mut self.lock().way {
            kept.look();
        }
    }

    /// Waits until everything is stored, but not longer than that. What is not is put into the spool file.
    pub fn finish(&self, patience: Duration) -> Finished {
        let deadline = Instant::now() + patience;
        loop {
            let mut state = self.lock();
            let Way::Kept(kept) = &mut state.way else {
                return Finished::default();
            };
            kept.look();
            if kept.is_stored() || Instant::now() >= deadline {
                return kept.finish();
            }
            let feed = kept.feed();
            drop(state);
            let step = LOOK.min(deadline.saturating_duration_since(Instant::now()));
            match feed {
                Some(feed) => drop(feed.wait_until_stored(step)),
                None => std::thread::sleep(step),
            }
        }
    }

    /// Stores what was printed. A character that is not complete waits for its rest.
    pub fn output(&self, kind: OutputType, bytes: &[u8]) {
        let mut state = self.lock();
        match state.redacting.as_mut().map(|redacting| redacting.feed(kind, bytes)) {
            None => state.printed(kind, bytes),
            Some(given) => {
                state.give(kind, &given);
                self.news.notify_one();
            }
        }
    }

    /// Whether it replaces secrets.
    pub fn redacts(&self) -> bool {
        self.lock().redacting.is_some()
    }

    /// Stores what is held back, once that is so for long enough. It returns at the end of the session.
    pub fn release_in_time(&self) {
        let mut state = self.lock();
        while !self.is_ended() {
            let Some(redacting) = &state.redacting else { return };
            let wait = redacting.time_left();
            if wait == Some(Duration::ZERO) {
                state.release();
                continue;
            }
            let waited = self.news.wait_timeout(state, wait.unwrap_or(Duration::MAX));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Stores another size of the terminal, for what is printed from now on.
    pub fn resized(&self, columns: u16, rows: u16) {
        let details = DetailsUpdate {
            columns: Change::Set(columns.into()),
            rows: Change::Set(rows.into()),
            ..DetailsUpdate::default()
        };
        self.lock().update(SessionUpdate { details, ..SessionUpdate::default() }, false);
    }

    /// Before this process is stopped, everything is stored if that is possible at once, and nothing is being written when
    /// this returns: a lock would be held meanwhile. With `false`, writing goes on.
    pub fn pause(&self, stops: bool) {
        let feed = match &self.lock().way {
            Way::Before(..) => None,
            Way::Queue(feed) => Some(feed.clone()),
            Way::Kept(kept) => kept.feed(),
        };
        if let Some(feed) = feed {
            if stops {
                feed.wait_until_stored(LOOK);
            }
            feed.pause(stops);
        }
    }

    /// Whether the session has ended.
    pub fn is_ended(&self) -> bool {
        self.is_ended.load(Ordering::SeqCst)
    }

    /// Stores how the session ended.
    pub fn end(&self, end: End) {
        let mut state = self.lock();
        self.is_ended.store(true, Ordering::SeqCst);
        self.news.notify_all();
        state.release();
        let incomplete = mem::take(&mut state.incomplete);
        for (kind, bytes) in [OutputType::Stdout, OutputType::Stderr].into_iter().zip(incomplete) {
            state.store(kind, bytes.into());
        }
        let mut details = DetailsUpdate::default();
        let mut status = SessionStatus::Failed;
        match end {
            End::Code(code) => {
                details.exit_code = Change::Set(code);
                if code == 0 {
                    status = SessionStatus::Completed;
                }
            }
            End::Signal(signal) => details.signal = Change::Set(signal),
            End::Unknown => {}
        }
        if let Way::Kept(kept) = &state.way
            && kept.lost() > 0
        {
            let lost = format!("{} bytes of output are lost", kept.lost());
            details.error = Change::Set(lost);
        }
        let ended_at = Change::Set(Timestamp::now());
        let status = Some(status);
        let update = SessionUpdate { status, ended_at, details, ..SessionUpdate::default() };
        // Who has said before how it went is not contradicted.
        state.update(update, true);
    }

    /// Waits until what was recorded is stored, but not longer than that. Returns whether it is.
    pub fn wait_until_stored(&self, patience: Duration) -> bool {
        let feed = match &self.lock().way {
            Way::Queue(feed) => feed.clone(),
            _ => return false,
        };
        feed.wait_until_stored(patience)
    }
}

impl State {
    /// Stores what was printed as far as its characters are complete.
    fn printed(&mut self, kind: OutputType, bytes: &[u8]) {
        let data = match &mut self.incomplete {
            [stdout, _] if kind == OutputType::Stdout => whole(stdout, bytes),
            [_, stderr] => whole(stderr, bytes),
        };
        self.store(kind, data);
    }

    fn count(&self, finding: &Finding) -> Entry {
        let (session_id, rule) = (self.session_id.clone(), finding.rule.to_string());
        Entry::Redacted { session_id, rule }
    }

    /// Stores what redaction gives, and what it found.
    fn give(&mut self, kind: OutputType, given: &[u8]) {
        let found = self.redacting.as_mut().map(|redacting| redacting.findings(kind));
        for finding in found.into_iter().flatten() {
            self.way.push(self.count(&finding));
        }
        self.printed(kind, given);
    }

    /// Stores what is held back.
    fn release(&mut self) {
        for kind in [OutputType::Stdout, OutputType::Stderr] {
            if let Some(given) = self.redacting.as_mut().map(|redacting| redacting.release(kind)) {
                self.give(kind, &given);
            }
        }
    }

    fn store(&mut self, kind: OutputType, data: Data) {
        if data.is_empty() {
            return;
        }
        let session_id = self.session_id.clone();
        let timestamp = Timestamp::now();
        self.way.push(Entry::Output(NewOutput { session_id, timestamp, kind, data }));
    }

    fn update(&mut self, update: SessionUpdate, only_running: bool) {
        let id = self.session_id.clone();
        self.way.push(Entry::Update(Box::new(Update { id, update, only_running })));
    }
}

/// These bytes behind those that wait, without a character at their end that is not complete, which waits.
fn whole(waiting: &mut Vec<u8>, bytes: &[u8]) -> Data {
    let mut all = mem::take(waiting);
    all.extend_from_slice(bytes);
    match String::from_utf8(all) {
        Ok(text) => Data::Text(text),
        Err(error) => {
            let is_cut = error.utf8_error().error_len().is_none();
            let length = error.utf8_error().valid_up_to();
            let mut all = error.into_bytes();
            if is_cut {
                *waiting = all.split_off(length);
            }
            all.into()
        }
    }
}

impl Sessions {
    /// Checks that a session can be stored.
    fn check_new(&self, session: &NewSession) -> Result<()> {
        self.check_slot(session.slot)?;
        let mut exists = false;
        self.get(&session.id, |_| {
            exists = true;
            Ok::<_, Error>(())
        })?;
        if exists { Err(sqlite::Error::exists(&session.id).into()) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests;
