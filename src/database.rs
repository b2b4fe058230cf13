//! What `lib/database.js` calls: the handle `connection.db`. The first argument is the native side of the connection.

use crate::natives::{Answer, Call, Native, checked, connection, done, natives};
use crate::statement::Prepared;

/// The functions.
pub const NATIVES: &[Native] = natives! {
    "Database": in_transaction, check_open, check_not_iterating, compile;
    "Database.prepare": prepare;
    "Database.exec": exec;
    "Database.transaction": exec_cached, undo;
    "Database.close": close;
};

fn in_transaction<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    // A closed database is in no transaction.
    let in_transaction = connection(call)?.in_transaction().unwrap_or(false);
    Ok(call.scope().boolean(in_transaction)?)
}

/// the call that wants it open
fn check_open<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    checked(call, connection(call)?.unsettled())
}

/// the call that wants no statement iterated
fn check_not_iterating<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let connection = connection(call)?;
    checked(call, connection.unsettled().and_then(|_| connection.check_not_iterating()))
}

/// SQL -> a statement
fn prepare<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let statement = connection(call)?.prepare(&call.get(1)?.string()?)?;
    Ok(call.scope().external(Prepared::new(statement))?)
}

/// SQL
fn exec<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    connection(call)?.execute(&call.get(1)?.string()?)?;
    done(call)
}

/// SQL
fn exec_cached<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    connection(call)?.execute_cached(&call.get(1)?.string()?)?;
    done(call)
}

/// SQL
fn undo<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    connection(call)?.undo(&call.get(1)?.string()?)?;
    done(call)
}

fn close<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    connection(call)?.close()?;
    done(call)
}

/// the source of an expression -> its value, where a program may not use `eval`
fn compile<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    Ok(call.scope().run_script(call.get(0)?)?)
}
