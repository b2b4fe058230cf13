//! Sealed sessions against the rows that they were.

use std::ops::ControlFlow;
use std::rc::Rc;

use rusqlite::types::Value;
use rusqlite::{Connection as Sqlite, params};

use super::{Criteria, Sealed, seal, seal_everything, unseal};
use crate::random::Random;
use crate::sqlite::{Connection, Location, OpenOptions};
use crate::store::StoredText;
use crate::store::model::{NewOutput, OutputType};
use crate::store::outputs::Outputs;
use crate::store::sealed::EXTENSION;
use crate::store::search::{Found, Match, Parallel, Query, Search, Stopped};
use crate::store::timestamp::Timestamp;

const EVERYTHING: &str = "SELECT id, session_id, timestamp, type, data, created_at FROM";

fn open(folder: &std::path::Path) -> Connection {
    let options = OpenOptions { extension: EXTENSION, ..OpenOptions::default() };
    Connection::open("a.db", Location::File(folder.join("a.db")), &options).unwrap()
}

/// Sessions whose chunks lie between each other, with moments that go back, and a copy of the table.
fn fill(sqlite: &Sqlite, random: &mut Random, chunks: usize) {
    for id in 0..6 {
        let status = if id < 4 { "completed" } else { "running" };
        sqlite
            .execute(
                "INSERT INTO sessions (id, slot, status, working_dir, started_at)
                 VALUES (?1, 1, ?2, '/', '2026-01-01T00:00:00.000Z')",
                params![format!("s-{id}"), status],
            )
            .unwrap();
    }
    append(sqlite, random, chunks);
}

fn append(sqlite: &Sqlite, random: &mut Random, chunks: usize) {
    sqlite.execute_batch("BEGIN").unwrap();
    for at in 0..chunks {
        let session = format!("s-{}", random.below(6));
        let second = if random.below(10) == 0 { random.below(50) } else { 10 + at as u64 / 40 };
        let moment =
            format!("2026-01-01T00:{:02}:{:02}.{:03}Z", second / 60, second % 60, random.below(3));
        let kind = if random.below(3) == 0 { "stderr" } else { "stdout" };
        let length = if random.below(50) == 0 { 3000 } else { random.index(200) };
        let mut data: Vec<u8> = (0..length).map(|_| b"abcde \n\xc3"[random.index(8)]).collect();
        if random.below(300) == 0 {
            data = vec![b'x'; 100_000];
        }
        let insert = if random.below(40) == 0 {
            "INSERT INTO session_outputs (session_id, timestamp, type, data, created_at) VALUES (?1, ?2, ?3, CAST(?4 AS BLOB), NULL)"
        } else {
            "INSERT INTO session_outputs (session_id, timestamp, type, data) VALUES (?1, ?2, ?3, ?4)"
        };
        sqlite.execute(insert, params![session, moment, kind, StoredText(&data)]).unwrap();
    }
    sqlite
        .execute_batch(
            "DROP TABLE IF EXISTS copied;
             CREATE TABLE copied (id INTEGER PRIMARY KEY, session_id TEXT, timestamp TEXT, type TEXT, data TEXT, created_at TEXT);
             COMMIT",
        )
        .unwrap();
}

fn all(sqlite: &Sqlite, sql: &str) -> Vec<Vec<Value>> {
    let mut statement = sqlite.prepare(sql).unwrap();
    let mut rows = statement.query([]).unwrap();
    let mut all = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        let value = |at| match row.get_ref(at).unwrap() {
            // It need not be UTF-8.
            rusqlite::types::ValueRef::Text(text) => {
                Value::Text(text.iter().map(|byte| char::from(*byte)).collect())
            }
            other => Value::try_from(other).unwrap(),
        };
        all.push((0..6).map(value).collect());
    }
    all
}

fn seal_all(sqlite: &Sqlite) -> Sealed {
    seal(sqlite, &Criteria::default(), None, |_| ControlFlow::Continue(())).unwrap().unwrap()
}

/// Compares answers over everything with those over a copy of the rows.
fn compare(sqlite: &Sqlite, random: &mut Random, rounds: usize) {
    let orders = [
        "",
        "ORDER BY id",
        "ORDER BY id DESC",
        "ORDER BY timestamp, id",
        "ORDER BY timestamp DESC, id DESC",
        "ORDER BY timestamp, id DESC",
    ];
    let ids: i64 = sqlite.query_row("SELECT max(id) FROM copied", [], |row| row.get(0)).unwrap();
    for _ in 0..rounds {
        let mut conditions = vec!["1".to_owned()];
        if random.below(4) > 0 {
            conditions.push(format!("session_id = 's-{}'", random.below(7)));
        }
        let bound = random.below(ids.unsigned_abs() + 10) as i64 - 5;
        match random.below(8) {
            0 => conditions.push(format!("id > {bound}")),
            1 => conditions.push(format!("id >= {bound} AND id < {}", bound + 300)),
            2 => conditions.push(format!("id = {bound}")),
            3 => conditions.push(format!("id <= {bound}.5")),
            4 => conditions.push("timestamp > '2026-01-01T00:00:15.001Z'".into()),
            5 => conditions.push(format!("id IN ({bound}, {}, 7)", bound + 3)),
            _ => {}
        }
        let order = random.one_of(&orders);
        // Without an order, any is right.
        let order = if order.is_empty() { "ORDER BY id" } else { order };
        let limit = match random.below(3) {
            0 => format!("LIMIT {}", random.below(40)),
            _ => String::new(),
        };
        let rest = format!("WHERE {} {order} {limit}", conditions.join(" AND "));
        let wanted = all(sqlite, &format!("{EVERYTHING} copied {rest}"));
        let given = all(sqlite, &format!("{EVERYTHING} session_outputs_all {rest}"));
        assert_eq!(given.len(), wanted.len(), "{rest}");
        assert!(given == wanted, "{rest}");
    }
}

fn copy(sqlite: &Sqlite) {
    sqlite
        .execute_batch(&format!(
            "DELETE FROM copied; INSERT INTO copied {EVERYTHING} session_outputs_all"
        ))
        .unwrap();
}

fn count(sqlite: &Sqlite, of: &str) -> i64 {
    sqlite.query_row(&format!("SELECT count(*) FROM {of}"), [], |row| row.get(0)).unwrap()
}

#[test]
fn sealed_output_is_what_it_was_in_rows() {
    let folder = tempfile::tempdir().unwrap();
    let connection = open(folder.path());
    let sqlite = connection.sqlite().unwrap();
    let mut random = Random(1);
    fill(&sqlite, &mut random, 3000);
    sqlite.execute_batch(&format!("INSERT INTO copied {EVERYTHING} session_outputs")).unwrap();
    compare(&sqlite, &mut random, 40);
    let running = count(&sqlite, "session_outputs WHERE session_id IN ('s-4', 's-5')");
    let sealed = seal_all(&sqlite);
    assert_eq!(sealed.sessions, ["s-0", "s-1", "s-2", "s-3"]);
    assert_eq!(sealed.outputs as i64, 3000 - running);
    assert_eq!(count(&sqlite, "session_outputs"), running);
    assert!(count(&sqlite, "gsd_session_blocks") > 10);
    assert_eq!(count(&sqlite, "gsd_session_seals WHERE work <> 0"), 0);
    compare(&sqlite, &mut random, 120);

    // Some go on, and are sealed again.
    append(&sqlite, &mut random, 1000);
    copy(&sqlite);
    assert_eq!(count(&sqlite, "copied"), 4000);
    compare(&sqlite, &mut random, 120);
    assert_eq!(seal_all(&sqlite).sessions.len(), 4);
    assert_eq!(seal_all(&sqlite).sessions.len(), 0);
    compare(&sqlite, &mut random, 120);

    let restored = unseal(&sqlite, Some(&["s-2".into()]), None, |_| ControlFlow::Continue(()))
        .unwrap()
        .unwrap();
    assert_eq!(restored.sessions, ["s-2"]);
    compare(&sqlite, &mut random, 120);
    unseal(&sqlite, None, None, |_| ControlFlow::Continue(())).unwrap().unwrap();
    assert_eq!(
        all(&sqlite, &format!("{EVERYTHING} session_outputs ORDER BY id")),
        all(&sqlite, &format!("{EVERYTHING} copied ORDER BY id"))
    );
    let version: i64 = sqlite.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 2);
    assert_eq!(
        count(
            &sqlite,
            "sqlite_schema WHERE name LIKE 'gsd_session_seals%' OR name LIKE 'gsd_session_block%'"
        ),
        0
    );
}

#[test]
fn sealing_that_ends_anywhere_leaves_every_session_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let connection = open(folder.path());
    let sqlite = connection.sqlite().unwrap();
    let mut random = Random(2);
    fill(&sqlite, &mut random, 8_000);
    sqlite.execute_batch(&format!("INSERT INTO copied {EVERYTHING} session_outputs")).unwrap();
    for round in 0..30 {
        let most = random.below(12);
        let mut told = 0;
        let mut tell = |_| {
            told += 1;
            if told > most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        if round % 4 == 3 {
            unseal(&sqlite, None, None, &mut tell).unwrap();
        } else {
            seal(&sqlite, &Criteria::default(), None, &mut tell).unwrap();
        }
        compare(&sqlite, &mut random, 10);
    }
    unseal(&sqlite, None, None, |_| ControlFlow::Continue(())).unwrap().unwrap();
    assert!(
        all(&sqlite, &format!("{EVERYTHING} session_outputs ORDER BY id"))
            == all(&sqlite, &format!("{EVERYTHING} copied ORDER BY id"))
    );
}

#[test]
fn rows_that_change_while_they_are_sealed_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let connection = open(folder.path());
    let sqlite = connection.sqlite().unwrap();
    let other = Sqlite::open(folder.path().join("a.db")).unwrap();
    let mut random = Random(3);
    fill(&sqlite, &mut random, 30_000);
    let mut changes = vec![
        "UPDATE session_outputs SET data = 'other' WHERE id = (SELECT min(id) FROM session_outputs WHERE session_id = 's-0')",
        "DELETE FROM session_outputs WHERE id = (SELECT min(id) FROM session_outputs WHERE session_id = 's-0')",
        "UPDATE sessions SET status = 'running' WHERE id = 's-0'",
    ];
    while let Some(change) = changes.pop() {
        sqlite.execute_batch("UPDATE sessions SET status = 'completed' WHERE id = 's-0'").unwrap();
        let mut told = 0;
        let only = Criteria { session_ids: Some(vec!["s-0".into()]), ..Criteria::default() };
        let sealed = seal(&sqlite, &only, None, |_| {
            told += 1;
            if told == 2 {
                other.execute_batch(change).unwrap();
            }
            ControlFlow::Continue(())
        });
        let sealed = sealed.unwrap().unwrap();
        assert_eq!((sealed.sessions.len(), sealed.kept.len()), (0, 1), "{change}");
        assert_eq!(count(&sqlite, "gsd_session_blocks"), 0);
        assert_eq!(count(&sqlite, "gsd_session_seals"), 0);
    }
}

#[test]
fn sealing_and_bringing_back_at_the_same_time_lose_nothing() {
    let mut random = Random(7);
    for round in 0..24 {
        let folder = tempfile::tempdir().unwrap();
        let connection = open(folder.path());
        let sqlite = connection.sqlite().unwrap();
        fill(&sqlite, &mut random, 200);
        // It takes more than one transaction: a block has one of these chunks.
        for _ in 0..40 {
            sqlite
                .execute(
                    "INSERT INTO session_outputs (session_id, timestamp, type, data)
                     VALUES ('s-0', '2026-01-01T00:00:00.000Z', 'stdout', hex(zeroblob(17000)))",
                    [],
                )
                .unwrap();
        }
        sqlite.execute_batch(&format!("INSERT INTO copied {EVERYTHING} session_outputs")).unwrap();
        if round % 3 == 2 {
            seal_all(&sqlite);
        }
        let other = connection.sibling().unwrap().unwrap();
        let third = connection.sibling().unwrap().unwrap();
        let (mut told, at) = (0, 1 + random.below(9));
        let meanwhile = |_| {
            told += 1;
            if told == at {
                let mut told = 0;
                let go = |_| {
                    told += 1;
                    // One is left in the middle.
                    if told > 3 && round % 2 == 0 {
                        ControlFlow::Break(())
                    } else {
                        ControlFlow::Continue(())
                    }
                };
                if round % 4 == 1 {
                    unseal(&third, None, None, go).unwrap();
                } else {
                    seal(&third, &Criteria::default(), None, go).unwrap();
                }
            }
            ControlFlow::Continue(())
        };
        if round % 3 == 2 {
            unseal(&other, None, None, meanwhile).unwrap();
        } else {
            seal(&other, &Criteria::default(), None, meanwhile).unwrap();
        }
        compare(&sqlite, &mut random, 6);
        seal_all(&sqlite);
        compare(&sqlite, &mut random, 6);
    }
}

/// Sessions that print logs in colours, and lines that are drawn over.
fn print(connection: &Rc<Connection>, random: &mut Random, ids: &[&str], chunks: usize) {
    let outputs = Outputs::new(Rc::clone(connection));
    let words = [
        "warning",
        "error",
        "Compiling",
        "unused",
        "variable",
        "\u{e9}t\u{e9}",
        "e\u{301}te\u{301}",
        "Stra\u{df}e",
        "\u{1f680}",
        "module",
        "\u{212a}elvin",
        "x",
        "0x1f",
        "done",
        "\u{1b}[1mbold\u{1b}[0m",
        "\r50%\r100%",
        "\u{1b}[2K",
        "\u{1b}[A",
        "\t",
        "\u{8}",
    ];
    for at in 0..chunks {
        let mut data = String::new();
        for _ in 0..random.below(9) {
            data += random.one_of(&words);
            data += random.one_of(&[" ", " ", "", ": ", "\r\n", "-"]);
            if random.below(4) == 0 {
                data += &format!("{:x}", random.below(1 << 30));
            }
        }
        let new = NewOutput {
            session_id: (*random.one_of(ids)).to_owned(),
            timestamp: Timestamp::from_millis(at as f64).unwrap(),
            kind: OutputType::Stdout,
            data: data.into(),
        };
        outputs.append(new).unwrap();
    }
}

fn search(connection: &Rc<Connection>, query: &Query) -> Vec<Match> {
    let search = Search::new(Outputs::new(Rc::clone(connection)), query.clone()).unwrap();
    let mut all = Vec::new();
    loop {
        let visit = |found| -> crate::store::Result<()> {
            all.push(found);
            Ok(())
        };
        if search.page(visit).unwrap() == Stopped::AtEnd {
            return all;
        }
    }
}

/// The same on threads.
fn search_beside(connection: &Rc<Connection>, query: &Query) -> Vec<Match> {
    let search = Parallel::start(connection, query.clone(), 3).unwrap().unwrap();
    let mut all = Vec::new();
    loop {
        match search.take().unwrap() {
            Found::Matches(matches) => all.extend(matches),
            Found::End => return all,
            Found::NothingYet => {
                let (tell, told) = std::sync::mpsc::channel();
                search.when_ready(move || tell.send(()).unwrap());
                told.recv().unwrap();
            }
        }
    }
}

#[test]
fn a_search_finds_in_blocks_what_it_finds_in_rows() {
    let folder = tempfile::tempdir().unwrap();
    let connection = Rc::new(open(folder.path()));
    let sqlite = connection.sqlite().unwrap();
    let mut random = Random(9);
    let ids = ["a", "b", "c", "d", "e", "f", "g", "h"];
    for id in ids {
        let sql = "INSERT INTO sessions (id, slot, status, working_dir, started_at)
             VALUES (?1, 1, 'completed', '/', '2026-01-01T00:00:00.000Z')";
        sqlite.execute(sql, [id]).unwrap();
    }
    print(&connection, &mut random, &ids, 1200);
    let text: String = sqlite
        .query_row("SELECT group_concat(data, '') FROM session_outputs", [], |row| row.get(0))
        .unwrap();
    let texts: Vec<char> = text.chars().collect();
    let queries: Vec<Query> = (0..120)
        .map(|_| {
            let at = random.index(texts.len() - 20);
            let length = 1 + random.index(12);
            let mut pattern: String = texts[at..at + length].iter().collect();
            match random.below(6) {
                0 => pattern = pattern.to_uppercase(),
                1 => pattern = format!("{:x}", random.next() >> 20),
                _ => {}
            }
            let regex = random.below(3) == 0;
            if regex {
                pattern = regex::escape(&pattern);
                pattern = match random.below(4) {
                    0 => format!("({pattern}|warning).*"),
                    1 => format!(r"\w+{pattern}"),
                    2 => format!("^{pattern}"),
                    _ => pattern,
                };
            }
            Query {
                pattern,
                regex,
                case_sensitive: random.below(3) == 0,
                drawn_over: random.below(3) == 0,
                session_id: (random.below(4) == 0).then(|| random.one_of(&ids).to_owned()),
                command: None,
                since: None,
                until: None,
                limit: 50,
                context: random.index(3),
                time_limit: None,
            }
        })
        .collect();
    let compare = |step: &str, before: &[Vec<Match>]| {
        for (query, before) in queries.iter().zip(before) {
            let found = search(&connection, query);
            assert!(found == *before, "{step}: {query:?}: {} for {}", found.len(), before.len());
            let beside = search_beside(&connection, query);
            let sorted = [beside, found].map(|mut all| {
                all.sort_by_key(|found| format!("{found:?}"));
                all
            });
            assert!(sorted[0] == sorted[1], "{step}, on threads: {query:?}");
        }
    };
    let all = || queries.iter().map(|query| search(&connection, query)).collect::<Vec<_>>();
    let before = all();
    assert!(before.iter().filter(|found| !found.is_empty()).count() > 15);
    assert!(before.iter().filter(|found| found.is_empty()).count() > 5);
    seal_all(&sqlite);
    compare("sealed", &before);
    unseal(&sqlite, None, None, |_| ControlFlow::Continue(())).unwrap().unwrap();
    seal_everything(&sqlite, 256).unwrap();
    assert!(count(&sqlite, "gsd_session_filters WHERE state IS NOT NULL") > 8);
    compare("sealed in small blocks", &before);
    // Some go on, and are sealed again.
    print(&connection, &mut random, &ids[..3], 100);
    let before = all();
    compare("gone on", &before);
    seal_everything(&sqlite, 256).unwrap();
    compare("sealed again", &before);
    // In a terminal of another size other lines are seen.
    sqlite
        .execute("INSERT INTO gsd_session_details (session_id, terminal, columns, rows) VALUES ('a', 1, 20, 5), ('b', 1, 7, 3)", [])
        .unwrap();
    let resized = all();
    unseal(&sqlite, None, None, |_| ControlFlow::Continue(())).unwrap().unwrap();
    compare("brought back", &resized);
}

#[test]
fn a_row_with_the_lowest_id_is_read_and_stays() {
    let folder = tempfile::tempdir().unwrap();
    let connection = open(folder.path());
    let sqlite = connection.sqlite().unwrap();
    fill(&sqlite, &mut Random(8), 100);
    sqlite
        .execute_batch(&format!(
            "INSERT INTO session_outputs (id, session_id, timestamp, type, data)
             VALUES (-9223372036854775808, 's-0', '2026-01-01T00:00:00.000Z', 'stdout', 'lowest'),
                    (9223372036854775807, 's-1', '2026-01-01T00:00:00.000Z', 'stdout', 'highest');
             INSERT INTO copied {EVERYTHING} session_outputs"
        ))
        .unwrap();
    compare(&sqlite, &mut Random(1), 40);
    let sealed = seal_all(&sqlite);
    assert_eq!(sealed.kept.len(), 1, "{sealed:?}");
    compare(&sqlite, &mut Random(1), 40);
}

#[test]
fn a_file_in_which_others_would_notice_is_refused_unless_forced() {
    for (prepare, reason) in [
        (
            "CREATE TRIGGER gone AFTER DELETE ON session_outputs BEGIN DELETE FROM copied; END",
            "that fires the trigger \"gone\"",
        ),
        (
            "CREATE TABLE marks (chunk INTEGER REFERENCES session_outputs ON DELETE CASCADE)",
            "rows of the table \"marks\" refer to them",
        ),
        ("ALTER TABLE session_outputs ADD COLUMN colour TEXT", "a block has no column \"colour\""),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let connection = open(folder.path());
        let sqlite = connection.sqlite().unwrap();
        fill(&sqlite, &mut Random(4), 100);
        Sqlite::open(folder.path().join("a.db")).unwrap().execute_batch(prepare).unwrap();
        let error =
            seal(&sqlite, &Criteria::default(), None, |_| ControlFlow::Continue(())).unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
        let forced = Criteria { force: true, ..Criteria::default() };
        let sealed = seal(&sqlite, &forced, None, |_| ControlFlow::Continue(())).unwrap().unwrap();
        assert_eq!(sealed.sessions.len(), 4);
    }
}

#[test]
fn a_program_that_knows_nothing_of_blocks_may_change_its_own_tables() {
    let folder = tempfile::tempdir().unwrap();
    let connection = open(folder.path());
    let sqlite = connection.sqlite().unwrap();
    fill(&sqlite, &mut Random(6), 500);
    seal_all(&sqlite);
    let before = count(&sqlite, "session_outputs_all");
    Sqlite::open(folder.path().join("a.db"))
        .unwrap()
        .execute_batch(
            "CREATE TABLE notes (a); ALTER TABLE notes RENAME COLUMN a TO b; ALTER TABLE notes RENAME TO remarks;
             INSERT INTO session_outputs (session_id, timestamp, type, data) VALUES ('s-1', '2026-01-01T00:00:00.000Z', 'stdout', '')",
        )
        .unwrap();
    assert_eq!(count(&sqlite, "session_outputs_all"), before + 1);
}

#[test]
fn a_damaged_block_is_named_and_costs_no_other_session() {
    let folder = tempfile::tempdir().unwrap();
    let connection = open(folder.path());
    let sqlite = connection.sqlite().unwrap();
    fill(&sqlite, &mut Random(5), 3000);
    seal_all(&sqlite);
    let block: i64 = sqlite
        .query_row(
            "SELECT id FROM gsd_session_blocks WHERE session_id = 's-1' ORDER BY id DESC",
            [],
            |row| row.get(0),
        )
        .unwrap();
    sqlite
        .execute("UPDATE gsd_session_blocks SET block = substr(block, 1, 100) || x'00' || substr(block, 102) WHERE id = ?1", [block])
        .unwrap();
    let read = |session| {
        sqlite.query_row(
            "SELECT count(octet_length(data)) FROM session_outputs_all WHERE session_id = ?1",
            [session],
            |row| row.get::<_, i64>(0),
        )
    };
    assert!(read("s-0").unwrap() > 0);
    let error = crate::sqlite::Error::from(read("s-1").unwrap_err());
    assert_eq!(error.code_name().as_deref(), Some("SQLITE_CORRUPT_VTAB"));
    assert!(
        error.to_string().contains(&format!("block {block} of gsd_session_blocks: ")),
        "{error}"
    );
}
