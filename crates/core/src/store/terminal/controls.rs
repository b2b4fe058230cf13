//! The controls in the output of a program.

use vte::{Params, Parser, Perform};

use super::commands::ShellMark;
use super::style::Style;

/// What a control does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    /// A character that ended an invalid sequence.
    Print(char),
    LineFeed,
    Return,
    Backspace,
    Tab,
    /// As a line feed, in the same column whatever the mode; or in the first one.
    Index,
    NextLine,
    ReverseIndex,
    SetTab,
    /// Clears a tab stop (0) or all of them (3).
    ClearTabs(u16),
    Up(u16),
    Down(u16),
    /// As `Down`, but without regard to the scroll region.
    Forward(u16),
    Right(u16),
    Left(u16),
    NextRows(u16),
    PreviousRows(u16),
    /// Goes to a column, a row, or both, from 0.
    Column(u16),
    Row(u16),
    Place {
        row: u16,
        column: u16,
    },
    ForwardTabs(u16),
    BackwardTabs(u16),
    /// Erases to the end (0), to the cursor (1) or everything (2).
    EraseScreen(u16),
    EraseLine(u16),
    EraseCharacters(u16),
    InsertLines(u16),
    DeleteLines(u16),
    InsertCharacters(u16),
    DeleteCharacters(u16),
    ScrollUp(u16),
    ScrollDown(u16),
    /// Repeats the last character.
    Repeat(u16),
    /// Sets a mode, or a private one of DEC.
    Mode {
        private: bool,
        number: u16,
        on: bool,
    },
    Save,
    Restore,
    /// Scrolls only some rows from now on: the first and the last of them, from 1, or 0 for those of the screen.
    Region {
        top: u16,
        bottom: u16,
    },
    SoftReset,
    FullReset,
    /// Fills the screen with the letter E.
    Align,
    /// Names a character set: that of line drawing, or another one.
    Charset {
        slot: u8,
        draws_lines: bool,
    },
    /// Uses one of the character sets.
    Shift(u8),
    /// Sets the title of the window.
    Title(String),
    /// Makes a link of what follows; none, if it leads nowhere.
    Link(String),
    /// What a shell marks.
    Shell(ShellMark),
}

impl Action {
    /// Whether it changes the row of the cursor alone, whichever that is.
    pub(super) fn is_within_row(&self) -> bool {
        match self {
            Self::Return
            | Self::Backspace
            | Self::Tab
            | Self::SetTab
            | Self::ClearTabs(_)
            | Self::Right(_)
            | Self::Left(_)
            | Self::Column(_)
            | Self::ForwardTabs(_)
            | Self::BackwardTabs(_)
            | Self::EraseScreen(0)
            | Self::EraseLine(_)
            | Self::EraseCharacters(_)
            | Self::InsertCharacters(_)
            | Self::DeleteCharacters(_)
            | Self::Repeat(_)
            | Self::Charset { .. }
            | Self::Shift(_) => true,
            Self::Mode { private, number, .. } => {
                matches!((private, number), (false, 4) | (true, 7 | 25))
            }
            _ => false,
        }
    }
}

/// Bytes of a string that are kept. It is read to its end.
const KEPT: usize = 4096;

/// Where the reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Text,
    /// Behind an ESC.
    Escape,
    /// In a sequence, which the parser knows.
    Sequence,
    /// In a string of this kind.
    String(u8),
}

/// Reads controls, and knows whether a sequence is unfinished.
#[derive(Default)]
pub(super) struct Controls {
    /// Made for the first sequence.
    parser: Option<Box<Parser<0>>>,
    state: State,
    /// The start of the present string.
    string: Vec<u8>,
    /// Actions that wait: one sequence may set several modes.
    waiting: Vec<Action>,
}

/// The kinds of strings that are looked into. Others are left out: DCS, APC, PM and SOS.
const OSC: u8 = b']';
/// The title, as `screen` and `tmux` know it.
const NAME: u8 = b'k';

impl Controls {
    /// Whether the next byte may belong to a sequence. An invalid sequence ends unnoticed.
    pub(super) fn in_sequence(&self) -> bool {
        self.state != State::Text
    }

    /// The next of the actions that wait.
    pub(super) fn next_action(&mut self) -> Option<Action> {
        self.waiting.pop()
    }

    /// Takes the next byte or bytes. Its actions wait then. A style, if styles are kept, is set in `pen`.
    pub(super) fn take(&mut self, input: &mut &[u8], pen: Option<&mut Style>) {
        let Some((byte, rest)) = input.split_first() else {
            return;
        };
        if let State::String(kind) = self.state {
            return self.take_string(kind, input);
        }
        *input = rest;
        match (self.state, byte, rest) {
            (State::Text | State::Sequence, 0x1b, _) => self.state = State::Escape,
            (State::Escape, b'P' | b'X' | b']' | b'^' | b'_' | b'k', _) => self.begin_string(*byte),
            (State::Escape, ..) => {
                self.state = State::Sequence;
                self.advance(&[0x1b, *byte], pen);
            }
            (State::Text, 0xc2, [control @ 0x80..=0x9f, after @ ..]) => {
                *input = after;
                match control - 0x40 {
                    kind @ (b'P' | b'X' | b']' | b'^' | b'_') => self.begin_string(kind),
                    control => {
                        self.state = State::Sequence;
                        self.advance(&[0x1b, control], pen);
                    }
                }
            }
            (State::Text, ..) => self.waiting.extend(control(*byte)),
            _ => self.advance(&[*byte], pen),
        }
    }

    fn begin_string(&mut self, kind: u8) {
        self.state = State::String(kind);
        self.string.clear();
    }

    /// Reads on in a string. UTF-8 may stand in it.
    fn take_string(&mut self, kind: u8, input: &mut &[u8]) {
        let ends = |byte: &u8| match byte {
            0x1b | 0x18 | 0x1a | 0x9c => true,
            0x07 => kind == OSC,
            _ => false,
        };
        let length = input.iter().position(ends).unwrap_or(input.len());
        let (content, rest) = input.split_at(length);
        let room = KEPT.saturating_sub(self.string.len());
        self.string.extend_from_slice(content.get(..room).unwrap_or(content));
        *input = rest;
        let Some((end, rest)) = rest.split_first() else {
            return;
        };
        *input = rest;
        match end {
            0x9c if self.string.last() != Some(&0xc2) => {
                self.string.extend((self.string.len() < KEPT).then_some(0x9c));
            }
            // What is cancelled says nothing.
            0x18 | 0x1a => self.state = State::Text,
            end => {
                if *end == 0x9c {
                    self.string.pop();
                }
                self.state = if *end == 0x1b { State::Escape } else { State::Text };
                self.end_string(kind);
            }
        }
    }

    fn end_string(&mut self, kind: u8) {
        if kind == OSC
            && let Some(mark) = ShellMark::parse(&self.string)
        {
            self.waiting.push(Action::Shell(mark));
            return;
        }
        if let (OSC, [b'8', b';', rest @ ..]) = (kind, self.string.as_slice()) {
            // Its parameters have no semicolon, and a link may. One that was cut would lead elsewhere.
            let link = rest.iter().position(|byte| *byte == b';').and_then(|at| rest.get(at + 1..));
            let link = link.filter(|_| self.string.len() < KEPT);
            let link = String::from_utf8_lossy(link.unwrap_or_default()).into_owned();
            self.waiting.push(Action::Link(link));
            return;
        }
        let title = match (kind, self.string.as_slice()) {
            (NAME, title) | (OSC, [b'0' | b'2', b';', title @ ..]) => title,
            _ => return,
        };
        self.waiting.push(Action::Title(String::from_utf8_lossy(title).into_owned()));
    }

    fn advance(&mut self, bytes: &[u8], pen: Option<&mut Style>) {
        let mut heard = Heard { actions: &mut self.waiting, over: false, pen };
        self.parser.get_or_insert_default().advance(&mut heard, bytes);
        if heard.over {
            self.state = State::Text;
        }
        // They are taken from the end.
        self.waiting.reverse();
    }
}

/// The action of a byte of the C0 set.
fn control(byte: u8) -> Option<Action> {
    Some(match byte {
        b'\n' | 0x0b | 0x0c => Action::LineFeed,
        b'\r' => Action::Return,
        0x08 => Action::Backspace,
        b'\t' => Action::Tab,
        0x0e => Action::Shift(1),
        0x0f => Action::Shift(0),
        _ => return None,
    })
}

/// What the parser reports.
struct Heard<'a> {
    actions: &'a mut Vec<Action>,
    /// Whether the sequence is over.
    over: bool,
    pen: Option<&'a mut Style>,
}

impl Perform for Heard<'_> {
    fn print(&mut self, character: char) {
        self.over = true;
        self.actions.extend((character != '\x7f').then_some(Action::Print(character)));
    }

    fn execute(&mut self, byte: u8) {
        self.over |= matches!(byte, 0x18 | 0x1a);
        self.actions.extend(control(byte));
    }

    fn csi_dispatch(&mut self, params: &Params, intermediates: &[u8], _: bool, action: char) {
        self.over = true;
        match (&mut self.pen, intermediates, action) {
            (Some(pen), [], 'm') => pen.apply(params),
            (_, [] | [b'?'], 'h' | 'l') => {
                let (private, on) = (!intermediates.is_empty(), action == 'h');
                let numbers = params.iter().filter_map(|param| param.first().copied());
                self.actions.extend(numbers.map(|number| Action::Mode { private, number, on }));
            }
            _ => self.actions.extend(csi(params, intermediates, action)),
        }
    }

    fn esc_dispatch(&mut self, intermediates: &[u8], _: bool, byte: u8) {
        self.over = true;
        self.actions.extend(esc(intermediates, byte));
    }
}

fn esc(intermediates: &[u8], byte: u8) -> Option<Action> {
    Some(match (intermediates, byte) {
        ([], b'D') => Action::Index,
        ([], b'E') => Action::NextLine,
        ([], b'H') => Action::SetTab,
        ([], b'M') => Action::ReverseIndex,
        ([], b'c') => Action::FullReset,
        ([], b'7') => Action::Save,
        ([], b'8') => Action::Restore,
        ([], b'n') => Action::Shift(2),
        ([], b'o') => Action::Shift(3),
        ([b'#'], b'8') => Action::Align,
        ([slot @ b'('..=b'+'], set) => {
            Action::Charset { slot: slot - b'(', draws_lines: set == b'0' }
        }
        ([b'%'], _) => Action::Charset { slot: 0, draws_lines: false },
        _ => return None,
    })
}

fn csi(params: &Params, intermediates: &[u8], action: char) -> Option<Action> {
    let mut params = params.iter().map(|param| param.first().copied().unwrap_or(0));
    let first = params.next().unwrap_or(0);
    let second = params.next().unwrap_or(0);
    // A count or position of 0 means 1.
    let (count, place) = (first.max(1), first.saturating_sub(1));
    Some(match (intermediates, action) {
        ([], 'A' | 'k') => Action::Up(count),
        ([], 'B') => Action::Down(count),
        ([], 'e') => Action::Forward(count),
        ([], 'C' | 'a') => Action::Right(count),
        ([], 'D' | 'j') => Action::Left(count),
        ([], 'E') => Action::NextRows(count),
        ([], 'F') => Action::PreviousRows(count),
        ([], 'G' | '`') => Action::Column(place),
        ([], 'd') => Action::Row(place),
        ([], 'H' | 'f') => Action::Place { row: place, column: second.saturating_sub(1) },
        ([], 'I') => Action::ForwardTabs(count),
        ([], 'Z') => Action::BackwardTabs(count),
        ([] | [b'?'], 'J') => Action::EraseScreen(first),
        ([] | [b'?'], 'K') => Action::EraseLine(first),
        ([], 'X') => Action::EraseCharacters(count),
        ([], 'L') => Action::InsertLines(count),
        ([], 'M') => Action::DeleteLines(count),
        ([], '@') => Action::InsertCharacters(count),
        ([], 'P') => Action::DeleteCharacters(count),
        ([], 'S') => Action::ScrollUp(count),
        ([], 'T') => Action::ScrollDown(count),
        ([], 'b') => Action::Repeat(count),
        ([], 'g') => Action::ClearTabs(first),
        ([], 'r') => Action::Region { top: first, bottom: second },
        ([], 's') => Action::Save,
        ([], 'u') => Action::Restore,
        ([b'!'], 'p') => Action::SoftReset,
        _ => return None,
    })
}
