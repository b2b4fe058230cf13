//! The end of a process, or of a Worker. Writes that connections put off are done before, what was removed is
//! overwritten, and what is in their logs is moved into the files as far as a moment allows.
//!
//! Node-API's own hooks do not run on the main thread after `process.exit()` or an uncaught exception. A
//! listener of `'exit'` does, in Workers as well, and comes first of all; but others may be put before it and
//! throw, or remove it. Where C's `exit()` can be heard that is made up for below JavaScript. Deno ends a process
//! without listeners of `'exit'` for what nobody catches, once it has told those of two events; where one of them
//! has it live on, output is committed as it is appended from then on.

use std::cell::{Cell, RefCell};
use std::mem::{ManuallyDrop, take};
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

use gsd_session_core::sqlite::Connection;

use crate::error::Parsed;
use crate::js::{at_exit, function};
use crate::natives::{Answer, Call, done};

/// It comes first, because a listener that throws stops those behind it. It is a script, not a file of `lib/`, because a
/// realm of Jest has a copy of `process`, whose listeners are never called.
const LISTEN: &str = "(settle) => {
  globalThis.process?.prependListener('exit', () => settle(true))
  if (!globalThis.Deno) return
  for (const type of ['error', 'unhandledrejection']) {
    globalThis.addEventListener(type, () => settle(false))
  }
}";

/// How long the logs may keep a process that ends.
const MOMENT: Duration = Duration::from_millis(50);

/// Connections that write.
type Writing = RefCell<Vec<Weak<Connection>>>;

thread_local! {
    /// Those of this thread. Never destroyed, so that it is there until the very end.
    static WRITING: ManuallyDrop<Writing> = const { ManuallyDrop::new(RefCell::new(Vec::new())) };
    /// Whether this thread listens to the end of its environment.
    static LISTENS: Cell<bool> = const { Cell::new(false) };
    /// Whether they were settled for good.
    static IS_OVER: Cell<bool> = const { Cell::new(false) };
}

/// Settles `connection`, which may put writes off or owe the end of what was removed, when the process ends. While it ends,
/// nothing is put off.
pub fn settle_at_exit(call: Call<'_, '_>, connection: &Rc<Connection>) -> Parsed<()> {
    if !LISTENS.replace(true) {
        let scope = call.scope();
        let settle = function(scope, call.host(), ("settle", settle), scope.undefined()?)?;
        scope.call(scope.run_script(scope.string(LISTEN.as_bytes())?)?, [settle])?;
        at_exit(|| settle_all(true));
    }
    remember(connection);
    Ok(())
}

/// Settles `connection` at once where the process, or the Worker, has come to its end already: nothing settles it later.
pub fn settle_if_over(connection: &Rc<Connection>) {
    if IS_OVER.get() {
        connection.end();
    }
}

/// whether this is the end
fn settle<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    settle_all(call.get(0)?.boolean()?);
    done(call)
}

fn remember(connection: &Rc<Connection>) {
    if IS_OVER.get() {
        return connection.end();
    }
    WRITING.with(|writing| {
        let mut writing = writing.borrow_mut();
        writing.retain(|known| known.strong_count() > 0);
        if !writing.iter().any(|known| known.as_ptr() == Rc::as_ptr(connection)) {
            writing.push(Rc::downgrade(connection));
        }
    });
}

/// The environment of this thread ends. Not every runtime drops the connections in it.
pub fn end() {
    settle_all(true);
    IS_OVER.set(false);
    LISTENS.set(false);
}

/// Settles the connections of this thread, for good where this is the end.
fn settle_all(for_good: bool) {
    IS_OVER.set(for_good);
    let writing = WRITING.with(|writing| {
        let mut writing = writing.borrow_mut();
        // A lock is not waited for twice.
        if for_good { take(&mut *writing) } else { writing.clone() }
    });
    let writing: Vec<_> = writing.iter().filter_map(Weak::upgrade).collect();
    for connection in &writing {
        connection.end();
    }
    if for_good {
        let deadline = Instant::now() + MOMENT;
        for connection in &writing {
            connection.leave_log(deadline);
        }
    }
}
