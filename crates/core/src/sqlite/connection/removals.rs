//! What a connection removes has to be gone from the file, the log and later copies.

use std::sync::Arc;
use std::time::Duration;

use super::{Connection, Error, Result};
use crate::sqlite::pragma::{self, Overwrite};
use crate::sqlite::scrub::Owed;

/// How long readers in the way are waited for, who keep the log from being cut off.
const PATIENCE: Duration = Duration::from_secs(1);

impl Connection {
    /// As [`write`](Self::write), for a write that removes something.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    pub fn remove<T, E: From<Error>>(
        &self,
        work: impl FnOnce(&rusqlite::Connection) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let removed = self.write(|sqlite| {
            // What else the transaction stores may take the freed pages, and keep some of their bytes.
            let in_transaction = !self.is_memory() && !sqlite.is_autocommit();
            if in_transaction {
                pragma::overwrite(sqlite, Overwrite::Pages)?;
            }
            let removed = work(sqlite);
            if in_transaction {
                pragma::overwrite(sqlite, Overwrite::Rows)?;
            }
            removed
        });
        // No commit of a database in memory is told of, and none of the second connection.
        if self.unsettled()?.is_autocommit() {
            match removed {
                Ok(_) => self.watch.committed(),
                Err(_) => self.watch.rolled_back(),
            }
        }
        removed
    }

    /// What this connection owes to those who removed something.
    pub fn owed(&self) -> &Arc<Owed> {
        &self.owed
    }

    /// Has what was removed gone from the file and the log. Returns whether it is: a reader of older rows may be in the
    /// way, or a transaction that is open here. Then the thread that checkpoints goes on with it.
    ///
    /// # Errors
    ///
    /// An error of SQLite.
    pub fn settle_removals(&self) -> Result<bool> {
        let Some(siblings) = self.siblings().filter(|_| self.owed.is_owed()) else {
            if self.is_memory() && !self.in_transaction()? {
                // A removal by SQL of callers, or by pruning, is told of here.
                self.watch.committed();
            }
            return Ok(true);
        };
        if self.in_transaction().unwrap_or(false) {
            return Ok(false);
        }
        self.owed.settle(&siblings.open()?, PATIENCE)
    }

    /// As [`settle_removals`](Self::settle_removals), when nobody can be told any more that it failed.
    pub(super) fn settle_removals_at_end(&self) {
        let _: Result<bool> = self.settle_removals();
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // Nobody has closed it.
        if self.is_open() {
            self.settle_removals_at_end();
        }
        // The log goes with the last connection. What is still queued is written after that, into the same file.
        if let Some(siblings) = &self.siblings {
            siblings.presence.forget();
        }
    }
}
