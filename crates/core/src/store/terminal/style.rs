//! The styles of characters, set by "select graphic rendition" (SGR) sequences.

use vte::Params;

/// A colour in the words of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Colour {
    /// The default of the terminal.
    #[default]
    Default,
    /// A colour of the palette of 256.
    Indexed(u8),
    /// Red, green and blue.
    Rgb(u8, u8, u8),
}

/// The style of a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Style {
    /// The colour of the character.
    pub foreground: Colour,
    /// The colour behind it.
    pub background: Colour,
    /// Bold.
    pub bold: bool,
    /// Faint.
    pub dim: bool,
    /// Italic.
    pub italic: bool,
    /// Underlined, in whatever form.
    pub underline: bool,
    /// With both colours swapped.
    pub inverse: bool,
    /// Struck through.
    pub strikethrough: bool,
    /// Not to be seen.
    pub hidden: bool,
    /// The number of its link, from 1, or 0. No sequence for styles changes it.
    pub link: u32,
}

impl Style {
    /// The initial style.
    pub const PLAIN: Self = Self {
        foreground: Colour::Default,
        background: Colour::Default,
        bold: false,
        dim: false,
        italic: false,
        underline: false,
        inverse: false,
        strikethrough: false,
        hidden: false,
        link: 0,
    };

    /// Applies an SGR sequence. Unknown parameters are ignored.
    pub(super) fn apply(&mut self, params: &Params) {
        let mut params = params.iter();
        while let Some(param) = params.next() {
            // Colours come in two forms: 38;5;n and 38:5:n.
            let mut colour = || match param {
                [_, of @ ..] if !of.is_empty() => colour(&mut of.iter().copied(), true),
                _ => colour(&mut params.by_ref().filter_map(|p| p.first().copied()), false),
            };
            match param.first().copied().unwrap_or(0) {
                0 => *self = Self { link: self.link, ..Self::default() },
                1 => self.bold = true,
                2 => self.dim = true,
                3 => self.italic = true,
                4 => self.underline = param.get(1) != Some(&0),
                7 => self.inverse = true,
                8 => self.hidden = true,
                9 => self.strikethrough = true,
                21 => self.underline = true,
                22 => (self.bold, self.dim) = (false, false),
                23 => self.italic = false,
                24 => self.underline = false,
                27 => self.inverse = false,
                28 => self.hidden = false,
                29 => self.strikethrough = false,
                code @ (30..=37 | 90..=97) => self.foreground = named(code, 30),
                38 => self.foreground = colour().unwrap_or(self.foreground),
                39 => self.foreground = Colour::Default,
                code @ (40..=47 | 100..=107) => self.background = named(code, 40),
                48 => self.background = colour().unwrap_or(self.background),
                49 => self.background = Colour::Default,
                // The colour of the underline, which has parameters as well.
                58 => drop(colour()),
                _ => {}
            }
        }
    }
}

/// A style packed into 64 bits, which is faster to move, and the number of its link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Packed(u64, u32);

impl Packed {
    /// As [`Style::PLAIN`].
    pub(super) const PLAIN: Self = Self(0, 0);

    /// The mask of a colour, and the positions of the second colour and of the flags.
    const COLOUR: u64 = (1 << Self::SECOND) - 1;
    const SECOND: u32 = 26;
    const REST: u32 = 52;
}

impl Packed {
    /// Whether the background is not the default one.
    pub(super) fn has_background(self) -> bool {
        (self.0 >> Self::SECOND) & Self::COLOUR != 0
    }
}

impl From<Style> for Packed {
    fn from(style: Style) -> Self {
        let colour = |colour| match colour {
            Colour::Default => 0,
            Colour::Indexed(index) => (1 << 24) | u64::from(index),
            Colour::Rgb(red, green, blue) => {
                (2 << 24) | u64::from(u32::from_be_bytes([0, red, green, blue]))
            }
        };
        let Style { foreground, background, bold, dim, italic, .. } = style;
        let Style { underline, inverse, strikethrough, hidden, link, .. } = style;
        let flags = [bold, dim, italic, underline, inverse, strikethrough, hidden];
        let flags = flags.into_iter().fold(0, |bits, flag| (bits << 1) | u64::from(flag));
        let colours = colour(foreground) | (colour(background) << Self::SECOND);
        Self(colours | (flags << Self::REST), link)
    }
}

impl From<Packed> for Style {
    fn from(Packed(bits, link): Packed) -> Self {
        let colour = |bits: u64| {
            let [_, _, _, _, kind, red, green, blue] = (bits & Packed::COLOUR).to_be_bytes();
            match kind {
                0 => Colour::Default,
                1 => Colour::Indexed(blue),
                _ => Colour::Rgb(red, green, blue),
            }
        };
        let flag = |place: u32| (bits >> (Packed::REST + place)) & 1 == 1;
        Self {
            foreground: colour(bits),
            background: colour(bits >> Packed::SECOND),
            bold: flag(6),
            dim: flag(5),
            italic: flag(4),
            underline: flag(3),
            inverse: flag(2),
            strikethrough: flag(1),
            hidden: flag(0),
            link,
        }
    }
}

/// Records that a text has this style from `start` on, unless it has it already.
pub(super) fn change_to(style: Style, start: usize, styles: &mut Vec<(usize, Style)>) {
    if styles.last().map_or(Style::PLAIN, |(_, last)| *last) != style {
        styles.push((start, style));
    }
}

/// One of the sixteen colours that have codes of their own: eight from `first` on, and their bright forms.
fn named(code: u16, first: u16) -> Colour {
    let index = code.saturating_sub(first);
    let index = if index < 8 { index } else { index.saturating_sub(60) + 8 };
    Colour::Indexed(u8::try_from(index).unwrap_or_default())
}

/// The colour that the parameters behind 38, 48 or 58 name. As sub-parameters they have a place for a
/// colour space, which many programs leave out.
fn colour(params: &mut dyn Iterator<Item = u16>, is_sub: bool) -> Option<Colour> {
    let byte = |value: u16| u8::try_from(value).ok();
    match params.next()? {
        5 => Some(Colour::Indexed(byte(params.next()?)?)),
        2 => {
            let (one, two, three) = (params.next()?, params.next()?, params.next()?);
            let fourth = if is_sub { params.next() } else { None };
            let (red, green, blue) = match fourth {
                Some(four) => (two, three, four),
                None => (one, two, three),
            };
            Some(Colour::Rgb(byte(red)?, byte(green)?, byte(blue)?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Lines, Mark, Setting};
    use super::*;

    /// The runs of the lines of a text.
    fn runs(text: &str) -> Vec<Vec<(String, Style)>> {
        let mut lines = Lines::styled(Setting::default());
        let mut seen = Vec::new();
        let mut rest = text.as_bytes();
        let owned = |(run, style): (&str, Style)| (run.to_owned(), style);
        while let Some(line) = lines.next(&mut rest, Mark::default()) {
            seen.push(line.runs().map(owned).collect());
        }
        while let Some(line) = lines.end() {
            seen.push(line.runs().map(owned).collect());
        }
        seen
    }

    fn coloured(foreground: Colour) -> Style {
        Style { foreground, ..Style::PLAIN }
    }

    /// The style that a sequence makes of another one.
    fn after(sequence: &str) -> Style {
        let lines = runs(&format!("\x1b[3;35;46m\x1b[{sequence}mx"));
        let [(_, style)] = lines[0][..] else {
            panic!("{lines:?}");
        };
        style
    }

    #[test]
    fn a_sequence_changes_only_the_attributes_that_it_names() {
        let before = Style {
            italic: true,
            foreground: Colour::Indexed(5),
            background: Colour::Indexed(6),
            ..Style::PLAIN
        };
        assert_eq!(Style::PLAIN, Style::default());
        for sequence in ["", "0", "1;0", "23;39;49"] {
            assert_eq!(after(sequence), Style::PLAIN, "{sequence}");
        }
        for unknown in ["51", "10", "38", "38;5", "38;5;256", "38;2;1;2", "48:2:1:2", "58:5:1"] {
            assert_eq!(after(unknown), before, "{unknown}");
        }
        for (sequence, foreground) in [
            ("38;5;200", Colour::Indexed(200)),
            ("38:5:200", Colour::Indexed(200)),
            ("92", Colour::Indexed(10)),
            ("38;2;1;2;3", Colour::Rgb(1, 2, 3)),
            ("38:2:1:2:3", Colour::Rgb(1, 2, 3)),
            ("38:2::1:2:3", Colour::Rgb(1, 2, 3)),
            ("38:2:0:1:2:3:0", Colour::Rgb(1, 2, 3)),
        ] {
            assert_eq!(after(sequence), Style { foreground, ..before }, "{sequence}");
        }
        let bold = Style { bold: true, foreground: Colour::Rgb(1, 2, 3), ..before };
        assert_eq!(after("38;2;1;2;3;1"), bold);
        assert_eq!(after("58;5;4;1;38;2;1;2;3"), bold);
        assert_eq!(after("4:0"), before);
        assert_eq!(after("4:3"), Style { underline: true, ..before });
    }

    #[test]
    fn runs_cover_the_text_of_a_line_and_styles_continue_in_the_next_line() {
        let red = coloured(Colour::Indexed(1));
        assert_eq!(
            runs("a\x1b[31mb\x1b[31mc\nd\x1b[m\n"),
            [vec![("a".into(), Style::PLAIN), ("bc".into(), red)], vec![("d".to_owned(), red)]]
        );
        assert!(runs("\x1b[31m\n\x1b[m").concat().is_empty());
    }

    #[test]
    fn overwritten_text_has_its_last_style() {
        let (red, green) = (coloured(Colour::Indexed(1)), coloured(Colour::Indexed(2)));
        assert_eq!(
            runs("\x1b[31mab日cd\r\x1b[32mX\x1b[C\x1b[mY\x1b[CZ\n")[0],
            [
                ("X".to_owned(), green),
                ("b".into(), red),
                ("Y Z".into(), Style::PLAIN),
                ("d".into(), red),
            ]
        );
        assert_eq!(
            runs("\x1b[31mabc\r\x1b[m\x1b[2Xx\x1b[K\n")[0],
            [("x".to_owned(), Style::PLAIN)]
        );
    }
}
