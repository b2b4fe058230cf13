//! The numbers of the file format, and how to read them: <https://www.sqlite.org/fileformat2.html>.

/// The first bytes of every database file.
pub(in crate::sqlite) const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// The possible sizes of a page, the likely ones first.
pub(in crate::sqlite) const PAGE_SIZES: [usize; 8] =
    [4096, 8192, 16384, 32768, 65536, 2048, 1024, 512];

/// SQLite never uses the page with this byte, because its locks are there.
pub(in crate::sqlite) const PENDING_BYTE: u64 = 0x4000_0000;

/// The kinds of b-tree pages by their first byte.
pub(in crate::sqlite) const INDEX_INTERIOR: u8 = 2;
pub(in crate::sqlite) const TABLE_INTERIOR: u8 = 5;
pub(in crate::sqlite) const INDEX_LEAF: u8 = 10;
pub(in crate::sqlite) const TABLE_LEAF: u8 = 13;

/// Whether pages of this kind name pages below them.
pub(in crate::sqlite) fn is_interior(kind: u8) -> bool {
    matches!(kind, TABLE_INTERIOR | INDEX_INTERIOR)
}

/// How many bytes of a record of `size` bytes are in its cell. The rest is on overflow pages.
pub(in crate::sqlite) fn in_cell(size: usize, usable: usize, is_row: bool) -> usize {
    let most = if is_row { usable - 35 } else { (usable - 12) * 64 / 255 - 23 };
    if size <= most {
        return size;
    }
    let least = (usable - 12) * 32 / 255 - 23;
    let here = least + (size - least) % (usable - 4);
    if here <= most { here } else { least }
}

/// The pointer map: five bytes a page, its kind and its parent.
pub(in crate::sqlite) const MAP_ENTRY: usize = 5;
pub(in crate::sqlite) const MAP_FREE: u8 = 2;

/// The page of the pointer map that describes page `number`, where SQLite uses `usable` bytes of a page and never page
/// `pending`.
pub(in crate::sqlite) fn map_page(number: u32, usable: usize, pending: u32) -> Option<u32> {
    let entries = u32::try_from(usable / MAP_ENTRY).ok()?;
    let map = number.checked_sub(2)? / (entries + 1) * (entries + 1) + 2;
    Some(if map == pending { map + 1 } else { map })
}

/// The page that SQLite never uses, because of its locks.
pub(in crate::sqlite) fn pending_page(page_size: usize) -> u32 {
    u32::try_from(PENDING_BYTE / page_size as u64 + 1).unwrap_or(u32::MAX)
}

/// Where the header of a b-tree page starts. The first page begins with the header of the file.
pub(in crate::sqlite) fn header_at(number: u32) -> usize {
    if number == 1 { 100 } else { 0 }
}

/// Two bytes, big-endian.
pub(in crate::sqlite) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Four bytes, big-endian.
pub(in crate::sqlite) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// An integer of one to nine bytes, and how many they are.
pub(in crate::sqlite) fn varint(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
    let mut value = 0;
    for length in 1..=8 {
        let byte = *bytes.get(at + length - 1)?;
        value = value << 7 | u64::from(byte & 0x7f);
        if byte < 0x80 {
            return Some((value, length));
        }
    }
    Some((value << 8 | u64::from(*bytes.get(at + 8)?), 9))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_varint_has_one_to_nine_bytes() {
        assert_eq!(varint(&[0x7f], 0), Some((127, 1)));
        assert_eq!(varint(&[9, 0x81, 0x00], 1), Some((128, 2)));
        assert_eq!(varint(&[0xff; 9], 0), Some((u64::MAX, 9)));
        assert_eq!(varint(&[0xff; 8], 0), None);
        assert_eq!(varint(&[], 0), None);
    }
}
