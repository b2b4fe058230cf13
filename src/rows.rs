//! Rows on their way to JavaScript, in batches.
//!
//! Setting properties through Node-API costs more per row than SQLite takes to find it. So the rows
//! of a batch travel as numbers in one `Float64Array` and as two strings, one of ASCII and one
//! of everything else, and `lib/rows.js` cuts them into objects. The last batch, which most often is
//! the only one, is what the call returns; for a full one before it a function of that script is called.
//!
//! A slice keeps the string that it is cut from alive. A batch therefore ends after [`BATCH_TEXT`]
//! bytes, and a text of more than [`OWN_STRING`] bytes becomes a string of its own: that much memory,
//! and no more, may hang on a value that a caller holds on to.

use std::rc::Rc;

use gsd_session_core::sqlite::{Row, ValueRef};
use gsd_session_core::store::model::{Chunk, OutputRow, SessionRow};
use gsd_session_core::store::search::Match;
use gsd_session_core::store::utf16::{MAX_LENGTH, fits, push_wide};
use napi::Result;

use crate::environment::{Environment, Room, Step};
use crate::error::{Failure, Parsed};
use crate::js::{Scope, Value};
use crate::natives::Call;

/// Rows of a batch.
const BATCH_ROWS: usize = 256;

/// Bytes of text after which a batch ends.
const BATCH_TEXT: usize = 16 * 1024;

/// Bytes of text from which on a text is a string of its own.
const OWN_STRING: usize = 2 * 1024;

/// Numbers of a batch: room for a row of 2,000 columns, which is all that SQLite allows, twice over.
const BATCH_NUMBERS: usize = 8 * 1024;

/// Numbers that a value of any type takes at most.
const VALUE_NUMBERS: usize = 2;

/// Numbers that a match takes without the lines around it.
const MATCH_NUMBERS: usize = 9;

const NULL_TEXT: f64 = -1.0;
const NULL_NUMBER: f64 = f64::INFINITY;

/// How many rows there are, in front of their numbers, until that is known.
const HEADER: f64 = 0.0;

/// A text that is among the extras.
const EXTRA_TEXT: f64 = -2.0;

/// How a value of any type travels: its kind, and then what it needs.
#[derive(Clone, Copy)]
enum Kind {
    Null,
    Int32,
    Number,
    Text,
    BigInt,
    Extra,
}

/// Collects rows and gives them to JavaScript batch by batch.
pub struct Batches<'env> {
    scope: Scope<'env>,
    environment: Rc<Environment>,
    /// Values that are made here.
    extras: Vec<Value<'env>>,
    count: usize,
    room: Room,
}

impl Drop for Batches<'_> {
    fn drop(&mut self) {
        let room = std::mem::take(&mut self.room);
        // A row of thousands of columns took more than is worth keeping.
        if room.ascii.capacity().max(room.wide.capacity()) <= 4 * BATCH_TEXT {
            self.environment.give_back(room);
        }
    }
}

impl<'env> Batches<'env> {
    /// Batches for the rows of a query that the call has begun.
    pub fn new(call: Call<'_, 'env>) -> Self {
        let environment = Rc::clone(call.host());
        let mut room = environment.take_room();
        room.numbers.push(HEADER);
        Self { scope: call.scope(), environment, extras: Vec::new(), count: 0, room }
    }

    /// Has the following rows made for these columns, each a pair of its name and its table.
    pub fn reshape(&self, columns: Value<'env>) -> Result<()> {
        self.environment.step(self.scope, Step::Reshape, [columns])
    }

    /// Has the rows put into another order at the end of the call, by their numbers.
    pub fn reorder(&self, order: &[u32]) -> Result<()> {
        let bytes: Vec<u8> = order.iter().flat_map(|number| number.to_ne_bytes()).collect();
        self.environment.step(self.scope, Step::Reorder, [self.scope.buffer(&bytes)?])
    }

    fn clear(&mut self) {
        self.count = 0;
        self.room.clear();
        self.room.numbers.push(HEADER);
    }

    /// Adds a session.
    pub fn session(&mut self, row: SessionRow<'_>) -> Parsed<()> {
        self.text(row.id)?;
        self.number(row.slot as f64);
        self.number(f64::from(row.status as u8));
        self.text(row.working_dir)?;
        self.optional_text(row.current_command)?;
        self.number(row.started_at);
        self.number(row.ended_at.unwrap_or(NULL_NUMBER));
        self.number(row.pid.unwrap_or(NULL_NUMBER));
        let Some(details) = row.details else {
            self.number(0.0);
            return Ok(self.end_row()?);
        };
        self.number(1.0);
        self.optional_text(details.title)?;
        self.number(details.exit_code.unwrap_or(NULL_NUMBER));
        self.optional_text(details.signal)?;
        self.optional_text(details.error)?;
        self.number(details.terminal.map_or(NULL_NUMBER, |terminal| f64::from(u8::from(terminal))));
        self.number(details.columns.unwrap_or(NULL_NUMBER));
        self.number(details.rows.unwrap_or(NULL_NUMBER));
        Ok(self.end_row()?)
    }

    fn optional_text(&mut self, text: Option<&[u8]>) -> Parsed<()> {
        match text {
            Some(text) => self.text(text),
            None => {
                self.number(NULL_TEXT);
                Ok(())
            }
        }
    }

    /// Adds a chunk of output.
    pub fn output(&mut self, row: OutputRow<'_>) -> Parsed<()> {
        self.number(row.timestamp);
        self.number(f64::from(row.kind as u8));
        self.text(row.data)?;
        Ok(self.end_row()?)
    }

    /// Adds a chunk of output with its cursor.
    pub fn chunk(&mut self, chunk: Chunk<'_>) -> Parsed<()> {
        self.number(chunk.id as f64);
        self.output(chunk.output)
    }

    /// Adds a match of a search.
    pub fn found(&mut self, found: &Match) -> Parsed<()> {
        if self.room.numbers.len() + MATCH_NUMBERS + found.before.len() + found.after.len()
            > BATCH_NUMBERS
        {
            self.give(Step::Batch)?;
        }
        self.text(&found.session_id)?;
        self.text(found.line.as_bytes())?;
        self.number(found.number as f64);
        self.number(found.mark.timestamp);
        self.number(found.mark.cursor as f64);
        self.number(found.span.0 as f64);
        self.number(found.span.1 as f64);
        for lines in [&found.before, &found.after] {
            self.number(lines.len() as f64);
            lines.iter().try_for_each(|line| self.text(line.as_bytes()))?;
        }
        Ok(self.end_row()?)
    }

    /// Adds the first columns of a row of values of any type; integers as bigints where they are to be
    /// safe.
    pub fn values(&mut self, row: &Row<'_>, columns: usize, safe_integers: bool) -> Parsed<()> {
        if self.room.numbers.len() + columns * VALUE_NUMBERS > BATCH_NUMBERS {
            self.give(Step::Batch)?;
        }
        for column in 0..columns {
            // Matched where it is returned: moving it costs as much as finding it.
            match row.get_ref(column) {
                Ok(ValueRef::Null) => self.kind(Kind::Null),
                Ok(ValueRef::Integer(integer)) if safe_integers => {
                    self.kind(Kind::BigInt);
                    // Its bits, which nobody takes for a number.
                    self.number(f64::from_bits(integer.cast_unsigned()));
                }
                Ok(ValueRef::Integer(integer)) => {
                    let small = i32::try_from(integer).is_ok();
                    self.kind(if small { Kind::Int32 } else { Kind::Number });
                    self.number(integer as f64);
                }
                Ok(ValueRef::Real(real)) => {
                    self.kind(Kind::Number);
                    self.number(real);
                }
                Ok(ValueRef::Text(text)) => {
                    self.kind(Kind::Text);
                    self.text(text)?;
                }
                Ok(ValueRef::Blob(bytes)) => {
                    self.kind(Kind::Extra);
                    self.extras.push(self.scope.buffer(bytes)?);
                }
                Err(error) => return Err(gsd_session_core::sqlite::Error::from(error).into()),
            }
        }
        Ok(self.end_row()?)
    }

    fn kind(&mut self, kind: Kind) {
        self.number(f64::from(kind as u8));
    }

    /// Gives the last batch to JavaScript: its text, or `undefined` where that is not all ASCII.
    pub fn finish(mut self) -> Result<Value<'env>> {
        if self.room.wide.is_empty() && self.extras.is_empty() {
            self.write_numbers()?;
            return self.scope.latin1(&self.room.ascii);
        }
        self.give(Step::Take)?;
        self.scope.undefined()
    }

    fn end_row(&mut self) -> Result<()> {
        self.count += 1;
        let full = self.count == BATCH_ROWS
            || self.room.ascii.len() + self.room.wide.len() * 2 > BATCH_TEXT;
        if full { self.give(Step::Batch) } else { Ok(()) }
    }

    fn number(&mut self, number: f64) {
        self.room.numbers.push(number);
    }

    /// Copies the numbers to where the script reads them.
    fn write_numbers(&mut self) -> Result<()> {
        if let Some(count) = self.room.numbers.first_mut() {
            *count = self.count as f64;
        }
        self.environment.write_numbers(self.scope, &self.room.numbers)
    }

    fn text(&mut self, text: &[u8]) -> Parsed<()> {
        if text.len() > OWN_STRING {
            return self.own_string(text);
        }
        if text.is_ascii() {
            self.room.ascii.extend_from_slice(text);
            self.number(text.len() as f64 * 2.0);
        } else {
            let before = self.room.wide.len();
            push_wide(&mut self.room.wide, text);
            self.number((self.room.wide.len() - before) as f64 * 2.0 + 1.0);
        }
        Ok(())
    }

    fn own_string(&mut self, text: &[u8]) -> Parsed<()> {
        if !fits(text) {
            return Err(Failure::Range(format!(
                "a stored text of {} bytes is longer than the longest string of JavaScript \
                 ({MAX_LENGTH} UTF-16 code units)",
                text.len()
            )));
        }
        self.number(EXTRA_TEXT);
        self.extras.push(self.scope.text(text)?);
        Ok(())
    }

    /// Gives what there is to JavaScript.
    fn give(&mut self, step: Step) -> Result<()> {
        let scope = self.scope;
        let nothing = scope.undefined()?;
        let ascii =
            if self.room.ascii.is_empty() { nothing } else { scope.latin1(&self.room.ascii)? };
        let wide =
            if self.room.wide.is_empty() { nothing } else { scope.utf16(&self.room.wide)? };
        self.write_numbers()?;
        let extras = self.extras.drain(..);
        self.environment.step(scope, step, [ascii, wide].into_iter().chain(extras))?;
        self.clear();
        Ok(())
    }
}
