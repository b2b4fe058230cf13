//! The tables of a file by their definitions: what SQL the file has for them, and what SQLite makes of that SQL in an empty
//! database of its own.

use std::borrow::Cow;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::types::Value;
use rusqlite::{Connection as Sqlite, OpenFlags, OptionalExtension, Params, ffi};

use super::limits::{Limits, limited, limited_closely, shorten};
use super::options::Extension;
use super::{Error, Result, connect, pragma};

/// The object with this name in the file: its SQL if it is an ordinary table with a rowid, `Some(None)` if it is
/// anything else.
///
/// SQLite's own list of tables would evaluate every view and open every virtual table of the file.
pub(super) fn definition(connection: &Sqlite, name: &str) -> Result<Option<Option<Vec<u8>>>> {
    // Unless an index has this name, this pragma returns the primary key of a table without a rowid.
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
pub(super) fn definition_of(connection: &Sqlite, table: &str) -> Result<Option<Vec<u8>>> {
    Ok(definition(connection, table)?.flatten())
}

/// An empty table in memory with a definition from a file, which may hold any bytes.
pub(super) fn from_definition(sql: &[u8]) -> Result<Sqlite> {
    let mut connection = in_memory()?;
    // A definition by an older SQLite may have text in double quotes.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, true)?;
    // The file may come from anywhere: only this one statement runs, without queries, which might never end.
    let defines =
        |action: AuthAction<'_>| !matches!(action, AuthAction::Select | AuthAction::Recursive);
    allow_only(&mut connection, Some(defines))?;
    // SQLite stops reading at a NUL, too.
    let sql = sql.split(|byte| *byte == 0).next().unwrap_or(sql);
    if is_table(sql) {
        limited(Limits::SCHEMA, || -> Result<()> {
            connection.prepare(&text(sql))?.raw_execute()?;
            Ok(())
        })?;
    }
    allow_only(&mut connection, None)?;
    Ok(connection)
}

/// Makes SQLite refuse actions that are not allowed in SQL that is prepared from now on. Without `is_allowed`
/// everything is allowed.
#[allow(
    clippy::disallowed_methods,
    reason = "it is told the names in the SQL, which is UTF-8 here: see `text`"
)]
fn allow_only(
    connection: &mut Sqlite,
    is_allowed: Option<fn(AuthAction<'_>) -> bool>,
) -> Result<()> {
    Ok(connection.authorizer(is_allowed.map(|is_allowed| {
        move |context: AuthContext<'_>| match is_allowed(context.action) {
            true => Authorization::Allow,
            false => Authorization::Deny,
        }
    }))?)
}

/// Whether a definition is that of an ordinary table. SQLite stores it with exactly these words.
pub(super) fn is_table(sql: &[u8]) -> bool {
    sql.get(..13).is_some_and(|start| start.eq_ignore_ascii_case(b"CREATE TABLE "))
}

/// SQL as text. If it is not UTF-8, each byte becomes a character, so that different names stay different.
fn text(sql: &[u8]) -> Cow<'_, str> {
    match str::from_utf8(sql) {
        Ok(text) => text.into(),
        Err(_) => sql.iter().map(|byte| char::from(*byte)).collect::<String>().into(),
    }
}

/// The columns that the rows of a table store.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StoredColumns {
    /// In the order in which they are stored, without columns that are computed when they are read.
    pub columns: Vec<StoredColumn>,
    /// Whether the table is one WITHOUT ROWID.
    pub without_rowid: bool,
}

/// A column as rows store it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StoredColumn {
    /// Its name, in small letters.
    pub name: String,
    /// Whether it is an alias of the rowid; then rows hold NULL for it.
    pub is_rowid: bool,
    /// Its value in rows that are older than the column.
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
    // The default of an added column is a constant. The file may come from anywhere, so nothing else runs.
    allow_only(&mut connection, Some(|action| matches!(action, AuthAction::Select)))?;
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

/// Text of a file, with U+FFFD for bytes that are not UTF-8; empty for NULL.
pub(super) fn lossy(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<String> {
    let bytes = row.get_ref(column)?.as_bytes_or_null()?.unwrap_or_default();
    Ok(String::from_utf8_lossy(bytes).into_owned())
}

/// An empty table in memory with the definition that `table` has in the file, to try rows out; `None` without such a
/// table.
///
/// # Errors
///
/// An error of SQLite.
pub(crate) fn empty_copy(sqlite: &Sqlite, table: &str) -> Result<Option<Sqlite>> {
    definition_of(sqlite, table)?.map(|sql| from_definition(&sql)).transpose()
}

/// The outcome for a row that was tried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tried {
    /// The table accepts it.
    Taken,
    /// A CHECK refuses it.
    Refused,
    /// It is refused for another reason, such as a missing column.
    Failed,
}

/// Inserts a row into an empty copy. Its CHECKs may come from anywhere, so they get little time and memory.
///
/// # Errors
///
/// `SQLITE_INTERRUPT` if that is not enough for them.
pub(crate) fn try_out(copy: &Sqlite, insert: &str, values: impl Params) -> Result<Tried> {
    shorten(copy)?;
    match limited_closely(copy, Limits::SCHEMA, || Ok(copy.execute(insert, values)?)).flatten() {
        Ok(_) => Ok(Tried::Taken),
        Err(Error::Sqlite { code: ffi::SQLITE_CONSTRAINT_CHECK, .. }) => Ok(Tried::Refused),
        Err(Error::Sqlite { code, message }) => match code & 0xff {
            ffi::SQLITE_CONSTRAINT | ffi::SQLITE_ERROR => Ok(Tried::Failed),
            // SQLite reports a program that is too long as a lack of memory.
            _ => Err(Error::Sqlite { code: ffi::SQLITE_INTERRUPT, message }),
        },
        Err(error) => Err(error),
    }
}

/// An empty, hardened database in memory.
pub(super) fn in_memory() -> Result<Sqlite> {
    let mut connection = connect::in_memory(OpenFlags::SQLITE_OPEN_READ_WRITE, Extension::NONE)?;
    pragma::harden(&mut connection, Duration::ZERO)?;
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_from_a_file_may_only_define_a_table() {
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
    fn the_columns_of_a_definition_are_those_that_rows_store() {
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
}
