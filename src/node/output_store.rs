//! `OutputStore`.

use std::rc::Rc;

use napi::Env;
use napi::bindgen_prelude::{This, Unknown};
use napi_derive::napi;

use super::convert::{self, Argument, Parsed, optional};
use super::database::shared_connection;
use super::environment::Environment;
use super::error::run;
use super::js::Scope;
use super::rows::Batches;
use super::write_behind;
use crate::store::model::OutputRow;
use crate::store::outputs::Outputs;

/// The output of the sessions of a database: every chunk that their terminals printed, in order.
///
/// Chunks with equal timestamps keep the order in which they were appended.
#[napi]
pub struct OutputStore {
    outputs: Outputs,
    environment: Rc<Environment>,
}

#[napi]
impl OutputStore {
    /// The output in `db`: a `DatabaseConnection` or its `db`.
    ///
    /// @throws {TypeError} `ERR_INVALID_ARG_TYPE` for anything else, `ERR_INVALID_STATE` for a closed
    /// connection.
    /// @throws {RangeError} `ERR_OUT_OF_RANGE` for an option out of range.
    #[napi(
        constructor,
        catch_unwind,
        ts_args_type = "db: Database | DatabaseConnection, options?: OutputStoreOptions | null"
    )]
    pub fn new(
        env: Env,
        this: This<'_>,
        db: Unknown<'_>,
        options: Unknown<'_>,
    ) -> napi::Result<Self> {
        run(&env, "OutputStore", || {
            let environment = Environment::of(&env)?;
            environment.check_new(&env, &this, c"OutputStore")?;
            let connection = shared_connection(&env, db)?;
            let outputs = match write_behind::options(&env, options)? {
                None => Outputs::new(connection),
                Some((settings, on_error)) => {
                    environment.settle_at_exit(Scope::new(&env), &connection)?;
                    Outputs::write_behind(connection, settings, on_error)?
                }
            };
            Ok(Self { outputs, environment })
        })
    }

    /// Stores one chunk. It is committed when the call returns, unless a transaction is open, which
    /// decides, or the store writes behind: see `WriteBehindOptions`. The session need not exist.
    ///
    /// @throws {TypeError | RangeError} For a field of the wrong type or value; nothing is stored.
    #[napi(catch_unwind, ts_args_type = "output: SessionOutput")]
    pub fn append(&self, env: Env, output: Unknown<'_>) -> napi::Result<()> {
        run(&env, "OutputStore.append", || Ok(self.outputs.append(convert::new_output(output)?)?))
    }

    /// Stores all chunks in one transaction, or none: some thirty times less writing than one by one.
    ///
    /// @throws {TypeError | RangeError} For a field of the wrong type or value; nothing is stored.
    #[napi(catch_unwind, ts_args_type = "outputs: readonly SessionOutput[]")]
    pub fn append_many(&self, env: Env, outputs: Unknown<'_>) -> napi::Result<()> {
        run(&env, "OutputStore.appendMany", || {
            Ok(self.outputs.append_many(&convert::new_outputs(outputs)?)?)
        })
    }

    /// The chunks of a session, newest first; the newest `limit` of them if a limit is given.
    ///
    /// @throws {RangeError} `ERR_OUT_OF_RANGE` for a limit that is no integer from 0 up.
    #[napi(
        catch_unwind,
        ts_args_type = "sessionId: string, limit?: number | null",
        ts_return_type = "SessionOutput[]"
    )]
    pub fn get_by_session<'env>(
        &self,
        env: &'env Env,
        session_id: Unknown<'env>,
        limit: Unknown<'env>,
    ) -> napi::Result<Unknown<'env>> {
        self.select(env, "OutputStore.getBySession", session_id, |session_id, add| {
            let limit = Argument::new("limit", limit).limit()?;
            self.outputs.newest(session_id, limit, add)
        })
    }

    /// The chunks of a session that are strictly newer than `since`, oldest first.
    ///
    /// @throws {RangeError} `ERR_OUT_OF_RANGE` for an invalid date.
    #[napi(
        catch_unwind,
        ts_args_type = "sessionId: string, since: Date",
        ts_return_type = "SessionOutput[]"
    )]
    pub fn get_by_session_since<'env>(
        &self,
        env: &'env Env,
        session_id: Unknown<'env>,
        since: Unknown<'env>,
    ) -> napi::Result<Unknown<'env>> {
        self.select(env, "OutputStore.getBySessionSince", session_id, |session_id, add| {
            let since = Argument::new("since", since).date()?;
            self.outputs.since(session_id, since, add)
        })
    }

    /// Everything that a session printed, oldest first, with a separator between the chunks; `''` if
    /// there is nothing.
    ///
    /// @throws {RangeError} `ERR_OUT_OF_RANGE` for a text longer than JavaScript's longest string.
    #[napi(
        catch_unwind,
        ts_args_type = "sessionId: string, options?: FullOutputOptions | null",
        ts_return_type = "string"
    )]
    pub fn get_full_output<'env>(
        &self,
        env: &'env Env,
        session_id: Unknown<'env>,
        options: Unknown<'env>,
    ) -> napi::Result<Unknown<'env>> {
        run(env, "OutputStore.getFullOutput", || {
            let session_id = Argument::new("sessionId", session_id).string()?;
            let separator = match Argument::new("options", options).optional()? {
                Some(options) => {
                    optional(options.object()?.field(c"separator")?, Argument::string)?
                }
                None => None,
            };
            let text = self.outputs.full(&session_id, separator.as_deref().unwrap_or("\n"))?;
            Ok(Scope::new(env).string(&text)?.unknown())
        })
    }

    /// Commits what is queued. Does nothing for a store that does not write behind.
    ///
    /// @throws {SqliteError} What SQLite says, such as `SQLITE_FULL`; it stays queued.
    #[napi(catch_unwind)]
    pub fn flush(&self, env: Env) -> napi::Result<()> {
        run(&env, "OutputStore.flush", || Ok(self.outputs.flush()?))
    }

    /// Removes the output of a session.
    #[napi(catch_unwind, ts_args_type = "sessionId: string")]
    pub fn delete_by_session(&self, env: Env, session_id: Unknown<'_>) -> napi::Result<()> {
        run(&env, "OutputStore.deleteBySession", || {
            Ok(self.outputs.delete(&Argument::new("sessionId", session_id).string()?)?)
        })
    }
}

impl OutputStore {
    fn select<'env>(
        &self,
        env: &'env Env,
        call: &str,
        session_id: Unknown<'env>,
        query: impl FnOnce(&str, &mut dyn FnMut(OutputRow<'_>) -> Parsed<()>) -> Parsed<()>,
    ) -> napi::Result<Unknown<'env>> {
        run(env, call, || {
            let session_id = Argument::new("sessionId", session_id).string()?;
            let scope = Scope::new(env);
            // Made from the stored text: the argument may hold a lone surrogate.
            let stored_id = scope.string(session_id.as_bytes())?;
            let mut batches = Batches::outputs(scope, &self.environment, stored_id)?;
            query(&session_id, &mut |row| batches.output(row))?;
            Ok(batches.finish()?.unknown())
        })
    }
}
