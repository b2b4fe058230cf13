//! How many secrets were replaced in a session, by the rule that found them.

use rusqlite::Connection as Sqlite;

use super::redact::Finding;
use super::{Result, each_row, has_additions, text};
use crate::sqlite::{self, Connection};

const ADD: &str = "INSERT INTO gsd_session_redactions (session_id, rule, count) VALUES (?1, ?2, 1)
     ON CONFLICT (session_id, rule) DO UPDATE SET count = count + 1";

const OF_SESSION: &str =
    "SELECT rule, count FROM gsd_session_redactions WHERE session_id = ?1 ORDER BY rule";

const OF_ALL: &str =
    "SELECT rule, sum(count) FROM gsd_session_redactions GROUP BY rule ORDER BY rule";

/// The names of rules, and how often each has found something.
pub type Counts = Vec<(String, u64)>;

/// Counts one more.
pub(super) fn add(sqlite: &Sqlite, session_id: &str, rule: &str) -> sqlite::Result<()> {
    let mut add = sqlite::prepare(sqlite, ADD)?;
    sqlite::write(&mut add, &[&session_id, &rule])?;
    Ok(())
}

/// Counts all that was found in the fields of a session.
pub(super) fn add_all(sqlite: &Sqlite, session_id: &str, found: &[Finding]) -> sqlite::Result<()> {
    found.iter().try_for_each(|finding| add(sqlite, session_id, &finding.rule))
}

/// Those of all sessions.
pub(super) fn all(connection: &Connection) -> Result<Counts> {
    select(connection, OF_ALL, [])
}

fn select<P: rusqlite::Params>(
    connection: &Connection,
    sql: &'static str,
    params: P,
) -> Result<Counts> {
    let mut counts = Vec::new();
    // An older file that is opened for reading only has no table for them.
    if has_additions(connection)? {
        each_row(connection, sql, params, |row| -> Result<bool> {
            let rule = String::from_utf8_lossy(text(row.get_ref(0)?)).into_owned();
            counts.push((rule, row.get::<_, i64>(1)?.unsigned_abs()));
            Ok(true)
        })?;
    }
    Ok(counts)
}

/// Those of one session.
pub(super) fn of_session(connection: &Connection, id: &str) -> Result<Counts> {
    select(connection, OF_SESSION, [id])
}
