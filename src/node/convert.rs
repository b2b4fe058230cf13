//! JavaScript arguments, checked and turned into the values of the model.
//!
//! A wrong argument is a `TypeError` or a `RangeError` that names it by its path, says what it must
//! be, and shows what it was.

use std::ffi::CStr;
use std::fmt;

use napi::ValueType;
use napi::bindgen_prelude::Unknown;

use super::error::Failure;
use super::js::Value;
use crate::store::model::{
    Change, NewOutput, NewSession, OutputType, SessionStatus, SessionUpdate,
};
use crate::store::timestamp::Timestamp;

/// A result of parsing.
pub type Parsed<T> = Result<T, Failure>;

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
    pub fn new(name: &'static str, value: Unknown<'env>) -> Self {
        Self { value: value.into(), path: Path::Name(name) }
    }

    /// The value itself.
    pub fn value(&self) -> Value<'env> {
        self.value
    }

    /// A field, of an object.
    pub fn field(&'a self, name: &'static CStr) -> Parsed<Self> {
        Ok(Self { value: self.value.property(name)?, path: Path::Field(&self.path, name) })
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

    /// An object, to take fields from.
    pub fn object(self) -> Parsed<Self> {
        if self.value.kind()? == ValueType::Object && !self.value.is_array()? {
            return Ok(self);
        }
        Err(self.wrong_type("an object"))
    }

    /// A string.
    pub fn string(&self) -> Parsed<String> {
        match self.value.kind()? {
            ValueType::String => Ok(self.value.string()?),
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

    /// A limit on rows: `None` for none. Whatever is no whole number from 0 is out of range.
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
        parse(self.string()?.as_bytes())
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
        Ok(format!("{} must be {expected}; received {}", self.path, show(self.value)?))
    }
}

/// A value as a message shows it. Runs no code of the caller's, as `toString()` might.
fn show(value: Value<'_>) -> napi::Result<String> {
    Ok(match value.kind()? {
        ValueType::Undefined => "undefined".into(),
        ValueType::Null => "null".into(),
        ValueType::Boolean => value.boolean()?.to_string(),
        ValueType::Number | ValueType::BigInt => shorten(value.to_text()?),
        ValueType::String => format!("{:?}", shorten(value.string()?)),
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

/// A session to be stored.
pub fn new_session(session: Unknown<'_>) -> Parsed<NewSession> {
    let session = Argument::new("session", session).object()?;
    Ok(NewSession {
        id: session.field(c"id")?.string()?,
        slot: session.field(c"slot")?.integer()?,
        status: status(&session.field(c"status")?)?,
        working_dir: session.field(c"workingDir")?.string()?,
        current_command: optional(session.field(c"currentCommand")?, Argument::string)?,
        started_at: session.field(c"startedAt")?.date()?,
        ended_at: optional(session.field(c"endedAt")?, Argument::date)?,
        pid: optional(session.field(c"pid")?, Argument::integer)?,
    })
}

/// Changes to a stored session.
pub fn session_update(fields: Unknown<'_>) -> Parsed<SessionUpdate> {
    let fields = Argument::new("fields", fields).object()?;
    let new_status = fields.field(c"status")?;
    Ok(SessionUpdate {
        status: match new_status.value().kind()? {
            ValueType::Undefined => None,
            _ => Some(status(&new_status)?),
        },
        current_command: fields.field(c"currentCommand")?.change(Argument::string)?,
        ended_at: fields.field(c"endedAt")?.change(Argument::date)?,
        pid: fields.field(c"pid")?.change(Argument::integer)?,
    })
}

/// A status.
pub fn status(argument: &Argument<'_, '_>) -> Parsed<SessionStatus> {
    argument.one_of(SessionStatus::parse, SessionStatus::TEXTS)
}

/// A chunk of output to be stored.
pub fn new_output(output: Unknown<'_>) -> Parsed<NewOutput> {
    output_fields(Argument::new("output", output))
}

/// Chunks of output to be stored.
pub fn new_outputs(outputs: Unknown<'_>) -> Parsed<Vec<NewOutput>> {
    let outputs = Argument::new("outputs", outputs);
    if !outputs.value.is_array()? {
        return Err(outputs.wrong_type("an array"));
    }
    (0..outputs.value.array_length()?)
        .map(|index| {
            let value = outputs.value.element(index)?;
            output_fields(Argument { value, path: Path::Element(&outputs.path, index) })
        })
        .collect()
}

fn output_fields(output: Argument<'_, '_>) -> Parsed<NewOutput> {
    let output = output.object()?;
    Ok(NewOutput {
        session_id: output.field(c"sessionId")?.string()?,
        timestamp: output.field(c"timestamp")?.date()?,
        kind: output.field(c"type")?.one_of(OutputType::parse, OutputType::TEXTS)?,
        data: output.field(c"data")?.string()?,
    })
}

/// A field that may be missing.
pub fn optional<'a, 'env, T>(
    argument: Argument<'a, 'env>,
    parse: impl FnOnce(&Argument<'a, 'env>) -> Parsed<T>,
) -> Parsed<Option<T>> {
    argument.optional()?.as_ref().map(parse).transpose()
}
