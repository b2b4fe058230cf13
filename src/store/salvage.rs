//! What a damaged file still gives, stored in a new one.
//!
//! Rows are taken from the pages themselves: first those that the trees of the two tables reach, then
//! those on pages that no tree reaches any more, because the page that led to them is damaged. The
//! indexes, which SQLite would search by, tell how many rows are gone.

use std::path::Path;

use rusqlite::types::{ToSql, ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection as Sqlite, ffi};

use super::model::{OutputType, SessionStatus};
use super::timestamp;
use super::{Result, text};
use crate::sqlite::{self, Definition, Entry, NewFile, Pages, Trees, columns, definitions, fields};

const INSERT_SESSION: &str = "INSERT INTO sessions (rowid, id, slot, status, working_dir, current_command,
    started_at, ended_at, pid, created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";

const INSERT_OUTPUT: &str =
    "INSERT INTO session_outputs (id, session_id, timestamp, type, data, created_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

const PINS: &str = "session_pins";

/// A pin of a session that is gone has nothing to keep.
const INSERT_PIN: &str = "INSERT OR IGNORE INTO session_pins (session_id, created_at)
    SELECT id, ?2 FROM sessions WHERE id = ?1";

/// Rows of one transaction.
const GROUP: u64 = 10_000;

/// Rows that could not be stored and are named one by one.
const MOST_ROWS: u64 = 100;

/// More slots than any harness has; a larger number is damage.
const MOST_SLOTS: i64 = 1000;

/// What came of it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Salvaged {
    /// Sessions in the new file.
    pub sessions: u64,
    /// Chunks of output in the new file.
    pub outputs: u64,
    /// What is known to be gone.
    pub lost: Lost,
    /// What was wrong, in words.
    pub problems: Vec<String>,
}

/// What is known to be gone: at least so much, as damage may have taken what told of it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Lost {
    /// Sessions that an index names, or that a page holds in part.
    pub sessions: u64,
    /// Chunks of output, likewise.
    pub outputs: u64,
    /// Pages that others lead to and that cannot be read.
    pub pages: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Table {
    Sessions,
    Outputs,
}

impl Table {
    fn name(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::Outputs => "session_outputs",
        }
    }
}

/// Stores in `new_file`, which must not exist, whatever rows `file` and its log still give. Neither of
/// these is written to, nor opened by SQLite.
///
/// # Errors
///
/// `SQLITE_NOTADB` where nothing in `file` looks like a database, `SQLITE_CANTOPEN` where it cannot be
/// read or `new_file` cannot be made, or what SQLite says of that one, which is removed then.
pub fn salvage(file: &Path, new_file: &Path) -> Result<Salvaged> {
    let named = |error: sqlite::Error| error.context(format_args!("cannot salvage {file:?}"));
    let mut trees = Trees::new(Pages::open(file).map_err(named)?);
    let new = NewFile::create(new_file)?;
    let mut salvaged = Salvage::new(new.sqlite(), definitions(&mut trees)?);
    salvaged.read(&mut trees)?;
    salvaged.store_sessions(&new)?;
    salvaged.count_lost(&mut trees)?;
    let done = salvaged.finish(&trees)?;
    new.publish()?;
    Ok(done)
}

/// Where a table's columns are in its records.
struct Shape(Vec<Option<usize>>);

impl Shape {
    fn new(definition: Option<&Definition>, expected: &[&str]) -> Self {
        let columns = definition.and_then(Definition::columns);
        let place = |(index, name): (usize, &&str)| match &columns {
            Some(columns) => columns.iter().position(|column| column == name),
            None => Some(index),
        };
        Self(expected.iter().enumerate().map(place).collect())
    }

    /// The values of our columns. A row from before a column was added has none for it.
    fn pick<'row>(&self, fields: &[ValueRef<'row>]) -> Vec<ValueRef<'row>> {
        let value = |place: &Option<usize>| place.and_then(|place| fields.get(place)).copied();
        self.0.iter().map(|place| value(place).unwrap_or(ValueRef::Null)).collect()
    }
}

/// A value as it is stored, whatever its bytes.
struct Raw<'row>(ValueRef<'row>);

impl ToSql for Raw<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(self.0))
    }
}

struct Salvage<'new> {
    new: &'new Sqlite,
    definitions: Vec<Definition>,
    session_shape: Shape,
    output_shape: Shape,
    /// Rowids and values. They are stored last, when it is known how many slots there are.
    sessions: Vec<(i64, Vec<Value>)>,
    pin_shape: Shape,
    /// Values, stored behind the sessions.
    pins: Vec<Vec<Value>>,
    done: Salvaged,
    refused: u64,
    in_group: u64,
}

impl<'new> Salvage<'new> {
    fn new(new: &'new Sqlite, definitions: Vec<Definition>) -> Self {
        let shape = |table| Shape::new(table_of(&definitions, table), columns(table));
        Self {
            new,
            session_shape: shape(Table::Sessions.name()),
            output_shape: shape(Table::Outputs.name()),
            sessions: Vec::new(),
            pin_shape: shape(PINS),
            pins: Vec::new(),
            done: Salvaged::default(),
            refused: 0,
            in_group: 0,
            definitions,
        }
    }

    fn table(&self, table: Table) -> Option<&Definition> {
        table_of(&self.definitions, table.name())
    }

    fn read(&mut self, trees: &mut Trees) -> sqlite::Result<()> {
        self.done.problems.extend_from_slice(trees.pages().problems());
        self.new.execute_batch("BEGIN")?;
        for table in [Table::Sessions, Table::Outputs] {
            match self.table(table).map(|definition| definition.root) {
                Some(root) => trees.walk(root, &mut |entry| self.take(Some(table), entry))?,
                None => self.done.problems.push(format!(
                    "the schema does not tell where {} are; rows were known by their form",
                    table.name()
                )),
            }
        }
        // Older files have none.
        let pins = self.definitions.iter().find(|found| found.name == PINS);
        if let Some(root) = pins.map(|definition| definition.root) {
            trees.walk(root, &mut |entry| {
                if let Some(fields) = entry.payload.as_deref().and_then(fields) {
                    self.take_pin(&fields);
                }
                Ok(())
            })?;
        }
        self.done.lost.pages = trees.unreadable();
        let ours = [Table::Sessions.name(), Table::Outputs.name(), PINS];
        for others in self.definitions.iter().filter(|found| !ours.contains(&&*found.table)) {
            trees.skip(others.root)?;
        }
        let found = (self.sessions.len(), self.done.outputs);
        trees.leftovers(&mut |entry| self.take(None, entry))?;
        if found != (self.sessions.len(), self.done.outputs) && !trees.knows_free() {
            self.done.problems.push(
                "the list of free pages cannot be read; rows that were deleted may be among those \
                 that no tree reaches"
                    .into(),
            );
        }
        Ok(())
    }

    /// Takes a row of the tree of a table, or one that no tree reaches.
    fn take(&mut self, from: Option<Table>, entry: Entry) -> sqlite::Result<()> {
        let Entry { rowid: Some(rowid), payload: Some(payload) } = entry else {
            self.lose(from);
            return Ok(());
        };
        let Some(fields) = fields(&payload) else {
            self.lose(from);
            return Ok(());
        };
        let session = self.session_shape.pick(&fields);
        let output = self.output_shape.pick(&fields);
        // A damaged tree may lead to rows of the other one.
        let table = match from {
            _ if is_output(&output) => Table::Outputs,
            _ if is_session(&session) => Table::Sessions,
            Some(table) => table,
            None => {
                self.take_pin(&fields);
                return Ok(());
            }
        };
        match table {
            Table::Sessions => {
                let values = session.into_iter().map(owned).collect();
                self.sessions.push((rowid, values));
            }
            Table::Outputs => {
                let rowid = [ValueRef::Integer(rowid)];
                let values = rowid.into_iter().chain(output.into_iter().skip(1));
                if self.insert(Table::Outputs, INSERT_OUTPUT, values)? {
                    self.done.outputs += 1;
                }
            }
        }
        Ok(())
    }

    /// Takes a row that is a pin by its form.
    fn take_pin(&mut self, fields: &[ValueRef<'_>]) {
        let values = self.pin_shape.pick(fields);
        if fields.len() == columns(PINS).len() && is_pin(&values) {
            self.pins.push(values.into_iter().map(owned).collect());
        }
    }

    fn lose(&mut self, from: Option<Table>) {
        match from {
            Some(Table::Sessions) => self.done.lost.sessions += 1,
            Some(Table::Outputs) => self.done.lost.outputs += 1,
            None => {}
        }
    }

    /// Stores a row; `false` where there is one with its id, or the table does not take it.
    fn insert<'row>(
        &mut self,
        table: Table,
        sql: &str,
        values: impl Iterator<Item = ValueRef<'row>>,
    ) -> sqlite::Result<bool> {
        let values: Vec<Raw<'_>> = values.map(Raw).collect();
        let inserted =
            self.new.prepare_cached(sql)?.execute(rusqlite::params_from_iter(values.iter()));
        match inserted {
            Ok(_) => {}
            Err(rusqlite::Error::SqliteFailure(failure, message))
                if failure.extended_code & 0xff == ffi::SQLITE_CONSTRAINT =>
            {
                let is_twice = matches!(
                    failure.extended_code,
                    ffi::SQLITE_CONSTRAINT_PRIMARYKEY
                        | ffi::SQLITE_CONSTRAINT_ROWID
                        | ffi::SQLITE_CONSTRAINT_UNIQUE
                );
                if !is_twice {
                    self.lose(Some(table));
                    self.refuse(table, values.first(), message.unwrap_or_default());
                }
                return Ok(false);
            }
            Err(error) => return Err(error.into()),
        }
        self.in_group += 1;
        if self.in_group.is_multiple_of(GROUP) {
            self.new.execute_batch("COMMIT; BEGIN")?;
        }
        Ok(true)
    }

    fn refuse(&mut self, table: Table, rowid: Option<&Raw<'_>>, why: String) {
        self.refused += 1;
        if self.refused <= MOST_ROWS {
            let rowid = rowid.and_then(|rowid| rowid.0.as_i64().ok()).unwrap_or_default();
            self.done.problems.push(format!("row {rowid} of {}: {why}", table.name()));
        }
    }

    fn store_sessions(&mut self, new: &NewFile) -> sqlite::Result<()> {
        let in_rows = self.sessions.iter().filter_map(|(_, values)| match values.get(1) {
            Some(Value::Integer(slot)) if (1..=MOST_SLOTS).contains(slot) => Some(*slot),
            _ => None,
        });
        let in_check = self.table(Table::Sessions).and_then(Definition::highest_slot);
        let slots = in_rows.chain(in_check).max().unwrap_or(0).min(MOST_SLOTS);
        self.new.execute_batch("COMMIT")?;
        new.widen(u16::try_from(slots).unwrap_or(0))?;
        self.new.execute_batch("BEGIN")?;
        for (rowid, values) in std::mem::take(&mut self.sessions) {
            let rowid = [ValueRef::Integer(rowid)];
            let values = rowid.into_iter().chain(values.iter().map(ValueRef::from));
            if self.insert(Table::Sessions, INSERT_SESSION, values)? {
                self.done.sessions += 1;
            }
        }
        for values in std::mem::take(&mut self.pins) {
            self.new.prepare_cached(INSERT_PIN)?.execute(rusqlite::params_from_iter(values))?;
        }
        self.new.execute_batch("COMMIT").map_err(Into::into)
    }

    /// Counts the rows that an index names and that are not there. Each index names all of them.
    fn count_lost(&mut self, trees: &mut Trees) -> sqlite::Result<()> {
        for table in [Table::Sessions, Table::Outputs] {
            let sql = format!("SELECT 1 FROM {} WHERE rowid = ?1", table.name());
            let mut find = self.new.prepare(&sql)?;
            let mut most = 0;
            let indexes = self.definitions.iter();
            for index in
                indexes.filter(|found| found.kind == "index" && found.table == table.name())
            {
                let mut missing = 0;
                trees.walk(index.root, &mut |entry| {
                    let fields = entry.payload.as_deref().and_then(fields);
                    let last = fields.as_ref().and_then(|fields| fields.last());
                    if let Some(ValueRef::Integer(rowid)) = last
                        && !find.exists([rowid])?
                    {
                        missing += 1;
                    }
                    Ok(())
                })?;
                most = most.max(missing);
            }
            let lost = match table {
                Table::Sessions => &mut self.done.lost.sessions,
                Table::Outputs => &mut self.done.lost.outputs,
            };
            *lost = most.max(*lost);
        }
        Ok(())
    }

    fn finish(mut self, trees: &Trees) -> sqlite::Result<Salvaged> {
        if self.refused > MOST_ROWS {
            let more = self.refused - MOST_ROWS;
            self.done.problems.push(format!("{more} more rows could not be stored"));
        }
        match trees.unreadable() {
            0 => {}
            1 => self.done.problems.push("one page cannot be read".into()),
            pages => self.done.problems.push(format!("{pages} pages cannot be read")),
        }
        Ok(self.done)
    }
}

/// The definition of a table, if it is among these.
fn table_of<'found>(definitions: &'found [Definition], name: &str) -> Option<&'found Definition> {
    definitions.iter().find(|found| found.kind == "table" && found.name == name)
}

fn owned(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Integer(number),
        ValueRef::Real(number) => Value::Real(number),
        // Invalid UTF-8 cannot be a `Value`; it is read with U+FFFD anyway.
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_owned()),
    }
}

/// Whether values are those of a session that the stores wrote.
fn is_session(values: &[ValueRef<'_>]) -> bool {
    let [id, slot, status, working_dir, command, started_at, ended_at, pid, created_at, updated_at] =
        values
    else {
        return false;
    };
    is_text(id)
        && matches!(slot, ValueRef::Integer(1..=MOST_SLOTS))
        && SessionStatus::parse(text(*status)).is_some()
        && is_text(working_dir)
        && (is_null(command) || is_text(command))
        && is_moment(started_at)
        && matches!(pid, ValueRef::Null | ValueRef::Integer(_))
        && [ended_at, created_at, updated_at].into_iter().all(|at| is_null(at) || is_moment(at))
}

/// Whether values are those of a chunk of output that the stores wrote.
fn is_output(values: &[ValueRef<'_>]) -> bool {
    let [id, session_id, timestamp, kind, data, created_at] = values else {
        return false;
    };
    // The id of a row is not in its record.
    is_null(id)
        && is_text(session_id)
        && is_moment(timestamp)
        && OutputType::parse(text(*kind)).is_some()
        && is_text(data)
        && (is_null(created_at) || is_moment(created_at))
}

/// Whether values are those of a pin.
fn is_pin(values: &[ValueRef<'_>]) -> bool {
    let [session_id, created_at] = values else {
        return false;
    };
    is_text(session_id) && (is_null(created_at) || is_moment(created_at))
}

fn is_null(value: &ValueRef<'_>) -> bool {
    *value == ValueRef::Null
}

fn is_text(value: &ValueRef<'_>) -> bool {
    matches!(value, ValueRef::Text(_))
}

fn is_moment(value: &ValueRef<'_>) -> bool {
    is_text(value) && timestamp::is_moment(text(*value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::{Connection, Location, OpenOptions};
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::PathBuf;

    const PAGE: usize = 4096;

    type Rows = BTreeMap<i64, String>;

    /// A file with free pages, long rows and interior pages, and what it holds.
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

    /// The same as the stores write, and then some of it deleted.
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
        /// Salvages these bytes, and looks whether what came of it is sound and true.
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
    fn a_sound_file_gives_everything() {
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
    fn any_page_may_be_gone_and_the_loss_is_counted() {
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
    fn a_file_that_was_cut_off_gives_what_is_left_of_it() {
        let sample = sample();
        let bytes = fs::read(&sample.file).unwrap();
        for tenth in 1..10 {
            let salvaged = sample.salvage(&bytes[..bytes.len() * tenth / 10], b"");
            println!("{tenth}/10: {} {:?}", sample.share(&salvaged), salvaged.lost);
            assert!(sample.share(&salvaged) > tenth as f64 / 10.0 - 0.35);
        }
    }

    #[test]
    fn any_byte_of_the_header_may_be_wrong() {
        let sample = sample();
        let bytes = fs::read(&sample.file).unwrap();
        let numbers =
            [0, 15, 16, 17, 18, 20, 21, 23, 24, 28, 31, 32, 35, 39, 44, 52, 55, 56, 60, 63, 92, 99];
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
    fn random_damage_ends_nothing() {
        let sample = sample();
        let bytes = fs::read(&sample.file).unwrap();
        let mut seed = 7u64;
        let mut random = |below: usize| {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
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
    fn the_log_counts_as_far_as_it_is_whole() {
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
    fn a_file_whose_log_holds_everything_needs_no_page_of_its_own() {
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
    fn what_is_no_database_is_refused_and_leaves_nothing() {
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
    fn without_a_pointer_map_the_free_list_keeps_deleted_rows_deleted() {
        let sample = sample();
        let sqlite = Sqlite::open(&sample.file).unwrap();
        sqlite
            .execute_batch(
                "PRAGMA journal_mode = DELETE; PRAGMA auto_vacuum = NONE; VACUUM;
                DELETE FROM session_outputs WHERE id > 500",
            )
            .unwrap();
        let root: u32 = sqlite
            .query_row(
                "SELECT rootpage FROM sqlite_schema WHERE name = 'session_outputs'",
                [],
                |row| row.get(0),
            )
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
            .query_row("SELECT id || slot || working_dir || pid FROM sessions", [], |row| {
                row.get(0)
            })
            .unwrap();
        assert_eq!(row, "a4/a7");
    }
}
