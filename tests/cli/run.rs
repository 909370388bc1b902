//! `tidegate run`.

use crate::support::{Ended, Segment, end_of, tidegate};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

#[test]
fn the_command_takes_the_place_of_tidegate() {
    let segment = Segment::made("100/s");
    let run = ["run", &segment.name, "--", "sh", "-c", "echo $$; exit 7"];
    let child = tidegate(&run).stdout(Stdio::piped()).spawn().unwrap();
    let pid = child.id();
    let ended = end_of(child).with(7, &[]);
    assert_eq!(ended.out, format!("{pid}\n"));
}

#[test]
fn signals_mean_to_the_command_what_they_always_mean() {
    let segment = Segment::made("100/s");
    for (signal, number) in [("TERM", 15), ("PIPE", 13)] {
        let script = format!("kill -{signal} $$; exit 3");
        let run = tidegate(&["run", &segment.name, "sh", "-c", &script])
            .status()
            .unwrap();
        assert_eq!(run.signal(), Some(number));
    }
}

#[test]
fn arguments_reach_the_command_as_they_are() {
    let segment = Segment::made("100/s");
    let echo = ["printf", "%s|", "--rate", "-n", "a b", "--", ""];
    for run in [&["--"], &["--weight=2"]] {
        let out = segment.does("run", &[&run[..], &echo].concat()).fine();
        assert_eq!(out, "--rate|-n|a b|--||");
    }
}

#[test]
fn a_command_that_cannot_be_started_costs_no_permit() {
    let segment = Segment::made("100/s");
    let folder = tempfile::tempdir().unwrap();
    let plain = folder.path().join("plain");
    fs::write(&plain, "").unwrap();
    let run = |command| segment.does("run", &["--", command]);
    run("no-such-command").with(127, &["\"no-such-command\""]);
    run("/no/such/command").with(127, &["\"/no/such/command\""]);
    run(plain.to_str().unwrap()).with(126, &["Permission denied"]);
    run(folder.path().to_str().unwrap()).with(126, &["Permission denied"]);
    assert_eq!(segment.seen()["reserved_permits"], 0);

    // Only starting it shows this: there is no such interpreter.
    fs::write(&plain, "#!/no/such/interpreter\n").unwrap();
    fs::set_permissions(&plain, fs::Permissions::from_mode(0o700)).unwrap();
    run(plain.to_str().unwrap()).with(127, &["could not run"]);
}

#[test]
fn who_is_limited_does_not_run() {
    let segment = Segment::made("1/h");
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("mark");
    let touch = ["--", "touch", mark.to_str().unwrap()];
    segment.does("run", &touch).fine();
    fs::remove_file(&mark).unwrap();
    for limit in [&["--no-wait"][..], &["--timeout", "50ms"]] {
        let refused = segment.does("run", &[limit, &touch].concat());
        refused.with(1, &["limited by 1/h: retry in"]);
    }
    assert!(!mark.exists());
}

#[test]
fn rates_make_the_segment_or_must_be_its_own() {
    let segment = Segment::unmade();
    segment
        .does("run", &["echo", "ran"])
        .with(2, &["there is no segment"]);
    let run = |rate| segment.does("run", &["--rate", rate, "--", "echo", "ran"]);
    assert_eq!(run("5/h").fine(), "ran\n");
    assert_eq!(run("5/h").fine(), "ran\n");
    assert_eq!(segment.does("run", &["echo", "ran"]).fine(), "ran\n");
    let way_out = "has the rates 5/h, not 6/h: leave out --rate to take the rates that it has\n";
    let refused = run("6/h").with(2, &[way_out]);
    assert_eq!(refused.out, "");
    assert_eq!(segment.seen()["reserved_permits"], 3);
}

#[test]
fn processes_at_once_obey_one_limit() {
    const INTERVAL: Duration = Duration::from_millis(300);
    // The wall clock may be slewed a little against the one that limits.
    const SLEW: Duration = Duration::from_millis(5);
    let segment = Segment::unmade();
    let run = [
        "run",
        &segment.name,
        "--rate",
        "4/300ms",
        "--",
        "date",
        "+%s%N",
    ];
    let started = SystemTime::UNIX_EPOCH.elapsed().unwrap();
    let spawn = |_| tidegate(&run).stdout(Stdio::piped()).spawn().unwrap();
    let children: Vec<Child> = (0..12).map(spawn).collect();
    let ran = children.into_iter().map(|child| {
        let out = end_of(child).with(0, &[]).out;
        Duration::from_nanos(out.trim_end().parse().unwrap())
    });
    let ran: Vec<Duration> = ran.collect();

    // A command runs after its grant, never before: so there cannot be more than four of
    // them in the first interval, and eight in the first two.
    for windows in 1..=2 {
        let end = started + windows * INTERVAL - SLEW;
        let early = ran.iter().filter(|&&time| time < end).count();
        assert!(
            early <= 4 * windows as usize,
            "{early} ran in {windows} x {INTERVAL:?}: {ran:?}"
        );
    }
    // More, if one woke late and queued again.
    assert!(segment.seen()["reserved_permits"].as_u64().unwrap() >= 12);
}

#[test]
fn workers_of_xargs_obey_one_limit() {
    let segment = Segment::made("3/h");
    let script = "seq 8 | xargs -P 8 -I{} \"$0\" run \"$1\" --no-wait -- echo ran {}";
    let program = env!("CARGO_BIN_EXE_tidegate");
    let output = Command::new("sh")
        .args(["-c", script, program, &segment.name])
        .output();
    let ended = Ended::from(output.unwrap());
    assert_eq!(ended.out.lines().count(), 3, "{ended:?}");
    assert_eq!(ended.err.matches("limited by 3/h").count(), 5, "{ended:?}");
}
