//! Keeping histories small: what `prune()` and `stats()` of `lib/connection.js` call.

use gsd_session_core::store::model::SessionStatus;
use gsd_session_core::store::redactions::Counts;
use gsd_session_core::store::retention::{self, Criteria, PruneProgress, Pruned};
use gsd_session_core::store::stats::{self, Amount};

use crate::beside::{Numbers, beside};
use crate::convert::{Argument, MAX_SAFE_INTEGER, optional, session_status};
use crate::error::Parsed;
use crate::js::{Scope, Value};
use crate::natives::{Answer, Call, Native, connection, natives};

/// The functions.
pub const NATIVES: &[Native] = natives! {
    "DatabaseConnection.stats": stats;
    "DatabaseConnection.prune": prune;
};

/// What prunes unless the caller says otherwise.
const OVER: [SessionStatus; 2] = [SessionStatus::Completed, SessionStatus::Failed];

/// No more statuses than this, though there are only three.
const MAX_STATUSES: u32 = 1000;

/// How many sessions `stats()` names unless the caller says otherwise.
const LARGEST: i64 = 10;

/// The shortest period that `stats()` counts by, in milliseconds: there may be as many as there are chunks.
const SHORTEST: i64 = 60_000;

/// the connection, how many sessions to name, the milliseconds of a period -> numbers, how many sessions there are of each
/// status, of the largest their ids and their amounts, what was replaced, and of the periods their starts and their amounts
fn stats<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let connection = connection(call)?;
    let largest = Argument::new("options.sessions", call.get(1)?);
    let largest = optional(largest, |count| count.integer_in(0..=MAX_SAFE_INTEGER))?;
    let largest = usize::try_from(largest.unwrap_or(LARGEST)).unwrap_or(usize::MAX);
    let every = Argument::new("options.every", call.get(2)?);
    let every = optional(every, |every| every.integer_in(SHORTEST..=MAX_SAFE_INTEGER))?;
    let stats = stats::stats(connection, largest, every.map(|every| every as f64))?;
    let scope = call.scope();
    let numbers = [
        stats.pinned,
        stats.orphaned_outputs,
        stats.size.bytes,
        stats.size.free_bytes,
        stats.log_bytes,
    ];
    let periods: Vec<_> = stats
        .periods
        .iter()
        .flat_map(|(start, of_it)| [scope.number(*start), amount(scope, of_it)])
        .collect();
    Ok(scope.array_of([
        scope.array_of(numbers.map(|number| scope.number(number as f64))),
        amount(scope, &stats.output),
        scope.array_of(stats.sessions.iter().flat_map(|(status, count)| {
            [scope.string(status.as_str().as_bytes()), scope.number(*count as f64)]
        })),
        scope.array_of(
            stats.largest.iter().flat_map(|(id, of_it)| [scope.string(id), amount(scope, of_it)]),
        ),
        counts(scope, &stats.redactions),
        scope.array_of(periods),
    ])?)
}

/// The names of rules and how often each has found something, two by two.
pub fn counts<'env>(scope: Scope<'env>, counts: &Counts) -> napi::Result<Value<'env>> {
    let parts = counts
        .iter()
        .flat_map(|(rule, count)| [scope.string(rule.as_bytes()), scope.number(*count as f64)]);
    scope.array_of(parts.collect::<Vec<_>>())
}

/// chunks, bytes, the milliseconds of the first and the last; NaN without any
fn amount<'env>(scope: Scope<'env>, amount: &Amount) -> napi::Result<Value<'env>> {
    let numbers = [amount.outputs as f64, amount.bytes as f64, amount.oldest, amount.newest];
    scope.array_of(numbers.map(|number| scope.number(number)))
}

/// the connection, the options in the order of `lib/connection.js`, who is told, the options themselves ->
/// a promise of what `pruned` gives
fn prune<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let criteria = criteria(call)?;
    let (tell, changes) = (call.get(8)?, !criteria.dry_run);
    beside(call, tell, changes, pruned, Pruned::progress, move |sqlite, owed, tell| {
        retention::prune(sqlite, &criteria, owed, tell)
    })
}

fn criteria(call: Call<'_, '_>) -> Parsed<Criteria> {
    let [older_than, max_bytes, keep_last, statuses, orphans, scrub, dry_run] = call.array(1)?;
    let count = |name, value| {
        let count = optional(Argument::new(name, value), |count| {
            Ok(count.integer_in(0..=MAX_SAFE_INTEGER)?.unsigned_abs())
        })?;
        Parsed::Ok(count)
    };
    let flag = |name, value| {
        Parsed::Ok(optional(Argument::new(name, value), Argument::boolean)?.unwrap_or(false))
    };
    let criteria = Criteria {
        older_than: optional(Argument::new("options.olderThan", older_than), Argument::date)?,
        max_bytes: count("options.maxBytes", max_bytes)?,
        keep_last: count("options.keepLast", keep_last)?
            .map(|count| usize::try_from(count).unwrap_or(usize::MAX)),
        statuses: optional(Argument::new("options.statuses", statuses), pruned_statuses)?
            .unwrap_or_else(|| OVER.to_vec()),
        orphans: flag("options.orphans", orphans)?,
        scrub: flag("options.scrub", scrub)?,
        dry_run: flag("options.dryRun", dry_run)?,
    };
    if criteria.asks_for_something() {
        return Ok(criteria);
    }
    let options = Argument::new("options", call.get(9)?);
    Err(options.out_of_range("an object with olderThan, maxBytes, keepLast, orphans or scrub"))
}

fn pruned_statuses(statuses: &Argument<'_, '_>) -> Parsed<Vec<SessionStatus>> {
    let over = "one of 'idle', 'completed', 'failed'";
    if !statuses.value().is_array()? {
        return Err(statuses.wrong_type("an array"));
    }
    // Looking at each of four billion would take minutes.
    let length = statuses.value().array_length()?;
    if length > MAX_STATUSES {
        return Err(statuses.out_of_range(format_args!("an array of at most {MAX_STATUSES}")));
    }
    (0..length)
        .map(|index| {
            let status = statuses.element(index)?;
            match session_status(&status)? {
                SessionStatus::Running | SessionStatus::WaitingCheckpoint => {
                    Err(status.out_of_range(over))
                }
                over => Ok(over),
            }
        })
        .collect()
}

/// ids, ids and reasons of those that are kept, outputs, bytes, fileBytesBefore, fileBytes, freeBytes, givesSpaceBack,
/// cleanedPages
fn pruned(scope: Scope<'_>, pruned: Pruned) -> napi::Result<Value<'_>> {
    let number = |count: u64| scope.number(count as f64);
    scope.array_of([
        scope.array_of(pruned.sessions.iter().map(|id| scope.string(id.as_bytes()))),
        scope.array_of(
            pruned
                .kept
                .iter()
                .flat_map(|kept| [&kept.id, &kept.reason])
                .map(|text| scope.string(text.as_bytes())),
        ),
        number(pruned.outputs),
        number(pruned.bytes),
        number(pruned.before.bytes),
        number(pruned.after.bytes),
        number(pruned.after.free_bytes),
        scope.boolean(pruned.gives_space_back),
        number(pruned.cleaned_pages),
    ])
}

impl Numbers for PruneProgress {
    fn numbers(&self) -> Vec<f64> {
        let Self { sessions, outputs, bytes, size, scanned_bytes } = self;
        [*sessions, *outputs, *bytes, size.bytes, size.free_bytes, *scanned_bytes]
            .map(|count| count as f64)
            .into()
    }
}
