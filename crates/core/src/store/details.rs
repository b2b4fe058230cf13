//! What a session has beyond the plan's table. It stands in a table of its own, so that other programs read and write
//! theirs as before. Triggers of the schema remove it with its session.

use rusqlite::types::ValueRef;
use rusqlite::{Connection as Sqlite, params};

use super::model::{Details, DetailsRow, DetailsUpdate};
use super::{Result, has_additions, sizes, text};
use crate::sqlite::{self, Connection, Row};

const ANY: &str = "SELECT 1 FROM gsd_session_details LIMIT 1";

const INSERT: &str = "INSERT INTO gsd_session_details
     (session_id, title, exit_code, signal, error, terminal, columns, rows)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";

const UPDATE: &str = "INSERT INTO gsd_session_details
     (session_id, title, exit_code, signal, error, terminal, columns, rows)
     VALUES (?1, ?3, ?5, ?7, ?9, ?11, ?13, ?15)
     ON CONFLICT (session_id) DO UPDATE SET
     title = iif(?2, ?3, title),
     exit_code = iif(?4, ?5, exit_code),
     signal = iif(?6, ?7, signal),
     error = iif(?8, ?9, error),
     terminal = iif(?10, ?11, terminal),
     columns = iif(?12, ?13, columns),
     rows = iif(?14, ?15, rows)";

/// Whether any session has details.
pub(super) fn are_stored(connection: &Connection) -> Result<bool> {
    Ok(has_additions(connection)?
        && connection.with_statement(ANY, |any| -> Result<_> { Ok(any.exists([])?) })?)
}

/// Stores the details of a new session.
pub(super) fn insert(sqlite: &Sqlite, id: &str, details: &Details) -> Result<()> {
    let Details { title, exit_code, signal, error, terminal, columns, rows } = details;
    let mut insert = sqlite::prepare(sqlite, INSERT)?;
    let values = params![id, title, exit_code, signal, error, terminal, columns, rows];
    sqlite::write(&mut insert, values)?;
    Ok(())
}

/// Changes the details of a session that is stored.
pub(super) fn update(sqlite: &Sqlite, id: &str, details: &DetailsUpdate) -> Result<()> {
    let DetailsUpdate { title, exit_code, signal, error, terminal, columns, rows } = details;
    let is_resized = columns.is_change() || rows.is_change();
    let before = if is_resized { Some(sizes::before_a_change(sqlite, id)?) } else { None };
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
            terminal.is_change(),
            terminal.value(),
            columns.is_change(),
            columns.value(),
            rows.is_change(),
            rows.value(),
        ],
    )?;
    before.map_or(Ok(()), |before| sizes::after_a_change(sqlite, id, before))
}

/// The details in seven columns of a row, from the one at `first`, if any has a value. A row may lack these columns.
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
    let number = |at| -> Result<_> {
        Ok(match row.get_ref(at)? {
            ValueRef::Integer(code) => Some(code as f64),
            ValueRef::Real(code) => Some(code),
            _ => None,
        })
    };
    let (title, signal, error) = (string(first)?, string(first + 2)?, string(first + 3)?);
    let exit_code = number(first + 1)?;
    let terminal = number(first + 4)?.map(|terminal| terminal != 0.0);
    let (columns, rows) = (number(first + 5)?, number(first + 6)?);
    let has_any = [title, signal, error].iter().any(Option::is_some)
        || [exit_code, columns, rows].iter().any(Option::is_some)
        || terminal.is_some();
    let details = DetailsRow { title, exit_code, signal, error, terminal, columns, rows };
    Ok(has_any.then_some(details))
}
