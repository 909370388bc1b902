//! What a response tells of a server's limits: the fields `RateLimit` and `RateLimit-Policy` of
//! the IETF's draft "RateLimit header fields for HTTP" (draft-ietf-httpapi-ratelimit-headers),
//! written for those whom we limit, and read from those who limit us.
//!
//! With feature `headers`, for clients and servers that have no middleware here.

#[cfg(feature = "headers")]
mod lesson;
#[cfg(feature = "headers")]
mod read;
#[cfg(any(feature = "headers", feature = "tower"))]
mod tell;

#[cfg(feature = "headers")]
pub use lesson::Lesson;
#[cfg(feature = "tower")]
pub(crate) use tell::seconds;
#[cfg(any(feature = "headers", feature = "tower"))]
pub use tell::tell;

use http::header::HeaderName;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

#[cfg(all(test, feature = "headers"))]
mod tests {
    use super::{read, tell};
    use crate::{Limiter, Rate};
    use http::header::HeaderMap;
    use proptest::prelude::*;
    use std::time::{Duration, SystemTime};

    proptest! {
        /// What a limiter tells, whatever its rates, and however much was taken of them.
        #[test]
        fn who_reads_what_we_tell_pauses_for_as_long_as_nothing_is_left_and_not_before(
            limit in 1_u64..20, millis in 1_u64..10_000_000, taken in 0_u64..=20,
        ) {
            let rates = [
                Rate::new(limit, Duration::from_millis(millis)),
                Rate::new(limit + 1, Duration::from_millis(millis * 3)),
            ];
            let limiter = Limiter::in_memory().rates(rates).open().unwrap();
            for _ in 0..taken.min(limit) {
                limiter.try_acquire("").unwrap();
            }
            let usage = limiter.usage("").unwrap();
            let mut headers = HeaderMap::new();
            tell::tell(&mut headers, &usage);
            let spent = usage.iter().filter(|usage| usage.remaining() == 0);
            let longest = spent.map(|usage| tell::seconds(usage.resets_in)).max();
            let read = read::exhausted(&headers, SystemTime::now());
            prop_assert_eq!(read, longest.map(Duration::from_secs));
            prop_assert_eq!(read.is_some(), usage[0].remaining() == 0);
        }
    }
}
