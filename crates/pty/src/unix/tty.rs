//! The terminal of this process.

use std::sync::{Mutex, PoisonError};

use rustix::stdio::{stderr, stdin, stdout};
use rustix::termios::{OptionalActions, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr};

use super::is_in_foreground;
use crate::Size;

/// Whether the standard input is a terminal.
pub(super) fn is_input() -> bool {
    isatty(stdin())
}

/// The size of the terminal of this process: of the first of its output, error and input that is one.
pub fn size_of_terminal() -> Option<Size> {
    let window = [stdout(), stderr(), stdin()].into_iter().find_map(|fd| tcgetwinsize(fd).ok())?;
    let size = Size { columns: window.ws_col, rows: window.ws_row };
    (size.columns > 0 && size.rows > 0).then_some(size)
}

/// The raw mode of the terminal of this process: keys are passed on as they come, and nothing is done for them here.
pub(super) struct Raw {
    /// What was set before.
    before: Mutex<Option<Termios>>,
}

impl Raw {
    pub(super) fn new() -> Self {
        Self { before: Mutex::new(None) }
    }

    /// Sets it, unless it is set, or this process is in the background.
    pub(super) fn set(&self) {
        let mut before = self.before.lock().unwrap_or_else(PoisonError::into_inner);
        if before.is_some() || !is_in_foreground(stdin()) {
            return;
        }
        let Ok(settings) = tcgetattr(stdin()) else { return };
        let mut raw = settings.clone();
        raw.make_raw();
        if tcsetattr(stdin(), OptionalActions::Drain, &raw).is_ok() {
            *before = Some(settings);
        }
    }

    /// Whether it is set.
    pub(super) fn is_set(&self) -> bool {
        self.before.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Sets what was set before.
    pub(super) fn restore(&self) {
        let before = self.before.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(settings) = before {
            let _ = tcsetattr(stdin(), OptionalActions::Drain, &settings);
        }
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.restore();
    }
}
