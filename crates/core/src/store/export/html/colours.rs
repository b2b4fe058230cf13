//! The colours of a page, on a light and on a dark ground.

use std::io::{self, Write};

use crate::store::terminal::{Colour, Style};

/// A ground, and what is written on it.
struct Theme {
    foreground: u32,
    background: u32,
    /// The sixteen colours that terminals let their users choose.
    named: [u32; 16],
    /// The contrast that text gets at least, and the colour that is mixed in for it. What programs print is mostly meant
    /// for a dark ground.
    least: f64,
    mixed_in: u32,
}

const DARK: Theme = Theme {
    foreground: 0xd4_d4d4,
    background: 0x1e_1e1e,
    named: [
        0x4d_4d4d, 0xf1_4c4c, 0x23_d18b, 0xe5_e510, 0x3b_8eea, 0xd6_70d6, 0x29_b8db,
        0xd4_d4d4, //
        0x7f_7f7f, 0xff_7b72, 0x56_e8a8, 0xf5_f543, 0x6c_b6ff, 0xe6_a0e6, 0x5f_d7f0, 0xff_ffff,
    ],
    least: SAME,
    mixed_in: WHITE,
};

const LIGHT: Theme = Theme {
    foreground: 0x24_292f,
    background: 0xff_ffff,
    named: [
        0x24_292f, 0xc5_221f, 0x0b_7a3b, 0x8a_6100, 0x15_58c0, 0x9a_26a5, 0x0b_7285,
        0x6b_7280, //
        0x57_606a, 0xd9_3a3f, 0x1f_883d, 0x9a_6f00, 0x2f_6fe0, 0xb0_45c2, 0x0f_8296, 0x4a_5058,
    ],
    least: 3.0,
    mixed_in: BLACK,
};

const BLACK: u32 = 0;
const WHITE: u32 = 0xff_ffff;

/// Less contrast than that cannot be read.
const SAME: f64 = 1.7;

/// Faint text may have a little less.
const FAINT: f64 = 1.3;

/// Writes the rules for text in one of the sixteen colours, and for faint text, on the ground of the page.
pub(super) fn write_rules(out: &mut dyn Write) -> io::Result<()> {
    for (index, (light, dark)) in LIGHT.named.iter().zip(DARK.named).enumerate() {
        writeln!(out, ".f{index} {{ color: light-dark(#{light:06x}, #{dark:06x}) }}")?;
    }
    let [light, dark] = [LIGHT, DARK].map(|theme| mixed(theme.foreground, theme.background));
    writeln!(out, ".d {{ color: light-dark(#{light:06x}, #{dark:06x}) }}")
}

/// The attributes of an element with a style, each behind a space.
pub(super) fn attributes(style: Style) -> String {
    let shown = shown(style);
    let set = [
        (style.bold, "b"),
        (style.italic, "i"),
        (style.underline, "u"),
        (style.strikethrough, "s"),
    ];
    let set = set.into_iter().filter(|(is_set, _)| *is_set);
    let mut classes: Vec<String> = set.map(|(_, class)| class.to_owned()).collect();
    let mut declarations = String::new();
    match shown {
        Shown::Plain => {}
        Shown::Faint => classes.push("d".to_owned()),
        Shown::Named(index) => classes.push(format!("f{index}")),
        Shown::OnGround { light, dark } if light == dark => {
            declarations = format!("color:#{dark:06x}");
        }
        Shown::OnGround { light, dark } => {
            declarations = format!("color:light-dark(#{light:06x},#{dark:06x})");
        }
        Shown::On { colour, background } => {
            declarations = format!("color:#{colour:06x};background:#{background:06x}");
        }
    }
    let mut attributes = String::new();
    for (name, value) in [("class", classes.join(" ")), ("style", declarations)] {
        if !value.is_empty() {
            attributes.push_str(&format!(" {name}=\"{value}\""));
        }
    }
    attributes
}

/// How text is coloured.
enum Shown {
    /// As the page's own text.
    Plain,
    /// As the page's own text, but faint.
    Faint,
    /// In one of the sixteen colours, on the ground of the page.
    Named(u8),
    /// In a colour of its own, on the ground of the page.
    OnGround { light: u32, dark: u32 },
    /// On a background of its own, which looks the same in both themes.
    On { colour: u32, background: u32 },
}

fn shown(style: Style) -> Shown {
    let Style { foreground, background, dim, inverse, .. } = style;
    if inverse || background != Colour::Default {
        let of = |colour, default| DARK.rgb(colour).unwrap_or(default);
        let mut colour = of(foreground, DARK.foreground);
        let mut background = of(background, DARK.background);
        if inverse {
            (colour, background) = (background, colour);
        }
        colour = readable(colour, background);
        let faint = mixed(colour, background);
        if dim && contrast(faint, background) >= FAINT {
            colour = faint;
        }
        return Shown::On { colour, background };
    }
    match (foreground, dim) {
        (Colour::Default, false) => Shown::Plain,
        (Colour::Default, true) => Shown::Faint,
        (Colour::Indexed(index), false) if index < 16 => Shown::Named(index),
        _ => {
            let on = |theme: Theme| {
                let colour = theme.rgb(foreground).unwrap_or(theme.foreground);
                theme.readable(if dim { mixed(colour, theme.background) } else { colour })
            };
            Shown::OnGround { light: on(LIGHT), dark: on(DARK) }
        }
    }
}

impl Theme {
    /// A colour that can be read on the ground: itself, or with more and more of another mixed in.
    fn readable(&self, colour: u32) -> u32 {
        let more = |form: &u32| Some(mixed(*form, self.mixed_in));
        let mut forms = std::iter::successors(Some(colour), more).take(16);
        forms.find(|form| contrast(*form, self.background) >= self.least).unwrap_or(self.mixed_in)
    }

    /// A colour as red, green and blue; `None` for the default.
    fn rgb(&self, colour: Colour) -> Option<u32> {
        // Behind the sixteen there is a cube of 6 × 6 × 6 colours, and then 24 greys.
        let level = |step: u32| if step == 0 { 0 } else { 55 + 40 * step };
        let pack = |red: u32, green: u32, blue: u32| (red << 16) | (green << 8) | blue;
        match colour {
            Colour::Default => None,
            Colour::Rgb(red, green, blue) => Some(pack(red.into(), green.into(), blue.into())),
            Colour::Indexed(index) => {
                let index = u32::from(index);
                self.named.get(index as usize).copied().or(Some(match index.checked_sub(232) {
                    Some(grey) => pack(8 + 10 * grey, 8 + 10 * grey, 8 + 10 * grey),
                    None => {
                        let step = index.saturating_sub(16);
                        pack(level(step / 36), level(step / 6 % 6), level(step % 6))
                    }
                }))
            }
        }
    }
}

/// A colour that can be read on what is behind it: itself, or else black or white.
fn readable(colour: u32, behind: u32) -> u32 {
    if contrast(colour, behind) >= SAME {
        return colour;
    }
    // One of them has a contrast of at least 4.5 to every colour.
    if contrast(BLACK, behind) > contrast(WHITE, behind) { BLACK } else { WHITE }
}

/// Red, green and blue of a colour.
fn parts(colour: u32) -> [u32; 3] {
    [(colour >> 16) & 0xff, (colour >> 8) & 0xff, colour & 0xff]
}

/// A colour with two fifths of another one in it: faint, if that is behind it.
fn mixed(colour: u32, other: u32) -> u32 {
    let pairs = parts(colour).into_iter().zip(parts(other));
    pairs.fold(0, |mixed, (one, other)| (mixed << 8) | ((3 * one + 2 * other) / 5))
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
