//! What the screen shows, and what is chosen on it.

use crate::failure::Failure;
use crate::live::looks::Seen;
use crate::live::tables::{self, Line, Tab};
use std::time::{Duration, Instant};

/// How long a message stays.
const MESSAGE: Duration = Duration::from_secs(6);

/// What keys that are typed mean.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Mode {
    Commands,
    /// The filter is typed.
    Filter,
    /// How long to pause is typed, for whom.
    Pause(Whom, String),
    /// Flushing is to be confirmed, for whom.
    Flush(Whom),
}

/// Whom an order is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Whom {
    All,
    Key(Vec<u8>),
}

/// All that is shown.
pub struct App {
    pub seen: Seen,
    pub tab: Tab,
    /// By which column each table is sorted.
    pub sorted_by: [usize; 2],
    pub filter: String,
    pub chosen: usize,
    pub mode: Mode,
    message: Option<(Instant, String)>,
    /// Why the last look failed.
    pub trouble: Option<String>,
    interval: Duration,
    looked: Instant,
    is_over: bool,
}

impl App {
    pub fn new(seen: Seen, interval: Duration) -> Self {
        Self {
            tab: Tab::first(&seen),
            seen,
            sorted_by: [0, 0],
            filter: String::new(),
            chosen: 0,
            mode: Mode::Commands,
            message: None,
            trouble: None,
            interval,
            looked: Instant::now(),
            is_over: false,
        }
    }

    pub fn is_over(&self) -> bool {
        self.is_over
    }

    pub fn quit(&mut self) {
        self.is_over = true;
    }

    /// How long it is until the next look.
    pub fn time_left(&self) -> Duration {
        self.interval.saturating_sub(self.looked.elapsed())
    }

    /// Shows a new look; or why there is none, beside the last one.
    pub fn show(&mut self, looked: Result<Seen, Failure>) {
        self.looked = Instant::now();
        match looked {
            Ok(seen) => (self.seen, self.trouble) = (seen, None),
            Err(failure) => self.trouble = Some(failure.to_string()),
        }
    }

    /// Shows a message for a while.
    pub fn tell(&mut self, message: String) {
        self.message = Some((Instant::now(), message));
    }

    pub fn message(&self) -> Option<&str> {
        let fresh = self
            .message
            .as_ref()
            .filter(|(since, _)| since.elapsed() < MESSAGE);
        fresh.map(|(_, message)| message.as_str())
    }

    /// The lines of the table that is shown.
    pub fn lines(&self) -> Vec<Line> {
        tables::lines(
            &self.seen,
            self.tab,
            self.sorted_by[self.tab as usize],
            &self.filter,
        )
    }

    /// Goes to the other table, if there is one.
    pub fn switch(&mut self) {
        self.tab = self.tab.other(&self.seen);
        self.chosen = 0;
    }

    pub fn sort_by_next(&mut self) {
        let column = &mut self.sorted_by[self.tab as usize];
        *column = (*column + 1) % self.tab.columns().len();
    }

    /// Chooses a line so many below, or above.
    pub fn choose(&mut self, by: isize) {
        let last = self.lines().len().saturating_sub(1);
        self.chosen = self.chosen.saturating_add_signed(by).min(last);
    }

    /// Whom an order for the chosen line is for; or why there is nobody.
    pub fn whom(&self) -> Result<Whom, String> {
        if self.seen.report.keys_are_apart() {
            if self.tab != Tab::Keys {
                return Err("choose a key first: Tab goes to the keys".to_owned());
            }
            let lines = self.lines();
            let Some(line) = lines.get(self.chosen) else {
                return Err("there is no key to choose".to_owned());
            };
            return match &line.key {
                Some(label) => Ok(Whom::Key(label.clone())),
                None => Err(
                    "the segment keeps only the first bytes of this key: name all of it on \
                             the command line"
                        .to_owned(),
                ),
            };
        }
        Ok(Whom::All)
    }
}
