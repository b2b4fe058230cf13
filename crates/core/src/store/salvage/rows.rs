//! Stores the rows that are found in the new file.

use memchr::memmem;
use rusqlite::types::ValueRef;
use rusqlite::{Connection as Sqlite, ffi};

use super::Salvaged;
use super::shape::{
    BLOCKS, Beside, MOST_SLOTS, Shapes, Table, id_by_moment, is_definition, is_output, is_session,
    sequence, table_of,
};
use super::values::{RawValue, length, owned};
use crate::sqlite::{self, Definition, Entry, Field, NewFile, OpenOptions, Trees};

const INSERT_SESSION: &str = "INSERT INTO sessions (rowid, id, slot, status, working_dir, current_command,
    started_at, ended_at, pid, created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";

const INSERT_OUTPUT: &str =
    "INSERT INTO session_outputs (id, session_id, timestamp, type, data, created_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

const INSERT_PIN: &str =
    "INSERT OR IGNORE INTO session_pins (session_id, created_at) VALUES (?1, ?2)";

const INSERT_DETAILS: &str = "INSERT OR IGNORE INTO gsd_session_details
    (session_id, title, exit_code, signal, error, terminal, columns, rows)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";

const INSERT_SIZE: &str = "INSERT OR IGNORE INTO gsd_session_sizes
    (session_id, output_id, columns, rows) VALUES (?1, ?2, ?3, ?4)";

/// What belongs to a missing session is useless. And no trigger has counted the sessions as changed.
const COMPLETE: &str = "
    DELETE FROM session_pins
    WHERE NOT EXISTS (SELECT 1 FROM sessions WHERE id = session_pins.session_id);
    DELETE FROM gsd_session_details
    WHERE NOT EXISTS (SELECT 1 FROM sessions WHERE id = gsd_session_details.session_id);
    DELETE FROM gsd_session_sizes
    WHERE NOT EXISTS (SELECT 1 FROM sessions WHERE id = gsd_session_sizes.session_id);
    INSERT INTO gsd_session_changes (session_id) SELECT id FROM sessions ORDER BY rowid";

/// AUTOINCREMENT continues after this number.
const KEEP_SEQUENCE: [&str; 2] = [
    "INSERT INTO sqlite_sequence (name, seq) SELECT 'session_outputs', 0
     WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'session_outputs')",
    "UPDATE sqlite_sequence SET seq = max(seq, ?1) WHERE name = 'session_outputs'",
];

/// The most rows, and bytes, of one transaction. Sessions that wait for their slots take at most as many bytes.
const GROUP: u64 = 10_000;
const GROUP_BYTES: usize = 16 << 20;

/// The most rows that could not be stored and are listed one by one.
const MOST_ROWS: u64 = 100;

/// The highest id that a JavaScript number holds. A higher one is damage, and SQLite would continue from there.
const HIGHEST_ID: i64 = (1 << 53) - 1;

/// A salvage in progress.
pub(super) struct Salvage<'new> {
    new: &'new NewFile,
    definitions: &'new [Definition],
    pub(super) shapes: &'new Shapes,
    /// The highest slot that the new file accepts.
    slots: i64,
    /// Sessions in higher slots, with their rowids.
    waiting: Vec<Vec<Field<'static>>>,
    waiting_bytes: usize,
    pub(super) done: Salvaged,
    refused: u64,
    /// Rows of an unknown kind that no tree reaches.
    unknown: u64,
    /// The highest id of a chunk that was found anywhere.
    highest_id: i64,
    knows_sequence: bool,
    in_group: u64,
    bytes_in_group: usize,
}

impl<'new> Salvage<'new> {
    pub(super) fn new(
        new: &'new NewFile,
        definitions: &'new [Definition],
        shapes: &'new Shapes,
    ) -> Self {
        Self {
            new,
            definitions,
            shapes,
            slots: OpenOptions::default().slots.into(),
            waiting: Vec::new(),
            waiting_bytes: 0,
            done: Salvaged::default(),
            refused: 0,
            unknown: 0,
            highest_id: 0,
            knows_sequence: false,
            in_group: 0,
            bytes_in_group: 0,
        }
    }

    fn sqlite(&self) -> &'new Sqlite {
        self.new.sqlite()
    }

    fn root_of(&self, table: &str) -> Option<u32> {
        table_of(self.definitions, table).map(|definition| definition.root)
    }

    /// Stores the rows of the trees, and of pages that no tree reaches.
    pub(super) fn read(&mut self, trees: &mut Trees) -> sqlite::Result<()> {
        self.done.problems.extend_from_slice(trees.pages().problems());
        self.tell_of_columns();
        self.sqlite().execute_batch("BEGIN")?;
        let sessions = table_of(self.definitions, Table::Sessions.name());
        if let Some(slots) = sessions.and_then(Definition::highest_slot) {
            self.widen(slots.min(MOST_SLOTS))?;
        }
        for table in [Table::Sessions, Table::Outputs] {
            match self.root_of(table.name()) {
                Some(root) => trees.walk(root, &mut |entry| self.take(Some(table), &entry))?,
                None => self.done.problems.push(format!(
                    "the schema does not say where {} are; their rows were recognized by their form",
                    table.name()
                )),
            }
        }
        for table in Beside::ALL {
            // Older files do not have it.
            if let Some(root) = self.root_of(table.name()) {
                trees.walk(root, &mut |entry| self.take_beside(table, &entry, true).map(drop))?;
            }
        }
        if let Some(root) = self.root_of(BLOCKS) {
            trees.walk(root, &mut |entry| self.take_block(&entry, true).map(drop))?;
        }
        if let Some(root) = self.root_of("sqlite_sequence") {
            trees.walk(root, &mut |entry| {
                self.take_sequence(&entry);
                Ok(())
            })?;
        }
        self.done.lost.pages = trees.unreadable();
        let ours = [Table::Sessions, Table::Outputs].map(Table::name);
        let beside = Beside::ALL.map(Beside::name);
        let is_ours =
            |table: &&str| ours.contains(table) || beside.contains(table) || *table == BLOCKS;
        for others in self.definitions.iter().filter(|found| !is_ours(&&*found.table)) {
            trees.skip(others.root)?;
        }
        let found =
            |salvage: &Self| (salvage.done.sessions, salvage.waiting.len(), salvage.done.outputs);
        let before = found(self);
        trees.leftovers(&mut |entry| self.take(None, &entry))?;
        if found(self) != before && !trees.knows_free() {
            self.done.problems.push(
                "the list of free pages cannot be read; rows that were deleted may be among those \
                 that no tree reaches"
                    .into(),
            );
        }
        self.store_waiting()?;
        self.sqlite().execute_batch(COMPLETE)?;
        self.sqlite().execute_batch("COMMIT").map_err(Into::into)
    }

    /// Reports the columns that are not in the new file.
    fn tell_of_columns(&mut self) {
        for table in [Table::Sessions, Table::Outputs] {
            let others = &self.shapes.of(table).others;
            if !others.is_empty() {
                self.done.problems.push(format!(
                    "columns of others in {} were left out: {}",
                    table.name(),
                    others.join(", ")
                ));
            }
        }
    }

    /// Takes a row from the tree of a table, or, without `from`, one that no tree reaches.
    fn take(&mut self, from: Option<Table>, entry: &Entry) -> sqlite::Result<()> {
        let needs_rowid = from.is_none_or(|table| !self.shapes.of(table).without_rowid);
        if let (Some(Table::Outputs), Some(id)) = (from, entry.rowid)
            && self.shapes.outputs.has_rowid()
        {
            self.see(id);
        }
        let fields = entry.fields().filter(|_| entry.rowid.is_some() || !needs_rowid);
        let Some(fields) = fields else {
            self.lose(from);
            return Ok(());
        };
        let session = self.shapes.sessions.pick(entry.rowid, &fields);
        let output = self.shapes.outputs.pick(entry.rowid, &fields);
        // A damaged tree may lead to rows of the other table.
        let table = match from {
            _ if is_output(&output) => Table::Outputs,
            _ if is_session(&session) => Table::Sessions,
            Some(table) => table,
            None => {
                for table in Beside::ALL {
                    if self.take_beside(table, entry, false)? {
                        return Ok(());
                    }
                }
                let is_known = self.take_block(entry, false)? || self.take_sequence(entry);
                if !is_known && !is_definition(&fields) {
                    self.unknown += 1;
                }
                return Ok(());
            }
        };
        match table {
            Table::Sessions => {
                let rowid = entry.rowid.map_or(ValueRef::Null, ValueRef::Integer);
                let values = [rowid].into_iter().chain(session).collect();
                self.take_session(from, values)
            }
            Table::Outputs => self.take_output(from, &output),
        }
    }

    fn take_session(
        &mut self,
        from: Option<Table>,
        values: Vec<ValueRef<'_>>,
    ) -> sqlite::Result<()> {
        match values.get(2) {
            Some(ValueRef::Integer(slot)) if (self.slots + 1..=MOST_SLOTS).contains(slot) => {
                let values: Vec<_> = values.into_iter().map(owned).collect();
                self.waiting_bytes += values.iter().map(Field::length).sum::<usize>() + 100;
                self.waiting.push(values);
                if self.waiting_bytes > GROUP_BYTES { self.store_waiting() } else { Ok(()) }
            }
            _ => {
                if self.insert(from, Table::Sessions, INSERT_SESSION, &values)? {
                    self.done.sessions += 1;
                }
                Ok(())
            }
        }
    }

    pub(super) fn take_output(
        &mut self,
        from: Option<Table>,
        values: &[ValueRef<'_>],
    ) -> sqlite::Result<()> {
        if let Some(ValueRef::Integer(id)) = values.first() {
            self.see(*id);
            if *id > HIGHEST_ID {
                self.refuse(Table::Outputs, *id, "no chunk can have this id");
                return Ok(());
            }
        }
        if self.insert(from, Table::Outputs, INSERT_OUTPUT, values)? {
            self.done.outputs += 1;
        }
        Ok(())
    }

    /// Takes a row of a table beside the two, from its tree or by its form. Returns whether it is one.
    fn take_beside(
        &mut self,
        table: Beside,
        entry: &Entry,
        from_tree: bool,
    ) -> sqlite::Result<bool> {
        let Some(fields) = entry.fields() else {
            return Ok(false);
        };
        let shape = self.shapes.beside(table);
        let values = shape.pick(entry.rowid, &fields);
        if !table.has(&values) || !from_tree && fields.len() != shape.length {
            return Ok(false);
        }
        let insert = match table {
            Beside::Pins => INSERT_PIN,
            Beside::Details => INSERT_DETAILS,
            Beside::Sizes => INSERT_SIZE,
        };
        let values = values.into_iter().map(RawValue);
        self.sqlite().prepare_cached(insert)?.execute(rusqlite::params_from_iter(values))?;
        Ok(true)
    }

    /// Records the highest id that a chunk ever had. Returns whether this row holds it.
    fn take_sequence(&mut self, entry: &Entry) -> bool {
        let Some(id) = entry.fields().as_deref().and_then(sequence) else {
            return false;
        };
        self.see(id);
        self.knows_sequence |= id <= HIGHEST_ID;
        true
    }

    fn see(&mut self, id: i64) {
        if id <= HIGHEST_ID {
            self.highest_id = self.highest_id.max(id);
        }
    }

    fn lose(&mut self, from: Option<Table>) {
        match from {
            Some(Table::Sessions) => self.done.lost.sessions += 1,
            Some(Table::Outputs) => self.done.lost.outputs += 1,
            None => {}
        }
    }

    /// Stores a row; `false` if its id exists already, or the table refuses it.
    fn insert(
        &mut self,
        from: Option<Table>,
        table: Table,
        sql: &str,
        values: &[ValueRef<'_>],
    ) -> sqlite::Result<bool> {
        let values = values.iter().copied().map(RawValue);
        let inserted =
            self.sqlite().prepare_cached(sql)?.execute(rusqlite::params_from_iter(values.clone()));
        if let Err(error) = inserted {
            let error = sqlite::Error::from(error);
            if !error.is_refusal() {
                return Err(error);
            }
            let rowid = values.clone().next().and_then(|id| id.0.as_i64().ok()).unwrap_or_default();
            // The same row was found twice. The tree of a table has each rowid once, but two rows of it may have the
            // same id.
            let is_twice = match error.code() {
                Some(ffi::SQLITE_CONSTRAINT_ROWID) => true,
                Some(ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_UNIQUE) => {
                    from.is_none() || self.shapes.of(table).has_rowid()
                }
                _ => false,
            };
            if !is_twice {
                self.refuse(table, rowid, &error.to_string());
            }
            return Ok(false);
        }
        self.in_group += 1;
        self.bytes_in_group += values.map(|value| length(value.0)).sum::<usize>();
        if self.in_group >= GROUP || self.bytes_in_group >= GROUP_BYTES {
            (self.in_group, self.bytes_in_group) = (0, 0);
            self.sqlite().execute_batch("COMMIT; BEGIN")?;
        }
        Ok(true)
    }

    fn refuse(&mut self, table: Table, rowid: i64, why: &str) {
        self.lose(Some(table));
        self.refused += 1;
        if self.refused <= MOST_ROWS {
            self.done.problems.push(format!("row {rowid} of {}: {why}", table.name()));
        }
    }

    /// Makes the new file accept this slot, and those below.
    fn widen(&mut self, slots: i64) -> sqlite::Result<()> {
        if slots > self.slots {
            self.sqlite().execute_batch("COMMIT")?;
            self.new.widen(u16::try_from(slots).unwrap_or(0))?;
            self.sqlite().execute_batch("BEGIN")?;
            self.slots = slots;
        }
        Ok(())
    }

    /// Stores the sessions whose slots the new file did not accept before.
    fn store_waiting(&mut self) -> sqlite::Result<()> {
        let slot = |values: &Vec<Field<'_>>| match values.get(2) {
            Some(Field::Integer(slot)) => Some(*slot),
            _ => None,
        };
        if let Some(slots) = self.waiting.iter().filter_map(slot).max() {
            self.widen(slots)?;
        }
        self.waiting_bytes = 0;
        for values in std::mem::take(&mut self.waiting) {
            let values = values.iter().map(Field::value).collect();
            self.take_session(None, values)?;
        }
        Ok(())
    }

    /// Counts the rows that an index names and that were not found. Each index names all rows.
    pub(super) fn count_lost(&mut self, trees: &mut Trees) -> sqlite::Result<()> {
        for table in [Table::Sessions, Table::Outputs] {
            // Otherwise an index does not name rows by the id that is stored.
            let is_id = match table {
                Table::Sessions => !self.shapes.sessions.without_rowid,
                Table::Outputs => self.shapes.outputs.has_rowid(),
            };
            if !is_id {
                continue;
            }
            let sql = format!("SELECT 1 FROM {} WHERE rowid = ?1", table.name());
            let mut find = self.sqlite().prepare(&sql)?;
            let (mut most, mut highest) = (0, self.highest_id);
            let indexes = self.definitions.iter();
            for index in
                indexes.filter(|found| found.kind == "index" && found.table == table.name())
            {
                let mut missing = 0;
                trees.walk(index.root, &mut |entry| {
                    let fields = entry.fields();
                    let last = fields.as_ref().and_then(|fields| fields.last());
                    if let Some(Field::Integer(rowid)) = last {
                        highest =
                            highest.max(Some(*rowid).filter(|id| *id <= HIGHEST_ID).unwrap_or(0));
                        missing += u64::from(!find.exists([rowid])?);
                    }
                    Ok(())
                })?;
                most = most.max(missing);
            }
            if table == Table::Outputs {
                self.highest_id = highest;
                let missing = self.count_lost_by_leftovers(trees)?;
                most = most.max(missing);
            }
            let lost = match table {
                Table::Sessions => &mut self.done.lost.sessions,
                Table::Outputs => &mut self.done.lost.outputs,
            };
            *lost = most.max(*lost);
        }
        Ok(())
    }

    /// Counts them by pages of the index on moments that no tree reaches.
    fn count_lost_by_leftovers(&mut self, trees: &mut Trees) -> sqlite::Result<u64> {
        let mut find = self.sqlite().prepare("SELECT 1 FROM session_outputs WHERE id = ?1")?;
        let mut missing = 0;
        trees.leftover_keys(&mut |entry| {
            if let Some(id) = entry.fields().as_deref().and_then(id_by_moment) {
                self.see(id);
                missing += u64::from(!find.exists([id])?);
            }
            Ok(())
        })?;
        // Otherwise they may belong to deleted rows.
        Ok(if trees.knows_free() { missing } else { 0 })
    }

    /// Makes ids continue after the highest that was ever assigned, and sums up.
    pub(super) fn finish(mut self, trees: &mut Trees) -> sqlite::Result<Salvaged> {
        self.keep_sequence(trees)?;
        if self.refused > MOST_ROWS {
            let more = self.refused - MOST_ROWS;
            self.done.problems.push(format!("{more} more rows could not be stored"));
        }
        if self.unknown > 0 {
            self.done
                .problems
                .push(format!("rows of an unknown form that no tree reaches: {}", self.unknown));
            // They may be all that the file held.
            if self.done.sessions == 0 && self.done.outputs == 0 {
                self.done.lost.outputs += self.unknown;
            }
        }
        match trees.unreadable() {
            0 => {}
            1 => self.done.problems.push("one page cannot be read".into()),
            pages => self.done.problems.push(format!("{pages} pages cannot be read")),
        }
        Ok(self.done)
    }

    fn keep_sequence(&mut self, trees: &mut Trees) -> sqlite::Result<()> {
        if !self.knows_sequence && self.shapes.outputs.has_rowid() {
            // The rows that were deleted last had the highest ids.
            let shape = &self.shapes.outputs;
            trees.deleted(&mut |entry| {
                if let Some(fields) = entry.fields() {
                    let is_row = is_output(&shape.pick(entry.rowid, &fields));
                    let id = entry.rowid.filter(|_| is_row).or_else(|| id_by_moment(&fields));
                    id.into_iter().for_each(|id| self.see(id));
                }
                Ok(())
            })?;
            let table = table_of(self.definitions, Table::Outputs.name());
            let counts = table.is_none_or(|table| {
                memmem::find(&table.sql.to_ascii_uppercase(), b"AUTOINCREMENT").is_some()
            });
            if counts && self.highest_id > 0 {
                self.done.problems.push(format!(
                    "the highest id that a chunk ever had cannot be read; new ids go on after {}",
                    self.highest_id
                ));
            }
        }
        if self.highest_id > 0 {
            let [insert, update] = KEEP_SEQUENCE;
            self.sqlite().execute(insert, [])?;
            self.sqlite().execute(update, [self.highest_id])?;
        }
        Ok(())
    }
}
