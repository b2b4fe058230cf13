//! The columns of a block: everything of its chunks but what was printed, one column behind the other.
//!
//! | column | of each chunk |
//! |---|---|
//! | cursors | how much it is above the one before, without 1; the first one stands in the header |
//! | streams | one byte: 0 for stdout, 1 for stderr, and 2 more for a BLOB |
//! | lengths | bytes of what was printed |
//! | moments | see [`NUMBERS`] and [`TEXTS`], in milliseconds |
//! | when the row was made | the same, in seconds |
//!
//! Numbers are those of [`numbers`](super::numbers).

use super::numbers::{put, put_signed, take, take_bytes, take_signed};
use super::{Chunk, Damage};
use crate::store::model::OutputType;
use crate::store::timestamp::{Moments, Seconds, Timestamp, TimestampText};

/// The first byte of a column of moments that have the form of this library: how much each is above the one before, the first one
/// above 1970.
const NUMBERS: u8 = 0;

/// The first byte of a column of any moments: the text of each, behind its length and 1; a length of 0 stands for NULL.
const TEXTS: u8 = 1;

/// A stored text of a moment, which may have the form of this library.
trait Stored: AsRef<str> + Sized {
    /// Milliseconds in a step.
    const STEP: i64;
    /// The text of a moment.
    fn of(moment: Timestamp) -> Self;
}

impl Stored for TimestampText {
    const STEP: i64 = 1;

    fn of(moment: Timestamp) -> Self {
        moment.text()
    }
}

impl Stored for Seconds {
    const STEP: i64 = 1000;

    fn of(moment: Timestamp) -> Self {
        moment.seconds()
    }
}

/// What is known of a chunk without what was printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) id: i64,
    pub(super) timestamp: Box<[u8]>,
    pub(super) kind: OutputType,
    pub(super) is_blob: bool,
    pub(super) created_at: Option<Box<[u8]>>,
    pub(super) length: usize,
}

impl From<Chunk<'_>> for Row {
    fn from(chunk: Chunk<'_>) -> Self {
        let Chunk { id, timestamp, kind, data, is_blob, created_at } = chunk;
        let (timestamp, created_at) = (timestamp.into(), created_at.map(Into::into));
        Self { id, timestamp, kind, is_blob, created_at, length: data.len() }
    }
}

/// The columns of rows whose cursors ascend.
pub(super) fn write(rows: &[Row]) -> Vec<u8> {
    let mut out = Vec::new();
    for (row, next) in rows.iter().zip(rows.iter().skip(1)) {
        put(&mut out, next.id.abs_diff(row.id).saturating_sub(1));
    }
    out.extend(
        rows.iter()
            .map(|row| u8::from(row.kind == OutputType::Stderr) | u8::from(row.is_blob) << 1),
    );
    rows.iter().for_each(|row| put(&mut out, row.length as u64));
    write_moments::<TimestampText>(&mut out, rows.iter().map(|row| Some(&*row.timestamp)));
    write_moments::<Seconds>(&mut out, rows.iter().map(|row| row.created_at.as_deref()));
    out
}

fn write_moments<'a, S: Stored>(
    out: &mut Vec<u8>,
    texts: impl Iterator<Item = Option<&'a [u8]>> + Clone,
) {
    let mut moments = Moments::default();
    let number = |text: Option<&[u8]>| {
        let moment = Timestamp::from_millis(moments.millis(text?))?;
        (S::of(moment).as_ref().as_bytes() == text?).then(|| moment.millis() as i64 / S::STEP)
    };
    let numbers: Option<Vec<i64>> = texts.clone().map(number).collect();
    let Some(numbers) = numbers else {
        out.push(TEXTS);
        for text in texts {
            put(out, text.map_or(0, |text| text.len() as u64 + 1));
            out.extend_from_slice(text.unwrap_or_default());
        }
        return;
    };
    out.push(NUMBERS);
    let mut before = 0;
    for number in numbers {
        put_signed(out, number - before);
        before = number;
    }
}

/// The rows of columns. All of the bytes must be theirs.
pub(super) fn read(mut bytes: &[u8], first: i64, count: usize) -> Result<Vec<Row>, Damage> {
    let from = &mut bytes;
    if count == 0 {
        return Err(Damage::Columns);
    }
    let mut ids = vec![first];
    let mut id = first;
    for _ in 1..count {
        let above = take(from)?.checked_add(1).ok_or(Damage::Columns)?;
        id = id.checked_add_unsigned(above).ok_or(Damage::Columns)?;
        ids.push(id);
    }
    let streams = take_bytes(from, count as u64)?;
    let lengths = (0..count).map(|_| take(from)).collect::<Result<Vec<_>, _>>()?;
    let timestamps = read_moments::<TimestampText>(from, count)?;
    let created = read_moments::<Seconds>(from, count)?;
    if !from.is_empty() {
        return Err(Damage::Columns);
    }
    let columns = ids.into_iter().zip(streams).zip(lengths).zip(timestamps).zip(created);
    let rows = columns.map(|((((id, stream), length), timestamp), created_at)| {
        let (kind, is_blob) = match stream {
            0 => (OutputType::Stdout, false),
            1 => (OutputType::Stderr, false),
            2 => (OutputType::Stdout, true),
            3 => (OutputType::Stderr, true),
            _ => return Err(Damage::Columns),
        };
        let timestamp = timestamp.ok_or(Damage::Columns)?;
        let length = usize::try_from(length).map_err(|_| Damage::Columns)?;
        Ok(Row { id, timestamp, kind, is_blob, created_at, length })
    });
    rows.collect()
}

type Moment = Option<Box<[u8]>>;

fn read_moments<S: Stored>(from: &mut &[u8], count: usize) -> Result<Vec<Moment>, Damage> {
    match take_bytes(from, 1)? {
        [NUMBERS] => {
            let mut number: i64 = 0;
            let mut next = || {
                number = number.checked_add(take_signed(from)?).ok_or(Damage::Columns)?;
                let millis = number.checked_mul(S::STEP).ok_or(Damage::Columns)?;
                let moment = Timestamp::from_millis(millis as f64).ok_or(Damage::Columns)?;
                Ok(Some(S::of(moment).as_ref().as_bytes().into()))
            };
            (0..count).map(|_| next()).collect()
        }
        [TEXTS] => {
            let mut next = || match take(from)? {
                0 => Ok(None),
                length => Ok(Some(take_bytes(from, length - 1)?.into())),
            };
            (0..count).map(|_| next()).collect()
        }
        _ => Err(Damage::Columns),
    }
}
