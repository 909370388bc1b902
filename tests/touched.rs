//! Pages that a process touches of a segment for many keys: making it and attaching to it
//! take no more than of one for few keys, though all of the file is allocated from the
//! beginning; and each key takes those of its bucket.
#![cfg(target_os = "linux")]

mod common;

use common::Scene;
use nix::sys::resource::{UsageWho, getrusage};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;
use tidegate::{Builder, Limiter, Rate, remove_at};

const KEYS: u64 = 20_000;
/// What the system may map for one access, around the page that is meant.
const AROUND: u64 = 64 * 1024;

/// Bytes that this process has mapped of a file, and how many of them it has touched.
fn mapped(path: &Path) -> [u64; 2] {
    let inode = fs::metadata(path).unwrap().ino().to_string();
    let smaps = fs::read_to_string("/proc/self/smaps").unwrap();
    // It may be mapped under a name that it no longer has.
    let is_meant = |line: &&str| line.split_whitespace().nth(4) == Some(&inode);
    let mut lines = smaps.lines().skip_while(|line| !is_meant(line));
    ["Size:", "Rss:"].map(|word| {
        let line = lines.find(|line| line.starts_with(word)).unwrap();
        let kilobytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        kilobytes * 1024
    })
}

/// Opens a limiter, and tells for how many pages the system had to step in meanwhile.
fn open(builder: &Builder) -> (Limiter, i64) {
    let faults = || {
        let usage = getrusage(UsageWho::RUSAGE_SELF).unwrap();
        usage.minor_page_faults() + usage.major_page_faults()
    };
    let before = faults();
    let limiter = builder.clone().open().unwrap();
    (limiter, faults() - before)
}

fn check(path: &Path, with_keys: impl Fn(u64) -> Builder) {
    let builder = with_keys(KEYS);
    let size = builder.segment_size().unwrap();
    // What this process needs for its first segment, it has from then on.
    let mut few = Vec::new();
    for _ in 0..2 {
        few = vec![open(&with_keys(1)).1, open(&with_keys(1)).1];
        remove_at(path).unwrap();
    }
    for (what, few) in ["created", "attached"].iter().zip(few) {
        let (limiter, faults) = open(&builder);
        assert!(
            faults <= few + 64,
            "{what}: {faults} faults, {few} for one key"
        );
        limiter.try_acquire("a").unwrap();
        let [all, touched] = mapped(path);
        assert!(all >= size && size > 100 * AROUND);
        assert!(touched <= 4 * AROUND, "{what}: touched {touched} of {size}");
        let allocated = 512 * fs::metadata(path).unwrap().blocks();
        assert!(allocated >= size, "{what}: {allocated} of {size} allocated");
    }
    // It would be seen.
    let (limiter, _) = open(&builder);
    for key in 1..KEYS {
        limiter.try_acquire(key.to_le_bytes()).unwrap();
    }
    let [_, touched] = mapped(path);
    assert!(touched > size / 2, "{touched} of {size}");
}

#[test]
fn a_segment_is_allocated_as_a_whole_and_touched_no_further_than_it_is_used() {
    let Some(scene) =
        Scene::alone(a_segment_is_allocated_as_a_whole_and_touched_no_further_than_it_is_used)
    else {
        return;
    };
    let rate = Rate::new(60, Duration::from_secs(3600));
    check(&scene.segment_path(), |keys| {
        scene.limiter().rate(rate).keys(keys)
    });
    let file = scene.file("segment");
    check(&file, |keys| Limiter::at(&file).rate(rate).keys(keys));
}
