//! The terminal: taken when the view begins, and given back whatever happens.

use crate::failure::Failure;
use crate::live::app::App;
use crate::live::screen;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event};
use std::io::{self, IsTerminal};
use std::time::Duration;

/// How long one waits for something typed before one looks for signals.
const STEP: Duration = Duration::from_millis(100);

/// The whole screen.
pub struct Screen {
    terminal: DefaultTerminal,
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Where it is gone, there is nothing to give back.
        let _ = ratatui::try_restore();
    }
}

impl Screen {
    /// Takes it.
    pub fn open() -> Result<Self, Failure> {
        if !io::stdout().is_terminal() {
            return Err(Failure::NoTerminal);
        }
        let terminal = ratatui::try_init().map_err(|error| {
            let _ = ratatui::try_restore();
            Failure::system("take the terminal")(error)
        })?;
        Ok(Self { terminal })
    }

    pub fn draw(&mut self, app: &mut App) -> Result<(), Failure> {
        let drawn = self.terminal.draw(|frame| screen::draw(frame, app));
        drawn
            .map(|_| ())
            .map_err(Failure::system("draw on the terminal"))
    }

    /// What is typed, or becomes of the screen, within a short time.
    pub fn next_event(&self, within: Duration) -> Result<Option<Event>, Failure> {
        let failed = Failure::system("read the terminal");
        match event::poll(within.min(STEP)).map_err(&failed)? {
            true => event::read().map(Some).map_err(&failed),
            false => Ok(None),
        }
    }
}
