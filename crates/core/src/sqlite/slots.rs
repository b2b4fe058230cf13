//! The slots that a file accepts: the CHECK on `sessions.slot`.
//!
//! SQLite cannot alter a CHECK. A wider one does not affect stored rows, so its text in the schema is replaced, as
//! SQLite's documentation describes (<https://www.sqlite.org/lang_altertable.html#otheralter>). That needs no copy of
//! the rows, and runs no SQL of the file.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::bytes::Regex;
use rusqlite::Connection as Sqlite;
use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};

use super::definition::{Tried, definition_of, from_definition, try_out};
use super::options::DEFAULT_SLOTS;
use super::transaction::atomically;
use super::{Error, Result};

const TABLE: &str = "sessions";

/// The highest slot that the file accepts, or `None` if its CHECK has an unknown form.
pub(crate) fn accepted(connection: &Sqlite) -> Result<Option<i64>> {
    Ok(definition_of(connection, TABLE)?.and_then(|sql| highest_slot(&sql)))
}

/// Widens the CHECK to the slots 1 to `slots`; never narrows it.
///
/// # Errors
///
/// `SQLITE_CANTOPEN` if the CHECK has an unknown form and refuses the highest of these slots.
pub(crate) fn widen(connection: &Sqlite, slots: u16) -> Result<()> {
    if is_wide(&definition(connection)?, slots)? {
        return Ok(());
    }
    atomically(connection, || {
        // Another process may have widened it while this one waited for the lock.
        let sql = definition(connection)?;
        if is_wide(&sql, slots)? {
            return Ok(());
        }
        let Some(mut list) = listed_slots(&sql) else {
            return Err(Error::cannot_open(format!(
                "its CHECK on sessions.slot has an unknown form and cannot be widened to {slots} slots: {}",
                shown(&sql)
            )));
        };
        list.extend(1..=i64::from(slots));
        let widened = with_slots(&sql, list);
        if !accepts(&widened, slots)? {
            return Err(Error::cannot_open(format!(
                "another CHECK than the one on slot refuses slot {slots}: {}",
                shown(&sql)
            )));
        }
        redefine(connection, &widened)
    })
}

/// Sets the CHECK of a table that was made in the same transaction to the slots 1 to `slots`.
pub(crate) fn set(connection: &Sqlite, slots: u16) -> Result<()> {
    let sql = definition(connection)?;
    if highest_slot(&sql) == Some(i64::from(slots)) {
        return Ok(());
    }
    redefine(connection, &with_slots(&sql, (1..=slots.into()).collect()))
}

fn definition(connection: &Sqlite) -> Result<Vec<u8>> {
    let missing = || Error::cannot_open("its table \"sessions\" is missing");
    definition_of(connection, TABLE)?.ok_or_else(missing)
}

fn is_wide(sql: &[u8], slots: u16) -> Result<bool> {
    Ok(match highest_slot(sql) {
        Some(accepted) => accepted >= i64::from(slots),
        // Only the CHECK itself can tell. The default slots are not tried out.
        None => slots <= DEFAULT_SLOTS || accepts(sql, slots)?,
    })
}

/// Whether a table with this definition accepts a session in this slot. It is tried out on an empty table.
fn accepts(sql: &[u8], slot: u16) -> Result<bool> {
    const INSERT: &str = "INSERT INTO sessions (id, slot, status, working_dir, started_at)
         VALUES (hex(randomblob(16)), ?1, 'idle', '/', '2026-01-01T00:00:00.000Z')";
    let tried = from_definition(sql).and_then(|copy| try_out(&copy, INSERT, [slot]));
    match tried {
        // Other reasons to refuse the row have nothing to do with its slot.
        Ok(tried) => Ok(tried != Tried::Refused),
        Err(error) => Err(Error::cannot_open(format!(
            "its CHECK on sessions.slot cannot be tried out with slot {slot}: {error}"
        ))),
    }
}

/// Replaces the definition of the table in the schema.
fn redefine(connection: &Sqlite, sql: &[u8]) -> Result<()> {
    let version: i64 = connection.pragma_query_value(None, "schema_version", |row| row.get(0))?;
    let writable = |on: bool| -> Result<()> {
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, !on)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_WRITABLE_SCHEMA, on)?;
        Ok(())
    };
    writable(true)?;
    let replaced = (|| -> Result<()> {
        let update = "UPDATE sqlite_schema SET sql = ?1 WHERE type = 'table' AND name = 'sessions' COLLATE NOCASE";
        connection.execute(update, [ToSqlOutput::Borrowed(ValueRef::Text(sql))])?;
        // Makes every connection read the schema again, this one as well.
        let next = (version as i32).wrapping_add(1);
        Ok(connection.pragma_update(None, "schema_version", next)?)
    })();
    writable(false)?;
    replaced?;
    // If the new definition cannot be read, everything is undone.
    if definition(connection)? == sql {
        return Ok(());
    }
    Err(Error::cannot_open("its table \"sessions\" cannot be widened"))
}

/// The part of a definition that a message shows.
fn shown(sql: &[u8]) -> String {
    const SHOWN: usize = 2000;
    String::from_utf8_lossy(sql.get(..SHOWN).unwrap_or(sql)).into_owned()
}

fn check() -> &'static Regex {
    static CHECK: LazyLock<Regex> = LazyLock::new(|| {
        regex(r#"(?i)\bCHECK\s*\(\s*\(?\s*["'`\[]?slot["'`\]]?\s*\)?\s+IN\s*\(\s*(\d[\d,\s]*)\)"#)
    });
    &CHECK
}

#[allow(clippy::expect_used, reason = "the patterns are constants, and a test compiles them")]
fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a valid pattern")
}

fn listed_slots(sql: &[u8]) -> Option<BTreeSet<i64>> {
    let list = str::from_utf8(check().captures(sql)?.get(1)?.as_bytes()).ok()?;
    list.split(',').map(|slot| slot.trim().parse().ok()).collect()
}

/// The highest slot that a table with this definition accepts.
pub(crate) fn highest_slot(sql: &[u8]) -> Option<i64> {
    listed_slots(sql)?.last().copied()
}

/// Whether a definition is `ours`, but for the slots that it lists.
pub(super) fn is_same(sql: &[u8], ours: &[u8]) -> bool {
    sql == ours || listed_slots(ours).is_some_and(|slots| with_slots(sql, slots) == ours)
}

/// The definition with other slots in its CHECK. Every other byte stays.
fn with_slots(sql: &[u8], slots: BTreeSet<i64>) -> Vec<u8> {
    let list = slots.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
    let mut widened = sql.to_owned();
    if let Some(listed) = check().captures(sql).and_then(|check| check.get(1)) {
        widened.splice(listed.range(), list.into_bytes());
    }
    widened
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(connection: &Sqlite, sql: &str) -> Result<Vec<String>> {
        let mut statement = connection.prepare(sql)?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<std::result::Result<_, _>>()?)
    }

    fn file(extra: &str) -> Sqlite {
        let connection = Sqlite::open_in_memory().unwrap();
        connection.execute_batch(include_str!("migrations/0001_sessions.sql")).unwrap();
        connection.execute_batch(extra).unwrap();
        connection
    }

    fn insert(id: &str, slot: i64) -> String {
        format!(
            "INSERT INTO sessions (id, slot, status, working_dir, started_at)
             VALUES ('{id}', {slot}, 'idle', '/', '2026-01-01T00:00:00.000Z');"
        )
    }

    #[test]
    fn the_check_is_read_in_any_spelling() {
        assert_eq!(highest_slot(b"slot INTEGER NOT NULL CHECK (slot IN (1, 2, 3))"), Some(3));
        assert_eq!(highest_slot(b"CHECK(slot in(1,2,3,4))"), Some(4));
        assert_eq!(highest_slot(b"CHECK (slot\n IN ( 1 , 12 ))"), Some(12));
        assert_eq!(highest_slot(b"CHECK ((\"slot\") IN (0, 1))"), Some(1));
        assert_eq!(highest_slot(b"-- slot IN (1, 2, 3)\nCHECK (slot < 3)"), None);
        assert_eq!(highest_slot(b"slot INTEGER CHECK (slot BETWEEN 1 AND 3)"), None);
    }

    #[test]
    fn widening_keeps_the_slots_that_were_listed() {
        let connection = file("");
        let sql = definition(&connection).unwrap();
        redefine(&connection, &with_slots(&sql, BTreeSet::from([0, 2]))).unwrap();
        connection.execute_batch(&insert("a", 0)).unwrap();
        widen(&connection, 4).unwrap();
        for slot in 0..=4 {
            connection.execute_batch(&insert(&format!("s{slot}"), slot)).unwrap();
        }
        connection.execute_batch(&insert("b", 5)).unwrap_err();
    }

    #[test]
    fn widening_leaves_the_rest_of_the_check_unchanged() {
        let connection = Sqlite::open_in_memory().unwrap();
        let plan = include_str!("migrations/0001_sessions.sql");
        connection
            .execute_batch(
                &plan.replace("slot IN (1, 2, 3)", "(\"slot\" IN (1,2, 3 )) AND slot > 0"),
            )
            .unwrap();
        widen(&connection, 4).unwrap();
        let sql = String::from_utf8(definition(&connection).unwrap()).unwrap();
        assert!(sql.contains("CHECK ((\"slot\" IN (1, 2, 3, 4)) AND slot > 0)"), "{sql}");
    }

    #[test]
    fn a_check_of_unknown_form_is_tried_out() {
        let with = |check: &str| {
            let connection = Sqlite::open_in_memory().unwrap();
            let plan = include_str!("migrations/0001_sessions.sql");
            connection.execute_batch(&plan.replace("slot IN (1, 2, 3)", check)).unwrap();
            connection
        };
        let enough = with("slot BETWEEN 1 AND 9");
        widen(&enough, 4).unwrap();
        assert_eq!(strings(&enough, "SELECT id FROM sessions").unwrap(), [""; 0]);
        let error = widen(&with("slot BETWEEN 1 AND 3"), 4).unwrap_err();
        assert!(
            error.to_string().contains("an unknown form and cannot be widened to 4 slots"),
            "{error}"
        );
        widen(&with("slot BETWEEN 1 AND 3"), 3).unwrap();
    }

    #[test]
    fn widening_keeps_rows_order_indexes_triggers_and_views() {
        let connection = file(&format!(
            "{}{}DELETE FROM sessions WHERE id = 'a';
             ALTER TABLE sessions ADD COLUMN \"a \"\"tag\" TEXT;
             CREATE INDEX by_status ON sessions(status);
             CREATE TRIGGER log AFTER INSERT ON sessions BEGIN SELECT NEW.id; END;
             CREATE VIEW busy AS SELECT id FROM sessions WHERE status = 'idle';",
            insert("a", 1),
            insert("b", 2)
        ));
        widen(&connection, 4).unwrap();
        assert_eq!(accepted(&connection).unwrap(), Some(4));
        connection.execute_batch(&insert("c", 4)).unwrap();
        connection.execute_batch(&insert("d", 5)).unwrap_err();
        let rows = strings(&connection, "SELECT rowid || id FROM sessions ORDER BY rowid").unwrap();
        assert_eq!(rows, ["2b", "3c"]);
        assert_eq!(strings(&connection, "SELECT id FROM busy ORDER BY id").unwrap(), ["b", "c"]);
        let names = strings(
            &connection,
            "SELECT name FROM sqlite_schema WHERE type IN ('index', 'trigger') AND sql IS NOT NULL
             AND tbl_name = 'sessions' ORDER BY name",
        )
        .unwrap();
        assert_eq!(names, ["by_status", "log", "sessions_updated_at"]);
    }

    #[test]
    fn widening_never_narrows() {
        let connection = file("");
        widen(&connection, 5).unwrap();
        widen(&connection, 3).unwrap();
        assert_eq!(accepted(&connection).unwrap(), Some(5));
    }

    #[test]
    fn another_check_that_refuses_the_slot_leaves_the_table_unchanged() {
        let connection = Sqlite::open_in_memory().unwrap();
        let plan = include_str!("migrations/0001_sessions.sql");
        let stricter = plan.replace("pid INTEGER,", "pid INTEGER CHECK (slot < 4),");
        connection.execute_batch(&(stricter + &insert("a", 1))).unwrap();
        let before = definition(&connection).unwrap();
        let error = widen(&connection, 4).unwrap_err().to_string();
        assert!(error.contains("another CHECK than the one on slot refuses slot 4"), "{error}");
        assert_eq!(definition(&connection).unwrap(), before);
        assert_eq!(strings(&connection, "SELECT id FROM sessions").unwrap(), ["a"]);
    }

    #[test]
    fn widening_runs_no_sql_of_the_file() {
        let endless =
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n";
        let connection = file(&format!(
            "{}CREATE VIEW forever AS {endless};
             CREATE TRIGGER insertion BEFORE INSERT ON sessions BEGIN {endless}; END;
             CREATE TRIGGER deletion BEFORE DELETE ON sessions BEGIN {endless}; END;",
            insert("a", 1)
        ));
        widen(&connection, 4).unwrap();
        assert_eq!(accepted(&connection).unwrap(), Some(4));
        assert_eq!(
            strings(&connection, "PRAGMA integrity_check('session_outputs')").unwrap(),
            ["ok"]
        );
    }

    #[test]
    fn a_definition_keeps_every_byte_but_its_slots() {
        let connection = file(&insert("a", 1));
        let plan = definition(&connection).unwrap();
        let mut odd = plan.clone();
        let comment = b" /* \xff\xfe */ ";
        odd.splice(22..22, comment.iter().copied());
        redefine(&connection, &odd).unwrap();
        widen(&connection, 12).unwrap();
        let widened = definition(&connection).unwrap();
        assert_eq!(highest_slot(&widened), Some(12));
        assert!(widened.windows(comment.len()).any(|window| window == comment));
        connection.execute_batch(&insert("b", 12)).unwrap();
    }
}
