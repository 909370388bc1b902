//! Judges both logs by one limit: what was granted, and what arrived.

use std::time::Duration;

use tidegate_judge::{Grant, Rate, Verdict as Judged, judge};

use super::jitter::Jitter;
use super::wire::Arrival;

/// What the two logs say.
pub struct Verdict<'a> {
    /// The grants, judged by the rates.
    pub granted: Judged,
    /// How many arrived.
    pub arrived: u64,
    /// How the arrivals go with the grants.
    pub jitter: Jitter<'a>,
    /// The fullest windows of each rate.
    pub windows: Vec<Windows>,
}

/// The fullest windows of one rate.
pub struct Windows {
    /// The most that was granted in any window.
    pub granted: u128,
    /// The most that arrived in any window.
    pub arrived: u128,
    /// The most that was granted in any window longer by the longest delay.
    pub tolerated: u128,
}

impl<'a> Verdict<'a> {
    /// Judges `grants`, each with the path that it was for, and `arrivals`, both on the same
    /// clock, by `rates`.
    pub fn new(
        grants: impl IntoIterator<Item = (&'a str, Grant)>,
        arrivals: impl IntoIterator<Item = &'a Arrival>,
        rates: &[Rate],
    ) -> Self {
        let grants: Vec<(&str, Grant)> = grants.into_iter().collect();
        let arrivals: Vec<&Arrival> = arrivals.into_iter().collect();
        let jitter = Jitter::new(&grants, &arrivals);
        let grants: Vec<Grant> = grants.into_iter().map(|(_, grant)| grant).collect();
        let arrivals: Vec<Grant> = arrivals.iter().map(|arrival| at(arrival.at)).collect();
        let longer: Vec<Rate> = rates
            .iter()
            .map(|rate| {
                let interval = rate.interval().saturating_add(jitter.longest());
                Rate::new(rate.limit(), Duration::from_micros(interval))
            })
            .collect();

        let granted = judge(&grants, rates);
        let arrived = judge(&arrivals, rates);
        let tolerated = judge(&grants, &longer);
        let windows = (granted.rates.iter())
            .zip(&arrived.rates)
            .zip(&tolerated.rates)
            .map(|((granted, arrived), tolerated)| Windows {
                granted: granted.peak(),
                arrived: arrived.peak(),
                tolerated: tolerated.peak(),
            })
            .collect();
        Verdict {
            granted,
            arrived: arrived.total.grants,
            jitter,
            windows,
        }
    }

    /// What went against the limit, one sentence each.
    pub fn breaches(&self) -> Vec<String> {
        let mut breaches: Vec<String> = (self.granted.breaches().iter())
            .map(|breach| breach.to_string())
            .collect();
        if let Some(first) = self.jitter.unpermitted.first() {
            breaches.push(format!(
                "{} requests arrived without a permit, the first for {}",
                self.jitter.unpermitted.len(),
                first.path
            ));
        }
        for (windows, judged) in self.windows.iter().zip(&self.granted.rates) {
            if windows.arrived > windows.tolerated {
                breaches.push(format!(
                    "{} arrived in one window, where {} is the limit and delays account for {}",
                    windows.arrived, judged.rate, windows.tolerated
                ));
            }
        }
        breaches
    }
}

/// An arrival in the form that the judge takes.
fn at(at: u64) -> Grant {
    Grant {
        before: at,
        at,
        after: at,
        weight: 1,
        worker: 0,
        sleeps: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two per millisecond.
    const RATES: fn() -> [Rate; 1] = || [Rate::new(2, Duration::from_millis(1))];

    fn verdict(times: &[(u64, u64)], check: impl Fn(Verdict)) {
        let path = |i: usize| format!("/{i}");
        let grants: Vec<_> = (times.iter().enumerate())
            .map(|(i, &(granted, _))| (path(i), at(granted)))
            .collect();
        let grants = grants.iter().map(|(path, grant)| (&**path, *grant));
        let arrivals: Vec<_> = (times.iter().enumerate())
            .map(|(i, &(_, arrived))| Arrival {
                at: arrived,
                host: 0,
                path: path(i),
                status: Some(200),
            })
            .collect();
        check(Verdict::new(grants, &arrivals, &RATES()));
    }

    #[test]
    fn arrivals_that_bunch_by_their_delays_are_no_breach() {
        let times = [(0, 300), (1, 301), (1000, 1100), (1001, 1101)];
        verdict(&times, |verdict| {
            let windows = &verdict.windows[0];
            assert_eq!(
                (windows.granted, windows.arrived, windows.tolerated),
                (2, 4, 4)
            );
            assert_eq!(verdict.breaches(), [""; 0]);
        });
    }

    #[test]
    fn grants_over_the_limit_are_a_breach_however_late_they_arrive() {
        let times = [(0, 0), (500, 5000), (999, 10_000)];
        verdict(&times, |verdict| assert_eq!(verdict.breaches().len(), 1));
    }

    #[test]
    fn an_arrival_before_its_grant_is_a_breach() {
        verdict(&[(100, 99)], |verdict| {
            assert_eq!(
                verdict.breaches()[0],
                "1 requests arrived without a permit, the first for /0"
            );
        });
    }
}
