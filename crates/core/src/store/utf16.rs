//! Texts in JavaScript's form, and their lengths in UTF-16 code units.

use encoding_rs::mem::{convert_latin1_to_utf16, convert_utf8_to_utf16};

use crate::sqlite::{Result, reserve};

/// The length of the longest string that every supported JavaScript engine can hold.
pub const MAX_LENGTH: usize = (1 << 29) - 24;

/// Whether UTF-8 fits into a JavaScript string.
pub fn fits(text: &[u8]) -> bool {
    is_within(text, MAX_LENGTH)
}

/// Counts only if it may be too long: there are never more code units than bytes.
fn is_within(text: &[u8], limit: usize) -> bool {
    text.len() <= limit || units(text) <= limit
}

/// UTF-16 code units of UTF-8 bytes: one for every character, two for those of four bytes.
pub fn units(bytes: &[u8]) -> usize {
    bytes.iter().map(|byte| usize::from(*byte & 0xc0 != 0x80) + usize::from(*byte >= 0xf0)).sum()
}

/// A text that is joined from pieces, in the form of a JavaScript string: one byte per character while all is ASCII,
/// otherwise UTF-16.
#[derive(Debug, PartialEq, Eq)]
pub enum Joined {
    /// All ASCII.
    Ascii(Vec<u8>),
    /// At least one character is not ASCII.
    Wide(Vec<u16>),
}

impl Default for Joined {
    fn default() -> Self {
        Self::Ascii(Vec::new())
    }
}

impl Joined {
    /// Adds a piece of UTF-8, with U+FFFD for invalid bytes. A character that is split between two pieces is invalid
    /// in both.
    ///
    /// # Errors
    ///
    /// `SQLITE_NOMEM` if the memory is not sufficient.
    pub fn push(&mut self, piece: &[u8]) -> Result<()> {
        match self {
            Self::Ascii(text) if piece.is_ascii() => {
                reserve(text, piece.len())?;
                text.extend_from_slice(piece);
            }
            Self::Ascii(text) => {
                let mut wide = Vec::new();
                reserve(&mut wide, text.len() + piece.len() + 1)?;
                wide.resize(text.len(), 0);
                convert_latin1_to_utf16(text, &mut wide);
                push_wide(&mut wide, piece);
                *self = Self::Wide(wide);
            }
            Self::Wide(text) => {
                reserve(text, piece.len() + 1)?;
                push_wide(text, piece);
            }
        }
        Ok(())
    }

    /// Its length in UTF-16 code units.
    pub fn len(&self) -> usize {
        match self {
            Self::Ascii(text) => text.len(),
            Self::Wide(text) => text.len(),
        }
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Adds UTF-8 to UTF-16.
pub fn push_wide(text: &mut Vec<u16>, piece: &[u8]) {
    // The most frequent case; the compiler vectorizes it.
    if piece.is_ascii() {
        return text.extend(piece.iter().map(|byte| u16::from(*byte)));
    }
    let before = text.len();
    // UTF-16 has no more units than UTF-8 has bytes. The conversion needs room for one more.
    text.resize(before + piece.len() + 1, 0);
    let units = convert_utf8_to_utf16(piece, text.get_mut(before..).unwrap_or_default());
    text.truncate(before + units);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_counted_as_javascript_does() {
        for text in ["", "plain", "naïve", "日本語", "😀 a 👩‍👩‍👧", "\u{feff}"] {
            assert_eq!(units(text.as_bytes()), text.encode_utf16().count(), "{text}");
        }
    }

    #[test]
    fn joined_pieces_equal_the_string_in_javascript() {
        let pieces: [&[u8]; 6] =
            [b"plain", b"", "naïve 😀".as_bytes(), b"\r\n", b"a\xf0\x9f", b"\x98\x80\xff"];
        let mut joined = Joined::default();
        for (count, piece) in pieces.iter().enumerate() {
            assert_eq!(matches!(joined, Joined::Ascii(_)), count < 3, "{joined:?}");
            joined.push(piece).unwrap();
        }
        let text = "plainnaïve 😀\r\na\u{fffd}\u{fffd}\u{fffd}\u{fffd}";
        assert_eq!(joined.len(), text.encode_utf16().count());
        assert_eq!(joined, Joined::Wide(text.encode_utf16().collect()));
    }

    #[test]
    fn a_text_may_have_more_bytes_than_units() {
        let fits = |text: &str| is_within(text.as_bytes(), 10);
        assert!(fits("ééééé"));
        assert!(fits("ééééé日本"));
        assert!(!fits("ééééé日本😀😀"));
    }
}
