//! Secrets: found and replaced before anything of them is queued or written, or in what is stored already.
//!
//! [`Redactor`] knows what secrets look like; a [`Scanner`] finds them in a stream of bytes, wherever that is cut; a [`Stream`] is the
//! output of one session, of which it holds back what may be the start of a secret.

mod redactor;
mod rules;
mod scanner;
mod stream;

pub use self::redactor::{Literal, Redactor, Rule};
pub use self::scanner::Finding;
pub use self::stream::{Stream, clean};

#[cfg(test)]
mod tests;
