//! The native side of `OutputStore.search`.

use std::time::Duration;

use super::convert::{Argument, MAX_SAFE_INTEGER, Parsed, optional};
use super::error::run;
use super::js::{Arguments, Native, Scope, Value};
use super::output_store::outputs;
use super::rows::Batches;
use gsd_session_core::store::search::{Query, Search, Stopped};

/// Matches of a page, unless it is told.
const LIMIT: i64 = 100;

/// Lines around a match, at most.
const CONTEXT: i64 = 100;

const CALL: &str = "OutputStore.search";

/// The pattern, and the options in the order of `glue/output_store.js`.
pub(super) fn search<'env>(
    scope: Scope<'env>,
    arguments: Arguments<'_, 'env>,
) -> napi::Result<Value<'env>> {
    let outputs = outputs(&arguments)?;
    let search = run(&scope.env(), CALL, || Ok(Search::new(outputs.clone(), query(arguments)?)?))?;
    scope.external(Native::Search(Box::new(search)))
}

fn query(arguments: Arguments<'_, '_>) -> Parsed<Query> {
    let [pattern, session_id, regex, case_sensitive, since, until, limit, context, time_limit] =
        arguments.array(1)?;
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
        since: date("options.since", since)?,
        until: date("options.until", until)?,
        limit: size(count("options.limit", limit, 1..=MAX_SAFE_INTEGER)?.unwrap_or(LIMIT)),
        context: size(count("options.context", context, 0..=CONTEXT)?.unwrap_or(0)),
        time_limit: time_limit.map(|millis| Duration::from_millis(millis.unsigned_abs())),
    })
}

/// The next matches; the note is why there are no more of them.
pub(super) fn page<'env>(
    scope: Scope<'env>,
    arguments: Arguments<'_, 'env>,
) -> napi::Result<Value<'env>> {
    let Native::Search(search) = arguments.get(0)?.external()? else {
        return Err(napi::Error::from_reason("not a search"));
    };
    run(&scope.env(), CALL, || {
        let mut batches = Batches::new(scope)?;
        let stopped = search.page(|found| batches.found(&found))?;
        batches.note([match stopped {
            Stopped::AtEnd => 0.0,
            Stopped::AtLimit => 1.0,
            Stopped::InTime => 2.0,
        }])?;
        Ok(batches.finish()?)
    })
}
