//! What `lib/redact.js` calls.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use gsd_session_core::store::outputs::Outputs;
use gsd_session_core::store::redact::{self as secrets, Literal, Redact, Rule};
use gsd_session_core::store::redacted::{self, At, Place, Progress, Redacted, Search};
use gsd_session_core::store::redaction::{Found, Redaction};
use napi::ValueType;

use crate::beside::{Numbers, beside};
use crate::convert::{Argument, optional};
use crate::error::{Failure, Parsed};
use crate::js::{Scope, Value};
use crate::natives::{Answer, Call, Native, connection, done, natives};
use crate::retention::counts;

/// The functions.
pub const NATIVES: &[Native] = natives! {
    "redact": redactor, redact, delay, found;
    "OutputStore": release, holds;
    "DatabaseConnection.redact": redact_stored;
};

/// How long the possible start of a secret is held back at most, in milliseconds.
const MAX_DELAY: i64 = 20;

/// The longest such time that anybody should let readers wait.
const LONGEST_DELAY: i64 = 10_000;

/// whether our rules are among them, the name and the pattern of each rule and whether case matters, the name and the value of
/// each secret, the marker, milliseconds, the call and the options that messages name -> what secrets look like
fn redactor<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let name = call.get(5)?.string()?;
    let redact = redact_by(call).map_err(|failure| Failure::Of(name, Box::new(failure)))?;
    Ok(call.scope().external(redact)?)
}

fn redact_by(call: Call<'_, '_>) -> Parsed<Redact> {
    let options = call.get(6)?.string()?;
    let [marker, max_delay] = match options.as_str() {
        "options" => ["options.marker", "options.maxDelay"],
        _ => ["options.redact.marker", "options.redact.maxDelay"],
    };
    // It is checked by then.
    let builtin = call.get(0)?.boolean()?;
    let rules = call.get(1)?;
    let rules = (0..rules.array_length()? / 3).map(|at| {
        Parsed::Ok(Rule {
            name: rules.element(at * 3)?.string()?,
            pattern: rules.element(at * 3 + 1)?.string()?,
            ignores_case: rules.element(at * 3 + 2)?.boolean()?,
        })
    });
    let rules = rules.collect::<Parsed<Vec<_>>>()?;
    let literals = call.get(2)?;
    let literals = (0..literals.array_length()? / 2).map(|at| {
        let (name, value) = (literals.element(at * 2)?, literals.element(at * 2 + 1)?);
        Parsed::Ok(Literal { name: name.string()?, value: value.string()? })
    });
    let literals = literals.collect::<Parsed<Vec<_>>>()?;
    let marker = optional(Argument::new(marker, call.get(3)?), Argument::string)?;
    let delay = optional(Argument::new(max_delay, call.get(4)?), |delay| {
        delay.integer_in(1..=LONGEST_DELAY)
    })?;
    let redactor = secrets::redactor(&options, builtin, &rules, &literals, marker.as_deref())?;
    let max_delay = Duration::from_millis(delay.unwrap_or(MAX_DELAY).unsigned_abs());
    Ok(Redact { redactor, max_delay })
}

/// What `redactor` gave, if anything.
pub fn redact_of(value: Value<'_>) -> Parsed<Option<Redact>> {
    Ok(match value.kind()? {
        ValueType::Undefined => None,
        _ => Some(value.external::<Redact>()?.clone()),
    })
}

/// A redaction of what `redactor` gave, if anything; with a second value that is true, one that tells what it finds.
pub fn redaction_of(value: Value<'_>, tells: Value<'_>) -> Parsed<Option<Rc<Redaction>>> {
    let Some(redact) = redact_of(value)? else { return Ok(None) };
    Ok(Some(Rc::new(Redaction::new(redact, tells.boolean()?))))
}

/// the connection, what secrets look like, whether somebody wants to hear of them: all of its stores replace them
fn redact<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    if let Some(redaction) = redaction_of(call.get(1)?, call.get(2)?)? {
        redaction.serve(connection(call)?);
    }
    done(call)
}

fn outputs<'env>(call: Call<'_, 'env>) -> Parsed<&'env Outputs> {
    Ok(call.native()?)
}

/// the store -> how many milliseconds it holds back what may be a secret, if it does
fn delay<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    match outputs(call)?.redaction() {
        Some(redaction) => {
            Ok(call.scope().number(redaction.redact().max_delay.as_millis() as f64)?)
        }
        None => done(call),
    }
}

/// the store -> what was found since the last call: the session, the stream, if it is one, the rule and the length of each
fn found<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let found = outputs(call)?.redaction().map(|redaction| redaction.found());
    let Some(found) = found.filter(|found| !found.is_empty()) else { return done(call) };
    let scope = call.scope();
    let parts = found.iter().flat_map(|Found { session_id, kind, finding }| {
        [
            scope.string(session_id.as_bytes()),
            match kind {
                Some(kind) => scope.string(kind.as_str().as_bytes()),
                None => scope.undefined(),
            },
            scope.string(finding.rule.as_bytes()),
            scope.number(finding.length as f64),
        ]
    });
    Ok(scope.array_of(parts.collect::<Vec<_>>())?)
}

/// the store: what its connection holds back is stored
fn release<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    outputs(call)?.connection().release_held()?;
    done(call)
}

/// the store -> whether its connection holds anything back
fn holds<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    Ok(call.scope().boolean(outputs(call)?.connection().is_holding())?)
}

/// What replaces secrets in a recording: by what `redactor` gave, or as the connection does.
pub fn redact_for(value: Value<'_>, of_connection: Option<&Outputs>) -> Parsed<Option<Redact>> {
    let of_connection = of_connection.and_then(Outputs::redaction);
    Ok(redact_of(value)?.or_else(|| of_connection.map(|redaction| redaction.redact().clone())))
}

/// the connection, [what secrets look like, sessionId, since, dryRun, who is told] -> a promise of what `redacted_parts` gives
fn redact_stored<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let [redactor, session_id, since, dry_run, tell] = call.array(1)?;
    let search = Search {
        redactor: Arc::clone(&redactor.external::<Redact>()?.redactor),
        session_id: optional(Argument::new("options.sessionId", session_id), Argument::string)?,
        since: optional(Argument::new("options.since", since), Argument::date)?,
        dry_run: optional(Argument::new("options.dryRun", dry_run), Argument::boolean)?
            .unwrap_or(false),
    };
    let last = |redacted: &Redacted| redacted.progress;
    beside(call, tell, !search.dry_run, redacted_parts, last, move |sqlite, owed, tell| {
        redacted::redact(sqlite, &search, owed, tell)
    })
}

/// sessions, changed chunks, rules and their counts, of each place the session, the stream or nothing, the cursor or the field,
/// the rule and the length
fn redacted_parts(scope: Scope<'_>, redacted: Redacted) -> napi::Result<Value<'_>> {
    let Redacted { progress, changed, counts: by_rule, places } = &redacted;
    let places = places.iter().flat_map(|Place { session_id, at, finding }| {
        let (kind, place) = match at {
            At::Output(kind, cursor) => {
                (scope.string(kind.as_str().as_bytes()), scope.number(*cursor as f64))
            }
            At::Field(name) => (scope.undefined(), scope.string(name.as_bytes())),
        };
        let finding = [scope.string(finding.rule.as_bytes()), scope.number(finding.length as f64)];
        [scope.string(session_id), kind, place].into_iter().chain(finding)
    });
    scope.array_of([
        scope.number(progress.sessions as f64),
        scope.number(*changed as f64),
        counts(scope, by_rule),
        scope.array_of(places.collect::<Vec<_>>()),
    ])
}

impl Numbers for Progress {
    fn numbers(&self) -> Vec<f64> {
        let Self { sessions, total_sessions, outputs, found } = *self;
        [sessions, total_sessions, outputs, found].map(|count| count as f64).into()
    }
}
