//! Runs a workload once for every fault.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use super::plan::{self, Call, Failure, Fault, Until};
use super::script::Outcome;
use super::vfs;

/// After this time a run counts as hanging; usually it takes milliseconds.
const WATCHDOG: Duration = Duration::from_secs(120);

/// The thread that calls the library.
pub const CALLER: &str = "caller";

/// The results of the faults of a workload.
#[derive(Debug, Default)]
pub struct Tally {
    /// Runs in which a call failed.
    pub points: u32,
    /// Runs in which the library reported it.
    pub told: u32,
    /// Runs in which a failed change turned out to be complete.
    pub whole: u32,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:5} faults, {:5} of them told, {:3} whole", self.points, self.told, self.whole)
    }
}

/// Until the result is dropped, no other test has the file system: there is one.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    vfs::register();
    alone
}

/// Runs `work` with a fault at the first call, at the second, and so on, until `work` ends before the fault. A
/// lasting fault starts at every fourth call.
pub fn sweep(
    name: &str,
    thread: Option<&'static str>,
    until: &[Until],
    failures: &[(Call, Failure)],
    work: fn(&Fault) -> Outcome,
) -> Tally {
    let _alone = alone();
    let mut all = Tally::default();
    for &(call, failure) in failures {
        let mut tally = Tally::default();
        for &until in until {
            // A lasting fault hits the next calls as well.
            let step = if until == Until::Once { 1 } else { 4 };
            for nth in (1..).step_by(step) {
                let outcome = run(Fault { call, failure, until, thread, nth }, work);
                if !outcome.struck {
                    assert_eq!(outcome.errors, 0);
                    break;
                }
                tally.points += 1;
                tally.told += u32::from(outcome.errors > 0);
                tally.whole += u32::from(outcome.whole);
            }
        }
        println!("{name:14} {call:9?} {failure:6?} {tally}");
        all.points += tally.points;
        all.told += tally.told;
        all.whole += tally.whole;
    }
    println!("{name:14} {:16} {all}", "in all");
    all
}

/// Runs `work` in a thread of its own, armed with the fault.
fn run(fault: Fault, work: fn(&Fault) -> Outcome) -> Outcome {
    // A failed run may have left its fault.
    plan::heal();
    let (done, ended) = mpsc::channel();
    let caller = thread::Builder::new().name(CALLER.into());
    let caller = caller.spawn(move || done.send(work(&fault)).unwrap()).unwrap();
    match ended.recv_timeout(WATCHDOG) {
        Ok(outcome) => {
            caller.join().unwrap();
            outcome
        }
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("hangs with {fault:?}"),
        Err(mpsc::RecvTimeoutError::Disconnected) => panic!("fails with {fault:?}; see above"),
    }
}
