//! `@gsd/session-store`: what coding sessions did, kept in an embedded SQLite file, as JavaScript sees it.
//!
//! This crate is the face: it parses arguments, calls [`gsd_session_core`], and converts results. Only it knows
//! Node-API. `docs/design.md` tells why things are as they are.

mod background;
pub mod connection;
mod convert;
mod database;
pub mod environment;
pub mod error;
mod exit;
mod export;
pub mod exports;
mod follow;
mod js;
pub mod maintenance;
pub mod output_store;
mod progress;
pub mod retention;
mod rows;
mod search;
pub mod session_store;
mod statement;
mod warnings;
mod write_behind;
