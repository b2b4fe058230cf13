use std::fs;
use std::path::Path;
use std::rc::Rc;

use super::spool::{entry_of, first_line, line_of};
use super::*;
use crate::sqlite::{Connection, Location, OpenOptions};
use crate::store::model::{Details, Owner};

fn session() -> NewSession {
    NewSession {
        id: "s-1".into(),
        slot: 2,
        status: SessionStatus::Running,
        working_dir: "/srv".into(),
        current_command: Some("make".into()),
        started_at: Timestamp::from_millis(1_000.0).unwrap(),
        ended_at: None,
        pid: None,
        details: Details { columns: Some(90), rows: Some(30), ..Details::default() },
        owner: Owner::Nobody,
    }
}

fn open(path: &Path) -> (Rc<Connection>, Sessions, Outputs) {
    let options = OpenOptions { timeout: Duration::from_millis(50), ..OpenOptions::default() };
    let name = path.to_str().unwrap();
    let connection =
        Rc::new(Connection::open(name, Location::File(path.into()), &options).unwrap());
    let sessions = Sessions::new(Rc::clone(&connection));
    let outputs = Outputs::new(Rc::clone(&connection));
    (connection, sessions, outputs)
}

/// What a database has of the session: its status, and all that it printed.
fn stored(connection: &Connection) -> (Option<String>, String) {
    let sqlite = connection.sqlite().unwrap();
    let status = sqlite.query_row("SELECT status FROM sessions", [], |row| row.get(0)).ok();
    let sql = "SELECT coalesce(group_concat(data, ''), '') FROM
               (SELECT data FROM session_outputs ORDER BY id)";
    (status, sqlite.query_row(sql, [], |row| row.get(0)).unwrap())
}

/// The spool files in a folder.
fn spools(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.to_string_lossy().contains("-spool-")).collect()
}

#[test]
fn characters_are_never_cut() {
    let text = "aé日😀z";
    for at in 0..=text.len() {
        let (one, two) = text.as_bytes().split_at(at);
        let mut waiting = Vec::new();
        let pieces = [whole(&mut waiting, one), whole(&mut waiting, two)];
        let text_of = |data: &Data| match data {
            Data::Text(text) => text.clone(),
            Data::Bytes(bytes) => panic!("{bytes:?}"),
        };
        assert_eq!(pieces.iter().map(text_of).collect::<String>(), text);
        assert!(waiting.is_empty());
    }
}

#[test]
fn bytes_that_are_no_text_stay_what_they_are() {
    let mut waiting = Vec::new();
    let bytes = b"a\xff\xc3";
    assert_eq!(whole(&mut waiting, bytes), Data::Bytes(bytes.to_vec()));
    assert_eq!(whole(&mut waiting, b"x\xe6\x97"), Data::Text("x".into()));
    assert_eq!(whole(&mut waiting, b"y"), Data::Bytes(b"\xe6\x97y".to_vec()));
    assert!(waiting.is_empty());
}

#[test]
fn what_is_recorded_before_there_is_a_database_is_stored_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let recorder = Recorder::keeping(&session(), spool_of(&path, "s-1"), None);
    recorder.output(OutputType::Stdout, b"one ");
    recorder.start(session());
    recorder.output(OutputType::Stdout, b"two ");
    let (connection, sessions, outputs) = open(&path);
    recorder.attach(&sessions, &outputs).unwrap();
    recorder.output(OutputType::Stdout, b"three");
    recorder.end(End::Code(0));
    assert_eq!(recorder.finish(Duration::from_secs(10)), Finished::default());
    assert_eq!(stored(&connection), (Some("completed".into()), "one two three".into()));
    assert!(spools(folder.path()).is_empty());
}

#[test]
fn what_has_no_room_in_memory_goes_through_a_file_and_keeps_its_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let recorder = Recorder::keeping(&session(), spool_of(&path, "s-1"), None);
    recorder.start(session());
    let line = |number: usize| format!("{number:04} {}\n", "x".repeat(1000));
    let expected: String = (0..200).map(line).collect();
    for number in 0..150 {
        recorder.output(OutputType::Stdout, line(number).as_bytes());
    }
    assert_eq!(spools(folder.path()).len(), 1);
    let (connection, sessions, outputs) = open(&path);
    recorder.attach(&sessions, &outputs).unwrap();
    for number in 150..200 {
        recorder.output(OutputType::Stdout, line(number).as_bytes());
        recorder.look();
    }
    recorder.end(End::Signal("SIGHUP".into()));
    assert_eq!(recorder.finish(Duration::from_secs(10)), Finished::default());
    assert_eq!(stored(&connection), (Some("failed".into()), expected));
    assert!(spools(folder.path()).is_empty());
}

#[test]
fn what_has_no_room_at_all_is_counted_and_marked_where_it_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let recorder = Recorder::keeping(&session(), spool_of(&path, "s-1"), None);
    recorder.start(session());
    for _ in 0..500 {
        recorder.output(OutputType::Stdout, &[b'x'; 1000]);
    }
    let (connection, sessions, outputs) = open(&path);
    recorder.attach(&sessions, &outputs).unwrap();
    while !recorder.finish_if_stored() {
        std::thread::sleep(Duration::from_millis(5));
    }
    recorder.output(OutputType::Stdout, b"the rest");
    recorder.end(End::Code(0));
    let finished = recorder.finish(Duration::from_secs(10));
    let (_, text) = stored(&connection);
    let kept = text.matches('x').count() as u64;
    assert_eq!((finished.spool, finished.lost), (None, 500_000 - kept));
    assert!(kept > 200_000 && finished.lost > 100_000, "{kept}");
    let mark = format!(
        "\r\n[{} bytes are lost here: the database could not be written]\r\n",
        finished.lost
    );
    assert!(text.ends_with(&format!("{mark}the rest")));
    let sql = "SELECT error FROM gsd_session_details";
    let error: String = connection.sqlite().unwrap().query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(error, format!("{} bytes of output are lost", finished.lost));
}

#[test]
fn what_cannot_be_stored_is_left_in_a_file_and_taken_in_once_whenever_that_is_cut_short() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let (connection, sessions, outputs) = open(&path);
    let other = Sqlite::open(&path);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let recorder = Recorder::keeping(&session(), spool_of(&path, "s-1"), None);
    recorder.start(session());
    recorder.attach(&sessions, &outputs).unwrap();
    let text = |number: u8| {
        if number.is_multiple_of(3) { "same".to_owned() } else { format!("{number} ") }
    };
    for number in 0..9 {
        recorder.output(OutputType::Stdout, text(number).as_bytes());
    }
    recorder.output(OutputType::Stderr, b"\xff");
    recorder.end(End::Code(3));
    let finished = recorder.finish(Duration::from_millis(50));
    let spool = finished.spool.unwrap();
    assert_eq!(spools(folder.path()), std::slice::from_ref(&spool));
    other.execute_batch("COMMIT").unwrap();
    drop(recorder);
    let lines = fs::read_to_string(&spool).unwrap();
    let expected: String = (0..9).map(text).collect::<String>() + "\u{fffd}";
    // A run was killed when it had stored so many of the entries.
    for done in 0..=lines.lines().count() {
        let sqlite = connection.sqlite().unwrap();
        sqlite.execute_batch("DELETE FROM session_outputs; DELETE FROM sessions").unwrap();
        let mut waiting = Vec::new();
        for numbered in lines.lines().take(done).filter_map(entry_of) {
            spool::store(&sqlite, numbered, &mut waiting, &mut Taken::default()).unwrap();
        }
        fs::write(&spool, &lines).unwrap();
        let taken = take_in(&connection, &path, || true).unwrap();
        assert_eq!(taken.sessions, ["s-1"]);
        let (status, text) = stored_lossy(&connection);
        assert_eq!(
            (status.as_deref(), text.as_str()),
            (Some("failed"), expected.as_str()),
            "{done}"
        );
        assert!(spools(folder.path()).is_empty());
    }
}

fn stored_lossy(connection: &Connection) -> (Option<String>, String) {
    let sqlite = connection.sqlite().unwrap();
    let status = sqlite.query_row("SELECT status FROM sessions", [], |row| row.get(0)).ok();
    let mut all = sqlite.prepare("SELECT data FROM session_outputs ORDER BY id").unwrap();
    let texts = all.query_map([], |row| {
        Ok(String::from_utf8_lossy(crate::store::text(row.get_ref(0)?)).into_owned())
    });
    (status, texts.unwrap().map(|text| text.unwrap()).collect())
}

#[test]
fn a_line_that_is_cut_short_is_the_end_of_a_spool_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let (connection, _, _) = open(&path);
    let chunk = |data: &str| {
        let (session_id, kind) = ("s-1".to_owned(), OutputType::Stdout);
        let timestamp = Timestamp::from_millis(5.0).unwrap();
        let data = data.into();
        line_of(&Entry::Output(NewOutput { session_id, timestamp, kind, data }), 0)
    };
    let lines = first_line(0)
        + &line_of(&Entry::Session(Box::new(session())), 0)
        + &chunk("one")
        + &chunk("two");
    fs::write(spool_of(&path, "s-1"), &lines.as_bytes()[..lines.len() - 5]).unwrap();
    let taken = take_in(&connection, &path, || true).unwrap();
    assert_eq!(taken, Taken { sessions: vec!["s-1".into()], outputs: 1 });
    assert_eq!(stored(&connection), (Some("running".into()), "one".into()));
}

#[test]
fn a_spool_file_is_taken_in_bit_by_bit_by_those_who_have_little_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let (connection, _, _) = open(&path);
    let line = |number: usize| format!("{number:04} {}\n", "x".repeat(1000));
    let recorder = Recorder::keeping(&session(), spool_of(&path, "s-1"), None);
    recorder.start(session());
    (0..100).for_each(|number| recorder.output(OutputType::Stdout, line(number).as_bytes()));
    recorder.finish(Duration::ZERO);
    drop(recorder);
    let mut rounds = 0;
    while !spools(folder.path()).is_empty() {
        let calls = std::cell::Cell::new(0);
        let goes_on = || {
            calls.set(calls.get() + 1);
            calls.get() < 10
        };
        take_in(&connection, &path, goes_on).unwrap();
        rounds += 1;
        assert!(rounds < 50);
    }
    assert!(rounds > 5, "{rounds}");
    let expected: String = (0..100).map(line).collect();
    assert_eq!(stored(&connection), (Some("running".into()), expected));
}

#[test]
fn a_session_whose_id_belongs_to_another_one_by_now_gets_another_id() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let (connection, sessions, _) = open(&path);
    let recorder = Recorder::keeping(&session(), spool_of(&path, "s-1"), None);
    recorder.start(session());
    recorder.output(OutputType::Stdout, b"first");
    recorder.end(End::Code(1));
    recorder.finish(Duration::ZERO);
    drop(recorder);
    let started_at = Timestamp::from_millis(2_000.0).unwrap();
    sessions.create(&NewSession { started_at, ..session() }).unwrap();
    let taken = take_in(&connection, &path, || true).unwrap();
    assert_eq!(taken.sessions, ["s-1-1000"]);
    let sqlite = connection.sqlite().unwrap();
    let sql =
        "SELECT group_concat(id || ' ' || status, ', ') FROM (SELECT * FROM sessions ORDER BY id)";
    let all: String = sqlite.query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(all, "s-1 running, s-1-1000 failed");
    let sql = "SELECT session_id || ' ' || data FROM session_outputs";
    let output: String = sqlite.query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(output, "s-1-1000 first");
}

#[test]
fn the_spool_file_of_a_recorder_that_lives_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let (connection, _, _) = open(&path);
    let recorder = Recorder::keeping(&session(), spool_of(&path, "s-1"), None);
    recorder.start(session());
    for _ in 0..100 {
        recorder.output(OutputType::Stdout, &[b'x'; 1000]);
    }
    assert_eq!(spools(folder.path()).len(), 1);
    assert_eq!(take_in(&connection, &path, || true).unwrap(), Taken::default());
    assert_eq!(spools(folder.path()).len(), 1);
}

#[test]
fn a_new_file_in_the_place_of_the_old_one_gets_the_session_and_what_was_printed_last() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("one.db"), folder.path().join("two.db"));
    let recorder = Recorder::keeping(&session(), spool_of(&one, "s-1"), None);
    recorder.start(session());
    let (first, sessions, outputs) = open(&one);
    recorder.attach(&sessions, &outputs).unwrap();
    recorder.output(OutputType::Stdout, b"one ");
    while !recorder.finish_if_stored() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let (second, sessions, outputs) = open(&two);
    recorder.attach(&sessions, &outputs).unwrap();
    recorder.output(OutputType::Stdout, b"two");
    recorder.end(End::Code(0));
    assert_eq!(recorder.finish(Duration::from_secs(10)), Finished::default());
    assert_eq!(stored(&first), (Some("running".into()), "one ".into()));
    assert_eq!(stored(&second), (Some("completed".into()), "one two".into()));
}

#[test]
fn what_waits_for_long_outlives_its_recorder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let (connection, sessions, outputs) = open(&path);
    let other = Sqlite::open(&path);
    let recorder = Recorder::keeping(&session(), spool_of(&path, "s-1"), None);
    recorder.start(session());
    recorder.attach(&sessions, &outputs).unwrap();
    recorder.output(OutputType::Stdout, b"0");
    while !recorder.finish_if_stored() {
        std::thread::sleep(Duration::from_millis(5));
    }
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut expected = "0".to_owned();
    // What it leaves at each moment is taken in on a copy.
    let check = |expected: &str| {
        let copy = folder.path().join("copy.db");
        let spool = spools(folder.path());
        fs::copy(&spool[0], spool_of(&copy, "copied")).unwrap();
        let (copied, _, _) = open(&copy);
        let stored = stored_rows(&Sqlite::open(&path));
        copied.sqlite().unwrap().execute_batch(&stored).unwrap();
        take_in(&copied, &copy, || true).unwrap();
        assert_eq!(stored_lossy(&copied).1, expected);
        drop(copied);
        for suffix in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(folder.path().join(format!("copy.db{suffix}")));
        }
    };
    for number in 1..30 {
        let text = if number % 2 == 0 { "same".to_owned() } else { format!("{number} ") };
        recorder.output(OutputType::Stdout, text.as_bytes());
        expected += &text;
        if number == 5 {
            std::thread::sleep(Duration::from_millis(150));
            recorder.look();
        }
        if number == 20 {
            other.execute_batch("COMMIT").unwrap();
        }
        // Once it is in the database again, only that has what comes.
        while number > 20 && !recorder.finish_if_stored() {
            std::thread::sleep(Duration::from_millis(5));
        }
        if number >= 5 {
            check(&expected);
        }
    }
    recorder.end(End::Code(0));
    assert_eq!(recorder.finish(Duration::from_secs(10)), Finished::default());
    assert_eq!(stored(&connection), (Some("completed".into()), expected));
    assert!(spools(folder.path()).is_empty());
}

/// The rows of a database as SQL.
fn stored_rows(sqlite: &rusqlite::Connection) -> String {
    let sql = "SELECT coalesce(group_concat(printf('INSERT INTO session_outputs (session_id, timestamp, type, data)
                 VALUES (%Q, %Q, %Q, %Q);', session_id, timestamp, type, data), ''), '')
               FROM (SELECT * FROM session_outputs ORDER BY id)";
    sqlite.query_row(sql, [], |row| row.get(0)).unwrap()
}

impl Recorder {
    /// Whether everything is stored by now.
    fn finish_if_stored(&self) -> bool {
        self.look();
        match &self.lock().way {
            Way::Kept(kept) => kept.is_stored(),
            _ => true,
        }
    }
}

/// A connection of another program.
struct Sqlite;

impl Sqlite {
    fn open(path: &Path) -> rusqlite::Connection {
        rusqlite::Connection::open(path).unwrap()
    }
}
