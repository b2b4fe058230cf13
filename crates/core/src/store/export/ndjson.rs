//! `ndjson`: one JSON object a line for every chunk.

use std::io::{self, Write};

use super::{Format, json};
use crate::store::model::Chunk;
use crate::store::timestamp::Timestamp;

/// A line for every chunk.
pub(super) struct Ndjson {
    /// What every line starts with.
    start: Vec<u8>,
}

impl Ndjson {
    /// The lines of this session.
    pub(super) fn new(session_id: &str) -> io::Result<Self> {
        let mut start = br#"{"sessionId":"#.to_vec();
        json(session_id.as_bytes(), &mut start)?;
        start.extend_from_slice(br#","timestamp":"#);
        Ok(Self { start })
    }
}

impl Format for Ndjson {
    fn chunk(&mut self, chunk: &Chunk<'_>, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(&self.start)?;
        match Timestamp::from_millis(chunk.output.timestamp) {
            Some(moment) => write!(out, "\"{}\"", moment.text().as_str()),
            // As JavaScript writes a date that is invalid.
            None => out.write_all(b"null"),
        }?;
        write!(out, r#","type":"{}","data":"#, chunk.output.kind.as_str())?;
        json(chunk.output.data, out)?;
        writeln!(out, r#","cursor":{}}}"#, chunk.id)
    }
}
