//! Reads a damaged file page by page, without SQLite, which refuses many such files.
//!
//! The format is <https://www.sqlite.org/fileformat2.html>. The file is not trusted: every number is checked, every
//! page is used once, and what makes no sense is left out.

mod beside;
mod encoding;
pub(super) mod format;
mod pages;
mod record;
#[allow(unsafe_code, reason = "SQLite's file system is called by C calls")]
mod source;
mod trees;

pub(crate) use pages::Pages;
pub(crate) use record::Field;
pub(crate) use trees::{Entry, Trees};

use super::definition::{StoredColumns, stored_columns};
use super::{Result, slots};

/// What the schema of a file says of a table or an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Definition {
    /// `table` or `index`.
    pub kind: String,
    /// Its name, in small letters.
    pub name: String,
    /// The table that it belongs to, in small letters.
    pub table: String,
    /// The first page of its tree.
    pub root: u32,
    /// The bytes of its SQL; empty without SQL.
    pub sql: Vec<u8>,
}

impl Definition {
    /// Reads a row of `sqlite_schema`; `None` for an entry without a tree.
    pub(crate) fn parse(row: &[Field<'_>]) -> Option<Self> {
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

    /// The columns as rows store them; `None` if the SQL cannot be understood.
    pub(crate) fn columns(&self) -> Option<StoredColumns> {
        stored_columns(&self.sql).ok().filter(|stored| !stored.columns.is_empty())
    }

    /// The highest slot that its CHECK accepts; `None` without a CHECK that we know.
    pub(crate) fn highest_slot(&self) -> Option<i64> {
        slots::highest_slot(&self.sql)
    }
}

/// The entries of the schema that can be read.
///
/// # Errors
///
/// None of its own.
pub(crate) fn definitions(trees: &mut Trees) -> Result<Vec<Definition>> {
    let mut found = Vec::new();
    trees.walk(1, &mut |entry| {
        found.extend(entry.fields().as_deref().and_then(Definition::parse));
        Ok(())
    })?;
    Ok(found)
}
