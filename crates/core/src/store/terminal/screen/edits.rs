//! Erasing, inserting, removing and repeating, the two pages, and what is saved.

use super::super::Mark;
use super::super::cells::{Cells, width_of};
use super::super::modes::Saved;
use super::super::style::{Packed, Style};
use super::{Page, Screen};

impl Screen {
    pub(super) fn edit(&mut self, edit: impl FnOnce(&mut Cells)) {
        let columns = self.columns;
        self.note_row(self.page.x);
        if let Some(row) = self.row() {
            edit(row.cells(columns));
        }
    }

    pub(super) fn reverse_index(&mut self) {
        self.restrict();
        if self.page.y == self.page.top {
            self.insert_rows(self.page.y, 1);
        } else {
            self.page.y = self.page.y.saturating_sub(1);
        }
    }

    /// Inserts rows; those that are moved beyond the region are gone.
    pub(super) fn insert_rows(&mut self, at: usize, count: u16) {
        let count = usize::from(count).min(self.page.bottom + 1 - at);
        for _ in 0..count {
            let row = self.blank_row();
            let gone = self.page.rows.remove(self.page.bottom);
            self.page.rows.insert(at, row);
            gone.into_iter().for_each(|gone| self.lose(gone));
        }
    }

    /// Removes rows; those below them move up within the region.
    pub(super) fn remove_rows(&mut self, at: usize, count: u16) {
        let count = usize::from(count).min(self.page.bottom + 1 - at);
        for _ in 0..count {
            let row = self.blank_row();
            let gone = self.page.rows.remove(at);
            self.page.rows.insert(self.page.bottom, row);
            gone.into_iter().for_each(|gone| self.lose(gone));
        }
    }

    pub(super) fn erase_rows(&mut self, from: usize, to: usize) {
        let (columns, background) = (self.columns, self.background());
        for row in self.page.rows.range_mut(from..to) {
            if let Some(drawn) = &mut self.drawn {
                drawn.note(row, 0);
            }
            row.erase_text();
            row.is_wrapped = false;
            if background != Packed::PLAIN {
                row.cells(columns).erase(0, columns, columns, background);
            }
        }
    }

    pub(super) fn erase_line(&mut self, which: u16) {
        let (columns, background, x) = (self.columns, self.background(), self.page.x);
        let (start, end) = match which {
            0 => (x, columns),
            1 => (0, x + 1),
            2 => (0, columns),
            _ => return,
        };
        self.note_row(start);
        if let Some(row) = self.row() {
            row.cells(columns).erase(start, end, columns, background);
            if start == 0 && which != 1 {
                row.is_wrapped = false;
            }
        }
    }

    pub(super) fn erase_screen(&mut self, which: u16) {
        let (y, height) = (self.page.y, self.height);
        match which {
            0 => {
                self.erase_line(0);
                self.erase_rows(y + 1, height);
            }
            1 => {
                self.erase_line(1);
                let is_all = self.page.x + 1 >= self.columns;
                if let Some(row) = self.row() {
                    row.is_wrapped = false;
                }
                if is_all && let Some(row) = self.page.rows.get_mut(y + 1) {
                    row.is_wrapped = false;
                }
                self.erase_rows(0, y);
            }
            2 => self.erase_rows(0, height),
            // A history keeps what has left the screen.
            _ => {}
        }
    }

    pub(super) fn repeat(&mut self, count: u16, mark: Mark) {
        let (columns, x) = (self.columns, self.page.x);
        let Some(row) = self.row() else {
            return;
        };
        let Some((character, marks)) = row.cells(columns).character_before(x) else {
            return;
        };
        let mut repeated = String::from(character);
        repeated.push_str(marks);
        // A few bytes must not make much text. Programs repeat within a row.
        let most = columns / width_of(character).max(1);
        for _ in 0..usize::from(count).min(most) {
            repeated.chars().for_each(|character| self.print_character(character, mark));
        }
    }

    pub(super) fn set_region(&mut self, top: usize, bottom: usize) {
        let top = top.max(1);
        let bottom = if bottom == 0 { self.height } else { bottom.min(self.height) };
        if bottom > top {
            (self.page.top, self.page.bottom) = (top - 1, bottom - 1);
            self.go_to(0, 0);
        }
    }

    pub(super) fn set_mode(&mut self, private: bool, number: u16, on: bool) {
        match (private, number) {
            (true, 47 | 1047 | 1049) => self.alternate(number == 1049, on),
            (true, 1048) if on => self.save(),
            (true, 1048) => self.restore(),
            _ => {
                self.modes.set(private, number, on);
                if (private, number) == (true, 6) {
                    self.go_to(0, 0);
                }
            }
        }
    }

    /// Shows the alternate page, or the main one again.
    pub(super) fn alternate(&mut self, saves: bool, on: bool) {
        if on {
            if saves {
                self.save();
            }
            if self.main.is_none() {
                let Page { x, y, .. } = self.page;
                let page = Page { x, y, bottom: self.height - 1, ..Page::default() };
                self.main = Some(std::mem::replace(&mut self.page, page));
                for _ in 0..self.height {
                    let row = self.blank_row();
                    self.page.rows.push_back(row);
                }
            }
            return;
        }
        self.show_main();
        if saves {
            self.restore();
        }
    }

    /// Shows the main page again, if it is not shown. Nothing of the other one stays.
    pub(super) fn show_main(&mut self) {
        if let Some(main) = self.main.take() {
            let Page { x, y, rows, .. } = std::mem::replace(&mut self.page, main);
            (self.page.x, self.page.y) = (x, y);
            rows.into_iter().for_each(|row| self.lose(row));
        }
    }

    pub(super) fn save(&mut self) {
        let charsets = self.modes.charsets();
        self.page.saved = Saved { x: self.page.x, y: self.page.y, pen: self.pen, charsets };
    }

    pub(super) fn restore(&mut self) {
        let Saved { x, y, pen, charsets } = self.page.saved;
        (self.page.x, self.page.y, self.pen) = (x, y, pen);
        self.modes.set_charsets(charsets);
        self.restrict();
    }

    /// Resets the terminal. What has left the screen stays.
    pub(super) fn reset(&mut self) {
        self.show_main();
        self.modes = self.modes.reset();
        self.pen = Style::PLAIN;
        self.erase_rows(0, self.height);
        let rows = std::mem::take(&mut self.page.rows);
        self.page = Page { rows, bottom: self.height - 1, ..Page::default() };
    }
}
