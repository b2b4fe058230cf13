//! The native side of `SessionStore`; `glue/session_store.js` has the class, `types.d.ts` its types.

use napi_derive::napi;

use super::convert::{self, Argument, Parsed, optional};
use super::database::shared_connection;
use super::error::run;
use super::exports::Exported;
use super::js::{Arguments, Native, Scope, Value};
use super::rows::Batches;
use gsd_session_core::store;
use gsd_session_core::store::model::Listed;
use gsd_session_core::store::sessions::{Page, Sessions};
use gsd_session_core::store::timestamp::Timestamp;

const CLASS: &str = include_str!("glue/session_store.js");

/// The class `SessionStore`.
#[napi]
#[allow(non_upper_case_globals, reason = "the name that JavaScript imports")]
pub const SessionStore: SessionStoreConstructor =
    Exported(|environment| &environment.session_store);

/// Its type in `types.d.ts`.
type SessionStoreConstructor = Exported;

/// Evaluates the class.
pub fn class<'env>(
    scope: Scope<'env>,
    checks: Value<'env>,
    rows: Value<'env>,
) -> napi::Result<Value<'env>> {
    let native = scope.object(&[
        (c"open", scope.function(c"open", open)?),
        (c"create", scope.function(c"create", create)?),
        (c"get", scope.function(c"get", get)?),
        (c"update", scope.function(c"update", update)?),
        (c"delete", scope.function(c"delete", delete)?),
        (c"list", scope.function(c"list", list)?),
        (c"page", scope.function(c"page", page)?),
        (c"listByStatus", scope.function(c"listByStatus", list_by_status)?),
        (c"findRunning", scope.function(c"findRunning", find_running)?),
        (c"pin", scope.function(c"pin", pin)?),
        (c"unpin", scope.function(c"unpin", unpin)?),
        (c"isPinned", scope.function(c"isPinned", is_pinned)?),
        (c"pidsAtWork", scope.function(c"pidsAtWork", pids_at_work)?),
        (c"failOrphans", scope.function(c"failOrphans", fail_orphans)?),
    ])?;
    scope.call(scope.run_script(CLASS)?, [native, checks, rows])
}

fn sessions<'env>(arguments: &Arguments<'_, 'env>) -> napi::Result<&'env Sessions> {
    match arguments.get(0)?.external()? {
        Native::Sessions(sessions) => Ok(sessions),
        _ => Err(napi::Error::from_reason("not a store of sessions")),
    }
}

// The functions that follow are for the script: but for `open`, first the native side of the store, then
// the arguments and the fields that the script has read, unchecked. Rows are for `finish` of
// `glue/rows.js`.

fn open<'env>(scope: Scope<'env>, arguments: Arguments<'_, 'env>) -> napi::Result<Value<'env>> {
    let connection =
        run(&scope.env(), "SessionStore", || shared_connection(scope, arguments.get(0)?))?;
    scope.external(Native::Sessions(Sessions::new(connection)))
}

fn create<'env>(scope: Scope<'env>, arguments: Arguments<'_, 'env>) -> napi::Result<Value<'env>> {
    let sessions = sessions(&arguments)?;
    run(&scope.env(), "SessionStore.create", || {
        let session = convert::new_session(arguments.array(1)?)?;
        Ok(sessions.create(&session)?)
    })?;
    scope.undefined()
}

fn get<'env>(scope: Scope<'env>, arguments: Arguments<'_, 'env>) -> napi::Result<Value<'env>> {
    let sessions = sessions(&arguments)?;
    let id = Argument::new("id", arguments.get(1)?);
    run(&scope.env(), "SessionStore.get", || {
        let mut batches = Batches::new(scope)?;
        id.with_string(|id| sessions.get(id, |row| batches.session(row)))??;
        Ok(batches.finish()?)
    })
}

fn update<'env>(scope: Scope<'env>, arguments: Arguments<'_, 'env>) -> napi::Result<Value<'env>> {
    let sessions = sessions(&arguments)?;
    run(&scope.env(), "SessionStore.update", || {
        let id = Argument::new("id", arguments.get(1)?).string()?;
        let update = convert::session_update(arguments.array(2)?)?;
        Ok(sessions.update(&id, &update)?)
    })?;
    scope.undefined()
}

fn delete<'env>(scope: Scope<'env>, arguments: Arguments<'_, 'env>) -> napi::Result<Value<'env>> {
    let sessions = sessions(&arguments)?;
    run(&scope.env(), "SessionStore.delete", || {
        let id = Argument::new("id", arguments.get(1)?).string()?;
        let keep = Argument::new("options.keepOutputs", arguments.get(2)?);
        let keep = optional(keep, Argument::boolean)?.unwrap_or(false);
        Ok(sessions.delete(&id, keep)?)
    })?;
    scope.undefined()
}

fn list<'env>(scope: Scope<'env>, arguments: Arguments<'_, 'env>) -> napi::Result<Value<'env>> {
    let sessions = sessions(&arguments)?;
    rows(scope, "SessionStore.list", |add| sessions.list(add))
}

/// status, limit, whether there is a session before, its id, its start
fn page<'env>(scope: Scope<'env>, arguments: Arguments<'_, 'env>) -> napi::Result<Value<'env>> {
    let sessions = sessions(&arguments)?;
    run(&scope.env(), "SessionStore.list", || {
        let status = Argument::new("options.status", arguments.get(1)?);
        let limit = Argument::new("options.limit", arguments.get(2)?).limit()?;
        let has_before = arguments.get(3)?.boolean()?;
        let page = Page {
            status: optional(status, convert::session_status)?,
            limit: limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX)),
            before: if has_before { Some(before(&arguments)?) } else { None },
        };
        let mut batches = Batches::new(scope)?;
        sessions.page(&page, |row| batches.session(row))?;
        Ok(batches.finish()?)
    })
}

fn before(arguments: &Arguments<'_, '_>) -> Parsed<(String, Timestamp)> {
    let id = Argument::new("options.before.id", arguments.get(4)?).string()?;
    Ok((id, Argument::new("options.before.startedAt", arguments.get(5)?).date()?))
}

fn list_by_status<'env>(
    scope: Scope<'env>,
    arguments: Arguments<'_, 'env>,
) -> napi::Result<Value<'env>> {
    let sessions = sessions(&arguments)?;
    let status = Argument::new("status", arguments.get(1)?);
    rows(scope, "SessionStore.listByStatus", |add| {
        sessions.list_by_status(convert::session_status(&status)?, add)
    })
}

fn find_running<'env>(
    scope: Scope<'env>,
    arguments: Arguments<'_, 'env>,
) -> napi::Result<Value<'env>> {
    let sessions = sessions(&arguments)?;
    rows(scope, "SessionStore.findRunning", |add| sessions.find_running(add))
}

fn pin<'env>(scope: Scope<'env>, arguments: Arguments<'_, 'env>) -> napi::Result<Value<'env>> {
    about_one(scope, &arguments, "SessionStore.pin", Sessions::pin)
}

fn unpin<'env>(scope: Scope<'env>, arguments: Arguments<'_, 'env>) -> napi::Result<Value<'env>> {
    about_one(scope, &arguments, "SessionStore.unpin", Sessions::unpin)
}

fn is_pinned<'env>(
    scope: Scope<'env>,
    arguments: Arguments<'_, 'env>,
) -> napi::Result<Value<'env>> {
    about_one(scope, &arguments, "SessionStore.isPinned", Sessions::is_pinned)
}

fn pids_at_work<'env>(
    scope: Scope<'env>,
    arguments: Arguments<'_, 'env>,
) -> napi::Result<Value<'env>> {
    let sessions = sessions(&arguments)?;
    let pids = run(&scope.env(), "SessionStore.failOrphans", || Ok(sessions.pids_at_work()?))?;
    scope.array_of(pids.iter().map(|pid| scope.number(*pid as f64)))
}

/// whether to leave all as it is, and an array of the pids that are gone
fn fail_orphans<'env>(
    scope: Scope<'env>,
    arguments: Arguments<'_, 'env>,
) -> napi::Result<Value<'env>> {
    let sessions = sessions(&arguments)?;
    run(&scope.env(), "SessionStore.failOrphans", || {
        let dry_run = Argument::new("options.dryRun", arguments.get(1)?);
        let dry_run = optional(dry_run, Argument::boolean)?.unwrap_or(false);
        let pids = arguments.get(2)?;
        let gone = (0..pids.array_length()?).map(|at| Ok(pids.element(at)?.number()? as i64));
        let gone = gone.collect::<napi::Result<Vec<_>>>()?;
        let mut batches = Batches::new(scope)?;
        sessions.fail_orphans(&gone, dry_run, |row| batches.session(row))?;
        Ok(batches.finish()?)
    })
}

fn about_one<'env>(
    scope: Scope<'env>,
    arguments: &Arguments<'_, 'env>,
    call: &str,
    ask: fn(&Sessions, &str) -> store::Result<bool>,
) -> napi::Result<Value<'env>> {
    let sessions = sessions(arguments)?;
    let id = Argument::new("id", arguments.get(1)?);
    let answer = run(&scope.env(), call, || Ok(id.with_string(|id| ask(sessions, id))??))?;
    scope.boolean(answer)
}

fn rows<'env>(
    scope: Scope<'env>,
    call: &str,
    query: impl FnOnce(&mut dyn FnMut(Listed<'_>) -> Parsed<()>) -> Parsed<()>,
) -> napi::Result<Value<'env>> {
    run(&scope.env(), call, || {
        let mut batches = Batches::new(scope)?;
        query(&mut |listed| match listed {
            Listed::Session(row) => batches.session(row),
            Listed::StartOver => Ok(batches.start_over()?),
        })?;
        Ok(batches.finish()?)
    })
}
