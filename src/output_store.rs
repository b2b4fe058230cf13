//! What `lib/output-store.js` calls; see `session_store.rs`.

use std::cell::RefCell;

use gsd_session_core::sqlite::reserve;
use gsd_session_core::store::changes;
use gsd_session_core::store::cursors::{Tail, Walk};
use gsd_session_core::store::model::{NewOutput, Order, OutputRow};
use gsd_session_core::store::outputs::Outputs;
use gsd_session_core::store::seen::Part;
use gsd_session_core::store::terminal::Mark;
use gsd_session_core::store::utf16::Joined;
use napi::ValueType;

use crate::convert::{self, Argument, MAX_SAFE_INTEGER, optional};
use crate::error::{Failure, Parsed};
use crate::exit;
use crate::export::size_of;
use crate::js::Value;
use crate::natives::{Answer, Call, Native, done, natives, open_connection};
use crate::redact;
use crate::rows::Batches;
use crate::search::command_of;
use crate::write_behind;

/// The functions.
pub const NATIVES: &[Native] = natives! {
    "OutputStore": open, open_write_behind;
    "OutputStore.append": append;
    "OutputStore.appendMany": gather, append_many;
    "OutputStore.getBySession": newest;
    "OutputStore.getBySessionSince": since;
    "OutputStore.getFullOutput": full;
    "OutputStore.text": text;
    "OutputStore.screen": screen;
    "OutputStore.commands": commands;
    "OutputStore.sizes": sizes;
    "OutputStore.read": read;
    "OutputStore.tail": tail;
    "OutputStore.iterate": walk, step;
    "OutputStore.follow": follow_from, status;
    "OutputStore.flush": flush;
    "OutputStore.deleteBySession": delete;
};

/// Chunks that `read` gives at most, unless it is told.
const PAGE: i64 = 1000;

/// Lines that `tail` gives, unless it is told.
const LINES: usize = 10;

/// Bytes that the chunks of one `appendMany` take at most: more than the longest text that SQLite takes, and
/// less than a program can spare.
const MANY_BYTES: usize = 1 << 30;

/// What a chunk takes beside its texts.
const CHUNK_BYTES: usize = 128;

fn outputs<'env>(call: Call<'_, 'env>) -> Parsed<&'env Outputs> {
    Ok(call.native()?)
}

/// the connection, what secrets look like, whether somebody hears of them -> the native side of a store
fn open<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    opened(call, Outputs::new(open_connection(call)?), 1)
}

/// the connection, maxDelay, maxBytes, who hears of errors, and as above -> the native side of a store
fn open_write_behind<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let connection = open_connection(call)?;
    let (settings, on_error) = write_behind::options(call, 1)?;
    let outputs = Outputs::write_behind(connection, settings, on_error)?;
    exit::settle_if_over(outputs.connection());
    opened(call, outputs, 4)
}

fn opened<'env>(call: Call<'_, 'env>, outputs: Outputs, at: usize) -> Answer<'env> {
    let redaction = redact::redaction_of(call.get(at)?, call.get(at + 1)?)?;
    let outputs = match redaction {
        Some(redaction) => outputs.redacting(redaction),
        None => outputs,
    };
    Ok(call.scope().external(outputs)?)
}

/// sessionId, timestamp, type, data -> as `appended` gives it
fn append<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let outputs = outputs(call)?;
    let cursor = outputs.append(convert::new_output(call.array(1)?)?)?;
    appended(call, outputs, cursor)
}

/// the cursor, if there is one. While a store that redacts holds something back, `-1 - cursor`, or `null`: another call to ask for
/// that would take as long as the redaction.
fn appended<'env>(call: Call<'_, 'env>, outputs: &Outputs, cursor: Option<i64>) -> Answer<'env> {
    let scope = call.scope();
    let is_holding = outputs.redaction().is_some() && outputs.connection().is_holding();
    // A cursor that a number cannot hold would be that of another chunk.
    match cursor.filter(|cursor| (0..=MAX_SAFE_INTEGER).contains(cursor)) {
        Some(cursor) if is_holding => Ok(scope.number((-1 - cursor) as f64)?),
        Some(cursor) => Ok(scope.number(cursor as f64)?),
        None if is_holding => Ok(scope.null()?),
        None => done(call),
    }
}

/// Chunks of one `appendMany`, gathered in parts: a JavaScript array would need four elements for each chunk, and an array
/// that grows too large ends the process.
#[derive(Default)]
struct Gathered {
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

/// what is gathered already, fields -> what is gathered
fn gather<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let fields = call.get(1)?;
    if let Some(gathered) = gathered(call.get(0)?)? {
        gathered.borrow_mut().add(fields)?;
        return Ok(call.get(0)?);
    }
    let mut gathered = Gathered::default();
    gathered.add(fields)?;
    Ok(call.scope().external(RefCell::new(gathered))?)
}

fn gathered(value: Value<'_>) -> Parsed<Option<&RefCell<Gathered>>> {
    Ok(if value.kind()? == ValueType::Undefined { None } else { Some(value.external()?) })
}

/// the store, what is gathered, the fields of the rest -> as `appended` gives it, of the last chunk
fn append_many<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let outputs = outputs(call)?;
    let mut all = gathered(call.get(1)?)?.map(RefCell::take).unwrap_or_default();
    all.add(call.get(2)?)?;
    let cursor = outputs.append_many(&all.chunks)?;
    appended(call, outputs, cursor)
}

/// sessionId, limit
fn newest<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let outputs = outputs(call)?;
    rows(call, |session_id, add| {
        let limit = Argument::new("limit", call.get(2)?).limit()?;
        outputs.newest(session_id, limit, add)
    })
}

/// sessionId, since, limit
fn since<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let outputs = outputs(call)?;
    rows(call, |session_id, add| {
        let since = Argument::new("since", call.get(2)?).date()?;
        let limit = Argument::new("limit", call.get(3)?).limit()?;
        outputs.since(session_id, since, limit, add)
    })
}

/// sessionId, separator, order
fn full<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let session_id = Argument::new("sessionId", call.get(1)?).string()?;
    let separator = optional(Argument::new("options.separator", call.get(2)?), Argument::string)?;
    let order = optional(Argument::new("options.order", call.get(3)?), |order| {
        order.one_of(Order::parse, Order::TEXTS)
    })?;
    let (separator, order) = (separator.as_deref().unwrap_or("\n"), order.unwrap_or(Order::Time));
    joined(call, outputs(call)?.full(&session_id, separator, order)?)
}

fn joined<'env>(call: Call<'_, 'env>, text: Joined) -> Answer<'env> {
    Ok(match text {
        Joined::Ascii(text) => call.scope().latin1(&text),
        Joined::Wide(text) => call.scope().utf16(&text),
    }?)
}

/// sessionId, lines, characters, from, to, columns, rows -> the lines that stayed
fn text<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let [session_id, lines, characters, from, to, columns, rows, command] = call.array(1)?;
    let session_id = Argument::new("sessionId", session_id).string()?;
    let integer = |name, value, least| {
        optional(Argument::new(name, value), |value| value.integer_in(least..=MAX_SAFE_INTEGER))
    };
    let count = |name, value, least| {
        let count = integer(name, value, least)?;
        Parsed::Ok(count.map(|count| usize::try_from(count).unwrap_or(usize::MAX)))
    };
    let part = Part {
        size: size_of(columns, rows)?,
        command: command_of(command)?,
        lines: count("options.lines", lines, 1)?,
        characters: count("options.characters", characters, 0)?,
        from: integer("options.from", from, 0)?,
        to: integer("options.to", to, 0)?,
    };
    joined(call, outputs(call)?.text(&session_id, part)?)
}

/// sessionId, at, columns, rows -> the screen, as JSON
fn screen<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let [session_id, at, columns, rows] = call.array(1)?;
    let session_id = Argument::new("sessionId", session_id).string()?;
    let at = optional(Argument::new("options.at", at), |at| at.integer_in(0..=MAX_SAFE_INTEGER))?;
    let view = outputs(call)?.screen(&session_id, at, size_of(columns, rows)?)?;
    Ok(call.scope().string(view.json().as_bytes())?)
}

/// sessionId -> after, columns and rows of each size
fn sizes<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let session_id = Argument::new("sessionId", call.get(1)?).string()?;
    let scope = call.scope();
    let sizes = outputs(call)?.sizes(&session_id)?;
    let numbers = sizes.into_iter().flat_map(|(after, size)| {
        [after as f64, size.columns.into(), size.rows.into()].map(|number| scope.number(number))
    });
    Ok(scope.array_of(numbers.collect::<Vec<_>>())?)
}

/// sessionId, an array that gets the number, text, cursors and times of the start and the end, and exit code of each command
fn commands<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let session_id = Argument::new("sessionId", call.get(1)?).string()?;
    let (scope, array, mut at) = (call.scope(), call.get(2)?, 0);
    for command in outputs(call)?.commands(&session_id)? {
        let end = command.end.unwrap_or(Mark::of(-1, f64::NAN));
        let numbers = [
            f64::from(command.number),
            command.start.cursor as f64,
            command.start.timestamp,
            end.cursor as f64,
            end.timestamp,
            command.exit_code.map_or(f64::NAN, |code| code as f64),
        ];
        array.set_element(at, scope.string(command.text.as_bytes())?)?;
        for number in numbers {
            at += 1;
            array.set_element(at, scope.number(number)?)?;
        }
        at += 1;
    }
    done(call)
}

/// sessionId, after, limit; the notes are the cursor, whether there is more, and whether there is a gap.
fn read<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let session_id = Argument::new("sessionId", call.get(1)?).string()?;
    let after = cursor(call, 2)?;
    let limit = Argument::new("options.limit", call.get(3)?);
    let limit = optional(limit, |limit| limit.integer_in(1..=MAX_SAFE_INTEGER))?;
    let limit = usize::try_from(limit.unwrap_or(PAGE)).unwrap_or(usize::MAX);
    let mut batches = Batches::new(call);
    let page = outputs(call)?
        .read(&session_id, after.unwrap_or(0), limit, |chunk| batches.chunk(chunk))?;
    call.host().note(call.scope(), [page.cursor as f64, page.more.into(), page.gap.into()])?;
    Ok(batches.finish()?)
}

fn cursor(call: Call<'_, '_>, index: usize) -> Parsed<Option<i64>> {
    let after = Argument::new("options.after", call.get(index)?);
    optional(after, |after| after.integer_in(0..=MAX_SAFE_INTEGER))
}

/// sessionId, lines, chunks; the note is the cursor.
fn tail<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let session_id = Argument::new("sessionId", call.get(1)?).string()?;
    let count = |name, index| {
        let count = Argument::new(name, call.get(index)?);
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
    let mut batches = Batches::new(call);
    let cursor = outputs(call)?.tail(&session_id, tail, |chunk| batches.chunk(chunk))?;
    call.host().note(call.scope(), [cursor as f64])?;
    Ok(batches.finish()?)
}

/// the store, sessionId -> a walk
fn walk<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let session_id = Argument::new("sessionId", call.get(1)?).string()?;
    Ok(call.scope().external(Walk::new(outputs(call)?.clone(), session_id))?)
}

/// the walk -> its next chunks
fn step<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let walk: &Walk = call.native()?;
    let mut batches = Batches::new(call);
    walk.step(|chunk| batches.chunk(chunk))?;
    Ok(batches.finish()?)
}

/// sessionId, after -> the cursor to follow from
fn follow_from<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let outputs = outputs(call)?;
    let session_id = Argument::new("sessionId", call.get(1)?).string()?;
    let from = match cursor(call, 2)? {
        Some(after) => after,
        None => outputs.tail::<Failure>(&session_id, Tail::Chunks(1), |_| Ok(()))?,
    };
    Ok(call.scope().number(from as f64)?)
}

/// sessionId -> the status of the session, or `undefined`
fn status<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    match changes::status(outputs(call)?.connection(), &call.get(1)?.string()?)? {
        Some(status) => Ok(call.scope().string(status.as_str().as_bytes())?),
        None => done(call),
    }
}

fn flush<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    outputs(call)?.flush()?;
    done(call)
}

/// sessionId
fn delete<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let outputs = outputs(call)?;
    outputs.delete(&Argument::new("sessionId", call.get(1)?).string()?)?;
    exit::settle_if_over(outputs.connection());
    done(call)
}

fn rows<'env>(
    call: Call<'_, 'env>,
    query: impl FnOnce(&str, &mut dyn FnMut(OutputRow<'_>) -> Parsed<()>) -> Parsed<()>,
) -> Answer<'env> {
    let session_id = Argument::new("sessionId", call.get(1)?);
    let mut batches = Batches::new(call);
    session_id.with_string(|session_id| query(session_id, &mut |row| batches.output(row)))??;
    Ok(batches.finish()?)
}
