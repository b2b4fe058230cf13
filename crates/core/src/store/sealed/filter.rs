//! A filter of what a block shows: whether a text may be in it, without reading it.
//!
//! It knows the trigrams of the text as seen, three bytes of its folded UTF-8 each. It is a Bloom filter of five bits for each
//! trigram, with three places a trigram: one in eleven trigrams seems to be there that is not, and one text in ten thousand of which
//! four are looked for.

use std::collections::HashMap;

use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, Hir, HirKind};

/// Bits of a filter for each trigram.
const BITS: usize = 5;

/// Places of a trigram in a filter.
const PLACES: u64 = 3;

/// Three bytes of folded text.
pub type Trigram = [u8; 3];

/// The trigrams of a text.
#[derive(Debug)]
pub struct Trigrams {
    all: Vec<Trigram>,
    /// A bit for each that there may be.
    known: Box<[u64]>,
    fold: Fold,
    folded: String,
}

impl Default for Trigrams {
    fn default() -> Self {
        let known = vec![0; (1 << 24) / 64].into();
        Self { all: Vec::new(), known, fold: Fold::default(), folded: String::new() }
    }
}

impl Trigrams {
    /// Adds those of a text in which a match may be.
    pub fn add(&mut self, text: &str) {
        self.folded.clear();
        let Self { all, known, fold, folded } = self;
        fold.add(text, folded);
        for three in folded.as_bytes().windows(3) {
            let &[one, two, three] = three else { continue };
            let number = usize::from(one) | usize::from(two) << 8 | usize::from(three) << 16;
            if let Some(bits) = known.get_mut(number / 64)
                && *bits & 1 << (number % 64) == 0
            {
                *bits |= 1 << (number % 64);
                all.push([one, two, three]);
            }
        }
    }

    /// Forgets them.
    pub fn clear(&mut self) {
        for [one, two, three] in self.all.drain(..) {
            let number = usize::from(one) | usize::from(two) << 8 | usize::from(three) << 16;
            if let Some(bits) = self.known.get_mut(number / 64) {
                *bits = 0;
            }
        }
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
}

/// What a line must have in which a pattern matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Needed {
    /// Nothing that a filter could tell.
    Nothing,
    /// A text, by its trigrams.
    Text(Vec<Trigram>),
    /// All of these.
    All(Vec<Needed>),
    /// One of these.
    One(Vec<Needed>),
}

impl Needed {
    /// What a line needs that has this text in it, in any case.
    pub fn text(text: &str) -> Self {
        let mut folded = String::new();
        Fold::default().add(text, &mut folded);
        let three = folded.as_bytes().windows(3);
        let all: Vec<Trigram> = three.filter_map(|three| three.try_into().ok()).collect();
        if all.is_empty() { Self::Nothing } else { Self::Text(all) }
    }

    /// What a line needs in which a regular expression matches.
    pub fn regex(hir: &Hir) -> Self {
        let mut parts = Vec::new();
        let mut text = String::new();
        Self::gather(hir, &mut text, &mut parts);
        Self::end_text(&mut text, &mut parts);
        Self::all(parts)
    }

    /// Whether all of it may be in what a filter knows. If not, it is not.
    pub fn may_be_in(&self, filter: &[u8]) -> bool {
        let is_set = |(at, bit): (usize, u8)| filter.get(at).is_some_and(|byte| byte & bit != 0);
        match self {
            Self::Nothing => true,
            Self::Text(all) => all.iter().all(|trigram| places(*trigram, filter.len()).all(is_set)),
            Self::All(all) => all.iter().all(|needed| needed.may_be_in(filter)),
            Self::One(all) => all.iter().any(|needed| needed.may_be_in(filter)),
        }
    }

    fn all(mut parts: Vec<Self>) -> Self {
        parts.retain(|part| *part != Self::Nothing);
        match parts.len() {
            0 => Self::Nothing,
            1 => parts.remove(0),
            _ => Self::All(parts),
        }
    }

    fn end_text(text: &mut String, parts: &mut Vec<Self>) {
        parts.push(Self::text(text));
        text.clear();
    }

    /// Adds a part of a regular expression to the text before it, or ends that.
    fn gather(hir: &Hir, text: &mut String, parts: &mut Vec<Self>) {
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => {}
            HirKind::Capture(capture) => Self::gather(&capture.sub, text, parts),
            HirKind::Concat(all) => all.iter().for_each(|part| Self::gather(part, text, parts)),
            HirKind::Literal(literal) => match std::str::from_utf8(&literal.0) {
                Ok(literal) => text.push_str(literal),
                Err(_) => Self::end_text(text, parts),
            },
            HirKind::Class(Class::Unicode(class)) => match one_of_all_cases(class) {
                Some(character) => text.push(character),
                None => Self::end_text(text, parts),
            },
            HirKind::Class(_) => Self::end_text(text, parts),
            HirKind::Repetition(repetition) => {
                Self::end_text(text, parts);
                if repetition.min > 0 {
                    parts.push(Self::regex(&repetition.sub));
                }
            }
            HirKind::Alternation(all) => {
                Self::end_text(text, parts);
                let one: Vec<Self> = all.iter().map(Self::regex).collect();
                if !one.contains(&Self::Nothing) {
                    parts.push(Self::One(one));
                }
            }
        }
    }
}

/// A character of a class that has one in all its cases, and nothing else.
fn one_of_all_cases(class: &ClassUnicode) -> Option<char> {
    let mut all = class.iter().flat_map(|range| range.start()..=range.end());
    let first = all.next()?;
    let case = folded(first);
    // No character has more cases.
    let is_one = all.by_ref().take(8).all(|other| folded(other) == case) && all.next().is_none();
    is_one.then_some(first)
}

/// The first place of a trigram in a filter, and the way to the next one, both before they are taken modulo its bits.
pub fn steps(trigram: Trigram) -> (u64, u64) {
    let [one, two, three] = trigram.map(u64::from);
    // The finalizer of SplitMix64.
    let mut hash = (one | two << 8 | three << 16).wrapping_add(0x9e37_79b9_7f4a_7c15);
    hash = (hash ^ hash >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ hash >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^= hash >> 31;
    (hash & 0xffff_ffff, hash >> 32 | 1)
}

/// The bytes and the bits of a trigram in a filter.
fn places(trigram: Trigram, length: usize) -> impl Iterator<Item = (usize, u8)> {
    let (first, step) = steps(trigram);
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
    use regex_syntax::ParserBuilder;

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
            assert!(Needed::text(text).may_be_in(&filter), "{text}");
        }
        for text in ["warned", "Ärgerlich", "celsius"] {
            assert!(!Needed::text(text).may_be_in(&filter), "{text}");
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
            assert!(Needed::text(&text[at..at + 12]).may_be_in(&filter));
        }
        let others: Vec<String> =
            words(1_000_000).take(20_000).map(|word| word.replace(' ', "/")).collect();
        let absent = others.iter().map(|word| format!("{word}{word}"));
        let wrong = absent.filter(|text| Needed::text(text).may_be_in(&filter)).count();
        assert!(wrong < 20, "{wrong}");
    }

    #[test]
    fn nothing_is_in_an_empty_filter_but_a_text_without_trigrams() {
        assert!(of("").filter().is_empty());
        assert!(!Needed::text("abc").may_be_in(&[]));
        assert!(Needed::text("ab").may_be_in(&[]));
    }

    #[test]
    fn what_a_regular_expression_needs_is_in_every_line_in_which_it_matches() {
        let needed = |pattern: &str, alike| {
            let mut parser = ParserBuilder::new().case_insensitive(alike).build();
            Needed::regex(&parser.parse(pattern).unwrap())
        };
        let text = Needed::text;
        assert_eq!(needed("^warning: (unused)$", false), text("warning: unused"));
        assert_eq!(needed("^warning: (unused)$", true), text("warning: unused"));
        assert_eq!(
            needed(r"error\[E(\d+)\]: (cannot|will not) find", true),
            Needed::All(vec![
                text("error[e"),
                text("]: "),
                Needed::One(vec![text("cannot"), text("will not")]),
                text(" find"),
            ])
        );
        assert_eq!(needed("(abcd|xy?)ef", false), Needed::Nothing);
        assert_eq!(needed("(abcd)+ef+", false), text("abcd"));
        for pattern in ["a.b", r"\w+", "(abc)*", "ab", ""] {
            assert_eq!(needed(pattern, false), Needed::Nothing, "{pattern}");
        }
    }
}
