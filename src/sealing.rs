//! What `lib/sealing.js` calls.

use gsd_session_core::store::sealing::{self, Criteria, Progress, Sealed};

use crate::beside::{Numbers, beside};
use crate::convert::{Argument, MAX_SAFE_INTEGER, optional};
use crate::error::Parsed;
use crate::js::{Scope, Value};
use crate::natives::{Answer, Call, Native, connection, done, natives};

/// The functions.
pub const NATIVES: &[Native] = natives! {
    "DatabaseConnection": seal_everything;
    "DatabaseConnection.seal": seal;
    "DatabaseConnection.unseal": unseal;
};

/// No more ids than this: looking at each of four billion would take minutes.
const MAX_IDS: u32 = 1_000_000;

/// Bytes of text of the blocks in which tests seal: sessions of tests with some output have several then.
const SMALL: usize = 8 << 10;

/// the connection, [olderThan, sessionIds, keepLast, force, dryRun, who is told] -> a promise of what `sealed` gives
fn seal<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let [older_than, session_ids, keep_last, force, dry_run, tell] = call.array(1)?;
    let flag = |name, value| {
        Parsed::Ok(optional(Argument::new(name, value), Argument::boolean)?.unwrap_or(false))
    };
    let keep_last = optional(Argument::new("options.keepLast", keep_last), |count| {
        Ok(usize::try_from(count.integer_in(0..=MAX_SAFE_INTEGER)?).unwrap_or(usize::MAX))
    })?;
    let criteria = Criteria {
        older_than: optional(Argument::new("options.olderThan", older_than), Argument::date)?,
        session_ids: optional(Argument::new("options.sessionIds", session_ids), ids)?,
        keep_last,
        force: flag("options.force", force)?,
        dry_run: flag("options.dryRun", dry_run)?,
    };
    beside(call, tell, !criteria.dry_run, sealed, Sealed::progress, move |sqlite, owed, tell| {
        sealing::seal(sqlite, &criteria, owed, tell)
    })
}

/// the connection, [sessionIds, who is told] -> a promise of what `sealed` gives
fn unseal<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let [session_ids, tell] = call.array(1)?;
    let session_ids = optional(Argument::new("options.sessionIds", session_ids), ids)?;
    beside(call, tell, true, sealed, Sealed::progress, move |sqlite, owed, tell| {
        sealing::unseal(sqlite, session_ids.as_deref(), owed, tell)
    })
}

/// the connection: seals all output before it returns. Tests see by it that readers do not care.
fn seal_everything<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let sqlite = connection(call)?.settled()?;
    sealing::seal_everything(&sqlite, SMALL)?;
    done(call)
}

fn ids(ids: &Argument<'_, '_>) -> Parsed<Vec<String>> {
    if !ids.value().is_array()? {
        return Err(ids.wrong_type("an array of strings"));
    }
    let length = ids.value().array_length()?;
    if length > MAX_IDS {
        return Err(ids.out_of_range(format_args!("an array of at most {MAX_IDS}")));
    }
    (0..length).map(|at| ids.element(at)?.string()).collect()
}

/// ids, ids and reasons of those that are kept, outputs, bytes, fileBytesBefore, fileBytes
fn sealed(scope: Scope<'_>, sealed: Sealed) -> napi::Result<Value<'_>> {
    let number = |count: u64| scope.number(count as f64);
    let kept = sealed.kept.iter().flat_map(|kept| [&kept.id, &kept.reason]);
    scope.array_of([
        scope.array_of(sealed.sessions.iter().map(|id| scope.string(id.as_bytes()))),
        scope.array_of(kept.map(|text| scope.string(text.as_bytes()))),
        number(sealed.outputs),
        number(sealed.bytes),
        number(sealed.before.bytes),
        number(sealed.after.bytes),
    ])
}

impl Numbers for Progress {
    fn numbers(&self) -> Vec<f64> {
        let Self { sessions, outputs, bytes, size } = self;
        [*sessions, *outputs, *bytes, size.bytes].map(|count| count as f64).into()
    }
}
