//! The links that programs print: `OSC 8`.
//! <https://gist.github.com/egmontkob/eb114294efbcd5adb1944c9f3cb5feda>

use std::collections::HashMap;

/// The most bytes of a session's links that are kept. Text behind them has none.
const MOST: usize = 8 << 20;

/// The links so far. Their numbers count from 1.
#[derive(Debug, Default)]
pub(super) struct Links {
    all: Vec<String>,
    numbers: HashMap<String, u32>,
    bytes: usize,
}

impl Links {
    /// The number of a link; 0 for none.
    pub(super) fn number(&mut self, link: String) -> u32 {
        if let Some(number) = self.numbers.get(&link) {
            return *number;
        }
        if link.is_empty() || self.bytes + link.len() > MOST {
            return 0;
        }
        self.bytes += link.len();
        self.all.push(link.clone());
        let number = u32::try_from(self.all.len()).unwrap_or_default();
        self.numbers.insert(link, number);
        number
    }

    /// All of them, in the order of their numbers.
    pub(super) fn all(&self) -> &[String] {
        &self.all
    }
}
