//! What [`Lines`] know at a place in the output, so that reading can go on from there.
//!
//! The bytes are this library's own, and are read by the version that wrote them alone.

use super::screen::Screen;
use super::{Lines, Mark};

/// The version of the bytes: another one whenever a structure in them, or what it means, is another one.
const VERSION: u8 = 1;

/// Bytes of the largest state that is kept, and the level at which it is compressed.
const LARGEST: usize = 256 << 10;
const LEVEL: i32 = 9;

impl Lines {
    /// The state behind the chunk that was read last, without what was drawn over, and without styles; `None` in the middle of a
    /// sequence, and where it would be very large. All lines that have left the screen must have been taken.
    pub(crate) fn state(&self) -> Option<Vec<u8>> {
        // A long line is not looked at again and again.
        let is_large = self.screen.text_bytes() > LARGEST;
        if self.controls.in_sequence() || self.screen.has_gone() || self.ended || is_large {
            return None;
        }
        let state = (VERSION, &self.screen, self.count, self.mark);
        let bytes = postcard::to_stdvec(&state).ok().filter(|bytes| bytes.len() <= LARGEST)?;
        zstd::bulk::compress(&bytes, LEVEL).ok()
    }

    /// These lines, which have read nothing, as they were in a state; `None` if the bytes are none of the same terminal.
    pub(crate) fn in_state(mut self, bytes: &[u8]) -> Option<Self> {
        let bytes = zstd::bulk::decompress(bytes, LARGEST).ok()?;
        if bytes.first() != Some(&VERSION) {
            return None;
        }
        let (_, screen, count, mark): (u8, Screen, u64, Mark) =
            postcard::from_bytes(&bytes).ok()?;
        // Another number of lines than this is none.
        if self.styled || !screen.is_sound() || count > u64::MAX / 2 {
            return None;
        }
        self.sizes.retain(|(behind, _)| *behind >= mark.cursor);
        Some(Self { screen, count, mark, ..self })
    }
}
