//! The values that the stores take and return.

use rusqlite::types::{ToSql, ToSqlOutput};
use serde::{Serialize, Serializer};

use super::timestamp::Timestamp;

macro_rules! literals {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub enum $name { $($(#[$variant_meta])* $variant,)+ }

        impl $name {
            /// Every value by its text, in the order of the variants.
            pub const TEXTS: &[&str] = &[$($text),+];

            /// The text that is stored.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The value with this text.
            pub fn parse(text: &[u8]) -> Option<Self> {
                $(if text == $text.as_bytes() { return Some(Self::$variant); })+
                None
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(self.as_str().into())
            }
        }
    };
}

literals! {
    /// The state of a session.
    SessionStatus {
        /// Not started yet.
        Idle = "idle",
        /// Its process runs.
        Running = "running",
        /// It waits for a decision at a checkpoint.
        WaitingCheckpoint = "waiting_checkpoint",
        /// It has ended with success.
        Completed = "completed",
        /// It has ended with a failure.
        Failed = "failed",
    }
}

literals! {
    /// The stream that a chunk of output came from.
    OutputType {
        /// Standard output.
        Stdout = "stdout",
        /// Standard error.
        Stderr = "stderr",
    }
}

literals! {
    /// The format of an export.
    ExportFormat {
        /// The bytes as they were printed.
        Raw = "raw",
        /// The visible lines, without colours.
        Text = "text",
        /// The visible lines as a page, with colours.
        Html = "html",
        /// A line with a JSON object for every chunk.
        Ndjson = "ndjson",
        /// A recording for asciinema.
        Asciicast = "asciicast",
    }
}

/// What a session has beyond the plan's table, if anything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Details {
    /// What people call it.
    pub title: Option<String>,
    /// The code with which its process ended.
    pub exit_code: Option<i64>,
    /// The signal that ended its process, by its name.
    pub signal: Option<String>,
    /// Why it failed, in words.
    pub error: Option<String>,
    /// Whether it had a terminal.
    pub terminal: Option<bool>,
    /// The width of the terminal in cells.
    pub columns: Option<i64>,
    /// Its height.
    pub rows: Option<i64>,
}

impl SessionStatus {
    /// A text in which SQL finds each of these by `instr(…, '|' || status || '|')`.
    pub(crate) fn among(all: &[Self]) -> String {
        let all: Vec<_> = all.iter().map(|status| status.as_str()).collect();
        format!("|{}|", all.join("|"))
    }
}

literals! {
    /// The order of the chunks of a session.
    Order {
        /// By their timestamps, and as they were appended where these are equal.
        Time = "time",
        /// As they were appended: what a terminal has shown, whatever the clock did.
        Append = "append",
    }
}

/// The process that answers for a session: once it is gone, nobody tells how the session went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Owner {
    /// The caller, for a new session and where the pid changes. Otherwise the one that it has.
    #[default]
    Implied,
    /// None.
    Nobody,
    /// The process with this pid.
    Process(i64),
}

/// A new session.
#[derive(Debug, Clone, PartialEq)]
pub struct NewSession {
    /// Its unique name.
    pub id: String,
    /// The slot it runs in, from 1. The store checks that the file accepts it.
    pub slot: i64,
    /// Its state.
    pub status: SessionStatus,
    /// The folder it works in.
    pub working_dir: String,
    /// The command it runs.
    pub current_command: Option<String>,
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// The process it runs in.
    pub pid: Option<i64>,
    /// What it has beyond that.
    pub details: Details,
    /// The process that answers for it.
    pub owner: Owner,
}

/// A change of a field of a stored session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Change<T> {
    /// Leave it unchanged.
    #[default]
    Keep,
    /// Make it NULL.
    Clear,
    /// Give it a value.
    Set(T),
}

impl<T> Change<T> {
    /// Whether the field changes.
    pub(crate) fn is_change(&self) -> bool {
        !matches!(self, Self::Keep)
    }

    /// The new value, `None` for NULL.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Set(value) => Some(value),
            _ => None,
        }
    }
}

/// Changes of [`Details`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DetailsUpdate {
    /// What people call it.
    pub title: Change<String>,
    /// The code with which its process ended.
    pub exit_code: Change<i64>,
    /// The signal that ended its process, by its name.
    pub signal: Change<String>,
    /// Why it failed, in words.
    pub error: Change<String>,
    /// Whether it had a terminal.
    pub terminal: Change<bool>,
    /// The width of the terminal in cells.
    pub columns: Change<i64>,
    /// Its height.
    pub rows: Change<i64>,
}

/// The fields of a stored session that a caller may change.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SessionUpdate {
    /// Its state. It cannot be cleared.
    pub status: Option<SessionStatus>,
    /// The command it runs.
    pub current_command: Change<String>,
    /// When it ended.
    pub ended_at: Change<Timestamp>,
    /// The process it runs in.
    pub pid: Change<i64>,
    /// What it has beyond that.
    pub details: DetailsUpdate,
    /// The process that answers for it.
    pub owner: Owner,
}

/// A change of a session.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Update {
    /// Its id.
    pub(crate) id: String,
    /// What changes.
    pub(crate) update: SessionUpdate,
    /// Whether nothing changes where somebody has said already that the session is over.
    pub(crate) only_running: bool,
}

/// A stored session, borrowed from the current row of SQLite.
///
/// Texts are bytes, because another program may have stored invalid UTF-8. Moments are milliseconds since 1970, and
/// NaN if the stored text is not a moment.
#[derive(Debug, Clone, Copy)]
pub struct SessionRow<'row> {
    /// Its unique name.
    pub id: &'row [u8],
    /// The slot it runs in.
    pub slot: i64,
    /// Its state.
    pub status: SessionStatus,
    /// The folder it works in.
    pub working_dir: &'row [u8],
    /// The command it runs.
    pub current_command: Option<&'row [u8]>,
    /// When it started.
    pub started_at: f64,
    /// When it ended.
    pub ended_at: Option<f64>,
    /// The process it runs in.
    pub pid: Option<f64>,
    /// What it has beyond that.
    pub details: Option<DetailsRow<'row>>,
}

/// Stored [`Details`]; see [`SessionRow`].
#[derive(Debug, Clone, Copy)]
pub struct DetailsRow<'row> {
    /// What people call it.
    pub title: Option<&'row [u8]>,
    /// The code with which its process ended.
    pub exit_code: Option<f64>,
    /// The signal that ended its process, by its name.
    pub signal: Option<&'row [u8]>,
    /// Why it failed, in words.
    pub error: Option<&'row [u8]>,
    /// Whether it had a terminal.
    pub terminal: Option<bool>,
    /// The width of the terminal in cells.
    pub columns: Option<f64>,
    /// Its height.
    pub rows: Option<f64>,
}

/// A new chunk of output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOutput {
    /// The session that printed it.
    pub session_id: String,
    /// When it was printed.
    pub timestamp: Timestamp,
    /// The stream it came from.
    pub kind: OutputType,
    /// What was printed.
    pub data: Data,
}

/// What a chunk holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// Text.
    Text(String),
    /// Bytes that are no text. They are stored as a BLOB, which readers take for text with U+FFFD in it.
    Bytes(Vec<u8>),
}

impl Data {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }

    /// So many of its bytes.
    pub(super) fn cut_off(self, length: usize) -> Self {
        match self {
            Self::Text(mut text) if text.is_char_boundary(length) => {
                text.truncate(length);
                Self::Text(text)
            }
            Self::Text(text) => Self::Bytes(text.into_bytes()).cut_off(length),
            Self::Bytes(mut bytes) => {
                bytes.truncate(length);
                bytes.into()
            }
        }
    }

    /// Adds what comes behind it.
    pub(super) fn append(&mut self, other: Self) {
        match (&mut *self, other) {
            (Self::Text(text), Self::Text(other)) => text.push_str(&other),
            (all, other) => *all = [all.as_bytes(), other.as_bytes()].concat().into(),
        }
    }

    /// Its length in bytes.
    pub fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
        }
    }
}

impl From<String> for Data {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Data {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<Vec<u8>> for Data {
    fn from(bytes: Vec<u8>) -> Self {
        String::from_utf8(bytes).map_or_else(|error| Self::Bytes(error.into_bytes()), Self::Text)
    }
}

impl ToSql for Data {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match self {
            Self::Text(text) => text.to_sql(),
            Self::Bytes(bytes) => bytes.to_sql(),
        }
    }
}

/// A stored chunk of output, borrowed from the current row of SQLite; see [`SessionRow`].
#[derive(Debug, Clone, Copy)]
pub struct OutputRow<'row> {
    /// When it was printed.
    pub timestamp: f64,
    /// The stream it came from.
    pub kind: OutputType,
    /// What was printed.
    pub data: &'row [u8],
}

/// A stored chunk with its id, which is also the cursor behind it.
#[derive(Debug, Clone, Copy)]
pub struct Chunk<'row> {
    /// Its id.
    pub id: i64,
    /// Its other fields.
    pub output: OutputRow<'row>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_parse_to_the_values_that_they_name() {
        for (index, text) in SessionStatus::TEXTS.iter().enumerate() {
            let status = SessionStatus::parse(text.as_bytes()).unwrap();
            assert_eq!((status.as_str(), status as usize), (*text, index));
        }
        assert_eq!(OutputType::parse(b"stderr"), Some(OutputType::Stderr));
        assert_eq!(OutputType::parse(b"STDERR"), None);
    }
}
