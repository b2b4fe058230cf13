//! Opens SQLite's own connections. Nothing is set up and nothing is read yet.

use std::ffi::CString;
use std::path::Path;
use std::ptr;

use rusqlite::{Connection as Sqlite, OpenFlags, ffi};

use super::options::{Extension, OpenOptions};
use super::{Error, Result, memory, places, vfs};

/// The flags of every connection. It needs no mutex, because it stays on its thread. SQLITE_OPEN_URI is missing,
/// because a path is a path.
const ALWAYS: OpenFlags = OpenFlags::SQLITE_OPEN_NO_MUTEX.union(OpenFlags::SQLITE_OPEN_EXRESCODE);

/// A connection to a file, which is not read yet. rusqlite can open one too, but loses the error of the operating
/// system.
pub(super) fn to(file: &Path, access: OpenFlags, options: &OpenOptions) -> Result<Sqlite> {
    memory::install();
    let path = CString::new(file.as_os_str().as_encoded_bytes())
        .map_err(|_| Error::cannot_open("its path has a NUL character"))?;
    let flags = (access | ALWAYS).bits();
    let mut handle = ptr::null_mut();
    // SAFETY: the path ends with NUL, as does the name, and SQLite writes a handle to where its second argument points.
    let code = unsafe { ffi::sqlite3_open_v2(path.as_ptr(), &raw mut handle, flags, vfs::name()) };
    let failure =
        || Error::Sqlite { code, message: format!("unable to open database file: {file:?}") };
    if handle.is_null() {
        return Err(failure());
    }
    // SAFETY: the handle has no other owner. It has to be closed, and can be asked for its error, even if the file
    // was not opened.
    let sqlite = unsafe { Sqlite::from_handle_owned(handle) }?;
    match code {
        ffi::SQLITE_OK => {
            (options.extension.0)(&sqlite)?;
            Ok(sqlite)
        }
        _ => Err(places::explain(failure(), options, &places::system_error(&sqlite))),
    }
}

/// A connection to an empty database in memory.
pub(super) fn in_memory(access: OpenFlags, extension: Extension) -> Result<Sqlite> {
    memory::install();
    let sqlite = Sqlite::open_with_flags(":memory:", access | ALWAYS)?;
    (extension.0)(&sqlite)?;
    Ok(sqlite)
}
