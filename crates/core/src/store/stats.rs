//! How much a database holds. The numbers are exact: every row of output is counted.

use std::collections::{BTreeMap, HashMap};

use rusqlite::types::ValueRef;

use super::model::SessionStatus;
use super::redactions::{self, Counts};
use super::select::{Select, has_blocks};
use super::timestamp::Moments;
use super::{Result, each_row, pins, text};
use crate::sqlite::{self, Connection, Size, snapshot};

const BY_STATUS: &str = "SELECT status, count(*) FROM sessions GROUP BY status";

const IDS: &str = "SELECT id FROM sessions";

// SQLite reads only the length of a long text. What stands in a block is counted there.
const OUTPUTS: Select = Select {
    rows: "SELECT session_id, timestamp, octet_length(data) FROM session_outputs ORDER BY id",
    all: "SELECT session_id, timestamp, octet_length(data) FROM session_outputs o
          WHERE NOT EXISTS (SELECT 1 FROM gsd_session_seals s WHERE s.session_id = o.session_id AND o.id <= s.through)
          ORDER BY id",
};

const BLOCKS: &str =
    "SELECT b.session_id, b.outputs, b.bytes, b.earliest, b.latest FROM gsd_session_blocks b
    JOIN gsd_session_seals s ON s.session_id = b.session_id AND b.id <= s.through";

/// An amount of output.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Amount {
    /// The number of chunks.
    pub outputs: u64,
    /// Bytes of their text.
    pub bytes: u64,
    /// Their earliest moment, in milliseconds since 1970; NaN without one.
    pub oldest: f64,
    /// Their latest moment.
    pub newest: f64,
}

impl Amount {
    const NONE: Self = Self { outputs: 0, bytes: 0, oldest: f64::NAN, newest: f64::NAN };

    fn add(&mut self, other: &Self) {
        self.outputs += other.outputs;
        self.bytes += other.bytes;
        // The minimum or maximum of a number and NaN is the number.
        self.oldest = self.oldest.min(other.oldest);
        self.newest = self.newest.max(other.newest);
    }
}

/// How much a database holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Stats {
    /// How many sessions there are of each status, in the order of [`SessionStatus::TEXTS`].
    pub sessions: Vec<(SessionStatus, u64)>,
    /// How many of them are pinned.
    pub pinned: u64,
    /// All output.
    pub output: Amount,
    /// Chunks whose session is not stored.
    pub orphaned_outputs: u64,
    /// The sessions with the most bytes of output, and how much each has.
    pub largest: Vec<(Vec<u8>, Amount)>,
    /// The output of each period that has some, by the moment at which the period starts, in milliseconds since 1970.
    pub periods: Vec<(f64, Amount)>,
    /// How many secrets were replaced, by the rule that found them.
    pub redactions: Counts,
    /// The size of the file.
    pub size: Size,
    /// Bytes of the write-ahead log.
    pub log_bytes: u64,
}

/// Counts everything in one state of the file, and lists the `largest` sessions, and the output of every period of that many
/// milliseconds. What is sealed counts in that in which its block begins.
///
/// # Errors
///
/// [`sqlite::Error::Closed`]; an error of SQLite.
pub fn stats(connection: &Connection, largest: usize, every: Option<f64>) -> Result<Stats> {
    let sqlite = connection.settled()?;
    let _one_moment = snapshot(&sqlite)?;
    let statuses =
        SessionStatus::TEXTS.iter().filter_map(|text| SessionStatus::parse(text.as_bytes()));
    let mut sessions: Vec<_> = statuses.map(|status| (status, 0)).collect();
    each_row(connection, BY_STATUS, [], |row| -> Result<bool> {
        let status = text(row.get_ref(0)?);
        if let Some((_, count)) =
            sessions.iter_mut().find(|(known, _)| known.as_str().as_bytes() == status)
        {
            *count = row.get::<_, i64>(1)?.unsigned_abs();
        }
        Ok(true)
    })?;
    let mut amounts: HashMap<Vec<u8>, Amount> = HashMap::new();
    let mut output = Amount::NONE;
    let mut moments = Moments::default();
    let mut periods: BTreeMap<i64, Amount> = BTreeMap::new();
    let mut add = |id: &[u8], amount: Amount| {
        output.add(&amount);
        if let Some(every) = every
            && !amount.oldest.is_nan()
        {
            let period = (amount.oldest / every).floor() as i64;
            periods.entry(period).or_insert(Amount::NONE).add(&amount);
        }
        match amounts.get_mut(id) {
            Some(known) => known.add(&amount),
            None => drop(amounts.insert(id.to_owned(), amount)),
        }
    };
    let count = |value: ValueRef<'_>| match value {
        ValueRef::Integer(bytes) => bytes.unsigned_abs(),
        _ => 0,
    };
    each_row(connection, OUTPUTS.of(&sqlite)?, [], |row| -> Result<bool> {
        let at = moments.millis(text(row.get_ref(1)?));
        let bytes = count(row.get_ref(2)?);
        let id = text(row.get_ref(0)?);
        add(id, Amount { outputs: 1, bytes, oldest: at, newest: at });
        Ok(true)
    })?;
    if has_blocks(&sqlite)? {
        each_row(connection, BLOCKS, [], |row| -> Result<bool> {
            let (outputs, bytes) = (count(row.get_ref(1)?), count(row.get_ref(2)?));
            let oldest = moments.millis(text(row.get_ref(3)?));
            let newest = moments.millis(text(row.get_ref(4)?));
            add(text(row.get_ref(0)?), Amount { outputs, bytes, oldest, newest });
            Ok(true)
        })?;
    }
    let mut stored = 0;
    each_row(connection, IDS, [], |row| -> Result<bool> {
        stored += amounts.get(text(row.get_ref(0)?)).map_or(0, |amount| amount.outputs);
        Ok(true)
    })?;
    let mut largest_first: Vec<_> = amounts.into_iter().collect();
    largest_first
        .sort_by(|(a_id, a), (b_id, b)| b.bytes.cmp(&a.bytes).then_with(|| a_id.cmp(b_id)));
    largest_first.truncate(largest);
    Ok(Stats {
        sessions,
        pinned: pins::all(&sqlite)?.len() as u64,
        output,
        orphaned_outputs: output.outputs.saturating_sub(stored),
        largest: largest_first,
        periods: starts(periods, every.unwrap_or_default()),
        redactions: redactions::all(connection)?,
        size: sqlite::size(&sqlite)?,
        log_bytes: connection.log_size(),
    })
}

fn starts(periods: BTreeMap<i64, Amount>, every: f64) -> Vec<(f64, Amount)> {
    periods.into_iter().map(|(period, amount)| (period as f64 * every, amount)).collect()
}
