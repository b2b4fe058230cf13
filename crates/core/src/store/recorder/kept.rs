//! What is recorded, until it is stored in a file that is still there.
//!
//! It is in up to three places, one behind the other: in the queue of a connection, in memory, and in a spool file. Where
//! all of them are full, bytes are lost and counted, and nothing else is.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::spool::Spool;
use crate::sqlite;
use crate::store::model::{NewOutput, OutputType};
use crate::store::sessions::Sessions;
use crate::store::timestamp::Timestamp;
use crate::store::write_behind::{Entry, Feed};
use crate::store::{Error, Result};

/// Bytes that may be in the queue.
const IN_QUEUE: usize = 4 << 20;

/// Bytes that may be in memory.
const IN_MEMORY: usize = if cfg!(test) { 64 << 10 } else { 64 << 20 };

/// What was written so long ago is in a file that was still there then.
const SETTLED: Duration = Duration::from_secs(2);

pub(super) struct Kept {
    feed: Option<Feed>,
    /// The session, as it was at the start.
    session: Option<Entry>,
    /// What may not be in the file, in its order. The first ones are in the queue.
    entries: VecDeque<KeptEntry>,
    /// How many of them are in the queue, or were.
    sent: usize,
    /// Bytes of all of them.
    bytes: usize,
    /// What came when there was no more room for it.
    spool: Spool,
    /// Bytes that are lost since the last mark that says so, and altogether.
    unmarked: u64,
    lost: u64,
}

struct KeptEntry {
    entry: Entry,
    /// Its number in the queue.
    number: u64,
    /// When it was found to be written.
    written: Option<Instant>,
}

/// What became of everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Finished {
    /// The spool file in which the rest waits for the next run.
    pub spool: Option<PathBuf>,
    /// Bytes of output that are lost.
    pub lost: u64,
    /// Why the spool file could not be written.
    pub error: Option<String>,
}

impl Kept {
    pub(super) fn new(spool: PathBuf) -> Self {
        Self {
            feed: None,
            session: None,
            entries: VecDeque::new(),
            sent: 0,
            bytes: 0,
            spool: Spool::new(spool),
            unmarked: 0,
            lost: 0,
        }
    }

    /// The session comes before everything.
    pub(super) fn start(&mut self, session: Entry) {
        self.session = Some(session.clone());
        self.bytes += session.size();
        self.entries.push_front(KeptEntry { entry: session, number: 0, written: None });
        self.send();
    }

    pub(super) fn push(&mut self, entry: Entry) {
        if self.unmarked > 0 && entry.is_output() {
            let mark = mark(self.unmarked, entry.session_id());
            let has_room = self.has_room(mark.size() + entry.size());
            if (has_room || self.spool.has_room([&mark, &entry])) && self.keep(mark).is_none() {
                self.unmarked = 0;
            }
        }
        if let Some(lost) = self.keep(entry).as_ref().and_then(Entry::output) {
            self.unmarked += lost.data.len() as u64;
            self.lost += lost.data.len() as u64;
        }
    }

    /// Whether so many bytes have room in memory, and nothing has to come before them.
    fn has_room(&mut self, bytes: usize) -> bool {
        if self.bytes + bytes > IN_MEMORY {
            self.forget(Duration::ZERO);
        }
        self.spool.is_empty() && self.bytes + bytes <= IN_MEMORY
    }

    /// Keeps an entry, or gives it back where there is no room. There always is for what is no output: it is small.
    fn keep(&mut self, entry: Entry) -> Option<Entry> {
        if !self.has_room(entry.size()) {
            match self.spool.push(&entry) {
                Ok(()) => return None,
                Err(_) if entry.is_output() => return Some(entry),
                Err(_) => {}
            }
        }
        self.bytes += entry.size();
        self.entries.push_back(KeptEntry { entry, number: 0, written: None });
        self.send();
        None
    }

    /// Bytes that are lost.
    pub(super) fn lost(&self) -> u64 {
        self.lost
    }

    /// Passes on as much as there is room for.
    fn send(&mut self) {
        let Some(feed) = &self.feed else { return };
        // Before the session is stored, nothing of it is.
        if self.session.is_none() {
            return;
        }
        while let Some(kept) = self.entries.get_mut(self.sent) {
            if feed.bytes() > IN_QUEUE {
                return;
            }
            match feed.try_push(kept.entry.clone()) {
                Some(number) => kept.number = number,
                None => return,
            }
            self.sent += 1;
        }
    }

    pub(super) fn attach(&mut self, sessions: &Sessions, feed: Feed) -> Result<()> {
        if let Some(Entry::Session(session)) = &self.session {
            let mut known = None;
            sessions.get(&session.id, |row| {
                known = Some(row.started_at);
                Ok::<_, Error>(())
            })?;
            if known.is_some_and(|started_at| started_at != session.started_at.millis()) {
                return Err(sqlite::Error::exists(&session.id).into());
            }
            // A backup may have taken the place of the file.
            self.entries.retain(|kept| !matches!(kept.entry, Entry::Session(_)));
            if known.is_none() {
                let entry = Entry::Session(session.clone());
                self.entries.push_front(KeptEntry { entry, number: 0, written: None });
            }
            self.bytes = self.entries.iter().map(|kept| kept.entry.size()).sum();
        }
        if let Some(before) = self.feed.replace(feed) {
            before.stop_writing();
        }
        self.entries.iter_mut().for_each(|kept| kept.written = None);
        self.sent = 0;
        self.send();
        Ok(())
    }

    pub(super) fn look(&mut self) {
        // Where there is little room, what is written is not kept for another file.
        let is_tight = !self.spool.is_empty();
        self.forget(if is_tight { Duration::ZERO } else { SETTLED });
        self.send();
        // What was put aside goes on its way once there is room again.
        while self.feed.is_some() && self.bytes < IN_MEMORY / 2 && !self.spool.is_empty() {
            let Some(entry) = self.spool.pop() else { break };
            self.bytes += entry.size();
            self.entries.push_back(KeptEntry { entry, number: 0, written: None });
        }
        self.send();
    }

    /// Forgets what has been written for so long.
    fn forget(&mut self, settled: Duration) {
        let Some(feed) = &self.feed else { return };
        let (written, now) = (feed.written(), Instant::now());
        for kept in self.entries.iter_mut().take(self.sent) {
            if kept.number > written {
                break;
            }
            kept.written.get_or_insert(now);
        }
        while let Some(first) = self.entries.front()
            && first.written.is_some_and(|written| written.elapsed() >= settled)
            && let Some(first) = self.entries.pop_front()
        {
            self.bytes -= first.entry.size();
            self.sent -= 1;
        }
    }

    /// Whether everything is written.
    pub(super) fn is_stored(&self) -> bool {
        self.sent == self.entries.len()
            && self.spool.is_empty()
            && self.feed.as_ref().is_some_and(|feed| {
                self.entries.back().is_none_or(|last| last.number <= feed.written())
            })
    }

    pub(super) fn feed(&self) -> Option<Feed> {
        self.feed.clone()
    }

    /// Puts what is not written into the spool file.
    pub(super) fn finish(&mut self) -> Finished {
        let written = self.feed.as_ref().map_or(0, Feed::stop_writing);
        let sent = self.sent;
        let rest = self.entries.drain(..).enumerate();
        let rest = rest.filter(|(at, kept)| *at >= sent || kept.number > written);
        let rest: Vec<Entry> = rest.map(|(_, kept)| kept.entry).collect();
        let mut finished = Finished { lost: self.lost, ..Finished::default() };
        match self.spool.finish(&rest) {
            Ok(spool) => finished.spool = spool,
            Err(error) => {
                let outputs = rest.iter().filter_map(Entry::output);
                finished.lost += outputs.map(|output| output.data.len() as u64).sum::<u64>();
                finished.error = Some(error.to_string());
            }
        }
        finished
    }
}

/// The chunk that says how much is lost before it.
fn mark(bytes: u64, session_id: &str) -> Entry {
    let text = format!("\r\n[{bytes} bytes are lost here: the database could not be written]\r\n");
    Entry::Output(NewOutput {
        session_id: session_id.to_owned(),
        timestamp: Timestamp::now(),
        kind: OutputType::Stderr,
        data: text.into(),
    })
}
