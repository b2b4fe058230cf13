//! Read marks that may be a little old.
//!
//! A reader of the log holds a lock with a mark, a frame up to which the log may be copied into the database meanwhile. SQLite moves
//! a mark to the last frame before it takes the lock, so that a connection that writes moves one for each of its commits: two
//! `fcntl`s of six. An older mark is as good, where no other one is to be had; the reader still sees the last commit, and the
//! log can be copied up to the older frame only, for as long as the reader needs. So the exclusive lock that moves a mark
//! is refused, as if another reader had the mark, while there is one that is at most [`LAG`] frames old.
//!
//! That is for those who write again and again. Of readers that come one after the other each would keep the last frames from being
//! copied: so only the first read behind a write lock of the connection has an old mark, and none that somebody who copies the log has come
//! to.

use std::ffi::c_int;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

use rusqlite::ffi;

/// How many frames a mark may be behind the last one. Whoever copies the log has to expect that a writer keeps so many.
pub(in crate::sqlite) const LAG: u32 = 32;

/// The locks of the marks that SQLite moves. Mark 0 stands for the database alone.
const LOCKS: std::ops::Range<c_int> = 4..8;

/// The locks that a reader has one of.
const READERS: std::ops::Range<c_int> = 3..8;

/// Where the last frame, how many are copied, and these marks stand in the index of the log, in units of 32 bits. It is a format
/// of files.
const LAST_FRAME: usize = 4;
const COPIED: usize = 24;
const MARKS: std::ops::Range<usize> = 26..30;

/// What a connection knows of the marks of its log.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// The first region of the index, while it is mapped.
    index: Option<NonNull<AtomicU32>>,
    /// The exclusive locks that the connection holds, by bits.
    exclusive: u8,
    /// Whether the connection has had the write lock since it last began to read.
    has_written: bool,
}

impl Marks {
    /// The first region of the index is there from now on, or not any more.
    ///
    /// # Safety
    ///
    /// It has 32 KiB, and stays until this is called again.
    pub(super) unsafe fn map(&mut self, index: Option<NonNull<AtomicU32>>) {
        *self = Self { index, ..Self::default() };
    }

    /// Whether a lock is refused, so that no mark is moved. A connection that holds another exclusive lock copies the
    /// log, or makes its index anew: it gets what it asks for.
    pub(super) fn refuse(&mut self, first: c_int, count: c_int, flags: c_int) -> bool {
        let refuses = flags == ffi::SQLITE_SHM_LOCK | ffi::SQLITE_SHM_EXCLUSIVE
            && count == 1
            && LOCKS.contains(&first)
            && self.exclusive == 0
            && self.has_written
            && self.has_recent();
        // It was the last one. Should the mark that is taken now be locked by another one for a moment, SQLite tries again.
        self.has_written &= !(refuses && first == LOCKS.end - 1);
        refuses
    }

    /// Notes a lock that was taken or given back.
    pub(super) fn note(&mut self, first: c_int, count: c_int, flags: c_int) {
        let is_lock = flags & ffi::SQLITE_SHM_LOCK != 0;
        if flags & ffi::SQLITE_SHM_EXCLUSIVE == 0 {
            self.has_written &= !(is_lock && READERS.contains(&first));
            return;
        }
        self.has_written |= !is_lock && first == super::WRITE_LOCK;
        let locks = (0..count).map(|at| 1_u8.checked_shl((first + at).unsigned_abs()).unwrap_or(0));
        let locks = locks.fold(0, |all, lock| all | lock);
        if is_lock {
            self.exclusive |= locks;
        } else {
            self.exclusive &= !locks;
        }
    }

    fn has_recent(&self) -> bool {
        let Some(index) = self.index else {
            return false;
        };
        // SAFETY: the index is mapped, and has room for it. Others write there at any time, each of these numbers at once.
        let number = |at| unsafe { index.add(at).as_ref() }.load(Ordering::Relaxed);
        let (last, copied) = (number(LAST_FRAME), number(COPIED));
        MARKS
            .map(number)
            .any(|mark| mark > copied && last.checked_sub(mark).is_some_and(|age| age <= LAG))
    }
}
