//! What SQL of callers was refused, and the words for it. See `guard`.

use std::cell::Cell;

use rusqlite::ffi;

/// Something that no caller may do to the file of the stores.
#[derive(Debug, Clone, Copy)]
pub(super) enum Refused {
    /// Setting `user_version`.
    Version,
    /// Taking away the write-ahead log.
    JournalMode,
    /// Keeping the file locked.
    LockingMode,
    /// Dropping this table.
    Table(&'static str),
    /// Altering this table, where nobody has looked at what becomes of it.
    Alteration(&'static str),
    /// Dropping this index or trigger.
    Object(&'static str),
    /// Giving a temporary table or view the name of this table.
    Temporary(&'static str),
    /// Attaching the file to itself.
    Attaching,
}

thread_local! {
    static REFUSED: Cell<Option<Refused>> = const { Cell::new(None) };
}

/// Stores what has just been refused on this thread, if anything.
pub(super) fn note(refused: Option<Refused>) {
    REFUSED.set(refused);
}

/// The words for an error that SQLite has just reported on this thread, where a refusal caused it.
pub(super) fn explain(code: i32) -> Option<String> {
    if code != ffi::SQLITE_AUTH {
        return None;
    }
    REFUSED.take().map(words)
}

/// The words for a refusal.
pub(super) fn words(refused: Refused) -> String {
    match refused {
        Refused::Version => {
            "user_version is that of the stores' schema, and a file with another one could not be opened; keep a \
             version of your own in a table"
                .into()
        }
        Refused::JournalMode => {
            "the file stays in WAL mode, on which every process that has it open relies; for an attached \
             database, put its name before journal_mode"
                .into()
        }
        Refused::LockingMode => {
            "a file that is locked for good would shut out other processes, and the thread that keeps its log short; a \
             transaction locks it for a while, and for an attached database put its name before locking_mode"
                .into()
        }
        Refused::Table(name) => format!(
            "table {name} belongs to the stores, and a file without it could not be opened; rows are removed by the \
             stores, prune() and DELETE"
        ),
        Refused::Alteration(name) => format!(
            "table {name} belongs to the stores, and the statement is older than the schema; prepare it again"
        ),
        Refused::Object(name) => format!("{name} belongs to the stores, which rely on it"),
        Refused::Temporary(name) => format!(
            "a temporary table or view called {name} would take the place of the stores' own, and what they store would be \
             lost; choose another name"
        ),
        Refused::Attaching => {
            "it is the file that this connection has open, whose locks would stand in each other's way".into()
        }
    }
}
