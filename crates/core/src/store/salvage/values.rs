//! Values on their way from one file to another.

use rusqlite::types::ValueRef;

use crate::sqlite::Field;

/// A stored value, bound unchanged.
#[derive(Clone)]
pub(super) struct RawValue<'row>(pub(super) ValueRef<'row>);

impl rusqlite::ToSql for RawValue<'_> {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        Ok(rusqlite::types::ToSqlOutput::Borrowed(self.0))
    }
}

/// A copy of a value.
pub(super) fn owned(value: ValueRef<'_>) -> Field<'static> {
    match value {
        ValueRef::Null => Field::Null,
        ValueRef::Integer(number) => Field::Integer(number),
        ValueRef::Real(number) => Field::Real(number),
        ValueRef::Text(text) => Field::Text(text.to_owned().into()),
        ValueRef::Blob(bytes) => Field::Blob(bytes.to_owned().into()),
    }
}

/// Bytes of a value that is stored as such.
pub(super) fn length(value: ValueRef<'_>) -> usize {
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.len(),
        _ => 0,
    }
}
