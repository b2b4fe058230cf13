//! Rows on their way to JavaScript, in batches.
//!
//! Setting properties through Node-API costs more per row than SQLite takes to find it. So the rows
//! of a batch travel as numbers in one shared `Float64Array` and as two strings, one of ASCII and one
//! of everything else, and `glue.js` cuts them into objects.
//!
//! A slice keeps the string that it is cut from alive. A batch therefore ends after [`BATCH_TEXT`]
//! bytes, and a text of more than [`OWN_STRING`] bytes makes a batch with its row alone: that much
//! memory, and no more, may hang on a row that a caller holds on to.

use std::cell::RefCell;
use std::rc::Rc;
use std::slice;

use napi::Result;

use super::environment::Environment;
use super::js::{Kept, Scope, Value};
use crate::store::model::{OutputRow, SessionRow};

/// Rows of a batch.
const BATCH_ROWS: usize = 64;

/// Bytes of text after which a batch ends.
const BATCH_TEXT: usize = 16 * 1024;

/// Bytes of text from which on a row travels alone.
const OWN_STRING: usize = 2 * 1024;

/// Numbers of the widest row, a session.
const ROW_NUMBERS: usize = 8;

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
        let length = BATCH_ROWS * ROW_NUMBERS;
        let (array, memory) = scope.float64_array(length)?;
        let array = scope.keep(array)?;
        // SAFETY: the memory holds `length` numbers. It lives as long as the array, which the
        // environment keeps until its end; only `glue.js` sees the array, and never transfers it.
        let memory = unsafe { slice::from_raw_parts_mut(memory, length) };
        Ok(Self { array, memory: RefCell::new(memory) })
    }
}

/// Collects rows and gives them to JavaScript batch by batch.
pub struct Batches<'env> {
    scope: Scope<'env>,
    environment: Rc<Environment>,
    make: Value<'env>,
    rows: Value<'env>,
    extra: Value<'env>,
    count: usize,
    at: usize,
    ascii: Vec<u8>,
    wide: Vec<u16>,
}

impl<'env> Batches<'env> {
    /// Batches for the function `make` of `glue.js`, which gets `extra` as its last argument.
    pub fn new(
        scope: Scope<'env>,
        environment: &Rc<Environment>,
        make: &Kept,
        extra: Option<Value<'env>>,
    ) -> Result<Self> {
        Ok(Self {
            scope,
            environment: Rc::clone(environment),
            make: scope.kept(make)?,
            rows: scope.array()?,
            extra: match extra {
                Some(extra) => extra,
                None => scope.undefined()?,
            },
            count: 0,
            at: 0,
            ascii: Vec::new(),
            wide: Vec::new(),
        })
    }

    /// Adds a session.
    pub fn session(&mut self, row: SessionRow<'_>) -> Result<()> {
        let text = row.id.len()
            + row.working_dir.len()
            + row.current_command.map_or(0, |command| command.len());
        self.row(text, |batch| {
            batch.text(Some(row.id));
            batch.number(row.slot as f64);
            batch.number(f64::from(row.status as u8));
            batch.text(Some(row.working_dir));
            batch.text(row.current_command);
            batch.number(row.started_at);
            batch.number(row.ended_at.unwrap_or(NULL_NUMBER));
            batch.number(row.pid.unwrap_or(NULL_NUMBER));
        })
    }

    /// Adds a chunk of output.
    pub fn output(&mut self, row: OutputRow<'_>) -> Result<()> {
        self.row(row.data.len(), |batch| {
            batch.number(row.timestamp);
            batch.number(f64::from(row.kind as u8));
            batch.text(Some(row.data));
        })
    }

    /// All rows, as an array.
    pub fn finish(mut self) -> Result<Value<'env>> {
        self.flush()?;
        Ok(self.rows)
    }

    fn row(&mut self, text: usize, write: impl FnOnce(&mut Self)) -> Result<()> {
        let alone = text > OWN_STRING;
        if alone {
            self.flush()?;
        }
        write(self);
        self.count += 1;
        let full = self.count == BATCH_ROWS || self.ascii.len() + self.wide.len() * 2 > BATCH_TEXT;
        if alone || full { self.flush() } else { Ok(()) }
    }

    fn number(&mut self, number: f64) {
        if let Some(place) = self.environment.numbers.memory.borrow_mut().get_mut(self.at) {
            *place = number;
        }
        self.at += 1;
    }

    fn text(&mut self, text: Option<&[u8]>) {
        match text {
            None => self.number(NULL_TEXT),
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
                scope.kept(&self.environment.numbers.array)?,
                scope.latin1(&self.ascii)?,
                scope.utf16(&self.wide)?,
                self.extra,
            ],
        )?;
        (self.count, self.at) = (0, 0);
        self.ascii.clear();
        self.wide.clear();
        Ok(())
    }
}
