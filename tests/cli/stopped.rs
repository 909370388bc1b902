//! `tidegate acquire` and `tidegate run`, ended by signals while they wait.

use crate::support::{Running, Segment, json};
use nix::sys::signal::Signal;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

/// A segment whose only permit is taken for an hour.
fn taken() -> Segment {
    let segment = Segment::made("1/h");
    segment.does("acquire", &["--no-wait"]).fine();
    segment
}

fn waits(segment: &Segment, places: u64) {
    segment.seen_when(|seen| seen["queued_permits"] == places);
}

#[test]
fn a_waiter_that_is_asked_to_end_gives_its_place_back_and_ends_by_the_signal() {
    let segment = taken();
    let run = ["--", "echo", "ran"];
    for (command, more) in [("acquire", &["--timeout", "3h"][..]), ("run", &run)] {
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
            let mut waiter = segment.starts(command, more);
            waits(&segment, 1);
            waiter.signal(signal);
            assert_eq!(waiter.end().signal(), Some(signal as i32));
            // Were it still taken, the next would be refused for two hours, not for one.
            assert_eq!(segment.seen()["queued_permits"], 0);
            let refused = segment.does("acquire", &["--no-wait", "--json"]);
            let retry = json(&refused.with(1, &[]).out)["retry_after_us"].as_u64();
            assert!(retry.unwrap() <= 3_600_000_000, "{retry:?}");
        }
    }
}

#[test]
fn a_waiter_that_is_killed_keeps_its_place() {
    let segment = taken();
    let mut first = segment.starts("acquire", &[]);
    waits(&segment, 1);
    let mut second = segment.starts("acquire", &[]);
    waits(&segment, 2);
    first.signal(Signal::SIGKILL);
    first.end();
    second.signal(Signal::SIGTERM);
    second.end();
    assert_eq!(segment.seen()["queued_permits"], 1);
}

#[test]
fn shells_see_128_and_the_number_of_the_signal() {
    let segment = taken();
    let script =
        "\"$0\" acquire \"$1\" & kid=$!; echo; read line; kill -TERM $kid; wait $kid; echo $?";
    let mut shell = Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_tidegate"), &segment.name])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    waits(&segment, 1);
    drop(shell.stdin.take());
    let out = shell.wait_with_output().unwrap().stdout;
    assert_eq!(String::from_utf8(out).unwrap(), "\n143\n");
    waits(&segment, 0);
}

#[test]
fn a_signal_that_it_was_started_to_ignore_does_not_end_the_wait() {
    let segment = taken();
    let script = "trap '' HUP INT; exec \"$0\" acquire \"$1\"";
    let shell = ["-c", script, env!("CARGO_BIN_EXE_tidegate"), &segment.name];
    let mut waiter = Running::of(Command::new("sh").args(shell));
    waits(&segment, 1);
    waiter.signal(Signal::SIGHUP);
    waiter.signal(Signal::SIGINT);
    // Whoever is still there is ended by the first signal that is not ignored.
    waiter.signal(Signal::SIGTERM);
    assert_eq!(waiter.end().signal(), Some(Signal::SIGTERM as i32));
}

#[test]
fn the_command_that_is_run_is_held_back_from_no_signal() {
    let segment = Segment::made("1/100ms");
    segment.does("acquire", &["--no-wait"]).fine();
    // It has to wait for its turn.
    let run = ["--", "grep", "^SigBlk", "/proc/self/status"];
    let mask = segment.does("run", &run).fine();
    assert_eq!(mask.trim_start_matches("SigBlk:").trim(), "0".repeat(16));
}
