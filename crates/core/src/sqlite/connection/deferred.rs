//! Writes that a store has put off, and who sees them.
//!
//! Whoever reads or writes has done what is put off before, or fails: nothing that comes later overtakes it, and
//! nobody is shown a state that lacks it. An open iteration makes that harder. It keeps this connection at the state
//! in which it began, so that what another connection commits meanwhile (the thread that writes behind, another
//! process) can neither be seen nor built upon here. Then the stores use a second connection beside this one, which
//! starts anew with every call. SQL of callers, which may name what only this connection has, is refused instead.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

use rusqlite::{Connection as Sqlite, MAIN_DB, TransactionState, ffi};

use super::cached::Cache;
use super::{Connection, Error, Result};
use crate::sqlite::open_sibling;
use crate::sqlite::transaction::{all_or_nothing, immediate};

/// Writes that a store has put off.
pub trait Deferred: Any {
    /// Does them, through `sqlite`.
    ///
    /// # Errors
    ///
    /// What SQLite says; they stay put off.
    fn settle(&self, sqlite: &Sqlite) -> Result<()>;

    /// How often another connection has committed some of them.
    fn commits(&self) -> u64;

    /// Puts off nothing more: the process ends.
    fn end(&self);

    /// Lets go of what it has for itself, such as a thread: the connection is closed.
    fn stop(&self);
}

/// The iterations that are open on a connection, and what they keep it from.
#[derive(Debug, Default)]
pub(super) struct Iterations {
    /// How many statements are handing out rows.
    open: Cell<usize>,
    /// How many of them write.
    writing: Cell<usize>,
    /// What [`Deferred::commits`] was in the state that they show.
    commits: Cell<u64>,
    /// Whether another connection has committed something since that stores must see.
    behind: Cell<bool>,
    /// The connection for that, from the first time on that there is need of it.
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
    /// SQLite's own connection for SQL of callers, for as long as one call needs it, with everything done that was
    /// put off.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`] after [`close`](Self::close); what SQLite says of what stays put off;
    /// `SQLITE_BUSY_SNAPSHOT` where an open iteration keeps the connection at a state that lacks some of it.
    pub fn sqlite(&self) -> Result<Rc<Sqlite>> {
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

    /// The connection for what a store does next, with everything done that was put off.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`], or what SQLite says of what stays put off.
    pub fn settled(&self) -> Result<Rc<Sqlite>> {
        self.settle()?;
        match self.beside() {
            Some(beside) => Ok(Rc::clone(&beside.sqlite)),
            None => self.unsettled(),
        }
    }

    /// SQLite's own connection, whatever is put off.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`] after [`close`](Self::close).
    pub fn unsettled(&self) -> Result<Rc<Sqlite>> {
        self.sqlite.borrow().clone().ok_or_else(|| self.closed())
    }

    /// Does what a store writes. It is committed when this returns, unless it is part of a transaction.
    ///
    /// # Errors
    ///
    /// [`Error::InUse`] while a statement that writes is iterated; as [`settled`](Self::settled), and what `work` says.
    pub fn write<T, E: From<Error>>(
        &self,
        work: impl FnOnce(&Sqlite) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let sqlite = self.settled()?;
        if self.iterations.open.get() == 0 || !sqlite.is_autocommit() {
            return work(&sqlite);
        }
        match transaction_state(&*self.unsettled()?)? {
            // Its statement would be committed, or undone, together with this.
            TransactionState::Write => return Err(Error::InUse.into()),
            TransactionState::Read if self.iterations.writing.get() == 0 => {}
            // What it wrote is undone, but no transaction can be committed before it ends.
            _ => return work(&sqlite),
        }
        // Whether the state that is shown is the latest is certain only with the write lock in hand.
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

    /// Does what is put off, and has nothing put off any more, because the process ends.
    pub fn end(&self) {
        if let Some(deferred) = &*self.deferred.borrow() {
            deferred.end();
        }
        // There is nobody left to tell.
        let _: Result<_> = self.settled();
    }

    /// What is put off on this connection, by all who put something off: `start` makes it at first.
    ///
    /// # Errors
    ///
    /// What `start` says.
    pub fn deferred<D: Deferred>(&self, start: impl FnOnce() -> Result<D>) -> Result<Rc<D>> {
        let known = self.deferred.borrow().clone();
        if let Some(Ok(deferred)) = known.map(|known| (known as Rc<dyn Any>).downcast()) {
            return Ok(deferred);
        }
        let deferred = Rc::new(start()?);
        self.deferred.replace(Some(Rc::clone(&deferred) as Rc<dyn Deferred>));
        Ok(deferred)
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
                // Now that all is settled, nobody commits more of it until more is put off.
                if deferred.commits() != self.iterations.commits.get() && is_reading(&sqlite)? {
                    self.go_beside()?;
                }
                Ok(())
            }
            settled => settled,
        }
    }

    /// The connection that stores use while this one shows an older state.
    pub(super) fn beside(&self) -> Option<Rc<Beside>> {
        if self.iterations.behind.get() { self.iterations.beside.borrow().clone() } else { None }
    }

    /// Has the stores use a second connection until the open iterations end.
    fn go_beside(&self) -> Result<Rc<Beside>> {
        let Some(file) = self.shared_file() else {
            return Err(Error::InUse);
        };
        let mut beside = self.iterations.beside.borrow_mut();
        let beside = match &*beside {
            Some(beside) => beside,
            None => {
                let sqlite = Rc::new(open_sibling(file, self.options())?);
                beside.insert(Rc::new(Beside { cache: Cache::default(), sqlite }))
            }
        };
        self.iterations.behind.set(true);
        Ok(Rc::clone(beside))
    }

    fn is_behind(&self, sqlite: &Sqlite) -> Result<bool> {
        Ok(self.iterations.behind.get() && is_reading(sqlite)?)
    }

    /// Takes note that a statement begins to hand out rows.
    pub(super) fn add_iterator(&self, writes: bool) {
        self.iterations.open.set(self.iterations.open.get() + 1);
        self.iterations.writing.set(self.iterations.writing.get() + usize::from(writes));
    }

    /// Takes note that a statement is about to read its first row, which decides on the state that it shows.
    pub(super) fn before_first_row(&self) -> Result<()> {
        let deferred = self.deferred.borrow();
        if !is_reading(&*self.unsettled()?)? {
            self.iterations.behind.set(false);
            self.iterations.commits.set(deferred.as_ref().map_or(0, |deferred| deferred.commits()));
        }
        Ok(())
    }

    /// Takes note that it has ended.
    pub(super) fn remove_iterator(&self, writes: bool) {
        let (open, writing) = (&self.iterations.open, &self.iterations.writing);
        writing.set(writing.get().saturating_sub(usize::from(writes)));
        open.set(open.get().saturating_sub(1));
        if open.get() == 0 {
            self.iterations.behind.set(false);
        }
    }

    /// Refuses where rows of some statement are being handed out, between which nothing may change.
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

fn transaction_state(sqlite: &Sqlite) -> Result<TransactionState> {
    Ok(sqlite.transaction_state(Some(MAIN_DB))?)
}

/// Whether the connection is kept at a state, outside a transaction, whose state is its caller's affair.
fn is_reading(sqlite: &Sqlite) -> Result<bool> {
    Ok(sqlite.is_autocommit() && transaction_state(sqlite)? != TransactionState::None)
}

/// Whether a write failed because the state that the connection reads is not the latest.
fn is_stale(error: &Error) -> bool {
    error.code() == Some(ffi::SQLITE_BUSY_SNAPSHOT)
}
