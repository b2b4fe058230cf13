//! What belongs to one JavaScript environment: the main thread and each Worker have their own.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use napi::bindgen_prelude::{JsValue, Object, Reference, This};
use napi::{Env, Result};
use napi_derive::napi;

use super::connection::DatabaseConnection;
use super::convert::Parsed;
use super::database::Handle;
use super::error::Failure;
use super::js::{Kept, Scope, Value};
use super::rows::{Glue, Numbers, Room};
use super::{exit, follow, output_store, session_store};
use gsd_session_core::sqlite::Connection;
use gsd_session_core::store::model::{OutputType, SessionStatus};

const GLUE: &str = include_str!("glue/rows.js");
const CHECKS: &str = include_str!("glue/checks.js");

/// The JavaScript that this environment needs, evaluated once, and its default connection.
pub struct Environment {
    /// The class `SqliteError`.
    pub sqlite_error: Kept,
    /// The class `SessionStore`.
    pub session_store: Kept,
    /// The class `OutputStore`.
    pub output_store: Kept,
    /// Calls back with the sessions that change.
    pub watch: Kept,
    /// Wakes those who wait on a connection that is closed now.
    pub closed: Kept,
    /// The numbers of a batch on their way to JavaScript.
    pub numbers: Numbers,
    /// What a call tells JavaScript beside rows and results.
    pub notes: Numbers,
    /// Room for a batch.
    pub room: RefCell<Room>,
    /// What makes rows of batches.
    pub glue: Glue,
    /// The classes behind `connection.db`.
    pub handle: Handle,
    /// The class `DatabaseConnection`.
    connection_class: RefCell<Option<Kept>>,
    /// Whether the end of the process is listened to.
    listens: Cell<bool>,
    /// What `getDatabase()` opened.
    pub default_connection: RefCell<Option<Reference<DatabaseConnection>>>,
}

impl Environment {
    /// The environment of the running call, made at the first one.
    pub fn of(env: &Env) -> Result<Rc<Self>> {
        if let Some(environment) = env.get_instance_data::<Rc<Self>>()? {
            return Ok(Rc::clone(environment));
        }
        let environment = Rc::new(Self::new(Scope::new(env))?);
        env.set_instance_data(Rc::clone(&environment), (), |_| ())?;
        Ok(environment)
    }

    fn new(scope: Scope<'_>) -> Result<Self> {
        let list = |texts: &[&str]| {
            texts.iter().map(|text| format!("'{text}'")).collect::<Vec<_>>().join(", ")
        };
        let script = GLUE
            .replace("/*STATUSES*/", &list(SessionStatus::TEXTS))
            .replace("/*TYPES*/", &list(OutputType::TEXTS));
        let (batch_array, numbers) = Numbers::of_batch(scope)?;
        let (notes_array, notes) = Numbers::notes(scope)?;
        let glue = scope.call(scope.run_script(&script)?, [batch_array, notes_array])?;
        let keep = |name| scope.keep(glue.property(name)?);
        let checks = scope.run_script(CHECKS)?;
        let rows = glue.property(c"rows")?;
        let follow = follow::functions(scope, checks)?;
        Ok(Self {
            handle: Handle::new(scope, checks, glue.property(c"read")?, rows, notes_array)?,
            session_store: scope.keep(session_store::class(scope, checks, rows)?)?,
            output_store: scope.keep(output_store::class(scope, checks, rows, follow)?)?,
            watch: scope.keep(follow.property(c"watch")?)?,
            closed: scope.keep(follow.property(c"closed")?)?,
            numbers,
            notes,
            sqlite_error: keep(c"SqliteError")?,
            room: RefCell::default(),
            glue: Glue {
                take: keep(c"take")?,
                batch: keep(c"batch")?,
                reshape: keep(c"reshape")?,
                start_over: keep(c"startOver")?,
            },
            connection_class: RefCell::new(None),
            listens: Cell::new(false),
            default_connection: RefCell::new(None),
        })
    }

    /// Refuses the constructor of `DatabaseConnection` where it is called as a function, on whatever
    /// object.
    pub fn check_new(&self, env: &Env, this: &This<'_>) -> Parsed<()> {
        let scope = Scope::new(env);
        let is_new = match &*self.connection_class.borrow() {
            Some(class) => {
                Value::from(this.object.to_unknown()).is_instance_of(scope.kept(class)?)?
            }
            None => true,
        };
        if is_new { Ok(()) } else { Err(Failure::Type("the class must be called with new".into())) }
    }

    /// Settles `connection` when the process ends.
    pub fn settle_at_exit(&self, scope: Scope<'_>, connection: &Rc<Connection>) -> Result<()> {
        if !self.listens.get() {
            exit::listen(scope)?;
            self.listens.set(true);
        }
        exit::defer(connection);
        Ok(())
    }

    /// The class `SqliteError`.
    pub fn sqlite_error<'env>(&self, scope: Scope<'env>) -> Result<Value<'env>> {
        scope.kept(&self.sqlite_error)
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        exit::end();
    }
}

/// Runs when the addon is loaded into an environment. What others do with its exports later is theirs.
#[napi(module_exports, catch_unwind)]
pub fn load(exports: Object<'_>, env: Env) -> Result<()> {
    let scope = Scope::new(&env);
    let exports = Value::from(exports.to_unknown());
    let class = exports.property(c"DatabaseConnection")?;
    Environment::of(&env)?.connection_class.replace(Some(scope.keep(class)?));
    Ok(())
}
