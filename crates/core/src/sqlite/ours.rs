//! Statements of ours on a connection that is guarded: they may do anything.

use std::cell::Cell;

thread_local! {
    // A connection stays on one thread during a call.
    static MEANT: Cell<bool> = const { Cell::new(false) };
}

/// Whether the statements that are prepared now are ours.
pub(super) fn are_meant() -> bool {
    MEANT.get()
}

/// Runs `work`, whose statements are ours.
pub(super) fn run<T>(work: impl FnOnce() -> T) -> T {
    /// Ends that, however `work` ends.
    struct Before(bool);
    impl Drop for Before {
        fn drop(&mut self) {
            MEANT.set(self.0);
        }
    }
    let _before = Before(MEANT.replace(true));
    work()
}
