//! What `lib/session-store.js` calls.
//!
//! The first argument is the native side of the store; the others are the arguments and fields that the class has read,
//! unchecked. Rows are for `finish` of `lib/rows.js`.

use gsd_session_core::store;
use gsd_session_core::store::model::SessionRow;
use gsd_session_core::store::orphans::FailOrphans;
use gsd_session_core::store::sessions::{Page, Sessions};
use gsd_session_core::store::timestamp::Timestamp;

use crate::convert::{self, Argument, optional};
use crate::error::Parsed;
use crate::natives::{Answer, Call, Native, done, natives, open_connection};
use crate::rows::Batches;

/// The functions.
pub const NATIVES: &[Native] = natives! {
    "SessionStore": open;
    "SessionStore.create": create;
    "SessionStore.get": get;
    "SessionStore.update": update;
    "SessionStore.delete": delete;
    "SessionStore.list": list, page;
    "SessionStore.listByStatus": list_by_status;
    "SessionStore.findRunning": find_running;
    "SessionStore.failOrphans": pids_at_work, fail_orphans;
    "SessionStore.pin": pin;
    "SessionStore.unpin": unpin;
    "SessionStore.isPinned": is_pinned;
};

fn sessions<'env>(call: Call<'_, 'env>) -> Parsed<&'env Sessions> {
    Ok(call.native()?)
}

/// the connection -> the native side of a store
fn open<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    Ok(call.scope().external(Sessions::new(open_connection(call)?))?)
}

fn create<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let session = convert::new_session(call.array(1)?)?;
    sessions(call)?.create(&session)?;
    done(call)
}

fn get<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let sessions = sessions(call)?;
    let mut batches = Batches::new(call);
    let id = Argument::new("id", call.get(1)?);
    id.with_string(|id| sessions.get(id, |row| batches.session(row)))??;
    Ok(batches.finish()?)
}

fn update<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let id = Argument::new("id", call.get(1)?).string()?;
    let update = convert::session_update(call.array(2)?)?;
    let if_status = convert::statuses(Argument::new("options.ifStatus", call.get(11)?))?;
    let is_changed = sessions(call)?.update(&id, &update, if_status.as_deref())?;
    Ok(call.scope().boolean(is_changed)?)
}

fn delete<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let id = Argument::new("id", call.get(1)?).string()?;
    let keep = optional(Argument::new("options.keepOutputs", call.get(2)?), Argument::boolean)?;
    sessions(call)?.delete(&id, keep.unwrap_or(false))?;
    done(call)
}

fn list<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let sessions = sessions(call)?;
    rows(call, |add| sessions.list(add))
}

/// status, limit, whether there is a session before, its id, its start
fn page<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let sessions = sessions(call)?;
    let status = Argument::new("options.status", call.get(1)?);
    let limit = Argument::new("options.limit", call.get(2)?).limit()?;
    let has_before = call.get(3)?.boolean()?;
    let page = Page {
        status: optional(status, convert::session_status)?,
        limit: limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX)),
        before: if has_before { Some(before(call)?) } else { None },
    };
    let mut batches = Batches::new(call);
    sessions.page(&page, |row| batches.session(row))?;
    Ok(batches.finish()?)
}

fn before(call: Call<'_, '_>) -> Parsed<(String, Timestamp)> {
    let id = Argument::new("options.before.id", call.get(4)?).string()?;
    Ok((id, Argument::new("options.before.startedAt", call.get(5)?).date()?))
}

fn list_by_status<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let sessions = sessions(call)?;
    let status = convert::session_status(&Argument::new("status", call.get(1)?))?;
    rows(call, |add| sessions.list_by_status(status, add))
}

fn find_running<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let sessions = sessions(call)?;
    rows(call, |add| sessions.find_running(add))
}

fn pids_at_work<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let pids = sessions(call)?.pids_at_work()?;
    let scope = call.scope();
    Ok(scope.array_of(pids.iter().map(|pid| scope.number(*pid as f64)))?)
}

/// whether to leave all as it is, whether to end what they run, and an array of the pids that are gone
fn fail_orphans<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let sessions = sessions(call)?;
    let flag = |name, value| optional(Argument::new(name, value), Argument::boolean);
    let how = FailOrphans {
        dry_run: flag("options.dryRun", call.get(1)?)?.unwrap_or(false),
        kill: flag("options.kill", call.get(2)?)?.unwrap_or(false),
    };
    let pids = call.get(3)?;
    let gone = (0..pids.array_length()?).map(|at| Ok(pids.element(at)?.number()? as i64));
    let gone = gone.collect::<napi::Result<Vec<_>>>()?;
    let mut batches = Batches::new(call);
    sessions.fail_orphans(&gone, how, |row| batches.session(row))?;
    Ok(batches.finish()?)
}

fn pin<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    about_one(call, Sessions::pin)
}

fn unpin<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    about_one(call, Sessions::unpin)
}

fn is_pinned<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    about_one(call, Sessions::is_pinned)
}

fn about_one<'env>(
    call: Call<'_, 'env>,
    ask: fn(&Sessions, &str) -> store::Result<bool>,
) -> Answer<'env> {
    let sessions = sessions(call)?;
    let answer = Argument::new("id", call.get(1)?).with_string(|id| ask(sessions, id))??;
    Ok(call.scope().boolean(answer)?)
}

fn rows<'env>(
    call: Call<'_, 'env>,
    query: impl FnOnce(&mut dyn FnMut(SessionRow<'_>) -> Parsed<()>) -> Parsed<Option<Vec<u32>>>,
) -> Answer<'env> {
    let mut batches = Batches::new(call);
    if let Some(order) = query(&mut |row| batches.session(row))? {
        batches.reorder(&order)?;
    }
    Ok(batches.finish()?)
}
