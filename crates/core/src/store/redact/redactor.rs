//! What secrets look like: rules and literal values, ready to be looked for.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use aho_corasick::automaton::Automaton;
use aho_corasick::dfa::DFA as Starts;
use aho_corasick::{Anchored, MatchKind};
use regex_automata::dfa::{StartKind, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::primitives::StateID;
use regex_automata::util::syntax;
use regex_syntax::hir::literal::{ExtractKind, Extractor};
use regex_syntax::hir::{Class, ClassBytes, ClassBytesRange, Hir, HirKind, Look};

use super::pairs::Pairs;
use super::rules::BUILTIN;
use crate::store::{Error, Result};

/// How many bytes of a start are looked for at once. The rest is compared when they are found.
const LONGEST_START: usize = 24;

/// Characters with which the pattern of a user has to begin.
const SHORTEST_START: usize = 3;

/// Starts of one pattern of a user.
const MOST_STARTS: usize = 64;

/// Bytes of the automaton of one rule.
const LARGEST: usize = 4 << 20;

/// The longest name of a rule.
const LONGEST_NAME: usize = 64;

/// A rule of the user.
#[derive(Debug, Clone)]
pub struct Rule {
    /// What the marker calls it.
    pub name: String,
    /// A regular expression. Its group `secret` is what is replaced; without that, all of it.
    pub pattern: String,
    /// Whether upper and lower case are the same.
    pub ignores_case: bool,
}

/// A value that is a secret itself.
#[derive(Clone)]
pub struct Literal {
    /// What the marker calls it.
    pub name: String,
    /// The value.
    pub value: String,
}

// A secret has no place in a log.
impl fmt::Debug for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Literal").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Knows what secrets look like.
pub struct Redactor {
    starts: Starts,
    /// Of which every start has one.
    pairs: Pairs,
    /// By the states of `starts`: how many bytes at the end of a text may be the beginning of a start, and whether every start that
    /// begins so has to be at the beginning of a word.
    depths: HashMap<usize, (u32, bool), foldhash::fast::FixedState>,
    /// The rules, by the numbers of the patterns of `starts`.
    begins: Vec<usize>,
    rules: Vec<Known>,
    markers: Vec<Arc<str>>,
}

// The values of secrets have no place in a log.
impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor").field("rules", &self.rules.len()).finish_non_exhaustive()
    }
}

/// A rule, ready to be looked for.
pub(super) struct Known {
    name: Arc<str>,
    kind: Kind,
    /// Whether `\b` stands before every match.
    pub(super) has_border: bool,
}

enum Kind {
    Pattern { pattern: Box<str>, ignores_case: bool, compiled: OnceLock<Option<Box<Compiled>>> },
    Literal(Box<[u8]>),
}

/// A pattern as an automaton.
struct Compiled {
    dfa: dense::DFA<Vec<u32>>,
    /// Whether what comes behind a match says nothing about it.
    is_eager: bool,
    /// What is replaced, where that is not all.
    secret: Option<regex::bytes::Regex>,
}

/// Where a rule is in a text that may match it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Pattern(StateID),
    /// So many bytes of the value.
    Literal(usize),
}

/// What the next byte does.
pub(super) enum Step {
    /// It does not match, and never will.
    Dead,
    /// It may match.
    Alive(State),
    /// What stands before this byte matches, and may go on.
    Matched(State),
    /// It matches, with this byte, and is over.
    Over,
}

impl Redactor {
    /// See [`redactor`](super::redactor).
    pub(super) fn new(
        field: &str,
        builtin: bool,
        rules: &[Rule],
        literals: &[Literal],
        marker: Option<&str>,
    ) -> Result<Self> {
        let mut known = Vec::new();
        let mut starts: Vec<(Vec<u8>, usize)> = Vec::new();
        let ours = if builtin { BUILTIN } else { &[] };
        for rule in ours {
            starts.extend(rule.starts.iter().map(|start| (start.as_bytes().into(), known.len())));
            // None of ours has alternatives beside it.
            let has_border = rule.pattern.starts_with(r"\b");
            known.push(Known::pattern(rule.name, rule.pattern, false, has_border));
        }
        for (at, rule) in rules.iter().enumerate() {
            check_name(&format!("{field}.rules[{at}].name"), &rule.name)?;
            let hir = checked(&format!("{field}.rules[{at}].pattern"), rule)?;
            starts.extend(starts_of(&hir).into_iter().map(|start| (start, known.len())));
            let has_border = hir.properties().look_set_prefix().contains(Look::WordAscii);
            known.push(Known::pattern(&rule.name, &rule.pattern, rule.ignores_case, has_border));
        }
        for (at, literal) in literals.iter().enumerate() {
            check_name(&format!("{field}.literals[{at}].name"), &literal.name)?;
            starts.push((literal.value.as_bytes().into(), known.len()));
            known.push(Known::literal(literal));
        }
        let marker = marker.unwrap_or("[REDACTED:{rule}]");
        let markers = known.iter().map(|rule| marker.replace("{rule}", &rule.name).into());
        starts.iter_mut().for_each(|(start, _)| start.truncate(LONGEST_START));
        Self::build(field, &starts, markers.collect(), known)
    }

    fn build(
        field: &str,
        starts: &[(Vec<u8>, usize)],
        markers: Vec<Arc<str>>,
        rules: Vec<Known>,
    ) -> Result<Self> {
        let patterns: Vec<&[u8]> = starts.iter().map(|(start, _)| start.as_slice()).collect();
        let automaton = Starts::builder()
            .match_kind(MatchKind::Standard)
            .ascii_case_insensitive(true)
            .prefilter(false)
            .build(&patterns)
            .map_err(|error| Error::OutOfRange {
                field: field.to_owned().into(),
                expected: "fewer rules and values".into(),
                received: error.to_string(),
            })?;
        let mut depths = HashMap::default();
        for (pattern, rule) in starts {
            let begins_word = pattern.first().copied().is_some_and(is_of_word);
            let of_word = begins_word && rules.get(*rule).is_some_and(|rule| rule.has_border);
            let mut state = automaton.start_state(Anchored::No).unwrap_or_default();
            for (byte, depth) in pattern.iter().zip(1..) {
                state = automaton.next_state(Anchored::No, state, *byte);
                let (_, of_words) = depths.entry(state.as_usize()).or_insert((depth, true));
                *of_words &= of_word;
            }
        }
        let ignores_case = |rule: usize| rules.get(rule).is_some_and(Known::ignores_case);
        let pairs = Pairs::of(starts.iter().map(|(start, rule)| (&**start, ignores_case(*rule))));
        let begins = starts.iter().map(|(_, rule)| *rule).collect();
        Ok(Self { starts: automaton, pairs, depths, begins, rules, markers })
    }

    /// What stands in the places of secrets, by rules.
    pub(super) fn markers(&self) -> &[Arc<str>] {
        &self.markers
    }

    /// The name of a rule.
    pub fn name(&self, rule: usize) -> &Arc<str> {
        static NONE: OnceLock<Arc<str>> = OnceLock::new();
        self.rules.get(rule).map_or_else(|| NONE.get_or_init(|| "".into()), |rule| &rule.name)
    }

    /// What stands in the place of a secret.
    pub(super) fn marker(&self, rule: usize) -> &str {
        self.markers.get(rule).map_or("", |marker| marker)
    }

    pub(super) fn rule(&self, rule: usize) -> Option<&Known> {
        self.rules.get(rule)
    }

    /// Where nothing has begun.
    pub(super) fn outside(&self) -> aho_corasick::automaton::StateID {
        self.starts.start_state(Anchored::No).unwrap_or_default()
    }

    /// How many bytes before a state may be the beginning of a start.
    pub(super) fn depth(&self, state: aho_corasick::automaton::StateID) -> usize {
        self.depths.get(&state.as_usize()).map_or(0, |(depth, _)| *depth as usize)
    }

    /// Whether a start may begin with this text behind a byte.
    pub(super) fn may_begin(&self, text: &[u8], before: Option<u8>) -> bool {
        let mut state = self.outside();
        for byte in text {
            state = self.starts.next_state(Anchored::No, state, *byte);
        }
        let is_in_word = before.is_some_and(is_of_word);
        let known = self.depths.get(&state.as_usize());
        known.is_some_and(|(depth, of_words)| {
            *depth as usize == text.len() && !(*of_words && is_in_word)
        })
    }

    /// Goes on with bytes until a start ends, and returns how many bytes that took; `None` where there is none.
    pub(super) fn skip(
        &self,
        state: &mut aho_corasick::automaton::StateID,
        bytes: &[u8],
    ) -> Option<usize> {
        let outside = self.outside();
        let mut here = *state;
        let mut at = 0;
        let mut goes_on = here != outside;
        let ended = loop {
            if !goes_on {
                (at, here) = (self.pairs.next(bytes, at), outside);
            }
            let Some(byte) = bytes.get(at) else { break None };
            at += 1;
            here = self.starts.next_state(Anchored::No, here, *byte);
            if self.is_begun(here) {
                break Some(at);
            }
            goes_on = at == bytes.len() || self.pairs.goes_on(bytes, at);
        };
        *state = here;
        ended
    }

    fn is_begun(&self, state: aho_corasick::automaton::StateID) -> bool {
        self.starts.is_special(state) && self.starts.is_match(state)
    }

    /// Goes on with bytes as long as this rule, which follows them, may match and nothing else begins. Returns how many bytes that
    /// took, and whether a start ends there.
    pub(super) fn follow(
        &self,
        rule: usize,
        state: &mut State,
        starts: &mut aho_corasick::automaton::StateID,
        bytes: &[u8],
    ) -> (usize, bool) {
        let Some(rule) = self.rule(rule) else { return (0, false) };
        let mut next = *state;
        let alive = rule.live(&mut next, bytes);
        match self.skip(starts, bytes.get(..alive).unwrap_or_default()) {
            Some(begun) => {
                rule.live(state, bytes.get(..begun).unwrap_or_default());
                (begun, true)
            }
            None => {
                *state = next;
                (alive, false)
            }
        }
    }

    /// The lengths and the rules of the starts that end in a state, the longest first.
    pub(super) fn begun(
        &self,
        state: aho_corasick::automaton::StateID,
    ) -> impl Iterator<Item = (usize, usize)> {
        let count = if self.starts.is_match(state) { self.starts.match_len(state) } else { 0 };
        (0..count).filter_map(move |at| {
            let pattern = self.starts.match_pattern(state, at);
            let rule = self.begins.get(pattern.as_usize())?;
            Some((self.starts.pattern_len(pattern), *rule))
        })
    }
}

impl Known {
    fn pattern(name: &str, pattern: &str, ignores_case: bool, has_border: bool) -> Self {
        let compiled = OnceLock::new();
        let kind = Kind::Pattern { pattern: pattern.into(), ignores_case, compiled };
        Self { name: name.into(), kind, has_border }
    }

    fn literal(literal: &Literal) -> Self {
        let kind = Kind::Literal(literal.value.as_bytes().into());
        Self { name: literal.name.as_str().into(), kind, has_border: false }
    }

    /// Whether the start of it may be there in any case.
    fn ignores_case(&self) -> bool {
        match &self.kind {
            Kind::Pattern { pattern, ignores_case, .. } => *ignores_case || pattern.contains("(?i"),
            Kind::Literal(_) => false,
        }
    }

    fn compiled(&self) -> Option<&Compiled> {
        match &self.kind {
            Kind::Pattern { pattern, ignores_case, compiled } => {
                compiled.get_or_init(|| compile(pattern, *ignores_case).map(Box::new)).as_deref()
            }
            Kind::Literal(_) => None,
        }
    }

    /// The state at the beginning of a text behind a byte.
    pub(super) fn start(&self, before: Option<u8>) -> Option<State> {
        let Some(Compiled { dfa, .. }) = self.compiled() else {
            return matches!(self.kind, Kind::Literal(_)).then_some(State::Literal(0));
        };
        let how = regex_automata::util::start::Config::new()
            .anchored(regex_automata::Anchored::Yes)
            .look_behind(before);
        use regex_automata::dfa::Automaton;
        dfa.start_state(&how).ok().map(State::Pattern)
    }

    pub(super) fn step(&self, state: State, byte: u8) -> Step {
        use regex_automata::dfa::Automaton;
        match (state, &self.kind) {
            (State::Literal(at), Kind::Literal(value)) => match value.get(at) {
                Some(wanted) if *wanted == byte && at + 1 == value.len() => Step::Over,
                Some(wanted) if *wanted == byte => Step::Alive(State::Literal(at + 1)),
                _ => Step::Dead,
            },
            (State::Pattern(state), _) => {
                let Some(Compiled { dfa, .. }) = self.compiled() else { return Step::Dead };
                let next = dfa.next_state(state, byte);
                if dfa.is_match_state(next) {
                    Step::Matched(State::Pattern(next))
                } else if dfa.is_dead_state(next) || dfa.is_quit_state(next) {
                    Step::Dead
                } else {
                    Step::Alive(State::Pattern(next))
                }
            }
            (State::Literal(_), Kind::Pattern { .. }) => Step::Dead,
        }
    }

    /// Goes on with bytes as long as they neither match nor cannot match, and returns how many that are.
    fn live(&self, state: &mut State, bytes: &[u8]) -> usize {
        use regex_automata::dfa::Automaton;
        let State::Pattern(here) = state else {
            let mut is_alive = |byte: &u8| match self.step(*state, *byte) {
                Step::Alive(next) => {
                    *state = next;
                    true
                }
                _ => false,
            };
            return bytes.iter().take_while(|byte| is_alive(byte)).count();
        };
        let Some(Compiled { dfa, .. }) = self.compiled() else { return 0 };
        for (at, byte) in bytes.iter().enumerate() {
            let next = dfa.next_state(*here, *byte);
            if dfa.is_special_state(next)
                && (dfa.is_match_state(next) || dfa.is_dead_state(next) || dfa.is_quit_state(next))
            {
                return at;
            }
            *here = next;
        }
        bytes.len()
    }

    /// Whether what stands before a state matches if nothing follows. Where more may follow, only if that says nothing about it.
    pub(super) fn matches(&self, state: State, is_end: bool) -> bool {
        use regex_automata::dfa::Automaton;
        match (state, self.compiled()) {
            (State::Pattern(state), Some(Compiled { dfa, is_eager, .. })) => {
                (*is_eager || is_end) && dfa.is_match_state(dfa.next_eoi_state(state))
            }
            _ => false,
        }
    }

    /// The part of a match that is the secret.
    pub(super) fn secret(&self, text: &[u8]) -> Range<usize> {
        let secret = self.compiled().and_then(|compiled| compiled.secret.as_ref());
        let group = secret.and_then(|secret| secret.captures(text)?.name("secret"));
        group.map_or(0..text.len(), |group| group.range())
    }
}

fn check_name(field: &str, name: &str) -> Result<()> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    if (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(is_plain) {
        return Ok(());
    }
    let expected = format!("1 to {LONGEST_NAME} letters, digits, `_`, `.` or `-`");
    Err(Error::OutOfRange {
        field: field.to_owned().into(),
        expected,
        received: format!("{name:?}"),
    })
}

/// Whether `\b` takes a byte for a part of a word.
fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Letters and classes are those of ASCII, as in JavaScript.
fn syntax(ignores_case: bool) -> syntax::Config {
    syntax::Config::new().unicode(false).utf8(false).case_insensitive(ignores_case)
}

fn compile(pattern: &str, ignores_case: bool) -> Option<Compiled> {
    let hir = syntax::parse_with(pattern, &syntax(ignores_case)).ok()?;
    let is_eager = !looks_ahead(&hir);
    let config = dense::Config::new()
        .start_kind(StartKind::Anchored)
        .match_kind(regex_automata::MatchKind::All)
        .dfa_size_limit(Some(LARGEST))
        .determinize_size_limit(Some(LARGEST));
    let dfa = dense::Builder::new()
        .configure(config)
        .syntax(syntax(ignores_case))
        .thompson(thompson::Config::new().utf8(false).nfa_size_limit(Some(LARGEST)))
        .build(pattern)
        .ok()?;
    let has_secret = has_group(&hir, "secret");
    let secret = regex::bytes::RegexBuilder::new(&format!("^(?:{pattern})"))
        .unicode(false)
        .case_insensitive(ignores_case)
        .build();
    let secret = if has_secret { Some(secret.ok()?) } else { None };
    Some(Compiled { dfa, is_eager, secret })
}

fn has_group(hir: &Hir, name: &str) -> bool {
    match hir.kind() {
        HirKind::Capture(capture) => {
            capture.name.as_deref() == Some(name) || has_group(&capture.sub, name)
        }
        HirKind::Repetition(repetition) => has_group(&repetition.sub, name),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().any(|part| has_group(part, name))
        }
        _ => false,
    }
}

/// Whether something behind its beginning has to stand beside something else, as `\b` and `$` say.
fn looks_ahead(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Look(_) => false,
        HirKind::Capture(capture) => looks_ahead(&capture.sub),
        HirKind::Alternation(parts) => parts.iter().any(looks_ahead),
        HirKind::Concat(parts) => {
            let mut rest = parts.iter().skip_while(|part| matches!(part.kind(), HirKind::Look(_)));
            rest.next().is_some_and(looks_ahead)
                || rest.any(|part| !part.properties().look_set().is_empty())
        }
        _ => !hir.properties().look_set().is_empty(),
    }
}

/// A pattern of a user that can be looked for.
fn checked(field: &str, rule: &Rule) -> Result<Hir> {
    let refuse = |expected: String| Error::OutOfRange {
        field: field.to_owned().into(),
        expected,
        received: format!("{:?}", rule.pattern),
    };
    let hir = syntax::parse_with(&rule.pattern, &syntax(rule.ignores_case))
        .map_err(|error| refuse(format!("a regular expression ({error})")))?;
    let starts = starts_of(&hir);
    if starts.is_empty() || starts.iter().any(|start| start.len() < SHORTEST_START) {
        return Err(refuse(format!(
            "a pattern that begins with a text of at least {SHORTEST_START} characters, or with one of a few"
        )));
    }
    if compile(&rule.pattern, rule.ignores_case).is_none() {
        return Err(refuse("a smaller pattern".into()));
    }
    Ok(hir)
}

/// How a match of a pattern begins, in any case; nothing where that is not known.
fn starts_of(hir: &Hir) -> BTreeSet<Vec<u8>> {
    let mut extractor = Extractor::new();
    extractor.kind(ExtractKind::Prefix).limit_total(MOST_STARTS);
    let found = extractor.extract(&in_lower_case(hir));
    found.literals().unwrap_or_default().iter().map(|start| start.as_bytes().into()).collect()
}

/// A pattern without the upper case of letters that may be there in either.
fn in_lower_case(hir: &Hir) -> Hir {
    let all = |parts: &[Hir]| parts.iter().map(in_lower_case).collect();
    match hir.kind() {
        HirKind::Class(Class::Bytes(class)) => {
            let has =
                |byte: u8| class.iter().any(|range| (range.start()..=range.end()).contains(&byte));
            let upper = (b'A'..=b'Z').filter(|upper| has(upper.to_ascii_lowercase()));
            let mut lower = class.clone();
            lower.difference(&ClassBytes::new(upper.map(|byte| ClassBytesRange::new(byte, byte))));
            Hir::class(Class::Bytes(lower))
        }
        HirKind::Capture(capture) => in_lower_case(&capture.sub),
        HirKind::Repetition(repetition) => {
            Hir::repetition(repetition.with(in_lower_case(&repetition.sub)))
        }
        HirKind::Concat(parts) => Hir::concat(all(parts)),
        HirKind::Alternation(parts) => Hir::alternation(all(parts)),
        _ => hir.clone(),
    }
}
