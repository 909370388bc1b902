//! All grants that a test has seen, and the judgement on them: in no window too many.

use crate::ring::Window;

/// One grant.
#[derive(Clone, Copy, Debug)]
pub struct Granted {
    pub seq: u64,
    pub weight: u64,
    /// When it took effect, in ticks.
    pub instant: u64,
}

/// Grants, and the flushes between them.
#[derive(Clone, Default, Debug)]
pub struct History {
    grants: Vec<Granted>,
    /// The heads at which everything before was flushed, ascending.
    flushes: Vec<u64>,
}

impl History {
    pub fn grant(&mut self, seq: u64, weight: u64, instant: u64) {
        self.grants.push(Granted {
            seq,
            weight,
            instant,
        });
    }

    /// The owner returned it unused.
    pub fn cancel(&mut self, seq: u64) {
        self.refund(seq, u64::MAX);
    }

    /// The owner returned so many permits of it, or all.
    pub fn refund(&mut self, seq: u64, weight: u64) {
        if let Some(grant) = self.grants.iter_mut().rfind(|grant| grant.seq == seq) {
            grant.weight = grant.weight.saturating_sub(weight);
        }
    }

    /// A helper's stamp was earlier than the owner's own time.
    pub fn not_later_than(&mut self, seq: u64, instant: u64) {
        for grant in self.grants.iter_mut().filter(|grant| grant.seq == seq) {
            grant.instant = grant.instant.min(instant);
        }
    }

    pub fn flush(&mut self, head: u64) {
        self.flushes.push(head);
    }

    /// What took effect at `instant` or later is not to be judged.
    pub fn forget_from(&mut self, instant: u64) {
        self.grants.retain(|grant| grant.instant < instant);
    }

    pub fn extend(&mut self, other: Self) {
        self.grants.extend(other.grants);
        self.flushes.extend(other.flushes);
    }

    pub fn len(&self) -> usize {
        self.grants.len()
    }

    /// A half-open window of one of the rates into which more than its limit was
    /// granted, if there is one.
    pub fn overfull(&self, windows: &[Window]) -> Option<String> {
        let mut flushes = self.flushes.clone();
        flushes.sort_unstable();
        let mut permits: Vec<(usize, u64)> = self
            .grants
            .iter()
            .flat_map(|grant| {
                let epoch = flushes.partition_point(|&head| head <= grant.seq);
                std::iter::repeat_n((epoch, grant.instant), grant.weight as usize)
            })
            .collect();
        permits.sort_unstable();
        for window in windows {
            for span in permits.windows(window.limit as usize + 1) {
                let (first, last) = (span[0], span[window.limit as usize]);
                if first.0 == last.0 && last.1 - first.1 < window.interval {
                    return Some(format!(
                        "{window:?}: {} permits from {} to {}",
                        span.len(),
                        first.1,
                        last.1
                    ));
                }
            }
        }
        None
    }
}

#[test]
fn the_judge_finds_a_window_that_is_too_full_and_only_that() {
    let windows = [Window {
        limit: 2,
        interval: 10,
    }];
    let mut history = History::default();
    history.grant(1, 2, 100);
    history.grant(3, 1, 110);
    assert_eq!(history.overfull(&windows), None);
    history.grant(4, 1, 109);
    assert!(history.overfull(&windows).is_some());
    history.cancel(4);
    assert_eq!(history.overfull(&windows), None);
    history.not_later_than(3, 105);
    assert!(history.overfull(&windows).is_some());
    let mut shorter = history.clone();
    shorter.forget_from(105);
    assert_eq!(shorter.overfull(&windows), None);
    history.flush(3);
    assert_eq!(history.overfull(&windows), None);
}
