//! A file system under SQLite that commits by fewer system calls.
//!
//! SQLite writes a commit to the log as frames, each of them as a header of 24 bytes and a page: some nine `pwrite`s for a chunk,
//! to consecutive places. Here they are gathered ([`Run`]), and written when the page of the commit frame has come, within the
//! very call that brings it. So an error is that of the write which SQLite sees as the last of its commit, and is rolled back as ever.
//!
//! All else is the file system that SQLite comes with. A file is one of its own, with our state behind it in the same memory, and with
//! its own table of methods but for those few that have to know:
//!
//! - of a log, what writes, measures or flushes it: what was gathered goes out first; what was gathered is read from memory;
//! - of a database, the locks of its log. Gathering begins with the first frame under the write lock, and ends with the lock. What is
//!   left then is of a transaction that was not committed, and is dropped: another process may be about to write at its place. Locks
//!   that would only move a mark are refused ([`Marks`]).

mod marks;
mod run;
#[cfg(test)]
mod tests;

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::NonNull;
use std::sync::OnceLock;
use std::{ptr, slice};

use rusqlite::ffi::{self, sqlite3_file, sqlite3_io_methods, sqlite3_vfs};

pub(super) use marks::LAG;
use marks::Marks;
use run::{Run, Step};

const NAME: &CStr = c"gsd-session-store";

/// Bytes that are written at once. SQLite's own file system writes less than 128 KiB.
const PART: usize = 64 << 10;

/// The lock of the log under which somebody writes.
const WRITE_LOCK: c_int = 0;

/// What follows a file in its memory. SQLite knows it by its first field, the methods.
#[repr(C)]
struct Behind {
    methods: sqlite3_io_methods,
    inner: *const sqlite3_io_methods,
    /// The log of a database, or the database of a log, while both are open.
    peer: *mut Behind,
    /// Of a log.
    run: Run,
    /// Of a database.
    marks: Marks,
}

/// The name of the file system, which the first call registers; null, which is that of SQLite, where it cannot be.
pub(super) fn name() -> *const c_char {
    static REGISTERED: OnceLock<bool> = OnceLock::new();
    if *REGISTERED.get_or_init(register) { NAME.as_ptr() } else { ptr::null() }
}

fn register() -> bool {
    // SAFETY: no name asks for the default one, which lives as long as the program.
    let inner = unsafe { ffi::sqlite3_vfs_find(ptr::null()) };
    // SAFETY: as above.
    let Some(found) = (unsafe { inner.as_ref() }) else {
        return false;
    };
    // What else it has is called with this one, and looks at none of its fields.
    let own = Box::leak(Box::new(sqlite3_vfs {
        szOsFile: place_behind(found.szOsFile) + size_of::<Behind>() as c_int,
        zName: NAME.as_ptr(),
        pNext: ptr::null_mut(),
        pAppData: inner.cast(),
        xOpen: Some(open),
        ..*found
    }));
    // SAFETY: it is never freed.
    unsafe { ffi::sqlite3_vfs_register(own, 0) == ffi::SQLITE_OK }
}

/// Where our state begins in the memory of a file, behind so many bytes of the inner one.
fn place_behind(size: c_int) -> c_int {
    const ALIGNMENT: c_int = align_of::<Behind>() as c_int;
    (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT
}

/// # Safety
///
/// As of `xOpen`.
unsafe extern "C" fn open(
    vfs: *mut sqlite3_vfs,
    name: *const c_char,
    file: *mut sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    // SAFETY: it was registered with the inner one, which lives as long as the program. Others may change where it stands in the list
    // of file systems, so only these fields are read.
    let (inner, inner_open, size) = unsafe {
        let inner = (*vfs).pAppData.cast::<sqlite3_vfs>();
        (inner, (*inner).xOpen, (*inner).szOsFile)
    };
    let Some(open) = inner_open else {
        return ffi::SQLITE_CANTOPEN;
    };
    // SAFETY: SQLite's arguments, and memory that is larger than the inner one needs.
    let code = unsafe { open(inner, name, file, flags, out_flags) };
    let is_log = flags & ffi::SQLITE_OPEN_WAL != 0;
    if code != ffi::SQLITE_OK || !(is_log || flags & ffi::SQLITE_OPEN_MAIN_DB != 0) {
        return code;
    }
    // SAFETY: the file is open, and its memory has room for our state.
    unsafe {
        let methods = (*file).pMethods;
        let place = |file: *mut sqlite3_file| {
            file.byte_offset(place_behind(size) as isize).cast::<Behind>()
        };
        let behind = place(file);
        let own = if is_log { of_log(&*methods) } else { of_database(&*methods) };
        behind.write(Behind {
            methods: own,
            inner: methods,
            peer: ptr::null_mut(),
            run: Run::default(),
            marks: Marks::default(),
        });
        (*file).pMethods = behind.cast();
        if is_log {
            // A log is opened by a database that was opened here.
            let database = ffi::sqlite3_database_file_object(name);
            let peer = place(database);
            if ptr::eq((*database).pMethods, peer.cast()) {
                (*behind).peer = peer;
                (*peer).peer = behind;
            }
        }
    }
    code
}

fn of_log(inner: &sqlite3_io_methods) -> sqlite3_io_methods {
    sqlite3_io_methods {
        xClose: Some(close),
        xRead: Some(read),
        xWrite: Some(write),
        xTruncate: Some(truncate),
        xSync: Some(sync),
        xFileSize: Some(file_size),
        ..*inner
    }
}

fn of_database(inner: &sqlite3_io_methods) -> sqlite3_io_methods {
    sqlite3_io_methods {
        xClose: Some(close),
        xShmMap: inner.xShmMap.map(|_| shm_map as _),
        xShmLock: inner.xShmLock.map(|_| shm_lock as _),
        xShmUnmap: inner.xShmUnmap.map(|_| shm_unmap as _),
        ..*inner
    }
}

/// Calls a method of the inner file.
macro_rules! inner {
    ($behind:ident.$method:ident($($argument:expr),*)) => {
        match (*$behind.inner).$method {
            Some(method) => method($($argument),*),
            None => ffi::SQLITE_IOERR,
        }
    };
}

/// The state behind a file of ours.
///
/// # Safety
///
/// The file was opened by [`open`], and is open. Nobody else uses its state during the call: a file belongs to one connection, which
/// makes one call at a time.
unsafe fn behind<'a>(file: *mut sqlite3_file) -> &'a mut Behind {
    // SAFETY: its methods are the first field of the state.
    unsafe { &mut *(*file).pMethods.cast_mut().cast::<Behind>() }
}

/// Writes what was gathered. If that fails, what was spilled is kept, and goes out with what is next; a commit is not.
///
/// # Safety
///
/// As of [`behind`], and `file` is that of `behind`.
unsafe fn flush(file: *mut sqlite3_file, behind: &mut Behind) -> c_int {
    let Some((bytes, at)) = behind.run.gathered() else {
        return ffi::SQLITE_OK;
    };
    for (part, at) in bytes.chunks(PART).zip((at..).step_by(PART)) {
        // SAFETY: the file is open, and its inner methods live as long as the program; the bytes are there.
        let code =
            unsafe { inner!(behind.xWrite(file, part.as_ptr().cast(), part.len() as c_int, at)) };
        if code != ffi::SQLITE_OK {
            behind.run.has_failed();
            return code;
        }
    }
    behind.run.is_written();
    ffi::SQLITE_OK
}

/// # Safety
///
/// As of `xClose`.
unsafe extern "C" fn close(file: *mut sqlite3_file) -> c_int {
    // SAFETY: the file is open until the inner method returns, and its memory is still there then. The peer is open, or null.
    unsafe {
        let behind: *mut Behind = self::behind(file);
        if let Some(peer) = (*behind).peer.as_mut() {
            peer.peer = ptr::null_mut();
        }
        let own = &*behind;
        let code = inner!(own.xClose(file));
        behind.drop_in_place();
        code
    }
}

/// # Safety
///
/// As of `xWrite`.
unsafe extern "C" fn write(
    file: *mut sqlite3_file,
    data: *const c_void,
    amount: c_int,
    at: i64,
) -> c_int {
    // SAFETY: the file is open, and `data` has so many bytes.
    unsafe {
        let behind = behind(file);
        let bytes = slice::from_raw_parts(data.cast(), usize::try_from(amount).unwrap_or(0));
        match behind.run.take(bytes, at) {
            Step::Gathered => ffi::SQLITE_OK,
            Step::Full => flush(file, behind),
            Step::Other => match flush(file, behind) {
                ffi::SQLITE_OK => inner!(behind.xWrite(file, data, amount, at)),
                failed => failed,
            },
        }
    }
}

/// # Safety
///
/// As of `xRead`.
unsafe extern "C" fn read(
    file: *mut sqlite3_file,
    data: *mut c_void,
    amount: c_int,
    at: i64,
) -> c_int {
    // SAFETY: the file is open, and there is room for so many bytes.
    unsafe {
        let behind = behind(file);
        if let Some(part) = behind.run.part(at, amount) {
            ptr::copy_nonoverlapping(part.as_ptr(), data.cast(), part.len());
            return ffi::SQLITE_OK;
        }
        if behind.run.reaches(at, amount) {
            let code = flush(file, behind);
            if code != ffi::SQLITE_OK {
                return code;
            }
        }
        inner!(behind.xRead(file, data, amount, at))
    }
}

/// # Safety
///
/// As of `xTruncate`.
unsafe extern "C" fn truncate(file: *mut sqlite3_file, size: i64) -> c_int {
    // SAFETY: the file is open.
    unsafe { after_flush(file, |behind| inner!(behind.xTruncate(file, size))) }
}

/// # Safety
///
/// As of `xSync`.
unsafe extern "C" fn sync(file: *mut sqlite3_file, flags: c_int) -> c_int {
    // SAFETY: the file is open.
    unsafe { after_flush(file, |behind| inner!(behind.xSync(file, flags))) }
}

/// # Safety
///
/// As of `xFileSize`.
unsafe extern "C" fn file_size(file: *mut sqlite3_file, size: *mut i64) -> c_int {
    // SAFETY: the file is open, and the size is written to where SQLite wants it.
    unsafe { after_flush(file, |behind| inner!(behind.xFileSize(file, size))) }
}

/// # Safety
///
/// As of [`behind`].
unsafe fn after_flush(file: *mut sqlite3_file, call: impl FnOnce(&Behind) -> c_int) -> c_int {
    // SAFETY: as of this function.
    let behind = unsafe { behind(file) };
    // SAFETY: as of this function.
    match unsafe { flush(file, behind) } {
        ffi::SQLITE_OK => call(behind),
        failed => failed,
    }
}

/// The index of the log of a database, in regions.
///
/// # Safety
///
/// As of `xShmMap`.
unsafe extern "C" fn shm_map(
    file: *mut sqlite3_file,
    region: c_int,
    size: c_int,
    extend: c_int,
    place: *mut *mut c_void,
) -> c_int {
    // SAFETY: the file is open. A region stays where it is until all are unmapped.
    unsafe {
        let behind = behind(file);
        let code = inner!(behind.xShmMap(file, region, size, extend, place));
        if code == ffi::SQLITE_OK && region == 0 {
            behind.marks.map(NonNull::new((*place).cast()));
        }
        code
    }
}

/// # Safety
///
/// As of `xShmUnmap`.
unsafe extern "C" fn shm_unmap(file: *mut sqlite3_file, delete: c_int) -> c_int {
    // SAFETY: the file is open.
    unsafe {
        let behind = behind(file);
        behind.marks.map(None);
        inner!(behind.xShmUnmap(file, delete))
    }
}

/// The locks of the log of a database.
///
/// # Safety
///
/// As of `xShmLock`.
unsafe extern "C" fn shm_lock(
    file: *mut sqlite3_file,
    first: c_int,
    count: c_int,
    flags: c_int,
) -> c_int {
    // SAFETY: the file is open, and so is its log where it has one.
    unsafe {
        let behind = behind(file);
        if behind.marks.refuse(first, count, flags) {
            return ffi::SQLITE_BUSY;
        }
        let is_write_lock = first == WRITE_LOCK && flags & ffi::SQLITE_SHM_EXCLUSIVE != 0;
        let mut run = behind.peer.as_mut().filter(|_| is_write_lock).map(|log| &mut log.run);
        if let Some(run) = run.as_mut().filter(|_| flags & ffi::SQLITE_SHM_UNLOCK != 0) {
            run.end();
        }
        let code = inner!(behind.xShmLock(file, first, count, flags));
        if code == ffi::SQLITE_OK {
            behind.marks.note(first, count, flags);
        }
        if code == ffi::SQLITE_OK
            && let Some(run) = run.filter(|_| flags & ffi::SQLITE_SHM_LOCK != 0)
        {
            run.begin();
        }
        code
    }
}
