//! Segments that have a bucket for each key.

use crate::support::{Segment, ended, tidegate};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

fn made(keys: &str) -> Segment {
    let segment = Segment::unmade();
    segment
        .does("create", &["--rate", "2/h", "--keys", keys])
        .fine();
    segment
}

#[test]
fn each_key_has_its_own_limit_and_full_is_no_refusal_by_a_rate() {
    let segment = made("2");
    for key in ["a", "b"] {
        for _ in 0..2 {
            segment.does("acquire", &["--key", key, "--no-wait"]).fine();
        }
        segment
            .does("acquire", &["-k", key, "-n"])
            .with(1, &["limited by 2/h", "retry in"]);
    }
    segment
        .does("acquire", &["--key", "c", "--no-wait"])
        .with(2, &["all 2 keys are in use"]);
    let seen = segment.seen();
    let keys = serde_json::json!({
        "used": 2, "limit": 2, "evictions": 0, "full_refusals": 1,
    });
    assert_eq!(seen["keys"], keys);
    assert_eq!(seen["granted_permits"], 4);
}

#[test]
fn a_key_is_asked_for_where_there_are_keys_and_only_there() {
    let segment = made("2");
    segment.does("acquire", &[]).with(2, &["--key"]);
    segment.does("acquire", &["--key", ""]).fine();
    let other = Segment::made("2/h");
    other.does("acquire", &["--key", "a"]).with(2, &["--keys"]);
    other.does("dispose", &["a"]).with(2, &["tidegate flush"]);
}

#[test]
fn inspect_shows_the_busiest_keys_first_and_writes_no_control_characters() {
    let segment = made("5");
    for (key, times) in [("a", 1), ("b", 2), ("c\u{1b}[2J", 1)] {
        for _ in 0..times {
            segment.does("acquire", &["--key", key]).fine();
        }
    }
    let shown = segment.does("inspect", &["--top", "2"]).fine();
    let lines: Vec<_> = shown.lines().rev().take(3).collect();
    assert!(lines[2].starts_with("KEY"), "{shown}");
    assert!(
        lines[1].starts_with("b  ") && lines[0].starts_with("a  "),
        "{shown}"
    );
    let shown = segment
        .does("inspect", &["--top", "9", "--by", "wait"])
        .fine();
    assert!(
        shown.contains(r"c\u{1b}[2J") && !shown.contains('\u{1b}'),
        "{shown}"
    );
    segment
        .does("inspect", &["--by", "wait"])
        .with(2, &["--top"]);
}

#[test]
fn dispose_and_flush_let_one_key_begin_anew_and_leave_the_others() {
    let segment = made("3");
    for key in ["a", "b", "c"] {
        segment.does("acquire", &["-k", key, "-w", "2"]).fine();
    }
    segment.does("dispose", &["a"]).fine();
    segment
        .does("dispose", &["a"])
        .with(2, &["a has no bucket"]);
    segment.does("flush", &["--key", "b"]).fine();
    for (key, code) in [("a", 0), ("b", 0), ("c", 1)] {
        segment.does("acquire", &["-k", key, "-n"]).with(code, &[]);
    }
}

#[test]
fn run_makes_the_segment_with_keys_and_finds_it_again() {
    let segment = Segment::unmade();
    let run = |keys: &str, key: &str| {
        let options = ["--rate", "1/h", "--keys", keys, "--key", key, "--no-wait"];
        segment.does("run", &[&options[..], &["--", "echo", key]].concat())
    };
    assert_eq!(run("7", "a").fine(), "a\n");
    run("7", "a").with(1, &["limited by 1/h"]);
    assert_eq!(run("7", "b").fine(), "b\n");
    run("8", "c").with(2, &["for 7 keys", "for 8 keys"]);
    ended(&["create", "x", "--rate", "1/s", "--keys", "0"]).with(2, &["0 keys"]);
}

#[test]
fn keys_that_are_no_text_are_told_apart_and_shown_as_what_they_are() {
    let segment = made("4");
    for key in [&b"\xff"[..], b"\xfe", br"\xff", b""] {
        let mut command = tidegate(&["acquire", &segment.name, "--no-wait", "--key"]);
        let status = command.arg(OsStr::from_bytes(key)).status();
        assert!(status.unwrap().success());
    }
    let shown = segment.does("inspect", &["--top", "9"]).fine();
    let mut rows: Vec<_> = shown.lines().rev().take(4).collect();
    rows.sort_unstable();
    let starts = [r#""""#, r"\\xff", r"\xfe", r"\xff"];
    let found = rows.iter().zip(starts);
    assert!(
        found.clone().all(|(row, start)| row.starts_with(start)),
        "{shown}"
    );
    let seen = segment.does("inspect", &["--json", "--top", "9"]).fine();
    let seen: serde_json::Value = serde_json::from_str(&seen).unwrap();
    let top = seen["top"].as_array().unwrap();
    let mut keys: Vec<_> = top
        .iter()
        .map(|key| [&key["key"], &key["key_hex"]].map(|text| text.as_str().unwrap()))
        .collect();
    keys.sort_unstable();
    let all = [
        ["", ""],
        [r"\\xff", "5c786666"],
        [r"\xfe", "fe"],
        [r"\xff", "ff"],
    ];
    assert_eq!(keys, all);
    segment.does("dispose", &[""]).fine();
    segment
        .does("dispose", &[""])
        .with(2, &[r#""" has no bucket"#]);
}
