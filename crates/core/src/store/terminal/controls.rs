//! What the controls in the output of a program ask for.

use vte::{Params, Parser, Perform};

use super::style::Style;

/// What a control asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// A character, after a sequence that was none.
    Print(char),
    /// The line is over.
    LineFeed,
    /// Another line, or another screen.
    Away,
    /// A place on the screen, from 0.
    Place { row: u16, column: u16 },
    /// Remember where the cursor is.
    Save,
    /// Go back there.
    Restore,
    /// Something within the line.
    Edit(Edit),
}

/// A change within a line, or a move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edit {
    /// To the start of the line.
    Return,
    Left(u16),
    Right(u16),
    /// To a column of the screen, from 0.
    Column(u16),
    EraseToEnd,
    EraseToCursor,
    EraseAll,
    /// Takes characters away; the rest moves up.
    Delete(u16),
    /// Makes room for characters.
    Insert(u16),
    /// Makes characters blank.
    Blank(u16),
    /// Repeats the last character.
    Repeat(u16),
}

impl Action {
    /// Whether the line must be one that can be drawn over.
    pub(super) fn is_within_line(self) -> bool {
        !matches!(
            self,
            Self::Print(_)
                | Self::LineFeed
                | Self::Away
                | Self::Edit(Edit::Return | Edit::EraseToEnd | Edit::Repeat(_))
        )
    }
}

/// Bytes of an OSC that the parser keeps. It is read to its end in any case.
const OSC_BYTES: usize = 16;

/// Reads controls, and knows whether a sequence is under way.
#[derive(Default)]
pub(super) struct Controls {
    /// There is one once there was a sequence.
    parser: Option<Box<Parser<OSC_BYTES>>>,
    in_sequence: bool,
    /// How characters look by now, where anybody wants to know.
    pen: Option<Style>,
}

impl Controls {
    /// Controls that keep track of styles.
    pub(super) fn styled() -> Self {
        Self { pen: Some(Style::default()), ..Self::default() }
    }

    /// Whether anybody wants to know how characters look.
    pub(super) fn is_styled(&self) -> bool {
        self.pen.is_some()
    }

    /// How characters look by now, where anybody wants to know.
    pub(super) fn pen(&self) -> Option<Style> {
        self.pen
    }

    /// Whether what comes next belongs to a sequence, as far as is known: one that was none ends unseen.
    pub(super) fn in_sequence(&self) -> bool {
        self.in_sequence
    }

    /// Takes the next byte, or a character that is a control, and gives what it asks for.
    pub(super) fn take(&mut self, input: &mut &[u8]) -> Option<Action> {
        let (byte, rest) = input.split_first()?;
        *input = rest;
        if self.in_sequence {
            if let ([0x9c, after @ ..], 0xc2) = (rest, byte) {
                // What ends a string, as a character.
                *input = after;
                let ended = self.advance(0x1b);
                return self.advance(b'\\').or(ended);
            }
            return self.advance(*byte);
        }
        match (byte, rest) {
            (0x1b, _) => {
                self.in_sequence = true;
                self.advance(0x1b)
            }
            (0xc2, [control @ 0x80..=0x9f, after @ ..]) => {
                *input = after;
                self.in_sequence = true;
                let begun = self.advance(0x1b);
                self.advance(control - 0x40).or(begun)
            }
            _ => control(*byte),
        }
    }

    fn advance(&mut self, byte: u8) -> Option<Action> {
        let mut heard = Heard { action: None, over: false, pen: self.pen.as_mut() };
        // Byte by byte: it stops where the sequence does, not at the end of the text behind it.
        self.parser.get_or_insert_default().advance(&mut heard, &[byte]);
        self.in_sequence &= !heard.over;
        heard.action
    }
}

/// What a byte of the C0 set asks for.
fn control(byte: u8) -> Option<Action> {
    Some(match byte {
        b'\n' | 0x0b | 0x0c => Action::LineFeed,
        b'\r' => Action::Edit(Edit::Return),
        0x08 => Action::Edit(Edit::Left(1)),
        b'\t' => Action::Print('\t'),
        _ => return None,
    })
}

/// What the parser says about one byte.
struct Heard<'a> {
    action: Option<Action>,
    /// Whether no sequence is under way any more.
    over: bool,
    pen: Option<&'a mut Style>,
}

impl Perform for Heard<'_> {
    fn print(&mut self, character: char) {
        self.over = true;
        self.action = (character != '\x7f').then_some(Action::Print(character));
    }

    fn execute(&mut self, byte: u8) {
        self.action = control(byte);
    }

    fn osc_dispatch(&mut self, _: &[&[u8]], bell_terminated: bool) {
        // Otherwise the second half of its end is still to come.
        self.over = bell_terminated;
    }

    fn csi_dispatch(&mut self, params: &Params, intermediates: &[u8], _: bool, action: char) {
        self.over = true;
        self.action = csi(params, intermediates, action);
        if let (Some(pen), [], 'm') = (&mut self.pen, intermediates, action) {
            pen.apply(params);
        }
    }

    fn esc_dispatch(&mut self, intermediates: &[u8], _: bool, byte: u8) {
        self.over = true;
        if let (Some(pen), [], b'c') = (&mut self.pen, intermediates, byte) {
            **pen = Style::default();
        }
        self.action = match (intermediates, byte) {
            ([], b'D' | b'E') => Some(Action::LineFeed),
            ([], b'M' | b'c') => Some(Action::Away),
            ([], b'7') => Some(Action::Save),
            ([], b'8') => Some(Action::Restore),
            _ => None,
        };
    }
}

fn csi(params: &Params, intermediates: &[u8], action: char) -> Option<Action> {
    let mut params = params.iter().map(|param| param.first().copied().unwrap_or(0));
    let mut next = || params.next().unwrap_or(0);
    if intermediates == b"?" {
        // The alternate screen, by each of its names.
        let switches = matches!(action, 'h' | 'l') && params.any(|p| matches!(p, 47 | 1047 | 1049));
        return switches.then_some(Action::Away);
    }
    if !intermediates.is_empty() {
        return None;
    }
    // A count of 0 is 1, and so is a place.
    let count = |param: u16| param.max(1);
    let from_0 = |param: u16| param.saturating_sub(1);
    Some(match action {
        'A' | 'B' | 'E' | 'F' | 'L' | 'M' | 'S' | 'T' | 'd' | 'e' | 'k' | 'r' => Action::Away,
        'H' | 'f' => Action::Place { row: from_0(next()), column: from_0(next()) },
        'C' | 'a' => Action::Edit(Edit::Right(count(next()))),
        'D' | 'j' => Action::Edit(Edit::Left(count(next()))),
        'G' | '`' => Action::Edit(Edit::Column(from_0(next()))),
        'J' | 'K' => match (action, next()) {
            (_, 0) => Action::Edit(Edit::EraseToEnd),
            (_, 1) => Action::Edit(Edit::EraseToCursor),
            ('K', 2) => Action::Edit(Edit::EraseAll),
            ('J', 2 | 3) => Action::Away,
            _ => return None,
        },
        'P' => Action::Edit(Edit::Delete(count(next()))),
        '@' => Action::Edit(Edit::Insert(count(next()))),
        'X' => Action::Edit(Edit::Blank(count(next()))),
        'b' => Action::Edit(Edit::Repeat(count(next()))),
        's' => Action::Save,
        'u' => Action::Restore,
        _ => return None,
    })
}
