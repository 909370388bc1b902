//! Runs the example as a user would.

use std::env;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tidegate::Limiter;

/// The example, which `cargo test` builds beside this test.
fn start(logs: &tempfile::TempDir) -> Child {
    let example = env::current_exe().ok().and_then(|test| {
        let target = test.ancestors().nth(2).map(PathBuf::from);
        target.map(|target| target.join("examples/forked_pool"))
    });
    Command::new(example.unwrap())
        .args(["--workers", "3", "--seconds", "2"])
        .env("TMPDIR", logs.path())
        .stdout(Stdio::piped())
        .spawn()
        .expect("cargo build --examples has been run")
}

fn left_behind(example: u32, logs: &tempfile::TempDir) -> (bool, usize) {
    let segment = Limiter::shared(format!("forked_pool.{example}"));
    let logs = logs.path().read_dir().unwrap().count();
    (segment.adopt().attach_only().open().is_ok(), logs)
}

#[test]
fn promises_are_kept_and_nothing_is_left_behind() {
    let logs = tempfile::tempdir().unwrap();
    let example = start(&logs);
    let pid = example.id();
    let output = example.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    assert_eq!(said.matches("ok:").count(), 2, "{said}");
    assert!(
        !said.contains('\u{1b}'),
        "colours without a terminal: {said}"
    );
    assert_eq!(left_behind(pid, &logs), (false, 0));
}

#[test]
fn an_interrupted_run_fails_and_leaves_nothing_behind() {
    let logs = tempfile::tempdir().unwrap();
    let example = start(&logs);
    let pid = example.id();
    while left_behind(pid, &logs) != (true, 1) {
        sleep(Duration::from_millis(5));
    }
    kill(Pid::from_raw(pid as i32), Signal::SIGINT).unwrap();
    let output = example.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(left_behind(pid, &logs), (false, 0));
}
