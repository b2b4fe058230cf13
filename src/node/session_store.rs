//! `SessionStore`.

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
use crate::store::model::SessionRow;
use crate::store::sessions::Sessions;

/// The sessions of a database: what ran in which slot, and how it went.
#[napi]
pub struct SessionStore {
    sessions: Sessions,
    environment: Rc<Environment>,
}

#[napi]
impl SessionStore {
    /// The sessions of `db`: a `DatabaseConnection` or its `db`.
    ///
    /// @throws {TypeError} `ERR_INVALID_ARG_TYPE` for anything else, `ERR_INVALID_STATE` for a closed
    /// connection.
    #[napi(constructor, catch_unwind, ts_args_type = "db: Database | DatabaseConnection")]
    pub fn new(env: Env, this: This<'_>, db: Unknown<'_>) -> napi::Result<Self> {
        let connection = run(&env, "SessionStore", || {
            Environment::of(&env)?.check_new(&env, &this, c"SessionStore")?;
            shared_connection(&env, db)
        })?;
        Ok(Self { sessions: Sessions::new(connection), environment: Environment::of(&env)? })
    }

    /// Stores a session.
    ///
    /// @throws {SqliteError} `SQLITE_CONSTRAINT_PRIMARYKEY` if its id exists already.
    /// @throws {TypeError | RangeError} For a field of the wrong type or value; nothing is stored.
    #[napi(catch_unwind, ts_args_type = "session: NewSession")]
    pub fn create(&self, env: Env, session: Unknown<'_>) -> napi::Result<()> {
        let create = || Ok(self.sessions.create(&convert::new_session(session)?)?);
        run(&env, "SessionStore.create", create)
    }

    /// The session with this id, or `undefined`.
    #[napi(catch_unwind, ts_args_type = "id: string", ts_return_type = "Session | undefined")]
    pub fn get<'env>(&self, env: &'env Env, id: Unknown<'env>) -> napi::Result<Unknown<'env>> {
        run(env, "SessionStore.get", || {
            let id = Argument::new("id", id).string()?;
            let mut batch = self.batches(env)?;
            self.sessions.get(&id, |row| batch.session(row))?;
            Ok(batch.finish_one()?.unknown())
        })
    }

    /// Changes the given fields of a session: `undefined` leaves a field alone, `null` clears it. An
    /// unknown id changes nothing.
    ///
    /// @throws {TypeError | RangeError} For a field of the wrong type or value; nothing is changed.
    #[napi(catch_unwind, ts_args_type = "id: string, fields: SessionUpdateFields")]
    pub fn update(&self, env: Env, id: Unknown<'_>, fields: Unknown<'_>) -> napi::Result<()> {
        run(&env, "SessionStore.update", || {
            let id = Argument::new("id", id).string()?;
            Ok(self.sessions.update(&id, &convert::session_update(fields)?)?)
        })
    }

    /// Removes a session and its output in one transaction. An unknown id removes nothing but output
    /// that was stored under it.
    ///
    /// @throws {SqliteError} `SQLITE_CONSTRAINT_FOREIGNKEY` for `keepOutputs` on a connection that
    /// enforces foreign keys, if there is output.
    #[napi(catch_unwind, ts_args_type = "id: string, options?: DeleteOptions | null")]
    pub fn delete(&self, env: Env, id: Unknown<'_>, options: Unknown<'_>) -> napi::Result<()> {
        run(&env, "SessionStore.delete", || {
            let id = Argument::new("id", id).string()?;
            let keep_outputs = match Argument::new("options", options).optional()? {
                Some(options) => {
                    optional(options.object()?.field(c"keepOutputs")?, Argument::boolean)?
                }
                None => None,
            };
            Ok(self.sessions.delete(&id, keep_outputs.unwrap_or(false))?)
        })
    }

    /// All sessions, newest `startedAt` first, ties by latest insert first.
    #[napi(catch_unwind, ts_return_type = "Session[]")]
    pub fn list<'env>(&self, env: &'env Env) -> napi::Result<Unknown<'env>> {
        self.all(env, "SessionStore.list", |add| self.sessions.list(add))
    }

    /// The sessions with this status, in the order of `list()`.
    ///
    /// @throws {RangeError} `ERR_OUT_OF_RANGE` for a status that there is not.
    #[napi(catch_unwind, ts_args_type = "status: SessionStatus", ts_return_type = "Session[]")]
    pub fn list_by_status<'env>(
        &self,
        env: &'env Env,
        status: Unknown<'env>,
    ) -> napi::Result<Unknown<'env>> {
        self.all(env, "SessionStore.listByStatus", |add| {
            let status = convert::status(&Argument::new("status", status))?;
            self.sessions.list_by_status(status, add)
        })
    }

    /// The sessions that are `'running'` or `'waiting_checkpoint'`, in the order of `list()`.
    #[napi(catch_unwind, ts_return_type = "Session[]")]
    pub fn find_running<'env>(&self, env: &'env Env) -> napi::Result<Unknown<'env>> {
        self.all(env, "SessionStore.findRunning", |add| self.sessions.find_running(add))
    }
}

impl SessionStore {
    fn batches<'env>(&self, env: &'env Env) -> napi::Result<Batches<'env>> {
        Batches::sessions(Scope::new(env), &self.environment)
    }

    fn all<'env>(
        &self,
        env: &'env Env,
        call: &str,
        query: impl FnOnce(&mut dyn FnMut(SessionRow<'_>) -> Parsed<()>) -> Parsed<()>,
    ) -> napi::Result<Unknown<'env>> {
        run(env, call, || {
            let mut batches = self.batches(env)?;
            query(&mut |row| batches.session(row))?;
            Ok(batches.finish()?.unknown())
        })
    }
}
