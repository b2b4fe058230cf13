//! Moments in JavaScript's form (milliseconds since 1970) and in SQLite's (ISO-8601 text).

use std::time::{SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike};
use rusqlite::types::{ToSql, ToSqlOutput};
use serde::{Serialize, Serializer};

/// A moment that can be stored: a whole millisecond in the years 0 to 9999, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(i64);

/// The stored form, `YYYY-MM-DDTHH:mm:ss.sssZ`: of one length, so that text order is time order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimestampText([u8; 24]);

const FIRST: i64 = -62_167_219_200_000;
const LAST: i64 = 253_402_300_799_999;

impl Timestamp {
    /// The moment `millis` milliseconds after 1970; `None` for NaN and outside the years 0 to 9999.
    pub fn from_millis(millis: f64) -> Option<Self> {
        // A JavaScript date is NaN or a whole number, so the cast loses nothing.
        let whole = millis as i64;
        (whole as f64 == millis && (FIRST..=LAST).contains(&whole)).then_some(Self(whole))
    }

    /// This moment.
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_millis()).map_or(LAST, |millis| millis.min(LAST)))
    }

    /// Milliseconds since 1970.
    pub fn millis(self) -> f64 {
        self.0 as f64
    }

    /// The stored form.
    pub fn text(self) -> TimestampText {
        // Within the years 0 to 9999 chrono always answers; the default is never seen.
        let moment = DateTime::from_timestamp_millis(self.0).unwrap_or_default().naive_utc();
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let mut write = |at: usize, digits: usize, mut value: u32| {
            for place in text.iter_mut().skip(at).take(digits).rev() {
                *place += (value % 10) as u8;
                value /= 10;
            }
        };
        write(0, 4, moment.year().unsigned_abs());
        write(5, 2, moment.month());
        write(8, 2, moment.day());
        write(11, 2, moment.hour());
        write(14, 2, moment.minute());
        write(17, 2, moment.second());
        write(20, 3, moment.nanosecond() / 1_000_000);
        TimestampText(text)
    }

    /// The form of SQLite's `datetime()`, without milliseconds.
    pub(crate) fn seconds(self) -> Seconds {
        let TimestampText(text) = self.text();
        let mut seconds = [0; 19];
        for (place, byte) in seconds.iter_mut().zip(text) {
            *place = byte;
        }
        seconds[10] = b' ';
        Seconds(seconds)
    }
}

impl TimestampText {
    /// The 24 characters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// A moment as SQLite's `datetime()` writes it, `YYYY-MM-DD HH:mm:ss`: what the columns `created_at` and `updated_at`
/// hold. Binding it costs less than the default of the column, which SQLite computes for every row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seconds([u8; 19]);

impl Seconds {
    /// This moment.
    pub(crate) fn now() -> Self {
        Timestamp::now().seconds()
    }
}

impl AsRef<str> for Seconds {
    fn as_ref(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl ToSql for Seconds {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.as_ref().into())
    }
}

impl AsRef<str> for TimestampText {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl Serialize for TimestampText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl ToSql for TimestampText {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.as_str().into())
    }
}

/// Reads stored moments. The rows of a query are mostly of few days, so the latest day is cached.
///
/// Reads the form of this library, that of SQLite's `datetime()`, and the ISO-8601 forms between them: a date alone,
/// `T` or a blank, optional seconds with any fraction, an optional `Z` or offset. A moment without an offset is UTC,
/// as for SQLite.
#[derive(Debug)]
pub(crate) struct Moments {
    day: [u8; 10],
    /// The first millisecond of that day.
    midnight: i64,
}

impl Default for Moments {
    fn default() -> Self {
        Self { day: *b"1970-01-01", midnight: 0 }
    }
}

impl Moments {
    /// A stored moment in milliseconds since 1970; NaN if the text is not a moment.
    pub(crate) fn millis(&mut self, text: &[u8]) -> f64 {
        self.canonical(text).or_else(|| parse_any(text)).map_or(f64::NAN, |millis| millis as f64)
    }

    fn canonical(&mut self, text: &[u8]) -> Option<i64> {
        let (day, time) = text.split_first_chunk::<10>()?;
        let [b'T', h1, h2, b':', i1, i2, b':', s1, s2, b'.', f1, f2, f3, b'Z'] = time else {
            return None;
        };
        if *day != self.day {
            self.midnight = midnight(day)?;
            self.day = *day;
        }
        let part = |digits: &[u8], limit| number(digits).filter(|value| *value < limit);
        let hours = part(&[*h1, *h2], 24)?;
        let minutes = part(&[*i1, *i2], 60)?;
        let seconds = part(&[*s1, *s2], 60)?;
        let millis = number(&[*f1, *f2, *f3])?;
        Some(self.midnight + i64::from(((hours * 60 + minutes) * 60 + seconds) * 1000 + millis))
    }
}

/// Whether a stored text is a moment.
pub(crate) fn is_moment(text: &[u8]) -> bool {
    !Moments::default().millis(text).is_nan()
}

fn midnight(day: &[u8; 10]) -> Option<i64> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = day else {
        return None;
    };
    let year = i32::try_from(number(&[*y1, *y2, *y3, *y4])?).ok()?;
    let date = NaiveDate::from_ymd_opt(year, number(&[*m1, *m2])?, number(&[*d1, *d2])?)?;
    Some(date.and_time(NaiveTime::MIN).and_utc().timestamp_millis())
}

fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value, digit| match digit {
        b'0'..=b'9' => Some(value * 10 + u32::from(digit - b'0')),
        _ => None,
    })
}

fn parse_any(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?.trim();
    const WITH_OFFSET: [&str; 4] = [
        "%Y-%m-%dT%H:%M:%S%.f%#z",
        "%Y-%m-%d %H:%M:%S%.f%#z",
        "%Y-%m-%dT%H:%M%#z",
        "%Y-%m-%d %H:%M%#z",
    ];
    const UTC: [&str; 4] =
        ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"];
    if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return Some(date.and_time(NaiveTime::MIN).and_utc().timestamp_millis());
    }
    let zoned = || {
        WITH_OFFSET
            .iter()
            .find_map(|form| DateTime::parse_from_str(text, form).ok())
            .map(|moment| moment.timestamp_millis())
    };
    let bare = text.strip_suffix(['Z', 'z']).unwrap_or(text);
    UTC.iter()
        .find_map(|form| NaiveDateTime::parse_from_str(bare, form).ok())
        .map(|moment| moment.and_utc().timestamp_millis())
        .or_else(zoned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_millis(text: &[u8]) -> f64 {
        Moments::default().millis(text)
    }

    fn text(millis: f64) -> Option<String> {
        Timestamp::from_millis(millis).map(|moment| moment.text().as_str().to_owned())
    }

    #[test]
    fn the_stored_form_equals_to_iso_string() {
        assert_eq!(text(0.0).unwrap(), "1970-01-01T00:00:00.000Z");
        assert_eq!(text(-0.0).unwrap(), "1970-01-01T00:00:00.000Z");
        assert_eq!(text(1_769_169_845_007.0).unwrap(), "2026-01-23T12:04:05.007Z");
        assert_eq!(text(-1.0).unwrap(), "1969-12-31T23:59:59.999Z");
        assert_eq!(text(951_782_400_000.0).unwrap(), "2000-02-29T00:00:00.000Z");
    }

    #[test]
    fn the_years_0_and_9999_are_the_edges() {
        assert_eq!(text(FIRST as f64).unwrap(), "0000-01-01T00:00:00.000Z");
        assert_eq!(text(LAST as f64).unwrap(), "9999-12-31T23:59:59.999Z");
        for outside in [FIRST as f64 - 1.0, LAST as f64 + 1.0, 8.64e15, f64::NAN, f64::INFINITY] {
            assert_eq!(text(outside), None);
        }
    }

    #[test]
    fn every_stored_moment_reads_back() {
        // The step is not a multiple of a day, so it meets every month, hour and millisecond.
        let mut moments = Moments::default();
        let mut millis = FIRST;
        while millis <= LAST {
            for of_the_same_day in [millis, millis / 86_400_000 * 86_400_000] {
                let moment = Timestamp::from_millis(of_the_same_day.max(FIRST) as f64).unwrap();
                let text = moment.text();
                assert_eq!(moments.millis(text.as_str().as_bytes()), moment.0 as f64);
            }
            millis += 86_400_000 * 37 + 3_723_457;
        }
    }

    #[test]
    fn moments_of_sqlite_and_other_programs_are_read() {
        let noon = 1_767_268_800_000.0;
        for form in [
            "2026-01-01 12:00:00",
            "2026-01-01 12:00:00.000",
            "2026-01-01T12:00:00",
            "2026-01-01T12:00:00Z",
            "2026-01-01 12:00:00.000000Z",
            "2026-01-01 12:00",
            "2026-01-01T12:00Z",
            "2026-01-01T14:00:00+02:00",
            "2026-01-01 10:30:00.000-01:30",
            "2026-01-01T14:00+02:00",
            " 2026-01-01T12:00:00.000Z ",
        ] {
            assert_eq!(parse_millis(form.as_bytes()), noon, "{form}");
        }
        assert_eq!(parse_millis(b"2026-01-01"), noon - 43_200_000.0);
        assert_eq!(parse_millis(b"2026-01-01 12:00:00.25"), noon + 250.0);
        assert_eq!(parse_millis(b"-4713-11-24 12:00:00"), -210_866_760_000_000.0);
    }

    #[test]
    fn a_bound_time_equals_the_default_of_sqlite() {
        let sqlite = rusqlite::Connection::open_in_memory().unwrap();
        let is_now: bool = sqlite
            .query_row(
                "SELECT ?1 IN (datetime('now'), datetime('now', '-1 second'))
                     AND ?1 IS datetime(?1)",
                [Seconds::now()],
                |row| row.get(0),
            )
            .unwrap();
        assert!(is_now);
    }

    #[test]
    fn a_text_that_is_not_a_moment_reads_as_nan() {
        for text in [
            "",
            "yesterday",
            "2026-13-01T00:00:00.000Z",
            "2026-01-01T24:00:00.000Z",
            "2026-02-30",
            "20260101",
        ] {
            assert!(parse_millis(text.as_bytes()).is_nan(), "{text}");
        }
        assert!(parse_millis(b"\xff").is_nan());
    }
}
