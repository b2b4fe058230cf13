//! What belongs to one JavaScript environment: the main thread and each Worker have their own.

use std::cell::{Cell, RefCell};
use std::ffi::CStr;
use std::rc::{Rc, Weak};

use napi::bindgen_prelude::{JsValue, Object, Reference, This};
use napi::{Env, Result};
use napi_derive::napi;

use super::connection::DatabaseConnection;
use super::convert::Parsed;
use super::database::Handle;
use super::error::Failure;
use super::js::{Arguments, Kept, Scope, Value};
use super::rows::Numbers;
use crate::sqlite::Connection;
use crate::store::model::{OutputType, SessionStatus};

const GLUE: &str = include_str!("glue/rows.js");

/// The JavaScript that this environment needs, evaluated once, and its default connection.
pub struct Environment {
    /// The class `SqliteError`.
    pub sqlite_error: Kept,
    /// Makes `Session` objects of a batch.
    pub sessions: Kept,
    /// Makes `SessionOutput` objects of a batch.
    pub outputs: Kept,
    /// The numbers of a batch on their way to JavaScript.
    pub numbers: Numbers,
    /// The classes behind `connection.db`.
    pub handle: Handle,
    /// The classes of the addon, by their names.
    classes: RefCell<Option<Kept>>,
    /// Connections that put writes off, to be settled when the process ends.
    deferring: RefCell<Vec<Weak<Connection>>>,
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
        let numbers = Numbers::new(scope)?;
        let glue = scope.call(scope.run_script(&script)?, [numbers.array(scope)?])?;
        Ok(Self {
            handle: Handle::new(scope, glue.property(c"cursor")?, &numbers)?,
            numbers,
            sqlite_error: scope.keep(glue.property(c"SqliteError")?)?,
            sessions: scope.keep(glue.property(c"sessions")?)?,
            outputs: scope.keep(glue.property(c"outputs")?)?,
            classes: RefCell::new(None),
            deferring: RefCell::default(),
            listens: Cell::new(false),
            default_connection: RefCell::new(None),
        })
    }

    /// Refuses a constructor that is called as a function, on whatever object.
    pub fn check_new(&self, env: &Env, this: &This<'_>, class: &CStr) -> Parsed<()> {
        let scope = Scope::new(env);
        let is_new = match &*self.classes.borrow() {
            Some(classes) => Value::from(this.object.to_unknown())
                .is_instance_of(scope.kept(classes)?.property(class)?)?,
            None => true,
        };
        if is_new { Ok(()) } else { Err(Failure::Type("the class must be called with new".into())) }
    }

    /// Settles `connection` when the process ends. Node-API's own hooks do not run on the main thread
    /// after `process.exit()` or an uncaught exception; listeners of `'exit'` do, in Workers as well.
    pub fn settle_at_exit(&self, scope: Scope<'_>, connection: &Rc<Connection>) -> Result<()> {
        let mut deferring = self.deferring.borrow_mut();
        if !self.listens.replace(true) {
            let listen =
                scope.run_script("(settle) => void globalThis.process?.on('exit', settle)")?;
            scope.call(listen, [scope.function(c"settleAtExit", settle_all)?])?;
        }
        deferring.retain(|connection| connection.strong_count() > 0);
        deferring.push(Rc::downgrade(connection));
        Ok(())
    }

    /// The class `SqliteError`.
    pub fn sqlite_error<'env>(&self, scope: Scope<'env>) -> Result<Value<'env>> {
        scope.kept(&self.sqlite_error)
    }
}

fn settle_all<'env>(scope: Scope<'env>, _: Arguments<'_, 'env>) -> Result<Value<'env>> {
    let environment = Environment::of(&scope.env())?;
    for connection in environment.deferring.borrow().iter().filter_map(Weak::upgrade) {
        connection.end();
    }
    scope.undefined()
}

/// Runs when the addon is loaded into an environment. What others do with its exports later is theirs.
#[napi(module_exports)]
pub fn load(exports: Object<'_>, env: Env) -> Result<()> {
    let scope = Scope::new(&env);
    let exports = Value::from(exports.to_unknown());
    let class = |name: &'static CStr| exports.property(name).map(|class| (name, class));
    let classes = scope.object(&[
        class(c"DatabaseConnection")?,
        class(c"SessionStore")?,
        class(c"OutputStore")?,
    ])?;
    Environment::of(&env)?.classes.replace(Some(scope.keep(classes)?));
    Ok(())
}
