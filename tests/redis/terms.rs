//! Who opens a bucket, and with which rates.

use super::{HOUR, bucket, item, retry_after, server, take};
use std::time::Duration;
use tidegate::{Bucket, BucketError, OpenError, Rate, RedisBucket, SetRatesError};

#[test]
fn a_bucket_with_other_rates_is_not_opened_unless_one_wants_to() {
    let Some(server) = server(a_bucket_with_other_rates_is_not_opened_unless_one_wants_to) else {
        return;
    };
    let at = || RedisBucket::at(server.address(), "test");
    let (ours, theirs) = (Rate::new(3, HOUR), Rate::new(2, HOUR));
    assert!(matches!(
        at().adopt().open(),
        Err(OpenError::NoBucket { .. })
    ));
    assert!(matches!(at().open(), Err(OpenError::Rates(_))));
    let first = at().rate(theirs).open().unwrap();
    let error = at().rate(ours).open().unwrap_err();
    assert_eq!(
        error.to_string(),
        "the bucket redis:test has the rates 2/h, not 3/h: ask for the same, adopt the bucket's, or override them"
    );
    assert!(matches!(error, OpenError::OtherRates { .. }));
    let error = at().rate(theirs).keyed().open().unwrap_err();
    assert!(
        matches!(error, OpenError::OtherOption { what: "kind", .. }),
        "{error}"
    );
    let error = at().rate(theirs).queue(5).open().unwrap_err();
    assert!(
        matches!(error, OpenError::OtherOption { what: "queue", .. }),
        "{error}"
    );
    assert_eq!(
        at().rate(ours).keyed().adopt().open().unwrap().rates(),
        [theirs]
    );
    assert_eq!(at().adopt().open().unwrap().queue(), 1024);
    // Who overrides does it for all.
    assert_eq!(
        at().rate(ours).override_rates().open().unwrap().rates(),
        [ours]
    );
    take(&first, 3).unwrap();
    assert_eq!(first.rates(), [ours]);
}

#[test]
fn other_rates_bind_all_at_once_also_by_what_was_granted_before() {
    let Some(server) = server(other_rates_bind_all_at_once_also_by_what_was_granted_before) else {
        return;
    };
    let (one, two) = (
        bucket(&server, &[Rate::new(5, HOUR)]),
        bucket(&server, &[Rate::new(5, HOUR)]),
    );
    take(&one, 3).unwrap();
    two.set_rates(&[Rate::new(3, HOUR)]).unwrap();
    assert_eq!(retry_after(take(&one, 1)).1, Rate::new(3, HOUR));
    one.set_rates(&[Rate::new(3, HOUR), Rate::new(5, 2 * HOUR)])
        .unwrap();
    assert_eq!(two.usage(b"").unwrap().len(), 2);
    let refused = one.set_rates(&[]).unwrap_err();
    assert!(matches!(refused, SetRatesError::Rates(_)));
}

#[test]
fn a_bucket_that_was_removed_is_made_anew_by_those_who_use_it() {
    let Some(server) = server(a_bucket_that_was_removed_is_made_anew_by_those_who_use_it) else {
        return;
    };
    let (one, two) = (
        bucket(&server, &[Rate::new(2, HOUR)]),
        bucket(&server, &[Rate::new(2, HOUR)]),
    );
    take(&one, 2).unwrap();
    two.remove().unwrap();
    take(&one, 2).unwrap();
    retry_after(take(&two, 1));
    two.remove().unwrap();
    one.pause(None, one.now().unwrap().saturating_add(HOUR))
        .unwrap();
    retry_after(take(&two, 1));
}

#[test]
fn what_was_granted_still_counts_when_only_the_terms_are_lost() {
    let test = what_was_granted_still_counts_when_only_the_terms_are_lost;
    let Some(server) = server(test) else { return };
    let bucket = bucket(&server, &[Rate::new(2, HOUR)]);
    take(&bucket, 1).unwrap();
    bucket.flush().unwrap();
    take(&bucket, 1).unwrap();
    server.tell::<u64>(&["DEL", "{tidegate:test}:terms"]);
    take(&bucket, 1).unwrap();
    retry_after(take(&bucket, 1));
    bucket.flush().unwrap();
    take(&bucket, 2).unwrap();
}

#[test]
fn a_closed_bucket_says_so() {
    let Some(server) = server(a_closed_bucket_says_so) else {
        return;
    };
    let bucket = bucket(&server, &[Rate::new(2, HOUR)]);
    bucket.close().unwrap();
    let error = bucket.look(item(1)).unwrap_err();
    assert!(matches!(
        error,
        tidegate::AcquireError::Bucket(BucketError::Closed)
    ));
    assert!(matches!(bucket.now(), Err(BucketError::Closed)));
}

#[test]
fn what_is_no_bucket_is_not_used_as_one() {
    let Some(server) = server(what_is_no_bucket_is_not_used_as_one) else {
        return;
    };
    let used = bucket(&server, &[Rate::new(2, HOUR)]);
    server.tell::<String>(&["SET", "{tidegate:test}:terms", "1 2 3 four"]);
    let error = take(&used, 1).unwrap_err().to_string();
    assert!(error.contains("makes no sense"), "{error}");
    let error = RedisBucket::at(server.address(), "test")
        .adopt()
        .open()
        .unwrap_err();
    assert!(error.to_string().contains("choose another name"), "{error}");
    // Its log is not one: the server says so, and nothing was changed.
    server.tell::<u64>(&["DEL", "{tidegate:test}:terms"]);
    server.tell::<u64>(&["RPUSH", "{tidegate:test}:log", "x"]);
    let error = take(&used, 1).unwrap_err();
    assert!(error.to_string().contains("WRONGTYPE"), "{error}");
    assert_eq!(error.outcome(), tidegate::Outcome::Undone);
    let wrong = RedisBucket::at("http://no", "test")
        .rate(Rate::new(2, HOUR))
        .open();
    assert!(matches!(wrong, Err(OpenError::Backend(_))));
    let nowhere = RedisBucket::at("redis+unix:///nowhere/redis.sock", "test");
    let error = nowhere
        .rate(Rate::new(2, Duration::from_secs(1)))
        .open()
        .unwrap_err();
    assert!(matches!(error, OpenError::Backend(_)), "{error}");
}
