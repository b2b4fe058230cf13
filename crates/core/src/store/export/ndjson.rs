//! `ndjson`: one JSON object a line for every chunk.

use std::borrow::Cow;
use std::io::{self, Write};

use serde::Serialize;

use super::Format;
use crate::store::model::{Chunk, OutputType};
use crate::store::timestamp::{Timestamp, TimestampText};

/// A line for every chunk.
pub(super) struct Ndjson {
    session_id: String,
}

/// A chunk with the names and in the order of its line.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    session_id: &'a str,
    /// `null` for an invalid date, as JavaScript writes it.
    timestamp: Option<TimestampText>,
    #[serde(rename = "type")]
    kind: OutputType,
    data: Cow<'a, str>,
    cursor: i64,
}

impl Ndjson {
    /// The lines of this session.
    pub(super) fn new(session_id: String) -> Self {
        Self { session_id }
    }
}

impl Format for Ndjson {
    fn chunk(&mut self, chunk: &Chunk<'_>, out: &mut dyn Write) -> io::Result<()> {
        let record = Record {
            session_id: &self.session_id,
            timestamp: Timestamp::from_millis(chunk.output.timestamp).map(Timestamp::text),
            kind: chunk.output.kind,
            data: String::from_utf8_lossy(chunk.output.data),
            cursor: chunk.id,
        };
        serde_json::to_writer(&mut *out, &record)?;
        out.write_all(b"\n")
    }
}
