//! Chooses the sessions and the orphaned output that may be removed.

use std::collections::HashSet;

use rusqlite::types::ValueRef;
use rusqlite::{Connection as Sqlite, OptionalExtension, params};

use super::{Criteria, Pruning};
use crate::sqlite::snapshot;
use crate::store::model::SessionStatus;
use crate::store::orphans::LAST_OUTPUT;
use crate::store::select::Select;
use crate::store::timestamp::Moments;
use crate::store::{Result, StoredText, text};

const CANDIDATES: &str =
    "SELECT rowid, id, status, started_at, ended_at FROM sessions WHERE status = ?1";

const UNCHANGED: &str =
    "SELECT 1 FROM sessions WHERE rowid = ?1 AND id = ?2 AND status = ?3 AND started_at IS ?4
     AND ended_at IS ?5";

/// Whether a session is stored.
pub(super) const IS_STORED: &str = "SELECT 1 FROM sessions WHERE id = ?1";

/// The next session id with output. Each takes one step through the index.
const NEXT_SESSION: Select = Select {
    rows: "SELECT min(session_id) FROM session_outputs WHERE session_id > ?1",
    all: "SELECT min(id) FROM (SELECT min(session_id) AS id FROM session_outputs WHERE session_id > ?1
          UNION ALL SELECT min(session_id) FROM gsd_session_blocks WHERE session_id > ?1)",
};

/// A session to be removed, in the state in which it was chosen.
#[derive(Debug)]
pub(in crate::store) struct Chosen {
    pub(super) rowid: i64,
    pub(in crate::store) id: Vec<u8>,
    pub(super) status: SessionStatus,
    pub(super) started_at: Vec<u8>,
    pub(super) ended_at: Option<Vec<u8>>,
    /// Its latest moment, in milliseconds since 1970.
    pub(in crate::store) at: f64,
}

impl Chosen {
    /// Whether the session is as it was when it was chosen.
    pub(in crate::store) fn is_unchanged(&self, sqlite: &Sqlite) -> Result<bool> {
        let Self { rowid, id, status, started_at, ended_at, .. } = self;
        let ended_at = ended_at.as_deref().map(StoredText);
        let values = params![rowid, StoredText(id), status, StoredText(started_at), ended_at];
        Ok(sqlite.prepare_cached(UNCHANGED)?.exists(values)?)
    }
}

/// What is removed: a session with its output, or output without a session.
#[derive(Debug, Clone, Copy)]
pub(super) enum Target<'a> {
    Session(&'a Chosen),
    Orphans(&'a [u8]),
}

impl Target<'_> {
    /// The id of its session, for people.
    pub(super) fn name(&self) -> String {
        String::from_utf8_lossy(self.id().0).into_owned()
    }

    pub(super) fn id(&self) -> StoredText<'_> {
        match self {
            Self::Session(chosen) => StoredText(&chosen.id),
            Self::Orphans(id) => StoredText(id),
        }
    }
}

/// The sessions of the wanted statuses, oldest first, without the newest that stay, and without those of these ids. A session
/// whose start or end is not a moment stays.
pub(in crate::store) fn candidates(
    sqlite: &Sqlite,
    criteria: &Criteria,
    without: &HashSet<Vec<u8>>,
) -> Result<Vec<Chosen>> {
    let _one_moment = snapshot(sqlite)?;
    let mut found = Vec::new();
    let mut moments = Moments::default();
    let mut statement = sqlite.prepare_cached(CANDIDATES)?;
    let statuses: HashSet<&str> = criteria.statuses.iter().map(|status| status.as_str()).collect();
    for status in statuses {
        let mut rows = statement.query([status])?;
        while let Some(row) = rows.next()? {
            let id = text(row.get_ref(1)?).to_owned();
            let started_at = text(row.get_ref(3)?).to_owned();
            let ended_at = match row.get_ref(4)? {
                ValueRef::Null => None,
                value => Some(text(value).to_owned()),
            };
            let started = moments.millis(&started_at);
            let ended = ended_at.as_ref().map_or(started, |ended| moments.millis(ended));
            let status = SessionStatus::parse(status.as_bytes());
            if let Some(status) = status
                && !started.is_nan()
                && !ended.is_nan()
                && !without.contains(&id)
            {
                // A clock may have been wrong, so the latest of all moments counts.
                let mut at = started.max(ended);
                if !criteria.is_safe(at) {
                    at = at.max(last_output(sqlite, &id, &mut moments)?);
                }
                found.push(Chosen { rowid: row.get(0)?, id, status, started_at, ended_at, at });
            }
        }
    }
    found.sort_by(|a, b| a.at.total_cmp(&b.at).then(a.rowid.cmp(&b.rowid)));
    found.truncate(found.len().saturating_sub(criteria.keep_last.unwrap_or(0)));
    Ok(found)
}

impl Criteria {
    /// Whether a session stays whatever it printed. Among those that stay, the order makes no difference.
    fn is_safe(&self, at: f64) -> bool {
        let Self { older_than, max_bytes, .. } = self;
        max_bytes.is_none() && older_than.is_some_and(|moment| at >= moment.millis())
    }
}

/// The moment of the last chunk of a session; NaN without one.
fn last_output(sqlite: &Sqlite, id: &[u8], moments: &mut Moments) -> Result<f64> {
    let mut last = sqlite.prepare_cached(LAST_OUTPUT.of(sqlite)?)?;
    let at = last.query_row([StoredText(id)], |row| Ok(moments.millis(text(row.get_ref(1)?))));
    Ok(at.optional()?.unwrap_or(f64::NAN))
}

impl<P> Pruning<'_, P> {
    /// The ids of output without a session.
    pub(super) fn orphans(&self) -> Result<Vec<Vec<u8>>> {
        let mut found = Vec::new();
        if !self.criteria.orphans {
            return Ok(found);
        }
        let mut next = self.sqlite.prepare_cached(NEXT_SESSION.of(self.sqlite)?)?;
        let mut stored = self.sqlite.prepare_cached(IS_STORED)?;
        // Every other id is greater than the empty one.
        let mut id = Some(Vec::new());
        while let Some(last) = id {
            if !stored.exists([StoredText(&last)])? {
                found.push(last.clone());
            }
            id = next.query_row([StoredText(&last)], |row| {
                Ok(match row.get_ref(0)? {
                    ValueRef::Text(id) => Some(id.to_owned()),
                    _ => None,
                })
            })?;
        }
        Ok(found)
    }
}
