//! What is typed wrong, and where output goes.

use crate::support::{Ended, Segment, ended, tidegate};
use std::fs::File;
use std::io;

const COMMANDS: [&str; 9] = [
    "create", "acquire", "run", "inspect", "list", "flush", "leak", "remove", "help",
];

#[test]
fn nothing_typed_shows_how_to_use_it() {
    ended(&[]).with(2, &["Usage: tidegate", "Examples:"]);
    ended(&["pour"]).with(2, &["unrecognized subcommand 'pour'"]);
}

#[test]
fn help_and_version_are_no_errors() {
    let version = format!("tidegate {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(ended(&["--version"]).fine(), version);
    let help = ended(&["--help"]).fine();
    assert_eq!(ended(&["help"]).fine(), help);
    let unknown = "unrecognized subcommand 'pour'";
    ended(&["help", "pour"]).with(2, &[unknown]);
    for command in COMMANDS {
        assert!(help.contains(command), "{command}");
        let own = ended(&[command, "--help"]).fine();
        assert!(own.contains(&format!("tidegate {command} ")), "{own}");
        assert!(own.contains("Example"), "{own}");
        assert_eq!(ended(&["help", command]).fine(), own);
    }
}

#[test]
fn bad_rates_are_named() {
    let segment = Segment::unmade();
    for (rate, why) in [
        ("10", "\"10\" is not a rate"),
        ("x/s", "not a whole number"),
        ("10/fortnight", "is not a unit"),
        ("0/s", "0/s grants nothing"),
        ("1/0s", "is zero"),
        ("10/s,20/s", "have the same interval"),
        ("10/s,1000/m", "1000/m is too fast"),
        ("10/s,10/m", "10/s never refuses anything"),
        ("1/9999d", "is too long"),
    ] {
        segment.does("create", &["--rate", rate]).with(2, &[why]);
    }
    segment
        .does("create", &[])
        .with(2, &["--rate <LIMIT/INTERVAL>"]);
    segment
        .does("inspect", &[])
        .with(2, &["there is no segment"]);
}

#[test]
fn bad_names_are_named() {
    for command in ["acquire", "inspect", "flush", "leak", "remove"] {
        ended(&[command, "a b"]).with(2, &["\"a b\" cannot name a segment"]);
    }
    ended(&["create", ".hidden", "--rate", "1/s"]).with(2, &["begins with a dot"]);
    ended(&["create", "", "--rate", "1/s"]).with(2, &["it is empty", "are allowed"]);
    ended(&["inspect", "/nowhere/x"]).with(2, &["/nowhere/x"]);
}

#[test]
fn bad_values_are_named() {
    let segment = Segment::made("5/s");
    let acquire = |more| segment.does("acquire", more);
    acquire(&["--weight=-1"]).with(2, &["--weight"]);
    acquire(&["--timeout", "5"]).with(2, &["\"5\"", "whole numbers with units"]);
    acquire(&["--timeout", "-5s"]).with(2, &["\"-5s\"", "whole numbers with units"]);
    acquire(&["--weight", "-1"]).with(2, &["'-1'", "--weight"]);
    acquire(&["--timeout", "5s", "--no-wait"]).with(2, &["cannot be used with"]);
    acquire(&["--group", "no such group"]).with(2, &["there is no such group"]);
    segment
        .does("leak", &["--interval", "0s"])
        .with(2, &["1ms at least"]);
    segment
        .does("leak", &["--interval", "-1s"])
        .with(2, &["\"-1s\""]);
    ended(&["create", "x", "--rate", "5/s", "--queue", "99999999999999"]).with(
        2,
        &["a queue of 99999999999999", "ask for 17179869179 at most"],
    );
    segment
        .does("run", &["--rate", "5/s"])
        .with(2, &["<COMMAND>"]);
    assert_eq!(segment.seen()["reserved_permits"], 0);
}

#[test]
fn a_reader_that_went_away_is_no_failure() {
    let segment = Segment::made("5/s");
    for more in [&[][..], &["--json"]] {
        let arguments = [&["inspect", segment.name.as_str()], more].concat();
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let output = tidegate(&arguments).stdout(writer).output().unwrap();
        Ended::from(output).fine();
    }
}

#[test]
fn output_that_cannot_be_written_is_a_failure_and_no_panic() {
    let segment = Segment::made("5/s");
    let full = File::options().write(true).open("/dev/full").unwrap();
    let output = tidegate(&["inspect", &segment.name])
        .stdout(full)
        .output()
        .unwrap();
    Ended::from(output).with(2, &["could not write to standard output"]);
}

#[test]
fn with_nobody_to_tell_the_exit_status_still_says_it() {
    let segment = Segment::made("1/h");
    segment.does("acquire", &[]).fine();
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let refused = tidegate(&["acquire", &segment.name, "--no-wait"])
        .stderr(writer)
        .status();
    assert_eq!(refused.unwrap().code(), Some(1));
}
