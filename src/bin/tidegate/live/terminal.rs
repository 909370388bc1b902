//! The terminal: taken when the view begins, and given back whatever happens.

use crate::failure::Failure;
use crate::live::app::App;
use crate::live::screen;
use crate::signals;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event};
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::process;
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
        // Not by `event`, which never returns from a terminal that is gone meanwhile.
        if is_gone_within(within.min(STEP)) {
            // As if nobody had held that signal back: there is nothing to give back, and nobody
            // to tell.
            signals::end_by(Signal::SIGHUP);
            process::exit(128 + Signal::SIGHUP as i32);
        }
        match event::poll(Duration::ZERO).map_err(&failed)? {
            true => event::read().map(Some).map_err(&failed),
            false => Ok(None),
        }
    }
}

/// Waits until something is typed, for so long at most; whether the terminal is gone.
fn is_gone_within(time: Duration) -> bool {
    let stdin = io::stdin();
    let mut fds = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
    let timeout = PollTimeout::try_from(time).unwrap_or(PollTimeout::ZERO);
    // A signal ends it early, which is as well.
    let has_come = poll(&mut fds, timeout).is_ok_and(|count| count > 0);
    let gone = PollFlags::POLLHUP | PollFlags::POLLERR;
    has_come
        && fds[0]
            .revents()
            .is_some_and(|events| events.intersects(gone))
}
