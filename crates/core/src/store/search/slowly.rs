//! A search for a regular expression that can be interrupted.
//!
//! The engine of `regex` searches a whole line, which may take a second and a half. This one does the same with the
//! same automaton. It is slower where that one is fast, but can stop at any character and continue later.

use std::ops::Range;

use regex_automata::nfa::thompson::{NFA, State, WhichCaptures};
use regex_automata::util::primitives::StateID;
use regex_automata::util::syntax;

use super::Clock;

/// An automaton for a regular expression.
pub(super) struct Automaton(NFA);

/// The most steps of the automaton that the other engine may take without interruption: some milliseconds.
const AT_ONCE: usize = 1 << 19;

impl Automaton {
    /// `None` for an invalid or too large pattern.
    pub(super) fn new(pattern: &str, case_sensitive: bool, size: usize) -> Option<Self> {
        let syntax = syntax::Config::new().case_insensitive(!case_sensitive);
        let config = NFA::config().which_captures(WhichCaptures::None).nfa_size_limit(Some(size));
        let nfa = NFA::compiler().syntax(syntax).configure(config).build(pattern);
        nfa.ok().map(Self)
    }

    /// Whether the other engine may take too long for a time limit.
    pub(super) fn is_costly_in(&self, line: &str) -> bool {
        let Self(nfa) = self;
        line.len().saturating_mul(nfa.states().len()) > AT_ONCE
    }

    /// Starts a search in a line.
    pub(super) fn look(&self) -> Slowly {
        let Self(nfa) = self;
        Slowly {
            nfa: nfa.clone(),
            here: Threads::new(nfa),
            next: Threads::new(nfa),
            stack: Vec::new(),
            at: 0,
            best: None,
        }
    }
}

/// An unfinished search in one line.
pub(super) struct Slowly {
    nfa: NFA,
    /// The possible states before the byte at `at`, the preferred one first.
    here: Threads,
    next: Threads,
    stack: Vec<StateID>,
    at: usize,
    best: Option<Range<usize>>,
}

impl Slowly {
    /// Continues in the same line; `None` if the time is over first.
    pub(super) fn go_on(&mut self, line: &str, clock: &mut Clock) -> Option<Option<Range<usize>>> {
        let Self { nfa, here, next, stack, at, best } = self;
        let bytes = line.as_bytes();
        loop {
            let may_start = *at == 0 || !nfa.is_always_start_anchored();
            if best.is_none() && may_start && line.is_char_boundary(*at) {
                here.add(nfa, stack, nfa.start_anchored(), *at, bytes, *at);
            }
            if here.dense.is_empty() && (best.is_some() || !may_start) {
                return Some(best.take());
            }
            next.clear();
            let mut work = here.dense.len();
            for (id, start) in &here.dense {
                let to = match nfa.state(*id) {
                    State::ByteRange { trans } if trans.matches(bytes, *at) => Some(trans.next),
                    State::Sparse(ranges) => ranges.matches(bytes, *at),
                    State::Dense(table) => table.matches(bytes, *at),
                    State::Match { .. } => {
                        // States behind this one are not preferred.
                        *best = Some(*start..*at);
                        break;
                    }
                    _ => None,
                };
                if let Some(to) = to {
                    next.add(nfa, stack, to, *start, bytes, *at + 1);
                }
            }
            work += next.dense.len();
            std::mem::swap(here, next);
            if *at == bytes.len() {
                return Some(best.take());
            }
            *at += 1;
            if clock.is_late(work) {
                return None;
            }
        }
    }
}

/// States of the automaton, each once, in the order of preference, with the start of the match.
struct Threads {
    dense: Vec<(StateID, usize)>,
    /// The position of each state in `dense`, if it is there.
    places: Vec<usize>,
}

impl Threads {
    fn new(nfa: &NFA) -> Self {
        Self { dense: Vec::new(), places: vec![0; nfa.states().len()] }
    }

    fn clear(&mut self) {
        self.dense.clear();
    }

    /// Adds a state. Returns whether it is new.
    fn insert(&mut self, id: StateID, start: usize) -> bool {
        let Some(place) = self.places.get_mut(id.as_usize()) else {
            return false;
        };
        if self.dense.get(*place).is_some_and(|(known, _)| *known == id) {
            return false;
        }
        *place = self.dense.len();
        self.dense.push((id, start));
        true
    }

    /// Adds a state, and those that it reaches without reading a byte.
    fn add(
        &mut self,
        nfa: &NFA,
        stack: &mut Vec<StateID>,
        id: StateID,
        start: usize,
        line: &[u8],
        at: usize,
    ) {
        stack.push(id);
        while let Some(id) = stack.pop() {
            if !self.insert(id, start) {
                continue;
            }
            match nfa.state(id) {
                State::Union { alternates } => stack.extend(alternates.iter().rev()),
                State::BinaryUnion { alt1, alt2 } => stack.extend([*alt2, *alt1]),
                State::Capture { next, .. } => stack.push(*next),
                State::Look { look, next } if nfa.look_matcher().matches(*look, line, at) => {
                    stack.push(*next);
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use regex::RegexBuilder;

    use super::*;

    #[test]
    fn an_interrupted_search_finds_the_same_as_the_other_engine() {
        let patterns = [
            "a",
            "a*",
            "a+?b",
            "(a|ab)(c|bcd)",
            "(?:a|b)*b",
            "^a",
            "a$",
            "^$",
            r"\bfoo\b",
            r"\Bo",
            r"\w+\s\d",
            "é+",
            "(?s).",
            "x*",
            "[^a]*b",
            "b|a+",
            "(a+)+$",
            r"\b",
            "ß|ſ",
            "z",
            "a{2,5}?b",
            "(?i:A)b",
            "(?-u:a)b",
            "(|a)+",
            "(a|b|ab)*?c",
        ];
        let lines = [
            "",
            "a",
            "b",
            "ab",
            "abcd",
            "aaab",
            "foo",
            "a foo b",
            "fooo",
            "éé x",
            "naïve 3",
            "日本語",
            "xaxb",
            "A B",
            "aaaaaaaaaaaaaaaa",
            "STRASSE ß ſ k K",
            "zz top",
            "ababc",
        ];
        for pattern in patterns {
            for case_sensitive in [false, true] {
                let mut builder = RegexBuilder::new(pattern);
                let regex = builder.case_insensitive(!case_sensitive).build().unwrap();
                let automaton = Automaton::new(pattern, case_sensitive, 1 << 20).unwrap();
                for line in lines {
                    let mut search = automaton.look();
                    let mut stops = 0;
                    let found = loop {
                        let found = search.go_on(line, &mut Clock::always_late());
                        match found {
                            Some(found) => break found,
                            None => stops += 1,
                        }
                        assert!(stops <= line.len());
                    };
                    let expected = regex.find(line).map(|found| found.range());
                    assert_eq!(found, expected, "{pattern:?} in {line:?}");
                }
            }
        }
    }
}
