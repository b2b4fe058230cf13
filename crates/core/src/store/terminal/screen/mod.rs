//! The screen of a terminal, and the lines that leave it at the top.
//!
//! As long as a program only writes behind what it wrote before, rows are whole lines of text, however wide, and
//! nothing is laid out: the screen is [flat](Screen::is_flat). Once it moves to another row, its rows are those of a
//! terminal. They get cells one by one, when something in them changes.
//!
//! No sequence does more than one pass over the screen, whatever its numbers are.

mod actions;
mod edits;
mod layout;
mod moves;
mod sound;

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::cells::width_of;
use super::commands::{Commands, ShellMark};
use super::drawn::Drawn;
use super::links::Links;
use super::modes::{Modes, Saved};
use super::row::Row;
use super::style::{Packed, Style};
use super::view::{Cursor, Run, View};
use super::{Line, MAX_LINE, Mark, Size, whole_characters};

/// One of the two pages of a terminal: the main one, or the alternate one of full-screen programs.
#[derive(Default, Serialize, Deserialize)]
struct Page {
    rows: VecDeque<Box<Row>>,
    /// The column of the cursor: as many as the screen has, if the row is full.
    x: usize,
    y: usize,
    /// The first and the last row of the scroll region.
    top: usize,
    bottom: usize,
    saved: Saved,
}

/// The screen of a terminal.
#[derive(Serialize, Deserialize)]
pub(super) struct Screen {
    columns: usize,
    height: usize,
    #[serde(skip)]
    styled: bool,
    page: Page,
    /// The main page, while the alternate one is shown.
    main: Option<Page>,
    /// Whether rows are lines, and the cursor is in the last one: at its end, or at its start if it has `returned`. In one
    /// with cells it is at `x`.
    is_flat: bool,
    returned: bool,
    modes: Modes,
    #[serde(skip)]
    pen: Style,
    /// Whether the last thing that was done was to print a character. Then it can be repeated.
    has_printed: bool,
    #[serde(skip)]
    title: Option<String>,
    /// What was drawn over, if that is wanted, and how often the cursor was moved.
    #[serde(skip)]
    drawn: Option<Box<Drawn>>,
    moves: u64,
    commands: Commands,
    #[serde(skip)]
    links: Links,
    /// A line that has left the screen, and may go on in the next row. `width` counts the cells of its last row.
    leaving: Option<Box<Row>>,
    width: Option<usize>,
    /// Lines that have left it.
    #[serde(skip)]
    gone: VecDeque<Box<Row>>,
    /// How many rows have left it.
    gone_rows: u64,
    /// Rows for reuse.
    #[serde(skip)]
    #[allow(clippy::vec_box, reason = "rows move between here and the screen")]
    spare: Vec<Box<Row>>,
    /// Bytes of a character that is not complete.
    incomplete: Vec<u8>,
}

impl Screen {
    pub(super) fn new(size: Size, styled: bool, modes: Modes) -> Self {
        let (columns, height) = size.cells();
        let mut screen = Self {
            columns,
            height,
            styled,
            page: Page { bottom: height - 1, ..Page::default() },
            main: None,
            is_flat: true,
            returned: false,
            modes,
            pen: Style::PLAIN,
            has_printed: false,
            title: None,
            drawn: None,
            moves: 1,
            commands: Commands::default(),
            links: Links::default(),
            leaving: None,
            width: None,
            gone: VecDeque::new(),
            gone_rows: 0,
            spare: Vec::new(),
            incomplete: Vec::new(),
        };
        let row = screen.new_row();
        screen.page.rows.push_back(row);
        screen
    }

    /// The style of the next character, if styles are kept.
    pub(super) fn pen_mut(&mut self) -> Option<&mut Style> {
        self.styled.then_some(&mut self.pen)
    }

    /// The next line that has left the screen.
    pub(super) fn next_gone(&mut self) -> Option<Box<Row>> {
        self.gone.pop_front()
    }

    /// Whether a line has left it.
    pub(super) fn has_gone(&self) -> bool {
        !self.gone.is_empty()
    }

    /// Has what is drawn over kept.
    pub(super) fn keep_drawn(&mut self) {
        self.drawn = Some(Box::default());
    }

    /// What was drawn over, if that is kept.
    pub(super) fn drawn_mut(&mut self) -> Option<&mut Drawn> {
        self.drawn.as_deref_mut()
    }

    /// The links that were printed.
    pub(super) fn links(&self) -> &[String] {
        self.links.all()
    }

    /// The commands of a shell.
    pub(super) fn commands_mut(&mut self) -> &mut Commands {
        &mut self.commands
    }

    /// Takes note of what a shell marks.
    fn shell(&mut self, shell: ShellMark, mark: Mark) {
        match shell {
            // Some shells do not tell that a command is over.
            ShellMark::Prompt => self.commands.end(None, mark),
            ShellMark::Input if self.commands.are_listed() => {
                self.lay_out();
                self.commands.input = Some((self.gone_rows + self.page.y as u64, self.page.x));
            }
            ShellMark::Input => {}
            ShellMark::Output => {
                let typed = self.typed();
                self.commands.begin(typed, mark);
            }
            ShellMark::End(code) => self.commands.end(code, mark),
            ShellMark::Line(line) => self.commands.set_line(line),
        }
    }

    /// What is on the screen from the start of the input to the cursor.
    fn typed(&mut self) -> String {
        let Some((row, column)) = self.commands.input else {
            return String::new();
        };
        self.lay_out();
        let first = usize::try_from(row.saturating_sub(self.gone_rows)).unwrap_or(usize::MAX);
        let mut typed = String::new();
        for (row, number) in self.page.rows.iter().zip(0..=self.page.y).skip(first) {
            let (text, _) = row.copy();
            if number > first && !row.is_wrapped {
                typed.push('\n');
            }
            let skipped = if number == first { column } else { 0 };
            let mut cells = 0;
            let start = text.char_indices().find(|(_, character)| {
                let is_behind = cells >= skipped;
                cells += width_of(*character);
                is_behind
            });
            typed.push_str(start.and_then(|(at, _)| text.get(at..)).unwrap_or_default());
        }
        typed.trim().to_owned()
    }

    /// Notes that the row of the cursor is about to change, from a column on.
    fn note_row(&mut self, from: usize) {
        let Some(drawn) = &mut self.drawn else {
            return;
        };
        let Page { rows, y, .. } = &mut self.page;
        let row = if self.is_flat { rows.back_mut() } else { rows.get_mut(*y) };
        if let Some(row) = row
            && std::mem::replace(&mut row.noted, self.moves) != self.moves
        {
            drawn.note(row, from);
        }
    }

    /// A row is moved away, and does not stay.
    fn lose(&mut self, row: Box<Row>) {
        if let Some(drawn) = &mut self.drawn {
            drawn.note(&row, 0);
        }
        self.take_back(row);
    }

    /// Takes a row back that is not needed any more.
    pub(super) fn take_back(&mut self, row: Box<Row>) {
        if self.spare.len() <= self.height {
            self.spare.push(row);
        }
    }

    /// Sends all rows with text away: the end of the output.
    pub(super) fn end(&mut self) {
        self.show_main();
        let last = self.page.rows.iter().rposition(|row| !row.is_blank());
        // In a flat screen, every row but the last one has ended.
        let last = if self.is_flat { last.max(self.page.rows.len().checked_sub(2)) } else { last };
        let mut rows = std::mem::take(&mut self.page.rows);
        rows.truncate(last.map_or(0, |last| last + 1));
        for row in rows {
            self.leave(row);
        }
        let last = self.leaving.take();
        self.gone.extend(last);
    }

    /// What it shows now.
    pub(super) fn view(&mut self) -> View {
        self.lay_out();
        let alternate = self.main.is_some();
        let Page { x, y, rows, .. } = &self.page;
        let lines = rows.iter().map(|row| {
            let (text, styles) = row.copy();
            let (first, last) = (Mark::default(), Mark::default());
            let drawn_over = false;
            let (marks, styles, links) = (&[], &styles, self.links.all());
            let (text, number) = (&text, 0);
            Run::all_of(&Line { text, number, first, last, drawn_over, marks, styles, links })
        });
        View {
            columns: self.columns,
            rows: self.height,
            lines: lines.collect(),
            cursor: Cursor {
                column: (*x).min(self.columns - 1),
                row: *y,
                visible: self.modes.shows_cursor,
            },
            title: self.title.clone(),
            alternate,
        }
    }

    fn new_row(&mut self) -> Box<Row> {
        match self.spare.pop() {
            Some(mut row) => {
                row.clear();
                row
            }
            None => Box::new(Row::new(self.styled)),
        }
    }

    /// A new row in the background of the pen.
    fn blank_row(&mut self) -> Box<Row> {
        let (columns, background) = (self.columns, self.background());
        let mut row = self.new_row();
        if background != Packed::PLAIN {
            row.cells(columns).erase(0, columns, columns, background);
        }
        row
    }

    /// The style of what is erased.
    fn background(&self) -> Packed {
        if !self.styled {
            return Packed::PLAIN;
        }
        Packed::from(Style { background: self.pen.background, ..Style::PLAIN })
    }

    fn pen(&self) -> Packed {
        if self.styled { Packed::from(self.pen) } else { Packed::PLAIN }
    }

    /// A row leaves the screen at the top.
    fn leave(&mut self, mut row: Box<Row>) {
        if self.main.is_some() {
            return self.lose(row);
        }
        self.gone_rows += 1;
        if let Some(mut line) = self.leaving.take() {
            if row.is_wrapped {
                let width = self.width.take().or_else(|| line.width(self.columns));
                self.width = row.width(self.columns);
                line.join(&mut row, self.columns.saturating_sub(width.unwrap_or(self.columns)));
                self.take_back(row);
                if line.text().len() > MAX_LINE {
                    line.cut(self.styled);
                    self.gone.push_back(line);
                } else {
                    self.leaving = Some(line);
                }
                return;
            }
            self.gone.push_back(line);
        }
        // Elsewhere a wrapped row may still come to stand behind it.
        let is_final = self.is_flat || self.height == 1;
        if is_final && self.page.rows.front().is_some_and(|next| !next.is_wrapped) {
            self.gone.push_back(row);
            return;
        }
        self.width = None;
        self.leaving = Some(row);
    }

    /// Prints bytes without controls. Those that are no UTF-8 become U+FFFD, and a character that is not complete waits for
    /// its rest.
    pub(super) fn print(&mut self, run: &[u8], mark: Mark) {
        if self.incomplete.is_empty() && std::str::from_utf8(run).is_ok() {
            return self.print_text(run, mark);
        }
        let mut bytes = std::mem::take(&mut self.incomplete);
        bytes.extend_from_slice(run);
        let mut chunks = bytes.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            if !chunk.valid().is_empty() {
                self.print_text(chunk.valid().as_bytes(), mark);
            }
            let invalid = chunk.invalid();
            let may_go_on = chunks.peek().is_none()
                && std::str::from_utf8(invalid).is_err_and(|error| error.error_len().is_none());
            if may_go_on {
                self.incomplete = invalid.to_vec();
            } else if !invalid.is_empty() {
                self.print_text("\u{fffd}".as_bytes(), mark);
            }
        }
    }

    /// Prints what waits for the rest of a character, which does not come.
    pub(super) fn print_incomplete(&mut self, mark: Mark) {
        if !std::mem::take(&mut self.incomplete).is_empty() {
            self.print_text("\u{fffd}".as_bytes(), mark);
        }
    }

    /// Prints text without controls.
    fn print_text(&mut self, run: &[u8], mark: Mark) {
        let mark = self.commands.numbered(mark);
        if !self.is_flat || !self.print_flat(run, mark) {
            self.draw();
            self.print_cells(run, mark);
        }
        self.has_printed = true;
    }

    /// Adds to the last line; `false` if that is not enough.
    fn print_flat(&mut self, run: &[u8], mark: Mark) -> bool {
        let pen = self.styled.then_some(self.pen);
        let Some(row) = self.page.rows.back_mut() else {
            return false;
        };
        if row.is_drawn() || (self.returned && !row.is_blank()) || !self.modes.are_plain() {
            return false;
        }
        self.returned = false;
        let room = MAX_LINE.saturating_sub(row.text().len());
        if run.len() <= room {
            row.push(run, mark, pen);
            return true;
        }
        let (run, rest) = run.split_at(whole_characters(run, room));
        row.push(run, mark, pen);
        row.cut(self.styled);
        self.new_line(false);
        self.print_flat(rest, mark)
    }

    /// Ends the last line of a flat screen.
    fn new_line(&mut self, is_wrapped: bool) {
        let mut row = self.new_row();
        row.is_wrapped = is_wrapped;
        self.page.rows.push_back(row);
        self.returned = false;
        self.page.x = 0;
        if self.page.rows.len() > self.height
            && let Some(row) = self.page.rows.pop_front()
        {
            self.leave(row);
        }
    }

    /// Gives the row of the cursor cells, and the cursor a column.
    fn draw(&mut self) {
        if self.is_flat {
            let columns = self.columns;
            match self.page.rows.back_mut() {
                Some(row) if row.is_drawn() => {}
                Some(row) => match row.width(columns) {
                    Some(width) => {
                        self.page.x = if self.returned { 0 } else { width };
                        self.returned = false;
                        row.cells(columns);
                    }
                    None => self.lay_out(),
                },
                None => {}
            }
        }
    }

    /// The row of the cursor.
    fn row(&mut self) -> Option<&mut Row> {
        let Page { rows, y, .. } = &mut self.page;
        let row = if self.is_flat { rows.back_mut() } else { rows.get_mut(*y) };
        row.map(|row| &mut **row)
    }

    fn print_cells(&mut self, run: &[u8], mark: Mark) {
        let mut rest = run;
        loop {
            if self.modes.is_simple() {
                rest = self.print_simply(rest, mark);
            }
            let Some((character, length)) = first_character(rest) else {
                return;
            };
            self.print_character(self.modes.translated(character), mark);
            rest = rest.get(length..).unwrap_or_default();
        }
    }

    /// Prints the ASCII text at the start of `run`. Returns the rest.
    fn print_simply<'run>(&mut self, mut run: &'run [u8], mark: Mark) -> &'run [u8] {
        let (columns, pen) = (self.columns, self.pen());
        while !run.is_empty() {
            if self.page.x >= columns {
                // Only a character of a width wraps.
                if !matches!(run.first(), Some(b' '..=b'~')) {
                    return run;
                }
                self.wrap();
            }
            let x = self.page.x;
            self.note_row(x);
            let Some(row) = self.row() else {
                return run;
            };
            row.note(mark);
            let room = run.get(..columns - x).unwrap_or(run);
            let count = row.cells(columns).print_simply(x, room, pen);
            if count == 0 {
                return run;
            }
            self.page.x += count;
            run = run.get(count..).unwrap_or_default();
        }
        run
    }

    fn print_character(&mut self, character: char, mark: Mark) {
        if character == '\t' {
            return self.tab();
        }
        let (columns, pen) = (self.columns, self.pen());
        let width = width_of(character);
        if width == 0 {
            let x = self.page.x;
            if let Some(row) = self.row() {
                row.note(mark);
                row.cells(columns).mark(x, character);
            }
            return;
        }
        if self.page.x + width > columns {
            if self.modes.wraps {
                self.wrap();
            } else {
                self.page.x = columns - 1;
                if width > 1 {
                    return;
                }
            }
        }
        let (x, inserts) = (self.page.x, self.modes.inserts);
        self.note_row(x);
        if let Some(row) = self.row() {
            row.note(mark);
            let cells = row.cells(columns);
            if inserts {
                cells.insert(x, width, columns, pen);
            }
            cells.print(x, character, width, pen);
        }
        self.page.x += width;
    }

    /// Goes on in the row below.
    fn wrap(&mut self) {
        let (columns, background, x) = (self.columns, self.background(), self.page.x);
        if let Some(row) = self.row() {
            row.cells(columns).erase(x, columns, columns, background);
        }
        self.page.x = 0;
        if self.is_flat {
            self.new_line(true);
        } else {
            self.down(true);
            if let Some(row) = self.row() {
                row.is_wrapped = true;
            }
        }
    }
}

/// The first character, and its bytes. What is not UTF-8 is U+FFFD.
fn first_character(bytes: &[u8]) -> Option<(char, usize)> {
    let chunk = bytes.get(..bytes.len().min(4))?.utf8_chunks().next()?;
    Some(match chunk.valid().chars().next() {
        Some(character) => (character, character.len_utf8()),
        None => (char::REPLACEMENT_CHARACTER, chunk.invalid().len()),
    })
}
