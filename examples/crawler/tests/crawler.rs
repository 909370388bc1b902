//! Runs the example as a user would, on a small folder of pages, and its own unit tests.

#[path = "../main.rs"]
#[allow(dead_code, reason = "only its tests are wanted")]
mod example;

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;
use tidegate::Limiter;

/// Pages in the folder, each with links to the next ten, to a folder and to nowhere.
const PAGES: usize = 60;

fn pages() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for page in 0..PAGES {
        let name = |n| format!("{n}.html");
        let links: String = (1..=10)
            .map(|next| format!("<a href='{}#top'>next</a>", name((page + next) % PAGES)))
            .collect();
        let others = "<a href='folder'>folder</a><a href='nowhere.html'>nowhere</a>";
        fs::write(folder.path().join(name(page)), links + others).unwrap();
    }
    fs::create_dir(folder.path().join("folder")).unwrap();
    fs::write(folder.path().join("folder/index.html"), "a page").unwrap();
    folder
}

/// The example, which `cargo test` builds beside this test.
fn start(root: &TempDir, arguments: &[&str]) -> Child {
    let example = env::current_exe().ok().and_then(|test| {
        let target = test.ancestors().nth(2).map(PathBuf::from);
        target.map(|target| target.join("examples/crawler"))
    });
    Command::new(example.unwrap())
        .arg("--root")
        .arg(root.path())
        .args(["--start", "0.html", "--crawlers", "3"])
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("cargo build --examples has been run")
}

/// Waits for the end, and sees that nothing is left behind.
fn end(example: Child) -> (Output, String) {
    let parent = example.id();
    let output = example.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    for name in ["crawler", "crawler-hosts"] {
        let segment = Limiter::shared(format!("{name}.{parent}"));
        assert!(segment.attach_only().adopt().open().is_err(), "{said}");
    }
    assert_eq!(crawlers(parent), [], "{said}");
    (output, said)
}

/// The crawlers that `parent` started, which are named on their command line.
fn crawlers(parent: u32) -> Vec<Pid> {
    let ours = format!("crawl\0crawler-hosts.{parent}\0crawler.{parent}\0");
    fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let command = fs::read_to_string(entry.path().join("cmdline")).ok()?;
            let process = entry.file_name().to_str()?.parse().ok()?;
            command.contains(&ours).then(|| Pid::from_raw(process))
        })
        .collect()
}

/// Waits until all crawlers run.
fn crew(example: &mut Child) -> Vec<Pid> {
    while example.try_wait().unwrap().is_none() {
        let crawlers = crawlers(example.id());
        if crawlers.len() == 3 {
            return crawlers;
        }
        sleep(Duration::from_millis(5));
    }
    panic!("the example ended before its crawlers ran");
}

/// Waits until every crawler waits for a permit.
fn queue(example: &mut Child) {
    let segment = Limiter::shared(format!("crawler.{}", example.id()));
    let limiter = segment.attach_only().adopt().open().unwrap();
    while limiter.queued().unwrap() < 3 {
        assert!(example.try_wait().unwrap().is_none());
        sleep(Duration::from_millis(5));
    }
}

#[test]
fn every_link_is_fetched_once_under_the_limit() {
    let pages = pages();
    let (output, said) = end(start(&pages, &["--rate", "20/500ms", "--rate", "45/2s"]));
    assert!(output.status.success(), "{said}");
    for part in [
        "Fetched 63 links",
        "61 × 200, 1 × 307, 1 × 404",
        "then no link was left",
        "All limits were kept",
    ] {
        assert!(said.contains(part), "{part:?} is not in: {said}");
    }
}

/// The hosts take turns, so while all have links their limits together are over that of all
/// hosts; at the end one host alone has links, and its limit is under that of all.
#[test]
fn the_limits_of_three_hosts_and_of_all_hosts_hold() {
    let pages = pages();
    let limits = ["--host-rate", "3/200ms", "--rate", "8/200ms"];
    let (output, said) = end(start(&pages, &[&["--hosts", "3"], &limits[..]].concat()));
    assert!(output.status.success(), "{said}");
    for part in [
        "Fetched 63 links",
        "61 × 200, 1 × 307, 1 × 404",
        "then no link was left",
        "All limits were kept",
    ] {
        assert!(said.contains(part), "{part:?} is not in: {said}");
    }
    let rows = |name| said.lines().filter(|row| row.starts_with(name)).count();
    assert_eq!(rows("| 127.0.0."), 2 * 3, "{said}");
}

#[test]
fn a_killed_crawler_does_not_keep_the_others_from_finishing() {
    let pages = pages();
    let mut example = start(&pages, &["--rate", "10/300ms"]);
    let victim = crew(&mut example)[1];
    queue(&mut example);
    kill(victim, Signal::SIGKILL).unwrap();
    let (output, said) = end(example);
    assert!(output.status.success(), "{said}");
    let obituary = format!("(process {victim}) ended early: signal: 9");
    for part in ["Fetched 63 links", &obituary, "All limits were kept"] {
        assert!(said.contains(part), "{part:?} is not in: {said}");
    }
}

#[test]
fn a_run_without_crawlers_ends_and_fails() {
    let pages = pages();
    let mut example = start(&pages, &["--rate", "10/1h"]);
    for crawler in crew(&mut example) {
        kill(crawler, Signal::SIGKILL).unwrap();
    }
    let (output, said) = end(example);
    assert_eq!(output.status.code(), Some(1), "{said}");
}

#[test]
fn an_interrupted_run_ends_though_its_crawlers_wait_for_permits() {
    let pages = pages();
    let mut example = start(&pages, &["--rate", "10/1h"]);
    crew(&mut example);
    queue(&mut example);
    kill(Pid::from_raw(example.id() as i32), Signal::SIGINT).unwrap();
    let (output, said) = end(example);
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains("then it was interrupted"), "{said}");
    assert!(!said.contains("did not end when told to"), "{said}");
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let gone = pages();
    let path = gone.path().to_owned();
    fs::remove_dir_all(&path).unwrap();
    let (output, _) = end(start(&gone, &[]));
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(error.contains(path.to_str().unwrap()), "{error}");
}
