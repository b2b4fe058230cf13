//! The native side of `OutputStore`; `glue/output_store.js` has the class, `types.d.ts` its types.

use std::cell::RefCell;

use napi::ValueType;
use napi_derive::napi;

use super::convert::{self, Argument, MAX_SAFE_INTEGER, Parsed, optional};
use super::database::shared_connection;
use super::environment::Environment;
use super::error::{Failure, run};
use super::export::export_to;
use super::exports::Exported;
use super::js::{Arguments, Native, Scope, Value};
use super::rows::Batches;
use super::search;
use super::write_behind;
use gsd_session_core::sqlite::reserve;
use gsd_session_core::store::changes;
use gsd_session_core::store::cursors::{Tail, Walk};
use gsd_session_core::store::model::{NewOutput, OutputRow};
use gsd_session_core::store::outputs::Outputs;
use gsd_session_core::store::utf16::Joined;

/// Chunks that `read` gives at most, unless it is told.
const PAGE: i64 = 1000;

/// Lines that `tail` gives, unless it is told.
const LINES: usize = 10;

/// Bytes that the chunks of one `appendMany` take at most: more than the longest text that SQLite takes, and
/// less than a program can spare.
const MANY_BYTES: usize = 1 << 30;

/// What a chunk takes beside its texts.
const CHUNK_BYTES: usize = 128;

const CLASS: &str = include_str!("glue/output_store.js");

/// The class `OutputStore`.
#[napi]
#[allow(non_upper_case_globals, reason = "the name that JavaScript imports")]
pub const OutputStore: OutputStoreConstructor = Exported(|environment| &environment.output_store);

/// Its type in `types.d.ts`.
type OutputStoreConstructor = Exported;

/// Evaluates the class.
pub fn class<'env>(
    scope: Scope<'env>,
    checks: Value<'env>,
    rows: Value<'env>,
    follow: Value<'env>,
) -> napi::Result<Value<'env>> {
    let native = scope.object(&[
        (c"open", scope.function(c"open", open)?),
        (c"append", scope.function(c"append", append)?),
        (c"gather", scope.function(c"gather", gather)?),
        (c"appendMany", scope.function(c"appendMany", append_many)?),
        (c"newest", scope.function(c"newest", newest)?),
        (c"since", scope.function(c"since", since)?),
        (c"full", scope.function(c"full", full)?),
        (c"read", scope.function(c"read", read)?),
        (c"tail", scope.function(c"tail", tail)?),
        (c"walk", scope.function(c"walk", walk)?),
        (c"step", scope.function(c"step", step)?),
        (c"followFrom", scope.function(c"followFrom", follow_from)?),
        (c"state", scope.function(c"state", state)?),
        (c"search", scope.function(c"search", search::search)?),
        (c"page", scope.function(c"page", search::page)?),
        (c"flush", scope.function(c"flush", flush)?),
        (c"exportTo", scope.function(c"exportTo", export_to)?),
        (c"delete", scope.function(c"delete", delete)?),
    ])?;
    scope.call(scope.run_script(CLASS)?, [native, checks, rows, follow])
}

/// The store that a call is for.
pub(super) fn outputs<'env>(arguments: &Arguments<'_, 'env>) -> napi::Result<&'env Outputs> {
    match arguments.get(0)?.external()? {
        Native::Outputs(outputs) => Ok(outputs),
        _ => Err(napi::Error::from_reason("not a store of output")),
    }
}

// The functions that follow are for the script: see `session_store.rs`.

fn open<'env>(scope: Scope<'env>, arguments: Arguments<'_, 'env>) -> napi::Result<Value<'env>> {
    let outputs = run(&scope.env(), "OutputStore", || {
        let connection = shared_connection(scope, arguments.get(0)?)?;
        let write_behind = Argument::new("options.writeBehind", arguments.get(1)?);
        Ok(match write_behind::options(scope, write_behind)? {
            None => Outputs::new(connection),
            Some((settings, on_error)) => {
                let outputs = Outputs::write_behind(connection, settings, on_error)?;
                Environment::of(&scope.env())?.settle_at_exit(scope, outputs.connection())?;
                outputs
            }
        })
    })?;
    scope.external(Native::Outputs(outputs))
}

fn append<'env>(scope: Scope<'env>, arguments: Arguments<'_, 'env>) -> napi::Result<Value<'env>> {
    let outputs = outputs(&arguments)?;
    run(&scope.env(), "OutputStore.append", || {
        Ok(outputs.append(convert::new_output(arguments.array(1)?)?)?)
    })?;
    scope.undefined()
}

/// Chunks of one `appendMany`, gathered by and by: what is in an array of JavaScript's takes four places for each,
/// and an array that grows too large ends the process.
#[derive(Default)]
pub struct Gathered {
    chunks: Vec<NewOutput>,
    bytes: usize,
}

impl Gathered {
    /// Adds chunks whose fields are in one array, one behind the other.
    fn add(&mut self, fields: Value<'_>) -> Parsed<()> {
        let length = fields.array_length()?;
        reserve(&mut self.chunks, length as usize / 4)?;
        for at in (0..length / 4).map(|chunk| chunk * 4) {
            let index = u32::try_from(self.chunks.len()).unwrap_or(u32::MAX);
            let field = |offset| fields.element(at + offset);
            let chunk =
                convert::one_of_outputs(index, [field(0)?, field(1)?, field(2)?, field(3)?])?;
            self.bytes += chunk.session_id.len() + chunk.data.len() + CHUNK_BYTES;
            // One that is longer than SQLite takes is refused by SQLite.
            if self.bytes > MANY_BYTES && index > 0 {
                return Err(Failure::Range(format!(
                    "outputs must take at most {MANY_BYTES} bytes together, of which each takes \
                     {CHUNK_BYTES} and its texts; received more up to outputs[{index}]"
                )));
            }
            self.chunks.push(chunk);
        }
        Ok(())
    }
}

/// fields, what is gathered already -> what is gathered
fn gather<'env>(scope: Scope<'env>, arguments: Arguments<'_, 'env>) -> napi::Result<Value<'env>> {
    let known = gathered(&arguments)?;
    run(&scope.env(), "OutputStore.appendMany", || {
        let fields = arguments.get(0)?;
        if let Some(gathered) = known {
            gathered.borrow_mut().add(fields)?;
            return Ok(arguments.get(1)?);
        }
        let mut gathered = Gathered::default();
        gathered.add(fields)?;
        Ok(scope.external(Native::Gathered(RefCell::new(gathered)))?)
    })
}

fn gathered<'env>(
    arguments: &Arguments<'_, 'env>,
) -> napi::Result<Option<&'env RefCell<Gathered>>> {
    let gathered = arguments.get(1)?;
    if gathered.kind()? == ValueType::Undefined {
        return Ok(None);
    }
    match gathered.external()? {
        Native::Gathered(gathered) => Ok(Some(gathered)),
        _ => Err(napi::Error::from_reason("nothing gathered")),
    }
}

/// What is gathered, the fields of the rest
fn append_many<'env>(
    scope: Scope<'env>,
    arguments: Arguments<'_, 'env>,
) -> napi::Result<Value<'env>> {
    let outputs = outputs(&arguments)?;
    let known = gathered(&arguments)?;
    run(&scope.env(), "OutputStore.appendMany", || {
        let mut all = known.map(RefCell::take).unwrap_or_default();
        all.add(arguments.get(2)?)?;
        Ok(outputs.append_many(&all.chunks)?)
    })?;
    scope.undefined()
}

fn newest<'env>(scope: Scope<'env>, arguments: Arguments<'_, 'env>) -> napi::Result<Value<'env>> {
    let outputs = outputs(&arguments)?;
    rows(scope, "OutputStore.getBySession", &arguments, |session_id, add| {
        let limit = Argument::new("limit", arguments.get(2)?).limit()?;
        outputs.newest(session_id, limit, add)
    })
}

fn since<'env>(scope: Scope<'env>, arguments: Arguments<'_, 'env>) -> napi::Result<Value<'env>> {
    let outputs = outputs(&arguments)?;
    rows(scope, "OutputStore.getBySessionSince", &arguments, |session_id, add| {
        let since = Argument::new("since", arguments.get(2)?).date()?;
        outputs.since(session_id, since, add)
    })
}

fn full<'env>(scope: Scope<'env>, arguments: Arguments<'_, 'env>) -> napi::Result<Value<'env>> {
    let outputs = outputs(&arguments)?;
    run(&scope.env(), "OutputStore.getFullOutput", || {
        let session_id = Argument::new("sessionId", arguments.get(1)?).string()?;
        let separator = Argument::new("options.separator", arguments.get(2)?);
        let separator = optional(separator, Argument::string)?;
        let text = outputs.full(&session_id, separator.as_deref().unwrap_or("\n"))?;
        Ok(match text {
            Joined::Ascii(text) => scope.latin1(&text),
            Joined::Wide(text) => scope.utf16(&text),
        }?)
    })
}

/// after, limit; the notes are the cursor, whether there is more, and whether there is a gap.
fn read<'env>(scope: Scope<'env>, arguments: Arguments<'_, 'env>) -> napi::Result<Value<'env>> {
    let outputs = outputs(&arguments)?;
    run(&scope.env(), "OutputStore.read", || {
        let session_id = Argument::new("sessionId", arguments.get(1)?).string()?;
        let after = Argument::new("options.after", arguments.get(2)?);
        let after = optional(after, |after| after.integer_in(0..=MAX_SAFE_INTEGER))?;
        let limit = Argument::new("options.limit", arguments.get(3)?);
        let limit = optional(limit, |limit| limit.integer_in(1..=MAX_SAFE_INTEGER))?;
        let limit = usize::try_from(limit.unwrap_or(PAGE)).unwrap_or(usize::MAX);
        let mut batches = Batches::new(scope)?;
        let page =
            outputs.read(&session_id, after.unwrap_or(0), limit, |chunk| batches.chunk(chunk))?;
        batches.note([page.cursor as f64, page.more.into(), page.gap.into()])?;
        Ok(batches.finish()?)
    })
}

/// lines, chunks; the note is the cursor.
fn tail<'env>(scope: Scope<'env>, arguments: Arguments<'_, 'env>) -> napi::Result<Value<'env>> {
    let outputs = outputs(&arguments)?;
    run(&scope.env(), "OutputStore.tail", || {
        let session_id = Argument::new("sessionId", arguments.get(1)?).string()?;
        let count = |name, index| {
            let count = Argument::new(name, arguments.get(index)?);
            let count = optional(count, |count| count.integer_in(1..=MAX_SAFE_INTEGER))?;
            Parsed::Ok(count.map(|count| usize::try_from(count).unwrap_or(usize::MAX)))
        };
        let tail = match (count("options.lines", 2)?, count("options.chunks", 3)?) {
            (None, None) => Tail::Lines(LINES),
            (Some(lines), None) => Tail::Lines(lines),
            (None, Some(chunks)) => Tail::Chunks(chunks),
            (Some(_), Some(_)) => {
                let message = "options must have lines or chunks; received both";
                return Err(Failure::Range(message.into()));
            }
        };
        let mut batches = Batches::new(scope)?;
        let cursor = outputs.tail(&session_id, tail, |chunk| batches.chunk(chunk))?;
        batches.note([cursor as f64])?;
        Ok(batches.finish()?)
    })
}

fn walk<'env>(scope: Scope<'env>, arguments: Arguments<'_, 'env>) -> napi::Result<Value<'env>> {
    let outputs = outputs(&arguments)?;
    let session_id = run(&scope.env(), "OutputStore.iterate", || {
        Argument::new("sessionId", arguments.get(1)?).string()
    })?;
    scope.external(Native::Walk(Walk::new(outputs.clone(), session_id)))
}

/// Of a walk, not of a store.
fn step<'env>(scope: Scope<'env>, arguments: Arguments<'_, 'env>) -> napi::Result<Value<'env>> {
    let Native::Walk(walk) = arguments.get(0)?.external()? else {
        return Err(napi::Error::from_reason("not a walk"));
    };
    run(&scope.env(), "OutputStore.iterate", || {
        let mut batches = Batches::new(scope)?;
        walk.step(|chunk| batches.chunk(chunk))?;
        Ok(batches.finish()?)
    })
}

/// after -> the cursor to follow from
fn follow_from<'env>(
    scope: Scope<'env>,
    arguments: Arguments<'_, 'env>,
) -> napi::Result<Value<'env>> {
    let outputs = outputs(&arguments)?;
    let from = run(&scope.env(), "OutputStore.follow", || {
        let session_id = Argument::new("sessionId", arguments.get(1)?).string()?;
        let after = Argument::new("options.after", arguments.get(2)?);
        match optional(after, |after| after.integer_in(0..=MAX_SAFE_INTEGER))? {
            Some(after) => Ok(after),
            None => Ok(outputs.tail::<Failure>(&session_id, Tail::Chunks(1), |_| Ok(()))?),
        }
    })?;
    scope.number(from as f64)
}

/// id -> the status of the session, or `undefined`
fn state<'env>(scope: Scope<'env>, arguments: Arguments<'_, 'env>) -> napi::Result<Value<'env>> {
    let outputs = outputs(&arguments)?;
    let state = run(&scope.env(), "OutputStore.follow", || {
        Ok(changes::status(outputs.connection(), &arguments.get(1)?.string()?)?)
    })?;
    match state {
        Some(status) => scope.string(status.as_str().as_bytes()),
        None => scope.undefined(),
    }
}

fn flush<'env>(scope: Scope<'env>, arguments: Arguments<'_, 'env>) -> napi::Result<Value<'env>> {
    let outputs = outputs(&arguments)?;
    run(&scope.env(), "OutputStore.flush", || Ok(outputs.flush()?))?;
    scope.undefined()
}

fn delete<'env>(scope: Scope<'env>, arguments: Arguments<'_, 'env>) -> napi::Result<Value<'env>> {
    let outputs = outputs(&arguments)?;
    run(&scope.env(), "OutputStore.deleteBySession", || {
        Ok(outputs.delete(&Argument::new("sessionId", arguments.get(1)?).string()?)?)
    })?;
    scope.undefined()
}

fn rows<'env>(
    scope: Scope<'env>,
    call: &str,
    arguments: &Arguments<'_, 'env>,
    query: impl FnOnce(&str, &mut dyn FnMut(OutputRow<'_>) -> Parsed<()>) -> Parsed<()>,
) -> napi::Result<Value<'env>> {
    run(&scope.env(), call, || {
        let session_id = Argument::new("sessionId", arguments.get(1)?);
        let mut batches = Batches::new(scope)?;
        session_id
            .with_string(|session_id| query(session_id, &mut |row| batches.output(row)))??;
        Ok(batches.finish()?)
    })
}
