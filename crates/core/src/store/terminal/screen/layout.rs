//! Between a flat screen, whose rows are lines, and one whose rows are those of a terminal; and other sizes.

use std::collections::VecDeque;

use super::super::Size;
use super::super::row::Row;
use super::{Page, Screen};

impl Screen {
    /// Makes rows of a flat screen those of a terminal.
    pub(super) fn lay_out(&mut self) {
        if !self.is_flat {
            return;
        }
        let returned = std::mem::take(&mut self.returned);
        let x = self.page.x;
        let last = self.page.rows.back().is_some_and(|row| row.is_drawn());
        let columns = self.columns;
        let end = self.page.rows.back().and_then(|row| row.width(columns));
        let lines = std::mem::take(&mut self.page.rows);
        self.lay_out_lines(lines);
        self.page.y = self.page.rows.len().saturating_sub(1);
        if returned {
            self.page.x = 0;
        } else if let Some(end) = end {
            self.page.x = if last { x } else { end };
        }
        self.fill_up();
    }

    /// Adds lines below the rows. Those that take more than a row are printed anew, on rows of their own. The cursor is behind
    /// the last of them then.
    fn lay_out_lines(&mut self, lines: VecDeque<Box<Row>>) {
        let columns = self.columns;
        // In which all of it was printed.
        let plain = self.modes.reset();
        let modes = std::mem::replace(&mut self.modes, plain);
        let pen = self.pen;
        self.is_flat = true;
        for mut line in lines {
            if line.width(columns).is_some_and(|width| width <= columns) {
                self.page.rows.push_back(line);
                continue;
            }
            let mut row = self.new_row();
            row.is_wrapped = line.is_wrapped;
            self.page.rows.push_back(row);
            self.page.x = 0;
            line.each_piece(|text, mark, style| {
                self.pen = style;
                self.print_cells(text.as_bytes(), mark);
            });
            self.take_back(line);
        }
        self.pen = pen;
        self.modes = modes;
        self.is_flat = false;
        while self.page.rows.len() > self.height
            && let Some(row) = self.page.rows.pop_front()
        {
            self.leave(row);
        }
    }

    /// Gives the screen another size. Lines that take more than a row are laid out anew, but for that of the cursor: programs
    /// repair that one themselves, and count on its rows.
    pub(in super::super) fn resize(&mut self, size: Size) {
        let alternate = self.main.take().map(|main| std::mem::replace(&mut self.page, main));
        self.lay_out();
        let [above, mut own, below] = self.take_lines();
        let (x, line_of_cursor) = (self.page.x, self.page.y - above.len());
        let above = self.joined(above);
        let below = self.joined(below);
        (self.columns, self.height) = size.cells();
        let columns = self.columns;
        (self.page.top, self.page.bottom) = (0, self.height - 1);
        self.lay_out_lines(above);
        for row in &mut own {
            if row.width(columns).is_none_or(|width| width > columns) {
                if let Some(drawn) = &mut self.drawn {
                    drawn.note(row, 0);
                }
                row.cells(columns).cut(columns);
            }
        }
        let y = self.page.rows.len() + line_of_cursor;
        self.page.rows.extend(own);
        // The row of the cursor stays on the screen.
        let excess = self.page.rows.len().saturating_sub(self.height).min(y);
        for row in self.page.rows.drain(..excess).collect::<Vec<_>>() {
            self.leave(row);
        }
        for row in self.page.rows.split_off(self.height.min(self.page.rows.len())) {
            self.lose(row);
        }
        self.page.y = y - excess;
        let y = self.page.y;
        self.lay_out_below(below);
        self.page.y = y;
        // Behind a row that is just full, nothing is overwritten.
        self.page.x = if x > columns { columns - 1 } else { x };
        self.is_flat = false;
        self.fill_up();
        if let Some(mut page) = alternate {
            // Programs draw it anew.
            page.rows.truncate(self.height);
            while page.rows.len() < self.height {
                let row = self.new_row();
                page.rows.push_back(row);
            }
            let columns = self.columns;
            for row in &mut page.rows {
                row.cells(columns).cut(columns);
            }
            (page.top, page.bottom) = (0, self.height - 1);
            (page.x, page.y) = (page.x.min(columns - 1), page.y.min(self.height - 1));
            self.main = Some(std::mem::replace(&mut self.page, page));
        } else {
            self.flatten();
        }
    }

    /// Adds lines below the row of the cursor, as far as there is room.
    fn lay_out_below(&mut self, lines: VecDeque<Box<Row>>) {
        let mut above = std::mem::take(&mut self.page.rows);
        let (gone_rows, leaving) = (self.gone_rows, self.leaving.take());
        let room = self.height - above.len().min(self.height);
        let height = std::mem::replace(&mut self.height, usize::MAX);
        self.lay_out_lines(lines);
        self.height = height;
        let mut rows = std::mem::take(&mut self.page.rows);
        for lost in rows.split_off(room.min(rows.len())) {
            self.lose(lost);
        }
        above.append(&mut rows);
        self.page.rows = above;
        (self.gone_rows, self.leaving) = (gone_rows, leaving);
    }

    /// Takes the rows of the page, without blank ones at the end: those above the line of the cursor, its own, and those below.
    fn take_lines(&mut self) -> [VecDeque<Box<Row>>; 3] {
        let y = self.page.y;
        let mut above = std::mem::take(&mut self.page.rows);
        let last = above.iter().rposition(|row| !row.is_void()).unwrap_or(0).max(y);
        above.truncate(last + 1);
        let goes_on = |rows: &VecDeque<Box<Row>>, at: usize| {
            at > 0 && rows.get(at).is_some_and(|row| row.is_wrapped)
        };
        let start = (0..=y).rev().find(|at| !goes_on(&above, *at)).unwrap_or(0);
        let end = (y + 1..=last).find(|at| !goes_on(&above, *at)).unwrap_or(last + 1);
        let below = above.split_off(end);
        let own = above.split_off(start);
        [above, own, below]
    }

    /// Joins rows to lines.
    fn joined(&mut self, rows: VecDeque<Box<Row>>) -> VecDeque<Box<Row>> {
        let columns = self.columns;
        let mut lines: VecDeque<Box<Row>> = VecDeque::new();
        let mut width = None;
        for mut row in rows {
            match lines.back_mut().filter(|_| row.is_wrapped) {
                Some(before) => {
                    let gap = columns - width.unwrap_or(columns).min(columns);
                    width = row.width(columns);
                    before.join(&mut row, gap);
                    self.take_back(row);
                }
                None => {
                    width = row.width(columns);
                    lines.push_back(row);
                }
            }
        }
        lines
    }

    /// Adds rows up to the height of the screen.
    pub(super) fn fill_up(&mut self) {
        while self.page.rows.len() < self.height {
            let row = self.new_row();
            self.page.rows.push_back(row);
        }
    }

    /// Makes the screen flat again, if nothing needs its rows.
    pub(super) fn flatten(&mut self) {
        let Page { rows, x, y, top, bottom, .. } = &self.page;
        let is_whole = *top == 0 && *bottom + 1 == self.height;
        if self.is_flat || self.main.is_some() || !is_whole || !self.modes.are_plain() || *x > 0 {
            return;
        }
        let mut below = rows.iter().skip(*y);
        if below.any(|row| !row.is_void()) {
            return;
        }
        while self.page.rows.len() > self.page.y + 1
            && let Some(row) = self.page.rows.pop_back()
        {
            self.take_back(row);
        }
        self.is_flat = true;
        self.returned = false;
    }
}
