//! What is printed: one thread looks at every source, so that pieces come in the order of their arrival.

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::stdio::{stderr, stdout};

use super::Shared;
use crate::{Event, Stream};

/// How long a process that was left behind may be quiet before nobody listens to it any more.
const QUIET: Duration = Duration::from_secs(1);

/// Bytes that are passed at once, at most.
const PIECE: usize = 64 << 10;

/// Bytes that a pipe takes without waiting once it has room.
const ROOM: usize = 4 << 10;

/// Where output comes from.
pub(super) struct Source {
    pub(super) fd: std::sync::Arc<OwnedFd>,
    pub(super) stream: Stream,
}

/// Takes output until the command is over and nothing more comes.
pub(super) fn take(
    mut sources: Vec<Source>,
    woken: &OwnedFd,
    shared: &Shared,
    mut pass_on: bool,
    sink: &mut impl FnMut(Event<'_>),
) {
    for Source { fd, .. } in &sources {
        let _ = rustix::io::ioctl_fionbio(&**fd, true);
    }
    let mut piece = vec![0; PIECE];
    let mut quiet_since = Instant::now();
    loop {
        let is_over = shared.is_over.load(Ordering::SeqCst);
        let is_abandoned = is_over && shared.is_abandoned.load(Ordering::SeqCst);
        if is_abandoned || (is_over && (sources.is_empty() || quiet_since.elapsed() >= QUIET)) {
            break;
        }
        let mut fds = vec![PollFd::new(woken, PollFlags::IN)];
        fds.extend(sources.iter().map(|source| PollFd::new(&*source.fd, PollFlags::IN)));
        let left = is_over.then(|| QUIET.saturating_sub(quiet_since.elapsed()));
        let left = left.map(|left| Timespec {
            tv_sec: left.as_secs().try_into().unwrap_or(1),
            tv_nsec: left.subsec_nanos().into(),
        });
        match poll(&mut fds, left.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => break,
        }
        let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        drop(fds);
        let [is_woken, ready @ ..] = &ready[..] else { break };
        if *is_woken {
            let _ = rustix::io::read(woken, piece.get_mut(..ROOM).unwrap_or_default());
            if !is_over {
                // What is left to be read is read from now on.
                quiet_since = Instant::now();
            }
        }
        let mut ready = ready.iter();
        sources.retain(|source| {
            if ready.next() != Some(&true) {
                return true;
            }
            let (length, is_open) = read(source, &mut piece);
            let Some(bytes) = piece.get(..length).filter(|bytes| !bytes.is_empty()) else {
                return is_open;
            };
            quiet_since = Instant::now();
            let target = match source.stream {
                Stream::Output => stdout(),
                Stream::Error => stderr(),
            };
            let is_read = !pass_on || write(target, bytes, woken, shared);
            sink(Event::Output(source.stream, bytes));
            if !is_read {
                // A command that prints into a pipe hears of it, as it would without the one between.
                pass_on = false;
                return is_open && source.is_terminal();
            }
            is_open
        });
    }
}

impl Source {
    fn is_terminal(&self) -> bool {
        rustix::termios::isatty(&*self.fd)
    }
}

/// Reads what there is. Returns its length, and whether more may come.
fn read(source: &Source, piece: &mut [u8]) -> (usize, bool) {
    let mut length = 0;
    while let Some(room) = piece.get_mut(length..).filter(|room| !room.is_empty()) {
        match rustix::io::read(&*source.fd, room) {
            Ok(0) => return (length, false),
            Ok(read) => length += read,
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => break,
            // A terminal that nobody has open any more fails.
            Err(_) => return (length, false),
        }
    }
    (length, true)
}

/// Writes bytes, and waits until they are taken. `false` where nobody reads, or nobody waits for it any more.
fn write(target: BorrowedFd<'_>, mut bytes: &[u8], woken: &OwnedFd, shared: &Shared) -> bool {
    let mut drained = [0; 64];
    while !bytes.is_empty() {
        if shared.is_abandoned.load(Ordering::SeqCst) {
            return false;
        }
        let target = target.as_fd();
        let mut fds =
            [PollFd::from_borrowed_fd(target, PollFlags::OUT), PollFd::new(woken, PollFlags::IN)];
        match poll(&mut fds, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => return false,
        }
        let [at_target, at_woken] = fds.map(|fd| fd.revents());
        if !at_woken.is_empty() {
            let _ = rustix::io::read(woken, &mut drained);
        }
        if at_target.is_empty() {
            continue;
        }
        match rustix::io::write(target, bytes.get(..ROOM).unwrap_or(bytes)) {
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(_) => return false,
        }
    }
    true
}
