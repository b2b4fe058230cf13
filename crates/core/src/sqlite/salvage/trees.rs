//! The b-trees of a file: the entries that a root leads to, and those that are left over.

use super::encoding::Encoding;
use super::format::{
    INDEX_INTERIOR, INDEX_LEAF, MAP_ENTRY, MAP_FREE, TABLE_INTERIOR, TABLE_LEAF, header_at,
    in_cell, is_interior, map_page, u16_at, u32_at, varint,
};
use super::pages::Pages;
use super::record::{self, Field};
use crate::sqlite::Result;

/// Pages of the trees of tables, and of indexes, that hold entries.
const OF_TABLES: [u8; 1] = [TABLE_LEAF];
const OF_INDEXES: [u8; 2] = [INDEX_LEAF, INDEX_INTERIOR];

/// A cell of a table or of an index.
pub(crate) struct Entry {
    /// The rowid, of a table.
    pub rowid: Option<i64>,
    /// `None` if parts of it are missing.
    payload: Option<Vec<u8>>,
    encoding: Encoding,
}

impl Entry {
    /// The fields of the record; `None` if it is not a record, or not complete.
    pub(crate) fn fields(&self) -> Option<Vec<Field<'_>>> {
        record::fields(self.payload.as_deref()?, self.encoding)
    }
}

/// Called with each entry that is found.
pub(super) type Each<'a, 'b> = &'a mut (dyn FnMut(Entry) -> Result<()> + 'b);

/// The b-trees of a file. Each page belongs to the first that reaches it.
pub(crate) struct Trees {
    pages: Pages,
    encoding: Encoding,
    /// Pages that were used already.
    taken: Vec<bool>,
    free: Vec<bool>,
    has_map: bool,
    knows_free: bool,
    unreadable: u64,
    /// How many more pages may be read for the ends of long records. A sound file needs each page once. A file that
    /// was made to waste time would never end.
    patience: u64,
}

impl Trees {
    /// The trees of these pages. Most rows have one of `words` as a field, which tells the encoding.
    pub(crate) fn new(pages: Pages, words: &[&str]) -> Self {
        let count = pages.count() as usize + 1;
        let mut trees = Self {
            encoding: pages.find_encoding(words),
            taken: vec![false; count],
            free: vec![false; count],
            has_map: false,
            knows_free: false,
            unreadable: 0,
            patience: 4 * count as u64 + 1000,
            pages,
        };
        trees.has_map = trees.map_page(3).is_some();
        trees.knows_free = trees.read_free_list().is_some() || trees.has_map;
        trees
    }

    /// The pages.
    pub(crate) fn pages(&self) -> &Pages {
        &self.pages
    }

    /// The number of pages that a tree names and that cannot be read.
    pub(crate) fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// Whether it is known which pages are free. If it is not, the leftovers may include deleted rows.
    pub(crate) fn knows_free(&self) -> bool {
        self.knows_free
    }

    /// Visits every entry of the tree with this root, of a table or an index.
    pub(crate) fn walk(&mut self, root: u32, each: Each<'_, '_>) -> Result<()> {
        self.walk_tree(root, Some(each))
    }

    /// Marks the pages of this tree as used: the table belongs to another program.
    pub(crate) fn skip(&mut self, root: u32) -> Result<()> {
        self.walk_tree(root, None)
    }

    /// Visits every entry of table pages that no tree reaches and that are not free.
    pub(crate) fn leftovers(&mut self, each: Each<'_, '_>) -> Result<()> {
        self.remains(&OF_TABLES, false, each)
    }

    /// Visits every entry of index pages that no tree reaches and that are not free.
    pub(crate) fn leftover_keys(&mut self, each: Each<'_, '_>) -> Result<()> {
        self.remains(&OF_INDEXES, false, each)
    }

    /// Visits every entry that is left on free pages: deleted rows.
    pub(crate) fn deleted(&mut self, each: Each<'_, '_>) -> Result<()> {
        self.remains(&OF_TABLES, true, each)?;
        self.remains(&OF_INDEXES, true, each)
    }

    fn remains(&mut self, kinds: &[u8], are_free: bool, each: Each<'_, '_>) -> Result<()> {
        for number in 1..=self.pages.count() {
            if self.is_taken(number) || self.is_free(number) != are_free {
                continue;
            }
            let Some(page) = self.pages.read(number) else {
                self.take(number);
                self.unreadable += 1;
                continue;
            };
            let header = header_at(number);
            // Only leaf cells are of interest, so children are not followed.
            if let Some(kind) = page.get(header).copied().filter(|kind| kinds.contains(kind)) {
                self.take(number);
                self.cells(&page, header, kind, Some(&mut *each))?;
            }
        }
        Ok(())
    }

    fn walk_tree(&mut self, root: u32, mut each: Option<Each<'_, '_>>) -> Result<()> {
        let mut is_table = None;
        let mut to_visit = vec![root];
        while let Some(number) = to_visit.pop() {
            if self.is_taken(number) {
                continue;
            }
            let page = self.pages.read(number);
            let header = header_at(number);
            let kind = page.as_ref().and_then(|page| page.get(header)).copied();
            let (Some(page), Some(kind)) = (page, kind) else {
                self.unreadable += 1;
                continue;
            };
            let of_table = matches!(kind, TABLE_LEAF | TABLE_INTERIOR);
            if !(of_table || matches!(kind, INDEX_LEAF | INDEX_INTERIOR))
                || *is_table.get_or_insert(of_table) != of_table
            {
                self.unreadable += 1;
                continue;
            }
            self.take(number);
            let mut children = self.cells(&page, header, kind, each.as_deref_mut())?;
            if is_interior(kind) {
                children.extend(u32_at(&page, header + 8));
            }
            // The leftmost is visited first.
            to_visit.extend(children.into_iter().rev());
        }
        Ok(())
    }

    /// Visits the entries of a page, and returns the children that its cells name.
    fn cells(
        &mut self,
        page: &[u8],
        header: usize,
        kind: u8,
        mut each: Option<Each<'_, '_>>,
    ) -> Result<Vec<u32>> {
        let is_interior = is_interior(kind);
        let pointers = header + if is_interior { 12 } else { 8 };
        let cells = u16_at(page, header + 3).map_or(0, usize::from);
        let mut children = Vec::new();
        for cell in 0..cells {
            let Some(mut at) = u16_at(page, pointers + 2 * cell).map(usize::from) else {
                break;
            };
            if is_interior {
                children.extend(u32_at(page, at));
                at += 4;
            }
            if let (Some(each), true) = (each.as_deref_mut(), kind != TABLE_INTERIOR) {
                each(self.entry(page, at, kind == TABLE_LEAF))?;
            }
        }
        Ok(children)
    }

    fn entry(&mut self, page: &[u8], at: usize, is_row: bool) -> Entry {
        let (rowid, payload) = self.cell(page, at, is_row).unwrap_or_default();
        Entry { rowid, payload, encoding: self.encoding }
    }

    /// The rowid and the record of a cell.
    fn cell(
        &mut self,
        page: &[u8],
        mut at: usize,
        is_row: bool,
    ) -> Option<(Option<i64>, Option<Vec<u8>>)> {
        let (size, length) = varint(page, at)?;
        at += length;
        let mut rowid = None;
        if is_row {
            let (id, length) = varint(page, at)?;
            at += length;
            rowid = Some(id.cast_signed());
        }
        Some((rowid, self.payload(page, at, size, is_row)))
    }

    /// A record, whose end may be on overflow pages.
    fn payload(&mut self, page: &[u8], at: usize, size: u64, is_row: bool) -> Option<Vec<u8>> {
        let usable = self.pages.usable();
        if size > u64::from(self.pages.count()) * usable as u64 {
            return None;
        }
        let size = usize::try_from(size).ok()?;
        let here = in_cell(size, usable, is_row);
        if here == size {
            return Some(page.get(at..at + size)?.to_owned());
        }
        let mut payload = page.get(at..at + here)?.to_owned();
        let mut next = u32_at(page, at + here)?;
        let mut chain = Vec::new();
        while payload.len() < size {
            self.patience = self.patience.checked_sub(1)?;
            if self.is_taken(next) {
                return None;
            }
            let more = self.pages.read(next)?;
            // A page in the middle names another page, and a row of ours ends with a time, so a page of zeros is
            // damaged.
            if more.iter().all(|byte| *byte == 0) {
                return None;
            }
            chain.push(next);
            let left = (size - payload.len()).min(usable - 4);
            payload.extend_from_slice(more.get(4..4 + left)?);
            next = u32_at(&more, 0)?;
        }
        // The last page of a record names no other page. If it does, this is not a record.
        if next != 0 {
            return None;
        }
        chain.into_iter().for_each(|number| self.take(number));
        Some(payload)
    }

    fn is_taken(&self, number: u32) -> bool {
        self.taken.get(number as usize).copied().unwrap_or(false)
    }

    fn take(&mut self, number: u32) {
        if let Some(taken) = self.taken.get_mut(number as usize) {
            *taken = true;
        }
    }

    fn is_free(&self, number: u32) -> bool {
        self.free.get(number as usize).copied().unwrap_or(false)
            || number == self.pages.pending_page()
            || self.has_map && self.is_free_by_map(number)
    }

    /// The page of the pointer map that describes `number`, if that page is sound.
    fn map_page(&self, number: u32) -> Option<(Vec<u8>, u32)> {
        let entries = u32::try_from(self.pages.usable() / MAP_ENTRY).ok()?;
        let map = map_page(number, self.pages.usable(), self.pages.pending_page())?;
        let page = self.pages.read(map)?;
        let described = self.pages.count().saturating_sub(map).min(entries) as usize;
        // Roots and free pages have no parent, the others have one.
        let is_entry = |entry: &[u8; MAP_ENTRY]| match (entry.first(), u32_at(entry, 1)) {
            (Some(1 | 2), parent) => parent == Some(0),
            (Some(3..=5), Some(parent)) => (1..=self.pages.count()).contains(&parent),
            _ => false,
        };
        let entries = page.as_chunks::<MAP_ENTRY>().0.iter();
        let is_map = described > 0 && entries.take(described).all(is_entry);
        is_map.then_some((page, map))
    }

    fn is_free_by_map(&self, number: u32) -> bool {
        self.map_page(number).is_some_and(|(page, map)| {
            let entry = number.checked_sub(map + 1).map(|index| index as usize * MAP_ENTRY);
            // The page of the map itself holds no rows either.
            entry.is_none_or(|entry| page.get(entry) == Some(&MAP_FREE))
        })
    }

    /// Marks the pages that the header lists as free; `None` if the list is damaged.
    fn read_free_list(&mut self) -> Option<()> {
        let first = self.pages.read(1)?;
        if !first.starts_with(b"SQLite") {
            return None;
        }
        let (mut trunk, listed) = (u32_at(&first, 32)?, u32_at(&first, 36)?);
        let mut seen = 0;
        while trunk != 0 {
            let page = self.pages.read(trunk)?;
            seen += self.note_free(trunk)?;
            let leaves = u32_at(&page, 4)? as usize;
            if leaves > self.pages.usable() / 4 - 2 {
                return None;
            }
            for leaf in 0..leaves {
                seen += self.note_free(u32_at(&page, 8 + 4 * leaf)?)?;
            }
            trunk = u32_at(&page, 0)?;
        }
        (seen == listed).then_some(())
    }

    /// Marks a page as free; `None` if it was marked already, or does not exist.
    fn note_free(&mut self, number: u32) -> Option<u32> {
        let free = self.free.get_mut(number as usize)?;
        (!std::mem::replace(free, true)).then_some(1)
    }
}
