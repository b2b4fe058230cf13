//! What coding sessions did, kept in an embedded SQLite file: the product in plain Rust, without Node-API.
//!
//! Two floors, one direction:
//!
//! - [`store`] is the product: sessions, outputs, and the values they are made of.
//! - [`sqlite`] is SQLite as an engine: opening, pragmas, schema, migrations, errors.
//!
//! `store` uses `sqlite`, never the other way round, and two stores never use each other.
//! `docs/design.md` tells why things are as they are.

pub mod sqlite;
pub mod store;
