//! Where a database can be, and the words for a place where it cannot.
//!
//! SQLite says "unable to open database file" of a folder, a broken link and a missing right alike, or fails later
//! with an I/O error. Here the place is checked first, and SQLite's errors are extended with what to do. Nothing is
//! opened: see `files`.

use std::ffi::c_int;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use rusqlite::{Connection as Sqlite, ffi};

use super::options::OpenOptions;
use super::remedies::remedy;
use super::{Error, Result};

/// The words for a file system without shared memory or locks, or one that only claims to have them.
pub(super) const NO_WAL: &str = "its file system lacks the shared memory or the locks that WAL mode needs, \
    as network and virtual file systems do; choose a path on a local disk";

/// What is at a path.
enum Found {
    File,
    Nothing,
    /// A link to a path where nothing is.
    Dangling(PathBuf),
}

/// Refuses everything but a plain file, after following links.
fn look(file: &Path) -> Result<Found> {
    let refuse = |why: String| Err(Error::cannot_open(why));
    match fs::metadata(file) {
        Ok(found) if found.is_file() => Ok(Found::File),
        Ok(found) if found.is_dir() => refuse("it is a folder; name a file in it".into()),
        Ok(found) => refuse(format!(
            "it is {}, neither a file nor a folder; choose another path",
            kind(found.file_type())
        )),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Ok(fs::read_link(file).map_or(Found::Nothing, Found::Dangling))
        }
        Err(error) => Err(Error::io(&error)),
    }
}

/// The words for what is neither a file nor a folder.
#[cfg(unix)]
fn kind(found: fs::FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt;

    if found.is_fifo() {
        "a pipe (FIFO)"
    } else if found.is_socket() {
        "a socket"
    } else if found.is_block_device() {
        "a block device"
    } else {
        "a character device"
    }
}

#[cfg(not(unix))]
fn kind(_: fs::FileType) -> &'static str {
    "a device or a pipe"
}

fn is_dangling(target: &Path) -> Error {
    Error::cannot_open(format!("it is a link to {target:?}, which does not exist"))
}

/// Refuses a path where no database can be.
pub(super) fn check(file: &Path, options: &OpenOptions) -> Result<()> {
    match look(file)? {
        Found::Dangling(target) if !options.creates() || !has_folder(file, &target) => {
            Err(is_dangling(&target))
        }
        Found::Nothing if !options.creates() => Err(Error::cannot_open(
            "there is no such file; open it without readonly and fileMustExist to create it",
        )),
        _ => Ok(()),
    }
}

/// Refuses a target that a new file must not replace: everything but a plain file, after following links.
pub(super) fn check_target(file: &Path) -> Result<()> {
    match look(file)? {
        Found::Dangling(target) => Err(is_dangling(&target)),
        Found::File | Found::Nothing => Ok(()),
    }
}

/// Whether a file can be created at the target of a link.
fn has_folder(link: &Path, target: &Path) -> bool {
    let target = link.parent().map_or_else(|| target.to_owned(), |folder| folder.join(target));
    target.parent().is_some_and(Path::is_dir)
}

/// The error of the system behind the last file that SQLite could not open, read or write for this connection.
pub(super) fn system_error(sqlite: &Sqlite) -> io::Error {
    // SAFETY: the connection is open, and this only reads a number of it.
    io::Error::from_raw_os_error(unsafe { ffi::sqlite3_system_errno(sqlite.handle()) })
}

/// The same error, with what to do if the place is its cause. SQLite hides the error of the system.
pub(super) fn explain(error: Error, options: &OpenOptions, system: &io::Error) -> Error {
    match error {
        // Our own refusal has the same code, and already says what to do.
        error if error.is_own_refusal() => error,
        Error::Sqlite { code, message } => {
            let hides = matches!(code & 0xff, ffi::SQLITE_CANTOPEN | ffi::SQLITE_IOERR);
            let message = match (remedy(system).filter(|_| hides), advice(code, options)) {
                (Some(remedy), _) => format!("{message}: {system}; {remedy}"),
                (None, Some(advice)) => format!("{message}; {advice}"),
                (None, None) => message,
            };
            Error::Sqlite { code, message }
        }
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
    fn a_path_where_no_file_can_be_is_refused_with_the_reason() {
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
    fn a_target_that_must_not_be_replaced_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("file"), "").unwrap();
        std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        for (link, target) in [("to-file", "file"), ("to-socket", "socket"), ("broken", "later")] {
            symlink(target, at(link)).unwrap();
        }
        for fine in ["file", "to-file", "new"] {
            check_target(&at(fine)).unwrap();
        }
        let refusal = |name: &str| check_target(&at(name)).unwrap_err().to_string();
        assert!(refusal("").contains("it is a folder"));
        assert!(refusal("socket").contains("a socket"));
        assert!(refusal("to-socket").contains("a socket"));
        assert!(refusal("broken").contains("a link to \"later\""));
    }

    #[test]
    fn the_advice_depends_on_the_error_of_the_system() {
        let explained = |code, number| {
            let error = Error::Sqlite { code, message: "unable to open database file".into() };
            let system = io::Error::from_raw_os_error(number);
            explain(error, &OpenOptions::default(), &system).to_string()
        };
        let (missing, no_right, too_long) =
            (2, 13, if cfg!(target_os = "linux") { 36 } else { 63 });
        for (number, words) in [
            (5, "the disk fails"),
            (23, "fs.file-max"),
            (24, "ulimit -n"),
            (28, "make room"),
            (30, "can be written to"),
            (if cfg!(target_os = "linux") { 40 } else { 62 }, "in a circle"),
            (too_long, "too long"),
            (no_right, "this user must be able to write"),
            (missing, "this user must be able to write"),
            (0, "this user must be able to write"),
        ] {
            let message = explained(ffi::SQLITE_CANTOPEN, number);
            assert!(message.contains(words), "{number}: {message}");
        }
        assert!(explained(ffi::SQLITE_IOERR_SHMMAP, 24).contains("ulimit -n"));
        assert!(explained(ffi::SQLITE_IOERR_SHMMAP, 0).contains("a local disk"));
        // What it said before is nothing to do with a lock.
        assert!(!explained(ffi::SQLITE_BUSY, 24).contains("ulimit"));
    }

    #[test]
    fn a_file_system_without_shared_memory_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.db");
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        // It locks by files, as for a file system that has neither locks nor shared memory.
        let sqlite = Sqlite::open_with_flags_and_vfs(&file, flags, c"unix-dotfile").unwrap();
        let error = pragma::journal(&sqlite, &Location::File(file), Duration::ZERO).unwrap_err();
        assert_eq!(error.code_name().unwrap(), "SQLITE_CANTOPEN");
        assert!(error.to_string().contains("a local disk"), "{error}");
    }
}
