//! The plan of a fault: which call of SQLite to its files fails, and how.

use std::cell::Cell;
use std::ffi::c_int;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use rusqlite::ffi;

/// The calls of SQLite to its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    Open,
    Delete,
    /// The size of a file, or whether it exists.
    Stat,
    Read,
    /// A read of the log or of a rollback journal. Only these may be short: SQLite cannot tell a short read of the
    /// database file from the end of the file, and takes the missing bytes for zeros.
    ReadLog,
    Write,
    Sync,
    Truncate,
    /// A lock on the file. Releasing a lock never fails.
    Lock,
    ShmMap,
    /// A lock on the index of the log. Releasing a lock never fails.
    ShmLock,
}

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failure {
    /// Nothing is done.
    Io,
    /// The disk is full after half of the bytes.
    Full,
    /// The file ends after half of the bytes.
    Short,
}

/// When the fault ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Until {
    /// After one call.
    Once,
    /// When the workload is over.
    Healed,
    /// When the connection is closed as well.
    Closed,
}

/// A call that fails.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    pub call: Call,
    pub failure: Failure,
    pub until: Until,
    /// The name of the thread whose calls count; without one, all threads.
    pub thread: Option<&'static str>,
    /// The first call that fails, from 1.
    pub nth: u32,
}

#[derive(Debug)]
struct Armed {
    fault: Fault,
    calls: u32,
    struck: u32,
}

static ARMED: Mutex<Option<Armed>> = Mutex::new(None);

fn armed() -> MutexGuard<'static, Option<Armed>> {
    ARMED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counts the calls from now on.
pub fn arm(fault: Fault) {
    *armed() = Some(Armed { fault, calls: 0, struck: 0 });
}

/// Whether a call has failed since then.
pub fn has_struck() -> bool {
    armed().as_ref().is_some_and(|armed| armed.struck > 0)
}

/// Makes every call work again.
pub fn heal() {
    *armed() = None;
}

thread_local! {
    static LOOKING: Cell<bool> = const { Cell::new(false) };
}

/// Runs `look` for the test itself: its calls neither fail nor count.
pub fn unharmed<T>(look: impl FnOnce() -> T) -> T {
    LOOKING.set(true);
    let seen = look();
    LOOKING.set(false);
    seen
}

/// Counts a call of any thread. Returns the failure and its code if it should fail.
pub fn strike(call: Call) -> Option<(Failure, c_int)> {
    if LOOKING.get() {
        return None;
    }
    let mut armed = armed();
    let armed = armed.as_mut()?;
    let fault = armed.fault;
    if fault.call != call || fault.thread.is_some_and(|name| thread::current().name() != Some(name))
    {
        return None;
    }
    armed.calls += 1;
    let strikes = match fault.until {
        Until::Once => armed.calls == fault.nth,
        Until::Healed | Until::Closed => armed.calls >= fault.nth,
    };
    strikes.then(|| {
        armed.struck += 1;
        (fault.failure, code(call, fault.failure))
    })
}

fn code(call: Call, failure: Failure) -> c_int {
    match (failure, call) {
        (Failure::Full, _) => ffi::SQLITE_FULL,
        (Failure::Short, _) => ffi::SQLITE_IOERR_SHORT_READ,
        (Failure::Io, Call::Open) => ffi::SQLITE_CANTOPEN,
        (Failure::Io, Call::Delete) => ffi::SQLITE_IOERR_DELETE,
        (Failure::Io, Call::Stat) => ffi::SQLITE_IOERR_FSTAT,
        (Failure::Io, Call::Read | Call::ReadLog) => ffi::SQLITE_IOERR_READ,
        (Failure::Io, Call::Write) => ffi::SQLITE_IOERR_WRITE,
        (Failure::Io, Call::Sync) => ffi::SQLITE_IOERR_FSYNC,
        (Failure::Io, Call::Truncate) => ffi::SQLITE_IOERR_TRUNCATE,
        (Failure::Io, Call::Lock) => ffi::SQLITE_IOERR_LOCK,
        (Failure::Io, Call::ShmMap) => ffi::SQLITE_IOERR_SHMMAP,
        (Failure::Io, Call::ShmLock) => ffi::SQLITE_IOERR_SHMLOCK,
    }
}
