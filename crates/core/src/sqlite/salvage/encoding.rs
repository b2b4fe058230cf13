//! The encodings of texts in a file, and their conversion to UTF-8.

use std::borrow::Cow;

/// One of the three encodings that a file can have for all of its texts.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// The default.
    #[default]
    Utf8,
    /// Two bytes a unit, the lower one first.
    Utf16Le,
    /// Two bytes a unit, the higher one first.
    Utf16Be,
}

impl Encoding {
    /// All of them.
    pub(super) const ALL: [Self; 3] = [Self::Utf8, Self::Utf16Le, Self::Utf16Be];

    /// By its number in the header of a file.
    pub(super) fn by_number(number: u32) -> Option<Self> {
        Self::ALL.get(usize::try_from(number).ok()?.checked_sub(1)?).copied()
    }

    /// A stored text in UTF-8, converted as SQLite does it.
    pub(super) fn decode(self, text: &[u8]) -> Cow<'_, [u8]> {
        let unit = match self {
            Self::Utf8 => return Cow::Borrowed(text),
            Self::Utf16Le => u16::from_le_bytes,
            Self::Utf16Be => u16::from_be_bytes,
        };
        // A single byte at the end is ignored.
        let mut units = text.as_chunks::<2>().0.iter().map(|pair| u32::from(unit(*pair)));
        let mut decoded = Vec::with_capacity(text.len());
        while let Some(unit) = units.next() {
            // Like SQLite, combines any surrogate with the unit after it. A surrogate at the very end stays alone, as
            // three bytes that are not UTF-8.
            let code = match unit {
                0xd800..0xe000 => units.next().map_or(unit, |second| {
                    (second & 0x3ff) + ((unit & 0x3f) << 10) + (((unit & 0x3c0) + 0x40) << 10)
                }),
                _ => unit,
            };
            push(&mut decoded, code);
        }
        Cow::Owned(decoded)
    }
}

/// Adds the character with this code point, up to 0x10ffff, or a lone surrogate.
fn push(text: &mut Vec<u8>, code: u32) {
    let tail = |shift: u32| (0x80 | (code >> shift & 0x3f)) as u8;
    match code {
        0..0x80 => text.push(code as u8),
        0x80..0x800 => text.extend([0xc0 | (code >> 6) as u8, tail(0)]),
        0x800..0x1_0000 => text.extend([0xe0 | (code >> 12) as u8, tail(6), tail(0)]),
        _ => text.extend([0xf0 | (code >> 18 & 7) as u8, tail(12), tail(6), tail(0)]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_decoded_as_sqlite_does() {
        let units: &[&[u16]] = &[
            &[],
            &[0x61, 0, 0xe9, 0x20ac],
            &[0xfeff, 0x61],
            &[0xd83d, 0xde80],
            &[0xd83d],
            &[0xd83d, 0x61, 0x62],
            &[0xde80, 0xd83d],
            &[0xdfff, 0xdfff],
            &[0x7f, 0x80, 0x7ff, 0x800, 0xffff],
        ];
        for (encoding, name) in [(Encoding::Utf16Le, "UTF-16le"), (Encoding::Utf16Be, "UTF-16be")] {
            let sqlite = rusqlite::Connection::open_in_memory().unwrap();
            sqlite.pragma_update(None, "encoding", name).unwrap();
            sqlite.execute_batch("CREATE TABLE t (x TEXT)").unwrap();
            for units in units {
                for half in [&[][..], &[0x61]] {
                    let mut bytes: Vec<u8> = match encoding {
                        Encoding::Utf16Le => {
                            units.iter().flat_map(|unit| unit.to_le_bytes()).collect()
                        }
                        _ => units.iter().flat_map(|unit| unit.to_be_bytes()).collect(),
                    };
                    bytes.extend(half);
                    let text: Vec<u8> = sqlite
                        .query_row("SELECT CAST(?1 AS TEXT)", [&bytes], |row| {
                            Ok(row.get_ref(0)?.as_bytes()?.to_owned())
                        })
                        .unwrap();
                    assert_eq!(encoding.decode(&bytes), text, "{units:x?} {half:?}");
                }
            }
        }
        assert_eq!(Encoding::Utf8.decode(b"\xff\0a"), &b"\xff\0a"[..]);
    }

    #[test]
    fn the_header_numbers_the_encodings() {
        let named = [0, 1, 2, 3, 4, u32::MAX].map(Encoding::by_number);
        let [utf8, le, be] = Encoding::ALL.map(Some);
        assert_eq!(named, [None, utf8, le, be, None, None]);
    }
}
