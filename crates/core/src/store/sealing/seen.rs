//! What is seen of a session while it is sealed, block by block, for the filters.

use rusqlite::Connection as Sqlite;

use crate::store::Result;
use crate::store::sealed::{Chunk, Trigrams, Visible};
use crate::store::search::as_searched;
use crate::store::sizes::{self, Wanted};
use crate::store::terminal::{Line, Lines, Mark};
use crate::store::timestamp::Moments;

/// Blocks that have a filter, and the state of the terminal before them, in common. They share many trigrams, so a filter for each took
/// twice the bytes; and the state costs little, as does reading them all.
const TOGETHER: usize = 4;

/// The terminal of a session, and what it showed since the last block.
pub(super) struct Seen {
    lines: Lines,
    moments: Moments,
    trigrams: Trigrams,
    /// The lines that ended before these blocks, and the state before them, where that is kept.
    before: u64,
    state: Option<Vec<u8>>,
    /// How many have ended, and how many have a filter in common.
    blocks: usize,
    together: usize,
}

impl Seen {
    /// That of a session behind a chunk.
    pub(super) fn behind(sqlite: &Sqlite, id: &[u8], through: Option<i64>) -> Result<Self> {
        let mut seen = Self::of(sizes::lines(sqlite, id, Wanted::default(), false)?, TOGETHER);
        if let Some(through) = through {
            seen.read_up_to(sqlite, id, through)?;
        }
        Ok(seen)
    }

    /// That of a session that begins. Each block has a filter of its own.
    pub(super) fn start(sqlite: &Sqlite, id: &[u8]) -> Result<Self> {
        Ok(Self::of(sizes::lines(sqlite, id, Wanted::default(), false)?, 1))
    }

    /// That of a session from behind a chunk on, where it was in a state. Each block has a filter of its own.
    pub(super) fn going_on(sqlite: &Sqlite, id: &[u8], after: i64, state: &[u8]) -> Result<Self> {
        let lines = sizes::lines(sqlite, id, Wanted::default(), false)?;
        if let Some(lines) = lines.in_state(state) {
            let before = lines.count();
            return Ok(Self { before, state: Some(state.to_vec()), ..Self::of(lines, 1) });
        }
        // Another version has written it.
        let mut seen = Self::start(sqlite, id)?;
        seen.read_up_to(sqlite, id, after)?;
        Ok(seen)
    }

    fn read_up_to(&mut self, sqlite: &Sqlite, id: &[u8], last: i64) -> Result<()> {
        sizes::read_up_to(sqlite, id, last, &mut self.lines, |_| ())?;
        (self.before, self.state) = (self.lines.count(), self.lines.state());
        Ok(())
    }

    fn of(lines: Lines, together: usize) -> Self {
        Self {
            lines: lines.with_drawn_over(),
            moments: Moments::default(),
            trigrams: Trigrams::default(),
            // Before the first block, there is nothing.
            before: 0,
            state: None,
            blocks: 0,
            together,
        }
    }

    /// Whether reading can go on from here.
    pub(super) fn has_state(&self) -> bool {
        self.lines.state().is_some()
    }

    /// The state behind the last block, where there is one.
    pub(super) fn into_state(self) -> Option<Vec<u8>> {
        self.state
    }

    /// Goes on with a chunk.
    pub(super) fn add(&mut self, chunk: Chunk<'_>) {
        let Self { lines, moments, trigrams, .. } = self;
        let mark = Mark::of(chunk.id, moments.millis(chunk.timestamp));
        let mut rest = chunk.data;
        while let Some(line) = lines.next(&mut rest, mark) {
            add(trigrams, &line);
        }
    }

    /// A block ends here. If the blocks that have a filter in common are complete, what was seen in them: the lines that have ended; at
    /// the end of the session also those on its screen.
    pub(super) fn block(&mut self, is_end: bool) -> Option<Visible> {
        self.blocks += 1;
        if self.blocks < self.together && !is_end {
            return None;
        }
        let next = (self.lines.count(), self.lines.state());
        let Self { lines, trigrams, .. } = self;
        while is_end && let Some(line) = lines.end() {
            add(trigrams, &line);
        }
        let (blocks, lines, state) = (self.blocks, self.before, self.state.take());
        let filter = trigrams.filter();
        trigrams.clear();
        self.blocks = 0;
        (self.before, self.state) = next;
        Some(Visible { blocks, lines, filter, state })
    }
}

/// Adds a line as it is, and as it is searched where the case does not matter.
fn add(trigrams: &mut Trigrams, line: &Line<'_>) {
    trigrams.add(line.text);
    if !line.text.is_ascii() {
        trigrams.add(&as_searched(line.text));
    }
}
