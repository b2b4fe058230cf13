use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use super::*;

const SIZE: Size = Size { columns: 90, rows: 20 };

fn shell(script: &str) -> Spawn {
    Spawn {
        program: "sh".into(),
        args: vec!["-c".into(), script.into()],
        folder: None,
        environment: None,
        terminal: Some(SIZE),
        job_control: false,
        input: Input::Written,
        pass_on: false,
    }
}

/// What happened, as it comes.
#[derive(Debug, PartialEq)]
enum Seen {
    Output(Stream, Vec<u8>),
    Exited(Status),
}

struct Watched {
    running: Running,
    seen: Receiver<Seen>,
    text: String,
}

impl Watched {
    fn new(command: &Spawn) -> Self {
        let (send, seen) = channel();
        let tell = move |event: Event<'_>| {
            let _ = send.send(match event {
                Event::Output(stream, bytes) => Seen::Output(stream, bytes.to_vec()),
                Event::Exited(status) => Seen::Exited(status),
            });
        };
        let running = spawn(command, tell, |_| {});
        Self { running: running.unwrap(), seen, text: String::new() }
    }

    /// Waits until this was printed.
    fn until(&mut self, wanted: &str) {
        while !self.text.contains(wanted) {
            match self.seen.recv_timeout(Duration::from_secs(20)) {
                Ok(Seen::Output(_, bytes)) => self.text += &String::from_utf8_lossy(&bytes),
                other => panic!("{other:?} behind {:?}", self.text),
            }
        }
    }

    /// The rest of what is printed, and how it ended.
    fn end(mut self) -> (String, Status) {
        loop {
            match self.seen.recv_timeout(Duration::from_secs(20)) {
                Ok(Seen::Output(_, bytes)) => self.text += &String::from_utf8_lossy(&bytes),
                Ok(Seen::Exited(status)) => return (self.text, status),
                Err(error) => panic!("{error} behind {:?}", self.text),
            }
        }
    }
}

fn ended(command: &Spawn) -> (String, Status) {
    Watched::new(command).end()
}

#[test]
fn a_command_in_a_terminal_has_one_of_the_size_that_is_given() {
    let script = "test -t 0 && test -t 1 && test -t 2 && stty size && tty >/dev/null && echo yes";
    for job_control in [false, true] {
        let (text, status) = ended(&Spawn { job_control, ..shell(script) });
        assert_eq!((text.as_str(), status), ("20 90\r\nyes\r\n", Status::Code(0)));
    }
}

#[test]
fn a_command_tells_how_it_ended() {
    for job_control in [false, true] {
        for terminal in [Some(SIZE), None] {
            let command = |script| Spawn { job_control, terminal, ..shell(script) };
            assert_eq!(ended(&command("exit 7")).1, Status::Code(7));
            assert_eq!(ended(&command("exit 200")).1, Status::Code(200));
            assert_eq!(ended(&command("kill -9 $$")).1, Status::Signal(9));
            assert_eq!(ended(&command("kill -TERM $$")).1, Status::Signal(15));
        }
    }
}

#[test]
fn a_program_that_cannot_be_started_is_an_error_and_nothing_runs() {
    for (program, kind) in [
        ("no-such-program-anywhere", std::io::ErrorKind::NotFound),
        ("/no/such/program", std::io::ErrorKind::NotFound),
        ("/etc/passwd", std::io::ErrorKind::PermissionDenied),
    ] {
        for job_control in [false, true] {
            for terminal in [Some(SIZE), None] {
                let command = Spawn { program: program.into(), job_control, terminal, ..shell("") };
                let error = spawn(&command, |event| panic!("{event:?}"), |_| {}).err().unwrap();
                assert_eq!(error.kind(), kind, "{program}");
            }
        }
    }
    let command = Spawn { folder: Some("/no/such/folder".into()), ..shell("true") };
    assert_eq!(spawn(&command, |_| {}, |_| {}).err().unwrap().kind(), std::io::ErrorKind::NotFound);
}

#[test]
fn everything_that_was_printed_comes_before_the_end() {
    for terminal in [Some(SIZE), None] {
        let (text, status) = ended(&Spawn { terminal, ..shell("seq 1 20000") });
        let expected: Vec<String> = (1..=20_000).map(|number| number.to_string()).collect();
        assert_eq!(text.split_whitespace().collect::<Vec<_>>(), expected);
        assert_eq!(status, Status::Code(0));
    }
}

#[test]
fn what_is_written_is_typed() {
    let mut watched = Watched::new(&shell("read line; echo \"got $line\"; cat"));
    assert!(watched.running.write(b"one\n"));
    watched.until("got one");
    watched.running.write(b"two\n");
    watched.until("two\r\ntwo");
    watched.running.end();
    assert_eq!(watched.end().1, Status::Code(0));
    let mut watched = Watched::new(&Spawn { terminal: None, ..shell("cat; echo over") });
    watched.running.write(&b"x".repeat(1 << 20));
    watched.running.end();
    assert!(!watched.running.write(b"late"));
    watched.until("over");
    assert_eq!(watched.text.len(), (1 << 20) + 5);
}

#[test]
fn a_command_that_does_not_read_holds_up_nobody() {
    let watched = Watched::new(&shell("sleep 0.5; echo over"));
    let start = Instant::now();
    for _ in 0..100 {
        watched.running.write(&[b'x'; 10_000]);
    }
    assert!(start.elapsed() < Duration::from_millis(400));
    watched.running.kill(9).unwrap();
    assert_eq!(watched.end().1, Status::Signal(9));
}

#[test]
fn a_terminal_gets_another_size_and_the_command_hears_of_it() {
    let script = "trap 'stty size; exit' WINCH; echo ready; while :; do sleep 0.05; done";
    for job_control in [false, true] {
        let mut watched = Watched::new(&Spawn { job_control, ..shell(script) });
        watched.until("ready");
        watched.running.resize(Size { columns: 33, rows: 7 }).unwrap();
        watched.until("7 33");
        assert_eq!(watched.end().1, Status::Code(0));
    }
}

#[test]
fn keys_send_signals() {
    for job_control in [false, true] {
        let mut watched =
            Watched::new(&Spawn { job_control, ..shell("echo ready; exec sleep 20") });
        watched.until("ready");
        watched.running.write(b"\x03");
        assert_eq!(watched.end().1, Status::Signal(2));
    }
}

#[test]
fn with_job_control_a_command_can_be_stopped_and_goes_on() {
    // A shell that stops itself and tells how often it was continued.
    let script = "trap 'echo on' CONT; echo ready; kill -TSTP $$; echo behind";
    let mut watched = Watched::new(&Spawn { job_control: true, ..shell(script) });
    watched.until("on\r\nbehind");
    assert_eq!(watched.end().1, Status::Code(0));
}

#[test]
fn a_process_that_is_left_behind_is_not_waited_for_beyond_a_second_of_quiet() {
    for terminal in [Some(SIZE), None] {
        let start = Instant::now();
        let script = "trap '' HUP; (sleep 0.3; echo late; sleep 8) & echo early";
        let (text, _) = ended(&Spawn { terminal, job_control: true, ..shell(script) });
        assert!(text.contains("early") && text.contains("late"), "{text:?}");
        assert!((1..6).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    }
}

#[test]
fn a_process_that_is_left_behind_and_goes_on_printing_is_given_up_by_a_signal() {
    let script = "(while echo noise; do sleep 0.05; done) & echo over; exit 3";
    for terminal in [Some(SIZE), None] {
        let mut watched =
            Watched::new(&Spawn { terminal, ..shell(&format!("trap '' HUP; {script}")) });
        watched.until("over");
        watched.until("noise");
        std::thread::sleep(Duration::from_millis(300));
        watched.running.kill(0).unwrap();
        let (_, status) = watched.end();
        assert_eq!(status, Status::Code(3));
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_command_that_is_over_leaves_nothing_open() {
    let open = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let over: Vec<_> = (0..20)
        .map(|_| {
            let mut watched = Watched::new(&shell("exit 0"));
            while !matches!(watched.seen.recv_timeout(Duration::from_secs(20)), Ok(Seen::Exited(_)))
            {
            }
            watched.text.clear();
            watched
        })
        .collect();
    // Other tests open some at the same time.
    let deadline = Instant::now() + Duration::from_secs(10);
    while open() > 60 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(open() <= 60, "{} are open", open());
    drop(over);
}

#[test]
fn what_is_typed_without_an_echo_is_not_printed() {
    let script = "stty -echo; printf 'Password: '; read word; stty echo; echo; echo \"${#word}\"";
    let mut watched = Watched::new(&shell(script));
    watched.until("Password: ");
    watched.running.write(b"hunter2\n");
    let (text, _) = watched.end();
    assert_eq!(text, "Password: \r\n7\r\n");
}

#[test]
fn pipes_tell_output_and_errors_apart() {
    let command = Spawn { terminal: None, ..shell("echo out; echo err >&2") };
    let watched = Watched::new(&command);
    let mut seen: Vec<_> = watched.seen.iter().collect();
    assert_eq!(seen.pop(), Some(Seen::Exited(Status::Code(0))));
    assert!(seen.contains(&Seen::Output(Stream::Output, b"out\n".to_vec())), "{seen:?}");
    assert!(seen.contains(&Seen::Output(Stream::Error, b"err\n".to_vec())), "{seen:?}");
}

#[test]
fn a_command_has_the_environment_and_folder_that_are_given() {
    let folder = std::env::temp_dir().canonicalize().unwrap();
    let command = Spawn {
        folder: Some(folder.clone()),
        environment: Some(vec![
            ("PATH".into(), std::env::var_os("PATH").unwrap()),
            ("ONE".into(), "1".into()),
        ]),
        ..shell("pwd; echo $ONE$HOME.")
    };
    assert_eq!(ended(&command).0, format!("{}\r\n1.\r\n", folder.display()));
}
