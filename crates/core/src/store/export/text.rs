//! `text`: the lines that were visible in the terminal, without colours.

use std::io::{self, Write};

use super::{Format, lines};
use crate::store::model::Chunk;
use crate::store::terminal::{Line, Lines};

/// The lines of a terminal.
#[derive(Default)]
pub(super) struct Text(Lines);

impl Format for Text {
    fn chunk(&mut self, chunk: &Chunk<'_>, out: &mut dyn Write) -> io::Result<()> {
        lines(&mut self.0, chunk, |line| write_line(line, out))
    }

    fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        self.0.end().map_or(Ok(()), |line| write_line(line, out))
    }
}

fn write_line(line: Line<'_>, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(line.text.as_bytes())?;
    out.write_all(b"\n")
}
