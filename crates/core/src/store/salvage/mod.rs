//! What a damaged file still gives, stored in a new one.
//!
//! Rows are taken from the pages themselves: first those that the trees of the two tables reach, then
//! those on pages that no tree reaches any more, because the page that led to them is damaged. The
//! indexes, which SQLite would search by, tell how many rows are gone.

#[cfg(test)]
mod oracle;
mod rows;
mod shape;
#[cfg(test)]
mod tests;

use std::path::Path;

use super::Result;
use super::model::{OutputType, SessionStatus};
use crate::sqlite::{self, NewFile, Pages, Trees, definitions};
use rows::Salvage;
use shape::Shapes;

/// What came of it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Salvaged {
    /// Sessions in the new file.
    pub sessions: u64,
    /// Chunks of output in the new file.
    pub chunks: u64,
    /// What is known to be gone.
    pub lost: Lost,
    /// What was wrong, in words.
    pub problems: Vec<String>,
}

/// What is known to be gone: at least so much, as damage may have taken what told of it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Lost {
    /// Sessions that an index names, or that a page holds in part.
    pub sessions: u64,
    /// Chunks of output, likewise. Where nothing at all could be read, the rows of which nobody knows what they were.
    pub chunks: u64,
    /// Pages that others lead to and that cannot be read.
    pub pages: u64,
}

/// Stores in `new_file`, which must not exist, whatever rows `file` and what lies beside it still give. Neither of
/// these is written to.
///
/// # Errors
///
/// `SQLITE_NOTADB` where nothing in `file` looks like a database, `SQLITE_CANTOPEN` where it cannot be read or
/// `new_file` cannot be made, or an error of SQLite of that one, which is removed then.
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

/// Words by which the rows of the schema and ours are known in any encoding.
fn words() -> Vec<&'static str> {
    let of_schema = ["table", "index", "trigger", "session_outputs"];
    [&of_schema[..], OutputType::TEXTS, SessionStatus::TEXTS].concat()
}
