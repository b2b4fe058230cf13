//! `raw`: the printed bytes, unchanged.

use std::io::{self, Write};

use super::Format;
use crate::store::model::Chunk;

/// Nothing but the chunks.
pub(super) struct Raw;

impl Format for Raw {
    fn chunk(&mut self, chunk: &Chunk<'_>, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(chunk.output.data)
    }
}
