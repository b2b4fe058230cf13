//! Redaction of what is recorded.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::store::model::OutputType;
use crate::store::redact::{Finding, Redact, Redactor, Stream};

/// Both streams of a session.
pub(super) struct Redacting {
    redact: Redact,
    streams: [Stream; 2],
    /// Since when something is held back.
    since: Option<Instant>,
}

impl Redacting {
    pub(super) fn new(redact: Redact) -> Self {
        let stream = || Stream::new(Arc::clone(&redact.redactor));
        let streams = [stream(), stream()];
        Self { redact, streams, since: None }
    }

    pub(super) fn redactor(&self) -> &Arc<Redactor> {
        &self.redact.redactor
    }

    fn stream(&mut self, kind: OutputType) -> &mut Stream {
        let [stdout, stderr] = &mut self.streams;
        if kind == OutputType::Stdout { stdout } else { stderr }
    }

    /// What may be stored once these bytes were printed.
    pub(super) fn feed(&mut self, kind: OutputType, bytes: &[u8]) -> Vec<u8> {
        let given = self.stream(kind).feed(bytes).into_owned();
        let is_holding = self.streams.iter().any(Stream::is_holding);
        self.since = is_holding.then(|| self.since.unwrap_or_else(Instant::now));
        given
    }

    /// What is held back.
    pub(super) fn release(&mut self, kind: OutputType) -> Vec<u8> {
        let given = self.stream(kind).release();
        if !self.streams.iter().any(Stream::is_holding) {
            self.since = None;
        }
        given
    }

    /// The secrets that were found since the last call.
    pub(super) fn findings(&mut self, kind: OutputType) -> Vec<Finding> {
        self.stream(kind).findings()
    }

    /// How long it may be held back yet; `None` where nothing is.
    pub(super) fn time_left(&self) -> Option<Duration> {
        self.since.map(|since| self.redact.max_delay.saturating_sub(since.elapsed()))
    }
}
