//! How an older file gets the newest schema.
//!
//! The version of a schema is `user_version`. Version 0 is an empty file, or a file of the better-sqlite3 version of
//! the store, which is adopted unchanged. Each migration is one numbered file, never edited once released, and runs
//! in one transaction.

use rusqlite::Connection as Sqlite;

use super::definition::{definition, in_memory};
use super::options::OpenOptions;
use super::transaction::atomically;
use super::{Result, slots};

const MIGRATIONS: &[&str] =
    &[include_str!("migrations/0001_sessions.sql"), include_str!("migrations/0002_pins.sql")];

/// The newest schema version that this library knows.
pub(crate) fn newest() -> usize {
    MIGRATIONS.len()
}

/// The indexes and triggers of the newest schema.
pub(super) fn indexes_and_triggers() -> impl Iterator<Item = &'static str> {
    let name = |line: &'static str| {
        let words = line.strip_prefix("CREATE ")?.split_once(" IF NOT EXISTS ")?;
        let is_wanted = words.0.ends_with("INDEX") || words.0.ends_with("TRIGGER");
        let name = words.1.split(|sign: char| sign != '_' && !sign.is_alphanumeric()).next();
        name.filter(|_| is_wanted)
    };
    MIGRATIONS.iter().flat_map(|migration| migration.lines()).filter_map(name)
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
    slots::widen(connection, options.slots)
}

/// An empty database in memory with the schema of this version. A file of version 0 has no triggers.
pub(super) fn fresh(version: i64) -> Result<Sqlite> {
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
    fn every_index_and_trigger_of_the_newest_schema_is_known() {
        let connection = migrated("", 3);
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
