//! Removing what deleted rows leave behind.
//!
//! `secure_delete` has SQLite write zeros over rows that it frees, here without whole pages, which would take long. That is
//! not all. Where it moves rows between pages, to keep them evenly filled, it leaves copies of them behind in the unused
//! part of a page. The row itself may be removed later, from another page. So after a removal the pages that may have
//! such copies are looked at, and their unused bytes are overwritten (`walk`). No byte changes that SQLite would read, so
//! nothing else has to know.
//!
//! - Of the table with the output, whose rows are only ever added at its end, these are the pages near the removed
//!   rows. Of the sessions, whose rows also grow, and of all indexes, it may be any page. Freed pages are at the start of
//!   the free list.
//! - What is owed (`owed`) is paid soon after, by the thread that checkpoints, or at once before a checkpoint, a backup
//!   or the end of a connection. Then the log is cut off, because its old pages have the text as well.
//! - Other programs, and versions before this one, leave more: on free pages, in free blocks, and behind the end of long
//!   rows. The walk through a whole file finds that, too.

mod owed;
mod page;
mod roots;
#[cfg(test)]
mod tests;
mod walk;
#[allow(unsafe_code, reason = "SQLite's update hook is a C callback")]
mod watch;

pub use owed::Owed;
pub(crate) use watch::Watch;

use std::ops::ControlFlow;

use rusqlite::Connection as Sqlite;
use rusqlite::config::DbConfig;

use super::Result;
use walk::Walk;

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Pages that were looked at.
    pub pages: u64,
    /// Pages that were cleaned.
    pub cleaned: u64,
}

/// What was removed from the tables of the stores.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Removed {
    /// Whether anything was.
    any: bool,
    /// The rowids of output, in ranges that may hold others.
    rows: Vec<(i64, i64)>,
}

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What<'a> {
    /// Every page.
    Everything,
    /// What may have copies of removed rows.
    Near(&'a Removed),
}

/// Overwrites every unused byte of a file. `between` is called between its transactions; if it breaks, the result is
/// `None`. The copy of a backup, or another connection that nobody else uses, need not be a file.
///
/// # Errors
///
/// An error of SQLite.
pub(crate) fn scrub_everything(
    sqlite: &Sqlite,
    mut between: impl FnMut(Progress) -> ControlFlow<()>,
) -> Result<Option<Progress>> {
    let run = || Walk::new(sqlite, What::Everything).run(&mut between);
    Ok(undefended(sqlite, run)?.continue_value())
}

/// As [`scrub_everything`], of the pages that may have copies of removed rows.
fn scrub_near(
    sqlite: &Sqlite,
    removed: &Removed,
    mut between: impl FnMut(Progress) -> ControlFlow<()>,
) -> Result<Option<Progress>> {
    let run = || Walk::new(sqlite, What::Near(removed)).run(&mut between);
    Ok(undefended(sqlite, run)?.continue_value())
}

/// SQLite writes no page for a defensive connection. No SQL of callers or of the file runs meanwhile.
fn undefended<T>(sqlite: &Sqlite, work: impl FnOnce() -> Result<T>) -> Result<T> {
    sqlite.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, false)?;
    let done = work();
    sqlite.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    done
}

impl Removed {
    /// More ranges than this become fewer and wider ones.
    const MOST: usize = 4096;

    /// Rowids between two that were removed count as removed, if they are so few: they are on the same pages.
    const NEAR: i64 = 32;

    fn is_empty(&self) -> bool {
        !self.any
    }

    /// Adds a row of output.
    fn add_row(&mut self, rowid: i64) {
        self.any = true;
        match self.rows.last_mut() {
            Some((first, last)) if (*first..=last.saturating_add(Self::NEAR)).contains(&rowid) => {
                *last = rowid.max(*last);
            }
            _ => self.add_rows((rowid, rowid)),
        }
    }

    fn add_rows(&mut self, rows: (i64, i64)) {
        self.rows.push(rows);
        let mut near = Self::NEAR;
        while self.rows.len() > Self::MOST {
            near = near.saturating_mul(2);
            self.rows.sort_unstable();
            self.rows.dedup_by(|next, kept| {
                let is_near = next.0 <= kept.1.saturating_add(near);
                if is_near {
                    kept.1 = kept.1.max(next.1);
                }
                is_near
            });
        }
    }

    fn absorb(&mut self, other: Self) {
        self.any |= other.any;
        other.rows.into_iter().for_each(|rows| self.add_rows(rows));
    }
}
