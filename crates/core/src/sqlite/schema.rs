//! What a file must hold: the tables of the stores, with their columns.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use rusqlite::Connection as Sqlite;

use super::definition::{definition, lossy};
use super::migrations::{SEALED_VERSION, newest, version, written};
use super::{Error, Result, slots};

/// The tables of ours without a rowid: a new session takes one page of them instead of two.
const OWNERS: &str = "gsd_session_owners";
const SIZES: &str = "gsd_session_sizes";

/// Which sessions are sealed. It has no rowid either.
const SEALS: &str = "gsd_session_seals";

/// The table that remembers the ids of removed sessions.
const CHANGES: &str = "gsd_session_changes";

/// The version of tables that a file may lack, if it is only read.
const ADDED: i64 = i64::MAX;

/// The tables, with the version that added each, and the columns that the stores read and write.
const TABLES: &[(&str, i64, &[&str])] = &[
    (
        "sessions",
        1,
        &[
            "id",
            "slot",
            "status",
            "working_dir",
            "current_command",
            "started_at",
            "ended_at",
            "pid",
            "created_at",
            "updated_at",
        ],
    ),
    ("session_outputs", 1, &["id", "session_id", "timestamp", "type", "data", "created_at"]),
    ("session_pins", 2, &["session_id", "created_at"]),
    (
        "gsd_session_details",
        ADDED,
        &["session_id", "title", "exit_code", "signal", "error", "terminal", "columns", "rows"],
    ),
    (SIZES, ADDED, &["session_id", "output_id", "columns", "rows"]),
    (
        OWNERS,
        ADDED,
        &["session_id", "host", "owner_pid", "owner_start", "child_pid", "child_start"],
    ),
    (CHANGES, ADDED, &["sequence", "session_id"]),
    (SEALS, SEALED_VERSION, &["session_id", "through", "work"]),
    (
        "gsd_session_blocks",
        SEALED_VERSION,
        &["id", "session_id", "last", "outputs", "bytes", "earliest", "latest", "block"],
    ),
    ("gsd_session_filters", SEALED_VERSION, &["id", "last", "lines", "filter", "state"]),
];

/// The columns of one of our tables that the stores read and write, in their order.
pub(crate) fn columns(table: &str) -> &'static [&'static str] {
    TABLES.iter().find(|(name, ..)| *name == table).map_or(&[], |(.., columns)| columns)
}

/// The tables of the stores.
pub(super) fn tables() -> impl Iterator<Item = &'static str> {
    TABLES.iter().map(|(name, ..)| *name)
}

/// Whether a table with this name is one of the stores whose rows go with a session. Its indexes count as well.
pub(super) fn goes_with_a_session(table: &[u8]) -> bool {
    tables().any(|name| name != CHANGES && table.eq_ignore_ascii_case(name.as_bytes()))
}

/// Refuses a database without this table of the stores, or with another one in its place. Only reads.
pub(super) fn inspect_one(connection: &Sqlite, table: &str) -> Result<()> {
    inspect_table(connection, table, columns(table), true)
}

/// Refuses a file that this library must not change, and, if `complete`, a file without the tables. Only reads.
pub(crate) fn inspect(connection: &Sqlite, complete: bool) -> Result<()> {
    let version = version(connection)?;
    let newest = newest();
    if !(0..=newest).contains(&version) {
        return Err(Error::cannot_open(format!(
            "its schema version {version} is newer than {newest}, the newest that this version of \
             @gsd/session-store knows; update the package"
        )));
    }
    // A reader does not migrate an older file, and does without what came later.
    let version = if complete { version.max(1) } else { version };
    let known = known_tables(connection)?;
    for (table, since, columns) in TABLES {
        if known.contains(table) {
            continue;
        }
        inspect_table(connection, table, columns, version >= *since)?;
    }
    Ok(())
}

/// The tables that the file has exactly as they are written here, with any slots: one query for nearly every file.
fn known_tables(connection: &Sqlite) -> Result<HashSet<&'static str>> {
    static WRITTEN: LazyLock<HashMap<&str, Option<String>>> =
        LazyLock::new(|| tables().map(|table| (table, written(table))).collect());
    let mut statement = connection
        .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND rootpage > 0")?;
    let mut rows = statement.query([])?;
    let mut known = HashSet::new();
    while let Some(row) = rows.next()? {
        let name = row.get_ref(0)?.as_bytes_or_null().ok().flatten().unwrap_or_default();
        let sql = row.get_ref(1)?.as_bytes_or_null().ok().flatten().unwrap_or_default();
        if let Some((table, Some(written))) =
            str::from_utf8(name).ok().and_then(|name| WRITTEN.get_key_value(name))
            && slots::is_same(sql, written.as_bytes())
        {
            known.insert(*table);
        }
    }
    Ok(known)
}

fn inspect_table(
    connection: &Sqlite,
    table: &str,
    expected: &[&str],
    required: bool,
) -> Result<()> {
    let foreign = |what: String| {
        Error::cannot_open(format!("its table {table:?} is not one of @gsd/session-store: {what}"))
    };
    match definition(connection, table)? {
        None if required => return Err(foreign("it is missing".into())),
        None => return Ok(()),
        Some(None) if ![OWNERS, SIZES, SEALS].contains(&table) => {
            return Err(foreign("it is no ordinary table with a rowid".into()));
        }
        Some(_) => {}
    }
    let mut statement = connection.prepare(
        "SELECT lower(name), \"notnull\" AND dflt_value IS NULL FROM pragma_table_info(?1)",
    )?;
    let columns: Vec<(String, bool)> = statement
        .query_map([table], |row| Ok((lossy(row, 0)?, row.get(1)?)))?
        .collect::<std::result::Result<_, _>>()?;
    if let Some(missing) =
        expected.iter().find(|name| !columns.iter().any(|(column, _)| column == *name))
    {
        return Err(foreign(format!("it has no column {missing:?}")));
    }
    // A column of another program is fine if rows can be inserted without it.
    match columns.iter().find(|(name, needed)| *needed && !expected.contains(&name.as_str())) {
        Some((name, _)) => Err(foreign(format!("its column {name:?} needs a value"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(prepare: &str) -> String {
        let connection = Sqlite::open_in_memory().unwrap();
        connection.execute_batch(prepare).unwrap();
        inspect(&connection, false).unwrap_err().to_string()
    }

    #[test]
    fn files_of_others_are_refused_with_a_reason() {
        assert!(refusal("PRAGMA user_version = 99").contains("schema version 99 is newer"));
        assert!(refusal("PRAGMA user_version = -1").contains("schema version -1"));
        assert!(refusal("PRAGMA user_version = 1").contains("it is missing"));
        let pins = refusal("CREATE TABLE session_pins (session_id TEXT PRIMARY KEY, board TEXT)");
        assert!(pins.contains("\"session_pins\" is not one of @gsd/session-store"), "{pins}");
        inspect(&Sqlite::open_in_memory().unwrap(), true).unwrap_err();
        assert!(refusal("CREATE TABLE sessions (id, user)").contains("it has no column \"slot\""));
        assert!(refusal("CREATE VIEW sessions AS SELECT 1 AS id").contains("no ordinary table"));
        assert!(
            refusal(
                "CREATE TABLE session_outputs (id INTEGER PRIMARY KEY, session_id, timestamp, type,
                 data, created_at, owner TEXT NOT NULL)"
            )
            .contains("its column \"owner\" needs a value")
        );
    }
}
