//! Inserts chunks of output, on any thread.

use std::borrow::Borrow;
use std::sync::LazyLock;

use rusqlite::{Connection as Sqlite, Statement, ToSql};

use super::model::NewOutput;
use super::timestamp::Seconds;
use crate::sqlite;

/// The statement that inserts one row.
pub(super) const INSERT: &str = "INSERT INTO session_outputs (session_id, timestamp, type, data, created_at) VALUES (?, ?, ?, ?, ?)";

/// Rows that one statement inserts if there are many. They share the fixed cost of a statement, above all that of
/// AUTOINCREMENT.
const ROWS: usize = 16;

/// OR FAIL, so that SQLite needs no journal for the statement: the transaction undoes a part of it.
static INSERT_ROWS: LazyLock<String> = LazyLock::new(|| {
    let more_rows = ", (?, ?, ?, ?, ?)".repeat(ROWS - 1);
    format!("{INSERT}{more_rows}").replacen("INSERT", "INSERT OR FAIL", 1)
});

/// Inserts rows, with as few statements as possible. Returns the cursor of the last one.
pub(super) fn insert_all(
    sqlite: &Sqlite,
    outputs: &[impl Borrow<NewOutput>],
) -> sqlite::Result<Option<i64>> {
    let now = Seconds::now();
    let (many, few) = outputs.as_chunks::<ROWS>();
    let mut stored = 0;
    if !many.is_empty() {
        let mut insert = sqlite::prepare(sqlite, &INSERT_ROWS)?;
        for rows in many {
            stored += insert_rows(&mut insert, rows, now)?;
        }
    }
    if !few.is_empty() {
        let mut insert = sqlite::prepare(sqlite, INSERT)?;
        for row in few.chunks(1) {
            stored += insert_rows(&mut insert, row, now)?;
        }
    }
    Ok(last_cursor(sqlite, stored))
}

/// The cursor of the row that was stored last, of this number of rows that were inserted just now; `None` if there is
/// none: a trigger of the file may leave rows out. What triggers insert elsewhere does not count, as SQLite keeps it
/// apart.
pub(super) fn last_cursor(sqlite: &Sqlite, stored: usize) -> Option<i64> {
    (stored > 0).then(|| sqlite.last_insert_rowid())
}

/// Inserts as many rows as the statement has parameters for. Returns how many were stored.
pub(super) fn insert_rows(
    insert: &mut Statement<'_>,
    outputs: &[impl Borrow<NewOutput>],
    now: Seconds,
) -> sqlite::Result<usize> {
    let longest = outputs.iter().map(|output| output.borrow().data.len()).max().unwrap_or(0);
    let bound = bind(insert, outputs, now).map_err(sqlite::Error::from);
    match bound.and_then(|()| sqlite::write_bound(insert, longest as u64)) {
        Err(error) if error.code_name().as_deref() == Some("SQLITE_TOOBIG") => {
            Err(error.context(format_args!("output.data of {longest} bytes")))
        }
        written => written,
    }
}

fn bind(
    insert: &mut Statement<'_>,
    outputs: &[impl Borrow<NewOutput>],
    now: Seconds,
) -> rusqlite::Result<()> {
    let mut place = 0;
    let mut bind = |value: &dyn ToSql| {
        place += 1;
        insert.raw_bind_parameter(place, value)
    };
    outputs.iter().map(Borrow::borrow).try_for_each(|output| {
        bind(&output.session_id)?;
        bind(&output.timestamp.text())?;
        bind(&output.kind)?;
        bind(&output.data)?;
        bind(&now)
    })
}
