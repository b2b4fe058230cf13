//! What `lib/follow.js` calls. The first argument is the native side of the connection.

use std::cell::RefCell;

use gsd_session_core::store::changes::Seen;

use crate::natives::{Answer, Call, Native, connection, done, natives};

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

/// the connection -> what is there to be seen now
fn seen<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let connection = connection(call)?;
    connection.unsettled()?;
    Ok(call.scope().external(RefCell::new(Seen::now(connection)?))?)
}

/// the connection, what was seen -> the ids of the sessions that have changed since
fn news<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let seen: &RefCell<Seen> = call.get(1)?.external()?;
    let changed = seen.borrow_mut().news(connection(call)?)?;
    let scope = call.scope();
    Ok(scope.array_of(changed.iter().map(|id| scope.string(id)))?)
}
