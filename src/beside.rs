//! Long work on a whole database, on a thread and by a connection of its own, while the caller's goes on.

use std::ops::ControlFlow;
use std::sync::Arc;

use gsd_session_core::sqlite::Owed;
use gsd_session_core::store;

use crate::background::{Convert, promise};
use crate::js::Value;
use crate::natives::{Answer, Call, connection};
use crate::progress::{Listener, Report};

/// Who is told of the progress.
pub type Tell<'a, P> = &'a mut dyn FnMut(P) -> ControlFlow<()>;

/// How far some work is.
pub struct Step<P> {
    progress: P,
    is_last: bool,
}

/// The progress of work, as JavaScript is told of it.
pub trait Numbers: Send + 'static {
    /// Its numbers.
    fn numbers(&self) -> Vec<f64>;
}

impl<P: Numbers> Report for Step<P> {
    fn is_last(&self) -> bool {
        self.is_last
    }

    fn numbers(&self) -> Vec<f64> {
        self.progress.numbers()
    }
}

/// A promise of what `work` gives, for the connection that is the first argument. With `changes` that must be writable. A
/// database in memory, which has no other connection, is done before this returns.
pub fn beside<'env, T: Send + 'static, P: Numbers>(
    call: Call<'_, 'env>,
    tell: Value<'env>,
    changes: bool,
    convert: Convert<T>,
    last: fn(&T) -> P,
    work: impl Fn(&rusqlite::Connection, Option<&Owed>, Tell<'_, P>) -> store::Result<Option<T>>
    + Send
    + 'static,
) -> Answer<'env> {
    let connection = connection(call)?;
    let mut listener = Listener::new(call.scope(), tell)?;
    if changes {
        connection.check_writable()?;
    }
    let own = connection.sibling()?;
    let owed = Arc::clone(connection.owed());
    let in_memory = match own {
        Some(_) => None,
        None => {
            connection.check_not_iterating()?;
            let sqlite = connection.settled()?;
            work(&sqlite, None, &mut |_| ControlFlow::Continue(()))?
        }
    };
    promise(call, convert, move || {
        let done = match own {
            Some(own) => work(&own, Some(&owed), &mut |progress| {
                listener.tell(Step { progress, is_last: false })
            })?,
            None => in_memory,
        };
        let Some(done) = done else {
            return Err(listener.failure());
        };
        let step = Step { progress: last(&done), is_last: true };
        if listener.tell(step).is_break() { Err(listener.failure()) } else { Ok(done) }
    })
}
