//! What `lib/recording.js` calls.

use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gsd_session_core::sqlite::{Connection, Location};
use gsd_session_core::store::model::{NewSession, OutputType};
use gsd_session_core::store::outputs::Outputs;
use gsd_session_core::store::recorder::{self, End, Finished, Recorder, Taken, spool_of};
use gsd_session_core::store::sessions::Sessions;
use gsd_session_pty::{Event, Input, Running, Size, Spawn, Status, Stream, size_of_terminal};

use napi::ValueType;

use crate::background::{Promised, promise};
use crate::convert::{Argument, MAX_CELLS, new_session, optional};
use crate::error::{Failure, Parsed};
use crate::js::{Scope, Value};
use crate::natives::{Answer, Call, Native, done, natives, open_connection};
use crate::redact::redact_for;

/// The functions.
pub const NATIVES: &[Native] = natives! {
    "record": reserve, start, size;
    "Recording": pid, attach, look, store_in, finish, take_in;
    "Recording.write": write;
    "Recording.end": end;
    "Recording.resize": resize;
    "Recording.kill": kill;
};

/// How long the end of a command waits for a database that is locked or full.
const PATIENCE: Duration = Duration::from_secs(5);

/// The highest signal of any system.
const MAX_SIGNAL: i64 = 64;

/// How long spool files are taken in at least, however short the command is.
const TAKING_IN: Duration = Duration::from_secs(1);

/// A command that is recorded.
struct Recording {
    running: Running,
    recorder: Arc<Recorder>,
}

fn recording<'env>(call: Call<'_, 'env>) -> Parsed<&'env Recording> {
    Ok(call.native()?)
}

/// the connection, an array of the fields of the session, what secrets look like: stores the session of a command that does not
/// run yet
fn reserve<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let (sessions, _) = stores(&open_connection(call)?);
    let mut session = new_session(fields_of(call.get(1)?, call)?)?;
    if let Some(redact) = redact_for(call.get(2)?, None)? {
        redact.redactor.clean_session(&mut session);
    }
    sessions.create(&session)?;
    done(call)
}

fn fields_of<'env>(fields: Value<'env>, call: Call<'_, 'env>) -> Parsed<[Value<'env>; 16]> {
    let mut all = [call.scope().undefined()?; 16];
    for (at, field) in (0..).zip(&mut all) {
        *field = fields.element(at)?;
    }
    Ok(all)
}

/// the connection, an array of the fields of the session, an array of how the command runs, an array of the names of
/// signals by their numbers -> the recording, and a promise of the exit code and the signal. Without a connection, the path
/// of the database comes next: the recording keeps everything until it is told of a file. Last comes what secrets look like.
fn start<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let connection = match call.get(0)?.kind()? {
        ValueType::Undefined => None,
        _ => Some(open_connection(call)?),
    };
    let command = command(call.get(2)?)?;
    let mut session = new_session(fields_of(call.get(1)?, call)?)?;
    if let Some(Size { columns, rows }) = command.terminal {
        session.details.columns = Some(columns.into());
        session.details.rows = Some(rows.into());
    }
    let signals = texts(&Argument::new("signals", call.get(3)?))?;
    let recorder = Arc::new(match &connection {
        Some(connection) => {
            let (sessions, outputs) = stores(connection);
            let redact = redact_for(call.get(5)?, Some(&outputs))?;
            Recorder::new(&sessions, &outputs, &session, redact)?
        }
        None => {
            let database = Argument::new("db", call.get(4)?).string()?;
            let spool = spool_of(Path::new(&database), &session.id);
            Recorder::keeping(&session, spool, redact_for(call.get(5)?, None)?)
        }
    });
    if recorder.redacts() {
        let of_clock = Arc::clone(&recorder);
        let clock = std::thread::Builder::new().name("redaction".into());
        clock
            .spawn(move || of_clock.release_in_time())
            .map_err(|error| Failure::State(format!("no thread for redaction: {error}")))?;
    }
    let (promised, promise) = Promised::new(call, exit_of)?;
    let mut promised = Some(promised);
    let of_thread = Arc::clone(&recorder);
    let keeps = connection.is_none();
    let tell = move |event: Event<'_>| match event {
        Event::Output(Stream::Output, bytes) => of_thread.output(OutputType::Stdout, bytes),
        Event::Output(Stream::Error, bytes) => of_thread.output(OutputType::Stderr, bytes),
        Event::Exited(status) => {
            let name = |signal| {
                let name = usize::try_from(signal).ok().and_then(|at| signals.get(at)).cloned();
                name.filter(|name| !name.is_empty()).unwrap_or_else(|| format!("signal {signal}"))
            };
            let end = match status {
                Status::Code(code) => End::Code(code.into()),
                Status::Signal(signal) => End::Signal(name(signal)),
                Status::Unknown => End::Unknown,
            };
            of_thread.end(end.clone());
            if !keeps {
                of_thread.wait_until_stored(PATIENCE);
            }
            if let Some(promised) = promised.take() {
                promised.settle(Ok(end));
            }
        }
    };
    let of_stop = Arc::clone(&recorder);
    let spawned = gsd_session_pty::spawn(&command, tell, move |stops| of_stop.pause(stops));
    let running = spawned.map_err(|error| failed(&command, &error))?;
    recorder.start(NewSession { pid: Some(running.pid().into()), ..session });
    let scope = call.scope();
    let recording = scope.external(Recording { running, recorder })?;
    Ok(scope.array_of([Ok(recording), Ok(promise)])?)
}

/// Why a command could not be started.
fn failed(command: &Spawn, error: &std::io::Error) -> Failure {
    let code = match error.kind() {
        std::io::ErrorKind::NotFound => "ENOENT",
        std::io::ErrorKind::PermissionDenied => "EACCES",
        std::io::ErrorKind::Unsupported => "ENOTSUP",
        _ => "ERR_SPAWN",
    };
    Failure::System(code, format!("cannot run {:?}: {error}", command.program))
}

/// How a command runs, from an array of: program, arguments, folder, environment, whether it has a terminal, whether with
/// job control, where its input comes from, whether its output is passed on, and columns and rows.
fn command(how: Value<'_>) -> Parsed<Spawn> {
    let argument = |name, at| Parsed::Ok(Argument::new(name, how.element(at)?));
    let flag =
        |name, at| Parsed::Ok(optional(argument(name, at)?, Argument::boolean)?.unwrap_or(false));
    let size = Size {
        columns: cells("options.columns", how.element(8)?)?,
        rows: cells("options.rows", how.element(9)?)?,
    };
    let environment = optional(argument("options.env", 3)?, |env| {
        let mut texts = texts(env)?.into_iter();
        let mut pairs = Vec::new();
        while let (Some(name), Some(value)) = (texts.next(), texts.next()) {
            pairs.push((name.into(), value.into()));
        }
        Ok(pairs)
    })?;
    let input = argument("options.stdin", 6)?;
    Ok(Spawn {
        program: argument("options.command", 0)?.string()?.into(),
        args: texts(&argument("options.args", 1)?)?.into_iter().map(Into::into).collect(),
        folder: optional(argument("options.cwd", 2)?, Argument::string)?.map(Into::into),
        environment,
        terminal: flag("options.terminal", 4)?.then_some(size),
        job_control: flag("jobControl", 5)?,
        input: input.one_of(input_of, &["inherit", "pipe", "none"])?,
        pass_on: flag("passOn", 7)?,
    })
}

/// The width or the height of a terminal.
fn cells(name: &'static str, cells: Value<'_>) -> Parsed<u16> {
    let cells = Argument::new(name, cells).integer_in(1..=MAX_CELLS)?;
    Ok(u16::try_from(cells).unwrap_or(u16::MAX))
}

fn input_of(text: &[u8]) -> Option<Input> {
    Some(match text {
        b"inherit" => Input::Inherit,
        b"pipe" => Input::Written,
        b"none" => Input::Nothing,
        _ => return None,
    })
}

fn texts(array: &Argument<'_, '_>) -> Parsed<Vec<String>> {
    (0..array.value().array_length()?).map(|at| array.element(at)?.string()).collect()
}

/// The exit code and the signal of a command that is over.
fn exit_of<'env>(scope: Scope<'env>, end: End) -> napi::Result<Value<'env>> {
    scope.array_of(match end {
        End::Code(code) => [scope.number(code as f64), scope.undefined()],
        End::Signal(signal) => [scope.undefined(), scope.string(signal.as_bytes())],
        End::Unknown => [scope.undefined(), scope.undefined()],
    })
}

/// the columns and rows of the terminal of this process, if it has one
fn size<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let Some(Size { columns, rows }) = size_of_terminal() else { return done(call) };
    let scope = call.scope();
    Ok(scope.array_of([columns, rows].map(|cells| scope.number(cells.into())))?)
}

fn stores(connection: &Rc<Connection>) -> (Sessions, Outputs) {
    (Sessions::new(Rc::clone(connection)), Outputs::new(Rc::clone(connection)))
}

/// the recording, a connection: everything that it keeps goes there
fn store_in<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let connection: &Rc<Connection> = call.get(1)?.external()?;
    let (sessions, outputs) = stores(connection);
    recording(call)?.recorder.attach(&sessions, &outputs)?;
    done(call)
}

/// the recording
fn look<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    recording(call)?.recorder.look();
    done(call)
}

/// the recording, milliseconds -> a promise of the spool file, the bytes that are lost, and why the file is not written
fn finish<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let patience = Argument::new("patience", call.get(1)?).integer_in(0..=60_000)?;
    let recorder = Arc::clone(&recording(call)?.recorder);
    promise(call, finished, move || {
        Ok(recorder.finish(Duration::from_millis(patience.unsigned_abs())))
    })
}

fn finished<'env>(scope: Scope<'env>, finished: Finished) -> napi::Result<Value<'env>> {
    let Finished { spool, lost, error } = finished;
    let text = |text: Option<String>| match text {
        Some(text) => scope.string(text.as_bytes()),
        None => scope.undefined(),
    };
    let spool = spool.map(|path| path.to_string_lossy().into_owned());
    scope.array_of([text(spool), scope.number(lost as f64), text(error)])
}

/// the recording, a connection, the path of its database -> a promise of how many chunks were taken in from spool files until the
/// command ended, and the ids of their sessions
fn take_in<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let recorder = Arc::clone(&recording(call)?.recorder);
    let connection: &Rc<Connection> = call.get(1)?.external()?;
    let options = connection.options().clone();
    let database = Argument::new("db", call.get(2)?).string()?;
    promise(call, taken, move || {
        let path = Path::new(&database);
        let connection = Connection::open(&database, Location::File(path.to_owned()), &options)?;
        let start = Instant::now();
        let goes_on = || !recorder.is_ended() || start.elapsed() < TAKING_IN;
        let taken = recorder::take_in(&connection, path, goes_on);
        connection.close()?;
        Ok(taken?)
    })
}

fn taken<'env>(
    scope: Scope<'env>,
    Taken { sessions, outputs }: Taken,
) -> napi::Result<Value<'env>> {
    let ids = sessions.iter().map(|id| scope.string(id.as_bytes()));
    scope.array_of([scope.number(outputs as f64)].into_iter().chain(ids).collect::<Vec<_>>())
}

fn pid<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    Ok(call.scope().number(recording(call)?.running.pid().into())?)
}

fn attach<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    recording(call)?.running.attach();
    done(call)
}

/// the recording, what is typed -> whether it will be read
fn write<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let data = Argument::new("data", call.get(1)?).string()?;
    let is_taken = recording(call)?.running.write(data.as_bytes());
    Ok(call.scope().boolean(is_taken)?)
}

fn end<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    recording(call)?.running.end();
    done(call)
}

/// the recording, columns, rows
fn resize<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let columns = cells("size.columns", call.get(1)?)?;
    let rows = cells("size.rows", call.get(2)?)?;
    let Recording { running, recorder } = recording(call)?;
    running.resize(Size { columns, rows }).map_err(|error| Failure::State(error.to_string()))?;
    recorder.resized(columns, rows);
    done(call)
}

/// the recording, the number of a signal
fn kill<'env>(call: Call<'_, 'env>) -> Answer<'env> {
    let signal = Argument::new("signal", call.get(1)?).integer_in(0..=MAX_SIGNAL)?;
    let killed = recording(call)?.running.kill(i32::try_from(signal).unwrap_or(0));
    killed.map_err(|error| Failure::State(error.to_string()))?;
    done(call)
}
