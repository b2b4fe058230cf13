//! Salvages the rows of a damaged file into a new one.
//!
//! Rows are read from the pages themselves: first from the trees of the two tables, then from pages that no tree
//! reaches any more, because a page above them is damaged. The indexes tell how many rows are missing.

mod blocks;
#[cfg(test)]
#[allow(unsafe_code, reason = "a test sets the size of reserved bytes by a C call")]
mod oracle;
mod rows;
mod shape;
#[cfg(test)]
mod tests;
mod values;

use std::path::Path;

use super::Result;
use super::model::{OutputType, SessionStatus};
use crate::sqlite::{self, NewFile, Pages, Trees, definitions};
use rows::Salvage;
use shape::Shapes;

/// The result of a salvage.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Salvaged {
    /// Sessions in the new file.
    pub sessions: u64,
    /// Chunks of output in the new file.
    pub outputs: u64,
    /// What is known to be lost.
    pub lost: Lost,
    /// The problems, in words.
    pub problems: Vec<String>,
}

/// What is known to be lost. It may be more: damage may also hide a loss.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Lost {
    /// Sessions that an index names, or that a page holds only in part.
    pub sessions: u64,
    /// Chunks of output in the same sense. If nothing else could be read, rows of an unknown kind.
    pub outputs: u64,
    /// Pages that other pages lead to and that cannot be read.
    pub pages: u64,
}

/// Stores the rows that `file`, with its log or journal, still holds in `new_file`, which must not exist. Only
/// `new_file` is written to.
///
/// # Errors
///
/// `SQLITE_NOTADB` if nothing in `file` looks like a database; `SQLITE_CANTOPEN` if it cannot be read or `new_file`
/// cannot be made; an error of SQLite about `new_file`, which is removed then.
pub fn salvage(file: &Path, new_file: &Path) -> Result<Salvaged> {
    let named = |error: sqlite::Error| error.context(format_args!("cannot salvage {file:?}"));
    let mut trees = Trees::new(Pages::open(file).map_err(named)?, &words());
    let new = NewFile::create(new_file, file)?;
    let definitions = definitions(&mut trees)?;
    let shapes = Shapes::new(&definitions);
    let mut salvage = Salvage::new(&new, &definitions, &shapes);
    salvage.read(&mut trees)?;
    salvage.count_lost(&mut trees)?;
    let done = salvage.finish(&mut trees)?;
    new.publish()?;
    Ok(done)
}

/// Words that occur in rows of the schema and of our tables. They tell the encoding.
fn words() -> Vec<&'static str> {
    let of_schema = ["table", "index", "trigger", "session_outputs"];
    [&of_schema[..], OutputType::TEXTS, SessionStatus::TEXTS].concat()
}
