//! One row of a screen: text that only grows, which may be longer than a screen is wide, or, once something moves in it,
//! cells.

use serde::{Deserialize, Serialize};

use super::cells::{Cells, width_of};
use super::style::{Packed, Style, change_to};
use super::{MAX_LINE, Mark, TAB};

/// Bytes of memory that a row may keep for the next one.
const KEPT: usize = 4096;

/// What a row shows.
pub(super) struct Shown<'a> {
    pub(super) text: &'a str,
    pub(super) marks: &'a [(usize, Mark)],
    pub(super) styles: &'a [(usize, Style)],
}

/// A row of a screen, or a line that has left it.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Row {
    /// The text, while it only grows.
    text: Vec<u8>,
    /// The chunks that wrote it, with the start of each.
    marks: Vec<(usize, Mark)>,
    /// The changes of style in its text, which starts plain.
    #[serde(skip)]
    styles: Vec<(usize, Style)>,
    /// The cells, which count if it `is_drawn`.
    cells: Cells,
    is_drawn: bool,
    /// Whether it goes on with the line of the row above.
    pub(super) is_wrapped: bool,
    first: Option<Mark>,
    last: Option<Mark>,
    /// The move of the cursor in which it was last noted as drawn over.
    #[serde(skip)]
    pub(super) noted: u64,
}

/// What stands at the end of a line that is cut.
pub(super) const CUT: &str = "… [cut after 16 MiB]";

impl Row {
    /// An empty row, with styles if `styled`.
    pub(super) fn new(styled: bool) -> Self {
        Self { cells: Cells::new(styled), ..Self::default() }
    }

    /// Makes it an empty row.
    pub(super) fn clear(&mut self) {
        self.erase_text();
        self.text.shrink_to(KEPT);
        self.marks.shrink_to(KEPT);
        self.styles.shrink_to(KEPT);
        self.is_wrapped = false;
        (self.first, self.last) = (None, None);
        self.noted = 0;
    }

    /// Erases all of it, and keeps who wrote to it.
    pub(super) fn erase_text(&mut self) {
        self.text.clear();
        self.marks.clear();
        self.styles.clear();
        if std::mem::take(&mut self.is_drawn) {
            self.cells.clear();
        }
    }

    /// Whether it is a row, of at most so many columns if it has cells.
    pub(super) fn is_sound(&self, columns: usize) -> bool {
        let marks = self.marks.iter().map(|(at, _)| *at);
        self.text.len() <= MAX_LINE + CUT.len()
            && marks.is_sorted()
            && self.cells.length() <= columns
            && (self.is_drawn || self.cells.is_blank())
    }

    /// The chunk that wrote to it first.
    pub(super) fn first(&self) -> Option<Mark> {
        self.first
    }

    /// The chunk that wrote to it last.
    pub(super) fn last(&self) -> Option<Mark> {
        self.last
    }

    /// Whether nothing is there.
    pub(super) fn is_blank(&self) -> bool {
        if self.is_drawn { self.cells.is_blank() } else { self.text.is_empty() }
    }

    /// Whether nothing is there, not even a background.
    pub(super) fn is_void(&self) -> bool {
        self.is_blank() && !(self.is_drawn && self.cells.has_background())
    }

    /// Whether it has anything from a column on. Text that is no cells yet may take more of them than it seems.
    pub(super) fn reaches_beyond(&self, column: usize) -> bool {
        if self.is_drawn { self.cells.length() > column } else { !self.text.is_empty() }
    }

    /// Whether it has cells.
    pub(super) fn is_drawn(&self) -> bool {
        self.is_drawn
    }

    /// The bytes of its text, while it only grows.
    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    /// Adds text behind its end.
    pub(super) fn push(&mut self, run: &[u8], mark: Mark, pen: Option<Style>) {
        self.note(mark);
        if self.marks.last().is_none_or(|(_, last)| last.cursor != mark.cursor) {
            self.marks.push((self.text.len(), mark));
        }
        if let Some(pen) = pen {
            change_to(pen, self.text.len(), &mut self.styles);
        }
        self.text.extend_from_slice(run);
    }

    /// Says at its end that the line is cut there.
    pub(super) fn cut(&mut self, styled: bool) {
        let mark = self.last.unwrap_or_default();
        self.push(CUT.as_bytes(), mark, styled.then_some(Style::PLAIN));
    }

    /// Takes note of a chunk that writes to it.
    pub(super) fn note(&mut self, mark: Mark) {
        if self.first.is_none() || self.is_blank() {
            self.first = Some(mark);
        }
        self.last = Some(mark);
    }

    /// The cells that its text takes, if they are not more than `columns`.
    pub(super) fn width(&self, columns: usize) -> Option<usize> {
        if self.is_drawn {
            return Some(self.cells.shown());
        }
        // A tab takes more cells than bytes, everything else fewer, or as many.
        if self.text.len() <= columns && self.text.iter().all(|byte| matches!(byte, b' '..=b'~')) {
            return Some(self.text.len());
        }
        let mut column = 0;
        for character in String::from_utf8_lossy(&self.text).chars() {
            column = after(column, character, columns);
            if column > columns {
                return None;
            }
        }
        Some(column)
    }

    /// Its cells. They are made of its text, which takes at most `columns`, when they are first needed.
    pub(super) fn cells(&mut self, columns: usize) -> &mut Cells {
        if !std::mem::replace(&mut self.is_drawn, true) {
            let Self { text, styles, cells, .. } = self;
            let mut styles = styles.iter().peekable();
            let (mut column, mut style) = (0, Packed::PLAIN);
            for (at, character) in String::from_utf8_lossy(text).char_indices() {
                while let Some((_, next)) = styles.next_if(|(start, _)| *start <= at) {
                    style = Packed::from(*next);
                }
                let end = after(column, character, columns);
                match character {
                    '\t' => {}
                    _ if end == column => cells.mark(column, character),
                    _ => cells.print(column, character, end - column, style),
                }
                column = end;
            }
            self.text.clear();
            self.styles.clear();
            self.marks.clear();
        }
        &mut self.cells
    }

    /// Turns its cells into text.
    fn make_text(&mut self) {
        if std::mem::take(&mut self.is_drawn) {
            self.cells.add_to(&mut self.text, &mut self.styles);
            self.marks.extend(self.last.map(|last| (0, last)));
            self.cells.clear();
        }
    }

    /// Adds the row below, which goes on with this line, whose last row has a `gap` of empty cells at its end.
    pub(super) fn join(&mut self, next: &mut Self, gap: usize) {
        // A wide character that had no room leaves one more.
        let starts_wide = next.is_drawn && next.cells.starts_wide();
        let gap = gap.saturating_sub(usize::from(starts_wide));
        self.make_text();
        next.make_text();
        if !next.text.is_empty() {
            self.text.extend(std::iter::repeat_n(b' ', gap));
        }
        let start = self.text.len();
        self.text.append(&mut next.text);
        self.marks.extend(next.marks.drain(..).map(|(at, mark)| (start + at, mark)));
        if self.styles.last().is_some_and(|(_, style)| *style != Style::PLAIN)
            && next.styles.first().is_none_or(|(at, _)| *at > 0)
        {
            self.styles.push((start, Style::PLAIN));
        }
        self.styles.extend(next.styles.drain(..).map(|(at, style)| (start + at, style)));
        self.first = self.first.or(next.first);
        self.last = next.last.or(self.last);
    }

    /// Passes the pieces of its text that one chunk wrote in one style to `visit`.
    pub(super) fn each_piece(&mut self, mut visit: impl FnMut(&str, Mark, Style)) {
        let Shown { text, marks, styles } = self.show();
        let (mut start, mut mark, mut style) = (0, Mark::default(), Style::PLAIN);
        let (mut marks, mut styles) = (marks.iter().peekable(), styles.iter().peekable());
        loop {
            let next = [marks.peek().map(|(at, _)| *at), styles.peek().map(|(at, _)| *at)];
            let end = next.into_iter().flatten().min().unwrap_or(text.len());
            if let Some(piece) = text.get(start..end).filter(|piece| !piece.is_empty()) {
                visit(piece, mark, style);
            }
            if next == [None, None] {
                return;
            }
            start = end;
            if let Some((_, new)) = marks.next_if(|(at, _)| *at == end) {
                mark = *new;
            }
            if let Some((_, new)) = styles.next_if(|(at, _)| *at == end) {
                style = *new;
            }
        }
    }

    /// Its text and its styles now. It stays as it is.
    pub(super) fn copy(&self) -> (String, Vec<(usize, Style)>) {
        let (mut text, mut styles) = (Vec::new(), Vec::new());
        if self.is_drawn {
            self.cells.add_to(&mut text, &mut styles);
        } else {
            text.clone_from(&self.text);
            styles.clone_from(&self.styles);
        }
        (String::from_utf8_lossy(&text).into_owned(), styles)
    }

    /// What it shows.
    pub(super) fn show(&mut self) -> Shown<'_> {
        self.make_text();
        // Nothing else is printed.
        let text = std::str::from_utf8(&self.text).unwrap_or_default();
        Shown { text, marks: &self.marks, styles: &self.styles }
    }
}

/// The column behind a character that is printed at a column.
pub(super) fn after(column: usize, character: char, columns: usize) -> usize {
    match character {
        '\t' if column >= columns => column,
        '\t' => ((column / TAB + 1) * TAB).min(columns.saturating_sub(1)),
        character => column + width_of(character),
    }
}
