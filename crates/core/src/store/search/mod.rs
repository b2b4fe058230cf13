//! Finds lines in the output of sessions, as they were visible in the terminal.

mod clock;
mod data;
mod filters;
mod normal;
mod parallel;
mod pattern;
mod slowly;

use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection as Sqlite, params};

use super::outputs::Outputs;
use super::sealed::{self, Needed};
use super::select::{Select, check_session, has_blocks, select_chunks};
use super::sizes::{self, LAST, Wanted};
use super::terminal::{KeptLine, Line, Lines, Mark};
use super::timestamp::{Moments, Timestamp};
use super::{Error, Result, StoredText, text};
use crate::sqlite::{Compiled, Row, snapshot};
use clock::Clock;
use data::Data;
use filters::{Part, Skipped};
use normal::{Normal, composed};
pub use parallel::{Found, Parallel};
use pattern::Pattern;
use slowly::Slowly;

/// The output of one session, or a part of it, by an index.
const ONE: Select = select_chunks!(
    o.timestamp, o.data, o.id; "AND i.id > ?2 AND i.id <= ?3 ORDER BY i.id"
);

/// The output of all sessions. Reading the table once costs less than the index for each session.
const ALL: Select = Select {
    rows: "SELECT session_id, timestamp, data, id FROM session_outputs WHERE id > ?1 ORDER BY id",
    all: "SELECT session_id, timestamp, data, id FROM session_outputs_all WHERE id > ?1 ORDER BY id",
};

/// The same without long texts, which are read in pieces. A block is read as a whole.
const ONE_IN_PIECES: Select = Select {
    rows: "SELECT o.session_id, o.timestamp,
           CASE WHEN octet_length(o.data) <= 16384 OR (SELECT encoding FROM pragma_encoding) <> 'UTF-8'
           THEN o.data END, o.id, octet_length(o.data)
           FROM session_outputs i CROSS JOIN session_outputs o ON o.id = i.id
           WHERE i.session_id = ?1 AND i.id > ?2 AND i.id <= ?3 ORDER BY i.id",
    ..ONE
};
const ALL_IN_PIECES: Select = Select {
    rows: "SELECT session_id, timestamp,
           CASE WHEN octet_length(data) <= 16384 OR (SELECT encoding FROM pragma_encoding) <> 'UTF-8'
           THEN data END, id, octet_length(data)
           FROM session_outputs WHERE id > ?1 ORDER BY id",
    ..ALL
};

/// All without blocks in which nothing can match.
const SOME_OF_ONE: &str = "SELECT session_id, timestamp, data, id FROM session_outputs_all
    WHERE session_id = ?1 AND id > ?2 AND without = ?3 ORDER BY id";
const SOME: &str = "SELECT session_id, timestamp, data, id FROM session_outputs_all
    WHERE id > ?1 AND without = ?2 ORDER BY id";

/// A line as it is searched where the case does not matter.
pub(super) fn as_searched(line: &str) -> String {
    Normal::of(line, true).text().to_owned()
}

/// What to look for, and where.
#[derive(Debug, Clone)]
pub struct Query {
    /// A text, or a regular expression.
    pub pattern: String,
    /// Whether it is a regular expression.
    pub regex: bool,
    /// Whether upper and lower case differ.
    pub case_sensitive: bool,
    /// Whether what was drawn over is searched as well, each text once.
    pub drawn_over: bool,
    /// The session to search; all without one.
    pub session_id: Option<String>,
    /// Only the output of the command with this number in its session.
    pub command: Option<u32>,
    /// Only output from this moment on.
    pub since: Option<Timestamp>,
    /// Only output up to this moment.
    pub until: Option<Timestamp>,
    /// The most matches of a page.
    pub limit: usize,
    /// Lines before and after a match.
    pub context: usize,
    /// The time for a page.
    pub time_limit: Option<Duration>,
}

/// A line that matches.
#[derive(Debug, Clone, PartialEq)]
pub struct Match {
    /// The session that printed it.
    pub session_id: Vec<u8>,
    /// The text of the line.
    pub line: String,
    /// The number of the line in the session, from 1; 0 if it was drawn over.
    pub number: u64,
    /// The chunk in which the match begins.
    pub mark: Mark,
    /// Where the match begins and ends, in UTF-16 code units.
    pub span: (usize, usize),
    /// The lines before it.
    pub before: Vec<Arc<str>>,
    /// The lines after it.
    pub after: Vec<Arc<str>>,
}

/// Why a page ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// All output was searched.
    AtEnd,
    /// The page has `limit` matches.
    AtLimit,
    /// The time for a page is over.
    InTime,
}

/// A search, which goes on from page to page.
pub struct Search {
    outputs: Outputs,
    query: Query,
    pattern: Rc<Pattern>,
    needed: Needed,
    /// What is searched of a session, if it is not all of it.
    part: Option<Part>,
    /// The blocks that are left out, once they are known, as `session_outputs_all` takes them.
    without: OnceCell<Vec<u8>>,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    /// The sessions, ordered by id: their last lines are searched in that order. There are mostly few, so comparing
    /// is faster than hashing.
    sessions: BTreeMap<Vec<u8>, Session>,
    /// The chunk that was read last, and how many bytes of it, if not all.
    cursor: i64,
    taken: Option<usize>,
    /// A session whose output is over, so that only the lines on its screen are left.
    over: Option<Vec<u8>>,
    /// How many lines sessions have whose output was over. They may go on.
    done: HashMap<Vec<u8>, u64>,
    /// The blocks ahead that are left out.
    skipped: Skipped,
    /// Whether all chunks were read.
    ending: bool,
    ended: bool,
    /// A line whose search is not finished.
    paused: Option<Paused>,
    /// Matches that are ready for the next page.
    ready: Ready,
}

/// Bytes of text after which a page ends, without and with a time limit.
const PAGE: usize = 64 << 20;
const SHORT_PAGE: usize = 4 << 20;

/// Matches that are ready, and the bytes of their texts.
#[derive(Default)]
struct Ready {
    matches: VecDeque<Match>,
    bytes: usize,
}

impl Ready {
    fn push(&mut self, found: Match) {
        self.bytes += Self::size(&found);
        self.matches.push_back(found);
    }

    fn pop(&mut self) -> Option<Match> {
        let found = self.matches.pop_front()?;
        self.bytes -= Self::size(&found);
        Some(found)
    }

    fn size(found: &Match) -> usize {
        let nearby = found.before.iter().chain(&found.after).map(|line| line.len());
        found.session_id.len() + found.line.len() + nearby.sum::<usize>()
    }
}

/// A line whose search was interrupted when the time was over.
struct Paused {
    session_id: Vec<u8>,
    line: KeptLine,
    search: Box<Slowly>,
}

/// A session whose lines are being read.
#[derive(Default)]
struct Session {
    lines: Lines,
    nearby: Nearby,
    /// Its last chunk before a block that is left out, or of all, as far as is known.
    last: i64,
    /// The first block ahead that is left out.
    skipped: Option<i64>,
}

/// Lines and matches that are kept for the context.
#[derive(Default)]
struct Nearby {
    /// The latest lines.
    before: VecDeque<Arc<str>>,
    /// Matches that wait for the lines after them.
    waiting: VecDeque<Match>,
}

impl Nearby {
    /// A line is passed, and may be near to the next ones.
    fn pass(&mut self, line: Arc<str>, context: usize) {
        if self.before.len() >= context {
            self.before.pop_front();
        }
        self.before.push_back(line);
    }
}

impl Search {
    /// A search that has not begun.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfRange`] for an invalid pattern.
    pub fn new(outputs: Outputs, query: Query) -> Result<Self> {
        let alike = !query.case_sensitive;
        let text: Cow<'_, str> =
            if alike { composed(&query.pattern).into() } else { query.pattern.as_str().into() };
        let pattern = Rc::new(Pattern::new(&text, query.regex, query.case_sensitive)?);
        let needed = filters::needed(&query, &text);
        drop(text);
        let (without, state) = (OnceCell::new(), RefCell::default());
        Ok(Self { outputs, query, pattern, needed, part: None, without, state })
    }

    /// What a line needs in which it finds something.
    pub fn needed(&self) -> &Needed {
        &self.needed
    }

    /// The blocks that it reads, by the cursors of their first chunks.
    ///
    /// # Errors
    ///
    /// An error of SQLite.
    pub fn blocks(&self) -> Result<Vec<i64>> {
        let sqlite = self.outputs.connection().settled()?;
        let _one_moment = snapshot(&sqlite)?;
        if has_blocks(&sqlite)? {
            filters::read(&sqlite, &self.query, &self.needed)
        } else {
            Ok(Vec::new())
        }
    }

    /// A search for the same in a part of everything.
    fn of_part(&self, part: Part) -> Self {
        let Self { outputs, query, pattern, needed, .. } = self;
        let state = State {
            cursor: part.first.saturating_sub(1),
            skipped: [(part.session_id.clone(), part.skipped.clone())].into(),
            ..State::default()
        };
        Self {
            outputs: outputs.clone(),
            query: query.clone(),
            pattern: Rc::clone(pattern),
            needed: needed.clone(),
            part: Some(part),
            without: OnceCell::new(),
            state: RefCell::new(state),
        }
    }

    /// Passes the next matches to `visit`, in the order in which their lines, and the context behind them, ended.
    /// Matches in lines without an end come last, by session. Returns why the page ended.
    ///
    /// # Errors
    ///
    /// An error of SQLite or of `visit`.
    pub fn page<E: From<Error>>(
        &self,
        mut visit: impl FnMut(Match) -> Result<(), E>,
    ) -> Result<Stopped, E> {
        let state = &mut *self.state.borrow_mut();
        self.outputs.connection.unsettled().map_err(Error::from)?;
        let stopped = match self.full(&state.ready) {
            Some(stopped) => stopped,
            None if state.ended => Stopped::AtLimit,
            None => self.read(state)?,
        };
        let mut bytes = 0;
        for _ in 0..self.query.limit {
            let Some(found) = (if bytes < self.page_bytes() { state.ready.pop() } else { None })
            else {
                break;
            };
            bytes += Ready::size(&found);
            visit(found)?;
        }
        let is_over = state.ended && state.ready.matches.is_empty();
        Ok(if is_over { Stopped::AtEnd } else { stopped })
    }

    /// Why the ready matches are enough for a page; `None` if they are not.
    fn full(&self, ready: &Ready) -> Option<Stopped> {
        if ready.matches.len() >= self.query.limit {
            Some(Stopped::AtLimit)
        } else if ready.bytes < self.page_bytes() {
            None
        } else if self.query.time_limit.is_some() {
            Some(Stopped::InTime)
        } else {
            Some(Stopped::AtLimit)
        }
    }

    /// The bytes of a page. Passing texts on takes time, too.
    fn page_bytes(&self) -> usize {
        if self.query.time_limit.is_some() { SHORT_PAGE } else { PAGE }
    }

    fn read(&self, state: &mut State) -> Result<Stopped> {
        let connection = &self.outputs.connection;
        let sqlite = connection.settled()?;
        let _one_moment = snapshot(&sqlite)?;
        let clock = &mut Clock::new(self.query.time_limit);
        if self.look_on(state, clock).is_none() || self.end_session(state, clock).is_none() {
            return Ok(Stopped::InTime);
        }
        if state.ending {
            return Ok(self.end(state, clock));
        }
        // A chunk that was not read to its end is read again.
        let after = state.cursor - i64::from(state.taken.is_some());
        let without = match self.without.get() {
            Some(without) => without,
            None => {
                if self.part.is_none() {
                    state.skipped = filters::skipped(&sqlite, &self.query, &self.needed)?;
                }
                let blocks = state.skipped.values().flatten().copied();
                self.without.get_or_init(|| sealed::listed(blocks))
            }
        };
        let in_pieces = clock.is_limited() || state.taken.is_some();
        let one = if in_pieces { ONE_IN_PIECES } else { ONE };
        let all = if in_pieces { ALL_IN_PIECES } else { ALL };
        let mut read = |rows: &mut Compiled<'_>, params: &[&dyn rusqlite::ToSql]| {
            self.read_rows(rows, params, &sqlite, state, clock)
        };
        match (&self.part, &self.query.session_id) {
            (Some(Part { session_id, upto, .. }), _) => connection
                .with_statement(one.of(&sqlite)?, |rows| {
                    read(rows, params![StoredText(session_id), after, upto])
                }),
            (None, Some(id)) if without.is_empty() => connection
                .with_statement(one.of(&sqlite)?, |rows| read(rows, params![id, after, i64::MAX])),
            (None, Some(id)) => connection
                .with_statement(SOME_OF_ONE, |rows| read(rows, params![id, after, without])),
            (None, None) if without.is_empty() => {
                connection.with_statement(all.of(&sqlite)?, |rows| read(rows, params![after]))
            }
            (None, None) => {
                connection.with_statement(SOME, |rows| read(rows, params![after, without]))
            }
        }
    }

    fn read_rows(
        &self,
        statement: &mut Compiled<'_>,
        params: &[&dyn rusqlite::ToSql],
        sqlite: &Sqlite,
        state: &mut State,
        clock: &mut Clock,
    ) -> Result<Stopped> {
        let mut moments = Moments::default();
        let mut rows = statement.query(params)?;
        while let Some(row) = rows.next()? {
            if let Some(stopped) = self.full(&state.ready) {
                return Ok(stopped);
            }
            if let Some(stopped) = self.read_row(&row, sqlite, state, &mut moments, clock)? {
                return Ok(stopped);
            }
            if clock.is_late(0) {
                return Ok(Stopped::InTime);
            }
        }
        state.ending = true;
        Ok(self.end(state, clock))
    }

    fn read_row(
        &self,
        row: &Row<'_>,
        sqlite: &Sqlite,
        state: &mut State,
        moments: &mut Moments,
        clock: &mut Clock,
    ) -> Result<Option<Stopped>> {
        let of_part = self.part.as_ref().map(|part| part.session_id.as_slice());
        if let Some(id) = of_part.or_else(|| self.query.session_id.as_deref().map(str::as_bytes)) {
            check_session(row, id)?;
        }
        let State { sessions, cursor, taken, ready, paused, .. } = state;
        let session_id = text(row.get_ref(0)?);
        let id = row.get(3)?;
        let done = taken.take().filter(|_| id == *cursor).unwrap_or(0);
        *cursor = id;
        if !sessions.contains_key(session_id) {
            let session = self.begin(sqlite, session_id, id, &mut state.skipped, &state.done)?;
            sessions.insert(session_id.to_vec(), session);
        }
        let Some(Session { lines, nearby, last, skipped }) = sessions.get_mut(session_id) else {
            return Ok(None);
        };
        let mark = Mark::of(id, moments.millis(text(row.get_ref(1)?)));
        let mut data = Data::of(row, id, sqlite, done)?;
        while let Some(piece) = data.next()? {
            let mut rest = piece.bytes;
            while let Some(line) = lines.next(&mut rest, mark) {
                let stopped = match self.find(&line, *cursor, clock) {
                    Ok(found) => {
                        self.add(&line, found, session_id, nearby, ready);
                        if let Some(stopped) = self.full(ready) {
                            stopped
                        } else if clock.is_late(line.text.len()) {
                            Stopped::InTime
                        } else {
                            continue;
                        }
                    }
                    Err(search) => {
                        let (session_id, line) = (session_id.to_vec(), line.keep());
                        *paused = Some(Paused { session_id, line, search });
                        Stopped::InTime
                    }
                };
                *taken = Some(piece.end - rest.len());
                return Ok(Some(stopped));
            }
            if clock.is_late(piece.bytes.len()) {
                *taken = Some(piece.end);
                return Ok(Some(Stopped::InTime));
            }
        }
        // Of many sessions, only those that print at the same time have a screen.
        if let Some(skipped) = *skipped {
            if id >= *last {
                *last = filters::last_before(sqlite, session_id, skipped)?;
            }
            if id >= *last {
                nearby.waiting.drain(..).for_each(|found| ready.push(found));
                sessions.remove(session_id);
            }
        } else if self.query.session_id.is_none() && id >= *last {
            let mut find = sqlite.prepare_cached(LAST.of(sqlite)?)?;
            *last = find.query_row([StoredText(session_id)], |row| row.get(0))?;
            if id >= *last {
                state.over = Some(session_id.to_vec());
                if self.end_session(state, clock).is_none() {
                    return Ok(Some(Stopped::InTime));
                }
            }
        }
        Ok(None)
    }

    /// A session before one of its chunks: at its start, behind blocks that are left out, or where its output was over before.
    fn begin(
        &self,
        sqlite: &Sqlite,
        session_id: &[u8],
        chunk: i64,
        skipped: &mut Skipped,
        done: &HashMap<Vec<u8>, u64>,
    ) -> Result<Session> {
        let mut session = Session::default();
        let mut is_behind = false;
        if let Some(blocks) = skipped.get_mut(session_id) {
            while blocks.front().is_some_and(|block| *block < chunk) {
                blocks.pop_front();
                is_behind = true;
            }
            session.skipped = blocks.front().copied();
        }
        if is_behind {
            session.lines = filters::lines_before(sqlite, session_id, chunk, |line| {
                session.nearby.pass(line.into(), self.query.context);
            })?;
            return Ok(session);
        }
        let count = done.get(session_id).copied().unwrap_or(0);
        session.lines = sizes::lines(sqlite, session_id, Wanted::default(), false)?.behind(count);
        if self.query.drawn_over {
            session.lines = session.lines.with_drawn_over();
        }
        Ok(session)
    }

    /// Looks at the lines on the screen of the session whose output is over, if there is one; `None` if the time is over.
    fn end_session(&self, state: &mut State, clock: &mut Clock) -> Option<()> {
        let State { sessions, cursor, ready, paused, over, done, .. } = state;
        let Some(session_id) = over.take() else {
            return Some(());
        };
        if let Some(Session { lines, nearby, .. }) = sessions.get_mut(&session_id) {
            // One that was paused in is over by now.
            while let Some(line) = lines.end() {
                if line.drawn_over {
                    // No line comes after the last one that stayed.
                    nearby.waiting.drain(..).for_each(|found| ready.push(found));
                }
                match self.find(&line, *cursor, clock) {
                    Ok(found) => self.add(&line, found, &session_id, nearby, ready),
                    Err(search) => {
                        let line = line.keep();
                        *over = Some(session_id.clone());
                        *paused = Some(Paused { session_id, line, search });
                        return None;
                    }
                }
            }
            nearby.waiting.drain(..).for_each(|found| ready.push(found));
            done.insert(session_id.clone(), lines.count());
        }
        sessions.remove(&session_id);
        Some(())
    }

    /// Continues in the line whose search was interrupted; `None` if the time is over again.
    fn look_on(&self, state: &mut State, clock: &mut Clock) -> Option<()> {
        let Some(Paused { session_id, line, mut search }) = state.paused.take() else {
            return Some(());
        };
        let Some(span) = search.go_on(self.normal(&line.line()).text(), clock) else {
            state.paused = Some(Paused { session_id, line, search });
            return None;
        };
        if let Some(Session { nearby, .. }) = state.sessions.get_mut(&session_id) {
            let line = line.line();
            let normal = self.normal(&line);
            let found = span.and_then(|span| self.in_time(&line, normal.in_line(span)));
            self.add(&line, found, &session_id, nearby, &mut state.ready);
        }
        Some(())
    }

    /// Keeps a line that matches, or that is near such a line.
    fn add(
        &self,
        line: &Line<'_>,
        found: Option<(std::ops::Range<usize>, Mark)>,
        session_id: &[u8],
        nearby: &mut Nearby,
        ready: &mut Ready,
    ) {
        // Nothing is near to what was drawn over.
        let context = if line.drawn_over { 0 } else { self.query.context };
        if (context == 0 || line.drawn_over) && found.is_none() {
            return;
        }
        let text: Arc<str> = if context > 0 { line.text.into() } else { "".into() };
        let others = if line.drawn_over { None } else { Some(&mut nearby.waiting) };
        for waiting in others.into_iter().flatten() {
            waiting.after.push(Arc::clone(&text));
        }
        if !line.drawn_over
            && nearby.waiting.front().is_some_and(|first| first.after.len() >= context)
            && let Some(first) = nearby.waiting.pop_front()
        {
            ready.push(first);
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
                before: nearby.before.iter().take(context).cloned().collect(),
                after: Vec::new(),
            };
            if context == 0 {
                ready.push(found);
                return;
            }
            nearby.waiting.push_back(found);
        }
        nearby.pass(text, context);
    }

    /// A line in the form in which it is searched.
    fn normal<'a>(&self, line: &Line<'a>) -> Normal<'a> {
        Normal::of(line.text, !self.query.case_sensitive)
    }

    /// The match in a line that ends in the chunk `at`, where it was printed at a time that counts.
    fn find(
        &self,
        line: &Line<'_>,
        at: i64,
        clock: &mut Clock,
    ) -> Result<Option<(std::ops::Range<usize>, Mark)>, Box<Slowly>> {
        let looked_at = self.part.as_ref().map(|part| &part.looked_at);
        if looked_at.is_some_and(|chunks| !chunks.contains(&at))
            || self.query.command.is_some_and(|command| line.command() != command)
        {
            return Ok(None);
        }
        let normal = self.normal(line);
        let span = self.pattern.find(normal.text(), clock)?;
        Ok(span.and_then(|span| self.in_time(line, normal.in_line(span))))
    }

    fn in_time(
        &self,
        line: &Line<'_>,
        span: std::ops::Range<usize>,
    ) -> Option<(std::ops::Range<usize>, Mark)> {
        let mark = line.mark_at(span.start);
        let since = self.query.since.is_none_or(|since| mark.timestamp >= since.millis());
        let until = self.query.until.is_none_or(|until| mark.timestamp <= until.millis());
        (since && until).then_some((span, mark))
    }

    /// Looks at the lines that have no end, and waits for nothing more.
    fn end(&self, state: &mut State, clock: &mut Clock) -> Stopped {
        while let Some(session_id) = state.sessions.keys().next() {
            state.over = Some(session_id.clone());
            if self.end_session(state, clock).is_none() {
                return Stopped::InTime;
            }
            if clock.is_late(0) && !state.sessions.is_empty() {
                return Stopped::InTime;
            }
        }
        state.ended = true;
        Stopped::AtLimit
    }
}
