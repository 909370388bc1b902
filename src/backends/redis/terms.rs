//! The rates in force, and what else holds for all who share a bucket, as the server keeps it.

use crate::rate::{Rate, validate};
use crate::ring::Window;
use crate::spec::{rates_of, windows_of};

/// What a bucket was made with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Terms {
    pub windows: Vec<Window>,
    /// How many permits may be waited for at once.
    pub queue: u64,
    /// Whether each name has a log of its own.
    pub by_name: bool,
}

/// The terms as the server keeps them, by which it tells whether they still hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InForce {
    /// `flush pause`, in microseconds, and the [text](Terms::text) of the terms.
    pub text: String,
    /// When all was forgotten last.
    pub flush: u64,
    /// Until when all names are paused.
    pub pause: u64,
    pub rates: Vec<Rate>,
    pub terms: Terms,
}

impl Terms {
    pub fn new(rates: &[Rate], queue: u64, by_name: bool) -> Self {
        Self {
            windows: windows_of(rates),
            queue,
            by_name,
        }
    }

    /// As the server keeps them: `queue kind limit/interval,…`, in permits and microseconds.
    pub fn text(&self) -> String {
        let rate = |window: &Window| format!("{}/{}", window.limit, window.interval);
        let rates: Vec<String> = self.windows.iter().map(rate).collect();
        format!("{} {} {}", self.queue, kind(self.by_name), rates.join(","))
    }

    fn parse(text: &str) -> Option<Self> {
        let mut fields = text.split(' ');
        let queue = fields.next()?.parse().ok()?;
        let by_name = match fields.next()? {
            name if name == kind(false) => false,
            name if name == kind(true) => true,
            _ => return None,
        };
        let window = |text: &str| {
            let (limit, interval) = text.split_once('/')?;
            Some(Window {
                limit: limit.parse().ok()?,
                interval: interval.parse().ok()?,
            })
        };
        let windows: Option<Vec<Window>> = fields.next()?.split(',').map(window).collect();
        let windows = windows?;
        let is_whole = fields.next().is_none() && validate(&rates_of(&windows)).is_ok();
        is_whole.then_some(Self {
            windows,
            queue,
            by_name,
        })
    }
}

impl InForce {
    pub fn parse(text: &str) -> Option<Self> {
        let mut fields = text.splitn(3, ' ');
        let flush = fields.next()?.parse().ok()?;
        let pause = fields.next()?.parse().ok()?;
        let terms = Terms::parse(fields.next()?)?;
        Some(Self {
            text: text.to_owned(),
            flush,
            pause,
            rates: rates_of(&terms.windows),
            terms,
        })
    }

    /// The longest interval, in microseconds.
    pub fn widest(&self) -> u64 {
        self.terms
            .windows
            .last()
            .map_or(0, |widest| widest.interval)
    }
}

/// What a bucket is called that keeps names apart, or not.
pub fn kind(by_name: bool) -> &'static str {
    if by_name { "keyed" } else { "one" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn terms() -> Terms {
        let rates = [
            Rate::new(5, Duration::from_nanos(1_500)),
            Rate::per_hour(1000),
        ];
        Terms::new(&rates, 77, true)
    }

    #[test]
    fn terms_are_read_as_they_were_written() {
        let text = terms().text();
        assert_eq!(text, "77 keyed 5/2,1000/3600000000");
        let in_force = InForce::parse(&format!("12 34 {text}")).unwrap();
        assert_eq!(in_force.terms, terms());
        assert_eq!((in_force.flush, in_force.pause), (12, 34));
        assert_eq!(in_force.widest(), 3_600_000_000);
    }

    #[test]
    fn what_is_not_terms_is_none() {
        let whole = format!("12 34 {}", terms().text());
        // One rate alone would do.
        let first_rate = whole.find("/2").unwrap();
        for length in 0..=first_rate {
            assert_eq!(InForce::parse(&whole[..length]), None, "{length}");
        }
        for text in [
            "12 34 77 keyed 5/2,1000/3600000000 more",
            "12 34 77 other 5/2",
            "12 34 77 one 0/2",
            "12 34 77 one 5/2,5/2",
            "x 34 77 one 5/2",
        ] {
            assert_eq!(InForce::parse(text), None, "{text}");
        }
    }
}
