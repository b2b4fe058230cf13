//! Where a database can be, and what to say where it cannot.
//!
//! SQLite says "unable to open database file" of a folder, a broken link and a missing right alike, or
//! fails later with an I/O error. Here a place is looked at first, and an error of SQLite's gets words that
//! say what to do. Nothing is opened: see `files`.

use std::ffi::c_int;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use rusqlite::ffi;

use super::options::OpenOptions;
use super::{Error, Result};

/// What a place without shared memory or locks, or one that lies about them, is told.
pub(super) const NO_WAL: &str = "its file system lacks the shared memory or the locks that WAL mode needs, \
    as network and virtual file systems do; choose a path on a local disk";

/// Refuses what is no place for a database.
pub(super) fn check(file: &Path, options: &OpenOptions) -> Result<()> {
    let refuse = |why: String| Err(Error::cannot_open(why));
    match fs::metadata(file) {
        Ok(found) if found.is_file() => Ok(()),
        Ok(found) if found.is_dir() => refuse("it is a folder; name a file in it".into()),
        Ok(_) => refuse("it is neither a file nor a folder; choose another path".into()),
        Err(error) if error.kind() == ErrorKind::NotFound => match fs::read_link(file) {
            Ok(target) if !options.creates() || !has_folder(file, &target) => {
                refuse(format!("it is a link to {target:?}, which does not exist"))
            }
            Err(_) if !options.creates() => refuse(
                "there is no such file; open it without readonly and fileMustExist to create it"
                    .into(),
            ),
            _ => Ok(()),
        },
        Err(error) => refuse(explain_io(&error)),
    }
}

/// Whether a file can be created where a link leads to.
fn has_folder(link: &Path, target: &Path) -> bool {
    let target = link.parent().map_or_else(|| target.to_owned(), |folder| folder.join(target));
    target.parent().is_some_and(Path::is_dir)
}

/// An error of the operating system, with what to do.
pub(super) fn explain_io(error: &io::Error) -> String {
    let advice = match error.kind() {
        ErrorKind::PermissionDenied => "give this user the right, or choose another path",
        ErrorKind::ReadOnlyFilesystem => "choose a path that can be written to",
        ErrorKind::NotADirectory => "a folder of its path is a file; choose another path",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "make room on its disk",
        _ => return error.to_string(),
    };
    format!("{error}; {advice}")
}

/// The same error, with what to do where the place is its cause.
pub(super) fn explain(error: Error, options: &OpenOptions) -> Error {
    match error {
        // A refusal of ours has the same code, and says what to do.
        Error::Sqlite { code: ffi::SQLITE_CANTOPEN, ref message }
            if !message.starts_with("unable to open") =>
        {
            error
        }
        Error::Sqlite { code, message } => match advice(code, options) {
            Some(advice) => Error::Sqlite { code, message: format!("{message}; {advice}") },
            None => Error::Sqlite { code, message },
        },
        other => other,
    }
}

fn advice(code: c_int, options: &OpenOptions) -> Option<&'static str> {
    Some(match (code, code & 0xff) {
        (_, ffi::SQLITE_FULL) => "make room on its disk",
        (
            ffi::SQLITE_IOERR_SHMMAP
            | ffi::SQLITE_IOERR_SHMOPEN
            | ffi::SQLITE_IOERR_SHMLOCK
            | ffi::SQLITE_IOERR_LOCK
            | ffi::SQLITE_IOERR_RDLOCK
            | ffi::SQLITE_IOERR_UNLOCK
            | ffi::SQLITE_IOERR_CHECKRESERVEDLOCK,
            _,
        )
        | (_, ffi::SQLITE_PROTOCOL) => NO_WAL,
        (_, ffi::SQLITE_BUSY) => "another connection keeps it locked",
        (ffi::SQLITE_CANTOPEN, _) | (_, ffi::SQLITE_READONLY | ffi::SQLITE_PERM)
            if options.readonly =>
        {
            "reading it takes the right to read it, and to read its -wal and -shm files or to create them \
             in its folder; give this user that right, or open a copy or a backup"
        }
        (ffi::SQLITE_CANTOPEN, _) | (_, ffi::SQLITE_READONLY | ffi::SQLITE_PERM) => {
            "this user must be able to write to it, to its folder, and to the -wal and -shm files beside it; \
             open it with readonly to only read it"
        }
        _ => return None,
    })
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use crate::sqlite::{Location, pragma};
    use rusqlite::OpenFlags;
    use std::os::unix::fs::symlink;
    use std::time::Duration;

    fn refusal(file: &Path, options: &OpenOptions) -> String {
        check(file, options).unwrap_err().to_string()
    }

    #[test]
    fn what_is_no_place_for_a_file_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let options = OpenOptions::default();
        fs::write(at("file"), "").unwrap();
        symlink("nowhere/a.db", at("broken")).unwrap();
        symlink("later.db", at("later")).unwrap();
        symlink("loop", at("loop")).unwrap();
        check(&at("file"), &options).unwrap();
        check(&at("new"), &options).unwrap();
        check(&at("later"), &options).unwrap();
        assert!(refusal(folder.path(), &options).contains("it is a folder"));
        assert!(refusal(Path::new("/dev/null"), &options).contains("neither a file nor a folder"));
        assert!(refusal(&at("broken"), &options).contains("a link to \"nowhere/a.db\""));
        assert!(refusal(&at("file/a.db"), &options).contains("is a file"));
        check(&at("loop"), &options).unwrap_err();
        let existing = OpenOptions { file_must_exist: true, ..options };
        assert!(refusal(&at("new"), &existing).contains("there is no such file"));
        assert!(refusal(&at("later"), &existing).contains("a link to \"later.db\""));
    }

    #[test]
    fn a_file_system_without_shared_memory_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.db");
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        // It locks by files, as for a file system that has neither locks nor shared memory.
        let sqlite =
            rusqlite::Connection::open_with_flags_and_vfs(&file, flags, c"unix-dotfile").unwrap();
        let error = pragma::journal(&sqlite, &Location::File(file), Duration::ZERO).unwrap_err();
        assert_eq!(error.code_name().unwrap(), "SQLITE_CANTOPEN");
        assert!(error.to_string().contains("a local disk"), "{error}");
    }
}
