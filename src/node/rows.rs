//! Rows on their way to JavaScript, in batches.
//!
//! Setting properties through Node-API costs more per row than SQLite takes to find it. So the rows
//! of a batch travel as numbers in one shared `Float64Array` and as two strings, one of ASCII and one
//! of everything else, and `glue/rows.js` cuts them into objects.
//!
//! A slice keeps the string that it is cut from alive. A batch therefore ends after [`BATCH_TEXT`]
//! bytes, and a text of more than [`OWN_STRING`] bytes makes a batch with its row alone: that much
//! memory, and no more, may hang on a row that a caller holds on to.

use std::cell::RefCell;
use std::rc::Rc;
use std::slice;

use napi::Result;

use super::convert::Parsed;
use super::environment::Environment;
use super::error::Failure;
use super::js::{Kept, Scope, Value};
use crate::sqlite::ValueRef;
use crate::store::model::{OutputRow, SessionRow};
use crate::store::utf16::{Length, MAX_LENGTH};

/// Rows of a batch.
const BATCH_ROWS: usize = 64;

/// Bytes of text after which a batch ends.
const BATCH_TEXT: usize = 16 * 1024;

/// Bytes of text from which on a row travels alone.
const OWN_STRING: usize = 2 * 1024;

/// Numbers of a batch: room for a row of 2,000 columns, which is all that SQLite allows, twice over.
const BATCH_NUMBERS: usize = 8 * 1024;

/// Numbers that a value of any type takes at most.
const VALUE_NUMBERS: usize = 2;

const NULL_TEXT: f64 = -1.0;
const NULL_NUMBER: f64 = f64::INFINITY;

/// The `Float64Array` that every batch of an environment reuses.
pub struct Numbers {
    array: Kept,
    memory: RefCell<&'static mut [f64]>,
}

impl Numbers {
    /// An array with room for the widest batch.
    pub fn new(scope: Scope<'_>) -> Result<Self> {
        let (array, memory) = scope.float64_array(BATCH_NUMBERS)?;
        let array = scope.keep(array)?;
        // SAFETY: the memory holds that many numbers. It lives as long as the array, which the
        // environment keeps until its end; only `glue/rows.js` sees the array, and never transfers it.
        let memory = unsafe { slice::from_raw_parts_mut(memory, BATCH_NUMBERS) };
        Ok(Self { array, memory: RefCell::new(memory) })
    }

    /// The array.
    pub fn array<'env>(&self, scope: Scope<'env>) -> Result<Value<'env>> {
        scope.kept(&self.array)
    }

    /// Writes a number.
    pub fn set(&self, at: usize, number: f64) {
        if let Some(place) = self.memory.borrow_mut().get_mut(at) {
            *place = number;
        }
    }
}

/// How a value of any type travels: its kind, and then what it needs.
#[derive(Clone, Copy)]
enum Kind {
    Null,
    Int32,
    Number,
    Text,
    Extra,
}

/// Collects rows and gives them to JavaScript batch by batch.
pub struct Batches<'env> {
    scope: Scope<'env>,
    environment: Rc<Environment>,
    /// The function that makes the rows.
    make: Value<'env>,
    rows: Value<'env>,
    /// Its last argument: what all rows share, or an array of the values that are made here.
    extra: Value<'env>,
    extras: u32,
    count: usize,
    at: usize,
    ascii: Vec<u8>,
    wide: Vec<u16>,
}

impl<'env> Batches<'env> {
    /// Batches for the function `make`, which gets `extra` as its last argument.
    pub fn new(
        scope: Scope<'env>,
        environment: &Rc<Environment>,
        make: Value<'env>,
        extra: Value<'env>,
    ) -> Result<Self> {
        Ok(Self {
            scope,
            environment: Rc::clone(environment),
            make,
            rows: scope.array()?,
            extra,
            extras: 0,
            count: 0,
            at: 0,
            ascii: Vec::new(),
            wide: Vec::new(),
        })
    }

    /// Batches of sessions.
    pub fn sessions(scope: Scope<'env>, environment: &Rc<Environment>) -> Result<Self> {
        let make = scope.kept(&environment.sessions)?;
        Self::new(scope, environment, make, scope.undefined()?)
    }

    /// Batches of the output of one session.
    pub fn outputs(
        scope: Scope<'env>,
        environment: &Rc<Environment>,
        session_id: Value<'env>,
    ) -> Result<Self> {
        Self::new(scope, environment, scope.kept(&environment.outputs)?, session_id)
    }

    /// Makes the following rows by another function.
    pub fn make_by(&mut self, make: Value<'env>) {
        self.make = make;
    }

    /// Adds a session.
    pub fn session(&mut self, row: SessionRow<'_>) -> Parsed<()> {
        let text = row.id.len()
            + row.working_dir.len()
            + row.current_command.map_or(0, |command| command.len());
        self.row(text, |batch| {
            batch.text(Some(row.id))?;
            batch.number(row.slot as f64);
            batch.number(f64::from(row.status as u8));
            batch.text(Some(row.working_dir))?;
            batch.text(row.current_command)?;
            batch.number(row.started_at);
            batch.number(row.ended_at.unwrap_or(NULL_NUMBER));
            batch.number(row.pid.unwrap_or(NULL_NUMBER));
            Ok(())
        })
    }

    /// Adds a chunk of output.
    pub fn output(&mut self, row: OutputRow<'_>) -> Parsed<()> {
        self.row(row.data.len(), |batch| {
            batch.number(row.timestamp);
            batch.number(f64::from(row.kind as u8));
            batch.text(Some(row.data))
        })
    }

    /// Adds a row of values of any type; integers as bigints where they are to be safe.
    pub fn values<'row>(
        &mut self,
        columns: usize,
        safe_integers: bool,
        value: impl Fn(usize) -> Parsed<ValueRef<'row>>,
    ) -> Parsed<()> {
        if self.at + columns * VALUE_NUMBERS > BATCH_NUMBERS {
            self.flush()?;
        }
        let mut text = 0;
        for column in 0..columns {
            let value = value(column)?;
            if let ValueRef::Text(bytes) = value {
                text += bytes.len();
            }
            self.value(value, safe_integers)?;
        }
        Ok(self.end_row(text > OWN_STRING)?)
    }

    fn value(&mut self, value: ValueRef<'_>, safe_integers: bool) -> Parsed<()> {
        match value {
            ValueRef::Null => self.kind(Kind::Null),
            ValueRef::Integer(integer) if safe_integers => {
                self.extra(self.scope.bigint(integer)?)?;
            }
            ValueRef::Integer(integer) => {
                let small = i32::try_from(integer).is_ok();
                self.kind(if small { Kind::Int32 } else { Kind::Number });
                self.number(integer as f64);
            }
            ValueRef::Real(real) => {
                self.kind(Kind::Number);
                self.number(real);
            }
            ValueRef::Text(text) => {
                self.kind(Kind::Text);
                self.text(Some(text))?;
            }
            ValueRef::Blob(bytes) => self.extra(self.scope.buffer(bytes)?)?,
        }
        Ok(())
    }

    fn kind(&mut self, kind: Kind) {
        self.number(f64::from(kind as u8));
    }

    fn extra(&mut self, value: Value<'env>) -> Result<()> {
        self.kind(Kind::Extra);
        self.extra.set_element(self.extras, value)?;
        self.extras += 1;
        Ok(())
    }

    /// All rows, as an array.
    pub fn finish(mut self) -> Result<Value<'env>> {
        self.flush()?;
        Ok(self.rows)
    }

    fn row(&mut self, text: usize, write: impl FnOnce(&mut Self) -> Parsed<()>) -> Parsed<()> {
        let alone = text > OWN_STRING;
        if alone {
            self.flush()?;
        }
        write(self)?;
        Ok(self.end_row(alone)?)
    }

    fn end_row(&mut self, alone: bool) -> Result<()> {
        self.count += 1;
        let full = self.count == BATCH_ROWS || self.ascii.len() + self.wide.len() * 2 > BATCH_TEXT;
        if alone || full { self.flush() } else { Ok(()) }
    }

    fn number(&mut self, number: f64) {
        self.environment.numbers.set(self.at, number);
        self.at += 1;
    }

    fn text(&mut self, text: Option<&[u8]>) -> Parsed<()> {
        match text {
            None => self.number(NULL_TEXT),
            Some(text) if !Length::default().fits(text) => {
                return Err(Failure::Range(format!(
                    "a stored text of {} bytes is longer than the longest string of JavaScript \
                     ({MAX_LENGTH} UTF-16 code units)",
                    text.len()
                )));
            }
            Some(text) if text.is_ascii() => {
                self.ascii.extend_from_slice(text);
                self.number(text.len() as f64 * 2.0);
            }
            Some(text) => {
                let before = self.wide.len();
                self.wide.extend(String::from_utf8_lossy(text).encode_utf16());
                self.number((self.wide.len() - before) as f64 * 2.0 + 1.0);
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        if self.count == 0 {
            return Ok(());
        }
        let scope = self.scope;
        scope.call(
            self.make,
            [
                self.rows,
                scope.number(self.count as f64)?,
                self.environment.numbers.array(scope)?,
                scope.latin1(&self.ascii)?,
                scope.utf16(&self.wide)?,
                self.extra,
            ],
        )?;
        (self.count, self.at, self.extras) = (0, 0, 0);
        self.ascii.clear();
        self.wide.clear();
        Ok(())
    }
}
