//! The values that the stores take and give.

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
    /// What a session is doing.
    SessionStatus {
        /// Not started yet.
        Idle = "idle",
        /// At work.
        Running = "running",
        /// Stopped until somebody decides on its checkpoint.
        WaitingCheckpoint = "waiting_checkpoint",
        /// Over, and it succeeded.
        Completed = "completed",
        /// Over, and it failed.
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
    /// What a session's output is exported as.
    ExportFormat {
        /// The bytes as they were printed.
        Raw = "raw",
        /// What a person saw, without colours.
        Text = "text",
        /// What a person saw, as a page.
        Html = "html",
        /// A JSON object a line for every chunk.
        Ndjson = "ndjson",
        /// A recording for asciinema.
        Asciicast = "asciicast",
    }
}

/// A session to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct NewSession {
    /// Its unique name.
    pub id: String,
    /// The slot it runs in, from 1; the store checks what the file accepts.
    pub slot: i64,
    /// What it is doing.
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
}

/// What to do with a field of a stored session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Change<T> {
    /// Leave it as it is.
    #[default]
    Keep,
    /// Make it NULL.
    Clear,
    /// Give it a value.
    Set(T),
}

impl<T> Change<T> {
    /// Whether the field changes.
    pub fn is_change(&self) -> bool {
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

/// The fields of a stored session that a caller may change.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SessionUpdate {
    /// What it is doing; a status cannot be cleared.
    pub status: Option<SessionStatus>,
    /// The command it runs.
    pub current_command: Change<String>,
    /// When it ended.
    pub ended_at: Change<Timestamp>,
    /// The process it runs in.
    pub pid: Change<i64>,
}

/// A stored session, borrowed from the row that SQLite stands on.
///
/// Texts are bytes, because another program may have stored invalid UTF-8; moments are milliseconds
/// since 1970, NaN where the stored text is none.
#[derive(Debug, Clone, Copy)]
pub struct SessionRow<'row> {
    /// Its unique name.
    pub id: &'row [u8],
    /// The slot it runs in.
    pub slot: i64,
    /// What it is doing.
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
}

/// What a listing of sessions hands out.
#[derive(Debug, Clone, Copy)]
pub enum Listed<'row> {
    /// The next session.
    Session(SessionRow<'row>),
    /// They turned out to be in no order: those so far do not count, and come again.
    StartOver,
}

/// A chunk of output to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOutput {
    /// The session that printed it.
    pub session_id: String,
    /// When it was printed.
    pub timestamp: Timestamp,
    /// The stream it came from.
    pub kind: OutputType,
    /// What was printed.
    pub data: String,
}

/// A stored chunk of output, borrowed from the row that SQLite stands on; see [`SessionRow`].
#[derive(Debug, Clone, Copy)]
pub struct OutputRow<'row> {
    /// When it was printed.
    pub timestamp: f64,
    /// The stream it came from.
    pub kind: OutputType,
    /// What was printed.
    pub data: &'row [u8],
}

/// A stored chunk with its id, which is the cursor behind it.
#[derive(Debug, Clone, Copy)]
pub struct Chunk<'row> {
    /// Its id.
    pub id: i64,
    /// The rest of it.
    pub output: OutputRow<'row>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_values_name_each_other() {
        for (index, text) in SessionStatus::TEXTS.iter().enumerate() {
            let status = SessionStatus::parse(text.as_bytes()).unwrap();
            assert_eq!((status.as_str(), status as usize), (*text, index));
        }
        assert_eq!(OutputType::parse(b"stderr"), Some(OutputType::Stderr));
        assert_eq!(OutputType::parse(b"STDERR"), None);
    }
}
