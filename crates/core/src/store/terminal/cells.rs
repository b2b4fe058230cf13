//! The columns of a line that is overwritten.
//!
//! A few bytes can cause a lot of work: `ESC[P` moves everything behind the cursor. So work is paid for with
//! [`Credit`], and every byte that is read adds to it.

use unicode_width::UnicodeWidthChar;

use super::controls::Edit;
use super::style::{Packed, Style, change_to};

/// The least width of a line. The cursor moves no further behind the text.
pub(super) const WIDTH: usize = 512;

/// Columns of the longest line that is overwritten.
pub(super) const COLUMNS: usize = super::MAX_REDRAWN;

/// The initial capacity: enough for most lines.
const USUAL: usize = 128;

/// Columns between two stops of the tab.
const TAB: usize = 8;

/// The most combining marks in one line.
const COMBINING: usize = 1024;

/// The second column of a wide character, and all but the first of a tab.
const REST: u32 = 0x10_ffff;

const BLANK: u32 = ' ' as u32;

/// The bits of a column for the character. The bits above them number its marks.
const CHARACTER: u32 = (1 << MARKS) - 1;
const MARKS: u32 = 21;

/// The columns that can still be moved or erased.
#[derive(Debug, Clone, Copy)]
pub(super) struct Credit {
    left: usize,
    /// Bytes that were read and are not counted yet.
    bytes: usize,
}

impl Default for Credit {
    fn default() -> Self {
        Self { left: Self::AT_FIRST, bytes: 0 }
    }
}

impl Credit {
    const AT_FIRST: usize = 1 << 18;

    /// The most credit that is saved.
    const MOST: usize = 1 << 20;

    /// The credit for a byte. It is enough to edit lines of up to one or two hundred columns with every sequence.
    const OF_BYTE: usize = 64;

    /// The price of a blank column: it is read, written and searched later.
    const OF_BLANK: usize = 16;

    /// Adds the bytes that were read.
    #[inline]
    pub(super) fn earn(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes);
    }

    fn count(&mut self) {
        let earned = std::mem::take(&mut self.bytes).saturating_mul(Self::OF_BYTE);
        self.left = self.left.saturating_add(earned).min(Self::MOST);
    }

    /// Pays for moving or erasing columns; `false` if the credit is too low.
    fn move_columns(&mut self, count: usize) -> bool {
        self.count();
        let paid = self.left.checked_sub(count);
        self.left = paid.unwrap_or(self.left);
        paid.is_some()
    }

    /// Pays for up to `count` blanks or repeated bytes. Returns for how many.
    pub(super) fn add_columns(&mut self, count: usize) -> usize {
        if count == 0 {
            return 0;
        }
        self.count();
        let count = count.min(self.left / Self::OF_BLANK);
        self.left -= count * Self::OF_BLANK;
        count
    }
}

/// The columns of a line, and the cursor.
#[derive(Default)]
pub(super) struct Cells {
    characters: Vec<u32>,
    /// The style of each column, if styles are kept.
    styles: Option<Vec<Packed>>,
    column: usize,
    marks: Marks,
}

impl Cells {
    /// An empty line, with styles if `styled`.
    pub(super) fn new(styled: bool) -> Self {
        let characters = Vec::with_capacity(USUAL);
        let styles = styled.then(|| Vec::with_capacity(USUAL));
        Self { characters, styles, ..Self::default() }
    }

    /// Clears the line; `false` if its memory is too large to keep.
    pub(super) fn clear(&mut self) -> bool {
        self.characters.clear();
        if let Some(styles) = &mut self.styles {
            styles.clear();
        }
        self.column = 0;
        self.characters.capacity() <= 2 * USUAL && self.marks.is_unused()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.characters.is_empty()
    }

    pub(super) fn is_blank(&self) -> bool {
        self.characters.iter().all(|cell| *cell == BLANK)
    }

    /// The column of the cursor.
    pub(super) fn column(&self) -> usize {
        self.column
    }

    /// Moves the cursor, but not far beyond the text.
    pub(super) fn move_to(&mut self, column: usize) {
        self.column = column.min(self.characters.len().clamp(WIDTH, COLUMNS));
    }

    /// Writes a character at the cursor. The line starts at the column `origin` of the screen.
    pub(super) fn put(
        &mut self,
        character: char,
        style: Packed,
        origin: usize,
        credit: &mut Credit,
    ) {
        let (column, code) = (self.column, u32::from(character));
        if (BLANK..0x7f).contains(&code) && self.put_simple(code, style) {
            return;
        }
        let width = match character {
            '\t' => {
                let width = TAB - (origin + column) % TAB;
                if column < self.characters.len() {
                    // Over existing text a tab only moves the cursor.
                    self.column += width;
                    return;
                }
                width
            }
            // This code stands for the rest of a wide character, so it cannot be a character.
            _ if code == REST => {
                return self.put(char::REPLACEMENT_CHARACTER, style, origin, credit);
            }
            _ => character.width().unwrap_or(0),
        };
        if width == 0 {
            let end = column.min(self.characters.len());
            let before = self.characters.get_mut(..end);
            let of = before.and_then(|before| before.iter_mut().rfind(|cell| **cell != REST));
            if let Some(of) = of {
                self.marks.add(of, character);
            }
            return;
        }
        let length = self.characters.len();
        let start = length + credit.add_columns(column.saturating_sub(length));
        let start = column.min(start);
        let end = start + width;
        self.blank(start, end);
        if length < end {
            self.characters.resize(end, BLANK);
            if let Some(styles) = &mut self.styles {
                styles.resize(end, Packed::PLAIN);
            }
        }
        let mut cell = code;
        for place in self.characters.get_mut(start..end).into_iter().flatten() {
            *place = std::mem::replace(&mut cell, REST);
        }
        self.paint(start, end, style);
        self.column = end;
    }

    /// Writes a character of one column over another, or behind the last; `false` if the case is not that simple.
    fn put_simple(&mut self, code: u32, style: Packed) -> bool {
        let column = self.column;
        match self.characters.get(column..) {
            Some([]) => self.characters.push(code),
            Some([one, rest @ ..])
                if *one < REST && rest.first().is_none_or(|next| *next != REST) =>
            {
                if let Some(place) = self.characters.get_mut(column) {
                    *place = code;
                }
            }
            _ => return false,
        }
        if let Some(styles) = &mut self.styles {
            match styles.get_mut(column) {
                Some(place) => *place = style,
                None => styles.push(style),
            }
        }
        self.column = column + 1;
        true
    }

    fn paint(&mut self, start: usize, end: usize, style: Packed) {
        if let Some(styles) = &mut self.styles {
            styles.get_mut(start..end).into_iter().flatten().for_each(|place| *place = style);
        }
    }

    /// Blanks the existing columns from `start` to before `end`, and the other halves of split characters.
    fn blank(&mut self, start: usize, end: usize) {
        let is_rest = |at: usize| self.characters.get(at) == Some(&REST);
        let mut from = start;
        while from > 0 && is_rest(from) {
            from -= 1;
        }
        let mut to = end.min(self.characters.len());
        while is_rest(to) {
            to += 1;
        }
        if let Some(gone) = self.characters.get_mut(from..to) {
            self.marks.leave(gone);
            gone.fill(BLANK);
            self.paint(from, to, Packed::PLAIN);
        }
    }

    /// Cuts the line off at a column.
    fn truncate(&mut self, column: usize) {
        self.blank(column, column);
        self.marks.leave(self.characters.get(column..).unwrap_or_default());
        self.characters.truncate(column);
        if let Some(styles) = &mut self.styles {
            styles.truncate(column);
        }
    }

    /// Does an edit; `false`, without doing it, if the credit is too low.
    pub(super) fn edit(&mut self, edit: Edit, credit: &mut Credit) -> bool {
        let (column, length) = (self.column, self.characters.len());
        let behind = length.saturating_sub(column);
        match edit {
            Edit::Left(count) => self.column = column.saturating_sub(count.into()),
            Edit::Right(count) => self.move_to(column + usize::from(count)),
            Edit::EraseToEnd => self.truncate(column),
            Edit::EraseAll => self.truncate(0),
            Edit::EraseToCursor => {
                let paid = credit.move_columns(length.min(column + 1));
                if paid {
                    self.blank(0, column + 1);
                }
                return paid;
            }
            Edit::Blank(count) => {
                let count = behind.min(count.into());
                let paid = credit.move_columns(count);
                if paid {
                    self.blank(column, column + count);
                }
                return paid;
            }
            Edit::Delete(count) if behind > 0 => {
                if !credit.move_columns(behind) {
                    return false;
                }
                let end = column + behind.min(count.into());
                self.blank(column, end);
                self.characters.drain(column..end);
                if let Some(styles) = &mut self.styles {
                    styles.drain(column..end);
                }
            }
            Edit::Insert(count) if behind > 0 => {
                if !credit.move_columns(behind) {
                    return false;
                }
                let room = COLUMNS.saturating_sub(length).min(WIDTH);
                let count = credit.add_columns(room.min(count.into()));
                self.blank(column, column);
                self.characters.splice(column..column, std::iter::repeat_n(BLANK, count));
                if let Some(styles) = &mut self.styles {
                    styles.splice(column..column, std::iter::repeat_n(Packed::PLAIN, count));
                }
            }
            _ => {}
        }
        true
    }

    /// Adds their text and styles.
    pub(super) fn add_to(&self, text: &mut Vec<u8>, styles: &mut Vec<(usize, Style)>) {
        let Self { characters, styles: looks, marks, .. } = self;
        let mut rest = characters.as_slice();
        let mut looks = looks.as_deref().unwrap_or_default();
        while !rest.is_empty() {
            let style = looks.first().copied().unwrap_or(Packed::PLAIN);
            let length = looks.iter().position(|other| *other != style).unwrap_or(rest.len());
            let (run, others) = rest.split_at(length.min(rest.len()));
            change_to(style.into(), text.len(), styles);
            marks.add_run(run, text);
            rest = others;
            looks = looks.get(length..).unwrap_or_default();
        }
    }
}

/// The combining marks of a line. The upper bits of a column hold the number of its marks, from 1, so that they move
/// with it.
#[derive(Default)]
struct Marks {
    of: Vec<String>,
    free: Vec<u32>,
    count: usize,
}

impl Marks {
    fn is_unused(&self) -> bool {
        self.of.is_empty()
    }

    fn add(&mut self, cell: &mut u32, mark: char) {
        if self.count == COMBINING {
            return;
        }
        if *cell <= CHARACTER {
            let number = self.free.pop().unwrap_or_else(|| {
                self.of.push(String::new());
                u32::try_from(self.of.len()).unwrap_or_default()
            });
            *cell |= number << MARKS;
        }
        if let Some(marks) = self.of.get_mut(Self::place(*cell)) {
            marks.push(mark);
            self.count += 1;
        }
    }

    /// Adds the text of columns.
    fn add_run(&self, mut run: &[u32], text: &mut Vec<u8>) {
        while !run.is_empty() {
            let simple = run.iter().position(|cell| *cell >= 0x80).unwrap_or(run.len());
            let (ascii, rest) = run.split_at(simple);
            text.extend(ascii.iter().map(|cell| *cell as u8));
            run = rest;
            while let Some((cell, rest)) = run.split_first().filter(|(cell, _)| **cell >= 0x80) {
                run = rest;
                if *cell != REST {
                    let character = char::from_u32(cell & CHARACTER);
                    let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
                    text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                    let marks = self.of.get(Self::place(*cell));
                    text.extend_from_slice(marks.map_or(b"", |marks| marks.as_bytes()));
                }
            }
        }
    }

    /// Drops the marks of removed columns.
    fn leave(&mut self, cells: &[u32]) {
        if self.count == 0 {
            return;
        }
        for cell in cells.iter().filter(|cell| **cell > CHARACTER) {
            if let Some(marks) = self.of.get_mut(Self::place(*cell)) {
                self.count -= std::mem::take(marks).chars().count();
                self.free.push(cell >> MARKS);
            }
        }
    }

    /// The index of a column's marks; out of range without marks.
    fn place(cell: u32) -> usize {
        ((cell >> MARKS) as usize).wrapping_sub(1)
    }
}
