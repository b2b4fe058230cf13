//! SQLite as an engine: opening files, pragmas, schema, migrations and errors.

mod attached;
mod backup;
mod checkpointer;
mod code;
#[allow(unsafe_code, reason = "the owner of the process is asked for by a C call")]
mod companions;
#[allow(unsafe_code, reason = "SQLite's settings of a connection are C calls")]
mod connect;
mod connection;
mod definition;
mod error;
mod exceeded;
mod files;
mod fingerprint;
mod governor;
#[allow(unsafe_code, reason = "rusqlite's authorizer panics where a name is no UTF-8")]
mod guard;
#[allow(unsafe_code, reason = "SQLite's progress handler is a C callback")]
mod limits;
#[allow(unsafe_code, reason = "the state of the log is asked for by C calls")]
mod log;
#[allow(unsafe_code, reason = "SQLite's allocator is wrapped")]
mod memory;
mod migrations;
mod new_file;
mod open;
mod options;
mod ours;
#[allow(unsafe_code, reason = "SQLite tells the system's error by a C call")]
mod places;
mod pragma;
mod presence;
mod refused;
mod remedies;
mod replacement;
mod restore;
mod salvage;
mod schema;
mod scrub;
mod siblings;
mod slots;
mod temporary;
mod transaction;
#[allow(unsafe_code, reason = "SQLite's busy handler is a C callback")]
mod turns;
mod vacuum;
mod verify;
#[allow(unsafe_code, reason = "a file system of SQLite is a table of C functions")]
mod vfs;

pub use backup::{Progress, Source};
pub use checkpointer::Blocker;
pub use companions::Exposure;
pub use connection::{Column, Connection, Row, Statement, WalStatus};
pub use error::{Error, Result, reserve};
pub use options::{Extension, Location, OpenOptions, Synchronous};
pub use rusqlite::types::ValueRef;
pub use scrub::{Owed, Progress as ScrubProgress};
pub use vacuum::Size;

pub(crate) use attached::{
    Firing, ForeignKey, OnDelete, enforces_foreign_keys, firing, foreign_keys,
};
pub(crate) use connection::{Compiled, Deferred, Held};
pub(crate) use definition::{Tried, empty_copy, try_out};
pub(crate) use files::is_part_of;
pub use fingerprint::can_watch;
pub(crate) use fingerprint::{fingerprint, hash};
pub(crate) use limits::{prepare, write, write_bound, write_many};
pub(crate) use migrations::{add_sealed, drop_sealed, has_object, start};
pub(crate) use new_file::NewFile;
pub(crate) use open::{open_sibling, read_only};
pub(crate) use presence::REPLACED;
pub(crate) use replacement::Replacement;
pub(crate) use salvage::{Definition, Entry, Field, Pages, Trees, definitions};
pub(crate) use schema::columns;
pub(crate) use scrub::{Watch, scrub_everything};
pub(crate) use siblings::Siblings;
pub(crate) use transaction::{atomically, snapshot};
pub(crate) use turns::wait_at_most;
pub(crate) use vacuum::{
    checkpoint_all, cut_off_log, defer_checkpoints, gives_space_back, restart_if_long, size,
    vacuum_slice,
};
pub(crate) use verify::{Findings, check_integrity, compare_schema, in_one_state, schema_version};

/// The oldest SQLite that may be linked: versions before it can corrupt a file when a WAL is reset.
pub(crate) const MINIMUM_SQLITE: i32 = 3_051_003;

#[cfg(test)]
mod tests {
    #[test]
    fn the_bundled_sqlite_has_the_wal_reset_fix() {
        assert!(rusqlite::version_number() >= super::MINIMUM_SQLITE);
    }
}
