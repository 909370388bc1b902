//! `tidegate leak`.

use crate::support::{Running, Segment};
use nix::sys::signal::Signal;

fn leader(segment: &Segment, interval: &str) -> Running {
    let leader = segment.starts("leak", &["--interval", interval]);
    let line = leader.line();
    assert!(
        line.contains(&format!("{}: leading, a pass every", segment.name)),
        "{line}"
    );
    leader
}

#[test]
fn one_leads_and_the_next_takes_over_when_it_is_killed() {
    let segment = Segment::made("5/s");
    let mut first = leader(&segment, "50ms");
    let second = segment.starts("leak", &["--interval", "50ms"]);
    let line = second.line();
    let expected = format!("standing by, for process {} leads", first.pid());
    assert!(line.contains(&expected), "{line}");
    let seen = &segment.seen()["leaker"];
    assert_eq!(
        (&seen["running"], &seen["pid"]),
        (&true.into(), &first.pid().into())
    );

    first.signal(Signal::SIGKILL);
    first.end();
    assert!(second.line().contains("leading"));
    let seen = &segment.seen()["leaker"];
    assert_eq!(
        (&seen["running"], &seen["pid"]),
        (&true.into(), &second.pid().into())
    );
}

#[test]
fn it_stops_at_once_when_asked_and_sums_up() {
    let segment = Segment::made("5/s");
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        // Were it to finish its interval first, the test would not end.
        let mut leader = leader(&segment, "1h");
        leader.signal(signal);
        assert_eq!(leader.end().code(), Some(0));
        let line = leader.line();
        let expected = format!("stopped by {signal} after 1 pass: 0 permits leaked, 0 repairs");
        assert!(line.contains(&expected), "{line}");
        assert_eq!(segment.seen()["leaker"]["running"], false);
    }
    assert_eq!(segment.seen()["leaker"]["passes"], 2);
    let out = segment.does("inspect", &[]).fine();
    assert!(out.contains("\nleaker    none now; process "), "{out}");
}

#[test]
fn it_leaks_what_counts_no_more_and_says_so() {
    let segment = Segment::made("5/50ms");
    segment.does("acquire", &["--weight", "5"]).fine();
    let mut leader = leader(&segment, "20ms");
    let seen = segment.seen_when(|seen| seen["leaker"]["leaked_permits"] == 5);
    assert_eq!(seen["leaker"]["interval_us"], 20_000);
    let out = segment.does("inspect", &[]).fine();
    assert!(
        out.contains(&format!("\nleaker    process {}, every 20ms", leader.pid())),
        "{out}"
    );
    leader.signal(Signal::SIGTERM);
    assert!(leader.line().contains(": 5 permits leaked"));
    leader.end();
}

#[test]
fn it_ends_when_the_segment_is_removed() {
    let segment = Segment::made("5/s");
    let mut leader = leader(&segment, "20ms");
    segment.does("remove", &[]).fine();
    assert_eq!(leader.end().code(), Some(2));
    assert!(leader.line().contains("the segment was removed"));
}

#[test]
fn it_goes_on_with_a_segment_that_was_made_anew() {
    let segment = Segment::made("5/s");
    let leader = leader(&segment, "20ms");
    leader.signal(Signal::SIGSTOP);
    segment.does("remove", &[]).fine();
    segment.does("create", &["--rate", "9/s"]).fine();
    leader.signal(Signal::SIGCONT);
    let seen = segment.seen_when(|seen| seen["leaker"]["running"] == true);
    assert_eq!(seen["leaker"]["pid"], leader.pid());
    assert_eq!(seen["rates"][0]["rate"], "9/s");
}

#[test]
fn it_never_makes_a_segment() {
    Segment::unmade()
        .does("leak", &[])
        .with(2, &["there is no segment"]);
}
