//! The slots that a file accepts: the CHECK on `sessions.slot`.
//!
//! SQLite cannot alter a CHECK, so a wider one takes the table rebuild that its documentation
//! describes (<https://www.sqlite.org/lang_altertable.html#otheralter>): a new table, a copy of the
//! rows, and the old name.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension, ffi};

use super::options::DEFAULT_SLOTS;
use super::{Error, Result, transaction::atomically};

const SESSIONS_SQL: &str =
    "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = 'sessions' COLLATE NOCASE";

/// The highest slot that the file accepts, or `None` where its CHECK is none that we know.
pub(crate) fn accepted(connection: &Connection) -> Result<Option<i64>> {
    let sql: Option<String> =
        connection.query_row(SESSIONS_SQL, [], |row| row.get(0)).optional()?;
    Ok(sql.as_deref().and_then(highest_slot))
}

/// Widens the CHECK to the slots 1 to `slots`; never narrows it.
///
/// # Errors
///
/// `SQLITE_CANTOPEN` where the CHECK is none that we know, and refuses the highest of these slots.
pub(crate) fn widen(connection: &Connection, slots: u16) -> Result<()> {
    let too_narrow = || -> Result<bool> {
        Ok(match accepted(connection)? {
            Some(accepted) => accepted < i64::from(slots),
            // Nobody but the CHECK itself can tell, and asking takes a write. The slots that a harness
            // always had are worth none.
            None => slots > DEFAULT_SLOTS && !accepts(connection, slots)?,
        })
    };
    if !too_narrow()? {
        return Ok(());
    }
    with_rebuild_settings(connection, || {
        atomically(connection, || {
            // Another process may have widened it while this one waited for the lock.
            if too_narrow()? { rebuild(connection, slots) } else { Ok(()) }
        })
    })
}

/// Sets the CHECK of a table that was made a moment ago, in the same transaction, to 1 to `slots`.
pub(crate) fn set(connection: &Connection, slots: u16) -> Result<()> {
    if accepted(connection)? == Some(i64::from(slots)) {
        return Ok(());
    }
    with_rebuild_settings(connection, || rebuild_with(connection, (1..=slots.into()).collect()))
}

/// Whether a session can be stored with this slot: tried, and undone.
fn accepts(connection: &Connection, slot: u16) -> Result<bool> {
    let mut accepted = true;
    let undone: Result<()> = atomically(connection, || {
        let insert = "INSERT INTO sessions (id, slot, status, working_dir, started_at)
             VALUES (hex(randomblob(16)), ?1, 'idle', '/', '2026-01-01T00:00:00.000Z')";
        let tried = connection.execute(insert, [slot]).map_err(Error::from);
        accepted = match tried {
            Err(Error::Sqlite { code: ffi::SQLITE_CONSTRAINT_CHECK, .. }) => false,
            // What else the file says against this row, such as a trigger, is not about its slot.
            Err(Error::Sqlite { code, .. })
                if matches!(code & 0xff, ffi::SQLITE_CONSTRAINT | ffi::SQLITE_ERROR) =>
            {
                true
            }
            Err(error) => return Err(error),
            Ok(_) => true,
        };
        // Any error undoes it.
        Err(Error::InUse)
    });
    match undone {
        Err(Error::InUse) | Ok(()) => Ok(accepted),
        Err(error) => Err(error),
    }
}

fn check() -> &'static Regex {
    static CHECK: LazyLock<Regex> = LazyLock::new(|| {
        regex(r#"(?i)\bCHECK\s*\(\s*\(?\s*["'`\[]?slot["'`\]]?\s*\)?\s+IN\s*\(\s*(\d[\d,\s]*)\)"#)
    });
    &CHECK
}

fn table_name() -> &'static Regex {
    static NAME: LazyLock<Regex> =
        LazyLock::new(|| regex(r#"(?i)^CREATE\s+TABLE\s+["'`\[]?sessions["'`\]]?"#));
    &NAME
}

#[allow(clippy::expect_used, reason = "the patterns are constants, and a test compiles them")]
fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a valid pattern")
}

fn listed_slots(sql: &str) -> Option<BTreeSet<i64>> {
    let list = check().captures(sql)?.get(1)?.as_str();
    list.split(',').map(|slot| slot.trim().parse().ok()).collect()
}

/// The highest slot that a table with this definition accepts.
pub(crate) fn highest_slot(sql: &str) -> Option<i64> {
    listed_slots(sql)?.last().copied()
}

/// Names in triggers and views must stay as they are while the table changes hands, and SQL that an
/// older SQLite accepted in them must stay acceptable.
fn with_rebuild_settings(connection: &Connection, work: impl FnOnce() -> Result<()>) -> Result<()> {
    let switch = |on| -> Result<()> {
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_LEGACY_ALTER_TABLE, on)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, on)?;
        Ok(())
    };
    switch(true)?;
    let result = work();
    switch(false)?;
    result
}

fn rebuild(connection: &Connection, slots: u16) -> Result<()> {
    let sql: String = connection.query_row(SESSIONS_SQL, [], |row| row.get(0))?;
    let Some(mut list) = listed_slots(&sql) else {
        return Err(Error::cannot_open(format!(
            "its CHECK on sessions.slot is none that can be widened to {slots} slots: {sql}"
        )));
    };
    list.extend(1..=i64::from(slots));
    rebuild_with(connection, list)?;
    if accepts(connection, slots)? {
        return Ok(());
    }
    Err(Error::cannot_open(format!(
        "another CHECK than the one on slot refuses slot {slots}: {sql}"
    )))
}

fn rebuild_with(connection: &Connection, slots: BTreeSet<i64>) -> Result<()> {
    let sql: String = connection.query_row(SESSIONS_SQL, [], |row| row.get(0))?;
    let list = slots.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
    let listed = check().captures(&sql).and_then(|check| check.get(1)).map(|list| list.range());
    let mut widened = sql.clone();
    if let Some(listed) = listed {
        widened.replace_range(listed, &list);
    }
    let create = table_name().replace(&widened, "CREATE TABLE sessions_rebuilt");
    if create == widened {
        return Err(Error::cannot_open(format!("cannot read the table's definition: {sql}")));
    }
    let columns = strings(
        connection,
        "SELECT '\"' || replace(name, '\"', '\"\"') || '\"' FROM pragma_table_xinfo('sessions') WHERE hidden = 0",
    )?
    .join(", ");
    let dependents = strings(
        connection,
        "SELECT sql FROM sqlite_schema WHERE tbl_name = 'sessions' COLLATE NOCASE
         AND type IN ('index', 'trigger') AND sql IS NOT NULL ORDER BY rowid",
    )?;

    connection.execute_batch(&create)?;
    // The rowid orders sessions that started in the same millisecond.
    connection.execute_batch(&format!(
        "INSERT INTO sessions_rebuilt (rowid, {columns}) SELECT rowid, {columns} FROM sessions ORDER BY rowid;
         DROP TABLE sessions;
         ALTER TABLE sessions_rebuilt RENAME TO sessions;"
    ))?;
    for sql in dependents {
        connection.execute_batch(&sql)?;
    }
    Ok(())
}

fn strings(connection: &Connection, sql: &str) -> Result<Vec<String>> {
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<std::result::Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(extra: &str) -> Connection {
        let connection = Connection::open_in_memory().unwrap();
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
    fn reads_the_check_however_it_is_written() {
        assert_eq!(highest_slot("slot INTEGER NOT NULL CHECK (slot IN (1, 2, 3))"), Some(3));
        assert_eq!(highest_slot("CHECK(slot in(1,2,3,4))"), Some(4));
        assert_eq!(highest_slot("CHECK (slot\n IN ( 1 , 12 ))"), Some(12));
        assert_eq!(highest_slot("CHECK ((\"slot\") IN (0, 1))"), Some(1));
        assert_eq!(highest_slot("-- slot IN (1, 2, 3)\nCHECK (slot < 3)"), None);
        assert_eq!(highest_slot("slot INTEGER CHECK (slot BETWEEN 1 AND 3)"), None);
    }

    #[test]
    fn widening_keeps_the_slots_that_were_listed() {
        let connection = file("");
        rebuild_with(&connection, BTreeSet::from([0, 2])).unwrap();
        connection.execute_batch(&insert("a", 0)).unwrap();
        widen(&connection, 4).unwrap();
        for slot in 0..=4 {
            connection.execute_batch(&insert(&format!("s{slot}"), slot)).unwrap();
        }
        connection.execute_batch(&insert("b", 5)).unwrap_err();
    }

    #[test]
    fn widening_leaves_the_rest_of_the_check_as_it_is() {
        let connection = Connection::open_in_memory().unwrap();
        let plan = include_str!("migrations/0001_sessions.sql");
        connection
            .execute_batch(
                &plan.replace("slot IN (1, 2, 3)", "(\"slot\" IN (1,2, 3 )) AND slot > 0"),
            )
            .unwrap();
        widen(&connection, 4).unwrap();
        let sql: String = connection.query_row(SESSIONS_SQL, [], |row| row.get(0)).unwrap();
        assert!(sql.contains("CHECK ((\"slot\" IN (1, 2, 3, 4)) AND slot > 0)"), "{sql}");
    }

    #[test]
    fn a_check_that_nobody_knows_is_asked_and_not_ignored() {
        let with = |check: &str| {
            let connection = Connection::open_in_memory().unwrap();
            let plan = include_str!("migrations/0001_sessions.sql");
            connection.execute_batch(&plan.replace("slot IN (1, 2, 3)", check)).unwrap();
            connection
        };
        let enough = with("slot BETWEEN 1 AND 9");
        widen(&enough, 4).unwrap();
        assert_eq!(strings(&enough, "SELECT id FROM sessions").unwrap(), [""; 0]);
        let error = widen(&with("slot BETWEEN 1 AND 3"), 4).unwrap_err();
        assert!(error.to_string().contains("none that can be widened to 4 slots"), "{error}");
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
    fn never_narrows() {
        let connection = file("");
        widen(&connection, 5).unwrap();
        widen(&connection, 3).unwrap();
        assert_eq!(accepted(&connection).unwrap(), Some(5));
    }

    #[test]
    fn a_failure_leaves_the_old_table() {
        let connection = file(&insert("a", 1));
        connection.execute_batch("CREATE TABLE sessions_rebuilt (x)").unwrap();
        widen(&connection, 4).unwrap_err();
        assert_eq!(accepted(&connection).unwrap(), Some(3));
        assert_eq!(strings(&connection, "SELECT id FROM sessions").unwrap(), ["a"]);
    }
}
