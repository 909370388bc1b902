//! Opening: what is there, what was asked for, and what was granted before.

use super::support::{Place, limited, take};
use std::fs;
use std::thread;
use std::time::Duration;
use tidegate::{Bucket, OpenError, Rate, SqliteBucket, SqliteBuilder};

const HOURLY: Rate = Rate::per_hour(5);
const DAILY: Rate = Rate::per_day(50);

fn refused(builder: SqliteBuilder) -> OpenError {
    builder.open().err().unwrap()
}

#[test]
fn what_was_granted_is_remembered_when_all_have_left() {
    let place = Place::new();
    let open = || place.bucket().rate(HOURLY).open().unwrap();
    take(&open(), "", 3).unwrap();
    let grant = take(&open(), "", 2).unwrap();
    let bucket = open();
    limited(take(&bucket, "", 1));
    bucket.give_back(b"", &grant, 1).unwrap();
    take(&bucket, "", 1).unwrap();
    assert_eq!(open().count().unwrap(), 5);
}

#[test]
fn other_rates_are_refused_adopted_or_put_in_force() {
    let place = Place::new();
    let first = place.bucket().rate(HOURLY).open().unwrap();
    let other = || place.bucket().rates([HOURLY, DAILY]);
    match refused(other()) {
        OpenError::RatesDiffer { asked, found, path } => {
            assert_eq!((asked, found), (vec![HOURLY, DAILY], vec![HOURLY]));
            assert_eq!(path, place.path());
        }
        error => panic!("{error}"),
    }
    assert_eq!(place.bucket().adopt().open().unwrap().rates(), [HOURLY]);
    let overriding = other().override_rates().open().unwrap();
    take(&overriding, "", 1).unwrap();
    take(&first, "", 1).unwrap();
    assert_eq!(first.rates(), [HOURLY, DAILY]);
}

#[test]
fn other_options_are_told() {
    let place = Place::new();
    let bucket = place.bucket().rate(HOURLY).queue(7).keyed().open().unwrap();
    assert_eq!(bucket.queue(), 7);
    let ask = || place.bucket().rate(HOURLY);
    let error = refused(ask().queue(8).keyed()).to_string();
    assert!(
        error.contains("queue") && error.contains('7') && error.contains('8'),
        "{error}"
    );
    let error = refused(ask()).to_string();
    assert!(error.contains("keyed"), "{error}");
    assert_eq!(ask().keyed().open().unwrap().queue(), 7);
    let adopted = place.bucket().adopt().open().unwrap();
    take(&adopted, "x", 5).unwrap();
    take(&adopted, "y", 5).unwrap();
}

#[test]
fn bad_wishes_are_typed_errors_and_make_no_file() {
    let place = Place::new();
    assert!(matches!(refused(place.bucket()), OpenError::Rates(_)));
    assert!(matches!(
        refused(place.bucket().adopt()),
        OpenError::NotFound { .. }
    ));
    for prefix in [
        "",
        "1x",
        "a b",
        "x\"; DROP TABLE y; --",
        "sqlite_x",
        "\u{e9}",
        &"x".repeat(65),
    ] {
        let error = refused(place.bucket().rate(HOURLY).table(prefix));
        assert!(matches!(error, OpenError::Name { .. }), "{error}");
    }
    assert_eq!(fs::read_dir(place.folder()).unwrap().count(), 0);
    for path in [":memory:", "", "/nowhere/at/all.db", "/"] {
        let error = refused(SqliteBucket::at(path).rate(HOURLY));
        assert!(matches!(error, OpenError::Backend(_)), "{path}: {error}");
    }
    let _bucket = place.bucket().rate(HOURLY).open().unwrap();
    let other = place.bucket().table("other").adopt();
    assert!(matches!(refused(other), OpenError::NotFound { .. }));
}

#[test]
fn one_file_holds_many_buckets() {
    let place = Place::new();
    let open = |table, rate| place.bucket().table(table).rate(rate).open().unwrap();
    let (one, two) = (open("one", HOURLY), open("_2", DAILY));
    take(&one, "", 5).unwrap();
    take(&two, "", 50).unwrap();
    limited(take(&one, "", 1));
    assert_eq!((one.count().unwrap(), two.count().unwrap()), (5, 50));
}

#[test]
fn a_file_that_was_removed_is_made_again_and_not_limited_by_apart() {
    let place = Place::new();
    let open = || place.bucket().rate(HOURLY).open().unwrap();
    let (one, two) = (open(), open());
    take(&one, "", 5).unwrap();
    for file in fs::read_dir(place.folder()).unwrap() {
        fs::remove_file(file.unwrap().path()).unwrap();
    }
    thread::sleep(Duration::from_millis(1_100));
    take(&one, "", 4).unwrap();
    take(&two, "", 1).unwrap();
    limited(take(&one, "", 1));
    limited(take(&two, "", 1));
}
