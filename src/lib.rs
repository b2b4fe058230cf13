//! `@gsd/session-store`: what coding sessions did, kept in an embedded SQLite file, as JavaScript sees it.
//!
//! This crate is the face in Rust: it parses arguments, calls [`gsd_session_core`], and converts results. Only it
//! knows Node-API. The classes that people use are in `lib/`, and call the functions in the tables called `NATIVES`.
//! `docs/design.md` tells why things are as they are.

mod background;
mod beside;
mod blocks;
mod connection;
mod convert;
mod database;
mod environment;
mod error;
mod exit;
mod export;
mod follow;
#[allow(unsafe_code, reason = "Node-API is a C interface")]
mod js;
mod load;
mod maintenance;
mod natives;
mod output_store;
#[allow(unsafe_code, reason = "napi-rs takes a function by an unsafe call")]
mod progress;
mod recording;
mod redact;
mod retention;
mod rows;
mod sealing;
mod search;
mod session_store;
mod statement;
mod terminal;
#[allow(unsafe_code, reason = "napi-rs takes a function by an unsafe call")]
mod write_behind;
