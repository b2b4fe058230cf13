//! What the controls of a terminal do.

use super::super::Mark;
use super::super::controls::Action;
use super::super::modes::Saved;
use super::super::style::{Packed, Style};
use super::Screen;

impl Screen {
    /// Does what a control says.
    pub(in super::super) fn act(&mut self, action: Action, mark: Mark) {
        let has_printed = std::mem::take(&mut self.has_printed);
        self.moves += 1;
        let mark = self.commands.numbered(mark);
        match action {
            Action::Print(character) => {
                return self.print(character.encode_utf8(&mut [0; 4]).as_bytes(), mark);
            }
            Action::Shell(shell) => return self.shell(shell, mark),
            Action::Link(link) => {
                if self.styled {
                    self.pen.link = self.links.number(link);
                }
                return;
            }
            Action::Title(title) => {
                self.title = Some(title);
                return;
            }
            Action::Shift(0) if self.modes.are_plain() => return,
            Action::Mode { private, number, on } if self.modes.has(private, number, on) => return,
            _ => {}
        }
        if self.is_flat && self.act_flat(&action) {
            return;
        }
        if action.is_within_row() {
            self.draw();
        } else {
            self.lay_out();
        }
        let (columns, background) = (self.columns, self.background());
        match action {
            Action::LineFeed => self.line_feed(),
            Action::Return => self.page.x = 0,
            Action::Backspace => {
                self.page.x = self.page.x.min(columns - 1).saturating_sub(1);
            }
            Action::Tab => self.tab(),
            Action::Index => {
                self.page.x = self.page.x.min(columns - 1);
                self.down(false);
            }
            Action::NextLine => {
                self.page.x = 0;
                self.down(false);
                self.flatten();
            }
            Action::ReverseIndex => self.reverse_index(),
            Action::SetTab => self.modes.tabs.set(self.page.x, columns),
            Action::ClearTabs(which) => self.modes.tabs.clear(which, self.page.x, columns),
            Action::Up(count) => self.up_by(count),
            Action::Down(count) => self.down_by(count),
            Action::Forward(count) => {
                self.page.y += usize::from(count);
                self.restrict();
            }
            Action::NextRows(count) => {
                self.down_by(count);
                self.page.x = 0;
            }
            Action::PreviousRows(count) => {
                self.up_by(count);
                self.page.x = 0;
            }
            Action::Right(count) => {
                let x = self.page.x.min(columns - 1) + usize::from(count);
                self.page.x = x.min(columns - 1);
            }
            Action::Left(count) => {
                let x = self.page.x.min(columns - 1);
                self.page.x = x.saturating_sub(count.into());
            }
            Action::Column(column) => self.page.x = usize::from(column).min(columns - 1),
            Action::Row(row) => self.go_to(self.page.x, row.into()),
            Action::Place { row, column } => self.go_to(column.into(), row.into()),
            Action::ForwardTabs(count) => {
                for _ in 0..usize::from(count).min(columns) {
                    self.tab();
                }
            }
            Action::BackwardTabs(count) if self.page.x < columns => {
                for _ in 0..usize::from(count).min(columns) {
                    self.page.x = self.modes.tabs.previous(self.page.x);
                }
            }
            // Nothing is below.
            Action::EraseScreen(0) if self.is_flat => self.erase_line(0),
            Action::EraseScreen(which) => self.erase_screen(which),
            Action::EraseLine(which) => self.erase_line(which),
            Action::EraseCharacters(count) => {
                let x = self.page.x.min(columns - 1);
                self.page.x = x;
                self.edit(|cells| cells.erase(x, x + usize::from(count), columns, background));
            }
            Action::InsertCharacters(count) => {
                let x = self.page.x.min(columns - 1);
                self.page.x = x;
                self.edit(|cells| cells.insert(x, count.into(), columns, background));
            }
            Action::DeleteCharacters(count) => {
                let x = self.page.x.min(columns - 1);
                self.page.x = x;
                self.edit(|cells| cells.delete(x, count.into(), columns, background));
            }
            Action::InsertLines(count) => {
                self.restrict();
                if (self.page.top..=self.page.bottom).contains(&self.page.y) {
                    self.insert_rows(self.page.y, count);
                    self.page.x = 0;
                }
            }
            Action::DeleteLines(count) => {
                self.restrict();
                if (self.page.top..=self.page.bottom).contains(&self.page.y) {
                    self.remove_rows(self.page.y, count);
                    self.page.x = 0;
                }
            }
            Action::ScrollUp(count) => {
                for _ in 0..usize::from(count).min(self.page.bottom - self.page.top + 1) {
                    self.scroll(false);
                }
            }
            Action::ScrollDown(count) => self.insert_rows(self.page.top, count),
            Action::Repeat(count) if has_printed => self.repeat(count, mark),
            Action::Mode { private, number, on } => self.set_mode(private, number, on),
            Action::Save => self.save(),
            Action::Restore => self.restore(),
            Action::Region { top, bottom } => self.set_region(top.into(), bottom.into()),
            Action::SoftReset => {
                self.modes = self.modes.soft_reset();
                self.pen = Style::PLAIN;
                (self.page.top, self.page.bottom) = (0, self.height - 1);
                self.page.saved = Saved::default();
            }
            Action::FullReset => self.reset(),
            Action::Align => {
                let pen = self.pen();
                for row in &mut self.page.rows {
                    row.erase_text();
                    row.note(mark);
                    row.is_wrapped = false;
                    row.cells(columns).fill(b'E', columns, pen);
                }
                self.go_to(0, 0);
            }
            Action::Charset { slot, draws_lines } => self.modes.name_charset(slot, draws_lines),
            Action::Shift(slot) => self.modes.use_charset(slot),
            Action::BackwardTabs(_)
            | Action::Repeat(_)
            | Action::Print(_)
            | Action::Title(_)
            | Action::Link(_)
            | Action::Shell(_) => {}
        }
    }

    /// Does what needs no rows; `false` if that is not enough.
    pub(super) fn act_flat(&mut self, action: &Action) -> bool {
        let Some(row) = self.page.rows.back_mut() else {
            return false;
        };
        let is_drawn = row.is_drawn();
        match action {
            Action::LineFeed | Action::NextLine => {
                if *action == Action::NextLine {
                    self.new_line(false);
                    return true;
                }
                self.line_feed_flat()
            }
            Action::Return => {
                self.page.x = 0;
                self.returned = !is_drawn;
                true
            }
            Action::EraseLine(0) | Action::EraseScreen(0) if !is_drawn => {
                if self.returned {
                    // Only the last of its rows is erased.
                    if row.width(self.columns).is_none() {
                        return false;
                    }
                    if let Some(drawn) = &mut self.drawn {
                        drawn.note(row, 0);
                    }
                    row.erase_text();
                    row.is_wrapped = false;
                    self.returned = false;
                }
                self.background() == Packed::PLAIN
            }
            _ => false,
        }
    }
}
