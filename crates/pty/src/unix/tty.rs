//! The terminal of this process.

use std::sync::{Mutex, MutexGuard, PoisonError};

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
#[derive(Default)]
pub(super) struct Raw(Mutex<Mode>);

#[derive(Default)]
struct Mode {
    /// What was set before.
    before: Option<Termios>,
    /// Whether the terminal has to stay as it was.
    is_given_back: bool,
}

impl Raw {
    fn lock(&self) -> MutexGuard<'_, Mode> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets it, unless it is set, has to stay as it was, or this process is in the background.
    pub(super) fn set(&self) {
        let mut mode = self.lock();
        if mode.before.is_some() || mode.is_given_back || !is_in_foreground(stdin()) {
            return;
        }
        let Ok(settings) = tcgetattr(stdin()) else { return };
        let mut raw = settings.clone();
        raw.make_raw();
        if tcsetattr(stdin(), OptionalActions::Drain, &raw).is_ok() {
            mode.before = Some(settings);
        }
    }

    /// Whether it is set.
    pub(super) fn is_set(&self) -> bool {
        self.lock().before.is_some()
    }

    /// Sets what was set before, until [`resume`](Self::resume).
    pub(super) fn restore(&self) {
        let mut mode = self.lock();
        mode.is_given_back = true;
        if let Some(settings) = mode.before.take() {
            let _ = tcsetattr(stdin(), OptionalActions::Drain, &settings);
        }
    }

    /// Sets it again.
    pub(super) fn resume(&self) {
        self.lock().is_given_back = false;
        self.set();
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.restore();
    }
}
