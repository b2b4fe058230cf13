//! The native side of `Database`, the handle behind `connection.db`; `glue/database.js` has the class.

use std::rc::Rc;

use napi::ValueType;

use super::connection::DatabaseConnection;
use super::convert::{Argument, Parsed};
use super::environment::Environment;
use super::error::run;
use super::follow;
use super::js::{Arguments, Kept, Native, Scope, Value};
use super::statement::{self, Prepared};
use gsd_session_core::sqlite::{Connection, Error};

const PARAMETERS: &str = include_str!("glue/parameters.js");
const SHAPES: &str = include_str!("glue/shapes.js");
const STATEMENT: &str = include_str!("glue/statement.js");
const DATABASE: &str = include_str!("glue/database.js");

/// The functions of `glue/database.js` that the rest of the face needs.
pub struct Handle {
    handle_of: Kept,
    make_handle: Kept,
    native_of: Kept,
}

impl Handle {
    /// Evaluates the scripts. `read` gives the values of a row one by one, `rows` begins and finishes a
    /// query, and `notes` is where numbers come back.
    pub fn new<'env>(
        scope: Scope<'env>,
        checks: Value<'env>,
        read: Value<'env>,
        rows: Value<'env>,
        notes: Value<'env>,
    ) -> napi::Result<Self> {
        let native = scope.object(&[
            (c"info", scope.function(c"info", info)?),
            (c"isOpen", scope.function(c"isOpen", is_open)?),
            (c"inTransaction", scope.function(c"inTransaction", in_transaction)?),
            (c"checkOpen", scope.function(c"checkOpen", check_open)?),
            (c"checkNotIterating", scope.function(c"checkNotIterating", check_not_iterating)?),
            (c"prepare", scope.function(c"prepare", prepare)?),
            (c"exec", scope.function(c"exec", exec)?),
            (c"execCached", scope.function(c"execCached", exec_cached)?),
            (c"undo", scope.function(c"undo", undo)?),
            (c"close", scope.function(c"close", close)?),
            (c"compile", scope.function(c"compile", compile)?),
        ])?;
        statement::add_functions(scope, native)?;
        let parameters = scope.call(scope.run_script(PARAMETERS)?, [checks])?;
        let shapes = scope.call(scope.run_script(SHAPES)?, [native, read])?;
        let statement = scope.call(
            scope.run_script(STATEMENT)?,
            [native, notes, checks, parameters, shapes, rows],
        )?;
        let handle = scope.call(scope.run_script(DATABASE)?, [native, checks, statement])?;
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
        if known.kind()? != ValueType::Undefined {
            return Ok(known);
        }
        let native = scope.external(Native::Database(Rc::clone(connection)))?;
        scope.call(scope.kept(&self.make_handle)?, [this, native])
    }
}

/// The connection behind a store's `db` argument: the handle, or the connection itself.
pub(super) fn shared_connection<'env>(
    scope: Scope<'env>,
    db: Value<'env>,
) -> Parsed<Rc<Connection>> {
    let db = Argument::new("db", db);
    let handle = &Environment::of(&scope.env())?.handle;
    let native = scope.call(scope.kept(&handle.native_of)?, [db.value()])?;
    let connection = if native.kind()? == ValueType::External {
        Rc::clone(connection(native)?)
    } else {
        let wanted = || db.wrong_type("a DatabaseConnection or its db");
        let instance = db.value().class_instance::<DatabaseConnection>().ok_or_else(wanted)?;
        Rc::clone(instance.shared()?)
    };
    connection.unsettled()?;
    Ok(connection)
}

fn connection(native: Value<'_>) -> napi::Result<&Rc<Connection>> {
    match native.external()? {
        Native::Database(connection) => Ok(connection),
        Native::Statement(statement) => Ok(statement.connection()),
        _ => Err(napi::Error::from_reason("not a database")),
    }
}

// The functions that follow are for `glue/database.js`, which checks their arguments: first the native
// side of the database, then what the line that reads them names.

fn info<'env>(scope: Scope<'env>, arguments: Arguments<'_, 'env>) -> napi::Result<Value<'env>> {
    let connection = connection(arguments.get(0)?)?;
    scope.object(&[
        (c"name", scope.string(connection.path().as_bytes())?),
        (c"memory", scope.boolean(connection.is_memory())?),
        (c"readonly", scope.boolean(connection.is_readonly())?),
    ])
}

fn is_open<'env>(scope: Scope<'env>, arguments: Arguments<'_, 'env>) -> napi::Result<Value<'env>> {
    scope.boolean(connection(arguments.get(0)?)?.is_open())
}

fn in_transaction<'env>(
    scope: Scope<'env>,
    arguments: Arguments<'_, 'env>,
) -> napi::Result<Value<'env>> {
    // A closed database is in no transaction.
    scope.boolean(connection(arguments.get(0)?)?.in_transaction().unwrap_or(false))
}

fn check_open<'env>(
    scope: Scope<'env>,
    arguments: Arguments<'_, 'env>,
) -> napi::Result<Value<'env>> {
    check(scope, arguments, |connection| connection.unsettled().map(drop))
}

fn check_not_iterating<'env>(
    scope: Scope<'env>,
    arguments: Arguments<'_, 'env>,
) -> napi::Result<Value<'env>> {
    check(scope, arguments, |connection| {
        connection.unsettled()?;
        connection.check_not_iterating()
    })
}

fn check<'env>(
    scope: Scope<'env>,
    arguments: Arguments<'_, 'env>,
    holds: impl FnOnce(&Connection) -> Result<(), Error>,
) -> napi::Result<Value<'env>> {
    let connection = connection(arguments.get(0)?)?;
    let call = arguments.get(1)?.string()?;
    run(&scope.env(), &call, || Ok(holds(connection)?))?;
    scope.undefined()
}

fn prepare<'env>(scope: Scope<'env>, arguments: Arguments<'_, 'env>) -> napi::Result<Value<'env>> {
    let connection = connection(arguments.get(0)?)?;
    let statement = run(&scope.env(), "Database.prepare", || {
        Ok(connection.prepare(&arguments.get(1)?.string()?)?)
    })?;
    scope.external(Native::Statement(Prepared::new(statement)))
}

fn exec<'env>(scope: Scope<'env>, arguments: Arguments<'_, 'env>) -> napi::Result<Value<'env>> {
    let connection = connection(arguments.get(0)?)?;
    run(&scope.env(), "Database.exec", || Ok(connection.execute(&arguments.get(1)?.string()?)?))?;
    scope.undefined()
}

fn exec_cached<'env>(
    scope: Scope<'env>,
    arguments: Arguments<'_, 'env>,
) -> napi::Result<Value<'env>> {
    let connection = connection(arguments.get(0)?)?;
    let source = arguments.get(1)?.string()?;
    run(&scope.env(), "Database.transaction", || Ok(connection.execute_cached(&source)?))?;
    scope.undefined()
}

fn undo<'env>(scope: Scope<'env>, arguments: Arguments<'_, 'env>) -> napi::Result<Value<'env>> {
    let connection = connection(arguments.get(0)?)?;
    let source = arguments.get(1)?.string()?;
    run(&scope.env(), "Database.transaction", || Ok(connection.undo(&source)?))?;
    scope.undefined()
}

fn close<'env>(scope: Scope<'env>, arguments: Arguments<'_, 'env>) -> napi::Result<Value<'env>> {
    let connection = connection(arguments.get(0)?)?;
    follow::close(&scope.env(), "Database.close", connection)?;
    scope.undefined()
}

fn compile<'env>(scope: Scope<'env>, arguments: Arguments<'_, 'env>) -> napi::Result<Value<'env>> {
    scope.run_script(&arguments.get(0)?.string()?)
}
