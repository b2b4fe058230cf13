//! Files whose schema holds names that are not UTF-8. Everything that reads such a file does so without a panic, even
//! one that rusqlite catches: it would have printed a message.

use std::cell::Cell;
use std::fs;
use std::ops::ControlFlow;
use std::panic;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Once;

use rusqlite::Connection as Sqlite;

use super::changes::{self, Seen};
use super::cursors::Tail;
use super::model::{
    Change, Details, ExportFormat, NewOutput, NewSession, Order, OutputType, Owner, SessionStatus,
    SessionUpdate,
};
use super::orphans::FailOrphans;
use super::outputs::Outputs;
use super::pages::Page;
use super::retention::{Criteria, prune};
use super::salvage::salvage;
use super::search::{Query, Search};
use super::sessions::Sessions;
use super::stats::stats;
use super::timestamp::Timestamp;
use super::verify::verify;
use super::{Error, Result};
use crate::sqlite::{Connection, Location, OpenOptions};

thread_local! {
    static PANICS: Cell<u32> = const { Cell::new(0) };
}

/// Counts the panics of `work` on this thread, whoever catches them.
fn panics(work: impl FnOnce()) -> u32 {
    static COUNTING: Once = Once::new();
    COUNTING.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            PANICS.set(PANICS.get() + 1);
            before(panic);
        }));
    });
    let before = PANICS.get();
    work();
    PANICS.get() - before
}

const SCHEMA: &str = include_str!("../sqlite/migrations/0001_sessions.sql");

/// Tables, columns, types, indexes, triggers, views, aliases and constraints of others. The first character of every `weird`
/// and the last one of every `oddly` is broken later.
const OTHERS: &str = "
    ALTER TABLE sessions ADD COLUMN weird_column weird_type DEFAULT 'weird';
    ALTER TABLE sessions ADD COLUMN weird_sum INTEGER AS (slot + 1) CHECK (weird_sum > 0);
    ALTER TABLE session_outputs ADD COLUMN weird_column TEXT CONSTRAINT weird_check CHECK (weird_column <> 'weird');
    CREATE TABLE weird_table (weird_key INTEGER PRIMARY KEY, weird_column weird_type);
    CREATE TABLE others (weird_key INTEGER PRIMARY KEY, weird_column weird_type NOT NULL UNIQUE);
    INSERT INTO others VALUES (1, 'weird');
    CREATE INDEX weird_index ON session_outputs (weird_column) WHERE weird_column IS NOT NULL;
    CREATE INDEX weird_sums ON sessions (weird_sum + 1);
    CREATE TRIGGER weird_trigger AFTER UPDATE ON sessions BEGIN SELECT NEW.weird_column AS weird_alias; END;
    CREATE VIEW weird_view AS SELECT weird_key AS weird_alias FROM weird_table;
    CREATE VIEW of_others AS SELECT weird_key AS weird_alias, weird_column FROM others;
    CREATE VIEW at_the_end AS SELECT 1 AS oddly;";

fn session(id: &str) -> NewSession {
    NewSession {
        id: id.to_owned(),
        slot: 1,
        status: SessionStatus::Failed,
        working_dir: "/".to_owned(),
        current_command: None,
        started_at: Timestamp::now(),
        ended_at: None,
        pid: None,
        details: Details { title: Some(id.to_owned()), ..Details::default() },
        owner: Owner::default(),
    }
}

fn output(data: &str) -> NewOutput {
    NewOutput {
        session_id: "s-1".to_owned(),
        timestamp: Timestamp::now(),
        kind: OutputType::Stdout,
        data: data.into(),
    }
}

/// A file with the plan's schema, as `change` makes it, and with what others added.
fn file(folder: &Path, encoding: &str, change: fn(&str) -> String) -> PathBuf {
    let file = folder.join("a.db");
    let sqlite = Sqlite::open(&file).unwrap();
    sqlite
        .execute_batch(&format!("PRAGMA encoding = '{encoding}'; {}; {OTHERS}", change(SCHEMA)))
        .unwrap();
    sqlite.close().unwrap();
    let mut bytes = fs::read(&file).unwrap();
    for (word, at) in [("weird", 0), ("oddly", 4)] {
        // A byte that UTF-8 never has. In UTF-16 it is half of a pair, which stays alone at the end of a text only.
        let (word, broken): (Vec<u8>, Vec<u8>) = match encoding {
            "UTF-8" => (word.into(), vec![0xff]),
            _ => (word.encode_utf16().flat_map(u16::to_le_bytes).collect(), vec![0x3d, 0xd8]),
        };
        let found = |bytes: &[u8]| bytes.windows(word.len()).position(|window| window == word);
        assert!(found(&bytes).is_some());
        while let Some(start) = found(&bytes) {
            bytes[start + at * broken.len()..][..broken.len()].copy_from_slice(&broken);
        }
    }
    fs::write(&file, bytes).unwrap();
    file
}

fn open(file: &Path, slots: u16) -> Rc<Connection> {
    let options = OpenOptions { slots, ..OpenOptions::default() };
    let location = Location::File(file.to_owned());
    Rc::new(Connection::open(&file.to_string_lossy(), location, &options).unwrap())
}

/// Every call of the stores that reads or writes.
fn use_stores(connection: &Rc<Connection>, folder: &Path) -> Result<()> {
    let sessions = Sessions::new(Rc::clone(connection));
    let outputs = Outputs::new(Rc::clone(connection));
    for id in ["s-1", "s-2"] {
        sessions.create(&session(id))?;
    }
    let mut seen = Seen::now(connection, vec!["others".into()])?;
    outputs.append(output("one\n"))?;
    outputs.append_many(&vec![output("two\n"); 40])?;
    let update = SessionUpdate { pid: Change::Set(7), ..SessionUpdate::default() };
    sessions.update("s-1", &update, None)?;
    assert!(!seen.news(connection)?.sessions.is_empty());
    assert!(changes::status(connection, "s-1")?.is_some());
    sessions.list(|_| Ok::<_, Error>(()))?;
    sessions.page(&Page::default(), |_| Ok::<_, Error>(()))?;
    sessions.fail_orphans(&[7], FailOrphans::default(), |_| Ok::<_, Error>(()))?;
    sessions.pin("s-2")?;
    outputs.read("s-1", 0, 10, |_| Ok::<_, Error>(()))?;
    outputs.tail("s-1", Tail::Lines(3), |_| Ok::<_, Error>(()))?;
    outputs.newest("s-1", Some(3), |_| Ok::<_, Error>(()))?;
    assert!(outputs.full("s-1", "", Order::Time)?.len() > 100);
    for format in [ExportFormat::Raw, ExportFormat::Html, ExportFormat::Ndjson] {
        let export = outputs.export("s-1".to_owned(), format, (None, None), None, None)?;
        export.write_to(&folder.join("export"), |_| ControlFlow::Continue(()))?;
    }
    let query = Query {
        pattern: "two".to_owned(),
        regex: false,
        case_sensitive: true,
        drawn_over: true,
        command: None,
        session_id: None,
        since: None,
        until: None,
        limit: 10,
        context: 1,
        time_limit: None,
    };
    Search::new(outputs.clone(), query)?.page(|_| Ok::<_, Error>(()))?;
    assert_eq!(stats(connection, 3, None)?.output.outputs, 41);
    let problems = verify(connection)?.problems;
    assert!(problems.iter().all(|problem| problem.contains("is declared as")), "{problems:?}");
    connection
        .backup_source()?
        .copy_to(&folder.join("backup.db"), |_| ControlFlow::Continue(()))?;
    Ok(())
}

/// Runs SQL of callers about such names.
fn use_sql(connection: &Rc<Connection>) {
    let read = |sql: &str| -> Result<()> {
        let statement = connection.prepare(sql)?;
        statement.columns()?;
        statement.parameters()?;
        statement.start_iterating(true)?;
        while statement.is_iterating() {
            statement.columns()?;
            statement.advance(|row, _| {
                for column in 0..row.as_ref().column_count() {
                    row.get_ref(column)?;
                }
                Ok::<_, Error>(())
            })?;
        }
        Ok(())
    };
    for sql in [
        "SELECT * FROM sessions",
        "SELECT rowid FROM sessions",
        "SELECT * FROM session_outputs",
        "SELECT * FROM sqlite_schema",
        "SELECT * FROM others",
        "SELECT rowid FROM others",
        "SELECT * FROM of_others",
        "SELECT * FROM at_the_end",
        "PRAGMA table_xinfo(sessions)",
        "PRAGMA index_list(session_outputs)",
        "PRAGMA integrity_check",
        "SELECT * FROM sqlite_schema AS m, pragma_table_xinfo(m.name)",
        "EXPLAIN SELECT * FROM sessions",
        "EXPLAIN QUERY PLAN SELECT * FROM sessions",
        "UPDATE sessions SET pid = 8 RETURNING *",
    ] {
        read(sql).unwrap();
    }
    let told = connection.execute("INSERT INTO others DEFAULT VALUES").unwrap_err().to_string();
    assert!(!told.is_ascii(), "{told}");
    for sql in ["ANALYZE", "REINDEX", "VACUUM"] {
        connection.execute(sql).unwrap();
    }
}

#[test]
fn no_call_panics_because_of_names_that_are_not_utf_8() {
    let same = |schema: &str| schema.to_owned();
    // The rowid of a table takes the name of its integer primary key.
    let keyed = |schema: &str| {
        schema.replace("id TEXT PRIMARY KEY", "weird_key INTEGER PRIMARY KEY, id TEXT UNIQUE")
    };
    for encoding in ["UTF-8", "UTF-16le"] {
        for change in [same, keyed] {
            let folder = tempfile::tempdir().unwrap();
            let file = file(folder.path(), encoding, change);
            let count = panics(|| {
                let connection = open(&file, 5);
                use_stores(&connection, folder.path()).unwrap();
                use_sql(&connection);
                let sibling = connection.sibling().unwrap().unwrap();
                let criteria = Criteria {
                    older_than: None,
                    max_bytes: None,
                    keep_last: Some(0),
                    statuses: vec![SessionStatus::Failed],
                    orphans: true,
                    scrub: true,
                    dry_run: false,
                };
                prune(&sibling, &criteria, None, |_| ControlFlow::Continue(())).unwrap();
                drop(sibling);
                connection.close().unwrap();
                let salvaged = salvage(&file, &folder.path().join("salvaged.db")).unwrap();
                assert_eq!(salvaged.sessions, 1, "{encoding}: {salvaged:?}");
            });
            assert_eq!(count, 0, "{encoding}");
        }
    }
}

#[test]
fn a_caught_panic_is_counted() {
    let caught = || drop(panic::catch_unwind(|| panic!("on purpose")));
    assert_eq!(panics(caught), 1);
}
