//! `session_outputs_all`: all output in one table, whether it stands in rows or in blocks.
//!
//! It is a virtual table without a row in the schema, so that no other program stumbles over it. It can be read only.

use std::borrow::Cow;
use std::ffi::{CStr, c_int};
use std::marker::PhantomData;
use std::rc::Rc;

use rusqlite::Connection as Sqlite;
use rusqlite::types::ValueRef;
use rusqlite::vtab::{
    Context, Filters, IndexConstraintOp, IndexInfo, Module, VTab, VTabConfig, VTabConnection,
    VTabCursor, sqlite3_vtab, sqlite3_vtab_cursor,
};

use super::merge::{Merge, Order, Wanted, Without};
use super::run::Column;
use crate::sqlite::has_object;

/// The name of the table.
const NAME: &CStr = c"session_outputs_all";

const DEFINITION: &CStr = c"CREATE TABLE session_outputs_all (
    id INTEGER, session_id TEXT, timestamp TEXT, type TEXT, data TEXT, created_at TEXT, without BLOB HIDDEN)";

const COLUMNS: [Column; 6] = [
    Column::Id,
    Column::SessionId,
    Column::Timestamp,
    Column::Kind,
    Column::Data,
    Column::CreatedAt,
];

// The places of columns.
const ID: c_int = 0;
const SESSION_ID: c_int = 1;
const TIMESTAMP: c_int = 2;
/// Blocks that are left out: the eight bytes of each cursor, the lowest first.
const WITHOUT: c_int = 6;

/// Bits of a plan: what is given, in this order, and what is wanted.
const OF_SESSION: c_int = 1;
const FROM: c_int = 2;
const ABOVE: c_int = 4;
const TO: c_int = 8;
const BELOW: c_int = 16;
const SINCE: c_int = 32;
const BY_TIME: c_int = 64;
const BACKWARDS: c_int = 128;
const EQUAL: c_int = 256;
const LEFT_OUT: c_int = 512;

/// Adds the table to a connection.
///
/// # Errors
///
/// An error of SQLite.
pub(crate) fn add_to(sqlite: &Sqlite) -> rusqlite::Result<()> {
    const MODULE: &Module<'_, All> = &Module::eponymous_only_module();
    sqlite.create_module(NAME, MODULE, None)
}

#[repr(C)]
struct All {
    /// SQLite's part. It has to come first.
    base: sqlite3_vtab,
    sqlite: Rc<Sqlite>,
}

// SAFETY: `base` comes first, and the layout is that of C.
unsafe impl<'vtab> VTab<'vtab> for All {
    type Aux = ();
    type Cursor = Cursor<'vtab>;

    fn connect(
        db: &mut VTabConnection,
        _: Option<&()>,
        _: &[u8],
        _: &[u8],
        _: &[u8],
        _: &[&[u8]],
    ) -> rusqlite::Result<(Cow<'static, CStr>, Self)> {
        db.config(VTabConfig::Innocuous)?;
        // SAFETY: the handle is that of the connection to which this table belongs: SQLite drops the table, and all statements
        // of this with it, before it closes that connection. This does not close it.
        let sqlite = unsafe { Sqlite::from_handle(db.handle()) }?;
        Ok((DEFINITION.into(), Self { base: sqlite3_vtab::default(), sqlite: Rc::new(sqlite) }))
    }

    fn best_index(&self, info: &mut IndexInfo) -> rusqlite::Result<bool> {
        use IndexConstraintOp as Op;
        let mut plan = 0;
        let mut given: [Option<usize>; 5] = [None; 5];
        for (at, constraint) in info.constraints().enumerate() {
            if !constraint.is_usable() {
                continue;
            }
            let is_plain = |info: &IndexInfo| {
                info.collation(at).is_ok_and(|name| name.eq_ignore_ascii_case("BINARY"))
            };
            let (places, bits): (&[usize], c_int) =
                match (constraint.column(), constraint.operator()) {
                    (SESSION_ID, Op::SQLITE_INDEX_CONSTRAINT_EQ) if is_plain(info) => {
                        (&[0], OF_SESSION)
                    }
                    (WITHOUT, Op::SQLITE_INDEX_CONSTRAINT_EQ) => (&[4], LEFT_OUT),
                    (ID | -1, Op::SQLITE_INDEX_CONSTRAINT_EQ) => (&[1, 2], FROM | TO | EQUAL),
                    (ID | -1, Op::SQLITE_INDEX_CONSTRAINT_GE) => (&[1], FROM),
                    (ID | -1, Op::SQLITE_INDEX_CONSTRAINT_GT) => (&[1], ABOVE),
                    (ID | -1, Op::SQLITE_INDEX_CONSTRAINT_LE) => (&[2], TO),
                    (ID | -1, Op::SQLITE_INDEX_CONSTRAINT_LT) => (&[2], BELOW),
                    (
                        TIMESTAMP,
                        Op::SQLITE_INDEX_CONSTRAINT_GT | Op::SQLITE_INDEX_CONSTRAINT_GE,
                    ) if is_plain(info) => (&[3], SINCE),
                    _ => continue,
                };
            let is_free = places.iter().all(|place| given.get(*place).is_some_and(Option::is_none));
            if is_free {
                plan |= bits;
                places.iter().filter_map(|place| given.get_mut(*place)?.replace(at)).for_each(drop);
            }
        }
        let orders: Vec<(c_int, bool)> =
            info.order_bys().map(|by| (by.column(), by.is_order_by_desc())).collect();
        let of_session = plan & OF_SESSION != 0;
        let is_consumed = match orders.as_slice() {
            [] => true,
            [(ID | -1, backwards)] => {
                if *backwards && of_session {
                    plan |= BACKWARDS;
                }
                of_session || !backwards
            }
            [(TIMESTAMP, one), (ID | -1, two)] if of_session && one == two => {
                plan |= BY_TIME | if *one { BACKWARDS } else { 0 };
                true
            }
            _ => false,
        };
        info.set_order_by_consumed(is_consumed);
        // By time, the moment is a start.
        if plan & BY_TIME == 0 {
            plan &= !SINCE;
        }
        let mut arguments = 0;
        // An equal cursor is both bounds, and one argument.
        let is_equal = plan & EQUAL != 0;
        for (place, at) in given.into_iter().enumerate() {
            let Some(at) = at else { continue };
            if (place == 2 && is_equal) || (place == 3 && plan & SINCE == 0) {
                continue;
            }
            arguments += 1;
            let mut usage = info.constraint_usage(at);
            usage.set_argv_index(arguments);
            // A row of another session that a damaged index names is seen by whoever compares.
            usage.set_omit(place == 0 || place == 4);
        }
        let cost = match (of_session, is_equal) {
            (_, true) => 10.0,
            (true, false) => 1e4,
            (false, false) => 1e9,
        };
        info.set_estimated_cost(cost);
        info.set_idx_num(plan);
        Ok(true)
    }

    fn open(&'vtab mut self) -> rusqlite::Result<Cursor<'vtab>> {
        let sqlite = Rc::clone(&self.sqlite);
        Ok(Cursor { base: sqlite3_vtab_cursor::default(), sqlite, merge: None, table: PhantomData })
    }
}

#[repr(C)]
struct Cursor<'vtab> {
    /// SQLite's part. It has to come first.
    base: sqlite3_vtab_cursor,
    sqlite: Rc<Sqlite>,
    merge: Option<Merge>,
    table: PhantomData<&'vtab All>,
}

// SAFETY: `base` comes first, and the layout is that of C.
unsafe impl VTabCursor for Cursor<'_> {
    fn filter(
        &mut self,
        plan: c_int,
        _: Option<&str>,
        arguments: &Filters<'_>,
    ) -> rusqlite::Result<()> {
        self.merge = None;
        let has = |bits: c_int| plan & bits != 0;
        let mut arguments = arguments.iter();
        let session_id = match has(OF_SESSION).then(|| arguments.next()).flatten() {
            Some(ValueRef::Text(id) | ValueRef::Blob(id)) => Some(id.to_owned()),
            // No session is called so.
            Some(_) => return Ok(()),
            None => None,
        };
        // SQLite compares again, so that a bound which is no integer need not be one here.
        let number = |value: Option<ValueRef<'_>>, other| match value {
            Some(ValueRef::Integer(number)) => number,
            _ => other,
        };
        let from = has(FROM | ABOVE).then(|| arguments.next()).flatten();
        let to =
            if has(EQUAL) { from } else { has(TO | BELOW).then(|| arguments.next()).flatten() };
        let low = number(from, i64::MIN);
        let high = number(to, i64::MAX);
        let since = match has(SINCE).then(|| arguments.next()).flatten() {
            Some(ValueRef::Text(since)) => Some(since.to_owned()),
            _ => None,
        };
        let without = match has(LEFT_OUT).then(|| arguments.next()).flatten() {
            Some(ValueRef::Blob(listed)) => unlisted(listed),
            _ => Without::default(),
        };
        let wanted = Wanted {
            order: if has(BY_TIME) { Order::Time } else { Order::Append },
            backwards: has(BACKWARDS),
            session_id,
            low: if has(ABOVE) && low > i64::MIN { low.saturating_add(1) } else { low },
            high: if has(BELOW) && high < i64::MAX { high.saturating_sub(1) } else { high },
            since,
            without,
        };
        let has_blocks = has_object(&self.sqlite, "gsd_session_blocks")
            .map_err(|error| rusqlite::Error::ModuleError(error.to_string()))?;
        self.merge = Some(Merge::new(Rc::clone(&self.sqlite), wanted, has_blocks)?);
        Ok(())
    }

    fn next(&mut self) -> rusqlite::Result<()> {
        self.merge.as_mut().map_or(Ok(()), Merge::step)
    }

    fn eof(&self) -> bool {
        self.merge.as_ref().is_none_or(Merge::is_over)
    }

    fn column(&self, context: &mut Context, column: c_int) -> rusqlite::Result<()> {
        let column = usize::try_from(column).ok().and_then(|at| COLUMNS.get(at));
        if let (Some(merge), Some(column)) = (&self.merge, column) {
            merge.column(*column, |value| context.set_result(value))?;
        }
        Ok(())
    }

    fn rowid(&self) -> rusqlite::Result<i64> {
        let mut id = 0;
        if let Some(merge) = &self.merge {
            merge.column(Column::Id, |value| {
                if let Ok(rusqlite::types::ToSqlOutput::Owned(rusqlite::types::Value::Integer(
                    found,
                ))) = value.to_sql()
                {
                    id = found;
                }
                Ok(())
            })?;
        }
        Ok(id)
    }
}

/// The value of the hidden column `without` that leaves these blocks out.
pub(in crate::store) fn listed(blocks: impl IntoIterator<Item = i64>) -> Vec<u8> {
    blocks.into_iter().flat_map(i64::to_le_bytes).collect()
}

fn unlisted(listed: &[u8]) -> Without {
    listed.as_chunks().0.iter().copied().map(i64::from_le_bytes).collect()
}
