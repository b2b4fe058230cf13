//! Random files, of which only what nobody can read may change.

use std::collections::HashSet;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection as Sqlite, params};

use super::*;
use crate::random::Random;
use crate::sqlite::Error;
use crate::sqlite::{Connection, Location, OpenOptions};

/// Texts that each have a name of their own, again and again.
#[derive(Default)]
struct Tokens(u64);

impl Tokens {
    fn text(&mut self, length: usize) -> String {
        self.0 += 1;
        let token = format!("<T{:08}>", self.0);
        token.repeat(length / token.len() + 1)
    }
}

/// The names of the texts in some bytes.
fn tokens(bytes: &[u8]) -> HashSet<Vec<u8>> {
    let is_token = |word: &&[u8]| {
        word.starts_with(b"<T")
            && word.ends_with(b">")
            && word[2..10].iter().all(u8::is_ascii_digit)
    };
    bytes.windows(11).filter(is_token).map(<[u8]>::to_vec).collect()
}

/// Everything that SQL can read.
fn content(sqlite: &Sqlite) -> Vec<Vec<Value>> {
    let rows = |sql: &str| -> Vec<Vec<Value>> {
        let mut statement = sqlite.prepare(sql).unwrap();
        let columns = statement.column_count();
        let row = |row: &rusqlite::Row<'_>| (0..columns).map(|at| row.get(at)).collect();
        statement.query_map([], row).unwrap().map(std::result::Result::unwrap).collect()
    };
    let mut all = rows("SELECT type, name, sql FROM sqlite_schema ORDER BY name");
    let tables = rows("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name");
    for table in tables {
        let Value::Text(name) = &table[0] else { panic!() };
        all.extend(rows(&format!("SELECT * FROM \"{name}\"")));
    }
    all
}

fn assert_sound(sqlite: &Sqlite) {
    let found: String = sqlite.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(found, "ok");
}

fn all_of(file: &Path) -> Vec<u8> {
    let log = file.with_file_name("a.db-wal");
    [fs::read(file).unwrap(), fs::read(log).unwrap_or_default()].concat()
}

/// An empty file whose pages have bytes at their end that SQLite does not use.
fn reserve(file: &Path, page: usize, reserved: u8) {
    let mut bytes = fs::read(file).unwrap();
    bytes[20] = reserved;
    let content = (page - usize::from(reserved)) as u16;
    bytes[105..107].copy_from_slice(&content.to_be_bytes());
    fs::write(file, bytes).unwrap();
}

fn random_file(file: &Path, random: &mut Random) -> Sqlite {
    let page = random.one_of(&[512, 1024, 4096, 4096, 8192, 65536]);
    let vacuum = random.one_of(&["NONE", "FULL", "INCREMENTAL"]);
    let delete = random.one_of(&["OFF", "ON", "FAST"]);
    let settings = format!(
        "PRAGMA page_size = {page}; PRAGMA auto_vacuum = {vacuum}; PRAGMA user_version = 7;"
    );
    Sqlite::open(file).unwrap().execute_batch(&settings).unwrap();
    let reserved = random.one_of(&[0, 0, 8, 32]);
    if reserved > 0 {
        reserve(file, page, reserved);
    }
    let sqlite = Sqlite::open(file).unwrap();
    sqlite
        .execute_batch(&format!(
            "PRAGMA journal_mode = WAL; PRAGMA secure_delete = {delete}; PRAGMA cache_spill = OFF;
             CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT);
             CREATE INDEX t_a ON t (a);
             CREATE TABLE w (k TEXT PRIMARY KEY, v TEXT) WITHOUT ROWID;
             CREATE TABLE d (x TEXT);
             CREATE VIRTUAL TABLE f USING fts5 (x);
             CREATE VIRTUAL TABLE g USING fts4 (x)"
        ))
        .unwrap();
    sqlite
}

fn change(sqlite: &Sqlite, random: &mut Random, tokens: &mut Tokens) {
    let length = match random.below(12) {
        0 => random.below(40_000),
        1..4 => random.below(2_000),
        _ => random.below(120),
    } as usize;
    let (key, text) = (random.below(400), tokens.text(length));
    let number = i64::try_from(key).unwrap();
    let run = |sql: &str, values: &[&dyn rusqlite::ToSql]| sqlite.execute(sql, values).unwrap();
    match random.below(16) {
        0..4 => run("REPLACE INTO t VALUES (?1, ?2, ?2)", params![number, text]),
        4..6 => run("INSERT INTO t (a) VALUES (?1)", params![text]),
        6..8 => run("UPDATE t SET a = a || ?2 WHERE id = ?1", params![number, text]),
        8 => run("UPDATE t SET b = ?2 WHERE id BETWEEN ?1 AND ?1 + 9", params![number, text]),
        9 => run("DELETE FROM t WHERE id BETWEEN ?1 AND ?1 + 30", params![number]),
        10 => run("REPLACE INTO w VALUES (?1, ?2)", params![format!("{number:>70}"), text]),
        11 => run("DELETE FROM w WHERE k < ?1", params![format!("{:>70}", number / 20)]),
        12 => run("INSERT INTO d VALUES (?1)", params![text]),
        13 => run("DELETE FROM d WHERE rowid % 7 = ?1", params![number % 7]),
        14 => {
            run("INSERT INTO f VALUES (?1)", params![format!("word{number} more")])
                + run("INSERT INTO g VALUES (?1)", params![format!("word{number} more")])
        }
        _ => {
            run("DELETE FROM f WHERE rowid = ?1", params![number])
                + run("DELETE FROM g WHERE rowid = ?1", params![number])
        }
    };
}

/// Changes a random file, scrubs it while it is changed, and then once more.
fn scrub_random_file(seed: u64) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.db");
    let (mut random, mut tokens_made) = (Random(seed), Tokens::default());
    let sqlite = random_file(&file, &mut random);
    for _ in 0..random.below(3) + 1 {
        sqlite.execute_batch("BEGIN").unwrap();
        for _ in 0..random.below(400) {
            change(&sqlite, &mut random, &mut tokens_made);
        }
        sqlite.execute_batch("COMMIT").unwrap();
    }
    if random.below(4) == 0 {
        sqlite.execute_batch("DROP TABLE d; CREATE TABLE d (x TEXT)").unwrap();
    }
    let other = Sqlite::open(&file).unwrap();
    let is_busy = random.below(2) == 0;
    scrub_everything(&other, |_| {
        if is_busy {
            change(&sqlite, &mut random, &mut tokens_made);
            sqlite.execute_batch("PRAGMA incremental_vacuum(2)").unwrap();
        }
        ControlFlow::Continue(())
    })
    .unwrap();
    let before = content(&sqlite);
    assert_sound(&sqlite);
    let progress = scrub_everything(&other, |_| ControlFlow::Continue(())).unwrap().unwrap();
    assert_sound(&sqlite);
    assert!(progress.pages > 0);
    assert_eq!(content(&sqlite), before);
    assert_eq!(content(&Sqlite::open(&file).unwrap()), before);
    sqlite.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let live = tokens(format!("{before:?}").as_bytes());
    let left: Vec<_> = tokens(&all_of(&file)).difference(&live).map(|token| lossy(token)).collect();
    assert!(left.is_empty(), "seed {seed}: {left:?}");
    // SQLite goes on with such pages.
    for _ in 0..100 {
        change(&sqlite, &mut random, &mut tokens_made);
    }
    assert_sound(&sqlite);
    let again = scrub_everything(&other, |_| ControlFlow::Continue(())).unwrap().unwrap();
    let clean = scrub_everything(&other, |_| ControlFlow::Continue(())).unwrap().unwrap();
    assert!(again.pages > 0 && clean.cleaned == 0, "seed {seed}: {clean:?}");
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The seeds from 0 on, or those that the environment asks for: `SCRUB_SEEDS=1000..2000`.
fn seeds(count: u64) -> std::ops::Range<u64> {
    let asked = std::env::var("SCRUB_SEEDS").unwrap_or_default();
    let range = asked.split_once("..").map(|(first, end)| (first.parse(), end.parse()));
    if let Some((Ok(first), Ok(end))) = range { first..end } else { 0..count }
}

#[test]
fn scrubbing_a_random_file_changes_nothing_that_can_be_read_and_leaves_nothing_else() {
    seeds(12).for_each(scrub_random_file);
}

fn open(file: &Path) -> Connection {
    let location = Location::File(file.to_owned());
    Connection::open(&file.to_string_lossy(), location, &OpenOptions::default()).unwrap()
}

/// Sessions with a command that grows, and with chunks that are appended in turns; most are removed again.
fn remove_random_sessions(connection: &Connection, random: &mut Random) {
    let mut tokens = Tokens::default();
    let run = |sql: &str, values: &[&dyn rusqlite::ToSql]| {
        connection.remove(|sqlite| Ok::<_, Error>(sqlite.execute(sql, values)?)).unwrap()
    };
    let ids: Vec<_> =
        (0..1_500).map(|_| format!("{:x}{}", random.next(), tokens.text(11))).collect();
    for id in &ids {
        run(
            "INSERT INTO sessions (id, slot, status, working_dir, current_command, started_at)
             VALUES (?1, 1, 'completed', ?2, ?3, '2026-01-01T00:00:00.000Z')",
            params![id, tokens.text(30), tokens.text(20)],
        );
    }
    for _ in 0..6_000 {
        let id = &ids[random.below(1_500) as usize];
        match random.below(8) {
            0 => run(
                "UPDATE sessions SET current_command = ?2 WHERE id = ?1",
                params![id, tokens.text(20 + random.below(200) as usize)],
            ),
            1 if random.below(3) == 0 => {
                run("DELETE FROM session_outputs WHERE session_id = ?1", params![id])
                    + run("DELETE FROM sessions WHERE id = ?1", params![id])
            }
            _ => {
                let length = if random.below(40) == 0 { 9_000 } else { random.below(300) };
                run(
                    "INSERT INTO session_outputs (session_id, timestamp, type, data)
                     VALUES (?1, '2026-01-01T00:00:00.000Z', 'stdout', ?2)",
                    params![id, tokens.text(length as usize)],
                )
            }
        };
    }
    for id in ids.iter().filter(|_| random.below(3) > 0) {
        run("DELETE FROM session_outputs WHERE session_id = ?1", params![id]);
        run("DELETE FROM sessions WHERE id = ?1", params![id]);
    }
}

#[test]
fn nothing_of_removed_sessions_is_left_once_the_connection_is_closed() {
    for seed in seeds(3) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.db");
        let connection = open(&file);
        remove_random_sessions(&connection, &mut Random(seed));
        let other = Sqlite::open(&file).unwrap();
        let before = content(&other);
        connection.close().unwrap();
        assert_sound(&other);
        assert_eq!(content(&other), before);
        let live = tokens(format!("{before:?}").as_bytes());
        let stored = tokens(&all_of(&file));
        let left: Vec<_> = stored.difference(&live).map(|token| lossy(token)).collect();
        assert!(left.is_empty(), "seed {seed}: {} left: {left:?}", left.len());
        assert!(live.is_subset(&stored));
    }
}
