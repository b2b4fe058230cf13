//! `html`: a page of its own with what the terminal showed, in its colours.

use std::io::{self, Write};

use super::{Format, lines};
use crate::store::model::Chunk;
use crate::store::terminal::{Colour, Line, Lines, Style};

/// The policy of the page: nothing is loaded and nothing runs, whatever was printed.
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

/// The sixteen colours that terminals let their users choose, and the default colours of text and background.
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
    /// Bytes that are not written yet. Gathering them is faster than writing each run.
    page: Vec<u8>,
}

/// Bytes that are written at once.
const PIECE: usize = 16 << 10;

impl Html {
    /// A page with this title.
    pub(super) fn new(title: String) -> Self {
        Self { title, lines: Lines::styled(), page: Vec::new() }
    }
}

impl Format for Html {
    fn start(&mut self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(HEAD.as_bytes())?;
        out.write_all(b"<title>")?;
        escape(&self.title, &mut self.page);
        out.write_all(&self.page)?;
        self.page.clear();
        out.write_all(b"</title>\n")?;
        out.write_all(STYLE.as_bytes())?;
        // The first newline behind the tag does not belong to the text.
        out.write_all(b"</head>\n<body>\n<pre>\n")
    }

    fn chunk(&mut self, chunk: &Chunk<'_>, out: &mut dyn Write) -> io::Result<()> {
        let page = &mut self.page;
        lines(&mut self.lines, chunk, |line| write_line(line, page, out))
    }

    fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let page = &mut self.page;
        self.lines.end().map_or(Ok(()), |line| write_line(line, page, out))?;
        out.write_all(page)?;
        out.write_all(b"</pre>\n</body>\n</html>\n")
    }
}

fn write_line(line: Line<'_>, page: &mut Vec<u8>, out: &mut dyn Write) -> io::Result<()> {
    for (run, style) in line.runs() {
        if style == Style::PLAIN {
            escape(run, page);
        } else {
            page.extend_from_slice(b"<span");
            add_attributes(style, page);
            page.push(b'>');
            escape(run, page);
            page.extend_from_slice(b"</span>");
        }
        if page.len() > PIECE {
            out.write_all(page)?;
            page.clear();
        }
    }
    page.push(b'\n');
    Ok(())
}

/// Adds the attributes of an element with this style.
fn add_attributes(style: Style, page: &mut Vec<u8>) {
    let mut separator: &[u8] = br#" class=""#;
    for (is_set, class) in [
        (style.bold, b'b'),
        (style.dim, b'd'),
        (style.italic, b'i'),
        (style.underline, b'u'),
        (style.strikethrough, b's'),
    ] {
        if is_set {
            page.extend_from_slice(separator);
            page.push(class);
            separator = b" ";
        }
    }
    if separator == b" " {
        page.push(b'"');
    }
    let (mut colour, mut background) = (rgb(style.foreground), rgb(style.background));
    if style.inverse {
        (colour, background) =
            (Some(background.unwrap_or(BACKGROUND)), Some(colour.unwrap_or(FOREGROUND)));
    }
    let mut separator: &[u8] = br#" style=""#;
    for (property, colour) in [(&b"color:#"[..], colour), (b"background:#", background)] {
        if let Some(colour) = colour {
            page.extend_from_slice(separator);
            page.extend_from_slice(property);
            let digit = |place: u32| b"0123456789abcdef".get((colour >> (4 * place)) as usize & 15);
            page.extend((0..6).rev().filter_map(digit));
            separator = b";";
        }
    }
    if separator == b";" {
        page.push(b'"');
    }
}

/// A colour as red, green and blue; `None` for the default of the page.
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

/// Adds text, with markup escaped.
fn escape(text: &str, page: &mut Vec<u8>) {
    // 0xc2 may begin a control character of the 8-bit set.
    let may_be_special =
        |byte: &u8| matches!(byte, ..0x20 | b'&' | b'<' | b'>' | b'"' | 0x7f | 0xc2);
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| may_be_special(&byte)) {
        let (before, after) = rest.split_at(at);
        page.extend_from_slice(before.as_bytes());
        let mut characters = after.chars();
        let special = characters.next().unwrap_or_default();
        match special {
            '&' => page.extend_from_slice(b"&amp;"),
            '<' => page.extend_from_slice(b"&lt;"),
            '>' => page.extend_from_slice(b"&gt;"),
            '"' => page.extend_from_slice(b"&quot;"),
            _ if special.is_control() && special != '\t' => {
                page.extend_from_slice("\u{fffd}".as_bytes());
            }
            _ => page.extend_from_slice(special.encode_utf8(&mut [0; 4]).as_bytes()),
        }
        rest = characters.as_str();
    }
    page.extend_from_slice(rest.as_bytes());
}
