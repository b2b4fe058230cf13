//! A filter before the automaton of all starts: most of what a terminal prints has none of their pairs of bytes.

use crate::store::frequency::frequency;

/// A pair stands in a start.
const KNOWN: u8 = 1;

/// Every start has one of those.
const RARE: u8 = 2;

/// Pairs of bytes that are looked at together.
const AT_ONCE: usize = 8;

/// The pairs of bytes that stand in starts.
pub(super) struct Pairs(Box<[u8; 1 << 16]>);

impl Pairs {
    /// Those of starts, in any case where a start ignores that.
    pub(super) fn of<'a>(starts: impl IntoIterator<Item = (&'a [u8], bool)>) -> Self {
        let mut all = Self(Box::new([0; 1 << 16]));
        for (start, ignores_case) in starts {
            let pairs = start.windows(2).filter_map(|pair| <[u8; 2]>::try_from(pair).ok());
            for pair in pairs.clone() {
                all.add(pair, ignores_case, KNOWN);
            }
            match pairs.min_by_key(|[one, two]| frequency(*one) + frequency(*two)) {
                Some(pair) => all.add(pair, ignores_case, RARE),
                // Nothing can be left out.
                None => all.0.fill(KNOWN | RARE),
            }
        }
        all
    }

    fn add(&mut self, [one, two]: [u8; 2], ignores_case: bool, what: u8) {
        let cases = |byte: u8| match ignores_case {
            true => [byte.to_ascii_lowercase(), byte.to_ascii_uppercase()],
            false => [byte, byte],
        };
        for one in cases(one) {
            for two in cases(two) {
                if let Some(known) = self.0.get_mut(usize::from(u16::from_le_bytes([one, two]))) {
                    *known |= what;
                }
            }
        }
    }

    /// Where the next start begins at the earliest, if none begins before `at`.
    pub(super) fn next(&self, bytes: &[u8], at: usize) -> usize {
        let mut first = at;
        while let Some(pairs) = bytes.get(first..first + AT_ONCE + 1)
            && pairs.windows(2).fold(0, |all, pair| all | self.of_pair(pair)) & RARE == 0
        {
            first += AT_ONCE;
        }
        let rest = bytes.get(first..).unwrap_or_default();
        let rare = rest.windows(2).position(|pair| self.of_pair(pair) & RARE != 0);
        first += rare.unwrap_or(rest.len().saturating_sub(1));
        while first > at && self.goes_on(bytes, first) {
            first -= 1;
        }
        first
    }

    /// Whether a start may have the byte at a place and the one before.
    pub(super) fn goes_on(&self, bytes: &[u8], at: usize) -> bool {
        let pair = bytes.get(at.saturating_sub(1)..=at);
        pair.is_some_and(|pair| self.of_pair(pair) & KNOWN != 0)
    }

    fn of_pair(&self, pair: &[u8]) -> u8 {
        let &[one, two] = pair else { return 0 };
        self.0.get(usize::from(u16::from_le_bytes([one, two]))).copied().unwrap_or_default()
    }
}
