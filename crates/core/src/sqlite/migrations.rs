//! How an older file gets the newest schema.
//!
//! The version of a schema is `user_version`, the lowest version of this library's schema that can read the file.
//! Version 0 is an empty file, or a file of the better-sqlite3 version of the store, which is adopted unchanged. Each
//! migration is one numbered file, never edited once released, and runs in one transaction.
//!
//! An addition is what older versions may ignore: it does not raise the version. A file has it if all its objects are
//! there.

use std::collections::HashSet;

use rusqlite::Connection as Sqlite;

use super::definition::{definition, in_memory, lossy};
use super::options::OpenOptions;
use super::transaction::atomically;
use super::{Result, ours, slots};

const MIGRATIONS: &[&str] =
    &[include_str!("migrations/0001_sessions.sql"), include_str!("migrations/0002_pins.sql")];

/// The moment at which a session started, by text in the form that the store writes: what the index on starts has.
///
/// Every version of SQLite since 3.35 has to compute it alike. So `strftime()` is given no fraction, which some round, and
/// no hour 24, which some refuse. A text that is no moment, such as a 31st of February, or one in a form that SQLite does
/// not read, is NULL.
macro_rules! start {
    () => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/sqlite/migrations/start.sql"))
    };
}

pub(crate) use start;

/// What a file has beyond its version.
const ADDITIONS: &[&str] = &[include_str!("migrations/addition_sessions.sql"), BY_START];

/// The index on starts. No other index of ours has an expression.
pub(super) const BY_START: &str =
    concat!("CREATE INDEX gsd_sessions_by_start ON sessions (", start!(), ")");

/// What a file has while sessions of it are sealed, and the version that it has then.
const SEALED: &str = include_str!("migrations/sealed.sql");
pub(super) const SEALED_VERSION: i64 = 3;

/// The additions that the file lacks, or of which it lacks an object.
fn missing(connection: &Sqlite) -> Result<Vec<&'static str>> {
    let names = names(connection)?;
    let is_missing = |sql: &&'static str| objects(sql).any(|(_, name)| !names.contains(name));
    Ok(ADDITIONS.iter().copied().filter(is_missing).collect())
}

/// The names of all objects of the file, in lower case.
fn names(connection: &Sqlite) -> Result<HashSet<String>> {
    let mut statement = connection.prepare_cached("SELECT lower(name) FROM sqlite_schema")?;
    let names = statement.query_map([], |row| lossy(row, 0))?;
    Ok(names.collect::<rusqlite::Result<_>>()?)
}

/// The definition of a table of ours, as SQLite stores it.
pub(super) fn written(table: &str) -> Option<String> {
    MIGRATIONS.iter().chain(ADDITIONS).chain([&SEALED]).find_map(|sql| {
        let (_, definition) = sql.split_once(&format!("CREATE TABLE IF NOT EXISTS {table} ("))?;
        let (definition, _) = definition.split_once(";\n")?;
        Some(format!("CREATE TABLE {table} ({definition}"))
    })
}

/// The kinds and names of the objects that SQL of ours creates. It says so at the start of a line.
fn objects(sql: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    sql.lines().filter_map(|line| {
        let (kind, object) = line.strip_prefix("CREATE ")?.split_once(' ')?;
        let object = object.strip_prefix("IF NOT EXISTS ").unwrap_or(object);
        let name = object.split(|sign: char| sign != '_' && !sign.is_alphanumeric()).next()?;
        Some((kind, name))
    })
}

/// Whether the schema of the file has an object with this name.
pub(crate) fn has_object(connection: &Sqlite, name: &str) -> Result<bool> {
    let sql = "SELECT 1 FROM sqlite_schema WHERE name = ?1 COLLATE NOCASE";
    Ok(connection.prepare_cached(sql)?.exists([name])?)
}

/// The newest schema version that this library knows.
pub(super) fn newest() -> i64 {
    SEALED_VERSION
}

/// Adds what sealed sessions need, unless the file has it. To be called in a transaction.
///
/// # Errors
///
/// An error of SQLite.
pub(crate) fn add_sealed(connection: &Sqlite) -> Result<()> {
    ours::run(|| {
        connection.execute_batch(SEALED)?;
        Ok(connection.pragma_update(None, "user_version", SEALED_VERSION)?)
    })
}

/// Removes it, so that older versions can read the file. To be called in a transaction.
///
/// # Errors
///
/// An error of SQLite.
pub(crate) fn drop_sealed(connection: &Sqlite) -> Result<()> {
    ours::run(|| {
        for (kind, name) in objects(SEALED) {
            // An index goes with its table.
            if kind != "INDEX" {
                connection.execute_batch(&format!("DROP {kind} IF EXISTS {name}"))?;
            }
        }
        Ok(connection.pragma_update(None, "user_version", SEALED_VERSION - 1)?)
    })
}

/// The indexes and triggers of the newest schema.
pub(super) fn indexes_and_triggers() -> impl Iterator<Item = &'static str> {
    let all = MIGRATIONS.iter().chain(ADDITIONS).copied().chain([SEALED]).flat_map(objects);
    all.filter(|(kind, _)| *kind != "TABLE").map(|(_, name)| name)
}

/// The version of a file's schema.
pub(super) fn version(connection: &Sqlite) -> Result<i64> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

/// Brings the file to the newest version, and to at least the number of slots in the options.
pub(crate) fn migrate(connection: &Sqlite, options: &OpenOptions) -> Result<()> {
    for (migration, number) in MIGRATIONS.iter().zip(1..) {
        if version(connection)? >= number {
            continue;
        }
        atomically(connection, || {
            // Another process may have migrated it while this one waited for the lock.
            if version(connection)? >= number {
                return Ok(());
            }
            let adopted = definition(connection, "sessions")?.is_some();
            connection.execute_batch(migration)?;
            connection.pragma_update(None, "user_version", number)?;
            if adopted { Ok(()) } else { slots::set(connection, options.slots) }
        })?;
    }
    if !missing(connection)?.is_empty() {
        atomically(connection, || -> Result<()> {
            // Another process may have made it while this one waited for the lock.
            for addition in missing(connection)? {
                connection.execute_batch(addition)?;
            }
            Ok(())
        })?;
    }
    slots::widen(connection, options.slots)
}

/// An empty database in memory with the schema that a file should have. A file of version 0 has no triggers; one that
/// was never opened for writing since has no additions.
pub(super) fn fresh(file: &Sqlite, version: i64) -> Result<Sqlite> {
    let connection = in_memory()?;
    let migrations = usize::try_from(version).unwrap_or(0).max(1);
    for migration in MIGRATIONS.iter().take(migrations) {
        connection.execute_batch(migration)?;
    }
    if version == 0 {
        connection.execute_batch("DROP TRIGGER sessions_updated_at")?;
    }
    let names = names(file)?;
    for addition in ADDITIONS {
        if objects(addition).any(|(_, name)| names.contains(name)) {
            connection.execute_batch(addition)?;
        }
    }
    // Its triggers stand on tables of the additions.
    if version >= SEALED_VERSION {
        connection.execute_batch(SEALED)?;
    }
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::schema::inspect;

    fn migrated(prepare: &str, slots: u16) -> Sqlite {
        let connection = Sqlite::open_in_memory().unwrap();
        connection.execute_batch(prepare).unwrap();
        inspect(&connection, false).unwrap();
        migrate(&connection, &OpenOptions { slots, ..OpenOptions::default() }).unwrap();
        inspect(&connection, false).unwrap();
        connection
    }

    #[test]
    fn an_empty_file_gets_the_newest_schema() {
        let connection = migrated("", 3);
        assert_eq!(version(&connection).unwrap(), SEALED_VERSION - 1);
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
            "gsd_session_changed gsd_session_changes gsd_session_created gsd_session_detailed \
             gsd_session_details gsd_session_details_changed gsd_session_owners gsd_session_redactions \
             gsd_session_removed gsd_session_renamed gsd_session_sizes gsd_sessions_by_start idx_outputs_session_id idx_outputs_timestamp \
             session_outputs session_pins session_pins_end sessions sessions_updated_at"
        );
    }

    #[test]
    fn sqlite_stores_tables_as_they_are_written_here() {
        let connection = migrated("", 3);
        let mut stored =
            connection.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'table'").unwrap();
        let stored =
            stored.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)));
        for table in stored.unwrap() {
            let (name, sql) = table.unwrap();
            assert!(name.starts_with("sqlite_") || written(&name) == Some(sql), "{name}");
        }
    }

    #[test]
    fn an_addition_has_the_objects_that_it_names() {
        let file = Sqlite::open_in_memory().unwrap();
        MIGRATIONS.iter().for_each(|migration| file.execute_batch(migration).unwrap());
        assert_eq!(missing(&file).unwrap(), ADDITIONS);
        for addition in ADDITIONS {
            assert!(missing(&file).unwrap().contains(addition));
            file.execute_batch(addition).unwrap();
            assert!(!missing(&file).unwrap().contains(addition));
        }
    }

    #[test]
    fn sqlite_stores_the_index_on_starts_as_it_is_written_here() {
        let sql: String = migrated("", 3)
            .query_row(
                "SELECT sql FROM sqlite_schema WHERE name = 'gsd_sessions_by_start'",
                [],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(sql, BY_START);
    }

    #[test]
    fn every_index_and_trigger_of_the_newest_schema_is_known() {
        let connection = migrated("", 3);
        add_sealed(&connection).unwrap();
        let mut stored = connection
            .prepare(
                "SELECT name FROM sqlite_schema WHERE type IN ('index', 'trigger')
                 AND name NOT LIKE 'sqlite_%' ORDER BY name",
            )
            .unwrap();
        let stored = stored.query_map([], |row| row.get(0)).unwrap();
        let stored: Vec<String> = stored.collect::<rusqlite::Result<_>>().unwrap();
        let mut known: Vec<_> = indexes_and_triggers().collect();
        known.sort_unstable();
        assert_eq!(known, stored);
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
}
