//! Refuses SQL of callers that would make the file unopenable, or break what other processes rely on.
//!
//! SQLite asks about everything that a statement does when it is prepared; stepping costs nothing. What migrates a file
//! runs before the guard is attached. Attached databases are the caller's own.
//!
//! SQLite does not say what an ALTER TABLE does. So the statement is tried out on an empty copy of the table first.

use std::cell::Cell;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;

use rusqlite::fallible_iterator::FallibleIterator;
use rusqlite::{Batch, Connection as Sqlite, Statement, ffi};

use super::refused::{self, Refused};
use super::{Error, Result, empty_copy, migrations, schema};

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
    // The handler is told by a pointer that leads nowhere whether there is a file.
    let file = ptr::without_provenance_mut(usize::from(is_file));
    // SAFETY: the connection is open, and the handler reads nothing through the pointer.
    match unsafe { ffi::sqlite3_set_authorizer(sqlite.handle(), Some(authorize), file) } {
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
    file: *mut c_void,
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
    ) {
        return ffi::SQLITE_OK;
    }
    let text = |text: *const c_char| {
        // SAFETY: SQLite passes NULL or a text that ends with NUL and stays during the call.
        (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_bytes())
    };
    let [first, second, third] = [first, second, third].map(text);
    match refusal(!file.is_null(), action, first.unwrap_or_default(), second, third) {
        None => ffi::SQLITE_OK,
        Some(refused) => {
            refused::note(Some(refused));
            ffi::SQLITE_DENY
        }
    }
}

/// Why an action is refused, if it is. SQLite documents what the texts of each action are.
/// <https://www.sqlite.org/c3ref/c_alter_table.html>
fn refusal(
    is_file: bool,
    action: c_int,
    first: &[u8],
    second: Option<&[u8]>,
    third: Option<&[u8]>,
) -> Option<Refused> {
    let is_main = |database: &[u8]| database.eq_ignore_ascii_case(b"main");
    if action == ffi::SQLITE_ALTER_TABLE {
        if !is_main(first) {
            return None;
        }
        let table = known(schema::tables(), second?)?;
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
    if !third.is_none_or(is_main) {
        return None;
    }
    match action {
        ffi::SQLITE_DROP_TABLE => known(schema::tables(), first).map(Refused::Table),
        ffi::SQLITE_DROP_INDEX | ffi::SQLITE_DROP_TRIGGER => {
            known(migrations::indexes_and_triggers(), first).map(Refused::Object)
        }
        _ => setting(is_file, first, second?),
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
