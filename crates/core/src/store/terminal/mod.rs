//! A terminal, and the lines that a person saw in it.
//!
//! [`Lines`] reads the chunks of one session in the order of append, as one text, and returns each line once it has left
//! the screen at the top, or at the end:
//!
//! - Programs draw on a [screen](screen), as on that of a terminal. What was drawn over is gone, the alternate screen
//!   leaves nothing behind, and what has left the screen stays, even if a program clears what was scrolled away.
//! - A line that did not fit into a row is one line.
//! - Strings for the terminal and controls are no text. A tab stays one in a line that only grew.
//!
//! As long as a program moves to no other row, its text is copied without decoding it. Any output is read in a time in
//! proportion to its bytes, with the memory of the screen and of one line.

mod cells;
mod commands;
mod controls;
mod drawn;
mod links;
mod modes;
mod row;
mod screen;
mod state;
mod style;
mod view;

pub(crate) use cells::width_of;
pub use commands::Command;
pub use style::{Colour, Style};
pub use view::{Cursor, Run, View};

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use controls::Controls;
use modes::Modes;
use row::{Row, Shown};
use screen::Screen;

/// Bytes of the longest line. A longer one is cut.
pub const MAX_LINE: usize = 16 << 20;

/// Columns between two stops of the tab.
const TAB: usize = 8;

/// The most columns and rows of a screen.
const MOST: (u16, u16) = (4096, 1024);

/// The size of a terminal, in cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Its width.
    pub columns: u16,
    /// Its height.
    pub rows: u16,
}

impl Size {
    /// Its columns and rows, within what a screen may have.
    fn cells(self) -> (usize, usize) {
        let (columns, rows) = MOST;
        (self.columns.clamp(2, columns).into(), self.rows.clamp(1, rows).into())
    }
}

impl Default for Size {
    fn default() -> Self {
        Self { columns: 80, rows: 24 }
    }
}

/// Where something was printed.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Mark {
    /// The id of the chunk.
    pub cursor: i64,
    /// Its time, in milliseconds since 1970.
    pub timestamp: f64,
    /// The number of the command that printed it, from 1, where a shell marks its commands; else 0.
    pub command: u32,
}

impl Mark {
    /// A place in a chunk.
    pub fn of(cursor: i64, timestamp: f64) -> Self {
        Self { cursor, timestamp, command: 0 }
    }
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
    /// Whether it was drawn over. Such a line has the number 0.
    pub drawn_over: bool,
    marks: &'a [(usize, Mark)],
    styles: &'a [(usize, Style)],
    links: &'a [String],
}

impl<'a> Line<'a> {
    /// Where a text in this style leads, if it is a link.
    pub fn link(&self, style: Style) -> Option<&'a str> {
        let at = usize::try_from(style.link).ok()?.checked_sub(1)?;
        self.links.get(at).map(String::as_str)
    }

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
        let Self { text, number, first, last, drawn_over, marks, styles, .. } = *self;
        let (text, marks, styles) = (text.to_owned(), marks.to_vec(), styles.to_vec());
        KeptLine { text, number, first, last, drawn_over, marks, styles }
    }

    /// The number of the command that printed it, or 0.
    pub(crate) fn command(&self) -> u32 {
        self.mark_at(0).command
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
    drawn_over: bool,
    marks: Vec<(usize, Mark)>,
    styles: Vec<(usize, Style)>,
}

impl KeptLine {
    /// The line.
    pub(crate) fn line(&self) -> Line<'_> {
        let Self { text, number, first, last, drawn_over, marks, styles } = self;
        let (number, first, last, drawn_over) = (*number, *first, *last, *drawn_over);
        Line { text, number, first, last, drawn_over, marks, styles, links: &[] }
    }
}

/// What a terminal is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Setting {
    /// Its size.
    pub size: Size,
    /// Whether the program had a terminal, which has CR LF at the end of a line. In other output a line feed begins a
    /// line.
    pub is_terminal: bool,
}

/// Makes lines of the chunks of one session. It keeps the screen and the unfinished line.
pub struct Lines {
    screen: Screen,
    controls: Controls,
    styled: bool,
    /// The line that was returned last.
    given: Option<Box<Row>>,
    /// How many lines were returned.
    count: u64,
    /// The text that was drawn over and returned last.
    drawn_text: String,
    /// The sizes that the screen will get, each behind a chunk.
    sizes: VecDeque<(i64, Size)>,
    /// The chunk that was read last.
    mark: Mark,
    ended: bool,
}

impl Default for Lines {
    fn default() -> Self {
        Self::new(Setting::default())
    }
}

impl Lines {
    /// The lines in a terminal.
    pub fn new(setting: Setting) -> Self {
        Self::with(setting, false)
    }

    /// Lines with the styles of their characters.
    pub fn styled(setting: Setting) -> Self {
        Self::with(setting, true)
    }

    /// Has lines numbered behind `count` others.
    pub(crate) fn behind(self, count: u64) -> Self {
        Self { count, ..self }
    }

    /// Gives the screen other sizes, each behind the chunk with this id.
    pub(crate) fn resized(self, sizes: Vec<(i64, Size)>) -> Self {
        Self { sizes: sizes.into(), ..self }
    }

    /// Has lines that were drawn over returned as well, each text once, behind those that stay.
    pub(crate) fn with_drawn_over(mut self) -> Self {
        self.screen.keep_drawn();
        self
    }

    /// Lists the commands that a shell marks.
    pub(crate) fn with_commands(mut self) -> Self {
        self.screen.commands_mut().list();
        self
    }

    /// The commands that were listed.
    pub(crate) fn take_commands(&mut self) -> Vec<Command> {
        self.screen.commands_mut().take()
    }

    /// How many lines were returned.
    pub fn count(&self) -> u64 {
        self.count
    }

    fn with(setting: Setting, styled: bool) -> Self {
        let Setting { size, is_terminal } = setting;
        Self {
            screen: Screen::new(size, styled, Modes::new(!is_terminal)),
            controls: Controls::default(),
            styled,
            given: None,
            count: 0,
            drawn_text: String::new(),
            sizes: VecDeque::new(),
            mark: Mark::default(),
            ended: false,
        }
    }

    /// Reads `input`, the rest of the chunk at `mark`, until a line has left the screen, and returns that; `None` if the
    /// chunk is used up first.
    pub fn next(&mut self, input: &mut &[u8], mark: Mark) -> Option<Line<'_>> {
        self.mark = mark;
        self.resize_before(mark.cursor);
        while !self.screen.has_gone() && !input.is_empty() {
            self.step(input, mark);
        }
        self.give()
    }

    /// Gives the screen the sizes that came before the chunk behind `cursor`.
    pub(crate) fn end_of_chunks(&mut self, cursor: i64) {
        self.resize_before(cursor.saturating_add(1));
    }

    /// Gives the screen the sizes that it had before the chunk with this id.
    fn resize_before(&mut self, chunk: i64) {
        while let Some((behind, size)) = self.sizes.front()
            && *behind < chunk
        {
            self.screen.resize(*size);
            self.sizes.pop_front();
        }
    }

    /// The next line that is still on the screen at the end of the output.
    pub fn end(&mut self) -> Option<Line<'_>> {
        if !std::mem::replace(&mut self.ended, true) {
            self.screen.print_incomplete(self.mark);
            self.screen.end();
        }
        self.give()
    }

    fn give(&mut self) -> Option<Line<'_>> {
        if let Some(row) = self.given.take() {
            self.screen.take_back(row);
        }
        let Some(row) = self.screen.next_gone() else {
            return self.give_drawn();
        };
        let row = self.given.insert(row);
        self.count += 1;
        // Nobody has written to an empty line.
        let first = row.first().unwrap_or(self.mark);
        let last = row.last().unwrap_or(first);
        let Shown { text, marks, styles } = row.show();
        if let Some(drawn) = self.screen.drawn_mut() {
            drawn.stays(text);
        }
        let (number, drawn_over, links) = (self.count, false, self.screen.links());
        Some(Line { text, number, first, last, drawn_over, marks, styles, links })
    }

    fn give_drawn(&mut self) -> Option<Line<'_>> {
        let ended = self.ended;
        let drawn = self.screen.drawn_mut()?;
        if ended {
            drawn.end();
        }
        let (text, mark) = drawn.next()?;
        self.drawn_text = text;
        let text = &self.drawn_text;
        let (first, last) = (mark, mark);
        let (drawn_over, marks, styles, links) = (true, &[], &[], &[]);
        Some(Line { text, number: 0, first, last, drawn_over, marks, styles, links })
    }

    /// Reads a run of text or a control.
    fn step(&mut self, input: &mut &[u8], mark: Mark) {
        if !self.controls.in_sequence() {
            let (plain, rest) = input.split_at(plain_length(input));
            if !plain.is_empty() {
                *input = rest;
                return self.screen.print(plain, mark);
            }
            self.screen.print_incomplete(mark);
            if !self.styled
                && let Some(rest) = behind_colours(input)
            {
                *input = rest;
                return;
            }
        }
        self.screen.print_incomplete(mark);
        self.controls.take(input, self.screen.pen_mut());
        while let Some(action) = self.controls.next_action() {
            self.screen.act(action, mark);
        }
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
