//! Several who ask at once.

use super::log::Log;
use super::place::Place;
use super::scene::Scene;
use crate::bucket::Bucket;
use crate::rate::Rate;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio, exit};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

/// Where a child process finds its place: its number, the place's name and folder.
const CHILD: &str = "TIDEGATE_CONFORMANCE_CHILD";
/// However slow the machine: then something is wrong.
const PATIENCE: Duration = Duration::from_secs(120);

/// Has so many threads do something to the bucket at once, and puts their logs together.
pub fn threads(bucket: &dyn Bucket, crowd: usize, job: impl Fn(&dyn Bucket) -> Log + Sync) -> Log {
    let mut whole = Log::default();
    thread::scope(|scope| {
        let threads: Vec<_> = (0..crowd).map(|_| scope.spawn(|| job(bucket))).collect();
        for thread in threads {
            whole.append(
                thread
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            );
        }
    });
    whole
}

/// Has so many processes do something to the bucket of a place at once, and puts their logs
/// together. None if there is no test to be run by them, or the bucket is not shared. To be
/// called first in a test: each process runs the test up to here.
pub fn processes(
    scene: &Scene<'_>,
    rates: &[Rate],
    crowd: usize,
    job: impl Fn(&dyn Bucket) -> Log,
) -> Option<Log> {
    let path = scene.path()?;
    if !scene.is_shared() {
        return None;
    }
    if let Ok(child) = env::var(CHILD) {
        let (number, name, folder) = parse(&child).expect("a child's orders");
        let scene = scene.at(Place::of_parent(name, folder.clone()));
        let bucket = scene.open(rates);
        write(&folder.join(format!("ready-{number}")), "");
        wait_for(&folder.join("go"));
        write(
            &folder.join(format!("log-{number}")),
            &job(&bucket).to_text(),
        );
        exit(0);
    }
    let scene = scene.in_real_time();
    let (name, folder) = (scene.place().name(), scene.place().folder());
    let _bucket = scene.open(rates);
    let children = Children(
        (0..crowd)
            .map(|number| spawn(path, number, name, folder))
            .collect(),
    );
    for number in 0..crowd {
        wait_for(&folder.join(format!("ready-{number}")));
    }
    write(&folder.join("go"), "");
    let mut whole = Log::default();
    for (number, mut child) in children.take().into_iter().enumerate() {
        let status = child.wait().expect("a child process");
        assert!(status.success(), "child process {number}: {status}");
        let text = fs::read_to_string(folder.join(format!("log-{number}"))).expect("its log");
        whole.append(text.parse().expect("a log"));
    }
    Some(whole)
}

/// Processes that end with the test, if that does not wait for them.
struct Children(Vec<Child>);

impl Children {
    fn take(mut self) -> Vec<Child> {
        std::mem::take(&mut self.0)
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn spawn(path: &str, number: usize, name: &str, folder: &Path) -> Child {
    let program = env::current_exe().expect("this program");
    let folder = folder.to_str().expect("a folder in Unicode");
    Command::new(program)
        .args(["--exact", path, "--nocapture"])
        .env(CHILD, format!("{number}\n{name}\n{folder}"))
        .stdout(Stdio::null())
        .spawn()
        .expect("a child process")
}

fn parse(orders: &str) -> Option<(usize, String, PathBuf)> {
    let mut lines = orders.lines();
    let number = lines.next()?.parse().ok()?;
    Some((number, lines.next()?.to_owned(), lines.next()?.into()))
}

/// Writes a file that is whole when it is seen.
fn write(path: &Path, text: &str) {
    let half = path.with_extension("half");
    fs::write(&half, text).expect("a file");
    fs::rename(half, path).expect("a file");
}

fn wait_for(path: &Path) {
    let begun = Instant::now();
    while !path.exists() {
        assert!(begun.elapsed() < PATIENCE, "{} never came", path.display());
        thread::sleep(Duration::from_millis(1));
    }
}
