//! Sessions that cannot have a match: their filters say so, and nothing else of them is read.

use std::collections::HashSet;

use rusqlite::Connection as Sqlite;

use super::Query;
use crate::store::sealed::Needed;
use crate::store::select::has_blocks;
use crate::store::{Result, text};

/// Sessions of which all output is in blocks.
const SEALED: &str =
    "SELECT session_id FROM gsd_session_seals s WHERE work = 0 AND through IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM session_outputs o WHERE o.session_id = s.session_id)";

const FILTERS: &str = "SELECT b.session_id, f.filter FROM gsd_session_blocks b
    LEFT JOIN gsd_session_filters f ON f.id = b.id ORDER BY b.session_id";

/// What a line needs in which the pattern of a search matches.
pub(super) fn needed(query: &Query, pattern: &str) -> Needed {
    if !query.regex {
        return Needed::text(pattern);
    }
    let mut parser =
        regex_syntax::ParserBuilder::new().case_insensitive(!query.case_sensitive).build();
    // The pattern is valid by now.
    parser.parse(pattern).map_or(Needed::Nothing, |hir| Needed::regex(&hir))
}

/// The sessions in which nothing can match.
pub(super) fn without(sqlite: &Sqlite, needed: &Needed) -> Result<HashSet<Vec<u8>>> {
    let mut without = HashSet::new();
    if *needed == Needed::Nothing || !has_blocks(sqlite)? {
        return Ok(without);
    }
    {
        let mut sealed = sqlite.prepare_cached(SEALED)?;
        let mut rows = sealed.query([])?;
        while let Some(row) = rows.next()? {
            without.insert(text(row.get_ref(0)?).to_owned());
        }
    }
    let mut filters = sqlite.prepare_cached(FILTERS)?;
    let mut rows = filters.query([])?;
    while let Some(row) = rows.next()? {
        let id = text(row.get_ref(0)?);
        if without.contains(id) {
            let filter = row.get_ref(1)?.as_blob_or_null().ok().flatten();
            if filter.is_none_or(|filter| needed.may_be_in(filter)) {
                without.remove(id);
            }
        }
    }
    Ok(without)
}
