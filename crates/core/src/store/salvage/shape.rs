//! The positions of our columns in the rows of a file, and how to recognize a row that no tree reaches.

use rusqlite::types::{Value, ValueRef};

use super::super::model::{OutputType, SessionStatus};
use super::super::{text, timestamp};
use crate::sqlite::{Definition, Field, columns};

/// A table of ours that has something about some of the sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beside {
    Pins,
    Details,
    Sizes,
}

impl Beside {
    pub(super) const ALL: [Self; 3] = [Self::Pins, Self::Details, Self::Sizes];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Pins => "session_pins",
            Self::Details => "gsd_session_details",
            Self::Sizes => "gsd_session_sizes",
        }
    }

    /// Whether values look like a row of it.
    pub(super) fn has(self, values: &[ValueRef<'_>]) -> bool {
        match self {
            Self::Pins => is_pin(values),
            Self::Details => are_details(values),
            Self::Sizes => is_size(values),
        }
    }
}

/// More slots than any harness has. A larger number is damage.
pub(super) const MOST_SLOTS: i64 = 1000;

/// One of the two tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    Sessions,
    Outputs,
}

impl Table {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::Outputs => "session_outputs",
        }
    }
}

/// How the rows of our tables are stored in a file.
pub(super) struct Shapes {
    pub(super) sessions: Shape,
    pub(super) outputs: Shape,
    pins: Shape,
    details: Shape,
    sizes: Shape,
    pub(super) blocks: Shape,
}

/// The table of output that is sealed.
pub(super) const BLOCKS: &str = "gsd_session_blocks";

impl Shapes {
    /// From the definitions in the file; without them, those of a fresh file.
    pub(super) fn new(definitions: &[Definition]) -> Self {
        let shape = |table| Shape::new(table_of(definitions, table), table);
        Self {
            sessions: shape(Table::Sessions.name()),
            outputs: shape(Table::Outputs.name()),
            pins: shape(Beside::Pins.name()),
            details: shape(Beside::Details.name()),
            sizes: shape(Beside::Sizes.name()),
            blocks: shape(BLOCKS),
        }
    }

    /// The shape of a table.
    pub(super) fn of(&self, table: Table) -> &Shape {
        match table {
            Table::Sessions => &self.sessions,
            Table::Outputs => &self.outputs,
        }
    }

    /// The shape of a table beside the two.
    pub(super) fn beside(&self, table: Beside) -> &Shape {
        match table {
            Beside::Pins => &self.pins,
            Beside::Details => &self.details,
            Beside::Sizes => &self.sizes,
        }
    }
}

/// The definition of a table, if there is one.
pub(super) fn table_of<'found>(
    definitions: &'found [Definition],
    name: &str,
) -> Option<&'found Definition> {
    definitions.iter().find(|found| found.kind == "table" && found.name == name)
}

/// How the rows of one of our tables are stored.
pub(super) struct Shape {
    /// The positions of our columns, in their order.
    places: Vec<Column>,
    /// How many values a row has at present.
    pub(super) length: usize,
    /// Whether its rows have no rowid.
    pub(super) without_rowid: bool,
    /// The names of columns of other programs.
    pub(super) others: Vec<String>,
}

/// The position of a column in a row.
struct Column {
    at: usize,
    is_rowid: bool,
    /// Its value in a row that is too short to have it.
    default: Value,
}

impl Shape {
    fn new(definition: Option<&Definition>, table: &str) -> Self {
        let ours = columns(table);
        let told = definition.and_then(|definition| {
            let stored = definition.columns()?;
            let place = |name: &&str| {
                let at = stored.columns.iter().position(|column| column.name == *name)?;
                let column = stored.columns.get(at)?;
                Some(Column { at, is_rowid: column.is_rowid, default: column.default.clone() })
            };
            // A definition that lacks one of our columns is damaged.
            let places = ours.iter().map(place).collect::<Option<Vec<_>>>()?;
            let names = stored.columns.iter().map(|column| column.name.clone());
            let others = names.filter(|name| !ours.contains(&name.as_str())).collect();
            let without_rowid = stored.without_rowid;
            Some(Self { places, length: stored.columns.len(), without_rowid, others })
        });
        told.unwrap_or_else(|| {
            let is_rowid = |at| at == 0 && [Table::Outputs.name(), BLOCKS].contains(&table);
            let place = |at| Column { at, is_rowid: is_rowid(at), default: Value::Null };
            Self {
                places: (0..ours.len()).map(place).collect(),
                length: ours.len(),
                without_rowid: false,
                others: Vec::new(),
            }
        })
    }

    /// Whether one of our columns is the rowid of the table.
    pub(super) fn has_rowid(&self) -> bool {
        self.places.iter().any(|place| place.is_rowid)
    }

    /// The values of our columns.
    pub(super) fn pick<'row>(
        &'row self,
        rowid: Option<i64>,
        fields: &'row [Field<'_>],
    ) -> Vec<ValueRef<'row>> {
        let value = |place: &'row Column| match (fields.get(place.at), rowid) {
            (Some(Field::Null), Some(rowid)) if place.is_rowid => ValueRef::Integer(rowid),
            (Some(field), _) => field.value(),
            (None, _) => ValueRef::from(&place.default),
        };
        self.places.iter().map(value).collect()
    }
}

/// Whether values look like a session that the stores wrote.
pub(super) fn is_session(values: &[ValueRef<'_>]) -> bool {
    let [id, slot, status, working_dir, command, started_at, ended_at, pid, created_at, updated_at] =
        values
    else {
        return false;
    };
    is_text(id)
        && matches!(slot, ValueRef::Integer(1..=MOST_SLOTS))
        && SessionStatus::parse(text(*status)).is_some()
        && is_text(working_dir)
        && (is_null(command) || is_text(command))
        && is_moment(started_at)
        && matches!(pid, ValueRef::Null | ValueRef::Integer(_))
        && [ended_at, created_at, updated_at].into_iter().all(|at| is_null(at) || is_moment(at))
}

/// Whether values look like a chunk of output. Its data may be a BLOB, which other programs store.
pub(super) fn is_output(values: &[ValueRef<'_>]) -> bool {
    let [id, session_id, timestamp, kind, data, created_at] = values else {
        return false;
    };
    matches!(id, ValueRef::Integer(_))
        && is_text(session_id)
        && is_moment(timestamp)
        && OutputType::parse(text(*kind)).is_some()
        && matches!(data, ValueRef::Text(_) | ValueRef::Blob(_))
        && (is_null(created_at) || is_moment(created_at))
}

/// Whether values look like the details of a session.
fn are_details(values: &[ValueRef<'_>]) -> bool {
    let [session_id, title, exit_code, signal, error, terminal, columns, rows] = values else {
        return false;
    };
    let is_number = |value: &ValueRef<'_>| matches!(value, ValueRef::Null | ValueRef::Integer(_));
    is_text(session_id)
        && [title, signal, error].into_iter().all(|text| is_null(text) || is_text(text))
        && [exit_code, terminal, columns, rows].into_iter().all(is_number)
}

/// Whether values look like a size that a terminal had.
fn is_size(values: &[ValueRef<'_>]) -> bool {
    let [session_id, numbers @ ..] = values else {
        return false;
    };
    is_text(session_id) && numbers.iter().all(|number| matches!(number, ValueRef::Integer(0..)))
}

/// Whether values look like a pin.
fn is_pin(values: &[ValueRef<'_>]) -> bool {
    let [session_id, created_at] = values else {
        return false;
    };
    is_text(session_id) && (is_null(created_at) || is_moment(created_at))
}

/// The id of a chunk in an entry of our index on moments.
pub(super) fn id_by_moment(key: &[Field<'_>]) -> Option<i64> {
    let [session_id, timestamp, id] = key else {
        return None;
    };
    match (is_text(&session_id.value()), is_moment(&timestamp.value()), id) {
        (true, true, Field::Integer(id)) => Some(*id),
        _ => None,
    }
}

/// The highest id that a chunk ever had, from a row of `sqlite_sequence`.
pub(super) fn sequence(row: &[Field<'_>]) -> Option<i64> {
    match row {
        [Field::Text(table), Field::Integer(id)]
            if table.eq_ignore_ascii_case(Table::Outputs.name().as_bytes()) =>
        {
            Some(*id)
        }
        _ => None,
    }
}

/// Whether a row looks like one of `sqlite_schema`.
pub(super) fn is_definition(row: &[Field<'_>]) -> bool {
    let kinds = [&b"table"[..], b"index", b"trigger", b"view"];
    matches!(row, [Field::Text(kind), Field::Text(_), Field::Text(_), Field::Integer(_), _]
        if kinds.contains(&&**kind))
}

fn is_null(value: &ValueRef<'_>) -> bool {
    *value == ValueRef::Null
}

fn is_text(value: &ValueRef<'_>) -> bool {
    matches!(value, ValueRef::Text(_))
}

fn is_moment(value: &ValueRef<'_>) -> bool {
    is_text(value) && timestamp::is_moment(text(*value))
}
