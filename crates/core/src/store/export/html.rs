//! `html`: a page of its own with what the terminal showed, in its colours.

mod colours;

use std::io::{self, Write};

use foldhash::{HashMap, HashMapExt};

use super::asciicast::Asciicast;
use super::{Facts, Format, lines};
use crate::store::model::Chunk;
use crate::store::terminal::{Line, Lines, Style, width_of};

const STYLE: &str = include_str!("html/page.css");

const SCRIPT: &str = include_str!("html/page.js");

/// What a browser computes of the script, so that it runs no other.
const SCRIPT_HASH: &str = "sha256-ntUzvWsUSD0/TFPcDdJVM5aELpyG//ozf2kAr1h7Jgo=";

/// The player, as its package has it.
pub struct Player {
    /// What it is, in one line: its name, version and licence.
    pub name: String,
    /// Its script. It defines `AsciinemaPlayer`.
    pub script: String,
    /// What a browser computes of the script: `sha256-` and the hash in base64.
    pub hash: String,
    /// Its style sheet.
    pub style: String,
}

/// A page.
pub(super) struct Html<'export> {
    facts: Facts,
    lines: Lines,
    /// The player, and the recording that it plays.
    player: Option<(&'export Player, Asciicast)>,
    /// Whether the lines are written.
    has_lines: bool,
    /// The attributes of the styles that were met.
    styles: HashMap<Style, String>,
    /// Bytes that are not written yet. Gathering them is faster than writing each run.
    page: Vec<u8>,
}

/// Bytes that are written at once.
const PIECE: usize = 16 << 10;

/// The styles whose attributes are kept.
const STYLES: usize = 4096;

impl<'export> Html<'export> {
    /// A page with these facts and lines, and a player.
    pub(super) fn new(
        facts: Facts,
        lines: Lines,
        player: Option<(&'export Player, Asciicast)>,
    ) -> Self {
        Self { facts, lines, player, has_lines: false, styles: HashMap::new(), page: Vec::new() }
    }

    /// Writes the head. Its policy: nothing is loaded, and nothing runs but the page's own script, whatever was printed.
    fn head(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let page = &mut self.page;
        let player = self.player.as_ref().map(|(player, _)| *player);
        // The terminal of the player is a WebAssembly module in its script.
        let of_player = player.map(|Player { hash, .. }| format!(" '{hash}' 'wasm-unsafe-eval'"));
        write!(
            page,
            r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src '{SCRIPT_HASH}'{}">
<meta name="viewport" content="width=device-width">
<title>"#,
            of_player.unwrap_or_default(),
        )?;
        escape_plain(self.facts.title(), page);
        write!(page, "</title>\n<style>\n{STYLE}")?;
        colours::write_rules(page)?;
        page.extend_from_slice(b"</style>\n");
        if let Some(player) = player {
            write!(page, "<style>\n{}</style>\n", player.style)?;
        }
        page.extend_from_slice(b"</head>\n");
        out.write_all(page)?;
        page.clear();
        Ok(())
    }

    /// Writes what is told of the session above its output.
    fn header(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let page = &mut self.page;
        page.extend_from_slice(b"<body>\n<header>\n<h1>");
        escape(self.facts.title(), page);
        page.extend_from_slice(b"</h1>\n<dl>\n");
        for (name, value) in self.facts.named().filter(|(name, _)| *name != "Title") {
            write!(page, "<dt>{name}</dt><dd>")?;
            escape(value, page);
            page.extend_from_slice(b"</dd>\n");
        }
        page.extend_from_slice(b"</dl>\n</header>\n");
        if self.player.is_some() {
            page.extend_from_slice(b"<div id=\"player\"></div>\n");
        }
        // Without its script the page has no use for them.
        page.extend_from_slice(FORM.as_bytes());
        out.write_all(page)?;
        page.clear();
        Ok(())
    }
}

/// What the script of the page works for.
const FORM: &str = r#"<form id="find" hidden>
<input id="query" type="search" placeholder="Find" aria-label="Find in the output" autocomplete="off">
<button id="after" value="1">Next</button>
<button id="before" value="-1">Previous</button>
<output id="told" for="query"></output>
<button id="theme" type="button">Light or dark</button>
</form>
"#;

impl Format for Html<'_> {
    fn passes(&self) -> u8 {
        if self.player.is_some() { 2 } else { 1 }
    }

    fn start(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if self.has_lines {
            let Some((player, recording)) = &mut self.player else { return Ok(()) };
            write!(out, "<!-- {} -->\n<script>{}</script>\n", player.name, player.script)?;
            out.write_all(b"<script id=\"recording\" type=\"application/x-asciicast\">")?;
            return recording.start(&mut InScript(out));
        }
        self.head(out)?;
        self.header(out)?;
        // The first newline behind the tag does not belong to the text.
        out.write_all(b"<pre id=\"output\">\n")
    }

    fn chunk(&mut self, chunk: &Chunk<'_>, out: &mut dyn Write) -> io::Result<()> {
        if self.has_lines {
            let Some((_, recording)) = &mut self.player else { return Ok(()) };
            return recording.chunk(chunk, &mut InScript(out));
        }
        let (page, styles) = (&mut self.page, &mut self.styles);
        lines(&mut self.lines, chunk, |line| write_line(line, styles, page, out))
    }

    fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if !self.has_lines {
            let (page, styles) = (&mut self.page, &mut self.styles);
            while let Some(line) = self.lines.end() {
                write_line(line, styles, page, out)?;
            }
            out.write_all(page)?;
            out.write_all(b"</pre>\n")?;
            self.has_lines = true;
            if self.player.is_some() {
                return Ok(());
            }
        }
        if let Some((_, recording)) = &mut self.player {
            recording.end(&mut InScript(out))?;
            out.write_all(b"</script>\n")?;
        }
        write!(out, "<script>{SCRIPT}</script>\n</body>\n</html>\n")
    }
}

/// JSON in an element for scripts, which nothing in it can end: in JSON `<` stands in texts alone.
struct InScript<'out>(&'out mut dyn Write);

impl Write for InScript<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut parts = bytes.split(|byte| *byte == b'<');
        self.0.write_all(parts.next().unwrap_or_default())?;
        for part in parts {
            self.0.write_all(br"\u003c")?;
            self.0.write_all(part)?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn write_line(
    line: Line<'_>,
    styles: &mut HashMap<Style, String>,
    page: &mut Vec<u8>,
    out: &mut dyn Write,
) -> io::Result<()> {
    for (run, style) in line.runs() {
        // What was not to be seen is not in the page.
        let hidden = style.hidden.then(|| hidden(run));
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
            if styles.len() >= STYLES {
                styles.clear();
            }
            let attributes = styles.entry(style).or_insert_with(|| colours::attributes(style));
            page.extend_from_slice(b"<span");
            page.extend_from_slice(attributes.as_bytes());
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

/// The room of a text that is not shown.
fn hidden(run: &str) -> String {
    let room = |character| match character {
        '\t' => "\t".to_owned(),
        other => " ".repeat(width_of(other)),
    };
    run.chars().map(room).collect()
}

/// Whether a link leads somewhere harmless: not to a script, nor to anything that a program of the reader's would run.
fn may_be_followed(link: &str) -> bool {
    const SCHEMES: [&str; 4] = ["http", "https", "mailto", "file"];
    let scheme = link.split_once(':').map(|(scheme, _)| scheme);
    let is_plain = !link.chars().any(|character| character.is_control() || turns_text(character));
    is_plain
        && scheme.is_some_and(|scheme| SCHEMES.iter().any(|one| one.eq_ignore_ascii_case(scheme)))
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
        _ if character.is_control() && !matches!(character, '\t' | '\n') => {
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
