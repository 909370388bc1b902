//! Goals: a ratio within one run, and what it must be.

use serde::Serialize;

use crate::stats::Spread;
use crate::table::Table;

/// What a ratio must be.
#[derive(Debug, Clone, Copy, Serialize)]
pub enum Bound {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
}

/// A ratio and its bound.
#[derive(Debug, Serialize)]
pub struct Goal {
    /// Of what to what.
    pub what: String,
    /// What it must be.
    pub bound: Bound,
    /// What it was, if it was measured.
    pub measured: Option<Spread>,
}

impl Goal {
    /// Whether the median keeps the bound.
    pub fn met(&self) -> bool {
        self.measured.is_some_and(|ratio| match self.bound {
            Bound::AtLeast(bound) => ratio.median >= bound,
            Bound::AtMost(bound) => ratio.median <= bound,
        })
    }
}

/// All of them, met or not.
pub fn table(goals: &[Goal]) -> Table {
    let mut table = Table::new("Goals", &["ratio", "goal", "measured", "quartiles", ""]);
    for goal in goals {
        let bound = match goal.bound {
            Bound::AtLeast(bound) => format!("≥ {}", digits(bound)),
            Bound::AtMost(bound) => format!("≤ {}", digits(bound)),
        };
        let (median, quartiles) = match goal.measured {
            Some(ratio) => (
                digits(ratio.median),
                [ratio.low, ratio.high].map(digits).join(" – "),
            ),
            None => ("not measured".into(), String::new()),
        };
        let verdict = if goal.met() { "met" } else { "NOT met" };
        table.row([goal.what.clone(), bound, median, quartiles, verdict.into()]);
    }
    table
}

/// Enough digits to tell a ratio from its bound.
fn digits(ratio: f64) -> String {
    format!("{ratio:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met(bound: Bound, median: f64) -> bool {
        let measured = Some(Spread {
            low: 0.0,
            median,
            high: 9.0,
        });
        Goal {
            what: String::new(),
            bound,
            measured,
        }
        .met()
    }

    #[test]
    fn a_goal_is_met_at_its_bound_and_beyond_only() {
        assert!(met(Bound::AtLeast(2.0), 2.0) && !met(Bound::AtLeast(2.0), 1.999));
        assert!(met(Bound::AtMost(1.7), 1.7) && !met(Bound::AtMost(1.7), 1.701));
    }

    #[test]
    fn what_was_not_measured_is_not_met() {
        assert!(
            !Goal {
                what: String::new(),
                bound: Bound::AtMost(1.0),
                measured: None
            }
            .met()
        );
    }
}
