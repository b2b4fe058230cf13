//! The end of a process below JavaScript.

#[cfg(unix)]
use std::ffi::c_int;
#[cfg(unix)]
use std::panic::catch_unwind;
#[cfg(unix)]
use std::sync::OnceLock;

/// The work to do at the end.
#[cfg(unix)]
static WORK: OnceLock<fn()> = OnceLock::new();

#[cfg(unix)]
unsafe extern "C" {
    fn atexit(callback: extern "C" fn()) -> c_int;
}

#[cfg(unix)]
extern "C" fn work() {
    // Nobody is left to tell.
    let _: Result<(), _> = catch_unwind(|| WORK.get().copied().unwrap_or(|| ())());
}

/// Has `at_end` called by C's `exit()`, on the thread that calls that, once all JavaScript has run. Values of
/// `thread_local!` that have a destructor are gone by then. The library has to stay loaded.
///
/// Windows ends other threads first, which may hold a lock that the work would wait for; nothing is called there.
pub fn at_exit(at_end: fn()) {
    #[cfg(unix)]
    WORK.get_or_init(|| {
        // SAFETY: the callback unwinds into nothing, and lies in a library that stays loaded. Where it is
        // refused, for want of memory, the listener of JavaScript remains.
        unsafe { atexit(work) };
        at_end
    });
    #[cfg(not(unix))]
    let _ = at_end;
}
