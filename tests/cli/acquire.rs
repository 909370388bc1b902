//! `tidegate acquire`.

use crate::support::{Segment, json};
use std::thread;
use std::time::Duration;

#[test]
fn a_grant_is_silent_and_a_refusal_says_when_to_retry() {
    let segment = Segment::made("1/m");
    assert_eq!(segment.does("acquire", &["--no-wait"]).fine(), "");

    let refused = segment
        .does("acquire", &["--no-wait"])
        .with(1, &["limited by 1/m: retry in "]);
    assert_eq!(refused.out, "");
    let time = refused.err.trim_end().rsplit_once(' ').unwrap().1;
    let seconds: f64 = time.strip_suffix('s').unwrap().parse().unwrap();
    assert!(0.0 < seconds && seconds <= 60.0, "{refused:?}");
}

#[test]
fn json_tells_the_same_to_programs() {
    let segment = Segment::made("3/m");
    let granted = json(&segment.does("acquire", &["-w", "3", "--json"]).fine());
    assert_eq!(granted["granted"], true);
    assert_eq!(granted["weight_permits"], 3);

    let refused = segment
        .does("acquire", &["--no-wait", "--json"])
        .with(1, &["limited by 3/m"]);
    let refused = json(&refused.out);
    assert_eq!(refused["granted"], false);
    assert_eq!(refused["limited_by"], "3/m");
    assert!((1..=60_000_000).contains(&refused["retry_after_us"].as_u64().unwrap()));
}

#[test]
fn after_the_time_that_was_told_a_retry_is_granted() {
    let segment = Segment::made("1/400ms");
    segment.does("acquire", &[]).fine();
    let refused = json(
        &segment
            .does("acquire", &["--no-wait", "--json"])
            .with(1, &[])
            .out,
    );
    thread::sleep(Duration::from_micros(
        refused["retry_after_us"].as_u64().unwrap(),
    ));
    segment.does("acquire", &["--no-wait"]).fine();
}

#[test]
fn a_timeout_too_short_fails_at_once_and_takes_nothing() {
    let segment = Segment::made("1/h");
    segment.does("acquire", &["--timeout", "10ms"]).fine();
    // Were it to wait, the test would not end.
    segment
        .does("acquire", &["--timeout", "59m"])
        .with(1, &["limited by 1/h"]);
    assert_eq!(segment.seen()["reserved_permits"], 1);
}

#[test]
fn who_waits_gets_a_turn_one_interval_later() {
    let segment = Segment::made("1/200ms");
    let grants: Vec<u64> = [
        &["--json"][..],
        &["--json"],
        &["--json", "--timeout", "10s"],
    ]
    .iter()
    .map(|more| {
        json(&segment.does("acquire", more).fine())["granted_at_us"]
            .as_u64()
            .unwrap()
    })
    .collect();
    assert!(
        grants.windows(2).all(|pair| pair[1] - pair[0] >= 200_000),
        "{grants:?}"
    );
}

#[test]
fn a_weight_is_granted_as_a_whole_or_not_at_all() {
    let segment = Segment::made("5/h");
    let weight = |weight| segment.does("acquire", &["--no-wait", "--weight", weight]);
    weight("3").fine();
    weight("3").with(1, &["limited by 5/h"]);
    weight("2").fine();
    weight("0").fine();
    weight("6").with(2, &["a weight of 6", "5/h allows 5 at most"]);
    assert_eq!(segment.seen()["granted_permits"], 5);
}

#[test]
fn a_full_queue_is_a_refusal_too() {
    let segment = Segment::unmade();
    segment
        .does("create", &["--rate", "1/h", "--queue", "1"])
        .fine();
    segment.does("acquire", &[]).fine();
    let _waiting = segment.starts("acquire", &[]);
    segment.seen_when(|seen| seen["queued_permits"] == 1);

    let refused = segment.does("acquire", &["--json"]);
    let refused = json(
        &refused
            .with(1, &["limited by the queue, which holds 1", "retry in"])
            .out,
    );
    assert_eq!(refused["limited_by"], "queue");
    assert_eq!(refused["queue_limit_permits"], 1);
}

#[test]
fn it_never_makes_a_segment() {
    let segment = Segment::unmade();
    segment
        .does("acquire", &["--no-wait"])
        .with(2, &["there is no segment"]);
    segment
        .does("inspect", &[])
        .with(2, &["there is no segment"]);
}
