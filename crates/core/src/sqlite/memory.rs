//! Counts the memory that SQLite takes on each thread, and bounds it.
//!
//! SQLite has a limit of its own, but only for all connections of the process together, and with a lock for every
//! allocation. Here its allocator is wrapped, and each thread has its own count.

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::sync::OnceLock;

use rusqlite::ffi::{self, sqlite3_mem_methods};

/// The bytes of a thread without a bound. Half of the range, so that freed bytes fit as well.
const UNBOUNDED: i64 = i64::MAX / 2;

/// What SQLite may take on a thread. Both are in one place, because finding it costs more than counting.
struct Account {
    /// Bytes that are left.
    left: Cell<i64>,
    /// Whether an allocation was refused.
    refused: Cell<bool>,
}

thread_local! {
    static ACCOUNT: Account =
        const { Account { left: Cell::new(UNBOUNDED), refused: Cell::new(false) } };
}

/// The functions of SQLite's own allocator that are wrapped.
struct Own {
    malloc: unsafe extern "C" fn(c_int) -> *mut c_void,
    free: unsafe extern "C" fn(*mut c_void),
    realloc: unsafe extern "C" fn(*mut c_void, c_int) -> *mut c_void,
    size: unsafe extern "C" fn(*mut c_void) -> c_int,
}

/// `None` if SQLite had already started and could not be wrapped: then nothing is bounded.
static OWN: OnceLock<Option<Own>> = OnceLock::new();

/// Wraps SQLite's allocator, once, before the first connection of the process.
pub(super) fn install() {
    OWN.get_or_init(|| {
        let mut methods = MaybeUninit::<sqlite3_mem_methods>::zeroed();
        // SAFETY: SQLite fills in the table, all of whose fields may be zero; no other thread gets here.
        let mut methods = unsafe {
            if ffi::sqlite3_config(ffi::SQLITE_CONFIG_GETMALLOC, methods.as_mut_ptr())
                != ffi::SQLITE_OK
            {
                return None;
            }
            methods.assume_init()
        };
        let own = Own {
            malloc: methods.xMalloc?,
            free: methods.xFree?,
            realloc: methods.xRealloc?,
            size: methods.xSize?,
        };
        methods.xMalloc = Some(malloc);
        methods.xFree = Some(free);
        methods.xRealloc = Some(realloc);
        // SAFETY: the functions keep the contract of those that they wrap. SQLite copies the table, and refuses it
        // once it has begun to work.
        let set = unsafe { ffi::sqlite3_config(ffi::SQLITE_CONFIG_MALLOC, &raw mut methods) };
        (set == ffi::SQLITE_OK).then_some(own)
    });
}

/// Runs `work`. Meanwhile SQLite gets at most `bytes` more memory on this thread; beyond that, allocations fail.
pub(super) fn bounded<T>(bytes: u64, work: impl FnOnce() -> T) -> T {
    /// Restores the previous bound, however `work` ends.
    struct Before(i64);
    impl Drop for Before {
        fn drop(&mut self) {
            ACCOUNT.with(|account| account.left.set(self.0));
        }
    }
    let bytes = i64::try_from(bytes).unwrap_or(UNBOUNDED);
    let _before = ACCOUNT.with(|account| {
        account.refused.set(false);
        Before(account.left.replace(account.left.get().min(bytes)))
    });
    work()
}

/// Whether the last [`bounded`] work of this thread reached its bound.
pub(super) fn was_refused() -> bool {
    ACCOUNT.with(|account| account.refused.get())
}

/// Takes bytes from those that are left. Returns whether there were enough.
fn take(bytes: i64) -> bool {
    ACCOUNT.with(|account| {
        let left = account.left.get().wrapping_sub(bytes);
        let refused = left < 0 && bytes > 0;
        if refused {
            account.refused.set(true);
        } else {
            account.left.set(left);
        }
        !refused
    })
}

fn give_back(bytes: c_int) {
    ACCOUNT.with(|account| {
        // Bounded, because frees of another thread's memory would add up.
        let left = account.left.get().saturating_add(bytes.into());
        account.left.set(left.min(UNBOUNDED));
    });
}

unsafe extern "C" fn malloc(bytes: c_int) -> *mut c_void {
    match OWN.get() {
        // SAFETY: the request of SQLite is passed on.
        Some(Some(own)) if take(bytes.into()) => unsafe { (own.malloc)(bytes) },
        _ => std::ptr::null_mut(),
    }
}

unsafe extern "C" fn free(memory: *mut c_void) {
    let Some(Some(own)) = OWN.get() else {
        return;
    };
    // SAFETY: SQLite gives back what `malloc` or `realloc` gave it, and never NULL.
    unsafe {
        give_back((own.size)(memory));
        (own.free)(memory);
    }
}

unsafe extern "C" fn realloc(memory: *mut c_void, bytes: c_int) -> *mut c_void {
    let Some(Some(own)) = OWN.get() else {
        return std::ptr::null_mut();
    };
    // SAFETY: as for `free`; if it fails, the memory stays unchanged.
    let before = unsafe { (own.size)(memory) };
    if !take(i64::from(bytes) - i64::from(before)) {
        return std::ptr::null_mut();
    }
    // SAFETY: as above.
    unsafe { (own.realloc)(memory, bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inner_bound_cannot_exceed_the_outer_one_and_a_bound_ends_with_its_work() {
        bounded(1_000, || {
            assert!(take(600));
            assert!(!take(600) && was_refused());
            bounded(5_000, || assert!(!take(600)));
            give_back(600);
            assert!(take(600));
        });
        assert!(take(1 << 40));
        give_back(1 << 30);
        assert!(!bounded(10, was_refused));
    }
}
