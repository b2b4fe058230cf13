//! Verifies a file: SQLite's own check, the schema, and the rules for every row.

use rusqlite::types::ValueRef;
use rusqlite::{Connection as Sqlite, Row};

use super::model::{OutputType, SessionStatus};
use super::select::{Select, has_blocks};
use super::timestamp;
use super::{Result, sealed, text};
use crate::sqlite::{self, Connection, Findings, Tried};

/// Bytes of a faulty value that a problem shows.
const SHOWN: usize = 80;

/// The most rows that are listed one by one. Of more, only the number is reported.
const MOST_ROWS: u64 = 100;

const SESSIONS: &str =
    "SELECT rowid, id, slot, status, working_dir, current_command, started_at, ended_at, pid,
    created_at, updated_at FROM sessions ORDER BY rowid";

// SQLite tells the type of `data` without reading it.
const OUTPUTS: &str =
    "SELECT id, session_id, timestamp, type, typeof(data), created_at FROM session_outputs
    ORDER BY id";

const LONGEST: &str = "SELECT max(octet_length(data)) FROM session_outputs";

const ORPHANS: Select = Select {
    rows: "SELECT coalesce(sum(chunks), 0) FROM
           (SELECT session_id, count(*) AS chunks FROM session_outputs GROUP BY session_id) AS o
           WHERE NOT EXISTS (SELECT 1 FROM sessions WHERE sessions.id = o.session_id)",
    all: "SELECT coalesce(sum(chunks), 0) FROM
          (SELECT session_id, count(*) AS chunks FROM session_outputs r
           WHERE NOT EXISTS (SELECT 1 FROM gsd_session_seals s WHERE s.session_id = r.session_id AND r.id <= s.through)
           GROUP BY session_id
           UNION ALL SELECT b.session_id, b.outputs FROM gsd_session_blocks b
           JOIN gsd_session_seals s ON s.session_id = b.session_id AND b.id <= s.through) AS o
          WHERE NOT EXISTS (SELECT 1 FROM sessions WHERE sessions.id = o.session_id)",
};

const INSERT_SESSION: &str = "INSERT INTO sessions (id, slot, status, working_dir, started_at)
    VALUES (hex(randomblob(16)), ?1, ?2, '/', '2026-01-01T00:00:00.000Z')";

const INSERT_OUTPUT: &str = "INSERT INTO session_outputs (session_id, timestamp, type, data)
    VALUES ('s', '2026-01-01T00:00:00.000Z', ?1, '')";

/// The result of verifying a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The problems, in words; empty for a sound file.
    pub problems: Vec<String>,
    /// Chunks whose session is not stored. They are not a problem: output may be stored without a session.
    pub orphaned_outputs: u64,
    /// The version of the schema.
    pub schema_version: i64,
}

/// Verifies everything in one state of the file, even if others write meanwhile.
///
/// Invalid UTF-8 is not a problem: it is read with U+FFFD.
///
/// # Errors
///
/// A closed connection; a file of which nothing can be read; an error whose cause is not the file.
pub fn verify(connection: &Connection) -> Result<Report> {
    let is_replaced = connection.is_replaced();
    // What is queued stays queued then.
    let sqlite = if is_replaced { connection.unsettled()? } else { connection.settled()? };
    let report = sqlite::in_one_state(&sqlite, || {
        let schema_version = sqlite::schema_version(&sqlite)?;
        let mut findings = Findings::default();
        if is_replaced {
            findings.add(sqlite::REPLACED);
        }
        sqlite::check_integrity(&sqlite, || longest(&sqlite), &mut findings)?;
        sqlite::compare_schema(&sqlite, schema_version, &mut findings)?;
        findings.attempt("checks of the tables", |findings| {
            check_sessions_table(&sqlite, findings)?;
            check_outputs_table(&sqlite, findings)
        })?;
        check_rows(&sqlite, "sessions", SESSIONS, &mut findings, |row| {
            check_session(row, connection)
        })?;
        check_rows(&sqlite, "session_outputs", OUTPUTS, &mut findings, check_output)?;
        if has_blocks(&sqlite)? {
            findings.attempt("blocks", |findings| sealed::check(&sqlite, findings))?;
        }
        let mut orphaned_outputs = 0;
        findings.attempt("outputs without a session", |_| {
            let orphans: i64 = sqlite.query_row(ORPHANS.of(&sqlite)?, [], |row| row.get(0))?;
            orphaned_outputs = orphans.unsigned_abs();
            Ok(())
        })?;
        Ok(Report { problems: findings.problems, orphaned_outputs, schema_version })
    })?;
    Ok(report)
}

/// The bytes of the longest chunk.
fn longest(sqlite: &Sqlite) -> sqlite::Result<u64> {
    let longest: Option<i64> = sqlite.query_row(LONGEST, [], |row| row.get(0))?;
    Ok(longest.unwrap_or(0).unsigned_abs())
}

/// A forbidden value in a row, with its column; `None` if the row is sound.
type Fault = Option<(&'static str, String)>;

/// A column, with a test for its values.
type Rule = (&'static str, fn(ValueRef<'_>) -> bool);

fn check_rows(
    sqlite: &Sqlite,
    table: &str,
    sql: &str,
    findings: &mut Findings,
    check: impl Fn(&Row<'_>) -> rusqlite::Result<Fault>,
) -> sqlite::Result<()> {
    let (mut faulty, mut last) = (0, None);
    findings.attempt(&format!("the rows of {table}"), |findings| {
        let mut statement = sqlite.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            last = Some(row.get::<_, i64>(0)?);
            let Some((column, value)) = check(row)? else {
                continue;
            };
            faulty += 1;
            if faulty <= MOST_ROWS {
                let at = last.unwrap_or_default();
                findings.add(format!("row {at} of {table}: {column} holds {value}"));
            }
        }
        last = None;
        Ok(())
    })?;
    if let Some(last) = last {
        findings.add(format!("row {last} of {table} is the last one that can be read"));
    }
    if faulty > MOST_ROWS {
        findings.add(format!("{} more rows of {table} are faulty", faulty - MOST_ROWS));
    }
    Ok(())
}

fn check_session(row: &Row<'_>, connection: &Connection) -> rusqlite::Result<Fault> {
    let rules: [Rule; 9] = [
        ("id", is_text),
        ("status", |value| SessionStatus::parse(text(value)).is_some()),
        ("working_dir", is_text),
        ("current_command", |value| value == ValueRef::Null || is_text(value)),
        ("started_at", is_moment),
        ("ended_at", is_moment_or_null),
        ("pid", |value| matches!(value, ValueRef::Null | ValueRef::Integer(_))),
        ("created_at", is_moment_or_null),
        ("updated_at", is_moment_or_null),
    ];
    let slot = row.get_ref("slot")?;
    // An unreadable CHECK is a problem of its own.
    let accepted = |slot| slot > 0 && connection.accepts_slot(slot).unwrap_or(true);
    if !matches!(slot, ValueRef::Integer(slot) if accepted(slot)) {
        return Ok(Some(("slot", show(slot))));
    }
    first_fault(row, &rules)
}

fn check_output(row: &Row<'_>) -> rusqlite::Result<Fault> {
    if !matches!(row.get_ref(4)?, ValueRef::Text(b"text" | b"blob")) {
        return Ok(Some(("data", format!("a value of the type {}", show(row.get_ref(4)?)))));
    }
    first_fault(
        row,
        &[
            ("session_id", is_text),
            ("timestamp", is_moment),
            ("type", |value| OutputType::parse(text(value)).is_some()),
            ("created_at", is_moment_or_null),
        ],
    )
}

fn first_fault(row: &Row<'_>, rules: &[Rule]) -> rusqlite::Result<Fault> {
    for (column, is_sound) in rules {
        let value = row.get_ref(*column)?;
        if !is_sound(value) {
            return Ok(Some((*column, show(value))));
        }
    }
    Ok(None)
}

/// Text may be a BLOB, which the stores read as well.
fn is_text(value: ValueRef<'_>) -> bool {
    matches!(value, ValueRef::Text(_) | ValueRef::Blob(_))
}

fn is_moment(value: ValueRef<'_>) -> bool {
    timestamp::is_moment(text(value))
}

fn is_moment_or_null(value: ValueRef<'_>) -> bool {
    value == ValueRef::Null || is_moment(value)
}

fn show(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "NULL".into(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) => {
            let start = text.get(..SHOWN).unwrap_or(text);
            format!("{:?}", String::from_utf8_lossy(start))
        }
        ValueRef::Blob(bytes) => format!("a BLOB of {} bytes", bytes.len()),
    }
}

/// Tries the CHECKs of the table out on an empty copy. They may be written in any way; only what they accept counts.
fn check_sessions_table(sqlite: &Sqlite, findings: &mut Findings) -> sqlite::Result<()> {
    let Some(copy) = sqlite::empty_copy(sqlite, "sessions")? else {
        return Ok(());
    };
    let try_out = |slot: i64, status: &str| sqlite::try_out(&copy, INSERT_SESSION, (slot, status));
    for status in SessionStatus::TEXTS {
        if try_out(1, status)? == Tried::Refused {
            findings.add(format!("the table \"sessions\" refuses the status {status:?}"));
        }
    }
    for slot in 2..=3 {
        if try_out(slot, "idle")? == Tried::Refused {
            findings.add(format!("the table \"sessions\" refuses the slot {slot}"));
        }
    }
    if try_out(1, "no status")? == Tried::Taken {
        findings.add("the table \"sessions\" accepts any status");
    }
    if try_out(-1, "idle")? == Tried::Taken {
        findings.add("the table \"sessions\" accepts any slot");
    }
    Ok(())
}

fn check_outputs_table(sqlite: &Sqlite, findings: &mut Findings) -> sqlite::Result<()> {
    let Some(copy) = sqlite::empty_copy(sqlite, "session_outputs")? else {
        return Ok(());
    };
    let try_out = |kind: &str| sqlite::try_out(&copy, INSERT_OUTPUT, [kind]);
    for kind in OutputType::TEXTS {
        if try_out(kind)? == Tried::Refused {
            findings.add(format!("the table \"session_outputs\" refuses the type {kind:?}"));
        }
    }
    if try_out("no type")? == Tried::Taken {
        findings.add("the table \"session_outputs\" accepts any type");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::{Location, OpenOptions};

    fn open(change: &str) -> Connection {
        let connection =
            Connection::open(":memory:", Location::Memory, &OpenOptions::default()).unwrap();
        let sqlite = connection.sqlite().unwrap();
        sqlite.execute_batch("PRAGMA ignore_check_constraints = ON").unwrap();
        sqlite.execute_batch(change).unwrap();
        connection
    }

    const SESSION: &str = "INSERT INTO sessions (id, slot, status, working_dir, started_at)
        VALUES ('a', 1, 'idle', '/', '2026-01-01T00:00:00.000Z');";
    const OUTPUT: &str = "INSERT INTO session_outputs (session_id, timestamp, type, data)
        VALUES ('a', '2026-01-01 00:00:00', 'stdout', 'x');";

    #[test]
    fn a_sound_file_has_no_problems_and_its_orphans_are_counted() {
        let report = verify(&open(SESSION)).unwrap();
        assert_eq!(report, Report { problems: vec![], orphaned_outputs: 0, schema_version: 2 });
        let orphans = format!("{OUTPUT}{OUTPUT}");
        let report = verify(&open(&orphans)).unwrap();
        assert_eq!((report.problems, report.orphaned_outputs), (vec![], 2));
        let report = verify(&open(&format!("{orphans}{SESSION}"))).unwrap();
        assert_eq!(report.orphaned_outputs, 0);
    }

    #[test]
    fn a_row_that_breaks_a_rule_is_named_with_its_column_and_value() {
        for (set, problem) in [
            ("status = 'asleep'", "row 1 of sessions: status holds \"asleep\""),
            ("slot = 9", "row 1 of sessions: slot holds 9"),
            ("slot = 0", "row 1 of sessions: slot holds 0"),
            ("slot = 1.5", "row 1 of sessions: slot holds 1.5"),
            ("id = NULL", "row 1 of sessions: id holds NULL"),
            ("started_at = 'soon'", "row 1 of sessions: started_at holds \"soon\""),
            ("ended_at = ''", "row 1 of sessions: ended_at holds \"\""),
            ("pid = 'one'", "row 1 of sessions: pid holds \"one\""),
            ("created_at = x'00'", "row 1 of sessions: created_at holds a BLOB of 1 bytes"),
        ] {
            let report = verify(&open(&format!("{SESSION} UPDATE sessions SET {set}"))).unwrap();
            assert!(report.problems.iter().any(|found| found == problem), "{set}: {report:?}");
        }
        for (set, problem) in [
            ("type = 'stdin'", "row 1 of session_outputs: type holds \"stdin\""),
            ("timestamp = 5", "row 1 of session_outputs: timestamp holds \"5\""),
        ] {
            let report =
                verify(&open(&format!("{OUTPUT} UPDATE session_outputs SET {set}"))).unwrap();
            assert!(report.problems.iter().any(|found| found == problem), "{set}: {report:?}");
        }
    }

    #[test]
    fn values_that_the_stores_can_read_are_no_problem() {
        let report = verify(&open(&format!(
            "{SESSION}{OUTPUT} UPDATE session_outputs SET data = CAST(x'ff00' AS TEXT);
             UPDATE sessions SET working_dir = x'ff', pid = -1, started_at = '-4713-11-24 12:00:00'"
        )));
        assert_eq!(report.unwrap().problems, Vec::<String>::new());
    }

    #[test]
    fn only_the_first_faulty_rows_are_listed_and_the_rest_is_counted() {
        let many = "UPDATE session_outputs SET timestamp = 'never'";
        let report = verify(&open(&format!("{}{many}", OUTPUT.repeat(130)))).unwrap();
        assert_eq!(report.problems.len(), 101);
        assert_eq!(report.problems.last().unwrap(), "30 more rows of session_outputs are faulty");
    }

    #[test]
    fn a_missing_or_too_strict_check_is_a_problem() {
        for (table, from, to, problem) in [
            ("sessions", "CHECK (status IN", "CHECK (1 OR status IN", "accepts any status"),
            ("sessions", "CHECK (slot IN", "CHECK (1 OR slot IN", "accepts any slot"),
            ("sessions", "(1, 2, 3)", "(1, 2)", "refuses the slot 3"),
            ("sessions", "'waiting_checkpoint', ", "", "refuses the status"),
            ("session_outputs", "CHECK (type IN", "CHECK (1 OR type IN", "accepts any type"),
            ("session_outputs", "('stdout', ", "(", "refuses the type"),
        ] {
            // By another program: a connection of this library is refused that.
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("a.db");
            let reopened = |readonly| {
                let options = OpenOptions { readonly, ..OpenOptions::default() };
                Connection::open("a.db", Location::File(file.clone()), &options).unwrap()
            };
            reopened(false).close().unwrap();
            let sqlite = Sqlite::open(&file).unwrap();
            let sql: String = sqlite
                .query_row("SELECT sql FROM sqlite_schema WHERE name = ?1", [table], |row| {
                    row.get(0)
                })
                .unwrap();
            assert!(sql.contains(from), "{sql}");
            let sql = sql.replace(from, to);
            sqlite.execute_batch(&format!("DROP TABLE {table}; {sql}")).unwrap();
            let report = verify(&reopened(true)).unwrap();
            assert!(report.problems.iter().any(|found| found.contains(problem)), "{report:?}");
        }
    }
}
