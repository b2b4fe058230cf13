//! The stored form of a row: the types of its fields, then their values.

use std::borrow::Cow;

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};

use super::encoding::Encoding;
use super::format::varint;

/// More columns than a table of ours has, columns of other programs included.
const MOST_FIELDS: usize = 2000;

/// A stored value. Its text is UTF-8, unless the stored text was invalid.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Field<'row> {
    /// `NULL`.
    Null,
    /// An integer.
    Integer(i64),
    /// A floating-point number.
    Real(f64),
    /// A text.
    Text(Cow<'row, [u8]>),
    /// Bytes.
    Blob(Cow<'row, [u8]>),
}

impl Field<'_> {
    /// The value in rusqlite's form.
    pub(crate) fn value(&self) -> ValueRef<'_> {
        match self {
            Self::Null => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Real(number) => ValueRef::Real(*number),
            Self::Text(text) => ValueRef::Text(text),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }
    }

    /// How many bytes it holds.
    pub(crate) fn length(&self) -> usize {
        match self {
            Self::Text(bytes) | Self::Blob(bytes) => bytes.len(),
            _ => 0,
        }
    }
}

impl ToSql for Field<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(self.value()))
    }
}

/// The fields of a record whose texts have this encoding; `None` if it is no record.
pub(super) fn fields(payload: &[u8], encoding: Encoding) -> Option<Vec<Field<'_>>> {
    let (header_length, mut at) = varint(payload, 0)?;
    let header = payload.get(..usize::try_from(header_length).ok()?)?;
    let mut body = payload.get(header.len()..)?;
    let mut fields = Vec::new();
    while at < header.len() {
        let (kind, length) = varint(header, at)?;
        at += length;
        let size = match kind {
            0 | 8 | 9 => 0,
            1..=4 => kind as usize,
            5 => 6,
            6 | 7 => 8,
            10 | 11 => return None,
            _ => usize::try_from((kind - 12) / 2).ok()?,
        };
        let (value, rest) = body.split_at_checked(size)?;
        body = rest;
        fields.push(match kind {
            0 => Field::Null,
            7 => Field::Real(f64::from_be_bytes(*value.first_chunk()?)),
            8 | 9 => Field::Integer(i64::from(kind == 9)),
            1..=6 => Field::Integer(integer(value)),
            _ if kind % 2 == 0 => Field::Blob(Cow::Borrowed(value)),
            _ => Field::Text(encoding.decode(value)),
        });
        if fields.len() > MOST_FIELDS {
            return None;
        }
    }
    // A record has exactly the length that it says.
    (at == header.len() && body.is_empty() && !fields.is_empty()).then_some(fields)
}

/// A signed big-endian integer of up to eight bytes.
fn integer(bytes: &[u8]) -> i64 {
    let is_negative = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
    let start = if is_negative { -1 } else { 0 };
    bytes.iter().fold(start, |value, byte| value << 8 | i64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_may_hold_values_of_every_type() {
        let record = [
            9, 0, 1, 2, 8, 9, 7, 16, 17, 0xff, 1, 0, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0, 1, 2, b'h', b'i',
        ];
        let mut expected = [
            Field::Null,
            Field::Integer(-1),
            Field::Integer(256),
            Field::Integer(0),
            Field::Integer(1),
            Field::Real(1.0),
            Field::Blob(Cow::Borrowed(&[1, 2])),
            Field::Text(Cow::Borrowed(b"hi")),
        ];
        assert_eq!(fields(&record, Encoding::Utf8).unwrap(), expected);
        expected[7] = Field::Text(Cow::Borrowed("\u{6968}".as_bytes()));
        assert_eq!(fields(&record, Encoding::Utf16Le).unwrap(), expected);
    }

    #[test]
    fn bytes_that_are_not_a_record_have_no_fields() {
        for bytes in [
            &[][..],
            &[0],
            &[1],
            &[2, 10],
            &[2, 1],
            &[3, 1, 1, 5],
            &[2, 1, 5, 6],
            &[200, 1],
            &[0xff; 20],
            &[10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        ] {
            assert_eq!(fields(bytes, Encoding::Utf8), None, "{bytes:?}");
        }
    }
}
