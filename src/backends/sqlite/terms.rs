//! Rates and queue, as the file keeps them.

use super::fault::Fault;
use super::schema::Sql;
use crate::backends::turn::Window;
use crate::rate::{Rate, interval_ticks, validate};
use rusqlite::Connection;
use std::time::Duration;

/// What is in force.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Terms {
    /// Another one each time that they are changed.
    pub version: u64,
    pub rates: Vec<Rate>,
    pub windows: Vec<Window>,
    pub queue: u64,
}

impl Terms {
    pub fn new(version: u64, rates: Vec<Rate>, queue: u64) -> Self {
        let windows = rates.iter().map(Window::of).collect();
        Self {
            version,
            rates,
            windows,
            queue,
        }
    }

    /// Those in the file.
    pub fn read(db: &Connection, sql: &Sql) -> Result<Self, Fault> {
        let mut statement = db.prepare_cached(&sql.terms)?;
        let row = |row: &rusqlite::Row| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        let (version, text, queue): (_, String, _) = statement.query_row((), row)?;
        let damaged = |what: &str| Fault::Damaged {
            what: format!("{what}: {text:?}"),
            prefix: sql.prefix.clone(),
        };
        let rates = parse(&text).ok_or_else(|| damaged("rates that cannot be read"))?;
        validate(&rates).map_err(|_| damaged("rates that make no limit"))?;
        Ok(Self::new(version, rates, queue))
    }

    /// Puts others into the file.
    pub fn write(&self, db: &Connection, sql: &Sql) -> Result<Self, Fault> {
        let mut statement = db.prepare_cached(&sql.set_terms)?;
        statement.execute((text(&self.rates), self.queue))?;
        Self::read(db, sql)
    }

    /// How long a permit counts, in microseconds.
    pub fn widest(&self) -> u64 {
        self.windows.last().map_or(0, |window| window.interval)
    }

    /// The rate with the smallest limit: the narrowest.
    pub fn smallest(&self) -> Rate {
        self.rates[0]
    }
}

/// The rates as the file has them: each as `limit/microseconds`.
pub fn text(rates: &[Rate]) -> String {
    let words = rates
        .iter()
        .map(|rate| format!("{}/{}", rate.limit(), interval_ticks(rate)));
    words.collect::<Vec<_>>().join(" ")
}

fn parse(text: &str) -> Option<Vec<Rate>> {
    let rate = |word: &str| {
        let (limit, micros) = word.split_once('/')?;
        let interval = Duration::from_micros(micros.parse().ok()?);
        Some(Rate::new(limit.parse().ok()?, interval))
    };
    text.split(' ').map(rate).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_as_they_were_written() {
        let rates = vec![
            Rate::new(5, Duration::from_micros(1500)),
            Rate::per_hour(1000),
        ];
        assert_eq!(text(&rates), "5/1500 1000/3600000000");
        assert_eq!(parse(&text(&rates)), Some(rates));
        for broken in ["", "5", "5/", "x/5", "-1/5", "5/5  6/6"] {
            assert_eq!(parse(broken), None, "{broken:?}");
        }
    }
}
