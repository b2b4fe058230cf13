//! The chunks of a session that are all there already, without secrets, in their order.

use std::collections::VecDeque;
use std::sync::Arc;

use super::redactor::Redactor;
use super::scanner::{Edit, Finding, Scanner};
use super::stream::edited;
use crate::store::model::OutputType;

/// Bytes of chunks, and chunks, that wait until it is known what is in them. Then what is known has to do.
const MOST_BYTES: usize = 4 << 20;
const MOST_CHUNKS: usize = 16 << 10;

/// Looks at the chunks of one session, one after the other. Each comes back once it is known what is in it.
pub(in crate::store) struct Chunks<T> {
    streams: [Stream; 2],
    waiting: VecDeque<Waiting<T>>,
    bytes: usize,
}

/// One of the two streams.
struct Stream {
    scanner: Scanner,
    /// Those of chunks that wait, and that of the chunk before them if it goes on.
    edits: Vec<Edit>,
    length: u64,
}

struct Waiting<T> {
    chunk: T,
    kind: OutputType,
    /// Its place in the stream.
    start: u64,
    data: Vec<u8>,
}

/// A chunk, and what is in it.
pub(in crate::store) struct Known<T> {
    pub(in crate::store) chunk: T,
    pub(in crate::store) kind: OutputType,
    /// What it was.
    pub(in crate::store) data: Vec<u8>,
    /// What it is without secrets, if there are any.
    pub(in crate::store) cleaned: Option<Vec<u8>>,
    /// The parts of secrets that begin in it, and whether that is the first part.
    pub(in crate::store) found: Vec<(bool, Finding)>,
}

impl<T> Chunks<T> {
    pub(in crate::store) fn new(redactor: &Arc<Redactor>) -> Self {
        let stream =
            || Stream { scanner: Scanner::new(Arc::clone(redactor)), edits: Vec::new(), length: 0 };
        Self { streams: [stream(), stream()], waiting: VecDeque::new(), bytes: 0 }
    }

    /// Adds the next chunk.
    pub(in crate::store) fn push(&mut self, chunk: T, kind: OutputType, data: Vec<u8>) {
        let stream = self.stream(kind);
        stream.scanner.feed(&data, &mut stream.edits);
        let start = stream.length;
        stream.length += data.len() as u64;
        self.bytes += data.len();
        self.waiting.push_back(Waiting { chunk, kind, start, data });
        if self.bytes > MOST_BYTES || self.waiting.len() > MOST_CHUNKS {
            self.end();
        }
    }

    /// Nothing follows.
    pub(in crate::store) fn end(&mut self) {
        for stream in &mut self.streams {
            stream.scanner.pause(&mut stream.edits);
        }
    }

    /// The next chunk of which all is known; after `is_end`, of which there is nothing more to know.
    pub(in crate::store) fn next(&mut self, is_end: bool) -> Option<Known<T>> {
        let is_full = self.bytes > MOST_BYTES || self.waiting.len() > MOST_CHUNKS;
        let first = self.waiting.front()?;
        let end = first.start + first.data.len() as u64;
        let is_known = self.stream_of(first.kind).scanner.undecided() >= end;
        if !is_known && !is_end && !is_full {
            return None;
        }
        let Waiting { chunk, kind, start, data } = self.waiting.pop_front()?;
        self.bytes -= data.len();
        let stream = self.stream(kind);
        let redactor = Arc::clone(stream.scanner.redactor());
        let edits: Vec<Edit> = stream
            .edits
            .iter()
            .filter(|edit| edit.from < end && edit.to > start)
            .copied()
            .collect();
        let told = edits.iter().filter(|edit| edit.length > 0).map(|edit| {
            let rule = Arc::clone(redactor.name(edit.rule));
            (edit.is_first, Finding { rule, length: edit.length })
        });
        let found = told.collect();
        stream.edits.retain(|edit| edit.to > end);
        // The marker stands where it begins, and what is told once is told.
        for edit in stream.edits.iter_mut().filter(|edit| edit.from < end) {
            *edit = Edit { is_first: false, length: 0, ..*edit };
        }
        let cleaned = (!edits.is_empty()).then(|| edited(&redactor, &data, start, &edits));
        Some(Known { chunk, kind, data, cleaned, found })
    }

    /// Whether a secret was found that may go on in what follows.
    pub(in crate::store) fn is_open(&self) -> bool {
        self.streams.iter().any(|stream| !stream.edits.is_empty() || stream.scanner.is_within())
    }

    fn stream(&mut self, kind: OutputType) -> &mut Stream {
        let [stdout, stderr] = &mut self.streams;
        if kind == OutputType::Stdout { stdout } else { stderr }
    }

    fn stream_of(&self, kind: OutputType) -> &Stream {
        let [stdout, stderr] = &self.streams;
        if kind == OutputType::Stdout { stdout } else { stderr }
    }
}
