//! Secrets: found and replaced before anything of them is queued or written, or in what is stored already.
//!
//! [`Redactor`] knows what secrets look like; a `Scanner` finds them in a stream of bytes, wherever that is cut; a [`Stream`] is the
//! output of one session, of which it holds back what may be the start of a secret.

mod chunks;
mod pairs;
mod redactor;
mod rules;
mod scanner;
mod stream;

use std::sync::Arc;
use std::time::Duration;

pub(super) use self::chunks::{Chunks, Known};
pub use self::redactor::{Literal, Redactor, Rule};
pub use self::scanner::Finding;
pub use self::stream::{Stream, clean};
use super::model::{Change, NewSession, SessionUpdate};
use super::{Error, Result};

/// How secrets are replaced.
#[derive(Debug, Clone)]
pub struct Redact {
    /// What is looked for.
    pub redactor: Arc<Redactor>,
    /// How long the possible start of a secret is held back at most. Somebody else looks at the clock.
    pub max_delay: Duration,
}

/// A redactor with our rules, if `builtin` says so, and these. The marker is `[REDACTED:…]` with the name of the rule, or a text in
/// which `{rule}` stands for that. Errors name what is wrong as a part of `field`.
///
/// # Errors
///
/// [`Error::OutOfRange`] for a name, a pattern or a value that cannot be used, and for a marker that looks like a secret: it would
/// be replaced again and again.
pub fn redactor(
    field: &str,
    builtin: bool,
    rules: &[Rule],
    literals: &[Literal],
    marker: Option<&str>,
) -> Result<Arc<Redactor>> {
    let redactor = Arc::new(Redactor::new(field, builtin, rules, literals, marker)?);
    for marker in redactor.markers() {
        if !clean(&redactor, marker).1.is_empty() {
            return Err(Error::OutOfRange {
                field: format!("{field}.marker").into(),
                expected: "a text in which no rule and no value finds a secret".into(),
                received: format!("{marker:?}"),
            });
        }
    }
    Ok(redactor)
}

impl Redactor {
    /// Replaces the secrets in the fields of a new session. Returns what was found.
    pub fn clean_session(self: &Arc<Self>, session: &mut NewSession) -> Vec<Finding> {
        let NewSession { working_dir, current_command, details, .. } = session;
        let texts = [current_command, &mut details.title, &mut details.error];
        self.clean_all([working_dir].into_iter().chain(texts.into_iter().flatten()))
    }

    /// Replaces the secrets in new values of a session's fields. Returns what was found.
    pub(super) fn clean_update(self: &Arc<Self>, update: &mut SessionUpdate) -> Vec<Finding> {
        let SessionUpdate { current_command, details, .. } = update;
        let texts = [current_command, &mut details.title, &mut details.error];
        let set = texts.into_iter().filter_map(|text| match text {
            Change::Set(text) => Some(text),
            _ => None,
        });
        self.clean_all(set)
    }

    fn clean_all<'a>(
        self: &Arc<Self>,
        texts: impl Iterator<Item = &'a mut String>,
    ) -> Vec<Finding> {
        let mut all = Vec::new();
        for text in texts {
            let (cleaned, found) = clean(self, text);
            if !found.is_empty() {
                *text = cleaned.into_owned();
                all.extend(found);
            }
        }
        all
    }
}

#[cfg(test)]
mod tests;
