//! A file that takes another one's place once it is whole and on the disk.

use std::path::{Path, PathBuf};

use super::temporary::Temporary;
use super::{Error, Result, files};

/// What is to become a file, made under another name. Dropping it removes it, and the file stays as it was.
#[derive(Debug)]
pub struct Replacement {
    temporary: Temporary,
    target: PathBuf,
}

impl Replacement {
    /// A new, empty file beside `target`, which only its owner can read. Missing folders are created.
    ///
    /// # Errors
    ///
    /// `SQLITE_CANTOPEN` for a target that is a folder, is in a place where no file can be made, or has a
    /// log beside it: it is a database, which somebody may have open.
    pub fn of(target: &Path) -> Result<Self> {
        check_target(target)?;
        let temporary = Temporary::beside(target).map_err(|error| Error::io(&error))?;
        Ok(Self { temporary, target: target.to_owned() })
    }

    /// Where it is for now.
    pub fn path(&self) -> &Path {
        self.temporary.path()
    }

    /// Has the disk know it, and puts it in the place of its target, whatever is there.
    ///
    /// # Errors
    ///
    /// As [`of`](Self::of).
    pub fn finish(self) -> Result<()> {
        // Somebody may have opened a database there meanwhile.
        check_target(&self.target)?;
        self.temporary.replace().map_err(|error| Error::io(&error))
    }
}

/// Refuses a target that could not be replaced, or not safely.
fn check_target(target: &Path) -> Result<()> {
    if target.is_dir() {
        return Err(Error::cannot_open("it is a folder"));
    }
    check_log(target)
}

/// Refuses a place with a log beside it: whoever opens a database there reads that as well.
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
