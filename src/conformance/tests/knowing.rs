//! What a bucket tells of itself.

use crate::bucket::Bucket;
use crate::conformance::scene::{LONG, NAME, ROUNDING, Scene, count, give_back, queue, take};
use crate::error::BucketError;
use crate::rate::Rate;
use std::time::Duration;

pub fn usage_tells_of_each_rate_what_counts_in_it(scene: &Scene<'_>) {
    let rates = [Rate::new(3, LONG), Rate::new(10, LONG * 24)];
    let bucket = scene.open(&rates);
    let usage = || bucket.usage(NAME).expect("the usage");
    for (usage, rate) in usage().iter().zip(rates) {
        assert_eq!((usage.rate, usage.used), (rate, 0));
        assert_eq!(usage.remaining(), rate.limit());
        assert_eq!(usage.resets_in, Duration::ZERO, "there is nothing to reset");
    }
    take(&bucket, 2);
    assert_eq!(usage().len(), 2);
    for (usage, rate) in usage().iter().zip(rates) {
        assert_eq!((usage.rate, usage.used), (rate, 2));
        let reset = rate.interval() - LONG / 2..=rate.interval() + ROUNDING;
        assert!(reset.contains(&usage.resets_in), "{usage:?}");
    }
    take(&bucket, 1);
    queue(&bucket, 1);
    assert_eq!(usage().map_used(), [4, 4], "what is waited for counts");
    assert_eq!(usage()[0].remaining(), 0);
    assert_eq!(count(&bucket), 4);
    match bucket.queued() {
        Ok(queued) => assert_eq!(queued, 1),
        Err(error) => assert!(matches!(error, BucketError::Unsupported { .. }), "{error}"),
    }
}

trait MapUsed {
    fn map_used(&self) -> Vec<u64>;
}

impl MapUsed for Vec<crate::bucket::Usage> {
    fn map_used(&self) -> Vec<u64> {
        self.iter().map(|usage| usage.used).collect()
    }
}

pub fn permits_are_peeked_newest_first(scene: &Scene<'_>) {
    let bucket = scene.open(&[Rate::new(4, LONG)]);
    let peek = |nth| bucket.peek(NAME, nth).expect("a peek");
    assert_eq!(peek(0), None);
    let before = bucket.now().expect("the time");
    let old = take(&bucket, 2);
    scene.pass(Duration::from_millis(2));
    let new = take(&bucket, 1);
    let mut ahead = queue(&bucket, 2);
    let after = bucket.now().expect("the time");
    assert!(before <= old.at && old.at < new.at && new.at <= after);

    let told = [ahead.at, ahead.at, new.at, old.at, old.at];
    for (nth, at) in told.into_iter().enumerate() {
        let peeked = peek(nth as u64).unwrap_or_else(|| panic!("there is a permit {nth}"));
        let off = peeked.duration_since(at).max(at.duration_since(peeked));
        assert!(
            off <= ROUNDING,
            "permit {nth} was given {at}, and is {peeked}"
        );
    }
    assert_eq!((peek(5), peek(u64::MAX)), (None, None));
    give_back(&bucket, &mut ahead, 2);
    let newest = peek(0).expect("a permit");
    assert!(
        newest.duration_since(new.at) <= ROUNDING,
        "what was given back is not seen"
    );
}
