//! Logs survive the death of their writer.
#![allow(
    unsafe_code,
    reason = "a writer must be a process of its own, to be killed"
)]

use std::fs;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};
use tidegate_judge::{Grant, Log, read_file, read_folder};

fn grant(n: u64) -> Grant {
    Grant {
        before: n,
        at: n + 1,
        after: n + 2,
        weight: !n,
        worker: 3,
        sleeps: n as u32,
    }
}

#[test]
fn a_log_cut_anywhere_reads_as_its_whole_records() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let mut log = Log::create(&path).unwrap();
    let grants = [0, 1, 2].map(grant);
    for grant in &grants {
        log.append(grant).unwrap();
    }
    let bytes = fs::read(&path).unwrap();
    assert_eq!(bytes.len(), 3 * Grant::BYTES);
    for length in 0..=bytes.len() {
        fs::write(&path, &bytes[..length]).unwrap();
        assert_eq!(read_file(&path).unwrap(), grants[..length / Grant::BYTES]);
    }
}

#[test]
fn a_batch_is_written_when_full_or_when_the_log_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let mut log = Log::batched(&path, 4).unwrap();
    let mut lengths = Vec::new();
    for n in 0..6 {
        log.append(&grant(n)).unwrap();
        lengths.push(read_file(&path).unwrap().len());
    }
    assert_eq!(lengths, [0, 0, 0, 4, 4, 4]);
    drop(log);
    assert_eq!(read_file(&path).unwrap().len(), 6);
}

#[test]
fn a_log_that_is_there_already_is_not_written_to() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    fs::write(&path, b"somebody else's").unwrap();
    let error = Log::create(&path).unwrap_err();
    assert!(error.to_string().contains(path.to_str().unwrap()));
    assert_eq!(fs::read(&path).unwrap(), b"somebody else's");
}

#[test]
fn all_logs_of_a_folder_are_read() {
    let folder = tempfile::tempdir().unwrap();
    for n in 0..5 {
        let mut log = Log::create(folder.path().join(n.to_string())).unwrap();
        log.append(&grant(n)).unwrap();
    }
    let mut grants = read_folder(folder.path()).unwrap();
    grants.sort_by_key(|g| g.before);
    assert_eq!(grants, [0, 1, 2, 3, 4].map(grant));
}

#[test]
fn a_killed_writer_leaves_whole_records_without_a_gap() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..20 {
        // A batch of 1,000 is some pages long: a kill can cut its write short.
        for batch in [1, 1000] {
            let path = folder.path().join(format!("{round}-{batch}"));
            // SAFETY: the child only writes its log until it is killed. The one lock it
            // needs of those that another thread may hold is malloc's, and glibc
            // and Apple's libc hand that over to a forked child.
            match unsafe { fork() }.unwrap() {
                ForkResult::Child => {
                    if let Ok(mut log) = Log::batched(&path, batch) {
                        let _ = (0..).try_for_each(|n| log.append(&grant(n)));
                    }
                    std::process::abort();
                }
                ForkResult::Parent { child } => {
                    let size = || fs::metadata(&path).map_or(0, |m| m.len());
                    while size() < Grant::BYTES as u64 {
                        std::thread::sleep(Duration::from_micros(100));
                    }
                    std::thread::sleep(Duration::from_micros(137 * round));
                    kill(child, Signal::SIGKILL).unwrap();
                    let status = waitpid(child, None).unwrap();
                    assert_eq!(status, WaitStatus::Signaled(child, Signal::SIGKILL, false));

                    let grants = read_file(&path).unwrap();
                    assert!(!grants.is_empty());
                    assert!(
                        grants
                            .iter()
                            .copied()
                            .eq((0..grants.len() as u64).map(grant))
                    );
                }
            }
        }
    }
}
