//! Where the cursor goes, and what scrolls for it.

use super::{Page, Screen};

impl Screen {
    /// Goes down a row, and scrolls at the end of the region.
    pub(super) fn down(&mut self, wraps: bool) {
        if self.page.y == self.page.bottom {
            self.scroll(wraps);
        } else {
            self.page.y = (self.page.y + 1).min(self.height - 1);
        }
    }

    /// Scrolls the region by a row. What leaves at the top of the screen is kept.
    pub(super) fn scroll(&mut self, is_wrapped: bool) {
        let mut row = self.blank_row();
        row.is_wrapped = is_wrapped;
        let Page { rows, top, bottom, .. } = &mut self.page;
        let gone = rows.remove(*top);
        rows.insert((*bottom).min(rows.len()), row);
        if let Some(gone) = gone {
            if self.page.top == 0 { self.leave(gone) } else { self.lose(gone) }
        }
    }

    pub(super) fn line_feed(&mut self) {
        if self.modes.returns {
            self.page.x = 0;
        }
        let y = self.page.y;
        self.down(false);
        if self.page.y != y
            && let Some(row) = self.row()
        {
            row.is_wrapped = false;
        }
        if self.page.x >= self.columns {
            self.page.x -= 1;
        }
        self.flatten();
    }

    /// A line feed on a flat screen; `false` if the rows are needed for it.
    pub(super) fn line_feed_flat(&mut self) -> bool {
        let is_empty = self.row().is_some_and(|row| row.is_blank() && !row.is_drawn());
        let is_at_start = self.returned || is_empty;
        if self.modes.returns || is_at_start {
            self.new_line(false);
            return true;
        }
        // Of a row with cells, the column is known.
        if self.page.x == 0 && self.row().is_some_and(|row| row.is_drawn()) {
            self.new_line(false);
            return true;
        }
        false
    }

    pub(super) fn restrict(&mut self) {
        let (top, bottom) = self.limits();
        self.page.x = self.page.x.min(self.columns - 1);
        self.page.y = self.page.y.clamp(top, bottom);
    }

    /// The rows that the cursor can reach.
    pub(super) fn limits(&self) -> (usize, usize) {
        if self.modes.origin { (self.page.top, self.page.bottom) } else { (0, self.height - 1) }
    }

    /// Goes to a place, in the region if that is the origin.
    pub(super) fn go_to(&mut self, x: usize, y: usize) {
        self.page.x = x;
        self.page.y = if self.modes.origin { self.page.top + y } else { y };
        self.restrict();
    }

    pub(super) fn up_by(&mut self, count: u16) {
        self.restrict();
        let Page { y, top, .. } = &mut self.page;
        let least = if *y >= *top { *top } else { 0 };
        *y = y.saturating_sub(count.into()).max(least);
    }

    pub(super) fn down_by(&mut self, count: u16) {
        self.restrict();
        let last = self.height - 1;
        let Page { y, bottom, .. } = &mut self.page;
        let most = if *y <= *bottom { *bottom } else { last };
        *y = (*y + usize::from(count)).min(most);
    }

    pub(super) fn tab(&mut self) {
        if self.page.x < self.columns {
            self.page.x = self.modes.tabs.next(self.page.x, self.columns);
        }
    }
}
