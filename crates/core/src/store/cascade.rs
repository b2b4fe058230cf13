//! Removes a session with everything that belongs to it.
//!
//! The schema says ON DELETE CASCADE, but foreign keys are off by default. So the cascade is done here, the only
//! place that writes to the tables of both stores.

use rusqlite::config::DbConfig;
use rusqlite::{Connection as Sqlite, ffi};

use super::select::{Select, has_blocks};
use super::{Error, Result, sealed};
use crate::sqlite::{self, atomically};

const IS_STORED: &str = "SELECT 1 FROM sessions WHERE id = ?1";
const DELETE_SESSION: &str = "DELETE FROM sessions WHERE id = ?1";
const DELETE_OUTPUTS: &str = "DELETE FROM session_outputs WHERE session_id = ?1";
const ANY_OUTPUT: Select = Select {
    rows: "SELECT 1 FROM session_outputs WHERE session_id = ?1",
    all: "SELECT 1 FROM session_outputs WHERE session_id = ?1
          UNION ALL SELECT 1 FROM gsd_session_blocks WHERE session_id = ?1",
};

/// Removes a session, and its output unless that is kept, in one transaction.
pub(super) fn delete(sqlite: &Sqlite, id: &str, keep_outputs: bool) -> Result<()> {
    atomically(sqlite, || {
        if !keep_outputs {
            let mut outputs = sqlite::prepare(sqlite, DELETE_OUTPUTS)?;
            sqlite::write_many(sqlite, "session_outputs", &mut outputs, &[&id])?;
            if has_blocks(sqlite)? {
                sealed::remove_all(sqlite, id)?;
            }
        } else if sqlite.db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY)?
            && sqlite.prepare_cached(ANY_OUTPUT.of(sqlite)?)?.exists([id])?
        {
            // The schema's own cascade would remove what the caller wants to keep.
            return Err(Error::Sqlite(sqlite::Error::Sqlite {
                code: ffi::SQLITE_CONSTRAINT_FOREIGNKEY,
                message: format!(
                    "the output of session {id:?} cannot be kept without it on a connection with foreignKeys"
                ),
            }));
        }
        let mut session = sqlite::prepare(sqlite, DELETE_SESSION)?;
        let removed = sqlite::write(&mut session, &[&id])?;
        // A trigger may keep a row, without an error.
        let stays = (removed == 0 && sqlite.prepare_cached(IS_STORED)?.exists([id])?)
            || (!keep_outputs && sqlite.prepare_cached(ANY_OUTPUT.of(sqlite)?)?.exists([id])?);
        if stays {
            return Err(Error::Sqlite(sqlite::Error::Sqlite {
                code: ffi::SQLITE_CONSTRAINT_TRIGGER,
                message: format!("a trigger of the file keeps session {id:?} or its output"),
            }));
        }
        Ok(())
    })
}
