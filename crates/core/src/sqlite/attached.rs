//! What others have attached to the tables of a file: foreign keys and triggers that have a say when rows are removed.

use rusqlite::config::DbConfig;
use rusqlite::{Connection as Sqlite, Row};

use super::definition::lossy;
use super::limits::{Limits, limited};
use super::{Result, migrations, verify};

/// A foreign key that is declared in a file, and not by this library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ForeignKey {
    /// The table that it is declared in, whose rows refer to others.
    pub table: String,
    /// The table that it refers to.
    pub parent: String,
    /// Its columns, and the columns that they refer to.
    pub columns: Vec<(String, String)>,
    /// What SQLite does with a row that refers to a removed one.
    pub on_delete: OnDelete,
    /// Whether one of its columns must not be NULL.
    pub not_null: bool,
    /// Whether an index starts with its first column.
    pub is_indexed: bool,
    /// Whether all of its names are UTF-8, so that SQL can name them.
    pub is_readable: bool,
}

/// What SQLite does with a row that refers to a removed one, if it enforces foreign keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnDelete {
    /// Refuses the removal.
    Refuse,
    /// Removes the row as well.
    Cascade,
    /// Changes the row: it refers to nothing any more, or to a default.
    Change,
}

/// The triggers that fire when a row is removed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Firing {
    /// The triggers of others on the table itself.
    pub triggers: Vec<String>,
    /// Whether further triggers of others fire, on tables that change with it.
    pub fires_more: bool,
    /// Why SQLite cannot remove any row: a foreign key or a trigger makes no sense.
    pub broken: Option<String>,
}

/// Whether a connection enforces foreign keys.
///
/// # Errors
///
/// An error of SQLite.
pub(crate) fn enforces_foreign_keys(sqlite: &Sqlite) -> Result<bool> {
    Ok(sqlite.db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY)?)
}

/// The foreign keys in a file that a fresh one does not have.
///
/// # Errors
///
/// An error of SQLite.
pub(crate) fn foreign_keys(sqlite: &Sqlite) -> Result<Vec<ForeignKey>> {
    let own = declared(&migrations::fresh(sqlite, migrations::version(sqlite)?)?)?;
    let is_own = |key: &ForeignKey| {
        own.iter().any(|own| {
            own.table.eq_ignore_ascii_case(&key.table)
                && own.parent.eq_ignore_ascii_case(&key.parent)
                && own.columns.len() == key.columns.len()
                && own.columns.iter().zip(&key.columns).all(|(own, column)| {
                    own.0.eq_ignore_ascii_case(&column.0) && own.1.eq_ignore_ascii_case(&column.1)
                })
        })
    };
    Ok(declared(sqlite)?.into_iter().filter(|key| !is_own(key)).collect())
}

fn declared(sqlite: &Sqlite) -> Result<Vec<ForeignKey>> {
    // Without columns of its own, a foreign key refers to the primary key.
    let mut statement = sqlite.prepare(
        "SELECT m.name, f.id, f.\"table\", f.\"from\",
             coalesce(f.\"to\", (SELECT name FROM pragma_table_xinfo(f.\"table\") WHERE pk = f.seq + 1)),
             f.on_delete,
             (SELECT \"notnull\" FROM pragma_table_xinfo(m.name) WHERE name = f.\"from\" COLLATE NOCASE),
             EXISTS (SELECT 1 FROM pragma_index_list(m.name) AS l, pragma_index_info(l.name) AS i
                     WHERE NOT l.partial AND i.seqno = 0 AND i.name = f.\"from\" COLLATE NOCASE)
         FROM sqlite_schema AS m, pragma_foreign_key_list(m.name) AS f
         WHERE m.type = 'table' ORDER BY m.rowid, f.id, f.seq",
    )?;
    let mut rows = statement.query([])?;
    let mut keys: Vec<ForeignKey> = Vec::new();
    let mut last = None;
    while let Some(row) = rows.next()? {
        let table = lossy(row, 0)?;
        let name = (table.clone(), row.get::<_, i64>(1)?);
        let column = (lossy(row, 3)?, lossy(row, 4)?);
        let not_null = row.get::<_, Option<bool>>(6)?.unwrap_or(false);
        let is_readable = [0, 2, 3, 4].into_iter().all(|column| is_text(row, column));
        match keys.last_mut() {
            Some(key) if last.as_ref() == Some(&name) => {
                key.columns.push(column);
                key.not_null |= not_null;
                key.is_readable &= is_readable;
            }
            _ => keys.push(ForeignKey {
                table,
                parent: lossy(row, 2)?,
                columns: vec![column],
                on_delete: match lossy(row, 5)?.as_str() {
                    "CASCADE" => OnDelete::Cascade,
                    "SET NULL" | "SET DEFAULT" => OnDelete::Change,
                    _ => OnDelete::Refuse,
                },
                not_null,
                is_indexed: row.get(7)?,
                is_readable,
            }),
        }
        last = Some(name);
    }
    Ok(keys)
}

/// Whether a name is UTF-8. NULL counts: a key that refers to nothing is SQLite's to refuse.
fn is_text(row: &Row<'_>, column: usize) -> bool {
    let bytes = row.get_ref(column).ok().and_then(|name| name.as_bytes_or_null().ok()).flatten();
    bytes.is_none_or(|bytes| std::str::from_utf8(bytes).is_ok())
}

/// The triggers that fire when rows of `table` are removed, except those of a fresh file.
///
/// # Errors
///
/// An error of SQLite.
pub(crate) fn firing(sqlite: &Sqlite, table: &str) -> Result<Firing> {
    // SQLite itself says which triggers are part of a program; their SQL need not be understood.
    // It is not kept: of a statement that is only explained SQLite does not notice that the schema has changed.
    let explain = format!("EXPLAIN DELETE FROM {table} WHERE rowid = 1");
    let explained: Result<_> = limited(Limits::SCHEMA, || Ok(sqlite.prepare(&explain)?));
    let mut statement = match explained {
        Ok(statement) => statement,
        Err(error) if error.is_of_schema() => {
            return Ok(Firing { broken: Some(error.to_string()), ..Firing::default() });
        }
        Err(error) => return Err(error),
    };
    const COMMENT: usize = 5;
    let mut found: Vec<String> = Vec::new();
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if let Some(name) = lossy(row, COMMENT)?.strip_prefix("-- TRIGGER ")
            && !found.iter().any(|found| found == name)
        {
            found.push(name.to_owned());
        }
    }
    let mut firing = Firing::default();
    if found.is_empty() {
        return Ok(firing);
    }
    let fresh = migrations::fresh(sqlite, migrations::version(sqlite)?)?;
    for name in found {
        let sql = verify::words(sqlite, &name)?;
        if !sql.is_empty() && sql == verify::words(&fresh, &name)? {
            continue;
        }
        let on_table =
            "SELECT 1 FROM sqlite_schema WHERE type = 'trigger' AND name = ?1 COLLATE NOCASE
             AND tbl_name = ?2 COLLATE NOCASE";
        // A trigger that is not found has a name that is not UTF-8.
        if sql.is_empty() || sqlite.prepare_cached(on_table)?.exists([name.as_str(), table])? {
            firing.triggers.push(name);
        } else {
            firing.fires_more = true;
        }
    }
    Ok(firing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::OpenOptions;

    fn file(foreign_keys: bool, change: &str) -> Sqlite {
        let sqlite = Sqlite::open_in_memory().unwrap();
        migrations::migrate(&sqlite, &OpenOptions::default()).unwrap();
        sqlite.pragma_update(None, "foreign_keys", foreign_keys).unwrap();
        sqlite.execute_batch(change).unwrap();
        sqlite
    }

    #[test]
    fn triggers_are_found_however_often_others_change_the_schema() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Sqlite::open(folder.path().join("a.db")).unwrap();
        let (sqlite, other) = (open(), open());
        migrations::migrate(&sqlite, &OpenOptions::default()).unwrap();
        for round in 0..20 {
            let name = format!("t{round}");
            other
                .execute_batch(&format!(
                    "CREATE TRIGGER {name} AFTER DELETE ON session_outputs BEGIN SELECT {round}; END"
                ))
                .unwrap();
            let count = "SELECT count(*) FROM sessions";
            let _: i64 = sqlite.query_row(count, [], |row| row.get(0)).unwrap();
            assert_eq!(firing(&sqlite, "session_outputs").unwrap().triggers.len(), round + 1);
        }
    }

    #[test]
    fn a_fresh_file_has_nothing_of_others() {
        let sqlite = file(true, "");
        assert_eq!(foreign_keys(&sqlite).unwrap(), []);
        for table in ["sessions", "session_outputs"] {
            assert_eq!(firing(&sqlite, table).unwrap(), Firing::default());
        }
    }

    #[test]
    fn foreign_keys_are_read_with_their_columns_and_actions() {
        let sqlite = file(
            true,
            "CREATE UNIQUE INDEX slots ON sessions (id, slot);
             CREATE TABLE notes (a TEXT NOT NULL, b, FOREIGN KEY (a, b) REFERENCES Sessions (id, slot));
             CREATE TABLE marks (chunk INTEGER PRIMARY KEY REFERENCES session_outputs ON DELETE CASCADE);
             CREATE TABLE pages (a REFERENCES sessions ON DELETE SET NULL); CREATE INDEX i ON pages (a)",
        );
        let text = |key: &ForeignKey| {
            let ForeignKey { table, parent, columns, on_delete, not_null, is_indexed, .. } = key;
            format!("{table} {parent} {columns:?} {on_delete:?} {not_null} {is_indexed}")
        };
        let found: Vec<_> = foreign_keys(&sqlite).unwrap().iter().map(text).collect();
        assert_eq!(
            found,
            [
                r#"notes Sessions [("a", "id"), ("b", "slot")] Refuse true false"#,
                r#"marks session_outputs [("chunk", "id")] Cascade false false"#,
                r#"pages sessions [("a", "id")] Change false true"#,
            ]
        );
    }

    #[test]
    fn the_triggers_of_others_that_fire_are_told_from_those_that_do_not() {
        let sqlite = file(
            true,
            "CREATE TABLE notes (a REFERENCES sessions ON DELETE CASCADE);
             CREATE TRIGGER inserts AFTER INSERT ON sessions BEGIN SELECT 1; END;
             CREATE TRIGGER \"a b\" AFTER DELETE ON sessions WHEN OLD.slot = 3 BEGIN SELECT 1; END;
             CREATE TRIGGER of_notes AFTER DELETE ON notes BEGIN SELECT 1; END;",
        );
        let fired = firing(&sqlite, "sessions").unwrap();
        assert_eq!(fired.triggers, ["a b"]);
        assert!(fired.fires_more);
        assert_eq!(firing(&sqlite, "session_outputs").unwrap(), Firing::default());
    }

    #[test]
    fn a_trigger_or_a_foreign_key_that_makes_no_sense_is_told() {
        for (change, told) in [
            ("CREATE TRIGGER t AFTER DELETE ON sessions BEGIN DELETE FROM gone; END", "gone"),
            ("CREATE TABLE notes (a REFERENCES sessions (pid))", "foreign key mismatch"),
        ] {
            let broken = firing(&file(true, change), "sessions").unwrap().broken.unwrap();
            assert!(broken.contains(told), "{broken}");
        }
    }
}
