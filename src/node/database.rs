//! The native side of `Database`, the handle behind `connection.db`; `handle.js` has the class.

use std::rc::Rc;

use napi::Env;
use napi::bindgen_prelude::Unknown;

use super::connection::DatabaseConnection;
use super::convert::{Argument, Parsed};
use super::environment::Environment;
use super::error::run;
use super::js::{Kept, Native, Scope, Value};
use crate::sqlite::Connection;

const HANDLE: &str = include_str!("handle.js");

/// The functions of `handle.js`.
pub struct Handle {
    handle_of: Kept,
    make_handle: Kept,
    native_of: Kept,
}

impl Handle {
    /// Evaluates the script.
    pub fn new(scope: Scope<'_>) -> napi::Result<Self> {
        let native = scope.object([
            (c"isOpen", scope.function(c"isOpen", is_open)?),
            (c"close", scope.function(c"close", close)?),
        ])?;
        let handle = scope.call(scope.run_script(HANDLE)?, [native])?;
        let keep = |name| scope.keep(handle.property(name)?);
        Ok(Self {
            handle_of: keep(c"handleOf")?,
            make_handle: keep(c"makeHandle")?,
            native_of: keep(c"nativeOf")?,
        })
    }

    /// The handle of a connection, whose JavaScript object is `this`: the same one every time.
    pub fn of<'env>(
        &self,
        scope: Scope<'env>,
        this: Value<'env>,
        connection: &Rc<Connection>,
    ) -> napi::Result<Value<'env>> {
        let known = scope.call(scope.kept(&self.handle_of)?, [this])?;
        if known.kind()? != napi::ValueType::Undefined {
            return Ok(known);
        }
        let native = scope.external(Native::Database(Rc::clone(connection)))?;
        scope.call(scope.kept(&self.make_handle)?, [this, native])
    }
}

/// The connection behind a store's `db` argument: the handle, or the connection itself.
pub(super) fn shared_connection(env: &Env, db: Unknown<'_>) -> Parsed<Rc<Connection>> {
    let scope = Scope::new(env);
    let db = Argument::new("db", db);
    let handle = &Environment::of(env)?.handle;
    let native = scope.call(scope.kept(&handle.native_of)?, [db.value()])?;
    let connection = if native.kind()? == napi::ValueType::External {
        Rc::clone(connection(native)?)
    } else if let Some(instance) = db.value().class_instance::<DatabaseConnection>() {
        Rc::clone(instance.shared())
    } else {
        return Err(db.wrong_type("a DatabaseConnection or its db"));
    };
    connection.sqlite()?;
    Ok(connection)
}

fn connection(native: Value<'_>) -> napi::Result<&Rc<Connection>> {
    let Native::Database(connection) = native.external()?;
    Ok(connection)
}

fn is_open<'env>(scope: Scope<'env>, arguments: &[Value<'env>]) -> napi::Result<Value<'env>> {
    let [native, ..] = arguments else { return scope.undefined() };
    scope.boolean(connection(*native)?.is_open())
}

fn close<'env>(scope: Scope<'env>, arguments: &[Value<'env>]) -> napi::Result<Value<'env>> {
    let [native, ..] = arguments else { return scope.undefined() };
    let connection = connection(*native)?;
    run(&scope.env(), "Database.close", || Ok(connection.close()?))?;
    scope.undefined()
}
