//! Redaction of what is stored through one connection, or through one store of it.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use smallvec::SmallVec;

use super::model::{Data, NewOutput, OutputType};
use super::redact::{Finding, Redact, Stream};
use super::timestamp::Timestamp;
use super::write_behind::{Entry, store};
use crate::sqlite::{self, Connection, Held};

/// Streams of which none is in the middle of anything are forgotten beyond this number of sessions.
const MOST_SESSIONS: usize = 10_000;

/// Where a secret was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The session.
    pub session_id: String,
    /// The stream, or `None` for a field of the session.
    pub kind: Option<OutputType>,
    /// The rule, and how long it is.
    pub finding: Finding,
}

/// Replaces secrets before anything of them is queued or written.
pub struct Redaction {
    redact: Redact,
    sessions: RefCell<HashMap<Rc<str>, [Option<Slot>; 2], foldhash::fast::RandomState>>,
    /// What was found, if somebody wants to hear of it.
    found: Option<RefCell<Vec<Found>>>,
}

/// A stream, and when what it holds back came first.
#[derive(Clone)]
struct Slot {
    stream: Stream,
    since: Option<Timestamp>,
}

impl fmt::Debug for Redaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redaction").finish_non_exhaustive()
    }
}

impl Redaction {
    /// Redaction by these rules. With `tells`, what is found is kept for [`found`](Self::found).
    pub fn new(redact: Redact, tells: bool) -> Self {
        let found = tells.then(RefCell::default);
        Self { redact, sessions: RefCell::default(), found }
    }

    /// How it replaces them.
    pub fn redact(&self) -> &Redact {
        &self.redact
    }

    /// Replaces them in what is stored through a connection, by stores that are made from now on.
    pub fn serve(self: Rc<Self>, connection: &Connection) {
        connection.share(Rc::new(self.redact.clone()));
        connection.add_holder(self as Rc<_>);
    }

    /// What was found since the last call.
    pub fn found(&self) -> Vec<Found> {
        self.found.as_ref().map(RefCell::take).unwrap_or_default()
    }

    /// What is stored in the place of chunks, and how many secrets are replaced in them. With `releases` nothing of their sessions
    /// is held back.
    pub(super) fn pass(
        &self,
        connection: &Connection,
        outputs: impl IntoIterator<Item = NewOutput>,
        releases: bool,
    ) -> Passed {
        let mut passed = Passed::default();
        for output in outputs {
            self.feed(output, &mut passed);
        }
        if releases {
            let ids: BTreeSet<Rc<str>> =
                passed.before.iter().map(|before| Rc::clone(&before.session_id)).collect();
            ids.iter().for_each(|session_id| self.release_one(session_id, &mut passed));
        } else if passed.is_holding {
            connection.hold();
        }
        passed
    }

    fn feed(&self, output: NewOutput, passed: &mut Passed) {
        let NewOutput { session_id, timestamp, kind, data } = output;
        let mut sessions = self.sessions.borrow_mut();
        if sessions.len() >= MOST_SESSIONS {
            sessions.retain(|_, slots| slots.iter().flatten().any(|slot| !slot.stream.is_idle()));
        }
        let known = sessions.get_key_value(&*session_id).map(|(id, _)| Rc::clone(id));
        let id = known.unwrap_or_else(|| session_id.as_str().into());
        let place = slot_of(sessions.entry(Rc::clone(&id)).or_default(), kind);
        passed.before.push(Before { session_id: id, kind, slot: place.clone() });
        let slot = place.get_or_insert_with(|| Slot {
            stream: Stream::new(Arc::clone(&self.redact.redactor)),
            since: None,
        });
        let was_empty = data.is_empty();
        let (length, changed) = match slot.stream.feed(data.as_bytes()) {
            Cow::Borrowed(given) => (given.len(), None),
            Cow::Owned(given) => (0, Some(given)),
        };
        let findings = slot.stream.findings();
        slot.since = slot.is_holding().then(|| slot.since.unwrap_or(timestamp));
        passed.is_holding |= slot.is_holding();
        passed.add(&session_id, Some(kind), findings);
        let data = changed.map_or_else(|| data.cut_off(length), Data::from);
        // A chunk in the middle of a secret leaves nothing.
        if !data.is_empty() || was_empty {
            passed.entries.push(Entry::Output(NewOutput { session_id, timestamp, kind, data }));
        }
    }

    /// Adds what is held back of a session.
    fn release_one(&self, id: &Rc<str>, passed: &mut Passed) {
        let mut sessions = self.sessions.borrow_mut();
        let Some(slots) = sessions.get_mut(id) else { return };
        for kind in [OutputType::Stdout, OutputType::Stderr] {
            let place = slot_of(slots, kind);
            let before = Before { session_id: Rc::clone(id), kind, slot: place.clone() };
            let Some(slot) = place.as_mut().filter(|slot| slot.is_holding()) else { continue };
            let data = Data::from(slot.stream.release());
            let findings = slot.stream.findings();
            let timestamp = slot.since.take().unwrap_or_else(Timestamp::now);
            let session_id = String::from(&**id);
            passed.before.push(before);
            passed.add(&session_id, Some(kind), findings);
            if data.is_empty() {
                continue;
            }
            match passed.entries.last_mut() {
                // It is the end of the chunk before it.
                Some(Entry::Output(last)) if last.session_id == session_id && last.kind == kind => {
                    last.data.append(data);
                }
                _ => {
                    let output = NewOutput { session_id, timestamp, kind, data };
                    passed.entries.push(Entry::Output(output));
                }
            }
        }
    }

    /// Tells whether what was passed is stored. If it is not, it was never there.
    pub(super) fn settle(&self, passed: Passed, is_stored: bool) {
        if is_stored {
            if let Some(found) = &self.found {
                found.borrow_mut().extend(passed.found);
            }
            return;
        }
        let mut sessions = self.sessions.borrow_mut();
        for Before { session_id, kind, slot } in passed.before.into_iter().rev() {
            if let Some(slots) = sessions.get_mut(&session_id) {
                *slot_of(slots, kind) = slot;
            }
        }
    }
}

/// What comes out of redaction, on its way into the file.
#[derive(Default)]
pub(super) struct Passed {
    /// What is stored: counts of what was found, and chunks.
    pub(super) entries: SmallVec<[Entry; 1]>,
    found: Vec<Found>,
    /// Whether something is held back.
    is_holding: bool,
    /// The streams as they were.
    before: SmallVec<[Before; 1]>,
}

/// A stream as it was.
struct Before {
    session_id: Rc<str>,
    kind: OutputType,
    slot: Option<Slot>,
}

impl Passed {
    fn add(&mut self, session_id: &str, kind: Option<OutputType>, findings: Vec<Finding>) {
        for finding in findings {
            let (session_id, rule) = (session_id.to_owned(), finding.rule.to_string());
            self.found.push(Found { session_id: session_id.clone(), kind, finding });
            self.entries.push(Entry::Redacted { session_id, rule });
        }
    }
}

impl Slot {
    fn is_holding(&self) -> bool {
        self.stream.is_holding()
    }
}

fn slot_of(slots: &mut [Option<Slot>; 2], kind: OutputType) -> &mut Option<Slot> {
    let [stdout, stderr] = slots;
    if kind == OutputType::Stdout { stdout } else { stderr }
}

impl Held for Redaction {
    fn release(&self, connection: &Connection) -> sqlite::Result<()> {
        let mut passed = Passed::default();
        let is_holding = |slots: &[Option<Slot>; 2]| slots.iter().flatten().any(Slot::is_holding);
        let ids: Vec<Rc<str>> = {
            let sessions = self.sessions.borrow();
            let holding = sessions.iter().filter(|(_, slots)| is_holding(slots));
            holding.map(|(session_id, _)| Rc::clone(session_id)).collect()
        };
        ids.iter().for_each(|session_id| self.release_one(session_id, &mut passed));
        if passed.entries.is_empty() {
            return Ok(());
        }
        let stored = connection.write(|sqlite| store(sqlite, &passed.entries).map(drop));
        self.settle(passed, stored.is_ok());
        stored
    }

    fn forget(&self, session_id: &str) {
        self.sessions.borrow_mut().remove(session_id);
    }
}
