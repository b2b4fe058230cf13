//! The pages of a file, with the changes from the log or journal beside it.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

use rusqlite::ffi;

use super::super::{Error, Result, companions, files};
use super::beside::{Journal, Overlay};
use super::encoding::Encoding;
use super::format::{
    INDEX_INTERIOR, INDEX_LEAF, MAGIC, PAGE_SIZES, TABLE_INTERIOR, TABLE_LEAF, header_at,
    pending_page, u16_at, u32_at, varint,
};
use super::record;
use super::source::{InputFile, failed};

/// Bytes of a file that are inspected to find its page size.
const SAMPLE: u64 = 16 << 20;

/// Pages that are inspected to find how many bytes of each SQLite uses.
const SAMPLE_PAGES: u32 = 1000;

/// The most bytes of a page that may be reserved, and the fewest that SQLite uses.
const MOST_RESERVED: usize = 255;
const LEAST_USABLE: usize = 480;

/// This number of known words is enough to tell the encoding.
const ENOUGH_WORDS: u32 = 64;

/// The pages of a file, by their numbers from 1.
pub(crate) struct Pages {
    file: InputFile,
    /// Pages that replace those of the file: first the log, then the journal of an interrupted transaction.
    overlays: Vec<Overlay>,
    size: usize,
    reserved: usize,
    count: u32,
    problems: Vec<String>,
}

impl Pages {
    /// The pages of `file`, which is only read.
    ///
    /// # Errors
    ///
    /// `SQLITE_NOTADB` if nothing in it looks like a page of a database.
    pub(crate) fn open(file: &Path) -> Result<Self> {
        companions::check(file)?;
        let opened = InputFile::open(file)?;
        let mut problems = Vec::new();
        let overlays = overlays(file, &mut problems);
        let size = match overlays.first() {
            Some(overlay) => overlay.page_size,
            None => page_size(&sample(&opened)?).ok_or_else(|| Error::Sqlite {
                code: ffi::SQLITE_NOTADB,
                message: "nothing in it looks like a page of a database".into(),
            })?,
        };
        let in_file = u32::try_from(opened.length().div_ceil(size as u64)).unwrap_or(u32::MAX);
        // Pages that the file lacks are in the overlays.
        let count = overlays.first().map_or(in_file, |overlay| {
            let beside = overlays.iter().map(Overlay::pages).fold(in_file, u32::saturating_add);
            overlay.count.min(beside)
        });
        let mut pages = Self { file: opened, overlays, size, reserved: 0, count, problems };
        if !pages.has_header() {
            pages.problems.push("its header is damaged".to_owned());
        }
        pages.reserved = pages.find_reserved();
        Ok(pages)
    }

    /// What is wrong with the file as a whole.
    pub(crate) fn problems(&self) -> &[String] {
        &self.problems
    }

    /// How many there are.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// How many bytes of a page SQLite uses.
    pub(super) fn usable(&self) -> usize {
        self.size - self.reserved
    }

    /// The bytes of a page that SQLite uses; `None` if there is no such page, or it cannot be read.
    pub(super) fn read(&self, number: u32) -> Option<Vec<u8>> {
        if number == 0 || number > self.count {
            return None;
        }
        let mut page = vec![0; self.size];
        let beside = self.overlays.iter().find_map(|overlay| overlay.read(number, &mut page));
        let is_read = beside
            .unwrap_or_else(|| self.file.read(&mut page, u64::from(number - 1) * self.size as u64));
        page.truncate(self.usable());
        is_read.then_some(page)
    }

    /// The page that SQLite never uses, because of its locks.
    pub(super) fn pending_page(&self) -> u32 {
        pending_page(self.size)
    }

    /// The encoding in which most of `words` are found as whole fields; nearly every row has one of them. Between
    /// equals, the one in the header.
    pub(super) fn find_encoding(&self, words: &[&str]) -> Encoding {
        let header = self.read(1).filter(|page| page.starts_with(MAGIC));
        let in_header = header.and_then(|page| Encoding::by_number(u32_at(&page, 56)?));
        let mut found = Encoding::ALL.map(|encoding| (encoding, 0));
        for number in 1..=self.count {
            let Some(page) = self.read(number) else {
                continue;
            };
            for row in small_rows(&page, header_at(number), self.usable()) {
                for (encoding, count) in &mut found {
                    let fields =
                        page.get(row.clone()).and_then(|row| record::fields(row, *encoding));
                    let is_word = |field: &record::Field<'_>| match field {
                        record::Field::Text(text) => {
                            words.iter().any(|word| word.as_bytes() == &**text)
                        }
                        _ => false,
                    };
                    *count += u32::from(fields.is_some_and(|fields| fields.iter().any(is_word)));
                }
            }
            if found.iter().any(|(_, count)| *count >= ENOUGH_WORDS) {
                break;
            }
        }
        let best = found.into_iter().rev().max_by_key(|(encoding, count)| {
            (*count, Some(*encoding) == in_header, *encoding == Encoding::default())
        });
        best.map(|(encoding, _)| encoding).unwrap_or_default()
    }

    fn has_header(&self) -> bool {
        self.read(1).is_some_and(|page| page.starts_with(MAGIC))
    }

    /// How many bytes at the end of each page are reserved: the number in the header, unless rows lie there. Without
    /// a header, the number that most pages leave free at their end.
    fn find_reserved(&self) -> usize {
        let most = MOST_RESERVED.min(self.size - LEAST_USABLE);
        // How many pages have this number of bytes behind their last row.
        let mut left = HashMap::new();
        for number in 1..=self.count.min(SAMPLE_PAGES) {
            let Some(page) = self.read(number) else {
                continue;
            };
            let header = header_at(number);
            if is_sound(&page, header)
                && let Some(end) = small_rows(&page, header, self.size).map(|row| row.end).max()
            {
                *left.entry(self.size - end).or_insert(0) += 1;
            }
        }
        let pages: usize = left.values().sum();
        let in_header = self.read(1).filter(|page| page.starts_with(MAGIC));
        if let Some(claimed) = in_header.and_then(|page| page.get(20).copied().map(usize::from)) {
            let within: usize =
                left.iter().filter(|(left, _)| **left < claimed).map(|(_, n)| n).sum();
            if claimed <= most && within * 10 <= pages {
                return claimed;
            }
        }
        let common = left.into_iter().max_by_key(|(_, pages)| *pages);
        common
            .filter(|(left, found)| *left <= most && found * 2 > pages)
            .map_or(0, |(left, _)| left)
    }
}

/// The log and the journal beside a file; the first one that has a page decides.
fn overlays(file: &Path, problems: &mut Vec<String>) -> Vec<Overlay> {
    let is_there = |path: &Path| path.metadata().is_ok_and(|found| found.len() > 0);
    let log_file = files::log_of(file);
    let log = Overlay::of_log(&log_file);
    if log.is_none() && is_there(&log_file) {
        problems.push("nothing in its write-ahead log can be read".to_owned());
    }
    let journal_file = files::beside(&files::resolved(file), "-journal");
    let journal = match Journal::of(&journal_file) {
        Journal::Over => None,
        Journal::Unreadable => {
            problems.push("a rollback journal lies beside it, and cannot be read".to_owned());
            None
        }
        Journal::Hot(journal) => {
            problems.push(
                "a rollback journal lies beside it; the changes of its transaction were taken back"
                    .to_owned(),
            );
            Some(journal)
        }
    };
    for (overlay, what) in [(&log, "write-ahead log"), (&journal, "rollback journal")] {
        if overlay.as_ref().is_some_and(|overlay| overlay.is_cut) {
            problems.push(format!("its {what} cannot be read to its end"));
        }
    }
    let size = log.as_ref().or(journal.as_ref()).map(|first| first.page_size);
    [log, journal].into_iter().flatten().filter(|other| Some(other.page_size) == size).collect()
}

/// The page size in the header, if the first page is sound with it. Otherwise the one with which most pages of the
/// sample are sound.
fn page_size(sample: &[u8]) -> Option<usize> {
    let in_header = sample.starts_with(MAGIC).then(|| u16_at(sample, 16)).flatten();
    let in_header = in_header.map(|size| if size == 1 { 65536 } else { usize::from(size) });
    let in_header = in_header.filter(|size| PAGE_SIZES.contains(size));
    if let Some(size) = in_header
        && sample.get(..size).is_some_and(|page| is_sound(page, header_at(1)))
    {
        return Some(size);
    }
    // Pages with cells count more: an empty one looks sound easily.
    let sound_pages = |size: usize| {
        let pages = sample.chunks_exact(size).zip(1..);
        pages.fold((0, 0), |(full, sound), (page, number)| {
            let header = header_at(number);
            let is_sound = is_sound(page, header);
            let is_full = is_sound && u16_at(page, header + 3) != Some(0);
            (full + usize::from(is_full), sound + usize::from(is_sound))
        })
    };
    PAGE_SIZES
        .into_iter()
        .map(|size| (sound_pages(size), Some(size) == in_header, size))
        // Between equals, the first one wins.
        .rev()
        .max_by_key(|(sound, is_in_header, _)| (*sound, *is_in_header))
        .filter(|((_, sound), is_in_header, _)| *sound > 0 || *is_in_header)
        .map(|(_, _, size)| size)
}

/// The beginning of a file, with zeros for parts that cannot be read. Some of it has to be readable.
fn sample(file: &InputFile) -> Result<Vec<u8>> {
    let length = file.length().min(SAMPLE);
    let mut sample = vec![0; usize::try_from(length).unwrap_or(0)];
    let mut is_read = sample.is_empty();
    for (piece, at) in sample.chunks_mut(4096).zip((0..).step_by(4096)) {
        if file.read(piece, at) {
            is_read = true;
        } else {
            piece.fill(0);
        }
    }
    if is_read { Ok(sample) } else { Err(failed(ffi::SQLITE_IOERR_READ)) }
}

/// Whether a page belongs to a b-tree and all its cells are inside it.
fn is_sound(page: &[u8], header: usize) -> bool {
    let pointers = match page.get(header) {
        Some(&(INDEX_LEAF | TABLE_LEAF)) => header + 8,
        Some(&(INDEX_INTERIOR | TABLE_INTERIOR)) => header + 12,
        _ => return false,
    };
    let Some(cells) = u16_at(page, header + 3).map(usize::from) else {
        return false;
    };
    let first = pointers + 2 * cells;
    (0..cells).all(|cell| {
        u16_at(page, pointers + 2 * cell)
            .is_some_and(|at| (first..page.len() - 3).contains(&usize::from(at)))
    })
}

/// Where the records of a table's leaf are. Only records that certainly need no overflow page, whatever is reserved.
fn small_rows(page: &[u8], header: usize, size: usize) -> impl Iterator<Item = Range<usize>> {
    let cells = match page.get(header) {
        Some(&TABLE_LEAF) => u16_at(page, header + 3).map_or(0, usize::from),
        _ => 0,
    };
    let most = size.saturating_sub(MOST_RESERVED).max(LEAST_USABLE) - 35;
    (0..cells).filter_map(move |cell| {
        let at = usize::from(u16_at(page, header + 8 + 2 * cell)?);
        let (length, first) = varint(page, at)?;
        let (_, second) = varint(page, at + first)?;
        let length = usize::try_from(length).ok().filter(|length| *length <= most)?;
        let start = at + first + second;
        (start + length <= page.len()).then_some(start..start + length)
    })
}
