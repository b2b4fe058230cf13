//! Lengths as JavaScript counts them: in UTF-16 code units.

/// The length of the longest string that every supported JavaScript engine can hold.
pub const MAX_LENGTH: usize = (1 << 29) - 24;

/// The length of a text that grows, counted only where it may be too long, and every byte once.
#[derive(Debug)]
pub struct Length {
    limit: usize,
    counted: usize,
    units: usize,
}

impl Default for Length {
    /// The length of a text that becomes a JavaScript string.
    fn default() -> Self {
        Self { limit: MAX_LENGTH, counted: 0, units: 0 }
    }
}

impl Length {
    /// Whether the UTF-8 `text`, which starts with the one of the last call, fits into a string.
    pub fn fits(&mut self, text: &[u8]) -> bool {
        // There are never more code units than bytes.
        if text.len() > self.limit {
            self.units += length(text.get(self.counted..).unwrap_or_default());
            self.counted = text.len();
        }
        self.units <= self.limit
    }
}

/// UTF-16 code units of UTF-8 bytes: one for every character, two for those of four bytes.
fn length(bytes: &[u8]) -> usize {
    bytes.iter().map(|byte| usize::from(*byte & 0xc0 != 0x80) + usize::from(*byte >= 0xf0)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_counted_as_javascript_does() {
        for text in ["", "plain", "naïve", "日本語", "😀 a 👩‍👩‍👧", "\u{feff}"] {
            assert_eq!(length(text.as_bytes()), text.encode_utf16().count(), "{text}");
        }
    }

    #[test]
    fn more_bytes_than_units_may_fit() {
        let limited = || Length { limit: 10, ..Length::default() };
        let mut growing = limited();
        assert!(growing.fits("ééééé".as_bytes()));
        assert!(growing.fits("ééééé日本".as_bytes()));
        assert!(!growing.fits("ééééé日本😀😀".as_bytes()));
        assert!(!limited().fits("ééééé日本😀😀".as_bytes()));
    }
}
