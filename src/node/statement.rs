//! The native side of `Statement`; `glue/statement.js` has the class.

use napi::ValueType;

use super::convert::Parsed;
use super::environment::Environment;
use super::error::{Failure, run};
use super::js::{Arguments, Native, Scope, Value};
use super::rows::Batches;
use crate::sqlite::{Column, Error, Row, Statement};

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

fn statement(native: Value<'_>) -> napi::Result<&Statement> {
    match native.external()? {
        Native::Statement(statement) => Ok(statement),
        Native::Database(_) => Err(napi::Error::from_reason("not a statement")),
    }
}

/// How rows are to be made, as `glue/statement.js` passes it behind the native side of the statement: the
/// function that makes rows of the columns as they were in `version`, the one that makes a new such
/// function, whether integers become bigints, and whether only the first column is wanted.
struct Shape<'env> {
    make: Value<'env>,
    version: i32,
    refresh: Value<'env>,
    safe_integers: bool,
    pluck: bool,
}

/// The index of the first argument behind a [`Shape`].
const AFTER_SHAPE: usize = 6;

impl<'env> Shape<'env> {
    fn read(arguments: &Arguments<'_, 'env>) -> napi::Result<Self> {
        Ok(Self {
            make: arguments.get(1)?,
            version: arguments.get(2)?.number()? as i32,
            refresh: arguments.get(3)?,
            safe_integers: arguments.get(4)?.boolean()?,
            pluck: arguments.get(5)?.boolean()?,
        })
    }

    fn batches(&self, scope: Scope<'env>) -> napi::Result<Batches<'env>> {
        Ok(Batches::new(scope, &Environment::of(&scope.env())?, self.make))
    }

    fn add(
        &mut self,
        scope: Scope<'env>,
        batches: &mut Batches<'env>,
        row: &Row<'_>,
        version: i32,
    ) -> Parsed<()> {
        let statement = row.as_ref();
        if version != self.version {
            let columns = statement.columns_with_metadata().map(|column| {
                let table = match column.table_name() {
                    Some(table) => scope.string(table.as_bytes())?,
                    None => scope.undefined()?,
                };
                scope.array_of([scope.string(column.name().as_bytes()), Ok(table)])
            });
            let columns = scope.array_of(columns)?;
            let version_now = scope.number(f64::from(version))?;
            batches.make_by(scope.call(self.refresh, [version_now, columns])?);
            self.version = version;
        }
        let columns = statement.column_count().min(if self.pluck { 1 } else { usize::MAX });
        batches.values(columns, self.safe_integers, |column| {
            Ok(row.get_ref(column).map_err(Error::from)?)
        })
    }
}

/// Binds the values behind the flag at `flag`, which says whether there are any to bind.
fn bind_values(statement: &Statement, arguments: &Arguments<'_, '_>, flag: usize) -> Parsed<()> {
    if !arguments.get(flag)?.boolean()? {
        return Ok(());
    }
    for (value, index) in arguments.from(flag + 1).zip(1..) {
        bind_value(statement, index, value)?;
    }
    Ok(())
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

/// Runs `work` on a statement whose parameters are bound for this call only.
fn with_values<T>(
    statement: &Statement,
    arguments: &Arguments<'_, '_>,
    flag: usize,
    work: impl FnOnce() -> Parsed<T>,
) -> Parsed<T> {
    let result = bind_values(statement, arguments, flag).and_then(|()| work());
    if arguments.get(flag)?.boolean()? {
        statement.clear_bindings();
    }
    result
}

// The functions that follow are for `glue/statement.js`, which checks their arguments: first the native side
// of the statement, then what the line that reads them names.

fn describe<'env>(scope: Scope<'env>, arguments: Arguments<'_, 'env>) -> napi::Result<Value<'env>> {
    let statement = statement(arguments.get(0)?)?;
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
    scope.boolean(statement(arguments.get(0)?)?.is_iterating())
}

fn check<'env>(scope: Scope<'env>, arguments: Arguments<'_, 'env>) -> napi::Result<Value<'env>> {
    let statement = statement(arguments.get(0)?)?;
    let call = arguments.get(1)?.string()?;
    run(&scope.env(), &call, || Ok(statement.version().map(drop)?))?;
    scope.undefined()
}

fn columns<'env>(scope: Scope<'env>, arguments: Arguments<'_, 'env>) -> napi::Result<Value<'env>> {
    let statement = statement(arguments.get(0)?)?;
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
    let statement = statement(arguments.get(0)?)?;
    // A closed statement has its source.
    match statement.expanded_sql() {
        Ok(Some(sql)) => scope.string(sql.as_bytes()),
        _ => scope.undefined(),
    }
}

fn bind<'env>(scope: Scope<'env>, arguments: Arguments<'_, 'env>) -> napi::Result<Value<'env>> {
    let statement = statement(arguments.get(0)?)?;
    run(&scope.env(), "Statement.bind", || {
        let bound = arguments
            .from(1)
            .zip(1..)
            .try_for_each(|(value, index)| bind_value(statement, index, value));
        if bound.is_err() {
            statement.clear_bindings();
        }
        bound
    })?;
    scope.undefined()
}

/// safeIntegers, flag, values -> lastInsertRowid; the number of changes is the first of the numbers.
fn run_statement<'env>(
    scope: Scope<'env>,
    arguments: Arguments<'_, 'env>,
) -> napi::Result<Value<'env>> {
    let statement = statement(arguments.get(0)?)?;
    let (changes, rowid) = run(&scope.env(), "Statement.run", || {
        with_values(statement, &arguments, 2, || Ok(statement.run()?))
    })?;
    Environment::of(&scope.env())?.numbers.set(0, changes as f64);
    if arguments.get(1)?.boolean()? { scope.bigint(rowid) } else { scope.number(rowid as f64) }
}

/// shape, flag, values -> the first row, or `undefined`
fn get<'env>(scope: Scope<'env>, arguments: Arguments<'_, 'env>) -> napi::Result<Value<'env>> {
    query(scope, &arguments, "Statement.get", true)
}

/// shape, flag, values -> all rows
fn all<'env>(scope: Scope<'env>, arguments: Arguments<'_, 'env>) -> napi::Result<Value<'env>> {
    query(scope, &arguments, "Statement.all", false)
}

fn query<'env>(
    scope: Scope<'env>,
    arguments: &Arguments<'_, 'env>,
    call: &str,
    one: bool,
) -> napi::Result<Value<'env>> {
    let statement = statement(arguments.get(0)?)?;
    run(&scope.env(), call, || {
        with_values(statement, arguments, AFTER_SHAPE, || {
            let mut shape = Shape::read(arguments)?;
            let mut batches = shape.batches(scope)?;
            statement.query(|row, version| {
                shape.add(scope, &mut batches, row, version)?;
                Ok::<_, Failure>(!one)
            })?;
            Ok(if one { batches.finish_one() } else { batches.finish() }?)
        })
    })
}

/// flag, values
fn iterate<'env>(scope: Scope<'env>, arguments: Arguments<'_, 'env>) -> napi::Result<Value<'env>> {
    let statement = statement(arguments.get(0)?)?;
    run(&scope.env(), "Statement.iterate", || {
        bind_values(statement, &arguments, 1)?;
        Ok(statement.start_iterating(arguments.get(1)?.boolean()?)?)
    })?;
    scope.undefined()
}

/// shape -> an array of the next row, or of none
fn next<'env>(scope: Scope<'env>, arguments: Arguments<'_, 'env>) -> napi::Result<Value<'env>> {
    let statement = statement(arguments.get(0)?)?;
    run(&scope.env(), "StatementIterator.next", || {
        let mut shape = Shape::read(&arguments)?;
        let mut batches = shape.batches(scope)?;
        statement.advance(|row, version| shape.add(scope, &mut batches, row, version))?;
        Ok(batches.finish()?)
    })
}

fn finish<'env>(scope: Scope<'env>, arguments: Arguments<'_, 'env>) -> napi::Result<Value<'env>> {
    let statement = statement(arguments.get(0)?)?;
    run(&scope.env(), "StatementIterator.return", || Ok(statement.finish_iterating()?))?;
    scope.undefined()
}
