//! A block: a header, the columns and the text, each compressed by itself, and a checksum.
//!
//! | bytes | what |
//! |---|---|
//! | 4 | `GSDB` |
//! | 1 | the version, 1 |
//! | 3 | 0 |
//! | 4 | how many chunks |
//! | 8 | the cursor of the first one |
//! | 8 | the cursor of the last one |
//! | 4 and 4 | bytes of the columns, and of their compressed form |
//! | 4 and 4 | bytes of the text, and of its compressed form |
//! | | the columns, as a zstd frame |
//! | | the text of all chunks, one behind the other, as a zstd frame |
//! | 4 | CRC-32 of all bytes before |
//!
//! Numbers have their lowest byte first. A block has text of at most 64 KiB, or one chunk; at most 16,384 chunks; and columns of at
//! most 4 MiB. So no block takes much memory, whatever it says of itself, but one with a single long chunk.

use super::columns::{self, Row};
use super::{Chunk, Damage};

/// Bytes of text of a block that has more than one chunk.
pub const LARGEST: usize = 64 << 10;

/// Chunks of a block.
pub(super) const MOST_CHUNKS: usize = 16 << 10;

/// Bytes of the columns of a block.
const LARGEST_COLUMNS: usize = 4 << 20;

/// Bytes of a row in the columns beside the texts of its moments: none takes more.
const LARGEST_ROW: usize = 64;

const MAGIC: &[u8; 4] = b"GSDB";
const VERSION: u8 = 1;
const HEADER: usize = 44;
const CHECKSUM: usize = 4;

/// Bytes of a part: what SQLite stores in one value.
const LARGEST_PART: usize = 1_000_000_000;

/// The level at which 64 KiB of what terminals print take 8.5 times less, and are compressed at some 70 MB a second.
const LEVEL: i32 = 9;

/// The level at which they take 7.4 times less, and are compressed six times as fast.
pub(in crate::store) const FAST: i32 = 3;

/// What a block says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// How many chunks it has.
    pub count: usize,
    /// The cursor of the first one.
    pub first: i64,
    /// The cursor of the last one.
    pub last: i64,
    /// Bytes of what was printed.
    pub text: usize,
    columns: usize,
    compressed_columns: usize,
    compressed_text: usize,
}

/// Gathers chunks and makes a block of them.
pub struct Writer {
    rows: Vec<Row>,
    text: Vec<u8>,
    /// The most bytes of text, if it is more than a chunk.
    largest: usize,
    /// No more bytes than so many take the columns.
    columns: usize,
    compressor: zstd::bulk::Compressor<'static>,
}

/// The chunks of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    rows: Vec<Row>,
    /// Where the text of each row ends.
    ends: Vec<usize>,
    text: Vec<u8>,
}

impl Writer {
    /// One without chunks, that compresses well.
    ///
    /// # Errors
    ///
    /// If there is no memory.
    pub fn new() -> Result<Self, Damage> {
        Self::at_level(LEVEL)
    }

    /// One without chunks, that compresses at a level of zstd.
    ///
    /// # Errors
    ///
    /// If there is no memory.
    pub fn at_level(level: i32) -> Result<Self, Damage> {
        let compressor = zstd::bulk::Compressor::new(level)?;
        let (rows, text) = (Vec::new(), Vec::new());
        Ok(Self { rows, text, largest: LARGEST, columns: 0, compressor })
    }

    /// Makes smaller blocks than those of [`LARGEST`] bytes of text.
    #[must_use]
    pub fn limited(self, largest: usize) -> Self {
        Self { largest: largest.min(LARGEST), ..self }
    }

    /// Whether it has no chunk.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Adds a chunk behind the others, or says that it belongs into the next block: there is no room, or its cursor is not above theirs.
    pub fn push(&mut self, chunk: Chunk<'_>) -> bool {
        let moments = chunk.timestamp.len() + chunk.created_at.map_or(0, <[u8]>::len);
        let columns = self.columns + LARGEST_ROW + moments;
        let fits = match self.rows.last() {
            Some(last) => {
                chunk.id > last.id
                    && self.text.len() + chunk.data.len() <= self.largest
                    && self.rows.len() < MOST_CHUNKS
                    && columns <= LARGEST_COLUMNS
            }
            None => true,
        };
        if fits {
            self.columns = columns;
            self.rows.push(chunk.into());
            self.text.extend_from_slice(chunk.data);
        }
        fits
    }

    /// The block of the chunks so far. Afterwards there are none.
    ///
    /// # Errors
    ///
    /// [`Damage::Length`] without a chunk, and if what the block has is too long for it.
    pub fn finish(&mut self) -> Result<Vec<u8>, Damage> {
        let columns = columns::write(&self.rows);
        let (Some(first), Some(last)) = (self.rows.first(), self.rows.last()) else {
            return Err(Damage::Length);
        };
        let compressed_columns = self.compressor.compress(&columns)?;
        let compressed_text = self.compressor.compress(&self.text)?;
        if columns.len() > LARGEST_COLUMNS {
            return Err(Damage::Length);
        }
        let size = |length: usize| match u32::try_from(length) {
            Ok(size) if length <= LARGEST_PART => Ok(size),
            _ => Err(Damage::Length),
        };
        let mut out = Vec::with_capacity(
            HEADER + compressed_columns.len() + compressed_text.len() + CHECKSUM,
        );
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&[VERSION, 0, 0, 0]);
        out.extend_from_slice(&size(self.rows.len())?.to_le_bytes());
        out.extend_from_slice(&first.id.to_le_bytes());
        out.extend_from_slice(&last.id.to_le_bytes());
        let parts = [&columns, &compressed_columns, &self.text, &compressed_text];
        for part in parts {
            out.extend_from_slice(&size(part.len())?.to_le_bytes());
        }
        out.extend_from_slice(&compressed_columns);
        out.extend_from_slice(&compressed_text);
        let checksum = crc32fast::hash(&out);
        out.extend_from_slice(&checksum.to_le_bytes());
        self.rows.clear();
        self.text.clear();
        self.columns = 0;
        Ok(out)
    }
}

impl Header {
    /// Reads the header of a block.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn read(bytes: &[u8]) -> Result<Self, Damage> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(Damage::NoBlock)?;
        let (&[version, ..], rest) = rest.split_first_chunk::<4>().ok_or(Damage::Length)?;
        if version != VERSION {
            return Err(Damage::Version(version));
        }
        let from = &mut &*rest;
        let count = take_size(from)?;
        let [first, last] = [take::<8>(from)?, take::<8>(from)?].map(i64::from_le_bytes);
        let [columns, compressed_columns] = [take_size(from)?, take_size(from)?];
        let [text, compressed_text] = [take_size(from)?, take_size(from)?];
        let header =
            Self { count, first, last, text, columns, compressed_columns, compressed_text };
        if bytes.len() != HEADER + compressed_columns + compressed_text + CHECKSUM {
            return Err(Damage::Length);
        }
        let largest = if count > 1 { LARGEST } else { LARGEST_PART };
        let is_possible = (1..=MOST_CHUNKS).contains(&count)
            && (5 * count + 1..=LARGEST_COLUMNS).contains(&columns)
            && text <= largest
            && first <= last;
        if !is_possible {
            return Err(Damage::Columns);
        }
        Ok(header)
    }
}

impl Block {
    /// Reads a block.
    ///
    /// # Errors
    ///
    /// What is wrong with it. Nothing of a damaged block is given.
    pub fn read(bytes: &[u8]) -> Result<Self, Damage> {
        let header = Header::read(bytes)?;
        let (content, checksum) = bytes.split_last_chunk::<CHECKSUM>().ok_or(Damage::Length)?;
        if crc32fast::hash(content) != u32::from_le_bytes(*checksum) {
            return Err(Damage::Checksum);
        }
        let parts = content.get(HEADER..).unwrap_or_default();
        let (columns, text) =
            parts.split_at_checked(header.compressed_columns).ok_or(Damage::Length)?;
        let columns = decompress(columns, header.columns)?;
        let rows = columns::read(&columns, header.first, header.count)?;
        let text = decompress(text, header.text)?;
        let mut end = 0_usize;
        let ends = rows.iter().map(|row| {
            end = end.checked_add(row.length)?;
            Some(end)
        });
        let ends: Vec<usize> = ends.collect::<Option<_>>().ok_or(Damage::Columns)?;
        if end != text.len() || rows.last().is_none_or(|last| last.id != header.last) {
            return Err(Damage::Columns);
        }
        Ok(Self { rows, ends, text })
    }

    /// How many chunks it has.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The chunk at a place.
    pub fn chunk(&self, at: usize) -> Option<Chunk<'_>> {
        let (row, end) = (self.rows.get(at)?, *self.ends.get(at)?);
        Some(Chunk {
            id: row.id,
            timestamp: &row.timestamp,
            kind: row.kind,
            data: self.text.get(end - row.length..end)?,
            is_blob: row.is_blob,
            created_at: row.created_at.as_deref(),
        })
    }

    /// Its chunks, in their order.
    pub fn chunks(&self) -> impl DoubleEndedIterator<Item = Chunk<'_>> {
        (0..self.len()).filter_map(|at| self.chunk(at))
    }
}

/// A part of a block. It must have exactly so many bytes: a frame that gives more is not followed further.
fn decompress(frame: &[u8], length: usize) -> Result<Vec<u8>, Damage> {
    // What a frame says of its length is compared before memory is taken. Nothing stands behind it.
    if zstd::zstd_safe::get_frame_content_size(frame).ok().flatten() != Some(length as u64)
        || zstd::zstd_safe::find_frame_compressed_size(frame) != Ok(frame.len())
    {
        return Err(Damage::Length);
    }
    let bytes = zstd::bulk::decompress(frame, length)?;
    if bytes.len() == length { Ok(bytes) } else { Err(Damage::Length) }
}

fn take<const LENGTH: usize>(from: &mut &[u8]) -> Result<[u8; LENGTH], Damage> {
    let (bytes, rest) = from.split_first_chunk().ok_or(Damage::Length)?;
    *from = rest;
    Ok(*bytes)
}

fn take_size(from: &mut &[u8]) -> Result<usize, Damage> {
    usize::try_from(u32::from_le_bytes(take(from)?)).map_err(|_| Damage::Length)
}
