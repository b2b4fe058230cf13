//! What is typed: a thread passes it on, so that nobody waits for a command that does not read.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::stdio::stdin;

use super::Wake;
use super::tty::Raw;

/// Bytes that may wait for a command to read them.
const MOST: usize = 64 << 20;

/// How often it is looked whether this process is in the foreground by now.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };

/// Bytes that are read at once.
const PIECE: usize = 16 << 10;

/// The input of a command.
#[derive(Clone)]
pub(super) struct Typed {
    shared: Arc<Shared>,
}

struct Shared {
    waiting: Mutex<Waiting>,
    wake: Wake,
}

#[derive(Default)]
struct Waiting {
    bytes: VecDeque<u8>,
    /// Whether nothing comes behind them.
    is_ended: bool,
    /// Whether nobody reads them any more.
    is_over: bool,
}

/// Where it goes.
pub(super) enum Target {
    Terminal(Arc<OwnedFd>),
    Pipe(OwnedFd),
}

impl Target {
    fn fd(&self) -> &OwnedFd {
        match self {
            Self::Terminal(fd) => fd,
            Self::Pipe(fd) => fd,
        }
    }
}

impl Typed {
    /// Passes what is written on to `target`, and what is typed on the standard input if it is inherited.
    pub(super) fn start(target: Target, inherits: bool, raw: Arc<Raw>) -> io::Result<Self> {
        let (woken, wake) = super::pipe()?;
        rustix::io::ioctl_fionbio(target.fd(), true)?;
        let shared = Arc::new(Shared { waiting: Mutex::default(), wake: Wake::new(wake) });
        let of_thread = Arc::clone(&shared);
        Builder::new().name("recorded input".into()).spawn(move || {
            of_thread.run(&target, &woken, inherits.then_some(&*raw));
            of_thread.lock().is_over = true;
            of_thread.wake.close();
        })?;
        Ok(Self { shared })
    }

    /// Writes bytes; `false` where nobody reads them any more, or too many wait.
    pub(super) fn write(&self, bytes: &[u8]) -> bool {
        let mut waiting = self.shared.lock();
        if waiting.is_over || waiting.is_ended || waiting.bytes.len() + bytes.len() > MOST {
            return false;
        }
        waiting.bytes.extend(bytes);
        drop(waiting);
        self.shared.wake.wake();
        true
    }

    /// Nothing is written any more.
    pub(super) fn end(&self) {
        self.shared.lock().is_ended = true;
        self.shared.wake.wake();
    }

    /// The command is over.
    pub(super) fn stop(&self) {
        self.shared.lock().is_over = true;
        self.shared.wake.wake();
    }

    /// The terminal of this process may be read from now on.
    pub(super) fn attach(&self) {
        self.shared.wake.wake();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `terminal` is that of this process, if it is read.
    fn run(&self, target: &Target, woken: &OwnedFd, mut terminal: Option<&Raw>) {
        let mut piece = [0; PIECE];
        loop {
            let (is_empty, is_ended, is_over) = {
                let waiting = self.lock();
                (waiting.bytes.is_empty(), waiting.is_ended, waiting.is_over)
            };
            if is_over || (is_ended && is_empty) {
                return;
            }
            // What is typed waits in the terminal as long as the command does not read.
            let reads = is_empty && terminal.is_some_and(Raw::is_set);
            let mut fds = vec![PollFd::new(woken, PollFlags::IN)];
            if !is_empty {
                fds.push(PollFd::new(target.fd(), PollFlags::OUT));
            } else if reads {
                fds.push(PollFd::from_borrowed_fd(stdin(), PollFlags::IN));
            }
            // Nobody tells a process that was in the background from its start that it is not any more.
            let is_behind = terminal.is_some_and(|raw| !raw.is_set());
            match poll(&mut fds, is_behind.then_some(&LOOK)) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(_) => return,
            }
            if is_behind && let Some(raw) = terminal {
                raw.set();
            }
            let is_ready =
                |at: usize| fds.get(at).is_some_and(|fd: &PollFd<'_>| !fd.revents().is_empty());
            let (is_woken, other) = (is_ready(0), is_ready(1));
            if is_woken {
                let _ = rustix::io::read(woken, &mut piece);
            }
            if !other {
                continue;
            }
            if !is_empty {
                if !self.pass_on(target) {
                    return;
                }
            } else if reads {
                match rustix::io::read(stdin(), &mut piece) {
                    Ok(0) => terminal = None,
                    Ok(length) => self.lock().bytes.extend(piece.get(..length).unwrap_or_default()),
                    Err(Errno::INTR | Errno::AGAIN) => {}
                    Err(_) => terminal = None,
                }
            }
        }
    }

    /// Writes what it can; `false` where nobody reads any more.
    fn pass_on(&self, target: &Target) -> bool {
        let first: Vec<u8> = self.lock().bytes.iter().take(PIECE).copied().collect();
        match rustix::io::write(target.fd().as_fd(), &first) {
            Ok(written) => {
                self.lock().bytes.drain(..written);
                true
            }
            Err(Errno::INTR | Errno::AGAIN) => true,
            Err(_) => false,
        }
    }
}
