//! What a terminal remembers apart from its cells.

use serde::{Deserialize, Serialize};

use super::TAB;
use super::style::Style;

/// The character sets, of which one is used: whether each is that of line drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Charsets {
    sets: [bool; 4],
    used: usize,
}

/// What is restored with the cursor.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Saved {
    pub(super) x: usize,
    pub(super) y: usize,
    #[serde(skip)]
    pub(super) pen: Style,
    pub(super) charsets: Charsets,
}

/// The modes of a terminal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Modes {
    /// Whether a line feed also returns to the first column: at the start, and now.
    returns_at_first: bool,
    pub(super) returns: bool,
    /// Whether characters are inserted.
    pub(super) inserts: bool,
    /// Whether a full row goes on in the next one.
    pub(super) wraps: bool,
    /// Whether the cursor is shown.
    pub(super) shows_cursor: bool,
    /// Whether rows are counted from the start of the scroll region.
    pub(super) origin: bool,
    pub(super) tabs: Tabs,
    charsets: Charsets,
}

impl Modes {
    /// The modes at the start. `returns` says that a line feed returns to the first column as well.
    pub(super) fn new(returns: bool) -> Self {
        Self {
            returns_at_first: returns,
            returns,
            inserts: false,
            wraps: true,
            shows_cursor: true,
            origin: false,
            tabs: Tabs::default(),
            charsets: Charsets::default(),
        }
    }

    /// The modes after a reset.
    pub(super) fn reset(&self) -> Self {
        Self::new(self.returns_at_first)
    }

    /// The modes after a soft reset, which leaves the stops of the tab alone.
    pub(super) fn soft_reset(&self) -> Self {
        Self { tabs: self.tabs.clone(), ..self.reset() }
    }

    /// Whether all modes are as at the start.
    pub(super) fn are_plain(&self) -> bool {
        self.is_simple() && !self.origin && self.tabs.are_usual()
    }

    /// Whether a character only has to be put into its cell.
    pub(super) fn is_simple(&self) -> bool {
        self.wraps && !self.inserts && self.charsets == Charsets::default()
    }

    /// Whether a mode is one that changes no text, or has this value already.
    pub(super) fn has(&self, private: bool, number: u16, on: bool) -> bool {
        match (private, number) {
            (false, 4) => self.inserts == on,
            (false, 20) => self.returns == on,
            (true, 7) => self.wraps == on,
            (true, 25) => self.shows_cursor == on,
            (true, 6 | 47 | 1047 | 1048 | 1049) => false,
            (true, 2) => !on || self.charsets.sets == [false; 4],
            _ => true,
        }
    }

    pub(super) fn set(&mut self, private: bool, number: u16, on: bool) {
        match (private, number) {
            (false, 4) => self.inserts = on,
            (false, 20) => self.returns = on,
            (true, 6) => self.origin = on,
            (true, 7) => self.wraps = on,
            (true, 25) => self.shows_cursor = on,
            (true, 2) if on => self.charsets.sets = [false; 4],
            _ => {}
        }
    }

    pub(super) fn charsets(&self) -> Charsets {
        self.charsets
    }

    pub(super) fn set_charsets(&mut self, charsets: Charsets) {
        self.charsets = charsets;
    }

    pub(super) fn name_charset(&mut self, slot: u8, draws_lines: bool) {
        if let Some(set) = self.charsets.sets.get_mut(usize::from(slot)) {
            *set = draws_lines;
        }
    }

    pub(super) fn use_charset(&mut self, slot: u8) {
        self.charsets.used = slot.into();
    }

    /// A character in the character set that is used.
    pub(super) fn translated(&self, character: char) -> char {
        if self.charsets.sets.get(self.charsets.used) == Some(&true) {
            let drawn = u32::from(character).checked_sub(u32::from('_'));
            drawn.and_then(|at| LINES.get(at as usize)).copied().unwrap_or(character)
        } else {
            character
        }
    }
}

/// The line drawing set of DEC, from `_` to `~`.
const LINES: [char; 32] = [
    '\u{a0}', '◆', '▒', '␉', '␌', '␍', '␊', '°', '±', '␤', '␋', '┘', '┐', '┌', '└', '┼', '⎺', '⎻',
    '─', '⎼', '⎽', '├', '┤', '┴', '┬', '│', '≤', '≥', 'π', '≠', '£', '·',
];

/// The stops of the tab: every eighth column, unless a program has set others.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Tabs(Option<Vec<bool>>);

impl Tabs {
    pub(super) fn are_usual(&self) -> bool {
        self.0.is_none()
    }

    fn is_stop(&self, column: usize) -> bool {
        match &self.0 {
            None => column.is_multiple_of(TAB),
            Some(stops) => stops.get(column).copied().unwrap_or(false),
        }
    }

    /// The stop behind a column, or the last column.
    pub(super) fn next(&self, column: usize, columns: usize) -> usize {
        let mut behind = column + 1..columns;
        behind.find(|column| self.is_stop(*column)).unwrap_or(columns - 1)
    }

    /// The stop before a column, or the first column.
    pub(super) fn previous(&self, column: usize) -> usize {
        (0..column).rev().find(|column| self.is_stop(*column)).unwrap_or(0)
    }

    fn stops(&mut self, columns: usize) -> &mut Vec<bool> {
        self.0
            .get_or_insert_with(|| (0..columns).map(|column| column.is_multiple_of(TAB)).collect())
    }

    pub(super) fn set(&mut self, column: usize, columns: usize) {
        if let Some(stop) = self.stops(columns).get_mut(column) {
            *stop = true;
        }
    }

    /// Clears the stop at a column (0), or all of them (3).
    pub(super) fn clear(&mut self, which: u16, column: usize, columns: usize) {
        let stops = self.stops(columns);
        match which {
            0 => stops.get_mut(column).into_iter().for_each(|stop| *stop = false),
            3 => stops.fill(false),
            _ => {}
        }
    }
}
