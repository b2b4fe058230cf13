//! Sessions: what ran in which slot, and how it went.

use std::rc::Rc;

use rusqlite::types::ValueRef;
use rusqlite::{Connection as Sqlite, Params, Statement, ffi, params};

use super::details;
use super::listing::Starts;
use super::model::{
    Details, DetailsUpdate, NewSession, SessionRow, SessionStatus, SessionUpdate, Update,
};
use super::owners::News;
use super::redact::Redact;
use super::redactions::{self, Counts};
use super::timestamp::{Moments, Seconds, Timestamp};
use super::{Error, Result, cascade, damaged, damaged_index, each_row, has_additions, text};
use crate::sqlite::{self, Connection, Row, atomically};

const INSERT: &str =
    "INSERT INTO sessions (id, slot, status, working_dir, current_command, started_at, ended_at, pid,
         created_at, updated_at)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9)";

/// One statement for every combination of fields, so that it is prepared once.
const UPDATE: &str = "UPDATE sessions SET
     status = coalesce(?2, status),
     current_command = iif(?3, ?4, current_command),
     ended_at = iif(?5, ?6, ended_at),
     pid = iif(?7, ?8, pid)
     WHERE id = ?1 AND (?9 IS NULL OR instr(?9, '|' || status || '|'))";

/// Selects by the index on the id, `i`, and the row that it names, `s`. The id of the row is compared, because a
/// damaged index may name another row.
macro_rules! by_id {
    ($details:literal, $join:literal) => {
        concat!(
            "SELECT s.id, s.slot, s.status, s.working_dir, s.current_command, s.started_at, s.ended_at, s.pid, s.rowid",
            $details,
            " FROM sessions i CROSS JOIN sessions s ON s.rowid = i.rowid",
            $join,
            " WHERE i.id = ?1"
        )
    };
}

const GET: &str = by_id!("", "");
const GET_WITH_DETAILS: &str = by_id!(
    ", d.title, d.exit_code, d.signal, d.error, d.terminal, d.columns, d.rows",
    " LEFT JOIN gsd_session_details d ON d.session_id = s.id"
);

/// Selects sessions with their rowids: a query that leaves out their details, and one with them.
macro_rules! select_sessions {
    ($($condition:expr),+) => {
        [
            concat!(
                "SELECT id, slot, status, working_dir, current_command, started_at, ended_at, pid, s.rowid
                 FROM sessions s ",
                $($condition),+
            ),
            concat!(
                "SELECT id, slot, status, working_dir, current_command, started_at, ended_at, pid, s.rowid,
                 d.title, d.exit_code, d.signal, d.error, d.terminal, d.columns, d.rows
                 FROM sessions s LEFT JOIN gsd_session_details d ON d.session_id = s.id ",
                $($condition),+
            ),
        ]
    };
}

pub(super) use select_sessions;

/// The sessions of one database.
#[derive(Debug, Clone)]
pub struct Sessions {
    pub(super) connection: Rc<Connection>,
    redact: Option<Rc<Redact>>,
}

impl Sessions {
    /// The sessions of `connection`.
    pub fn new(connection: Rc<Connection>) -> Self {
        let redact = connection.shared();
        Self { connection, redact }
    }

    /// The connection to their database.
    pub fn connection(&self) -> &Rc<Connection> {
        &self.connection
    }

    /// Stores a session.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfRange`] for a slot that the file does not accept, `SQLITE_CONSTRAINT_PRIMARYKEY`
    /// for an id that exists.
    pub fn create(&self, session: &NewSession) -> Result<()> {
        self.check_slot(session.slot)?;
        if let Some(redact) = &self.redact {
            let mut session = session.clone();
            let found = redact.redactor.clean_session(&mut session);
            return self.connection.write(|sqlite| {
                atomically(sqlite, || {
                    store(sqlite, &session)?;
                    Ok(redactions::add_all(sqlite, &session.id, &found)?)
                })
            });
        }
        self.connection.write(|sqlite| {
            store_with(sqlite, session, || {
                self.connection.with_statement(INSERT, |insert| insert_row(insert, session))
            })
        })
    }

    /// Passes the session with this id, if it exists, to `visit`.
    ///
    /// # Errors
    ///
    /// An error of SQLite or of `visit`.
    pub fn get<E: From<Error>>(
        &self,
        id: &str,
        mut visit: impl FnMut(SessionRow<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let sql = if has_additions(&self.connection)? { GET_WITH_DETAILS } else { GET };
        self.select(sql, [id], |row| {
            if row.id != id.as_bytes() {
                return Err(damaged_index("sessions", "the row of session", row.id).into());
            }
            visit(row)
        })
    }

    /// Changes the given fields of a session, if it exists and has one of the statuses, if any are given. Returns
    /// whether it was changed.
    ///
    /// # Errors
    ///
    /// An error of SQLite.
    pub fn update(
        &self,
        id: &str,
        update: &SessionUpdate,
        if_status: Option<&[SessionStatus]>,
    ) -> Result<bool> {
        if *update == SessionUpdate::default() {
            return Ok(self.connection.unsettled().map(|_| false)?);
        }
        if matches!(update.status, Some(SessionStatus::Completed | SessionStatus::Failed)) {
            self.connection.release_held()?;
        }
        let Some(redact) = &self.redact else { return self.change(id, update, if_status) };
        let mut update = update.clone();
        let found = redact.redactor.clean_update(&mut update);
        self.connection.write(|sqlite| {
            atomically(sqlite, || {
                let is_changed = self.change(id, &update, if_status)?;
                if is_changed {
                    redactions::add_all(sqlite, id, &found)?;
                }
                Ok(is_changed)
            })
        })
    }

    /// How many secrets were replaced in a session, by rules.
    ///
    /// # Errors
    ///
    /// An error of SQLite.
    pub fn redactions(&self, id: &str) -> Result<Counts> {
        self.connection.settled()?;
        redactions::of_session(&self.connection, id)
    }

    fn change(
        &self,
        id: &str,
        update: &SessionUpdate,
        if_status: Option<&[SessionStatus]>,
    ) -> Result<bool> {
        self.connection.write(|sqlite| {
            change_with(sqlite, id, update, || {
                self.connection.with_statement(UPDATE, |row| update_row(row, id, update, if_status))
            })
        })
    }

    /// Removes a session, and its output unless `keep_outputs`, in one transaction.
    ///
    /// # Errors
    ///
    /// `SQLITE_CONSTRAINT_FOREIGNKEY` where output would stay without its session although the connection enforces
    /// foreign keys; an error of SQLite.
    pub fn delete(&self, id: &str, keep_outputs: bool) -> Result<()> {
        if keep_outputs {
            self.connection.release_held()?;
        }
        self.connection.forget_held(id);
        self.connection.remove(|sqlite| cascade::delete(sqlite, id, keep_outputs))
    }

    /// Passes every session to `visit`, the latest insert first. Returns the order in which they have to be listed, by
    /// the numbers of the calls, where it is another one: newest start first, at equal starts the latest insert first.
    ///
    /// Most sessions are stored in the order of their starts, so usually nothing needs sorting. SQLite would take as
    /// long for that as for the query.
    ///
    /// # Errors
    ///
    /// An error of SQLite or of `visit`.
    pub fn list<E: From<Error>>(
        &self,
        visit: impl FnMut(SessionRow<'_>) -> Result<(), E>,
    ) -> Result<Option<Vec<u32>>, E> {
        self.latest_first(select_sessions!("ORDER BY s.rowid DESC"), [], visit)
    }

    /// As [`list`](Self::list), but only sessions of one status.
    ///
    /// # Errors
    ///
    /// An error of SQLite or of `visit`.
    pub fn list_by_status<E: From<Error>>(
        &self,
        status: SessionStatus,
        visit: impl FnMut(SessionRow<'_>) -> Result<(), E>,
    ) -> Result<Option<Vec<u32>>, E> {
        let sql = select_sessions!("WHERE status = ?1 ORDER BY s.rowid DESC");
        self.latest_first(sql, [status], visit)
    }

    /// As [`list`](Self::list), but only sessions that are running or waiting at a checkpoint.
    ///
    /// # Errors
    ///
    /// An error of SQLite or of `visit`.
    pub fn find_running<E: From<Error>>(
        &self,
        visit: impl FnMut(SessionRow<'_>) -> Result<(), E>,
    ) -> Result<Option<Vec<u32>>, E> {
        let sql = select_sessions!(
            "WHERE status IN ('running', 'waiting_checkpoint') ORDER BY s.rowid DESC"
        );
        self.latest_first(sql, [], visit)
    }

    pub(super) fn latest_first<E: From<Error>>(
        &self,
        sql: [&'static str; 2],
        params: impl Params,
        mut visit: impl FnMut(SessionRow<'_>) -> Result<(), E>,
    ) -> Result<Option<Vec<u32>>, E> {
        let mut starts = Starts::default();
        self.select(self.with_or_without_details(sql)?, params, |row| {
            starts.add(row.started_at);
            visit(row)
        })?;
        Ok(starts.order())
    }

    /// The second of two queries where any session has details: the first one takes a tenth less time.
    pub(super) fn with_or_without_details(
        &self,
        [without, with]: [&'static str; 2],
    ) -> Result<&'static str> {
        Ok(if details::are_stored(&self.connection)? { with } else { without })
    }

    pub(super) fn select<E: From<Error>>(
        &self,
        sql: &'static str,
        params: impl Params,
        mut visit: impl FnMut(SessionRow<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut moments = Moments::default();
        each_row(&self.connection, sql, params, |row| {
            visit(session(row, &mut moments)?)?;
            Ok(true)
        })
    }

    pub(super) fn check_slot(&self, slot: i64) -> Result<()> {
        if slot >= 1 && self.connection.accepts_slot(slot)? {
            return Ok(());
        }
        Err(Error::OutOfRange {
            field: "session.slot".into(),
            expected: match self.connection.highest_slot() {
                Some(highest) => {
                    format!(
                        "an integer from 1 to {highest} (more with the option slots of DatabaseConnection)"
                    )
                }
                None => "an integer from 1".to_owned(),
            },
            received: slot.to_string(),
        })
    }
}

/// Stores a session on any connection.
pub(super) fn store(sqlite: &Sqlite, session: &NewSession) -> Result<()> {
    store_with(sqlite, session, || {
        let mut insert = sqlite::prepare(sqlite, INSERT)?;
        insert_row(&mut insert, session)
    })
}

/// Changes a session on any connection.
pub(super) fn change(sqlite: &Sqlite, change: &Update) -> Result<bool> {
    const AT_WORK: &[SessionStatus] = &[SessionStatus::Running, SessionStatus::WaitingCheckpoint];
    let Update { id, update, only_running } = change;
    change_with(sqlite, id, update, || {
        let mut row = sqlite::prepare(sqlite, UPDATE)?;
        update_row(&mut row, id, update, only_running.then_some(AT_WORK))
    })
}

/// Stores a session, whose row `insert` stores.
fn store_with(
    sqlite: &Sqlite,
    session: &NewSession,
    insert: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let has_details = session.details != Details::default();
    let owners = News::of_new(session);
    if !has_details && owners.is_none() {
        return insert();
    }
    atomically(sqlite, || {
        insert()?;
        if has_details {
            details::insert(sqlite, &session.id, &session.details)?;
        }
        owners.map_or(Ok(()), |owners| owners.write(sqlite, &session.id))
    })
}

/// Changes a session, whose row `change` changes.
fn change_with(
    sqlite: &Sqlite,
    id: &str,
    update: &SessionUpdate,
    change: impl FnOnce() -> Result<bool>,
) -> Result<bool> {
    let has_details = update.details != DetailsUpdate::default();
    let owners = News::of_update(update);
    if !has_details && owners.is_none() {
        return change();
    }
    atomically(sqlite, || {
        // Also without a change to its row, so that its `updated_at` tells.
        if !change()? {
            return Ok(false);
        }
        if has_details {
            details::update(sqlite, id, &update.details)?;
        }
        owners.map_or(Ok(()), |owners| owners.write(sqlite, id))?;
        Ok(true)
    })
}

fn insert_row(insert: &mut Statement<'_>, session: &NewSession) -> Result<()> {
    let inserted = sqlite::write(
        insert,
        params![
            session.id,
            session.slot,
            session.status,
            session.working_dir,
            session.current_command,
            session.started_at.text(),
            session.ended_at.map(Timestamp::text),
            session.pid,
            Seconds::now(),
        ],
    );
    inserted.map(drop).map_err(|error| explain_insert(error, &session.id))
}

fn update_row(
    row: &mut Statement<'_>,
    id: &str,
    update: &SessionUpdate,
    if_status: Option<&[SessionStatus]>,
) -> Result<bool> {
    let values = params![
        id,
        update.status,
        update.current_command.is_change(),
        update.current_command.value(),
        update.ended_at.is_change(),
        update.ended_at.value().map(|moment| moment.text()),
        update.pid.is_change(),
        update.pid.value(),
        if_status.map(SessionStatus::among),
    ];
    Ok(sqlite::write(row, values)? > 0)
}

pub(super) fn session<'row>(row: &'row Row<'_>, moments: &mut Moments) -> Result<SessionRow<'row>> {
    let column = |index| row.get_ref(index);
    let status = text(column(2)?);
    Ok(SessionRow {
        id: text(column(0)?),
        slot: match column(1)? {
            ValueRef::Integer(slot) => slot,
            _ => 0,
        },
        status: SessionStatus::parse(status).ok_or_else(|| damaged("sessions.status", status))?,
        working_dir: text(column(3)?),
        current_command: match column(4)? {
            ValueRef::Null => None,
            value => Some(text(value)),
        },
        started_at: moments.millis(text(column(5)?)),
        ended_at: match column(6)? {
            ValueRef::Null => None,
            value => Some(moments.millis(text(value))),
        },
        pid: match column(7)? {
            ValueRef::Integer(pid) => Some(pid as f64),
            ValueRef::Real(pid) => Some(pid),
            _ => None,
        },
        details: details::read(row, 9)?,
    })
}

fn explain_insert(error: sqlite::Error, id: &str) -> Error {
    let duplicate = matches!(&error, sqlite::Error::Sqlite { code, .. } if *code == ffi::SQLITE_CONSTRAINT_PRIMARYKEY);
    if duplicate { error.context(format_args!("session.id {id:?} exists already")) } else { error }
        .into()
}
