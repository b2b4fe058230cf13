//! Finding lines in what sessions printed, as somebody saw them.

mod pattern;

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use rusqlite::{Row, Statement, params};

use super::outputs::{Outputs, check_session, select};
use super::terminal::{Line, Lines, Mark};
use super::timestamp::{Moments, Timestamp};
use super::{Error, Result, text};
use pattern::Pattern;

/// Of one session, by an index.
const ONE: &str = select!("o.timestamp, o.data, o.id", "AND i.id > ?2 ORDER BY i.id");

/// Of all sessions: reading the table once costs less than an index for each of them.
const ALL: &str =
    "SELECT session_id, timestamp, data, id FROM session_outputs WHERE id > ?1 ORDER BY id";

/// Chunks, or lines of one chunk, after which the clock is looked at.
const CLOCK: usize = 128;

/// Bytes of a line after which it is looked at in any case.
const LONG: usize = 4096;

/// What to look for, and where.
#[derive(Debug, Clone)]
pub struct Query {
    /// A text, or a regular expression.
    pub pattern: String,
    /// Whether it is a regular expression.
    pub regex: bool,
    /// Whether upper and lower case differ.
    pub case_sensitive: bool,
    /// The session to look in; all if there is none.
    pub session_id: Option<String>,
    /// Only what was printed then or later.
    pub since: Option<Timestamp>,
    /// Only what was printed then or earlier.
    pub until: Option<Timestamp>,
    /// Matches of a page.
    pub limit: usize,
    /// Lines before and after a match.
    pub context: usize,
    /// How long to look for a page.
    pub time_limit: Option<Duration>,
}

/// A line that matches.
#[derive(Debug, Clone, PartialEq)]
pub struct Match {
    /// The session that printed it.
    pub session_id: Vec<u8>,
    /// Its text.
    pub line: String,
    /// Which line of the session it is, from 1.
    pub number: u64,
    /// The chunk in which the match begins.
    pub mark: Mark,
    /// Where the match begins and ends, in UTF-16 code units.
    pub span: (usize, usize),
    /// The lines before it.
    pub before: Vec<String>,
    /// The lines after it.
    pub after: Vec<String>,
}

/// Why a page ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// There is no more.
    AtEnd,
    /// It has as many matches as were wanted.
    AtLimit,
    /// The time is over.
    InTime,
}

/// A search, which goes on from page to page.
pub struct Search {
    outputs: Outputs,
    query: Query,
    pattern: Pattern,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    /// In the order in which their last lines are looked at; mostly few, so that comparing ids takes less than hashing.
    sessions: BTreeMap<Vec<u8>, Session>,
    /// The chunk that was read last, and how much of it where that was not all.
    cursor: i64,
    taken: Option<usize>,
    ended: bool,
    /// Matches to be handed out.
    ready: VecDeque<Match>,
}

/// A session whose lines are being read.
#[derive(Default)]
struct Session {
    lines: Lines,
    nearby: Nearby,
}

/// What is kept for the context of matches.
#[derive(Default)]
struct Nearby {
    /// The latest lines.
    before: VecDeque<String>,
    /// Matches that wait for the lines after them.
    waiting: VecDeque<Match>,
}

impl Search {
    /// A search that has not begun.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfRange`] for a pattern that is none.
    pub fn new(outputs: Outputs, query: Query) -> Result<Self> {
        let pattern = Pattern::new(&query.pattern, query.regex, query.case_sensitive)?;
        Ok(Self { outputs, query, pattern, state: RefCell::default() })
    }

    /// Hands the next matches to `visit`, in the order in which their lines, and the context behind them,
    /// ended; at the end those of lines that have no end yet, by session. Says why there are no more for now.
    ///
    /// # Errors
    ///
    /// What SQLite or `visit` says.
    pub fn page<E: From<Error>>(
        &self,
        mut visit: impl FnMut(Match) -> Result<(), E>,
    ) -> Result<Stopped, E> {
        let state = &mut *self.state.borrow_mut();
        let limit = self.query.limit;
        let stopped = if state.ready.len() >= limit || state.ended {
            Stopped::AtLimit
        } else {
            self.read(state)?
        };
        let count = state.ready.len().min(limit);
        state.ready.drain(..count).try_for_each(&mut visit)?;
        Ok(if state.ended && state.ready.is_empty() { Stopped::AtEnd } else { stopped })
    }

    fn read(&self, state: &mut State) -> Result<Stopped> {
        let connection = &self.outputs.connection;
        connection.settled()?;
        // A chunk that is not read to its end is read again.
        let after = state.cursor - i64::from(state.taken.is_some());
        match &self.query.session_id {
            Some(id) => connection
                .with_statement(ONE, |rows| self.read_rows(rows, params![id, after], state)),
            None => connection.with_statement(ALL, |rows| self.read_rows(rows, [after], state)),
        }
    }

    fn read_rows(
        &self,
        statement: &mut Statement<'_>,
        params: impl rusqlite::Params,
        state: &mut State,
    ) -> Result<Stopped> {
        let deadline = self.query.time_limit.and_then(|limit| Instant::now().checked_add(limit));
        let late = |count: usize| {
            count.is_multiple_of(CLOCK) && deadline.is_some_and(|end| Instant::now() >= end)
        };
        let mut moments = Moments::default();
        let mut rows = statement.query(params)?;
        let mut count = 0;
        while let Some(row) = rows.next()? {
            count += 1;
            if let Some(stopped) = self.read_row(row, state, &mut moments, late)? {
                return Ok(stopped);
            }
            if late(count) {
                return Ok(Stopped::InTime);
            }
        }
        self.end(state);
        Ok(Stopped::AtLimit)
    }

    fn read_row(
        &self,
        row: &Row<'_>,
        state: &mut State,
        moments: &mut Moments,
        late: impl Fn(usize) -> bool,
    ) -> Result<Option<Stopped>> {
        if let Some(id) = &self.query.session_id {
            check_session(row, id)?;
        }
        let State { sessions, cursor, taken, ready, .. } = state;
        let session_id = text(row.get_ref(0)?);
        let data = text(row.get_ref(2)?);
        let id = row.get(3)?;
        let done = taken.take().filter(|_| id == *cursor).unwrap_or(0);
        *cursor = id;
        if !sessions.contains_key(session_id) {
            sessions.insert(session_id.to_vec(), Session::default());
        }
        let Some(Session { lines, nearby }) = sessions.get_mut(session_id) else {
            return Ok(None);
        };
        let mark = Mark { cursor: id, timestamp: moments.millis(text(row.get_ref(1)?)) };
        let mut rest = data.get(done..).unwrap_or_default();
        let mut count = 0;
        while let Some(line) = lines.next(&mut rest, mark) {
            self.look_at(&line, session_id, nearby, ready);
            // A long line may have taken long.
            count = if line.text.len() > LONG { 0 } else { count + 1 };
            let stopped = if ready.len() >= self.query.limit {
                Stopped::AtLimit
            } else if late(count) {
                Stopped::InTime
            } else {
                continue;
            };
            *taken = Some(data.len() - rest.len());
            return Ok(Some(stopped));
        }
        Ok(None)
    }

    fn look_at(
        &self,
        line: &Line<'_>,
        session_id: &[u8],
        nearby: &mut Nearby,
        ready: &mut VecDeque<Match>,
    ) {
        let context = self.query.context;
        let found = self.find(line);
        if context == 0 && found.is_none() {
            return;
        }
        for waiting in &mut nearby.waiting {
            waiting.after.push(line.text.to_owned());
        }
        if nearby.waiting.front().is_some_and(|first| first.after.len() >= context) {
            ready.extend(nearby.waiting.pop_front());
        }
        if let Some((span, mark)) = found {
            let units =
                |end: usize| line.text.get(..end).unwrap_or_default().encode_utf16().count();
            let found = Match {
                session_id: session_id.to_vec(),
                line: line.text.to_owned(),
                number: line.number,
                mark,
                span: (units(span.start), units(span.end)),
                before: nearby.before.iter().cloned().collect(),
                after: Vec::new(),
            };
            if context == 0 {
                ready.push_back(found);
                return;
            }
            nearby.waiting.push_back(found);
        }
        if nearby.before.len() >= context {
            nearby.before.pop_front();
        }
        nearby.before.push_back(line.text.to_owned());
    }

    /// The match in a line, where it was printed at a time that counts.
    fn find(&self, line: &Line<'_>) -> Option<(std::ops::Range<usize>, Mark)> {
        let span = self.pattern.find(line.text)?;
        let mark = line.mark_at(span.start);
        let since = self.query.since.is_none_or(|since| mark.timestamp >= since.millis());
        let until = self.query.until.is_none_or(|until| mark.timestamp <= until.millis());
        (since && until).then_some((span, mark))
    }

    /// Looks at the lines that have no end, and waits for nothing more.
    fn end(&self, state: &mut State) {
        state.ended = true;
        let sessions = std::mem::take(&mut state.sessions);
        for (session_id, Session { mut lines, mut nearby }) in sessions {
            if let Some(line) = lines.end() {
                self.look_at(&line, &session_id, &mut nearby, &mut state.ready);
            }
            state.ready.append(&mut nearby.waiting);
        }
    }
}
