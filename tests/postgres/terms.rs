//! What a bucket is made with, and what others find.

use super::{HOUR, Stage, item, retry_after, stage, take};
use std::thread;
use std::time::Duration;
use tidegate::{
    AcquireError, Bucket, BucketError, OpenError, Outcome, PostgresBucket, PostgresError, Rate,
    SetRatesError,
};

const RATES: [Rate; 2] = [
    Rate::new(5, Duration::from_nanos(1_500)),
    Rate::new(7, HOUR),
];

#[test]
fn whoever_opens_a_bucket_with_other_terms_is_told_both() {
    let Some(stage) = stage(whoever_opens_a_bucket_with_other_terms_is_told_both) else {
        return;
    };
    let first = stage.builder(&RATES).queue(9).open().unwrap();
    // The server counts in microseconds.
    let kept = [Rate::new(5, Duration::from_micros(2)), RATES[1]];
    assert_eq!((first.rates(), first.queue()), (kept.to_vec(), 9));
    let others = [Rate::per_second(3)];
    match stage.builder(&others).open().unwrap_err() {
        OpenError::OtherRates { asked, found, .. } => {
            assert_eq!(
                (asked.as_slice(), found.as_slice()),
                (&others[..], &kept[..])
            );
        }
        other => panic!("{other}"),
    }
    for (builder, what, asked, found) in [
        (stage.builder(&RATES).queue(8), "queue", "8", "9"),
        (stage.builder(&RATES).keyed(), "kind", "keyed", "one"),
    ] {
        let error = builder.open().unwrap_err();
        match &error {
            OpenError::OtherOption {
                what: option,
                asked: wish,
                found: fact,
                ..
            } => assert_eq!(
                (*option, wish.as_str(), fact.as_str()),
                (what, asked, found)
            ),
            other => panic!("{other}"),
        }
    }
    stage.builder(&RATES).open().unwrap();
    let adopted = stage.builder(&others).queue(3).adopt().open().unwrap();
    assert_eq!((adopted.rates()[1], adopted.queue()), (RATES[1], 9));
    let adopted = stage.builder(&[]).adopt().open().unwrap();
    assert_eq!(adopted.rates()[1], RATES[1]);

    let overridden = stage.builder(&others).override_rates().open().unwrap();
    assert_eq!(overridden.rates(), others);
    // The others obey, and learn it from an answer.
    take(&first, 3).unwrap();
    assert_eq!(first.rates(), others);
    assert_eq!(retry_after(take(&adopted, 1)).1, others[0]);
}

#[test]
fn what_makes_no_bucket_is_told() {
    let Some(stage) = stage(what_makes_no_bucket_is_told) else {
        return;
    };
    let error = stage.builder(&[]).open().unwrap_err();
    assert!(matches!(error, OpenError::Rates(_)), "{error}");
    let error = stage.builder(&[]).adopt().open().unwrap_err();
    assert!(matches!(error, OpenError::NoBucket { .. }), "{error}");
    let bucket = stage.bucket(&RATES);
    let error = bucket.set_rates(&[]).unwrap_err();
    assert!(matches!(error, SetRatesError::Rates(_)), "{error}");
}

#[test]
fn rates_that_are_set_bind_all_and_what_was_granted_counts() {
    let Some(stage) = stage(rates_that_are_set_bind_all_and_what_was_granted_counts) else {
        return;
    };
    let (one, two) = (stage.keyed(&RATES), stage.keyed(&RATES));
    take(&one, 4).unwrap();
    let wider = [Rate::new(6, 2 * HOUR)];
    one.set_rates(&wider).unwrap();
    retry_after(take(&two, 3));
    assert_eq!(two.rates(), wider);
    take(&two, 2).unwrap();
    two.set_rates(&[Rate::new(3, HOUR)]).unwrap();
    match take(&one, 4).unwrap_err() {
        AcquireError::WeightTooLarge { weight: 4, rate } => assert_eq!(rate.limit(), 3),
        other => panic!("{other}"),
    }
    retry_after(take(&one, 1));
    assert_eq!(one.usage(b"").unwrap()[0].used, 6);
}

#[test]
fn a_bucket_that_is_removed_is_gone_for_all_who_have_it_and_can_be_made_anew() {
    let test = a_bucket_that_is_removed_is_gone_for_all_who_have_it_and_can_be_made_anew;
    let Some(stage) = stage(test) else { return };
    let (one, two) = (stage.bucket(&RATES), stage.bucket(&RATES));
    take(&one, 5).unwrap();
    let name = stage.tell("SELECT id FROM tidegate.names WHERE id IN MINE");
    two.remove().unwrap();
    let left = format!("SELECT count(*) FROM tidegate.grants WHERE name = {name}");
    assert_eq!(stage.number(&left), 0);
    match take(&one, 1).unwrap_err() {
        AcquireError::Bucket(BucketError::Backend(error)) => {
            assert_eq!(error.outcome, Outcome::Undone);
            let cause = error.source.downcast_ref();
            assert!(matches!(cause, Some(PostgresError::Removed)), "{error}");
        }
        other => panic!("{other}"),
    }
    assert!(one.now().is_err() && one.usage(b"").is_err() && one.set_rates(&RATES).is_err());
    let anew = stage.bucket(&[Rate::new(6, HOUR)]);
    take(&anew, 6).unwrap();
    assert!(take(&one, 1).is_err());
}

#[test]
fn a_closed_bucket_answers_that_it_is_closed() {
    let Some(stage) = stage(a_closed_bucket_answers_that_it_is_closed) else {
        return;
    };
    let (closed, open) = (stage.bucket(&RATES), stage.bucket(&RATES));
    take(&closed, 1).unwrap();
    closed.close().unwrap();
    closed.close().unwrap();
    let error = take(&closed, 1).unwrap_err();
    assert!(
        matches!(error, AcquireError::Bucket(BucketError::Closed)),
        "{error}"
    );
    assert_eq!(open.count().unwrap(), 1);
}

#[test]
fn of_many_who_make_schema_and_bucket_at_once_all_get_the_same() {
    let test = of_many_who_make_schema_and_bucket_at_once_all_get_the_same;
    let Some(stage) = stage(test) else { return };
    let Stage { server, test } = &stage;
    let open = |name: &str, schema: &str| {
        let builder = PostgresBucket::at(server.address(), name).connections(1);
        builder
            .rate(Rate::new(8, HOUR))
            .schema(schema)
            .open()
            .unwrap()
    };
    for round in 0..3 {
        let schema = format!("many_{round}");
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let bucket = open(test, &schema);
                    bucket.put(item(1), Duration::ZERO).unwrap();
                });
            }
        });
        let bucket = open(test, &schema);
        assert_eq!(bucket.count().unwrap(), 8);
        retry_after(take(&bucket, 1));
        // Another bucket beside it knows nothing of that.
        take(&open("other", &schema), 8).unwrap();
    }
}
