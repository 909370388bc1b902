//! Logs of what was granted, and windows over them.

use crate::bucket::Grant;
use crate::rate::Rate;
use std::str::FromStr;

/// Instants, in microseconds of the bucket's clock, and weights.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Log(Vec<(u64, u64)>);

impl Log {
    pub fn push(&mut self, grant: &Grant) {
        self.add(grant.at.as_micros(), grant.weight);
    }

    pub fn add(&mut self, at: u64, weight: u64) {
        self.0.push((at, weight));
    }

    pub fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    /// Permits in all.
    pub fn permits(&self) -> u64 {
        self.0.iter().map(|(_, weight)| weight).sum()
    }

    /// Panics if a half-open window holds more than the rate allows.
    #[track_caller]
    pub fn judge(&self, rate: Rate) {
        let interval = rate.interval().as_micros();
        let mut grants = self.0.clone();
        grants.sort_unstable();
        let (mut oldest, mut sum) = (0, 0);
        for (newest, &(at, weight)) in grants.iter().enumerate() {
            sum += weight;
            while u128::from(at - grants[oldest].0) >= interval {
                sum -= grants[oldest].1;
                oldest += 1;
            }
            assert!(
                sum <= rate.limit(),
                "{sum} permits in one window of {rate}: {:?}",
                &grants[oldest..=newest]
            );
        }
    }

    /// As lines, for another process to read.
    pub fn to_text(&self) -> String {
        let lines = self.0.iter().map(|(at, weight)| format!("{at} {weight}\n"));
        lines.collect()
    }
}

impl FromStr for Log {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let grant = |line: &str| {
            let (at, weight) = line.split_once(' ')?;
            Some((at.parse().ok()?, weight.parse().ok()?))
        };
        let line = |line| grant(line).ok_or_else(|| format!("no grant: {line:?}"));
        text.lines().map(line).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn log(grants: &[(u64, u64)]) -> Log {
        Log(grants.to_vec())
    }

    #[test]
    fn a_window_is_half_open_and_its_limit_is_allowed() {
        let rate = Rate::new(3, Duration::from_micros(10));
        log(&[(5, 1), (14, 2), (15, 1), (24, 2)]).judge(rate);
    }

    #[test]
    #[should_panic(expected = "4 permits in one window of")]
    fn one_more_in_a_window_is_too_many_in_whatever_order_they_are_told() {
        let rate = Rate::new(3, Duration::from_micros(10));
        log(&[(14, 2), (23, 1), (22, 1), (5, 1)]).judge(rate);
    }

    #[test]
    fn a_log_is_read_as_it_was_written() {
        let whole = log(&[(5, 1), (14, 2)]);
        assert_eq!(whole.to_text().parse(), Ok(whole));
        assert!("5\n".parse::<Log>().is_err());
    }
}
