//! `DatabaseConnection`, `getDatabase()` and `closeDatabase()`.

use std::rc::Rc;
use std::time::Duration;

use napi::Env;
use napi::bindgen_prelude::{
    JavaScriptClassExt, JsValue, Reference, This, Unknown, retain_current_module_for_unload_safety,
};
use napi_derive::napi;

use super::convert::{Argument, MAX_SAFE_INTEGER, Parsed, optional};
use super::environment::Environment;
use super::error::{Failure, run};
use super::follow;
use super::js::{Maker, Native, Scope, Value};
use super::warnings::warn_of_exposures;
use gsd_session_core::sqlite::{Blocker, Connection, Location, OpenOptions, Synchronous};

/// The longest wait that SQLite can be told, in milliseconds.
const MAX_TIMEOUT: i64 = i32::MAX as i64;

/// A log so short is restarted about every 50 commits already.
const MIN_WAL_LIMIT: i64 = 1 << 20;

/// More slots than any harness has, few enough for one CHECK.
const MAX_SLOTS: i64 = 1000;

/// An open database file with the schema of sessions and outputs.
///
/// Every call is synchronous. A connection belongs to the thread that opened it; a Worker opens its
/// own. Other connections, of this process or another, may use the same file at the same time.
#[napi]
#[repr(C)]
pub struct DatabaseConnection {
    /// First, so that it is found in the object of another copy of the library as well.
    maker: Maker,
    connection: Rc<Connection>,
}

#[napi]
impl DatabaseConnection {
    /// Opens a database, creates what is missing, and brings its schema up to date.
    ///
    /// @param dbPath The file, by default `~/.gsd-harness/sessions.db`; `':memory:'` for a private
    /// database in memory. Missing folders are created. What is created is readable by its owner only.
    /// @throws {TypeError} `ERR_INVALID_ARG_TYPE` for an argument of the wrong type.
    /// @throws {RangeError} `ERR_OUT_OF_RANGE` for an empty path, a path with NUL, a `file:` URI, or an
    /// option out of range.
    /// @throws {SqliteError} `SQLITE_CANTOPEN` for a file that cannot be opened or be in WAL mode, is of a
    /// newer version, holds tables of somebody else's, or has a `-wal`, `-shm` or `-journal` beside it that may be; `SQLITE_NOTADB` for a file that is no database;
    /// `SQLITE_READONLY` for one that may only be read, without `readonly`; `SQLITE_FULL` on a full disk;
    /// `SQLITE_BUSY` where another process keeps it locked for longer than the timeout. The file stays
    /// as it was.
    #[napi(
        constructor,
        catch_unwind,
        ts_args_type = "dbPath?: string | null, options?: DatabaseOptions | null"
    )]
    pub fn new(
        env: Env,
        this: This<'_>,
        db_path: Unknown<'_>,
        options: Unknown<'_>,
    ) -> napi::Result<Self> {
        run(&env, "DatabaseConnection", || {
            let environment = Environment::of(&env)?;
            environment.check_new(&env, &this)?;
            open(&env, db_path, options)
        })
    }

    /// The handle that stores take, and other SQL of the process uses. The same object every time.
    #[napi(getter, catch_unwind, ts_return_type = "Database")]
    pub fn db<'env>(&self, env: &'env Env, this: This<'env>) -> napi::Result<Unknown<'env>> {
        let connection = run(env, "DatabaseConnection.db", || self.shared())?;
        let handle = &Environment::of(env)?.handle;
        let this = Value::from(this.object.to_unknown());
        Ok(handle.of(Scope::new(env), this, connection)?.unknown())
    }

    /// The path that the connection was opened with.
    #[napi(getter, catch_unwind)]
    pub fn path(&self, env: Env) -> napi::Result<&str> {
        run(&env, "DatabaseConnection.path", || Ok(self.shared()?.path()))
    }

    /// The path that the connection was opened with.
    #[napi(catch_unwind)]
    pub fn get_path(&self, env: Env) -> napi::Result<&str> {
        run(&env, "DatabaseConnection.getPath", || Ok(self.shared()?.path()))
    }

    /// Whether the connection is open.
    #[napi(getter, catch_unwind)]
    pub fn is_open(&self, env: Env) -> napi::Result<bool> {
        run(&env, "DatabaseConnection.isOpen", || Ok(self.shared()?.is_open()))
    }

    /// How the file keeps a change all or nothing: `'wal'` for every file that is open for writing,
    /// `'memory'` for a database in memory, and whatever it has for a file that is only read.
    ///
    /// @throws {TypeError} `ERR_INVALID_STATE` once the connection is closed.
    #[napi(getter, catch_unwind, ts_return_type = "JournalMode")]
    pub fn journal_mode(&self, env: Env) -> napi::Result<String> {
        run(&env, "DatabaseConnection.journalMode", || Ok(self.shared()?.journal_mode()?))
    }

    /// The state of the write-ahead log: how long it is, and what keeps it from starting over.
    ///
    /// @throws {TypeError} `ERR_INVALID_STATE` once the connection is closed.
    #[napi(catch_unwind, ts_return_type = "WalStatus")]
    pub fn wal_status<'env>(&self, env: &'env Env) -> napi::Result<Unknown<'env>> {
        let status =
            run(env, "DatabaseConnection.walStatus", || Ok(self.shared()?.wal_status()?))?;
        let scope = Scope::new(env);
        let blocked_by = match status.blocker {
            None => scope.null()?,
            Some(Blocker::Reader) => scope.string(b"reader")?,
            Some(Blocker::Writer) => scope.string(b"writer")?,
            Some(Blocker::Checkpointer) => scope.string(b"checkpointer")?,
        };
        let object = scope.object(&[
            (c"size", scope.number(status.size as f64)?),
            (c"frames", scope.number(f64::from(status.frames))?),
            (c"framesLeft", scope.number(f64::from(status.frames_left))?),
            (c"blockedBy", blocked_by),
        ])?;
        Ok(object.unknown())
    }

    /// Calls `callback` whenever sessions have changed or have more output, whoever wrote it, with their ids; at
    /// most every 20 ms. Removing output alone is not told. Gives a function that ends it, as closing the
    /// connection does; until then the process stays alive.
    ///
    /// @throws {TypeError} `ERR_INVALID_ARG_TYPE` for what is no function, `ERR_INVALID_STATE` once the
    /// connection is closed.
    #[napi(
        catch_unwind,
        ts_args_type = "callback: (change: SessionChange) => void",
        ts_return_type = "() => void"
    )]
    pub fn watch<'env>(
        &self,
        env: &'env Env,
        callback: Unknown<'env>,
    ) -> napi::Result<Unknown<'env>> {
        let connection = run(env, "DatabaseConnection.watch", || {
            let connection = self.shared()?;
            connection.unsettled()?;
            Ok(Rc::clone(connection))
        })?;
        let environment = Environment::of(env)?;
        let scope = Scope::new(env);
        let native = scope.external(Native::Database(connection))?;
        let watch = scope.kept(&environment.watch)?;
        Ok(scope.call(watch, [native, Value::from(callback)])?.unknown())
    }

    /// Closes the connection; a second call does nothing. Every other call on it, on `db` and on the
    /// stores made from it throws from then on.
    ///
    /// @throws {TypeError} `ERR_INVALID_STATE` in the middle of a query of the same connection.
    #[napi(catch_unwind)]
    pub fn close(&self, env: Env) -> napi::Result<()> {
        let connection = run(&env, "DatabaseConnection.close", || self.shared())?;
        follow::close(&env, "DatabaseConnection.close", connection)
    }
}

impl DatabaseConnection {
    /// The connection that stores share.
    ///
    /// # Failure
    ///
    /// An object of another copy of the library, whose SQLite is another one.
    pub(super) fn shared(&self) -> Parsed<&Rc<Connection>> {
        if self.maker.is_here() {
            return Ok(&self.connection);
        }
        Err(Failure::Type("the connection is of another copy of the package".into()))
    }

    fn open(env: &Env, path: &str, location: Location, options: &OpenOptions) -> Parsed<Self> {
        // The thread that checkpoints is code of this library, and may be the last to run it.
        retain_current_module_for_unload_safety();
        let connection = Rc::new(Connection::open(path, location, options)?);
        warn_of_exposures(env, &connection)?;
        Ok(Self { maker: Maker::here(), connection })
    }
}

/// The connection to the default file, `~/.gsd-harness/sessions.db`: opened by the first call, the
/// same one for every later call, and a new one after it was closed.
///
/// @throws {SqliteError} As `new DatabaseConnection()` does.
#[napi(catch_unwind)]
pub fn get_database(env: Env) -> napi::Result<Reference<DatabaseConnection>> {
    let current = &Environment::of(&env)?.default_connection;
    let known = current.borrow().as_ref().map(|known| known.clone(env)).transpose()?;
    if let Some(known) = known.filter(|known| known.connection.is_open()) {
        return Ok(known);
    }
    let opened = run(&env, "getDatabase", || open_default(&env, &OpenOptions::default()))?;
    let opened = opened.into_reference(env)?;
    current.replace(Some(opened.clone(env)?));
    Ok(opened)
}

/// Closes the connection that `getDatabase()` opened. Does nothing if there is none, or it is closed.
///
/// @throws {TypeError} `ERR_INVALID_STATE` in the middle of a query of that connection.
#[napi(catch_unwind)]
pub fn close_database(env: Env) -> napi::Result<()> {
    let current = &Environment::of(&env)?.default_connection;
    let known = current.borrow().as_ref().map(|known| Rc::clone(&known.connection));
    if let Some(connection) = known {
        follow::close(&env, "closeDatabase", &connection)?;
        current.replace(None);
    }
    Ok(())
}

fn open(env: &Env, db_path: Unknown<'_>, options: Unknown<'_>) -> Parsed<DatabaseConnection> {
    let options = open_options(options)?;
    let db_path = Argument::new("dbPath", db_path);
    let Some(path) = optional(db_path, Argument::string)? else {
        return open_default(env, &options);
    };
    let location = Location::parse(&path).map_err(|must_be| db_path.out_of_range(must_be))?;
    if location == Location::Memory && options.readonly {
        return Err(Failure::Range(
            "options.readonly must be false for ':memory:'; received true".into(),
        ));
    }
    DatabaseConnection::open(env, &path, location, &options)
}

fn open_default(env: &Env, options: &OpenOptions) -> Parsed<DatabaseConnection> {
    let file = Location::default_file().ok_or_else(|| {
        Failure::State("there is no home directory for the default path; pass a dbPath".into())
    })?;
    DatabaseConnection::open(env, &file.to_string_lossy(), Location::File(file.clone()), options)
}

fn open_options(options: Unknown<'_>) -> Parsed<OpenOptions> {
    let mut settings = OpenOptions::default();
    let Some(options) = Argument::new("options", options).optional()? else {
        return Ok(settings);
    };
    let options = options.object()?;
    if let Some(readonly) = optional(options.field(c"readonly")?, Argument::boolean)? {
        settings.readonly = readonly;
    }
    if let Some(must_exist) = optional(options.field(c"fileMustExist")?, Argument::boolean)? {
        settings.file_must_exist = must_exist;
    }
    if let Some(timeout) =
        optional(options.field(c"timeout")?, |ms| ms.integer_in(0..=MAX_TIMEOUT))?
    {
        settings.timeout = Duration::from_millis(timeout.unsigned_abs());
    }
    if let Some(synchronous) = optional(options.field(c"synchronous")?, |value| {
        value.one_of(Synchronous::parse, Synchronous::TEXTS)
    })? {
        settings.synchronous = synchronous;
    }
    if let Some(foreign_keys) = optional(options.field(c"foreignKeys")?, Argument::boolean)? {
        settings.foreign_keys = foreign_keys;
    }
    if let Some(slots) =
        optional(options.field(c"slots")?, |value| value.integer_in(1..=MAX_SLOTS))?
    {
        settings.slots = u16::try_from(slots).unwrap_or(u16::MAX);
    }
    if let Some(limit) = optional(options.field(c"walLimit")?, |bytes| {
        bytes.integer_in(MIN_WAL_LIMIT..=MAX_SAFE_INTEGER)
    })? {
        settings.wal_limit = limit.unsigned_abs();
    }
    Ok(settings)
}
