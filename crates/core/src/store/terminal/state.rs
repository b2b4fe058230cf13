//! What [`Lines`] know at a place in the output, so that reading can go on from there.
//!
//! The bytes are this library's own, and are read by the version that wrote them alone.

use super::screen::Screen;
use super::{Lines, Mark};

/// The version of the bytes: another one whenever a structure in them, or what it means, is another one.
const VERSION: u8 = 1;

/// Bytes of the largest state that is kept, and the level at which it is compressed.
const LARGEST: usize = 256 << 10;
const LEVEL: i32 = 3;

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

#[cfg(test)]
mod tests {
    use super::super::{Setting, Size};
    use super::*;
    use crate::random::Random;

    const PIECES: [&str; 30] = [
        "text ",
        "a longer piece of text ",
        "0x1f",
        "\u{e9}",
        "\u{1f680}",
        "e\u{301}",
        "\r\n",
        "\r\n",
        "\n",
        "\r",
        "\t",
        "\u{8}",
        "\x1b[A",
        "\x1b[3B",
        "\x1b[2;5H",
        "\x1b[K",
        "\x1b[2K",
        "\x1b[J",
        "\x1b[2J",
        "\x1b[1;31m",
        "\x1b[3;5r",
        "\x1b[?1049h",
        "\x1b[?1049l",
        "\x1b7",
        "\x1b8",
        "\x1b[?7l",
        "\x1b(0",
        "\x1b[4h",
        "\x1b]133;C\x07",
        "\x1b[?6h",
    ];

    fn setting(random: &mut Random) -> Setting {
        let size = Size { columns: 2 + random.index(30) as u16, rows: 1 + random.index(8) as u16 };
        Setting { size, is_terminal: random.below(2) == 0 }
    }

    fn sizes(random: &mut Random) -> Vec<(i64, Size)> {
        (0..random.below(3)).map(|at| (at as i64 * 20 + 10, setting(random).size)).collect()
    }

    fn chunk(random: &mut Random) -> String {
        (0..random.index(9)).map(|_| random.one_of(&PIECES)).collect()
    }

    /// Reads a chunk, and adds what is known of the lines that end in it.
    fn read(lines: &mut Lines, chunk: &str, cursor: i64, seen: &mut Vec<String>) {
        let mut rest = chunk.as_bytes();
        while let Some(line) = lines.next(&mut rest, Mark::of(cursor, cursor as f64)) {
            seen.push(format!("{line:?}"));
        }
    }

    #[test]
    fn lines_that_go_on_from_a_state_are_those_that_were_read_from_the_start() {
        let mut random = Random(5);
        let mut states = 0;
        for _ in 0..400 {
            let (setting, sizes) = (setting(&mut random), sizes(&mut random));
            let fresh = || Lines::new(setting).resized(sizes.clone());
            let (mut whole, mut stored) = (fresh(), fresh());
            let (mut wanted, mut seen) = (Vec::new(), Vec::new());
            for cursor in 1..60 {
                let chunk = chunk(&mut random);
                read(&mut whole, &chunk, cursor, &mut wanted);
                read(&mut stored, &chunk, cursor, &mut seen);
                if random.below(3) == 0
                    && let Some(state) = stored.state()
                {
                    stored = fresh().in_state(&state).unwrap();
                    states += 1;
                }
            }
            for (lines, seen) in [(&mut whole, &mut wanted), (&mut stored, &mut seen)] {
                while let Some(line) = lines.end() {
                    seen.push(format!("{line:?}"));
                }
            }
            assert_eq!(seen, wanted);
        }
        assert!(states > 1000, "{states}");
    }

    #[test]
    fn a_state_that_was_changed_is_refused_or_read_on_from() {
        let mut random = Random(6);
        let mut taken = 0;
        for _ in 0..4000 {
            let setting = setting(&mut random);
            let mut lines = Lines::new(setting);
            for cursor in 1..20 {
                read(&mut lines, &chunk(&mut random), cursor, &mut Vec::new());
            }
            let Some(state) = lines.state() else { continue };
            let mut bytes = zstd::bulk::decompress(&state, LARGEST).unwrap();
            for _ in 0..=random.index(3) {
                let at = 1 + random.index(bytes.len() - 1);
                bytes[at] = random.next() as u8;
            }
            let changed = zstd::bulk::compress(&bytes, LEVEL).unwrap();
            if let Some(mut lines) = Lines::new(setting).in_state(&changed) {
                taken += 1;
                for cursor in 20..30 {
                    read(&mut lines, &chunk(&mut random), cursor, &mut Vec::new());
                }
                while lines.end().is_some() {}
            }
        }
        assert!(taken > 100, "{taken}");
        assert!(Lines::default().in_state(b"no state").is_none());
    }
}
