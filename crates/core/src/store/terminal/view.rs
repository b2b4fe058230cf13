//! What a screen shows at a moment, as JSON for whoever draws it.

use serde::{Serialize, Serializer};

use super::style::{Colour, Style};
use super::{Line, Lines, Size};

/// A screen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct View {
    /// Its width in cells.
    pub columns: usize,
    /// Its height.
    pub rows: usize,
    /// Where the cursor is.
    pub cursor: Cursor,
    /// The title of the window, if the program has set one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Whether this is the page of full-screen programs.
    pub alternate: bool,
    /// Its rows.
    pub lines: Vec<Vec<Run>>,
}

/// The cursor of a screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Cursor {
    /// Its column, from 0.
    pub column: usize,
    /// Its row, from 0.
    pub row: usize,
    /// Whether it is shown.
    pub visible: bool,
}

/// A text in one style.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Run {
    /// The text.
    pub text: String,
    /// Its style.
    #[serde(flatten)]
    pub style: Style,
    /// Where it leads, if it is a link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

impl View {
    /// As JSON.
    pub fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Run {
    /// The runs of a line.
    pub(super) fn all_of(line: &Line<'_>) -> Vec<Self> {
        let run = |(text, style): (&str, Style)| {
            let link = line.link(style).map(str::to_owned);
            Self { text: text.to_owned(), style, link }
        };
        line.runs().map(run).collect()
    }
}

impl Line<'_> {
    /// Its text, with the sequences that set its colours and nothing else.
    pub fn with_colours(&self) -> String {
        let mut text = String::with_capacity(self.text.len());
        for (run, style) in self.runs() {
            if (Style { link: 0, ..style }) == Style::PLAIN {
                text.push_str(run);
            } else {
                text.push_str(&format!("\x1b[{}m{run}\x1b[0m", style.codes()));
            }
        }
        text
    }
}

impl Style {
    /// The parameters of the sequence that sets it.
    fn codes(self) -> String {
        let mut codes: Vec<String> = Vec::new();
        for (code, is_set) in [
            (1, self.bold),
            (2, self.dim),
            (3, self.italic),
            (4, self.underline),
            (7, self.inverse),
            (8, self.hidden),
            (9, self.strikethrough),
        ] {
            codes.extend(is_set.then(|| code.to_string()));
        }
        for (first, colour) in [(30, self.foreground), (40, self.background)] {
            match colour {
                Colour::Default => {}
                Colour::Indexed(index @ 0..8) => codes.push((first + u16::from(index)).to_string()),
                Colour::Indexed(index @ 8..16) => {
                    codes.push((first + 52 + u16::from(index)).to_string());
                }
                Colour::Indexed(index) => codes.push(format!("{};5;{index}", first + 8)),
                Colour::Rgb(red, green, blue) => {
                    codes.push(format!("{};2;{red};{green};{blue}", first + 8));
                }
            }
        }
        codes.join(";")
    }
}

impl Lines {
    /// What the screen shows now.
    pub fn view(&mut self) -> View {
        self.screen.view()
    }

    /// Gives the screen another size.
    pub fn resize(&mut self, size: Size) {
        self.screen.resize(size);
    }
}

/// The number of the palette, or `#rrggbb`.
impl Serialize for Colour {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Default => serializer.serialize_none(),
            Self::Indexed(index) => serializer.serialize_u8(*index),
            Self::Rgb(red, green, blue) => {
                serializer.serialize_str(&format!("#{red:02x}{green:02x}{blue:02x}"))
            }
        }
    }
}

impl Colour {
    fn is_default(&self) -> bool {
        *self == Self::Default
    }
}

impl Serialize for Style {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;

        let mut map = serializer.serialize_map(None)?;
        for (name, colour) in [("foreground", self.foreground), ("background", self.background)] {
            if !colour.is_default() {
                map.serialize_entry(name, &colour)?;
            }
        }
        for (name, is_set) in [
            ("bold", self.bold),
            ("dim", self.dim),
            ("italic", self.italic),
            ("underline", self.underline),
            ("inverse", self.inverse),
            ("strikethrough", self.strikethrough),
            ("hidden", self.hidden),
        ] {
            if is_set {
                map.serialize_entry(name, &true)?;
            }
        }
        map.end()
    }
}
