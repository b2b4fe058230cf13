//! Turns at the write lock.
//!
//! SQLite has no queue for its write lock. A connection that finds it taken sleeps and tries again, and SQLite's own
//! handler tries less and less often, down to ten times a second. Beside a steady writer it waits for seconds, or in
//! vain. Two things make up for the missing queue:
//!
//! - A connection tries more often the longer it has waited. So the lock is granted nearly in the order of the
//!   requests.
//! - A connection that has lately found the lock taken, and has had it for a while, leaves it free for a moment after
//!   a commit.
//!
//! Without other writers, neither happens.

use std::ffi::{CStr, c_int, c_void};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection as Sqlite, ffi};

use super::Result;

/// The pauses between two attempts: at first, and after [`OLD`].
const FIRST: Duration = Duration::from_millis(1);
const LAST: Duration = Duration::from_micros(60);
const OLD: Duration = Duration::from_millis(4);

/// After this time, another connection simply keeps the lock, and frequent attempts do not help.
const KEPT: Duration = Duration::from_millis(100);
const SELDOM: Duration = Duration::from_micros(200);

/// How long a connection may write without a pause while others wait.
const BURST: Duration = Duration::from_micros(600);

/// How long the lock is left free then: enough for one attempt of another connection.
const FREE: Duration = Duration::from_micros(300);

/// How long ago the lock may have been found taken.
const LATELY: Duration = Duration::from_millis(50);

/// The name under which SQLite stores the turns of a connection.
const NAME: &CStr = c"gsd session-store turns";

/// The state of a connection's turns. Moments are in microseconds since the first of them; 0 means never.
#[derive(Debug)]
pub(super) struct Turns {
    /// How long it waits for a lock.
    timeout: AtomicU64,
    /// When it began to wait.
    waiting_since: AtomicU64,
    /// When it last found the lock taken.
    met: AtomicU64,
    /// When it began to write without a pause.
    writing_since: AtomicU64,
}

/// Has a connection wait for a lock for this time from now on.
pub(crate) fn wait_at_most(connection: &Sqlite, timeout: Duration) {
    if let Some(turns) = Turns::of(connection) {
        turns.set_timeout(timeout);
    }
}

impl Turns {
    /// Makes `connection` wait for its turn, for as long as `timeout`.
    pub(super) fn take(connection: &Sqlite, timeout: Duration) -> Result<()> {
        let turns = Arc::new(Self {
            timeout: AtomicU64::new(0),
            waiting_since: AtomicU64::new(0),
            met: AtomicU64::new(0),
            writing_since: AtomicU64::new(0),
        });
        turns.set_timeout(timeout);
        // SAFETY: nobody else uses this name.
        unsafe { connection.set_clientdata(NAME, Some(turns)) }?;
        Self::handle(connection);
        Ok(())
    }

    /// Makes SQLite ask the turns of a connection whenever it finds a lock taken. Returns the turns, if there are
    /// any.
    fn handle(connection: &Sqlite) -> Option<Arc<Self>> {
        let turns = Self::of(connection)?;
        let known = Arc::as_ptr(&turns).cast_mut();
        // SAFETY: what `take` stored lives until SQLite has closed the connection, and with it the turns that the handler
        // is given.
        unsafe { ffi::sqlite3_busy_handler(connection.handle(), Some(wait), known.cast()) };
        Some(turns)
    }

    /// The SQL to run instead, if `sql` is a `PRAGMA busy_timeout`. SQLite would answer for its own handler, and
    /// replace this one with it.
    pub(super) fn instead_of(connection: &Sqlite, sql: &str) -> Option<String> {
        let timeout = busy_timeout(sql)?;
        let turns = Self::of(connection)?;
        if let Some(millis) = timeout {
            turns.set_timeout(Duration::from_millis(millis));
        }
        Some(format!("SELECT {} AS timeout", turns.timeout().as_millis()))
    }

    /// Restores this handler after a `PRAGMA busy_timeout` has run, and takes over its value.
    pub(super) fn put_back(connection: &Sqlite, sql: &str) {
        if let Some(timeout) = busy_timeout(sql)
            && let Some(turns) = Self::handle(connection)
            && let Some(millis) = timeout
        {
            turns.set_timeout(Duration::from_millis(millis));
        }
    }

    /// The turns of a connection, if it has any.
    pub(super) fn of(connection: &Sqlite) -> Option<Arc<Self>> {
        // SAFETY: what has this name was stored by `take`.
        let turns = unsafe { connection.get_clientdata::<Arc<Self>, _>(NAME) };
        turns.ok().flatten().cloned()
    }

    /// How long the connection waits for a lock.
    pub(super) fn timeout(&self) -> Duration {
        Duration::from_micros(self.timeout.load(Ordering::Relaxed))
    }

    pub(super) fn set_timeout(&self, timeout: Duration) {
        self.timeout.store(micros(timeout), Ordering::Relaxed);
    }

    /// Called after a commit, when the connection holds no lock. Costs a nanosecond if the lock was never found
    /// taken.
    pub(super) fn committed(&self) {
        let met = self.met.load(Ordering::Relaxed);
        if met == 0 {
            return;
        }
        let now = now();
        let since = self.writing_since.load(Ordering::Relaxed);
        if now.saturating_sub(met) > micros(LATELY) {
            self.met.store(0, Ordering::Relaxed);
            self.writing_since.store(0, Ordering::Relaxed);
        } else if since == 0 {
            self.writing_since.store(now, Ordering::Relaxed);
        } else if now.saturating_sub(since) > micros(BURST) {
            thread::sleep(FREE);
            self.writing_since.store(0, Ordering::Relaxed);
        }
    }

    /// Waits a little; `false` if the timeout is over.
    fn wait(&self, attempts: c_int) -> bool {
        let now = now();
        self.met.store(now, Ordering::Relaxed);
        self.writing_since.store(0, Ordering::Relaxed);
        if attempts == 0 {
            self.waiting_since.store(now, Ordering::Relaxed);
        }
        let waited = now.saturating_sub(self.waiting_since.load(Ordering::Relaxed));
        let left = self.timeout().saturating_sub(Duration::from_micros(waited));
        thread::sleep(pause(Duration::from_micros(waited)).min(left));
        !left.is_zero()
    }
}

/// The milliseconds that a `PRAGMA busy_timeout` sets, if any; `None` for other SQL.
fn busy_timeout(sql: &str) -> Option<Option<u64>> {
    let sql = sql.trim().trim_end_matches([';', '\0']).trim_end();
    let word = |text: &str, word: &str| -> Option<String> {
        let start = text.get(..word.len())?;
        start
            .eq_ignore_ascii_case(word)
            .then(|| text.get(word.len()..).unwrap_or("").trim_start().to_owned())
    };
    let name = word(sql, "pragma")?;
    let name = word(&name, "main.").unwrap_or(name);
    let value = word(&name, "busy_timeout")?;
    if value.is_empty() {
        return Some(None);
    }
    let value = match value.strip_prefix('=') {
        Some(value) => value,
        None => value.strip_prefix('(')?.strip_suffix(')')?,
    };
    // As SQLite reads it: a negative number, or anything else, is 0.
    let millis: i32 = value.trim().trim_matches(['\'', '"']).parse().unwrap_or(0);
    Some(Some(millis.max(0).unsigned_abs().into()))
}

/// The pause before the next attempt, after waiting for `waited`.
pub(super) fn pause(waited: Duration) -> Duration {
    if waited > KEPT {
        return SELDOM;
    }
    let young = OLD.saturating_sub(waited);
    LAST + (FIRST - LAST).mul_f64(young.as_secs_f64() / OLD.as_secs_f64())
}

unsafe extern "C" fn wait(turns: *mut c_void, attempts: c_int) -> c_int {
    // SAFETY: SQLite hands on what `take` gave it, which lives as long as the connection.
    let turns = unsafe { turns.cast::<Turns>().as_ref() };
    c_int::from(turns.is_some_and(|turns| turns.wait(attempts)))
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn now() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    micros(START.elapsed()).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns() -> (Sqlite, Arc<Turns>) {
        let connection = Sqlite::open_in_memory().unwrap();
        Turns::take(&connection, Duration::from_millis(5)).unwrap();
        let turns = Turns::of(&connection).unwrap();
        (connection, turns)
    }

    #[test]
    fn the_pauses_get_shorter_during_a_wait() {
        let pauses: Vec<_> = (0..7).map(|ms| pause(Duration::from_millis(ms))).collect();
        assert_eq!((pauses[0], pauses[4], pauses[6]), (FIRST, LAST, LAST));
        assert!(pauses.is_sorted_by(|one, next| one >= next), "{pauses:?}");
        assert_eq!(pause(Duration::from_secs(1)), SELDOM);
    }

    #[test]
    fn a_wait_ends_with_the_timeout() {
        let (_connection, turns) = turns();
        let began = Instant::now();
        let attempts = (0..).take_while(|attempt| turns.wait(*attempt)).count();
        assert!(attempts > 1 && began.elapsed() >= Duration::from_millis(5));
        turns.set_timeout(Duration::ZERO);
        assert!(!turns.wait(0));
    }

    #[test]
    fn only_a_writer_that_met_others_leaves_the_lock_free_after_a_while() {
        let (_connection, turns) = turns();
        turns.committed();
        assert_eq!(turns.writing_since.load(Ordering::Relaxed), 0);
        assert!(turns.wait(0));
        turns.committed();
        let since = turns.writing_since.load(Ordering::Relaxed);
        assert!(since > 0);
        thread::sleep(BURST * 2);
        turns.committed();
        assert_eq!(turns.writing_since.load(Ordering::Relaxed), 0);
        assert!(now() - since >= micros(BURST * 2 + FREE));
    }

    #[test]
    fn a_busy_timeout_set_by_sql_applies_to_the_same_turns() {
        let (connection, turns) = turns();
        let sql = "PRAGMA busy_timeout = 70";
        connection.execute_batch(sql).unwrap();
        Turns::put_back(&connection, sql);
        assert_eq!(turns.timeout(), Duration::from_millis(70));
        assert!(Arc::ptr_eq(&turns, &Turns::of(&connection).unwrap()));
        // SQLite would say 70 where its own handler were in place.
        let own: i64 = connection.query_row(sql.split_at(19).0, [], |row| row.get(0)).unwrap();
        assert_eq!(own, 0);
    }

    #[test]
    fn a_pragma_of_the_busy_timeout_is_recognized() {
        for (sql, timeout) in [
            ("PRAGMA busy_timeout", Some(None)),
            (" pragma main.BUSY_TIMEOUT ;", Some(None)),
            ("PRAGMA busy_timeout = 100", Some(Some(100))),
            ("PRAGMA busy_timeout(250);\0", Some(Some(250))),
            ("PRAGMA busy_timeout=-1", Some(Some(0))),
            ("PRAGMA busy_timeout='7'", Some(Some(7))),
            ("PRAGMA busy_timeouts", None),
            ("PRAGMA user_version", None),
            ("SELECT 'PRAGMA busy_timeout'", None),
            ("", None),
        ] {
            assert_eq!(busy_timeout(sql), timeout, "{sql}");
        }
    }

    #[test]
    fn a_connection_without_turns_has_none() {
        assert!(Turns::of(&Sqlite::open_in_memory().unwrap()).is_none());
    }
}
