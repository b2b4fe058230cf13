//! A page of a b-tree, and which of its bytes nobody needs.
//!
//! SQLite leaves what it moved or removed between the cell pointers and the cells, in free blocks, and in fragments
//! between cells.

use std::ops::Range;

use super::super::salvage::format::{
    INDEX_INTERIOR, INDEX_LEAF, TABLE_INTERIOR, TABLE_LEAF, header_at, in_cell, is_interior,
    u16_at, u32_at, varint,
};

/// A cell takes at least this number of bytes.
const LEAST_CELL: usize = 4;

/// The fixed part of a free block: where the next one is, and how long this one is.
const BLOCK_HEADER: usize = 4;

/// A page of a b-tree.
#[derive(Debug, PartialEq)]
pub(super) struct Page {
    /// Whether there are pages below it.
    pub(super) is_interior: bool,
    /// The pages below it, in the order of the tree.
    pub(super) children: Vec<u32>,
    /// The largest rowid below each of them but the last; empty unless it belongs to a table.
    pub(super) rowids: Vec<i64>,
    /// The records that end on overflow pages.
    pub(super) chains: Vec<Chain>,
    /// The bytes that nobody needs, in the order of the page.
    unused: Vec<Range<usize>>,
}

/// The overflow pages of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chain {
    /// The first of them.
    pub(super) first: u32,
    /// How many bytes they hold.
    pub(super) bytes: usize,
}

impl Page {
    /// Reads page `number`, of which SQLite uses `usable` bytes; `None` if that is not a sound page of a b-tree.
    pub(super) fn parse(bytes: &[u8], number: u32, usable: usize) -> Option<Self> {
        let bytes = bytes.get(..usable)?;
        let header = header_at(number);
        let kind = *bytes.get(header)?;
        if !matches!(kind, INDEX_INTERIOR | INDEX_LEAF | TABLE_INTERIOR | TABLE_LEAF) {
            return None;
        }
        let is_interior = is_interior(kind);
        let pointers = header + if is_interior { 12 } else { 8 };
        let cells = usize::from(u16_at(bytes, header + 3)?);
        let content = match u16_at(bytes, header + 5)? {
            0 => 1 << 16,
            start => usize::from(start),
        };
        let first = pointers + 2 * cells;
        if content < first || content > usable {
            return None;
        }
        let mut page = Self {
            is_interior,
            children: Vec::new(),
            rowids: Vec::new(),
            chains: Vec::new(),
            unused: Vec::new(),
        };
        let mut used = Vec::with_capacity(cells);
        for cell in 0..cells {
            let at = usize::from(u16_at(bytes, pointers + 2 * cell)?);
            used.push(at..at + page.cell(bytes, at, kind)?);
        }
        if is_interior {
            page.children.push(u32_at(bytes, header + 8)?);
        }
        page.unused = unused(bytes, header, first, content, used)?;
        Some(page)
    }

    /// Takes up a cell. Returns its length.
    fn cell(&mut self, bytes: &[u8], start: usize, kind: u8) -> Option<usize> {
        let mut at = start;
        if is_interior(kind) {
            self.children.push(u32_at(bytes, at)?);
            at += 4;
        }
        let (size, length) = varint(bytes, at)?;
        at += length;
        if kind == TABLE_INTERIOR {
            self.rowids.push(size.cast_signed());
            return Some(at - start);
        }
        let is_row = kind == TABLE_LEAF;
        if is_row {
            at += varint(bytes, at)?.1;
        }
        let size = usize::try_from(size).ok()?;
        let here = in_cell(size, bytes.len(), is_row);
        at = at.checked_add(here)?;
        if here < size {
            self.chains.push(Chain { first: u32_at(bytes, at)?, bytes: size - here });
            at += 4;
        }
        Some((at - start).max(LEAST_CELL))
    }

    /// Writes zeros to what nobody needs. Returns whether that changes anything.
    pub(super) fn clean(&self, bytes: &mut [u8]) -> bool {
        self.unused.iter().fold(false, |changed, range| zero(bytes, range.clone()) | changed)
    }
}

/// Writes zeros to a part of a page. Returns whether that changes anything.
pub(super) fn zero(bytes: &mut [u8], range: Range<usize>) -> bool {
    match bytes.get_mut(range) {
        Some(part) if part.iter().any(|byte| *byte != 0) => {
            part.fill(0);
            true
        }
        _ => false,
    }
}

/// The parts of a page that neither its header nor its pointers, which end at `first`, nor its cells need, nor the
/// headers of its free blocks. `None` if the parts overlap, or leave more between them than the header says.
fn unused(
    bytes: &[u8],
    header: usize,
    first: usize,
    content: usize,
    mut used: Vec<Range<usize>>,
) -> Option<Vec<Range<usize>>> {
    let fragments = usize::from(*bytes.get(header + 7)?);
    let mut bodies = Vec::new();
    let mut block = usize::from(u16_at(bytes, header + 1)?);
    while block != 0 {
        let size = usize::from(u16_at(bytes, block + 2)?);
        let next = usize::from(u16_at(bytes, block)?);
        if size < BLOCK_HEADER || (next != 0 && next < block + size) {
            return None;
        }
        bodies.push(block + BLOCK_HEADER..block + size);
        used.push(block..block + size);
        block = next;
    }
    used.sort_unstable_by_key(|range| range.start);
    let mut unused = Vec::new();
    unused.push(first..content);
    let (mut end, mut between) = (content, 0);
    for range in used {
        between += range.start.checked_sub(end)?;
        unused.push(end..range.start);
        end = range.end;
    }
    between += bytes.len().checked_sub(end)?;
    unused.push(end..bytes.len());
    if between != fragments {
        return None;
    }
    unused.append(&mut bodies);
    unused.retain(|range| !range.is_empty());
    Some(unused)
}

#[cfg(test)]
mod tests {
    use super::*;

    const USABLE: usize = 512;

    /// A leaf of a table with rows at the end, `(rowid, text)`, and letters everywhere else.
    fn leaf(rows: &[(u8, &str)]) -> Vec<u8> {
        let mut page = vec![b'x'; USABLE];
        let mut at = USABLE;
        for (place, (rowid, text)) in rows.iter().enumerate() {
            let record = 2 + text.len();
            let kind = u8::try_from(13 + 2 * text.len()).unwrap();
            at -= 2 + record;
            page[at..at + 4].copy_from_slice(&[record as u8, *rowid, 2, kind]);
            page[at + 4..at + 2 + record].copy_from_slice(text.as_bytes());
            page[8 + 2 * place..10 + 2 * place].copy_from_slice(&(at as u16).to_be_bytes());
        }
        let [high, low] = (at as u16).to_be_bytes();
        page[..8].copy_from_slice(&[TABLE_LEAF, 0, 0, 0, rows.len() as u8, high, low, 0]);
        page
    }

    #[test]
    fn what_lies_between_the_pointers_and_the_cells_is_unused() {
        let mut page = leaf(&[(1, "one"), (2, "two")]);
        let parsed = Page::parse(&page, 2, USABLE).unwrap();
        assert!(parsed.clean(&mut page) && !parsed.clean(&mut page));
        let text = String::from_utf8_lossy(&page).into_owned();
        assert!(text.contains("one") && text.contains("two") && !text.contains('x'), "{text}");
        assert_eq!(Page::parse(&page, 2, USABLE).unwrap(), parsed);
    }

    #[test]
    fn the_body_of_a_free_block_is_unused_and_its_header_is_not() {
        let mut page = leaf(&[(1, "one"), (2, "secret")]);
        // The second cell becomes a free block.
        let at = usize::from(u16_at(&page, 10).unwrap());
        page[at..at + 4].copy_from_slice(&[0, 0, 0, 10]);
        let [high, low] = (at as u16).to_be_bytes();
        page[..8].copy_from_slice(&[TABLE_LEAF, high, low, 0, 1, high, low, 0]);
        let parsed = Page::parse(&page, 2, USABLE).unwrap();
        assert!(parsed.clean(&mut page));
        let text = String::from_utf8_lossy(&page).into_owned();
        assert!(text.contains("one") && !text.contains("cret"), "{text}");
        assert_eq!(&page[at..at + 4], [0, 0, 0, 10]);
    }

    #[test]
    fn a_page_whose_parts_do_not_fit_is_left_alone() {
        let sound = leaf(&[(1, "one"), (2, "two")]);
        for (at, value) in [(0, 0), (0, 1), (4, 200), (5, 0), (7, 3), (9, 200), (2, 9), (1, 1)] {
            let mut page = sound.clone();
            page[at] = value;
            assert_eq!(Page::parse(&page, 2, USABLE), None, "{at} {value}");
        }
        assert!(Page::parse(&sound, 2, 4096).is_none());
        assert!(Page::parse(&[], 1, USABLE).is_none());
    }
}
