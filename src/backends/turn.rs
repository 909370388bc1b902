//! When a request's turn is, from what a log answers: the exact sliding-window log, for stores
//! that are asked row by row.

use crate::rate::{Rate, interval_ticks};

/// One rate, in permits and microseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    pub limit: u64,
    pub interval: u64,
}

impl Window {
    pub fn of(rate: &Rate) -> Self {
        Self {
            limit: rate.limit(),
            interval: interval_ticks(rate),
        }
    }
}

/// Whom a request comes from, and when: all in microseconds on the bucket's clock.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// At least 1, and at most the smallest limit.
    pub weight: u64,
    /// No instant that was given without a wait is later.
    pub now: u64,
    /// Before that, nothing is granted.
    pub paused_until: u64,
    /// If its turn is later, it wants none.
    pub latest: u64,
    /// How many permits may be waited for at once.
    pub queue: u64,
}

/// The answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turn {
    /// At that instant: now, or one that it has to wait for.
    At(u64),
    /// Not before that instant, which is too late; that window holds it back most.
    Late { ready: u64, window: usize },
    /// It would have to wait, and too many wait already; there is room at that instant.
    QueueFull { ready: u64 },
}

/// When a request's turn is. `nth` tells the instant of the n-th newest permit, from 1, of those
/// that may still count in a window; those instants do not increase with n.
///
/// A window lets the request through when the permit has left it that would be one too many:
/// so one answer decides each, whatever its limit.
pub fn turn<E>(
    windows: &[Window],
    request: &Request,
    mut nth: impl FnMut(u64) -> Result<Option<u64>, E>,
) -> Result<Turn, E> {
    let Request { weight, now, .. } = *request;
    let (mut leaves, mut window) = (0, 0);
    for (index, rate) in windows.iter().enumerate() {
        let decisive = (rate.limit + 1).saturating_sub(weight).max(1);
        // Those that allow more look further back.
        let Some(at) = nth(decisive)? else { break };
        let left = at.saturating_add(rate.interval);
        if left > leaves {
            (leaves, window) = (left, index);
        }
    }
    // Nobody is overtaken.
    let last = nth(1)?.unwrap_or(0);
    let ready = now.max(request.paused_until).max(leaves).max(last);
    if ready == now {
        return Ok(Turn::At(now));
    }
    if ready > request.latest {
        return Ok(Turn::Late { ready, window });
    }
    let Some(others) = request.queue.checked_sub(weight) else {
        return Ok(Turn::QueueFull { ready });
    };
    match nth(others.saturating_add(1))? {
        Some(at) if at > now => Ok(Turn::QueueFull { ready: at }),
        _ => Ok(Turn::At(ready)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATES: [Window; 2] = [
        Window {
            limit: 2,
            interval: 10,
        },
        Window {
            limit: 3,
            interval: 100,
        },
    ];

    /// Instants newest first.
    fn ask(log: &[u64], request: Request) -> Turn {
        let nth = |n: u64| Ok::<_, ()>(log.get(n as usize - 1).copied());
        turn(&RATES, &request, nth).unwrap()
    }

    fn at(now: u64, weight: u64) -> Request {
        Request {
            weight,
            now,
            paused_until: 0,
            latest: now,
            queue: 4,
        }
    }

    #[test]
    fn a_window_is_half_open() {
        assert_eq!(ask(&[], at(7, 2)), Turn::At(7));
        assert_eq!(
            ask(&[5, 5], at(15, 2)),
            Turn::Late {
                ready: 105,
                window: 1
            }
        );
        assert_eq!(
            ask(&[5, 5], at(14, 1)),
            Turn::Late {
                ready: 15,
                window: 0
            }
        );
        assert_eq!(ask(&[5, 5], at(15, 1)), Turn::At(15));
    }

    #[test]
    fn the_rate_that_holds_back_most_is_told() {
        assert_eq!(
            ask(&[15, 5, 5], at(20, 1)),
            Turn::Late {
                ready: 105,
                window: 1
            }
        );
    }

    #[test]
    fn who_waits_is_not_overtaken() {
        let waits = Request {
            latest: 99,
            ..at(20, 1)
        };
        assert_eq!(
            ask(&[30], at(20, 1)),
            Turn::Late {
                ready: 30,
                window: 0
            }
        );
        assert_eq!(ask(&[30], waits), Turn::At(30));
    }

    #[test]
    fn a_pause_and_a_full_queue_hold_back() {
        let waits = Request {
            paused_until: 50,
            latest: 50,
            ..at(20, 1)
        };
        assert_eq!(ask(&[], waits), Turn::At(50));
        assert_eq!(
            ask(
                &[],
                Request {
                    latest: 49,
                    ..waits
                }
            ),
            Turn::Late {
                ready: 50,
                window: 0
            }
        );
        assert_eq!(
            ask(&[45], Request { queue: 1, ..waits }),
            Turn::QueueFull { ready: 45 }
        );
        assert_eq!(
            ask(&[], Request { queue: 0, ..waits }),
            Turn::QueueFull { ready: 50 }
        );
        assert_eq!(
            ask(
                &[],
                Request {
                    queue: 0,
                    ..at(20, 1)
                }
            ),
            Turn::At(20)
        );
    }
}
