//! The power goes, at many moments of a flood of commits. Of what was written to a file since its last sync, some sectors are on the
//! disk then, in whatever order, and others are not.
//!
//! What is left must be sound, and a beginning of what was appended: with a sync at every commit all that was acknowledged, and
//! without one at least what was acknowledged when the log was synced or began anew.

use std::collections::HashMap;
use std::ffi::CStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::{Mutex, MutexGuard, PoisonError};

use gsd_session_core::sqlite::{OpenOptions, Synchronous};
use gsd_session_core::store::outputs::Outputs;
use rusqlite::ffi;

use super::model::{assert_sound, chunk, open, session};
use super::plan;
use super::sweep::alone;

/// A disk writes a sector as a whole, or not at all.
const SECTOR: usize = 512;

/// How often the power goes: at one of so many calls on average.
const SELDOM: u64 = 24;

/// The disk on which the test has its files; what others write is not looked at.
static DISK: Mutex<Option<Disk>> = Mutex::new(None);

struct Disk {
    folder: PathBuf,
    files: HashMap<PathBuf, File>,
    random: Random,
    /// How many chunks were acknowledged.
    acknowledged: usize,
    /// How often a log has begun, and how many chunks were acknowledged when it last did, or was synced.
    restarts: u32,
    safe: usize,
    cuts: Vec<Cut>,
}

/// A file, as it was at its last sync, and what was done to it since.
#[derive(Default)]
struct File {
    synced: Vec<u8>,
    since: Vec<Change>,
}

enum Change {
    Write(usize, Vec<u8>),
    Size(usize),
}

/// What the disk has once the power is back.
struct Cut {
    acknowledged: usize,
    safe: usize,
    files: HashMap<PathBuf, Vec<u8>>,
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

impl Change {
    /// Does it, or those parts of it that `is_kept`.
    fn apply(&self, file: &mut Vec<u8>, mut is_kept: impl FnMut() -> bool) {
        match self {
            Self::Size(size) if is_kept() => file.resize(*size, 0),
            Self::Size(_) => {}
            Self::Write(at, bytes) => {
                let (mut at, mut bytes) = (*at, &bytes[..]);
                while !bytes.is_empty() {
                    let (sector, rest) = bytes.split_at((SECTOR - at % SECTOR).min(bytes.len()));
                    if is_kept() {
                        let end = at + sector.len();
                        file.resize(file.len().max(end), 0);
                        file[at..end].copy_from_slice(sector);
                    }
                    (at, bytes) = (at + sector.len(), rest);
                }
            }
        }
    }
}

fn disk() -> MutexGuard<'static, Option<Disk>> {
    DISK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes what happens to a file of the disk; then the power may go.
fn note(name: ffi::sqlite3_filename, happens: impl FnOnce(&mut Disk, PathBuf)) {
    let mut disk = disk();
    let Some(disk) = disk.as_mut().filter(|_| !name.is_null()) else { return };
    // SAFETY: SQLite gives names that end with a NUL.
    let name = PathBuf::from(unsafe { CStr::from_ptr(name) }.to_str().unwrap());
    if name.parent() != Some(&disk.folder) {
        return;
    }
    happens(disk, name);
    if disk.random.below(SELDOM) == 0 {
        disk.cut();
    }
}

/// So many bytes were written.
pub fn wrote(name: ffi::sqlite3_filename, at: i64, bytes: &[u8]) {
    let at = usize::try_from(at).unwrap();
    note(name, |disk, name| {
        if at == 0 && name.extension().is_some_and(|extension| extension == "db-wal") {
            // All that the log had is in the file, and synced.
            disk.restarts += 1;
            disk.safe = disk.acknowledged;
        }
        disk.file(name).since.push(Change::Write(at, bytes.to_vec()));
    });
}

/// A file got another size.
pub fn resized(name: ffi::sqlite3_filename, size: i64) {
    let size = usize::try_from(size).unwrap();
    note(name, |disk, name| disk.file(name).since.push(Change::Size(size)));
}

/// A file was synced.
pub fn synced(name: ffi::sqlite3_filename) {
    note(name, |disk, name| {
        if name.extension().is_some_and(|extension| extension == "db-wal") {
            disk.safe = disk.acknowledged;
        }
        let file = disk.file(name);
        for change in std::mem::take(&mut file.since) {
            change.apply(&mut file.synced, || true);
        }
    });
}

impl Disk {
    fn file(&mut self, name: PathBuf) -> &mut File {
        self.files.entry(name).or_default()
    }

    fn cut(&mut self) {
        // All of it, nothing, or some of it.
        let kept = self.random.below(5);
        let mut files = HashMap::new();
        for (name, file) in &self.files {
            let mut left = file.synced.clone();
            for change in &file.since {
                change.apply(&mut left, || self.random.below(4) < kept);
            }
            files.insert(name.clone(), left);
        }
        let Self { acknowledged, safe, .. } = *self;
        self.cuts.push(Cut { acknowledged, safe, files });
    }
}

/// The numbers that are stored after the cut.
fn stored(cut: &Cut) -> Vec<usize> {
    let folder = tempfile::tempdir().unwrap();
    let mut database = None;
    for (name, bytes) in &cut.files {
        let file = folder.path().join(name.file_name().unwrap());
        fs::write(&file, bytes).unwrap();
        if file.extension().is_some_and(|extension| extension == "db") {
            database = Some(file);
        }
    }
    let connection = open(&database.unwrap(), &OpenOptions::default()).unwrap();
    let sqlite = connection.sqlite().unwrap();
    assert_sound(&sqlite);
    let mut rows = sqlite.prepare("SELECT data FROM session_outputs ORDER BY id").unwrap();
    let number = |row: &rusqlite::Row<'_>| {
        let data: String = row.get(0)?;
        Ok(data.split(':').next().unwrap().parse().unwrap())
    };
    rows.query_map([], number).unwrap().collect::<Result<_, _>>().unwrap()
}

fn flood(file: &Path, options: &OpenOptions, chunks: usize) {
    let connection = Rc::new(open(file, options).unwrap());
    let outputs = Outputs::new(Rc::clone(&connection));
    let mut number = 0;
    let mut text = |long: usize| {
        let data = format!("{number}:{}", "x".repeat(long));
        number += 1;
        chunk("s", &data)
    };
    while disk().as_ref().unwrap().acknowledged < chunks {
        let random = disk().as_mut().unwrap().random.below(100);
        let appended = if random < 5 {
            let many: Vec<_> = (0..20).map(|_| text(300)).collect();
            outputs.append_many(&many).unwrap();
            many.len()
        } else {
            outputs.append(text(if random < 20 { 9_000 } else { 100 })).unwrap();
            1
        };
        disk().as_mut().unwrap().acknowledged += appended;
    }
    connection.close().unwrap();
}

/// How many chunks were lost by how many cuts, and how often a log had begun.
fn cut_power(synchronous: Synchronous, seed: u64) -> (usize, usize, u32) {
    let _alone = alone();
    plan::heal();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sessions.db");
    let options = OpenOptions { synchronous, wal_limit: 300_000, ..OpenOptions::default() };
    let first = Rc::new(open(&file, &options).unwrap());
    gsd_session_core::store::sessions::Sessions::new(Rc::clone(&first))
        .create(&session("s", 1))
        .unwrap();
    first.close().unwrap();
    let before = File { synced: fs::read(&file).unwrap(), since: Vec::new() };
    *disk() = Some(Disk {
        folder: folder.path().to_owned(),
        files: HashMap::from([(file.clone(), before)]),
        random: Random(seed),
        acknowledged: 0,
        restarts: 0,
        safe: 0,
        cuts: Vec::new(),
    });
    flood(&file, &options, 700);
    let Disk { cuts, restarts, .. } = disk().take().unwrap();
    let mut lost = 0;
    for cut in &cuts {
        let numbers = stored(cut);
        assert!(numbers.iter().copied().eq(0..numbers.len()), "{numbers:?}");
        let least = if synchronous == Synchronous::Full { cut.acknowledged } else { cut.safe };
        assert!(numbers.len() >= least, "{} of {least}", numbers.len());
        lost += cut.acknowledged.saturating_sub(numbers.len());
    }
    (lost, cuts.len(), restarts)
}

#[test]
fn without_power_a_beginning_of_what_was_appended_is_left() {
    let (mut lost, mut cuts, mut restarts) = (0, 0, 0);
    for seed in 1..=8 {
        let (some, of, often) = cut_power(Synchronous::Normal, seed);
        (lost, cuts, restarts) = (lost + some, cuts + of, restarts + often);
    }
    println!("{cuts} cuts, {restarts} restarts, {lost} chunks lost");
    // Each run begins one.
    assert!(cuts > 100 && restarts > 40 && lost > 0);
}

#[test]
fn without_power_all_that_was_acknowledged_is_left_with_a_sync_at_every_commit() {
    let (mut cuts, mut restarts) = (0, 0);
    for seed in 1..=8 {
        let (lost, of, often) = cut_power(Synchronous::Full, seed);
        assert_eq!(lost, 0);
        (cuts, restarts) = (cuts + of, restarts + often);
    }
    println!("{cuts} cuts, {restarts} restarts");
    assert!(cuts > 100 && restarts > 40);
}
