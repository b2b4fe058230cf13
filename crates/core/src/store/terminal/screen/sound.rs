//! Whether a screen can be stored, and whether one that was is one.

use super::super::MOST;
use super::{Page, Screen};

impl Screen {
    /// Whether everything is where the rest of this module takes it to be.
    pub(in super::super) fn is_sound(&self) -> bool {
        let Self { columns, height, page, main, is_flat, leaving, gone_rows, .. } = self;
        let (most_columns, most_rows) = MOST;
        (2..=usize::from(most_columns)).contains(columns)
            && (1..=usize::from(most_rows)).contains(height)
            && self.is_sound_page(page, *is_flat)
            && main.as_ref().is_none_or(|main| !*is_flat && self.is_sound_page(main, false))
            && leaving.as_ref().is_none_or(|row| row.is_sound(usize::MAX))
            && *gone_rows <= u64::MAX / 2
            && self.incomplete.len() < 4
    }

    /// The bytes of its text that are in no cells.
    pub(in super::super) fn text_bytes(&self) -> usize {
        let rows = self.page.rows.iter().chain(self.main.iter().flat_map(|main| &main.rows));
        rows.chain(&self.leaving).map(|row| row.text().len()).sum()
    }

    fn is_sound_page(&self, page: &Page, is_flat: bool) -> bool {
        let Page { rows, x, y, top, bottom, .. } = page;
        let is_full = if is_flat {
            (1..=self.height).contains(&rows.len())
        } else {
            rows.len() == self.height && *y < self.height
        };
        is_full
            && *x <= self.columns
            && top <= bottom
            && *bottom < self.height
            && rows.iter().all(|row| row.is_sound(self.columns))
    }
}
