//! Commands in pseudo-terminals and on pipes.
//!
//! [`spawn`] starts a command. A thread takes what it prints, in the order in which it comes, and passes each piece to a
//! function; another one passes on what is typed. Nothing else has to run for that.
//!
//! It knows nothing of sessions and databases.

#[cfg(not(unix))]
mod pipes;
#[cfg(unix)]
mod unix;

use std::ffi::OsString;
use std::path::PathBuf;

#[cfg(not(unix))]
pub use pipes::{Running, size_of_terminal, spawn};
#[cfg(unix)]
pub use unix::{Running, size_of_terminal, spawn};

/// A command, and how it runs.
#[derive(Debug, Clone)]
pub struct Spawn {
    /// The program. Without a `/` in it, it is looked for in the folders of `PATH`.
    pub program: OsString,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// The folder in which it runs; that of this process if there is none.
    pub folder: Option<PathBuf>,
    /// All of its environment; that of this process if there is none.
    pub environment: Option<Vec<(OsString, OsString)>>,
    /// The size of its terminal. Without one it has pipes.
    pub terminal: Option<Size>,
    /// Whether a process stands between that continues it after `^Z`, as a shell does. This process stops then, too.
    pub job_control: bool,
    /// Where its input comes from.
    pub input: Input,
    /// Whether what it prints also goes to the standard output, or error, of this process.
    pub pass_on: bool,
}

/// The size of a terminal, in cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Its width.
    pub columns: u16,
    /// Its height.
    pub rows: u16,
}

/// Where the input of a command comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// The standard input of this process. If that is a terminal, it is in raw mode meanwhile.
    Inherit,
    /// [`Running::write`].
    Written,
    /// Nowhere.
    Nothing,
}

/// Where something was printed. A terminal has the first one only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// The standard output.
    Output,
    /// The standard error.
    Error,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// With this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// Nobody knows: another part of the program asked for it.
    Unknown,
}

/// What happens to a command.
#[derive(Debug)]
pub enum Event<'a> {
    /// It has printed this. A terminal may cut characters.
    Output(Stream, &'a [u8]),
    /// It is over, and everything that it printed was passed before.
    Exited(Status),
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
