//! Writes to a log that follow each other.

/// Bytes of the header of a frame. A page follows it.
const HEADER: usize = 24;

/// Bytes that are gathered at most. A transaction that is larger is written in parts.
const MOST: usize = 256 << 10;

/// Bytes that stay allocated. Most commits are smaller.
const KEPT: usize = 64 << 10;

/// What a write is to a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// A part of it, which need not be written yet.
    Gathered,
    /// A part of it, with which it has to be written now: the page of a commit frame, or there is enough.
    Full,
    /// No part of it. It has to be written before.
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    /// Nothing is gathered any more until there is a new write lock.
    #[default]
    Off,
    /// The header of a frame begins it.
    MayBegin,
    /// The header of a frame goes on with it.
    Frame,
    /// The page of a frame is next; `ends` says that it is that of the commit frame.
    Page { ends: bool },
}

/// The frames that a transaction has added to the log and that are not written yet.
#[derive(Debug, Default)]
pub(super) struct Run {
    state: State,
    bytes: Vec<u8>,
    /// Where they belong.
    at: i64,
    /// Where the commit frame begins in them.
    commit: Option<usize>,
}

impl Run {
    /// A transaction may write from now on.
    pub(super) fn begin(&mut self) {
        self.forget();
        self.state = State::MayBegin;
    }

    /// It writes nothing more. What is left was not committed.
    pub(super) fn end(&mut self) {
        self.forget();
        self.state = State::Off;
    }

    /// Takes a write of `piece` to the place `at`.
    pub(super) fn take(&mut self, piece: &[u8], at: i64) -> Step {
        let is_next = self.end_of() == Some(at);
        let is_header = piece.len() == HEADER;
        let next = match self.state {
            State::MayBegin if is_header => {
                self.at = at;
                State::Page { ends: is_commit(piece) }
            }
            // The header of the log comes first.
            State::MayBegin => return Step::Other,
            State::Frame if is_next && is_header => State::Page { ends: is_commit(piece) },
            State::Page { ends: true } if is_next => State::Off,
            State::Page { ends: false } if is_next => State::Frame,
            _ => {
                self.state = State::Off;
                return Step::Other;
            }
        };
        if self.bytes.try_reserve(piece.len()).is_err() {
            self.state = State::Off;
            return Step::Other;
        }
        if matches!(next, State::Page { ends: true }) {
            self.commit = Some(self.bytes.len());
        }
        self.bytes.extend_from_slice(piece);
        self.state = next;
        match next {
            State::Off => Step::Full,
            State::Frame if self.bytes.len() >= MOST => Step::Full,
            _ => Step::Gathered,
        }
    }

    /// What is to be written, and where.
    pub(super) fn gathered(&self) -> Option<(&[u8], i64)> {
        (!self.bytes.is_empty()).then_some((&self.bytes, self.at))
    }

    /// It could not be written. What was spilled before is kept, because the transaction may read it. A commit frame is not: its
    /// transaction has failed, and must never be one that was committed.
    pub(super) fn has_failed(&mut self) {
        if let Some(commit) = self.commit.take() {
            self.bytes.truncate(commit);
        }
        self.state = State::Off;
    }

    /// The bytes from `at` on, where all of them are gathered.
    pub(super) fn part(&self, at: i64, amount: i32) -> Option<&[u8]> {
        let from = usize::try_from(at.checked_sub(self.at)?).ok()?;
        let to = from.checked_add(usize::try_from(amount).ok()?)?;
        self.bytes.get(from..to)
    }

    /// Whether so many bytes from `at` on reach into what is gathered.
    pub(super) fn reaches(&self, at: i64, amount: i32) -> bool {
        let Some(end) = self.end_of().filter(|_| !self.bytes.is_empty()) else {
            return false;
        };
        at < end && at.saturating_add(i64::from(amount)) > self.at
    }

    /// It was written, and may go on behind that.
    pub(super) fn is_written(&mut self) {
        self.at = self.end_of().unwrap_or(self.at);
        self.forget();
    }

    /// The place behind it.
    fn end_of(&self) -> Option<i64> {
        self.at.checked_add_unsigned(self.bytes.len() as u64)
    }

    fn forget(&mut self) {
        self.commit = None;
        self.bytes.clear();
        self.bytes.shrink_to(KEPT);
    }
}

/// Whether the header of a frame is that of a commit: it has the size of the database in pages then.
fn is_commit(header: &[u8]) -> bool {
    header.get(4..8).is_some_and(|size| size != [0; 4])
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: [u8; 512] = [7; 512];

    fn header(size: u8) -> [u8; HEADER] {
        let mut header = [1; HEADER];
        header[4..8].copy_from_slice(&[0, 0, 0, size]);
        header
    }

    /// A run that has taken these frames, one of them behind the other.
    fn run_of(sizes: &[u8]) -> (Run, Vec<Step>, i64) {
        let (mut run, mut at) = (Run::default(), 32);
        run.begin();
        let mut steps = Vec::new();
        for size in sizes {
            steps.push(run.take(&header(*size), at));
            steps.push(run.take(&PAGE, at + HEADER as i64));
            at += (HEADER + PAGE.len()) as i64;
        }
        (run, steps, at)
    }

    #[test]
    fn the_frames_of_a_commit_are_one_run_that_is_full_with_the_last_page() {
        let (mut run, steps, end) = run_of(&[0, 0, 9]);
        assert_eq!(steps[..5], [Step::Gathered; 5]);
        assert_eq!(steps[5], Step::Full);
        let (bytes, at) = run.gathered().unwrap();
        assert_eq!((bytes.len() as i64, at), (end - 32, 32));
        assert_eq!(bytes[..HEADER], header(0));
        run.is_written();
        assert_eq!(run.gathered(), None);
        // A copy of the commit frame, or the header of one that gets another checksum.
        assert_eq!(run.take(&header(9), end), Step::Other);
        assert_eq!(run.take(&header(9), 32), Step::Other);
    }

    #[test]
    fn nothing_is_gathered_without_the_write_lock() {
        let mut run = Run::default();
        assert_eq!(run.take(&header(0), 32), Step::Other);
        run.begin();
        assert_eq!(run.take(&[0; 32], 0), Step::Other);
        assert_eq!(run.take(&header(0), 32), Step::Gathered);
        run.end();
        assert_eq!(run.gathered(), None);
        assert_eq!(run.take(&PAGE, 56), Step::Other);
    }

    #[test]
    fn a_write_elsewhere_has_what_was_gathered_written_first_and_ends_it() {
        for (piece, at) in [(&PAGE[..], 56), (&header(0)[..], 32), (&PAGE[..], 32)] {
            let (mut run, _, _) = run_of(&[0, 0]);
            assert_eq!(run.take(piece, at), Step::Other);
            assert_eq!(run.gathered().unwrap().1, 32);
            run.is_written();
            let (_, _, end) = run_of(&[0, 0]);
            assert_eq!(run.take(&header(0), end), Step::Other);
        }
    }

    #[test]
    fn of_what_could_not_be_written_all_but_the_commit_frame_stays_until_the_lock_goes() {
        let (mut run, steps, end) = run_of(&[0, 9]);
        assert_eq!(steps.last(), Some(&Step::Full));
        let commit = end - (HEADER + PAGE.len()) as i64;
        run.has_failed();
        let (bytes, at) = run.gathered().unwrap();
        assert_eq!((at, at + bytes.len() as i64), (32, commit));
        assert_eq!(run.take(&header(9), commit), Step::Other);
        run.end();
        assert_eq!(run.gathered(), None);
    }

    #[test]
    fn a_large_transaction_is_written_in_parts() {
        let frames = MOST / (HEADER + PAGE.len()) + 1;
        let (mut run, steps, end) = run_of(&vec![0; frames]);
        assert_eq!(steps.last(), Some(&Step::Full));
        assert_eq!(steps.iter().filter(|step| **step == Step::Full).count(), 1);
        run.is_written();
        assert_eq!(run.take(&header(9), end), Step::Gathered);
        assert_eq!(run.take(&PAGE, end + HEADER as i64), Step::Full);
        assert_eq!(run.gathered().unwrap().1, end);
    }

    #[test]
    fn reads_reach_into_it_or_not() {
        let (mut run, _, end) = run_of(&[0]);
        assert!(run.reaches(0, 33) && run.reaches(end - 1, 100) && run.reaches(40, 1));
        assert!(!run.reaches(0, 32) && !run.reaches(end, 100));
        assert_eq!(run.part(32, HEADER as i32), Some(&header(0)[..]));
        assert_eq!(run.part(32 + HEADER as i64, PAGE.len() as i32), Some(&PAGE[..]));
        assert_eq!((run.part(31, 4), run.part(end - 1, 2), run.part(end, 1)), (None, None, None));
        run.end();
        assert!(!run.reaches(0, 1000));
        assert_eq!(run.part(32, 1), None);
    }
}
