//! On Unix: `openpty` and pipes, looked at by one thread for what is printed, and by one for what is typed.

mod input;
mod output;
#[allow(unsafe_code, reason = "a process starts between fork and exec")]
mod start;
mod tty;

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Builder};
use std::time::Duration;

use rustix::process::{
    Pid, Signal, WaitOptions, getpgrp, getpid, getsid, kill_current_process_group, kill_process,
    waitpid,
};
use rustix::termios::{tcgetwinsize, tcsetwinsize};

use self::input::Typed;
use self::start::Started;
use self::tty::Raw;
pub use self::tty::size_of_terminal;
use crate::{Event, Size, Spawn, Status};

/// A command that runs. Dropping it leaves the command alone.
pub struct Running {
    pid: Pid,
    has_terminal: bool,
    typed: Option<Typed>,
    raw: Arc<Raw>,
    shared: Arc<Shared>,
}

/// What the threads of a command share.
struct Shared {
    /// Whether the command is over.
    is_over: AtomicBool,
    /// Whether nobody waits for what is still to be passed on.
    is_abandoned: AtomicBool,
    status: Mutex<Status>,
    /// Written to where the thread for output has to look.
    wake: Wake,
    /// The terminal of the command, until that is over.
    terminal: Mutex<Option<Arc<OwnedFd>>>,
}

impl Shared {
    fn terminal(&self) -> Option<Arc<OwnedFd>> {
        self.terminal.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Closes everything: nobody knows when the last one who has this goes.
    fn close(&self) {
        self.terminal.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.wake.close();
    }
}

/// What wakes a thread that waits for descriptors.
struct Wake(Mutex<Option<OwnedFd>>);

impl Wake {
    fn new(fd: OwnedFd) -> Self {
        Self(Mutex::new(Some(fd)))
    }

    fn wake(&self) {
        if let Some(fd) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            // A full pipe wakes as well.
            let _ = rustix::io::write(fd, b"!");
        }
    }

    fn close(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// Starts a command, and passes what happens to it to `sink`, on a thread. [`Event::Exited`] comes last. With job control,
/// `stopping` is called with `true` before this process stops, and with `false` when it goes on.
///
/// # Errors
///
/// Where the program cannot be started: it does not exist (`NotFound`), may not be run, or the system has no more room.
/// Nothing runs then.
pub fn spawn(
    spawn: &Spawn,
    mut sink: impl FnMut(Event<'_>) + Send + 'static,
    stopping: impl Fn(bool) + Send + 'static,
) -> io::Result<Running> {
    let (woken, wake) = pipe()?;
    let raw = Arc::new(Raw::default());
    let Started { child, pid, terminal, sources, typed } = start::start(spawn)?;
    let shared = Arc::new(Shared {
        is_over: AtomicBool::new(false),
        is_abandoned: AtomicBool::new(false),
        status: Mutex::new(Status::Unknown),
        wake: Wake::new(wake),
        terminal: Mutex::new(terminal.clone()),
    });
    let inherits = spawn.input == crate::Input::Inherit && terminal.is_some() && tty::is_input();
    let typed = match typed {
        Some(target) => Some(Typed::start(target, inherits, Arc::clone(&raw))?),
        None => None,
    };
    let has_terminal = terminal.is_some();
    let running =
        Running { pid, has_terminal, typed, raw: Arc::clone(&raw), shared: Arc::clone(&shared) };
    if inherits {
        running.attach();
    }
    let waits = Waiting {
        child,
        leader: spawn.job_control.then_some(child),
        terminal,
        raw: Arc::clone(&raw),
        inherits,
        stopping: Box::new(stopping),
        shared: Arc::clone(&shared),
    };
    Builder::new().name("recorded command".into()).spawn(move || waits.run())?;
    let typed = running.typed.clone();
    let (pass_on, is_read) = (spawn.pass_on, inherits.then_some(raw));
    Builder::new().name("recorded output".into()).spawn(move || {
        output::take(sources, &woken, &shared, pass_on, &mut sink);
        shared.close();
        if let Some(typed) = typed {
            typed.stop();
        }
        if let Some(raw) = is_read {
            raw.restore();
        }
        let status = *shared.status.lock().unwrap_or_else(PoisonError::into_inner);
        sink(Event::Exited(status));
    })?;
    Ok(running)
}

/// A pipe whose ends no child process gets, and that nobody waits for.
fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let ends = start::pipe()?;
    rustix::io::ioctl_fionbio(&ends.0, true)?;
    rustix::io::ioctl_fionbio(&ends.1, true)?;
    Ok(ends)
}

impl Running {
    /// The id of its process.
    pub fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// Types something. Gives `false` where it has no input that is written, or that is over.
    pub fn write(&self, bytes: &[u8]) -> bool {
        self.typed.as_ref().is_some_and(|typed| typed.write(bytes))
    }

    /// Ends its input: of a pipe for good, on a terminal by its character for that.
    pub fn end(&self) {
        if self.has_terminal {
            self.write(b"\x04");
        } else if let Some(typed) = &self.typed {
            typed.end();
        }
    }

    /// Gives its terminal another size. It gets `SIGWINCH`.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn resize(&self, size: Size) -> io::Result<()> {
        self.shared.terminal().map_or(Ok(()), |terminal| set_size(&terminal, size))
    }

    /// Sends a signal to it; 0 sends none. Once it is over, that gives up what is still to be passed on, and what processes that it
    /// left behind print.
    ///
    /// # Errors
    ///
    /// What the system says, such as for a process of another user.
    pub fn kill(&self, signal: i32) -> io::Result<()> {
        if self.shared.is_over.load(Ordering::SeqCst) {
            self.shared.is_abandoned.store(true, Ordering::SeqCst);
            self.shared.wake.wake();
            return Ok(());
        }
        if signal == 0 {
            return Ok(());
        }
        let signal = Signal::from_named_raw(signal)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no such signal"))?;
        match kill_process(self.pid, signal) {
            Err(rustix::io::Errno::SRCH) => Ok(()),
            sent => Ok(sent?),
        }
    }

    /// Takes the terminal of this process into raw mode, if it is in the foreground, and gives its size to the command.
    /// To be called again when this process was continued.
    pub fn attach(&self) {
        self.raw.set();
        if let Some(typed) = &self.typed {
            typed.attach();
        }
    }
}

fn set_size(terminal: &OwnedFd, size: Size) -> io::Result<()> {
    let mut window = tcgetwinsize(terminal)?;
    (window.ws_col, window.ws_row) = (size.columns, size.rows);
    Ok(tcsetwinsize(terminal, window)?)
}

/// How long this process gives the system to stop it.
const STOPPING: Duration = Duration::from_millis(50);

/// The thread that waits for the end of a command.
struct Waiting {
    child: Pid,
    leader: Option<Pid>,
    terminal: Option<Arc<OwnedFd>>,
    raw: Arc<Raw>,
    inherits: bool,
    stopping: Box<dyn Fn(bool) + Send>,
    shared: Arc<Shared>,
}

impl Waiting {
    fn run(self) {
        let status = loop {
            match waitpid(Some(self.child), WaitOptions::UNTRACED) {
                Ok(Some((_, status))) if status.stopped() => self.stop(),
                Ok(Some((_, status))) => break status_of(ExitStatus::from_raw(status.as_raw())),
                Ok(None) | Err(rustix::io::Errno::INTR) => {}
                // It was waited for elsewhere.
                Err(_) => break Status::Unknown,
            }
        };
        *self.shared.status.lock().unwrap_or_else(PoisonError::into_inner) = status;
        self.shared.is_over.store(true, Ordering::SeqCst);
        self.shared.wake.wake();
    }

    /// The command was stopped, as by `^Z`: so is this process, and both go on together.
    fn stop(&self) {
        let Some(leader) = self.leader else { return };
        // Nobody could continue the leader of a session.
        if self.inherits && getsid(None) != Ok(getpid()) {
            (self.stopping)(true);
            self.raw.restore();
            // Where nobody could continue this process, the system ignores it.
            let _ = kill_current_process_group(Signal::TSTP);
            thread::sleep(STOPPING);
            self.raw.resume();
            (self.stopping)(false);
            if let (Some(terminal), Some(size)) = (&self.terminal, size_of_terminal()) {
                let _ = set_size(terminal, size);
            }
        }
        let _ = kill_process(leader, Signal::CONT);
    }
}

fn status_of(status: ExitStatus) -> Status {
    match (status.code(), status.signal()) {
        (Some(code), _) => Status::Code(code),
        (None, Some(signal)) => Status::Signal(signal),
        (None, None) => Status::Unknown,
    }
}

/// Whether this process is in the foreground of its terminal.
fn is_in_foreground(terminal: impl std::os::fd::AsFd) -> bool {
    rustix::termios::tcgetpgrp(terminal).is_ok_and(|group| group == getpgrp())
}
