//! Starting a command: its terminal, its pipes, and what happens between fork and exec.

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd, RawFd};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags};
use rustix::process::Pid;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::stdio::{stderr, stdin, stdout};
use rustix::termios::isatty;

use super::input::Target;
use super::output::Source;
use super::{set_size, tty};
use crate::{Input, Spawn, Stream};

/// A command that was started.
pub(super) struct Started {
    /// The child process: the command, or the leader of its session.
    pub(super) child: Pid,
    /// The command.
    pub(super) pid: Pid,
    pub(super) terminal: Option<Arc<OwnedFd>>,
    pub(super) sources: Vec<Source>,
    /// What is written goes there.
    pub(super) typed: Option<Target>,
}

/// A pipe whose ends no child process gets.
pub(super) fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let ends = rustix::pipe::pipe()?;
    for end in [&ends.0, &ends.1] {
        rustix::io::fcntl_setfd(end, rustix::io::FdFlags::CLOEXEC)?;
    }
    Ok(ends)
}

/// Starts a command.
pub(super) fn start(spawn: &Spawn) -> io::Result<Started> {
    let mut command = Command::new(&spawn.program);
    command.args(&spawn.args);
    if let Some(folder) = &spawn.folder {
        command.current_dir(folder);
    }
    if let Some(environment) = &spawn.environment {
        command.env_clear().envs(environment.iter().map(|(name, value)| (name, value)));
    }
    if spawn.terminal.is_some() { in_terminal(spawn, command) } else { on_pipes(spawn, command) }
}

/// The standard input of this process. A runtime may have marked it so that no child process would get it.
fn own_input() -> io::Result<Stdio> {
    Ok(stdin().try_clone_to_owned()?.into())
}

fn on_pipes(spawn: &Spawn, mut command: Command) -> io::Result<Started> {
    command.stdin(match spawn.input {
        Input::Inherit => own_input()?,
        Input::Written => Stdio::piped(),
        Input::Nothing => Stdio::null(),
    });
    let (output, output_end) = pipe()?;
    let mut sources = vec![Source { fd: Arc::new(output), stream: Stream::Output }];
    if spawn.pass_on && are_same() {
        command.stderr(output_end.try_clone()?);
    } else {
        let (error, error_end) = pipe()?;
        sources.push(Source { fd: Arc::new(error), stream: Stream::Error });
        command.stderr(error_end);
    }
    command.stdout(output_end);
    let mut child = command.spawn()?;
    let typed = child.stdin.take().map(|stdin| Target::Pipe(stdin.into()));
    let pid = pid_of(child.id())?;
    Ok(Started { child: pid, pid, terminal: None, sources, typed })
}

/// Whether the standard output and error of this process are the same file.
fn are_same() -> bool {
    let of = |fd| rustix::fs::fstat(fd).ok().map(|stat| (stat.st_dev, stat.st_ino));
    of(stdout()).is_some() && of(stdout()) == of(stderr())
}

fn in_terminal(spawn: &Spawn, mut command: Command) -> io::Result<Started> {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
    rustix::io::fcntl_setfd(&terminal, rustix::io::FdFlags::CLOEXEC)?;
    grantpt(&terminal)?;
    unlockpt(&terminal)?;
    let name = ptsname(&terminal, Vec::new())?;
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let own = rustix::fs::open(&name, flags, Mode::empty())?;
    if let Some(size) = spawn.terminal {
        set_size(&terminal, size)?;
    }
    let terminal = Arc::new(terminal);
    let mut sources = vec![Source { fd: Arc::clone(&terminal), stream: Stream::Output }];
    // What is no terminal here is none there.
    let inherits_input = spawn.input == Input::Inherit && !tty::is_input();
    command.stdin(match spawn.input {
        Input::Inherit if inherits_input => own_input()?,
        Input::Nothing => Stdio::null(),
        _ => own.try_clone()?.into(),
    });
    command.stdout(own.try_clone()?);
    if spawn.pass_on && !isatty(stderr()) {
        let (error, error_end) = pipe()?;
        sources.push(Source { fd: Arc::new(error), stream: Stream::Error });
        command.stderr(error_end);
    } else {
        command.stderr(own.try_clone()?);
    }
    let (told, tell) = pipe()?;
    let in_child = InChild {
        terminal: own.as_raw_fd(),
        tell: tell.as_raw_fd(),
        job_control: spawn.job_control,
    };
    // SAFETY: what runs there calls functions of the system alone that may be called between fork and exec.
    unsafe { command.pre_exec(move || in_child.enter()) };
    let child = command.spawn()?;
    drop((command, own, tell));
    let mut pid = [0; 4];
    let length = rustix::io::read(&told, &mut pid)?;
    let child = pid_of(child.id())?;
    let pid = match length {
        4 => Pid::from_raw(i32::from_ne_bytes(pid)).unwrap_or(child),
        _ => child,
    };
    let typed = (spawn.input != Input::Nothing && !inherits_input)
        .then(|| Target::Terminal(Arc::clone(&terminal)));
    Ok(Started { child, pid, terminal: Some(terminal), sources, typed })
}

fn pid_of(id: u32) -> io::Result<Pid> {
    let pid = i32::try_from(id).ok().and_then(Pid::from_raw);
    pid.ok_or_else(|| io::Error::other(format!("the process has the id {id}")))
}

/// What happens in the child process. It has a copy of this process, with one thread: nothing may be allocated, no lock
/// taken.
#[derive(Clone, Copy)]
struct InChild {
    /// The terminal of the command.
    terminal: RawFd,
    /// Where the id of the command is told.
    tell: RawFd,
    job_control: bool,
}

impl InChild {
    /// Makes the terminal that of a new session. With job control the child stays the leader of that session, and what
    /// returns is a child of its own.
    fn enter(self) -> io::Result<()> {
        // In a terminal of its own keys have to work, also where this process was started to ignore them.
        const OF_KEYS: [libc::c_int; 3] = [libc::SIGINT, libc::SIGQUIT, libc::SIGTSTP];
        for signal in OF_KEYS {
            // SAFETY: the default has no handler of this process.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
        }
        rustix::process::setsid()?;
        // SAFETY: the descriptor is open, and the request takes a number.
        if unsafe { libc::ioctl(self.terminal, libc::TIOCSCTTY as _, 0) } < 0 {
            return Err(io::Error::last_os_error());
        }
        if !self.job_control {
            return Ok(());
        }
        // SAFETY: the parent of the new process calls functions of the system alone, and never returns.
        match unsafe { libc::fork() } {
            -1 => Err(io::Error::last_os_error()),
            0 => {
                let _ = rustix::process::setpgid(None, None);
                to_foreground(self.terminal, rustix::process::getpid());
                Ok(())
            }
            command => lead(self, command),
        }
    }
}

/// Puts a group of processes into the foreground of a terminal.
fn to_foreground(terminal: RawFd, group: Pid) {
    // SAFETY: the set is initialized before it is read. The signal would stop a process that is in the background yet.
    unsafe {
        let mut blocked = std::mem::zeroed();
        let mut before = std::mem::zeroed();
        libc::sigemptyset(&raw mut blocked);
        libc::sigaddset(&raw mut blocked, libc::SIGTTOU);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const blocked, &raw mut before);
        libc::tcsetpgrp(terminal, group.as_raw_nonzero().get());
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, std::ptr::null_mut());
    }
}

/// The leader of the session of a command. It keeps the group of the command from being an orphan, which could not be
/// stopped; stops when the command does, continues it when it is continued itself, and ends as the command ends.
fn lead(InChild { terminal, tell, .. }: InChild, command: libc::pid_t) -> ! {
    const IGNORED: [libc::c_int; 6] =
        [libc::SIGINT, libc::SIGQUIT, libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU, libc::SIGPIPE];
    let told = command.to_ne_bytes();
    // SAFETY: these are functions of the system that may be called behind a fork, with values of this function. The
    // descriptors are closed in this process alone, which opens none.
    unsafe {
        for signal in IGNORED {
            libc::signal(signal, libc::SIG_IGN);
        }
        // It comes when the recorder is gone, and only to the leader. Its end passes it on to the foreground.
        libc::signal(libc::SIGHUP, libc::SIG_DFL);
        libc::write(tell, told.as_ptr().cast(), told.len());
        // Nobody else may wait for the end of a pipe that this process would hold open.
        libc::dup2(terminal, 0);
        close_from(1);
        libc::setpgid(command, command);
        libc::tcsetpgrp(0, command);
        loop {
            let mut status = 0;
            if libc::waitpid(command, &raw mut status, libc::WUNTRACED) < 0 {
                if *errno() == libc::EINTR {
                    continue;
                }
                libc::_exit(127);
            }
            if libc::WIFSTOPPED(status) {
                libc::raise(libc::SIGSTOP);
                libc::tcsetpgrp(0, command);
                libc::kill(-command, libc::SIGCONT);
                continue;
            }
            // What the command leaves behind lives on: the end of a leader hangs up on the foreground.
            libc::tcsetpgrp(0, libc::getpid());
            if libc::WIFSIGNALED(status) {
                die_by(libc::WTERMSIG(status));
            }
            libc::_exit(libc::WEXITSTATUS(status));
        }
    }
}

/// Ends this process by a signal, without a dump of its memory.
///
/// # Safety
///
/// It must be one that may end.
unsafe fn die_by(signal: libc::c_int) -> ! {
    // SAFETY: these are functions of the system that may be called behind a fork.
    unsafe {
        let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        libc::setrlimit(libc::RLIMIT_CORE, &raw const none);
        libc::signal(signal, libc::SIG_DFL);
        libc::raise(signal);
        libc::_exit(128 + signal)
    }
}

/// Closes every descriptor from this one on.
///
/// # Safety
///
/// None of them may be in use.
unsafe fn close_from(first: libc::c_int) {
    // SAFETY: the caller uses none of them.
    unsafe {
        #[cfg(target_os = "linux")]
        if libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, 0) == 0 {
            return;
        }
        let most = libc::sysconf(libc::_SC_OPEN_MAX).clamp(256, 65_536);
        for fd in first..libc::c_int::try_from(most).unwrap_or(256) {
            libc::close(fd);
        }
    }
}

/// The number of the last error of the system.
unsafe fn errno() -> *mut libc::c_int {
    // SAFETY: it is that of this thread.
    unsafe {
        #[cfg(target_os = "macos")]
        return libc::__error();
        #[cfg(not(target_os = "macos"))]
        return libc::__errno_location();
    }
}
