//! One line that is being written: text that grows, or, once it is drawn over, cells.

use unicode_width::UnicodeWidthChar;

use super::style::Style;
use super::{MAX_LINE, MAX_REDRAWN, Mark};

/// A change within a line, or a move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edit {
    /// To the start of the line.
    Return,
    Left(u16),
    Right(u16),
    /// To a column of the screen, from 0.
    Column(u16),
    EraseToEnd,
    EraseToCursor,
    EraseAll,
    /// Takes characters away; the rest moves up.
    Delete(u16),
    /// Makes room for characters.
    Insert(u16),
    /// Makes characters blank.
    Blank(u16),
    /// Repeats the last character.
    Repeat(u16),
}

/// Columns up to which the cursor can be moved.
const COLUMNS: usize = MAX_REDRAWN;

/// Columns between two stops of the tab.
const TAB: usize = 8;

/// Marks that combine with a character in front of them, in a line that is drawn over.
const COMBINING: usize = 1024;

/// The second column of a wide character, and all but the first of a tab.
const REST: char = '\u{10ffff}';

const BLANK: char = ' ';

/// A line that is over.
pub(super) struct Finished<'a> {
    pub(super) text: &'a str,
    pub(super) marks: &'a [(usize, Mark)],
    pub(super) styles: &'a [(usize, Style)],
}

/// A line that is being written.
#[derive(Default)]
pub(super) struct Row {
    /// The text, while it only grows.
    text: Vec<u8>,
    /// Whether the cursor is at its start rather than at its end.
    returned: bool,
    /// Which chunks wrote it, and from where on.
    marks: Vec<(usize, Mark)>,
    /// Where its text starts to look otherwise; it starts plain.
    styles: Vec<(usize, Style)>,
    /// How what comes next looks, where anybody wants to know.
    pen: Option<Style>,
    /// The columns, once it is drawn over, and where the cursor is.
    cells: Option<Cells>,
    first: Option<Mark>,
    last: Option<Mark>,
    /// The column of the screen at which it starts.
    origin: usize,
    /// That of the next line.
    next_origin: usize,
    /// The text where it is no UTF-8.
    repaired: String,
}

impl Row {
    /// Starts the next line.
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.text.shrink_to(MAX_REDRAWN);
        self.forget();
        self.marks.shrink_to(MAX_REDRAWN);
        self.styles.shrink_to(MAX_REDRAWN);
        self.cells = None;
        self.returned = false;
        (self.first, self.last) = (None, None);
        self.origin = std::mem::take(&mut self.next_origin);
        self.repaired = String::new();
    }

    /// Has what comes next look like this.
    pub(super) fn set_pen(&mut self, pen: Style) {
        self.pen = Some(pen);
    }

    /// Forgets what is known of a text that is gone.
    fn forget(&mut self) {
        self.marks.clear();
        self.styles.clear();
    }

    /// The chunk that wrote to it first.
    pub(super) fn first(&self) -> Option<Mark> {
        self.first
    }

    /// The chunk that wrote to it last; `None` where nothing is on it.
    pub(super) fn last(&self) -> Option<Mark> {
        let empty = match &self.cells {
            None => self.text.is_empty(),
            Some(cells) => cells.columns.iter().all(|cell| cell.character == BLANK),
        };
        if empty { None } else { self.last }
    }

    /// The column of the screen at which it starts.
    pub(super) fn origin(&self) -> usize {
        self.origin
    }

    /// Has it start at a column of the screen.
    pub(super) fn start_at(&mut self, column: usize) {
        self.origin = column;
    }

    /// Has the next line start at a column of the screen.
    pub(super) fn start_next_at(&mut self, column: usize) {
        self.next_origin = column;
    }

    /// Whether the cursor is left of its start, where another piece of the row begins.
    pub(super) fn must_end_before_writing(&self) -> bool {
        self.returned && (self.origin > 0 || self.text.len() > MAX_REDRAWN) && !self.text.is_empty()
    }

    /// Whether it is short enough to be drawn over.
    pub(super) fn can_be_edited(&self) -> bool {
        self.cells.is_some() || self.text.len() <= MAX_REDRAWN
    }

    /// How many bytes can be written now.
    pub(super) fn room(&self) -> usize {
        match &self.cells {
            None if !self.returned => MAX_LINE.saturating_sub(self.text.len()),
            // A redrawn line that gets long is text again after some pieces.
            _ => MAX_LINE,
        }
    }

    /// Writes text at the cursor.
    pub(super) fn write(&mut self, run: &[u8], mark: Mark) {
        if run.is_empty() {
            return;
        }
        self.first.get_or_insert(mark);
        self.last = Some(mark);
        if self.cells.is_none() {
            if !self.returned || self.text.is_empty() {
                return self.push(run, mark);
            }
            self.cells();
        }
        let run = String::from_utf8_lossy(run);
        let mut rest = run.chars();
        let (origin, pen) = (self.origin, self.pen.unwrap_or_default());
        let cells = self.cells();
        let beyond = loop {
            if cells.column >= COLUMNS {
                break true;
            }
            match rest.next() {
                Some(character) => cells.put(character, pen, origin),
                None => break false,
            }
        };
        if beyond {
            // There is nothing to draw over any more.
            self.text.clear();
            self.forget();
            cells_into(self.cells.take(), &mut self.text, &mut self.styles);
            self.returned = false;
            self.push(rest.as_str().as_bytes(), mark);
        }
    }

    fn push(&mut self, run: &[u8], mark: Mark) {
        self.returned = false;
        if self.marks.last().is_none_or(|(_, last)| last.cursor != mark.cursor) {
            self.marks.push((self.text.len(), mark));
        }
        if let Some(pen) = self.pen {
            change_to(pen, self.text.len(), &mut self.styles);
        }
        self.text.extend_from_slice(run);
    }

    /// The column of the cursor.
    pub(super) fn column(&mut self) -> usize {
        if self.cells.is_none() && (self.returned || self.text.is_empty()) {
            return 0;
        }
        self.cells().column
    }

    /// Moves to a column of the line.
    pub(super) fn move_to(&mut self, column: usize) {
        if column == 0 {
            return self.go_back();
        }
        self.cells().column = column.min(COLUMNS);
    }

    fn go_back(&mut self) {
        match &mut self.cells {
            Some(cells) if cells.columns.is_empty() => {
                self.cells = None;
                self.text.clear();
                self.forget();
                self.returned = false;
            }
            Some(cells) => cells.column = 0,
            None => self.returned = true,
        }
    }

    /// Does what a control says.
    pub(super) fn edit(&mut self, edit: Edit, mark: Mark) {
        match edit {
            Edit::Return => self.go_back(),
            Edit::Column(column) => self.move_to(usize::from(column).saturating_sub(self.origin)),
            Edit::EraseToEnd if self.cells.is_none() && !self.returned => {}
            Edit::EraseToEnd | Edit::EraseAll if self.cells.is_none() && self.returned => {
                self.text.clear();
                self.forget();
                self.returned = false;
            }
            Edit::Repeat(count) => self.repeat(count, mark),
            _ => self.cells().edit(edit),
        }
    }

    fn repeat(&mut self, count: u16, mark: Mark) {
        let from = self.text.iter().rposition(|byte| byte & 0xc0 != 0x80);
        let last = from.and_then(|from| self.text.get(from..));
        if let (Some(last), None, false) = (last, &self.cells, self.returned) {
            let run = last.repeat(usize::from(count).min(COLUMNS));
            if run.len() <= self.room() {
                self.push(&run, mark);
            }
        }
    }

    /// The cells, made of the text where there are none yet.
    fn cells(&mut self) -> &mut Cells {
        let Self { text, styles, returned, origin, .. } = self;
        self.cells.get_or_insert_with(|| {
            let mut cells = Cells::default();
            let mut styles = styles.iter().peekable();
            let mut style = Style::default();
            for (at, character) in String::from_utf8_lossy(text).char_indices() {
                while let Some((_, next)) = styles.next_if(|(start, _)| *start <= at) {
                    style = *next;
                }
                cells.put(character, style, *origin);
            }
            if std::mem::take(returned) {
                cells.column = 0;
            }
            cells
        })
    }

    /// Its text, which chunks wrote it, and how it looks.
    pub(super) fn finish(&mut self) -> Finished<'_> {
        if let Some(cells) = self.cells.take() {
            self.text.clear();
            self.forget();
            cells_into(Some(cells), &mut self.text, &mut self.styles);
            self.marks.extend(self.last.map(|last| (0, last)));
        }
        let text = match std::str::from_utf8(&self.text) {
            Ok(text) => text,
            Err(_) => {
                self.repaired = String::from_utf8_lossy(&self.text).into_owned();
                &self.repaired
            }
        };
        Finished { text, marks: &self.marks, styles: &self.styles }
    }
}

/// A column of a line.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Cell {
    character: char,
    style: Style,
}

/// A column without anything, as erasing leaves it.
const EMPTY: Cell = Cell { character: BLANK, style: Style::PLAIN };

/// The columns of a line, and the cursor.
#[derive(Default)]
struct Cells {
    columns: Vec<Cell>,
    column: usize,
    /// Marks and the column of the character that they combine with.
    combining: Vec<(usize, char)>,
}

impl Cells {
    fn put(&mut self, character: char, style: Style, origin: usize) {
        let width = match character {
            '\t' => {
                let place = origin + self.column;
                let width = TAB - place % TAB;
                if self.column < self.columns.len() {
                    // Over what is there it only moves.
                    self.column += width;
                    return;
                }
                width
            }
            // What stands for the rest of a character cannot be one.
            REST => return self.put(char::REPLACEMENT_CHARACTER, style, origin),
            _ => character.width().unwrap_or(0),
        };
        if width == 0 {
            let before = self.columns.get(..self.column.min(self.columns.len()));
            let of =
                before.and_then(|before| before.iter().rposition(|cell| cell.character != REST));
            if let (Some(of), true) = (of, self.combining.len() < COMBINING) {
                self.combining.push((of, character));
            }
            return;
        }
        let end = self.column + width;
        self.blank(self.column, end);
        if self.columns.len() < end {
            self.columns.resize(end, EMPTY);
        }
        let mut cell = character;
        for place in self.columns.iter_mut().take(end).skip(self.column) {
            *place = Cell { character: std::mem::replace(&mut cell, REST), style };
        }
        self.column = end;
    }

    /// Blanks the columns from `start` to before `end` as far as they exist, and the other halves of characters
    /// that lose one.
    fn blank(&mut self, start: usize, end: usize) {
        let is_rest =
            |at: usize| self.columns.get(at).is_some_and(|cell: &Cell| cell.character == REST);
        let mut from = start;
        while from > 0 && is_rest(from) {
            from -= 1;
        }
        let mut to = end;
        while is_rest(to) {
            to += 1;
        }
        for place in self.columns.iter_mut().take(to).skip(from) {
            *place = EMPTY;
        }
        if !self.combining.is_empty() {
            self.combining.retain(|(of, _)| !(from..to).contains(of));
        }
    }

    /// Cuts off what stands behind a column.
    fn truncate(&mut self, column: usize) {
        self.blank(column, self.columns.len());
        self.columns.truncate(column);
    }

    fn edit(&mut self, edit: Edit) {
        let (column, length) = (self.column, self.columns.len());
        match edit {
            Edit::Left(count) => self.column = column.saturating_sub(count.into()),
            Edit::Right(count) => self.column = (column + usize::from(count)).min(COLUMNS),
            Edit::EraseToEnd => self.truncate(column),
            Edit::EraseAll => self.truncate(0),
            Edit::EraseToCursor => self.blank(0, column + 1),
            Edit::Blank(count) => self.blank(column, column + usize::from(count)),
            Edit::Delete(count) if column < length => {
                let end = (column + usize::from(count)).min(length);
                self.blank(column, end);
                self.columns.drain(column..end);
                self.shift_combining(column, |of| of.saturating_sub(end - column));
            }
            Edit::Insert(count) if column < length => {
                let count = usize::from(count).min(COLUMNS.saturating_sub(length));
                self.blank(column, column);
                self.columns.splice(column..column, std::iter::repeat_n(EMPTY, count));
                self.shift_combining(column, |of| of + count);
            }
            _ => {}
        }
    }

    fn shift_combining(&mut self, from: usize, shift: impl Fn(usize) -> usize) {
        for (of, _) in self.combining.iter_mut().filter(|(of, _)| *of >= from) {
            *of = shift(*of);
        }
    }
}

/// Notes that a text looks like this from `start` on, where that is something new.
fn change_to(style: Style, start: usize, styles: &mut Vec<(usize, Style)>) {
    if styles.last().map_or(Style::PLAIN, |(_, last)| *last) != style {
        styles.push((start, style));
    }
}

/// Adds the text of cells, and how it looks.
fn cells_into(cells: Option<Cells>, text: &mut Vec<u8>, styles: &mut Vec<(usize, Style)>) {
    let Some(mut cells) = cells else {
        return;
    };
    cells.combining.sort_by_key(|(of, _)| *of);
    let mut combining = cells.combining.iter().peekable();
    let mut add = |character: char, style: Style| {
        change_to(style, text.len(), styles);
        text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    };
    for (at, Cell { character, style }) in cells.columns.iter().enumerate() {
        if *character != REST {
            add(*character, *style);
        }
        while let Some((_, mark)) = combining.next_if(|(of, _)| *of == at) {
            add(*mark, *style);
        }
    }
}
