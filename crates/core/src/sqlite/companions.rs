//! The files that SQLite keeps beside a database, and whether another user may have put them there.
//!
//! SQLite trusts their names: it reads commits from any `-wal` and writes its own to it, and undoes changes according
//! to any `-journal`. In a folder that others may write to, such a file may be theirs: they could read or replace
//! what is stored. So these files are checked before SQLite opens them, and once more afterwards.
//!
//! No file is opened for that: see `files`. Windows separates the folders of users itself.

use std::path::{Path, PathBuf};

use super::Result;

/// A folder in which others may replace a database, or a file beside a database with wider permissions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exposure {
    /// The folder or the file.
    pub path: PathBuf,
    /// Whether it is a folder.
    pub is_folder: bool,
    /// What is wrong, and what to do.
    pub warning: String,
}

#[cfg(unix)]
pub(super) use unix::{check, check_opened, exposures};

#[cfg(not(unix))]
pub(super) fn check(_: &Path) -> Result<()> {
    Ok(())
}

#[cfg(not(unix))]
pub(super) fn check_opened(_: &Path, _: &rusqlite::Connection) -> Result<()> {
    Ok(())
}

#[cfg(not(unix))]
pub(super) fn exposures(_: &Path) -> Vec<Exposure> {
    Vec::new()
}

#[cfg(unix)]
mod unix {
    use std::fs::{self, Metadata};
    use std::os::unix::fs::MetadataExt;

    use super::super::{Error, files, pragma};
    use super::{Exposure, Path, Result};

    const ROOT: u32 = 0;

    /// Bits of a mode: whether the group and everybody may write, and whether names in a folder belong to their owners.
    const GROUP_WRITES: u32 = 0o020;
    const ALL_WRITE: u32 = 0o002;
    const STICKY: u32 = 0o1000;
    const OTHERS_READ_OR_WRITE: u32 = 0o066;

    unsafe extern "C" {
        /// The user with whose rights this process opens files. POSIX: it takes nothing and never fails.
        safe fn geteuid() -> u32;
    }

    /// The properties of a file or a folder.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(super) struct Seen {
        pub(super) kind: Kind,
        pub(super) mode: u32,
        pub(super) user: u32,
        pub(super) group: u32,
        pub(super) names: u64,
    }

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(super) enum Kind {
        File,
        Link,
        Other,
    }

    impl From<Metadata> for Seen {
        fn from(found: Metadata) -> Self {
            let kind = match found.file_type() {
                kind if kind.is_file() => Kind::File,
                kind if kind.is_symlink() => Kind::Link,
                _ => Kind::Other,
            };
            let (mode, user, group) = (found.mode(), found.uid(), found.gid());
            Self { kind, mode, user, group, names: found.nlink() }
        }
    }

    /// A database, its folder, and the user of this process.
    #[derive(Debug, Clone, Copy)]
    pub(super) struct Place {
        pub(super) database: Seen,
        pub(super) folder: Seen,
        pub(super) user: u32,
    }

    /// Why something beside a database is not used.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(super) enum Doubt {
        Link,
        NoFile,
        ManyNames,
        Foreign,
    }

    impl Place {
        /// The place of `file`, a path without links, which need not exist.
        fn of(file: &Path) -> Option<Self> {
            let user = geteuid();
            let new = Seen { kind: Kind::File, mode: 0o600, user, group: u32::MAX, names: 1 };
            let database = fs::metadata(file).map_or(new, Seen::from);
            let folder = fs::metadata(file.parent()?).ok()?.into();
            Some(Self { database, folder, user })
        }

        /// Whether a user may read and change the database anyway.
        fn trusts(&self, user: u32) -> bool {
            [ROOT, self.user, self.database.user].contains(&user)
        }

        pub(super) fn doubt(&self, companion: &Seen) -> Option<Doubt> {
            match companion.kind {
                Kind::Link => return Some(Doubt::Link),
                Kind::Other => return Some(Doubt::NoFile),
                Kind::File => {}
            }
            // A copy of a whole folder by hard links is harmless if no other user could have made them.
            let known = if self.lets_others_create() { 1 } else { self.database.names.max(1) };
            if companion.names > known {
                return Some(Doubt::ManyNames);
            }
            let Self { database, folder, .. } = self;
            // Some systems, and set-group-ID folders, give every new file the group of the folder.
            let anybodys_group = folder.mode & ALL_WRITE != 0 && folder.group == database.group;
            let may_write = self.trusts(companion.user)
                || database.mode & ALL_WRITE != 0
                || (database.mode & GROUP_WRITES != 0
                    && companion.group == database.group
                    && !anybodys_group);
            (!may_write).then_some(Doubt::Foreign)
        }

        /// Whether users who may not write to the database may create files beside it.
        fn lets_others_create(&self) -> bool {
            let Self { database, folder, user } = self;
            if database.mode & ALL_WRITE != 0 {
                return false;
            }
            // Many systems give each user a group of the same number, without other members.
            let is_own_group = folder.group == *user && *user != ROOT;
            let is_of_database =
                folder.group == database.group && database.mode & GROUP_WRITES != 0;
            !self.trusts(folder.user)
                || folder.mode & ALL_WRITE != 0
                || (folder.mode & GROUP_WRITES != 0 && !is_own_group && !is_of_database)
        }

        /// Whether they may also remove files there, and so replace the database.
        pub(super) fn lets_others_replace(&self) -> bool {
            let is_kept_apart = self.folder.mode & STICKY != 0 && self.trusts(self.folder.user);
            self.lets_others_create() && !is_kept_apart
        }
    }

    /// Refuses a file beside a database that may belong to another user.
    pub(in super::super) fn check(file: &Path) -> Result<()> {
        let file = files::resolved(file);
        let Some(place) = Place::of(&file) else {
            return Ok(());
        };
        for suffix in files::COMPANIONS {
            let companion = files::beside(&file, suffix);
            // SQLite cannot open it, either.
            let Ok(found) = companion.symlink_metadata() else {
                continue;
            };
            let found = Seen::from(found);
            if let Some(doubt) = place.doubt(&found) {
                return Err(refusal(&companion, &found, doubt));
            }
        }
        Ok(())
    }

    /// As [`check`], for a connection that has read from the file. If the log is gone by now, somebody has tampered
    /// with it: a log stays while the database is in use.
    pub(in super::super) fn check_opened(file: &Path, sqlite: &rusqlite::Connection) -> Result<()> {
        check(file)?;
        let log = files::log_of(file);
        if pragma::mode_of(sqlite)? == "wal" && log.symlink_metadata().is_err() {
            return Err(Error::cannot_open(format!(
                "somebody took its log {log:?} away while it was opened; look who else may write to its folder"
            )));
        }
        Ok(())
    }

    fn refusal(companion: &Path, found: &Seen, doubt: Doubt) -> Error {
        let (user, names) = (found.user, found.names);
        let (what, then) = match doubt {
            Doubt::Link => (
                "is a symbolic link, which SQLite does not follow".to_owned(),
                "and where it leads, and rename it",
            ),
            Doubt::NoFile => ("is no plain file".to_owned(), "and rename it"),
            Doubt::ManyNames => (
                format!("has {names} names (hard links), and may be another file as well"),
                "and put a copy in its place while nobody uses the database",
            ),
            Doubt::Foreign => (
                format!(
                    "belongs to user {user}, who may not write to the database but could read, or replace, \
                     what is stored in it"
                ),
                "and, if it is sound, give it to the owner of the database (chown)",
            ),
        };
        Error::cannot_open(format!(
            "the file {companion:?} beside the database {what}; look who made it {then}, or move the \
             database with all files beside it into a folder of your own"
        ))
    }

    /// The parts of an open database that more people can access than its mode allows.
    pub(in super::super) fn exposures(file: &Path) -> Vec<Exposure> {
        let file = files::resolved(file);
        let Some(place) = Place::of(&file) else {
            return Vec::new();
        };
        let beside = files::COMPANIONS.iter().filter_map(|suffix| {
            let path = files::beside(&file, suffix);
            let mode = Seen::from(path.symlink_metadata().ok()?).mode & 0o777;
            let wanted = place.database.mode & 0o777;
            if mode & OTHERS_READ_OR_WRITE & !wanted == 0 {
                return None;
            }
            // SQLite gives it the mode of the database, unless it already holds data.
            let warning = format!(
                "the file {path:?} has the mode {mode:04o}, by which more people can read or write what is stored \
                 than by that of the database, {wanted:04o}; give it the same (chmod {wanted:o})"
            );
            Some(Exposure { path, is_folder: false, warning })
        });
        open_folder(&file, &place).into_iter().chain(beside).collect()
    }

    fn open_folder(file: &Path, place: &Place) -> Option<Exposure> {
        if !place.lets_others_replace() {
            return None;
        }
        let folder = file.parent()?.to_owned();
        let why = if place.trusts(place.folder.user) {
            "has a mode by which others may write to it".to_owned()
        } else {
            format!("belongs to user {}", place.folder.user)
        };
        let warning = format!(
            "the folder {folder:?} {why}, so that they can replace the database in it; give it to its user \
             alone (chown, chmod go-w), or move the database into a folder of your own"
        );
        Some(Exposure { path: folder, is_folder: true, warning })
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::unix::{Doubt, Kind, Place, Seen};

    /// Users and a group of theirs.
    const ROOT: u32 = 0;
    const ME: u32 = 1000;
    const OWNER: u32 = 1001;
    const OTHER: u32 = 1002;
    const TEAM: u32 = 5000;

    fn seen(mode: u32, user: u32, group: u32) -> Seen {
        Seen { kind: Kind::File, mode, user, group, names: 1 }
    }

    /// A database of `OWNER` and of the group `TEAM`, which `ME` opens.
    fn place(mode: u32, folder_mode: u32) -> Place {
        let folder = seen(folder_mode, OWNER, TEAM);
        Place { database: seen(mode, OWNER, TEAM), folder, user: ME }
    }

    #[test]
    fn a_user_who_may_write_the_database_may_own_a_file_beside_it() {
        for (mode, folder, user, group, doubt) in [
            (0o600, 0o700, ROOT, ROOT, None),
            (0o600, 0o700, ME, ME, None),
            (0o600, 0o700, OWNER, OTHER, None),
            (0o600, 0o700, OTHER, OTHER, Some(Doubt::Foreign)),
            (0o600, 0o700, OTHER, TEAM, Some(Doubt::Foreign)),
            (0o644, 0o755, OTHER, TEAM, Some(Doubt::Foreign)),
            (0o640, 0o750, OTHER, TEAM, Some(Doubt::Foreign)),
            (0o660, 0o770, OTHER, TEAM, None),
            (0o660, 0o2770, OTHER, TEAM, None),
            (0o660, 0o770, OTHER, OTHER, Some(Doubt::Foreign)),
            (0o660, 0o2777, OTHER, TEAM, Some(Doubt::Foreign)),
            (0o660, 0o1777, OTHER, TEAM, Some(Doubt::Foreign)),
            (0o666, 0o777, OTHER, OTHER, None),
            (0o602, 0o700, OTHER, OTHER, None),
        ] {
            let found = place(mode, folder).doubt(&seen(0o666, user, group));
            assert_eq!(found, doubt, "{mode:o} {folder:o} {user} {group}");
        }
    }

    #[test]
    fn only_a_plain_file_of_its_own_may_lie_beside_a_database() {
        let mine = seen(0o600, ME, ME);
        for mode in [0o600, 0o666] {
            let doubt = |companion| place(mode, 0o700).doubt(&companion);
            assert_eq!(doubt(Seen { kind: Kind::Link, ..mine }), Some(Doubt::Link));
            assert_eq!(doubt(Seen { kind: Kind::Other, ..mine }), Some(Doubt::NoFile));
            assert_eq!(doubt(Seen { names: 2, ..mine }), Some(Doubt::ManyNames));
        }
    }

    #[test]
    fn a_hard_link_is_fine_if_the_database_has_one_too_and_no_other_user_could_make_it() {
        let mine = Seen { names: 2, ..seen(0o600, ME, ME) };
        for (folder, doubt) in [
            (0o700, None),
            (0o755, None),
            (0o1777, Some(Doubt::ManyNames)),
            (0o770, Some(Doubt::ManyNames)),
        ] {
            let mut place = place(0o600, folder);
            place.database.names = 2;
            assert_eq!(place.doubt(&mine), doubt, "{folder:o}");
        }
    }

    #[test]
    fn a_folder_is_open_where_others_may_replace_files() {
        for (mode, folder, user, group, open) in [
            (0o600, 0o700, ME, ME, false),
            (0o600, 0o755, ROOT, ROOT, false),
            (0o600, 0o755, OWNER, TEAM, false),
            (0o600, 0o700, OTHER, OTHER, true),
            (0o600, 0o1777, OTHER, OTHER, true),
            (0o600, 0o777, ME, ME, true),
            (0o600, 0o1777, ROOT, ROOT, false),
            (0o600, 0o1770, ME, TEAM, false),
            (0o600, 0o770, ME, TEAM, true),
            // A group with the number of the user is that user's alone.
            (0o600, 0o775, ME, ME, false),
            (0o660, 0o770, ME, TEAM, false),
            (0o660, 0o777, ME, TEAM, true),
            (0o666, 0o777, OTHER, OTHER, false),
        ] {
            let mut place = place(mode, folder);
            (place.folder.user, place.folder.group) = (user, group);
            assert_eq!(place.lets_others_replace(), open, "{mode:o} {folder:o} {user} {group}");
        }
        let mut of_root = place(0o600, 0o775);
        (of_root.folder.user, of_root.folder.group, of_root.user) = (ROOT, ROOT, ROOT);
        assert!(of_root.lets_others_replace());
    }
}
