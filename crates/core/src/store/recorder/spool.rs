//! Spool files: what could not be stored, beside the database, until a later run takes it in.
//!
//! A file has a line that tells how much of it is taken in, and a line of JSON for each entry, in their order. A chunk has its number among those of its session in the same
//! millisecond, so that it is known in the database. Whoever writes the file holds a lock on it. A line that is not complete is
//! the end: its writer was killed.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use rusqlite::{Connection as Sqlite, OptionalExtension as _};
use serde_json::{Value, json};

use crate::sqlite::{self, Connection, atomically};
use crate::store::insert::insert_all;
use crate::store::model::{
    Change, Data, Details, DetailsUpdate, NewOutput, NewSession, OutputType, Owner, SessionStatus,
    SessionUpdate, Update,
};
use crate::store::select::Select;
use crate::store::timestamp::Timestamp;
use crate::store::write_behind::{self, Entry};
use crate::store::{Result, sessions};

/// Bytes that a spool file may have.
const MOST: u64 = if cfg!(test) { 256 << 10 } else { 1 << 30 };

/// Bytes of one transaction.
const GROUP: usize = 256 << 10;

/// How the first line begins. The number of bytes behind it that are taken in follows.
const TAKEN: &str = "{\"taken\":";

/// Bytes of the first line.
const FIRST_LINE: u64 = 32;

pub(super) fn first_line(taken: u64) -> String {
    let width = FIRST_LINE as usize - TAKEN.len() - 2;
    format!("{TAKEN}{taken:>width$}}}\n")
}

/// What stands between the name of a database and that of a session.
const INFIX: &str = "-spool-";

/// The spool file of a session.
pub fn spool_of(database: &Path, session_id: &str) -> PathBuf {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || character == '-';
    let plain = |character| if is_plain(character) { character } else { '_' };
    let id: String = session_id.chars().map(plain).take(80).collect();
    let mut name = OsString::from(database);
    name.push(format!("{INFIX}{id}-{}", std::process::id()));
    PathBuf::from(name)
}

/// An entry, and for a chunk its number among those of its session in the same millisecond, from 0.
pub(super) type Numbered = (Entry, u32);

/// The spool file of one recorder.
pub(super) struct Spool {
    path: PathBuf,
    file: Option<File>,
    /// Where the next entry is read, and where it is written.
    start: u64,
    end: u64,
}

impl Spool {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, file: None, start: FIRST_LINE, end: FIRST_LINE }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Whether nothing was put into the file since it was cleared.
    pub(super) fn is_clear(&self) -> bool {
        self.end == FIRST_LINE
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        if let Some(file) = &mut self.file {
            let _ = file.set_len(FIRST_LINE);
        }
        (self.start, self.end) = (FIRST_LINE, FIRST_LINE);
    }

    /// Everything so far is on its way, and stays in the file all the same.
    pub(super) fn pass(&mut self) {
        self.start = self.end;
    }

    /// Whether there may be room for these entries.
    pub(super) fn has_room(&self, entries: [&Entry; 2]) -> bool {
        let length: usize = entries.into_iter().map(|entry| line_of(entry, 0).len()).sum();
        self.end + length as u64 <= MOST
    }

    /// Adds an entry.
    pub(super) fn push(&mut self, entry: &Entry, nth: u32) -> io::Result<()> {
        let line = line_of(entry, nth);
        if self.end + line.len() as u64 > MOST {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(create(&self.path)?),
        };
        file.seek(SeekFrom::Start(self.end))?;
        if let Err(error) = file.write_all(line.as_bytes()) {
            // What stands behind the end is written over.
            let _ = file.set_len(self.end);
            return Err(error);
        }
        self.end += line.len() as u64;
        Ok(())
    }

    /// Gives the first entry that is not on its way. It stays in the file.
    pub(super) fn next(&mut self) -> Option<Numbered> {
        let file = self.file.as_mut()?;
        file.seek(SeekFrom::Start(self.start)).ok()?;
        let mut line = String::new();
        let mut reader = BufReader::new(&mut *file).take(self.end - self.start);
        reader.read_line(&mut line).ok()?;
        self.start += line.len() as u64;
        entry_of(&line)
    }

    /// Puts these entries before those in the file that are not on their way, and leaves it for a later run. Without any there
    /// is no file.
    pub(super) fn finish(&mut self, before: &[Numbered]) -> io::Result<Option<PathBuf>> {
        if before.is_empty() && self.is_empty() {
            self.remove();
            return Ok(None);
        }
        let mut name = OsString::from(&self.path);
        name.push("-end");
        let path = PathBuf::from(name);
        let mut whole = create(&path)?;
        let written = (|| {
            for (entry, nth) in before {
                whole.write_all(line_of(entry, *nth).as_bytes())?;
            }
            if let Some(file) = &mut self.file {
                file.seek(SeekFrom::Start(self.start))?;
                io::copy(&mut file.take(self.end - self.start), &mut whole)?;
            }
            whole.sync_all()
        })();
        if let Err(error) = written {
            let _ = fs::remove_file(&path);
            return Err(error);
        }
        self.remove();
        (self.start, self.end) = (FIRST_LINE, FIRST_LINE);
        Ok(Some(path))
    }

    fn remove(&mut self) {
        if self.file.take().is_some() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Makes a file that its owner alone can read, and locks it.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let _ = file.try_lock();
    file.write_all(first_line(0).as_bytes())?;
    Ok(file)
}

/// What was taken in from spool files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Taken {
    /// The ids of the sessions.
    pub sessions: Vec<String>,
    /// How many chunks.
    pub outputs: u64,
}

/// Stores what the spool files beside a database hold whose recorders are gone, and removes them. It ends early where `goes_on`
/// says so, and is taken up by the next call.
///
/// # Errors
///
/// An error of SQLite. A file that is not wholly stored stays, and is taken up where it was left.
pub fn take_in(
    connection: &Connection,
    database: &Path,
    goes_on: impl Fn() -> bool,
) -> Result<Taken> {
    let mut taken = Taken::default();
    let (Some(folder), Some(name)) = (database.parent(), database.file_name()) else {
        return Ok(taken);
    };
    let mut prefix = name.to_owned();
    prefix.push(INFIX);
    let prefix = prefix.to_string_lossy().into_owned();
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let is_spool = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with(&prefix);
    let mut paths: Vec<_> = entries.filter(is_spool).map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let Ok(file) = OpenOptions::new().read(true).write(true).open(&path) else { continue };
        // Its recorder still lives, or somebody else takes it in.
        if file.try_lock().is_err() {
            continue;
        }
        if take_in_file(connection, &file, &goes_on, &mut taken)? {
            let _ = fs::remove_file(&path);
        }
        if !goes_on() {
            break;
        }
    }
    taken.sessions.sort();
    taken.sessions.dedup();
    Ok(taken)
}

/// Returns whether all of it is stored.
fn take_in_file(
    connection: &Connection,
    mut file: &File,
    goes_on: &impl Fn() -> bool,
    taken: &mut Taken,
) -> Result<bool> {
    let failed = |error: io::Error| sqlite::Error::io(&error);
    let mut reader = BufReader::new(file);
    let next_line = |reader: &mut BufReader<&File>| {
        let mut line = String::new();
        let length = reader.read_line(&mut line).unwrap_or(0);
        (length > 0 && line.ends_with('\n')).then_some(line)
    };
    let first = next_line(&mut reader).unwrap_or_default();
    let done = first.trim_end().strip_prefix(TAKEN).and_then(|rest| rest.strip_suffix('}'));
    let Some(mut done) = done.and_then(|done| done.trim().parse::<u64>().ok()) else {
        // Its writer was killed before it wrote anything.
        return Ok(true);
    };
    // The session comes first, if it is in the file at all.
    let mut names = Names::default();
    if let Some((Entry::Session(session), _)) = next_line(&mut reader).as_deref().and_then(entry_of)
    {
        names.prepare(connection, &session)?;
    }
    reader.seek(SeekFrom::Start(FIRST_LINE + done)).map_err(failed)?;
    let mut group = Vec::new();
    let mut bytes = 0;
    let mut length = 0;
    // What is stored only if the next chunk is not stored yet.
    let mut waiting = Vec::new();
    loop {
        let line = next_line(&mut reader);
        let entry = line.as_deref().and_then(entry_of);
        let is_end = entry.is_none();
        if let Some((entry, nth)) = entry {
            length += line.as_deref().map_or(0, str::len) as u64;
            bytes += entry.size();
            let entry = names.rename(entry);
            if !taken.sessions.iter().any(|id| id == entry.session_id()) {
                taken.sessions.push(entry.session_id().to_owned());
            }
            group.push((entry, nth));
        }
        let stops = is_end || !goes_on();
        if bytes >= GROUP || stops {
            connection.write(|sqlite| -> Result<()> {
                atomically(sqlite, || {
                    for numbered in group.drain(..) {
                        store(sqlite, numbered, &mut waiting, taken)?;
                    }
                    if stops { store_all(sqlite, &mut waiting) } else { Ok(()) }
                })
            })?;
            bytes = 0;
            // What waits is looked at again after a kill.
            if waiting.is_empty() {
                done += std::mem::take(&mut length);
                file.seek(SeekFrom::Start(0)).map_err(failed)?;
                file.write_all(first_line(done).as_bytes()).map_err(failed)?;
                reader.seek(SeekFrom::Start(FIRST_LINE + done)).map_err(failed)?;
            }
        }
        if stops {
            return Ok(is_end);
        }
    }
}

/// The id under which the session of a spool file is stored: another one where that belongs to another session by now.
#[derive(Default)]
struct Names {
    renamed: Option<(String, String)>,
}

impl Names {
    fn prepare(&mut self, connection: &Connection, session: &NewSession) -> Result<()> {
        let started_at = session.started_at.text();
        let sql = "SELECT started_at FROM sessions WHERE id = ?1";
        let sqlite = connection.settled()?;
        let known: Option<String> =
            sqlite.query_row(sql, [&session.id], |row| row.get(0)).optional()?;
        if known.is_some_and(|known| known != started_at.as_str()) {
            let id = &session.id;
            self.renamed = Some((id.clone(), format!("{id}-{}", session.started_at.millis())));
        }
        Ok(())
    }

    fn rename(&self, mut entry: Entry) -> Entry {
        let Some((before, after)) = &self.renamed else { return entry };
        let id = match &mut entry {
            Entry::Output(output) => &mut output.session_id,
            Entry::Session(session) => &mut session.id,
            Entry::Update(update) => &mut update.id,
            Entry::Redacted { session_id, .. } => session_id,
        };
        if id == before {
            id.clone_from(after);
        }
        entry
    }
}

const HAS: Select = Select {
    rows: "SELECT count(*) > ?3 FROM session_outputs WHERE session_id = ?1 AND timestamp = ?2",
    all: "SELECT count(*) > ?3 FROM session_outputs_all WHERE session_id = ?1 AND timestamp = ?2",
};

/// Whether a chunk is in the database: a run that was killed had stored it.
fn is_stored(sqlite: &Sqlite, output: &NewOutput, nth: u32) -> Result<bool> {
    let at = output.timestamp.text();
    let parameters = rusqlite::params![output.session_id, at, nth];
    Ok(sqlite.prepare_cached(HAS.of(sqlite)?)?.query_row(parameters, |row| row.get(0))?)
}

fn store_all(sqlite: &Sqlite, waiting: &mut Vec<Entry>) -> Result<()> {
    write_behind::store(sqlite, waiting)?;
    waiting.clear();
    Ok(())
}

/// Stores an entry, if it is not stored yet.
pub(super) fn store(
    sqlite: &Sqlite,
    (entry, nth): Numbered,
    waiting: &mut Vec<Entry>,
    taken: &mut Taken,
) -> Result<()> {
    match entry {
        // What stands before it was stored before it.
        Entry::Output(output) if is_stored(sqlite, &output, nth)? => waiting.clear(),
        Entry::Output(output) => {
            store_all(sqlite, waiting)?;
            insert_all(sqlite, std::slice::from_ref(&output))?;
            taken.outputs += 1;
        }
        Entry::Session(session) => {
            let sql = "SELECT 1 FROM sessions WHERE id = ?1";
            if !sqlite.prepare_cached(sql)?.exists([&session.id])? {
                sessions::store(sqlite, &session)?;
            }
        }
        Entry::Update(_) | Entry::Redacted { .. } => waiting.push(entry),
    }
    Ok(())
}

pub(super) fn line_of(entry: &Entry, nth: u32) -> String {
    let value = match entry {
        Entry::Output(NewOutput { session_id, timestamp, kind, data }) => {
            let (form, data) = match data {
                Data::Text(text) => ("text", json!(text)),
                Data::Bytes(bytes) => ("bytes", json!(bytes)),
            };
            json!({
                "output": session_id, "at": timestamp.millis(), "nth": nth, "type": kind.as_str(), form: data,
            })
        }
        Entry::Session(session) => {
            let NewSession { id, slot, working_dir, current_command, started_at, pid, .. } =
                &**session;
            let Details { title, terminal, columns, rows, .. } = &session.details;
            json!({
                "session": id, "slot": slot, "status": session.status.as_str(), "workingDir": working_dir,
                "command": current_command, "startedAt": started_at.millis(), "pid": pid, "title": title,
                "terminal": terminal, "columns": columns, "rows": rows,
            })
        }
        Entry::Redacted { session_id, rule } => json!({ "redacted": session_id, "rule": rule }),
        Entry::Update(update) => {
            let Update { id, update, .. } = &**update;
            let DetailsUpdate { exit_code, signal, error, columns, rows, .. } = &update.details;
            json!({
                "update": id, "status": update.status.map(SessionStatus::as_str),
                "endedAt": update.ended_at.value().map(|at| at.millis()), "exitCode": exit_code.value(),
                "signal": signal.value(), "error": error.value(), "columns": columns.value(), "rows": rows.value(),
            })
        }
    };
    format!("{value}\n")
}

pub(super) fn entry_of(line: &str) -> Option<Numbered> {
    let value: Value = serde_json::from_str(line).ok()?;
    let field = |name| value.get(name).filter(|value| !value.is_null());
    let string = |name| field(name).and_then(Value::as_str).map(str::to_owned);
    let integer = |name| field(name).and_then(Value::as_i64);
    let moment = |name| field(name).and_then(Value::as_f64).and_then(Timestamp::from_millis);
    let status = || SessionStatus::parse(string("status")?.as_bytes());
    if let Some(session_id) = string("output") {
        let data = match (string("text"), field("bytes").and_then(Value::as_array)) {
            (Some(text), _) => Data::Text(text),
            (None, Some(bytes)) => {
                let byte = |value: &Value| u8::try_from(value.as_u64()?).ok();
                Data::Bytes(bytes.iter().map(byte).collect::<Option<_>>()?)
            }
            (None, None) => return None,
        };
        let kind = OutputType::parse(string("type")?.as_bytes())?;
        let timestamp = moment("at")?;
        let nth = u32::try_from(integer("nth")?).ok()?;
        return Some((Entry::Output(NewOutput { session_id, timestamp, kind, data }), nth));
    }
    if let Some(id) = string("session") {
        let session = NewSession {
            id,
            slot: integer("slot")?,
            status: status()?,
            working_dir: string("workingDir")?,
            current_command: string("command"),
            started_at: moment("startedAt")?,
            ended_at: None,
            pid: integer("pid"),
            details: Details {
                title: string("title"),
                terminal: field("terminal").and_then(Value::as_bool),
                columns: integer("columns"),
                rows: integer("rows"),
                ..Details::default()
            },
            // Its recorder is gone.
            owner: Owner::Nobody,
        };
        return Some((Entry::Session(Box::new(session)), 0));
    }
    if let Some(session_id) = string("redacted") {
        return Some((Entry::Redacted { session_id, rule: string("rule")? }, 0));
    }
    let id = string("update")?;
    let set = |value: Option<i64>| value.map_or(Change::Keep, Change::Set);
    let set_text = |value: Option<String>| value.map_or(Change::Keep, Change::Set);
    let update = SessionUpdate {
        status: status(),
        ended_at: moment("endedAt").map_or(Change::Keep, Change::Set),
        details: DetailsUpdate {
            exit_code: set(integer("exitCode")),
            signal: set_text(string("signal")),
            error: set_text(string("error")),
            columns: set(integer("columns")),
            rows: set(integer("rows")),
            ..DetailsUpdate::default()
        },
        ..SessionUpdate::default()
    };
    // Meanwhile its recorder may have been taken for one that was killed.
    Some((Entry::Update(Box::new(Update { id, update, only_running: false })), 0))
}
