//! Replaces secrets in what is stored already.
//!
//! A secret that is cut into chunks is replaced in all of them in one transaction: if only a part of it were, nobody would find
//! the rest again. Rows stay where they are, so that cursors stay good. At the end everything that the file does not use is
//! overwritten, and its log is cut off.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use rusqlite::{Connection as Sqlite, OptionalExtension, params};

use super::model::OutputType;
use super::pace::Pace;
use super::redact::{Chunks, Finding, Known, Redactor, clean};
use super::redactions::{self, Counts};
use super::retention::{self, Criteria};
use super::sealed::{self, Rewritten};
use super::select::{Select, select_chunks};
use super::timestamp::{Moments, Timestamp};
use super::{Result, StoredText, damaged, damaged_index, text};
use crate::sqlite::{self, Owed, atomically, has_object, snapshot};

/// Every session that is stored or has output, in the order of the ids.
const IDS: Select = Select {
    rows: "SELECT id FROM sessions UNION SELECT session_id FROM session_outputs ORDER BY 1",
    all: "SELECT id FROM sessions UNION SELECT session_id FROM session_outputs
          UNION SELECT session_id FROM gsd_session_blocks ORDER BY 1",
};

const OUTPUT: Select =
    select_chunks!(o.id, o.type, o.data, o.timestamp; "AND i.id > ?2 ORDER BY i.id");

/// Compared with what was read: somebody else may have changed it.
const UPDATE: &str =
    "UPDATE session_outputs SET data = ?3 WHERE id = ?1 AND session_id = ?2 AND data = ?4";

/// A table of sessions, and the columns of it that may hold secrets.
type Fields = (&'static str, [(&'static str, &'static str); 2]);

/// The fields of sessions, by their columns and by their names.
const SESSION: Fields =
    ("sessions", [("working_dir", "workingDir"), ("current_command", "currentCommand")]);

const DETAILS: Fields = ("gsd_session_details", [("title", "title"), ("error", "error")]);

const STARTED: &str = "SELECT started_at FROM sessions WHERE id = ?1";

/// Bytes that are read at once.
const BYTES: usize = 1 << 20;

/// Places that are told. All are counted.
const MOST_TOLD: usize = 10_000;

/// Bytes of chunks that are rewritten in one transaction. A secret that takes more is no secret.
const MOST_BYTES: usize = 16 << 20;

/// Where to look, and what to do.
#[derive(Debug, Clone)]
pub struct Search {
    /// What is looked for.
    pub redactor: Arc<Redactor>,
    /// Only this session.
    pub session_id: Option<String>,
    /// Only output from this moment on, and the fields of sessions that began then.
    pub since: Option<Timestamp>,
    /// Only tell.
    pub dry_run: bool,
}

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The id of its session, as it is stored.
    pub session_id: Vec<u8>,
    /// Where in the session.
    pub at: At,
    /// The rule, and how long it is.
    pub finding: Finding,
}

/// A place in a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// The chunk in which it begins, by its stream and its cursor.
    Output(OutputType, i64),
    /// A field of the session.
    Field(&'static str),
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Sessions that were looked at, and all of them.
    pub sessions: u64,
    /// All of them.
    pub total_sessions: u64,
    /// Chunks that were looked at.
    pub outputs: u64,
    /// Secrets that were found.
    pub found: u64,
}

/// What was replaced, or would be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Redacted {
    /// How far it came.
    pub progress: Progress,
    /// Chunks with secrets.
    pub changed: u64,
    /// The names of rules, and how often each has found something.
    pub counts: Counts,
    /// Where; the first ten thousand.
    pub places: Vec<Place>,
}

/// Replaces secrets. `on_progress` is called now and then. If it breaks, the result is `None`; what is replaced by then stays so.
/// What could not be cut off the log yet is `owed`; `None` says that `sqlite` is the connection of a database in memory.
///
/// # Errors
///
/// An error of SQLite. What is replaced by then stays so.
pub fn redact(
    sqlite: &Sqlite,
    search: &Search,
    owed: Option<&Owed>,
    on_progress: impl FnMut(Progress) -> ControlFlow<()>,
) -> Result<Option<Redacted>> {
    let redacted = Redacted::default();
    let mut work = Work { sqlite, search, on_progress, redacted, pace: Pace::default() };
    if search.dry_run {
        let _one_moment = snapshot(sqlite)?;
        return Ok(work.look()?.is_continue().then_some(work.redacted));
    }
    if sealed::clear_up(sqlite, |began| work.rest(began))?.is_break() {
        return Ok(None);
    }
    let done = work.look()?;
    if work.redacted.progress.found > 0 && work.overwrite(owed)?.is_break() {
        return Ok(None);
    }
    Ok(done.is_continue().then_some(work.redacted))
}

struct Work<'a, P> {
    sqlite: &'a Sqlite,
    search: &'a Search,
    on_progress: P,
    redacted: Redacted,
    pace: Pace,
}

/// What is to be written of a session in one transaction.
#[derive(Default)]
struct Writes {
    /// Chunks, in their order.
    chunks: Vec<Rewritten>,
    bytes: usize,
    /// The rules that found something.
    found: Vec<Arc<str>>,
}

impl<P: FnMut(Progress) -> ControlFlow<()>> Work<'_, P> {
    fn look(&mut self) -> Result<ControlFlow<()>> {
        let ids = match &self.search.session_id {
            Some(id) => vec![id.clone().into_bytes()],
            None => self.ids()?,
        };
        self.redacted.progress.total_sessions = ids.len() as u64;
        for id in ids {
            self.fields(&id)?;
            if self.output(&id)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            self.redacted.progress.sessions += 1;
            if self.tell()?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn rest(&mut self, began: Instant) -> Result<ControlFlow<()>> {
        self.pace.worked(began.elapsed());
        self.tell()
    }

    fn tell(&mut self) -> Result<ControlFlow<()>> {
        if !self.search.dry_run {
            self.pace.rest(self.sqlite)?;
        }
        Ok((self.on_progress)(self.redacted.progress))
    }

    fn ids(&self) -> Result<Vec<Vec<u8>>> {
        let mut statement = self.sqlite.prepare(IDS.of(self.sqlite)?)?;
        let mut rows = statement.query([])?;
        let mut ids = Vec::new();
        while let Some(row) = rows.next()? {
            ids.push(text(row.get_ref(0)?).to_owned());
        }
        Ok(ids)
    }

    /// Looks at the fields of a session.
    fn fields(&mut self, id: &[u8]) -> Result<()> {
        let started = self.sqlite.prepare_cached(STARTED)?.query_row([StoredText(id)], |row| {
            Ok(Moments::default().millis(text(row.get_ref(0)?)))
        });
        let Some(started) = started.optional()? else { return Ok(()) };
        if self.search.since.is_some_and(|since| started < since.millis()) {
            return Ok(());
        }
        let has_details = has_object(self.sqlite, DETAILS.0)?;
        for (table, columns) in
            [Some(SESSION), has_details.then_some(DETAILS)].into_iter().flatten()
        {
            let key = if table == DETAILS.0 { "session_id" } else { "id" };
            for (column, name) in columns {
                self.field(id, table, key, column, name)?;
            }
        }
        Ok(())
    }

    fn field(
        &mut self,
        id: &[u8],
        table: &str,
        key: &str,
        column: &str,
        name: &'static str,
    ) -> Result<()> {
        let select = format!("SELECT {column} FROM {table} WHERE {key} = ?1");
        let stored = self.sqlite.prepare_cached(&select)?.query_row([StoredText(id)], |row| {
            Ok(String::from_utf8_lossy(text(row.get_ref(0)?)).into_owned())
        });
        let Some(stored) = stored.optional()? else { return Ok(()) };
        let (cleaned, found) = clean(&self.search.redactor, &stored);
        if found.is_empty() {
            return Ok(());
        }
        if !self.search.dry_run {
            let update = format!("UPDATE {table} SET {column} = ?2 WHERE {key} = ?1");
            let began = Instant::now();
            atomically(self.sqlite, || {
                let mut update = sqlite::prepare(self.sqlite, &update)?;
                sqlite::write(&mut update, params![StoredText(id), cleaned])?;
                self.count(id, found.iter().map(|finding| &finding.rule))
            })?;
            self.pace.worked(began.elapsed());
        }
        for finding in found {
            self.note(id, At::Field(name), finding);
        }
        Ok(())
    }

    /// Looks at the output of a session.
    fn output(&mut self, id: &[u8]) -> Result<ControlFlow<()>> {
        let mut chunks = Chunks::new(&self.search.redactor);
        let mut writes = Writes::default();
        // The secret of each stream that was found last.
        let mut last = [None, None];
        let mut after = i64::MIN;
        loop {
            let is_end = !self.read(id, &mut after, &mut chunks)?;
            if is_end {
                chunks.end();
            }
            while let Some(known) = chunks.next(is_end) {
                self.known(id, known, &mut writes, &mut last);
            }
            if is_end || !chunks.is_open() || writes.bytes > MOST_BYTES {
                self.write(id, &mut writes)?;
            }
            if is_end {
                return Ok(ControlFlow::Continue(()));
            }
            if self.tell()?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
    }

    /// Reads the next chunks of a session. Returns whether there were any.
    fn read(&mut self, id: &[u8], after: &mut i64, chunks: &mut Chunks<i64>) -> Result<bool> {
        let since = self.search.since.map(Timestamp::millis);
        let mut statement = self.sqlite.prepare_cached(OUTPUT.of(self.sqlite)?)?;
        let mut rows = statement.query(params![StoredText(id), *after])?;
        let (mut moments, mut bytes, mut left) = (Moments::default(), 0, self.pace.weight());
        while bytes < BYTES && left > 0 {
            let Some(row) = rows.next()? else { break };
            let (of, kind, data) =
                (text(row.get_ref(0)?), text(row.get_ref(2)?), text(row.get_ref(3)?));
            if of != id {
                return Err(damaged_index("session_outputs", "a row of session", of));
            }
            *after = row.get(1)?;
            left -= 1;
            self.redacted.progress.outputs += 1;
            // A row whose time is not a moment may be from any.
            if since.is_some_and(|since| is_before(&mut moments, row, since)) {
                continue;
            }
            let kind =
                OutputType::parse(kind).ok_or_else(|| damaged("session_outputs.type", kind))?;
            bytes += data.len();
            chunks.push(*after, kind, data.to_owned());
        }
        Ok(left < self.pace.weight())
    }

    fn known(
        &mut self,
        id: &[u8],
        known: Known<i64>,
        writes: &mut Writes,
        last: &mut [Option<usize>; 2],
    ) {
        let Known { chunk, kind, data, cleaned, found } = known;
        let [stdout, stderr] = last;
        let last = if kind == OutputType::Stdout { stdout } else { stderr };
        for (is_first, finding) in found {
            if is_first {
                writes.found.push(Arc::clone(&finding.rule));
                *last = self.note(id, At::Output(kind, chunk), finding);
            } else if let Some(place) = last.and_then(|at| self.redacted.places.get_mut(at)) {
                place.finding.length += finding.length;
            }
        }
        if let Some(cleaned) = cleaned {
            self.redacted.changed += 1;
            writes.bytes += cleaned.len() + data.len();
            writes.chunks.push((chunk, cleaned, data));
        }
    }

    /// Notes a secret. Returns its place among those that are told.
    fn note(&mut self, id: &[u8], at: At, finding: Finding) -> Option<usize> {
        let Redacted { progress, counts, places, .. } = &mut self.redacted;
        progress.found += 1;
        match counts.binary_search_by(|(rule, _)| rule.as_str().cmp(&finding.rule)) {
            Ok(place) => counts.iter_mut().skip(place).take(1).for_each(|(_, count)| *count += 1),
            Err(place) => counts.insert(place, (finding.rule.to_string(), 1)),
        }
        (places.len() < MOST_TOLD).then(|| {
            places.push(Place { session_id: id.to_owned(), at, finding });
            places.len() - 1
        })
    }

    fn write(&mut self, id: &[u8], writes: &mut Writes) -> Result<()> {
        let Writes { chunks, found, .. } = std::mem::take(writes);
        if chunks.is_empty() || self.search.dry_run {
            return Ok(());
        }
        let mut began = Instant::now();
        atomically(self.sqlite, || {
            // The lock is held from here on.
            began = Instant::now();
            let rows = sealed::rewrite(self.sqlite, id, &chunks)?;
            let mut update = sqlite::prepare(self.sqlite, UPDATE)?;
            for (chunk, cleaned, data) in rows {
                let values = params![chunk, StoredText(id), StoredText(cleaned), StoredText(data)];
                sqlite::write(&mut update, values)?;
            }
            self.count(id, found.iter())
        })?;
        self.pace.adapt(began.elapsed());
        Ok(())
    }

    fn count<'b>(&self, id: &[u8], rules: impl Iterator<Item = &'b Arc<str>>) -> Result<()> {
        let id = String::from_utf8_lossy(id);
        for rule in rules {
            redactions::add(self.sqlite, &id, rule)?;
        }
        Ok(())
    }

    /// Overwrites what the file does not use: what was replaced is there still.
    fn overwrite(&mut self, owed: Option<&Owed>) -> Result<ControlFlow<()>> {
        let everything = Criteria {
            older_than: None,
            max_bytes: None,
            keep_last: None,
            statuses: Vec::new(),
            orphans: false,
            scrub: true,
            dry_run: false,
        };
        let progress = self.redacted.progress;
        let pruned =
            retention::prune(self.sqlite, &everything, owed, |_| (self.on_progress)(progress))?;
        Ok(if pruned.is_some() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    }
}

/// Whether a row is from before a moment.
fn is_before(moments: &mut Moments, row: &rusqlite::Row<'_>, since: f64) -> bool {
    row.get_ref(4).is_ok_and(|value| moments.millis(text(value)) < since)
}
