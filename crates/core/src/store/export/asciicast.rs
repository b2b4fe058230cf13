//! `asciicast`: a recording that asciinema and its player play.
//! <https://docs.asciinema.org/manual/asciicast/v2/>

use std::borrow::Cow;
use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;

use super::{Format, Size};
use crate::store::model::Chunk;

/// A recording.
pub(super) struct Asciicast {
    size: Size,
    title: Option<String>,
    has_header: bool,
    /// The first valid moment, in milliseconds since 1970.
    start: Option<i64>,
    /// The length so far, in milliseconds. It never decreases.
    elapsed: i64,
}

/// The first line.
#[derive(Serialize)]
struct Header<'a> {
    version: u8,
    width: u16,
    height: u16,
    /// When the first chunk was printed, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
}

/// Every other line: when something was printed, in milliseconds since the start, `o` for output, and what was printed.
#[derive(Serialize)]
struct Event<'a>(i64, &'static str, Cow<'a, str>);

/// Writes events as asciinema does: milliseconds as seconds, and a blank behind every comma.
struct EventFormatter;

impl Formatter for EventFormatter {
    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn write_i64<W: ?Sized + Write>(&mut self, out: &mut W, millis: i64) -> io::Result<()> {
        write!(out, "{}.{:03}", millis / 1000, millis % 1000)
    }
}

impl Asciicast {
    /// A recording in a terminal of this size.
    pub(super) fn new(size: Size, title: Option<String>) -> Self {
        Self { size, title, has_header: false, start: None, elapsed: 0 }
    }

    fn header(&mut self, moment: Option<i64>, out: &mut dyn Write) -> io::Result<()> {
        self.has_header = true;
        let header = Header {
            version: 2,
            width: self.size.columns,
            height: self.size.rows,
            // Players refuse moments before 1970.
            timestamp: moment.filter(|millis| *millis >= 0).map(|millis| millis / 1000),
            title: self.title.as_deref(),
        };
        serde_json::to_writer(&mut *out, &header)?;
        out.write_all(b"\n")
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
        let event = Event(self.elapsed, "o", String::from_utf8_lossy(chunk.output.data));
        event.serialize(&mut Serializer::with_formatter(&mut *out, EventFormatter))?;
        out.write_all(b"\n")
    }

    fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if self.has_header { Ok(()) } else { self.header(None, out) }
    }
}
