//! Collects sessions and sorts them.
//!
//! SQLite's current row is gone when it reads the next one, so the values are copied.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

use super::model::SessionRow;

/// Sessions in the order in which they were added, until they are sorted.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// The texts of all sessions.
    texts: Vec<u8>,
    entries: Vec<Entry>,
}

/// A session whose texts are kept together with those of the others.
#[derive(Debug)]
struct Entry {
    id: Range<usize>,
    working_dir: Range<usize>,
    current_command: Option<Range<usize>>,
    /// Its other fields, with empty texts.
    row: SessionRow<'static>,
}

impl Listing {
    pub(super) fn add(&mut self, row: &SessionRow<'_>) {
        let entry = Entry {
            id: self.keep(row.id),
            working_dir: self.keep(row.working_dir),
            current_command: row.current_command.map(|command| self.keep(command)),
            row: SessionRow { id: b"", working_dir: b"", current_command: None, ..*row },
        };
        self.entries.push(entry);
    }

    /// Sorts by the start, newest first. Sessions with the same start keep their order.
    pub(super) fn sort(&mut self) {
        self.entries.sort_by(|a, b| age(&a.row).total_cmp(&age(&b.row)));
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = SessionRow<'_>> {
        self.entries.iter().map(|entry| SessionRow {
            id: self.text(&entry.id),
            working_dir: self.text(&entry.working_dir),
            current_command: entry.current_command.as_ref().map(|command| self.text(command)),
            ..entry.row
        })
    }

    fn keep(&mut self, text: &[u8]) -> Range<usize> {
        let start = self.texts.len();
        self.texts.extend_from_slice(text);
        start..self.texts.len()
    }

    fn text(&self, range: &Range<usize>) -> &[u8] {
        self.texts.get(range.clone()).unwrap_or_default()
    }
}

/// The place of a session in a listing: its age, then how late it was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    age: i64,
    rowid: Reverse<i64>,
}

impl Place {
    /// The place of a session that started at this moment, in milliseconds; NaN without one.
    pub(super) fn new(started_at: f64, rowid: i64) -> Self {
        let age = if started_at.is_nan() { i64::MAX } else { -(started_at as i64) };
        Self { age, rowid: Reverse(rowid) }
    }

    pub(super) fn rowid(self) -> i64 {
        self.rowid.0
    }
}

/// The first places of a listing, at most `limit`.
#[derive(Debug)]
pub(super) struct Places {
    limit: usize,
    /// The last place is on top.
    first: BinaryHeap<Place>,
}

impl Places {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, first: BinaryHeap::new() }
    }

    pub(super) fn add(&mut self, place: Place) {
        self.first.push(place);
        if self.first.len() > self.limit {
            self.first.pop();
        }
    }

    /// The places in their order.
    pub(super) fn into_sorted(self) -> Vec<Place> {
        self.first.into_sorted_vec()
    }
}

/// The age for sorting. A session whose start is not a moment is older than all others.
pub(super) fn age(row: &SessionRow<'_>) -> f64 {
    if row.started_at.is_nan() { f64::INFINITY } else { -row.started_at }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::model::SessionStatus;

    fn ids(starts: &[f64]) -> String {
        let mut listing = Listing::default();
        for (number, started_at) in starts.iter().enumerate() {
            listing.add(&SessionRow {
                id: format!("s-{number}").as_bytes(),
                slot: 1,
                status: SessionStatus::Idle,
                working_dir: b"/srv",
                current_command: (number % 2 == 0).then_some(b"run"),
                started_at: *started_at,
                ended_at: None,
                pid: None,
            });
        }
        listing.sort();
        let check = |row: SessionRow<'_>| {
            assert_eq!(row.working_dir, b"/srv");
            assert_eq!(
                row.current_command.is_some(),
                matches!(row.id.last(), Some(b'0' | b'2' | b'4'))
            );
            char::from(*row.id.last().unwrap())
        };
        listing.rows().map(check).collect()
    }

    #[test]
    fn a_page_has_the_first_places_in_their_order() {
        let mut places = Places::new(3);
        for (started_at, rowid) in [(f64::NAN, 1), (5.0, 2), (9.0, 3), (5.0, 4), (7.0, 5)] {
            places.add(Place::new(started_at, rowid));
        }
        let rowids: Vec<i64> = places.into_sorted().into_iter().map(Place::rowid).collect();
        assert_eq!(rowids, [3, 5, 4]);
    }

    #[test]
    fn the_newest_come_first_and_ties_keep_their_order() {
        assert_eq!(ids(&[5.0, 4.0, 4.0, 1.0]), "0123");
        assert_eq!(ids(&[1.0, 4.0, 5.0, 4.0]), "2130");
        assert_eq!(ids(&[f64::NAN, -1.0, 0.0, f64::NAN]), "2103");
    }
}
