//! What `lib/follow.js` calls. The first argument is the native side of the connection.

use std::cell::RefCell;

use gsd_session_core::sqlite::can_watch;
use gsd_session_core::store::changes::Seen;

use crate::convert::Argument;
use crate::error::Parsed;
use crate::natives::{Answer, Call, Native, connection, done, natives};

/// The tables whose changes are told as those of sessions.
const OURS: [&str; 2] = ["sessions", "session_outputs"];

/// The functions.
pub const NATIVES: &[Native] = natives! {
    "DatabaseConnection": changes, log;
    "DatabaseConnection.watch": seen, news;
};

/// the connection -> how often it has seen the file changed
fn changes<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let changes = connection(call)?.changes()?;
    Ok(call.scope().number(changes as f64)?)
}

/// the connection -> the path of the write-ahead log, if there is one
fn log<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    match connection(call)?.log() {
        Some(log) => Ok(call.scope().string(log.to_string_lossy().as_bytes())?),
        None => done(call),
    }
}

/// the connection, an array of the names of tables -> what is there to be seen now
fn seen<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let connection = connection(call)?;
    let sqlite = connection.unsettled()?;
    let names = call.get(1)?;
    let name = |at| {
        let name = Argument::new("options.tables", names);
        let name = name.element(at)?;
        let text = name.string()?;
        match OURS.iter().find(|ours| ours.eq_ignore_ascii_case(&text)) {
            Some(_) => Err(name.out_of_range("a table of others, since sessions are told anyway")),
            None if !can_watch(&sqlite, &text)? => {
                Err(name.out_of_range("an ordinary table, neither a view nor a virtual table"))
            }
            None => Ok(text),
        }
    };
    let tables = (0..names.array_length()?).map(name).collect::<Parsed<_>>()?;
    Ok(call.scope().external(RefCell::new(Seen::now(connection, tables)?))?)
}

/// the connection, what was seen -> arrays of the ids of the sessions, and of the tables, that have changed since
fn news<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let seen: &RefCell<Seen> = call.get(1)?.external()?;
    let news = seen.borrow_mut().news(connection(call)?)?;
    let scope = call.scope();
    let sessions = scope.array_of(news.sessions.iter().map(|id| scope.string(id)));
    let tables = scope.array_of(news.tables.iter().map(|name| scope.string(name.as_bytes())));
    Ok(scope.array_of([sessions, tables])?)
}
