//! The commands of a shell that marks them, as the integrations of terminals and editors have it do.
//!
//! `OSC 133` marks the start of the prompt (A), its end (B), the start of the output (C) and its end, with the exit code (D).
//! Visual Studio Code sends the same as `OSC 633`, and the command itself as E.
//! <https://gitlab.freedesktop.org/Per_Bothner/specifications/blob/master/proposals/semantic-prompts.md>

use serde::{Deserialize, Serialize};

use super::Mark;

/// The most commands of one session that are listed.
const MOST: usize = 100_000;

/// What a shell marks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ShellMark {
    /// The prompt begins.
    Prompt,
    /// The prompt ends: what follows is typed.
    Input,
    /// The command runs: what follows is its output.
    Output,
    /// The command is over, with an exit code, if the shell tells it.
    End(Option<i64>),
    /// The command in the words of the shell.
    Line(String),
}

impl ShellMark {
    /// The mark in a string of OSC.
    pub(super) fn parse(string: &[u8]) -> Option<Self> {
        let mark = string.strip_prefix(b"133;").or_else(|| string.strip_prefix(b"633;"))?;
        let (kind, rest) = mark.split_first()?;
        let rest = match rest {
            [] => rest,
            [b';', rest @ ..] => rest,
            _ => return None,
        };
        let first = rest.split(|byte| *byte == b';').next().unwrap_or_default();
        Some(match kind {
            b'A' => Self::Prompt,
            b'B' => Self::Input,
            b'C' => Self::Output,
            b'D' => Self::End(str::from_utf8(first).ok().and_then(|code| code.parse().ok())),
            b'E' => Self::Line(unescaped(first)),
            _ => return None,
        })
    }
}

/// A command as Visual Studio Code has it written: `\\` and `\x3b` for characters that a string cannot hold.
fn unescaped(text: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match (byte, after) {
            (b'\\', [b'\\', after @ ..]) => {
                bytes.push(b'\\');
                rest = after;
            }
            (b'\\', [b'x', one, two, after @ ..]) => {
                let digits = [*one, *two];
                let code = str::from_utf8(&digits).ok();
                match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
                    Some(code) => {
                        bytes.push(code);
                        rest = after;
                    }
                    None => bytes.push(b'\\'),
                }
            }
            _ => bytes.push(*byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A command that a shell has marked.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// Its number in the session, from 1.
    pub number: u32,
    /// What was typed.
    pub text: String,
    /// Where its output begins, and where it ends, if it is over.
    pub start: Mark,
    /// As above.
    pub end: Option<Mark>,
    /// The code with which it ended, if the shell told it.
    pub exit_code: Option<i64>,
}

/// The commands so far, and where the shell is.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Commands {
    /// Whether they are listed, and not only counted.
    #[serde(skip)]
    is_listed: bool,
    #[serde(skip)]
    all: Vec<Command>,
    count: u32,
    /// Whether a command prints.
    runs: bool,
    /// Where the input began: the row, counted from the first one of all, and the column.
    #[serde(skip)]
    pub(super) input: Option<(u64, usize)>,
    #[serde(skip)]
    line: Option<String>,
}

impl Commands {
    /// Lists the commands from now on.
    pub(super) fn list(&mut self) {
        self.is_listed = true;
    }

    /// Whether they are listed.
    pub(super) fn are_listed(&self) -> bool {
        self.is_listed
    }

    /// Takes those that were found.
    pub(super) fn take(&mut self) -> Vec<Command> {
        std::mem::take(&mut self.all)
    }

    /// A mark with the number of the command that prints.
    pub(super) fn numbered(&self, mark: Mark) -> Mark {
        if self.runs { Mark { command: self.count, ..mark } } else { mark }
    }

    /// Notes the command in the words of the shell.
    pub(super) fn set_line(&mut self, line: String) {
        self.line = Some(line);
    }

    /// A command runs from here on. `typed` is what the screen shows of it.
    pub(super) fn begin(&mut self, typed: String, mark: Mark) {
        self.count = self.count.saturating_add(1);
        self.runs = true;
        self.input = None;
        let text = self.line.take().unwrap_or(typed);
        if self.is_listed && self.all.len() < MOST {
            let (number, start) = (self.count, mark);
            self.all.push(Command { number, text, start, end: None, exit_code: None });
        }
    }

    /// The command that runs, if one does, is over.
    pub(super) fn end(&mut self, exit_code: Option<i64>, mark: Mark) {
        self.line = None;
        if !std::mem::take(&mut self.runs) {
            return;
        }
        if let Some(last) = self.all.last_mut().filter(|last| last.number == self.count) {
            last.end = Some(mark);
            last.exit_code = exit_code;
        }
    }
}
