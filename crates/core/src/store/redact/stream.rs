//! The output of one session, without secrets.

use std::borrow::Cow;
use std::mem;
use std::sync::Arc;

use super::redactor::Redactor;
use super::scanner::{Edit, Finding, Scanner};

/// One stream of a session. It holds back what may be the start of a secret.
#[derive(Clone)]
pub struct Stream {
    scanner: Scanner,
    held: Vec<u8>,
    /// The place of the first byte that is held.
    start: u64,
    edits: Vec<Edit>,
    findings: Vec<Finding>,
}

impl Stream {
    /// A stream from its start on.
    pub fn new(redactor: Arc<Redactor>) -> Self {
        Self {
            scanner: Scanner::new(redactor),
            held: Vec::new(),
            start: 0,
            edits: Vec::new(),
            findings: Vec::new(),
        }
    }

    /// What is known to be no secret once these bytes have come, with markers in the places of secrets. Where nothing is held back
    /// from before and nothing replaced, that is a part of the bytes from their beginning on.
    pub fn feed<'a>(&mut self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        self.scanner.feed(bytes, &mut self.edits);
        // What was given already stays given, even if it may still be a part of a secret.
        let decided = self.scanner.undecided().max(self.start);
        let known = usize::try_from(decided.saturating_sub(self.start)).unwrap_or(0);
        if self.edits.is_empty()
            && let Some((given, held)) =
                known.checked_sub(self.held.len()).and_then(|cut| bytes.split_at_checked(cut))
        {
            self.start = decided;
            let all = (!self.held.is_empty()).then(|| [self.held.as_slice(), given].concat());
            self.held.clear();
            self.held.extend_from_slice(held);
            return all.map_or(Cow::Borrowed(given), Cow::Owned);
        }
        self.held.extend_from_slice(bytes);
        Cow::Owned(self.give(decided))
    }

    /// What is held back. If it goes on as a secret, the rest is replaced all the same.
    pub fn release(&mut self) -> Vec<u8> {
        if self.held.is_empty() {
            return Vec::new();
        }
        self.scanner.pause(&mut self.edits);
        self.give(self.start + self.held.len() as u64)
    }

    /// Whether it is in the middle of nothing.
    pub fn is_idle(&self) -> bool {
        self.held.is_empty() && self.scanner.is_idle()
    }

    /// Whether anything is held back.
    pub fn is_holding(&self) -> bool {
        !self.held.is_empty()
    }

    /// The secrets that were found since the last call.
    pub fn findings(&mut self) -> Vec<Finding> {
        mem::take(&mut self.findings)
    }

    /// The bytes that are held, up to a place.
    fn give(&mut self, decided: u64) -> Vec<u8> {
        let length = usize::try_from(decided.saturating_sub(self.start)).unwrap_or(0);
        let rest = self.held.split_off(length.min(self.held.len()));
        let given = mem::replace(&mut self.held, rest);
        let edits = mem::take(&mut self.edits);
        let redactor = self.scanner.redactor();
        for edit in &edits {
            match self.findings.last_mut() {
                Some(last) if !edit.is_first => last.length += edit.length,
                _ if edit.is_first => {
                    let rule = Arc::clone(redactor.name(edit.rule));
                    self.findings.push(Finding { rule, length: edit.length });
                }
                _ => {}
            }
        }
        let start = mem::replace(&mut self.start, decided);
        edited(redactor, &given, start, &edits)
    }
}

/// Bytes that begin at a place of the stream, after these edits.
pub(super) fn edited(redactor: &Redactor, bytes: &[u8], start: u64, edits: &[Edit]) -> Vec<u8> {
    let mut all = Vec::with_capacity(bytes.len());
    let place = |at: u64| usize::try_from(at.saturating_sub(start)).unwrap_or(usize::MAX);
    let mut at = 0;
    let mut marks = false;
    for edit in edits {
        marks |= edit.is_first;
        if edit.to <= start {
            // It was given before. The marker stands in the place of the first part that was not.
            continue;
        }
        let (from, to) = (place(edit.from).clamp(at, bytes.len()), place(edit.to).min(bytes.len()));
        all.extend_from_slice(bytes.get(at..from).unwrap_or_default());
        if mem::take(&mut marks) {
            all.extend_from_slice(redactor.marker(edit.rule).as_bytes());
        }
        at = to.max(from);
    }
    all.extend_from_slice(bytes.get(at..).unwrap_or_default());
    all
}

/// A text without secrets, and those that were in it.
pub fn clean<'a>(redactor: &Arc<Redactor>, text: &'a str) -> (Cow<'a, str>, Vec<Finding>) {
    let mut stream = Stream::new(Arc::clone(redactor));
    let given = stream.feed(text.as_bytes()).into_owned();
    let all = [given, stream.release()].concat();
    let findings = stream.findings();
    if findings.is_empty() {
        return (Cow::Borrowed(text), findings);
    }
    (Cow::Owned(String::from_utf8_lossy(&all).into_owned()), findings)
}
