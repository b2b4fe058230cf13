//! Where there are no pseudo-terminals: commands on pipes, with a thread for each.

use std::io::{self, ErrorKind, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Builder;
use std::time::Duration;

use crate::{Event, Input, Size, Spawn, Status, Stream};

/// Bytes that are passed at once, at most.
const PIECE: usize = 64 << 10;

/// Pieces that wait to be passed. The command waits for more room.
const WAITING: usize = 16;

/// How long a process that was left behind may be quiet before nobody listens to it any more.
const QUIET: Duration = Duration::from_secs(1);

/// How often it is looked whether a command is over.
const LOOK: Duration = Duration::from_millis(20);

/// A command that runs. Dropping it leaves the command alone.
pub struct Running {
    pid: i32,
    child: Arc<Mutex<Child>>,
    stdin: Mutex<Option<ChildStdin>>,
}

enum Piece {
    Output(Stream, Vec<u8>),
    End,
}

/// Starts a command, and passes what happens to it to `sink`, on a thread. [`Event::Exited`] comes last.
///
/// # Errors
///
/// `Unsupported` for a terminal. Where the program cannot be started; nothing runs then.
pub fn spawn(
    spawn: &Spawn,
    mut sink: impl FnMut(Event<'_>) + Send + 'static,
    _stopping: impl Fn(bool) + Send + 'static,
) -> io::Result<Running> {
    if spawn.terminal.is_some() {
        let message = "there are no pseudo-terminals on this platform, only pipes";
        return Err(io::Error::new(ErrorKind::Unsupported, message));
    }
    let mut command = Command::new(&spawn.program);
    command.args(&spawn.args).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.stdin(match spawn.input {
        Input::Inherit => Stdio::inherit(),
        Input::Written => Stdio::piped(),
        Input::Nothing => Stdio::null(),
    });
    if let Some(folder) = &spawn.folder {
        command.current_dir(folder);
    }
    if let Some(environment) = &spawn.environment {
        command.env_clear().envs(environment.iter().map(|(name, value)| (name, value)));
    }
    let mut child = command.spawn()?;
    let (send, pieces) = sync_channel(WAITING);
    if let Some(output) = child.stdout.take() {
        read(Stream::Output, output, send.clone())?;
    }
    if let Some(error) = child.stderr.take() {
        read(Stream::Error, error, send)?;
    }
    let stdin = Mutex::new(child.stdin.take());
    let pid = i32::try_from(child.id()).unwrap_or(i32::MAX);
    let child = Arc::new(Mutex::new(child));
    let waited = Arc::clone(&child);
    let pass_on = spawn.pass_on;
    Builder::new().name("recorded output".into()).spawn(move || {
        let (mut open, mut status) = (2, None);
        let mut quiet = Duration::ZERO;
        while open > 0 || status.is_none() {
            match pieces.recv_timeout(LOOK) {
                Ok(Piece::Output(stream, bytes)) => {
                    quiet = Duration::ZERO;
                    if pass_on {
                        let _ = match stream {
                            Stream::Output => io::stdout().write_all(&bytes),
                            Stream::Error => io::stderr().write_all(&bytes),
                        };
                    }
                    sink(Event::Output(stream, &bytes));
                }
                Ok(Piece::End) => open -= 1,
                Err(_) => {
                    let mut child = waited.lock().unwrap_or_else(PoisonError::into_inner);
                    status = status.or_else(|| child.try_wait().transpose());
                    quiet += LOOK;
                    if status.is_some() && quiet >= QUIET {
                        break;
                    }
                }
            }
        }
        let code = status.and_then(Result::ok).and_then(|status| status.code());
        sink(Event::Exited(code.map_or(Status::Unknown, Status::Code)));
    })?;
    Ok(Running { pid, child, stdin })
}

fn read(
    stream: Stream,
    mut source: impl Read + Send + 'static,
    send: SyncSender<Piece>,
) -> io::Result<()> {
    Builder::new().name("recorded stream".into()).spawn(move || {
        let mut piece = vec![0; PIECE];
        while let Ok(length) = source.read(&mut piece) {
            let bytes = piece.get(..length).filter(|bytes| !bytes.is_empty());
            let Some(bytes) = bytes else { break };
            if send.send(Piece::Output(stream, bytes.to_vec())).is_err() {
                return;
            }
        }
        let _ = send.send(Piece::End);
    })?;
    Ok(())
}

impl Running {
    /// The id of its process.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Writes to its input, and waits until it is taken. Gives `false` where it has no input that is written, or that is
    /// over.
    pub fn write(&self, bytes: &[u8]) -> bool {
        let mut stdin = self.stdin.lock().unwrap_or_else(PoisonError::into_inner);
        stdin.as_mut().is_some_and(|stdin| stdin.write_all(bytes).is_ok())
    }

    /// Ends its input.
    pub fn end(&self) {
        self.stdin.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Does nothing: there is no terminal.
    ///
    /// # Errors
    ///
    /// None.
    pub fn resize(&self, _: Size) -> io::Result<()> {
        Ok(())
    }

    /// Ends it, whatever the signal.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn kill(&self, _: i32) -> io::Result<()> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner).kill()
    }

    /// Does nothing: there is no terminal.
    pub fn attach(&self) {}
}

/// The size of the terminal of this process, which nobody knows.
pub fn size_of_terminal() -> Option<Size> {
    None
}
