//! What is done to a database as a whole: `verify()`, `backup()` and `salvage()`.

use std::path::PathBuf;

use napi::Env;
use napi::bindgen_prelude::Unknown;
use napi_derive::napi;

use super::background::promise;
use super::connection::DatabaseConnection;
use super::convert::{Argument, Parsed};
use super::error::run;
use super::js::{Scope, Value};
use super::progress::{Listener, Report};
use gsd_session_core::sqlite::{Connection, Location, Progress};
use gsd_session_core::store::salvage::{self, Salvaged};
use gsd_session_core::store::verify::verify;

#[napi]
impl DatabaseConnection {
    /// Looks whether the file is sound: its pages and indexes, the schema, and the values of every row of
    /// sessions and output. Damage is told in `problems`; only a file of which nothing can be read throws.
    ///
    /// It sees one state of the file, whoever writes meanwhile. It is synchronous and reads the whole file,
    /// which takes some three seconds for a million chunks: run it in a Worker where nobody may wait.
    ///
    /// @throws {TypeError} `ERR_INVALID_STATE` once the connection is closed.
    /// @throws {SqliteError} Where SQLite reads nothing at all: `SQLITE_NOTADB` without a header,
    /// `SQLITE_CORRUPT` for a file that is shorter than its header says, `SQLITE_BUSY` behind a lock.
    #[napi(catch_unwind, ts_return_type = "VerifyReport")]
    pub fn verify<'env>(&self, env: &'env Env) -> napi::Result<Unknown<'env>> {
        let report = run(env, "DatabaseConnection.verify", || Ok(verify(self.shared()?)?))?;
        let scope = Scope::new(env);
        let object = scope.object(&[
            (c"ok", scope.boolean(report.problems.is_empty())?),
            (c"problems", strings(scope, &report.problems)?),
            (c"orphanedOutputs", scope.number(report.orphaned_chunks as f64)?),
            (c"schemaVersion", scope.number(report.schema_version as f64)?),
        ])?;
        Ok(object.unknown())
    }

    /// Copies the database into another file while it is in use, and resolves when that file is whole
    /// and on the disk. What was appended before the call is in it, what comes later is not. A thread
    /// does the work; neither the event loop nor writers wait for it. The write-ahead log cannot start
    /// over meanwhile and grows by what is written.
    ///
    /// The copy is one file, readable by its owner only, in rollback mode, so that it opens anywhere. It
    /// takes the place of `path` in one step at the end: until then, and after a failure, `path` is what
    /// it was. Missing folders are created. A link stays one, and what it leads to is replaced; what is no plain
    /// file, and a link to nothing, is refused. Closing the connection does not stop a backup; the end of the
    /// process does, and leaves at worst a file `.….tmp` beside `path`.
    ///
    /// A database in memory is first copied in memory, before the call returns.
    ///
    /// The promise rejects with a `TypeError` or `RangeError` for a wrong argument (`path` must not be the
    /// database itself), with a `SqliteError` for what SQLite or the file system says, with what
    /// `onProgress` throws, and with the reason of an aborted `signal`.
    #[napi(
        catch_unwind,
        ts_args_type = "path: string, options?: BackupOptions | null",
        ts_return_type = "Promise<BackupProgress>"
    )]
    pub fn backup<'env>(
        &self,
        env: &'env Env,
        path: Unknown<'env>,
        options: Unknown<'env>,
    ) -> napi::Result<Unknown<'env>> {
        promise(env, "DatabaseConnection.backup", Report::object, || {
            let path = Argument::new("path", path);
            let target = new_file_path(&path, self.shared()?)?;
            let mut listener = Listener::of(env, Argument::new("options", options))?;
            let source = self.shared()?.backup_source()?;
            Ok(move || {
                let copied = source.copy_to(&target, |progress| listener.tell(progress))?;
                copied.ok_or_else(|| listener.failure())
            })
        })
    }
}

/// Stores whatever sessions and output a damaged file still gives in a new file, and resolves with what
/// came of it. A thread does the work.
///
/// Rows are read from the pages of the file, of its write-ahead log and of the journal of a transaction that
/// was interrupted, without SQLite's help, so that neither a damaged header, nor a lost schema, nor a broken
/// tree keeps the rest back. Texts in UTF-16 become UTF-8. Rows that were deleted stay so, as far as the file
/// still tells, and new chunks get ids beyond every one that was ever given. Tables of others, and their
/// columns in ours, are not salvaged. A value that is damaged itself is kept as it reads; `verify()` of the new
/// file names those that make no sense.
///
/// Nothing is written to `path` or beside it, and nobody else should write to it meanwhile. `newPath` must
/// not exist. It appears when it is whole, readable by its owner only.
///
/// The promise rejects with a `TypeError` or `RangeError` for a wrong argument, and with a `SqliteError`:
/// `SQLITE_NOTADB` where nothing in the file looks like a database, `SQLITE_CANTOPEN` where `path` cannot
/// be read or has a file beside it that may be somebody else's, or `newPath` exists, cannot be made, or has a log
/// beside it that would be taken for its own.
#[napi(
    catch_unwind,
    ts_args_type = "path: string, newPath: string",
    ts_return_type = "Promise<SalvageReport>"
)]
pub fn salvage<'env>(
    env: &'env Env,
    path: Unknown<'env>,
    new_path: Unknown<'env>,
) -> napi::Result<Unknown<'env>> {
    promise(env, "salvage", salvage_report, || {
        let path = file_path(&Argument::new("path", path))?;
        let new_path = file_path(&Argument::new("newPath", new_path))?;
        Ok(move || Ok(salvage::salvage(&path, &new_path)?))
    })
}

fn salvage_report(scope: Scope<'_>, report: Salvaged) -> napi::Result<Value<'_>> {
    let number = |count: u64| scope.number(count as f64);
    let lost = scope.object(&[
        (c"sessions", number(report.lost.sessions)?),
        (c"outputs", number(report.lost.chunks)?),
        (c"pages", number(report.lost.pages)?),
    ])?;
    scope.object(&[
        (c"sessions", number(report.sessions)?),
        (c"outputs", number(report.chunks)?),
        (c"lost", lost),
        (c"problems", strings(scope, &report.problems)?),
    ])
}

/// The path of a file that may be made or replaced, unless it is one of the database's own.
pub fn new_file_path(path: &Argument<'_, '_>, database: &Connection) -> Parsed<PathBuf> {
    let target = file_path(path)?;
    if database.is_own_file(&target) {
        return Err(path.out_of_range("another file than the database and those beside it"));
    }
    Ok(target)
}

/// The path of a file, by the rules of `dbPath`.
fn file_path(path: &Argument<'_, '_>) -> Parsed<PathBuf> {
    match Location::parse(&path.string()?) {
        Ok(Location::File(file)) => Ok(file),
        Ok(Location::Memory) => Err(path.out_of_range("the path of a file")),
        Err(must_be) => Err(path.out_of_range(must_be)),
    }
}

fn strings<'env>(scope: Scope<'env>, texts: &[String]) -> napi::Result<Value<'env>> {
    scope.array_of(texts.iter().map(|text| scope.string(text.as_bytes())))
}

impl Report for Progress {
    fn is_last(&self) -> bool {
        self.remaining_pages == 0
    }

    fn object(scope: Scope<'_>, progress: Self) -> napi::Result<Value<'_>> {
        scope.object(&[
            (c"totalPages", scope.number(f64::from(progress.total_pages))?),
            (c"remainingPages", scope.number(f64::from(progress.remaining_pages))?),
        ])
    }
}
