//! The end of a process, or of a Worker: what connections put off is done before.
//!
//! Node-API's own hooks do not run on the main thread after `process.exit()` or an uncaught exception. A
//! listener of `'exit'` does, in Workers as well, and comes first of all; but others may be put before it and
//! throw, or remove it. Where C's `exit()` can be heard that is made up for below JavaScript. Deno ends a process
//! without listeners of `'exit'` for what nobody catches, once it has told those of two events; where one of them
//! has it live on, output is committed as it is appended from then on.

use std::cell::{Cell, RefCell};
use std::mem::{ManuallyDrop, take};
use std::rc::{Rc, Weak};

use napi::Result;

use super::js::{Arguments, Scope, Value, at_exit};
use gsd_session_core::sqlite::Connection;

const LISTEN: &str = include_str!("glue/listen.js");

/// Connections that put writes off.
type Deferring = RefCell<Vec<Weak<Connection>>>;

thread_local! {
    /// Those of this thread. Never destroyed, so that it is there until the very end.
    static DEFERRING: ManuallyDrop<Deferring> = const { ManuallyDrop::new(RefCell::new(Vec::new())) };
    /// Whether they were settled for good.
    static IS_OVER: Cell<bool> = const { Cell::new(false) };
}

/// Has the connections of this thread settled when the process ends.
pub fn listen(scope: Scope<'_>) -> Result<()> {
    scope.call(scope.run_script(LISTEN)?, [scope.function(c"settleAtExit", settle)?])?;
    at_exit(|| settle_all(true));
    Ok(())
}

/// Takes note that `connection` puts writes off, which it does no more while the process ends.
pub fn defer(connection: &Rc<Connection>) {
    if IS_OVER.get() {
        return connection.end();
    }
    DEFERRING.with(|deferring| {
        let mut deferring = deferring.borrow_mut();
        deferring.retain(|connection| connection.strong_count() > 0);
        deferring.push(Rc::downgrade(connection));
    });
}

/// The environment of this thread ends. Not every runtime drops the connections in it.
pub fn end() {
    settle_all(true);
    IS_OVER.set(false);
}

/// Whether this is the end.
fn settle<'env>(scope: Scope<'env>, arguments: Arguments<'_, 'env>) -> Result<Value<'env>> {
    settle_all(arguments.get(0)?.boolean()?);
    scope.undefined()
}

fn settle_all(for_good: bool) {
    IS_OVER.set(for_good);
    let deferring = DEFERRING.with(|deferring| {
        let mut deferring = deferring.borrow_mut();
        // A lock is not waited for twice.
        if for_good { take(&mut *deferring) } else { deferring.clone() }
    });
    for connection in deferring.iter().filter_map(Weak::upgrade) {
        connection.end();
    }
}
