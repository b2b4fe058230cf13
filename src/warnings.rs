//! What is no error, but should be known to whoever runs the process: `process.emitWarning`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use napi::Env;

use super::js::Scope;
use gsd_session_core::sqlite::Connection;

const WARN: &str = include_str!("glue/warn.js");

/// The `code` of a warning.
const FOLDER: &[u8] = b"GSD_SESSION_STORE_FOLDER";
const MODE: &[u8] = b"GSD_SESSION_STORE_MODE";

/// The folders and files that were told of, by whatever thread.
static TOLD: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Warns of a folder in which others may replace the database, and of files beside it that are open to more people than it
/// is; once for each.
pub fn warn_of_exposures(env: &Env, connection: &Connection) -> napi::Result<()> {
    for exposure in connection.exposures() {
        if TOLD.lock().unwrap_or_else(PoisonError::into_inner).insert(exposure.path) {
            let scope = Scope::new(env);
            let code = if exposure.is_folder { FOLDER } else { MODE };
            let arguments = [scope.string(exposure.warning.as_bytes())?, scope.string(code)?];
            scope.call(scope.run_script(WARN)?, arguments)?;
        }
    }
    Ok(())
}
