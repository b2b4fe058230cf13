//! The controls in the output of a program.

use vte::{Params, Parser, Perform};

use super::style::Style;

/// The action of a control.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// A character that ended an invalid sequence.
    Print(char),
    /// Ends the line.
    LineFeed,
    /// Goes to another line or screen.
    Away,
    /// Goes to a place on the screen, from 0.
    Place { row: u16, column: u16 },
    /// Saves the position of the cursor.
    Save,
    /// Restores the saved position.
    Restore,
    /// Edits the line.
    Edit(Edit),
}

/// An edit of a line, or a move in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edit {
    /// Goes to the start of the line.
    Return,
    Left(u16),
    Right(u16),
    /// Goes to a column of the screen, from 0.
    Column(u16),
    EraseToEnd,
    EraseToCursor,
    EraseAll,
    /// Deletes characters; the rest moves left.
    Delete(u16),
    /// Inserts blanks.
    Insert(u16),
    /// Blanks characters.
    Blank(u16),
    /// Repeats the last character.
    Repeat(u16),
}

impl Action {
    /// Whether it needs a line that can be overwritten.
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

/// Bytes of an OSC that the parser keeps. It reads every OSC to its end.
const OSC_BYTES: usize = 16;

/// Reads controls, and knows whether a sequence is unfinished.
#[derive(Default)]
pub(super) struct Controls {
    /// Made for the first sequence.
    parser: Option<Box<Parser<OSC_BYTES>>>,
    in_sequence: bool,
    /// The present style of characters, if styles are kept.
    pen: Option<Style>,
}

impl Controls {
    /// Controls that keep styles.
    pub(super) fn styled() -> Self {
        Self { pen: Some(Style::default()), ..Self::default() }
    }

    /// Whether styles are kept.
    pub(super) fn is_styled(&self) -> bool {
        self.pen.is_some()
    }

    /// The present style of characters, if styles are kept.
    pub(super) fn pen(&self) -> Option<Style> {
        self.pen
    }

    /// Whether the next byte may belong to a sequence. An invalid sequence ends unnoticed.
    pub(super) fn in_sequence(&self) -> bool {
        self.in_sequence
    }

    /// Takes the next byte, or the next control of two bytes, and returns its action.
    pub(super) fn take(&mut self, input: &mut &[u8]) -> Option<Action> {
        let (byte, rest) = input.split_first()?;
        *input = rest;
        if self.in_sequence {
            if let ([0x9c, after @ ..], 0xc2) = (rest, byte) {
                // The end of a string, as one character.
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
        // One byte at a time, because reading has to stop at the end of the sequence.
        self.parser.get_or_insert_default().advance(&mut heard, &[byte]);
        self.in_sequence &= !heard.over;
        heard.action
    }
}

/// The action of a byte of the C0 set.
fn control(byte: u8) -> Option<Action> {
    Some(match byte {
        b'\n' | 0x0b | 0x0c => Action::LineFeed,
        b'\r' => Action::Edit(Edit::Return),
        0x08 => Action::Edit(Edit::Left(1)),
        b'\t' => Action::Print('\t'),
        _ => return None,
    })
}

/// What the parser reports for one byte.
struct Heard<'a> {
    action: Option<Action>,
    /// Whether the sequence is over.
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
        // Otherwise the second byte of its end follows.
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
    // A count or position of 0 means 1.
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
