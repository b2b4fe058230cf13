//! JavaScript arguments, checked and turned into the values of the model.
//!
//! A wrong argument is a `TypeError` or a `RangeError` that names it by its path, says what it must
//! be, and shows what it was.

use std::ffi::CStr;
use std::fmt;
use std::path::PathBuf;

use gsd_session_core::sqlite::{Connection, Location};
use gsd_session_core::store::model::{
    Change, Details, DetailsUpdate, NewOutput, NewSession, OutputType, Owner, SessionStatus,
    SessionUpdate,
};
use gsd_session_core::store::pages::Filter;
use gsd_session_core::store::timestamp::Timestamp;
use napi::ValueType;

use crate::error::{Failure, Parsed};
use crate::js::Value;
use crate::natives::{Answer, Call, Native, natives};

/// What `lib/arguments.js` calls.
pub const NATIVES: &[Native] = natives! {
    "show": show;
};

/// The largest integer up to which JavaScript counts one by one.
pub const MAX_SAFE_INTEGER: i64 = (1 << 53) - 1;

/// No system has a larger pid.
const MAX_PID: i64 = i32::MAX as i64;

/// Characters of a wrong text that a message shows.
const SHOWN: usize = 80;

/// An argument, a field of one, or an element of one.
#[derive(Clone, Copy)]
pub struct Argument<'a, 'env> {
    value: Value<'env>,
    path: Path<'a>,
}

/// How a message names an argument; put into words only where one is needed.
#[derive(Clone, Copy)]
enum Path<'a> {
    Name(&'static str),
    Field(&'a Path<'a>, &'static CStr),
    Element(&'a Path<'a>, u32),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Field(parent, name) => write!(f, "{parent}.{}", name.to_string_lossy()),
            Self::Element(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

impl<'a, 'env> Argument<'a, 'env> {
    /// The argument that the documentation calls `name`.
    pub fn new(name: &'static str, value: impl Into<Value<'env>>) -> Self {
        Self { value: value.into(), path: Path::Name(name) }
    }

    /// The value itself.
    pub fn value(&self) -> Value<'env> {
        self.value
    }

    /// An element, of an array.
    pub fn element(&'a self, index: u32) -> Parsed<Self> {
        Ok(Self { value: self.value.element(index)?, path: Path::Element(&self.path, index) })
    }

    /// `None` for `undefined` and `null`.
    pub fn optional(self) -> Parsed<Option<Self>> {
        let kind = self.value.kind()?;
        Ok((!matches!(kind, ValueType::Undefined | ValueType::Null)).then_some(self))
    }

    /// `Keep` for `undefined`, `Clear` for `null`.
    pub fn change<T>(self, parse: impl FnOnce(&Self) -> Parsed<T>) -> Parsed<Change<T>> {
        match self.value.kind()? {
            ValueType::Undefined => Ok(Change::Keep),
            ValueType::Null => Ok(Change::Clear),
            _ => parse(&self).map(Change::Set),
        }
    }

    /// A string.
    pub fn string(&self) -> Parsed<String> {
        match self.value.kind()? {
            ValueType::String => Ok(self.value.string()?),
            _ => Err(self.wrong_type("a string")),
        }
    }

    /// A string, for as long as `work` takes.
    pub fn with_string<T>(&self, work: impl FnOnce(&str) -> T) -> Parsed<T> {
        match self.value.kind()? {
            ValueType::String => Ok(self.value.with_text(|text| work(&text))?),
            _ => Err(self.wrong_type("a string")),
        }
    }

    /// A boolean.
    pub fn boolean(&self) -> Parsed<bool> {
        match self.value.kind()? {
            ValueType::Boolean => Ok(self.value.boolean()?),
            _ => Err(self.wrong_type("a boolean")),
        }
    }

    /// A number.
    pub fn number(&self) -> Parsed<f64> {
        match self.value.kind()? {
            ValueType::Number => Ok(self.value.number()?),
            _ => Err(self.wrong_type("a number")),
        }
    }

    /// A whole number that a double and SQLite both hold exactly.
    pub fn integer(&self) -> Parsed<i64> {
        let number = self.number()?;
        // 2^63 itself is a double, and no i64.
        let fits = number.fract() == 0.0 && (-(2f64.powi(63))..2f64.powi(63)).contains(&number);
        if fits { Ok(number as i64) } else { Err(self.out_of_range("an integer")) }
    }

    /// A whole number in a range.
    pub fn integer_in(&self, range: std::ops::RangeInclusive<i64>) -> Parsed<i64> {
        match self.integer() {
            Ok(number) if range.contains(&number) => Ok(number),
            Err(failure @ (Failure::Type(_) | Failure::Napi(_))) => Err(failure),
            _ => Err(self.out_of_range(format_args!(
                "an integer from {} to {}",
                range.start(),
                range.end()
            ))),
        }
    }

    /// A limit on rows: `None` for all rows. It must be an integer from 0; anything else is out of range.
    pub fn limit(self) -> Parsed<Option<i64>> {
        let Some(limit) = self.optional()? else {
            return Ok(None);
        };
        if limit.value.kind()? == ValueType::Number {
            let number = limit.value.number()?;
            if number >= 0.0 && number.fract() == 0.0 {
                // A cast saturates: more rows than an i64 counts are all rows.
                return Ok(Some(number as i64));
            }
        }
        Err(limit.out_of_range("an integer from 0 up"))
    }

    /// A `Date` that can be stored.
    pub fn date(&self) -> Parsed<Timestamp> {
        if !self.value.is_date()? {
            return Err(self.wrong_type("a Date"));
        }
        Timestamp::from_millis(self.value.date()?)
            .ok_or_else(|| self.out_of_range("a valid Date in the years 0 to 9999"))
    }

    /// One of a union of literals.
    pub fn one_of<T>(&self, parse: fn(&[u8]) -> Option<T>, texts: &[&str]) -> Parsed<T> {
        self.with_string(|text| parse(text.as_bytes()))?
            .ok_or_else(|| self.out_of_range(format_args!("one of '{}'", texts.join("', '"))))
    }

    /// A `TypeError` about this argument.
    pub fn wrong_type(&self, expected: impl fmt::Display) -> Failure {
        self.explain(expected).map_or_else(Failure::Napi, Failure::Type)
    }

    /// A `RangeError` about this argument.
    pub fn out_of_range(&self, expected: impl fmt::Display) -> Failure {
        self.explain(expected).map_or_else(Failure::Napi, Failure::Range)
    }

    fn explain(&self, expected: impl fmt::Display) -> napi::Result<String> {
        Ok(format!("{} must be {expected}; received {}", self.path, shown(self.value)?))
    }
}

/// a value -> how a message shows it
fn show<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    Ok(call.scope().string(shown(call.get(0)?)?.as_bytes())?)
}

/// A value as a message shows it. Runs no code of the caller's, as `toString()` might.
fn shown(value: Value<'_>) -> napi::Result<String> {
    Ok(match value.kind()? {
        ValueType::Undefined => "undefined".into(),
        ValueType::Null => "null".into(),
        ValueType::Boolean => value.boolean()?.to_string(),
        ValueType::Number => value.number_as_text()?,
        // A long one takes minutes to be written.
        ValueType::BigInt => match value.bigint()? {
            Some(integer) => integer.to_string(),
            None => "a bigint of more than 64 bits".into(),
        },
        ValueType::String => format!("{:?}", shorten(value.start_of_string()?)),
        ValueType::Symbol => "a symbol".into(),
        ValueType::Function => "a function".into(),
        _ if value.is_date()? && value.date()?.is_nan() => "an invalid Date".into(),
        _ if value.is_date()? => format!("a Date of {} ms since 1970", value.date()?),
        _ if value.is_array()? => "an array".into(),
        _ => "an object".into(),
    })
}

fn shorten(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(SHOWN) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// What no terminal is wider or higher than.
pub const MAX_CELLS: i64 = u16::MAX as i64;

/// The fields of a session to be stored, in the order of `lib/session-store.js`.
pub fn new_session(fields: [Value<'_>; 16]) -> Parsed<NewSession> {
    let [id, slot, status, working_dir, current_command, started_at, ended_at, pid, rest @ ..] =
        fields;
    let [title, exit_code, signal, error, terminal, columns, rows, owner] = rest;
    let cells =
        |name, value| optional(Argument::new(name, value), |cells| cells.integer_in(1..=MAX_CELLS));
    let text = |name, value| optional(Argument::new(name, value), Argument::string);
    Ok(NewSession {
        id: Argument::new("session.id", id).string()?,
        slot: Argument::new("session.slot", slot).integer()?,
        status: session_status(&Argument::new("session.status", status))?,
        working_dir: Argument::new("session.workingDir", working_dir).string()?,
        current_command: text("session.currentCommand", current_command)?,
        started_at: Argument::new("session.startedAt", started_at).date()?,
        ended_at: optional(Argument::new("session.endedAt", ended_at), Argument::date)?,
        pid: optional(Argument::new("session.pid", pid), Argument::integer)?,
        details: Details {
            title: text("session.title", title)?,
            exit_code: optional(Argument::new("session.exitCode", exit_code), Argument::integer)?,
            signal: text("session.signal", signal)?,
            error: text("session.error", error)?,
            terminal: optional(Argument::new("session.terminal", terminal), Argument::boolean)?,
            columns: cells("session.columns", columns)?,
            rows: cells("session.rows", rows)?,
        },
        owner: self::owner(&Argument::new("session.owner.pid", owner))?,
    })
}

/// Changes to a stored session, in the order of `lib/session-store.js`.
pub fn session_update(fields: [Value<'_>; 12]) -> Parsed<SessionUpdate> {
    let [status, current_command, ended_at, pid, rest @ ..] = fields;
    let [title, exit_code, signal, error, terminal, columns, rows, owner] = rest;
    let cells =
        |name, value| Argument::new(name, value).change(|cells| cells.integer_in(1..=MAX_CELLS));
    let text = |name, value| Argument::new(name, value).change(Argument::string);
    Ok(SessionUpdate {
        status: match status.kind()? {
            ValueType::Undefined => None,
            _ => Some(session_status(&Argument::new("fields.status", status))?),
        },
        current_command: text("fields.currentCommand", current_command)?,
        ended_at: Argument::new("fields.endedAt", ended_at).change(Argument::date)?,
        pid: Argument::new("fields.pid", pid).change(Argument::integer)?,
        details: DetailsUpdate {
            title: text("fields.title", title)?,
            exit_code: Argument::new("fields.exitCode", exit_code).change(Argument::integer)?,
            signal: text("fields.signal", signal)?,
            error: text("fields.error", error)?,
            terminal: Argument::new("fields.terminal", terminal).change(Argument::boolean)?,
            columns: cells("fields.columns", columns)?,
            rows: cells("fields.rows", rows)?,
        },
        owner: self::owner(&Argument::new("fields.owner.pid", owner))?,
    })
}

/// The pid of an owner; `undefined` for the one that is implied, `null` for none.
fn owner(pid: &Argument<'_, '_>) -> Parsed<Owner> {
    Ok(match pid.change(|pid| pid.integer_in(1..=MAX_PID))? {
        Change::Keep => Owner::Implied,
        Change::Clear => Owner::Nobody,
        Change::Set(pid) => Owner::Process(pid),
    })
}

/// A status.
pub fn session_status(argument: &Argument<'_, '_>) -> Parsed<SessionStatus> {
    argument.one_of(SessionStatus::parse, SessionStatus::TEXTS)
}

/// One status, or an array of them.
pub fn statuses<'env>(argument: Argument<'_, 'env>) -> Parsed<Option<Vec<SessionStatus>>> {
    let Some(given) = argument.optional()? else {
        return Ok(None);
    };
    if !given.value().is_array()? {
        return Ok(Some(vec![session_status(&given)?]));
    }
    let count = given.value().array_length()?;
    (0..count).map(|at| session_status(&given.element(at)?)).collect::<Parsed<_>>().map(Some)
}

/// Which sessions are meant, in the order of `lib/session-store.js`.
pub fn filter(fields: [Value<'_>; 6]) -> Parsed<Filter> {
    let [status, slot, working_dir, command, since, until] = fields;
    let text = |name, value| optional(Argument::new(name, value), Argument::string);
    let date = |name, value| optional(Argument::new(name, value), Argument::date);
    Ok(Filter {
        statuses: statuses(Argument::new("options.status", status))?,
        slot: optional(Argument::new("options.slot", slot), Argument::integer)?,
        working_dir: text("options.workingDir", working_dir)?,
        command: text("options.command", command)?,
        since: date("options.since", since)?,
        until: date("options.until", until)?,
    })
}

/// The fields of a chunk of output, in the order of `lib/output-store.js`.
pub type OutputFields<'env> = [Value<'env>; 4];

/// A chunk of output to be stored.
pub fn new_output(fields: OutputFields<'_>) -> Parsed<NewOutput> {
    output_at(Path::Name("output"), fields)
}

/// A chunk of output to be stored, the one at `index` of many.
pub fn one_of_outputs(index: u32, fields: OutputFields<'_>) -> Parsed<NewOutput> {
    output_at(Path::Element(&Path::Name("outputs"), index), fields)
}

fn output_at(output: Path<'_>, fields: OutputFields<'_>) -> Parsed<NewOutput> {
    let [session_id, timestamp, kind, data] = fields;
    let field = |name, value| Argument { value, path: Path::Field(&output, name) };
    Ok(NewOutput {
        session_id: field(c"sessionId", session_id).string()?,
        timestamp: field(c"timestamp", timestamp).date()?,
        kind: field(c"type", kind).one_of(OutputType::parse, OutputType::TEXTS)?,
        data: field(c"data", data).string()?.into(),
    })
}

/// A field of the element at `index` of the array that the documentation calls `name`.
pub fn field_of<'env, T>(
    name: &'static str,
    index: u32,
    field: &'static CStr,
    value: Value<'env>,
    parse: impl FnOnce(&Argument<'_, 'env>) -> Parsed<T>,
) -> Parsed<T> {
    let array = Path::Name(name);
    let element = Path::Element(&array, index);
    parse(&Argument { value, path: Path::Field(&element, field) })
}

/// A field that may be missing.
pub fn optional<'a, 'env, T>(
    argument: Argument<'a, 'env>,
    parse: impl FnOnce(&Argument<'a, 'env>) -> Parsed<T>,
) -> Parsed<Option<T>> {
    argument.optional()?.as_ref().map(parse).transpose()
}

/// The path of a file that may be made or replaced, unless it is one of the database's own.
pub fn new_file_path(path: &Argument<'_, '_>, database: &Connection) -> Parsed<PathBuf> {
    let target = file_path(path)?;
    if database.is_own_file(&target) {
        return Err(path.out_of_range("another file than the database and those beside it"));
    }
    Ok(target)
}

/// The path of a file, by the rules of `dbPath`.
pub fn file_path(path: &Argument<'_, '_>) -> Parsed<PathBuf> {
    match Location::parse(&path.string()?) {
        Ok(Location::File(file)) => Ok(file),
        Ok(Location::Memory) => Err(path.out_of_range("the path of a file")),
        Err(must_be) => Err(path.out_of_range(must_be)),
    }
}
