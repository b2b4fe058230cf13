//! What `search` of `lib/output-store.js` calls.

use std::num::NonZero;
use std::thread;
use std::time::Duration;

use gsd_session_core::store::outputs::Outputs;
use gsd_session_core::store::search::{Found, Parallel, Query, Search, Stopped};

use crate::background::Promised;
use crate::convert::{Argument, MAX_SAFE_INTEGER, optional};
use crate::error::Parsed;
use crate::js::Value;
use crate::natives::{Answer, Call, Native, done, natives};
use crate::rows::Batches;

/// The functions.
pub const NATIVES: &[Native] = natives! {
    "OutputStore.search": search, page;
    "OutputStore.searchAsync": search_async, more, found, stop;
};

/// Matches of a page, unless it is told.
const LIMIT: i64 = 100;

/// Lines around a match, at most.
const CONTEXT: i64 = 100;

/// the store, the pattern, and the options in the order of `lib/output-store.js` -> a search on all cores; nothing for a database
/// in memory
fn search_async<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let outputs: &Outputs = call.native()?;
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    match Parallel::start(outputs.connection(), query(call)?, threads)? {
        Some(search) => Ok(call.scope().external(search)?),
        None => done(call),
    }
}

/// the search on all cores, the store -> a promise that there is something to take, or the end
fn more<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let search: &Parallel = call.native()?;
    let (promised, promise) = Promised::<()>::new(call, |scope, ()| scope.undefined())?;
    search.when_ready(move || promised.settle(Ok(())));
    Ok(promise)
}

/// the search on all cores, the store -> the matches that are ready; the note is 1 at the end
fn found<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let search: &Parallel = call.native()?;
    let outputs: &Outputs = call.get(1)?.external()?;
    // A closed connection ends it.
    outputs.connection().unsettled()?;
    let mut batches = Batches::new(call);
    let found = search.take()?;
    call.host().note(call.scope(), [if matches!(found, Found::End) { 1.0 } else { 0.0 }])?;
    if let Found::Matches(matches) = found {
        for found in &matches {
            batches.found(found)?;
        }
    }
    Ok(batches.finish()?)
}

/// the search on all cores: ends it
fn stop<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    call.native::<Parallel>()?.stop();
    done(call)
}

/// the store, the pattern, and the options in the order of `lib/output-store.js` -> a search
fn search<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let outputs: &Outputs = call.native()?;
    Ok(call.scope().external(Search::new(outputs.clone(), query(call)?)?)?)
}

/// The query that the arguments of a search are.
pub fn query(call: Call<'_, '_>) -> Parsed<Query> {
    let [pattern, session_id, regex, case_sensitive, drawn_over, rest @ ..] =
        call.array::<11>(1)?;
    let [since, until, limit, context, time_limit, command] = rest;
    let count = |name, value, range: std::ops::RangeInclusive<i64>| {
        optional(Argument::new(name, value), |count| count.integer_in(range.clone()))
    };
    let size = |count: i64| usize::try_from(count).unwrap_or(usize::MAX);
    let flag = |name, value| optional(Argument::new(name, value), Argument::boolean);
    let date = |name, value| optional(Argument::new(name, value), Argument::date);
    let time_limit = count("options.timeLimit", time_limit, 1..=MAX_SAFE_INTEGER)?;
    Ok(Query {
        pattern: Argument::new("pattern", pattern).string()?,
        session_id: optional(Argument::new("options.sessionId", session_id), Argument::string)?,
        regex: flag("options.regex", regex)?.unwrap_or(false),
        case_sensitive: flag("options.caseSensitive", case_sensitive)?.unwrap_or(false),
        drawn_over: flag("options.drawnOver", drawn_over)?.unwrap_or(false),
        command: command_of(command)?,
        since: date("options.since", since)?,
        until: date("options.until", until)?,
        limit: size(count("options.limit", limit, 1..=MAX_SAFE_INTEGER)?.unwrap_or(LIMIT)),
        context: size(count("options.context", context, 0..=CONTEXT)?.unwrap_or(0)),
        time_limit: time_limit.map(|millis| Duration::from_millis(millis.unsigned_abs())),
    })
}

/// The number of a command from the option `command`.
pub fn command_of(command: Value<'_>) -> Parsed<Option<u32>> {
    let number = |command: &Argument<'_, '_>| command.integer_in(1..=u32::MAX.into());
    let command = optional(Argument::new("options.command", command), number)?;
    Ok(command.and_then(|command| u32::try_from(command).ok()))
}

/// the search -> its next matches; the note is why there are no more of them.
fn page<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let search: &Search = call.native()?;
    let mut batches = Batches::new(call);
    let stopped = match search.page(|found| batches.found(&found))? {
        Stopped::AtEnd => 0.0,
        Stopped::AtLimit => 1.0,
        Stopped::InTime => 2.0,
    };
    call.host().note(call.scope(), [stopped])?;
    Ok(batches.finish()?)
}
