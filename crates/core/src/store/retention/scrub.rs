//! Overwriting what pruning has removed, and all else that the file does not use.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use rusqlite::Connection as Sqlite;

use super::{PruneProgress, Pruning};
use crate::sqlite::{self, Owed, Watch, checkpoint_all, cut_off_log, scrub_everything};
use crate::store::Result;

/// What the connection of a pruning removes, and owes for that.
pub(in crate::store) struct Removals {
    watch: Arc<Watch>,
    owed: Arc<Owed>,
}

impl Removals {
    pub(in crate::store) fn of(sqlite: &Sqlite) -> Result<Self> {
        let owed = Arc::default();
        Ok(Self { watch: Watch::attach(sqlite, &owed)?, owed })
    }

    /// Hands over what is still owed.
    pub(in crate::store) fn hand_over(&self, to: &Owed) {
        self.watch.committed();
        to.take_over(&self.owed);
    }
}

impl<P: FnMut(PruneProgress) -> ControlFlow<()>> Pruning<'_, P> {
    /// Has all that was removed gone from the file and its log.
    pub(super) fn scrub(&mut self, removals: Option<&Removals>) -> Result<ControlFlow<()>> {
        let (sqlite, everything) = (self.sqlite, self.criteria.scrub);
        let page: u32 = sqlite.pragma_query_value(None, "page_size", |row| row.get(0))?;
        let (mut since, mut failure) = (Instant::now(), None);
        let mut between = |progress: sqlite::ScrubProgress| {
            self.pace.worked(since.elapsed());
            self.pruned.scanned_bytes = progress.pages.saturating_mul(page.into());
            self.pruned.cleaned_pages = progress.cleaned;
            let told = self.pace.rest(sqlite).and_then(|()| self.tell());
            since = Instant::now();
            told.unwrap_or_else(|error| {
                failure = Some(error);
                ControlFlow::Break(())
            })
        };
        let done = match removals {
            Some(Removals { watch, owed }) => {
                watch.committed();
                owed.scrub_now(sqlite, everything, &mut between)?
            }
            // In a transaction of the caller the database is in memory, and its copies are cleaned.
            None if everything && sqlite.is_autocommit() => scrub_everything(sqlite, &mut between)?,
            None => return Ok(ControlFlow::Continue(())),
        };
        let Some(done) = done else {
            return failure.map_or(Ok(ControlFlow::Break(())), Err);
        };
        self.pruned.cleaned_pages = done.cleaned;
        match removals {
            Some(Removals { owed, .. }) if owed.is_owed() => owed.log_is_cut(cut_off_log(sqlite)?),
            // The file shrinks only when the log is moved into it.
            _ => checkpoint_all(sqlite)?,
        }
        Ok(ControlFlow::Continue(()))
    }
}
