//! What a command does, from the thread that hears of it into the queue of a connection.

use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::model::{
    Change, Data, DetailsUpdate, NewOutput, NewSession, OutputType, SessionStatus, SessionUpdate,
};
use super::outputs::Outputs;
use super::sessions::Sessions;
use super::timestamp::Timestamp;
use super::write_behind::{Entry, Feed};
use super::{Error, Result};
use crate::sqlite;

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
    feed: Feed,
    state: Mutex<State>,
}

struct State {
    session_id: String,
    /// What came before the session was stored, if it is not yet.
    before: Option<Vec<Entry>>,
    /// Bytes of each stream at the end of which a character is not complete.
    incomplete: [Vec<u8>; 2],
}

impl Recorder {
    /// Records what becomes `session` as soon as it [starts](Self::start), through the queue of `outputs`.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfRange`] for a slot that the file does not accept, `SQLITE_CONSTRAINT_PRIMARYKEY` for an id that
    /// exists, `SQLITE_READONLY` for a database that is opened for reading only; an error of SQLite.
    pub fn new(sessions: &Sessions, outputs: &Outputs, session: &NewSession) -> Result<Self> {
        sessions.check_new(session)?;
        let state = State {
            session_id: session.id.clone(),
            before: Some(Vec::new()),
            incomplete: [Vec::new(), Vec::new()],
        };
        Ok(Self { feed: outputs.feed()?, state: Mutex::new(state) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stores the session, and then what it has printed so far.
    pub fn start(&self, session: NewSession) {
        let mut state = self.lock();
        self.feed.push(Entry::Session(Box::new(session)));
        for entry in state.before.take().into_iter().flatten() {
            self.feed.push(entry);
        }
    }

    /// Stores what was printed. A character that is not complete waits for its rest.
    pub fn output(&self, kind: OutputType, bytes: &[u8]) {
        let mut state = self.lock();
        let data = match &mut state.incomplete {
            [stdout, _] if kind == OutputType::Stdout => whole(stdout, bytes),
            [_, stderr] => whole(stderr, bytes),
        };
        self.store(&mut state, kind, data);
    }

    /// Stores another size of the terminal, for what is printed from now on.
    pub fn resized(&self, columns: u16, rows: u16) {
        let details = DetailsUpdate {
            columns: Change::Set(columns.into()),
            rows: Change::Set(rows.into()),
            ..DetailsUpdate::default()
        };
        self.update(&mut self.lock(), SessionUpdate { details, ..SessionUpdate::default() });
    }

    /// Stores how the session ended.
    pub fn end(&self, end: End) {
        let mut state = self.lock();
        let incomplete = mem::take(&mut state.incomplete);
        for (kind, bytes) in [OutputType::Stdout, OutputType::Stderr].into_iter().zip(incomplete) {
            self.store(&mut state, kind, bytes.into());
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
        let ended_at = Change::Set(Timestamp::now());
        let update =
            SessionUpdate { status: Some(status), ended_at, details, ..SessionUpdate::default() };
        self.update(&mut state, update);
    }

    /// Waits until everything is stored, but not longer than that. Returns whether it is.
    pub fn wait_until_stored(&self, patience: Duration) -> bool {
        self.feed.wait_until_stored(patience)
    }

    fn store(&self, state: &mut State, kind: OutputType, data: Data) {
        if data.is_empty() {
            return;
        }
        let session_id = state.session_id.clone();
        let timestamp = Timestamp::now();
        self.push(state, Entry::Output(NewOutput { session_id, timestamp, kind, data }));
    }

    fn update(&self, state: &mut State, update: SessionUpdate) {
        let id = state.session_id.clone();
        self.push(state, Entry::Update(Box::new((id, update))));
    }

    fn push(&self, state: &mut State, entry: Entry) {
        match &mut state.before {
            Some(before) => before.push(entry),
            None => self.feed.push(entry),
        }
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
mod tests {
    use super::*;

    #[test]
    fn characters_are_never_cut() {
        let text = "aé日😀z";
        for at in 0..=text.len() {
            let (one, two) = text.as_bytes().split_at(at);
            let mut waiting = Vec::new();
            let pieces = [whole(&mut waiting, one), whole(&mut waiting, two)];
            let text_of = |data: &Data| match data {
                Data::Text(text) => text.clone(),
                Data::Bytes(bytes) => panic!("{bytes:?}"),
            };
            assert_eq!(pieces.iter().map(text_of).collect::<String>(), text);
            assert!(waiting.is_empty());
        }
    }

    #[test]
    fn bytes_that_are_no_text_stay_what_they_are() {
        let mut waiting = Vec::new();
        let bytes = b"a\xff\xc3";
        assert_eq!(whole(&mut waiting, bytes), Data::Bytes(bytes.to_vec()));
        assert_eq!(whole(&mut waiting, b"x\xe6\x97"), Data::Text("x".into()));
        assert_eq!(whole(&mut waiting, b"y"), Data::Bytes(b"\xe6\x97y".to_vec()));
        assert!(waiting.is_empty());
    }
}
