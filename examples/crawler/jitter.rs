//! How late requests arrived after their grants, and what that allows.
//!
//! A request that is granted at `t` is sent by a process that must first wake up, and
//! read by another: it arrives a little later, and not always equally late. So arrivals
//! bunch, and a window of arrivals may hold more than a limiter ever granted in one.
//! With no delay longer than `d`, what arrives in a window of length `i` was granted in
//! one of length `i + d`; more than was granted in such a window may not arrive.

use std::collections::HashMap;

use tidegate_judge::Grant;

use super::wire::Arrival;

/// Arrivals, each with its grant if it has one.
pub struct Jitter<'a> {
    /// Microseconds from grant to arrival, ascending.
    delays: Vec<u64>,
    /// Requests that nobody had a permit for.
    pub unpermitted: Vec<&'a Arrival>,
}

impl<'a> Jitter<'a> {
    /// Finds for each arrival the grant that it came with: the latest one before it for
    /// the same path that no other arrival came with.
    pub fn new(grants: &[(&str, Grant)], arrivals: &[&'a Arrival]) -> Self {
        let mut open: HashMap<&str, Vec<u64>> = HashMap::new();
        for &(path, grant) in grants {
            open.entry(path).or_default().push(grant.at);
        }
        let mut delays = Vec::new();
        let mut unpermitted = Vec::new();
        for &arrival in arrivals {
            let earlier = open.get_mut(arrival.path.as_str()).and_then(|grants| {
                let (index, &at) = grants
                    .iter()
                    .enumerate()
                    .filter(|&(_, &at)| at <= arrival.at)
                    .max_by_key(|&(_, at)| at)?;
                grants.swap_remove(index);
                Some(at)
            });
            match earlier {
                Some(at) => delays.push(arrival.at - at),
                None => unpermitted.push(arrival),
            }
        }
        delays.sort_unstable();
        Jitter {
            delays,
            unpermitted,
        }
    }

    /// The delay in microseconds that `share` (0 to 1) of the arrivals did not exceed;
    /// 0 without arrivals.
    pub fn quantile(&self, share: f64) -> u64 {
        let last = self.delays.len().saturating_sub(1);
        let index = (last as f64 * share).round() as usize;
        self.delays.get(index).copied().unwrap_or(0)
    }

    /// The longest delay in microseconds.
    pub fn longest(&self) -> u64 {
        self.delays.last().copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(path: &str, at: u64) -> (&str, Grant) {
        let grant = Grant {
            before: at,
            at,
            after: at,
            weight: 1,
            worker: 0,
            sleeps: 0,
        };
        (path, grant)
    }

    fn arrival(path: &str, at: u64) -> Arrival {
        Arrival {
            at,
            host: 0,
            path: path.to_owned(),
            status: Some(200),
        }
    }

    #[test]
    fn delays_are_measured_from_each_arrivals_own_grant() {
        let grants = [grant("/a", 100), grant("/b", 110), grant("/c", 120)];
        let arrivals = [arrival("/b", 111), arrival("/a", 130), arrival("/c", 122)];
        let jitter = Jitter::new(&grants, &arrivals.each_ref());
        assert!(jitter.unpermitted.is_empty());
        assert_eq!([0.0, 0.5, 1.0].map(|q| jitter.quantile(q)), [1, 2, 30]);
        assert_eq!(jitter.longest(), 30);
    }

    #[test]
    fn an_arrival_without_a_grant_before_it_had_no_permit() {
        let grants = [grant("/a", 100), grant("/b", 200)];
        let arrivals = [
            arrival("/a", 101),
            arrival("/a", 102),
            arrival("/b", 199),
            arrival("/c", 300),
        ];
        let jitter = Jitter::new(&grants, &arrivals.each_ref());
        let unpermitted: Vec<_> = jitter.unpermitted.iter().map(|a| a.at).collect();
        assert_eq!(unpermitted, [102, 199, 300]);
    }

    #[test]
    fn a_link_fetched_again_after_a_death_is_matched_with_its_second_grant() {
        // The first crawler died between grant and request.
        let grants = [grant("/a", 100), grant("/a", 900)];
        let arrivals = [arrival("/a", 905)];
        assert_eq!(Jitter::new(&grants, &arrivals.each_ref()).longest(), 5);
    }

    #[test]
    fn without_arrivals_there_is_no_delay() {
        let jitter = Jitter::new(&[grant("/a", 1)], &[]);
        assert_eq!((jitter.quantile(0.5), jitter.longest()), (0, 0));
    }
}
