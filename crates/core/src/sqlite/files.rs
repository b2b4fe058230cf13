//! Creates the folder and the file of a database so that only their owner can read them.
//!
//! Terminal output holds secrets. What this module creates is private, whatever the umask. Existing files keep their
//! modes.
//!
//! Nothing here may open a database file that already exists: closing such a descriptor drops the POSIX locks that
//! SQLite holds on the same file in this process.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Error, Result};

/// The suffixes of the files that SQLite keeps beside a database.
pub(super) const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Creates the missing folders above `file`, then `file` itself, empty, if it does not exist. Returns whether it did.
pub(crate) fn prepare(file: &Path) -> Result<bool> {
    if let Some(folder) = file.parent() {
        create_folders(folder).map_err(|error| {
            Error::io(&error).context(format_args!("cannot create the folder {folder:?}"))
        })?;
    }
    match create_private_file(file) {
        Ok(created) => Ok(created),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(Error::io(&error).context("cannot create it")),
    }
}

/// Adds to the error of a failed opening that a new, empty file is left. It is not removed: another process may have
/// opened it meanwhile without a lock yet, and would lose what it stores.
pub(super) fn left_empty(file: &Path, error: Error) -> Error {
    match error {
        Error::Sqlite { code, message } if fs::metadata(file).is_ok_and(|file| file.len() == 0) => {
            let message = format!("{message}; an empty file stays, which opening it again fills");
            Error::Sqlite { code, message }
        }
        other => other,
    }
}

/// The write-ahead log of a database file. SQLite keeps it beside the file that a link leads to.
pub(crate) fn log_of(file: &Path) -> PathBuf {
    beside(&resolved(file), "-wal")
}

/// The name of a file that SQLite keeps beside a database: its name with `suffix` after it.
pub(super) fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// The files that SQLite may keep beside a database.
pub(super) fn companions(file: &Path) -> [PathBuf; 3] {
    let file = resolved(file);
    COMPANIONS.map(|suffix| beside(&file, suffix))
}

pub(super) fn create_folders(folder: &Path) -> io::Result<()> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent() {
        create_folders(parent)?;
    }
    match create_private_folder(folder) {
        // Another process was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let in_its_place = "a file, or a link to nothing, is in its place; choose another path";
            if folder.is_dir() { Ok(()) } else { Err(io::Error::new(error.kind(), in_its_place)) }
        }
        other => other,
    }
}

#[cfg(unix)]
fn create_private_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};

    fs::DirBuilder::new().mode(0o700).create(folder)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
}

/// What a file is, whatever its name: its device and its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileId(u64, u64);

impl FileId {
    /// Whether `path`, after following links, leads to this file. `true` if that cannot be told.
    pub(super) fn is_at(self, path: &Path) -> bool {
        match fs::metadata(path) {
            Ok(found) => of(&found).is_none_or(|id| id == self),
            Err(error) => {
                !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
            }
        }
    }
}

/// The file that a path leads to, after following links. Does not open it.
pub(super) fn id(path: &Path) -> Option<FileId> {
    of(&fs::metadata(path).ok()?)
}

#[cfg(unix)]
fn of(found: &fs::Metadata) -> Option<FileId> {
    use std::os::unix::fs::MetadataExt;

    Some(FileId(found.dev(), found.ino()))
}

#[cfg(not(unix))]
fn of(_: &fs::Metadata) -> Option<FileId> {
    None
}

/// The path that SQLite writes in these bytes.
#[cfg(unix)]
pub(super) fn path_of(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;

    std::ffi::OsStr::from_bytes(bytes).into()
}

/// The path that SQLite writes in these bytes.
#[cfg(not(unix))]
pub(super) fn path_of(bytes: &[u8]) -> PathBuf {
    String::from_utf8_lossy(bytes).into_owned().into()
}

/// Whether both paths name one file, after following links. Opens neither.
pub(super) fn same_file(one: &Path, other: &Path) -> bool {
    id(one).is_some_and(|id| self::id(other) == Some(id)) || resolved(one) == resolved(other)
}

/// Whether `file` is the database `own`, or one that SQLite keeps beside it. Opens neither.
pub(crate) fn is_part_of(own: &Path, file: &Path) -> bool {
    same_file(own, file) || companions(own).iter().any(|beside| same_file(beside, file))
}

/// The path with its links resolved, as far as it exists.
pub(super) fn resolved(file: &Path) -> PathBuf {
    fs::canonicalize(file).unwrap_or_else(|_| match (file.parent(), file.file_name()) {
        (Some(folder), Some(name)) => {
            fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned()).join(name)
        }
        _ => file.to_owned(),
    })
}

/// Flushes the names in `folder` to the disk.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    // Windows has no such call, and keeps the order itself.
    if cfg!(unix) { fs::File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Creates a file that does not exist, for its owner only.
pub(super) fn create_new(file: &Path) -> io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};

        let created = options.mode(0o600).open(file)?;
        created.set_permissions(fs::Permissions::from_mode(0o600))?;
        Ok(created)
    }
    #[cfg(not(unix))]
    options.open(file)
}

#[cfg(unix)]
fn create_private_file(file: &Path) -> io::Result<bool> {
    create_new(file).map(|_closed| true)
}

/// On Windows the folders of a user are private already, and SQLite creates the file itself.
#[cfg(not(unix))]
fn create_private_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir(folder)
}

#[cfg(not(unix))]
fn create_private_file(_: &Path) -> io::Result<bool> {
    Ok(false)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn created_folders_and_files_are_private() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a/b/sessions.db");
        prepare(&file).unwrap();
        assert_eq!(mode(&folder.path().join("a")), 0o700);
        assert_eq!(mode(&folder.path().join("a/b")), 0o700);
        assert_eq!(mode(&file), 0o600);
    }

    #[test]
    fn an_existing_file_keeps_its_mode_and_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sessions.db");
        fs::write(&file, "kept").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        prepare(&file).unwrap();
        assert_eq!(mode(&file), 0o640);
        assert_eq!(fs::read(&file).unwrap(), b"kept");
    }

    #[test]
    fn a_file_in_the_place_of_a_folder_is_named_in_the_error() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "").unwrap();
        let error = prepare(&folder.path().join("a/sessions.db")).unwrap_err();
        assert_eq!(error.code_name().unwrap(), "SQLITE_CANTOPEN");
        assert!(error.to_string().contains("cannot create the folder"), "{error}");
    }
}
