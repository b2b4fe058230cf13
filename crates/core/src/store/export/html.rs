//! `html`: a page of its own with what the terminal showed, in its colours.

use std::io::{self, Write};

use super::{Format, lines};
use crate::store::model::Chunk;
use crate::store::terminal::{Colour, Line, Lines, Style, width_of};

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
pre { font: 14px/1.15 ui-monospace, Menlo, Consolas, monospace; margin: 0; tab-size: 8 }
.b { font-weight: bold } .i { font-style: italic }
.u { text-decoration: underline } .s { text-decoration: line-through }
.u.s { text-decoration: underline line-through }
a { color: inherit } i { display: inline-block; width: 2ch; font-style: inherit } .m { border: 1px dotted; font-size: .7em }
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
    /// A page with this title and these lines.
    pub(super) fn new(title: String, lines: Lines) -> Self {
        Self { title, lines, page: Vec::new() }
    }
}

impl Format for Html {
    fn start(&mut self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(HEAD.as_bytes())?;
        out.write_all(b"<title>")?;
        escape_plain(&self.title, &mut self.page);
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
        while let Some(line) = self.lines.end() {
            write_line(line, page, out)?;
        }
        out.write_all(page)?;
        out.write_all(b"</pre>\n</body>\n</html>\n")
    }
}

fn write_line(line: Line<'_>, page: &mut Vec<u8>, out: &mut dyn Write) -> io::Result<()> {
    for (run, style) in line.runs() {
        // What was not to be seen is not in the page.
        let hidden = style.hidden.then(|| " ".repeat(run.chars().map(width_of).sum()));
        let run = hidden.as_deref().unwrap_or(run);
        let link = line.link(style).filter(|link| may_be_followed(link));
        if let Some(link) = link {
            page.extend_from_slice(b"<a rel=\"noopener noreferrer\" href=\"");
            escape_plain(link, page);
            page.extend_from_slice(b"\">");
        }
        let style = Style { link: 0, ..style };
        if style == Style::PLAIN {
            escape(run, page);
        } else {
            page.extend_from_slice(b"<span");
            add_attributes(style, page);
            page.push(b'>');
            escape(run, page);
            page.extend_from_slice(b"</span>");
        }
        if link.is_some() {
            page.extend_from_slice(b"</a>");
        }
        if page.len() > PIECE {
            out.write_all(page)?;
            page.clear();
        }
    }
    page.push(b'\n');
    Ok(())
}

/// Whether a link leads somewhere harmless: not to a script, nor to anything that a program of the reader's would run.
fn may_be_followed(link: &str) -> bool {
    const SCHEMES: [&str; 4] = ["http", "https", "mailto", "file"];
    let scheme = link.split_once(':').map(|(scheme, _)| scheme);
    let is_plain = !link.chars().any(|character| character.is_control() || turns_text(character));
    is_plain
        && scheme.is_some_and(|scheme| SCHEMES.iter().any(|one| one.eq_ignore_ascii_case(scheme)))
}

/// Adds the attributes of an element with this style.
fn add_attributes(style: Style, page: &mut Vec<u8>) {
    let mut separator: &[u8] = br#" class=""#;
    for (is_set, class) in [
        (style.bold, b'b'),
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
    if style.dim {
        let behind = background.unwrap_or(BACKGROUND);
        colour = Some(mixed(colour.unwrap_or(FOREGROUND), behind));
    }
    let (shown, behind) = (colour.unwrap_or(FOREGROUND), background.unwrap_or(BACKGROUND));
    if are_near(shown, behind) && contrast(shown, behind) < READABLE {
        // One of them has a contrast of at least 4.5 to every colour.
        let [black, white] = [0, 0xff_ffff];
        colour =
            Some(if contrast(black, behind) > contrast(white, behind) { black } else { white });
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

/// The least contrast of a text to what is behind it. Less than that is the same colour for most eyes.
const READABLE: f64 = 1.2;

/// Red, green and blue of a colour.
fn parts(colour: u32) -> [u32; 3] {
    [(colour >> 16) & 0xff, (colour >> 8) & 0xff, colour & 0xff]
}

/// A faint colour: three fifths of it, and two of what is behind it.
fn mixed(colour: u32, behind: u32) -> u32 {
    let pairs = parts(colour).into_iter().zip(parts(behind));
    pairs.fold(0, |mixed, (one, other)| (mixed << 8) | ((3 * one + 2 * other) / 5))
}

/// Whether colours may have little contrast: most have much, and need not be compared closely.
fn are_near(one: u32, other: u32) -> bool {
    parts(one).into_iter().zip(parts(other)).all(|(one, other)| one.abs_diff(other) < 64)
}

/// The contrast of two colours, from 1 to 21, as the guidelines for the web define it.
/// <https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio>
fn contrast(one: u32, other: u32) -> f64 {
    let luminance = |colour: u32| {
        let linear = parts(colour).map(|part| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        });
        let [red, green, blue] = linear;
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    };
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
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

/// Whether a character turns the direction of text around it.
fn turns_text(character: char) -> bool {
    matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Adds text where no element may stand: a title, or the value of an attribute.
fn escape_plain(text: &str, page: &mut Vec<u8>) {
    text.chars().for_each(|character| escape_one(character, page));
}

/// Adds a character, with markup escaped and controls shown as unknown.
fn escape_one(character: char, page: &mut Vec<u8>) {
    match character {
        '&' => page.extend_from_slice(b"&amp;"),
        '<' => page.extend_from_slice(b"&lt;"),
        '>' => page.extend_from_slice(b"&gt;"),
        '"' => page.extend_from_slice(b"&quot;"),
        _ if character.is_control() && character != '\t' => {
            page.extend_from_slice("\u{fffd}".as_bytes());
        }
        _ => page.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
    }
}

/// Adds text of a line, with wide characters in two cells and marks for what turns text.
fn escape(text: &str, page: &mut Vec<u8>) {
    let may_be_special =
        |byte: &u8| matches!(byte, ..0x20 | b'&' | b'<' | b'>' | b'"' | 0x7f | 0x80..);
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| may_be_special(&byte)) {
        let (before, after) = rest.split_at(at);
        page.extend_from_slice(before.as_bytes());
        let mut characters = after.chars();
        let special = characters.next().unwrap_or_default();
        match special {
            _ if turns_text(special) => {
                let mark = format!("<span class=\"m\">U+{:04X}</span>", u32::from(special));
                page.extend_from_slice(mark.as_bytes());
            }
            _ if width_of(special) == 2 => {
                // With what joins it: marks, and the rest of an emoji.
                let after = characters.as_str();
                let joins = |character: &char| width_of(*character) == 0 && !turns_text(*character);
                let length = after.chars().take_while(joins).map(char::len_utf8).sum();
                let (joined, rest) = after.split_at(length);
                page.extend_from_slice(b"<i>");
                page.extend_from_slice(special.encode_utf8(&mut [0; 4]).as_bytes());
                page.extend_from_slice(joined.as_bytes());
                page.extend_from_slice(b"</i>");
                characters = rest.chars();
            }
            _ => escape_one(special, page),
        }
        rest = characters.as_str();
    }
    page.extend_from_slice(rest.as_bytes());
}
