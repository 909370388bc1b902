//! `tidegate create`, and names that are paths.

use crate::support::{Segment, ended, json};
use std::fs;
use std::os::unix::fs::MetadataExt;

#[test]
fn creating_it_again_with_the_same_rates_is_fine() {
    let segment = Segment::unmade();
    let name = &segment.name;
    let out = segment
        .does("create", &["--rate", "500/m", "--rate", "100/s"])
        .fine();
    assert!(
        out.starts_with(&format!("created: {name} at 100/s, 500/m")),
        "{out}"
    );
    segment.does("acquire", &[]).fine();

    let out = segment.does("create", &["--rate", "100/s,500/m"]).fine();
    assert!(
        out.starts_with(&format!("is there already: {name} at 100/s, 500/m")),
        "{out}"
    );
    assert_eq!(segment.seen()["reserved_permits"], 1);
}

#[test]
fn other_rates_than_those_of_the_segment_are_refused_and_both_are_shown() {
    let segment = Segment::made("100/s,500/m");
    segment.does("create", &["--rate", "10/s"]).with(
        2,
        &["100/s, 500/m, not 10/s: ask for the same, or use tidegate remove first\n"],
    );
    assert_eq!(segment.seen()["rates"][0]["limit_permits"], 100);
}

#[test]
fn queue_and_capacity_are_as_asked() {
    let segment = Segment::unmade();
    let create = |more: &[&str]| segment.does("create", &[&["--rate", "5/s"], more].concat());
    create(&["--capacity", "100"]).with(2, &["a capacity of 100", "power of two"]);
    create(&["--queue", "9", "--capacity", "64"]).fine();
    let seen = segment.seen();
    assert_eq!(seen["queue_limit_permits"], 9);
    assert_eq!(seen["capacity_permits"], 64);

    create(&[]).fine();
    create(&["--queue", "10"]).with(2, &["queue of 9, not of 10"]);
}

#[test]
fn a_name_with_a_slash_is_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("api.seg");
    let name = path.to_str().unwrap();

    let out = ended(&["create", name, "--rate", "5/m"]).fine();
    assert!(out.contains(name), "{out}");
    let metadata = fs::metadata(&path).unwrap();
    assert_eq!(metadata.mode() & 0o777, 0o600);
    ended(&["acquire", name]).fine();
    ended(&["run", name, "--", "true"]).fine();
    let seen = json(&ended(&["inspect", name, "--json"]).fine());
    assert_eq!(seen["path"], name);
    assert_eq!(seen["size_bytes"], metadata.len());
    assert_eq!(seen["granted_permits"], 2);

    // Its exit status tells of other tests' segments, too.
    let listed = json(&ended(&["list", "--json"]).out);
    assert!(
        listed
            .as_array()
            .unwrap()
            .iter()
            .all(|entry| entry["path"] != name)
    );
    ended(&["remove", name]).fine();
    assert!(!path.exists());
}

#[test]
fn its_size_is_shown_in_bytes_and_for_people() {
    let segment = Segment::unmade();
    // A million permits and as many waiting: 2^21 slots, the header and the bucket's words, and
    // 129 lines to count on.
    let out = segment.does("create", &["--rate", "1000000/h"]).fine();
    assert!(out.ends_with(", 16.0 MiB: 16814592 bytes)\n"), "{out}");
    assert_eq!(segment.seen()["size_bytes"], 16_814_592);
}

#[test]
fn it_counts_by_the_kernel_s_clock_or_by_the_processor_s_if_asked() {
    let segment = Segment::unmade();
    segment.does("create", &["--rate", "5/m"]).fine();
    assert_eq!(segment.seen()["clock"], "boot-time");
    let other = Segment::unmade();
    other
        .does("create", &["--rate", "5/m", "--processor-clock"])
        .fine();
    // Where the kernel does not trust the counter, its own clock.
    let clock = other.seen()["clock"].clone();
    assert!(
        ["processor", "boot-time"].contains(&clock.as_str().unwrap()),
        "{clock}"
    );
    other.does("acquire", &["--weight", "5"]).fine();
    assert_eq!(other.does("acquire", &["--no-wait"]).code, Some(1));
}

#[test]
fn a_group_may_use_it_if_asked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shared.seg");
    let name = path.to_str().unwrap();
    let gid = nix::unistd::getegid().to_string();
    ended(&["create", name, "--rate", "5/m", "--group", &gid]).fine();
    let metadata = fs::metadata(&path).unwrap();
    assert_eq!(
        (metadata.mode() & 0o777, metadata.gid().to_string()),
        (0o660, gid.clone())
    );
    ended(&["remove", name, "--group", &gid]).fine();
    assert!(!path.exists());
}
