//! What to do about an error of the operating system.

use std::io::{self, ErrorKind};

use numbers::{DEVICE_FAILS, TOO_MANY_LINKS, TOO_MANY_OPEN, TOO_MANY_OPEN_IN_ALL};

/// An error of the operating system, with what to do.
pub(super) fn explain(error: &io::Error) -> String {
    let advice = match error.kind() {
        ErrorKind::PermissionDenied => "give this user the right, or choose another path",
        ErrorKind::NotADirectory => "a folder of its path is a file; choose another path",
        _ => match remedy(error) {
            Some(remedy) => remedy,
            None => return error.to_string(),
        },
    };
    format!("{error}; {advice}")
}

/// What to do about an error of the operating system that has nothing to do with rights.
pub(super) fn remedy(error: &io::Error) -> Option<&'static str> {
    Some(match (error.kind(), error.raw_os_error()) {
        (_, TOO_MANY_OPEN) => {
            "this process may not open more files; close connections that are not needed, or raise its limit \
             (ulimit -n)"
        }
        (_, TOO_MANY_OPEN_IN_ALL) => {
            "the system may not open more files; close some, or raise its limit (fs.file-max)"
        }
        (_, TOO_MANY_LINKS) => {
            "its links lead in a circle, or through too many others; choose another path"
        }
        (_, DEVICE_FAILS) => {
            "the disk fails, or the connection to it; look into the log of the system"
        }
        (ErrorKind::StorageFull | ErrorKind::QuotaExceeded, _) => "make room on its disk",
        (ErrorKind::ReadOnlyFilesystem, _) => "choose a path that can be written to",
        (ErrorKind::InvalidFilename, _) => {
            "its name, or that of a folder, is too long; choose another path"
        }
        _ => return None,
    })
}

/// The numbers on Unix of errors that Rust has no kinds for.
#[cfg(unix)]
mod numbers {
    pub(super) const DEVICE_FAILS: Option<i32> = Some(5);
    pub(super) const TOO_MANY_OPEN_IN_ALL: Option<i32> = Some(23);
    pub(super) const TOO_MANY_OPEN: Option<i32> = Some(24);
    pub(super) const TOO_MANY_LINKS: Option<i32> =
        Some(if cfg!(any(target_os = "linux", target_os = "android")) { 40 } else { 62 });
}

/// The same on Windows, which has no limit for all processes together.
#[cfg(not(unix))]
mod numbers {
    pub(super) const DEVICE_FAILS: Option<i32> = Some(1117);
    pub(super) const TOO_MANY_OPEN_IN_ALL: Option<i32> = Some(-1);
    pub(super) const TOO_MANY_OPEN: Option<i32> = Some(4);
    pub(super) const TOO_MANY_LINKS: Option<i32> = Some(1921);
}
