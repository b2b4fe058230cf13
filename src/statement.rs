//! What `lib/statement.js` calls. The first argument is the native side of the statement.

use std::cell::Cell;

use gsd_session_core::sqlite::{Column, Row, Statement};
use napi::ValueType;

use crate::error::{Failure, Parsed};
use crate::js::{Scope, Value};
use crate::natives::{Answer, Call, Native, checked, done, natives};
use crate::rows::Batches;

/// The functions.
pub const NATIVES: &[Native] = natives! {
    "Database.prepare": describe;
    "Statement": is_iterating, check, expanded_sql, configure;
    "Statement.columns": columns;
    "Statement.bind": bind;
    "Statement.run": run;
    "Statement.get": get;
    "Statement.all": all;
    "Statement.iterate": iterate;
    "StatementIterator.next": next;
    "StatementIterator.return": finish;
};

/// A statement, and what JavaScript wants of it.
pub struct Prepared {
    statement: Statement,
    /// The version whose columns JavaScript knows.
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
    /// A statement whose columns JavaScript does not know yet.
    pub fn new(statement: Statement) -> Self {
        Self {
            statement,
            version: Cell::new(UNKNOWN),
            safe_integers: Cell::new(false),
            pluck: Cell::new(false),
            bound: Cell::new(false),
        }
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

fn prepared<'env>(call: Call<'_, 'env>) -> Parsed<&'env Prepared> {
    Ok(call.native()?)
}

fn statement<'env>(call: Call<'_, 'env>) -> Parsed<&'env Statement> {
    prepared(call).map(|prepared| &prepared.statement)
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

/// the statement -> the names of its parameters, whether it returns rows, whether it is readonly
fn describe<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let statement = statement(call)?;
    let scope = call.scope();
    let names = statement.parameters()?;
    let names = scope.array_of(names.iter().map(|name| match name {
        Some(name) => scope.string(name.as_bytes()),
        None => scope.undefined(),
    }))?;
    let [reader, readonly] = [statement.returns_rows()?, statement.is_readonly()?];
    Ok(scope.array_of([Ok(names), scope.boolean(reader), scope.boolean(readonly)])?)
}

fn is_iterating<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    Ok(call.scope().boolean(statement(call)?.is_iterating())?)
}

/// the call that wants it usable
fn check<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    checked(call, statement(call)?.version())
}

/// the statement -> for each column its name, the column and table it comes from, their database, and its type
fn columns<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let columns = statement(call)?.columns()?;
    let scope = call.scope();
    let text = |text: Option<&String>| match text {
        Some(text) => scope.string(text.as_bytes()),
        None => scope.null(),
    };
    Ok(scope.array_of(columns.iter().map(|column| {
        let Column { name, origin, table, database, decl_type } = column;
        scope.array_of([
            text(Some(name)),
            text(origin.as_ref()),
            text(table.as_ref()),
            text(database.as_ref()),
            text(decl_type.as_ref()),
        ])
    }))?)
}

fn expanded_sql<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    // A closed statement has its source.
    match statement(call)?.expanded_sql() {
        Ok(Some(sql)) => Ok(call.scope().string(sql.as_bytes())?),
        _ => done(call),
    }
}

/// safeIntegers, pluck
fn configure<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let prepared = prepared(call)?;
    prepared.safe_integers.set(call.get(1)?.boolean()?);
    prepared.pluck.set(call.get(2)?.boolean()?);
    done(call)
}

/// values
fn bind<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let prepared = prepared(call)?;
    if let Err(failure) = prepared.bind(call.from(1)) {
        prepared.statement.clear_bindings();
        return Err(failure);
    }
    prepared.bound.set(true);
    done(call)
}

/// values -> lastInsertRowid; the note is the number of changes.
fn run<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let prepared = prepared(call)?;
    let (changes, rowid) =
        prepared.with_values(call.from(1), || Ok(prepared.statement.run()?))?;
    let scope = call.scope();
    call.host().note(scope, [changes as f64])?;
    let rowid =
        if prepared.safe_integers.get() { scope.bigint(rowid) } else { scope.number(rowid as f64) };
    Ok(rowid?)
}

/// values -> the first row
fn get<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    query(call, true)
}

/// values -> all rows
fn all<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    query(call, false)
}

fn query<'env>(call: Call<'_, 'env>, one: bool) -> Answer<'env> {
    let prepared = prepared(call)?;
    let mut batches = Batches::new(call);
    prepared.with_values(call.from(1), || {
        prepared.statement.query(|row, version| {
            prepared.add(call.scope(), &mut batches, row, version)?;
            Ok::<_, Failure>(!one)
        })
    })?;
    Ok(batches.finish()?)
}

/// values
fn iterate<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let prepared = prepared(call)?;
    prepared.bind(call.from(1))?;
    prepared.statement.start_iterating(!prepared.bound.get())?;
    done(call)
}

/// the statement -> the next row, or none
fn next<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let prepared = prepared(call)?;
    let mut batches = Batches::new(call);
    prepared
        .statement
        .advance(|row, version| prepared.add(call.scope(), &mut batches, row, version))?;
    Ok(batches.finish()?)
}

fn finish<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    statement(call)?.finish_iterating()?;
    done(call)
}
