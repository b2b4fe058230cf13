//! Following and watching: the native side of `glue/follow.js`.

use std::cell::RefCell;
use std::rc::Rc;

use napi::Env;

use super::environment::Environment;
use super::error::run;
use super::js::{Arguments, Native, Scope, Value};
use gsd_session_core::sqlite::Connection;
use gsd_session_core::store::changes::Seen;

const FOLLOW: &str = include_str!("glue/follow.js");

/// Evaluates the script.
pub fn functions<'env>(scope: Scope<'env>, checks: Value<'env>) -> napi::Result<Value<'env>> {
    let native = scope.object(&[
        (c"isOpen", scope.function(c"isOpen", is_open)?),
        (c"changes", scope.function(c"changes", changes)?),
        (c"log", scope.function(c"log", log)?),
        (c"seen", scope.function(c"seen", seen)?),
        (c"news", scope.function(c"news", news)?),
    ])?;
    scope.call(scope.run_script(FOLLOW)?, [native, checks])
}

/// Closes a connection, and tells those who wait for what comes on it.
pub fn close(env: &Env, call: &str, connection: &Connection) -> napi::Result<()> {
    run(env, call, || Ok(connection.close()?))?;
    let scope = Scope::new(env);
    scope.call(scope.kept(&Environment::of(env)?.closed)?, []).map(drop)
}

/// The connection of a database or a store.
fn connection<'env>(arguments: &Arguments<'_, 'env>) -> napi::Result<&'env Rc<Connection>> {
    match arguments.get(0)?.external()? {
        Native::Database(connection) => Ok(connection),
        Native::Outputs(outputs) => Ok(outputs.connection()),
        _ => Err(napi::Error::from_reason("no connection")),
    }
}

fn is_open<'env>(scope: Scope<'env>, arguments: Arguments<'_, 'env>) -> napi::Result<Value<'env>> {
    scope.boolean(connection(&arguments)?.is_open())
}

fn changes<'env>(scope: Scope<'env>, arguments: Arguments<'_, 'env>) -> napi::Result<Value<'env>> {
    let connection = connection(&arguments)?;
    let changes = run(&scope.env(), "DatabaseConnection", || Ok(connection.changes()?))?;
    scope.number(changes as f64)
}

/// The path of the write-ahead log, if there is one.
fn log<'env>(scope: Scope<'env>, arguments: Arguments<'_, 'env>) -> napi::Result<Value<'env>> {
    match connection(&arguments)?.log() {
        Some(log) => scope.string(log.to_string_lossy().as_bytes()),
        None => scope.undefined(),
    }
}

fn seen<'env>(scope: Scope<'env>, arguments: Arguments<'_, 'env>) -> napi::Result<Value<'env>> {
    let connection = connection(&arguments)?;
    let seen = run(&scope.env(), "DatabaseConnection.watch", || Ok(Seen::now(connection)?))?;
    scope.external(Native::Seen(RefCell::new(seen)))
}

/// seen -> the ids of the sessions that have changed since
fn news<'env>(scope: Scope<'env>, arguments: Arguments<'_, 'env>) -> napi::Result<Value<'env>> {
    let connection = connection(&arguments)?;
    let Native::Seen(seen) = arguments.get(1)?.external()? else {
        return Err(napi::Error::from_reason("nothing seen"));
    };
    let changed = run(&scope.env(), "DatabaseConnection.watch", || {
        Ok(seen.borrow_mut().news(connection)?)
    })?;
    scope.array_of(changed.iter().map(|id| scope.string(id)))
}
