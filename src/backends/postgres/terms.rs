//! Rates, as the server keeps them.

use super::fault::{Fault, PostgresError};
use crate::rate::{Rate, interval_ticks, validate};
use std::time::Duration;
use tokio_postgres::Row;

/// What is in force.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Terms {
    /// Another one each time that they are changed.
    pub version: i64,
    pub rates: Vec<Rate>,
}

impl Terms {
    /// Those of a row that begins with the version, the limits and the intervals.
    pub fn read(row: &Row) -> Result<Self, Fault> {
        let damaged = |what| PostgresError::Damaged { what };
        let strange = |error| damaged(format!("rates that cannot be read ({error})"));
        let limits: Vec<i64> = row.try_get(1).map_err(strange)?;
        let intervals: Vec<i64> = row.try_get(2).map_err(strange)?;
        let pairs = limits.iter().zip(&intervals);
        let rates: Vec<Rate> = pairs
            .map(|(&limit, &interval)| rate(limit, interval))
            .collect();
        if limits.len() != intervals.len() || validate(&rates).is_err() {
            return Err(damaged(format!(
                "rates that make no limit ({limits:?} permits in {intervals:?} microseconds)"
            ))
            .into());
        }
        Ok(Self {
            version: row.try_get(0).map_err(strange)?,
            rates,
        })
    }

    /// The limits and the intervals as the server keeps them.
    pub fn columns(rates: &[Rate]) -> (Vec<i64>, Vec<i64>) {
        let limits = rates.iter().map(|rate| to_server(rate.limit()));
        let intervals = rates.iter().map(|rate| to_server(interval_ticks(rate)));
        (limits.collect(), intervals.collect())
    }
}

/// A rate of the server's.
pub fn rate(limit: i64, interval: i64) -> Rate {
    Rate::new(from_server(limit), micros(interval))
}

/// A number for the server; what is too large for it is as good as the largest.
pub fn to_server(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number of the server's, which is never negative.
pub fn from_server(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// A time of the server's.
pub fn micros(number: i64) -> Duration {
    Duration::from_micros(from_server(number))
}
