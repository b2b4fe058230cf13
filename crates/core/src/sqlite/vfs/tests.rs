//! What is in the log, and what another program makes of it.

use std::ffi::c_int;
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::{Connection as Sqlite, MAIN_DB, OpenFlags, ffi, params};

use crate::sqlite::{OpenOptions, connect, files};

fn open(file: &Path) -> Sqlite {
    let access = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    connect::to(file, access, &OpenOptions::default()).unwrap()
}

/// A table in a file with a log, by a connection that spills what has no room in sixteen pages.
fn new_file(file: &Path) -> Sqlite {
    let sqlite = open(file);
    sqlite
        .execute_batch(
            "PRAGMA journal_mode = wal; PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = 16;
             PRAGMA cache_spill = 16; CREATE TABLE rows (id INTEGER PRIMARY KEY, data BLOB)",
        )
        .unwrap();
    sqlite
}

fn insert(sqlite: &Sqlite, ids: std::ops::Range<i64>) {
    for id in ids {
        let data = vec![id as u8; 3000];
        sqlite.execute("INSERT OR REPLACE INTO rows VALUES (?1, ?2)", params![id, data]).unwrap();
    }
}

type Rows = Vec<(i64, Vec<u8>)>;

fn rows(sqlite: &Sqlite) -> Rows {
    let mut statement = sqlite.prepare("SELECT id, data FROM rows ORDER BY id").unwrap();
    statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap()
}

/// The rows that another program finds in copies of the file and of its log, as after the end of the machine.
fn recovered(file: &Path) -> Rows {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.db");
    fs::copy(file, &copy).unwrap();
    fs::copy(files::log_of(file), files::log_of(&copy)).unwrap();
    let sqlite = Sqlite::open(&copy).unwrap();
    let sound: String = sqlite.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
    rows(&sqlite)
}

struct Case {
    folder: tempfile::TempDir,
    file: PathBuf,
    sqlite: Sqlite,
}

fn case() -> Case {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rows.db");
    let sqlite = new_file(&file);
    Case { folder, file, sqlite }
}

fn log_bytes(file: &Path) -> u64 {
    fs::metadata(files::log_of(file)).unwrap().len()
}

#[test]
fn frames_are_held_back_until_the_commit() {
    let Case { file, sqlite, folder: _folder } = case();
    let before = log_bytes(&file);
    sqlite.execute_batch("BEGIN").unwrap();
    insert(&sqlite, 0..60);
    assert_eq!(log_bytes(&file), before);
    // They are read before they are written.
    assert_eq!(rows(&sqlite).len(), 60);
    sqlite.execute_batch("COMMIT").unwrap();
    assert!(log_bytes(&file) > before + 60 * 3_000);
    assert_eq!(recovered(&file), rows(&sqlite));
}

#[test]
fn every_commit_is_in_the_log_when_it_returns() {
    let Case { file, sqlite, folder: _folder } = case();
    for id in 0..40 {
        insert(&sqlite, id..id + 1);
        assert_eq!(recovered(&file), rows(&sqlite));
    }
}

#[test]
fn what_a_transaction_spilled_and_took_back_is_in_nobodys_way() {
    let Case { file, sqlite, folder: _folder } = case();
    let other = open(&file);
    insert(&sqlite, 0..10);
    for round in 0..5 {
        sqlite.execute_batch("BEGIN").unwrap();
        insert(&sqlite, 0..200);
        assert_eq!(rows(&sqlite).len(), 200 + round as usize);
        sqlite.execute_batch("ROLLBACK").unwrap();
        let id = 1000 + round;
        insert(&other, id..id + 1);
        assert_eq!(rows(&sqlite), rows(&other));
        assert_eq!(recovered(&file), rows(&other));
    }
}

#[test]
fn a_frame_that_was_spilled_and_written_again_has_the_right_checksum() {
    let Case { file, sqlite, folder: _folder } = case();
    sqlite.execute_batch("BEGIN").unwrap();
    for round in 0..4 {
        insert(&sqlite, 0..100 + round);
    }
    sqlite.execute_batch("COMMIT").unwrap();
    insert(&sqlite, 500..501);
    assert_eq!(recovered(&file), rows(&sqlite));
    assert_eq!(rows(&sqlite).len(), 104);
}

#[test]
fn a_part_of_a_transaction_that_is_taken_back_is_not_committed() {
    let Case { file, sqlite, folder: _folder } = case();
    sqlite.execute_batch("BEGIN").unwrap();
    insert(&sqlite, 0..100);
    sqlite.execute_batch("SAVEPOINT part").unwrap();
    insert(&sqlite, 50..300);
    sqlite.execute_batch("ROLLBACK TO part").unwrap();
    insert(&sqlite, 400..450);
    sqlite.execute_batch("COMMIT").unwrap();
    assert_eq!(recovered(&file), rows(&sqlite));
    assert_eq!(rows(&sqlite).len(), 150);
}

#[test]
fn a_transaction_of_many_megabytes_is_committed() {
    let Case { file, sqlite, folder: _folder } = case();
    sqlite.execute_batch("BEGIN").unwrap();
    insert(&sqlite, 0..2_000);
    // More than is ever held back has gone to the log.
    assert!(log_bytes(&file) > 4 << 20);
    sqlite.execute_batch("COMMIT").unwrap();
    assert_eq!(recovered(&file), rows(&sqlite));
}

#[test]
fn commits_that_are_padded_to_a_sector_are_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rows.db");
    drop(new_file(&file));
    let sqlite = open(&file);
    let mut is_safe: c_int = 0;
    // SAFETY: the connection is open, and SQLite reads and writes an integer.
    let code = unsafe {
        let control = ffi::SQLITE_FCNTL_POWERSAFE_OVERWRITE;
        ffi::sqlite3_file_control(
            sqlite.handle(),
            c"main".as_ptr(),
            control,
            (&raw mut is_safe).cast(),
        )
    };
    assert_eq!(code, ffi::SQLITE_OK);
    sqlite.execute_batch("PRAGMA synchronous = full; PRAGMA wal_autocheckpoint = 0").unwrap();
    for id in 0..20 {
        insert(&sqlite, id..id + 1);
        assert_eq!(recovered(&file), rows(&sqlite));
    }
    let pages: i64 = sqlite.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    // The copies of commit frames are there.
    assert!(log_bytes(&file) > 2 * u64::try_from(pages).unwrap() * 4096);
}

#[test]
fn a_log_that_starts_over_goes_on() {
    let Case { file, sqlite, folder: _folder } = case();
    let other = open(&file);
    for round in 0..10 {
        insert(&sqlite, round * 10..round * 10 + 10);
        insert(&other, 1_000 + round..1_001 + round);
        let mode = ["PASSIVE", "RESTART", "TRUNCATE"][round as usize % 3];
        other.execute_batch(&format!("PRAGMA wal_checkpoint({mode})")).unwrap();
        insert(&sqlite, 2_000 + round..2_001 + round);
        assert_eq!(recovered(&file), rows(&other));
    }
    assert_eq!(rows(&sqlite).len(), 120);
    sqlite.execute_batch("PRAGMA journal_mode = delete").unwrap_err();
    drop(other);
    sqlite.execute_batch("PRAGMA journal_mode = delete; PRAGMA journal_mode = wal").unwrap();
    insert(&sqlite, 5_000..5_001);
    assert_eq!(recovered(&file), rows(&sqlite));
    assert!(sqlite.is_autocommit() && sqlite.is_readonly(MAIN_DB).is_ok_and(|readonly| !readonly));
}

/// The last frame of the log, and the newest mark of a reader that is not behind it, from the index of the log.
fn last_frame_and_mark(file: &Path) -> (u32, u32) {
    let index = fs::read(files::beside(file, "-shm")).unwrap();
    let number = |at: usize| u32::from_ne_bytes(index[at..at + 4].try_into().unwrap());
    let last = number(16);
    let marks = [104, 108, 112, 116].map(number);
    (last, marks.into_iter().filter(|mark| *mark <= last).max().unwrap_or(0))
}

#[test]
fn a_mark_of_a_reader_is_moved_once_it_is_old() {
    let Case { file, sqlite, folder: _folder } = case();
    let mut marks = std::collections::HashSet::new();
    for id in 0..200 {
        insert(&sqlite, id..id + 1);
        let (last, mark) = last_frame_and_mark(&file);
        assert!(last - mark < 48, "{mark} of {last}");
        marks.insert(mark);
    }
    let (last, _) = last_frame_and_mark(&file);
    assert!(last > 200 && (6..40).contains(&marks.len()), "{last}: {marks:?}");
}

#[test]
fn a_reader_with_an_old_mark_keeps_its_moment() {
    let mut old = 0;
    for commits in 0..70 {
        let Case { file, sqlite, folder: _folder } = case();
        let (own, plain) = (open(&file), Sqlite::open(&file).unwrap());
        insert(&own, 0..commits);
        // Only the first read behind an own commit has one.
        own.execute_batch("BEGIN").unwrap();
        let before = rows(&own);
        assert_eq!(before.len(), commits as usize);
        let (last, mark) = last_frame_and_mark(&file);
        old += u32::from(mark < last);
        insert(&sqlite, commits..commits + 5);
        let checkpoint = |sqlite: &Sqlite, mode: &str| -> c_int {
            let sql = format!("PRAGMA wal_checkpoint({mode})");
            sqlite.query_row(&sql, [], |row| row.get(0)).unwrap()
        };
        checkpoint(&plain, "PASSIVE");
        checkpoint(&sqlite, "PASSIVE");
        insert(&sqlite, commits + 5..commits + 10);
        assert_eq!(rows(&own), before);
        own.execute_batch("COMMIT").unwrap();
        assert_eq!(rows(&own), rows(&sqlite));
        // Nobody is in the way, and the log begins anew.
        assert_eq!(checkpoint(&plain, "TRUNCATE"), 0);
        assert_eq!(log_bytes(&file), 0);
        insert(&own, 500..503);
        assert_eq!(rows(&sqlite), rows(&plain));
        assert_eq!(recovered(&file), rows(&own));
    }
    assert!(old > 50, "{old}");
}

#[test]
fn readers_that_come_one_after_the_other_do_not_keep_the_log() {
    let Case { file, sqlite, folder: _folder } = case();
    let (first, second) = (open(&file), open(&file));
    insert(&sqlite, 0..5);
    let mut hands = [&first, &second].into_iter().cycle();
    let mut reads = hands.next().unwrap();
    reads.execute_batch("BEGIN; SELECT count(*) FROM rows").unwrap();
    let mut hand_over = || {
        let next = hands.next().unwrap();
        next.execute_batch("BEGIN; SELECT count(*) FROM rows").unwrap();
        reads.execute_batch("COMMIT").unwrap();
        reads = next;
    };
    let left = |mode: &str| -> (c_int, c_int, c_int) {
        let sql = format!("PRAGMA wal_checkpoint({mode})");
        sqlite.query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap()
    };
    for _ in 0..3 {
        hand_over();
        left("PASSIVE");
    }
    hand_over();
    let (busy, log, done) = left("RESTART");
    assert_eq!((busy, log - done), (0, 0));
}

#[test]
fn one_who_writes_and_reads_in_turn_does_not_keep_the_log() {
    let Case { sqlite, file, folder: _folder } = case();
    let other = Sqlite::open(&file).unwrap();
    for id in 0..60 {
        insert(&sqlite, id..id + 1);
        assert_eq!(rows(&sqlite).len(), id as usize + 1);
        other.execute_batch("PRAGMA wal_checkpoint(PASSIVE)").unwrap();
    }
    // Both are still there, but nobody reads.
    let busy: c_int =
        other.query_row("PRAGMA wal_checkpoint(RESTART)", [], |row| row.get(0)).unwrap();
    assert_eq!(busy, 0);
}

#[test]
fn pages_of_any_size_are_committed_by_one_who_shares_and_by_one_who_does_not() {
    for page in [512, 4096, 65536] {
        for mode in ["normal", "exclusive"] {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("rows.db");
            let sqlite = open(&file);
            sqlite
                .execute_batch(&format!(
                    "PRAGMA page_size = {page}; PRAGMA locking_mode = {mode}; PRAGMA journal_mode = wal;
                     PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = 16; PRAGMA cache_spill = 16;
                     CREATE TABLE rows (id INTEGER PRIMARY KEY, data BLOB)"
                ))
                .unwrap();
            sqlite.execute_batch("BEGIN").unwrap();
            insert(&sqlite, 0..300);
            sqlite.execute_batch("COMMIT").unwrap();
            for id in 300..310 {
                insert(&sqlite, id..id + 1);
                assert_eq!(recovered(&file), rows(&sqlite), "{page} {mode}");
            }
            sqlite.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
            insert(&sqlite, 310..313);
            assert_eq!(recovered(&file).len(), 313, "{page} {mode}");
        }
    }
}
