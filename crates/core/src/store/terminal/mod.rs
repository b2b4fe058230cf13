//! The visible lines of a terminal, read from its output.
//!
//! [`Lines`] reads the chunks of one session in the order of append, as one text, and returns each line at its end:
//!
//! - Escape sequences are removed, even across chunks: CSI, OSC, DCS, APC, PM and SOS with either end, the 8-bit
//!   forms in UTF-8, and two-character sequences. All other controls but the tab are removed, too.
//! - Overwritten text is replaced: carriage return, backspace, movements within the line, erasing, inserting and
//!   deleting work as on a screen. Wide characters take two columns there.
//! - `\n` ends a line. If a program moves to another line (full-screen programs do) or clears the screen, the text so
//!   far is a line of its own. So lines come in the order of writing, and again whenever they are drawn again. A move
//!   within the row that was addressed last stays in the line.
//!
//! The width of the screen is unknown, so no line is wrapped. A line of more than [`MAX_LINE`] bytes is cut into
//! pieces. A line of more than [`MAX_REDRAWN`] bytes ends when it is overwritten, and another one begins. Sets of
//! line-drawing characters are not translated.
//!
//! [`Lines::styled`] also keeps the styles of characters. Erased columns are plain, whatever the background was.
//!
//! Text without controls is copied without decoding it. Any output is read in a time in proportion to its bytes: see
//! `cells.rs`.

mod cells;
mod controls;
mod row;
mod style;

pub use style::{Colour, Style};

use controls::{Action, Controls};
use row::{Finished, Row};

/// Bytes of the longest line.
pub const MAX_LINE: usize = 128 << 10;

/// Bytes of the longest line that can be overwritten.
pub const MAX_REDRAWN: usize = 4096;

/// Bytes beyond the longest line that are inspected for the end of a text.
const LOOK_AHEAD: usize = 2;

/// Where something was printed.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Mark {
    /// The id of the chunk.
    pub cursor: i64,
    /// Its time, in milliseconds since 1970.
    pub timestamp: f64,
}

/// A visible line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line<'a> {
    /// Its text, without its end.
    pub text: &'a str,
    /// The number of the line, from 1.
    pub number: u64,
    /// The chunk in which it begins.
    pub first: Mark,
    /// The chunk in which it ends.
    pub last: Mark,
    marks: &'a [(usize, Mark)],
    styles: &'a [(usize, Style)],
}

impl<'a> Line<'a> {
    /// The runs of its text with the same style; only of [`Lines::styled`].
    pub fn runs(&self) -> impl Iterator<Item = (&'a str, Style)> {
        let (text, styles) = (self.text, self.styles);
        let unstyled = styles.first().map_or(text.len(), |(start, _)| *start);
        let first = (0, unstyled, Style::default());
        let rest = styles.iter().enumerate().map(move |(index, (start, style))| {
            let end = styles.get(index + 1).map_or(text.len(), |(next, _)| *next);
            (*start, end, *style)
        });
        std::iter::once(first)
            .chain(rest)
            .filter_map(move |(start, end, style)| Some((text.get(start..end)?, style)))
            .filter(|(run, _)| !run.is_empty())
    }

    /// A copy of the line that outlives the text.
    pub(crate) fn keep(&self) -> KeptLine {
        let Self { text, number, first, last, marks, styles } = *self;
        let (text, marks, styles) = (text.to_owned(), marks.to_vec(), styles.to_vec());
        KeptLine { text, number, first, last, marks, styles }
    }

    /// The chunk in which the byte at `offset` of the text was printed. In an overwritten line, the chunk that wrote
    /// to it last.
    pub(crate) fn mark_at(&self, offset: usize) -> Mark {
        let after = self.marks.partition_point(|(start, _)| *start <= offset);
        let found = after.checked_sub(1).and_then(|at| self.marks.get(at));
        found.map_or(self.first, |(_, mark)| *mark)
    }
}

/// A line that outlives the text that it was read from.
#[derive(Debug, Clone)]
pub(crate) struct KeptLine {
    text: String,
    number: u64,
    first: Mark,
    last: Mark,
    marks: Vec<(usize, Mark)>,
    styles: Vec<(usize, Style)>,
}

impl KeptLine {
    /// The line.
    pub(crate) fn line(&self) -> Line<'_> {
        let Self { text, number, first, last, marks, styles } = self;
        Line { text, number: *number, first: *first, last: *last, marks, styles }
    }
}

/// Makes lines of the chunks of one session. It keeps little more than the unfinished line.
#[derive(Default)]
pub struct Lines {
    row: Row,
    controls: Controls,
    /// The action to do before more input is read.
    pending: Option<Action>,
    /// Bytes of the input that are not counted yet.
    uncounted: usize,
    /// Whether the row was returned as a line already.
    given: bool,
    /// How many lines were returned.
    count: u64,
    /// The row of the screen that was addressed last, if it is known.
    place: Option<u16>,
    /// The line and the column that the program has saved.
    saved: Option<(u64, usize)>,
}

impl Lines {
    /// Lines with the styles of their characters.
    pub fn styled() -> Self {
        Self { controls: Controls::styled(), ..Self::default() }
    }

    /// Reads `input`, the rest of the chunk at `mark`, to the end of a line, and returns the line; `None` if the
    /// chunk is used up first.
    pub fn next(&mut self, input: &mut &[u8], mark: Mark) -> Option<Line<'_>> {
        self.let_go();
        self.uncounted = input.len();
        let mut over = false;
        while !over && (!input.is_empty() || self.pending.is_some()) {
            over = self.step(input, mark);
        }
        self.count_bytes(input);
        over.then(|| self.give(mark))
    }

    /// The unfinished line, unless it is empty, as if it ended in the chunk that wrote to it last.
    pub fn end(&mut self) -> Option<Line<'_>> {
        self.let_go();
        let last = self.row.last()?;
        Some(self.give(last))
    }

    fn let_go(&mut self) {
        if std::mem::take(&mut self.given) {
            self.row.clear();
        }
    }

    fn give(&mut self, last: Mark) -> Line<'_> {
        self.given = true;
        self.count += 1;
        let number = self.count;
        let first = self.row.first().unwrap_or(last);
        let Finished { text, marks, styles } = self.row.finish();
        Line { text, number, first, last, marks, styles }
    }

    /// Reads a run of text or a control. Returns whether the line is over.
    fn step(&mut self, input: &mut &[u8], mark: Mark) -> bool {
        if let Some(action) = self.pending.take() {
            return self.act(action, mark);
        }
        if !self.controls.in_sequence() {
            // Only as much as fits into the line is inspected, because the input may be long.
            let plain = plain_length(input.get(..MAX_LINE + LOOK_AHEAD).unwrap_or(input));
            if plain > 0 {
                return self.write(input, plain, mark);
            }
            if !self.controls.is_styled()
                && let Some(rest) = behind_colours(input)
            {
                *input = rest;
                return false;
            }
            if let [b'\n', rest @ ..] = *input {
                *input = rest;
                return self.act(Action::LineFeed, mark);
            }
        }
        let action = self.controls.take(input);
        if let Some(pen) = self.controls.pen() {
            self.row.set_pen(pen);
        }
        let Some(action) = action else {
            return false;
        };
        self.count_bytes(input);
        self.act(action, mark)
    }

    /// Counts the bytes that were read, which pay for edits.
    fn count_bytes(&mut self, rest: &[u8]) {
        let read = std::mem::replace(&mut self.uncounted, rest.len());
        self.row.earn(read - rest.len());
    }

    fn write(&mut self, input: &mut &[u8], plain: usize, mark: Mark) -> bool {
        if self.row.must_end_before_writing() {
            return true;
        }
        if self.row.is_drawn_over() {
            // Counted here, so that the ends of chunks make no difference.
            self.count_bytes(input);
        }
        let room = self.row.room();
        let taken = if plain <= room { plain } else { whole_characters(input, room) };
        let (run, rest) = input.split_at(taken);
        self.row.write(run, mark);
        *input = rest;
        taken < plain
    }

    /// Does what a control says. Returns whether the line is over; the action may have to be repeated after it.
    fn act(&mut self, action: Action, mark: Mark) -> bool {
        if action.is_within_line() && !self.row.can_be_edited() {
            self.pending = Some(action);
            return true;
        }
        match action {
            Action::Print(character) => {
                if self.row.must_end_before_writing() {
                    self.pending = Some(action);
                    return true;
                }
                let mut bytes = [0; 4];
                self.row.write(character.encode_utf8(&mut bytes).as_bytes(), mark);
            }
            Action::LineFeed => {
                self.place = self.place.and_then(|row| row.checked_add(1));
                return true;
            }
            Action::Away => {
                self.place = None;
                return self.leave(0);
            }
            Action::Place { row, column } => {
                let column = usize::from(column);
                match column.checked_sub(self.row.origin()) {
                    Some(column) if self.place == Some(row) => self.row.move_to(column),
                    _ => {
                        self.place = Some(row);
                        return self.leave(column);
                    }
                }
            }
            Action::Save => self.saved = Some((self.count, self.row.column())),
            Action::Restore => match self.saved {
                Some((line, column)) if line == self.count => self.row.move_to(column),
                _ => return self.leave(0),
            },
            Action::Edit(edit) => {
                if !self.row.edit(edit, mark) {
                    self.pending = Some(action);
                    return true;
                }
            }
        }
        false
    }

    /// Goes to another line, at a column. Returns whether this one had any text.
    fn leave(&mut self, column: usize) -> bool {
        let over = self.row.last().is_some();
        if over {
            // The line after this one starts there.
            self.row.start_next_at(column);
        } else {
            self.row.clear();
            self.row.start_at(column);
        }
        over
    }
}

/// The input behind a complete sequence that sets colours, the most frequent kind. The parser need not see it.
fn behind_colours(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes.strip_prefix(b"\x1b[")?;
    loop {
        rest = match rest {
            [b'0'..=b'9' | b';' | b':', rest @ ..] => rest,
            [b'm', rest @ ..] => return Some(rest),
            _ => return None,
        };
    }
}

/// The length of the text before the first control. A tab is text.
fn plain_length(bytes: &[u8]) -> usize {
    let mut plain = 0;
    loop {
        plain += before_candidate(bytes.get(plain..).unwrap_or_default());
        match bytes.get(plain..) {
            Some([b'\t', ..]) => plain += 1,
            // The first byte of a character that may be a control of the 8-bit set.
            Some([0xc2, next, ..]) if !(0x80..0xa0).contains(next) => plain += 2,
            Some([0xc2]) => return plain + 1,
            _ => return plain,
        }
    }
}

/// The number of bytes before the first that may be a control.
fn before_candidate(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    let (words, rest) = bytes.as_chunks::<8>();
    for (word, start) in words.iter().zip((0..).step_by(8)) {
        let word = u64::from_le_bytes(*word);
        // The high bit of every byte less than `limit`. Bytes after the first such byte may have it by mistake.
        let less = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word & HIGH;
        let equal = |byte: u64| less(word ^ (ONES * byte), 1);
        let candidates = less(word, 0x20) | equal(0x7f) | equal(0xc2);
        if candidates != 0 {
            return start + (candidates.trailing_zeros() / 8) as usize;
        }
    }
    let is_candidate = |byte: &u8| matches!(byte, ..0x20 | 0x7f | 0xc2);
    bytes.len() - rest.len() + rest.iter().position(is_candidate).unwrap_or(rest.len())
}

/// The length of the longest prefix, of at most `room` bytes, that splits no character.
pub(super) fn whole_characters(bytes: &[u8], room: usize) -> usize {
    let starts = |at: &usize| bytes.get(*at).is_none_or(|byte| byte & 0xc0 != 0x80);
    (room.saturating_sub(3)..=room).rev().find(starts).unwrap_or(room)
}

#[cfg(test)]
mod tests;
