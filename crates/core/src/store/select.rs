//! Reads chunks, whether they stand in rows or in blocks.
//!
//! A file without blocks is read by SQL over `session_outputs`, as fast as SQLite can. Of a session that has blocks, the same is
//! asked of `session_outputs_all`.

use rusqlite::{Connection as Sqlite, OptionalExtension, StatementStatus, ToSql};

use super::{Error, Result, StoredText, damaged_index, text};
use crate::sqlite::{self, Compiled, Connection, Row, has_object, snapshot};

/// Whether output of a session stands in blocks.
const IS_SEALED: &str =
    "SELECT 1 FROM gsd_session_seals WHERE session_id = ?1 AND (through IS NOT NULL OR work <> 0)";

/// A statement over rows, and the same over rows and blocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Select {
    pub(super) rows: &'static str,
    pub(super) all: &'static str,
}

/// Selects chunks of a session: columns of the index, `i`, and of the rows that it names, `o`. The session of each row comes first and
/// is compared, because a damaged index may name a row of another session.
macro_rules! select_chunks {
    ($($table:ident.$column:ident),+; $condition:literal) => {
        $crate::store::select::Select {
            rows: concat!(
                "SELECT o.session_id",
                $(", ", stringify!($table), ".", stringify!($column),)+
                " FROM session_outputs i CROSS JOIN session_outputs o ON o.id = i.id
                 WHERE i.session_id = ?1 ",
                $condition
            ),
            all: concat!(
                "SELECT i.session_id",
                $(", i.", stringify!($column),)+
                " FROM session_outputs_all i WHERE i.session_id = ?1 ",
                $condition
            ),
        }
    };
}

pub(super) use select_chunks;

impl Select {
    /// The one for a file.
    pub(super) fn of(self, sqlite: &Sqlite) -> sqlite::Result<&'static str> {
        Ok(if has_blocks(sqlite)? { self.all } else { self.rows })
    }
}

/// Whether a file has blocks.
pub(super) fn has_blocks(sqlite: &Sqlite) -> sqlite::Result<bool> {
    has_object(sqlite, "gsd_session_seals")
}

/// Passes rows of the output of one session to `visit`, until that returns `false`. Their first column is the session.
///
/// # Errors
///
/// An error of SQLite or of `visit`; `SQLITE_CORRUPT` for a row of another session.
pub(super) fn each_chunk<E: From<Error>>(
    connection: &Connection,
    select: Select,
    session_id: &str,
    params: &[&dyn ToSql],
    mut visit: impl FnMut(&Row<'_>) -> Result<bool, E>,
) -> Result<(), E> {
    connection.settle_sessions().map_err(Error::from)?;
    let mut visit = |row: &Row<'_>| {
        check_session(row, session_id)?;
        visit(row)
    };
    if connection.blocks().get() != Some(true)
        && with_rows(connection, select.rows, params, true, &mut visit)?
    {
        return Ok(());
    }
    // What is known of the session has to be of the state that is read.
    let sqlite = connection.settled().map_err(Error::from)?;
    let _one_moment = snapshot(&sqlite).map_err(Error::from)?;
    let is_sealed = has_blocks(&sqlite).map_err(Error::from)? && is_sealed(&sqlite, session_id)?;
    if !is_sealed {
        // The last block may be gone.
        connection.blocks().set(None);
    }
    let sql = if is_sealed { select.all } else { select.rows };
    with_rows(connection, sql, params, false, &mut visit).map(drop)
}

/// Passes rows to `visit`. Returns whether it did: if `watches`, it does not where the statement is the first one to see that the
/// file has blocks by now.
fn with_rows<E: From<Error>>(
    connection: &Connection,
    sql: &'static str,
    params: &[&dyn ToSql],
    watches: bool,
    visit: &mut impl FnMut(&Row<'_>) -> Result<bool, E>,
) -> Result<bool, E> {
    // SQLite prepares a statement again where the schema has changed.
    let is_first_to_see = |statement: &rusqlite::Statement<'_>| {
        let is_again = statement.reset_status(StatementStatus::RePrepare) > 0;
        if !watches || !(is_again || connection.blocks().get().is_none()) {
            return Ok(false);
        }
        let has_blocks = has_blocks(&*connection.of_stores().map_err(Error::from)?);
        let has_blocks = has_blocks.map_err(Error::from)?;
        connection.blocks().set(Some(has_blocks));
        Ok::<_, E>(has_blocks)
    };
    let mut visit_all = |statement: &mut Compiled<'_>| {
        let mut rows = statement.query(params).map_err(Error::from)?;
        let mut is_first = true;
        while let Some(row) = rows.next().map_err(Error::from)? {
            if std::mem::take(&mut is_first) && is_first_to_see((*row).as_ref())? {
                return Ok(false);
            }
            if !visit(&row)? {
                break;
            }
        }
        drop(rows);
        Ok(!(is_first && is_first_to_see(statement)?))
    };
    let visited = connection.with_statement(sql, |statement| Ok(visit_all(statement)));
    visited.unwrap_or_else(|error: Error| Err(error.into()))
}

fn is_sealed(sqlite: &Sqlite, session_id: &str) -> Result<bool> {
    let mut find = sqlite.prepare_cached(IS_SEALED)?;
    Ok(find.query_row([StoredText(session_id.as_bytes())], |_| Ok(())).optional()?.is_some())
}

/// Refuses a row whose first column names another session.
pub(super) fn check_session(row: &Row<'_>, session_id: impl AsRef<[u8]>) -> Result<()> {
    let stored = text(row.get_ref(0)?);
    if stored == session_id.as_ref() {
        Ok(())
    } else {
        Err(damaged_index("session_outputs", "a row of session", stored))
    }
}
