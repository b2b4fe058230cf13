//! The native side of `Statement`; `glue/statement.js` has the class.

use std::cell::Cell;
use std::rc::Rc;

use napi::ValueType;

use super::convert::Parsed;
use super::environment::Environment;
use super::error::{Failure, run};
use super::js::{Arguments, Native, Scope, Value};
use super::rows::Batches;
use gsd_session_core::sqlite::{Column, Connection, Row, Statement};

/// Adds the functions of this file to the object that `glue/statement.js` gets.
pub fn add_functions<'env>(scope: Scope<'env>, native: Value<'env>) -> napi::Result<()> {
    scope.add_properties(
        native,
        &[
            (c"describe", scope.function(c"describe", describe)?),
            (c"isIterating", scope.function(c"isIterating", is_iterating)?),
            (c"check", scope.function(c"check", check)?),
            (c"columns", scope.function(c"columns", columns)?),
            (c"expandedSql", scope.function(c"expandedSql", expanded_sql)?),
            (c"configure", scope.function(c"configure", configure)?),
            (c"bind", scope.function(c"bind", bind)?),
            (c"run", scope.function(c"run", run_statement)?),
            (c"get", scope.function(c"get", get)?),
            (c"all", scope.function(c"all", all)?),
            (c"iterate", scope.function(c"iterate", iterate)?),
            (c"next", scope.function(c"next", next)?),
            (c"finish", scope.function(c"finish", finish)?),
        ],
    )
}

/// A statement, and what `glue/statement.js` wants of it.
pub struct Prepared {
    statement: Statement,
    /// The version whose columns the script knows.
    version: Cell<i32>,
    /// Whether integers become bigints.
    safe_integers: Cell<bool>,
    /// Whether only the first column is wanted.
    pluck: Cell<bool>,
    /// Whether its parameters have their values for good.
    bound: Cell<bool>,
}

/// No version of a statement.
const UNKNOWN: i32 = -1;

impl Prepared {
    /// A statement whose columns the script does not know yet.
    pub fn new(statement: Statement) -> Self {
        Self {
            statement,
            version: Cell::new(UNKNOWN),
            safe_integers: Cell::new(false),
            pluck: Cell::new(false),
            bound: Cell::new(false),
        }
    }

    /// The connection that it was prepared on.
    pub fn connection(&self) -> &Rc<Connection> {
        self.statement.connection()
    }

    /// Adds a row, and tells the columns first if they are news.
    fn add<'env>(
        &self,
        scope: Scope<'env>,
        batches: &mut Batches<'env>,
        row: &Row<'_>,
        version: i32,
    ) -> Parsed<()> {
        if version != self.version.get() {
            let columns = self.statement.columns()?;
            let columns = columns.iter().map(|Column { name, table, .. }| {
                let table = match table {
                    Some(table) => scope.string(table.as_bytes())?,
                    None => scope.undefined()?,
                };
                scope.array_of([scope.string(name.as_bytes()), Ok(table)])
            });
            batches.reshape(scope.array_of(columns)?)?;
            self.version.set(version);
        }
        let columns =
            row.as_ref().column_count().min(if self.pluck.get() { 1 } else { usize::MAX });
        batches.values(row, columns, self.safe_integers.get())
    }

    /// Binds values to the parameters, unless they have theirs.
    fn bind<'env>(&self, values: impl Iterator<Item = Value<'env>>) -> Parsed<()> {
        if self.bound.get() {
            return Ok(());
        }
        values.zip(1..).try_for_each(|(value, index)| bind_value(&self.statement, index, value))
    }

    /// Runs `work` with values that are bound for this call only.
    fn with_values<'env, T>(
        &self,
        values: impl Iterator<Item = Value<'env>>,
        work: impl FnOnce() -> Parsed<T>,
    ) -> Parsed<T> {
        let result = self.bind(values).and_then(|()| work());
        if !self.bound.get() {
            self.statement.clear_bindings();
        }
        result
    }
}

fn prepared<'env>(arguments: &Arguments<'_, 'env>) -> napi::Result<&'env Prepared> {
    match arguments.get(0)?.external()? {
        Native::Statement(prepared) => Ok(prepared),
        _ => Err(napi::Error::from_reason("not a statement")),
    }
}

fn statement<'env>(arguments: &Arguments<'_, 'env>) -> napi::Result<&'env Statement> {
    prepared(arguments).map(|prepared| &prepared.statement)
}

fn bind_value(statement: &Statement, index: usize, value: Value<'_>) -> Parsed<()> {
    let bound = match value.kind()? {
        ValueType::Undefined | ValueType::Null => statement.bind(index, rusqlite::types::Null),
        ValueType::Number => statement.bind(index, value.number()?),
        ValueType::String => statement.bind(index, value.string()?),
        ValueType::BigInt => match value.bigint()? {
            Some(integer) => statement.bind(index, integer),
            None => {
                return Err(Failure::Range(format!(
                    "parameter {index} must be a bigint of 64 bits; received a longer one"
                )));
            }
        },
        _ if value.is_buffer()? => value.with_bytes(|bytes| statement.bind(index, bytes))?,
        _ => return Err(Failure::Type(format!("parameter {index} cannot be bound"))),
    };
    match bound {
        Err(error) if error.code_name().as_deref() == Some("SQLITE_TOOBIG") => {
            Err(Failure::Range(format!("parameter {index} is too big for SQLite")))
        }
        bound => Ok(bound?),
    }
}

// The functions that follow are for `glue/statement.js`, which checks their arguments: first the native side
// of the statement, then what the line that reads them names.

fn describe<'env>(scope: Scope<'env>, arguments: Arguments<'_, 'env>) -> napi::Result<Value<'env>> {
    let statement = statement(&arguments)?;
    let (parameters, reader, readonly) = run(&scope.env(), "Database.prepare", || {
        Ok((statement.parameters()?, statement.returns_rows()?, statement.is_readonly()?))
    })?;
    let parameters = parameters.iter().map(|name| match name {
        Some(name) => scope.string(name.as_bytes()),
        None => scope.undefined(),
    });
    scope.object(&[
        (c"parameters", scope.array_of(parameters)?),
        (c"reader", scope.boolean(reader)?),
        (c"readonly", scope.boolean(readonly)?),
    ])
}

fn is_iterating<'env>(
    scope: Scope<'env>,
    arguments: Arguments<'_, 'env>,
) -> napi::Result<Value<'env>> {
    scope.boolean(statement(&arguments)?.is_iterating())
}

fn check<'env>(scope: Scope<'env>, arguments: Arguments<'_, 'env>) -> napi::Result<Value<'env>> {
    let statement = statement(&arguments)?;
    let call = arguments.get(1)?.string()?;
    run(&scope.env(), &call, || Ok(statement.version().map(drop)?))?;
    scope.undefined()
}

fn columns<'env>(scope: Scope<'env>, arguments: Arguments<'_, 'env>) -> napi::Result<Value<'env>> {
    let statement = statement(&arguments)?;
    let columns = run(&scope.env(), "Statement.columns", || Ok(statement.columns()?))?;
    let text = |text: Option<&String>| match text {
        Some(text) => scope.string(text.as_bytes()),
        None => scope.null(),
    };
    scope.array_of(columns.iter().map(|column| {
        let Column { name, origin, table, database, decl_type } = column;
        scope.array_of([
            text(Some(name)),
            text(origin.as_ref()),
            text(table.as_ref()),
            text(database.as_ref()),
            text(decl_type.as_ref()),
        ])
    }))
}

fn expanded_sql<'env>(
    scope: Scope<'env>,
    arguments: Arguments<'_, 'env>,
) -> napi::Result<Value<'env>> {
    let statement = statement(&arguments)?;
    // A closed statement has its source.
    match statement.expanded_sql() {
        Ok(Some(sql)) => scope.string(sql.as_bytes()),
        _ => scope.undefined(),
    }
}

/// safeIntegers, pluck
fn configure<'env>(
    scope: Scope<'env>,
    arguments: Arguments<'_, 'env>,
) -> napi::Result<Value<'env>> {
    let prepared = prepared(&arguments)?;
    prepared.safe_integers.set(arguments.get(1)?.boolean()?);
    prepared.pluck.set(arguments.get(2)?.boolean()?);
    prepared.version.set(UNKNOWN);
    scope.undefined()
}

/// values
fn bind<'env>(scope: Scope<'env>, arguments: Arguments<'_, 'env>) -> napi::Result<Value<'env>> {
    let prepared = prepared(&arguments)?;
    run(&scope.env(), "Statement.bind", || {
        let bound = prepared.bind(arguments.from(1));
        if bound.is_err() {
            prepared.statement.clear_bindings();
        }
        bound
    })?;
    prepared.bound.set(true);
    scope.undefined()
}

/// values -> lastInsertRowid; the note is the number of changes.
fn run_statement<'env>(
    scope: Scope<'env>,
    arguments: Arguments<'_, 'env>,
) -> napi::Result<Value<'env>> {
    let prepared = prepared(&arguments)?;
    let (changes, rowid) = run(&scope.env(), "Statement.run", || {
        prepared.with_values(arguments.from(1), || Ok(prepared.statement.run()?))
    })?;
    Environment::of(&scope.env())?.notes.write(scope, &[changes as f64])?;
    if prepared.safe_integers.get() { scope.bigint(rowid) } else { scope.number(rowid as f64) }
}

/// values -> the first row
fn get<'env>(scope: Scope<'env>, arguments: Arguments<'_, 'env>) -> napi::Result<Value<'env>> {
    query(scope, &arguments, "Statement.get", true)
}

/// values -> all rows
fn all<'env>(scope: Scope<'env>, arguments: Arguments<'_, 'env>) -> napi::Result<Value<'env>> {
    query(scope, &arguments, "Statement.all", false)
}

fn query<'env>(
    scope: Scope<'env>,
    arguments: &Arguments<'_, 'env>,
    call: &str,
    one: bool,
) -> napi::Result<Value<'env>> {
    let prepared = prepared(arguments)?;
    run(&scope.env(), call, || {
        let mut batches = Batches::new(scope)?;
        prepared.with_values(arguments.from(1), || {
            prepared.statement.query(|row, version| {
                prepared.add(scope, &mut batches, row, version)?;
                Ok::<_, Failure>(!one)
            })
        })?;
        Ok(batches.finish()?)
    })
}

/// values
fn iterate<'env>(scope: Scope<'env>, arguments: Arguments<'_, 'env>) -> napi::Result<Value<'env>> {
    let prepared = prepared(&arguments)?;
    run(&scope.env(), "Statement.iterate", || {
        prepared.bind(arguments.from(1))?;
        Ok(prepared.statement.start_iterating(!prepared.bound.get())?)
    })?;
    scope.undefined()
}

/// The next row, or none.
fn next<'env>(scope: Scope<'env>, arguments: Arguments<'_, 'env>) -> napi::Result<Value<'env>> {
    let prepared = prepared(&arguments)?;
    run(&scope.env(), "StatementIterator.next", || {
        let mut batches = Batches::new(scope)?;
        prepared
            .statement
            .advance(|row, version| prepared.add(scope, &mut batches, row, version))?;
        Ok(batches.finish()?)
    })
}

fn finish<'env>(scope: Scope<'env>, arguments: Arguments<'_, 'env>) -> napi::Result<Value<'env>> {
    let statement = statement(&arguments)?;
    run(&scope.env(), "StatementIterator.return", || Ok(statement.finish_iterating()?))?;
    scope.undefined()
}
