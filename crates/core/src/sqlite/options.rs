//! How a database is opened. Options are checked once, and become types that cannot hold a wrong value.

use std::path::PathBuf;
use std::time::Duration;

/// Where a database lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A private database in memory, gone when its connection closes.
    Memory,
    /// A file.
    File(PathBuf),
}

impl Location {
    /// Reads the path of a caller; `Err` says what it must be.
    ///
    /// A relative path is resolved once, so that it names the same file after a change of directory.
    pub fn parse(path: &str) -> Result<Self, &'static str> {
        let is_uri = path.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("file:"));
        match path {
            ":memory:" => Ok(Self::Memory),
            "" => Err("a path that is not empty"),
            _ if path.contains('\0') => Err("a path without NUL characters"),
            _ if is_uri => Err("a path, not a file: URI"),
            _ => Ok(Self::File(std::path::absolute(path).unwrap_or_else(|_| PathBuf::from(path)))),
        }
    }

    /// `~/.gsd-harness/sessions.db`, or `None` if the home directory is unknown.
    pub fn default_file() -> Option<PathBuf> {
        let file = std::env::home_dir()?.join(".gsd-harness").join("sessions.db");
        std::path::absolute(file).ok()
    }
}

/// When a commit waits for the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Synchronous {
    /// At checkpoints. A power loss may undo the latest commits, but never corrupts the file; a
    /// killed process loses nothing.
    Normal,
    /// At every commit.
    Full,
}

impl Synchronous {
    /// Every value by its name.
    pub const TEXTS: &[&str] = &["normal", "full"];

    /// The value with this name.
    pub fn parse(name: &[u8]) -> Option<Self> {
        match name {
            b"normal" => Some(Self::Normal),
            b"full" => Some(Self::Full),
            _ => None,
        }
    }
}

/// The number of slots that a harness has unless it says otherwise.
pub(super) const DEFAULT_SLOTS: u16 = 3;

/// The log is restarted at less than half of that, after some 1,700 commits of a short chunk.
pub(super) const DEFAULT_WAL_LIMIT: u64 = 64 << 20;

/// What every connection gets before anything is read through it.
#[derive(Debug, Clone, Copy)]
pub struct Extension(pub fn(&rusqlite::Connection) -> rusqlite::Result<()>);

impl Extension {
    /// Nothing.
    pub const NONE: Self = Self(|_| Ok(()));
}

/// How a database is opened.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// Open an existing file for reading only. SQLite still keeps its log and index beside it.
    pub readonly: bool,
    /// Fail where the file does not exist, rather than create it.
    pub file_must_exist: bool,
    /// How long a call waits for another connection's lock.
    pub timeout: Duration,
    /// When a commit waits for the disk.
    pub synchronous: Synchronous,
    /// Whether SQLite enforces foreign keys.
    pub foreign_keys: bool,
    /// How many slots the file must accept.
    pub slots: u16,
    /// Bytes of write-ahead log after which it is made to start over.
    pub wal_limit: u64,
    /// What the connection gets beyond SQLite.
    pub extension: Extension,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            readonly: false,
            file_must_exist: false,
            timeout: Duration::from_secs(5),
            synchronous: Synchronous::Normal,
            foreign_keys: false,
            slots: DEFAULT_SLOTS,
            wal_limit: DEFAULT_WAL_LIMIT,
            extension: Extension::NONE,
        }
    }
}

impl OpenOptions {
    /// Whether opening may create a file that does not exist.
    pub(crate) fn creates(&self) -> bool {
        !self.readonly && !self.file_must_exist
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_the_documented_ones() {
        let options = OpenOptions::default();
        assert_eq!(options.timeout, Duration::from_millis(5000));
        assert_eq!(options.synchronous, Synchronous::Normal);
        assert_eq!(options.slots, 3);
        assert!(!options.foreign_keys && !options.readonly && !options.file_must_exist);
    }

    #[test]
    fn a_path_is_a_path() {
        assert_eq!(Location::parse(":memory:"), Ok(Location::Memory));
        assert_eq!(Location::parse("/a/s.db"), Ok(Location::File("/a/s.db".into())));
        assert!(matches!(Location::parse("s.db"), Ok(Location::File(file)) if file.is_absolute()));
        for refused in ["", "a\0b", "file:/a/s.db", "FILE:s.db?mode=memory"] {
            Location::parse(refused).unwrap_err();
        }
    }

    #[test]
    fn opening_creates_a_file_unless_it_is_readonly_or_must_exist() {
        let plain = OpenOptions::default();
        assert!(plain.creates());
        assert!(!OpenOptions { readonly: true, ..plain.clone() }.creates());
        assert!(!OpenOptions { file_must_exist: true, ..plain }.creates());
    }
}
