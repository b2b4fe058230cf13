//! The sizes of terminals, in the order of output.

use rusqlite::types::ValueRef;
use rusqlite::{Connection as Sqlite, OptionalExtension, params};

use super::select::Select;
use super::terminal::{Lines, Mark, Setting, Size};
use super::timestamp::Moments;
use super::{Result, StoredText, text};
use crate::sqlite;

/// The last chunk of a session; NULL without one.
pub(super) const LAST: Select = Select {
    rows: "SELECT max(id) FROM session_outputs WHERE session_id = ?1",
    all: "SELECT max(id) FROM (SELECT max(id) AS id FROM session_outputs WHERE session_id = ?1
          UNION ALL SELECT through FROM gsd_session_seals WHERE session_id = ?1)",
};

const SIZE: &str = "SELECT columns, rows FROM gsd_session_details WHERE session_id = ?1";

const HAS_SIZES: &str = "SELECT 1 FROM gsd_session_sizes WHERE session_id = ?1";

pub(super) const ADD: &str = "INSERT OR REPLACE INTO gsd_session_sizes (session_id, output_id, columns, rows) VALUES (?1, ?2, ?3, ?4)";

const ALL: &str = "SELECT output_id, columns, rows FROM gsd_session_sizes WHERE session_id = ?1
     ORDER BY output_id";

/// What a session printed, where it may stand in blocks.
const UP_TO: &str = "SELECT id, timestamp, data FROM session_outputs_all WHERE session_id = ?1 AND id <= ?2 ORDER BY id";

const SETTING: &str =
    "SELECT terminal, columns, rows FROM gsd_session_details WHERE session_id = ?1";

/// What was stored before a size is changed.
pub(super) struct Before {
    /// The latest chunk.
    last: i64,
    size: Option<(i64, i64)>,
}

/// Notes what is stored, before the size of a session is changed.
pub(super) fn before_a_change(sqlite: &Sqlite, id: &str) -> Result<Before> {
    let mut last = sqlite.prepare_cached(LAST.of(sqlite)?)?;
    let last: Option<i64> = last.query_row([id], |row| row.get(0))?;
    Ok(Before { last: last.unwrap_or(0), size: size(sqlite, id)? })
}

/// Stores from which chunk on the size is another one.
pub(super) fn after_a_change(sqlite: &Sqlite, id: &str, before: Before) -> Result<()> {
    let Before { last, size: old } = before;
    let new = size(sqlite, id)?;
    // Without output, it has had this one from the start.
    let is_known = sqlite.prepare_cached(HAS_SIZES)?.exists([id])?;
    let (Some((columns, rows)), true) = (new, new != old) else {
        return Ok(());
    };
    if !is_known && last == 0 {
        return Ok(());
    }
    let usual = Size::default();
    let old = old.unwrap_or((usual.columns.into(), usual.rows.into()));
    let mut add = sqlite::prepare(sqlite, ADD)?;
    if !is_known {
        sqlite::write(&mut add, params![id, 0, old.0, old.1])?;
    }
    sqlite::write(&mut add, params![id, last, columns, rows])?;
    Ok(())
}

fn size(sqlite: &Sqlite, id: &str) -> Result<Option<(i64, i64)>> {
    let mut size = sqlite.prepare_cached(SIZE)?;
    let usual = Size::default();
    let found = size.query_row([id], |row| {
        let [columns, rows]: [Option<i64>; 2] = [row.get(0)?, row.get(1)?];
        let is_known = columns.is_some() || rows.is_some();
        let or = |value: Option<i64>, usual: u16| value.unwrap_or(usual.into());
        Ok(is_known.then(|| (or(columns, usual.columns), or(rows, usual.rows))))
    });
    Ok(found.optional()?.flatten())
}

/// The size that a caller wants a terminal to have: its columns and rows, if given.
pub type Wanted = (Option<u16>, Option<u16>);

/// The lines of a session in its terminal, or in one of another size, if that is wanted.
///
/// # Errors
///
/// An error of SQLite.
pub(super) fn lines(sqlite: &Sqlite, id: &[u8], wanted: Wanted, styled: bool) -> Result<Lines> {
    let (setting, sizes) = setting(sqlite, id, wanted)?;
    let lines = if styled { Lines::styled(setting) } else { Lines::new(setting) };
    Ok(lines.resized(sizes))
}

/// Has lines that have read nothing read what a session printed up to a chunk. `visit` sees those that end.
///
/// # Errors
///
/// An error of SQLite.
pub(super) fn read_up_to(
    sqlite: &Sqlite,
    id: &[u8],
    last: i64,
    lines: &mut Lines,
    mut visit: impl FnMut(&str),
) -> Result<()> {
    let mut moments = Moments::default();
    let mut up_to = sqlite.prepare_cached(UP_TO)?;
    let mut rows = up_to.query(params![StoredText(id), last])?;
    while let Some(row) = rows.next()? {
        let mark = Mark::of(row.get(0)?, moments.millis(text(row.get_ref(1)?)));
        let mut rest = text(row.get_ref(2)?);
        while let Some(line) = lines.next(&mut rest, mark) {
            visit(line.text);
        }
    }
    Ok(())
}

/// The terminal of a session, and its later sizes, unless another size is wanted.
///
/// # Errors
///
/// An error of SQLite.
pub(super) fn setting(
    sqlite: &Sqlite,
    id: &[u8],
    (columns, rows): Wanted,
) -> Result<(Setting, Vec<(i64, Size)>)> {
    let (mut setting, mut sizes) = stored(sqlite, id)?;
    if columns.is_some() || rows.is_some() {
        sizes.clear();
        setting.size.columns = columns.unwrap_or(setting.size.columns);
        setting.size.rows = rows.unwrap_or(setting.size.rows);
    }
    Ok((setting, sizes))
}

/// What is stored of the terminal of a session: how it was at first, and its sizes from behind some chunks on.
///
/// # Errors
///
/// An error of SQLite.
pub(super) fn stored(sqlite: &Sqlite, id: &[u8]) -> Result<(Setting, Vec<(i64, Size)>)> {
    // A file of an older version may be open for reading only.
    if !sqlite::has_object(sqlite, "gsd_session_sizes")? {
        return Ok((Setting::default(), Vec::new()));
    }
    let id = StoredText(id);
    let cells = |value: ValueRef<'_>, usual: u16| match value {
        ValueRef::Integer(cells) => u16::try_from(cells).unwrap_or(u16::MAX).max(1),
        _ => usual,
    };
    let usual = Size::default();
    let mut setting = sqlite.prepare_cached(SETTING)?;
    let found = setting.query_row([&id], |row| {
        let is_terminal = matches!(row.get_ref(0)?, ValueRef::Integer(terminal) if terminal != 0);
        let columns = cells(row.get_ref(1)?, usual.columns);
        let rows = cells(row.get_ref(2)?, usual.rows);
        Ok(Setting { size: Size { columns, rows }, is_terminal })
    });
    let mut setting = found.optional()?.unwrap_or_default();
    let mut all = sqlite.prepare_cached(ALL)?;
    let sizes = all.query_map([&id], |row| {
        let columns = cells(row.get_ref(1)?, usual.columns);
        let rows = cells(row.get_ref(2)?, usual.rows);
        Ok((row.get(0)?, Size { columns, rows }))
    })?;
    let mut sizes = sizes.collect::<rusqlite::Result<Vec<(i64, Size)>>>()?;
    if !sizes.is_empty() {
        setting.size = sizes.remove(0).1;
    }
    Ok((setting, sizes))
}
