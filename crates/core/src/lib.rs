//! The product in plain Rust, without Node-API: coding sessions and their output, kept in an embedded SQLite file.
//!
//! Two floors, one direction:
//!
//! - [`store`] is the product: sessions, their output, and the values they are made of.
//! - [`sqlite`] is SQLite as an engine: opening, pragmas, schema, migrations, errors.
//!
//! `store` uses `sqlite`, never the other way round, and two stores never use each other. `docs/design.md` tells why
//! things are as they are.

#![warn(unreachable_pub)]

#[cfg(test)]
mod random;
pub mod sqlite;
pub mod store;
