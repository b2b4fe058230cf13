//! Refuses SQL of callers that would make the file unopenable, or break what other processes rely on.
//!
//! SQLite asks about everything that a statement does when it is prepared; stepping costs nothing. What migrates a file
//! runs before the guard is attached. Attached databases are the caller's own, unless one is the file of the stores again. A
//! temporary table or view with the name of one of ours would take its place for the stores.
//!
//! SQLite does not say what an ALTER TABLE does. So the statement is tried out on an empty copy of the table first.

use std::cell::Cell;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::PathBuf;
use std::ptr;

use rusqlite::fallible_iterator::FallibleIterator;
use rusqlite::{Batch, Connection as Sqlite, Statement, ffi};

use super::log::Handle;
use super::refused::{self, Refused};
use super::{Error, Result, empty_copy, files, migrations, ours, schema};

/// How a question about an ALTER TABLE of one of our tables is answered.
#[derive(Debug, Clone, Copy)]
enum Alterations {
    /// With no.
    Refused,
    /// With yes: somebody looks at the statement before it runs, and is told the table.
    Noted(Option<&'static str>),
    /// With yes: somebody has looked at it. SQLite prepares a statement again where the schema has changed.
    Allowed,
}

/// The database with the temporary tables.
const TEMPORARY: &str = "temp";

thread_local! {
    // A connection stays on one thread during a call.
    static ALTERATIONS: Cell<Alterations> = const { Cell::new(Alterations::Refused) };
}

/// Guards a connection from now on.
///
/// # Errors
///
/// An error of SQLite.
pub(super) fn attach(sqlite: &Sqlite, is_file: bool) -> Result<()> {
    // SAFETY: the connection is open, and the handler is not used to close it.
    let handle = unsafe { sqlite.handle() };
    // The handler is told the connection if there is a file.
    let of_file = if is_file { handle.cast() } else { ptr::null_mut() };
    // SAFETY: the connection is open, and the handler runs only while it is.
    match unsafe { ffi::sqlite3_set_authorizer(handle, Some(authorize), of_file) } {
        ffi::SQLITE_OK => Ok(()),
        code => Err(Error::Sqlite { code, message: ffi::code_to_str(code).into() }),
    }
}

/// The next statement of a batch, and whether it alters one of our tables.
///
/// # Errors
///
/// `SQLITE_AUTH` for what is refused; an error of SQLite.
pub(super) fn next<'a>(
    sqlite: &'a Sqlite,
    batch: &mut Batch<'a, '_>,
) -> Result<Option<(Statement<'a>, bool)>> {
    refused::note(None);
    let (next, alterations) = with(Alterations::Noted(None), || batch.next());
    let Some(statement) = next? else {
        return Ok(None);
    };
    let Alterations::Noted(Some(table)) = alterations else {
        return Ok(Some((statement, false)));
    };
    if table == TEMPORARY {
        let sql = statement.expanded_sql().unwrap_or_default().to_ascii_lowercase();
        let mut words = sql.split(|sign: char| sign != '_' && !sign.is_alphanumeric());
        return match words.find_map(|word| known(schema::tables(), word.as_bytes())) {
            Some(ours) => Err(Error::Sqlite {
                code: ffi::SQLITE_AUTH,
                message: refused::words(Refused::Temporary(ours)),
            }),
            None => Ok(Some((statement, true))),
        };
    }
    if let (Some(copy), Some(sql)) = (empty_copy(sqlite, table)?, statement.expanded_sql()) {
        copy.execute_batch(&sql)?;
        schema::inspect_one(&copy, table).map_err(|error| Error::Sqlite {
            code: ffi::SQLITE_AUTH,
            message: format!("the file could not be opened after that: {error}"),
        })?;
    }
    Ok(Some((statement, true)))
}

/// Runs `work` with a statement that [`next`] has given.
pub(super) fn running<T>(alters: bool, work: impl FnOnce() -> T) -> T {
    if alters { with(Alterations::Allowed, work).0 } else { work() }
}

/// Runs `work`, and returns what has become of `alterations` meanwhile.
fn with<T>(alterations: Alterations, work: impl FnOnce() -> T) -> (T, Alterations) {
    /// Restores the previous answer, however `work` ends.
    struct Before(Alterations);
    impl Drop for Before {
        fn drop(&mut self) {
            ALTERATIONS.set(self.0);
        }
    }
    let _before = Before(ALTERATIONS.replace(alterations));
    let done = work();
    (done, ALTERATIONS.get())
}

unsafe extern "C" fn authorize(
    of_file: *mut c_void,
    action: c_int,
    first: *const c_char,
    second: *const c_char,
    third: *const c_char,
    _trigger_or_view: *const c_char,
) -> c_int {
    // Nearly all questions are about columns.
    if !matches!(
        action,
        ffi::SQLITE_PRAGMA
            | ffi::SQLITE_DROP_TABLE
            | ffi::SQLITE_DROP_INDEX
            | ffi::SQLITE_DROP_TRIGGER
            | ffi::SQLITE_ALTER_TABLE
            | ffi::SQLITE_ATTACH
            | ffi::SQLITE_CREATE_TEMP_TABLE
            | ffi::SQLITE_CREATE_TEMP_VIEW
            | ffi::SQLITE_CREATE_TABLE
            | ffi::SQLITE_CREATE_VIEW
            | ffi::SQLITE_CREATE_VTABLE
    ) {
        return ffi::SQLITE_OK;
    }
    if ours::are_meant() {
        return ffi::SQLITE_OK;
    }
    let text = |text: *const c_char| {
        // SAFETY: SQLite passes NULL or a text that ends with NUL and stays during the call.
        (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_bytes())
    };
    let [first, second, third] = [first, second, third].map(text);
    let connection = Guarded(of_file.cast());
    match refusal(connection, action, first.unwrap_or_default(), second, third) {
        None => ffi::SQLITE_OK,
        Some(refused) => {
            refused::note(Some(refused));
            ffi::SQLITE_DENY
        }
    }
}

/// A connection, or NULL for one without a file.
#[derive(Clone, Copy)]
struct Guarded(*mut ffi::sqlite3);

impl Guarded {
    fn is_file(self) -> bool {
        !self.0.is_null()
    }

    /// The file of a database of this connection.
    fn file_of(self, database: &[u8]) -> Option<PathBuf> {
        let database = CString::new(database).ok().filter(|_| self.is_file())?;
        Handle::of_hook(self.0).file_of(&database)
    }

    /// Whether a path, or a URI, leads to its file.
    fn is_own_path(self, path: &[u8]) -> bool {
        let path = path.strip_prefix(b"file:").map_or(path, |uri| {
            uri.split(|byte| matches!(byte, b'?' | b'#')).next().unwrap_or_default()
        });
        let own = self.file_of(b"main");
        own.is_some_and(|own| files::same_file(&own, &files::path_of(path)))
    }

    /// Whether a database is that of the stores, by whatever name.
    fn is_own(self, database: &[u8]) -> bool {
        database.eq_ignore_ascii_case(b"main")
            || self
                .file_of(database)
                .zip(self.file_of(b"main"))
                .is_some_and(|(file, own)| files::same_file(&file, &own))
    }
}

/// Why an action is refused, if it is. SQLite documents what the texts of each action are.
/// <https://www.sqlite.org/c3ref/c_alter_table.html>
fn refusal(
    connection: Guarded,
    action: c_int,
    first: &[u8],
    second: Option<&[u8]>,
    third: Option<&[u8]>,
) -> Option<Refused> {
    let is_temporary = |database: &[u8]| database.eq_ignore_ascii_case(TEMPORARY.as_bytes());
    match action {
        ffi::SQLITE_ATTACH => return connection.is_own_path(first).then_some(Refused::Attaching),
        ffi::SQLITE_CREATE_TEMP_TABLE | ffi::SQLITE_CREATE_TEMP_VIEW => {
            return known(schema::tables(), first).map(Refused::Temporary);
        }
        ffi::SQLITE_CREATE_TABLE | ffi::SQLITE_CREATE_VIEW | ffi::SQLITE_CREATE_VTABLE => {
            let ours = known(schema::tables(), first).filter(|_| third.is_some_and(is_temporary));
            return ours.map(Refused::Temporary);
        }
        _ => {}
    }
    if action == ffi::SQLITE_ALTER_TABLE {
        let table = match is_temporary(first) {
            true => TEMPORARY,
            false if connection.is_own(first) => known(schema::tables(), second?)?,
            false => return None,
        };
        return match ALTERATIONS.get() {
            Alterations::Refused => Some(Refused::Alteration(table)),
            Alterations::Noted(_) => {
                ALTERATIONS.set(Alterations::Noted(Some(table)));
                None
            }
            Alterations::Allowed => None,
        };
    }
    // A pragma without the name of a database is for the main one, or for all.
    if !third.is_none_or(|database| connection.is_own(database)) {
        return None;
    }
    match action {
        ffi::SQLITE_DROP_TABLE => known(schema::tables(), first).map(Refused::Table),
        ffi::SQLITE_DROP_INDEX | ffi::SQLITE_DROP_TRIGGER => {
            known(migrations::indexes_and_triggers(), first).map(Refused::Object)
        }
        _ => setting(connection.is_file(), first, second?),
    }
}

/// Why a pragma must not set this value, if it must not.
fn setting(is_file: bool, name: &[u8], value: &[u8]) -> Option<Refused> {
    let is = |pragma: &[u8]| name.eq_ignore_ascii_case(pragma);
    // SQLite takes the start of a name for the whole. It ignores OFF in defensive mode, and what is no mode.
    let starts = |mode: &&[u8]| {
        mode.get(..value.len()).is_some_and(|start| start.eq_ignore_ascii_case(value))
    };
    const WITHOUT_LOG: [&[u8]; 4] = [b"delete", b"persist", b"truncate", b"memory"];
    if is(b"user_version") {
        Some(Refused::Version)
    } else if is_file && is(b"journal_mode") && WITHOUT_LOG.iter().any(starts) {
        Some(Refused::JournalMode)
    } else if is_file && is(b"locking_mode") && value.eq_ignore_ascii_case(b"exclusive") {
        Some(Refused::LockingMode)
    } else {
        None
    }
}

/// The name of ours that is meant. SQLite compares names without regard to case.
fn known(mut ours: impl Iterator<Item = &'static str>, name: &[u8]) -> Option<&'static str> {
    ours.find(|own| own.as_bytes().eq_ignore_ascii_case(name))
}
