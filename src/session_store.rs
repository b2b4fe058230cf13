//! What `lib/session-store.js` calls.
//!
//! The first argument is the native side of the store; the others are the arguments and fields that the class has read,
//! unchecked. Rows are for `finish` of `lib/rows.js`.

use gsd_session_core::store;
use gsd_session_core::store::changes::{Changed, Changes};
use gsd_session_core::store::model::{Change, DetailsUpdate, SessionRow, SessionUpdate};
use gsd_session_core::store::orphans::FailOrphans;
use gsd_session_core::store::pages::Page;
use gsd_session_core::store::references::Referent;
use gsd_session_core::store::sessions::Sessions;
use gsd_session_core::store::timestamp::Timestamp;

use crate::convert::{self, Argument, MAX_CELLS, MAX_SAFE_INTEGER, optional};
use crate::error::Parsed;
use crate::exit::settle_if_over;
use crate::natives::{Answer, Call, Native, done, natives, open_connection};
use crate::retention::counts;
use crate::rows::Batches;

/// How many changes are given by default.
const DEFAULT_CHANGES: i64 = 1000;

/// The functions.
pub const NATIVES: &[Native] = natives! {
    "SessionStore": open;
    "SessionStore.create": create;
    "SessionStore.get": get;
    "SessionStore.update": update;
    "SessionStore.resize": resize;
    "SessionStore.delete": delete;
    "SessionStore.list": list, page;
    "SessionStore.count": count;
    "SessionStore.changes": changes;
    "SessionStore.listByStatus": list_by_status;
    "SessionStore.findRunning": find_running;
    "SessionStore.failOrphans": pids_at_work, fail_orphans;
    "SessionStore.pin": pin;
    "SessionStore.unpin": unpin;
    "SessionStore.isPinned": is_pinned;
    "SessionStore.referencedBy": referenced_by;
    "SessionStore.redactions": redactions;
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
    let if_status = convert::statuses(Argument::new("options.ifStatus", call.get(14)?))?;
    let is_changed = sessions(call)?.update(&id, &update, if_status.as_deref())?;
    Ok(call.scope().boolean(is_changed)?)
}

/// id, columns, rows -> whether there is such a session
fn resize<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let id = Argument::new("id", call.get(1)?).string()?;
    let cells = |name, at| Argument::new(name, call.get(at)?).integer_in(1..=MAX_CELLS);
    let columns = Change::Set(cells("size.columns", 2)?);
    let rows = Change::Set(cells("size.rows", 3)?);
    let details = DetailsUpdate { columns, rows, ..DetailsUpdate::default() };
    let update = SessionUpdate { details, ..SessionUpdate::default() };
    Ok(call.scope().boolean(sessions(call)?.update(&id, &update, None)?)?)
}

fn delete<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let id = Argument::new("id", call.get(1)?).string()?;
    let keep = optional(Argument::new("options.keepOutputs", call.get(2)?), Argument::boolean)?;
    let sessions = sessions(call)?;
    sessions.delete(&id, keep.unwrap_or(false))?;
    settle_if_over(sessions.connection());
    done(call)
}

fn list<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let sessions = sessions(call)?;
    rows(call, |add| sessions.list(add))
}

/// the filter's six fields, limit, whether there is a session before, its id, its start
fn page<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let sessions = sessions(call)?;
    let limit = Argument::new("options.limit", call.get(7)?).limit()?;
    let has_before = call.get(8)?.boolean()?;
    let page = Page {
        filter: convert::filter(call.array(1)?)?,
        limit: limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX)),
        before: if has_before { Some(before(call)?) } else { None },
    };
    if page.limit.is_none() && page.before.is_none() && !page.filter.has_range() {
        return rows(call, |add| sessions.list_where(&page.filter, add));
    }
    let mut batches = Batches::new(call);
    sessions.page(&page, |row| batches.session(row))?;
    Ok(batches.finish()?)
}

fn before(call: Call<'_, '_>) -> Parsed<(String, Option<Timestamp>)> {
    let id = Argument::new("options.before.id", call.get(9)?).string()?;
    let started_at = call.get(10)?;
    // That of a session whose stored start is no moment.
    if started_at.is_date()? && started_at.date()?.is_nan() {
        return Ok((id, None));
    }
    Ok((id, Some(Argument::new("options.before.startedAt", started_at).date()?)))
}

/// after, limit, an array -> whether there is more; the array gets the ids and whether they are removed, in turn, and
/// a note the cursor
fn changes<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let sessions = sessions(call)?;
    let integer = |name, at, least| -> Parsed<Option<i64>> {
        let parse = |given: &Argument<'_, '_>| given.integer_in(least..=MAX_SAFE_INTEGER);
        optional(Argument::new(name, call.get(at)?), parse)
    };
    let after = integer("options.after", 1, 0)?.unwrap_or(0);
    let limit = integer("options.limit", 2, 1)?.unwrap_or(DEFAULT_CHANGES);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let Changes { changes, cursor, more } = sessions.changes(after, limit)?;
    let (scope, array) = (call.scope(), call.get(3)?);
    for (Changed { id, removed }, at) in changes.iter().zip((0..).step_by(2)) {
        array.set_element(at, scope.string(id)?)?;
        array.set_element(at + 1, scope.boolean(*removed)?)?;
    }
    call.host().note(scope, [cursor as f64])?;
    Ok(scope.boolean(more)?)
}

/// the filter's six fields
fn count<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let count = sessions(call)?.count(&convert::filter(call.array(1)?)?)?;
    Ok(call.scope().number(count as f64)?)
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

/// tables and whether their rows refer to its output, two by two
fn referenced_by<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let sessions = sessions(call)?;
    let id = Argument::new("id", call.get(1)?);
    let found = id.with_string(|id| sessions.referenced_by(id))??;
    let scope = call.scope();
    Ok(scope.array_of(found.iter().flat_map(|(table, to)| {
        [scope.string(table.as_bytes()), scope.boolean(*to == Referent::Output)]
    }))?)
}

/// id -> rules and how often each has found something, two by two
fn redactions<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let sessions = sessions(call)?;
    let id = Argument::new("id", call.get(1)?);
    let found = id.with_string(|id| sessions.redactions(id))??;
    Ok(counts(call.scope(), &found)?)
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
