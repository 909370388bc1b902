//! What our responses tell.

use super::{POLICY, RATE_LIMIT};
use crate::bucket::Usage;
use http::header::{HeaderMap, HeaderValue};
use std::time::Duration;

/// Tells how much is left of each rate, and what the rates are. A rate's name is its text:
/// `"10/s";r=3;t=1` has three permits left, and more in a second. Both fields are lists, so
/// what others have told of their limits stays.
pub fn tell(headers: &mut HeaderMap, usage: &[Usage]) {
    let policy = |usage: &Usage| {
        let (quota, window) = (usage.rate.limit(), seconds(usage.rate.interval()));
        format!("\"{}\";q={quota};w={window}", usage.rate)
    };
    let left = |usage: &Usage| {
        let (left, resets) = (usage.remaining(), seconds(usage.resets_in));
        format!("\"{}\";r={left};t={resets}", usage.rate)
    };
    let mut append = |name, items: Vec<String>| {
        // A rate's text has no letters that a header may not have.
        if let Ok(value) = HeaderValue::try_from(items.join(", ")) {
            headers.append(name, value);
        }
    };
    append(POLICY, usage.iter().map(policy).collect());
    append(RATE_LIMIT, usage.iter().map(left).collect());
}

/// Whole seconds, rounded up: who waits so long is not too early.
pub fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limiter, Rate};

    #[test]
    fn each_rate_is_told_with_its_quota_window_rest_and_whole_seconds_until_there_is_more() {
        let rates = [Rate::new(5, Duration::from_millis(1500)), Rate::per_hour(9)];
        let limiter = Limiter::in_memory().rates(rates).open().unwrap();
        limiter.try_acquire_n("", 4).unwrap();
        let mut headers = HeaderMap::new();
        tell(&mut headers, &limiter.usage("").unwrap());
        assert_eq!(headers[POLICY], "\"5/1500ms\";q=5;w=2, \"9/h\";q=9;w=3600");
        let left = headers[RATE_LIMIT].to_str().unwrap();
        assert!(left.ends_with("\"9/h\";r=5;t=3600"), "{left}");
        assert_eq!(seconds(Duration::from_nanos(1_000_000_001)), 2);
        assert_eq!(seconds(Duration::from_secs(1)), 1);
    }
}
