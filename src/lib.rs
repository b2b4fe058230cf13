//! `@gsd/session-store`: what coding sessions did, kept in an embedded SQLite file.
//!
//! A session has metadata (its slot, status, command, process) and output (every chunk that its
//! terminal printed). The crate keeps both, and hands them to JavaScript as three classes.
//!
//! Three floors, one direction:
//!
//! - [`node`] is the face: one file per JavaScript class. A method parses its arguments, calls the
//!   store, and converts the result. Only this floor knows Node-API.
//! - [`store`] is the product in plain Rust: sessions, outputs, and the values they are made of.
//! - [`sqlite`] is SQLite as an engine: opening, pragmas, schema, migrations, errors.
//!
//! An upper floor uses the lower ones, never the other way round, and two stores never use each
//! other. `docs/design.md` tells why things are as they are.

pub mod node;
pub mod sqlite;
pub mod store;
