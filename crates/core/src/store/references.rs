//! References: rows of others that refer, by a foreign key that the file declares, to a session or to its output.
//!
//! Whether SQLite enforces foreign keys depends on the connection. The rows are found in either case.

use std::collections::HashMap;

use rusqlite::{Connection as Sqlite, params};

use super::sessions::Sessions;
use super::{Result, StoredText, text};
use crate::sqlite::{Error, ForeignKey, OnDelete, foreign_keys, snapshot};

/// What a row refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Referent {
    /// The session.
    Session,
    /// A chunk of its output.
    Output,
}

impl Referent {
    const fn table(self) -> &'static str {
        match self {
            Self::Session => "sessions",
            Self::Output => "session_outputs",
        }
    }
}

/// A foreign key that refers to one of our tables.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) to: Referent,
    pub(super) key: ForeignKey,
    /// Finds rows that refer to the session `?1`, or to the oldest `?2` chunks of its output.
    one: String,
    /// Finds the ids of all sessions that rows refer to. Without an index it takes as long as finding one of them.
    all: String,
}

/// Why SQLite would refuse to remove a session.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Blocker {
    /// In words.
    pub(super) reason: String,
    /// Whether nothing else in the file can make it possible: rows may go by two ways, of which only one is blocked.
    pub(super) is_certain: bool,
}

/// The foreign keys of others in a file.
#[derive(Debug, Default)]
pub(super) struct References {
    pub(super) links: Vec<Link>,
    /// All of them, which may continue the links.
    keys: Vec<ForeignKey>,
    /// The sessions that rows refer to by keys without an index, with the places of these links.
    found: HashMap<Vec<u8>, Vec<usize>>,
}

impl References {
    /// Reads the foreign keys. With `among_own`, references between the rows of one session count as well.
    pub(super) fn look(sqlite: &Sqlite, among_own: bool) -> Result<Self> {
        let keys = foreign_keys(sqlite)?;
        let mut links = Vec::new();
        for key in &keys {
            for to in [Referent::Session, Referent::Output] {
                if !key.parent.eq_ignore_ascii_case(to.table()) {
                    continue;
                }
                let (one, all) = (one(to, &[key], among_own), all(to, key, among_own));
                match sqlite.prepare(&one).map_err(Error::from) {
                    // It refers to a column that there is not, so no row refers to anything.
                    Err(error) if key.is_readable && error.is_of_schema() => {}
                    Err(error) if !error.is_of_schema() => return Err(error.into()),
                    _ => links.push(Link { to, key: key.clone(), one, all }),
                }
            }
        }
        Ok(Self { links, keys, found: HashMap::new() })
    }

    /// Finds all rows that refer by keys without an index at once. To look for each session would read the whole table
    /// each time.
    pub(super) fn find_unindexed(&mut self, sqlite: &Sqlite) -> Result<()> {
        for (place, link) in self.links.iter().enumerate() {
            if link.key.is_indexed || !link.key.is_readable {
                continue;
            }
            let mut statement = sqlite.prepare(&link.all)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                self.found.entry(text(row.get_ref(0)?).to_owned()).or_default().push(place);
            }
        }
        Ok(())
    }

    /// The links by which rows referred to a session, or with `only` to the one, when the unindexed were found.
    pub(super) fn to(
        &self,
        sqlite: &Sqlite,
        id: &[u8],
        only: Option<Referent>,
    ) -> Result<Vec<&Link>> {
        let known: &[usize] = self.found.get(id).map_or(&[], |places| places);
        self.links_where(only, |place, link| {
            Ok(if link.key.is_indexed || !link.key.is_readable {
                link.refers_to(sqlite, id, None)?
            } else {
                known.contains(&place)
            })
        })
    }

    /// The links by which rows refer now to a session, or to the oldest `chunks` of its output.
    pub(super) fn now_to(
        &self,
        sqlite: &Sqlite,
        id: &[u8],
        only: Option<Referent>,
        chunks: Option<usize>,
    ) -> Result<Vec<&Link>> {
        self.links_where(only, |_, link| link.refers_to(sqlite, id, chunks))
    }

    fn links_where(
        &self,
        only: Option<Referent>,
        mut is_wanted: impl FnMut(usize, &Link) -> Result<bool>,
    ) -> Result<Vec<&Link>> {
        let mut links = Vec::new();
        for (place, link) in self.links.iter().enumerate() {
            if only.is_none_or(|only| link.to == only) && is_wanted(place, link)? {
                links.push(link);
            }
        }
        Ok(links)
    }

    /// What would make SQLite refuse to remove a session, or output alone, if it enforces foreign keys. Follows the rows
    /// that would be removed with it.
    pub(super) fn blocker(
        &self,
        sqlite: &Sqlite,
        id: &[u8],
        only: Option<Referent>,
    ) -> Result<Option<Blocker>> {
        let links = self.links.iter().filter(|link| only.is_none_or(|only| link.to == only));
        let mut paths: Vec<(Referent, Vec<&ForeignKey>)> =
            links.map(|link| (link.to, vec![&link.key])).collect();
        while let Some((root, path)) = paths.pop() {
            let Some(last) = path.last() else { continue };
            if !last.is_readable || !refers(sqlite, &one(root, &path, false), root, id, None)? {
                continue;
            }
            if let Some(blocker) = self.blocks(root, &path, last) {
                return Ok(Some(blocker));
            }
            if last.on_delete == OnDelete::Cascade {
                // Each key once: rows of a tree refer to rows of the same table.
                let next = self.keys.iter().filter(|key| {
                    key.parent.eq_ignore_ascii_case(&last.table) && !path.contains(key)
                });
                paths.extend(next.map(|key| (root, path.iter().copied().chain([key]).collect())));
            }
        }
        Ok(None)
    }

    fn blocks(&self, root: Referent, path: &[&ForeignKey], last: &ForeignKey) -> Option<Blocker> {
        let referent = match (path, root) {
            ([.., before, _], _) => {
                format!("rows of {:?}, which would be removed with it", before.table)
            }
            (_, Referent::Session) => "it".into(),
            (_, Referent::Output) => "its output".into(),
        };
        match last.on_delete {
            OnDelete::Cascade if is_own(&last.table, Referent::Session) => Some(Blocker {
                reason: format!("other sessions refer to {referent}, and would be removed as well"),
                is_certain: true,
            }),
            OnDelete::Cascade if is_own(&last.table, Referent::Output) => Some(Blocker {
                reason: format!(
                    "output of other sessions refers to {referent}, and would be removed as well"
                ),
                is_certain: true,
            }),
            OnDelete::Cascade => None,
            OnDelete::Change if !last.not_null => None,
            OnDelete::Change => Some(Blocker {
                reason: format!(
                    "rows of the table {:?} refer to {referent}, and cannot do without",
                    last.table
                ),
                // There may be a default.
                is_certain: false,
            }),
            OnDelete::Refuse => Some(Blocker {
                reason: format!(
                    "rows of the table {:?} forbid it by a foreign key: they refer to {referent}",
                    last.table
                ),
                is_certain: self
                    .keys
                    .iter()
                    .filter(|key| key.table.eq_ignore_ascii_case(&last.table))
                    .all(|key| key.on_delete == OnDelete::Refuse),
            }),
        }
    }
}

impl Link {
    fn refers_to(&self, sqlite: &Sqlite, id: &[u8], chunks: Option<usize>) -> Result<bool> {
        // Nothing can be asked about a table that SQL cannot name, so its rows may refer to everything.
        Ok(!self.key.is_readable || refers(sqlite, &self.one, self.to, id, chunks)?)
    }
}

fn refers(
    sqlite: &Sqlite,
    sql: &str,
    root: Referent,
    id: &[u8],
    chunks: Option<usize>,
) -> Result<bool> {
    let mut statement = sqlite.prepare_cached(sql)?;
    Ok(match root {
        Referent::Session => statement.exists([StoredText(id)])?,
        Referent::Output => {
            let most = chunks.map_or(-1, |chunks| i64::try_from(chunks).unwrap_or(i64::MAX));
            statement.exists(params![StoredText(id), most])?
        }
    })
}

fn is_own(table: &str, referent: Referent) -> bool {
    table.eq_ignore_ascii_case(referent.table())
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The condition that a row `child` refers to a row `parent` by `key`. With `sign`, SQLite compares as it does for
/// foreign keys and can use the index of the parent; without, it can use the index of the child.
fn joins(key: &ForeignKey, parent: &str, child: &str, sign: &str) -> String {
    let columns = key
        .columns
        .iter()
        .map(|(from, to)| format!("{parent}.{} = {sign}{child}.{}", quoted(to), quoted(from)));
    columns.collect::<Vec<_>>().join(" AND ")
}

/// The condition that a row `child` of `table` is not part of the session `id`.
fn is_other(table: &str, child: &str, id: &str) -> String {
    if is_own(table, Referent::Session) {
        format!("{child}.id IS NOT {id}")
    } else if is_own(table, Referent::Output) {
        format!("{child}.session_id IS NOT {id}")
    } else {
        "1".into()
    }
}

fn one(root: Referent, path: &[&ForeignKey], among_own: bool) -> String {
    let mut sql = match root {
        Referent::Session => "SELECT 1 FROM sessions AS p0".into(),
        Referent::Output => {
            let columns = path.first().into_iter().flat_map(|key| &key.columns);
            let columns: Vec<_> = columns.map(|(_, to)| quoted(to)).collect();
            format!(
                "SELECT 1 FROM (SELECT {} FROM session_outputs WHERE session_id = ?1
                 ORDER BY timestamp, id LIMIT ?2) AS p0",
                columns.join(", ")
            )
        }
    };
    let mut conditions = vec![match root {
        Referent::Session => "p0.id = ?1".to_owned(),
        Referent::Output => "1".to_owned(),
    }];
    for (parent, key) in path.iter().enumerate() {
        let (parent, child) = (format!("p{parent}"), format!("p{}", parent + 1));
        sql += &format!(
            " JOIN {} AS {child} ON {}",
            quoted(&key.table),
            joins(key, &parent, &child, "")
        );
        if !among_own {
            conditions.push(is_other(&key.table, &child, "?1"));
        }
    }
    format!("{sql} WHERE {}", conditions.join(" AND "))
}

fn all(root: Referent, key: &ForeignKey, among_own: bool) -> String {
    let id = match root {
        Referent::Session => "p0.id",
        Referent::Output => "p0.session_id",
    };
    let other = if among_own { "1".into() } else { is_other(&key.table, "p1", id) };
    // Every row of the child once, and for each a step through the index of the parent.
    format!(
        "SELECT DISTINCT {id} FROM {} AS p1 CROSS JOIN {} AS p0 ON {} WHERE {other}",
        quoted(&key.table),
        root.table(),
        joins(key, "p0", "p1", "+")
    )
}

impl Sessions {
    /// The tables of others that have rows that refer to a session or to its output by a foreign key, and what these
    /// refer to. A table may be there twice.
    ///
    /// # Errors
    ///
    /// An error of SQLite.
    pub fn referenced_by(&self, id: &str) -> Result<Vec<(String, Referent)>> {
        let sqlite = self.connection.settled()?;
        let _one_moment = snapshot(&sqlite)?;
        let references = References::look(&sqlite, false)?;
        let mut found: Vec<(String, Referent)> = Vec::new();
        for link in references.now_to(&sqlite, id.as_bytes(), None, None)? {
            let found_one = (link.key.table.clone(), link.to);
            if !found.contains(&found_one) {
                found.push(found_one);
            }
        }
        Ok(found)
    }
}
