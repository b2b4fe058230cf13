//! A file that takes another one's place once it is whole and on the disk.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::temporary::Temporary;
use super::{Error, Result, files, places};

/// A new file under a temporary name, which replaces its target later. Dropping it removes it and leaves the target
/// unchanged.
#[derive(Debug)]
pub(crate) struct Replacement {
    temporary: Temporary,
    target: PathBuf,
}

impl Replacement {
    /// A new, empty file beside `target`, which only its owner can read. Missing folders are created.
    ///
    /// # Errors
    ///
    /// `SQLITE_CANTOPEN` if the target, after links are followed, is not a plain file; if it is a broken link; if no
    /// file can be made there; or if it has a log beside it, because then it is a database that may be open.
    pub(crate) fn of(target: &Path) -> Result<Self> {
        check_target(target)?;
        Self::of_database(target)
    }

    /// As [`of`](Self::of), for a database that is put aside, with its log, before [`finish`](Self::finish).
    ///
    /// # Errors
    ///
    /// As [`of`](Self::of), but for the log.
    pub(super) fn of_database(target: &Path) -> Result<Self> {
        places::check_target(target)?;
        let temporary = Temporary::beside(target).map_err(|error| Error::io(&error))?;
        Ok(Self { temporary, target: target.to_owned() })
    }

    /// What it will replace.
    pub(super) fn target(&self) -> &Path {
        &self.target
    }

    /// Its temporary path.
    pub(crate) fn path(&self) -> &Path {
        self.temporary.path()
    }

    /// The file, open for writing. SQLite must be done with it before this is dropped.
    pub(crate) fn file(&self) -> &File {
        self.temporary.created()
    }

    /// Checks that nobody has replaced the temporary file. Others may be able to write to its folder.
    ///
    /// # Errors
    ///
    /// `SQLITE_CANTOPEN`.
    pub(crate) fn check(&self) -> Result<()> {
        self.temporary.check().map_err(|error| Error::io(&error))
    }

    /// Flushes it to the disk and replaces its target with it.
    ///
    /// # Errors
    ///
    /// As [`of`](Self::of).
    pub(crate) fn finish(self) -> Result<()> {
        self.temporary.sync().map_err(|error| Error::io(&error))?;
        // A database may have been opened there meanwhile, or something else may have been put there. Flushing takes
        // long, so nothing but the renaming comes after this.
        check_target(&self.target)?;
        if files::resolved(&self.target) != self.temporary.target() {
            return Err(Error::cannot_open("it has become a link to somewhere else meanwhile"));
        }
        self.temporary.replace().map_err(|error| Error::io(&error))
    }
}

/// Refuses a target that could not be replaced, or not safely.
fn check_target(target: &Path) -> Result<()> {
    places::check_target(target)?;
    check_log(target)
}

/// Refuses a target with a log beside it: whoever opens a database there reads that log, too.
pub(super) fn check_log(target: &Path) -> Result<()> {
    let target = files::resolved(target);
    let has = |suffix: &str| -> Option<PathBuf> {
        let beside = files::beside(&target, suffix);
        beside.symlink_metadata().is_ok().then_some(beside)
    };
    match has("-wal").or_else(|| has("-journal")) {
        Some(log) => Err(Error::cannot_open(format!(
            "somebody has a database open there, or did not close it, and its log {log:?} would be \
             taken for that of the new file"
        ))),
        None => Ok(()),
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{FileTypeExt, symlink};
    use std::os::unix::net::UnixListener;

    use super::*;

    fn refusal(new: Replacement) -> String {
        new.finish().unwrap_err().to_string()
    }

    #[test]
    fn a_file_that_appears_at_the_target_meanwhile_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let new = Replacement::of(&at("socket")).unwrap();
        let _listens = UnixListener::bind(at("socket")).unwrap();
        assert!(refusal(new).contains("a socket"));
        assert!(fs::symlink_metadata(at("socket")).unwrap().file_type().is_socket());

        fs::write(at("other"), "kept").unwrap();
        let new = Replacement::of(&at("link")).unwrap();
        symlink("other", at("link")).unwrap();
        assert!(refusal(new).contains("a link to somewhere else"));
        assert_eq!(fs::read_to_string(at("other")).unwrap(), "kept");

        let new = Replacement::of(&at("link")).unwrap();
        fs::remove_file(at("other")).unwrap();
        assert!(refusal(new).contains("which does not exist"));

        let new = Replacement::of(&at("database")).unwrap();
        fs::write(at("database-wal"), "").unwrap();
        assert!(refusal(new).contains("database-wal"));
        let left = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let mut left: Vec<_> = left.collect();
        left.sort();
        assert_eq!(left, ["database-wal", "link", "socket"]);
    }
}
