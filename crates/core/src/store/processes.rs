//! Asks the system about a process by its pid.

/// When the process started, in milliseconds since 1970, to within a second or two. `None` if there is no such
/// process, and on other systems than Linux.
#[cfg(target_os = "linux")]
pub(super) fn started_at(pid: i64) -> Option<f64> {
    use std::fs::read_to_string;

    let boot = boot_time(&read_to_string("/proc/stat").ok()?)?;
    let after = ticks(&read_to_string(format!("/proc/{pid}/stat")).ok()?)?;
    Some(boot * 1000.0 + after * 1000.0 / TICKS_PER_SECOND)
}

/// When the process started.
#[cfg(not(target_os = "linux"))]
pub(super) fn started_at(_pid: i64) -> Option<f64> {
    None
}

/// The unit of times in `/proc`, the same on every platform that Node.js runs on.
#[cfg(target_os = "linux")]
const TICKS_PER_SECOND: f64 = 100.0;

/// The line `btime` of `/proc/stat`: seconds since 1970.
#[cfg(target_os = "linux")]
fn boot_time(stat: &str) -> Option<f64> {
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

/// The 22nd field of `/proc/<pid>/stat`: ticks since the system started. The second one is a name in parentheses,
/// which may hold any characters.
#[cfg(target_os = "linux")]
fn ticks(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_ascii_whitespace().nth(19)?.parse().ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::store::timestamp::Timestamp;

    #[test]
    fn this_process_started_a_while_ago() {
        let age = Timestamp::now().millis() - started_at(i64::from(std::process::id())).unwrap();
        assert!((-2_000.0..3_600_000.0).contains(&age), "{age}");
        assert_eq!(started_at(i64::from(i32::MAX)), None);
        assert_eq!(started_at(-1), None);
    }

    #[test]
    fn the_name_of_a_process_may_hold_any_character() {
        let stat = "7 (a) b (c 1) S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4242 99 100";
        assert_eq!(ticks(stat), Some(4242.0));
        assert_eq!(ticks("7 (a"), None);
        assert_eq!(ticks("7 (a) S"), None);
        assert_eq!(boot_time("cpu 1 2\nbtime 1767225600\nprocesses 5\n"), Some(1_767_225_600.0));
        assert_eq!(boot_time("cpu 1 2"), None);
    }
}
