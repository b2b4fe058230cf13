//! `html`: a page of its own with what the terminal showed, in its colours.

use std::fmt;
use std::io::{self, Write};

use super::{Format, lines};
use crate::store::model::Chunk;
use crate::store::terminal::{Colour, Line, Lines, Style};

/// Nothing is loaded, and nothing runs, whatever was printed.
const HEAD: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
"#;

const STYLE: &str = "<style>
body { background: #1e1e1e; color: #d4d4d4; margin: 1em }
pre { font: 14px/1.3 ui-monospace, Menlo, Consolas, monospace; margin: 0; tab-size: 8 }
.b { font-weight: bold } .d { opacity: .6 } .i { font-style: italic }
.u { text-decoration: underline } .s { text-decoration: line-through }
.u.s { text-decoration: underline line-through }
</style>
";

/// The sixteen colours that terminals let their users choose, and the two that are no colour of a program's.
const NAMED: [u32; 16] = [
    0x3b3b3b, 0xf14c4c, 0x23d18b, 0xe5e510, 0x3b8eea, 0xd670d6, 0x29b8db, 0xd4d4d4, //
    0x7f7f7f, 0xff7b72, 0x56e8a8, 0xf5f543, 0x6cb6ff, 0xe6a0e6, 0x5fd7f0, 0xffffff,
];
const FOREGROUND: u32 = 0xd4d4d4;
const BACKGROUND: u32 = 0x1e1e1e;

/// A page.
pub(super) struct Html {
    title: String,
    lines: Lines,
}

impl Html {
    /// A page with this title.
    pub(super) fn new(title: String) -> Self {
        Self { title, lines: Lines::styled() }
    }
}

impl Format for Html {
    fn start(&mut self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(HEAD.as_bytes())?;
        writeln!(out, "<title>{}</title>", Escaped(&self.title))?;
        out.write_all(STYLE.as_bytes())?;
        // The first newline behind the tag is none of the text.
        out.write_all(b"</head>\n<body>\n<pre>\n")
    }

    fn chunk(&mut self, chunk: &Chunk<'_>, out: &mut dyn Write) -> io::Result<()> {
        lines(&mut self.lines, chunk, |line| write_line(line, out))
    }

    fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        self.lines.end().map_or(Ok(()), |line| write_line(line, out))?;
        out.write_all(b"</pre>\n</body>\n</html>\n")
    }
}

fn write_line(line: Line<'_>, out: &mut dyn Write) -> io::Result<()> {
    for (run, style) in line.runs() {
        if style == Style::PLAIN {
            write!(out, "{}", Escaped(run))?;
        } else {
            write!(out, "<span{}>{}</span>", Attributes(style), Escaped(run))?;
        }
    }
    out.write_all(b"\n")
}

/// The attributes of an element that looks like this.
struct Attributes(Style);

impl fmt::Display for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(style) = self;
        let mut separator = r#" class=""#;
        for (is_set, class) in [
            (style.bold, "b"),
            (style.dim, "d"),
            (style.italic, "i"),
            (style.underline, "u"),
            (style.strikethrough, "s"),
        ] {
            if is_set {
                write!(f, "{separator}{class}")?;
                separator = " ";
            }
        }
        if separator == " " {
            f.write_str("\"")?;
        }
        let mut colours = [("color", rgb(style.foreground)), ("background", rgb(style.background))];
        if style.inverse {
            let [(_, foreground), (_, background)] = &mut colours;
            (*foreground, *background) =
                (Some(background.unwrap_or(BACKGROUND)), Some(foreground.unwrap_or(FOREGROUND)));
        }
        let mut separator = r#" style=""#;
        for (property, colour) in colours {
            if let Some(colour) = colour {
                write!(f, "{separator}{property}:#{colour:06x}")?;
                separator = ";";
            }
        }
        if separator == ";" { f.write_str("\"") } else { Ok(()) }
    }
}

/// A colour as red, green and blue; `None` for the one that the page has.
fn rgb(colour: Colour) -> Option<u32> {
    // Behind the sixteen there is a cube of 6 × 6 × 6 colours, and then 24 greys.
    let level = |step: u32| if step == 0 { 0 } else { 55 + 40 * step };
    let pack = |red: u32, green: u32, blue: u32| (red << 16) | (green << 8) | blue;
    match colour {
        Colour::Default => None,
        Colour::Rgb(red, green, blue) => Some(pack(red.into(), green.into(), blue.into())),
        Colour::Indexed(index) => {
            let index = u32::from(index);
            NAMED.get(index as usize).copied().or(Some(match index.checked_sub(232) {
                Some(grey) => pack(8 + 10 * grey, 8 + 10 * grey, 8 + 10 * grey),
                None => {
                    let step = index.saturating_sub(16);
                    pack(level(step / 36), level(step / 6 % 6), level(step % 6))
                }
            }))
        }
    }
}

/// Text in which nothing is markup.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        let is_special =
            |c: char| matches!(c, '&' | '<' | '>' | '"') || (c.is_control() && c != '\t');
        while let Some((at, special)) = rest.char_indices().find(|(_, c)| is_special(*c)) {
            let (before, after) = rest.split_at(at);
            f.write_str(before)?;
            f.write_str(match special {
                '&' => "&amp;",
                '<' => "&lt;",
                '>' => "&gt;",
                '"' => "&quot;",
                _ => "\u{fffd}",
            })?;
            rest = after.get(special.len_utf8()..).unwrap_or_default();
        }
        f.write_str(rest)
    }
}
