//! What a session has beyond the plan's table. It stands in a table of its own, so that other programs read and write
//! theirs as before. Triggers of the schema remove it with its session.

use rusqlite::types::ValueRef;
use rusqlite::{Connection as Sqlite, Row, params};

use super::model::{Details, DetailsRow, DetailsUpdate};
use super::{Result, has_additions, text};
use crate::sqlite::{self, Connection};

const ANY: &str = "SELECT 1 FROM gsd_session_details LIMIT 1";

const INSERT: &str = "INSERT INTO gsd_session_details (session_id, title, exit_code, signal, error)
     VALUES (?1, ?2, ?3, ?4, ?5)";

const UPDATE: &str = "INSERT INTO gsd_session_details (session_id, title, exit_code, signal, error)
     VALUES (?1, ?3, ?5, ?7, ?9)
     ON CONFLICT (session_id) DO UPDATE SET
     title = iif(?2, ?3, title),
     exit_code = iif(?4, ?5, exit_code),
     signal = iif(?6, ?7, signal),
     error = iif(?8, ?9, error)";

/// Whether any session has details.
pub(super) fn are_stored(connection: &Connection) -> Result<bool> {
    Ok(has_additions(connection)?
        && connection.with_statement(ANY, |any| -> Result<_> { Ok(any.exists([])?) })?)
}

/// Stores the details of a new session.
pub(super) fn insert(sqlite: &Sqlite, id: &str, details: &Details) -> Result<()> {
    let Details { title, exit_code, signal, error } = details;
    let mut insert = sqlite::prepare(sqlite, INSERT)?;
    sqlite::write(&mut insert, params![id, title, exit_code, signal, error])?;
    Ok(())
}

/// Changes the details of a session that is stored.
pub(super) fn update(sqlite: &Sqlite, id: &str, details: &DetailsUpdate) -> Result<()> {
    let DetailsUpdate { title, exit_code, signal, error } = details;
    let mut update = sqlite::prepare(sqlite, UPDATE)?;
    sqlite::write(
        &mut update,
        params![
            id,
            title.is_change(),
            title.value(),
            exit_code.is_change(),
            exit_code.value(),
            signal.is_change(),
            signal.value(),
            error.is_change(),
            error.value(),
        ],
    )?;
    Ok(())
}

/// The details in four columns of a row, from the one at `first`, if any has a value. A row may lack these columns.
pub(super) fn read<'row>(row: &'row Row<'_>, first: usize) -> Result<Option<DetailsRow<'row>>> {
    if row.as_ref().column_count() <= first {
        return Ok(None);
    }
    let string = |at| -> Result<_> {
        Ok(match row.get_ref(at)? {
            ValueRef::Null => None,
            value => Some(text(value)),
        })
    };
    let exit_code = match row.get_ref(first + 1)? {
        ValueRef::Integer(code) => Some(code as f64),
        ValueRef::Real(code) => Some(code),
        _ => None,
    };
    let (title, signal, error) = (string(first)?, string(first + 2)?, string(first + 3)?);
    let has_any = exit_code.is_some() || [title, signal, error].iter().any(Option::is_some);
    Ok(has_any.then_some(DetailsRow { title, exit_code, signal, error }))
}
