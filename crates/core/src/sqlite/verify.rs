//! Checks of a file that need not know what its rows mean: whether its pages are sound, and whether its schema is the
//! one that this library makes.

use rusqlite::limits::Limit;
use rusqlite::{Connection as Sqlite, Row};

use super::definition::lossy;
use super::limits::{Limits, limited_closely};
use super::{Result, migrations, snapshot};

/// The longest value that an expression of the file may make, if no stored value is longer.
const LEAST_LENGTH: u64 = 8 << 10;

/// What a check has found. Something that cannot be read is a finding, not an error.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// What is wrong, in words.
    pub problems: Vec<String>,
}

impl Findings {
    /// Adds a problem.
    pub(crate) fn add(&mut self, problem: impl Into<String>) {
        self.problems.push(problem.into());
    }

    /// Runs a part of the check. A failure that the file causes becomes a problem.
    ///
    /// # Errors
    ///
    /// An error whose cause is not the file, such as a lock.
    pub(crate) fn attempt(
        &mut self,
        part: &str,
        work: impl FnOnce(&mut Self) -> Result<()>,
    ) -> Result<()> {
        match work(self) {
            Err(error) if error.is_of_the_file() => {
                self.add(format!("{part}: {error}"));
                Ok(())
            }
            other => other,
        }
    }
}

/// Runs `look` in one state of the file, even if others write meanwhile. It reads the file itself, not the cache of
/// the connection.
///
/// # Errors
///
/// An error of SQLite or of `look`.
pub(crate) fn in_one_state<T>(sqlite: &Sqlite, look: impl FnOnce() -> Result<T>) -> Result<T> {
    sqlite.execute_batch("PRAGMA shrink_memory")?;
    let _until_it_is_dropped = snapshot(sqlite)?;
    look()
}

/// The version of the schema. Reads nothing but the header.
///
/// # Errors
///
/// An error of SQLite: nothing can be read.
pub(crate) fn schema_version(sqlite: &Sqlite) -> Result<i64> {
    migrations::version(sqlite)
}

/// Checks that the pages are sound, and that the rows follow the schema, except for its CHECKs.
///
/// If indexes or columns are computed by expressions of the file, limits apply; `longest` returns the length of the
/// longest value for them. Virtual tables are left out: their modules trust what they read.
///
/// # Errors
///
/// An error whose cause is not the file, such as a lock.
pub(crate) fn check_integrity(
    sqlite: &Sqlite,
    longest: impl FnOnce() -> Result<u64>,
    findings: &mut Findings,
) -> Result<()> {
    findings.attempt("integrity check", |findings| {
        if !computes(sqlite)? {
            return check_parts(sqlite, findings);
        }
        let definitions = "SELECT max(length(CAST(sql AS BLOB))) FROM sqlite_schema";
        let definition: Option<u32> = sqlite.query_row(definitions, [], |row| row.get(0))?;
        let longest = longest()?.max(definition.unwrap_or(0).into());
        let length = Limit::SQLITE_LIMIT_LENGTH;
        let most = i32::try_from((2 * longest).max(LEAST_LENGTH)).unwrap_or(i32::MAX);
        let limits = Limits::whole_file(super::size(sqlite)?.bytes, longest);
        let before = sqlite.set_limit(length, most)?;
        let checked = limited_closely(sqlite, limits, || check_parts(sqlite, findings)).flatten();
        sqlite.set_limit(length, before)?;
        checked
    })
}

/// Whether a check of the file evaluates expressions of the file, other than the one of this library.
fn computes(sqlite: &Sqlite) -> Result<bool> {
    const COMPUTES: &str = "SELECT EXISTS (
        SELECT 1 FROM sqlite_schema AS m, pragma_table_xinfo(m.name) AS c
        WHERE m.type = 'table' AND m.sql LIKE 'CREATE TABLE %' AND c.hidden IN (2, 3)
        UNION ALL SELECT 1 FROM sqlite_schema AS m, pragma_index_xinfo(m.name) AS x
        WHERE m.type = 'index' AND m.sql IS NOT ?1 AND x.cid = -2
        UNION ALL SELECT 1 FROM sqlite_schema AS m, pragma_index_list(m.name) AS l
        WHERE m.type = 'table' AND m.sql LIKE 'CREATE TABLE %' AND l.partial)";
    Ok(sqlite.query_row(COMPUTES, [migrations::BY_START], |row| row.get(0))?)
}

/// Checks everything, or, if there are virtual tables, each of the other tables.
fn check_parts(sqlite: &Sqlite, findings: &mut Findings) -> Result<()> {
    const VIRTUAL: &str =
        "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE TABLE %'";
    const EVERYTHING: &str = "SELECT integrity_check FROM pragma_integrity_check";
    const EACH_TABLE: &str = "SELECT c.integrity_check
        FROM sqlite_schema AS m, pragma_integrity_check(m.name) AS c
        WHERE m.type = 'table' AND m.sql LIKE 'CREATE TABLE %'";
    let sql = if sqlite.prepare(VIRTUAL)?.exists([])? { EACH_TABLE } else { EVERYTHING };
    let checks = "ignore_check_constraints";
    let before: bool = sqlite.pragma_query_value(None, checks, |row| row.get(0))?;
    sqlite.pragma_update(None, checks, true)?;
    let checked = (|| -> Result<()> {
        let mut statement = sqlite.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let found = lossy(row, 0)?;
            if found != "ok" {
                findings.add(found);
            }
        }
        Ok(())
    })();
    sqlite.pragma_update(None, checks, before)?;
    checked
}

/// Checks that tables, columns, indexes and triggers are those of a fresh file of this version. Additional ones are
/// fine.
///
/// # Errors
///
/// An error whose cause is not the file, such as a lock.
pub(crate) fn compare_schema(sqlite: &Sqlite, version: i64, findings: &mut Findings) -> Result<()> {
    let fresh = migrations::fresh(sqlite, version)?;
    findings.attempt("schema", |findings| {
        for (kind, name) in objects(&fresh)? {
            if !exists(sqlite, &kind, &name)? {
                findings.add(format!("the {kind} {name:?} is missing"));
                continue;
            }
            match kind.as_str() {
                "table" => compare_columns(sqlite, &fresh, &name, findings)?,
                "index" if index(sqlite, &name)? == index(&fresh, &name)? => {}
                "trigger" if words(sqlite, &name)? == words(&fresh, &name)? => {}
                _ => findings.add(format!("the {kind} {name:?} is not the one of a fresh file")),
            }
        }
        Ok(())
    })
}

fn all<T>(
    sqlite: &Sqlite,
    sql: &str,
    name: &str,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>> {
    let mut statement = sqlite.prepare(sql)?;
    let rows = statement.query_map([name], read)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The kinds and names of the objects in a file, without those that SQLite makes itself.
fn objects(sqlite: &Sqlite) -> Result<Vec<(String, String)>> {
    let sql = "SELECT type, name FROM sqlite_schema WHERE name NOT LIKE ?1 ORDER BY rowid";
    all(sqlite, sql, "sqlite_%", |row| Ok((row.get(0)?, row.get(1)?)))
}

fn exists(sqlite: &Sqlite, kind: &str, name: &str) -> Result<bool> {
    let sql = "SELECT 1 FROM sqlite_schema WHERE type = ?1 AND name = ?2 COLLATE NOCASE";
    Ok(sqlite.prepare(sql)?.exists([kind, name])?)
}

/// The columns by their names, with their declarations.
fn columns(sqlite: &Sqlite, table: &str) -> Result<Vec<(String, String)>> {
    let sql = "SELECT lower(name), upper(type) || iif(\"notnull\", ' NOT NULL', '')
               || iif(pk, ' PRIMARY KEY', '') || coalesce(' DEFAULT ' || dflt_value, '')
               FROM pragma_table_info(?1)";
    all(sqlite, sql, table, |row| Ok((lossy(row, 0)?, lossy(row, 1)?)))
}

fn compare_columns(
    sqlite: &Sqlite,
    fresh: &Sqlite,
    table: &str,
    findings: &mut Findings,
) -> Result<()> {
    let actual = columns(sqlite, table)?;
    for (name, expected) in columns(fresh, table)? {
        match actual.iter().find(|(column, _)| *column == name) {
            None => findings.add(format!("the table {table:?} has no column {name:?}")),
            Some((_, declared)) if *declared != expected => findings.add(format!(
                "the column {name:?} of the table {table:?} is declared as {declared:?}, not {expected:?}"
            )),
            Some(_) => {}
        }
    }
    Ok(())
}

/// The properties of an index, independent of how its SQL is written.
fn index(sqlite: &Sqlite, name: &str) -> Result<Vec<String>> {
    let sql = "SELECT lower(m.tbl_name) || ' ' || l.\"unique\" || l.partial || ' '
               || coalesce(lower(x.name), '?') || ' ' || x.desc || ' ' || x.coll
               FROM sqlite_schema AS m, pragma_index_list(m.tbl_name) AS l, pragma_index_xinfo(m.name) AS x
               WHERE m.type = 'index' AND m.name = ?1 COLLATE NOCASE
               AND l.name = m.name COLLATE NOCASE AND x.key ORDER BY x.seqno";
    all(sqlite, sql, name, |row| lossy(row, 0))
}

/// The words of a trigger's SQL, in lower case.
pub(super) fn words(sqlite: &Sqlite, name: &str) -> Result<Vec<String>> {
    let sql =
        "SELECT lower(sql) FROM sqlite_schema WHERE type = 'trigger' AND name = ?1 COLLATE NOCASE";
    let found = all(sqlite, sql, name, |row| lossy(row, 0))?;
    Ok(found.iter().flat_map(|sql| sql.split_whitespace()).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::OpenOptions;

    fn file(change: &str) -> Sqlite {
        let connection = Sqlite::open_in_memory().unwrap();
        migrations::migrate(&connection, &OpenOptions::default()).unwrap();
        connection.execute_batch(change).unwrap();
        connection
    }

    fn differences(connection: &Sqlite) -> Vec<String> {
        let mut findings = Findings::default();
        compare_schema(connection, schema_version(connection).unwrap(), &mut findings).unwrap();
        findings.problems
    }

    #[test]
    fn objects_of_other_programs_are_no_difference() {
        assert!(differences(&file("")).is_empty());
        let extended = file(
            "ALTER TABLE sessions ADD COLUMN tag TEXT;
             CREATE TABLE notes (x); CREATE INDEX i ON sessions (slot);
             CREATE TRIGGER t AFTER DELETE ON sessions BEGIN SELECT 1; END;",
        );
        assert!(differences(&extended).is_empty());
    }

    #[test]
    fn a_wider_check_on_slot_is_no_difference() {
        let connection = file("");
        let options = OpenOptions { slots: 5, ..OpenOptions::default() };
        migrations::migrate(&connection, &options).unwrap();
        assert!(differences(&connection).is_empty());
    }

    #[test]
    fn a_missing_or_different_object_is_named() {
        for (change, problem) in [
            ("DROP INDEX idx_outputs_timestamp", "the index \"idx_outputs_timestamp\" is missing"),
            (
                "DROP INDEX idx_outputs_timestamp; CREATE INDEX idx_outputs_timestamp ON session_outputs (timestamp)",
                "the index \"idx_outputs_timestamp\" is not the one of a fresh file",
            ),
            ("DROP TRIGGER sessions_updated_at", "the trigger \"sessions_updated_at\" is missing"),
            (
                "DROP TRIGGER sessions_updated_at; CREATE TRIGGER sessions_updated_at AFTER UPDATE ON sessions BEGIN SELECT 1; END",
                "the trigger \"sessions_updated_at\" is not the one of a fresh file",
            ),
            (
                "ALTER TABLE sessions DROP COLUMN current_command",
                "the table \"sessions\" has no column \"current_command\"",
            ),
        ] {
            // The trigger of the schema names every column.
            let prepare =
                if change.starts_with("ALTER") { "DROP TRIGGER sessions_updated_at;" } else { "" };
            let found = differences(&file(&format!("{prepare}{change}")));
            assert!(found.iter().any(|found| found == problem), "{found:?}");
        }
    }

    #[test]
    fn a_file_of_the_better_sqlite3_version_needs_no_trigger() {
        let adopted = file("DROP TRIGGER sessions_updated_at; PRAGMA user_version = 0");
        assert!(differences(&adopted).is_empty());
    }

    #[test]
    fn a_check_sees_one_state_and_leaves_a_transaction_open() {
        let folder = tempfile::tempdir().unwrap();
        let open = || {
            let connection = Sqlite::open(folder.path().join("a.db")).unwrap();
            connection.pragma_update(None, "journal_mode", "WAL").unwrap();
            connection
        };
        let (reader, writer) = (open(), open());
        writer.execute_batch("CREATE TABLE t (x)").unwrap();
        let rows =
            || -> i64 { reader.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap() };
        let look = || {
            let before = rows();
            writer.execute_batch("INSERT INTO t VALUES (1)").unwrap();
            Ok((before, rows()))
        };
        assert_eq!(in_one_state(&reader, look).unwrap(), (0, 0));
        assert!(reader.is_autocommit());
        reader.execute_batch("BEGIN").unwrap();
        assert_eq!(in_one_state(&reader, look).unwrap(), (1, 1));
        assert!(!reader.is_autocommit());
    }
}
