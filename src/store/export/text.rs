//! `text`: what somebody saw who watched the terminal, without its colours.

use std::io::{self, Write};

use super::{Format, lines};
use crate::store::model::Chunk;
use crate::store::terminal::Lines;

/// The lines of a terminal.
#[derive(Default)]
pub(super) struct Text(Lines);

impl Format for Text {
    fn chunk(&mut self, chunk: &Chunk<'_>, out: &mut dyn Write) -> io::Result<()> {
        lines(&mut self.0, chunk, |line| writeln!(out, "{}", line.text))
    }

    fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        self.0.end().map_or(Ok(()), |line| writeln!(out, "{}", line.text))
    }
}
