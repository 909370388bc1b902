//! What the terminal can show.

use console::Term;

/// How to draw on standard output: with colours and block characters on a terminal, in
/// plain ASCII elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Whether there is a terminal.
    pub terminal: bool,
    /// Its width in columns.
    pub width: usize,
}

impl Look {
    /// What standard output can show.
    pub fn of_stdout() -> Self {
        let term = Term::stdout();
        Self {
            terminal: term.is_term(),
            width: term.size().1.into(),
        }
    }

    /// `fancy` on a terminal, else `plain`.
    pub fn pick<T>(&self, fancy: T, plain: T) -> T {
        if self.terminal { fancy } else { plain }
    }
}
