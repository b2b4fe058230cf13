//! What is recorded, until it is stored in a file that is still there.
//!
//! It is in the queue of a connection and in memory. Where it is not written for a while, or has no room there, all of it is put
//! into a spool file as well, so that it outlives this process. Where that is full, bytes are lost and counted, and nothing
//! else is.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::spool::{Numbered, Spool};
use crate::sqlite;
use crate::store::model::{Change, NewOutput, OutputType, SessionUpdate, Update};
use crate::store::sessions::Sessions;
use crate::store::timestamp::Timestamp;
use crate::store::write_behind::{Entry, Feed};
use crate::store::{Error, Result};

/// Bytes that may be in the queue.
const IN_QUEUE: usize = 4 << 20;

/// Bytes that may be in memory.
const IN_MEMORY: usize = if cfg!(test) { 64 << 10 } else { 64 << 20 };

/// What is not written after so long is put aside. It is tried again as often.
const PATIENCE: Duration = Duration::from_millis(if cfg!(test) { 100 } else { 1000 });

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
    /// All that is not written, if that takes long.
    spool: Spool,
    /// Whether what comes has to go into that.
    is_aside: bool,
    /// What the queue had written when it was put there.
    written: u64,
    /// How many of the entries in memory are in the file as well, if nothing goes into it any more.
    stale: usize,
    /// When putting it aside failed.
    failed: Option<Instant>,
    /// The moment of the last chunk, and its number among those of that moment.
    last: Option<(Timestamp, u32)>,
    /// Bytes that are lost since the last mark that says so, and altogether.
    unmarked: u64,
    lost: u64,
}

struct KeptEntry {
    entry: Entry,
    /// Its number among the chunks of its millisecond.
    nth: u32,
    came: Instant,
    /// Its number in the queue.
    number: u64,
    /// When it was found to be written.
    written: Option<Instant>,
}

impl KeptEntry {
    fn new(entry: Entry, nth: u32) -> Self {
        Self { entry, nth, came: Instant::now(), number: 0, written: None }
    }
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
            is_aside: false,
            written: 0,
            stale: 0,
            failed: None,
            last: None,
            unmarked: 0,
            lost: 0,
        }
    }

    /// The session comes before everything.
    pub(super) fn start(&mut self, session: Entry) {
        self.session = Some(session.clone());
        self.bytes += session.size();
        self.entries.push_front(KeptEntry::new(session, 0));
        self.send();
    }

    pub(super) fn push(&mut self, entry: Entry) {
        if self.unmarked > 0 && entry.is_output() {
            let mark = mark(self.unmarked, entry.session_id());
            let has_room = self.has_room(mark.size() + entry.size())
                || (self.put_aside() && self.spool.has_room([&mark, &entry]));
            if has_room && self.keep(mark).is_none() {
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
        !self.is_aside && self.bytes + bytes <= IN_MEMORY
    }

    /// The number of a chunk among those of its millisecond.
    fn nth(&self, entry: &Entry) -> u32 {
        match (entry.output(), self.last) {
            (Some(output), Some((at, nth))) if output.timestamp == at => nth + 1,
            _ => 0,
        }
    }

    /// Keeps an entry, or gives it back where there is no room. There always is for what is no output: it is small.
    fn keep(&mut self, entry: Entry) -> Option<Entry> {
        let nth = self.nth(&entry);
        let at = entry.output().map(|output| output.timestamp);
        let is_put = !self.has_room(entry.size())
            && self.put_aside()
            && self.spool.push(&entry, nth).is_ok();
        if !is_put {
            // What has to come behind the file waits in memory only where it cannot be lost.
            if (self.is_aside || !self.has_room(entry.size())) && entry.is_output() {
                return Some(entry);
            }
            self.bytes += entry.size();
            self.entries.push_back(KeptEntry::new(entry, nth));
        }
        if let Some(at) = at {
            self.last = Some((at, nth));
        }
        self.pass_on();
        None
    }

    /// Puts all that is not written into the spool file, and has what comes put there. Returns whether that is so.
    fn put_aside(&mut self) -> bool {
        if self.is_aside {
            return true;
        }
        if self.failed.is_some_and(|failed| failed.elapsed() < PATIENCE) {
            return false;
        }
        self.spool.clear();
        let written = self.feed.as_ref().map_or(0, Feed::written);
        let is_open = |(at, kept): &(usize, &KeptEntry)| *at >= self.sent || kept.number > written;
        for (at, kept) in self.entries.iter().enumerate().filter(is_open) {
            if self.spool.push(&kept.entry, kept.nth).is_err() {
                self.spool.clear();
                self.failed = Some(Instant::now());
                return false;
            }
            if at < self.sent {
                self.spool.pass();
            }
        }
        // The session stays: before it is stored, nothing else can be.
        let sent = self.sent;
        let mut at = 0;
        self.entries.retain(|kept| {
            at += 1;
            at <= sent || matches!(kept.entry, Entry::Session(_))
        });
        self.count();
        (self.is_aside, self.written) = (true, written);
        (self.stale, self.failed) = (0, None);
        true
    }

    fn count(&mut self) {
        self.bytes = self.entries.iter().map(|kept| kept.entry.size()).sum();
    }

    /// Whether something has not been written for long.
    fn is_stuck(&self) -> bool {
        let first = self.entries.iter().find(|kept| kept.written.is_none());
        first.is_some_and(|first| first.came.elapsed() >= PATIENCE)
    }

    /// Passes on as much as there is room for: first what is in memory, then what is in the file.
    fn pass_on(&mut self) {
        self.send();
        if !self.is_aside {
            return;
        }
        let has_room = |kept: &Self| {
            kept.sent == kept.entries.len()
                && kept.feed.as_ref().is_some_and(|feed| feed.bytes() <= IN_QUEUE)
        };
        while has_room(self)
            && let Some((entry, nth)) = self.spool.next()
        {
            // That is in memory, and was the first to be sent.
            if !matches!(entry, Entry::Session(_)) {
                self.bytes += entry.size();
                self.entries.push_back(KeptEntry::new(entry, nth));
                self.send();
            }
        }
        // As soon as the database takes something again, memory is enough.
        let writes = self.feed.as_ref().is_some_and(|feed| feed.written() > self.written);
        if writes && self.spool.is_empty() && self.sent == self.entries.len() {
            (self.is_aside, self.stale) = (false, self.entries.len());
        }
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
            let entry = match known {
                None => Entry::Session(session.clone()),
                // It was stored before it had one.
                Some(_) => {
                    let pid = session.pid.map_or(Change::Keep, Change::Set);
                    let update = SessionUpdate { pid, ..SessionUpdate::default() };
                    let id = session.id.clone();
                    Entry::Update(Box::new(Update { id, update, only_running: true }))
                }
            };
            self.entries.push_front(KeptEntry::new(entry, 0));
            self.count();
        }
        if let Some(before) = self.feed.replace(feed) {
            before.stop_writing();
        }
        self.entries.iter_mut().for_each(|kept| kept.written = None);
        (self.sent, self.written) = (0, 0);
        self.pass_on();
        Ok(())
    }

    pub(super) fn look(&mut self) {
        // Where there is little room, what is written is not kept for another file.
        self.forget(if self.is_aside { Duration::ZERO } else { SETTLED });
        if self.is_stuck() {
            self.put_aside();
        }
        self.pass_on();
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
            self.stale = self.stale.saturating_sub(1);
        }
        if !self.is_aside && self.stale == 0 && !self.spool.is_clear() {
            self.spool.clear();
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
        let rest: Vec<Numbered> = rest.map(|(_, kept)| (kept.entry, kept.nth)).collect();
        let mut finished = Finished { lost: self.lost, ..Finished::default() };
        match self.spool.finish(&rest) {
            Ok(spool) => finished.spool = spool,
            Err(error) => {
                let outputs = rest.iter().filter_map(|(entry, _)| entry.output());
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
