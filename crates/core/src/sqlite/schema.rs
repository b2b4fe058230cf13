//! What a file must hold, and how an older one gets there.
//!
//! The version of a schema is `user_version`. Version 0 is an empty file, or one that the
//! better-sqlite3 version of the store made: it is adopted as it is. Each migration is one numbered
//! file, never edited once released, and runs in one transaction.

use std::borrow::Cow;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::limits::{Limits, limited};
use super::options::OpenOptions;
use super::{Error, Result, memory, open, pragma, slots, transaction::atomically};

const MIGRATIONS: &[&str] =
    &[include_str!("migrations/0001_sessions.sql"), include_str!("migrations/0002_pins.sql")];

/// The tables, the version that each came with, and the columns that the stores read and write.
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
];

/// The columns of one of our tables that the stores read and write, in their order.
pub fn columns(table: &str) -> &'static [&'static str] {
    TABLES.iter().find(|(name, ..)| *name == table).map_or(&[], |(.., columns)| columns)
}

/// The newest schema version that this library knows.
pub(crate) fn newest() -> usize {
    MIGRATIONS.len()
}

/// Refuses a file that this library must not touch, or, if `complete` is wanted, one that lacks the
/// tables. Reads only.
pub(crate) fn inspect(connection: &Connection, complete: bool) -> Result<()> {
    let version = version(connection)?;
    let known = newest();
    if usize::try_from(version).map_or(true, |version| version > known) {
        return Err(Error::cannot_open(format!(
            "its schema version {version} is newer than {known}, the newest that this version of \
             @gsd/session-store knows; update the package"
        )));
    }
    // A reader leaves an older file as it is, and does without what came later.
    let version = if complete { version.max(1) } else { version };
    for (table, since, columns) in TABLES {
        inspect_table(connection, table, columns, version >= *since)?;
    }
    Ok(())
}

/// Brings the file to the newest version, and to at least the slots that the options ask for.
pub(crate) fn migrate(connection: &Connection, options: &OpenOptions) -> Result<()> {
    for (migration, number) in MIGRATIONS.iter().zip(1..) {
        if version(connection)? >= number {
            continue;
        }
        atomically(connection, || {
            // Another process may have been here while this one waited for the lock.
            if version(connection)? >= number {
                return Ok(());
            }
            let adopted = definition(connection, "sessions")?.is_some();
            connection.execute_batch(migration)?;
            connection.pragma_update(None, "user_version", number)?;
            if adopted { Ok(()) } else { slots::set(connection, options.slots) }
        })?;
    }
    slots::widen(connection, options.slots)
}

/// The version of a file's schema.
pub(super) fn version(connection: &Connection) -> Result<i64> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

/// An empty database in memory with the schema of this version. A file of version 0 has no triggers.
pub(super) fn fresh(version: i64) -> Result<Connection> {
    let connection = in_memory()?;
    let migrations = usize::try_from(version).unwrap_or(0).max(1);
    for migration in MIGRATIONS.iter().take(migrations) {
        connection.execute_batch(migration)?;
    }
    if version == 0 {
        connection.execute_batch("DROP TRIGGER sessions_updated_at")?;
    }
    Ok(connection)
}

/// An empty table in memory with a definition that a file holds, whatever its bytes.
pub(super) fn from_definition(sql: &[u8]) -> Result<Connection> {
    let mut connection = in_memory()?;
    // A definition by an older SQLite may have text in double quotes.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, true)?;
    // The file may be anybody's: one statement, none but this, and no query in it, which might never end.
    connection.authorizer(Some(|context: AuthContext<'_>| match context.action {
        AuthAction::Select | AuthAction::Recursive => Authorization::Deny,
        _ => Authorization::Allow,
    }))?;
    // SQLite reads no further, either.
    let sql = sql.split(|byte| *byte == 0).next().unwrap_or(sql);
    if is_table(sql) {
        limited(Limits::SCHEMA, || -> Result<()> {
            connection.prepare(&text(sql))?.raw_execute()?;
            Ok(())
        })?;
    }
    connection.authorizer(None::<fn(AuthContext<'_>) -> Authorization>)?;
    Ok(connection)
}

/// Whether a definition is that of a table with rows of its own. SQLite writes it so.
pub(super) fn is_table(sql: &[u8]) -> bool {
    sql.get(..13).is_some_and(|start| start.eq_ignore_ascii_case(b"CREATE TABLE "))
}

/// SQL as text. Where it is no UTF-8, each byte becomes a character, so that names that differ still do.
fn text(sql: &[u8]) -> Cow<'_, str> {
    match str::from_utf8(sql) {
        Ok(text) => text.into(),
        Err(_) => sql.iter().map(|byte| char::from(*byte)).collect::<String>().into(),
    }
}

/// The columns of a table as its rows store them.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredColumns {
    /// In the order in which they are stored. A column that is computed when it is read is not among them.
    pub columns: Vec<StoredColumn>,
    /// Whether the table is one WITHOUT ROWID.
    pub without_rowid: bool,
}

/// A column as rows store it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredColumn {
    /// Its name, in small letters.
    pub name: String,
    /// Whether it is the rowid by another name; then rows hold NULL for it.
    pub is_rowid: bool,
    /// What it is in rows from before the column was added.
    pub default: Value,
}

/// The columns of a table by its definition.
pub(super) fn stored_columns(sql: &[u8]) -> Result<StoredColumns> {
    let mut connection = from_definition(sql)?;
    let without_rowid = "SELECT wr FROM sqlite_schema AS m, pragma_table_list(m.name)
         WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'";
    let without_rowid = connection.query_row(without_rowid, [], |row| row.get(0)).optional()?;
    // A table without rowids is stored as its primary key.
    let mut statement = connection.prepare(if without_rowid == Some(true) {
        "SELECT lower(x.name), 0, c.dflt_value FROM sqlite_schema AS m, pragma_index_list(m.name) AS i,
           pragma_index_xinfo(i.name) AS x, pragma_table_xinfo(m.name) AS c
         WHERE m.type = 'table' AND i.origin = 'pk' AND c.cid = x.cid AND c.hidden <> 2 ORDER BY x.seqno"
    } else {
        "SELECT lower(c.name), c.pk = 1 AND c.type = 'INTEGER' COLLATE NOCASE
           AND (SELECT max(pk) FROM pragma_table_xinfo(m.name)) = 1, c.dflt_value
         FROM sqlite_schema AS m, pragma_table_xinfo(m.name) AS c
         WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND c.hidden <> 2 ORDER BY c.cid"
    })?;
    let columns = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, Option<String>>(2)?)))?;
    let columns: Vec<_> = columns.collect::<rusqlite::Result<_>>()?;
    drop(statement);
    // Only a constant can be the default of a column that was added. The file may be anybody's: nothing else runs.
    connection.authorizer(Some(|context: AuthContext<'_>| match context.action {
        AuthAction::Select => Authorization::Allow,
        _ => Authorization::Deny,
    }))?;
    let constant = |sql: String| {
        let constant = connection.query_row(&format!("SELECT {sql}"), [], |row| row.get(0));
        constant.unwrap_or(Value::Null)
    };
    let column = |(name, is_rowid, default): (String, bool, Option<String>)| {
        let default = default.map_or(Value::Null, constant);
        StoredColumn { name, is_rowid, default }
    };
    let columns = columns.into_iter().map(column).collect();
    Ok(StoredColumns { columns, without_rowid: without_rowid == Some(true) })
}

/// Text of a file, in which what is no UTF-8 becomes U+FFFD; empty for NULL.
pub(super) fn lossy(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<String> {
    let bytes = row.get_ref(column)?.as_bytes_or_null()?.unwrap_or_default();
    Ok(String::from_utf8_lossy(bytes).into_owned())
}

fn in_memory() -> Result<Connection> {
    memory::install();
    let mut connection =
        Connection::open_with_flags(":memory:", OpenFlags::SQLITE_OPEN_READ_WRITE | open::ALWAYS)?;
    pragma::harden(&mut connection, Duration::ZERO)?;
    Ok(connection)
}

/// What the file has of this name: its SQL, if it is a table with rows of its own and a rowid, or else nothing.
///
/// SQLite's own list of tables would evaluate every view and open every virtual table of the file for it.
fn definition(connection: &Connection, name: &str) -> Result<Option<Option<Vec<u8>>>> {
    // Where there is no index of that name, this pragma tells the primary key of a table without a rowid.
    let mut statement = connection.prepare(
        "SELECT type = 'table' AND rootpage > 0 AND NOT EXISTS (SELECT 1 FROM pragma_index_info(?1)), sql
         FROM sqlite_schema WHERE type IN ('table', 'view') AND name = ?1 COLLATE NOCASE",
    )?;
    let read = |row: &rusqlite::Row<'_>| {
        let sql = row.get_ref(1)?.as_bytes_or_null()?.unwrap_or_default();
        Ok((row.get::<_, bool>(0)? && is_table(sql)).then(|| sql.to_owned()))
    };
    Ok(statement.query_row([name], read).optional()?)
}

/// The SQL of our table with this name.
pub(super) fn definition_of(connection: &Connection, table: &str) -> Result<Option<Vec<u8>>> {
    Ok(definition(connection, table)?.flatten())
}

fn inspect_table(
    connection: &Connection,
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
        Some(None) => return Err(foreign("it is no ordinary table with a rowid".into())),
        Some(Some(_)) => {}
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
    // A column of somebody else's is fine as long as rows can be inserted without it.
    match columns.iter().find(|(name, needed)| *needed && !expected.contains(&name.as_str())) {
        Some((name, _)) => Err(foreign(format!("its column {name:?} needs a value"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn migrated(prepare: &str, slots: u16) -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(prepare).unwrap();
        inspect(&connection, false).unwrap();
        migrate(&connection, &OpenOptions { slots, ..OpenOptions::default() }).unwrap();
        inspect(&connection, false).unwrap();
        connection
    }

    fn refusal(prepare: &str) -> String {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(prepare).unwrap();
        inspect(&connection, false).unwrap_err().to_string()
    }

    #[test]
    fn an_empty_file_gets_the_newest_schema() {
        let connection = migrated("", 3);
        assert_eq!(version(&connection).unwrap(), i64::try_from(newest()).unwrap());
        let names: String = connection
            .query_row(
                "SELECT group_concat(name, ' ') FROM (SELECT name FROM sqlite_schema
                 WHERE name NOT LIKE 'sqlite_%' ORDER BY name)",
                [],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(
            names,
            "idx_outputs_session_id idx_outputs_timestamp session_outputs session_pins session_pins_end \
             sessions sessions_updated_at"
        );
    }

    #[test]
    fn migrating_twice_changes_nothing() {
        let connection = migrated("", 3);
        let before = connection.total_changes();
        migrate(&connection, &OpenOptions::default()).unwrap();
        assert_eq!(connection.total_changes(), before);
    }

    #[test]
    fn tables_that_exist_are_adopted_with_their_extra_columns() {
        let connection = migrated(
            "CREATE TABLE sessions (id TEXT PRIMARY KEY, slot, status, working_dir, current_command,
             started_at, ended_at, pid, created_at, updated_at, tag TEXT);
             INSERT INTO sessions (id, tag) VALUES ('kept', 'blue');",
            3,
        );
        let tag: String =
            connection.query_row("SELECT tag FROM sessions", [], |row| row.get(0)).unwrap();
        assert_eq!(tag, "blue");
    }

    #[test]
    fn the_trigger_stamps_changes_and_leaves_an_explicit_value_alone() {
        let connection = migrated("PRAGMA recursive_triggers = ON", 3);
        let updated_at = |set: &str| -> String {
            connection.execute(&format!("UPDATE sessions SET {set}"), []).unwrap();
            connection.query_row("SELECT updated_at FROM sessions", [], |row| row.get(0)).unwrap()
        };
        connection
            .execute_batch(
                "INSERT INTO sessions (id, slot, status, working_dir, started_at, updated_at)
                 VALUES ('s', 1, 'idle', '/', '2026-01-01T00:00:00.000Z', '2000-01-01 00:00:00')",
            )
            .unwrap();
        assert!(updated_at("status = 'running'").as_str() > "2020");
        assert_eq!(
            updated_at("pid = 1, updated_at = '2001-01-01 00:00:00'"),
            "2001-01-01 00:00:00"
        );
    }

    #[test]
    fn a_definition_of_a_file_may_define_and_nothing_else() {
        let columns = |sql: &str| {
            let stored = stored_columns(sql.as_bytes()).ok()?;
            Some(stored.columns.into_iter().map(|column| column.name).collect::<Vec<_>>())
        };
        let plan = "create table sessions (id TEXT PRIMARY KEY, slot CHECK (slot IN (1, 2)), at DEFAULT (datetime('now')))";
        assert_eq!(columns(plan).unwrap(), ["id", "slot", "at"]);
        for other in [
            "CREATE TABLE t AS WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n",
            "CREATE TABLE t AS SELECT randomblob(100000000)",
            "CREATE TABLE t",
        ] {
            assert_eq!(columns(other), None, "{other}");
        }
        for nothing in [
            "CREATE VIEW v AS SELECT 1 AS x",
            "ATTACH 'x.db' AS x",
            "",
            "CREATE TABLE",
            "CRÉATE TABLE t (x)",
        ] {
            assert_eq!(columns(nothing).unwrap(), Vec::<String>::new(), "{nothing}");
        }
    }

    #[test]
    fn columns_are_told_as_rows_store_them() {
        let columns = |sql: &str| {
            let column = |column: StoredColumn| (column.name, column.is_rowid, column.default);
            let stored = stored_columns(sql.as_bytes()).unwrap();
            (stored.columns.into_iter().map(column).collect::<Vec<_>>(), stored.without_rowid)
        };
        let text = |text: &str| Value::Text(text.into());
        let plain = |name: &str| (name.to_owned(), false, Value::Null);
        assert_eq!(
            columns(
                "CREATE TABLE t (id integer PRIMARY KEY, Twice AS (x + x), x DEFAULT -5, y AS (x) STORED,
                 z DEFAULT 'a''b', at DEFAULT CURRENT_TIMESTAMP, long DEFAULT (zeroblob(1000000000)))"
            ),
            (
                vec![
                    ("id".to_owned(), true, Value::Null),
                    ("x".to_owned(), false, Value::Integer(-5)),
                    plain("y"),
                    ("z".to_owned(), false, text("a'b")),
                    plain("at"),
                    plain("long"),
                ],
                false
            )
        );
        assert_eq!(
            columns("CREATE TABLE t (a, b, c INTEGER, v AS (a), PRIMARY KEY (c, a)) WITHOUT ROWID"),
            (vec![plain("c"), plain("a"), plain("b")], true)
        );
        assert_eq!(columns("CREATE TABLE t (id INT PRIMARY KEY)"), (vec![plain("id")], false));
    }

    #[test]
    fn files_of_others_are_refused_with_a_reason() {
        assert!(refusal("PRAGMA user_version = 99").contains("schema version 99 is newer"));
        assert!(refusal("PRAGMA user_version = -1").contains("schema version -1"));
        assert!(refusal("PRAGMA user_version = 1").contains("it is missing"));
        let pins = refusal("CREATE TABLE session_pins (session_id TEXT PRIMARY KEY, board TEXT)");
        assert!(pins.contains("\"session_pins\" is not one of @gsd/session-store"), "{pins}");
        inspect(&Connection::open_in_memory().unwrap(), true).unwrap_err();
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
