//! Exports the output of a session to a file of its own.
//!
//! The file is written chunk by chunk from one snapshot, in the order of append, and replaces its target when it is
//! complete. A session of any size takes the memory of its longest chunk.

mod asciicast;
mod html;
mod ndjson;
mod raw;
mod text;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection as Sqlite;

pub use html::Player;

use super::cursors::chunk;
use super::model::{Chunk, ExportFormat, OutputRow};
use super::outputs::Outputs;
use super::redact::{Chunks, Known, Redactor, clean};
use super::select::{Select, check_session, select_chunks};
use super::sizes::{self, Wanted};
use super::terminal::{Line, Lines, Mark};
use super::timestamp::Moments;
use super::{Error, Result, text};
use crate::sqlite::{self, Compiled, Replacement};

const CHUNKS: Select = select_chunks!(o.timestamp, o.type, o.data, o.id; "ORDER BY i.id");

const COUNT: Select = Select {
    rows: "SELECT count(*) FROM session_outputs WHERE session_id = ?1",
    all: "SELECT (SELECT count(*) FROM session_outputs WHERE session_id = ?1 AND id > coalesce(last, -9223372036854775808))
          + (SELECT coalesce(sum(outputs), 0) FROM gsd_session_blocks WHERE session_id = ?1 AND id <= last)
          FROM (SELECT max(through) AS last FROM gsd_session_seals WHERE session_id = ?1)",
};

/// What is told of a session: names, and the query of their texts.
type Told = ([&'static str; 4], &'static str);

const SESSION: Told = (
    ["Command", "Folder", "Started", "Ended"],
    "SELECT current_command, working_dir, started_at, ended_at FROM sessions WHERE id = ?1",
);

const DETAILS: Told = (
    ["Title", "Exit code", "Signal", "Error"],
    "SELECT title, CAST(exit_code AS TEXT), signal, error
     FROM gsd_session_details WHERE session_id = ?1",
);

/// Chunks, or bytes, between two calls of `on_progress`.
const STEP: u64 = 4096;
const STEP_BYTES: u64 = 2 << 20;

/// Bytes that are written at once.
const BUFFER: usize = 256 << 10;

/// The progress of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExportProgress {
    /// The chunks written so far.
    pub outputs: u64,
    /// The chunks of the session.
    pub total_outputs: u64,
    /// The bytes written so far.
    pub bytes: u64,
}

/// A format of exported files.
trait Format {
    /// How often it sees all chunks, each time between a start and an end.
    fn passes(&self) -> u8 {
        1
    }

    /// Writes what comes before the chunks.
    fn start(&mut self, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    /// Writes the next chunk.
    fn chunk(&mut self, chunk: &Chunk<'_>, out: &mut dyn Write) -> io::Result<()>;

    /// Writes what comes after the chunks.
    fn end(&mut self, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}

/// The output of a session, in the state when this was made, to be written to a file. It may move to another thread.
pub struct Export {
    sqlite: Sqlite,
    session_id: String,
    format: ExportFormat,
    size: Wanted,
    player: Option<Player>,
    redactor: Option<Arc<Redactor>>,
    path: String,
}

/// What is known of a session beside its output: names and texts, none of them empty.
struct Facts(Vec<(&'static str, String)>);

impl Facts {
    fn get(&self, wanted: &str) -> Option<&str> {
        self.named().find_map(|(name, value)| (name == wanted).then_some(value))
    }

    fn named(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// The title of the session, or else its command.
    fn given_title(&self) -> Option<&str> {
        self.get("Title").or_else(|| self.get("Command"))
    }

    /// The title of the session, or else its command, or its id.
    fn title(&self) -> &str {
        self.given_title().or_else(|| self.get("Session")).unwrap_or_default()
    }
}

impl Outputs {
    /// The present output of a session, to be written to a file. Deferred writes are done first. A page has the `player`. Secrets
    /// that the `redactor` finds are replaced.
    ///
    /// # Errors
    ///
    /// An error of SQLite.
    pub fn export(
        &self,
        session_id: String,
        format: ExportFormat,
        size: Wanted,
        player: Option<Player>,
        redactor: Option<Arc<Redactor>>,
    ) -> Result<Export> {
        let sqlite = self.connection.snapshot()?;
        let path = self.connection.path().to_owned();
        Ok(Export { sqlite, session_id, format, size, player, redactor, path })
    }
}

impl Export {
    /// Writes `target`, which is replaced if it exists. `on_progress` is called now and then, and at the end. If it
    /// breaks, the result is `None`; then, as after an error, `target` is unchanged and no other file is left.
    ///
    /// # Errors
    ///
    /// `SQLITE_CANTOPEN` for a target that cannot be made or replaced, `SQLITE_FULL` for a full disk, or an error of
    /// SQLite.
    pub fn write_to(
        self,
        target: &Path,
        on_progress: impl FnMut(ExportProgress) -> ControlFlow<()>,
    ) -> Result<Option<ExportProgress>> {
        self.write(target, on_progress).map_err(|error| match error {
            Error::Sqlite(error) => Error::Sqlite(error.context(format_args!(
                "cannot export session {:?} of {:?} to {target:?}",
                self.session_id, self.path
            ))),
            other => other,
        })
    }

    fn write(
        &self,
        target: &Path,
        mut on_progress: impl FnMut(ExportProgress) -> ControlFlow<()>,
    ) -> Result<Option<ExportProgress>> {
        let new = Replacement::of(target)?;
        let mut out = Counted { file: BufWriter::with_capacity(BUFFER, new.file()), bytes: 0 };
        let mut format = self.format()?;
        let mut progress =
            ExportProgress { total_outputs: self.count()?, ..ExportProgress::default() };
        let mut told = progress;
        let mut statement = Compiled::prepare(&self.sqlite, CHUNKS.of(&self.sqlite)?)?;
        for pass in (0..format.passes()).rev() {
            format.start(&mut out).map_err(disk)?;
            let mut rows = statement.query([&self.session_id])?;
            let mut moments = Moments::default();
            let mut clean = self.redactor.as_ref().map(Chunks::new);
            while let Some(row) = rows.next()? {
                check_session(&row, &self.session_id)?;
                let read = chunk(&row, &mut moments)?;
                match &mut clean {
                    Some(clean) => {
                        let OutputRow { timestamp, kind, data } = read.output;
                        clean.push((read.id, timestamp), kind, data.to_owned());
                        write_clean(clean, false, &mut *format, &mut out)?;
                    }
                    None => format.chunk(&read, &mut out).map_err(disk)?,
                }
                // A chunk counts once it is written for the last time.
                progress.outputs += u64::from(pass == 0);
                progress.bytes = out.bytes;
                let is_step = progress.outputs - told.outputs >= STEP
                    || progress.bytes - told.bytes >= STEP_BYTES;
                // The end is reported when the file is complete.
                if is_step && progress.outputs < progress.total_outputs {
                    told = progress;
                    if on_progress(progress).is_break() {
                        return Ok(None);
                    }
                }
            }
            drop(rows);
            if let Some(clean) = &mut clean {
                clean.end();
                write_clean(clean, true, &mut *format, &mut out)?;
            }
            format.end(&mut out).map_err(disk)?;
        }
        progress = ExportProgress { total_outputs: progress.outputs, bytes: out.bytes, ..progress };
        out.flush().map_err(disk)?;
        drop(out);
        if on_progress(progress).is_break() {
            return Ok(None);
        }
        new.finish()?;
        Ok(Some(progress))
    }

    fn format(&self) -> Result<Box<dyn Format + '_>> {
        Ok(match self.format {
            ExportFormat::Raw => Box::new(raw::Raw),
            ExportFormat::Text => Box::new(text::Text::new(self.lines(false)?)),
            ExportFormat::Html => {
                let facts = self.facts()?;
                // There is nothing to be played without output.
                let has_output = self.count()? > 0;
                let player = self.player.as_ref().filter(|_| has_output);
                let player = player.map(|player| Ok((player, self.recording(&facts)?)));
                let player: Result<_> = player.transpose();
                Box::new(html::Html::new(facts, self.lines(true)?, player?))
            }
            ExportFormat::Ndjson => Box::new(ndjson::Ndjson::new(self.session_id.clone())),
            ExportFormat::Asciicast => Box::new(self.recording(&self.facts()?)?),
        })
    }

    fn recording(&self, facts: &Facts) -> Result<asciicast::Asciicast> {
        let (setting, sizes) = sizes::setting(&self.sqlite, self.session_id.as_bytes(), self.size)?;
        let title = facts.given_title().map(str::to_owned);
        Ok(asciicast::Asciicast::new(setting, sizes, title))
    }

    fn lines(&self, styled: bool) -> Result<Lines> {
        sizes::lines(&self.sqlite, self.session_id.as_bytes(), self.size, styled)
    }

    fn count(&self) -> Result<u64> {
        let count: i64 =
            self.sqlite.query_row(COUNT.of(&self.sqlite)?, [&self.session_id], |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }

    fn facts(&self) -> Result<Facts> {
        let mut facts = vec![("Session", self.session_id.clone())];
        // A file of an older version may be open for reading only.
        let has_details = sqlite::has_object(&self.sqlite, "gsd_session_details")?;
        for (names, sql) in [Some(SESSION), has_details.then_some(DETAILS)].into_iter().flatten() {
            let mut statement = self.sqlite.prepare(sql)?;
            let mut rows = statement.query([&self.session_id])?;
            let Some(row) = rows.next()? else { continue };
            for (index, name) in names.into_iter().enumerate() {
                let mut value = String::from_utf8_lossy(text(row.get_ref(index)?)).into_owned();
                if let Some(redactor) = &self.redactor {
                    value = clean(redactor, &value).0.into_owned();
                }
                if !value.is_empty() {
                    facts.push((name, value));
                }
            }
        }
        Ok(Facts(facts))
    }
}

/// Writes the chunks of which is known what is in them.
fn write_clean(
    clean: &mut Chunks<(i64, f64)>,
    is_end: bool,
    format: &mut dyn Format,
    out: &mut dyn Write,
) -> Result<()> {
    while let Some(Known { chunk: (id, timestamp), kind, data, cleaned, .. }) = clean.next(is_end) {
        let data = cleaned.as_deref().unwrap_or(&data);
        let output = OutputRow { timestamp, kind, data };
        format.chunk(&Chunk { id, output }, out).map_err(disk)?;
    }
    Ok(())
}

/// A file that counts the bytes written to it.
struct Counted<'file> {
    file: BufWriter<&'file File>,
    bytes: u64,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    /// JSON is written in many small pieces. The default would take twice as long for each.
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn disk(error: io::Error) -> Error {
    sqlite::Error::io(&error).into()
}

/// Passes the lines that end in a chunk to `visit`.
fn lines(
    lines: &mut Lines,
    chunk: &Chunk<'_>,
    mut visit: impl FnMut(Line<'_>) -> io::Result<()>,
) -> io::Result<()> {
    let mark = Mark::of(chunk.id, chunk.output.timestamp);
    let mut input = chunk.output.data;
    while let Some(line) = lines.next(&mut input, mark) {
        visit(line)?;
    }
    Ok(())
}
