//! Keeping histories small: `prune()` and `stats()`.

use std::ffi::CStr;
use std::ops::ControlFlow;

use napi::Env;
use napi::bindgen_prelude::Unknown;
use napi_derive::napi;

use super::background::promise;
use super::connection::DatabaseConnection;
use super::convert::{Argument, MAX_SAFE_INTEGER, Parsed, optional, session_status};
use super::error::run;
use super::js::{Scope, Value};
use super::progress::{Listener, Report};
use gsd_session_core::store::model::SessionStatus;
use gsd_session_core::store::retention::{Criteria, PruneProgress as Progress, Pruned, prune};
use gsd_session_core::store::stats::{Amount, Stats, stats};

/// What prunes unless the caller says otherwise.
const OVER: [SessionStatus; 2] = [SessionStatus::Completed, SessionStatus::Failed];

/// No more statuses than this, though there are only three.
const MAX_STATUSES: u32 = 1000;

/// How many sessions `stats()` names unless the caller says otherwise.
const LARGEST: u64 = 10;

#[napi]
impl DatabaseConnection {
    /// How much the database holds: sessions by status, chunks and bytes of output, the sessions with the most of
    /// it, and the size of the file. All of one moment, and exact.
    ///
    /// It is synchronous and reads every row of output, though of long text only the length: some 0.6 s for a
    /// million chunks that the system has in memory. Call it in a Worker where nobody may wait.
    ///
    /// @throws {TypeError | RangeError} For a wrong option, and `ERR_INVALID_STATE` once the connection is closed.
    #[napi(
        catch_unwind,
        ts_args_type = "options?: StatsOptions | null",
        ts_return_type = "DatabaseStats"
    )]
    pub fn stats<'env>(
        &self,
        env: &'env Env,
        options: Unknown<'env>,
    ) -> napi::Result<Unknown<'env>> {
        let stats = run(env, "DatabaseConnection.stats", || {
            let largest = largest(options)?.unwrap_or(LARGEST);
            Ok(stats(self.shared()?, usize::try_from(largest).unwrap_or(usize::MAX))?)
        })?;
        Ok(stats_object(Scope::new(env), &stats)?.unknown())
    }

    /// Removes whole sessions that are over, with their output, the oldest first, and gives the space back to the
    /// disk. Only what is asked for goes, never a session that is `'running'` or `'waiting_checkpoint'`, and never
    /// one that is pinned. `docs/retention.md` tells how the options work together.
    ///
    /// A thread does the work in transactions of some milliseconds, between which others write. A session's
    /// output goes from its start, and the session with the last of it. One that starts anew or is pinned
    /// meanwhile is left with what it still has. A database in memory is pruned before the call returns.
    ///
    /// The promise rejects with a `TypeError` or `RangeError` for a wrong option, and where no option says what to
    /// remove; with a `SqliteError` for what SQLite says; with what `onProgress` throws, and with the reason of an
    /// aborted `signal`. What is removed by then stays so, and the next call goes on with it.
    #[napi(
        catch_unwind,
        ts_args_type = "options: PruneOptions",
        ts_return_type = "Promise<PruneReport>"
    )]
    pub fn prune<'env>(
        &self,
        env: &'env Env,
        options: Unknown<'env>,
    ) -> napi::Result<Unknown<'env>> {
        promise(env, "DatabaseConnection.prune", report_object, || {
            let options = Argument::new("options", options);
            let criteria = criteria(&options)?;
            let mut listener = Listener::of(env, options)?;
            let own = self.shared()?.sibling()?;
            let in_memory = match own {
                Some(_) => None,
                None => {
                    self.shared()?.check_not_iterating()?;
                    let sqlite = self.shared()?.settled()?;
                    let told = |_| ControlFlow::Continue(());
                    prune(&sqlite, &criteria, told)?
                }
            };
            Ok(move || {
                let pruned = match own {
                    Some(own) => prune(&own, &criteria, |progress| {
                        listener.tell(Step { progress, is_last: false })
                    })?,
                    None => in_memory,
                };
                let Some(pruned) = pruned else {
                    return Err(listener.failure());
                };
                let last = Step { progress: pruned.progress(), is_last: true };
                if listener.tell(last).is_break() { Err(listener.failure()) } else { Ok(pruned) }
            })
        })
    }
}

fn largest(options: Unknown<'_>) -> Parsed<Option<u64>> {
    let Some(options) = Argument::new("options", options).optional()? else {
        return Ok(None);
    };
    let options = options.object()?;
    let largest =
        optional(options.field(c"sessions")?, |count| count.integer_in(0..=MAX_SAFE_INTEGER))?;
    Ok(largest.map(i64::unsigned_abs))
}

fn stats_object<'env>(scope: Scope<'env>, stats: &Stats) -> napi::Result<Value<'env>> {
    let number = |count: u64| scope.number(count as f64);
    let amount = |object: Value<'env>, amount: &Amount| {
        scope.add_properties(
            object,
            &[
                (c"outputs", number(amount.chunks)?),
                (c"bytes", number(amount.bytes)?),
                (c"oldest", scope.date_or_undefined(amount.oldest)?),
                (c"newest", scope.date_or_undefined(amount.newest)?),
            ],
        )
    };
    let sessions = scope.object(&[])?;
    for (status, count) in &stats.sessions {
        scope.add_properties(sessions, &[(status_name(*status), number(*count)?)])?;
    }
    let largest = scope.array_of(stats.largest.iter().map(|(id, of_it)| {
        let object = scope.object(&[(c"sessionId", scope.string(id)?)])?;
        amount(object, of_it)?;
        Ok(object)
    }))?;
    let object = scope.object(&[(c"sessions", sessions), (c"pinned", number(stats.pinned)?)])?;
    amount(object, &stats.output)?;
    scope.add_properties(
        object,
        &[
            (c"orphanedOutputs", number(stats.orphaned_chunks)?),
            (c"largest", largest),
            (c"fileBytes", number(stats.size.bytes)?),
            (c"freeBytes", number(stats.size.free_bytes)?),
            (c"walBytes", number(stats.log_bytes)?),
        ],
    )?;
    Ok(object)
}

fn status_name(status: SessionStatus) -> &'static CStr {
    match status {
        SessionStatus::Idle => c"idle",
        SessionStatus::Running => c"running",
        SessionStatus::WaitingCheckpoint => c"waiting_checkpoint",
        SessionStatus::Completed => c"completed",
        SessionStatus::Failed => c"failed",
    }
}

fn criteria(options: &Argument<'_, '_>) -> Parsed<Criteria> {
    let missing =
        || options.out_of_range("an object with olderThan, maxBytes, keepLast or orphans");
    let Some(options) = options.optional()? else {
        return Err(missing());
    };
    let options = options.object()?;
    let count =
        |value: &Argument<'_, '_>| Ok(value.integer_in(0..=MAX_SAFE_INTEGER)?.unsigned_abs());
    let flag = |name| {
        Ok::<_, super::error::Failure>(
            optional(options.field(name)?, Argument::boolean)?.unwrap_or(false),
        )
    };
    let criteria = Criteria {
        older_than: optional(options.field(c"olderThan")?, Argument::date)?,
        max_bytes: optional(options.field(c"maxBytes")?, count)?,
        keep_last: optional(options.field(c"keepLast")?, count)?
            .map(|count| usize::try_from(count).unwrap_or(usize::MAX)),
        statuses: optional(options.field(c"statuses")?, statuses)?.unwrap_or_else(|| OVER.to_vec()),
        orphans: flag(c"orphans")?,
        dry_run: flag(c"dryRun")?,
    };
    if criteria.asks_for_something() { Ok(criteria) } else { Err(missing()) }
}

fn statuses(statuses: &Argument<'_, '_>) -> Parsed<Vec<SessionStatus>> {
    let over = "one of 'idle', 'completed', 'failed'";
    if !statuses.value().is_array()? {
        return Err(statuses.wrong_type("an array"));
    }
    // Looking at each of four billion would take minutes.
    if statuses.value().array_length()? > MAX_STATUSES {
        return Err(statuses.out_of_range(format_args!("an array of at most {MAX_STATUSES}")));
    }
    (0..statuses.value().array_length()?)
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

fn report_object(scope: Scope<'_>, pruned: Pruned) -> napi::Result<Value<'_>> {
    let number = |count: u64| scope.number(count as f64);
    let sessions = scope.array_of(pruned.sessions.iter().map(|id| scope.string(id.as_bytes())))?;
    scope.object(&[
        (c"sessions", sessions),
        (c"outputs", number(pruned.chunks)?),
        (c"bytes", number(pruned.bytes)?),
        (c"fileBytesBefore", number(pruned.before.bytes)?),
        (c"fileBytes", number(pruned.after.bytes)?),
        (c"freeBytes", number(pruned.after.free_bytes)?),
        (c"givesSpaceBack", scope.boolean(pruned.gives_space_back)?),
    ])
}

/// How far the work is.
struct Step {
    progress: Progress,
    is_last: bool,
}

impl Report for Step {
    fn is_last(&self) -> bool {
        self.is_last
    }

    fn object(scope: Scope<'_>, Self { progress, .. }: Self) -> napi::Result<Value<'_>> {
        let number = |count: u64| scope.number(count as f64);
        scope.object(&[
            (c"sessions", number(progress.sessions)?),
            (c"outputs", number(progress.chunks)?),
            (c"bytes", number(progress.bytes)?),
            (c"fileBytes", number(progress.size.bytes)?),
            (c"freeBytes", number(progress.size.free_bytes)?),
        ])
    }
}
