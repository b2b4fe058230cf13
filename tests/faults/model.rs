//! The expected content of a database: what was acknowledged.

use std::path::Path;

use gsd_session_core::sqlite::{Connection, Location, OpenOptions, Result};
use gsd_session_core::store;
use gsd_session_core::store::model::{
    Details, NewOutput, NewSession, Order, OutputRow, OutputType, Owner, SessionRow, SessionStatus,
};
use gsd_session_core::store::outputs::Outputs;
use gsd_session_core::store::sessions::Sessions;
use gsd_session_core::store::timestamp::Timestamp;
use gsd_session_core::store::utf16::Joined;

/// A session: id, slot, status, command.
pub type Session = (String, i64, String, Option<String>);

/// The content of a database.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Model {
    /// In the order of their rowids.
    pub sessions: Vec<Session>,
    /// Session and data, in the order of their ids.
    pub outputs: Vec<(String, String)>,
    /// The sessions that are pinned.
    pub pins: Vec<String>,
}

impl Model {
    pub fn create(&mut self, id: &str, slot: i64) {
        self.sessions.push((id.into(), slot, "running".into(), Some("make".into())));
    }

    pub fn set_status(&mut self, id: &str, status: SessionStatus) {
        for session in self.sessions.iter_mut().filter(|session| session.0 == id) {
            session.2 = status.as_str().into();
        }
    }

    /// Marks every running session as failed: its process is gone.
    pub fn fail_orphans(&mut self) {
        for session in self.sessions.iter_mut().filter(|session| session.2 == "running") {
            session.2 = "failed".into();
        }
    }

    pub fn pin(&mut self, id: &str) {
        self.pins.push(id.into());
    }

    /// The sessions that a pruning removes: the failed ones, without pinned ones and the last.
    pub fn prunable(&self) -> Vec<String> {
        let over = |(_, _, status, _): &&Session| status == "failed";
        let ids = self.sessions.iter().filter(over).map(|(id, ..)| id.clone());
        let mut ids: Vec<_> = ids.filter(|id| !self.pins.contains(id)).collect();
        ids.pop();
        ids
    }

    pub fn append(&mut self, id: &str, data: &str) {
        self.outputs.push((id.into(), data.into()));
    }

    pub fn delete(&mut self, id: &str) {
        self.sessions.retain(|session| session.0 != id);
        self.outputs.retain(|output| output.0 != id);
        self.pins.retain(|pin| pin != id);
    }

    /// The data of one session.
    pub fn data(&self, id: &str) -> Vec<String> {
        self.outputs.iter().filter(|output| output.0 == id).map(|output| output.1.clone()).collect()
    }

    /// The content that SQL reads through a connection.
    pub fn stored(sqlite: &rusqlite::Connection) -> rusqlite::Result<Self> {
        let mut sessions = sqlite
            .prepare("SELECT id, slot, status, current_command FROM sessions ORDER BY rowid")?;
        let table = if has_seals(sqlite)? { "session_outputs_all" } else { "session_outputs" };
        let mut outputs =
            sqlite.prepare(&format!("SELECT session_id, data FROM {table} ORDER BY id"))?;
        // The oldest files have no pins.
        let pins = if sqlite.table_exists(None, "session_pins")? {
            sqlite
                .prepare("SELECT session_id FROM session_pins ORDER BY session_id")?
                .query_map([], |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()?
        } else {
            Vec::new()
        };
        Ok(Self {
            pins,
            sessions: sessions
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?
                .collect::<rusqlite::Result<_>>()?,
            outputs: outputs
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<rusqlite::Result<_>>()?,
        })
    }

    /// Asserts that the stores read what was acknowledged, or fail.
    pub fn assert_read(&self, sessions: &Sessions, outputs: &Outputs) -> store::Result<()> {
        let mut listed: Vec<Session> = Vec::new();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let visit = |row: SessionRow<'_>| -> store::Result<()> {
            let command = row.current_command.map(text);
            listed.push((text(row.id), row.slot, row.status.as_str().into(), command));
            Ok(())
        };
        sessions.list(visit)?;
        listed.sort();
        let mut expected = self.sessions.clone();
        expected.sort();
        assert_eq!(listed, expected);
        for (id, ..) in &self.sessions {
            let mut newest: Vec<String> = Vec::new();
            let visit = |row: OutputRow<'_>| -> store::Result<()> {
                newest.push(text(row.data));
                Ok(())
            };
            outputs.newest(id, None, visit)?;
            newest.reverse();
            assert_eq!(newest, self.data(id));
            assert_eq!(full(outputs, id)?, self.data(id).join("|"));
        }
        Ok(())
    }
}

/// All that a session printed.
pub fn full(outputs: &Outputs, id: &str) -> store::Result<String> {
    Ok(match outputs.full(id, "|", Order::Time)? {
        Joined::Ascii(text) => String::from_utf8(text).unwrap(),
        Joined::Wide(text) => String::from_utf16(&text).unwrap(),
    })
}

/// The process of every session.
pub const PID: i64 = 42;

pub fn session(id: &str, slot: i64) -> NewSession {
    NewSession {
        id: id.into(),
        slot,
        status: SessionStatus::Running,
        working_dir: "/srv".into(),
        current_command: Some("make".into()),
        started_at: moment(),
        ended_at: None,
        pid: Some(PID),
        details: Details { exit_code: Some(slot), ..Details::default() },
        owner: Owner::default(),
    }
}

/// More rows than one statement inserts, some in Latin and some in other letters.
pub const MANY: &[&str] = &[
    "01",
    "02",
    "03",
    "04",
    "05",
    "06",
    "07",
    "08",
    "09",
    "10",
    "élève",
    "12",
    "13",
    "14",
    "15",
    "16",
    "17",
    "18",
    "日本語",
    "20",
];

/// All chunks have the same millisecond, so their ids order them.
pub fn chunk(id: &str, data: &str) -> NewOutput {
    NewOutput {
        session_id: id.into(),
        timestamp: moment(),
        kind: OutputType::Stdout,
        data: data.into(),
    }
}

fn moment() -> Timestamp {
    // Later than everything in the fixture.
    Timestamp::from_millis(4_102_444_800_000.0).unwrap()
}

pub fn open(file: &Path, options: &OpenOptions) -> Result<Connection> {
    Connection::open(&file.to_string_lossy(), Location::File(file.to_owned()), options)
}

/// Whether sessions of the file are sealed, by now.
fn has_seals(sqlite: &rusqlite::Connection) -> rusqlite::Result<bool> {
    sqlite.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'gsd_session_seals'")?.exists([])
}

/// Asserts that the file is sound, and as the library makes it.
pub fn assert_sound(sqlite: &rusqlite::Connection) {
    let text = |pragma: &str| -> String {
        let value: rusqlite::types::Value =
            sqlite.pragma_query_value(None, pragma, |row| row.get(0)).unwrap();
        format!("{value:?}")
    };
    assert_eq!(text("integrity_check"), "Text(\"ok\")");
    assert_eq!(text("journal_mode"), "Text(\"wal\")");
    assert_eq!(
        text("user_version"),
        if has_seals(sqlite).unwrap() { "Integer(3)" } else { "Integer(2)" }
    );
}
