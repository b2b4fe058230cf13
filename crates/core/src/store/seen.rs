//! What a terminal showed: the lines that stayed.

use std::collections::VecDeque;

use super::outputs::Outputs;
use super::select::{Select, each_chunk, select_chunks};
use super::sizes::{self, Wanted};
use super::terminal::{Command, Line, Mark, Size, View};
use super::timestamp::Moments;
use super::utf16::{Joined, MAX_LENGTH, units};
use super::{Error, Result, text};
use crate::sqlite::snapshot;

const CHUNKS: Select = select_chunks!(o.data, o.id; "AND i.id <= ?2 ORDER BY i.id");

const TIMED: Select = select_chunks!(o.timestamp, o.data, o.id; "ORDER BY i.id");

/// Which lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Part {
    /// The size of the terminal, if it is to be another one than it was.
    pub size: Wanted,
    /// Only lines that were written to behind this cursor.
    pub from: Option<i64>,
    /// As they were after this chunk.
    pub to: Option<i64>,
    /// Only the output of the command with this number.
    pub command: Option<u32>,
    /// Only this number of the last lines.
    pub lines: Option<usize>,
    /// Only this number of the last characters, in UTF-16 code units.
    pub characters: Option<usize>,
}

impl Outputs {
    /// The lines of a session that stayed, with `\n` between them.
    ///
    /// # Errors
    ///
    /// [`Error::TooLong`] as soon as the text cannot be a JavaScript string any more; an error of SQLite.
    pub fn text(&self, session_id: &str, part: Part) -> Result<Joined> {
        let sqlite = self.connection.settled()?;
        let _one_moment = snapshot(&sqlite)?;
        let mut lines = sizes::lines(&sqlite, session_id.as_bytes(), part.size, false)?;
        let mut kept = Kept { part, lines: VecDeque::new(), units: 0 };
        let too_long = || Error::TooLong { session_id: session_id.to_owned(), limit: MAX_LENGTH };
        let to = part.to.unwrap_or(i64::MAX);
        each_chunk(&self.connection, CHUNKS, session_id, &[&session_id, &to], |row| {
            let mark = Mark::of(row.get(2)?, f64::NAN);
            let mut rest = text(row.get_ref(1)?);
            while let Some(line) = lines.next(&mut rest, mark) {
                kept.add(&line);
            }
            if kept.units > MAX_LENGTH { Err(too_long()) } else { Ok(true) }
        })?;
        while let Some(line) = lines.end() {
            kept.add(&line);
        }
        kept.join().unwrap_or_else(|| Err(too_long()))
    }

    /// The screen of a session after the chunk `at`, or at the end.
    ///
    /// # Errors
    ///
    /// An error of SQLite.
    pub fn screen(&self, session_id: &str, at: Option<i64>, size: Wanted) -> Result<View> {
        let sqlite = self.connection.settled()?;
        let _one_moment = snapshot(&sqlite)?;
        let mut lines = sizes::lines(&sqlite, session_id.as_bytes(), size, true)?;
        let to = at.unwrap_or(i64::MAX);
        each_chunk(&self.connection, CHUNKS, session_id, &[&session_id, &to], |row| {
            let mark = Mark::of(row.get(2)?, f64::NAN);
            let mut rest = text(row.get_ref(1)?);
            while lines.next(&mut rest, mark).is_some() {}
            Ok::<_, Error>(true)
        })?;
        // A size that came behind the last chunk counts as well.
        lines.end_of_chunks(to);
        Ok(lines.view())
    }

    /// The sizes that the terminal of a session had: the first one, and the later ones with the cursors of the chunks behind
    /// which they came.
    ///
    /// # Errors
    ///
    /// An error of SQLite.
    pub fn sizes(&self, session_id: &str) -> Result<Vec<(i64, Size)>> {
        let sqlite = self.connection.settled()?;
        let (setting, mut sizes) = sizes::stored(&sqlite, session_id.as_bytes())?;
        sizes.insert(0, (0, setting.size));
        Ok(sizes)
    }

    /// The commands that a shell has marked in the output of a session.
    ///
    /// # Errors
    ///
    /// An error of SQLite.
    pub fn commands(&self, session_id: &str) -> Result<Vec<Command>> {
        let sqlite = self.connection.settled()?;
        let _one_moment = snapshot(&sqlite)?;
        let wanted = Wanted::default();
        let mut lines =
            sizes::lines(&sqlite, session_id.as_bytes(), wanted, false)?.with_commands();
        let mut moments = Moments::default();
        each_chunk(&self.connection, TIMED, session_id, &[&session_id], |row| {
            let mark = Mark::of(row.get(3)?, moments.millis(text(row.get_ref(1)?)));
            let mut rest = text(row.get_ref(2)?);
            while lines.next(&mut rest, mark).is_some() {}
            Ok::<_, Error>(true)
        })?;
        Ok(lines.take_commands())
    }
}

/// The lines that are kept so far.
struct Kept {
    part: Part,
    lines: VecDeque<String>,
    /// UTF-16 code units of their texts, each with the newline behind it.
    units: usize,
}

impl Kept {
    fn add(&mut self, line: &Line<'_>) {
        let is_before = self.part.from.is_some_and(|from| line.last.cursor <= from);
        if is_before || self.part.command.is_some_and(|command| line.command() != command) {
            return;
        }
        self.units += units(line.text.as_bytes()) + 1;
        self.lines.push_back(line.text.to_owned());
        while let Some(first) = self.lines.front() {
            let rest = self.units - units(first.as_bytes()) - 1;
            let too_many = self.part.lines.is_some_and(|most| self.lines.len() > most);
            // The newline behind the last line does not count.
            let is_beyond = self.part.characters.is_some_and(|most| rest > most);
            if !too_many && !is_beyond {
                break;
            }
            self.units = rest;
            self.lines.pop_front();
        }
    }

    /// Their text; `None` if it is too long.
    fn join(mut self) -> Option<Result<Joined>> {
        let length = self.units.saturating_sub(1);
        let excess = length.saturating_sub(self.part.characters.unwrap_or(usize::MAX));
        if let Some(first) = self.lines.front_mut().filter(|_| excess > 0) {
            let mut left = excess;
            let start = first.char_indices().find(|(_, character)| {
                let is_kept = left == 0;
                left = left.saturating_sub(character.len_utf16());
                is_kept
            });
            let start = start.map_or(first.len(), |(start, _)| start);
            first.drain(..start);
        }
        if length - excess > MAX_LENGTH {
            return None;
        }
        let mut joined = Joined::default();
        for (line, number) in self.lines.iter().zip(0..) {
            let newline: &[u8] = if number > 0 { b"\n" } else { b"" };
            if let Err(error) = joined.push(newline).and_then(|()| joined.push(line.as_bytes())) {
                return Some(Err(error.into()));
            }
        }
        Some(Ok(joined))
    }
}
