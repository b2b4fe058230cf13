//! Every I/O error once: a workload runs again and again, with a fault at its first read, at its second, and so on;
//! then at its writes, syncs, locks and all other calls of SQLite to a file system.
//!
//! Each call of the library must succeed or fail with an error of SQLite, and read nothing wrong. Once the fault is
//! healed, everything must work, and the file must hold what was acknowledged: a change that failed is absent. In
//! `power` the power goes instead. `cargo
//! test --test faults -- --nocapture` prints how many faults were tried.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by a panic"
)]

mod behind;
mod keeping;
mod model;
mod plan;
#[allow(unsafe_code, reason = "SQLite's names of files are C strings")]
mod power;
mod redacting;
mod script;
mod sealing;
mod sweep;
#[allow(unsafe_code, reason = "a file system of SQLite's is a table of C functions")]
mod vfs;

use gsd_session_core::sqlite::{OpenOptions, Synchronous};
use gsd_session_core::store::model::SessionStatus;

use plan::{Call, Failure, Fault, Until};
use script::{Outcome, World};
use sweep::{CALLER, sweep};

const EVERY_FAILURE: &[(Call, Failure)] = &[
    (Call::Open, Failure::Io),
    (Call::Delete, Failure::Io),
    (Call::Stat, Failure::Io),
    (Call::Read, Failure::Io),
    (Call::ReadLog, Failure::Short),
    (Call::Write, Failure::Io),
    (Call::Write, Failure::Full),
    (Call::Sync, Failure::Io),
    (Call::Truncate, Failure::Io),
    (Call::Lock, Failure::Io),
    (Call::ShmMap, Failure::Io),
    (Call::ShmLock, Failure::Io),
];

const EVERY_END: &[Until] = &[Until::Once, Until::Healed, Until::Closed];

fn a_day(fault: &Fault, options: OpenOptions) -> Outcome {
    let mut world = World::new(fault, options);
    plan::arm(*fault);
    world.open(3);
    world.create("s-1", 1);
    world.create("s-2", 3);
    world.append("s-1", "one");
    world.append_many("s-1", &["two", "three", &"long ".repeat(1_000)]);
    world.update("s-1", SessionStatus::WaitingCheckpoint);
    world.append("s-2", "other");
    world.append_many("s-2", model::MANY);
    world.read();
    world.checkpoint();
    world.append("s-1", "four");
    world.close();
    world.open(3);
    world.read();
    world.delete("s-1");
    world.append("s-2", "last");
    world.read();
    world.end()
}

#[test]
fn a_day_with_a_new_file_survives_every_fault() {
    let work = |fault: &Fault| a_day(fault, OpenOptions::default());
    let tally = sweep("a new file", Some(CALLER), EVERY_END, EVERY_FAILURE, work);
    assert!(tally.points > 300);
    // Without a sync, a failed commit never turns out to be complete.
    assert_eq!(tally.whole, 0);
}

#[test]
fn a_day_with_a_sync_at_every_commit_survives_every_fault() {
    let work = |fault: &Fault| {
        a_day(fault, OpenOptions { synchronous: Synchronous::Full, ..OpenOptions::default() })
    };
    let failures = &[(Call::Sync, Failure::Io), (Call::ShmMap, Failure::Io)];
    let tally = sweep("synchronous", Some(CALLER), EVERY_END, failures, work);
    assert!(tally.points > 20);
}

#[test]
fn a_growing_index_of_the_log_survives_every_fault() {
    let work = |fault: &Fault| {
        let mut world = World::new(fault, OpenOptions::default());
        world.open(3);
        // The first part of the index has room for 4,062 pages.
        world.append("s-1", &"long ".repeat(4_000 * 4_096 / 5));
        plan::arm(*fault);
        for _ in 0..3 {
            world.append("s-1", &"short ".repeat(20_000));
        }
        world.read();
        world.end()
    };
    let failures = &[(Call::ShmMap, Failure::Io)];
    let tally = sweep("a long log", Some(CALLER), EVERY_END, failures, work);
    assert!(tally.points > 0 && tally.told > 0);
}

#[test]
fn migrating_and_widening_an_old_file_survives_every_fault() {
    let work = |fault: &Fault| {
        let mut world = World::with_plan_file(fault, OpenOptions::default());
        plan::arm(*fault);
        world.open(3);
        world.append("s-1", "one");
        world.close();
        world.open(5);
        world.create("s-5", 5);
        world.read();
        world.end()
    };
    let until = &[Until::Once, Until::Closed];
    let tally = sweep("an old file", Some(CALLER), until, EVERY_FAILURE, work);
    assert!(tally.points > 200);
}

#[test]
fn a_file_that_cannot_be_widened_is_refused_despite_any_fault() {
    let work = |fault: &Fault| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sessions.db");
        let schema = include_str!("../../crates/core/src/sqlite/migrations/0001_sessions.sql");
        let sqlite = rusqlite::Connection::open(&file).unwrap();
        sqlite.execute_batch(&schema.replace("slot IN (1, 2, 3)", "slot BETWEEN 1 AND 3")).unwrap();
        drop(sqlite);
        plan::arm(*fault);
        // Only an insert can show that the CHECK refuses slot 4. An insert that fails for another reason shows
        // nothing.
        let options = OpenOptions { slots: 4, ..OpenOptions::default() };
        model::open(&file, &options).unwrap_err();
        let struck = plan::has_struck();
        plan::heal();
        let error = model::open(&file, &options).unwrap_err();
        assert!(error.to_string().contains("an unknown form and cannot be widened"), "{error}");
        Outcome { struck, errors: struck.into(), whole: false }
    };
    let until = &[Until::Once];
    let tally = sweep("a narrow file", Some(CALLER), until, EVERY_FAILURE, work);
    assert!(tally.points > 50);
}

#[test]
fn faults_of_the_checkpointer_fail_no_call() {
    let work = |fault: &Fault| {
        // The thread has work after every eighth page.
        let options = OpenOptions { wal_limit: 16 * 4096, ..OpenOptions::default() };
        let mut world = World::new(fault, options);
        world.open(3);
        plan::arm(*fault);
        world.create("s-1", 1);
        for round in 0..3 {
            world.append("s-1", &format!("{round} ").repeat(20_000));
            world.wait_for_checkpointer();
        }
        world.read();
        world.end()
    };
    let until = &[Until::Once, Until::Closed];
    let tally = sweep("checkpointer", Some("wal-checkpointer"), until, EVERY_FAILURE, work);
    assert!(tally.points > 50);
    // No call fails because of the checkpointer.
    assert_eq!(tally.told, 0);
}

#[test]
fn commits_checkpoint_if_the_checkpointer_cannot() {
    let work = |fault: &Fault| {
        let mut world = World::new(fault, OpenOptions::default());
        world.open(3);
        plan::arm(*fault);
        for _ in 0..20 {
            world.append("s-1", &"long ".repeat(100_000));
        }
        assert!(!plan::has_struck() || world.log_frames() < 2_000);
        world.end()
    };
    let until = &[Until::Closed];
    let failures = &[(Call::Open, Failure::Io)];
    let tally = sweep("no checkpointer", Some("wal-checkpointer"), until, failures, work);
    assert!(tally.points > 0);
}

#[test]
fn pruning_backups_and_exports_survive_every_fault() {
    let tally = sweep("keeping", Some(CALLER), EVERY_END, EVERY_FAILURE, keeping::a_day);
    assert!(tally.points > 200 && tally.told > 100);
}

#[test]
fn pruning_beside_tables_of_others_survives_every_fault() {
    let work = keeping::a_day_with_tables_of_others;
    let tally = sweep("tables of others", Some(CALLER), EVERY_END, EVERY_FAILURE, work);
    assert!(tally.points > 100 && tally.told > 50);
}

#[test]
fn redaction_survives_every_fault() {
    let tally = sweep("redacting", Some(CALLER), EVERY_END, EVERY_FAILURE, redacting::a_day);
    assert!(tally.points > 100 && tally.told > 50);
}

#[test]
fn redaction_of_what_is_stored_survives_every_fault() {
    let work = redacting::a_day_afterwards;
    let tally = sweep("redacting stored", Some(CALLER), EVERY_END, EVERY_FAILURE, work);
    assert!(tally.points > 100 && tally.told > 50);
}

#[test]
fn sealing_survives_every_fault() {
    let tally = sweep("sealing", Some(CALLER), EVERY_END, EVERY_FAILURE, sealing::a_day);
    assert!(tally.points > 200 && tally.told > 100);
}

#[test]
fn bringing_sealed_sessions_back_survives_every_fault() {
    let tally = sweep("unsealing", Some(CALLER), EVERY_END, EVERY_FAILURE, sealing::a_day_back);
    assert!(tally.points > 200 && tally.told > 100);
}

#[test]
fn salvage_survives_every_fault() {
    let ends = &[Until::Once, Until::Healed];
    let work = keeping::a_day_of_salvage;
    let tally = sweep("salvage", Some(CALLER), ends, EVERY_FAILURE, work);
    assert!(tally.points > 100 && tally.told > 50);
}

#[test]
fn write_behind_survives_faults_in_its_thread() {
    let tally = sweep("writer", Some(behind::WRITER), EVERY_END, EVERY_FAILURE, behind::a_day);
    assert!(tally.points > 50 && tally.told > 50);
}

#[test]
fn write_behind_survives_faults_in_the_thread_that_appends() {
    let tally = sweep("settling", Some(CALLER), EVERY_END, EVERY_FAILURE, behind::a_day);
    assert!(tally.points > 50);
}

#[test]
fn write_behind_survives_faults_in_all_threads() {
    let failures = &[(Call::Write, Failure::Full), (Call::Sync, Failure::Io)];
    let until = &[Until::Once, Until::Closed];
    let tally = sweep("everybody", None, until, failures, behind::a_day);
    assert!(tally.points > 50);
}

#[test]
fn write_behind_without_room_survives_faults() {
    let failures =
        &[(Call::Write, Failure::Full), (Call::Sync, Failure::Io), (Call::ShmLock, Failure::Io)];
    let until = &[Until::Once, Until::Closed];
    for thread in [CALLER, behind::WRITER] {
        let tally = sweep("crowded", Some(thread), until, failures, behind::a_crowded_day);
        assert!(tally.points > 20);
    }
}

#[test]
fn write_behind_reports_a_lasting_fault_once() {
    let failures = &[(Call::Write, Failure::Full), (Call::Sync, Failure::Io)];
    let until = &[Until::Healed];
    // Every outcome asserts that the error is reported once.
    sweep("busy", Some(behind::WRITER), until, failures, behind::a_busy_day);
}
