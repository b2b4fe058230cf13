//! Which limit the SQL of a file has exceeded, and the words for it. See `limits`.

use std::cell::Cell;
use std::time::Duration;

use rusqlite::ffi;

use super::memory;

/// A limit that ended a statement.
#[derive(Debug, Clone, Copy)]
pub(super) enum Exceeded {
    Time(Duration),
    /// Bytes of the write-ahead log.
    Log(u64),
}

thread_local! {
    static EXCEEDED: Cell<Option<Exceeded>> = const { Cell::new(None) };
}

/// Stores which limit has ended the work of this thread, if any.
pub(super) fn note(exceeded: Option<Exceeded>) {
    EXCEEDED.set(exceeded);
}

/// The words for an error that SQLite has just reported on this thread, where a limit caused it.
pub(super) fn explain(code: i32) -> Option<String> {
    let taken = match (code & 0xff, EXCEEDED.get()) {
        (ffi::SQLITE_INTERRUPT, Some(Exceeded::Time(time))) => {
            format!("more than {} s", time.as_secs())
        }
        (ffi::SQLITE_INTERRUPT, Some(Exceeded::Log(bytes))) => {
            format!("more than {} MiB of write-ahead log", bytes >> 20)
        }
        (ffi::SQLITE_NOMEM, _) if memory::was_refused() => {
            "more memory than a statement may have".into()
        }
        _ => return None,
    };
    Some(format!("the file's own SQL, such as a trigger or a CHECK, took {taken}"))
}
