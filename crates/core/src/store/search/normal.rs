//! A line in the form in which it is searched.
//!
//! The same character may be written in one piece or in several, which nobody sees. And a mark of the byte order at the
//! start of a line is no part of its text.

use std::borrow::Cow;
use std::ops::Range;

use unicode_normalization::{IsNormalized, UnicodeNormalization, char, is_nfc_quick};

const BYTE_ORDER_MARK: char = '\u{feff}';

/// A line to be searched.
pub(super) struct Normal<'a> {
    text: Cow<'a, str>,
    /// Where its text starts in the line.
    start: usize,
    /// Where pieces of it start, and where they start in the text of the line.
    pieces: Vec<(usize, usize)>,
}

impl<'a> Normal<'a> {
    /// A line; with characters in one piece, if they are to be `alike`.
    pub(super) fn of(line: &'a str, alike: bool) -> Self {
        let text = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        let start = line.len() - text.len();
        if !alike || text.is_ascii() || is_nfc_quick(text.chars()) == IsNormalized::Yes {
            return Self { text: text.into(), start, pieces: Vec::new() };
        }
        let (mut normal, mut pieces) = (String::with_capacity(text.len()), Vec::new());
        let mut rest = text;
        while !rest.is_empty() {
            // A piece starts with a character that joins no earlier one.
            let joins = |character: char| {
                char::canonical_combining_class(character) != 0
                    || is_nfc_quick(std::iter::once(character)) != IsNormalized::Yes
            };
            let next = rest.char_indices().skip(1).find(|(_, character)| !joins(*character));
            let (piece, after) = rest.split_at(next.map_or(rest.len(), |(at, _)| at));
            pieces.push((normal.len(), text.len() - rest.len()));
            normal.extend(piece.nfc());
            rest = after;
        }
        pieces.push((normal.len(), text.len()));
        Self { text: normal.into(), start, pieces }
    }

    /// The text to search.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Where something that was found is in the line.
    pub(super) fn in_line(&self, found: Range<usize>) -> Range<usize> {
        let Range { start, end } = found;
        if self.pieces.is_empty() {
            return self.start + start..self.start + end;
        }
        let first = self.pieces.partition_point(|(at, _)| *at <= start).saturating_sub(1);
        let last = self.pieces.partition_point(|(at, _)| *at < end);
        let place = |at: usize| self.pieces.get(at).map_or(0, |(_, place)| *place);
        self.start + place(first)..self.start + place(last)
    }
}

/// A pattern with characters in one piece.
pub(super) fn composed(pattern: &str) -> String {
    pattern.nfc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(line: &str, pattern: &str) -> Option<String> {
        let normal = Normal::of(line, true);
        let pattern = composed(pattern);
        let at = normal.text().find(&pattern)?;
        line.get(normal.in_line(at..at + pattern.len())).map(str::to_owned)
    }

    #[test]
    fn characters_in_one_piece_and_in_several_are_alike() {
        assert_eq!(found("un café ici", "cafe\u{301}").as_deref(), Some("café"));
        assert_eq!(found("un cafe\u{301} ici", "café").as_deref(), Some("cafe\u{301}"));
        assert_eq!(
            found("x e\u{301}\u{323} y", "\u{1eb9}\u{301}").as_deref(),
            Some("e\u{301}\u{323}")
        );
        assert_eq!(
            found("\u{1112}\u{1161}\u{11ab}글", "한").as_deref(),
            Some("\u{1112}\u{1161}\u{11ab}")
        );
        assert_eq!(found("e\u{301} and e", "and").as_deref(), Some("and"));
        assert_eq!(found("\u{feff}e\u{301}", "é").as_deref(), Some("e\u{301}"));
        assert_eq!(found("e\u{301}", "x"), None);
    }

    #[test]
    fn the_mark_of_the_byte_order_is_no_text() {
        let normal = Normal::of("\u{feff}abc", false);
        assert_eq!((normal.text(), normal.in_line(0..3)), ("abc", 3..6));
    }
}
