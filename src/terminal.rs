//! What `lib/terminal.js` calls.

use std::cell::RefCell;

use gsd_session_core::store::terminal::{Line, Lines, Mark, Setting, Size};

use crate::convert::{Argument, MAX_CELLS, MAX_SAFE_INTEGER, optional};
use crate::error::Parsed;
use crate::export::size_of;
use crate::js::Value;
use crate::natives::{Answer, Call, Native, done, natives};

/// The functions.
pub const NATIVES: &[Native] = natives! {
    "Terminal": open;
    "Terminal.write": write;
    "Terminal.resize": resize;
    "Terminal.end": end;
    "Terminal.screen": screen;
};

/// A terminal that is written to.
struct Terminal {
    lines: RefCell<Lines>,
    /// Whether the texts of its lines have their colours.
    colours: bool,
}

fn terminal<'env>(call: Call<'_, 'env>) -> Parsed<&'env Terminal> {
    Ok(call.native()?)
}

/// columns, rows, terminal, colors -> the native side of a terminal
fn open<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let [columns, rows, is_terminal, colours] = call.array(0)?;
    let flag = |name, value| {
        Parsed::Ok(optional(Argument::new(name, value), Argument::boolean)?.unwrap_or(false))
    };
    let (columns, rows) = size_of(columns, rows)?;
    let usual = Size::default();
    let size = Size { columns: columns.unwrap_or(usual.columns), rows: rows.unwrap_or(usual.rows) };
    let setting = Setting { size, is_terminal: flag("options.terminal", is_terminal)? };
    let lines = RefCell::new(Lines::styled(setting));
    let colours = flag("options.colors", colours)?;
    Ok(call.scope().external(Terminal { lines, colours })?)
}

/// data, cursor, timestamp, an array that gets the text, number, cursor and timestamp of each line
fn write<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let Terminal { lines, colours } = terminal(call)?;
    let data = Argument::new("data", call.get(1)?).string()?;
    let cursor = optional(Argument::new("options.cursor", call.get(2)?), |cursor| {
        cursor.integer_in(0..=MAX_SAFE_INTEGER)
    })?;
    let timestamp = optional(Argument::new("options.timestamp", call.get(3)?), Argument::date)?;
    let timestamp = timestamp.map_or(f64::NAN, |timestamp| timestamp.millis());
    let mark = Mark::of(cursor.unwrap_or(0), timestamp);
    let (mut rest, mut lines, mut at) = (data.as_bytes(), lines.borrow_mut(), 0);
    while let Some(line) = lines.next(&mut rest, mark) {
        give(call, call.get(4)?, &mut at, &line, *colours)?;
    }
    done(call)
}

fn give<'env>(
    call: Call<'_, 'env>,
    array: Value<'env>,
    at: &mut u32,
    line: &Line<'_>,
    colours: bool,
) -> Parsed<()> {
    let scope = call.scope();
    let text = if colours { line.with_colours() } else { line.text.to_owned() };
    let values = [
        scope.string(text.as_bytes())?,
        scope.number(line.number as f64)?,
        scope.number(line.first.cursor as f64)?,
        scope.number(line.first.timestamp)?,
    ];
    for value in values {
        array.set_element(*at, value)?;
        *at += 1;
    }
    Ok(())
}

/// columns, rows
fn resize<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let cells = |name, at| -> Parsed<u16> {
        let cells = Argument::new(name, call.get(at)?).integer_in(1..=MAX_CELLS)?;
        Ok(u16::try_from(cells).unwrap_or(u16::MAX))
    };
    let size = Size { columns: cells("size.columns", 1)?, rows: cells("size.rows", 2)? };
    terminal(call)?.lines.borrow_mut().resize(size);
    done(call)
}

/// an array that gets the lines that are left, as `write` gives them
fn end<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let Terminal { lines, colours } = terminal(call)?;
    let (mut lines, mut at) = (lines.borrow_mut(), 0);
    while let Some(line) = lines.end() {
        give(call, call.get(1)?, &mut at, &line, *colours)?;
    }
    done(call)
}

/// -> the screen, as JSON
fn screen<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let view = terminal(call)?.lines.borrow_mut().view();
    Ok(call.scope().string(view.json().as_bytes())?)
}
