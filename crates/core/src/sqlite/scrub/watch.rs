//! Notes what a connection removes from the tables of the stores, by whatever SQL.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection as Sqlite, MAIN_DB, ffi};

use super::super::{Result, schema};
use super::roots::is_output;
use super::{Owed, Removed};

/// The name under which SQLite keeps the watch of a connection.
const NAME: &CStr = c"gsd session-store removals";

/// What one connection of SQLite has removed in its transaction.
#[derive(Debug)]
pub(crate) struct Watch {
    removed: Mutex<Removed>,
    any: AtomicBool,
    owed: Arc<Owed>,
}

impl Watch {
    /// Watches `connection`. What it removes is owed once it is committed.
    ///
    /// # Errors
    ///
    /// An error of SQLite.
    pub(crate) fn attach(connection: &Sqlite, owed: &Arc<Owed>) -> Result<Arc<Self>> {
        let watch = Arc::new(Self {
            removed: Mutex::default(),
            any: AtomicBool::new(false),
            owed: Arc::clone(owed),
        });
        Self::share(connection, &watch)?;
        Ok(watch)
    }

    /// Has a watch see what `connection` removes as well.
    ///
    /// # Errors
    ///
    /// An error of SQLite.
    pub(crate) fn share(connection: &Sqlite, watch: &Arc<Self>) -> Result<()> {
        let known = Arc::as_ptr(watch).cast_mut();
        // SAFETY: nobody else uses this name.
        unsafe { connection.set_clientdata(NAME, Some(Arc::clone(watch))) }?;
        // SAFETY: SQLite keeps what it was just given until it closes the connection, which changes no rows.
        unsafe { ffi::sqlite3_update_hook(connection.handle(), Some(changed), known.cast()) };
        Ok(())
    }

    /// What was removed is committed. Costs a nanosecond where that is nothing.
    pub(crate) fn committed(&self) {
        if self.any.swap(false, Ordering::Relaxed) {
            let removed = std::mem::take(&mut *self.lock());
            self.owed.add(removed);
        }
    }

    /// What was removed is back.
    pub(crate) fn rolled_back(&self) {
        if self.any.swap(false, Ordering::Relaxed) {
            *self.lock() = Removed::default();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Removed> {
        self.removed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn removed(&self, table: &[u8], rowid: i64) {
        if !schema::goes_with_a_session(table) {
            return;
        }
        let mut removed = self.lock();
        if is_output(table) {
            removed.add_row(rowid);
        } else {
            removed.any = true;
        }
        self.any.store(true, Ordering::Relaxed);
    }
}

unsafe extern "C" fn changed(
    watch: *mut c_void,
    action: c_int,
    database: *const c_char,
    table: *const c_char,
    rowid: i64,
) {
    if action != ffi::SQLITE_DELETE || database.is_null() || table.is_null() {
        return;
    }
    // SAFETY: as below.
    if unsafe { CStr::from_ptr(database) } != MAIN_DB {
        return;
    }
    // SAFETY: SQLite hands on what `attach` gave it, which lives as long as the connection.
    let watch = unsafe { watch.cast::<Watch>().as_ref() };
    // SAFETY: the name of a table ends with NUL, and stays during this call.
    let table = unsafe { CStr::from_ptr(table) };
    if let Some(watch) = watch {
        watch.removed(table.to_bytes(), rowid);
    }
}
