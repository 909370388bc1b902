//! `tidegate inspect`, `list`, `flush` and `remove`.

use crate::support::{Segment, ended, json};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::thread;
use std::time::Duration;

/// A file where segments are that is none; it goes away with the test.
struct Foreign {
    name: String,
}

impl Foreign {
    fn made() -> Self {
        let name = Segment::unmade().name.clone();
        let path = Self::path(&name);
        fs::write(&path, "something else").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        Self { name }
    }

    fn path(name: &str) -> String {
        format!("/dev/shm/tidegate.{name}")
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        let _ = fs::remove_file(Self::path(&self.name));
    }
}

#[test]
fn inspect_shows_what_counts_and_when_the_next_permit_is() {
    let segment = Segment::made("5/h,20/d");
    segment.does("acquire", &["--weight", "3"]).fine();
    let seen = segment.seen();
    assert_eq!(seen["name"], segment.name.as_str());
    assert_eq!(seen["granted_permits"], 3);
    assert_eq!(seen["queued_permits"], 0);
    assert_eq!(seen["reserved_permits"], 3);
    assert_eq!(seen["next_permit_in_us"], 0);
    assert_eq!(seen["leaker"], Value::Null);
    let rate = |rate, limit: u64, interval: u64| {
        serde_json::json!({
            "rate": rate, "limit_permits": limit, "interval_us": interval, "granted_permits": 3,
        })
    };
    let rates = [
        rate("5/h", 5, 3_600_000_000),
        rate("20/d", 20, 86_400_000_000),
    ];
    assert_eq!(seen["rates"], Value::from(rates.to_vec()));

    segment.does("acquire", &["--weight", "2"]).fine();
    let wait = segment.seen()["next_permit_in_us"].as_u64().unwrap();
    assert!((1..=3_600_000_000).contains(&wait), "{wait}");
}

#[test]
fn each_rate_has_a_count_of_its_own() {
    let segment = Segment::made("2/50ms,20/h");
    segment.does("acquire", &["--weight", "2"]).fine();
    thread::sleep(Duration::from_millis(60));
    let seen = segment.seen();
    assert_eq!(seen["rates"][0]["granted_permits"], 0, "{seen}");
    assert_eq!(seen["rates"][1]["granted_permits"], 2, "{seen}");
}

#[test]
fn inspect_shows_people_the_same_in_aligned_lines() {
    let segment = Segment::made("5/h,20/d");
    segment.does("acquire", &["--weight", "5"]).fine();
    let out = segment.does("inspect", &[]).fine();
    for line in [
        &format!("name      {}", segment.name),
        "rates     5/h   5 of 5 permits",
        "          20/d  5 of 20 permits",
        "queue     0 of 1024 permits waited for",
        "reserved  5 permits since it was created",
        "leaker    none yet (limits hold without one)",
    ] {
        assert!(
            out.lines().any(|found| found == line),
            "{line:?} is not in\n{out}"
        );
    }
    assert!(out.contains("\nnext      in "), "{out}");
}

#[test]
fn inspect_shows_who_waits() {
    let segment = Segment::made("1/h");
    segment.does("acquire", &[]).fine();
    let _waiting = segment.starts("acquire", &[]);
    // Its numbers are looked at one after the other: a place that is taken amid them is in
    // some, and not in others.
    let seen =
        segment.seen_when(|seen| seen["queued_permits"] == 1 && seen["granted_permits"] == 1);
    assert_eq!(seen["rates"][0]["granted_permits"], 1);
    assert!(
        seen["next_permit_in_us"].as_u64().unwrap() > 3_600_000_000,
        "{seen}"
    );
}

#[test]
fn list_shows_segments_and_what_is_wrong_with_files_that_are_none() {
    let segment = Segment::made("5/h,20/d");
    segment.does("acquire", &["--weight", "3"]).fine();
    let foreign = Foreign::made();

    let unusable = format!("{}: /dev/shm/", foreign.name);
    let ended_list = ended(&["list"]).with(
        2,
        &[&unusable, "is not a usable segment", "could not be opened"],
    );
    let out = ended_list.out;
    let line = |start: &str| out.lines().find(|line| line.starts_with(start)).unwrap();
    let words: Vec<&str> = line(&segment.name).split_whitespace().collect();
    assert_eq!(words[1..5], ["5/h,", "20/d", "3", "0"], "{out}");
    assert!(!out.contains(&foreign.name), "{out}");

    let ended_json = ended(&["list", "--json"]).with(2, &[&unusable]);
    let listed = json(&ended_json.out);
    let entry = |name: &str| {
        listed
            .as_array()
            .unwrap()
            .iter()
            .find(|entry| entry["name"] == name)
    };
    assert_eq!(entry(&segment.name), Some(&segment.seen()));
    let error = entry(&foreign.name).unwrap()["error"].as_str();
    assert!(
        error.unwrap().contains("is not a usable segment"),
        "{listed}"
    );
}

#[test]
fn flush_makes_room_at_once() {
    let segment = Segment::made("3/h");
    segment.does("acquire", &["--weight", "3"]).fine();
    segment.does("acquire", &["--no-wait"]).with(1, &[]);
    assert!(segment.does("flush", &[]).fine().contains("3 permits"));
    assert_eq!(segment.seen()["granted_permits"], 0);
    segment.does("acquire", &["--no-wait"]).fine();
}

#[test]
fn what_was_removed_is_gone_and_cannot_be_removed_again() {
    let segment = Segment::made("3/h");
    assert_eq!(
        segment.does("remove", &[]).fine(),
        format!("removed: {}\n", segment.name)
    );
    let gone = format!("there is no segment {}", segment.name);
    segment.does("remove", &[]).with(2, &[&gone]);
    segment
        .does("acquire", &[])
        .with(2, &["there is no segment"]);
    segment.does("flush", &[]).with(2, &["there is no segment"]);
    let listed = ended(&["list"]).out;
    assert!(
        !listed.lines().any(|line| line.starts_with(&segment.name)),
        "{listed}"
    );
}

#[test]
fn a_file_that_is_no_segment_is_not_removed() {
    let foreign = Foreign::made();
    ended(&["remove", &foreign.name]).with(2, &["is not a usable segment", "rm it yourself"]);
    assert!(fs::exists(Foreign::path(&foreign.name)).unwrap());
}
