//! What SQLite and the floors below Node.js cost: some trials of the benchmark as a program without
//! JavaScript. `bench/run.mjs` starts it once a trial and shows its numbers beside the others.
//!
//! ```text
//! floor TRIAL SMALL_CHUNKS LARGE_CHUNKS FOLDER full|quick
//! ```

use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use gsd_session_core::sqlite::{Connection, Location, OpenOptions};
use gsd_session_core::store;
use gsd_session_core::store::model::{
    Details, NewOutput, NewSession, Order, OutputType, Owner, SessionStatus,
};
use gsd_session_core::store::outputs::Outputs;
use gsd_session_core::store::sessions::Sessions;
use gsd_session_core::store::timestamp::Timestamp;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Numbers of a trial by their names; times in µs.
type Metrics = BTreeMap<&'static str, f64>;

// What follows is the same as in lib/fixtures.mjs and the trials.

const START: f64 = 1_767_225_600_000.0;
const CHUNKS_PER_MS: usize = 12;
const ROWS_PER_TRANSACTION: usize = 1000;
const SESSIONS: [&str; 3] = ["session-1", "session-2", "session-3"];

/// Between chunks in a file; a byte that UTF-8 never contains.
const SEPARATOR: u8 = 0xff;

struct Trial {
    outputs: Outputs,
    sessions: Sessions,
    small: PathBuf,
    large: PathBuf,
    quick: bool,
}

impl Trial {
    fn budget(&self) -> Duration {
        Duration::from_millis(if self.quick { 60 } else { 250 })
    }

    fn run(&self, name: &str) -> Outcome<Metrics> {
        match name {
            "append-small" => self.append_each(&self.small, 30_000, 8_000),
            "append-large" => self.append_each(&self.large, 30_000, 4_000),
            "append-many" => self.append_many(),
            "get-by-session" => self.get_by_session(),
            "get-since" => self.get_since(),
            "get-full-output" => self.get_full_output(),
            "list-sessions" => self.list_sessions(),
            "get-session" => self.get_session(),
            _ => Err(format!("there is no trial {name}").into()),
        }
    }

    fn append_each(&self, chunks: &Path, full: usize, quick: usize) -> Outcome<Metrics> {
        let chunks = read_chunks(chunks)?;
        let rows = if self.quick { quick } else { full };
        let warmup = rows / 10;
        for number in 0..warmup {
            self.outputs.append(output_of(&chunks, number, None)?)?;
        }
        let mut durations = Vec::with_capacity(rows);
        for number in warmup..warmup + rows {
            let output = output_of(&chunks, number, None)?;
            let start = Instant::now();
            self.outputs.append(output)?;
            durations.push(micros(start.elapsed()));
        }
        let mean = durations.iter().sum::<f64>() / rows as f64;
        durations.sort_by(f64::total_cmp);
        let percentile = |part: f64| {
            let at = ((rows as f64 * part) as usize).min(rows - 1);
            durations.get(at).copied().unwrap_or(f64::NAN)
        };
        Ok(Metrics::from([
            ("mean", mean),
            ("p50", percentile(0.5)),
            ("p99", percentile(0.99)),
            ("p999", percentile(0.999)),
            ("max", percentile(1.0)),
        ]))
    }

    fn append_many(&self) -> Outcome<Metrics> {
        let chunks = read_chunks(&self.small)?;
        let outputs = (0..ROWS_PER_TRANSACTION)
            .map(|number| output_of(&chunks, number, None))
            .collect::<Outcome<Vec<_>>>()?;
        let (warmup, transactions) = (5, if self.quick { 12 } else { 40 });
        let mut times = Vec::new();
        for transaction in 0..warmup + transactions {
            let start = Instant::now();
            self.outputs.append_many(&outputs)?;
            if transaction >= warmup {
                times.push(micros(start.elapsed()) / outputs.len() as f64);
            }
        }
        Ok(Metrics::from([("time", median(times))]))
    }

    fn get_by_session(&self) -> Outcome<Metrics> {
        self.fill_outputs(&read_chunks(&self.small)?, 30_000, None)?;
        let mut metrics = Metrics::new();
        for (name, limit) in [("limit10", 10), ("limit100", 100), ("limit1000", 1000)] {
            let newest = || {
                let mut bytes = 0;
                self.outputs.newest::<store::Error>(SESSIONS[0], Some(limit), |row| {
                    bytes += row.data.len();
                    Ok(())
                })?;
                Ok(bytes)
            };
            metrics.insert(name, time_of_call(self.budget(), newest)?);
        }
        Ok(metrics)
    }

    fn get_since(&self) -> Outcome<Metrics> {
        let rows = 30_000;
        self.fill_outputs(&read_chunks(&self.small)?, rows, None)?;
        let since = moment_of(rows - 1 - 3 * 1000)?;
        let newer = || {
            let mut bytes = 0;
            self.outputs.since::<store::Error>(SESSIONS[0], since, None, |row| {
                bytes += row.data.len();
                Ok(())
            })?;
            Ok(bytes)
        };
        Ok(Metrics::from([("time", time_of_call(self.budget(), newer)?)]))
    }

    fn get_full_output(&self) -> Outcome<Metrics> {
        let mixed = read_chunks(&self.small)?;
        let ascii: Vec<String> = mixed
            .iter()
            .map(|chunk| chunk.chars().map(|c| if c.is_ascii() { c } else { '+' }).collect())
            .collect();
        let mut metrics = Metrics::new();
        for (name, chunks) in [("mixed", mixed), ("ascii", ascii)] {
            self.fill_outputs(&chunks, 26_667, Some(name))?;
            let full = || Ok(self.outputs.full(name, "\n", Order::Time)?.len());
            metrics.insert(name, time_of_call(self.budget(), full)?);
        }
        Ok(metrics)
    }

    fn list_sessions(&self) -> Outcome<Metrics> {
        self.fill_sessions(1000)?;
        let list = || {
            let mut bytes = 0;
            self.sessions.list::<store::Error>(|row| {
                bytes += row.id.len();
                Ok(())
            })?;
            Ok(bytes)
        };
        Ok(Metrics::from([("time", time_of_call(self.budget(), list)?)]))
    }

    fn get_session(&self) -> Outcome<Metrics> {
        let count = 1000;
        self.fill_sessions(count)?;
        let ids: Vec<String> =
            (0..count).map(|number| format!("session-{}", number * 7 % count + 1)).collect();
        let mut next = ids.iter().cycle();
        let get = || {
            let id = next.next().map_or("", String::as_str);
            let mut bytes = 0;
            self.sessions.get::<store::Error>(id, |row| {
                bytes += row.id.len();
                Ok(())
            })?;
            Ok(bytes)
        };
        Ok(Metrics::from([("time", time_of_call(self.budget(), get)?)]))
    }

    fn fill_outputs(&self, chunks: &[String], rows: usize, session: Option<&str>) -> Outcome<()> {
        for first in (0..rows).step_by(ROWS_PER_TRANSACTION) {
            let outputs = (first..rows.min(first + ROWS_PER_TRANSACTION))
                .map(|number| output_of(chunks, number, session))
                .collect::<Outcome<Vec<_>>>()?;
            self.outputs.append_many(&outputs)?;
        }
        Ok(())
    }

    fn fill_sessions(&self, count: usize) -> Outcome<()> {
        (0..count).try_for_each(|number| Ok(self.sessions.create(&session_of(number)?)?))
    }
}

fn moment(millis: f64) -> Outcome<Timestamp> {
    Timestamp::from_millis(millis).ok_or_else(|| "no moment".into())
}

fn moment_of(number: usize) -> Outcome<Timestamp> {
    moment(START + (number / CHUNKS_PER_MS) as f64)
}

fn output_of(chunks: &[String], number: usize, session: Option<&str>) -> Outcome<NewOutput> {
    let in_turn = || SESSIONS.get(number % SESSIONS.len()).copied().unwrap_or_default();
    Ok(NewOutput {
        session_id: session.unwrap_or_else(in_turn).to_owned(),
        timestamp: moment_of(number)?,
        kind: if number % 16 == 15 { OutputType::Stderr } else { OutputType::Stdout },
        data: chunks.get(number % chunks.len().max(1)).cloned().unwrap_or_default().into(),
    })
}

fn session_of(number: usize) -> Outcome<NewSession> {
    let status = match number % 4 {
        0 => SessionStatus::Running,
        1 => SessionStatus::WaitingCheckpoint,
        2 => SessionStatus::Completed,
        _ => SessionStatus::Failed,
    };
    let over = matches!(status, SessionStatus::Completed | SessionStatus::Failed);
    let started = START + number as f64 * 60_000.0;
    Ok(NewSession {
        id: format!("session-{}", number + 1),
        slot: i64::try_from(number % 3)? + 1,
        status,
        working_dir: format!("/home/dev/projects/project-{}", number % 17),
        current_command: (number % 5 != 4).then(|| format!("claude --resume {number} --verbose")),
        started_at: moment(started)?,
        ended_at: if over { Some(moment(started + 45_678.0)?) } else { None },
        pid: if over { None } else { Some(i64::try_from(number)? + 1000) },
        details: Details::default(),
        owner: Owner::default(),
    })
}

fn read_chunks(file: &Path) -> Outcome<Vec<String>> {
    let bytes = fs::read(file)?;
    let mut chunks = bytes
        .split(|byte| *byte == SEPARATOR)
        .map(|chunk| Ok(String::from_utf8(chunk.to_vec())?))
        .collect::<Outcome<Vec<_>>>()?;
    // Every chunk ends with a separator.
    chunks.pop();
    Ok(chunks)
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The time of a call, measured as lib/measure.mjs does: the median of the means of short batches,
/// after a warm-up of a third of the time.
fn time_of_call(budget: Duration, mut call: impl FnMut() -> Outcome<usize>) -> Outcome<f64> {
    const BATCH_MICROS: f64 = 1000.0;
    const MIN_BATCHES: usize = 15;
    let mut batch = |calls: u32| -> Outcome<f64> {
        let start = Instant::now();
        for _ in 0..calls {
            black_box(call()?);
        }
        Ok(micros(start.elapsed()))
    };
    let mut calls = 1;
    let start = Instant::now();
    while start.elapsed() < budget / 3 {
        let once = batch(calls)?;
        if once < BATCH_MICROS {
            calls = (f64::from(calls) * (BATCH_MICROS / once).min(8.0)).ceil() as u32;
        }
    }
    let mut means = Vec::new();
    let start = Instant::now();
    while means.len() < MIN_BATCHES || start.elapsed() < budget {
        means.push(batch(calls)? / f64::from(calls));
    }
    Ok(median(means))
}

fn main() -> Outcome<()> {
    let mut arguments = env::args().skip(1);
    let mut next = || arguments.next().ok_or("floor TRIAL SMALL LARGE FOLDER full|quick");
    let name = next()?;
    let (small, large) = (PathBuf::from(next()?), PathBuf::from(next()?));
    let file = Path::new(&next()?).join("sessions.db");
    let quick = next()? == "quick";

    let location = Location::File(file.clone());
    let options = OpenOptions::default();
    let connection = Rc::new(Connection::open(&file.to_string_lossy(), location, &options)?);
    let trial = Trial {
        outputs: Outputs::new(Rc::clone(&connection)),
        sessions: Sessions::new(Rc::clone(&connection)),
        small,
        large,
        quick,
    };
    let metrics = trial.run(&name)?;
    connection.close()?;

    println!("{}", serde_json::to_string(&metrics)?);
    Ok(())
}
