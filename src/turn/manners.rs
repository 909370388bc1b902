//! How those who wait behave.

use std::time::Duration;

/// What a user may ask of waiting. All of it concerns this handle alone.
#[derive(Clone, Copy, Default, Debug)]
pub struct Manners {
    /// How late one may wake and still go at once; none: a tenth of the shortest interval.
    pub lateness: Option<Duration>,
    /// How much later than its turn one goes.
    pub buffer: Duration,
    /// How much later still at most, by chance.
    pub jitter: Duration,
}

impl Manners {
    /// How much later than its turn one goes who has to wait, in microseconds.
    pub fn delay(&self) -> u64 {
        ticks(self.buffer).saturating_add(some_of(ticks(self.jitter)))
    }
}

/// A random number up to `most`.
fn some_of(most: u64) -> u64 {
    if most == 0 {
        return 0;
    }
    // Without randomness all go at their turn, which is right as well.
    let random = getrandom::u64().unwrap_or(0);
    ((u128::from(random) * (u128::from(most) + 1)) >> 64) as u64
}

/// Microseconds, rounded down.
pub fn ticks(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_is_the_buffer_and_some_of_the_jitter() {
        let plain = Manners::default();
        assert_eq!(plain.delay(), 0);
        let polite = Manners {
            buffer: Duration::from_millis(1),
            jitter: Duration::from_micros(3),
            ..plain
        };
        let delays: Vec<u64> = (0..1000).map(|_| polite.delay()).collect();
        for delay in 1000..=1003 {
            assert!(delays.contains(&delay), "{delay}");
        }
        assert!(delays.iter().all(|delay| (1000..=1003).contains(delay)));
        let endless = Manners {
            buffer: Duration::MAX,
            jitter: Duration::MAX,
            ..plain
        };
        assert_eq!(endless.delay(), u64::MAX);
    }
}
