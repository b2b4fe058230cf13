//! The state of one evaluation of `lib/`.
//!
//! A thread has one, unless its programs run in realms of their own, as the test files of Jest do: each realm evaluates
//! `lib/` again, and gets values of its own classes. `load.rs` builds it.

use std::cell::RefCell;
use std::rc::Rc;

use napi::Result;

use crate::js::{Remembered, Scope, Value};

/// Numbers that [`Environment::notes`] has room for.
const NOTES: usize = 4;

/// The functions and the memory of one evaluation of `lib/`, and room for its rows.
pub struct Environment {
    make_error: Remembered,
    take: Remembered,
    batch: Remembered,
    reshape: Remembered,
    reorder: Remembered,
    numbers: Remembered,
    notes: Remembered,
    room: RefCell<Room>,
}

/// The numbers and the texts of a batch. An environment keeps their room for the next query.
#[derive(Default)]
pub struct Room {
    /// Of every kind, in the order in which `lib/rows.js` reads them.
    pub numbers: Vec<f64>,
    /// Texts of ASCII, one behind the other.
    pub ascii: Vec<u8>,
    /// All other texts, in UTF-16.
    pub wide: Vec<u16>,
}

/// A step of `lib/rows.js` with a batch.
#[derive(Clone, Copy)]
pub enum Step {
    /// Takes it, to make its rows at the end of the call.
    Take,
    /// Takes it and makes its rows.
    Batch,
    /// Takes the columns of the rows to come.
    Reshape,
    /// Takes the order in which the rows are given at the end of the call.
    Reorder,
}

impl Environment {
    /// The environment of what `lib/rows.js` passes.
    ///
    /// # Errors
    ///
    /// An object without one of the functions or buffers.
    pub fn new(scope: Scope<'_>, lib: Value<'_>) -> Result<Rc<Self>> {
        let remember = |name| scope.remember(lib.property(name)?);
        Ok(Rc::new(Self {
            make_error: remember(c"makeError")?,
            take: remember(c"take")?,
            batch: remember(c"batch")?,
            reshape: remember(c"reshape")?,
            reorder: remember(c"reorder")?,
            numbers: remember(c"numbers")?,
            notes: remember(c"notes")?,
            room: RefCell::default(),
        }))
    }

    /// An error of a class, by its number in `lib/errors.js`.
    pub fn make_error<'env>(
        &self,
        scope: Scope<'env>,
        [class, code, message]: [Value<'env>; 3],
    ) -> Result<Value<'env>> {
        scope.call(scope.recall(&self.make_error)?, [class, code, message])
    }

    /// Hands a batch, or what concerns it, to `lib/rows.js`.
    pub fn step<'env>(
        &self,
        scope: Scope<'env>,
        step: Step,
        arguments: impl IntoIterator<Item = Value<'env>>,
    ) -> Result<()> {
        let function = match step {
            Step::Take => &self.take,
            Step::Batch => &self.batch,
            Step::Reshape => &self.reshape,
            Step::Reorder => &self.reorder,
        };
        scope.call(scope.recall(function)?, arguments).map(drop)
    }

    /// Writes the numbers of a batch to where `lib/rows.js` reads them.
    pub fn write_numbers(&self, scope: Scope<'_>, numbers: &[f64]) -> Result<()> {
        scope.recall(&self.numbers)?.write_numbers(numbers)
    }

    /// Tells JavaScript numbers beside the result of a call.
    pub fn note<const N: usize>(&self, scope: Scope<'_>, notes: [f64; N]) -> Result<()> {
        const { assert!(N <= NOTES) };
        scope.recall(&self.notes)?.write_numbers(&notes)
    }

    /// The room of the query before, empty.
    pub fn take_room(&self) -> Room {
        let mut room = self.room.take();
        room.clear();
        room
    }

    /// Keeps the room for the next query.
    pub fn give_back(&self, room: Room) {
        self.room.replace(room);
    }
}

impl Room {
    /// Empties it.
    pub fn clear(&mut self) {
        self.numbers.clear();
        self.ascii.clear();
        self.wide.clear();
    }
}
