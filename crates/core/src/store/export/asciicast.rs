//! `asciicast`: a recording that asciinema and its player play.
//! <https://docs.asciinema.org/manual/asciicast/v2/>

use std::io::{self, Write};

use super::{Format, Size, json};
use crate::store::model::Chunk;

/// A recording.
pub(super) struct Asciicast {
    size: Size,
    title: Option<String>,
    has_header: bool,
    /// When it starts, in milliseconds since 1970; the first moment that is one.
    start: Option<i64>,
    /// How long it takes so far, in milliseconds. It never goes back.
    elapsed: i64,
}

impl Asciicast {
    /// A recording in a terminal of this size.
    pub(super) fn new(size: Size, title: Option<String>) -> Self {
        Self { size, title, has_header: false, start: None, elapsed: 0 }
    }

    /// The first line, which tells when the first chunk was printed.
    fn header(&mut self, moment: Option<i64>, out: &mut dyn Write) -> io::Result<()> {
        self.has_header = true;
        let Size { columns, rows } = self.size;
        write!(out, r#"{{"version":2,"width":{columns},"height":{rows}"#)?;
        // Players want no moment before 1970.
        if let Some(millis) = moment.filter(|millis| *millis >= 0) {
            write!(out, r#","timestamp":{}"#, millis / 1000)?;
        }
        if let Some(title) = &self.title {
            out.write_all(br#","title":"#)?;
            json(title.as_bytes(), out)?;
        }
        out.write_all(b"}\n")
    }
}

impl Format for Asciicast {
    fn chunk(&mut self, chunk: &Chunk<'_>, out: &mut dyn Write) -> io::Result<()> {
        let millis = chunk.output.timestamp;
        let moment = (!millis.is_nan()).then_some(millis as i64);
        if !self.has_header {
            self.header(moment, out)?;
        }
        if let Some(moment) = moment {
            let start = *self.start.get_or_insert(moment);
            self.elapsed = self.elapsed.max(moment.saturating_sub(start));
        }
        write!(out, r#"[{}.{:03}, "o", "#, self.elapsed / 1000, self.elapsed % 1000)?;
        json(chunk.output.data, out)?;
        out.write_all(b"]\n")
    }

    fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if self.has_header { Ok(()) } else { self.header(None, out) }
    }
}
