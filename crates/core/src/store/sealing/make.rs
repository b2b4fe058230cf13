//! Makes blocks of the chunks of a session, with what is seen in them.

use rusqlite::types::{Type, ValueRef};
use rusqlite::{Connection as Sqlite, Row, params};

use super::cleaning::Cleaning;
use super::watching::Watching;
use crate::store::model::OutputType;
use crate::store::sealed::{Chunk, Made, Maker};
use crate::store::select::{Select, select_chunks};
use crate::store::{Result, StoredText, text};

/// The chunks of a session behind a cursor.
pub(super) const CHUNKS: Select = select_chunks!(
    o.id, o.timestamp, o.type, o.data, o.created_at; "AND i.id > ?2 ORDER BY i.id"
);

/// Bytes of the texts of both moments of a chunk: some thirty are usual.
const LONGEST_MOMENTS: usize = 1024;

/// How blocks are made.
pub(super) struct Making {
    /// What reads the chunks.
    pub(super) sql: &'static str,
    /// Blocks that are made at once.
    pub(super) most: usize,
    /// Whether the terminal is kept for the blocks behind these. If not, they go on from a state, so the last of these is one with a
    /// state behind it, as far as [`FOR_A_STATE`] allows, and what waits to be seen is seen in it.
    pub(super) goes_on: bool,
}

/// Blocks that are made at once until there is a state behind one: a very long line has none.
const FOR_A_STATE: usize = 512;

/// Takes chunks into blocks.
struct Taking<'a, 'b> {
    watching: &'a mut dyn Watching,
    maker: Maker<'b>,
    how: &'a Making,
    made: Vec<Made>,
    is_enough: bool,
}

impl Taking<'_, '_> {
    fn take(&mut self, chunk: Chunk<'_>) -> Result<()> {
        let Self { watching, how, made, is_enough, .. } = self;
        if let Some(full) = self.maker.add(chunk)? {
            made.push(full);
            let count = made.len();
            *is_enough = count >= how.most
                && (how.goes_on || count >= how.most + FOR_A_STATE || watching.has_state());
            watching.block(*is_enough && !how.goes_on);
        }
        // The first chunk of a block that is made later is read again.
        if !*is_enough {
            watching.add(chunk);
        }
        Ok(())
    }

    /// Takes what is known by now.
    fn take_known(&mut self, cleaning: &mut Cleaning) -> Result<()> {
        while !self.is_enough
            && let Some(taken) = cleaning.next(|chunk| self.take(chunk))
        {
            taken?;
        }
        Ok(())
    }
}

/// The next blocks of a session, from chunks behind `after`, without the secrets that `cleaning` finds, and whether these are the last
/// ones. A row that no block can hold is the reason why there are none.
pub(super) fn make(
    sqlite: &Sqlite,
    id: &[u8],
    after: &mut i64,
    watching: &mut dyn Watching,
    maker: Maker<'_>,
    mut cleaning: Option<Cleaning>,
    how: &Making,
) -> Result<Result<(Vec<Made>, bool), String>> {
    let mut taking = Taking { watching, maker, how, made: Vec::new(), is_enough: false };
    let mut statement = sqlite.prepare_cached(how.sql)?;
    let mut rows = statement.query(params![StoredText(id), *after])?;
    while !taking.is_enough
        && let Some(row) = rows.next()?
    {
        let chunk = match chunk(row)? {
            Ok(chunk) => chunk,
            Err(reason) => return Ok(Err(reason)),
        };
        match &mut cleaning {
            Some(cleaning) => {
                cleaning.add(chunk);
                taking.take_known(cleaning)?;
            }
            None => taking.take(chunk)?,
        }
    }
    if !taking.is_enough
        && let Some(cleaning) = &mut cleaning
    {
        cleaning.end(sqlite, id)?;
        taking.take_known(cleaning)?;
    }
    let Taking { watching, mut maker, mut made, is_enough, .. } = taking;
    if !is_enough && let Some(last) = maker.finish()? {
        made.push(last);
        watching.block(true);
    }
    // What was seen stands with the first of the blocks in which it was.
    let mut at = 0;
    for visible in watching.visible() {
        let blocks = visible.blocks;
        if let Some(first) = made.get_mut(at) {
            first.visible = Some(visible);
        }
        at += blocks;
    }
    if let Some(last) = made.last() {
        *after = last.last;
    }
    Ok(Ok((made, !is_enough)))
}

/// The chunk in a row, or why no block can hold it.
fn chunk<'row>(row: &'row Row<'_>) -> Result<std::result::Result<Chunk<'row>, String>> {
    let id: i64 = row.get(1)?;
    let odd = |column: &str, value: ValueRef<'_>| {
        let kind = value.data_type();
        Ok(Err(format!("the {column} of row {id} of session_outputs is of the type {kind}")))
    };
    let ValueRef::Text(timestamp) = row.get_ref(2)? else {
        return odd("timestamp", row.get_ref(2)?);
    };
    let Some(kind) = OutputType::parse(text(row.get_ref(3)?)) else {
        return Ok(Err(format!("the type of row {id} of session_outputs is unknown")));
    };
    let data = row.get_ref(4)?;
    let created_at = match row.get_ref(5)? {
        ValueRef::Null => None,
        ValueRef::Text(text) => Some(text),
        other => return odd("created_at", other),
    };
    if !matches!(data.data_type(), Type::Text | Type::Blob) {
        return odd("data", data);
    }
    if timestamp.len() + created_at.map_or(0, <[u8]>::len) > LONGEST_MOMENTS {
        return Ok(Err(format!("the moments of row {id} of session_outputs are too long")));
    }
    let is_blob = data.data_type() == Type::Blob;
    Ok(Ok(Chunk { id, timestamp, kind, data: text(data), is_blob, created_at }))
}
