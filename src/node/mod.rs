//! The face: one file per JavaScript class, and what converts between JavaScript and the model.

pub mod connection;
mod convert;
mod database;
pub mod environment;
pub mod error;
pub mod exports;
mod js;
pub mod output_store;
mod rows;
pub mod session_store;
mod statement;
mod write_behind;
