//! Chunks that were read, out of rows or out of a block.

use std::rc::Rc;

use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};

use super::Block;
use crate::store::StoredText;

/// A value as it is stored. Text need not be UTF-8.
#[derive(Debug, Clone)]
pub(super) enum Stored {
    Text(Vec<u8>),
    Other(Value),
}

impl Stored {
    pub(super) fn of(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Text(text) => Self::Text(text.to_owned()),
            ValueRef::Null => Self::Other(Value::Null),
            ValueRef::Integer(number) => Self::Other(Value::Integer(number)),
            ValueRef::Real(number) => Self::Other(Value::Real(number)),
            ValueRef::Blob(bytes) => Self::Other(Value::Blob(bytes.to_owned())),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Text(bytes) | Self::Other(Value::Blob(bytes)) => bytes.len(),
            Self::Other(_) => 8,
        }
    }
}

impl ToSql for Stored {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match self {
            Self::Text(text) => Ok(ToSqlOutput::Borrowed(ValueRef::Text(text))),
            Self::Other(value) => value.to_sql(),
        }
    }
}

/// A moment, as SQLite compares its text: before a BLOB.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment {
    pub(super) is_blob: bool,
    pub(super) bytes: Box<[u8]>,
}

impl Moment {
    pub(super) fn of(stored: &Stored) -> Self {
        match stored {
            Stored::Text(bytes) => Self { is_blob: false, bytes: bytes.as_slice().into() },
            Stored::Other(Value::Blob(bytes)) => {
                Self { is_blob: true, bytes: bytes.as_slice().into() }
            }
            Stored::Other(_) => Self { is_blob: false, bytes: Box::default() },
        }
    }

    pub(super) fn text(bytes: &[u8]) -> Self {
        Self { is_blob: false, bytes: bytes.into() }
    }
}

impl ToSql for Moment {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let value =
            if self.is_blob { ValueRef::Blob(&self.bytes) } else { ValueRef::Text(&self.bytes) };
        Ok(ToSqlOutput::Borrowed(value))
    }
}

/// Chunks that are at hand.
pub(super) enum Run {
    Block { session_id: Rc<[u8]>, block: Block },
    Rows(Vec<Row>),
}

/// A row as it is stored.
pub(super) struct Row {
    pub(super) session_id: Vec<u8>,
    pub(super) id: i64,
    pub(super) timestamp: Stored,
    pub(super) kind: Stored,
    pub(super) data: Stored,
    pub(super) created_at: Stored,
}

/// A column of a chunk.
#[derive(Debug, Clone, Copy)]
pub(super) enum Column {
    Id,
    SessionId,
    Timestamp,
    Kind,
    Data,
    CreatedAt,
}

impl Run {
    /// A column of the chunk at a place.
    pub(super) fn column<T>(
        &self,
        at: usize,
        column: Column,
        give: impl FnOnce(&dyn ToSql) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Option<T>> {
        match self {
            Run::Block { session_id, block } => {
                let Some(chunk) = block.chunk(at) else { return Ok(None) };
                match column {
                    Column::Id => give(&chunk.id),
                    Column::SessionId => give(&StoredText(session_id)),
                    Column::Timestamp => give(&StoredText(chunk.timestamp)),
                    Column::Kind => give(&chunk.kind),
                    Column::Data if chunk.is_blob => give(&chunk.data),
                    Column::Data => give(&StoredText(chunk.data)),
                    Column::CreatedAt => give(&chunk.created_at.map(StoredText)),
                }
                .map(Some)
            }
            Run::Rows(rows) => {
                let Some(row) = rows.get(at) else { return Ok(None) };
                match column {
                    Column::Id => give(&row.id),
                    Column::SessionId => give(&StoredText(&row.session_id)),
                    Column::Timestamp => give(&row.timestamp),
                    Column::Kind => give(&row.kind),
                    Column::Data => give(&row.data),
                    Column::CreatedAt => give(&row.created_at),
                }
                .map(Some)
            }
        }
    }
}
