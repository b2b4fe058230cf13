//! Replaces secrets in chunks on their way into blocks.

use std::sync::Arc;

use rusqlite::{Connection as Sqlite, OptionalExtension, params};

use crate::store::model::{OutputType, SessionStatus};
use crate::store::redact::{Chunks, Known, Redactor};
use crate::store::sealed::Chunk;
use crate::store::select::{Select, select_chunks};
use crate::store::timestamp::{Moments, Timestamp};
use crate::store::{Result, StoredText, text};

/// The chunks of a session up to a cursor, the last one first.
const BEFORE: Select = select_chunks!(o.type, o.data; "AND i.id <= ?2 ORDER BY i.id DESC");

const STATUS: &str = "SELECT status FROM sessions WHERE id = ?1";

/// Bytes of each stream before a place that are looked at as well, as a secret may have begun there, and of both at most.
const LOOKED_BACK: usize = 64 << 10;
const LOOKED_BACK_AT_MOST: usize = 256 << 10;

/// For how long the possible start of a secret waits for what follows, in milliseconds.
const HELD: f64 = 10_000.0;

/// What a row has beside the text.
struct Waiting {
    id: i64,
    timestamp: Vec<u8>,
    is_blob: bool,
    created_at: Option<Vec<u8>>,
}

/// The chunks of a session that wait until it is known what is in them. Those before the place have no row.
pub(super) struct Cleaning {
    chunks: Chunks<Option<Waiting>>,
    is_end: bool,
    /// The moment of the last chunk.
    latest: Vec<u8>,
}

impl Cleaning {
    /// That of a session from behind a cursor on.
    pub(super) fn start(
        sqlite: &Sqlite,
        id: &[u8],
        after: i64,
        redactor: &Arc<Redactor>,
    ) -> Result<Self> {
        let mut before = Vec::new();
        let (mut stdout, mut stderr) = (0, 0);
        let mut statement = sqlite.prepare_cached(BEFORE.of(sqlite)?)?;
        let mut rows = statement.query(params![StoredText(id), after])?;
        while (stdout < LOOKED_BACK || stderr < LOOKED_BACK)
            && stdout + stderr < LOOKED_BACK_AT_MOST
            && let Some(row) = rows.next()?
        {
            let Some(kind) = OutputType::parse(text(row.get_ref(1)?)) else { continue };
            let data = text(row.get_ref(2)?).to_owned();
            *(if kind == OutputType::Stdout { &mut stdout } else { &mut stderr }) += data.len();
            before.push((kind, data));
        }
        let mut chunks = Chunks::new(redactor);
        for (kind, data) in before.into_iter().rev() {
            chunks.push(None, kind, data);
        }
        Ok(Self { chunks, is_end: false, latest: Vec::new() })
    }

    pub(super) fn add(&mut self, chunk: Chunk<'_>) {
        let Chunk { id, timestamp, kind, data, is_blob, created_at } = chunk;
        self.latest.clear();
        self.latest.extend_from_slice(timestamp);
        let (timestamp, created_at) = (timestamp.to_owned(), created_at.map(<[u8]>::to_owned));
        let waiting = Waiting { id, timestamp, is_blob, created_at };
        self.chunks.push(Some(waiting), kind, data.to_owned());
    }

    /// There are no more chunks. What may be the start of a secret still waits, where more may follow soon.
    pub(super) fn end(&mut self, sqlite: &Sqlite, id: &[u8]) -> Result<()> {
        let mut find = sqlite.prepare_cached(STATUS)?;
        let status =
            find.query_row([StoredText(id)], |row| Ok(SessionStatus::parse(text(row.get_ref(0)?))));
        let is_over = matches!(
            status.optional()?.flatten(),
            Some(SessionStatus::Completed | SessionStatus::Failed)
        );
        let age = Timestamp::now().millis() - Moments::default().millis(&self.latest);
        if is_over || age.is_nan() || age.abs() >= HELD {
            self.chunks.end();
            self.is_end = true;
        }
        Ok(())
    }

    /// Passes the next chunk of which all is known to `take`. `None` if there is none.
    pub(super) fn next<T>(&mut self, take: impl FnOnce(Chunk<'_>) -> T) -> Option<T> {
        loop {
            let Known { chunk, kind, data, cleaned, .. } = self.chunks.next(self.is_end)?;
            let Some(Waiting { id, timestamp, is_blob, created_at }) = chunk else { continue };
            return Some(take(Chunk {
                id,
                timestamp: &timestamp,
                kind,
                data: cleaned.as_deref().unwrap_or(&data),
                is_blob,
                created_at: created_at.as_deref(),
            }));
        }
    }
}
