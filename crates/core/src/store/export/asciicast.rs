//! `asciicast`: a recording that asciinema and its player play.
//! <https://docs.asciinema.org/manual/asciicast/v2/>

use std::borrow::Cow;
use std::collections::VecDeque;
use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;

use super::Format;
use crate::store::model::Chunk;
use crate::store::terminal::{Setting, Size};

/// A recording.
pub(super) struct Asciicast {
    setting: Setting,
    /// The sizes that the terminal gets, each behind a chunk.
    sizes: VecDeque<(i64, Size)>,
    title: Option<String>,
    has_header: bool,
    /// The first valid moment, in milliseconds since 1970.
    start: Option<i64>,
    /// The length so far, in milliseconds. It never decreases.
    elapsed: i64,
    /// Whether the output so far ends with a carriage return.
    returned: bool,
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

/// Every other line: when something happened, in milliseconds since the start, and `o` with what was printed, or `r` with
/// a new size.
#[derive(Serialize)]
struct Event<'a>(i64, &'static str, Cow<'a, str>);

impl Event<'_> {
    fn write(self, out: &mut dyn Write) -> io::Result<()> {
        self.serialize(&mut Serializer::with_formatter(&mut *out, EventFormatter))?;
        out.write_all(b"\n")
    }
}

/// A text with a carriage return before each line feed, as a terminal needs it. `returned` says that one is before it.
fn with_returns(text: Cow<'_, str>, returned: bool) -> Cow<'_, str> {
    let mut before = if returned { '\r' } else { '\n' };
    let is_bare = |before: char, next: char| next == '\n' && before != '\r';
    if !text.contains('\n') {
        return text;
    }
    let mut whole = String::with_capacity(text.len() + 16);
    for next in text.chars() {
        if is_bare(before, next) {
            whole.push('\r');
        }
        whole.push(next);
        before = next;
    }
    whole.into()
}

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
    /// A recording in a terminal like this.
    pub(super) fn new(setting: Setting, sizes: Vec<(i64, Size)>, title: Option<String>) -> Self {
        let sizes = sizes.into();
        Self { setting, sizes, title, has_header: false, start: None, elapsed: 0, returned: false }
    }

    fn header(&mut self, moment: Option<i64>, out: &mut dyn Write) -> io::Result<()> {
        self.has_header = true;
        let header = Header {
            version: 2,
            width: self.setting.size.columns,
            height: self.setting.size.rows,
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
        while let Some((behind, size)) = self.sizes.front()
            && *behind < chunk.id
        {
            let size = format!("{}x{}", size.columns, size.rows);
            Event(self.elapsed, "r", size.into()).write(out)?;
            self.sizes.pop_front();
        }
        let mut data = String::from_utf8_lossy(chunk.output.data);
        if !self.setting.is_terminal {
            let returned = std::mem::replace(&mut self.returned, data.ends_with('\r'));
            data = with_returns(data, returned);
        }
        Event(self.elapsed, "o", data).write(out)
    }

    fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if self.has_header { Ok(()) } else { self.header(None, out) }
    }
}
