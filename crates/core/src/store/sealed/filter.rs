//! A filter of what a block shows: whether a text may be in it, without reading it.
//!
//! It knows the trigrams of the text as seen, three bytes of its folded UTF-8 each. It is a Bloom filter of five bits for each
//! trigram, with three places a trigram: one in eleven trigrams seems to be there that is not, and one text in ten thousand of which
//! four are looked for.

use std::collections::{HashMap, HashSet};

use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};

/// Bits of a filter for each trigram.
const BITS: usize = 5;

/// Places of a trigram in a filter.
const PLACES: u64 = 3;

type Trigram = [u8; 3];

/// The trigrams of a text.
#[derive(Debug, Default)]
pub struct Trigrams {
    all: HashSet<Trigram, foldhash::fast::FixedState>,
    fold: Fold,
    folded: String,
}

impl Trigrams {
    /// Adds those of a text in which a match may be. It must be composed, as by NFC.
    pub fn add(&mut self, text: &str) {
        self.folded.clear();
        let Self { all, fold, folded } = self;
        fold.add(text, folded);
        all.extend(folded.as_bytes().windows(3).filter_map(|three| Trigram::try_from(three).ok()));
    }

    /// The filter that knows them.
    pub fn filter(&self) -> Vec<u8> {
        let mut bits = vec![0; (self.all.len() * BITS).div_ceil(8)];
        for trigram in &self.all {
            for (at, bit) in places(*trigram, bits.len()) {
                if let Some(byte) = bits.get_mut(at) {
                    *byte |= bit;
                }
            }
        }
        bits
    }

    /// Whether all of them may be in what a filter knows. If not, they are not.
    pub fn may_be_in(&self, filter: &[u8]) -> bool {
        let is_set = |(at, bit): (usize, u8)| filter.get(at).is_some_and(|byte| byte & bit != 0);
        self.all.iter().all(|trigram| places(*trigram, filter.len()).all(is_set))
    }

    /// Whether there are none, so that nothing can be said.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

/// The bytes and the bits of a trigram in a filter.
fn places(trigram: Trigram, length: usize) -> impl Iterator<Item = (usize, u8)> {
    let [one, two, three] = trigram.map(u64::from);
    // The finalizer of SplitMix64.
    let mut hash = (one | two << 8 | three << 16).wrapping_add(0x9e37_79b9_7f4a_7c15);
    hash = (hash ^ hash >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ hash >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^= hash >> 31;
    let (first, step) = (hash & 0xffff_ffff, hash >> 32 | 1);
    // An empty filter has no place for any.
    let bits = (length as u64 * 8).max(1);
    (0..PLACES).map(move |place| {
        let at = (first + place * step) % bits;
        (usize::try_from(at / 8).unwrap_or(usize::MAX), 1 << (at % 8))
    })
}

/// Makes texts the same that differ in case only, as regular expressions see it.
#[derive(Debug, Default)]
struct Fold(HashMap<char, char, foldhash::fast::FixedState>);

impl Fold {
    fn add(&mut self, text: &str, out: &mut String) {
        for character in text.chars() {
            out.push(match character {
                'A'..='Z' => character.to_ascii_lowercase(),
                '\0'..='\x7f' => character,
                _ => *self.0.entry(character).or_insert_with(|| folded(character)),
            });
        }
    }
}

/// The same for all cases of a character: the first of them, and of ASCII the small one.
fn folded(character: char) -> char {
    let mut cases = ClassUnicode::new([ClassUnicodeRange::new(character, character)]);
    // Without tables of cases there is nothing to fold, neither here nor in a search.
    if cases.try_case_fold_simple().is_err() {
        return character;
    }
    cases.iter().next().map_or(character, |range| range.start().to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Trigrams {
        let mut trigrams = Trigrams::default();
        trigrams.add(text);
        trigrams
    }

    fn words(from: u32) -> impl Iterator<Item = String> {
        (from..).map(|at| format!("{:x} ", u64::from(at).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20))
    }

    #[test]
    fn a_text_is_found_in_any_case() {
        let filter = of("warning: STRASSE Ärger, \u{212a}ELVIN and task").filter();
        for text in ["WARNING", "strasse", "straſſe", "äRGER", "kelvin", "TAS\u{212a}", "arn"] {
            assert!(of(text).may_be_in(&filter), "{text}");
        }
        for text in ["warned", "Ärgerlich", "celsius"] {
            assert!(!of(text).may_be_in(&filter), "{text}");
        }
    }

    #[test]
    fn cases_that_a_regular_expression_does_not_tell_apart_are_folded_together() {
        for one in
            ('\0'..='\u{2fff}').chain('\u{a000}'..='\u{ffff}').chain('\u{10400}'..='\u{1e943}')
        {
            let mut cases = ClassUnicode::new([ClassUnicodeRange::new(one, one)]);
            cases.try_case_fold_simple().unwrap();
            let mut fold = Fold::default();
            let mut text = |character: char| {
                let mut out = String::new();
                fold.add(&character.to_string(), &mut out);
                out
            };
            let wanted = text(one);
            for range in cases.iter() {
                for other in range.start()..=range.end() {
                    assert_eq!(text(other), wanted, "{one:?} {other:?}");
                }
            }
        }
    }

    #[test]
    fn what_is_there_is_never_missed_and_what_is_not_rarely_seems_to_be() {
        let text: String = words(1).take(600).collect();
        let trigrams = of(&text);
        let filter = trigrams.filter();
        assert_eq!(filter.len(), (trigrams.all.len() * BITS).div_ceil(8));
        for at in 0..text.len() - 12 {
            assert!(of(&text[at..at + 12]).may_be_in(&filter));
        }
        let others: Vec<String> =
            words(1_000_000).take(20_000).map(|word| word.replace(' ', "/")).collect();
        let absent = others.iter().map(|word| format!("{word}{word}"));
        let wrong = absent.filter(|text| of(text).may_be_in(&filter)).count();
        assert!(wrong < 20, "{wrong}");
    }

    #[test]
    fn nothing_is_in_an_empty_filter_but_a_text_without_trigrams() {
        assert!(of("").filter().is_empty());
        assert!(!of("abc").may_be_in(&[]));
        assert!(of("ab").may_be_in(&[]));
        assert!(of("ab").is_empty());
    }
}
