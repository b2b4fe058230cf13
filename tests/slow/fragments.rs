//! Inputs: a start, and a fragment that is repeated.

use std::fmt;

/// Random numbers from a seed (splitmix64).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut number = self.0;
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((number ^ (number >> 31)) % end as u64) as usize
    }

    fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }
}

const TEXTS: &[&str] = &[
    "x",
    "ab",
    "  ",
    "\t",
    "é",
    "日",
    "日本",
    "😀",
    "\u{301}",
    "👨\u{200d}👩",
    "\u{a0}",
    "a line of a log",
    "\u{fe0f}",
    "\u{85}",
    "\u{9b}K",
    "\u{90}q\u{9c}",
    "\0",
    "\x07",
    "\x7f",
    "\x0e",
    "needle",
];
const MOVES: &[&str] = &[
    "\n", "\r", "\x08", "\x08\x08", "\r\n", "\x0b", "\x1b7", "\x1b8", "\x1bD", "\x1bM", "\x1bc",
    "\x1b[s", "\x1b[u",
];
const FINALS: &[&str] = &[
    "A", "B", "C", "D", "E", "F", "G", "H", "J", "K", "L", "M", "P", "S", "T", "X", "@", "`", "a",
    "b", "d", "e", "f", "h", "j", "k", "l", "m", "n", "r", "t", "q",
];
const NUMBERS: &[&str] = &[
    "", "0", "1", "2", "3", "7", "80", "511", "512", "4000", "4096", "9999", "65535", "1;9",
    "5;4000", "1;512", "38;5;9", "?1049", "?25", ">4;1",
];
const STRINGS: &[&str] = &[
    "\x1b]0;",
    "\x1b]8;;http://x",
    "\x1bP",
    "\x1b_",
    "\x1b^",
    "\x1bX",
    "\x1b[",
    "\x1b",
    "\x1b(",
    "\x1b#",
];
const ENDS: &[&str] = &["\x07", "\x1b\\", "\u{9c}", "\x18", "", "", ";", ":"];

/// An input: a start, and then repetitions of a fragment.
pub struct Input {
    start: String,
    fragment: String,
    chunk: usize,
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = self.start.chars().count();
        let shown: String = self.start.chars().take(80).collect();
        write!(f, "{shown:?}… ({length}), then {:?} in chunks of {}", self.fragment, self.chunk)
    }
}

impl Input {
    /// Inputs that took long once, or might.
    pub fn known() -> Vec<Self> {
        let line = "x".repeat(4000);
        let marks = "\u{301}".repeat(1024);
        let all = [
            ("", "x"),
            ("", "\t"),
            ("", "\n"),
            ("", "abc\x1b[100000Gx"),
            ("", "\x1b[4000Gx\n"),
            ("", "😀\x1b[65535b\n"),
            ("", "\x1b[1mx\x1b[22my"),
            ("", "\x1b]8;;http://x\x1b\\l\x1b]8;;\x1b\\"),
            ("\x1b]0;", "a;"),
            ("\x1bPq", "a"),
            ("a", "\u{301}"),
            (&format!("ab\rb{marks}"), "x\x08"),
            (&"\t".repeat(511), "\x08\t\t"),
            (&line, "\x1b[1K"),
            (&line, "\r\x1b[P\x1b[4000G\x1b[P"),
            (&line, "\r\x1b[9999X"),
            (&line, "\r\x1b[P\x1b[@"),
            (&line, "\r日\rab"),
            (&line, "\x1b7\x1b8"),
        ];
        let of = |(start, fragment): (&str, &str)| Self {
            start: start.to_owned(),
            fragment: fragment.to_owned(),
            chunk: 1 << 30,
        };
        all.map(of).into()
    }

    pub fn random(random: &mut Random) -> Self {
        let mut start = String::new();
        if random.below(2) == 0 {
            let length = [40, 511, 1024, 4000, 4090][random.below(5)];
            let text = if random.below(2) == 0 { "x" } else { random.of(TEXTS) };
            let text = text.repeat(length);
            start.extend(text.chars().take(length));
            for _ in 0..random.below(3) {
                start.push_str(&part(random));
            }
        } else if random.below(4) == 0 {
            start.push_str(random.of(STRINGS));
        }
        let mut fragment = String::new();
        for _ in 0..=random.below(4) {
            fragment.push_str(&part(random));
        }
        let chunk = [1 << 20, 4096, 512, 61, 7][random.below(5)];
        Self { start, fragment, chunk }
    }

    /// The start, and about `length` bytes of repetitions.
    pub fn of(&self, length: usize) -> Vec<u8> {
        let times = length.div_ceil(self.fragment.len());
        [&*self.start, &self.fragment.repeat(times)].concat().into_bytes()
    }

    /// The chunks of the input.
    pub fn pieces<'a>(&self, bytes: &'a [u8]) -> Vec<&'a [u8]> {
        bytes.chunks(self.chunk).collect()
    }
}

fn part(random: &mut Random) -> String {
    match random.below(8) {
        0..=1 => random.of(TEXTS).to_owned(),
        2 => random.of(MOVES).to_owned(),
        3 => random.of(TEXTS).repeat(1 + random.below(9)),
        4 => format!("{}{}", random.of(STRINGS), random.of(ENDS)),
        _ => format!("\x1b[{}{}", random.of(NUMBERS), random.of(FINALS)),
    }
}
