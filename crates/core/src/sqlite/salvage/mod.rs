//! What a damaged file still gives, read page by page and without SQLite, which refuses many of them.
//!
//! The format is <https://www.sqlite.org/fileformat2.html>. Nothing that the file says is believed: every
//! number is checked, every page is taken once, and what makes no sense is left out.

mod beside;
mod encoding;
mod pages;
mod record;
mod source;
mod trees;

pub use pages::Pages;
pub use record::Field;
pub use trees::{Entry, Trees};

use encoding::Encoding;

use super::schema::StoredColumns;
use super::{Result, schema, slots};

/// What the schema of a file says of a table or an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// `table` or `index`.
    pub kind: String,
    /// Its name, in small letters.
    pub name: String,
    /// The table that it belongs to, in small letters.
    pub table: String,
    /// The page that its tree begins with.
    pub root: u32,
    /// Its SQL, where it has any, whatever its bytes.
    pub sql: Vec<u8>,
}

impl Definition {
    /// Reads a row of the schema's own table; `None` for what has no tree.
    pub fn parse(row: &[Field<'_>]) -> Option<Self> {
        let text = |at: usize| match row.get(at) {
            Some(Field::Text(text)) => Some(String::from_utf8_lossy(text).into_owned()),
            _ => None,
        };
        let sql = match row.get(4) {
            Some(Field::Text(sql)) => sql.to_vec(),
            _ => Vec::new(),
        };
        let root = match row.get(3) {
            Some(Field::Integer(root)) => u32::try_from(*root).ok().filter(|root| *root > 0)?,
            _ => return None,
        };
        Some(Self {
            kind: text(0).filter(|kind| kind == "table" || kind == "index")?,
            name: text(1)?.to_ascii_lowercase(),
            table: text(2)?.to_ascii_lowercase(),
            root,
            sql,
        })
    }

    /// The columns as rows store them; `None` where the SQL makes no sense.
    pub fn columns(&self) -> Option<StoredColumns> {
        schema::stored_columns(&self.sql).ok().filter(|stored| !stored.columns.is_empty())
    }

    /// The highest slot that its CHECK accepts, where it has one that we know.
    pub fn highest_slot(&self) -> Option<i64> {
        slots::highest_slot(&self.sql)
    }
}

/// What the schema says, as far as it can be read.
///
/// # Errors
///
/// None of its own.
pub fn definitions(trees: &mut Trees) -> Result<Vec<Definition>> {
    let mut found = Vec::new();
    trees.walk(1, &mut |entry| {
        found.extend(entry.fields().as_deref().and_then(Definition::parse));
        Ok(())
    })?;
    Ok(found)
}

/// Two bytes, big-endian.
fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Four bytes, big-endian.
fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// An integer of one to nine bytes, and how many they are.
fn varint(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
    let mut value = 0;
    for length in 1..=8 {
        let byte = *bytes.get(at + length - 1)?;
        value = value << 7 | u64::from(byte & 0x7f);
        if byte < 0x80 {
            return Some((value, length));
        }
    }
    Some((value << 8 | u64::from(*bytes.get(at + 8)?), 9))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_varint_has_one_to_nine_bytes() {
        assert_eq!(varint(&[0x7f], 0), Some((127, 1)));
        assert_eq!(varint(&[9, 0x81, 0x00], 1), Some((128, 2)));
        assert_eq!(varint(&[0xff; 9], 0), Some((u64::MAX, 9)));
        assert_eq!(varint(&[0xff; 8], 0), None);
        assert_eq!(varint(&[], 0), None);
    }
}
