//! The roots of the trees that are looked at.

use rusqlite::Connection as Sqlite;
use rusqlite::types::ValueRef;

use super::super::{Result, schema};
use super::{Removed, What};

/// The table whose pages are too many to look at all of them.
pub(super) const OUTPUT: &str = "session_outputs";

/// The tree of the schema itself.
const SCHEMA: u32 = 1;

const TREES: &str = "SELECT type, tbl_name, rootpage FROM sqlite_schema WHERE rootpage > 0";

/// The root of a tree.
#[derive(Debug)]
pub(super) struct Root {
    pub(super) page: u32,
    /// Whether only the pages near removed rows are looked at.
    pub(super) near_rows: bool,
}

/// The roots, as the schema names them now.
pub(super) fn find(sqlite: &Sqlite, what: What<'_>) -> Result<Vec<Root>> {
    let mut found = Vec::new();
    if what == What::Everything {
        found.push(Root { page: SCHEMA, near_rows: false });
    }
    let mut trees = sqlite.prepare(TREES)?;
    let mut rows = trees.query([])?;
    while let Some(row) = rows.next()? {
        let kind = row.get_ref(0)?;
        let (is_ours, is_output) = match row.get_ref(1)? {
            ValueRef::Text(name) => (schema::goes_with_a_session(name), is_output(name)),
            _ => (false, false),
        };
        let page = row.get(2)?;
        match what {
            What::Everything => found.push(Root { page, near_rows: false }),
            What::Near(Removed { rows, .. }) => {
                if is_ours && !(is_output && rows.is_empty()) {
                    let is_table = kind == ValueRef::Text(b"table");
                    found.push(Root { page, near_rows: is_output && is_table });
                }
            }
        }
    }
    Ok(found)
}

/// Whether this is the name of the table with the output.
pub(super) fn is_output(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(OUTPUT.as_bytes())
}
