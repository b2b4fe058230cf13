//! Finds secrets in a stream of bytes, wherever it is cut.
//!
//! Every byte is looked at once. Where the start of a rule ends, the rule begins to follow the text from there, byte by byte,
//! until it is certain or dead. The first one that is certain has found a secret, and follows it to its end, however long
//! that is. Colours and movements of the cursor are no part of the text.

use std::mem;
use std::ops::Range;
use std::sync::Arc;

use aho_corasick::automaton::StateID;
use memchr::memchr;

use super::redactor::{Redactor, State, Step};

const ESC: u8 = 0x1b;

/// Bytes of a text that may become a secret. A longer one is none.
const LONGEST_CANDIDATE: usize = 64 << 10;

/// Bytes that a rule alone follows at once. What begins within them is looked for anew.
const FOLLOWED: usize = 64;

/// Bytes of the stream, by their places in it, that are dropped. No escape sequence is among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) rule: usize,
    /// Whether the secret begins here. A marker stands in its place.
    pub(super) is_first: bool,
    /// How many they are; 0 once that is told.
    pub(super) length: usize,
}

/// A secret that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The name of the rule.
    pub rule: Arc<str>,
    /// Bytes of the secret that are known so far.
    pub length: usize,
}

/// Follows a stream.
#[derive(Clone)]
pub(super) struct Scanner {
    redactor: Arc<Redactor>,
    lexer: Lexer,
    starts: StateID,
    active: Vec<Active>,
    /// The text that may belong to a secret, without escape sequences, and the place of each byte in the stream.
    text: Vec<u8>,
    places: Kept,
    /// The byte before the text.
    before: Option<u8>,
    /// Up to here the text belongs to a secret that was found.
    covered: usize,
    /// The last byte of the marker that stands in its place.
    marked: Option<u8>,
    /// How long the stream is so far.
    length: u64,
}

/// A rule that follows the text.
#[derive(Debug, Clone, Copy)]
struct Active {
    rule: usize,
    start: usize,
    state: State,
    /// Whether it is certain.
    is_certain: bool,
}

/// The places of the text that is kept.
#[derive(Clone)]
enum Kept {
    /// One behind the other, from here on.
    From(u64),
    Each(Vec<u64>),
}

/// A text and the places of its bytes in the stream.
#[derive(Clone, Copy)]
struct Text<'a> {
    bytes: &'a [u8],
    places: Places<'a>,
    before: Option<u8>,
}

#[derive(Clone, Copy)]
enum Places<'a> {
    /// One behind the other, from here on.
    From(u64),
    Each(&'a [u64]),
}

impl Text<'_> {
    /// The place of a byte; behind the last one, that after it.
    fn place(&self, at: usize) -> u64 {
        match self.places {
            Places::From(start) => start + at as u64,
            Places::Each(places) => match places.get(at) {
                Some(place) => *place,
                None => places.last().map_or(0, |last| last + 1),
            },
        }
    }

    /// The edits that drop a part: one for each run of bytes that no escape sequence interrupts.
    fn edits(
        &self,
        found: Range<usize>,
        rule: usize,
        is_first: bool,
    ) -> impl Iterator<Item = Edit> {
        let mut start = found.start;
        std::iter::from_fn(move || {
            let from = self.place(start);
            let length = match self.places {
                Places::From(_) => found.end.saturating_sub(start),
                Places::Each(places) => {
                    let rest = places.get(start..found.end).unwrap_or_default();
                    rest.iter().zip(from..).take_while(|(place, next)| *place == next).count()
                }
            };
            let is_first = is_first && start == found.start;
            start += length;
            let to = from + length as u64;
            (length > 0).then_some(Edit { from, to, rule, is_first, length })
        })
    }

    /// The bytes in a range.
    fn part(&self, from: usize, to: usize) -> &[u8] {
        self.bytes.get(from..to).unwrap_or_default()
    }

    /// The byte before a place.
    fn before(&self, at: usize) -> Option<u8> {
        match at.checked_sub(1) {
            Some(before) => self.bytes.get(before).copied(),
            None => self.before,
        }
    }
}

impl Scanner {
    pub(super) fn new(redactor: Arc<Redactor>) -> Self {
        Self {
            starts: redactor.outside(),
            redactor,
            lexer: Lexer::Text,
            active: Vec::new(),
            text: Vec::new(),
            places: Kept::From(0),
            before: None,
            covered: 0,
            marked: None,
            length: 0,
        }
    }

    pub(super) fn redactor(&self) -> &Arc<Redactor> {
        &self.redactor
    }

    /// Goes on with the next bytes of the stream. What is known of secrets after them is added to `edits`.
    pub(super) fn feed(&mut self, bytes: &[u8], edits: &mut Vec<Edit>) {
        let mut rest = bytes;
        loop {
            let sequence = rest.iter().position(|byte| self.lexer.is_text(*byte));
            let (sequence, after) = rest.split_at(sequence.unwrap_or(rest.len()));
            self.length += sequence.len() as u64;
            let (text, after) = after.split_at(memchr(ESC, after).unwrap_or(after.len()));
            if text.is_empty() {
                return;
            }
            self.feed_text(text, edits);
            rest = after;
        }
    }

    /// Goes on with text that has no escape sequence in it.
    fn feed_text(&mut self, bytes: &[u8], edits: &mut Vec<Edit>) {
        let start = self.length;
        self.length += bytes.len() as u64;
        if self.text.is_empty() {
            let text = Text { bytes, places: Places::From(start), before: self.before };
            self.scan(text, 0, edits);
            let from = self.keep(text);
            self.text.extend_from_slice(text.part(from, bytes.len()));
            self.places = Kept::From(start + from as u64);
            return;
        }
        let mut text = mem::take(&mut self.text);
        let known = text.len();
        text.extend_from_slice(bytes);
        let places = match mem::replace(&mut self.places, Kept::From(0)) {
            Kept::From(first) if first + known as u64 == start => Kept::From(first),
            before => {
                let mut places = match before {
                    Kept::From(first) => (first..).take(known).collect(),
                    Kept::Each(places) => places,
                };
                places.extend((start..).take(bytes.len()));
                Kept::Each(places)
            }
        };
        self.look_at(text, places, |scanner, whole| scanner.scan(whole, known, edits));
    }

    /// Tells what is certain if nothing follows. What follows is looked at all the same.
    pub(super) fn pause(&mut self, edits: &mut Vec<Edit>) {
        let text = mem::take(&mut self.text);
        let places = mem::replace(&mut self.places, Kept::From(0));
        self.look_at(text, places, |scanner, text| scanner.match_at_end(text, true, edits));
    }

    /// Looks at a text, and keeps what is needed of it.
    fn look_at(
        &mut self,
        mut bytes: Vec<u8>,
        places: Kept,
        look: impl FnOnce(&mut Self, Text<'_>),
    ) {
        let of_bytes = match &places {
            Kept::From(first) => Places::From(*first),
            Kept::Each(places) => Places::Each(places),
        };
        let text = Text { bytes: &bytes, places: of_bytes, before: self.before };
        look(self, text);
        let from = self.keep(text);
        bytes.drain(..from);
        self.text = bytes;
        self.places = match places {
            Kept::From(first) => Kept::From(first + from as u64),
            Kept::Each(mut places) => {
                places.drain(..from);
                Kept::Each(places)
            }
        };
    }

    /// The place in the stream from which on nothing is known yet.
    pub(super) fn undecided(&self) -> u64 {
        let first = match &self.places {
            Kept::From(first) => Some(*first),
            Kept::Each(places) => places.first().copied(),
        };
        first.filter(|_| !self.text.is_empty()).unwrap_or(self.length)
    }

    /// Whether what comes may be looked at without what came before.
    pub(super) fn is_idle(&self) -> bool {
        self.text.is_empty() && self.active.is_empty() && self.lexer == Lexer::Text
    }

    /// Whether a secret was found that may go on.
    pub(super) fn is_within(&self) -> bool {
        self.active.iter().any(|active| active.is_certain)
    }

    /// Looks at a text from a place on.
    fn scan(&mut self, text: Text<'_>, from: usize, edits: &mut Vec<Edit>) {
        let redactor = Arc::clone(&self.redactor);
        let mut at = from;
        while let Some(rest) = text.bytes.get(at..).filter(|rest| !rest.is_empty()) {
            if self.active.is_empty() {
                match redactor.skip(&mut self.starts, rest) {
                    Some(skipped) => at += skipped,
                    None => break,
                }
                self.begin(text, at, edits);
                continue;
            }
            if let [active] = self.active.as_mut_slice() {
                // Where it is cut off at the latest, the step looks.
                let since = if active.is_certain { self.covered } else { active.start };
                let most =
                    (since + LONGEST_CANDIDATE).saturating_sub(at).min(FOLLOWED).min(rest.len());
                let bytes = rest.get(..most).unwrap_or_default();
                let (followed, is_begun) =
                    redactor.follow(active.rule, &mut active.state, &mut self.starts, bytes);
                at += followed;
                if is_begun {
                    self.begin(text, at, edits);
                }
                if followed > 0 {
                    continue;
                }
            }
            let Some((byte, _)) = rest.split_first() else { break };
            self.step(text, at, *byte, edits);
            at += 1;
            if redactor.skip(&mut self.starts, std::slice::from_ref(byte)).is_some() {
                self.begin(text, at, edits);
            }
        }
        self.match_at_end(text, false, edits);
    }

    /// Lets the rules follow of which a start ends here.
    fn begin(&mut self, text: Text<'_>, end: usize, edits: &mut Vec<Edit>) {
        let redactor = Arc::clone(&self.redactor);
        for (length, number) in redactor.begun(self.starts) {
            let Some(start) = end.checked_sub(length).filter(|start| *start >= self.covered) else {
                continue;
            };
            let Some(rule) = redactor.rule(number) else { continue };
            let Some(mut state) = rule.start(self.before(text, start)) else { continue };
            let mut is_over = false;
            let is_alive = text.part(start, end).iter().all(|byte| match rule.step(state, *byte) {
                Step::Dead => false,
                Step::Alive(next) | Step::Matched(next) => {
                    state = next;
                    true
                }
                Step::Over => {
                    is_over = true;
                    true
                }
            });
            if !is_alive {
                continue;
            }
            if is_over {
                self.find(
                    text,
                    Active { rule: number, start, state, is_certain: false },
                    end,
                    edits,
                );
                continue;
            }
            // One that is in the same state already will go the same way.
            let is_known = |other: &Active| other.rule == number && other.state == state;
            if !self.active.iter().any(is_known) {
                let place = self
                    .active
                    .partition_point(|other| (other.start, other.rule) <= (start, number));
                self.active.insert(place, Active { rule: number, start, state, is_certain: false });
            }
        }
    }

    /// Lets the rules go on with a byte.
    fn step(&mut self, text: Text<'_>, at: usize, byte: u8, edits: &mut Vec<Edit>) {
        let redactor = Arc::clone(&self.redactor);
        let mut matched = Vec::new();
        let mut over = Vec::new();
        let covered = self.covered;
        self.active.retain_mut(|active| {
            let Some(rule) = redactor.rule(active.rule) else { return false };
            let since = if active.is_certain { covered } else { active.start };
            if at.saturating_sub(since) > LONGEST_CANDIDATE {
                return false;
            }
            match rule.step(active.state, byte) {
                Step::Dead => false,
                Step::Alive(next) => {
                    active.state = next;
                    true
                }
                Step::Matched(next) => {
                    matched.push(Active { ..*active });
                    active.state = next;
                    true
                }
                Step::Over => {
                    over.push(*active);
                    false
                }
            }
        });
        for active in matched {
            self.find(text, active, at, edits);
        }
        for active in over {
            self.find(text, active, at + 1, edits);
        }
    }

    /// Looks which rules match if the text ends here.
    fn match_at_end(&mut self, text: Text<'_>, is_end: bool, edits: &mut Vec<Edit>) {
        if self.active.is_empty() {
            return;
        }
        let redactor = Arc::clone(&self.redactor);
        let matches = |active: &&Active| {
            redactor.rule(active.rule).is_some_and(|rule| rule.matches(active.state, is_end))
        };
        let matched: Vec<Active> = self.active.iter().filter(matches).copied().collect();
        for active in matched {
            self.find(text, active, text.bytes.len(), edits);
        }
    }

    /// A rule matches up to a place: its secret is found, or is longer than was known.
    fn find(&mut self, text: Text<'_>, active: Active, end: usize, edits: &mut Vec<Edit>) {
        let Active { rule, start, is_certain, .. } = active;
        let mut found = self.covered..end;
        if !is_certain {
            if start < self.covered {
                return;
            }
            let secret = self.redactor.rule(rule).map(|rule| rule.secret(text.part(start, end)));
            let secret = secret.unwrap_or_default();
            found = start + secret.start..start + secret.end;
            if found.is_empty() {
                return;
            }
        }
        edits.extend(text.edits(found.clone(), rule, !is_certain));
        // Where the context goes on behind the secret, that is over.
        let goes_on = found.end == end;
        self.covered = found.end;
        self.marked = self.redactor.marker(rule).bytes().last();
        // What began within the secret is part of it.
        self.active.retain_mut(|other| {
            // Where one that is certain began is known no longer, but there is one at most.
            let is_same = other.rule == rule && (is_certain || other.start == start);
            if is_same && other.is_certain == is_certain {
                other.is_certain = true;
                return goes_on;
            }
            !other.is_certain && other.start >= found.end
        });
    }

    /// The byte before a place in what is given: behind a secret, that of its marker.
    fn before(&self, text: Text<'_>, at: usize) -> Option<u8> {
        if at > 0 && at == self.covered { self.marked } else { text.before(at) }
    }

    /// Forgets as much of a text as nothing needs that follows. Returns where the rest begins.
    fn keep(&mut self, text: Text<'_>) -> usize {
        let end = text.bytes.len();
        let needed = |active: &Active| if active.is_certain { self.covered } else { active.start };
        let from = self.active.iter().map(needed).min().unwrap_or(end);
        let from = from.min(self.begun(text)).min(end);
        self.before = self.before(text, from);
        for active in &mut self.active {
            active.start = active.start.saturating_sub(from);
        }
        self.covered = self.covered.saturating_sub(from);
        from
    }

    /// Where the beginning of a start stands at the end of a text.
    fn begun(&self, text: Text<'_>) -> usize {
        let end = text.bytes.len();
        let mut depth = self.redactor.depth(self.starts).min(end - self.covered.min(end));
        while depth > 0 {
            let start = end - depth;
            let before = self.before(text, start);
            if self.redactor.may_begin(text.part(start, end), before) {
                return start;
            }
            depth -= 1;
        }
        end
    }
}

/// Tells text from escape sequences that only change how it looks or where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lexer {
    Text,
    Escape,
    /// Behind `ESC [`.
    Control,
    /// Behind `ESC (` and the like, which a character ends.
    Intermediate,
}

impl Lexer {
    /// Whether the next byte is text.
    fn is_text(&mut self, byte: u8) -> bool {
        let (next, is_text) = match (*self, byte) {
            (_, ESC) => (Self::Escape, false),
            (Self::Text, _) => (Self::Text, true),
            (Self::Escape, b'[') => (Self::Control, false),
            (Self::Escape | Self::Intermediate, 0x20..=0x2f) => (Self::Intermediate, false),
            // A title or a link has text in it.
            (Self::Escape, 0x30..=0x7e) => (Self::Text, false),
            (Self::Escape, _) => (Self::Text, true),
            (Self::Control, 0x20..=0x3f) => (Self::Control, false),
            (Self::Control | Self::Intermediate, _) => (Self::Text, false),
        };
        *self = next;
        is_text
    }
}
