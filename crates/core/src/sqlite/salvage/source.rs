//! A file that is read by SQLite's own file system, which closes it without harm.
//!
//! Closing any descriptor of a file drops the POSIX locks that SQLite holds on it in this process, and the damaged
//! file may still be open elsewhere. SQLite knows which of its descriptors belong to one file. It closes a descriptor
//! only when no connection of the process holds a lock on that file, or reuses it.

use std::cell::Cell;
use std::ffi::{CString, c_int};
use std::io;
use std::path::Path;
use std::ptr;

use rusqlite::ffi;

use super::super::{Error, Result, files, memory};

/// A file that is open for reading.
pub(super) struct InputFile {
    /// SQLite's file object, of the size that its file system needs.
    memory: Box<[Cell<u64>]>,
    /// Its path. SQLite reads it until the file is closed.
    name: ffi::sqlite3_filename,
    length: u64,
}

impl InputFile {
    /// Opens a file for reading.
    ///
    /// # Errors
    ///
    /// `SQLITE_CANTOPEN` if it is not a file, or cannot be read.
    pub(super) fn open(path: &Path) -> Result<Self> {
        // SQLite follows no link here.
        let path = files::resolved(path);
        let found = path.metadata().map_err(|error| Error::io(&error))?;
        // Opening a pipe would wait for somebody to write to it.
        if !found.is_file() {
            return Err(Error::cannot_open("it is no file"));
        }
        let path = CString::new(path.as_os_str().as_encoded_bytes())
            .map_err(|_| Error::cannot_open("its path holds a NUL"))?;
        // The next call starts SQLite.
        memory::install();
        // SAFETY: no name asks for the default file system, which lives as long as the program.
        let vfs = unsafe { ffi::sqlite3_vfs_find(ptr::null()) };
        // SAFETY: as above; nothing is written through this reference.
        let (open, size) = match unsafe { vfs.as_ref() } {
            Some(vfs) => (vfs.xOpen, usize::try_from(vfs.szOsFile).unwrap_or(0)),
            None => (None, 0),
        };
        let open = open.ok_or_else(|| Error::cannot_open("SQLite has no file system"))?;
        // SAFETY: all three are texts that end with a NUL, and there are no parameters. SQLite copies them.
        let name = unsafe {
            let none = c"".as_ptr();
            ffi::sqlite3_create_filename(path.as_ptr(), none, none, 0, ptr::null_mut())
        };
        if name.is_null() {
            return Err(failed(ffi::SQLITE_NOMEM));
        }
        let memory = vec![Cell::new(0); size.div_ceil(size_of::<u64>())].into_boxed_slice();
        let mut source = Self { memory, name, length: 0 };
        let flags = ffi::SQLITE_OPEN_MAIN_DB | ffi::SQLITE_OPEN_READONLY;
        // SAFETY: the memory is as large as this file system wants and outlives the file, as does the name, which
        // SQLite made. That the file is a database has SQLite look after the locks on it, whatever it is.
        let code = unsafe { open(vfs, name, source.file(), flags, ptr::null_mut()) };
        if code != ffi::SQLITE_OK {
            // The error of the system says more than SQLite's.
            let error = io::Error::last_os_error();
            let is_of_system = error.raw_os_error().is_some_and(|number| number != 0);
            return Err(match code & 0xff {
                ffi::SQLITE_CANTOPEN if is_of_system => Error::io(&error),
                _ => failed(code),
            });
        }
        source.length = source.measure()?;
        Ok(source)
    }

    /// How many bytes it had when it was opened.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Whether the file has a piece of this length at `at`.
    pub(super) fn holds(&self, piece: &[u8], at: u64) -> bool {
        at.checked_add(piece.len() as u64).is_some_and(|end| end <= self.length)
    }

    /// Fills `buffer` from `at` on; `false` if the file is too short, or cannot be read there.
    pub(super) fn read(&self, buffer: &mut [u8], at: u64) -> bool {
        let (Ok(amount), Ok(at)) = (c_int::try_from(buffer.len()), i64::try_from(at)) else {
            return false;
        };
        let Some(read) = self.methods().and_then(|methods| methods.xRead) else {
            return false;
        };
        // SAFETY: the file is open, and `buffer` has room for `amount` bytes.
        let code = unsafe { read(self.file(), buffer.as_mut_ptr().cast(), amount, at) };
        code == ffi::SQLITE_OK
    }

    fn measure(&self) -> Result<u64> {
        let mut length = 0;
        let code = match self.methods().and_then(|methods| methods.xFileSize) {
            // SAFETY: the file is open, and the length is written to a variable of its type.
            Some(size) => unsafe { size(self.file(), &raw mut length) },
            None => ffi::SQLITE_IOERR,
        };
        match u64::try_from(length) {
            Ok(length) if code == ffi::SQLITE_OK => Ok(length),
            _ => Err(failed(code)),
        }
    }

    fn file(&self) -> *mut ffi::sqlite3_file {
        // The memory consists of cells, so it may be written to through a shared reference.
        self.memory.as_ptr().cast_mut().cast()
    }

    /// The methods of the file; `None` if it was not opened.
    fn methods(&self) -> Option<&ffi::sqlite3_io_methods> {
        // SAFETY: the memory begins with a `sqlite3_file`, zeroed or as the file system left it, whose methods live as
        // long as the program.
        unsafe { (*self.file()).pMethods.as_ref() }
    }
}

impl Drop for InputFile {
    fn drop(&mut self) {
        if let Some(close) = self.methods().and_then(|methods| methods.xClose) {
            // SAFETY: the file is open and not used any more. A failure cannot be reported from here.
            unsafe { close(self.file()) };
        }
        // SAFETY: SQLite made it, and the file that it named is closed.
        unsafe { ffi::sqlite3_free_filename(self.name) };
    }
}

pub(super) fn failed(code: c_int) -> Error {
    Error::Sqlite { code, message: ffi::code_to_str(code).into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_beyond_the_end_of_a_file_fails() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        std::fs::write(&file, b"0123456789").unwrap();
        let source = InputFile::open(&file).unwrap();
        assert_eq!(source.length(), 10);
        let mut piece = [0; 4];
        assert!(source.read(&mut piece, 6));
        assert_eq!(&piece, b"6789");
        for at in [7, 10, u64::MAX] {
            assert!(!source.read(&mut piece, at), "{at}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let error = |file: &Path| InputFile::open(file).err().unwrap();
        assert_eq!(error(folder.path()).to_string(), "it is no file");
        let missing = error(&folder.path().join("missing"));
        assert_eq!(missing.code_name().unwrap(), "SQLITE_CANTOPEN");
        assert!(missing.to_string().contains("No such file"), "{missing}");
    }
}
