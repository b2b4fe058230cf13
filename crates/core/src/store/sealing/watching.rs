//! Who sees the chunks of a session while blocks are made of them: the same thread, or one beside it.

use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{Scope, ScopedJoinHandle};

use super::seen::Seen;
use crate::store::model::OutputType;
use crate::store::sealed::{Chunk, Visible};

/// Bytes of chunks that are handed over at a time, and how many of these wait.
const AT_ONCE: usize = 32 << 10;
const WAITING: usize = 4;

/// Who sees chunks.
pub(super) trait Watching {
    /// Goes on with a chunk.
    fn add(&mut self, chunk: Chunk<'_>);

    /// Whether reading can go on from behind the last chunk.
    fn has_state(&mut self) -> bool;

    /// A block ends here, and with `is_end` what is seen.
    fn block(&mut self, is_end: bool);

    /// What was seen in blocks, in their order.
    fn visible(&mut self) -> Vec<Visible>;
}

/// Nobody.
impl Watching for () {
    fn add(&mut self, _: Chunk<'_>) {}

    fn has_state(&mut self) -> bool {
        true
    }

    fn block(&mut self, _: bool) {}

    fn visible(&mut self) -> Vec<Visible> {
        Vec::new()
    }
}

/// The thread that makes the blocks.
pub(super) struct Here<'a> {
    pub(super) seen: &'a mut Seen,
    pub(super) visible: Vec<Visible>,
}

impl Watching for Here<'_> {
    fn add(&mut self, chunk: Chunk<'_>) {
        self.seen.add(chunk);
    }

    fn has_state(&mut self) -> bool {
        self.seen.has_state()
    }

    fn block(&mut self, is_end: bool) {
        self.visible.extend(self.seen.block(is_end));
    }

    fn visible(&mut self) -> Vec<Visible> {
        std::mem::take(&mut self.visible)
    }
}

/// Chunks on their way: the cursor of each, the bytes of its moment and those of its text, which follow each other.
#[derive(Default)]
struct Chunks {
    all: Vec<(i64, usize, usize)>,
    bytes: Vec<u8>,
}

/// What the thread beside is told.
enum Told {
    Chunks(Chunks),
    Block { is_end: bool },
    Asked,
}

/// A thread beside the one that makes the blocks.
pub(super) struct Beside<'scope> {
    chunks: Chunks,
    told: Option<SyncSender<Told>>,
    answers: Receiver<bool>,
    thread: Option<ScopedJoinHandle<'scope, (Seen, Vec<Visible>)>>,
    /// What the thread leaves behind.
    pub(super) seen: Option<Seen>,
}

impl<'scope> Beside<'scope> {
    /// A thread that ends with a scope.
    pub(super) fn start<'env>(scope: &'scope Scope<'scope, 'env>, seen: Seen) -> Self {
        let (told, hears) = sync_channel(WAITING);
        let (answer, answers) = channel();
        let thread = scope.spawn(move || watch(seen, &hears, &answer));
        let (told, thread) = (Some(told), Some(thread));
        Self { chunks: Chunks::default(), told, answers, thread, seen: None }
    }

    /// Tells the thread. One that has ended by a panic is found when it is joined.
    fn tell(&mut self, told: Told) {
        let chunks = std::mem::take(&mut self.chunks);
        let Some(to) = &self.told else { return };
        if !chunks.all.is_empty() {
            let _ = to.send(Told::Chunks(chunks));
        }
        let _ = to.send(told);
    }
}

impl Watching for Beside<'_> {
    fn add(&mut self, chunk: Chunk<'_>) {
        let Chunk { id, timestamp, data, .. } = chunk;
        let Chunks { all, bytes } = &mut self.chunks;
        all.push((id, timestamp.len(), data.len()));
        bytes.extend_from_slice(timestamp);
        bytes.extend_from_slice(data);
        if bytes.len() >= AT_ONCE {
            let chunks = std::mem::take(&mut self.chunks);
            self.tell(Told::Chunks(chunks));
        }
    }

    fn has_state(&mut self) -> bool {
        self.tell(Told::Asked);
        self.answers.recv().unwrap_or(true)
    }

    fn block(&mut self, is_end: bool) {
        self.tell(Told::Block { is_end });
    }

    fn visible(&mut self) -> Vec<Visible> {
        self.told = None;
        match self.thread.take().map(ScopedJoinHandle::join) {
            Some(Ok((seen, visible))) => {
                self.seen = Some(seen);
                visible
            }
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            None => Vec::new(),
        }
    }
}

fn watch(mut seen: Seen, told: &Receiver<Told>, answer: &Sender<bool>) -> (Seen, Vec<Visible>) {
    let mut visible = Vec::new();
    for told in told {
        match told {
            Told::Chunks(Chunks { all, bytes }) => {
                let mut rest = bytes.as_slice();
                for (id, moment, text) in all {
                    let (timestamp, behind) = rest.split_at_checked(moment).unwrap_or_default();
                    let (data, behind) = behind.split_at_checked(text).unwrap_or_default();
                    rest = behind;
                    // Only what was printed is seen, whichever way.
                    let kind = OutputType::Stdout;
                    seen.add(Chunk { id, timestamp, kind, data, is_blob: false, created_at: None });
                }
            }
            Told::Block { is_end } => visible.extend(seen.block(is_end)),
            // Who has asked may have failed.
            Told::Asked => drop(answer.send(seen.has_state())),
        }
    }
    (seen, visible)
}
