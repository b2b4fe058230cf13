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
        self.lay_out_lines();
        self.page.y = self.page.rows.len().saturating_sub(1);
        if returned {
            self.page.x = 0;
        } else if let Some(end) = end {
            self.page.x = if last { x } else { end };
        }
        self.fill_up();
    }

    /// Prints the lines of a flat screen anew that take more than a row, on rows of their own. The cursor is behind the last
    /// of them then. Returns at which row each line begins, with those that have left the screen counted as well.
    pub(super) fn lay_out_lines(&mut self) -> Vec<u64> {
        let columns = self.columns;
        // In which all of it was printed.
        let plain = self.modes.reset();
        let modes = std::mem::replace(&mut self.modes, plain);
        let pen = self.pen;
        let mut starts = Vec::new();
        for mut line in std::mem::take(&mut self.page.rows) {
            starts.push(self.gone_rows + self.page.rows.len() as u64);
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
        starts
    }

    /// Gives the screen another size. Lines that take more than a row are laid out anew.
    pub(in super::super) fn resize(&mut self, size: Size) {
        let alternate = self.main.take().map(|main| std::mem::replace(&mut self.page, main));
        self.lay_out();
        let was_full = self.page.x >= self.columns;
        let (lines, line, offset) = self.take_lines();
        (self.columns, self.height) = size.cells();
        self.page.rows = lines;
        self.is_flat = true;
        let starts = self.lay_out_lines();
        let start = starts.get(line).copied().unwrap_or_default() as usize;
        // Behind a full row, the cursor waits in that.
        let waits = was_full && offset > 0 && offset % self.columns == 0;
        let row = start + (offset - usize::from(waits)) / self.columns;
        let row = row.saturating_sub(self.gone_rows as usize);
        (self.page.top, self.page.bottom) = (0, self.height - 1);
        self.page.y = row.min(self.height - 1);
        self.page.x = if waits { self.columns } else { offset % self.columns };
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

    /// Takes the rows of the page as lines, without blank ones at the end, and says in which of them, and how many cells
    /// behind its start, the cursor is.
    pub(super) fn take_lines(&mut self) -> (VecDeque<Box<Row>>, usize, usize) {
        let columns = self.columns;
        let y = self.page.y;
        let mut rows = std::mem::take(&mut self.page.rows);
        let last = rows.iter().rposition(|row| !row.is_void()).unwrap_or(0).max(y);
        rows.truncate(last + 1);
        let mut lines: VecDeque<Box<Row>> = VecDeque::new();
        let (mut line, mut offset, mut width, mut of_line) = (0, 0, None, 0);
        for (mut row, number) in rows.into_iter().zip(0..) {
            of_line = if row.is_wrapped && number > 0 { of_line + columns } else { 0 };
            if number == y {
                offset = of_line + self.page.x;
                line = lines.len().saturating_sub(usize::from(of_line > 0));
            }
            match lines.back_mut().filter(|_| of_line > 0) {
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
        (lines, line, offset)
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
