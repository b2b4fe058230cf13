//! Spool files: what could not be stored, beside the database, until a later run takes it in.
//!
//! A file has a line of JSON for each entry, in their order. Whoever writes it holds a lock on it. A line that is not
//! complete is the end: its writer was killed.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use rusqlite::Connection as Sqlite;
use serde_json::{Value, json};

use crate::sqlite::{self, Connection, atomically};
use crate::store::insert::insert_all;
use crate::store::model::{
    Change, Data, Details, DetailsUpdate, NewOutput, NewSession, OutputType, Owner, SessionStatus,
    SessionUpdate, Update,
};
use crate::store::timestamp::Timestamp;
use crate::store::write_behind::Entry;
use crate::store::{Result, sessions, text};

/// Bytes that a spool file may have.
const MOST: u64 = if cfg!(test) { 256 << 10 } else { 1 << 30 };

/// Bytes of one transaction.
const GROUP: usize = 256 << 10;

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
        Self { path, file: None, start: 0, end: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Whether there may be room for these entries.
    pub(super) fn has_room(&self, entries: [&Entry; 2]) -> bool {
        let length: usize = entries.into_iter().map(|entry| line_of(entry).len()).sum();
        self.end + length as u64 <= MOST
    }

    /// Adds an entry.
    pub(super) fn push(&mut self, entry: &Entry) -> io::Result<()> {
        let line = line_of(entry);
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

    /// Takes the first entry.
    pub(super) fn pop(&mut self) -> Option<Entry> {
        let file = self.file.as_mut()?;
        file.seek(SeekFrom::Start(self.start)).ok()?;
        let mut line = String::new();
        let mut reader = BufReader::new(&mut *file).take(self.end - self.start);
        reader.read_line(&mut line).ok()?;
        self.start += line.len() as u64;
        if self.start == self.end {
            let _ = file.set_len(0);
            (self.start, self.end) = (0, 0);
        }
        entry_of(&line)
    }

    /// Puts these entries before those in the file, and leaves it for a later run. Without any there is no file.
    pub(super) fn finish(&mut self, before: &[Entry]) -> io::Result<Option<PathBuf>> {
        if before.is_empty() && self.is_empty() {
            self.remove();
            return Ok(None);
        }
        let mut name = OsString::from(&self.path);
        name.push("-end");
        let path = PathBuf::from(name);
        let mut whole = create(&path)?;
        let written = (|| {
            for entry in before {
                whole.write_all(line_of(entry).as_bytes())?;
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
        (self.start, self.end) = (0, 0);
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
    let file = options.open(path)?;
    let _ = file.try_lock();
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
        if !take_in_file(connection, &file, &goes_on, &mut taken)? {
            break;
        }
        let _ = fs::remove_file(&path);
    }
    taken.sessions.sort();
    taken.sessions.dedup();
    Ok(taken)
}

/// Returns whether all of it is stored.
fn take_in_file(
    connection: &Connection,
    file: &File,
    goes_on: &impl Fn() -> bool,
    taken: &mut Taken,
) -> Result<bool> {
    let mut reader = BufReader::new(file);
    let mut group = Vec::new();
    let mut bytes = 0;
    // What a run before this one has stored already.
    let mut stored: Option<u64> = None;
    let mut seen = 0;
    loop {
        let mut line = String::new();
        let length = reader.read_line(&mut line).unwrap_or(0);
        let entry = (length > 0 && line.ends_with('\n')).then(|| entry_of(&line)).flatten();
        let is_end = entry.is_none();
        if let Some(entry) = entry {
            bytes += entry.size();
            if !taken.sessions.iter().any(|id| id == entry.session_id()) {
                taken.sessions.push(entry.session_id().to_owned());
            }
            group.push(entry);
        }
        if bytes >= GROUP || (is_end && !group.is_empty()) {
            connection.write(|sqlite| -> Result<()> {
                atomically(sqlite, || {
                    let skip = match stored {
                        Some(stored) => stored,
                        None => *stored.insert(already_stored(sqlite, file)?),
                    };
                    for entry in &group {
                        store(sqlite, entry, skip, &mut seen, taken)?;
                    }
                    Ok(())
                })
            })?;
            group.clear();
            bytes = 0;
        }
        if is_end || !goes_on() {
            return Ok(is_end);
        }
    }
}

/// How many of the first chunks of a file are the last ones of their session in the database: a run that was killed had
/// stored them.
fn already_stored(sqlite: &Sqlite, file: &File) -> Result<u64> {
    let failed = |error: io::Error| sqlite::Error::io(&error);
    let mut file = file;
    let position = file.stream_position().map_err(failed)?;
    let mut count = 0;
    let mut candidates = None;
    // Only the rows from the first chunk on are compared, which are few.
    loop {
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        let lines = BufReader::new(file).lines().map_while(io::Result::ok);
        let entries = lines.map_while(|line| entry_of(&line));
        let mut chunks = entries.filter_map(|entry| match entry {
            Entry::Output(output) => Some(output),
            _ => None,
        });
        let Some(first) = chunks.next() else { break };
        let starts = match &mut candidates {
            Some(starts) => starts,
            None => candidates.insert(starts_of(sqlite, &first)?),
        };
        let Some(start) = starts.pop() else { break };
        let sql = "SELECT timestamp, data FROM session_outputs
                   WHERE session_id = ?1 AND id >= ?2 ORDER BY id";
        let mut all = sqlite.prepare_cached(sql)?;
        let mut rows = all.query(rusqlite::params![first.session_id, start])?;
        let mut wanted = Some(first);
        let mut alike = 0;
        let is_prefix = loop {
            let Some(row) = rows.next()? else { break true };
            let Some(output) = wanted.take() else { break false };
            if !is_stored(&output, row)? {
                break false;
            }
            alike += 1;
            wanted = chunks.next();
        };
        if is_prefix {
            count = alike;
            break;
        }
    }
    file.seek(SeekFrom::Start(position)).map_err(failed)?;
    Ok(count)
}

/// The ids of the rows that are like a chunk, the first one last.
fn starts_of(sqlite: &Sqlite, output: &NewOutput) -> Result<Vec<i64>> {
    let sql = "SELECT id, timestamp, data FROM session_outputs
               WHERE session_id = ?1 AND timestamp = ?2 ORDER BY id DESC";
    let mut find = sqlite.prepare(sql)?;
    let at = output.timestamp.text();
    let mut rows = find.query(rusqlite::params![output.session_id, at])?;
    let mut starts = Vec::new();
    while let Some(row) = rows.next()? {
        let data = text(row.get_ref(2)?);
        if data == bytes_of(output) {
            starts.push(row.get(0)?);
        }
    }
    Ok(starts)
}

/// Whether a row, of a timestamp and data, is this chunk.
fn is_stored(output: &NewOutput, row: &rusqlite::Row<'_>) -> Result<bool> {
    Ok(text(row.get_ref(0)?) == output.timestamp.text().as_str().as_bytes()
        && text(row.get_ref(1)?) == bytes_of(output))
}

fn bytes_of(output: &NewOutput) -> &[u8] {
    match &output.data {
        Data::Text(text) => text.as_bytes(),
        Data::Bytes(bytes) => bytes,
    }
}

pub(super) fn store(
    sqlite: &Sqlite,
    entry: &Entry,
    skip: u64,
    seen: &mut u64,
    taken: &mut Taken,
) -> Result<()> {
    match entry {
        Entry::Output(output) => {
            *seen += 1;
            if *seen > skip {
                insert_all(sqlite, std::slice::from_ref(output))?;
                taken.outputs += 1;
            }
        }
        Entry::Session(session) => {
            let sql = "SELECT 1 FROM sessions WHERE id = ?1";
            if !sqlite.prepare_cached(sql)?.exists([&session.id])? {
                sessions::store(sqlite, session)?;
            }
        }
        Entry::Update(update) => {
            sessions::change(sqlite, update)?;
        }
    }
    Ok(())
}

pub(super) fn line_of(entry: &Entry) -> String {
    let value = match entry {
        Entry::Output(NewOutput { session_id, timestamp, kind, data }) => {
            let (form, data) = match data {
                Data::Text(text) => ("text", json!(text)),
                Data::Bytes(bytes) => ("bytes", json!(bytes)),
            };
            json!({ "output": session_id, "at": timestamp.millis(), "type": kind.as_str(), form: data })
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

pub(super) fn entry_of(line: &str) -> Option<Entry> {
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
        return Some(Entry::Output(NewOutput { session_id, timestamp, kind, data }));
    }
    if let Some(id) = string("session") {
        return Some(Entry::Session(Box::new(NewSession {
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
        })));
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
    Some(Entry::Update(Box::new(Update { id, update, only_running: false })))
}
