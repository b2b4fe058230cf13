//! Verifies blocks.

use rusqlite::{Connection as Sqlite, Row};

use super::Block;
use crate::sqlite::{self, Findings};
use crate::store::{text, timestamp};

const BLOCKS: &str = "SELECT id, last, outputs, bytes, earliest, latest, block,
    EXISTS (SELECT 1 FROM gsd_session_seals s WHERE s.session_id = b.session_id)
    FROM gsd_session_blocks b ORDER BY id";

/// The most blocks that are listed one by one. Of more, only the number is reported.
const MOST: u64 = 100;

/// Adds what is wrong with the blocks of a file.
pub(in crate::store) fn check(sqlite: &Sqlite, findings: &mut Findings) -> sqlite::Result<()> {
    let mut faulty = 0;
    let mut statement = sqlite.prepare(BLOCKS)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let Some(fault) = fault(row)? else { continue };
        faulty += 1;
        if faulty <= MOST {
            let id: i64 = row.get(0)?;
            findings.add(format!("block {id} of gsd_session_blocks: {fault}"));
        }
    }
    if faulty > MOST {
        findings.add(format!("{} more blocks of gsd_session_blocks are faulty", faulty - MOST));
    }
    Ok(())
}

/// What is wrong with a block.
fn fault(row: &Row<'_>) -> rusqlite::Result<Option<String>> {
    let block = match Block::read(text(row.get_ref(6)?)) {
        Ok(block) => block,
        Err(damage) => return Ok(Some(damage.to_string())),
    };
    if !row.get::<_, bool>(7)? {
        return Ok(Some("it belongs to no sealed session".into()));
    }
    let number = |column| row.get::<_, i64>(column);
    let moments = || block.chunks().map(|chunk| chunk.timestamp);
    let bytes: usize = block.chunks().map(|chunk| chunk.data.len()).sum();
    let ids = block.chunk(0).zip(block.chunks().next_back()).map(|(one, last)| (one.id, last.id));
    let is_same = ids == Some((number(0)?, number(1)?))
        && i64::try_from(block.len()) == Ok(number(2)?)
        && i64::try_from(bytes) == Ok(number(3)?)
        && moments().min() == Some(text(row.get_ref(4)?))
        && moments().max() == Some(text(row.get_ref(5)?));
    if !is_same {
        return Ok(Some("its row says something else of it than it says itself".into()));
    }
    let is_moment = |text: &[u8]| timestamp::is_moment(text);
    let odd = block.chunks().find_map(|chunk| {
        let created_at = chunk.created_at.filter(|at| !is_moment(at)).map(|at| ("created_at", at));
        let fault = if is_moment(chunk.timestamp) {
            created_at
        } else {
            Some(("timestamp", chunk.timestamp))
        };
        fault.map(|(column, text)| (chunk.id, column, text.to_vec()))
    });
    Ok(odd.map(|(id, column, text)| {
        format!("{column} of chunk {id} holds {:?}", String::from_utf8_lossy(&text))
    }))
}
