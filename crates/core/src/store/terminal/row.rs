//! One line that is being written: text that grows, or, once it is overwritten, cells.

use super::cells::{COLUMNS, Cells, Credit, WIDTH};
use super::controls::Edit;
use super::style::{Packed, Style, change_to};
use super::{MAX_LINE, MAX_REDRAWN, Mark};

/// Texts of at most this number of bytes may be inspected byte by byte to find their last column.
const SIMPLE: usize = 64;

/// A finished line.
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
    /// The chunks that wrote it, with the start of each.
    marks: Vec<(usize, Mark)>,
    /// The changes of style in its text, which starts plain.
    styles: Vec<(usize, Style)>,
    /// The style of the next text, if styles are kept.
    pen: Option<Style>,
    /// The columns and the cursor, once it is overwritten.
    cells: Option<Cells>,
    /// The cells of an earlier line, for reuse.
    spare: Option<Cells>,
    /// Whether it was overwritten, and has become too long for that.
    outgrown: bool,
    /// The credit for edits, from the bytes read so far.
    credit: Credit,
    first: Option<Mark>,
    last: Option<Mark>,
    /// The column of the screen at which it starts.
    origin: usize,
    /// The column at which the next line starts.
    next_origin: usize,
    /// The text with U+FFFD, if it is not UTF-8.
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
        self.let_cells_go();
        self.outgrown = false;
        self.returned = false;
        (self.first, self.last) = (None, None);
        self.origin = std::mem::take(&mut self.next_origin);
        self.repaired = String::new();
    }

    /// Sets the style of the next text.
    pub(super) fn set_pen(&mut self, pen: Style) {
        self.pen = Some(pen);
    }

    /// Adds the bytes that were read.
    #[inline]
    pub(super) fn earn(&mut self, bytes: usize) {
        self.credit.earn(bytes);
    }

    /// Clears the marks and styles of a text that is gone.
    fn forget(&mut self) {
        self.outgrown = false;
        self.marks.clear();
        self.styles.clear();
    }

    /// The chunk that wrote to it first.
    pub(super) fn first(&self) -> Option<Mark> {
        self.first
    }

    /// The chunk that wrote to it last; `None` if it is empty.
    pub(super) fn last(&self) -> Option<Mark> {
        let empty = match &self.cells {
            None => self.text.is_empty(),
            Some(cells) => cells.is_blank(),
        };
        if empty { None } else { self.last }
    }

    /// The column of the screen at which it starts.
    pub(super) fn origin(&self) -> usize {
        self.origin
    }

    /// Makes it start at a column of the screen.
    pub(super) fn start_at(&mut self, column: usize) {
        self.origin = column;
    }

    /// Makes the next line start at a column of the screen.
    pub(super) fn start_next_at(&mut self, column: usize) {
        self.next_origin = column;
    }

    /// Whether the cursor is at the start of a line that cannot be overwritten from there: it is only a piece of a
    /// row, or too long.
    pub(super) fn must_end_before_writing(&self) -> bool {
        let is_piece = self.origin > 0 || self.outgrown || self.text.len() > MAX_REDRAWN;
        self.returned && is_piece && !self.text.is_empty()
    }

    /// Whether it is overwritten.
    pub(super) fn is_drawn_over(&self) -> bool {
        self.cells.is_some()
    }

    /// Whether it is short enough to be overwritten.
    pub(super) fn can_be_edited(&self) -> bool {
        self.cells.is_some() || (self.text.len() <= MAX_REDRAWN && !self.outgrown)
    }

    /// How many bytes can be written now.
    pub(super) fn room(&self) -> usize {
        match &self.cells {
            None if !self.returned => MAX_LINE.saturating_sub(self.text.len()),
            // An overwritten line that gets too long becomes text again.
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
        let (origin, pen) = (self.origin, Packed::from(self.pen.unwrap_or_default()));
        let mut credit = self.credit;
        let cells = self.cells();
        let beyond = loop {
            if cells.column() >= COLUMNS {
                break true;
            }
            match rest.next() {
                Some(character) => cells.put(character, pen, origin, &mut credit),
                None => break false,
            }
        };
        self.credit = credit;
        if beyond {
            // It is too long to be overwritten any more.
            self.text_of_cells();
            self.outgrown = true;
            self.returned = false;
            self.push(rest.as_str().as_bytes(), mark);
        }
    }

    /// Turns the cells into text.
    fn text_of_cells(&mut self) {
        self.text.clear();
        self.forget();
        if let Some(cells) = &self.cells {
            cells.add_to(&mut self.text, &mut self.styles);
        }
        self.let_cells_go();
    }

    /// Removes the cells, and keeps their memory for the next ones.
    fn let_cells_go(&mut self) {
        if let Some(mut cells) = self.cells.take() {
            self.spare = cells.clear().then_some(cells);
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
        let is_simple = |byte: &u8| matches!(byte, b' '..=b'~');
        if self.cells.is_none() && self.text.len() <= SIMPLE && self.text.iter().all(is_simple) {
            return self.text.len();
        }
        self.cells().column()
    }

    /// Moves to a column of the line.
    pub(super) fn move_to(&mut self, column: usize) {
        if column == 0 {
            return self.go_back();
        }
        self.cells().move_to(column);
    }

    fn go_back(&mut self) {
        match &mut self.cells {
            Some(cells) if cells.is_empty() => {
                self.let_cells_go();
                self.text.clear();
                self.forget();
                self.returned = false;
            }
            Some(cells) => cells.move_to(0),
            None => self.returned = true,
        }
    }

    /// Does an edit; `false`, without doing it, if the line has to end first.
    pub(super) fn edit(&mut self, edit: Edit, mark: Mark) -> bool {
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
            _ => {
                let mut credit = self.credit;
                let done = self.cells().edit(edit, &mut credit);
                self.credit = credit;
                return done;
            }
        }
        true
    }

    fn repeat(&mut self, count: u16, mark: Mark) {
        let from = self.text.iter().rposition(|byte| byte & 0xc0 != 0x80);
        let last = from.and_then(|from| self.text.get(from..));
        if let (Some(last), None, false) = (last, &self.cells, self.returned) {
            let wanted = usize::from(count).min(WIDTH) * last.len();
            let paid = self.credit.add_columns(wanted.min(self.room()));
            let run = last.repeat(paid / last.len().max(1));
            self.push(&run, mark);
        }
    }

    /// The cells. They are made of the text when they are first needed.
    fn cells(&mut self) -> &mut Cells {
        let Self { text, styles, returned, origin, pen, credit, spare, .. } = self;
        self.cells.get_or_insert_with(|| {
            let mut cells = spare.take().unwrap_or_else(|| Cells::new(pen.is_some()));
            let mut styles = styles.iter().peekable();
            let mut style = Packed::PLAIN;
            for (at, character) in String::from_utf8_lossy(text).char_indices() {
                while let Some((_, next)) = styles.next_if(|(start, _)| *start <= at) {
                    style = Packed::from(*next);
                }
                cells.put(character, style, *origin, credit);
            }
            if std::mem::take(returned) {
                cells.move_to(0);
            }
            cells
        })
    }

    /// Its text, with the chunks that wrote it, and its styles.
    pub(super) fn finish(&mut self) -> Finished<'_> {
        if self.cells.is_some() {
            self.text_of_cells();
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
