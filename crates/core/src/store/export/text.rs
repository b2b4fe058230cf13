//! `text`: the lines that were visible in the terminal, without colours.

use std::io::{self, Write};

use super::{Format, lines};
use crate::store::model::Chunk;
use crate::store::terminal::{Line, Lines};

/// The lines of a terminal.
pub(super) struct Text(Lines);

impl Text {
    /// These lines.
    pub(super) fn new(lines: Lines) -> Self {
        Self(lines)
    }
}

impl Format for Text {
    fn chunk(&mut self, chunk: &Chunk<'_>, out: &mut dyn Write) -> io::Result<()> {
        lines(&mut self.0, chunk, |line| write_line(line, out))
    }

    fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        while let Some(line) = self.0.end() {
            write_line(line, out)?;
        }
        Ok(())
    }
}

fn write_line(line: Line<'_>, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(line.text.as_bytes())?;
    out.write_all(b"\n")
}
