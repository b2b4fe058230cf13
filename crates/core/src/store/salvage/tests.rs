//! Damages files on purpose, and checks what is salvaged.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use rusqlite::Connection as Sqlite;

use super::*;
use crate::sqlite::{Connection, Location, OpenOptions};

const PAGE: usize = 4096;

type Rows = BTreeMap<i64, String>;

/// A file with free pages, long rows and interior pages, and its content.
struct Sample {
    folder: tempfile::TempDir,
    file: PathBuf,
    outputs: Rows,
    sessions: usize,
}

fn open(file: &Path) -> Connection {
    let location = Location::File(file.to_owned());
    Connection::open(&file.to_string_lossy(), location, &OpenOptions::default()).unwrap()
}

fn outputs(sqlite: &Sqlite) -> Rows {
    let sql = "SELECT id, session_id || timestamp || type || data FROM session_outputs";
    let mut rows = sqlite.prepare(sql).unwrap();
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(|row| row.unwrap()).collect()
}

/// Rows as the stores write them, of which some are deleted.
const FILL: &str = "
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)
    INSERT INTO sessions (id, slot, status, working_dir, started_at)
    SELECT 's-' || i, 1 + i % 3, 'running', '/srv', '2026-01-01T00:00:00.000Z' FROM n;
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 700)
    INSERT INTO session_outputs (session_id, timestamp, type, data)
    SELECT 's-' || (1 + i % 60), strftime('%Y-%m-%dT%H:%M:%fZ', 1767225600 + i, 'unixepoch'),
      iif(i % 5, 'stdout', 'stderr'), i || ' ' || hex(randomblob(iif(i % 100, 40 + i % 90, 6000)))
    FROM n;
    DELETE FROM session_outputs WHERE id BETWEEN 300 AND 450 OR id % 7 = 0;
    DELETE FROM sessions WHERE id = 's-5'";

fn sample() -> Sample {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.db");
    let connection = open(&file);
    connection.sqlite().unwrap().execute_batch(FILL).unwrap();
    let outputs = outputs(&connection.sqlite().unwrap());
    connection.close().unwrap();
    Sample { folder, file, outputs, sessions: 59 }
}

impl Sample {
    /// Salvages these bytes, and checks that the result is sound and holds only rows that existed.
    fn salvage(&self, bytes: &[u8], log: &[u8]) -> Salvaged {
        let damaged = self.folder.path().join("damaged.db");
        fs::write(&damaged, bytes).unwrap();
        fs::write(self.folder.path().join("damaged.db-wal"), log).unwrap();
        let new = self.folder.path().join("new.db");
        let salvaged = salvage(&damaged, &new).unwrap();
        assert_eq!(fs::read(&damaged).unwrap(), bytes);
        let connection = open(&new);
        let report = super::super::verify::verify(&connection).unwrap();
        assert_eq!(report.problems, Vec::<String>::new(), "{salvaged:?}");
        let found = outputs_of(&connection);
        assert_eq!(found.len() as u64, salvaged.outputs);
        for (id, row) in &found {
            assert_eq!(self.outputs.get(id), Some(row), "row {id} was never there");
        }
        connection.close().unwrap();
        fs::remove_file(&new).unwrap();
        assert!(salvaged.sessions as usize <= self.sessions);
        salvaged
    }

    fn share(&self, salvaged: &Salvaged) -> f64 {
        salvaged.outputs as f64 / self.outputs.len() as f64
    }
}

fn outputs_of(connection: &Connection) -> Rows {
    outputs(&connection.sqlite().unwrap())
}

fn zero(bytes: &[u8], page: usize) -> Vec<u8> {
    let mut bytes = bytes.to_owned();
    bytes[(page - 1) * PAGE..page * PAGE].fill(0);
    bytes
}

#[test]
fn every_row_of_a_sound_file_is_salvaged() {
    let sample = sample();
    let salvaged = sample.salvage(&fs::read(&sample.file).unwrap(), b"");
    assert_eq!(
        salvaged,
        Salvaged {
            sessions: sample.sessions as u64,
            outputs: sample.outputs.len() as u64,
            ..Salvaged::default()
        }
    );
}

#[test]
fn any_page_may_be_missing_and_the_loss_is_counted() {
    let sample = sample();
    let bytes = fs::read(&sample.file).unwrap();
    let (mut worst, mut sum, pages) = (1.0f64, 0.0, bytes.len() / PAGE);
    for page in 1..=pages {
        for fill in [0, 0xff] {
            let mut damaged = zero(&bytes, page);
            damaged[(page - 1) * PAGE..page * PAGE].fill(fill);
            let salvaged = sample.salvage(&damaged, b"");
            let share = sample.share(&salvaged);
            let lost = sample.outputs.len() as u64 - salvaged.outputs;
            assert_eq!(salvaged.lost.outputs, lost, "page {page}: {salvaged:?}");
            (worst, sum) = (worst.min(share), sum + share);
        }
    }
    println!("{pages} pages: worst {worst}, mean {}", sum / (2 * pages) as f64);
    assert!(worst > 0.95);
}

#[test]
fn the_rest_of_a_truncated_file_is_salvaged() {
    let sample = sample();
    let bytes = fs::read(&sample.file).unwrap();
    for tenth in 1..10 {
        let salvaged = sample.salvage(&bytes[..bytes.len() * tenth / 10], b"");
        println!("{tenth}/10: {} {:?}", sample.share(&salvaged), salvaged.lost);
        assert!(sample.share(&salvaged) > tenth as f64 / 10.0 - 0.35);
    }
}

#[test]
fn a_wrong_byte_in_the_header_loses_no_row() {
    let sample = sample();
    let bytes = fs::read(&sample.file).unwrap();
    let numbers =
        [0, 15, 16, 17, 18, 20, 21, 23, 24, 28, 31, 32, 35, 39, 44, 52, 55, 56, 59, 60, 63, 92, 99];
    for at in numbers {
        for flip in [0xff, 0x01] {
            let mut damaged = bytes.clone();
            damaged[at] ^= flip;
            let salvaged = sample.salvage(&damaged, b"");
            assert_eq!(sample.share(&salvaged), 1.0, "{at} {flip} {salvaged:?}");
        }
    }
}

#[test]
fn salvage_survives_random_damage() {
    let sample = sample();
    let bytes = fs::read(&sample.file).unwrap();
    let mut seed = 7u64;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    for round in 0..150 {
        let mut damaged = bytes.clone();
        for _ in 0..1 << (round % 10) {
            let at = random(damaged.len());
            damaged[at] = random(256) as u8;
        }
        let damaged_file = sample.folder.path().join("damaged.db");
        fs::write(&damaged_file, &damaged).unwrap();
        let new = sample.folder.path().join("new.db");
        let salvaged = salvage(&damaged_file, &new).unwrap();
        assert!(sample.share(&salvaged) > 0.5, "{round} {salvaged:?}");
        fs::remove_file(&new).unwrap();
    }
}

#[test]
fn a_log_is_used_up_to_its_first_damage() {
    let sample = sample();
    let connection = open(&sample.file);
    let sqlite = connection.sqlite().unwrap();
    sqlite.execute_batch("UPDATE session_outputs SET data = 'new' WHERE id = 1").unwrap();
    let read = |suffix: &str| fs::read(format!("{}{suffix}", sample.file.display())).unwrap();
    let (file, log) = (read(""), read("-wal"));
    drop(sqlite);
    let mut expected = sample.outputs.clone();
    let old = expected.insert(1, outputs_of(&connection)[&1].clone()).unwrap();
    let sample = Sample { outputs: expected.clone(), ..sample };
    assert_eq!(sample.share(&sample.salvage(&file, &log)), 1.0);
    expected.insert(1, old);
    let sample = Sample { outputs: expected, ..sample };
    for damage in [log.len() / 2, 9, 20, 40] {
        let mut damaged = log.clone();
        damaged[damage] ^= 0xff;
        let salvaged = sample.salvage(&file, &damaged);
        assert_eq!(sample.share(&salvaged), 1.0);
        assert_eq!(salvaged.problems, ["nothing in its write-ahead log can be read"]);
    }
    assert_eq!(sample.share(&sample.salvage(&file, &[0xab; 9000])), 1.0);
    connection.close().unwrap();
}

#[test]
fn a_log_that_holds_every_page_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.db");
    let connection = open(&file);
    connection.sqlite().unwrap().execute_batch(FILL).unwrap();
    let outputs = outputs_of(&connection);
    let log = fs::read(folder.path().join("a.db-wal")).unwrap();
    let sample = Sample { folder, file, outputs, sessions: 59 };
    assert_eq!(sample.share(&sample.salvage(&[0; 4096], &log)), 1.0);
}

#[test]
fn a_file_that_is_not_a_database_is_refused_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (file, new) = (folder.path().join("a.db"), folder.path().join("new.db"));
    for bytes in [&b""[..], b"notes", &[0; 8192], &[0xff; 8192]] {
        fs::write(&file, bytes).unwrap();
        let crate::store::Error::Sqlite(error) = salvage(&file, &new).unwrap_err() else {
            panic!("not an error of the engine")
        };
        assert_eq!(error.code_name().unwrap(), "SQLITE_NOTADB");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn the_free_list_keeps_deleted_rows_out_without_a_pointer_map() {
    let sample = sample();
    let sqlite = Sqlite::open(&sample.file).unwrap();
    sqlite
        .execute_batch(
            "PRAGMA journal_mode = DELETE; PRAGMA auto_vacuum = NONE; VACUUM;
            DELETE FROM session_outputs WHERE id > 500",
        )
        .unwrap();
    let root: u32 = sqlite
        .query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'session_outputs'", [], |row| {
            row.get(0)
        })
        .unwrap();
    let free: u32 = sqlite.query_row("PRAGMA freelist_count", [], |row| row.get(0)).unwrap();
    assert!(free > 10);
    let sample = Sample { outputs: outputs(&sqlite), ..sample };
    drop(sqlite);
    let bytes = fs::read(&sample.file).unwrap();
    let salvaged = sample.salvage(&zero(&bytes, root as usize), b"");
    assert_eq!((sample.share(&salvaged), salvaged.lost.pages), (1.0, 1));
}

#[test]
fn columns_are_known_by_name_and_more_slots_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (file, new) = (folder.path().join("a.db"), folder.path().join("new.db"));
    let sqlite = Sqlite::open(&file).unwrap();
    sqlite
        .execute_batch(
            "CREATE TABLE sessions (slot INTEGER CHECK (slot IN (1, 2, 3, 4, 5)), tag TEXT, pid INTEGER,
               id TEXT PRIMARY KEY, ended_at TEXT, status TEXT, working_dir TEXT, started_at TEXT,
               current_command TEXT, updated_at TEXT, created_at TEXT);
             INSERT INTO sessions (slot, id, status, working_dir, started_at, pid)
               VALUES (4, 'a', 'idle', '/a', '2026-01-01 00:00:00', 7)",
        )
        .unwrap();
    drop(sqlite);
    let salvaged = salvage(&file, &new).unwrap();
    assert_eq!(salvaged.sessions, 1);
    let connection = open(&new);
    assert_eq!(connection.highest_slot(), Some(5));
    let row: String = connection
        .sqlite()
        .unwrap()
        .query_row("SELECT id || slot || working_dir || pid FROM sessions", [], |row| row.get(0))
        .unwrap();
    assert_eq!(row, "a4/a7");
}
