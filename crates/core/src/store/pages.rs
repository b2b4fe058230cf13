//! Sessions that meet conditions, in pages.
//!
//! An index has the starts in the form of this library, whatever form is stored. A start in a form that only this library
//! reads, or that is no moment, is NULL there: such sessions are few, and are put among the others here.

use rusqlite::types::Value;
use rusqlite::{OptionalExtension, params_from_iter};

use super::listing::Place;
use super::model::{SessionRow, SessionStatus};
use super::sessions::{Sessions, select_sessions};
use super::timestamp::{Moments, Timestamp};
use super::{Error, Result, each_row, text};
use crate::sqlite::{Row, snapshot, start};

/// The conditions on the other columns: 1 the statuses, 2 the slot, 3 the folder, 4 the command.
macro_rules! filter {
    () => {
        "(?1 IS NULL OR instr(?1, status)) AND (?2 IS NULL OR slot = ?2)
         AND (?3 IS NULL OR working_dir = ?3) AND (?4 IS NULL OR current_command = ?4)"
    };
}

/// The range of starts: from 5 to 6, and behind the session with the start 7 and the rowid 8.
macro_rules! in_range {
    () => {
        concat!(
            start!(),
            " BETWEEN ?5 AND ?6 AND (?7 IS NULL OR ",
            start!(),
            " < ?7 OR s.rowid < ?8) AND ",
            filter!()
        )
    };
}

const IN_RANGE: [&str; 2] =
    select_sessions!("WHERE ", in_range!(), " ORDER BY ", start!(), " DESC, s.rowid DESC");

const WHERE: [&str; 2] = select_sessions!("WHERE ", filter!(), " ORDER BY s.rowid DESC");

const ODD: &str =
    concat!("SELECT rowid, started_at FROM sessions WHERE ", start!(), " IS NULL AND ", filter!());

const ONE: [&str; 2] = select_sessions!("WHERE s.rowid = ?1");

const COUNT: &str = concat!("SELECT count(*) FROM sessions s WHERE ", filter!());

const COUNT_IN_RANGE: &str = concat!("SELECT count(*) FROM sessions s WHERE ", in_range!());

const ROWID: &str = "SELECT rowid FROM sessions WHERE id = ?1";

/// A text behind every moment.
const BEHIND: &str = "~";

/// Which sessions are meant.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Filter {
    /// Those that have one of these statuses.
    pub statuses: Option<Vec<SessionStatus>>,
    /// Those in this slot.
    pub slot: Option<i64>,
    /// Those that work in this folder.
    pub working_dir: Option<String>,
    /// Those with this command.
    pub command: Option<String>,
    /// Those that started then or later.
    pub since: Option<Timestamp>,
    /// Those that started then or earlier.
    pub until: Option<Timestamp>,
}

/// Which sessions to list.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Page {
    /// Only these.
    pub filter: Filter,
    /// The most sessions to list.
    pub limit: Option<usize>,
    /// Only those behind the session with this id, which started at this moment; `None` if its start is no moment.
    pub before: Option<(String, Option<Timestamp>)>,
}

impl Filter {
    /// The values of [`filter!`].
    fn values(&self) -> Vec<Value> {
        let statuses = self.statuses.as_ref().map(|all| SessionStatus::among(all));
        vec![
            statuses.into(),
            self.slot.into(),
            self.working_dir.clone().into(),
            self.command.clone().into(),
        ]
    }

    /// The values of [`in_range!`], for sessions behind one.
    fn values_behind(&self, before: Option<(Option<Timestamp>, i64)>) -> Vec<Value> {
        let written = |moment: Timestamp| moment.text().as_str().to_owned();
        let start = before.and_then(|(start, _)| start);
        let last = [self.until, start].into_iter().flatten().min();
        // Whatever has a start comes before what has none.
        let last = if before.is_some_and(|(start, _)| start.is_none()) {
            String::new()
        } else {
            last.map_or_else(|| BEHIND.to_owned(), written)
        };
        let mut values = self.values();
        values.extend([
            self.since.map(written).unwrap_or_default().into(),
            last.into(),
            start.map(written).into(),
            before.map(|(_, rowid)| rowid).into(),
        ]);
        values
    }

    /// Whether it tells anything of the start.
    pub fn has_range(&self) -> bool {
        self.since.is_some() || self.until.is_some()
    }

    /// Whether a start, in milliseconds, is in the range. One that is no moment is in none.
    fn has_start(&self, millis: f64) -> bool {
        self.since.is_none_or(|since| millis >= since.millis())
            && self.until.is_none_or(|until| millis <= until.millis())
    }
}

impl Sessions {
    /// As [`list`](Self::list), but only sessions that meet these conditions, without regard to their starts. One pass
    /// over the table takes less time than the index does for many of them.
    ///
    /// # Errors
    ///
    /// An error of SQLite or of `visit`.
    pub fn list_where<E: From<Error>>(
        &self,
        filter: &Filter,
        visit: impl FnMut(SessionRow<'_>) -> Result<(), E>,
    ) -> Result<Option<Vec<u32>>, E> {
        self.latest_first(WHERE, params_from_iter(filter.values()), visit)
    }

    /// Passes a page of the sessions to `visit`, in the order of [`list`](Self::list).
    ///
    /// # Errors
    ///
    /// An error of SQLite or of `visit`.
    pub fn page<E: From<Error>>(
        &self,
        page: &Page,
        mut visit: impl FnMut(SessionRow<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let sqlite = self.connection.unsettled().map_err(Error::from)?;
        let _one_moment = snapshot(&sqlite).map_err(Error::from)?;
        let mut left = page.limit.unwrap_or(usize::MAX);
        if left == 0 {
            return Ok(());
        }
        let before = self.place_of(page)?;
        let mut odd = self.odd(&page.filter, before)?.into_iter().peekable();
        let one = self.with_or_without_details(ONE)?;
        let (sql, values) =
            (self.with_or_without_details(IN_RANGE)?, page.filter.values_behind(before));
        let mut moments = Moments::default();
        each_row(&self.connection, sql, params_from_iter(values), |row| {
            let session = super::sessions::session(row, &mut moments)?;
            if odd.peek().is_some() {
                let place = Place::new(session.started_at, row.get(8).map_err(Error::from)?);
                while left > 0
                    && let Some(earlier) = odd.next_if(|odd| *odd < place)
                {
                    self.select(one, [earlier.rowid()], &mut visit)?;
                    left -= 1;
                }
            }
            if left > 0 {
                visit(session)?;
                left -= 1;
            }
            Ok::<_, E>(left > 0)
        })?;
        odd.take(left).try_for_each(|place| self.select(one, [place.rowid()], &mut visit))
    }

    /// The number of sessions that are meant.
    ///
    /// # Errors
    ///
    /// An error of SQLite.
    pub fn count(&self, filter: &Filter) -> Result<u64> {
        let sqlite = self.connection.unsettled()?;
        let _one_moment = snapshot(&sqlite)?;
        let count = |sql, values: Vec<Value>| {
            self.connection.with_statement(sql, |count| -> Result<u64> {
                let counted: i64 = count.query_row(params_from_iter(values), |row| row.get(0))?;
                Ok(counted.unsigned_abs())
            })
        };
        if !filter.has_range() {
            return count(COUNT, filter.values());
        }
        let odd = self.odd(filter, None)?.len() as u64;
        Ok(count(COUNT_IN_RANGE, filter.values_behind(None))? + odd)
    }

    /// The start and the rowid of the session before the page. If it is gone, it counts as stored after all sessions
    /// with the same start.
    fn place_of(&self, page: &Page) -> Result<Option<(Option<Timestamp>, i64)>> {
        let Some((id, started_at)) = &page.before else {
            return Ok(None);
        };
        let rowid = self.connection.with_statement(ROWID, |rowid| -> Result<_> {
            Ok(rowid.query_row([id], |row| row.get(0)).optional()?)
        })?;
        Ok(Some((*started_at, rowid.unwrap_or(i64::MAX))))
    }

    /// The places of the sessions whose start the index has as NULL, in their order.
    fn odd(&self, filter: &Filter, before: Option<(Option<Timestamp>, i64)>) -> Result<Vec<Place>> {
        let mut found = Vec::new();
        let mut moments = Moments::default();
        let before = before
            .map(|(start, rowid)| Place::new(start.map_or(f64::NAN, Timestamp::millis), rowid));
        let add = |row: &Row<'_>| -> Result<bool> {
            let start = moments.millis(text(row.get_ref(1)?));
            let place = Place::new(start, row.get(0)?);
            if filter.has_start(start) && before.is_none_or(|before| place > before) {
                found.push(place);
            }
            Ok(true)
        };
        each_row(&self.connection, ODD, params_from_iter(filter.values()), add)?;
        found.sort_unstable();
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the index has for stored starts must be the moment that this library reads, or nothing.
    #[test]
    fn the_index_on_starts_reads_what_this_library_reads() {
        let sqlite = rusqlite::Connection::open_in_memory().unwrap();
        let sql = concat!("SELECT ", start!(), " FROM (SELECT ?1 AS started_at)");
        let mut indexed = sqlite.prepare(sql).unwrap();
        let mut seed = 7u64;
        let mut random = |limit: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % limit
        };
        let mut moments = 0;
        for _ in 0..60_000 {
            let (month, day) = (random(14), 25 * random(2) + random(8));
            let (hours, minutes) = (random(26), 50 * random(2) + random(12));
            let mut text = format!("{}{:02}-{month:02}-{day:02}", 19 + random(2), random(100));
            text += ["T", " ", "  ", "t", ""][random(5) as usize];
            text += &format!("{hours:02}:{minutes:02}");
            text += ["", ":07", ":59", ":60", ":5"][random(5) as usize];
            text += ["", ".5", ".000", ".9999999", ".123Z", "."][random(6) as usize];
            text += ["", "Z", "z", "+02:00", "-0530", " +02:00", " "][random(7) as usize];
            if random(9) == 0 {
                text.truncate(10);
            }
            let found: Option<String> = indexed.query_row([&text], |row| row.get(0)).unwrap();
            let millis = Moments::default().millis(text.as_bytes());
            if let Some(found) = found {
                let read = Timestamp::from_millis(millis).map(Timestamp::text);
                assert_eq!(
                    read.as_ref().map_or("no moment", |text| text.as_str()),
                    found,
                    "{text}"
                );
                moments += 1;
            }
        }
        assert!(moments > 5_000, "{moments}");
    }
}
