//! Blocks on their way into the table.

use rusqlite::{Connection as Sqlite, ffi, params};

use super::block::FAST;
use super::{Chunk, Damage, Writer};
use crate::sqlite;
use crate::store::{Error, Result, StoredText};

const INSERT: &str =
    "INSERT INTO gsd_session_blocks (id, session_id, last, outputs, bytes, earliest, latest, block)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";

const INSERT_FILTER: &str = "INSERT OR REPLACE INTO gsd_session_filters (id, last, lines, filter, state) VALUES (?1, ?2, ?3, ?4, ?5)";

/// A block that is not stored yet.
pub(in crate::store) struct Made {
    pub(in crate::store) first: i64,
    pub(in crate::store) last: i64,
    pub(in crate::store) outputs: i64,
    pub(in crate::store) bytes: i64,
    pub(in crate::store) earliest: Vec<u8>,
    pub(in crate::store) latest: Vec<u8>,
    pub(in crate::store) block: Vec<u8>,
    pub(in crate::store) visible: Option<Visible>,
}

/// What a search knows of some blocks without reading them.
pub(in crate::store) struct Visible {
    /// How many blocks.
    pub(in crate::store) blocks: usize,
    /// The lines that end before them.
    pub(in crate::store) lines: u64,
    /// The filter of those that end in them.
    pub(in crate::store) filter: Vec<u8>,
    /// The state of the terminal before them, where that is kept.
    pub(in crate::store) state: Option<Vec<u8>>,
}

/// Makes blocks of the chunks of a session.
pub(in crate::store) struct Maker<'a> {
    session_id: &'a [u8],
    writer: Writer,
    /// What is known of the block that is not full.
    now: Option<Made>,
}

impl<'a> Maker<'a> {
    /// Makes blocks of at most so many bytes of text.
    pub(in crate::store) fn new(session_id: &'a [u8], largest: usize) -> Result<Self> {
        Self::with(session_id, Writer::new().map(|writer| writer.limited(largest)))
    }

    /// Makes blocks fast, rather than as small as they can be.
    pub(in crate::store) fn fast(session_id: &'a [u8]) -> Result<Self> {
        Self::with(session_id, Writer::at_level(FAST))
    }

    fn with(session_id: &'a [u8], writer: Result<Writer, Damage>) -> Result<Self> {
        let writer = writer.map_err(|damage| unmade(session_id, &damage))?;
        Ok(Self { session_id, writer, now: None })
    }

    /// Adds a chunk. If the ones before it are a block, that comes back.
    pub(in crate::store) fn add(&mut self, chunk: Chunk<'_>) -> Result<Option<Made>> {
        let full = if self.writer.push(chunk) {
            None
        } else {
            let full = self.finish()?;
            self.writer.push(chunk);
            full
        };
        let now = self.now.get_or_insert_with(|| Made {
            first: chunk.id,
            last: chunk.id,
            outputs: 0,
            bytes: 0,
            earliest: chunk.timestamp.to_vec(),
            latest: chunk.timestamp.to_vec(),
            block: Vec::new(),
            visible: None,
        });
        now.last = chunk.id;
        now.outputs += 1;
        now.bytes += i64::try_from(chunk.data.len()).unwrap_or(i64::MAX);
        if chunk.timestamp < now.earliest.as_slice() {
            now.earliest = chunk.timestamp.to_vec();
        }
        if chunk.timestamp > now.latest.as_slice() {
            now.latest = chunk.timestamp.to_vec();
        }
        Ok(full)
    }

    /// The block of the chunks that came last, if there are any.
    pub(in crate::store) fn finish(&mut self) -> Result<Option<Made>> {
        let Some(made) = self.now.take() else { return Ok(None) };
        let block = self.writer.finish().map_err(|damage| unmade(self.session_id, &damage))?;
        Ok(Some(Made { block, ..made }))
    }
}

/// Stores blocks of a session.
pub(in crate::store) fn insert(sqlite: &Sqlite, session_id: &[u8], made: &[Made]) -> Result<()> {
    let mut insert = sqlite::prepare(sqlite, INSERT)?;
    let mut insert_filter = sqlite::prepare(sqlite, INSERT_FILTER)?;
    for (at, now) in made.iter().enumerate() {
        let Made { first, last, outputs, bytes, earliest, latest, block, visible } = now;
        let (earliest, latest) = (StoredText(earliest), StoredText(latest));
        let of = StoredText(session_id);
        let values = params![first, of, last, outputs, bytes, earliest, latest, block];
        sqlite::write(&mut insert, values)?;
        if let Some(Visible { blocks, lines, filter, state }) = visible
            && let Some(end) = made.get(at + blocks - 1)
        {
            let values = params![first, end.first, lines.cast_signed(), filter, state];
            sqlite::write(&mut insert_filter, values)?;
        }
    }
    Ok(())
}

fn unmade(id: &[u8], damage: &Damage) -> Error {
    Error::Sqlite(sqlite::Error::Sqlite {
        code: ffi::SQLITE_TOOBIG,
        message: format!("no block of session {:?}: {damage}", String::from_utf8_lossy(id)),
    })
}
