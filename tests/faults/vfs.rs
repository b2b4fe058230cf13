//! A file system for SQLite that passes every call on to the default one, unless the call should fail.
//!
//! It becomes the default of the process, so that the library opens all connections through it, on any thread. A sync
//! does nothing but tell the disk whose power may go.

#![allow(non_snake_case, reason = "the methods have SQLite's names")]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::mem::size_of;
use std::ptr;
use std::slice;
use std::sync::Once;

use rusqlite::ffi::{self, sqlite3_file, sqlite3_int64, sqlite3_vfs};

use super::plan::{Call, Failure, strike};
use super::power;

/// A file as SQLite sees it; the default file system's own lies behind it.
#[repr(C)]
struct File {
    base: sqlite3_file,
    is_log: bool,
    name: ffi::sqlite3_filename,
}

const HEADER: usize = size_of::<File>().next_multiple_of(16);

/// The default file system's own file.
fn real(file: *mut sqlite3_file) -> *mut sqlite3_file {
    // Within the same allocation, of `szOsFile` bytes.
    file.wrapping_byte_add(HEADER)
}

/// The name with which a file was opened; SQLite keeps it for as long.
fn name_of(file: *mut sqlite3_file) -> ffi::sqlite3_filename {
    // SAFETY: SQLite calls with a file that `xOpen` opened.
    unsafe { (*file.cast::<File>()).name }
}

/// The default file system.
fn real_vfs(vfs: *mut sqlite3_vfs) -> *mut sqlite3_vfs {
    // SAFETY: SQLite calls with the `sqlite3_vfs` that was registered, whose data is the default one.
    unsafe { (*vfs).pAppData.cast() }
}

macro_rules! file_methods {
    ($($(#[fails($call:expr)])? $method:ident($($arg:ident: $type:ty),*);)+) => {
        $(unsafe extern "C" fn $method(file: *mut sqlite3_file $(, $arg: $type)*) -> c_int {
            $(if let Some((_, code)) = strike($call) {
                return code;
            })?
            // SAFETY: SQLite calls with a file that `xOpen` opened, and with what the method takes.
            unsafe {
                let method = (*(*real(file)).pMethods).$method;
                method.map_or(ffi::SQLITE_IOERR, |method| method(real(file) $(, $arg)*))
            }
        })+
    };
}

file_methods! {
    xClose();
    #[fails(Call::Stat)]
    xFileSize(size: *mut sqlite3_int64);
    #[fails(Call::Lock)]
    xLock(level: c_int);
    xUnlock(level: c_int);
    #[fails(Call::Lock)]
    xCheckReservedLock(reserved: *mut c_int);
    xFileControl(op: c_int, argument: *mut c_void);
    xSectorSize();
    xDeviceCharacteristics();
    #[fails(Call::ShmMap)]
    xShmMap(region: c_int, size: c_int, extend: c_int, mapped: *mut *mut c_void);
    xShmUnmap(delete: c_int);
}

unsafe extern "C" fn xRead(
    file: *mut sqlite3_file,
    buffer: *mut c_void,
    amount: c_int,
    offset: sqlite3_int64,
) -> c_int {
    // SAFETY: SQLite calls with a file that `xOpen` opened.
    let is_log = unsafe { (*file.cast::<File>()).is_log };
    let of_log = if is_log { strike(Call::ReadLog) } else { None };
    let struck = strike(Call::Read).or(of_log);
    if let Some((Failure::Io | Failure::Full, code)) = struck {
        return code;
    }
    // SAFETY: as above; `buffer` has room for `amount` bytes.
    unsafe {
        let method = (*(*real(file)).pMethods).xRead;
        let read =
            method.map_or(ffi::SQLITE_IOERR, |method| method(real(file), buffer, amount, offset));
        let Some((_, code)) = struck else { return read };
        let half = usize::try_from(amount).unwrap_or(0) / 2;
        // The rest of a short read is zero: SQLite relies on it.
        ptr::write_bytes(buffer.cast::<u8>().add(half), 0, half);
        code
    }
}

unsafe extern "C" fn xWrite(
    file: *mut sqlite3_file,
    bytes: *const c_void,
    amount: c_int,
    offset: sqlite3_int64,
) -> c_int {
    let struck = strike(Call::Write);
    let amount = match struck {
        None => amount,
        Some((Failure::Full, _)) => amount / 2,
        Some((_, code)) => return code,
    };
    // SAFETY: SQLite calls with a file that `xOpen` opened, and at least `amount` bytes.
    let written = unsafe {
        let method = (*(*real(file)).pMethods).xWrite;
        method.map_or(ffi::SQLITE_IOERR, |method| method(real(file), bytes, amount, offset))
    };
    if written == ffi::SQLITE_OK {
        // SAFETY: as above.
        let bytes =
            unsafe { slice::from_raw_parts(bytes.cast(), usize::try_from(amount).unwrap()) };
        power::wrote(name_of(file), offset, bytes);
    }
    struck.map_or(written, |(_, code)| code)
}

unsafe extern "C" fn xTruncate(file: *mut sqlite3_file, size: sqlite3_int64) -> c_int {
    if let Some((_, code)) = strike(Call::Truncate) {
        return code;
    }
    // SAFETY: SQLite calls with a file that `xOpen` opened.
    let code = unsafe {
        let method = (*(*real(file)).pMethods).xTruncate;
        method.map_or(ffi::SQLITE_IOERR, |method| method(real(file), size))
    };
    if code == ffi::SQLITE_OK {
        power::resized(name_of(file), size);
    }
    code
}

unsafe extern "C" fn xSync(file: *mut sqlite3_file, _: c_int) -> c_int {
    let struck = strike(Call::Sync);
    if struck.is_none() {
        power::synced(name_of(file));
    }
    struck.map_or(ffi::SQLITE_OK, |(_, code)| code)
}

unsafe extern "C" fn xShmLock(
    file: *mut sqlite3_file,
    offset: c_int,
    n: c_int,
    flags: c_int,
) -> c_int {
    if flags & ffi::SQLITE_SHM_LOCK != 0
        && let Some((_, code)) = strike(Call::ShmLock)
    {
        return code;
    }
    // SAFETY: SQLite calls with a file that `xOpen` opened.
    unsafe {
        let method = (*(*real(file)).pMethods).xShmLock;
        method.map_or(ffi::SQLITE_IOERR, |method| method(real(file), offset, n, flags))
    }
}

unsafe extern "C" fn xShmBarrier(file: *mut sqlite3_file) {
    // SAFETY: SQLite calls with a file that `xOpen` opened.
    unsafe {
        if let Some(method) = (*(*real(file)).pMethods).xShmBarrier {
            method(real(file));
        }
    }
}

/// Version 2: no file is mapped into memory but the index of the log.
static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(xClose),
    xRead: Some(xRead),
    xWrite: Some(xWrite),
    xTruncate: Some(xTruncate),
    xSync: Some(xSync),
    xFileSize: Some(xFileSize),
    xLock: Some(xLock),
    xUnlock: Some(xUnlock),
    xCheckReservedLock: Some(xCheckReservedLock),
    xFileControl: Some(xFileControl),
    xSectorSize: Some(xSectorSize),
    xDeviceCharacteristics: Some(xDeviceCharacteristics),
    xShmMap: Some(xShmMap),
    xShmLock: Some(xShmLock),
    xShmBarrier: Some(xShmBarrier),
    xShmUnmap: Some(xShmUnmap),
    xFetch: None,
    xUnfetch: None,
};

unsafe extern "C" fn xOpen(
    vfs: *mut sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    let logs =
        ffi::SQLITE_OPEN_WAL | ffi::SQLITE_OPEN_MAIN_JOURNAL | ffi::SQLITE_OPEN_SUPER_JOURNAL;
    // SAFETY: `file` points to `szOsFile` bytes, enough for both; a file without methods is not closed.
    unsafe {
        let base = sqlite3_file { pMethods: ptr::null() };
        file.cast::<File>().write(File { base, is_log: flags & logs != 0, name });
        if let Some((_, code)) = strike(Call::Open) {
            return code;
        }
        let Some(open) = (*real_vfs(vfs)).xOpen else { return ffi::SQLITE_CANTOPEN };
        let code = open(real_vfs(vfs), name, real(file), flags, out_flags);
        if code == ffi::SQLITE_OK {
            (*file).pMethods = &raw const METHODS;
        }
        code
    }
}

unsafe extern "C" fn xDelete(vfs: *mut sqlite3_vfs, name: *const c_char, _: c_int) -> c_int {
    if let Some((_, code)) = strike(Call::Delete) {
        return code;
    }
    // SAFETY: SQLite calls with a name. The folder is not synced: no test depends on it.
    unsafe {
        let delete = (*real_vfs(vfs)).xDelete;
        delete.map_or(ffi::SQLITE_IOERR, |delete| delete(real_vfs(vfs), name, 0))
    }
}

unsafe extern "C" fn xAccess(
    vfs: *mut sqlite3_vfs,
    name: *const c_char,
    flags: c_int,
    result: *mut c_int,
) -> c_int {
    if strike(Call::Stat).is_some() {
        return ffi::SQLITE_IOERR_ACCESS;
    }
    // SAFETY: SQLite calls with a name and a place for the result.
    unsafe {
        let access = (*real_vfs(vfs)).xAccess;
        access.map_or(ffi::SQLITE_IOERR, |access| access(real_vfs(vfs), name, flags, result))
    }
}

unsafe extern "C" fn xFullPathname(
    vfs: *mut sqlite3_vfs,
    name: *const c_char,
    size: c_int,
    out: *mut c_char,
) -> c_int {
    // SAFETY: SQLite calls with a name and `size` bytes for the result.
    unsafe {
        let method = (*real_vfs(vfs)).xFullPathname;
        method.map_or(ffi::SQLITE_CANTOPEN, |method| method(real_vfs(vfs), name, size, out))
    }
}

/// Makes it the default file system of the process.
pub fn register() {
    static REGISTERED: Once = Once::new();
    const NAME: &CStr = c"faults";
    // SAFETY: SQLite is told once, before it is used; the default file system and the new one stay. The methods that
    // are not replaced (time, sleep, randomness) read no field of the file system.
    REGISTERED.call_once(|| unsafe {
        let default = ffi::sqlite3_vfs_find(ptr::null());
        assert!(!default.is_null());
        let ours = sqlite3_vfs {
            iVersion: 2,
            szOsFile: (*default).szOsFile + c_int::try_from(HEADER).unwrap(),
            pNext: ptr::null_mut(),
            zName: NAME.as_ptr(),
            pAppData: default.cast(),
            xOpen: Some(xOpen),
            xDelete: Some(xDelete),
            xAccess: Some(xAccess),
            xFullPathname: Some(xFullPathname),
            ..*default
        };
        let code = ffi::sqlite3_vfs_register(Box::leak(Box::new(ours)), 1);
        assert_eq!(code, ffi::SQLITE_OK);
    });
}
