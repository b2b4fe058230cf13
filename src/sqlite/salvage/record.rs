//! A row as it is stored: the types of its fields, then their values.

use rusqlite::types::ValueRef;

use super::varint;

/// More columns than any table of ours has, with those that others added.
const MOST_FIELDS: usize = 2000;

/// The fields of a record; `None` if it is none.
pub fn fields(payload: &[u8]) -> Option<Vec<ValueRef<'_>>> {
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
            0 => ValueRef::Null,
            7 => ValueRef::Real(f64::from_be_bytes(*value.first_chunk()?)),
            8 | 9 => ValueRef::Integer(i64::from(kind == 9)),
            1..=6 => ValueRef::Integer(integer(value)),
            _ if kind % 2 == 0 => ValueRef::Blob(value),
            _ => ValueRef::Text(value),
        });
        if fields.len() > MOST_FIELDS {
            return None;
        }
    }
    // A record is as long as it says, to the byte.
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
    fn every_type_is_read() {
        let record = [
            9, 0, 1, 2, 8, 9, 7, 16, 17, 0xff, 1, 0, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0, 1, 2, b'h', b'i',
        ];
        assert_eq!(
            fields(&record).unwrap(),
            [
                ValueRef::Null,
                ValueRef::Integer(-1),
                ValueRef::Integer(256),
                ValueRef::Integer(0),
                ValueRef::Integer(1),
                ValueRef::Real(1.0),
                ValueRef::Blob(&[1, 2]),
                ValueRef::Text(b"hi"),
            ]
        );
    }

    #[test]
    fn what_is_no_record_is_none() {
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
            assert_eq!(fields(bytes), None, "{bytes:?}");
        }
    }
}
