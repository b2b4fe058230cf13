//! A prepared statement that owns its connection, for callers that keep it between calls.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use rusqlite::types::ToSql;
use rusqlite::{Batch, Connection as Sqlite, Rows};
use self_cell::self_cell;

use super::names::{Column, Handle};
use super::row::{Compiled, NO_STATEMENT, Row};
use super::{Connection, Error, Result, contains};
use crate::sqlite::guard;
use crate::sqlite::turns::Turns;

self_cell! {
    /// A statement together with the connection that it borrows.
    pub(super) struct Prepared {
        owner: Rc<Sqlite>,
        #[covariant]
        dependent: Compiled,
    }

    impl { Debug }
}

/// The place of a statement. Closing its connection empties it, which finalizes the statement.
pub(super) type PreparedCell = RefCell<Option<Prepared>>;

/// A prepared statement.
///
/// It dies with its connection: after [`Connection::close`] every call is [`Error::Closed`].
pub struct Statement {
    connection: Rc<Connection>,
    place: Rc<PreparedCell>,
    /// Valid while the place is not empty.
    handle: Cell<Handle>,
    /// Its SQL, if it is only explained.
    explained: Option<String>,
    /// Whether it alters a table of the stores.
    alters: bool,
    iteration: Cell<Iteration>,
    /// Whether the iterated statement writes.
    writes: Cell<bool>,
    /// Whether the iteration clears the parameters at its end.
    clears_bindings: Cell<bool>,
    /// Whether it is a checkpoint, before which what was removed is overwritten.
    checkpoints: bool,
}

/// The state of an iteration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Iteration {
    None,
    Started,
    Stepped,
}

impl Connection {
    /// Prepares the one statement in `sql`.
    ///
    /// # Errors
    ///
    /// [`Error::Sql`] if there is no statement, or more than one; an error of SQLite.
    pub fn prepare(self: &Rc<Self>, sql: &str) -> Result<Statement> {
        let sqlite = self.unsettled()?;
        self.before(sql);
        let instead = Turns::instead_of(&sqlite, sql);
        let sql = terminated(instead.as_deref().unwrap_or(sql))?;
        let mut alters = false;
        let prepared = Prepared::try_new(sqlite, |sqlite| {
            let mut batch = Batch::new(sqlite, &sql);
            let first = Compiled::new(sqlite, &sql, || {
                let first = guard::next(sqlite, &mut batch)?;
                let (first, does) = first.ok_or(NO_STATEMENT)?;
                alters = does;
                Ok(first)
            })?;
            match guard::next(sqlite, &mut batch) {
                Ok(None) => Ok(first),
                // The rest counts as a second statement, valid or not.
                _ => Err(Error::Sql("the SQL contains more than one statement")),
            }
        })?;
        let handle = prepared.borrow_dependent().handle();
        let is_explained = prepared.borrow_dependent().is_explain() != 0;
        let place = Rc::new(RefCell::new(Some(prepared)));
        self.adopt(&place);
        Ok(Statement {
            connection: Rc::clone(self),
            place,
            handle: Cell::new(handle),
            explained: is_explained.then(|| sql.clone()),
            alters,
            iteration: Cell::new(Iteration::None),
            writes: Cell::new(false),
            clears_bindings: Cell::new(false),
            checkpoints: mentions_checkpoint(&sql),
        })
    }

    /// Runs every statement in `sql`, one after the other, to its end.
    ///
    /// # Errors
    ///
    /// The error of the first statement that fails. The statements before it stay done.
    pub fn execute(&self, sql: &str) -> Result<()> {
        self.check_not_iterating()?;
        let sqlite = self.unsettled()?;
        let mut unsettled = self.sqlite().err();
        self.before(sql);
        let checkpoints = mentions_checkpoint(sql);
        let sql = terminated(sql)?;
        let mut batch = Batch::new(&sqlite, &sql);
        while let Some((mut statement, alters)) = guard::next(&sqlite, &mut batch)? {
            match unsettled.take() {
                Some(error) if is_setting(&statement) => unsettled = Some(error),
                Some(error) => return Err(error),
                None => {}
            }
            if checkpoints && statement.expanded_sql().is_some_and(|sql| mentions_checkpoint(&sql))
            {
                self.settle_removals()?;
            }
            guard::running(alters, || drain(statement.raw_query()))?;
            self.after_begin(&sqlite);
            if statement.readonly()
                && let Some(sql) = statement.expanded_sql()
            {
                Turns::put_back(&sqlite, &sql);
            }
        }
        Ok(())
    }

    /// Undoes a transaction or a part of it. That is possible during an iteration.
    ///
    /// # Errors
    ///
    /// An error of SQLite.
    pub fn undo(&self, sql: &str) -> Result<()> {
        self.unsettled()?.prepare_cached(sql)?.raw_execute()?;
        Ok(())
    }

    /// Runs a statement whose SQL is the same every time, such as `BEGIN`, and caches it.
    ///
    /// # Errors
    ///
    /// [`Error::InUse`] while a statement of the connection is iterated; an error of SQLite.
    pub fn execute_cached(&self, sql: &str) -> Result<()> {
        self.check_not_iterating()?;
        let sqlite = self.sqlite()?;
        sqlite.prepare_cached(sql)?.raw_execute()?;
        self.after_begin(&sqlite);
        Ok(())
    }
}

impl Statement {
    /// The connection that it was prepared on.
    pub fn connection(&self) -> &Rc<Connection> {
        &self.connection
    }

    /// Gives a value to the parameter with this index, from 1.
    ///
    /// # Errors
    ///
    /// `SQLITE_TOOBIG` for a value that SQLite cannot hold.
    pub fn bind(&self, index: usize, value: impl ToSql) -> Result<()> {
        self.with(|statement| Ok(statement.raw_bind_parameter(index, value)?))
    }

    /// Makes every parameter NULL.
    pub fn clear_bindings(&self) {
        // A closed statement has no parameters to clear.
        let _: Result<()> = self.with(|statement| {
            statement.clear_bindings();
            Ok(())
        });
    }

    /// The names of the parameters, without their prefix, in the order of their indexes.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`].
    pub fn parameters(&self) -> Result<Vec<Option<String>>> {
        self.with(|statement| {
            let name = |index| {
                let mut name = statement.parameter_name(index)?.chars();
                name.next();
                Some(name.as_str().to_owned())
            };
            Ok((1..=statement.parameter_count()).map(name).collect())
        })
    }

    /// The columns of its result; empty for a statement that returns no rows. An iteration may be open.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`].
    pub fn columns(&self) -> Result<Vec<Column>> {
        let place = self.place.try_borrow();
        if matches!(&place, Ok(place) if place.is_none()) {
            return Err(self.connection.closed());
        }
        // SAFETY: the statement is in its place, which is borrowed, here or by the call that handed out a row; it
        // cannot be emptied meanwhile. It is not running: a connection has one thread, which is here.
        Ok(unsafe { self.handle.get().columns() })
    }

    /// Whether it returns rows.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`].
    pub fn returns_rows(&self) -> Result<bool> {
        self.with(|statement| Ok(statement.column_count() > 0))
    }

    /// Whether it leaves the database as it is.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`].
    pub fn is_readonly(&self) -> Result<bool> {
        self.with(|statement| Ok(statement.readonly()))
    }

    /// Its SQL with the values of its parameters filled in.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`].
    pub fn expanded_sql(&self) -> Result<Option<String>> {
        self.with_iterating(|statement| Ok(statement.expanded_sql()))
    }

    /// How often SQLite has prepared it again because the schema has changed. Its columns may have changed, too.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`].
    pub fn version(&self) -> Result<i32> {
        self.with(|statement| Ok(version(statement)))
    }

    /// Runs it. Returns how many rows it changed, and the last inserted rowid.
    ///
    /// # Errors
    ///
    /// [`Error::InUse`] while a statement of the connection is iterated; an error of SQLite.
    pub fn run(&self) -> Result<(u64, i64)> {
        self.connection.check_not_iterating()?;
        let sqlite = self.settled()?;
        self.renew()?;
        let before = sqlite.total_changes();
        self.with(|statement| -> Result<()> {
            let writes = !statement.readonly();
            let mut rows = statement.raw_query();
            // One step is enough to know whether a query works.
            if writes { drain(rows) } else { Ok(rows.next().map(drop)?) }
        })?;
        self.connection.after_begin(&sqlite);
        // `changes()` still counts the last statement that changed anything.
        let changes = if sqlite.total_changes() == before { 0 } else { sqlite.changes() };
        Ok((changes, sqlite.last_insert_rowid()))
    }

    /// Passes its rows, with its version, to `visit`, until there are no more or `visit` returns `false`.
    ///
    /// # Errors
    ///
    /// An error of SQLite or of `visit`.
    pub fn query<E: From<Error>>(
        &self,
        mut visit: impl FnMut(&Row<'_>, i32) -> std::result::Result<bool, E>,
    ) -> std::result::Result<(), E> {
        self.settled()?;
        self.renew()?;
        self.check_may_write()?;
        self.with(|statement| {
            let writes = !statement.readonly();
            let mut version_now = None;
            let mut rows = statement.rows();
            while let Some(row) = rows.next().map_err(Error::from)? {
                // SQLite prepares it again at the first step, if at all.
                let version = *version_now.get_or_insert_with(|| version((*row).as_ref()));
                if !visit(&row, version)? {
                    // Its changes are committed at its end, which may fail.
                    return if writes { Ok(drain(rows.plain())?) } else { Ok(()) };
                }
            }
            Ok(())
        })
    }

    /// Starts an iteration; [`advance`](Self::advance) reads the rows one by one. Until its end, no other statement
    /// may change the database through this connection. At its end the parameters become NULL if `clears_bindings` is
    /// set.
    ///
    /// # Errors
    ///
    /// [`Error::InUse`] if it is iterated already.
    pub fn start_iterating(&self, clears_bindings: bool) -> Result<()> {
        self.settled()?;
        self.renew()?;
        self.check_may_write()?;
        self.clears_bindings.set(clears_bindings);
        self.writes.set(!self.is_readonly()?);
        self.connection.add_iterator(self.writes.get());
        self.iteration.set(Iteration::Started);
        Ok(())
    }

    /// Passes the next row to `visit`, or ends the iteration.
    ///
    /// # Errors
    ///
    /// An error of SQLite or of `visit`, which ends the iteration.
    pub fn advance<E: From<Error>>(
        &self,
        visit: impl FnOnce(&Row<'_>, i32) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let step = |statement: &mut Compiled<'_>| {
            let mut rows = statement.rows();
            let Some(row) = rows.next().map_err(Error::from)? else {
                return Ok(false);
            };
            visit(&row, version((*row).as_ref()))?;
            // Dropping the rows would reset the statement; the next call continues here.
            std::mem::forget(rows);
            Ok(true)
        };
        if self.iteration.replace(Iteration::Stepped) == Iteration::Started {
            self.connection.before_first_row().map_err(E::from)?;
        }
        let going_on = self.with_iterating(step);
        if !matches!(going_on, Ok(true)) {
            // The statement is reset already.
            self.iteration.set(Iteration::None);
            self.end_iteration();
        }
        going_on.map(drop)
    }

    /// Ends the iteration, if one is open.
    ///
    /// # Errors
    ///
    /// An error of SQLite at the end of a statement that writes.
    pub fn finish_iterating(&self) -> Result<()> {
        let iteration = self.iteration.replace(Iteration::None);
        if iteration == Iteration::None {
            return Ok(());
        }
        let finished = self.with_iterating(|statement| {
            let writes = iteration == Iteration::Stepped && !statement.readonly();
            let rows = statement.raw_query();
            // Dropping the rows resets the statement.
            if writes { drain(rows) } else { Ok(()) }
        });
        self.end_iteration();
        match finished {
            Err(Error::Closed { .. }) => Ok(()),
            finished => finished,
        }
    }

    /// Prepares it again, if it is only explained: SQLite does not notice then that the schema has changed, and reads what is
    /// there no more. The values of its parameters do not matter.
    fn renew(&self) -> Result<()> {
        let Some(sql) = &self.explained else { return Ok(()) };
        let sqlite = self.connection.unsettled()?;
        let mut place = self.place.try_borrow_mut().map_err(|_| Error::InUse)?;
        if self.is_iterating() || place.is_none() {
            // Whoever runs it is told.
            return Ok(());
        }
        let prepared = guard::running(self.alters, || {
            Prepared::try_new(sqlite, |sqlite| {
                Compiled::new(sqlite, sql, || Ok(sqlite.prepare(sql)?))
            })
        })?;
        self.handle.set(prepared.borrow_dependent().handle());
        *place = Some(prepared);
        Ok(())
    }

    /// The connection after the deferred writes. If they fail, a PRAGMA that reads or sets something may still run:
    /// it may be what helps.
    fn settled(&self) -> Result<Rc<Sqlite>> {
        if self.checkpoints {
            self.connection.settle_removals()?;
        }
        let settled = self.connection.sqlite();
        match &settled {
            Err(_) if self.with_iterating(|statement| Result::Ok(is_setting(statement)))? => {
                self.connection.unsettled()
            }
            _ => settled,
        }
    }

    fn end_iteration(&self) {
        self.connection.remove_iterator(self.writes.get());
        if self.clears_bindings.get() {
            self.clear_bindings();
        }
    }

    /// A statement that writes has to wait until no statement is iterated.
    fn check_may_write(&self) -> Result<()> {
        if self.is_readonly()? { Ok(()) } else { self.connection.check_not_iterating() }
    }

    /// Whether an iteration is open.
    pub fn is_iterating(&self) -> bool {
        self.iteration.get() != Iteration::None
    }

    fn with<T, E: From<Error>>(
        &self,
        work: impl FnOnce(&mut Compiled<'_>) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        if self.is_iterating() {
            return Err(Error::InUse.into());
        }
        self.with_iterating(work)
    }

    fn with_iterating<T, E: From<Error>>(
        &self,
        work: impl FnOnce(&mut Compiled<'_>) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let mut place = self.place.try_borrow_mut().map_err(|_| Error::InUse)?;
        match place.as_mut() {
            Some(prepared) => guard::running(self.alters, || {
                prepared.with_dependent_mut(|_, statement| work(statement))
            }),
            None => Err(self.connection.closed().into()),
        }
    }
}

impl Drop for Statement {
    fn drop(&mut self) {
        let _nobody_to_tell = self.finish_iterating();
        self.connection.release(&self.place);
    }
}

/// The SQL with a NUL behind it. Without it, SQLite copies the rest of the SQL for every statement.
fn terminated(sql: &str) -> Result<String> {
    let mut terminated = String::new();
    let length = sql.len() + 1;
    terminated.try_reserve_exact(length).map_err(|_| Error::no_memory(length))?;
    terminated.push_str(sql);
    terminated.push('\0');
    Ok(terminated)
}

/// Runs a statement to its end, where its changes are committed.
fn drain(mut rows: Rows<'_>) -> Result<()> {
    while rows.next()?.is_some() {}
    Ok(())
}

/// Whether SQL may be a `PRAGMA wal_checkpoint`.
fn mentions_checkpoint(sql: &str) -> bool {
    contains(sql, "wal_checkpoint")
}

/// Whether a statement is a PRAGMA that writes nothing. It neither reads rows nor overtakes deferred ones.
fn is_setting(statement: &rusqlite::Statement<'_>) -> bool {
    let pragma = || {
        let sql = statement.expanded_sql()?;
        Some(sql.trim_start().get(..6)?.eq_ignore_ascii_case("pragma"))
    };
    statement.readonly() && pragma() == Some(true)
}

fn version(statement: &rusqlite::Statement<'_>) -> i32 {
    statement.get_status(rusqlite::StatementStatus::RePrepare)
}
