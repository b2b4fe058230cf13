//! Transactions: all changes are kept, or none.

use rusqlite::Connection as Sqlite;

use super::{Error, Result};

/// A transaction that has begun. Unless it is committed, it is undone when it is dropped.
///
/// Its statements are cached: to prepare them takes longer than to run them.
#[derive(Debug)]
pub(crate) struct Transaction<'connection> {
    connection: &'connection Sqlite,
    at_drop: &'static str,
}

impl<'connection> Transaction<'connection> {
    fn begin(connection: &'connection Sqlite, begin: &str, at_drop: &'static str) -> Result<Self> {
        run(connection, begin)?;
        Ok(Self { connection, at_drop })
    }

    fn commit(self) -> Result<()> {
        run(self.connection, "COMMIT")
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        for end in [self.at_drop, "ROLLBACK"] {
            if self.connection.is_autocommit() || run(self.connection, end).is_ok() {
                return;
            }
        }
    }
}

fn run(connection: &Sqlite, sql: &str) -> Result<()> {
    connection.prepare_cached(sql)?.raw_execute()?;
    Ok(())
}

/// Runs `work`. Either all of its changes are kept, or none.
///
/// Outside a transaction it takes the write lock first: a read that upgrades to a write later would fail at once
/// where another connection wrote in between, whatever the busy timeout. Inside one it becomes a savepoint, and the
/// outer transaction decides.
pub(crate) fn atomically<T, E: From<Error>>(
    connection: &Sqlite,
    work: impl FnOnce() -> std::result::Result<T, E>,
) -> std::result::Result<T, E> {
    all_or_nothing(connection, || immediate(connection), work)
}

/// Starts a transaction in which every read sees the same state, until the result is dropped. Does nothing inside a
/// transaction.
///
/// # Errors
///
/// An error of SQLite.
pub(crate) fn snapshot(connection: &Sqlite) -> Result<Option<Transaction<'_>>> {
    if !connection.is_autocommit() {
        return Ok(None);
    }
    // There is nothing to undo, and a rollback could end a query of the caller.
    Transaction::begin(connection, "BEGIN", "COMMIT").map(Some)
}

pub(super) fn immediate(connection: &Sqlite) -> Result<Transaction<'_>> {
    Transaction::begin(connection, "BEGIN IMMEDIATE", "ROLLBACK")
}

pub(super) fn all_or_nothing<'a, T, E: From<Error>>(
    connection: &'a Sqlite,
    begin: impl FnOnce() -> Result<Transaction<'a>>,
    work: impl FnOnce() -> std::result::Result<T, E>,
) -> std::result::Result<T, E> {
    if !connection.is_autocommit() {
        return in_savepoint(connection, work);
    }
    let transaction = begin()?;
    let value = work()?;
    transaction.commit()?;
    Ok(value)
}

fn in_savepoint<T, E: From<Error>>(
    connection: &Sqlite,
    work: impl FnOnce() -> std::result::Result<T, E>,
) -> std::result::Result<T, E> {
    let run = |sql: &str| run(connection, sql);
    run("SAVEPOINT atomically")?;
    let result = work();
    // Some errors (a full disk, for one) end the whole transaction, and the savepoint with it.
    if result.is_err() && !connection.is_autocommit() {
        run("ROLLBACK TO atomically")?;
    }
    if !connection.is_autocommit() {
        run("RELEASE atomically")?;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(connection: &Sqlite) -> i64 {
        connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap()
    }

    fn insert_then(connection: &Sqlite, outcome: Result<()>) -> Result<()> {
        atomically(connection, || {
            connection.execute("INSERT INTO t VALUES (1)", [])?;
            outcome
        })
    }

    #[test]
    fn an_error_undoes_everything() {
        let connection = Sqlite::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t (x)").unwrap();
        insert_then(&connection, Err(Error::InUse)).unwrap_err();
        assert!(connection.is_autocommit());
        assert_eq!(rows(&connection), 0);
        insert_then(&connection, Ok(())).unwrap();
        assert_eq!(rows(&connection), 1);
    }

    #[test]
    fn inside_a_transaction_only_its_own_work_is_undone() {
        let connection = Sqlite::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t (x); BEGIN; INSERT INTO t VALUES (0)").unwrap();
        insert_then(&connection, Err(Error::InUse)).unwrap_err();
        insert_then(&connection, Ok(())).unwrap();
        assert_eq!(rows(&connection), 2);
        connection.execute_batch("ROLLBACK").unwrap();
        assert_eq!(rows(&connection), 0);
    }
}
