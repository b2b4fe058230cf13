//! Takes chunks out of blocks. They become rows of the new file, which so has no block.

use rusqlite::types::ValueRef;

use super::rows::Salvage;
use super::shape::{BLOCKS, Table};
use crate::sqlite::{self, Entry};
use crate::store::sealed::Block;

/// The most damaged blocks that are listed one by one.
const MOST: usize = 100;

impl Salvage<'_> {
    /// Takes the chunks of a block, from its tree or by its form. Returns whether it is one.
    pub(super) fn take_block(&mut self, entry: &Entry, from_tree: bool) -> sqlite::Result<bool> {
        let shapes = self.shapes;
        let Some(fields) = entry.fields() else {
            if from_tree {
                self.lose_block(entry.rowid, 1, "it cannot be read");
            }
            return Ok(from_tree);
        };
        let values = shapes.blocks.pick(entry.rowid, &fields);
        let &[
            ValueRef::Integer(_),
            ValueRef::Text(session_id),
            ValueRef::Integer(_),
            ValueRef::Integer(outputs),
            ValueRef::Integer(_),
            ValueRef::Text(_),
            ValueRef::Text(_),
            ValueRef::Blob(bytes),
        ] = values.as_slice()
        else {
            if from_tree {
                self.lose_block(entry.rowid, 1, "its row is damaged");
            }
            return Ok(from_tree);
        };
        let block = match Block::read(bytes) {
            Ok(block) => block,
            Err(damage) => {
                let outputs = if from_tree { outputs.unsigned_abs() } else { 0 };
                self.lose_block(entry.rowid, outputs, &damage.to_string());
                return Ok(true);
            }
        };
        for chunk in block.chunks() {
            let data = if chunk.is_blob { ValueRef::Blob } else { ValueRef::Text };
            let from = from_tree.then_some(Table::Outputs);
            self.take_output(
                from,
                &[
                    ValueRef::Integer(chunk.id),
                    ValueRef::Text(session_id),
                    ValueRef::Text(chunk.timestamp),
                    ValueRef::Text(chunk.kind.as_str().as_bytes()),
                    data(chunk.data),
                    chunk.created_at.map_or(ValueRef::Null, ValueRef::Text),
                ],
            )?;
        }
        Ok(true)
    }

    fn lose_block(&mut self, id: Option<i64>, outputs: u64, why: &str) {
        self.done.lost.outputs = self.done.lost.outputs.saturating_add(outputs);
        if self.done.problems.len() < MOST {
            let id = id.unwrap_or_default();
            self.done.problems.push(format!("block {id} of {BLOCKS}: {why}"));
        }
    }
}
