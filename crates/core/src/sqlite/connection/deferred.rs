//! Writes that a store has deferred, and who sees them.
//!
//! Every read and write first does the deferred writes, or fails: no later write overtakes them, and no read misses
//! them. An open iteration makes that harder. It keeps this connection at the state in which it began, so this
//! connection can neither see nor build upon what others commit meanwhile (the write-behind thread, another process).
//! Then the stores use a second connection beside this one, which starts anew with every call. SQL of callers may use
//! what only this connection has, so it is refused instead.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

use rusqlite::{Connection as Sqlite, MAIN_DB, TransactionState, ffi};

use super::cached::Cache;
use super::{Connection, Error, Result};
use crate::sqlite::scrub::Watch;
use crate::sqlite::transaction::{all_or_nothing, immediate};

/// What a store holds back of what it was given, until somebody reads or a transaction begins.
pub(crate) trait Held: Any {
    /// Has all of it stored.
    ///
    /// # Errors
    ///
    /// An error of SQLite; it stays held back.
    fn release(&self, connection: &Connection) -> Result<()>;

    /// Forgets what belongs to a session that is gone.
    fn forget(&self, session_id: &str);
}

/// Who holds back, and whether anybody does.
#[derive(Default)]
pub(super) struct Holders {
    any: Cell<bool>,
    by: RefCell<Vec<Rc<dyn Held>>>,
    shared: RefCell<Option<Rc<dyn Any>>>,
}

/// Writes that a store has deferred.
pub(crate) trait Deferred: Any {
    /// Does them, with `sqlite`.
    ///
    /// # Errors
    ///
    /// An error of SQLite; they stay deferred.
    fn settle(&self, sqlite: &Sqlite) -> Result<()>;

    /// Whether sessions are among them, not only output.
    fn has_sessions(&self) -> bool;

    /// How often another connection has committed some of them.
    fn commits(&self) -> u64;

    /// Defers nothing more: the process ends.
    fn end(&self);

    /// Releases its own resources, such as a thread: the connection is closed.
    fn stop(&self);
}

/// The open iterations of a connection, and what they prevent.
#[derive(Debug, Default)]
pub(super) struct Iterations {
    /// How many statements are handing out rows.
    open: Cell<usize>,
    /// How many of them write.
    writing: Cell<usize>,
    /// The value of [`Deferred::commits`] in the state that they see.
    commits: Cell<u64>,
    /// Whether another connection has committed something since then that the stores must see.
    behind: Cell<bool>,
    /// The second connection, once it was needed.
    beside: RefCell<Option<Rc<Beside>>>,
}

/// A second connection to the same file, for the same thread.
#[derive(Debug)]
pub(super) struct Beside {
    // The statements are finalized first.
    pub(super) cache: Cache,
    pub(super) sqlite: Rc<Sqlite>,
}

impl Connection {
    /// SQLite's own connection for the SQL of callers, for the time of one call. Deferred writes are done first.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`] after [`close`](Self::close); the error of SQLite if writes stay deferred;
    /// `SQLITE_BUSY_SNAPSHOT` if an open iteration keeps the connection at a state that lacks some of them.
    pub fn sqlite(&self) -> Result<Rc<Sqlite>> {
        self.release_held()?;
        self.settle()?;
        let sqlite = self.unsettled()?;
        if self.is_behind(&sqlite)? {
            return Err(Error::Sqlite {
                code: ffi::SQLITE_BUSY_SNAPSHOT,
                message: "an open iterate() keeps this connection at an older state, which lacks rows that a store has \
                          written since; let it end first"
                    .into(),
            });
        }
        Ok(sqlite)
    }

    /// The connection for the next call of a store. Deferred writes are done first.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`], or the error of SQLite if writes stay deferred.
    pub fn settled(&self) -> Result<Rc<Sqlite>> {
        self.release_held()?;
        self.settled_to_write()
    }

    /// As [`settled`](Self::settled), but what is held back is held back further.
    fn settled_to_write(&self) -> Result<Rc<Sqlite>> {
        self.settle()?;
        self.of_stores()
    }

    /// SQLite's own connection. Deferred writes stay deferred.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`] after [`close`](Self::close).
    pub fn unsettled(&self) -> Result<Rc<Sqlite>> {
        self.sqlite.borrow().clone().ok_or_else(|| self.closed())
    }

    /// Runs `work`, a write of a store. It is committed when this returns, unless it is part of a transaction.
    ///
    /// # Errors
    ///
    /// [`Error::InUse`] while a statement that writes is iterated; the errors of [`settled`](Self::settled) and of
    /// `work`.
    pub fn write<T, E: From<Error>>(
        &self,
        work: impl FnOnce(&Sqlite) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let sqlite = self.settled_to_write()?;
        self.check_writable()?;
        if self.iterations.open.get() == 0 || !sqlite.is_autocommit() {
            return work(&sqlite);
        }
        match transaction_state(&*self.unsettled()?)? {
            // The iterated statement would be committed, or undone, together with this write.
            TransactionState::Write => return Err(Error::InUse.into()),
            TransactionState::Read if self.iterations.writing.get() == 0 => {}
            // Its own changes are undone already, but no transaction can be committed before it ends.
            _ => return work(&sqlite),
        }
        // Only with the write lock is it certain that the visible state is the latest.
        let stale = Cell::new(false);
        let begin = || immediate(&sqlite).inspect_err(|error| stale.set(is_stale(error)));
        let mut work = Some(work);
        let mut run = |sqlite: &Sqlite| match work.take() {
            Some(work) => work(sqlite),
            None => Err(Error::InUse.into()),
        };
        match all_or_nothing(&sqlite, begin, || run(&sqlite)) {
            Err(_) if stale.get() => {
                let beside = self.go_beside()?;
                all_or_nothing(&beside.sqlite, || immediate(&beside.sqlite), || run(&beside.sqlite))
            }
            done => done,
        }
    }

    /// Does the deferred writes, and defers nothing any more, because the process ends.
    pub fn end(&self) {
        if let Some(deferred) = &*self.deferred.borrow() {
            deferred.end();
        }
        // An error cannot be reported any more.
        let _: Result<_> = self.settled();
        self.settle_removals_at_end();
    }

    /// The deferred writes of this connection, shared by all of its stores. The first call makes them with `start`.
    ///
    /// # Errors
    ///
    /// The error of `start`.
    pub(crate) fn deferred<D: Deferred>(&self, start: impl FnOnce() -> Result<D>) -> Result<Rc<D>> {
        let known = self.deferred.borrow().clone();
        if let Some(Ok(deferred)) = known.map(|known| (known as Rc<dyn Any>).downcast()) {
            return Ok(deferred);
        }
        let deferred = Rc::new(start()?);
        self.deferred.replace(Some(Rc::clone(&deferred) as Rc<dyn Deferred>));
        Ok(deferred)
    }

    /// Has everything that stores hold back stored.
    ///
    /// # Errors
    ///
    /// The error of SQLite; it stays held back.
    pub fn release_held(&self) -> Result<()> {
        if !self.held.any.replace(false) {
            return Ok(());
        }
        let holders = self.held.by.borrow().clone();
        for holder in &holders {
            holder.release(self).inspect_err(|_| self.held.any.set(true))?;
        }
        Ok(())
    }

    /// Adds one that holds back. It has to [say](Self::hold) when it does.
    pub(crate) fn add_holder(&self, holder: Rc<dyn Held>) {
        self.held.by.borrow_mut().push(holder);
    }

    /// The first one that was added, if it is of this kind.
    pub(crate) fn first_holder<H: Held>(&self) -> Option<Rc<H>> {
        let first = self.held.by.borrow().first().cloned()?;
        (first as Rc<dyn Any>).downcast().ok()
    }

    /// Something that all stores of this connection use which are made from now on.
    pub(crate) fn share(&self, shared: Rc<dyn Any>) {
        self.held.shared.replace(Some(shared));
    }

    /// What was shared, if it is of this kind.
    pub(crate) fn shared<S: Any>(&self) -> Option<Rc<S>> {
        let shared = self.held.shared.borrow().clone()?;
        shared.downcast().ok()
    }

    /// Has what is held back of a session that is gone forgotten.
    pub(crate) fn forget_held(&self, session_id: &str) {
        self.held.by.borrow().iter().for_each(|holder| holder.forget(session_id));
    }

    /// Something is held back from now on.
    pub(crate) fn hold(&self) {
        self.held.any.set(true);
    }

    /// Whether something is held back.
    pub fn is_holding(&self) -> bool {
        self.held.any.get()
    }

    /// Does deferred writes that concern sessions, and all before them.
    ///
    /// # Errors
    ///
    /// The error of SQLite if they stay deferred.
    pub(crate) fn settle_sessions(&self) -> Result<()> {
        let has_sessions = self.deferred.borrow().as_ref().is_some_and(|all| all.has_sessions());
        if has_sessions { self.settle() } else { Ok(()) }
    }

    fn settle(&self) -> Result<()> {
        let deferred = self.deferred.borrow();
        let Some(deferred) = &*deferred else {
            return Ok(());
        };
        if let Some(beside) = self.beside() {
            return deferred.settle(&beside.sqlite);
        }
        let sqlite = self.unsettled()?;
        match deferred.settle(&sqlite) {
            Err(error) if is_stale(&error) => deferred.settle(&self.go_beside()?.sqlite),
            Ok(()) if self.iterations.open.get() > 0 => {
                // All is settled, so nothing more is committed until something is deferred again.
                if deferred.commits() != self.iterations.commits.get() && is_reading(&sqlite)? {
                    self.go_beside()?;
                }
                Ok(())
            }
            settled => settled,
        }
    }

    /// The connection that stores use now. Deferred writes stay deferred.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`] after [`close`](Self::close).
    pub(crate) fn of_stores(&self) -> Result<Rc<Sqlite>> {
        match self.beside() {
            Some(beside) => Ok(Rc::clone(&beside.sqlite)),
            None => self.unsettled(),
        }
    }

    /// The connection that stores use while this one sees an older state.
    pub(super) fn beside(&self) -> Option<Rc<Beside>> {
        if self.iterations.behind.get() { self.iterations.beside.borrow().clone() } else { None }
    }

    /// Makes the stores use a second connection until the open iterations end.
    fn go_beside(&self) -> Result<Rc<Beside>> {
        let Some(siblings) = self.siblings() else {
            return Err(Error::InUse);
        };
        let mut beside = self.iterations.beside.borrow_mut();
        let beside = match &*beside {
            Some(beside) => beside,
            None => {
                let sqlite = siblings.open_governed()?;
                Watch::share(&sqlite, &self.watch)?;
                let sqlite = Rc::new(sqlite);
                beside.insert(Rc::new(Beside { cache: Cache::default(), sqlite }))
            }
        };
        self.iterations.behind.set(true);
        Ok(Rc::clone(beside))
    }

    fn is_behind(&self, sqlite: &Sqlite) -> Result<bool> {
        Ok(self.iterations.behind.get() && is_reading(sqlite)?)
    }

    /// Records that a statement begins to hand out rows.
    pub(super) fn add_iterator(&self, writes: bool) {
        self.iterations.open.set(self.iterations.open.get() + 1);
        self.iterations.writing.set(self.iterations.writing.get() + usize::from(writes));
    }

    /// Records that a statement is about to read its first row, which determines the state that it sees.
    pub(super) fn before_first_row(&self) -> Result<()> {
        let deferred = self.deferred.borrow();
        if !is_reading(&*self.unsettled()?)? {
            self.iterations.behind.set(false);
            self.iterations.commits.set(deferred.as_ref().map_or(0, |deferred| deferred.commits()));
        }
        Ok(())
    }

    /// Records that it has ended.
    pub(super) fn remove_iterator(&self, writes: bool) {
        let (open, writing) = (&self.iterations.open, &self.iterations.writing);
        writing.set(writing.get().saturating_sub(usize::from(writes)));
        open.set(open.get().saturating_sub(1));
        if open.get() == 0 {
            self.iterations.behind.set(false);
        }
    }

    /// Refuses while the rows of a statement are iterated: nothing may change in between.
    ///
    /// # Errors
    ///
    /// [`Error::InUse`].
    pub fn check_not_iterating(&self) -> Result<()> {
        if self.iterations.open.get() > 0 { Err(Error::InUse) } else { Ok(()) }
    }

    /// Closes the second connection, if there is one.
    pub(super) fn close_beside(&self) {
        self.iterations.beside.take();
    }
}

pub(super) fn transaction_state(sqlite: &Sqlite) -> Result<TransactionState> {
    Ok(sqlite.transaction_state(Some(MAIN_DB))?)
}

/// Whether an iteration keeps the connection at a state. A transaction does not count: its state is up to the caller.
fn is_reading(sqlite: &Sqlite) -> Result<bool> {
    Ok(sqlite.is_autocommit() && transaction_state(sqlite)? != TransactionState::None)
}

/// Whether a write failed because the state that the connection reads is not the latest.
fn is_stale(error: &Error) -> bool {
    error.code() == Some(ffi::SQLITE_BUSY_SNAPSHOT)
}
