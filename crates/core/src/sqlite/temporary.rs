//! A file under a temporary name, which gets its own name only when it is complete.

use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::BuildHasher;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::files;

/// A private file beside its target. Dropping it removes it.
#[derive(Debug)]
pub(super) struct Temporary {
    file: PathBuf,
    /// The created file. Another file may have its name by now.
    created: fs::File,
    target: PathBuf,
}

impl Temporary {
    /// A new, empty file beside `target`, which only its owner can read. Missing folders are created.
    pub(super) fn beside(target: &Path) -> io::Result<Self> {
        // A link stays: the file that it leads to is replaced.
        let target = files::resolved(target);
        let (Some(folder), Some(name)) = (target.parent(), target.file_name()) else {
            return Err(ErrorKind::InvalidInput.into());
        };
        files::create_folders(folder)?;
        loop {
            // Seeded by the system, so that nobody can guess the name.
            let random = RandomState::new().hash_one(std::process::id());
            let file = folder.join(format!(".{}.{random:016x}.tmp", name.to_string_lossy()));
            match files::create_new(&file) {
                Ok(created) => return Ok(Self { file, created, target }),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Its temporary path.
    pub(super) fn path(&self) -> &Path {
        &self.file
    }

    /// The path of its target, without links.
    pub(super) fn target(&self) -> &Path {
        &self.target
    }

    /// The created file, open for writing. SQLite opens it by its name, and must be done before this is dropped,
    /// which would drop SQLite's locks.
    pub(super) fn created(&self) -> &fs::File {
        &self.created
    }

    /// Fails if it was replaced by another file. Others may be able to write to the folder.
    pub(super) fn check(&self) -> io::Result<()> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;

            let id = |found: fs::Metadata| (found.dev(), found.ino());
            if id(fs::symlink_metadata(&self.file)?) != id(self.created.metadata()?) {
                let why = format!("somebody has put another file in the place of {:?}", self.file);
                return Err(io::Error::other(why));
            }
        }
        Ok(())
    }

    /// Replaces its target with it. It has to be flushed before.
    pub(super) fn replace(self) -> io::Result<()> {
        self.check()?;
        fs::rename(&self.file, &self.target)?;
        self.sync_folder()
    }

    /// Gives it the name of its target, unless that exists.
    pub(super) fn publish(self) -> io::Result<()> {
        self.sync()?;
        self.check()?;
        match fs::hard_link(&self.file, &self.target) {
            Ok(()) => self.sync_folder(),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(error),
            // On a file system without hard links, there is a moment between this check and the renaming.
            Err(_) if self.target.symlink_metadata().is_ok() => {
                Err(ErrorKind::AlreadyExists.into())
            }
            Err(_) => {
                fs::rename(&self.file, &self.target)?;
                self.sync_folder()
            }
        }
    }

    /// Flushes it to the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.created.sync_all()
    }

    fn sync_folder(&self) -> io::Result<()> {
        self.target.parent().map_or(Ok(()), files::sync_folder)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // It may have been renamed, and an error cannot be reported from here.
        let _ = fs::remove_file(&self.file);
        for companion in files::companions(&self.file) {
            let _ = fs::remove_file(companion);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let names = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> =
            names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn dropping_a_temporary_file_removes_it_and_its_companions() {
        let folder = tempfile::tempdir().unwrap();
        let temporary = Temporary::beside(&folder.path().join("a.db")).unwrap();
        for companion in files::companions(temporary.path()) {
            fs::write(companion, "x").unwrap();
        }
        assert_eq!(names(folder.path()).len(), 4);
        drop(temporary);
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn publishing_keeps_an_existing_target_and_replacing_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a.db");
        let make = |text: &str| {
            let temporary = Temporary::beside(&target).unwrap();
            fs::write(temporary.path(), text).unwrap();
            temporary
        };
        make("first").publish().unwrap();
        let error = make("second").publish().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&target).unwrap(), "first");
        make("third").replace().unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "third");
        assert_eq!(names(folder.path()), ["a.db"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_foreign_file_in_the_place_of_a_temporary_one_is_not_renamed() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a.db");
        let make = || {
            let temporary = Temporary::beside(&target).unwrap();
            fs::remove_file(temporary.path()).unwrap();
            fs::write(temporary.path(), "theirs").unwrap();
            temporary
        };
        let error = make().replace().unwrap_err();
        assert!(error.to_string().contains("another file"), "{error}");
        make().publish().unwrap_err();
        assert!(!target.exists());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link_and_the_file_is_private() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("a.db"), folder.path().join("link"));
        fs::write(&target, "old").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        let temporary = Temporary::beside(&link).unwrap();
        let mode = fs::metadata(temporary.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        temporary.replace().unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&target).unwrap(), b"");
    }
}
