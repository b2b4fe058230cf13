//! The files beside a database that change its pages: a write-ahead log, or the journal of an interrupted
//! transaction.

use std::collections::HashMap;
use std::ffi::CString;
use std::path::Path;

use super::format::{PAGE_SIZES, PENDING_BYTE, u32_at};
use super::source::InputFile;

/// The first bytes of each part of a rollback journal, and its last bytes if it belongs to several files.
const JOURNAL_MAGIC: [u8; 8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];

/// This number means: as many records as fit.
const UNCOUNTED: u32 = u32::MAX;

/// Pages that replace those in the file.
pub(super) struct Overlay {
    file: InputFile,
    /// The size of its pages.
    pub(super) page_size: usize,
    /// The position of each page.
    places: HashMap<u32, u64>,
    /// How many pages the database has with it.
    pub(super) count: u32,
    /// Whether a part of it could not be read from the disk.
    pub(super) is_cut: bool,
}

impl Overlay {
    /// How many pages it holds.
    pub(super) fn pages(&self) -> u32 {
        u32::try_from(self.places.len()).unwrap_or(u32::MAX)
    }

    /// Fills `page` with its bytes; `None` if the page is not here, `Some(false)` if it cannot be read.
    pub(super) fn read(&self, number: u32, page: &mut [u8]) -> Option<bool> {
        let at = *self.places.get(&number)?;
        Some(self.file.read(page, at))
    }

    /// The committed pages of a write-ahead log, up to the first wrong checksum; `None` if there are none.
    pub(super) fn of_log(path: &Path) -> Option<Self> {
        let file = InputFile::open(path).ok()?;
        let mut header = [0; 32];
        file.read(&mut header, 0).then_some(())?;
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
        let (mut places, mut uncommitted, mut count) = (HashMap::new(), Vec::new(), 0);
        let mut frame = vec![0; 24 + page_size];
        let (mut at, mut is_cut) = (32, false);
        while file.holds(&frame, at) {
            if !file.read(&mut frame, at) {
                is_cut = true;
                break;
            }
            sums = checksum(sums, frame.get(..8)?, is_big_endian);
            sums = checksum(sums, frame.get(24..)?, is_big_endian);
            if frame.get(8..16)? != salts || sums != sums_at(&frame, 16)? {
                break;
            }
            uncommitted.push((u32_at(&frame, 0)?, at + 24));
            let count_after = u32_at(&frame, 4)?;
            if count_after > 0 {
                places.extend(uncommitted.drain(..));
                count = count_after;
            }
            at += frame.len() as u64;
        }
        (count > 0).then_some(Self { file, page_size, places, count, is_cut })
    }

    /// The pages before the transaction of this journal, up to the first wrong checksum; `None` if it is not a
    /// journal.
    fn of_journal(file: InputFile) -> Option<Self> {
        let mut header = [0; 28];
        file.read(&mut header, 0).then_some(())?;
        let count = u32_at(&header, 16)?;
        let sector = u64::from(u32_at(&header, 20)?);
        let page_size = usize::try_from(u32_at(&header, 24)?).ok()?;
        let sane = sector.is_power_of_two() && (32..=65536).contains(&sector);
        if !header.starts_with(&JOURNAL_MAGIC) || !sane || !PAGE_SIZES.contains(&page_size) {
            return None;
        }
        let mut places = HashMap::new();
        let mut record = vec![0; page_size + 8];
        let (mut part, mut is_cut) = (0, false);
        'parts: while file.holds(&header, part) {
            is_cut = !file.read(&mut header, part);
            if is_cut || !header.starts_with(&JOURNAL_MAGIC) {
                break;
            }
            let (records, nonce) = (u32_at(&header, 8)?, u32_at(&header, 12)?);
            let mut at = part + sector;
            let mut left = records;
            while left > 0 && file.holds(&record, at) {
                if !file.read(&mut record, at) {
                    is_cut = true;
                    break 'parts;
                }
                let number = u32_at(&record, 0)?;
                let page = record.get(4..4 + page_size)?;
                if u32_at(&record, 4 + page_size)? != journal_checksum(nonce, page) {
                    break 'parts;
                }
                if number == 0 || u64::from(number) == PENDING_BYTE / page_size as u64 + 1 {
                    break 'parts;
                }
                // The first copy of a page is the oldest.
                if number <= count {
                    places.entry(number).or_insert(at + 4);
                }
                at += record.len() as u64;
                left -= u32::from(records != UNCOUNTED);
            }
            if left > 0 {
                break;
            }
            part = at.next_multiple_of(sector);
        }
        Some(Self { file, page_size, places, count, is_cut })
    }
}

/// The rollback journal of a file.
pub(super) enum Journal {
    /// There is no journal, or its transaction is over.
    Over,
    /// It is damaged.
    Unreadable,
    /// The pages that it restores.
    Hot(Overlay),
}

impl Journal {
    /// Reads the journal at `path`.
    pub(super) fn of(path: &Path) -> Self {
        if path.metadata().is_ok_and(|found| found.len() == 0) || path.symlink_metadata().is_err() {
            return Self::Over;
        }
        match InputFile::open(path) {
            Ok(file) if is_over(&file) => Self::Over,
            Ok(file) => Overlay::of_journal(file).map_or(Self::Unreadable, Self::Hot),
            Err(_) => Self::Unreadable,
        }
    }
}

/// Whether a journal that exists is over: it was zeroed, or it was part of a transaction of several files, which is
/// done when the file that it names is gone.
fn is_over(file: &InputFile) -> bool {
    let mut first = [0];
    if !file.read(&mut first, 0) || first == [0] {
        return true;
    }
    let over = || {
        let mut end = [0; 16];
        let end_at = file.length().checked_sub(16)?;
        file.read(&mut end, end_at).then_some(())?;
        if !end.ends_with(&JOURNAL_MAGIC) {
            return None;
        }
        let length = u32_at(&end, 0)?;
        let mut name = vec![0; usize::try_from(length).ok().filter(|length| *length < 4096)?];
        file.read(&mut name, end_at.checked_sub(u64::from(length))?).then_some(())?;
        let sum =
            name.iter().fold(0u32, |sum, byte| sum.wrapping_add((*byte).cast_signed() as u32));
        let name = CString::new(name).ok()?.into_string().ok()?;
        Some(sum == u32_at(&end, 4)? && !name.is_empty() && !Path::new(&name).exists())
    };
    over().unwrap_or(false)
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

/// The checksum of a page in a rollback journal, which looks at every two hundredth byte from the end.
fn journal_checksum(nonce: u32, page: &[u8]) -> u32 {
    let bytes = page.iter().rev().skip(199).step_by(200);
    bytes.fold(nonce, |sum, byte| sum.wrapping_add(u32::from(*byte)))
}
