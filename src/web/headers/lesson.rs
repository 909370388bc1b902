//! What responses teach: for how long a server wants to be left alone.

use super::read::{exhausted, retry_after};
use http::{HeaderMap, StatusCode};
use std::time::{Duration, SystemTime};

/// What a client makes of responses: for how long each asks to be left alone, by the fields that
/// the table in [`client::RateLimit`](crate::client::RateLimit) lists.
///
/// ```
/// use http::{HeaderMap, StatusCode};
/// use std::time::{Duration, SystemTime};
/// use tidegate::headers::Lesson;
///
/// let mut headers = HeaderMap::new();
/// headers.insert("retry-after", "20".parse()?);
/// let pause = Lesson::new().pause(StatusCode::TOO_MANY_REQUESTS, &headers, SystemTime::now());
/// assert_eq!(pause, Duration::from_secs(20));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Lesson {
    pub(in crate::web) longest: Duration,
    pub(in crate::web) by_default: Duration,
    /// Whether a response that was no refusal teaches, too.
    pub(in crate::web) from_all: bool,
}

impl Default for Lesson {
    fn default() -> Self {
        Self::new()
    }
}

impl Lesson {
    /// One that heeds 429 and 503 that say for how long, up to an hour.
    pub const fn new() -> Self {
        Self {
            longest: Duration::from_secs(3600),
            by_default: Duration::ZERO,
            from_all: false,
        }
    }

    /// The longest pause, whatever a response asks for.
    pub const fn longest(self, longest: Duration) -> Self {
        Self { longest, ..self }
    }

    /// The pause for a 429 that says nothing of the time; none at first.
    pub const fn by_default(self, by_default: Duration) -> Self {
        Self { by_default, ..self }
    }

    /// Learns from responses of every status that nothing is left, and not only from refusals.
    pub const fn from_all(self) -> Self {
        Self {
            from_all: true,
            ..self
        }
    }

    /// How long to pause after that response; zero for not at all. `Retry-After` comes before
    /// all else, as the draft of `RateLimit` demands.
    pub fn pause(&self, status: StatusCode, headers: &HeaderMap, now: SystemTime) -> Duration {
        let is_limited = status == StatusCode::TOO_MANY_REQUESTS;
        let is_refused = is_limited || status == StatusCode::SERVICE_UNAVAILABLE;
        let mut told = None;
        if is_refused {
            told = retry_after(headers, now);
        }
        if is_refused || self.from_all {
            told = told.or_else(|| exhausted(headers, now));
        }
        let untold = match is_limited {
            true => self.by_default,
            false => Duration::ZERO,
        };
        told.unwrap_or(untold).min(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderName;

    fn pause(lesson: Lesson, status: u16, fields: &[(&'static str, &'static str)]) -> u64 {
        let field = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), value.parse().unwrap())
        };
        let headers = fields.iter().map(field).collect();
        let status = StatusCode::from_u16(status).unwrap();
        let pause = lesson.pause(status, &headers, SystemTime::now());
        pause.as_secs()
    }

    const RETRY: (&str, &str) = ("retry-after", "20");
    const SPENT: (&str, &str) = ("ratelimit", "\"a\";r=0;t=30");

    #[test]
    fn a_refusal_teaches_by_retry_after_before_all_else() {
        for status in [429, 503] {
            assert_eq!(pause(Lesson::new(), status, &[RETRY, SPENT]), 20);
            assert_eq!(pause(Lesson::new(), status, &[SPENT]), 30);
            assert_eq!(
                pause(Lesson::new(), status, &[("retry-after", "0"), SPENT]),
                0
            );
            let malformed = ("retry-after", "soon");
            assert_eq!(pause(Lesson::new(), status, &[malformed, SPENT]), 30);
            assert_eq!(pause(Lesson::new(), status, &[malformed]), 0);
        }
    }

    #[test]
    fn other_responses_teach_nothing_unless_asked_for_and_then_not_by_retry_after() {
        let all = Lesson {
            from_all: true,
            ..Lesson::new()
        };
        for status in [200, 301, 403, 500] {
            assert_eq!(pause(Lesson::new(), status, &[RETRY, SPENT]), 0);
            assert_eq!(pause(all, status, &[RETRY, SPENT]), 30);
            assert_eq!(pause(all, status, &[RETRY]), 0);
        }
        assert_eq!(pause(all, 429, &[RETRY, SPENT]), 20);
    }

    #[test]
    fn only_a_429_that_says_nothing_gets_the_default() {
        let lesson = Lesson {
            by_default: Duration::from_secs(9),
            ..Lesson::new()
        };
        assert_eq!(pause(lesson, 429, &[]), 9);
        assert_eq!(pause(lesson, 429, &[("retry-after", "soon")]), 9);
        assert_eq!(pause(lesson, 429, &[RETRY]), 20);
        assert_eq!(pause(lesson, 429, &[("retry-after", "0")]), 0);
        assert_eq!(pause(lesson, 429, &[("ratelimit", "\"a\";r=1;t=30")]), 9);
        assert_eq!(pause(lesson, 503, &[]), 0);
        assert_eq!(pause(lesson, 200, &[]), 0);
    }

    #[test]
    fn no_pause_is_longer_than_the_longest() {
        let years = ("retry-after", "315360000");
        assert_eq!(pause(Lesson::new(), 429, &[years]), 3600);
        let short = Lesson {
            longest: Duration::from_secs(5),
            by_default: Duration::from_secs(6),
            from_all: true,
        };
        assert_eq!(pause(short, 503, &[RETRY]), 5);
        assert_eq!(pause(short, 429, &[]), 5);
        assert_eq!(pause(short, 200, &[SPENT]), 5);
    }
}
