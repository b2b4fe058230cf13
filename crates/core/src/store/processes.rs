//! Asks the system about processes, and ends them. A pid alone names no process, since the system gives it to others
//! later: with the time of its start it does, on one system.
//!
//! Only Linux tells enough. Elsewhere no process is known, and none is ended.

/// A process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Process {
    /// Its number among those of its host.
    pub pid: i64,
    /// When it started, in the system's own unit since the boot. `None` if the system did not tell.
    pub start: Option<i64>,
}

/// This process.
#[derive(Debug)]
pub(super) struct Here {
    /// The boot of the system and the namespace of the pids, with a space between them.
    pub host: String,
    /// Its pid and start.
    pub process: Process,
}

/// What has become of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "no process is known there"))]
pub(super) enum State {
    /// It runs.
    Alive,
    /// It has ended.
    Gone,
    /// The system does not tell: the pid is taken, perhaps by another process.
    Unknown,
}

#[cfg(target_os = "linux")]
pub(super) use linux::{end, here, started_at};
#[cfg(not(target_os = "linux"))]
pub(super) use others::{end, here, started_at};

impl Process {
    /// The process that has this pid now.
    pub(super) fn with_pid(pid: i64) -> Self {
        match here() {
            Some(here) if here.process.pid == pid => here.process,
            _ => Self { pid, start: start_of(pid) },
        }
    }

    /// Whether another process has the pid by now.
    pub(super) fn is_replaced(&self) -> bool {
        self.start.is_some() && start_of(self.pid).is_some_and(|start| Some(start) != self.start)
    }
}

#[cfg(target_os = "linux")]
fn start_of(pid: i64) -> Option<i64> {
    // A signal tells in a tenth of the time that there is no such process.
    if linux::is_free(pid) { None } else { Some(linux::stat(pid)?.start) }
}

#[cfg(not(target_os = "linux"))]
fn start_of(_pid: i64) -> Option<i64> {
    None
}

#[cfg(not(target_os = "linux"))]
mod others {
    use super::{Here, Process, State};

    pub(crate) fn here() -> Option<&'static Here> {
        None
    }

    pub(crate) fn started_at(_pid: i64) -> Option<f64> {
        None
    }

    pub(crate) fn end(_processes: &[Process]) {}

    impl Process {
        pub(crate) fn state(&self) -> State {
            State::Unknown
        }
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs::{read_link, read_to_string};
    use std::os::fd::OwnedFd;
    use std::sync::OnceLock;
    use std::thread::sleep;
    use std::time::{Duration, Instant};

    use rustix::io::Errno;
    use rustix::process::{
        Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal, test_kill_process,
    };

    use super::{Here, Process, State};

    /// How long processes have to end when they are asked to.
    const PATIENCE: Duration = Duration::from_secs(2);

    /// How long the system has to end them when they are not asked.
    const KILLING: Duration = Duration::from_millis(500);

    const PAUSE: Duration = Duration::from_millis(5);

    /// The unit of times in `/proc`, the same on every platform that Node.js runs on.
    const TICKS_PER_SECOND: f64 = 100.0;

    /// What `/proc/<pid>/stat` says.
    #[derive(Debug, PartialEq, Eq)]
    pub(crate) struct Stat {
        /// Whether the process has ended, and its parent has not noticed.
        has_ended: bool,
        /// In ticks since the system started.
        pub start: i64,
    }

    /// This process. `None` where `/proc` is not there, or that of another namespace.
    pub(crate) fn here() -> Option<&'static Here> {
        static HERE: OnceLock<Option<Here>> = OnceLock::new();
        HERE.get_or_init(look).as_ref()
    }

    fn look() -> Option<Here> {
        let pid = std::process::id();
        if read_link("/proc/self").ok()?.to_str()? != pid.to_string() {
            return None;
        }
        let boot = read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        let namespace = read_link("/proc/self/ns/pid").ok()?;
        let pid = i64::from(pid);
        Some(Here {
            host: format!("{} {}", boot.trim(), namespace.to_str()?),
            process: Process { pid, start: Some(stat(pid)?.start) },
        })
    }

    pub(crate) fn stat(pid: i64) -> Option<Stat> {
        // Most of what is no pid need not be asked for.
        let pid = i32::try_from(pid).ok().filter(|pid| *pid > 0)?;
        parse(&read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// The third and the 22nd field. The second one is a name in parentheses, which may hold any characters.
    fn parse(stat: &str) -> Option<Stat> {
        let (_, fields) = stat.rsplit_once(')')?;
        let mut fields = fields.split_ascii_whitespace();
        let has_ended = matches!(fields.next()?, "Z" | "X" | "x");
        Some(Stat { has_ended, start: fields.nth(18)?.parse().ok()? })
    }

    /// When the process started, in milliseconds since 1970, to within a second or two. `None` if there is no such
    /// process.
    pub(crate) fn started_at(pid: i64) -> Option<f64> {
        let boot = boot_time(&read_to_string("/proc/stat").ok()?)?;
        Some(boot * 1000.0 + stat(pid)?.start as f64 * 1000.0 / TICKS_PER_SECOND)
    }

    /// The line `btime` of `/proc/stat`: seconds since 1970.
    fn boot_time(stat: &str) -> Option<f64> {
        stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
    }

    /// Whether no process has this pid.
    pub(crate) fn is_free(pid: i64) -> bool {
        system_pid(pid).map(test_kill_process).is_none_or(|known| known == Err(Errno::SRCH))
    }

    fn system_pid(pid: i64) -> Option<Pid> {
        Pid::from_raw(i32::try_from(pid).ok().filter(|pid| *pid > 0)?)
    }

    impl Process {
        /// What has become of it. One that has ended is gone, also where its parent has not noticed.
        pub(crate) fn state(&self) -> State {
            match (self.start, stat(self.pid)) {
                (_, Some(stat)) if stat.has_ended => State::Gone,
                (Some(start), Some(stat)) if start == stat.start => State::Alive,
                (Some(_), Some(_)) => State::Gone,
                (None, Some(_)) => State::Unknown,
                // A mount may hide the processes of other users.
                (_, None) if is_free(self.pid) => State::Gone,
                (_, None) => State::Unknown,
            }
        }
    }

    /// A process that is to end.
    struct Target {
        process: Process,
        pid: Pid,
        /// What names the process for good. Linux has it since 5.3.
        handle: Option<OwnedFd>,
    }

    impl Target {
        /// `None` for a process that is not to be ended, or that has ended.
        fn new(process: Process) -> Option<Self> {
            let own = i64::from(std::process::id());
            let pid = system_pid(process.pid).filter(|_| process.pid > 1 && process.pid != own)?;
            let handle = pidfd_open(pid, PidfdFlags::empty()).ok();
            Some(Self { process, pid, handle }).filter(Self::lives)
        }

        /// It is asked after the handle was made: so the handle is that of this process, not of a later one.
        fn lives(&self) -> bool {
            self.process.state() == State::Alive
        }

        /// Whether the process is to be waited for.
        fn send(&self, signal: Signal) -> bool {
            let sent = match &self.handle {
                Some(handle) => pidfd_send_signal(handle, signal),
                None if self.lives() => kill_process(self.pid, signal),
                None => Err(Errno::SRCH),
            };
            sent.is_ok()
        }
    }

    /// Ends processes: those that are asked in vain are not asked again. One that may not be ended lives on.
    pub(crate) fn end(processes: &[Process]) {
        let mut targets: Vec<_> = processes.iter().copied().filter_map(Target::new).collect();
        for (signal, patience) in [(Signal::TERM, PATIENCE), (Signal::KILL, KILLING)] {
            targets.retain(|target| target.send(signal));
            let start = Instant::now();
            loop {
                targets.retain(Target::lives);
                if targets.is_empty() || start.elapsed() >= patience {
                    break;
                }
                sleep(PAUSE);
            }
        }
    }

    #[cfg(test)]
    mod tests {
        use std::process::{Child, Command};

        use super::*;
        use crate::store::timestamp::Timestamp;

        fn sleeper() -> (Child, Process) {
            let child = Command::new("sleep").arg("60").spawn().unwrap();
            let process = Process::with_pid(child.id().into());
            (child, process)
        }

        #[test]
        fn this_process_started_a_while_ago() {
            let own = i64::from(std::process::id());
            let age = Timestamp::now().millis() - started_at(own).unwrap();
            assert!((-2_000.0..3_600_000.0).contains(&age), "{age}");
            assert_eq!(started_at(i64::from(i32::MAX)), None);
            assert_eq!(started_at(-1), None);
        }

        #[test]
        fn this_process_is_alive_and_has_a_host_of_a_boot_and_a_namespace() {
            let here = here().unwrap();
            assert_eq!(here.process.state(), State::Alive);
            assert_eq!(Process::with_pid(here.process.pid), here.process);
            let (boot, namespace) = here.host.split_once(' ').unwrap();
            assert_eq!(boot.len(), 36);
            assert!(namespace.starts_with("pid:["), "{namespace}");
        }

        #[test]
        fn a_process_is_gone_when_its_pid_is_free_or_has_another_start() {
            for pid in [i64::from(i32::MAX), i64::MAX, 0, -1] {
                assert_eq!(Process { pid, start: Some(1) }.state(), State::Gone, "{pid}");
                assert_eq!(Process { pid, start: None }.state(), State::Gone, "{pid}");
            }
            let own = here().unwrap().process;
            let earlier = Process { start: own.start.map(|start| start - 1), ..own };
            assert!(earlier.is_replaced() && !own.is_replaced());
            assert_eq!(earlier.state(), State::Gone);
            assert_eq!(Process { start: None, ..own }.state(), State::Unknown);
        }

        #[test]
        fn a_process_is_ended_only_if_it_started_when_it_is_said_to_have() {
            let (mut child, process) = sleeper();
            end(&[Process { start: process.start.map(|start| start + 1), ..process }]);
            end(&[Process { start: None, ..process }, here().unwrap().process]);
            assert_eq!(process.state(), State::Alive);
            end(&[process, process]);
            // Its parent, which is this process, has not noticed yet.
            assert_eq!(process.state(), State::Gone);
            child.wait().unwrap();
            assert_eq!(process.state(), State::Gone);
        }

        #[test]
        fn the_name_of_a_process_may_hold_any_character() {
            let stat = "7 (a) b (c 1) S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4242 99 100";
            assert_eq!(parse(stat), Some(Stat { has_ended: false, start: 4242 }));
            let ended = parse(&stat.replace(") S ", ") Z ")).unwrap();
            assert!(ended.has_ended);
            assert_eq!(parse("7 (a"), None);
            assert_eq!(parse("7 (a) S"), None);
            let of_the_system = "cpu 1 2\nbtime 1767225600\nprocesses 5\n";
            assert_eq!(boot_time(of_the_system), Some(1_767_225_600.0));
            assert_eq!(boot_time("cpu 1 2"), None);
        }
    }
}
