//! A file system that is too small: a tiny one, mounted over /dev/shm where only the test
//! sees it.
#![cfg(target_os = "linux")]

mod common;

use common::scene::ms;
use common::{Process, Scene, eventually};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::{getegid, geteuid};
use std::fs;
use std::io;
use tidegate::{Limiter, OpenError, Rate};

const KIB: u64 = 1024;

/// Has `work` find nothing but `size` bytes under /dev/shm; says so, where a test may not
/// do that.
fn on_a_tiny_disk(test: &str, size: u64, work: impl FnOnce()) {
    let child = Process::fork(|| match mount_tiny(size) {
        Ok(()) => work(),
        Err(error) => eprintln!("{test} was left out: no file system may be mounted here: {error}"),
    });
    child.join();
}

/// Mounts it in namespaces of this process's own, which must have one thread.
fn mount_tiny(size: u64) -> io::Result<()> {
    let (user, group) = (geteuid(), getegid());
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS)?;
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("{user} {user} 1"))?;
    fs::write("/proc/self/gid_map", format!("{group} {group} 1"))?;
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
    let options = format!("size={size},mode=1777");
    mount(
        Some("tiny"),
        "/dev/shm",
        Some("tmpfs"),
        MsFlags::empty(),
        Some(options.as_str()),
    )?;
    Ok(())
}

/// A rate whose segment is about `kib` KiB large.
fn rate_of(kib: u64) -> Rate {
    Rate::new(kib * KIB / 8 / 2, ms(3_600_000))
}

fn files() -> usize {
    fs::read_dir("/dev/shm").unwrap().count()
}

#[test]
fn a_full_disk_is_an_error_that_tells_what_is_needed_and_leaves_nothing_behind() {
    let Some(scene) =
        Scene::alone(a_full_disk_is_an_error_that_tells_what_is_needed_and_leaves_nothing_behind)
    else {
        return;
    };
    on_a_tiny_disk("a_full_disk", 256 * KIB, || {
        for _ in 0..5 {
            let error = scene.limiter().rate(rate_of(1024)).open().unwrap_err();
            let OpenError::NoSpace {
                needed,
                free,
                ref path,
            } = error
            else {
                panic!("{error}")
            };
            assert_eq!(path, &scene.segment_path());
            assert_eq!(needed, 4096 + 256 + KIB * KIB + 129 * 256);
            assert!(free > 0 && free <= 256 * KIB, "{free}");
            let text = error.to_string();
            assert!(
                text.contains(&needed.to_string()) && text.contains(&free.to_string()),
                "{text}"
            );
            assert_eq!(files(), 0);
        }
        // What fits is made, every byte of it: the rest of the disk is another's.
        let limiter = scene.limiter().rate(rate_of(128)).open().unwrap();
        let _ = fs::write("/dev/shm/filler", vec![1; 512 * KIB as usize]);
        assert!(fs::write("/dev/shm/more", [1; 4096]).is_err());
        let limit = limiter.rates()[0].limit();
        assert_eq!(limiter.try_acquire_n("", limit).unwrap().weight(), limit);
        assert_eq!(limiter.count().unwrap(), limit);
        // Attaching needs no room.
        assert!(scene.limiter().adopt().attach_only().open().is_ok());
    });
}

#[test]
fn where_there_is_room_for_one_segment_all_who_come_at_once_share_it() {
    let Some(scene) =
        Scene::alone(where_there_is_room_for_one_segment_all_who_come_at_once_share_it)
    else {
        return;
    };
    on_a_tiny_disk("where_there_is_room_for_one", 200 * KIB, || {
        let rate = rate_of(128);
        for round in 0..30 {
            let start = format!("start {round}");
            let opener = || {
                eventually("the start", || scene.heard(&start));
                let limiter = scene.limiter().rate(rate).open().unwrap();
                assert!(limiter.try_acquire("").is_ok());
            };
            let crowd: Vec<Process> = (0..12).map(|_| Process::fork(opener)).collect();
            scene.announce(&start);
            crowd.into_iter().for_each(Process::join);
            let limiter = scene.limiter().rate(rate).open().unwrap();
            assert_eq!(limiter.count().unwrap(), 12);
            drop(limiter);
            tidegate::remove(scene.segment()).unwrap();
            assert_eq!(files(), 0);
        }
    });
}

#[test]
fn a_segment_larger_than_this_process_may_write_is_an_error_and_ends_nothing() {
    let Some(scene) =
        Scene::alone(a_segment_larger_than_this_process_may_write_is_an_error_and_ends_nothing)
    else {
        return;
    };
    let (_, hard) = getrlimit(Resource::RLIMIT_FSIZE).unwrap();
    setrlimit(Resource::RLIMIT_FSIZE, 64 * KIB, hard).unwrap();
    let file = scene.file("segment");
    let large = rate_of(100);
    for builder in [scene.limiter(), Limiter::at(&file)] {
        match builder.clone().rate(large).queue(1).open() {
            Err(OpenError::FileSizeLimit { needed, most, .. }) => {
                assert_eq!(
                    (needed, most),
                    (
                        builder.clone().rate(large).queue(1).segment_size().unwrap(),
                        64 * KIB
                    )
                );
            }
            other => panic!("{other:?}"),
        }
        builder.rate(rate_of(10)).queue(1).open().unwrap();
    }
    assert!(scene.leftovers().is_empty());
}
