//! Limits for the SQL of a file: its triggers, CHECKs, generated columns, defaults and the expressions of its
//! indexes. A file may come from anywhere, and such SQL may never end.
//!
//! Nothing else is limited: neither the SQL of callers nor reads.

use std::cell::Cell;
use std::ffi::{CStr, c_int, c_void};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::ptr;
use std::time::{Duration, Instant};

use rusqlite::limits::Limit;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection as Sqlite, Statement, ffi};

use super::exceeded::{self, Exceeded};
use super::transaction::atomically;
use super::{Result, files, memory};

/// Instructions between two checks of the clock: some microseconds. A statement of the stores takes fewer than three
/// times as many, so it is never ended.
const INSTRUCTIONS: c_int = 1000;

/// The same while expressions of a file are evaluated. Each instruction may be a slow function.
const FEW_INSTRUCTIONS: c_int = 3;

/// The number of checks before anything is ended.
const LEAST_LOOKS: u32 = 3;

/// A gap of more than half of the allowed time counts as half: the process may have been stopped.
const LONGEST_GAP: u32 = 2;

/// How often the size of the log is checked.
const LOG_TICK: Duration = Duration::from_millis(10);

/// The most tables, indexes and triggers of a file. With more of them, SQLite takes ever longer to find one.
const OBJECTS: i32 = 10_000;

/// The longest value, the most instructions and the longest pattern while a definition of a file is tried out. The
/// clock can end neither a single function nor a program without a loop.
const TRIAL_LENGTH: i32 = 1 << 10;
const TRIAL_INSTRUCTIONS: i32 = 6000;
const TRIAL_PATTERN: i32 = 1000;

/// The limits for the SQL of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    time: Duration,
    /// Bytes of additional memory.
    memory: u64,
    /// Bytes that the log may grow by.
    log: u64,
}

/// The limits of one statement: far more than any reasonable trigger takes. The harness stands still meanwhile.
const STATEMENT: Limits = Limits { time: Duration::from_secs(10), memory: 256 << 20, log: 1 << 30 };

impl Limits {
    /// The limits for reading the schema, and for trying a definition out.
    pub(crate) const SCHEMA: Self = STATEMENT;

    /// The limits for a statement that writes values of this number of bytes, which are copied now and then.
    fn statement(bytes: u64) -> Self {
        let Limits { time, memory, log } = STATEMENT;
        Limits { time, memory: memory + 3 * bytes, log: log + 3 * bytes }
    }

    /// The limits for reading every row of a file of this number of bytes, whose longest value has `longest` bytes.
    pub(crate) fn whole_file(bytes: u64, longest: u64) -> Self {
        let Limits { time, memory, log } = Self::statement(longest);
        // Every disk is much faster than that.
        Limits { time: time + Duration::from_secs(bytes >> 20), memory, log }
    }
}

/// The progress of limited work.
#[derive(Debug, Clone, Copy, Default)]
struct Work {
    looks: u32,
    spent: Duration,
    last_look: Option<Instant>,
    /// When the log was checked last, and at the start its size and the pages that the connection had written.
    log: Option<(Instant, u64, u64)>,
}

/// The limited work of a thread.
struct Thread {
    limits: Cell<Option<Limits>>,
    /// `None` until the first check.
    work: Cell<Option<Work>>,
}

thread_local! {
    // A connection stays on one thread during a call.
    static THREAD: Thread =
        const { Thread { limits: Cell::new(None), work: Cell::new(None) } };
}

/// What is checked for a connection.
struct Watch {
    /// SQLite's handle of the connection, as an address.
    connection: usize,
    log: Option<PathBuf>,
}

/// The name under which SQLite stores it.
const NAME: &CStr = c"gsd session-store limits";

/// Makes a connection check limits, if there are any.
pub(crate) fn attach(connection: &Sqlite) -> Result<()> {
    connection.set_limit(Limit::SQLITE_LIMIT_SCHEMA, OBJECTS)?;
    let log = connection.path().filter(|path| !path.is_empty());
    let log = log.map(|path| files::log_of(Path::new(path)));
    // SAFETY: the handle is used for as long as the connection is open; nobody else uses the name.
    unsafe {
        let watch = Watch { connection: connection.handle().expose_provenance(), log };
        connection.set_clientdata(NAME, Some(watch))?;
    }
    look_every(connection, INSTRUCTIONS)
}

fn look_every(connection: &Sqlite, instructions: c_int) -> Result<()> {
    // SAFETY: what has this name was stored by `attach`, and lives until SQLite has closed the connection, and with it
    // what the handler is given.
    unsafe {
        if let Some(watch) = connection.get_clientdata::<Watch, _>(NAME)? {
            let watch = ptr::from_ref(watch).cast_mut().cast();
            ffi::sqlite3_progress_handler(connection.handle(), instructions, Some(looked), watch);
        }
    }
    Ok(())
}

unsafe extern "C" fn looked(watch: *mut c_void) -> c_int {
    // SAFETY: SQLite hands on what `look_every` gave it, which lives as long as the connection.
    c_int::from(unsafe { watch.cast::<Watch>().as_ref() }.is_some_and(look))
}

/// As [`limited`], with more checks, for `work` in which `connection` evaluates expressions of a file.
pub(crate) fn limited_closely<T>(
    connection: &Sqlite,
    limits: Limits,
    work: impl FnOnce() -> T,
) -> Result<T> {
    look_every(connection, FEW_INSTRUCTIONS)?;
    let result = limited(limits, work);
    look_every(connection, INSTRUCTIONS)?;
    Ok(result)
}

/// Runs `work`, with any connection of this thread. If the SQL of a file exceeds `limits`, it is ended, and its error
/// says why.
pub(crate) fn limited<T>(limits: Limits, work: impl FnOnce() -> T) -> T {
    /// Restores the previous state, however `work` ends.
    struct Before(Option<Limits>, Option<Work>);
    impl Drop for Before {
        fn drop(&mut self) {
            THREAD.with(|thread| {
                thread.limits.set(self.0);
                thread.work.set(self.1);
            });
        }
    }
    exceeded::note(None);
    let _before =
        THREAD.with(|thread| Before(thread.limits.replace(Some(limits)), thread.work.take()));
    memory::bounded(limits.memory, work)
}

/// Prepares a statement that writes, and caches it. SQLite reads the triggers of the file for that.
///
/// # Errors
///
/// As [`write`].
pub(crate) fn prepare<'a>(connection: &'a Sqlite, sql: &str) -> Result<CachedStatement<'a>> {
    limited(STATEMENT, || Ok(connection.prepare_cached(sql)?))
}

/// Runs a statement of a store that changes a few rows, with the triggers of the file, within limits. Returns how
/// many rows it changed.
///
/// # Errors
///
/// `SQLITE_INTERRUPT` if the file's own SQL exceeded them, or an error of SQLite.
pub(crate) fn write(statement: &mut Statement<'_>, values: &[&dyn ToSql]) -> Result<usize> {
    let mut bytes = 0;
    for (value, index) in values.iter().zip(1..) {
        if let ToSqlOutput::Borrowed(ValueRef::Text(value) | ValueRef::Blob(value)) =
            value.to_sql()?
        {
            bytes += value.len() as u64;
        }
        statement.raw_bind_parameter(index, value)?;
    }
    write_bound(statement, bytes)
}

/// As [`write`], for a statement whose values, of this number of bytes, are bound already.
///
/// # Errors
///
/// As [`write`].
pub(crate) fn write_bound(statement: &mut Statement<'_>, bytes: u64) -> Result<usize> {
    limited(Limits::statement(bytes), || Ok(statement.raw_execute()?))
}

/// As [`write`], for a statement that may remove any number of rows of `table`. That may take long, so it is limited
/// only if the table has triggers.
///
/// # Errors
///
/// As [`write`].
pub(crate) fn write_many(
    connection: &Sqlite,
    table: &str,
    statement: &mut Statement<'_>,
    values: &[&dyn ToSql],
) -> Result<usize> {
    let triggers =
        "SELECT 1 FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?1 COLLATE NOCASE";
    if connection.prepare_cached(triggers)?.exists([table])? {
        // A trigger may refuse one row in the middle, and keep what was done before.
        return atomically(connection, || write(statement, values));
    }
    Ok(statement.execute(values)?)
}

/// Limits a connection with a definition of a file to short values and short programs.
pub(crate) fn shorten(connection: &Sqlite) -> Result<()> {
    for (limit, most) in [
        (Limit::SQLITE_LIMIT_LENGTH, TRIAL_LENGTH),
        (Limit::SQLITE_LIMIT_VDBE_OP, TRIAL_INSTRUCTIONS),
        (Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, TRIAL_PATTERN),
    ] {
        connection.set_limit(limit, most)?;
    }
    Ok(())
}

/// Whether the present work has to end.
fn look(watch: &Watch) -> bool {
    THREAD.with(|thread| {
        let Some(limits) = thread.limits.get() else {
            return false;
        };
        let mut work = thread.work.take().unwrap_or_default();
        let exceeded = work.look(&limits, watch);
        thread.work.set(Some(work));
        let ends = exceeded.is_some() && work.looks >= LEAST_LOOKS;
        if ends {
            exceeded::note(exceeded);
        }
        ends
    })
}

impl Watch {
    /// Pages that the connection has written to its log.
    fn pages_written(&self) -> u64 {
        let (mut pages, mut most) = (0, 0);
        let connection = ptr::with_exposed_provenance_mut(self.connection);
        // SAFETY: the connection is open, because it calls this, and SQLite writes two numbers to these variables.
        let code = unsafe {
            ffi::sqlite3_db_status(
                connection,
                ffi::SQLITE_DBSTATUS_CACHE_WRITE,
                &raw mut pages,
                &raw mut most,
                0,
            )
        };
        if code == ffi::SQLITE_OK { u64::try_from(pages).unwrap_or(0) } else { 0 }
    }
}

/// The size of the pages in a log, from its header.
fn page_size(log: &Path) -> u64 {
    let mut header = [0; 12];
    let read = File::open(log).and_then(|mut log| log.read_exact(&mut header));
    let [.., a, b, c, d] = header;
    if read.is_ok() { u32::from_be_bytes([a, b, c, d]).into() } else { 0 }
}

impl Work {
    fn look(&mut self, limits: &Limits, watch: &Watch) -> Option<Exceeded> {
        let now = Instant::now();
        if let Some(last) = self.last_look.replace(now) {
            self.spent += (now - last).min(limits.time / LONGEST_GAP);
        }
        self.looks = self.looks.saturating_add(1);
        if let Some(log) = &watch.log
            && self.log.is_none_or(|(at, ..)| now - at > LOG_TICK)
        {
            let size = std::fs::metadata(log).map_or(0, |log| log.len());
            // Frames of an undone statement stay in the log file, and the next statement overwrites them.
            let pages = watch.pages_written();
            let (_, size_at_first, pages_at_first) = *self.log.get_or_insert((now, size, pages));
            self.log = Some((now, size_at_first, pages_at_first));
            let grown = size.saturating_sub(size_at_first);
            let written = || pages.saturating_sub(pages_at_first) * page_size(log);
            if grown > limits.log || written() > limits.log {
                return Some(Exceeded::Log(limits.log));
            }
        }
        (self.spent > limits.time).then_some(Exceeded::Time(limits.time))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::Error;

    const ENDLESS: &str =
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";

    fn attached() -> Sqlite {
        let connection = Sqlite::open_in_memory().unwrap();
        attach(&connection).unwrap();
        connection
    }

    fn short(millis: u64) -> Limits {
        Limits { time: Duration::from_millis(millis), ..STATEMENT }
    }

    fn count_to(connection: &Sqlite, most: u32) -> Result<i64> {
        let sql = ENDLESS.replace("FROM n)", &format!("FROM n WHERE i < {most})"));
        Ok(connection.query_row(&sql, [], |row| row.get(0))?)
    }

    #[test]
    fn sql_that_takes_too_long_ends_with_an_error_that_says_so() {
        let connection = attached();
        let error = limited(short(20), || {
            Error::from(connection.query_row(ENDLESS, [], |_| Ok(())).unwrap_err())
        });
        assert_eq!(error.code_name().unwrap(), "SQLITE_INTERRUPT");
        assert!(error.to_string().contains("the file's own SQL"), "{error}");
        assert_eq!(limited(short(20), || count_to(&connection, 10)).unwrap(), 10);
    }

    #[test]
    fn slow_functions_are_ended_as_well() {
        let connection = attached();
        let text = "hex(zeroblob(1000))";
        let slow = format!("length(trim({text} || i, replace({text}, '0', 'x') || '0'))");
        let sql = ENDLESS.replace("count(*)", &format!("sum({slow} + i)"));
        let sql = sql.replace("FROM n)", "FROM n WHERE i < 2000)");
        let ask = || Ok(connection.query_row(&sql, [], |row| row.get::<_, i64>(0))?);
        let error = limited_closely(&connection, short(20), ask).flatten().unwrap_err();
        assert_eq!(error.code_name().unwrap(), "SQLITE_INTERRUPT");
        assert_eq!(count_to(&connection, 10).unwrap(), 10);
    }

    #[test]
    fn sql_without_limits_is_not_ended() {
        let connection = attached();
        limited(short(0), || ());
        assert_eq!(count_to(&connection, 100_000).unwrap(), 100_000);
        let inside = limited(STATEMENT, || {
            limited(short(0), || ());
            count_to(&connection, 100_000)
        });
        assert_eq!(inside.unwrap(), 100_000);
    }

    #[test]
    fn too_few_checks_end_nothing_whatever_the_clock_says() {
        let connection = attached();
        assert_eq!(limited(short(0), || count_to(&connection, 50)).unwrap(), 50);
        limited(short(1), || count_to(&connection, 1_000_000)).unwrap_err();
    }

    #[test]
    fn a_statement_that_makes_the_log_too_long_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.db");
        let connection = Sqlite::open(&file).unwrap();
        attach(&connection).unwrap();
        connection.pragma_update(None, "journal_mode", "WAL").unwrap();
        connection.execute_batch("PRAGMA cache_size = 10; CREATE TABLE t (x)").unwrap();
        let fill = ENDLESS.replace("count(*)", "zeroblob(100000)");
        let limits = Limits { log: 10 << 20, ..STATEMENT };
        let error = limited(limits, || {
            Error::from(connection.execute(&format!("INSERT INTO t {fill}"), []).unwrap_err())
        });
        assert!(error.to_string().contains("more than 10 MiB of write-ahead log"), "{error}");
        let size = || std::fs::metadata(files::log_of(&file)).unwrap().len();
        let first = size();
        assert!(first < 1 << 28, "{first}");
        for _ in 0..3 {
            let again = || connection.execute(&format!("INSERT INTO t {fill}"), []);
            limited(limits, again).unwrap_err();
        }
        assert!(size() < 2 * first, "{first}, then {}", size());
    }

    #[test]
    fn a_file_with_too_many_schema_objects_is_refused() {
        let connection = Sqlite::open_in_memory().unwrap();
        // Each column has an index of its own.
        let columns: Vec<_> = (0..1900).map(|i| format!("c{i} UNIQUE")).collect();
        let columns = columns.join(",");
        for table in 0..6 {
            connection.execute_batch(&format!("CREATE TABLE t{table} ({columns})")).unwrap();
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.db");
        connection.execute("VACUUM INTO ?1", [file.to_str().unwrap()]).unwrap();
        let opened = Sqlite::open(&file).unwrap();
        attach(&opened).unwrap();
        let error = opened.query_row("SELECT 1 FROM sqlite_schema", [], |_| Ok(())).unwrap_err();
        assert!(error.to_string().contains("too many schema objects"), "{error}");
    }
}
