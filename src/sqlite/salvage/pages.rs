//! The pages of a file, with what its write-ahead log has changed.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::rc::Rc;

use rusqlite::ffi;

use super::super::{Error, Result, files};
use super::{u16_at, u32_at};

const MAGIC: &[u8; 16] = b"SQLite format 3\0";
const PAGE_SIZES: [usize; 8] = [4096, 8192, 16384, 32768, 65536, 2048, 1024, 512];

/// How much of a file is looked at to learn its page size.
const SAMPLE: u64 = 16 << 20;

/// The byte whose page SQLite leaves alone, because it locks there.
pub(super) const PENDING_BYTE: u64 = 0x4000_0000;

/// The kinds of b-tree pages by their first byte.
pub(super) const INDEX_INTERIOR: u8 = 2;
pub(super) const TABLE_INTERIOR: u8 = 5;
pub(super) const INDEX_LEAF: u8 = 10;
pub(super) const TABLE_LEAF: u8 = 13;

/// The pages of a file, by their numbers from 1.
pub struct Pages {
    file: Rc<File>,
    log: Option<Log>,
    size: usize,
    count: u32,
    problems: Vec<String>,
}

/// What a write-ahead log holds of committed pages.
struct Log {
    file: File,
    page_size: usize,
    /// Where the latest version of a page is.
    frames: HashMap<u32, u64>,
    /// The pages of the database after the last commit.
    count: u32,
}

impl Pages {
    /// The pages of `file`, which is only read.
    ///
    /// # Errors
    ///
    /// `SQLITE_NOTADB` where nothing in it looks like a page of a database.
    pub fn open(file: &Path) -> Result<Self> {
        let io = |error| Error::io(&error);
        let found = file.metadata().map_err(io)?;
        // Opening a pipe would wait for somebody to write to it.
        if !found.is_file() {
            return Err(Error::cannot_open("it is no file"));
        }
        let opened = Rc::new(File::open(file).map_err(io)?);
        // Never closed: closing any descriptor of a file drops the locks that SQLite holds on it in this
        // process, and somebody may still have the damaged file open. Windows locks by handle.
        #[cfg(unix)]
        std::mem::forget(Rc::clone(&opened));
        let length = found.len();
        let mut problems = Vec::new();
        let log_file = files::log_of(file);
        let log = read_log(&log_file);
        if log.is_none() && log_file.metadata().is_ok_and(|log| log.len() > 0) {
            problems.push("nothing in its write-ahead log can be read".to_owned());
        }
        let journal = files::beside(&files::resolved(file), "-journal");
        if journal.metadata().is_ok_and(|journal| journal.len() > 0) {
            problems.push("a rollback journal lies beside it, and was left out".to_owned());
        }
        let mut sample = vec![0; usize::try_from(length.min(SAMPLE)).unwrap_or(0)];
        read_at(&opened, &mut sample, 0);
        let header = sample.get(..100).filter(|header| header.starts_with(MAGIC));
        if header.is_none() {
            problems.push("its header is damaged".to_owned());
        }
        let size = match &log {
            Some(log) => log.page_size,
            None => page_size(&sample, header).ok_or_else(|| Error::Sqlite {
                code: ffi::SQLITE_NOTADB,
                message: "nothing in it looks like a page of a database".into(),
            })?,
        };
        let in_file = u32::try_from(length.div_ceil(size as u64)).unwrap_or(u32::MAX);
        // What the file does not have is in the log.
        let in_log = log.as_ref().map_or(0, |log| {
            let more = u32::try_from(log.frames.len()).unwrap_or(u32::MAX);
            log.count.min(in_file.saturating_add(more))
        });
        Ok(Self {
            file: opened,
            size,
            count: if in_log > 0 { in_log } else { in_file },
            log,
            problems,
        })
    }

    /// What is wrong with the file as such.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// How many there are.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// The bytes of a page. All of them are SQLite's: a reserve is nothing that this library makes, so a
    /// header that tells of one is more likely damaged.
    pub(super) fn usable(&self) -> usize {
        self.size
    }

    /// A page; `None` where there is none, or its disk does not give it.
    pub(super) fn read(&self, number: u32) -> Option<Vec<u8>> {
        if number == 0 || number > self.count {
            return None;
        }
        let mut page = vec![0; self.size];
        let in_log = self.log.as_ref().and_then(|log| Some((&log.file, *log.frames.get(&number)?)));
        let (file, at) = in_log.unwrap_or((&self.file, u64::from(number - 1) * self.size as u64));
        (read_at(file, &mut page, at) == page.len()).then_some(page)
    }

    /// The page that nobody may use.
    pub(super) fn pending_page(&self) -> u32 {
        u32::try_from(PENDING_BYTE / self.size as u64 + 1).unwrap_or(u32::MAX)
    }
}

/// Where the header of a b-tree page is: the first page begins with the header of the file.
pub(super) fn header_at(number: u32) -> usize {
    if number == 1 { 100 } else { 0 }
}

/// Fills `buffer` as far as possible, and says how far.
fn read_at(file: &File, buffer: &mut [u8], at: u64) -> usize {
    #[cfg(unix)]
    use std::os::unix::fs::FileExt;
    #[cfg(windows)]
    use std::os::windows::fs::FileExt;

    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        #[cfg(unix)]
        let read = file.read_at(rest, at + filled as u64);
        #[cfg(windows)]
        let read = file.seek_read(rest, at + filled as u64);
        match read {
            Ok(0) => break,
            Ok(bytes) => filled += bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    filled
}

/// The page size with which most of the sample makes sense; the one in the header, where it is as good.
fn page_size(sample: &[u8], header: Option<&[u8]>) -> Option<usize> {
    let in_header = header.and_then(|header| u16_at(header, 16)).map(|size| match size {
        1 => 65536,
        size => usize::from(size),
    });
    let sound_pages = |size: usize| {
        let pages = sample.chunks_exact(size).zip(1..);
        pages.filter(|(page, number)| is_sound(page, header_at(*number))).count()
    };
    PAGE_SIZES
        .into_iter()
        .map(|size| (sound_pages(size), Some(size) == in_header, size))
        // Of equals the first one counts.
        .rev()
        .max_by_key(|(sound, is_in_header, _)| (*sound, *is_in_header))
        .filter(|(sound, is_in_header, _)| *sound > 0 || *is_in_header)
        .map(|(_, _, size)| size)
}

/// Whether a page is one of a b-tree, with all its cells inside.
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

/// The committed pages of a log, as far as its checksums hold; `None` for none.
fn read_log(file: &Path) -> Option<Log> {
    let mut reader = BufReader::new(File::open(file).ok()?);
    let mut header = [0; 32];
    reader.read_exact(&mut header).ok()?;
    let is_big_endian = match u32_at(&header, 0)? {
        0x377f_0682 => false,
        0x377f_0683 => true,
        _ => return None,
    };
    let page_size = usize::try_from(u32_at(&header, 8)?).ok()?;
    let salts = header.get(16..24)?;
    let mut sums = checksum((0, 0), header.get(..24)?, is_big_endian);
    if !PAGE_SIZES.contains(&page_size) || sums != sums_at(&header, 24)? {
        return None;
    }
    let (mut frames, mut uncommitted, mut count) = (HashMap::new(), Vec::new(), 0);
    let mut frame = vec![0; 24 + page_size];
    let mut at = 32;
    while reader.read_exact(&mut frame).is_ok() {
        sums = checksum(sums, frame.get(..8)?, is_big_endian);
        sums = checksum(sums, frame.get(24..)?, is_big_endian);
        if frame.get(8..16)? != salts || sums != sums_at(&frame, 16)? {
            break;
        }
        uncommitted.push((u32_at(&frame, 0)?, at + 24));
        let count_after = u32_at(&frame, 4)?;
        if count_after > 0 {
            frames.extend(uncommitted.drain(..));
            count = count_after;
        }
        at += frame.len() as u64;
    }
    let file = reader.into_inner();
    (count > 0).then_some(Log { file, page_size, frames, count })
}

fn sums_at(bytes: &[u8], at: usize) -> Option<(u32, u32)> {
    Some((u32_at(bytes, at)?, u32_at(bytes, at + 4)?))
}

/// The checksum of a log, continued.
fn checksum((mut one, mut two): (u32, u32), bytes: &[u8], is_big_endian: bool) -> (u32, u32) {
    let word = |bytes: [u8; 4]| match is_big_endian {
        true => u32::from_be_bytes(bytes),
        false => u32::from_le_bytes(bytes),
    };
    for pair in bytes.as_chunks::<8>().0 {
        let [a, b, c, d, e, f, g, h] = *pair;
        one = one.wrapping_add(word([a, b, c, d])).wrapping_add(two);
        two = two.wrapping_add(word([e, f, g, h])).wrapping_add(one);
    }
    (one, two)
}
