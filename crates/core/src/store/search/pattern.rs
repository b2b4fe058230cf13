//! The pattern of a search.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::ops::Range;

use memchr::memchr2_iter;
use memchr::memmem::Finder;
use regex::{Error as RegexError, Regex, RegexBuilder};

use super::super::frequency::frequency;
use super::super::{Error, Result};
use super::Clock;
use super::slowly::{Automaton, Slowly};

/// Bytes of the longest pattern.
const MAX_PATTERN: usize = 64 * 1024;

/// The most bytes of a compiled regular expression. The time to search a line grows with it.
const MAX_COMPILED: usize = 256 << 10;

/// Characters of a pattern that a message shows.
const SHOWN: usize = 80;

/// Lines of at most this number of bytes are searched without interruption.
const SHORT: usize = 256;

/// A text or a regular expression, ready to search with.
pub(super) enum Pattern {
    Literal(Box<Finder<'static>>),
    /// A regular expression; or a text in any case, with two bytes that a matching line must have.
    Regex(Option<Pair>, Box<Compiled>),
}

/// A regular expression for two engines.
pub(super) struct Compiled {
    regex: Regex,
    /// Made when a long line has to be searched within a time limit.
    automaton: OnceCell<Option<Automaton>>,
    text: String,
    case_sensitive: bool,
}

/// Two adjacent characters of ASCII, letters in either case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pair([u8; 2]);

impl Pair {
    /// The rarest pair of a text. No pair contains `k` or `s`: they have characters beyond ASCII as another case.
    fn rarest_in(text: &str) -> Option<Self> {
        let folds_within_ascii = |byte: u8| byte.is_ascii() && !matches!(byte, b'k' | b's');
        let bytes = text.to_ascii_lowercase().into_bytes();
        let pairs = bytes.iter().copied().zip(bytes.iter().copied().skip(1));
        pairs
            .filter(|(first, second)| folds_within_ascii(*first) && folds_within_ascii(*second))
            .min_by_key(|(first, second)| (frequency(*first), frequency(*second)))
            .map(|(first, second)| Self([first, second]))
    }

    fn is_in(self, line: &str) -> bool {
        let Self([first, second]) = self;
        let line = line.as_bytes();
        memchr2_iter(first, first.to_ascii_uppercase(), line)
            .any(|at| line.get(at + 1).is_some_and(|next| next.eq_ignore_ascii_case(&second)))
    }
}

impl Pattern {
    /// # Errors
    ///
    /// [`Error::OutOfRange`] for a pattern that is empty or too long, or an invalid regular expression.
    pub(super) fn new(pattern: &str, is_regex: bool, case_sensitive: bool) -> Result<Self> {
        let refuse = |expected: String| {
            let shown: String = pattern.chars().take(SHOWN).collect();
            let more = if shown.len() < pattern.len() { "…" } else { "" };
            let received = format!("\"{shown}{more}\"");
            Err(Error::OutOfRange { field: "pattern".into(), expected, received })
        };
        if pattern.is_empty() || pattern.len() > MAX_PATTERN {
            return refuse(format!("a text of 1 to {MAX_PATTERN} bytes"));
        }
        if !is_regex && case_sensitive {
            return Ok(Self::Literal(Box::new(Finder::new(pattern).into_owned())));
        }
        let escaped: Cow<'_, str> =
            if is_regex { pattern.into() } else { regex::escape(pattern).into() };
        let built = RegexBuilder::new(&escaped)
            .case_insensitive(!case_sensitive)
            .size_limit(MAX_COMPILED)
            .build();
        match built {
            Ok(regex) => {
                let pair = if is_regex { None } else { Pair::rarest_in(pattern) };
                let text = escaped.into_owned();
                let automaton = OnceCell::new();
                let compiled = Compiled { regex, automaton, text, case_sensitive };
                Ok(Self::Regex(pair, Box::new(compiled)))
            }
            Err(RegexError::CompiledTooBig(limit)) => {
                refuse(format!("a pattern that compiles to at most {limit} bytes"))
            }
            Err(error) => {
                // The lines before the last one show the pattern.
                let why = error.to_string();
                let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ");
                refuse(format!("a regular expression ({why})"))
            }
        }
    }

    /// The first match in a line.
    ///
    /// # Errors
    ///
    /// The unfinished search, if the time is over first.
    pub(super) fn find(
        &self,
        line: &str,
        clock: &mut Clock,
    ) -> Result<Option<Range<usize>>, Box<Slowly>> {
        match self {
            Self::Literal(finder) => {
                let start = finder.find(line.as_bytes());
                Ok(start.map(|start| start..start + finder.needle().len()))
            }
            Self::Regex(Some(pair), _) if !pair.is_in(line) => Ok(None),
            Self::Regex(_, compiled) => compiled.find(line, clock),
        }
    }
}

impl Compiled {
    fn find(&self, line: &str, clock: &mut Clock) -> Result<Option<Range<usize>>, Box<Slowly>> {
        if clock.is_limited() && line.len() > SHORT {
            let automaton = self
                .automaton
                .get_or_init(|| Automaton::new(&self.text, self.case_sensitive, MAX_COMPILED));
            if let Some(automaton) = automaton.as_ref().filter(|one| one.is_costly_in(line)) {
                let mut search = Box::new(automaton.look());
                return search.go_on(line, clock).ok_or(search);
            }
        }
        Ok(self.regex.find(line).map(|found| found.range()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_case_matters_only_in_a_case_sensitive_search() {
        let find = |pattern: &str, is_regex, case_sensitive, line: &str| {
            let pattern = Pattern::new(pattern, is_regex, case_sensitive).unwrap();
            pattern.find(line, &mut Clock::new(None)).ok().unwrap()
        };
        assert_eq!(find("Error", false, true, "error Error"), Some(6..11));
        assert_eq!(find("Error", false, false, "error Error"), Some(0..5));
        assert_eq!(find("STRASSE ÄÖ", false, false, "straſſe äö"), Some(0..14));
        assert_eq!(find("a.c", false, false, "abc A.C"), Some(4..7));
        assert_eq!(find("a.c", true, false, "ABC"), Some(0..3));
        assert_eq!(find("a.c", true, true, "ABC"), None);
        assert_eq!(find(r"^\w+$", true, true, "naïve"), Some(0..6));
    }

    #[test]
    fn a_matching_line_has_the_rarest_pair_of_the_text_in_any_case() {
        let pair = |text| {
            Pair::rarest_in(text).map(|Pair(bytes)| String::from_utf8(bytes.into()).unwrap())
        };
        assert_eq!(pair("Not Found").unwrap(), "fo");
        assert_eq!(pair("task queue").unwrap(), "qu");
        assert_eq!(pair("ask"), None);
        assert_eq!(pair("été"), None);
        let find = |pattern: &str, line: &str| {
            let pattern = Pattern::new(pattern, false, false).unwrap();
            pattern.find(line, &mut Clock::new(None)).ok().unwrap()
        };
        assert_eq!(find("SKIP", "ſ\u{212a}ip"), Some(0..7));
        assert_eq!(find("task queue", "a Q, and a TAS\u{212a} QUEUE"), Some(11..23));
        assert_eq!(find("x", "XX"), Some(0..1));
        assert_eq!(find("xy", "x"), None);
    }

    #[test]
    fn an_invalid_pattern_is_refused_with_the_reason() {
        let refused = |pattern: &str| Pattern::new(pattern, true, false).err().unwrap().to_string();
        assert!(refused("").starts_with("pattern must be a text of 1 to"));
        assert!(refused(&"x".repeat(MAX_PATTERN + 1)).len() < 200);
        let unclosed = "pattern must be a regular expression (unclosed group); received \"(a\"";
        assert_eq!(refused("(a"), unclosed);
        assert!(refused(r"(\w{1000}){1000}").contains("compiles to at most"));
        assert!(refused(r"(a)\1").contains("backreferences are not supported"));
    }
}
