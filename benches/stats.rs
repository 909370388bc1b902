//! Middle and spread of a few rounds.

use serde::Serialize;

/// Median and quartiles.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// A quarter of the rounds was below.
    pub low: f64,
    /// Half of them.
    pub median: f64,
    /// Three quarters.
    pub high: f64,
}

impl Spread {
    /// None of no values.
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().checked_sub(1)?;
        // Between the two nearest values, as most statistics programs do it.
        let at = |quantile: f64| {
            let place = quantile * last as f64;
            let (below, above) = (
                sorted[place.floor() as usize],
                sorted[place.ceil() as usize],
            );
            below + (above - below) * place.fract()
        };
        Some(Self {
            low: at(0.25),
            median: at(0.5),
            high: at(0.75),
        })
    }

    /// Of the ratios of two series that were measured in turn, round by round.
    pub fn of_ratios(above: &[f64], below: &[f64]) -> Option<Self> {
        let ratios: Vec<f64> = above.iter().zip(below).map(|(a, b)| a / b).collect();
        Self::of(&ratios)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_lie_between_the_nearest_values() {
        let spread = Spread {
            low: 2.0,
            median: 3.0,
            high: 4.0,
        };
        assert_eq!(Spread::of(&[5.0, 1.0, 3.0, 2.0, 4.0]), Some(spread));
        let spread = Spread {
            low: 1.25,
            median: 1.5,
            high: 1.75,
        };
        assert_eq!(Spread::of(&[2.0, 1.0]), Some(spread));
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        let ratios = Spread::of_ratios(&[10.0, 200.0, 30.0], &[5.0, 100.0, 15.0]);
        assert_eq!(
            ratios,
            Some(Spread {
                low: 2.0,
                median: 2.0,
                high: 2.0
            })
        );
    }
}
