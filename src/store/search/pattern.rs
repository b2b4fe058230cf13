//! What is looked for.

use std::ops::Range;

use memchr::memmem::Finder;
use regex::{Error as RegexError, Regex, RegexBuilder};

use super::super::{Error, Result};

/// Bytes of the longest pattern.
const MAX_PATTERN: usize = 64 * 1024;

/// Bytes that a compiled regular expression may take: a line is read in a time that grows with it.
const MAX_COMPILED: usize = 256 << 10;

/// Characters of a pattern that a message shows.
const SHOWN: usize = 80;

/// A text or a regular expression, ready to be found.
pub(super) enum Pattern {
    Literal(Box<Finder<'static>>),
    Regex(Regex),
}

impl Pattern {
    /// # Errors
    ///
    /// [`Error::OutOfRange`] for an empty pattern, one that is too long, and what is no regular expression.
    pub(super) fn new(pattern: &str, is_regex: bool, case_sensitive: bool) -> Result<Self> {
        let refuse = |expected: String| {
            let shown: String = pattern.chars().take(SHOWN).collect();
            let more = if shown.len() < pattern.len() { "…" } else { "" };
            let received = format!("\"{shown}{more}\"");
            Err(Error::OutOfRange { field: "pattern", expected, received })
        };
        if pattern.is_empty() || pattern.len() > MAX_PATTERN {
            return refuse(format!("a text of 1 to {MAX_PATTERN} bytes"));
        }
        if !is_regex && case_sensitive {
            return Ok(Self::Literal(Box::new(Finder::new(pattern).into_owned())));
        }
        let escaped = if is_regex { pattern.into() } else { regex::escape(pattern) };
        let built = RegexBuilder::new(&escaped)
            .case_insensitive(!case_sensitive)
            .size_limit(MAX_COMPILED)
            .build();
        match built {
            Ok(regex) => Ok(Self::Regex(regex)),
            Err(RegexError::CompiledTooBig(limit)) => {
                refuse(format!("a pattern that compiles to at most {limit} bytes"))
            }
            Err(error) => {
                // The lines before the last one draw the pattern.
                let why = error.to_string();
                let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ");
                refuse(format!("a regular expression ({why})"))
            }
        }
    }

    /// Where the pattern stands first in a line.
    pub(super) fn find(&self, line: &str) -> Option<Range<usize>> {
        match self {
            Self::Literal(finder) => {
                let start = finder.find(line.as_bytes())?;
                Some(start..start + finder.needle().len())
            }
            Self::Regex(regex) => regex.find(line).map(|found| found.range()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_case_counts_only_where_it_is_told_to() {
        let find = |pattern: &str, is_regex, case_sensitive, line: &str| {
            Pattern::new(pattern, is_regex, case_sensitive).unwrap().find(line)
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
    fn a_pattern_that_cannot_be_is_named_with_the_reason() {
        let refused = |pattern: &str| Pattern::new(pattern, true, false).err().unwrap().to_string();
        assert!(refused("").starts_with("pattern must be a text of 1 to"));
        assert!(refused(&"x".repeat(MAX_PATTERN + 1)).len() < 200);
        let unclosed = "pattern must be a regular expression (unclosed group); received \"(a\"";
        assert_eq!(refused("(a"), unclosed);
        assert!(refused(r"(\w{1000}){1000}").contains("compiles to at most"));
        assert!(refused(r"(a)\1").contains("backreferences are not supported"));
    }
}
