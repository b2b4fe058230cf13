//! What `lib/connection.js` calls. But for `open`, the first argument is the native side of the connection.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use gsd_session_core::sqlite::{Blocker, Connection, Location, OpenOptions, Synchronous};
use gsd_session_core::store::sealed;
use napi::bindgen_prelude::retain_current_module_for_unload_safety;

use crate::convert::{Argument, MAX_SAFE_INTEGER, optional};
use crate::error::{Failure, Parsed};
use crate::exit::settle_at_exit;
use crate::js::Value;
use crate::natives::{Answer, Call, Native, connection, done, natives};

/// The functions.
pub const NATIVES: &[Native] = natives! {
    "DatabaseConnection": open, info, is_open, is_native, exposures;
    "getDatabase": open_default, agrees_with;
    "DatabaseConnection.journalMode": journal_mode;
    "DatabaseConnection.walStatus": wal_status;
    "DatabaseConnection.close": close;
    "closeDatabase": close_default;
};

/// The longest wait that SQLite can be told, in milliseconds.
const MAX_TIMEOUT: i64 = i32::MAX as i64;

/// A log so short is restarted about every 50 commits already.
const MIN_WAL_LIMIT: i64 = 1 << 20;

/// More slots than any harness has, few enough for one CHECK.
const MAX_SLOTS: i64 = 1000;

/// The folders and files that were told of, by whatever thread.
static TOLD: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// dbPath, that of the environment if there is none, and the options in the order of `lib/connection.js` -> the native
/// side of a connection
fn open<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let options = open_options(
        call.array(2)?,
        OpenOptions { extension: sealed::EXTENSION, ..OpenOptions::default() },
    )?;
    let of_environment = Argument::new("GSD_SESSIONS_DB", call.get(1)?);
    let given = match location(Argument::new("dbPath", call.get(0)?))? {
        // An empty variable is as good as none.
        None if optional(of_environment, Argument::string)?
            .is_some_and(|path| !path.is_empty()) =>
        {
            location(of_environment)?
        }
        given => given,
    };
    let (path, location) = match given {
        Some(given) => given,
        None => {
            let file = Location::default_file().ok_or_else(|| {
                let message = "there is no home directory for the default path; pass a dbPath";
                Failure::State(message.into())
            })?;
            (file.to_string_lossy().into_owned(), Location::File(file))
        }
    };
    if location == Location::Memory && options.readonly {
        let message = "options.readonly must be false for ':memory:'; received true";
        return Err(Failure::Range(message.into()));
    }
    // The thread that checkpoints is code of this library, and may be the last to run it.
    retain_current_module_for_unload_safety();
    let connection = Rc::new(Connection::open(&path, location, &options)?);
    if !options.readonly && !connection.is_memory() {
        settle_at_exit(call, &connection)?;
    }
    Ok(call.scope().external(connection)?)
}

/// As `open`, for messages that name another call.
fn open_default<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    open(call)
}

fn location(db_path: Argument<'_, '_>) -> Parsed<Option<(String, Location)>> {
    let Some(path) = optional(db_path, Argument::string)? else {
        return Ok(None);
    };
    let location = Location::parse(&path).map_err(|must_be| db_path.out_of_range(must_be))?;
    Ok(Some((path, location)))
}

/// the open connection, dbPath, and the options: fails where they ask for another connection
fn agrees_with<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let connection = connection(call)?;
    let wanted = open_options(call.array(2)?, connection.options().clone())?;
    let other = location(Argument::new("dbPath", call.get(1)?))?
        .filter(|(_, location)| !connection.is_at(location))
        .map(|(path, _)| ("dbPath", format!("{:?}", connection.path()), format!("{path:?}")));
    let options = shown(connection.options()).into_iter().zip(shown(&wanted));
    let other = other.or_else(|| {
        options
            .map(|((name, is), (_, wanted))| (name, is, wanted))
            .find(|(_, is, wanted)| is != wanted)
    });
    match other {
        None => done(call),
        Some((name, is, wanted)) => Err(Failure::State(format!(
            "{name} is {is} until closeDatabase(), and cannot be {wanted}"
        ))),
    }
}

/// The options, each with its value.
fn shown(options: &OpenOptions) -> [(&'static str, String); 7] {
    let synchronous = match options.synchronous {
        Synchronous::Normal => "'normal'",
        Synchronous::Full => "'full'",
    };
    [
        ("options.readonly", options.readonly.to_string()),
        ("options.fileMustExist", options.file_must_exist.to_string()),
        ("options.timeout", options.timeout.as_millis().to_string()),
        ("options.synchronous", synchronous.to_owned()),
        ("options.foreignKeys", options.foreign_keys.to_string()),
        ("options.slots", options.slots.to_string()),
        ("options.walLimit", options.wal_limit.to_string()),
    ]
}

/// The options that are given, and those of `settings` for the others.
fn open_options(options: [Value<'_>; 7], mut settings: OpenOptions) -> Parsed<OpenOptions> {
    let [readonly, must_exist, timeout, synchronous, foreign_keys, slots, limit] = options;
    let flag = |name, value| optional(Argument::new(name, value), Argument::boolean);
    let count = |name, value, range: std::ops::RangeInclusive<i64>| {
        optional(Argument::new(name, value), |count| count.integer_in(range.clone()))
    };
    if let Some(readonly) = flag("options.readonly", readonly)? {
        settings.readonly = readonly;
    }
    if let Some(must_exist) = flag("options.fileMustExist", must_exist)? {
        settings.file_must_exist = must_exist;
    }
    if let Some(timeout) = count("options.timeout", timeout, 0..=MAX_TIMEOUT)? {
        settings.timeout = Duration::from_millis(timeout.unsigned_abs());
    }
    let synchronous = Argument::new("options.synchronous", synchronous);
    if let Some(synchronous) =
        optional(synchronous, |value| value.one_of(Synchronous::parse, Synchronous::TEXTS))?
    {
        settings.synchronous = synchronous;
    }
    if let Some(foreign_keys) = flag("options.foreignKeys", foreign_keys)? {
        settings.foreign_keys = foreign_keys;
    }
    if let Some(slots) = count("options.slots", slots, 1..=MAX_SLOTS)? {
        settings.slots = u16::try_from(slots).unwrap_or(u16::MAX);
    }
    if let Some(limit) = count("options.walLimit", limit, MIN_WAL_LIMIT..=MAX_SAFE_INTEGER)? {
        settings.wal_limit = limit.unsigned_abs();
    }
    Ok(settings)
}

/// the connection -> its path, whether it is in memory, whether it is readonly
fn info<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let connection = connection(call)?;
    let scope = call.scope();
    Ok(scope.array_of([
        scope.string(connection.path().as_bytes()),
        scope.boolean(connection.is_memory()),
        scope.boolean(connection.is_readonly()),
    ])?)
}

fn is_open<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    Ok(call.scope().boolean(connection(call)?.is_open())?)
}

/// any value -> whether it is a connection of this copy of the package
fn is_native<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    Ok(call.scope().boolean(connection(call).is_ok())?)
}

/// the connection -> what the process should be warned of and was not yet: a text, and whether it is about a folder
fn exposures<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let scope = call.scope();
    let warnings = scope.array()?;
    let news = connection(call)?.exposures().into_iter().filter(|exposure| {
        TOLD.lock().unwrap_or_else(PoisonError::into_inner).insert(exposure.path.clone())
    });
    for (exposure, index) in news.zip(0..) {
        let warning = scope.array_of([
            scope.string(exposure.warning.as_bytes()),
            scope.boolean(exposure.is_folder),
        ])?;
        warnings.set_element(index, warning)?;
    }
    Ok(warnings)
}

fn journal_mode<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    Ok(call.scope().string(connection(call)?.journal_mode()?.as_bytes())?)
}

/// the connection -> size, frames, framesLeft, blockedBy
fn wal_status<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let status = connection(call)?.wal_status()?;
    let scope = call.scope();
    let blocked_by = match status.blocker {
        None => scope.null(),
        Some(Blocker::Reader) => scope.string(b"reader"),
        Some(Blocker::Writer) => scope.string(b"writer"),
        Some(Blocker::Replaced) => scope.string(b"replaced"),
        Some(Blocker::Checkpointer) => scope.string(b"checkpointer"),
    };
    Ok(scope.array_of([
        scope.number(status.size as f64),
        scope.number(status.frames.into()),
        scope.number(status.frames_left.into()),
        blocked_by,
    ])?)
}

fn close<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    connection(call)?.close()?;
    done(call)
}

/// As `close`, for messages that name another call.
fn close_default<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    close(call)
}
