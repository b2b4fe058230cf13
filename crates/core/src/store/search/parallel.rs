//! A search on several threads, each with a connection of its own.
//!
//! It falls into [parts](Part): sessions, and of sealed ones the blocks in which something may match. The matches come in the order
//! of the parts, so they do not depend on which thread is faster.

use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::filters::{self, Part};
use super::{Match, Query, Ready, Search, Stopped};
use crate::sqlite::{self, Connection, Siblings, snapshot};
use crate::store::outputs::Outputs;
use crate::store::{Error, Result};

/// Matches that a thread finds at a time.
const AT_ONCE: usize = 128;

/// Bytes of matches that wait to be taken, and of those that wait for the parts before them. Threads wait then.
const WAITING: usize = 8 << 20;

/// What is found, and what the caller has to do.
#[derive(Debug)]
pub enum Found {
    /// The next matches.
    Matches(Vec<Match>),
    /// Nothing yet.
    NothingYet,
    /// Everything was given.
    End,
}

/// A search on several threads. They end when it is dropped.
pub struct Parallel(Arc<Shared>);

type Wake = Box<dyn FnOnce() + Send>;

struct Shared {
    state: Mutex<State>,
    /// Told when matches were taken, when a part is done, and when the search is over.
    changed: Condvar,
    readers: Siblings,
    query: Query,
}

#[derive(Default)]
struct State {
    /// The parts that nobody has taken, once they are known, and how many were.
    parts: Option<VecDeque<Part>>,
    taken: usize,
    /// The part whose matches come next.
    front: usize,
    /// What was found in parts that were taken.
    found: BTreeMap<usize, OfPart>,
    /// Bytes of all that.
    bytes: usize,
    failure: Option<Error>,
    is_over: bool,
    /// Who waits for something to take.
    wake: Option<Wake>,
}

/// What was found in a part.
#[derive(Default)]
struct OfPart {
    matches: VecDeque<Match>,
    bytes: usize,
    is_done: bool,
}

impl Parallel {
    /// Begins a search of what is committed. `None` for a database in memory, which only one thread can read.
    ///
    /// # Errors
    ///
    /// As [`Search::new`]; an error of SQLite, or of the system if there can be no thread.
    pub fn start(
        connection: &Rc<Connection>,
        query: Query,
        threads: usize,
    ) -> Result<Option<Self>> {
        let query = Query { limit: AT_ONCE, time_limit: None, ..query };
        // A pattern that is none is told at once.
        Search::new(Outputs::new(Rc::clone(connection)), query.clone())?;
        let Some(readers) = connection.readers()? else { return Ok(None) };
        let (state, changed) = (Mutex::default(), Condvar::new());
        let search = Self(Arc::new(Shared { state, changed, readers, query }));
        for number in 0..threads.max(1) {
            let shared = Arc::clone(&search.0);
            let run = move || {
                let done = catch_unwind(AssertUnwindSafe(|| shared.work(number == 0)));
                let failure = match done {
                    Ok(Ok(())) => return,
                    Ok(Err(error)) => error,
                    Err(_) => panicked(),
                };
                let mut state = shared.lock();
                state.failure.get_or_insert(failure);
                shared.end(state);
            };
            let started = thread::Builder::new().name("search".into()).spawn(run);
            // One thread is enough.
            if let Err(error) = started
                && number == 0
            {
                return Err(sqlite::Error::io(&error).into());
            }
        }
        Ok(Some(search))
    }

    /// The next matches, if there are any.
    ///
    /// # Errors
    ///
    /// What a thread has failed of. Nothing more comes then.
    pub fn take(&self) -> Result<Found> {
        let mut state = self.0.lock();
        if let Some(failure) = state.failure.take() {
            return Err(failure);
        }
        let front = state.front;
        if let Some(part) = state.found.get_mut(&front)
            && !part.matches.is_empty()
        {
            let matches = std::mem::take(&mut part.matches).into();
            let bytes = std::mem::take(&mut part.bytes);
            state.bytes -= bytes;
            state.go_on();
            self.0.changed.notify_all();
            return Ok(Found::Matches(matches));
        }
        Ok(if state.is_ended() { Found::End } else { Found::NothingYet })
    }

    /// Calls `wake` when there is something to take, or the end.
    pub fn when_ready(&self, wake: impl FnOnce() + Send + 'static) {
        let mut state = self.0.lock();
        if state.is_ready() {
            drop(state);
            return wake();
        }
        state.wake = Some(Box::new(wake));
    }

    /// Ends it.
    pub fn stop(&self) {
        self.0.end(self.0.lock());
    }
}

fn panicked() -> Error {
    let message = "a thread of the search panicked".into();
    Error::Sqlite(sqlite::Error::Sqlite { code: rusqlite::ffi::SQLITE_INTERNAL, message })
}

impl Drop for Parallel {
    fn drop(&mut self) {
        self.stop();
    }
}

impl State {
    /// Goes on to the next part with matches, or to one that may still have some.
    fn go_on(&mut self) {
        while self
            .found
            .get(&self.front)
            .is_some_and(|part| part.is_done && part.matches.is_empty())
        {
            self.found.remove(&self.front);
            self.front += 1;
        }
    }

    fn is_ended(&self) -> bool {
        let has_none = self.parts.as_ref().is_some_and(VecDeque::is_empty);
        self.is_over || (has_none && self.front == self.taken)
    }

    fn is_ready(&self) -> bool {
        let has_matches = self.found.get(&self.front).is_some_and(|part| !part.matches.is_empty());
        has_matches || self.failure.is_some() || self.is_ended()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&'a self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells whoever waits, if there is something.
    fn tell(&self, mut state: MutexGuard<'_, State>) {
        let wake = if state.is_ready() { state.wake.take() } else { None };
        drop(state);
        self.changed.notify_all();
        if let Some(wake) = wake {
            wake();
        }
    }

    fn end(&self, mut state: MutexGuard<'_, State>) {
        state.is_over = true;
        state.found.clear();
        self.tell(state);
    }

    /// Searches part after part, until there is none.
    fn work(&self, plans: bool) -> Result<()> {
        let connection = Rc::new(Connection::reader(&self.readers)?);
        let search = Search::new(Outputs::new(Rc::clone(&connection)), self.query.clone())?;
        if plans {
            let parts = {
                let sqlite = connection.settled()?;
                let _one_moment = snapshot(&sqlite)?;
                filters::parts(&sqlite, &self.query, &search.needed)?
            };
            let mut state = self.lock();
            state.parts = Some(parts.into());
            self.tell(state);
        }
        while let Some((number, part)) = self.next_part() {
            let of_part = search.of_part(part);
            loop {
                let mut matches = Vec::new();
                let stopped = of_part.page(|found| {
                    matches.push(found);
                    Ok::<_, Error>(())
                })?;
                if !self.found(number, matches, stopped == Stopped::AtEnd) {
                    return Ok(());
                }
                if stopped == Stopped::AtEnd {
                    break;
                }
            }
        }
        Ok(())
    }

    fn next_part(&self) -> Option<(usize, Part)> {
        let mut state = self.lock();
        loop {
            if state.is_over {
                return None;
            }
            if let Some(parts) = &mut state.parts {
                let part = parts.pop_front()?;
                let number = state.taken;
                state.taken += 1;
                state.found.insert(number, OfPart::default());
                return Some((number, part));
            }
            state = self.wait(state);
        }
    }

    /// Hands over what was found in a part, once there is room for it. `false` once the search is over.
    fn found(&self, number: usize, matches: Vec<Match>, is_done: bool) -> bool {
        let mut state = self.lock();
        while !state.is_over
            && state.bytes > WAITING
            // The others wait for this one.
            && (number != state.front || state.found.get(&number).is_some_and(|it| it.bytes > WAITING))
        {
            state = self.wait(state);
        }
        if state.is_over {
            return false;
        }
        let bytes: usize = matches.iter().map(Ready::size).sum();
        state.bytes += bytes;
        if let Some(part) = state.found.get_mut(&number) {
            part.bytes += bytes;
            part.matches.extend(matches);
            part.is_done = is_done;
        }
        state.go_on();
        self.tell(state);
        true
    }
}
