//! The readers of output.

use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::OnceLock;
use std::time::Duration;

use gsd_session_core::sqlite::{Connection, Location, OpenOptions};
use gsd_session_core::store::Error;
use gsd_session_core::store::cursors::Tail;
use gsd_session_core::store::model::{ExportFormat, NewOutput, OutputType};
use gsd_session_core::store::outputs::Outputs;
use gsd_session_core::store::search::{Query, Search, Stopped};
use gsd_session_core::store::terminal::{Lines, Mark, Setting};
use gsd_session_core::store::timestamp::Timestamp;
use rustix::time::{ClockId, clock_gettime};

/// The processor time of this thread. Other processes hardly affect it.
pub fn spent() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap()
}

/// Something that reads chunks, and measures the time.
pub struct Reader {
    pub name: &'static str,
    /// How often it reads them.
    pub times: f64,
    pub read: fn(&[&[u8]]) -> Duration,
}

const PLAIN: Reader =
    Reader { name: "lines", times: 1.0, read: |pieces| lines(Lines::default(), pieces) };
const STYLED: Reader = Reader {
    name: "styled lines",
    times: 1.0,
    read: |pieces| lines(Lines::styled(Setting::default()), pieces),
};
const STORED: Reader = Reader { name: "search, export and tail", times: 6.0, read: stored };

/// The readers that need no file.
pub const IN_MEMORY: &[Reader] = &[PLAIN, STYLED];

/// All readers.
pub const READERS: &[Reader] = &[PLAIN, STYLED, STORED];

/// The usual seconds for a byte of sequences that are slow to read.
pub fn usual() -> f64 {
    static USUAL: OnceLock<f64> = OnceLock::new();
    *USUAL.get_or_init(|| {
        let bytes = "x\x1b[C\x08\n\x1b[2K".repeat(8 << 10).into_bytes();
        let times = (0..5).map(|_| lines(Lines::default(), &[&bytes]).as_secs_f64());
        times.fold(0.0, f64::max) / bytes.len() as f64
    })
}

fn lines(mut lines: Lines, pieces: &[&[u8]]) -> Duration {
    let start = spent();
    let mut read = 0;
    for (piece, cursor) in pieces.iter().zip(1..) {
        let mut rest = *piece;
        while let Some(line) = lines.next(&mut rest, Mark::of(cursor, 0.0)) {
            read += line.runs().map(|(run, _)| run.len()).sum::<usize>();
        }
    }
    read += lines.end().map_or(0, |line| line.text.len());
    std::hint::black_box(read);
    spent() - start
}

fn stored(pieces: &[&[u8]]) -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.db");
    let name = path.to_str().unwrap().to_owned();
    let location = Location::File(path);
    let connection = Connection::open(&name, location, &OpenOptions::default()).unwrap();
    let outputs = Outputs::new(Rc::new(connection));
    let row = |piece: &&[u8]| NewOutput {
        session_id: "s-1".to_owned(),
        timestamp: Timestamp::from_millis(0.0).unwrap(),
        kind: OutputType::Stdout,
        data: String::from_utf8_lossy(piece).into_owned().into(),
    };
    outputs.append_many(&pieces.iter().map(row).collect::<Vec<_>>()).unwrap();
    let start = spent();
    for time_limit in [None, Some(Duration::from_secs(600))] {
        search(outputs.clone(), time_limit);
    }
    for format in [ExportFormat::Text, ExportFormat::Html] {
        let target = folder.path().join("export");
        let export = outputs.export("s-1".to_owned(), format, (None, None), None, None).unwrap();
        export.write_to(&target, |_| ControlFlow::Continue(())).unwrap();
    }
    outputs.tail::<Error>("s-1", Tail::Lines(10), |_| Ok(())).unwrap();
    spent() - start
}

fn search(outputs: Outputs, time_limit: Option<Duration>) {
    let query = Query {
        pattern: "no such text".to_owned(),
        regex: false,
        case_sensitive: false,
        drawn_over: true,
        command: None,
        session_id: None,
        since: None,
        until: None,
        limit: 100,
        context: 0,
        time_limit,
    };
    let search = Search::new(outputs, query).unwrap();
    while search.page::<Error>(|_| Ok(())).unwrap() != Stopped::AtEnd {}
}
