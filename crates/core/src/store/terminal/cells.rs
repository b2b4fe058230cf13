//! The cells of one row of a screen.
//!
//! Cells behind the last one that was ever written are not stored. What a row has there is the same as in a cell that
//! was erased: nothing, which is not the same as a blank.

use serde::{Deserialize, Serialize};
use unicode_width::UnicodeWidthChar;

use super::style::{Packed, Style, change_to};

/// The initial capacity: enough for most rows.
const USUAL: usize = 128;

/// The most cells with combining marks in one row, and the most marks of one cell.
const MARKED: usize = 1024;
const COMBINING: usize = 32;

/// Nothing was printed there, or it was erased.
const NOTHING: u32 = 0;

/// The second cell of a wide character.
const REST: u32 = 0x10_ffff;

/// The bits of a cell for the character. The bits above them number its marks.
const CHARACTER: u32 = (1 << MARKS) - 1;
const MARKS: u32 = 21;

/// The cells that a character takes: none, one or two.
pub(crate) fn width_of(character: char) -> usize {
    if character.is_ascii() { 1 } else { character.width().unwrap_or(0) }
}

/// The cells of a row.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Cells {
    characters: Vec<u32>,
    /// The style of each cell, if styles are kept.
    #[serde(skip)]
    styles: Option<Vec<Packed>>,
    /// The combining marks of cells. The upper bits of a cell hold the number of its marks, from 1, so that they move
    /// with it.
    marks: Vec<String>,
}

impl Cells {
    /// No cells, with styles if `styled`.
    pub(super) fn new(styled: bool) -> Self {
        let characters = Vec::with_capacity(USUAL);
        let styles = styled.then(|| Vec::with_capacity(USUAL));
        Self { characters, styles, ..Self::default() }
    }

    /// Forgets all cells.
    pub(super) fn clear(&mut self) {
        self.characters.clear();
        if let Some(styles) = &mut self.styles {
            styles.clear();
        }
        self.marks = Vec::new();
    }

    /// The number of cells up to the last one with a character.
    pub(super) fn length(&self) -> usize {
        self.characters.iter().rposition(|cell| *cell != NOTHING).map_or(0, |last| last + 1)
    }

    /// The number of cells up to the last one with a character or a background.
    pub(super) fn shown(&self) -> usize {
        let looks = self.styles.as_deref().unwrap_or_default();
        let painted = looks.iter().rposition(|look| look.has_background()).map_or(0, |at| at + 1);
        self.length().max(painted)
    }

    /// Whether nothing is there, in whatever style.
    pub(super) fn is_blank(&self) -> bool {
        self.characters.iter().all(|cell| *cell == NOTHING)
    }

    /// Whether any cell has a background.
    pub(super) fn has_background(&self) -> bool {
        self.styles.iter().flatten().any(|style| style.has_background())
    }

    /// Whether the character in the first cell is a wide one.
    pub(super) fn starts_wide(&self) -> bool {
        self.characters.get(1) == Some(&REST)
    }

    fn is_rest(&self, column: usize) -> bool {
        self.characters.get(column) == Some(&REST)
    }

    /// Prints the ASCII characters at the start of `run`, as long as that is simple. Returns how many.
    #[inline]
    pub(super) fn print_simply(&mut self, column: usize, run: &[u8], style: Packed) -> usize {
        let count = run.iter().position(|byte| !matches!(byte, b' '..=b'~')).unwrap_or(run.len());
        let length = self.characters.len();
        if count == 0 || column > length || self.is_rest(column) || self.is_rest(column + count) {
            return 0;
        }
        let (over, behind) = run.split_at(count.min(length - column));
        let behind = behind.get(..count - over.len()).unwrap_or_default();
        let places = self.characters.get_mut(column..).unwrap_or_default();
        for (place, byte) in places.iter_mut().zip(over) {
            *place = u32::from(*byte);
        }
        self.characters.extend(behind.iter().map(|byte| u32::from(*byte)));
        if let Some(styles) = &mut self.styles {
            styles.get_mut(column..column + over.len()).unwrap_or_default().fill(style);
            styles.extend(std::iter::repeat_n(style, behind.len()));
        }
        count
    }

    /// Prints a character of one or two cells, which the row has room for.
    pub(super) fn print(&mut self, column: usize, character: char, width: usize, style: Packed) {
        // This code stands for the rest of a wide character, so it cannot be a character.
        let code = match u32::from(character) {
            NOTHING | REST => u32::from(char::REPLACEMENT_CHARACTER),
            code => code,
        };
        let end = column + width;
        self.part(column, style);
        self.part(end, style);
        self.extend_to(end);
        let mut cell = code;
        for place in self.characters.get_mut(column..end).unwrap_or_default() {
            *place = std::mem::replace(&mut cell, REST);
        }
        self.paint(column, end, style);
    }

    /// Adds a combining mark to the character before a column.
    pub(super) fn mark(&mut self, column: usize, mark: char) {
        let before = self.characters.get(..column).unwrap_or(&self.characters);
        let Some(at) = before.iter().rposition(|cell| *cell != REST) else {
            return;
        };
        if self.marks.len() == MARKED {
            self.forget_unused_marks();
        }
        let Self { characters, marks, .. } = self;
        let Some(cell) = characters.get_mut(at).filter(|cell| **cell != NOTHING) else {
            return;
        };
        if *cell <= CHARACTER {
            if marks.len() == MARKED {
                return;
            }
            marks.push(String::new());
            *cell |= u32::try_from(marks.len()).unwrap_or_default() << MARKS;
        }
        if let Some(marks) = marks.get_mut(place(*cell))
            && marks.chars().count() < COMBINING
        {
            marks.push(mark);
        }
    }

    fn forget_unused_marks(&mut self) {
        let old = std::mem::take(&mut self.marks);
        for cell in self.characters.iter_mut().filter(|cell| **cell > CHARACTER && **cell != REST) {
            self.marks.push(old.get(place(*cell)).cloned().unwrap_or_default());
            let number = u32::try_from(self.marks.len()).unwrap_or_default();
            *cell = (*cell & CHARACTER) | (number << MARKS);
        }
    }

    /// Erases the cells from `start` to before `end`, of a row with this number of `columns`.
    pub(super) fn erase(&mut self, start: usize, end: usize, columns: usize, style: Packed) {
        let end = end.min(columns);
        if start >= end {
            return;
        }
        self.part(start, style);
        self.part(end, style);
        if style != Packed::PLAIN {
            self.extend_to(end);
        } else if end >= self.characters.len() {
            return self.truncate(start);
        }
        self.characters.get_mut(start..end).unwrap_or_default().fill(NOTHING);
        self.paint(start, end, style);
    }

    /// Fills a row with a character of one cell.
    pub(super) fn fill(&mut self, character: u8, columns: usize, style: Packed) {
        self.clear();
        self.extend_to(columns);
        self.characters.fill(u32::from(character));
        self.paint(0, columns, style);
    }

    /// Inserts `count` empty cells. What is moved beyond the end of the row is gone.
    pub(super) fn insert(&mut self, column: usize, count: usize, columns: usize, style: Packed) {
        let count = count.min(columns.saturating_sub(column));
        self.part(column, style);
        if style != Packed::PLAIN {
            self.extend_to(column);
        }
        if column <= self.characters.len() {
            let nothing = std::iter::repeat_n(NOTHING, count);
            self.characters.splice(column..column, nothing);
            if let Some(styles) = &mut self.styles {
                styles.splice(column..column, std::iter::repeat_n(style, count));
            }
        }
        if self.is_rest(columns) {
            self.part(columns, style);
        }
        self.truncate(columns);
    }

    /// Removes `count` cells. What is behind them moves up.
    pub(super) fn delete(&mut self, column: usize, count: usize, columns: usize, style: Packed) {
        let count = count.min(columns.saturating_sub(column));
        if style != Packed::PLAIN {
            self.extend_to(columns);
        }
        self.part(column, style);
        self.part(column + count, style);
        let end = (column + count).min(self.characters.len());
        if column < end {
            self.characters.drain(column..end);
            if let Some(styles) = &mut self.styles {
                styles.drain(column..end);
            }
        }
        if style != Packed::PLAIN {
            let kept = self.characters.len();
            self.extend_to(columns);
            self.paint(kept, columns, style);
        }
    }

    /// Erases both halves of a wide character that has its second one at a column.
    fn part(&mut self, column: usize, style: Packed) {
        if column > 0 && self.is_rest(column) {
            self.characters.get_mut(column - 1..=column).unwrap_or_default().fill(NOTHING);
            self.paint(column - 1, column + 1, style);
        }
    }

    fn extend_to(&mut self, end: usize) {
        if self.characters.len() < end {
            self.characters.resize(end, NOTHING);
            if let Some(styles) = &mut self.styles {
                styles.resize(end, Packed::PLAIN);
            }
        }
    }

    /// Leaves out what is behind the first `columns`.
    pub(super) fn cut(&mut self, columns: usize) {
        self.part(columns, Packed::PLAIN);
        self.truncate(columns);
    }

    fn truncate(&mut self, length: usize) {
        self.characters.truncate(length);
        if let Some(styles) = &mut self.styles {
            styles.truncate(length);
        }
    }

    fn paint(&mut self, start: usize, end: usize, style: Packed) {
        if let Some(styles) = &mut self.styles {
            styles.get_mut(start..end).unwrap_or_default().fill(style);
        }
    }

    /// The character before a column, with its marks.
    pub(super) fn character_before(&self, column: usize) -> Option<(char, &str)> {
        let before = self.characters.get(..column)?;
        let cell = *before.iter().rfind(|cell| **cell != REST).filter(|cell| **cell != NOTHING)?;
        Some((char::from_u32(cell & CHARACTER)?, self.marks_of(cell)))
    }

    fn marks_of(&self, cell: u32) -> &str {
        self.marks.get(place(cell)).map_or("", String::as_str)
    }

    /// Adds their text and styles. Cells that are empty to the end of the row are left out, unless they have a background.
    pub(super) fn add_to(&self, text: &mut Vec<u8>, styles: &mut Vec<(usize, Style)>) {
        let Self { characters, styles: looks, .. } = self;
        let looks = looks.as_deref().unwrap_or_default();
        let mut rest = characters.get(..self.shown()).unwrap_or_default();
        let mut looks = looks;
        while !rest.is_empty() {
            let style = looks.first().copied().unwrap_or(Packed::PLAIN);
            let length = looks.iter().position(|other| *other != style).unwrap_or(rest.len());
            let (run, others) = rest.split_at(length.min(rest.len()));
            change_to(style.into(), text.len(), styles);
            self.add_run(run, text);
            rest = others;
            looks = looks.get(length..).unwrap_or_default();
        }
    }

    fn add_run(&self, mut run: &[u32], text: &mut Vec<u8>) {
        let is_simple = |cell: &u32| (1..0x80).contains(cell);
        while !run.is_empty() {
            let simple = run.iter().position(|cell| !is_simple(cell)).unwrap_or(run.len());
            let (ascii, rest) = run.split_at(simple);
            text.extend(ascii.iter().map(|cell| *cell as u8));
            run = rest;
            while let Some((cell, rest)) = run.split_first().filter(|(cell, _)| !is_simple(cell)) {
                run = rest;
                match *cell {
                    NOTHING => text.push(b' '),
                    REST => {}
                    cell => {
                        let character = char::from_u32(cell & CHARACTER);
                        let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
                        text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                        text.extend_from_slice(self.marks_of(cell).as_bytes());
                    }
                }
            }
        }
    }
}

/// The index of a cell's marks; out of range without marks.
fn place(cell: u32) -> usize {
    ((cell >> MARKS) as usize).wrapping_sub(1)
}
