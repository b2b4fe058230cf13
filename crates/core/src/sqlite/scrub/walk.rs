//! The walk through the pages of a file, in short transactions.
//!
//! A batch reads for a while in a read transaction, which disturbs nobody, and then writes what it has found to clean.
//! Where another connection has written meanwhile, the pages are looked at again with the write lock held. What a page
//! is, is known only by the way that leads to it from a root; so each transaction checks that way for itself.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::time::{Duration, Instant};

use rusqlite::types::ValueRef;
use rusqlite::{
    Connection as Sqlite, OptionalExtension, Transaction, TransactionBehavior, ffi, params,
};

use super::super::salvage::format::{MAP_ENTRY, MAP_FREE, map_page, pending_page, u32_at};
use super::super::{Error, Result};
use super::page::{Chain, Page, zero};
use super::roots::{self, Root};
use super::{Progress, Removed, What};

/// How long a batch reads before it writes.
const READING: Duration = Duration::from_millis(50);

/// How long the write lock is held.
const WRITING: Duration = Duration::from_millis(3);

/// Bytes that a batch writes at most, apart from the last thing that it looked at.
const MOST: usize = 256 << 10;

/// Free pages that are looked at in one go.
const FREE: usize = 32;

/// Pages are put on the first trunk of the free list and taken from it. So those that were freed since it was clean are on
/// its first trunks, and where this number of trunks in a row has none, there are no more of them.
const CLEAN: usize = 2;

/// Where rows were removed, SQLite moves rows of the pages beside it, and of those beside these where they get empty.
const BESIDE: usize = 3;

/// Passes through the file, where others write meanwhile.
const PASSES: u32 = 4;

const READ: &str = "SELECT data FROM sqlite_dbpage WHERE pgno = ?1";
const WRITE: &str = "UPDATE sqlite_dbpage SET data = ?2 WHERE pgno = ?1";

/// Called between two transactions. If it breaks, the walk ends.
pub(super) type Between<'a> = &'a mut dyn FnMut(Progress) -> ControlFlow<()>;

/// A page of a tree, and the way to it.
#[derive(Debug)]
struct Node {
    page: u32,
    above: Option<Rc<Node>>,
    /// Whether only the pages near removed rows are visited below it.
    near_rows: bool,
}

/// Something to look at.
#[derive(Debug, Clone)]
enum Item {
    Tree(Rc<Node>),
    /// A part of the free list: which of its trunks, and from which of the pages on it. `clean` of the trunks before it
    /// had nothing to clean, or all parts of this one so far.
    Free {
        trunk: usize,
        from: usize,
        clean: usize,
    },
}

const FREE_LIST: Item = Item::Free { trunk: 0, from: 0, clean: 0 };

/// A page with its new bytes.
type Cleaned = (u32, Vec<u8>);

pub(super) struct Walk<'a> {
    sqlite: &'a Sqlite,
    what: What<'a>,
    usable: usize,
    /// Whether the file has a pointer map, which knows what is free.
    has_map: bool,
    /// The schema, and the latest commit of others, when the pass began.
    schema: i64,
    version: i64,
    todo: Vec<Item>,
    /// The interior pages that were read in this transaction.
    interior: HashMap<u32, Rc<Page>>,
    /// The pages that were found in this transaction.
    found: HashMap<u32, bool>,
    /// Whether the file changed in a way that another pass is needed.
    again: bool,
    /// Pages in use, of the whole file.
    in_use: Vec<bool>,
    progress: Progress,
}

impl<'a> Walk<'a> {
    pub(super) fn new(sqlite: &'a Sqlite, what: What<'a>) -> Self {
        Self {
            sqlite,
            what,
            usable: 0,
            has_map: false,
            schema: 0,
            version: 0,
            todo: Vec::new(),
            interior: HashMap::new(),
            found: HashMap::new(),
            again: false,
            in_use: Vec::new(),
            progress: Progress::default(),
        }
    }

    pub(super) fn run(&mut self, between: Between<'_>) -> Result<ControlFlow<(), Progress>> {
        for _ in 0..PASSES {
            let cleaned = self.progress.cleaned;
            self.begin()?;
            while !self.todo.is_empty() {
                let late = self.batch()?;
                if between(self.progress).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
                if self.slices(late, between)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            // Pages of the whole file may have moved to where the walk had been. Rows near those that were removed
            // do not.
            let moved = self.what == What::Everything
                && self.progress.cleaned > cleaned
                && self.data_version()? != self.version;
            if !self.again && !moved {
                break;
            }
        }
        Ok(ControlFlow::Continue(self.progress))
    }

    /// Finds the roots.
    fn begin(&mut self) -> Result<()> {
        let _one_state = transaction(self.sqlite, TransactionBehavior::Deferred)?;
        self.forget();
        self.again = false;
        self.schema = self.schema_version()?;
        self.version = self.data_version()?;
        let roots = roots::find(self.sqlite, self.what)?;
        self.todo.clear();
        let first = self.page(1)?.unwrap_or_default();
        let reserved = first.get(20).copied().map_or(0, usize::from);
        self.usable = first.len().saturating_sub(reserved);
        self.has_map = u32_at(&first, 52).is_some_and(|largest_root| largest_root > 0);
        // The last thing to be looked at.
        self.todo.push(FREE_LIST);
        if self.what == What::Everything {
            let count: u32 =
                self.sqlite.pragma_query_value(None, "page_count", |row| row.get(0))?;
            self.in_use = vec![false; count as usize + 1];
        }
        let node = |root: &Root| Node { page: root.page, above: None, near_rows: root.near_rows };
        self.todo.extend(roots.iter().map(|root| Item::Tree(Rc::new(node(root)))));
        Ok(())
    }

    /// Looks at things for a while, and cleans what it finds. Returns what it could not clean, because others have
    /// written meanwhile.
    fn batch(&mut self) -> Result<Vec<Item>> {
        let transaction = transaction(self.sqlite, TransactionBehavior::Deferred)?;
        self.forget();
        if !self.is_schema_known()? {
            return Ok(Vec::new());
        }
        let until = Instant::now() + READING;
        let (mut cleaned, mut unclean, mut bytes) = (Vec::new(), Vec::new(), 0);
        while bytes < MOST
            && Instant::now() < until
            && let Some(item) = self.todo.pop()
        {
            let before = cleaned.len();
            self.visit(&item, true, &mut cleaned)?;
            if let Some(new) = cleaned.get(before..).filter(|new| !new.is_empty()) {
                bytes += new.iter().map(|(_, page)| page.len()).sum::<usize>();
                unclean.push(item);
            }
        }
        match self.write(&cleaned).and_then(|()| Ok(transaction.commit()?)) {
            Ok(()) => {
                self.progress.cleaned += cleaned.len() as u64;
                Ok(Vec::new())
            }
            // It was rolled back.
            Err(error) if error.is_busy() => Ok(unclean),
            Err(error) => Err(error),
        }
    }

    /// Cleans things with the write lock held, for some milliseconds at a time.
    fn slices(&mut self, mut items: Vec<Item>, between: Between<'_>) -> Result<ControlFlow<()>> {
        // The free list has changed, so it is gone through from its start.
        if items.iter().any(|item| matches!(item, Item::Free { .. })) {
            items.retain(|item| matches!(item, Item::Tree(_)));
            items.insert(0, FREE_LIST);
        }
        let mut todo = std::mem::take(&mut self.todo);
        while !items.is_empty() {
            let transaction = transaction(self.sqlite, TransactionBehavior::Immediate)?;
            let until = Instant::now() + WRITING;
            self.forget();
            if !self.is_schema_known()? {
                todo.clear();
                break;
            }
            while Instant::now() < until
                && let Some(item) = items.pop()
            {
                let mut cleaned = Vec::new();
                self.visit(&item, matches!(item, Item::Free { .. }), &mut cleaned)?;
                items.append(&mut self.todo);
                self.write(&cleaned)?;
                self.progress.cleaned += cleaned.len() as u64;
            }
            transaction.commit()?;
            if between(self.progress).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        self.todo = todo;
        Ok(ControlFlow::Continue(()))
    }

    /// Looks at something, and, if `further`, has what it leads to looked at later.
    fn visit(&mut self, item: &Item, further: bool, cleaned: &mut Vec<Cleaned>) -> Result<()> {
        match item {
            Item::Tree(node) => self.visit_page(node, further, cleaned),
            Item::Free { trunk, from, clean } => {
                self.visit_free((*trunk, *from, *clean), further, cleaned)
            }
        }
    }

    fn visit_page(
        &mut self,
        node: &Rc<Node>,
        further: bool,
        cleaned: &mut Vec<Cleaned>,
    ) -> Result<()> {
        if !self.is_there(node)? {
            self.again = true;
            return Ok(());
        }
        let Some(mut bytes) = self.page(node.page)? else {
            return Ok(());
        };
        // What is damaged is left alone.
        let Some(page) = Page::parse(&bytes, node.page, self.usable).map(Rc::new) else {
            return Ok(());
        };
        if further {
            self.progress.pages += 1;
            self.use_page(node.page)?;
        }
        if page.clean(&mut bytes) {
            cleaned.push((node.page, bytes));
        }
        if self.what == What::Everything {
            for chain in &page.chains {
                self.visit_chain(*chain, further, cleaned)?;
            }
        }
        if further && page.is_interior {
            self.interior.insert(node.page, Rc::clone(&page));
            for child in self.below(node, &page).into_iter().rev() {
                let (above, near_rows) = (Some(Rc::clone(node)), node.near_rows);
                self.todo.push(Item::Tree(Rc::new(Node { page: child, above, near_rows })));
            }
        }
        Ok(())
    }

    /// The pages below an interior page that are to be visited.
    fn below(&self, node: &Node, page: &Page) -> Vec<u32> {
        let What::Near(Removed { rows, .. }) = self.what else {
            return page.children.clone();
        };
        if !node.near_rows {
            return page.children.clone();
        }
        let mut near = vec![false; page.children.len()];
        for (first, last) in rows {
            let from = page.rowids.partition_point(|rowid| rowid < first).saturating_sub(BESIDE);
            let to = page.rowids.partition_point(|rowid| rowid < last) + BESIDE;
            near.iter_mut().take(to + 1).skip(from).for_each(|near| *near = true);
        }
        let children = page.children.iter().zip(near);
        children.filter(|(_, near)| *near).map(|(child, _)| *child).collect()
    }

    /// Cleans the end of the last overflow page of a record.
    fn visit_chain(
        &mut self,
        chain: Chain,
        further: bool,
        cleaned: &mut Vec<Cleaned>,
    ) -> Result<()> {
        let most = self.usable - 4;
        let (mut number, mut left) = (chain.first, chain.bytes);
        loop {
            let Some(mut bytes) = self.page(number)? else {
                return Ok(());
            };
            if further {
                self.progress.pages += 1;
                self.use_page(number)?;
            }
            let next = u32_at(&bytes, 0).unwrap_or(0);
            if left > most && next != 0 {
                left -= most;
                number = next;
                continue;
            }
            if left <= most && next == 0 && zero(&mut bytes, 4 + left..self.usable) {
                cleaned.push((number, bytes));
            }
            return Ok(());
        }
    }

    /// Cleans a part of the free list.
    fn visit_free(
        &mut self,
        (trunk, from, clean): (usize, usize, usize),
        further: bool,
        cleaned: &mut Vec<Cleaned>,
    ) -> Result<()> {
        let Some(first) = self.page(1)? else {
            return Ok(());
        };
        let mut number = u32_at(&first, 32).unwrap_or(0);
        for _ in 0..trunk {
            let page = self.page(number)?;
            number = page.and_then(|page| u32_at(&page, 0)).unwrap_or(0);
        }
        let Some(mut page) = self.page(number)? else {
            return Ok(());
        };
        let leaves = u32_at(&page, 4).map_or(usize::MAX, |leaves| leaves as usize);
        if leaves > self.usable / 4 - 2 || !self.is_free(number)? {
            return Ok(());
        }
        let next = u32_at(&page, 0).unwrap_or(0);
        let before = cleaned.len();
        let mut numbers = (from..leaves).filter_map(|leaf| u32_at(&page, 8 + 4 * leaf));
        for leaf in numbers.by_ref().take(FREE) {
            if self.is_free(leaf)?
                && let Some(mut bytes) = self.page(leaf)?
                && zero(&mut bytes, 0..self.usable)
            {
                cleaned.push((leaf, bytes));
            }
        }
        if from == 0 && zero(&mut page, 8 + 4 * leaves..self.usable) {
            cleaned.push((number, page));
        }
        if further {
            self.progress.pages += FREE.min(leaves.saturating_sub(from)) as u64;
            let clean = if cleaned.len() > before { 0 } else { clean };
            if from + FREE < leaves {
                self.todo.push(Item::Free { trunk, from: from + FREE, clean });
            } else if next != 0 && (self.what == What::Everything || clean < CLEAN) {
                self.progress.pages += 1;
                self.todo.push(Item::Free { trunk: trunk + 1, from: 0, clean: clean + 1 });
            }
        }
        Ok(())
    }

    /// Notes that a page belongs to a tree.
    fn use_page(&mut self, number: u32) -> Result<()> {
        let in_use = self.in_use.get_mut(number as usize);
        if in_use.is_some_and(|in_use| std::mem::replace(in_use, true)) {
            self.has_two_places(number)?;
        }
        Ok(())
    }

    /// Whether a page of the free list is free: no tree has it.
    fn is_free(&mut self, number: u32) -> Result<bool> {
        let in_use = self.in_use.get(number as usize) == Some(&true);
        if in_use || self.has_map && !self.is_free_by_map(number)? {
            self.has_two_places(number)?;
            return Ok(false);
        }
        Ok(true)
    }

    fn is_free_by_map(&self, number: u32) -> Result<bool> {
        // `page` gives a whole page, with the bytes that SQLite does not use.
        let size = self.page(1)?.map_or(0, |first| first.len());
        let Some(map) = map_page(number, self.usable, pending_page(size)) else {
            return Ok(false);
        };
        let entry = number.checked_sub(map + 1).map(|index| index as usize * MAP_ENTRY);
        let page = self.page(map)?;
        Ok(entry.and_then(|entry| page?.get(entry).copied()) == Some(MAP_FREE))
    }

    /// Either a page got another place meanwhile, or the file is damaged.
    fn has_two_places(&mut self, number: u32) -> Result<()> {
        self.again = true;
        if self.data_version()? != self.version {
            return Ok(());
        }
        Err(Error::Sqlite {
            code: ffi::SQLITE_CORRUPT,
            message: format!("page {number} is used twice: the database file is damaged"),
        })
    }

    /// Whether a page is still where it was found.
    fn is_there(&mut self, node: &Node) -> Result<bool> {
        if let Some(found) = self.found.get(&node.page) {
            return Ok(*found);
        }
        let found = match &node.above {
            // As long as the schema is the same.
            None => true,
            Some(above) => {
                let page = if self.is_there(above)? { self.interior(above.page)? } else { None };
                page.is_some_and(|page| page.children.contains(&node.page))
            }
        };
        self.found.insert(node.page, found);
        Ok(found)
    }

    /// An interior page; `None` if there is none.
    fn interior(&mut self, number: u32) -> Result<Option<Rc<Page>>> {
        if let Some(page) = self.interior.get(&number) {
            return Ok(Some(Rc::clone(page)));
        }
        let bytes = self.page(number)?;
        let page = bytes.and_then(|bytes| Page::parse(&bytes, number, self.usable)).map(Rc::new);
        if let Some(page) = &page {
            self.interior.insert(number, Rc::clone(page));
        }
        Ok(page)
    }

    /// What was learned of the file holds for one transaction.
    fn forget(&mut self) {
        self.interior.clear();
        self.found.clear();
    }

    /// Whether the roots are those that are known. If not, the walk starts over.
    fn is_schema_known(&mut self) -> Result<bool> {
        let is_known = self.schema_version()? == self.schema;
        if !is_known {
            self.again = true;
            self.todo.clear();
        }
        Ok(is_known)
    }

    fn schema_version(&self) -> Result<i64> {
        Ok(self.sqlite.pragma_query_value(None, "schema_version", |row| row.get(0))?)
    }

    fn data_version(&self) -> Result<i64> {
        Ok(self.sqlite.pragma_query_value(None, "data_version", |row| row.get(0))?)
    }

    /// The bytes of a page; `None` if there is no such page.
    fn page(&self, number: u32) -> Result<Option<Vec<u8>>> {
        let mut read = self.sqlite.prepare_cached(READ)?;
        let bytes = |row: &rusqlite::Row<'_>| match row.get_ref(0)? {
            ValueRef::Blob(bytes) => Ok(bytes.to_owned()),
            _ => Ok(Vec::new()),
        };
        Ok(read.query_row([number], bytes).optional()?)
    }

    fn write(&self, cleaned: &[Cleaned]) -> Result<()> {
        if cleaned.is_empty() {
            return Ok(());
        }
        let mut write = self.sqlite.prepare_cached(WRITE)?;
        for (number, bytes) in cleaned {
            write.execute(params![number, bytes])?;
        }
        Ok(())
    }
}

fn transaction(sqlite: &Sqlite, behavior: TransactionBehavior) -> Result<Transaction<'_>> {
    Ok(Transaction::new_unchecked(sqlite, behavior)?)
}
