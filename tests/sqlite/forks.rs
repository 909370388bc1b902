//! A connection is its process's own: a child makes another.

use super::common::{Process, Scene};
use super::support::{limited, take};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::thread;
use tidegate::{Bucket, Clock, ClockError, Rate, SqliteBucket, Timestamp};

const HOURLY: Rate = Rate::per_hour(100);

fn open(scene: &Scene) -> SqliteBucket {
    SqliteBucket::at(scene.file("bucket.db"))
        .rate(HOURLY)
        .open()
        .unwrap()
}

/// Which processes hold locks on a file.
fn holders(path: &Path) -> Vec<u32> {
    let inode = format!(":{}", fs::metadata(path).unwrap().ino());
    let locks = fs::read_to_string("/proc/locks").unwrap();
    let lines = locks
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    let own = lines.filter(|words| words.iter().any(|word| word.ends_with(&inode)));
    own.filter_map(|words| words[4].parse().ok()).collect()
}

/// Whether this process holds a lock on a file. The list may lack some while others change it.
fn is_holder(path: &Path) -> bool {
    (0..100).any(|_| holders(path).contains(&std::process::id()))
}

#[test]
fn a_child_has_a_connection_and_locks_of_its_own() {
    let Some(scene) = Scene::alone(a_child_has_a_connection_and_locks_of_its_own) else {
        return;
    };
    let (one, two) = (open(&scene), open(&scene));
    let path = scene.file("bucket.db");
    take(&one, "", 1).unwrap();
    take(&two, "", 1).unwrap();
    let child = || {
        assert!(!is_holder(&path));
        take(&one, "", 10).unwrap();
        // What SQLite keeps for the process as a whole is not its parent's: also that of the
        // other bucket, which the child has not touched.
        assert!(is_holder(&path));
        take(&two, "", 10).unwrap();
        Process::fork(|| assert!(take(&two, "", 10).is_ok())).join();
        assert_eq!(one.count().unwrap(), 32);
    };
    Process::fork(child).join();
    // The child that has left took nothing of the parent's with it.
    assert!(is_holder(&path));
    take(&one, "", 1).unwrap();
    assert_eq!(two.count().unwrap(), 33);
    // One that does nothing with them but drop them does no harm, either.
    let (idle, used) = (open(&scene), open(&scene));
    let child = || {
        drop(idle);
        drop(used);
    };
    Process::fork(child).join();
    assert!(is_holder(&path));
    take(&one, "", 67).unwrap();
    limited(take(&two, "", 1));
    // The kernel is asked for locks on that file at all.
    assert!(is_holder(&scene.file("bucket.db-shm")));
}

#[test]
fn children_that_outlive_their_parent_share_its_limit() {
    let Some(scene) = Scene::alone(children_that_outlive_their_parent_share_its_limit) else {
        return;
    };
    let bucket = open(&scene);
    take(&bucket, "", 20).unwrap();
    let grab = || (0..100).filter(|_| take(&bucket, "", 1).is_ok()).count();
    let note = |n: u32| fs::write(scene.file(&format!("got {n}")), grab().to_string()).unwrap();
    let children: Vec<Process> = (0..4).map(|n| Process::fork(|| note(n))).collect();
    bucket.close().unwrap();
    children.into_iter().for_each(Process::join);
    let got = |n| fs::read_to_string(scene.file(&format!("got {n}"))).unwrap();
    let sum: u64 = (0..4).map(|n| got(n).parse::<u64>().unwrap()).sum();
    assert_eq!(sum, 80);
    assert_eq!(open(&scene).count().unwrap(), 100);
}

/// A clock that is slow to tell the time: whoever asks is in the midst of a call.
struct Slow;

impl Clock for Slow {
    fn now(&self) -> Result<Timestamp, ClockError> {
        if thread::current().name() == Some("slow") {
            thread::park();
        }
        Ok(Timestamp::from_micros(1))
    }
}

#[test]
fn a_child_that_was_forked_in_the_midst_of_a_call_is_told_and_does_not_hang() {
    let Some(scene) =
        Scene::alone(a_child_that_was_forked_in_the_midst_of_a_call_is_told_and_does_not_hang)
    else {
        return;
    };
    let bucket = SqliteBucket::at(scene.file("bucket.db"))
        .rate(HOURLY)
        .clock(Slow);
    let bucket = bucket.open().unwrap();
    thread::scope(|scope| {
        let call = || assert!(take(&bucket, "", 1).is_ok());
        let slow = thread::Builder::new().name("slow".into());
        let slow = slow.spawn_scoped(scope, call).unwrap();
        thread::sleep(std::time::Duration::from_millis(200));
        let child = || {
            let error = take(&bucket, "", 1).unwrap_err().to_string();
            assert!(error.contains("forked"), "{error}");
        };
        Process::fork_among_threads(child).join();
        slow.thread().unpark();
    });
    take(&bucket, "", 1).unwrap();
}
