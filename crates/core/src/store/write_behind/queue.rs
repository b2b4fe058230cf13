//! The queue of write-behind as a state machine, without threads and without SQLite.
//!
//! Its state is which rows wait, and whether a group is being written. Rows leave at the front, one group at a time.
//! A group that could not be written goes back to the front. So rows are committed in the order in which they came,
//! whichever thread writes them.

use std::collections::VecDeque;
use std::time::Instant;

use crate::sqlite;
use crate::store::model::{NewOutput, NewSession, Update};

/// Bytes of one commit: enough to make it cheap, few enough to release the lock soon.
const GROUP_BYTES: usize = 256 << 10;

/// Bytes of a row in the queue, without its text.
const ROW_OVERHEAD: usize = 128;

/// What is queued.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Entry {
    /// A chunk.
    Output(NewOutput),
    /// A session to be stored.
    Session(Box<NewSession>),
    /// A session to be changed.
    Update(Box<Update>),
    /// A secret that a rule has found in a session, to be counted.
    Redacted {
        /// The session.
        session_id: String,
        /// The name of the rule.
        rule: String,
    },
}

impl Entry {
    /// The session that it is about.
    pub(crate) fn session_id(&self) -> &str {
        match self {
            Self::Output(output) => &output.session_id,
            Self::Session(session) => &session.id,
            Self::Update(update) => &update.id,
            Self::Redacted { session_id, .. } => session_id,
        }
    }

    /// The chunk that it is.
    pub(crate) fn output(&self) -> Option<&NewOutput> {
        match self {
            Self::Output(output) => Some(output),
            _ => None,
        }
    }

    /// Whether it is a chunk.
    pub(crate) fn is_output(&self) -> bool {
        self.output().is_some()
    }

    /// Bytes that it takes in the queue.
    pub(crate) fn size(&self) -> usize {
        ROW_OVERHEAD
            + match self {
                Self::Output(output) => output.session_id.len() + output.data.len(),
                Self::Session(session) => {
                    let command = session.current_command.as_ref().map_or(0, String::len);
                    session.id.len() + session.working_dir.len() + command
                }
                Self::Update(update) => update.id.len(),
                Self::Redacted { session_id, rule } => session_id.len() + rule.len(),
            }
    }
}

impl From<NewOutput> for Entry {
    fn from(output: NewOutput) -> Self {
        Self::Output(output)
    }
}

/// The rows that wait, and the state of their writing.
#[derive(Default)]
pub(super) struct Queue {
    rows: VecDeque<Entry>,
    /// Bytes of the rows that wait, and of the group that is being written.
    bytes: usize,
    /// How many rows ever came, and how many of them were written or given up.
    pushed: u64,
    written: u64,
    /// How many of those that are not written are no chunks.
    sessions: usize,
    /// When the first waiting row came. For rows that were put back, when their group was due.
    oldest: Option<Instant>,
    /// Whether a group is being written: it was taken, and is neither committed nor put back.
    writing: bool,
    /// Whether the latest group of the writer's thread failed, and `on_error` was called.
    pub(super) failing: bool,
    /// When the file's own SQL was last interrupted, with the message.
    pub(super) interrupted: Option<(Instant, String)>,
    /// Why SQLite refused a row, if that is not reported yet.
    pub(super) refusal: Option<sqlite::Error>,
    /// How often the writer's thread has committed rows.
    pub(super) commits: u64,
    /// Whether the writer's thread should write nothing, and whether it has something to do with the file.
    pub(super) paused: bool,
    pub(super) busy: bool,
    /// Whether the writer's thread has ended, for whatever reason.
    pub(super) gone: bool,
    /// Whether the writer's thread should end.
    pub(super) stop: bool,
}

impl Queue {
    /// Whether no row waits. A group may be being written.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether a group is being written.
    pub(super) fn is_writing(&self) -> bool {
        self.writing
    }

    /// How many rows ever came.
    pub(super) fn pushed(&self) -> u64 {
        self.pushed
    }

    /// How many of them were written, or given up.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// Whether sessions are among the rows that are not committed.
    pub(super) fn has_sessions(&self) -> bool {
        self.sessions > 0
    }

    /// Bytes of all rows that are not committed.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// When the first of the rows that wait came.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.oldest
    }

    /// Whether there is no room for `row`. An empty queue has room for any row.
    pub(super) fn is_full(&self, row: &Entry, most: usize) -> bool {
        self.bytes > 0 && self.bytes.saturating_add(row.size()) > most
    }

    /// Adds a row at the end. Returns whether it is the only waiting row.
    pub(super) fn push(&mut self, row: Entry) -> bool {
        let first = self.rows.is_empty();
        if first {
            self.oldest = Some(Instant::now());
        }
        self.pushed += 1;
        self.bytes += row.size();
        self.sessions += usize::from(!row.is_output());
        self.rows.push_back(row);
        first
    }

    /// Takes a group from the front; [`finish`](Self::finish) has to follow. The group is empty if no row waits, or
    /// another group is being written.
    pub(super) fn take(&mut self) -> Vec<Entry> {
        if self.writing || self.rows.is_empty() {
            return Vec::new();
        }
        self.writing = true;
        let mut bytes = 0;
        let mut fits = |row: &Entry| {
            bytes += row.size();
            bytes <= GROUP_BYTES
        };
        let count = self.rows.iter().map_while(|row| fits(row).then_some(())).count().max(1);
        self.rows.drain(..count.min(self.rows.len())).collect()
    }

    /// Forgets the rows that wait.
    pub(super) fn forget(&mut self) {
        let rows = Vec::from(std::mem::take(&mut self.rows));
        self.let_go(&rows);
        self.oldest = None;
    }

    /// Counts rows as gone from the queue, for whatever reason.
    fn let_go(&mut self, rows: &[Entry]) {
        self.bytes -= rows.iter().map(Entry::size).sum::<usize>();
        self.sessions -= rows.iter().filter(|row| !row.is_output()).count();
    }

    /// Counts rows of the current group as done: they are committed, or given up, before the rest.
    pub(super) fn spend(&mut self, rows: &[Entry]) {
        self.let_go(rows);
        self.written += rows.len() as u64;
    }

    /// Ends the writing of a group: it is done if it is written, otherwise in front again. Returns rows to be
    /// dropped, best without the lock.
    pub(super) fn finish(&mut self, mut group: Vec<Entry>, written: bool) -> Vec<Entry> {
        self.writing = false;
        if written {
            self.spend(&group);
        } else {
            for row in group.drain(..).rev() {
                self.rows.push_front(row);
            }
        }
        // The remaining rows are due when the group was due, or at once.
        self.oldest = (!self.rows.is_empty()).then(|| self.oldest.unwrap_or_else(Instant::now));
        group
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::chunk;
    use super::*;

    use super::super::tests::texts;

    #[test]
    fn one_group_is_out_at_a_time_and_goes_back_to_the_front() {
        let mut queue = Queue::default();
        assert!(queue.push(chunk("one").into()) && !queue.push(chunk("two").into()));
        let group = queue.take();
        assert_eq!(texts(&group), ["one", "two"]);
        queue.push(chunk("three").into());
        assert!(queue.take().is_empty() && queue.is_writing());
        assert!(queue.finish(group, false).is_empty());
        assert_eq!(texts(&queue.take()), ["one", "two", "three"]);
    }

    #[test]
    fn a_group_has_a_bounded_size_and_at_least_one_row() {
        let mut queue = Queue::default();
        let long = "x".repeat(GROUP_BYTES + 1);
        for data in [&long, "a", &long] {
            queue.push(chunk(data).into());
        }
        for expected in [1, 1, 1] {
            let group = queue.take();
            assert_eq!(group.len(), expected);
            assert_eq!(queue.finish(group, true).len(), expected);
        }
        assert!(queue.is_empty() && queue.bytes() == 0);
    }

    #[test]
    fn an_empty_queue_has_room_for_any_row() {
        let mut queue = Queue::default();
        assert!(!queue.is_full(&chunk("long").into(), 1));
        queue.push(chunk("long").into());
        assert!(queue.is_full(&chunk("").into(), 1));
        assert!(!queue.is_full(&chunk("").into(), 1 << 20));
    }
}
