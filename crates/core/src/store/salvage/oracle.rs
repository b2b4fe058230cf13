//! Salvages sound files of many forms, and requires every row as SQLite reads it. Then salvages the same files
//! damaged.

use std::ffi::c_int;
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::types::ValueRef;
use rusqlite::{Connection as Sqlite, MAIN_DB, ffi};

use super::*;
use crate::sqlite::{Connection, Location};

const PLAN: &str = include_str!("../../sqlite/migrations/0001_sessions.sql");
const PINS: &str = include_str!("../../sqlite/migrations/0002_pins.sql");
const ADDITION: &str = include_str!("../../sqlite/migrations/addition_sessions.sql");

const SESSIONS: &str =
    "SELECT rowid, id, slot, status, working_dir, current_command, started_at, ended_at,
    pid, created_at, updated_at FROM sessions ORDER BY rowid";
const OUTPUTS: &str =
    "SELECT id, session_id, timestamp, type, data, created_at FROM session_outputs ORDER BY id";
const PINNED: &str = "SELECT session_id, created_at FROM session_pins ORDER BY session_id";
const DETAILS: &str = "SELECT * FROM gsd_session_details ORDER BY session_id";
const SIZES: &str = "SELECT * FROM gsd_session_sizes ORDER BY session_id, output_id";
const SEQUENCE: &str = "SELECT seq FROM sqlite_sequence WHERE name = 'session_outputs'";

/// Rows of every kind: short and long, with NUL, with characters of one to four bytes, with a mark at the start, as
/// BLOB, negative, and deleted ones.
const FILL: &str = "
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40)
    INSERT INTO sessions (id, slot, status, working_dir, current_command, started_at, pid)
    SELECT 's-' || i, 1 + i % 3, 'running', '/srv/' || char(233, 8364, 128640), iif(i % 2, 'x' || char(0) || 'y', NULL),
      '2026-01-01T00:00:00.000Z', iif(i % 3, i, NULL) FROM n;
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
    INSERT INTO session_outputs (session_id, timestamp, type, data)
    SELECT 's-' || (1 + i % 40), strftime('%Y-%m-%dT%H:%M:%fZ', 1767225600 + i, 'unixepoch'),
      iif(i % 5, 'stdout', 'stderr'),
      CASE i % 7 WHEN 0 THEN '' WHEN 1 THEN char(65279, 97, 0, 98) WHEN 2 THEN x'00ff80'
        WHEN 3 THEN char(128640) || i ELSE i || ' ' || hex(randomblob(iif(i % 50, 40 + i % 90, 40000))) END
    FROM n;
    INSERT INTO session_outputs (id, session_id, timestamp, type, data)
      VALUES (-5, 's-1', '2026-01-01T00:00:00.000Z', 'stdout', 'below');
    INSERT INTO session_pins (session_id) VALUES ('s-7');
    INSERT INTO gsd_session_details (session_id, title, exit_code, signal, error)
      VALUES ('s-3', 'né', 0, NULL, NULL), ('s-4', NULL, NULL, 'SIGKILL', char(128640)), ('s-9', NULL, 255, NULL, '');
    INSERT INTO gsd_session_sizes (session_id, output_id, columns, rows)
      VALUES ('s-3', 0, 80, 24), ('s-3', 7, 132, 43), ('s-9', 0, 65535, 1);
    DELETE FROM session_outputs WHERE id % 11 = 0 OR id > 280";

/// Every row of a query, with the values that SQLite reads.
fn rows(sqlite: &Sqlite, sql: &str) -> Vec<String> {
    let mut statement = sqlite.prepare(sql).unwrap();
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| {
        let value = |at| match row.get_ref(at)? {
            ValueRef::Text(text) => Ok(format!("{:?}", String::from_utf8_lossy(text))),
            other => Ok(format!("{other:?}")),
        };
        Ok((0..columns).map(value).collect::<rusqlite::Result<Vec<_>>>()?.join(" "))
    });
    rows.unwrap().map(|row| row.unwrap()).collect()
}

struct Sample {
    folder: tempfile::TempDir,
    file: PathBuf,
}

impl Sample {
    fn new(make: impl FnOnce(&Sqlite)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.db");
        let sqlite = Sqlite::open(&file).unwrap();
        sqlite.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
        make(&sqlite);
        Self { folder, file }
    }

    fn sqlite(&self) -> Sqlite {
        Sqlite::open(&self.file).unwrap()
    }

    /// Salvages the file, and passes the result to `look`.
    fn salvage<T>(&self, file: &Path, look: impl FnOnce(&Salvaged, &Sqlite) -> T) -> T {
        let new = self.folder.path().join("new.db");
        let salvaged = salvage(file, &new).unwrap();
        let location = Location::File(new.clone());
        let connection =
            Connection::open(&new.to_string_lossy(), location, &Default::default()).unwrap();
        let looked = look(&salvaged, &connection.sqlite().unwrap());
        connection.close().unwrap();
        fs::remove_file(&new).unwrap();
        looked
    }

    /// Asserts that every row comes out as SQLite reads it, with these problems.
    fn assert_whole(&self, problems: &[&str], what: &str) {
        let queries = [SESSIONS, OUTPUTS, PINNED, DETAILS, SIZES, SEQUENCE];
        let sqlite = self.sqlite();
        let expected = queries.map(|sql| match sqlite.prepare(sql) {
            Ok(_) => rows(&sqlite, sql),
            Err(_) => Vec::new(),
        });
        sqlite.close().unwrap();
        self.salvage(&self.file, |salvaged, new| {
            assert_eq!(salvaged.problems, problems, "{what}");
            assert_eq!(salvaged.lost, Lost::default(), "{what}");
            for (sql, expected) in queries.into_iter().zip(&expected) {
                let found = rows(new, sql);
                if sql == SEQUENCE && expected.is_empty() {
                    continue;
                }
                let differs = found.iter().zip(expected).find(|(found, row)| found != row);
                assert_eq!(differs, None, "{what}");
                assert_eq!(found.len(), expected.len(), "{what}: {sql}");
            }
        });
    }
}

fn reserve(sqlite: &Sqlite, bytes: c_int) {
    let mut bytes = bytes;
    // SAFETY: the connection is open, and the operation reads and writes an integer.
    let code = unsafe {
        ffi::sqlite3_file_control(
            sqlite.handle(),
            MAIN_DB.as_ptr(),
            ffi::SQLITE_FCNTL_RESERVE_BYTES,
            (&raw mut bytes).cast(),
        )
    };
    assert_eq!(code, ffi::SQLITE_OK);
}

fn plan(encoding: &str, page_size: usize, auto_vacuum: u8, reserved: c_int) -> Sample {
    Sample::new(|sqlite| {
        reserve(sqlite, reserved);
        sqlite
            .execute_batch(&format!(
                "PRAGMA encoding = '{encoding}'; PRAGMA page_size = {page_size};
                 PRAGMA auto_vacuum = {auto_vacuum}; {PLAN}; {PINS}; {ADDITION}; {FILL}"
            ))
            .unwrap();
    })
}

const ENCODINGS: [&str; 3] = ["UTF-8", "UTF-16le", "UTF-16be"];

#[test]
fn every_row_is_salvaged_with_any_encoding_and_page_size() {
    for encoding in ENCODINGS {
        for page_size in [512, 1024, 2048, 4096, 8192, 16384, 32768, 65536] {
            let shapes = [(2, 0), (0, 8), (0, 0), (1, 0), (2, 32), (0, 1)];
            let few = if matches!(page_size, 512 | 4096 | 65536) { shapes.len() } else { 2 };
            for (auto_vacuum, reserved) in shapes.into_iter().take(few) {
                let what = format!("{encoding} {page_size} {auto_vacuum} {reserved}");
                plan(encoding, page_size, auto_vacuum, reserved).assert_whole(&[], &what);
            }
        }
    }
}

#[test]
fn every_row_is_salvaged_with_the_largest_reserve() {
    for page_size in [1024, 4096] {
        plan("UTF-8", page_size, 0, 255).assert_whole(&[], &page_size.to_string());
    }
}

#[test]
fn a_text_of_half_characters_is_read_as_sqlite_reads_it() {
    for (encoding, text) in
        [("UTF-8", "ff61c3"), ("UTF-16le", "3dd861003dd8"), ("UTF-16be", "d83d0061d83d61")]
    {
        let sample = plan(encoding, 4096, 2, 0);
        let update =
            format!("UPDATE session_outputs SET data = CAST(x'{text}' AS TEXT) WHERE id = 3");
        sample.sqlite().execute_batch(&update).unwrap();
        sample.assert_whole(&[], encoding);
    }
}

#[test]
fn a_damaged_encoding_in_the_header_loses_no_row() {
    for encoding in ENCODINGS {
        let sample = plan(encoding, 4096, 2, 0);
        let whole = fs::read(&sample.file).unwrap();
        let expected = rows(&sample.sqlite(), OUTPUTS);
        for number in 0..5 {
            let mut damaged = whole.clone();
            damaged[59] = number;
            fs::write(&sample.file, &damaged).unwrap();
            sample.salvage(&sample.file, |salvaged, new| {
                assert_eq!(salvaged.lost, Lost::default(), "{encoding} {number}");
                assert!(rows(new, OUTPUTS) == expected, "{encoding} {number}");
            });
        }
        let mut damaged = whole;
        damaged[..4096].fill(0);
        fs::write(&sample.file, &damaged).unwrap();
        sample.salvage(&sample.file, |_, new| {
            assert!(rows(new, OUTPUTS) == expected, "{encoding} without its first page");
        });
    }
}

#[test]
fn a_missing_page_loses_few_rows_in_any_encoding_and_the_loss_is_counted() {
    for encoding in ENCODINGS {
        // Without a pointer map, the first page tells which pages are free.
        for (page_size, auto_vacuum, first) in [(4096, 2, 0), (1024, 0, 1)] {
            let sample = plan(encoding, page_size, auto_vacuum, 0);
            let whole = fs::read(&sample.file).unwrap();
            let expected = rows(&sample.sqlite(), OUTPUTS);
            for page in (first..whole.len() / page_size).step_by(if first == 0 { 1 } else { 7 }) {
                let mut damaged = whole.clone();
                damaged[page * page_size..][..page_size].fill(0);
                fs::write(&sample.file, &damaged).unwrap();
                sample.salvage(&sample.file, |salvaged, new| {
                    // Without the list of free pages, deleted rows may come back, and it is told.
                    if salvaged.problems.iter().any(|told| told.contains("list of free pages")) {
                        assert_eq!(auto_vacuum, 0);
                        return;
                    }
                    let found = rows(new, OUTPUTS);
                    let invented = found.iter().find(|row| !expected.contains(row));
                    assert_eq!(invented, None, "{encoding} {page_size} {page} {salvaged:?}");
                    let lost = (expected.len() - found.len()) as u64;
                    assert!(lost < 60, "{encoding} {page_size} page {page}: {lost}");
                    assert_eq!(salvaged.lost.outputs, lost, "{encoding} {page} {salvaged:?}");
                });
            }
        }
    }
}

#[test]
fn rows_that_cannot_be_understood_are_counted_as_lost() {
    // No text of ours in any encoding.
    let sample = Sample::new(|sqlite| {
        sqlite
            .execute_batch(
                "PRAGMA page_size = 4096; CREATE TABLE session_outputs (a, b, c, d, e, f);
                 WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900)
                 INSERT INTO session_outputs SELECT NULL, x'73', i, x'00', x'00', hex(randomblob(40)) FROM n",
            )
            .unwrap();
    });
    let bytes = fs::read(&sample.file).unwrap();
    for fill in [None, Some(0)] {
        let mut damaged = bytes.clone();
        fill.into_iter().for_each(|fill| damaged[..4096].fill(fill));
        fs::write(&sample.file, damaged).unwrap();
        sample.salvage(&sample.file, |salvaged, _| {
            assert_eq!((salvaged.outputs, salvaged.lost.outputs), (0, 900), "{salvaged:?}");
        });
    }
}

fn root(sqlite: &Sqlite, name: &str) -> usize {
    number(sqlite, &format!("SELECT rootpage FROM sqlite_schema WHERE name = '{name}'"))
}

fn number(sqlite: &Sqlite, sql: &str) -> usize {
    sqlite.query_row(sql, [], |row| row.get::<_, u32>(0)).unwrap() as usize
}

/// The sequence of the new file, and the problems.
fn sequence_after(sample: &Sample, bytes: &[u8]) -> (i64, Vec<String>) {
    fs::write(&sample.file, bytes).unwrap();
    sample.salvage(&sample.file, |salvaged, new| {
        let next = "INSERT INTO session_outputs (session_id, timestamp, type, data)
            VALUES ('s', '2026-01-01T00:00:00.000Z', 'stdout', 'next') RETURNING id";
        let next: i64 = new.query_row(next, [], |row| row.get(0)).unwrap();
        (next - 1, salvaged.problems.clone())
    })
}

#[test]
fn ids_continue_after_the_highest_that_was_ever_assigned() {
    for encoding in ENCODINGS {
        let sample = plan(encoding, 4096, 0, 0);
        let sqlite = sample.sqlite();
        let page = |number: usize| (number - 1) * 4096..number * 4096;
        let root = root(&sqlite, "sqlite_sequence");
        sqlite.close().unwrap();
        let bytes = fs::read(&sample.file).unwrap();
        assert_eq!(sequence_after(&sample, &bytes), (300, vec![]), "{encoding}");

        let mut headless = bytes.clone();
        headless[page(1)].fill(0);
        assert_eq!(sequence_after(&sample, &headless).0, 300, "{encoding}");

        // Without that page, a row, a key or a deleted row still holds the highest id.
        let mut damaged = bytes.clone();
        damaged[page(root)].fill(0);
        let (highest, problems) = sequence_after(&sample, &damaged);
        assert!((279..=300).contains(&highest), "{encoding} {highest}");
        assert!(problems.iter().any(|problem| problem.contains("go on after")), "{problems:?}");
    }
}

#[test]
fn an_id_in_an_index_alone_is_not_assigned_again() {
    let sample = plan("UTF-8", 4096, 2, 0);
    let sqlite = sample.sqlite();
    sqlite
        .execute_batch(
            "INSERT INTO session_outputs (id, session_id, timestamp, type, data)
             VALUES (5000, 's-1', '2026-01-01T00:00:00.000Z', 'stdout', hex(zeroblob(9000)))",
        )
        .unwrap();
    let (sequence, table) = (root(&sqlite, "sqlite_sequence"), root(&sqlite, "session_outputs"));
    // The leaf with the row that has this id.
    let leaf = number(
        &sqlite,
        "SELECT pageno FROM dbstat WHERE name = 'session_outputs' AND pagetype = 'leaf' ORDER BY path DESC",
    );
    drop(sqlite);
    let mut bytes = fs::read(&sample.file).unwrap();
    for page in [sequence, table, leaf] {
        bytes[(page - 1) * 4096..page * 4096].fill(0);
    }
    assert_eq!(sequence_after(&sample, &bytes).0, 5000);
    bytes[..4096].fill(0);
    assert_eq!(sequence_after(&sample, &bytes).0, 5000);
}

#[test]
fn ids_do_not_continue_after_an_id_beyond_the_numbers_of_javascript() {
    for id in [1i64 << 53, i64::MAX] {
        let sample = plan("UTF-8", 4096, 2, 0);
        let insert = "INSERT INTO session_outputs (id, session_id, timestamp, type, data)
            VALUES (?1, 's-1', '2026-01-01T00:00:00.000Z', 'stdout', 'far')";
        sample.sqlite().execute(insert, [id]).unwrap();
        let bytes = fs::read(&sample.file).unwrap();
        let (sequence, problems) = sequence_after(&sample, &bytes);
        assert!(sequence <= 300, "{sequence}");
        assert!(problems.iter().any(|problem| problem.starts_with(&format!("row {id} of"))));
        let lost = sample.salvage(&sample.file, |salvaged, _| salvaged.lost.outputs);
        assert_eq!(lost, 1);
    }
}

#[test]
fn columns_may_be_additional_reordered_computed_or_newer_than_rows() {
    let without_pins = "CREATE TABLE session_outputs (type TEXT, double AS (data || data), session_id TEXT, kept AS (type) STORED,
           id INTEGER PRIMARY KEY AUTOINCREMENT, data, timestamp TEXT);
         CREATE TABLE sessions (slot INTEGER, v AS (slot) VIRTUAL, tag TEXT, pid INTEGER, id TEXT PRIMARY KEY, status TEXT,
           working_dir TEXT, started_at TEXT, updated_at TEXT, ended_at TEXT);
         INSERT INTO sessions (slot, id, status, working_dir, started_at, tag)
           VALUES (2, 'a', 'idle', '/a', '2026-01-01 00:00:00', 'blue');
         INSERT INTO session_outputs (session_id, timestamp, type, data)
           VALUES ('a', '2026-01-01 00:00:00', 'stdout', 'x'), ('a', '2026-01-01 00:00:00', 'stderr', x'00');
         ALTER TABLE sessions ADD COLUMN current_command TEXT DEFAULT 'it''s';
         ALTER TABLE sessions ADD COLUMN created_at TEXT DEFAULT '2020-01-01 00:00:00';
         ALTER TABLE session_outputs ADD COLUMN created_at TEXT DEFAULT '2021-01-01 00:00:00';
         INSERT INTO sessions (slot, id, status, working_dir, started_at, pid)
           VALUES (3, 'b', 'idle', '/b', '2026-01-01 00:00:00', -7);
         INSERT INTO session_outputs (session_id, timestamp, type, data)
           VALUES ('b', '2026-01-01 00:00:00', 'stdout', 'y')";
    for encoding in ENCODINGS {
        let pragma = format!("PRAGMA encoding = '{encoding}'; {without_pins}");
        Sample::new(|sqlite| sqlite.execute_batch(&pragma).unwrap()).assert_whole(
            &[
                "columns of others in sessions were left out: tag",
                "columns of others in session_outputs were left out: kept",
            ],
            encoding,
        );
    }
}

#[test]
fn rows_of_a_table_without_rowids_are_salvaged() {
    let without =
        |sql: &str| sql.replace(" AUTOINCREMENT", "").replace("\n);", "\n) WITHOUT ROWID;");
    let fill = FILL
        .replace("outputs (session_id", "outputs (id, session_id")
        .replace("SELECT 's-' || (1", "SELECT i, 's-' || (1");
    let plan = format!("{}; {}; {ADDITION}; {fill}", without(PLAN), without(PINS));
    let sample = Sample::new(|sqlite| sqlite.execute_batch(&plan).unwrap());
    let sqlite = sample.sqlite();
    let sessions = SESSIONS.replace("rowid, ", "").replace("BY rowid", "BY id");
    let expected = [&sessions, OUTPUTS, PINNED].map(|sql| rows(&sqlite, sql));
    sample.salvage(&sample.file, |salvaged, new| {
        assert_eq!((salvaged.lost, &salvaged.problems), (Lost::default(), &vec![]));
        assert!([&sessions, OUTPUTS, PINNED].map(|sql| rows(new, sql)) == expected);
    });
}

#[test]
fn the_id_of_a_chunk_need_not_be_its_rowid() {
    let plan = PLAN.replace("id INTEGER PRIMARY KEY AUTOINCREMENT", "id INT PRIMARY KEY");
    let sample = Sample::new(|sqlite| {
        let insert = "INSERT INTO session_outputs (id, session_id, timestamp, type, data)
            VALUES (70, 's', '2026-01-01T00:00:00.000Z', 'stdout', 'a'),
              (50, 's', '2026-01-01T00:00:00.000Z', 'stdout', 'b')";
        sqlite.execute_batch(&format!("{plan}; {insert}")).unwrap();
    });
    sample.assert_whole(&[], "");
}

#[test]
fn the_second_session_with_the_same_id_is_reported_as_lost() {
    let plan = PLAN.replace("id TEXT PRIMARY KEY", "id TEXT");
    let sample = Sample::new(|sqlite| {
        let insert = "INSERT INTO sessions (id, slot, status, working_dir, started_at)
            VALUES ('a', 1, 'idle', '/', '2026-01-01'), ('a', 2, 'idle', '/', '2026-01-01')";
        sqlite.execute_batch(&format!("{plan}; {insert}")).unwrap();
    });
    sample.salvage(&sample.file, |salvaged, _| {
        assert_eq!((salvaged.sessions, salvaged.lost.sessions), (1, 1));
    });
}

#[test]
fn the_changes_of_an_interrupted_transaction_are_undone() {
    for (sync, mode) in [("FULL", "DELETE"), ("OFF", "PERSIST"), ("FULL", "TRUNCATE")] {
        let sample = plan("UTF-8", 1024, 0, 0);
        let before = [SESSIONS, OUTPUTS].map(|sql| rows(&sample.sqlite(), sql));
        let writer = sample.sqlite();
        writer
            .execute_batch(&format!(
                "PRAGMA journal_mode = {mode}; PRAGMA synchronous = {sync}; PRAGMA cache_size = 5;
                 PRAGMA cache_spill = 5; BEGIN; UPDATE session_outputs SET data = 'half', session_id = 's-2';
                 DELETE FROM sessions WHERE rowid < 20;
                 INSERT INTO session_outputs (session_id, timestamp, type, data)
                 SELECT session_id, timestamp, type, hex(zeroblob(3000)) FROM session_outputs"
            ))
            .unwrap();
        let killed = sample.folder.path().join("killed.db");
        let copy = |suffix: &str| {
            let from = format!("{}{suffix}", sample.file.display());
            fs::copy(from, format!("{}{suffix}", killed.display())).unwrap();
        };
        copy("");
        assert!(fs::read(&sample.file).unwrap() != fs::read(&killed).unwrap() || killed.exists());
        copy("-journal");
        let raw = fs::read(&killed).unwrap();
        sample.salvage(&killed, |salvaged, new| {
            assert!([SESSIONS, OUTPUTS].map(|sql| rows(new, sql)) == before, "{mode} {sync}");
            assert_eq!(salvaged.problems.len(), 1, "{:?}", salvaged.problems);
            assert!(salvaged.problems[0].contains("taken back"));
        });
        assert!(fs::read(&killed).unwrap() == raw);

        writer.execute_batch("COMMIT").unwrap();
        drop(writer);
        // A journal that is over changes nothing, although it may still exist.
        sample.assert_whole(&[], mode);
    }
}

#[test]
fn output_that_looks_like_pages_is_not_taken_for_pages() {
    // Output that looks like leaves of 512 bytes, in a file with larger pages.
    let fake = "0d00000000000000";
    let sample = Sample::new(|sqlite| {
        sqlite.execute_batch(&format!("{PLAN}; {PINS}; {ADDITION}; {FILL}")).unwrap();
        for shift in 0..8 {
            let insert = format!(
                "INSERT INTO session_outputs (session_id, timestamp, type, data)
                 VALUES ('s', '2026-01-01T00:00:00.000Z', 'stdout', CAST(x'{}{}' AS TEXT))",
                fake.repeat(50_000),
                "20".repeat(shift)
            );
            sqlite.execute_batch(&insert).unwrap();
        }
    });
    sample.assert_whole(&[], "");
}

#[test]
fn slots_beyond_those_of_the_schema_are_found_in_the_rows() {
    let plan = PLAN.replace("(1, 2, 3)", "(1, 2, 3, 4, 5, 6, 7)");
    let fill = FILL.replace("1 + i % 3, 'running'", "1 + i % 7, 'running'");
    let sample = Sample::new(|sqlite| {
        sqlite.execute_batch(&format!("{plan}; {PINS}; {ADDITION}; {fill}")).unwrap()
    });
    sample.assert_whole(&[], "");
    let expected = rows(&sample.sqlite(), SESSIONS);
    let mut bytes = fs::read(&sample.file).unwrap();
    bytes[..4096].fill(0);
    fs::write(&sample.file, bytes).unwrap();
    sample.salvage(&sample.file, |_, new| assert!(rows(new, SESSIONS) == expected));
}
