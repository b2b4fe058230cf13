//! What was drawn over, each text once.
//!
//! A row is noted before something in it is overwritten, erased or moved away, once for each move of the cursor. What
//! turns out to stay is left out: a program may draw the same line again and again.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};

use super::Mark;
use super::row::Row;

/// Bytes of texts that wait until it is known whether they stay.
const WAITING: usize = 4 << 20;

/// Texts that are remembered.
const REMEMBERED: usize = 1 << 18;

/// What was drawn over.
#[derive(Default)]
pub(super) struct Drawn {
    /// The texts, with the chunks that wrote them, in the order of drawing over. `None` is one that stayed.
    texts: VecDeque<Option<(String, Mark)>>,
    /// The numbers of texts, by their hashes. Those from `first` on are there.
    known: HashMap<u64, u64>,
    first: u64,
    bytes: usize,
    hasher: RandomState,
    /// Whether the output is over.
    is_over: bool,
}

impl Drawn {
    /// Notes a row that is about to change, from a column on.
    pub(super) fn note(&mut self, row: &Row, from: usize) {
        let Some(mark) = row.last().filter(|_| row.reaches_beyond(from)) else {
            return;
        };
        let (text, _) = row.copy();
        let text = text.trim_end();
        let hash = self.hasher.hash_one(text);
        if text.is_empty() || self.known.contains_key(&hash) {
            return;
        }
        if self.known.len() >= REMEMBERED {
            self.known.clear();
        }
        self.known.insert(hash, self.first + self.texts.len() as u64);
        self.bytes += text.len();
        self.texts.push_back(Some((text.to_owned(), mark)));
    }

    /// Takes note of a line that stays.
    pub(super) fn stays(&mut self, text: &str) {
        let hash = self.hasher.hash_one(text.trim_end());
        let number = self.known.get(&hash).and_then(|number| number.checked_sub(self.first));
        let at = number.and_then(|number| usize::try_from(number).ok());
        if let Some(gone) = at.and_then(|at| self.texts.get_mut(at)).and_then(Option::take) {
            self.bytes -= gone.0.len();
        }
    }

    /// Has all texts given: nothing stays any more.
    pub(super) fn end(&mut self) {
        self.is_over = true;
    }

    /// The next text that was drawn over, once it is known, or too much waits.
    pub(super) fn next(&mut self) -> Option<(String, Mark)> {
        while self.is_over || self.bytes > WAITING {
            let text = self.texts.pop_front()?;
            self.first += 1;
            if let Some(text) = text {
                self.bytes -= text.0.len();
                return Some(text);
            }
        }
        None
    }
}
