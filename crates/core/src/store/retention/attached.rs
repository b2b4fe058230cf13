//! What others have attached to the file decides how a session is removed: in slices, wholly in one transaction that
//! SQLite or a trigger may refuse, or not at all. So nothing is removed of a session that stays.

use rusqlite::{Connection as Sqlite, ffi};

use super::Pruning;
use super::choice::Target;
use crate::sqlite::{self, Firing, enforces_foreign_keys, firing};
use crate::store::references::{Link, References, Referent};
use crate::store::{Error, Result};

/// How a target is removed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Nobody else has a say.
    Slices,
    /// All of it in one transaction, since somebody else may refuse.
    Whole,
    /// It stays, for this reason.
    Kept(String),
}

/// What others have attached to a file, as of one moment.
#[derive(Debug, Default)]
pub(super) struct Attached {
    is_enforced: bool,
    references: References,
    sessions: Firing,
    outputs: Firing,
    schema: i64,
    /// The state of the file, as `data_version` counts the commits of other connections.
    data: i64,
}

impl Attached {
    pub(super) fn look(sqlite: &Sqlite) -> Result<Self> {
        let is_enforced = enforces_foreign_keys(sqlite)?;
        let mut attached = Self {
            is_enforced,
            data: number(sqlite, "data_version")?,
            schema: number(sqlite, "schema_version")?,
            // Slices remove a session's rows one by one, so that those in between refer to each other.
            references: References::look(sqlite, is_enforced)?,
            sessions: firing(sqlite, "sessions")?,
            outputs: firing(sqlite, "session_outputs")?,
        };
        attached.references.find_unindexed(sqlite)?;
        Ok(attached)
    }

    /// How a target is removed as far as is known: of triggers it is not before they have fired.
    pub(super) fn way(&self, sqlite: &Sqlite, target: Target<'_>, dry_run: bool) -> Result<Way> {
        let (id, only) = (target.id().0, target.only());
        if let Some(broken) = self.firings(target).find_map(|firing| firing.broken.as_ref()) {
            return Ok(Way::Kept(format!("SQLite removes nothing from this file: {broken}")));
        }
        let links = self.references.to(sqlite, id, only)?;
        let has_triggers = self.firings(target).any(|firing| !firing.triggers.is_empty());
        if links.is_empty() {
            return Ok(if has_triggers { Way::Whole } else { Way::Slices });
        }
        if !self.is_enforced {
            return Ok(Way::Kept(unenforced(&links)));
        }
        let fires = has_triggers || self.firings(target).any(|firing| firing.fires_more);
        // In a transaction of the caller, what it refuses may be known only when that is committed.
        let decides = dry_run || !sqlite.is_autocommit();
        match self.references.blocker(sqlite, id, only)? {
            Some(blocker) if decides || (blocker.is_certain && !fires) => {
                Ok(Way::Kept(blocker.reason))
            }
            _ => Ok(Way::Whole),
        }
    }

    /// Whether somebody has a say by now whether the oldest `chunks` of a target, and it itself, are removed. Others may
    /// have written since [`look`](Self::look).
    pub(super) fn has_more(
        &self,
        sqlite: &Sqlite,
        target: Target<'_>,
        chunks: usize,
    ) -> Result<bool> {
        if number(sqlite, "data_version")? == self.data {
            return Ok(false);
        }
        if number(sqlite, "schema_version")? != self.schema {
            return Ok(true);
        }
        let now = self.references.now_to(sqlite, target.id().0, target.only(), Some(chunks))?;
        Ok(!now.is_empty())
    }

    /// Why a target stays that could not be removed, in words.
    pub(super) fn reason(
        &self,
        sqlite: &Sqlite,
        target: Target<'_>,
        error: &Error,
    ) -> Result<String> {
        let code = match error {
            Error::Sqlite(sqlite::Error::Sqlite { code, .. }) => *code,
            _ => ffi::SQLITE_ERROR,
        };
        if code == ffi::SQLITE_CONSTRAINT_TRIGGER {
            let names: Vec<_> = self.firings(target).flat_map(|firing| &firing.triggers).collect();
            return Ok(match names.as_slice() {
                [] => format!("a trigger of the file refuses it: {error}"),
                [name] => format!("the trigger {name:?} refuses it: {error}"),
                names => format!("one of the triggers {} refuses it: {error}", listed(names)),
            });
        }
        let (id, only) = (target.id().0, target.only());
        if let Some(blocker) = self.references.blocker(sqlite, id, only)? {
            return Ok(format!("{}: {error}", blocker.reason));
        }
        Ok(format!("SQLite refuses it: {error}"))
    }

    /// The triggers that fire when a target is removed.
    fn firings(&self, target: Target<'_>) -> impl Iterator<Item = &Firing> {
        let sessions = matches!(target, Target::Session(_)).then_some(&self.sessions);
        sessions.into_iter().chain([&self.outputs])
    }
}

impl Target<'_> {
    /// What of it can be referred to, if not everything.
    fn only(&self) -> Option<Referent> {
        match self {
            Self::Session(_) => None,
            Self::Orphans(_) => Some(Referent::Output),
        }
    }
}

impl<P> Pruning<'_, P> {
    pub(super) fn look_again(&mut self) -> Result<()> {
        self.attached = Attached::look(self.sqlite)?;
        Ok(())
    }
}

/// Whether an error says that the file does not let rows go, and not that something went wrong.
pub(super) fn is_refusal(error: &Error) -> bool {
    matches!(error, Error::Sqlite(error) if error.is_refusal() || error.is_of_schema())
}

fn unenforced(links: &[&Link]) -> String {
    let mut tables: Vec<&String> = Vec::new();
    for link in links {
        if !tables.contains(&&link.key.table) {
            tables.push(&link.key.table);
        }
    }
    let rows = match tables.as_slice() {
        [table] => format!("rows of the table {table:?}"),
        tables => format!("rows of the tables {}", listed(tables)),
    };
    let referent = match (
        links.iter().any(|link| link.to == Referent::Session),
        links.iter().any(|link| link.to == Referent::Output),
    ) {
        (true, true) => "it and its output",
        (false, _) => "its output",
        (true, false) => "it",
    };
    format!("{rows} refer to {referent}, and this connection does not enforce foreign keys")
}

fn listed(names: &[&String]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("{name:?}")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
}

fn number(sqlite: &Sqlite, pragma: &str) -> Result<i64> {
    Ok(sqlite.pragma_query_value(None, pragma, |row| row.get(0))?)
}
